"""
What a session's owner says of it: renew it now, that token was refused, sign out, close.

The owner says so through a `TokenSession`, which is the face of one of these and nothing more:
whatever else may be done with a held pair is the business of the rooms below, and not in sight.
"""

import functools
import weakref  # noqa: TC003 - for the slot's type
from collections.abc import Callable
from typing import Any

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._adopting import Adopting
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._codec import SignedOut
from cloudbase_auth_async._exchange import Farewell
from cloudbase_auth_async._holding import Rooms
from cloudbase_auth_async._hooks import Hook
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._lifetime import DEAD
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.token import revoke_call, sign_out_call


class Owned(Adopting):
    """A held pair, and what its owner may say of it."""

    __slots__ = ("face",)

    def __init__(self, rooms: Rooms, tokens: TokenPair, keeper: Keeper | None = None) -> None:
        super().__init__(rooms, tokens, keeper)
        # The `TokenSession` that the program has in hand, so that it is given the same again.
        self.face: weakref.ref[Any] | None = None

    def __repr__(self) -> str:
        return "signed out" if self._pair is None else repr(self._pair)

    async def refreshed(self) -> TokenPair:
        """Return a new pair, whatever the age of the old one; a refresh under way is joined."""
        self._check_open()
        if not self.can_refresh:
            raise self._refusal()
        # Who never heard of a doubt gives no word to send a token again.
        await self._renewed(insist=self.doubts)
        if self._setback is not None or self._pair is None:
            raise self._refusal()
        return self._pair

    def invalidate(self, access_token: str) -> None:
        """Give up a token, unless it is no longer the current one."""
        if self._pair is not None and access_token == self._pair.access_token:
            self._life = DEAD

    async def sign_out(self, redirect_uri: str | None, state: str | None) -> str | None:
        """Forget the tokens at once, then end the session at the service and in the store."""
        goodbye = _goodbye(redirect_uri, state)
        pair, alive = self._pair, self._alive()
        if pair is None:
            return None
        self._check_open()
        flight = self._exchange.under_way(pair.refresh_token)
        if not self.can_refresh:
            pair = attrs.evolve(pair, refresh_token=None)  # refused before: not worth a request
        self._lost("signed_out")
        farewell = Farewell(
            pair=pair, flight=flight, alive=alive, keeper=self._keeper, goodbye=goodbye
        )
        failure = await self._exchange.end(farewell)
        if failure is not None:
            raise failure
        answer: object = farewell.answer
        return answer.redirect_uri if isinstance(answer, SignedOut) else None

    async def adopt(self, pair: TokenPair) -> None:
        """Go on with a pair from outside; whoever is cancelled."""
        await self.finished(lambda: self.succeed(pair), name="cloudbase-auth adoption")

    def announce_to(self, hook: Hook) -> Callable[[], None]:
        """Tell a hook of each change from now on; return what removes it."""
        return self._announcer.add(hook)

    async def close(self) -> None:
        """Take no more calls, and wait for a refresh under way."""
        self._closed = True
        self._background.here()
        if self._pair is not None:
            flight = self._exchange.under_way(self._pair.refresh_token)
            if flight is not None:
                await flight.wait()


def _goodbye(redirect_uri: str | None, state: str | None) -> Callable[[str], Call[Any]]:
    if redirect_uri is None:
        if state is not None:
            raise errors.ConfigurationError("state", "needs a redirect_uri to come back with")
        return revoke_call
    address = config.text("redirect_uri", redirect_uri)
    return functools.partial(
        sign_out_call, redirect_uri=address, state=config.optional_text("state", state)
    )
