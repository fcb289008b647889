"""
A CloudBase Auth service for tests, in one process, and clocks that tests can move.

```python
emulator = Emulator()
emulator.add_user(username="alice", password="Passw0rd!")
auth = emulator.memory_client()                      # no sockets, or:
async with emulator, emulator.client() as auth:      # a port on loopback
    tokens = await auth.sign_in.password("alice", "Passw0rd!")
```

Under pytest the plugin's fixtures do the rest: see `cloudbase_auth_async.testing.plugin`.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cloudbase_auth_async.testing._clock import EmulatorClock, ManualClock
    from cloudbase_auth_async.testing._emulator import Emulator
    from cloudbase_auth_async.testing._faults import Fault, FaultScript
    from cloudbase_auth_async.testing._journal import Entry
    from cloudbase_auth_async.testing._state import User
    from cloudbase_auth_async.testing._values import Request, Response

__all__ = [
    "Emulator",
    "EmulatorClock",
    "Entry",
    "Fault",
    "FaultScript",
    "ManualClock",
    "Request",
    "Response",
    "User",
]

# Where each name lives. Loaded when it is first asked for: pytest imports this package in every
# run, for the plugin's sake, and most runs need no web server.
_HOMES: Final = {
    "Emulator": "_emulator",
    "EmulatorClock": "_clock",
    "Entry": "_journal",
    "Fault": "_faults",
    "FaultScript": "_faults",
    "ManualClock": "_clock",
    "Request": "_values",
    "Response": "_values",
    "User": "_state",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found
