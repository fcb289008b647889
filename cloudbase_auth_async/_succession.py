"""
Calls whose answer is a session's next tokens, such as the sign-up of its anonymous user.

By the time such an answer is read, the old tokens may be dead: it must not be lost because a
caller was cancelled, and the session has to go on with it before anybody sees it.
"""

from typing import TypeVar, cast

from cloudbase_auth_async._adopting import Adopting
from cloudbase_auth_async._call import Call, Caller
from cloudbase_auth_async._tokens import TokenPair  # noqa: TC001 - read by a cast
from cloudbase_auth_async.errors import SubjectChanged

T = TypeVar("T")


class Succession:
    """
    A caller for the session's own succession; every answer it gets is a `TokenPair`.

    Args:
        session: what goes on with it.
        caller: who answers the calls; the session itself unless given.
        may_leave: whether an answer of another user is handed out, rather than revoked.
    """

    __slots__ = ("_caller", "_may_leave", "_session")

    def __init__(
        self, session: Adopting, caller: Caller | None = None, *, may_leave: bool = False
    ) -> None:
        self._session = session
        self._caller = session if caller is None else caller
        self._may_leave = may_leave

    async def call(self, call: Call[T]) -> T:
        """
        Answer the call, and have the session go on with the answer; whoever is cancelled.

        Raises:
            NotSignedIn: the session was signed out meanwhile; the new tokens are revoked, unless
                a later sign-in goes on with them.
            SubjectChanged: the answer is of another user; the new tokens are revoked, and the
                session goes on with the old ones.
        """
        return await self._session.finished(
            lambda: self._succeeded(call), name="cloudbase-auth succession"
        )

    async def _succeeded(self, call: Call[T]) -> T:
        answer = await self._caller.call(call)
        pair = cast("TokenPair", answer)
        try:
            await self._session.succeed(pair, alone=True)
        except SubjectChanged:
            if not self._may_leave:
                await self._session.orphaned(pair)
                raise
        return answer
