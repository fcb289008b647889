"""
Background renewal: the sessions in use get their new pair before anybody waits for it.

| a session's access token | due |
| --- | --- |
| in its advisory window, or so near it that the queue before it fills the time | yes |
| not yet | no |
| not used since it was renewed last | no: who sleeps costs nothing |
| cannot be refreshed, or is in a pause after a failure | no |
"""

import asyncio  # noqa: TC003 - for the slot's type
import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Final

from cloudbase_auth_async import config
from cloudbase_auth_async._holding import Rooms
from cloudbase_auth_async._sharing import Sharing

# Far shorter than any advisory window that is worth renewing in.
_LOOK_SECONDS: Final = 5.0
# However long the queue: no token is renewed that has more than this many windows before it.
_EARLIEST: Final = 10.0
# The pauses are spread up to this much, so that processes that began together part ways.
_SLOWEST: Final = 1.5


class Renewal:
    """One task of the client that looks at its sessions now and then."""

    __slots__ = ("_pid", "_rate", "_rooms", "_sessions", "_task")

    def __init__(self, rooms: Rooms, sessions: Mapping[str, Sharing]) -> None:
        self._rooms = rooms
        self._sessions = sessions
        self._rate = 0.0
        self._task: asyncio.Task[None] | None = None
        self._pid = 0
        rooms.background.on_move(self._go_on)

    def start(self, rate: float) -> None:
        """
        Begin, or change the rate.

        Raises:
            ConfigurationError: the rate is not a positive number.
            ClientClosed: the client is closed.
        """
        self._rate = config.rate("requests_per_second", rate)
        if self._task is None or not self._rooms.background.owns(self._task):
            self._task = self._rooms.background.spawn(
                self._run(), name="cloudbase-auth renewal", urgent=False
            )
            self._pid = os.getpid()

    async def _run(self) -> None:
        caller = self._rooms.caller
        while True:
            for waiting in self._due(caller.clock.monotonic()):
                if self._renewed(waiting()):
                    pause = caller.jitter.uniform(1.0, _SLOWEST) / self._rate
                    await caller.clock.sleep(pause)
            await caller.clock.sleep(_LOOK_SECONDS)

    def _due(self, now: float) -> list[weakref.ref[Sharing]]:
        waiting = [each for each in self._sessions.values() if each.renewable(now, _EARLIEST)]
        waiting.sort(key=Sharing.renewal_at)
        starts = [each.renewal_at() for each in waiting]
        # Weak: a long queue keeps nobody alive who was dropped by the program meanwhile.
        return [
            weakref.ref(each)
            for each in waiting[: due(starts, now=now, rate=self._rate / _SLOWEST)]
        ]

    def _renewed(self, session: Sharing | None) -> bool:
        """Begin a renewal, if it is still of use when its turn has come."""
        now = self._rooms.caller.clock.monotonic()
        if session is None or not session.renewable(now, _EARLIEST):
            return False
        session.renew()
        return True

    def _go_on(self) -> None:
        """Begin anew in the loop where the client lives now, but not in a fork as well."""
        if self._task is not None and self._pid == os.getpid():
            self.start(self._rate)


def due(starts: Sequence[float], *, now: float, rate: float) -> int:
    """
    Tell how many of a queue are to be renewed now, so that the last one is in time.

    Args:
        starts: when each would be renewed if it were alone, earliest first; monotonic seconds.
        now: monotonic seconds.
        rate: refreshes a second.
    """
    late = (place + 1 for place, start in enumerate(starts) if start - place / rate <= now)
    return max(late, default=0)
