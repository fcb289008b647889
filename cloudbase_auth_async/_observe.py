"""
The event stream of one client: each event is logged, then handed to whoever asked for it.

Delivery happens later, from the event loop and not from the middle of a commit, and what the
receiver raises is nobody's trouble but the loop's exception handler's.
"""

import asyncio
import hashlib
import inspect
import logging
import os
from collections import deque
from collections.abc import Callable

from cloudbase_auth_async import events
from cloudbase_auth_async._clock import Clock
from cloudbase_auth_async.errors import ConfigurationError

Receiver = Callable[[events.Event], object]

log = logging.getLogger("cloudbase_auth_async")
log.addHandler(logging.NullHandler())  # or Python prints our warnings where nobody set logging up

_LEVELS: dict[type[events.Event], int] = {
    events.RefreshUnknown: logging.WARNING,
    events.RefreshRefused: logging.WARNING,
    events.StoreDegraded: logging.ERROR,
    events.StoreRecovered: logging.INFO,
    events.ReauthenticationNeeded: logging.WARNING,
    events.SessionOver: logging.INFO,
}
# Without it, who reads logs could find out a key by trying likely ones.
_SALT = os.urandom(16)


class Stream:
    """Where the rooms report what happened."""

    __slots__ = ("_clock", "_due", "_receiver")

    def __init__(self, clock: Clock, receiver: Receiver | None) -> None:
        if receiver is not None and not callable(receiver):
            raise ConfigurationError("on_event", "must be a function")
        if inspect.iscoroutinefunction(receiver):
            raise ConfigurationError("on_event", "must be a plain function: it is not awaited")
        self._clock = clock
        self._receiver = receiver
        self._due: deque[events.Event] = deque()

    def now(self) -> float:
        """Return what `Event.at` says."""
        return self._clock.wall()

    def wants(self, kind: type[events.Event]) -> bool:
        """Tell whether anybody would notice such an event."""
        return self._receiver is not None or log.isEnabledFor(_LEVELS.get(kind, logging.DEBUG))

    def tell(self, event: events.Event) -> None:
        """Log an event now, and hand it on soon."""
        level = _LEVELS.get(type(event), logging.DEBUG)
        if log.isEnabledFor(level):
            log.log(level, "%s%s", event, _where(event.key or event.sub))
        if self._receiver is None:
            return
        self._due.append(event)
        try:
            asyncio.get_running_loop().call_soon(self._deliver)
        except RuntimeError:
            self._deliver()  # no loop runs: nobody to disturb

    def _deliver(self) -> None:
        # One call may find several: those of a loop that ended before it could hand them on.
        while self._due and self._receiver is not None:
            event = self._due.popleft()
            try:
                self._receiver(event)
            except Exception as failure:  # noqa: BLE001 - somebody else's code; it is handed on
                _report(failure)


def _report(failure: Exception) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        log.exception("an on_event function failed")
        return
    loop.call_exception_handler({"message": "an on_event function failed", "exception": failure})


def _where(name: str | None) -> str:
    """Tell sessions apart in a log without showing a key or a user."""
    if name is None:
        return ""
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), key=_SALT, digest_size=4)
    return f" [session {digest.hexdigest()}]"
