"""
A CloudBase Auth service for tests, in one process, and clocks that tests can move.

```python
async with Emulator() as emulator:
    emulator.add_user(username="alice", password="Passw0rd!")
    async with emulator.client() as auth:
        tokens = await auth.sign_in.password("alice", "Passw0rd!")
```
"""

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
