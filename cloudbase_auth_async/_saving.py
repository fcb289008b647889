"""
Pairs that a store would not take: kept here, and offered to it again until it does.

The server has rotated by then, so this process alone holds the session; it goes on serving it.
"""

import asyncio
from collections.abc import Iterator

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._standing import Revoke
from cloudbase_auth_async.errors import NotSignedIn, StoreError

_FIRST_PAUSE_SECONDS = 0.5
# Far less than others wait before they send the token that bought the pair once more.
_LONGEST_PAUSE_SECONDS = 5.0
_AT_ONCE = 16
_LONGEST_SECONDS = 60.0


class Saving:
    """The keepers whose newest pair is in no store yet."""

    __slots__ = ("_background", "_caller", "_revoke", "_task", "_unsaved")

    def __init__(self, caller: BaseCaller, background: Background, revoke: Revoke) -> None:
        self._caller = caller
        self._background = background
        self._revoke = revoke
        # Held strongly: the session may be gone from everywhere else.
        self._unsaved: dict[int, Keeper] = {}
        self._task: asyncio.Task[None] | None = None
        background.on_move(self._go_on)

    def later(self, keeper: Keeper) -> None:
        """Keep trying in the background."""
        self._unsaved[id(keeper)] = keeper
        self._go_on()

    def keeper(self, key: str) -> Keeper | None:
        """Return the keeper that alone has the newest pair of a session."""
        kept = (keeper for keeper in self._unsaved.values() if keeper.key == key)
        return next((keeper for keeper in kept if keeper.unsaved and not keeper.passed), None)

    def passed(self, key: str) -> None:
        """Note that a new sign-in has the key."""
        for keeper in self._unsaved.values():
            keeper.passed = keeper.passed or keeper.key == key

    def dropped(self, key: str) -> None:
        """Note that nobody wants what is under the key."""
        for keeper in self._unsaved.values():
            keeper.over = keeper.over or keeper.key == key

    def _go_on(self) -> None:
        """Keep trying in the loop where the client lives now."""
        if not self._unsaved or self._background.closed:
            return
        if self._task is not None and self._background.owns(self._task):
            return
        self._task = self._background.spawn(
            self._retry(), name="cloudbase-auth store", urgent=False
        )

    async def last_attempt(self, seconds: float) -> StoreError | None:
        """Try once more before the client closes; return what to say if it was in vain."""
        if not self._unsaved:
            return None
        try:
            async with asyncio.timeout(seconds):
                await self._attempt()
        except TimeoutError:
            pass
        if not self._unsaved:
            return None
        return StoreError(
            f"{len(self._unsaved)} sessions could not be stored before the client was closed;"
            " their newest tokens are in memory only"
        )

    async def _retry(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while self._unsaved:
            await self._caller.clock.sleep(self._caller.jitter.uniform(pause / 2, pause))
            await self._attempt()
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _attempt(self) -> None:
        """Offer every pair once; a store that is slow with one delays only some of the others."""
        queue = iter(tuple(self._unsaved.items()))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(self._unsaved))):
                group.create_task(self._work(queue), name="cloudbase-auth store")

    async def _work(self, queue: Iterator[tuple[int, Keeper]]) -> None:
        for number, keeper in queue:
            try:
                async with asyncio.timeout(_LONGEST_SECONDS):
                    await keeper.settle(self._revoke)
            except (NotSignedIn, TimeoutError):
                pass  # there is nothing left to save; or the next round tries again
            except Exception as failure:  # noqa: BLE001 - a store of somebody's own; try it again
                asyncio.get_running_loop().call_exception_handler(
                    {
                        "message": "a store raised something else than StoreError",
                        "exception": failure,
                    }
                )
            if not keeper.unsaved:
                self._unsaved.pop(number, None)
