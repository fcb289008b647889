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

from typing import TYPE_CHECKING

from cloudbase_auth_async._lazy import attached

if TYPE_CHECKING:
    from cloudbase_auth_async.testing._clock import EmulatorClock, ManualClock
    from cloudbase_auth_async.testing._emulator import Emulator
    from cloudbase_auth_async.testing._faults import Fault, FaultScript
    from cloudbase_auth_async.testing._journal import Entry
    from cloudbase_auth_async.testing._state import User
    from cloudbase_auth_async.testing._threaded import EmulatorThread
    from cloudbase_auth_async.testing._values import Request, Response
    from cloudbase_auth_async.testing.store_contract import StoreContract
else:
    __getattr__, __dir__ = attached(
        __name__,
        {
            "Emulator": "_emulator",
            "EmulatorClock": "_clock",
            "EmulatorThread": "_threaded",
            "Entry": "_journal",
            "Fault": "_faults",
            "FaultScript": "_faults",
            "ManualClock": "_clock",
            "Request": "_values",
            "Response": "_values",
            "StoreContract": "store_contract",
            "User": "_state",
        },
    )

__all__ = [
    "Emulator",
    "EmulatorClock",
    "EmulatorThread",
    "Entry",
    "Fault",
    "FaultScript",
    "ManualClock",
    "Request",
    "Response",
    "StoreContract",
    "User",
]
