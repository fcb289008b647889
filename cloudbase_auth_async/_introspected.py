"""
Tokens that the service itself is asked about: a revoked one is refused, at the cost of a request.

Answers are kept for a short while under a keyed hash: neither the token nor anything it could be
found out by stays in memory.
"""

import asyncio
import copy
import functools
import hashlib
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from cloudbase_auth_async._claims import unverified_claims
from cloudbase_auth_async._jws import bounded
from cloudbase_auth_async._pipeline import Unattended
from cloudbase_auth_async._sealed import sealed, sealed_function
from cloudbase_auth_async._verified import (
    Claims,
    Rules,
    claims_of,
    duration,
    names,
    usual_audiences,
)
from cloudbase_auth_async.client import AuthClient, rooms_of
from cloudbase_auth_async.config import flag
from cloudbase_auth_async.endpoints.token import Token
from cloudbase_auth_async.errors import (
    ClientClosed,
    CloudBaseAuthError,
    ConfigurationError,
    VerificationFailed,
)
from cloudbase_auth_async.models import Introspection

_LONGEST_TTL_SECONDS: Final = 3600.0


@attrs.frozen
class _Answer:
    """What came of asking: claims, or why there are none; and until when it may be believed."""

    claims: Claims | None
    failure: CloudBaseAuthError | None
    until: float


class _Answers:
    """The answers used last, of a bounded number."""

    __slots__ = ("_answers", "_most")

    def __init__(self, most: int) -> None:
        self._answers: dict[bytes, _Answer] = {}
        self._most = most

    def get(self, mark: bytes, now: float) -> _Answer | None:
        answer = self._answers.pop(mark, None)
        if answer is None or now >= answer.until:
            return None
        self._answers[mark] = answer
        return answer

    def put(self, mark: bytes, answer: _Answer) -> None:
        while len(self._answers) >= self._most:
            del self._answers[next(iter(self._answers))]
        self._answers[mark] = answer


class IntrospectionVerifier:
    """
    Verify tokens by asking the service, which also knows what was revoked, and opaque tokens.

    Make one for each client and keep it. One request a token and `ttl`, however many ask at once,
    and as many at once as there are new tokens: bound what you let in. Where the service cannot
    be reached its error is raised and nothing is remembered: no answer is never a yes.
    An anonymous user's token passes; `Claims.is_anonymous` tells.

    Args:
        auth: the client of the environment; its secret, if it has one, goes along.
        audiences: the clients whose tokens count; the client's own id and the environment's
            unless given. A token about which neither it nor the service says that passes.
        ttl: how long an answer is believed, yes or no: so much later a revocation is seen. At
            most an hour; nothing is kept if it is zero. No answer outlives its token.
        max_entries: how many answers of either kind are kept.
        allow_publishable_keys: count a key that is public as a user's token.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    @sealed_function
    def __init__(
        self,
        auth: AuthClient,
        *,
        audiences: Iterable[str] | None = None,
        ttl: timedelta = timedelta(seconds=30),
        max_entries: int = 1024,
        allow_publishable_keys: bool = False,
    ) -> None:
        rooms = rooms_of(auth)
        settings = rooms.caller.settings
        if type(max_entries) is not int or max_entries < 1:
            raise ConfigurationError("max_entries", "must be a positive integer")
        self._ttl = duration("ttl", ttl, least=0, most=_LONGEST_TTL_SECONDS)
        self._rules = Rules(
            env=settings.env,
            issuers=frozenset(),
            audiences=names("audiences", audiences, usual_audiences(settings)),
            allow_publishable_keys=flag("allow_publishable_keys", allow_publishable_keys),
        )
        self._env = settings.env
        self._token = Token(Unattended(rooms.caller))
        self._clock = rooms.caller.clock
        self._server_time = rooms.caller.server_time
        self._background = rooms.background
        # Two, so that a flood of junk does not push the users' answers out.
        self._good = _Answers(max_entries)
        self._bad = _Answers(max_entries)
        self._salt = os.urandom(32)
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}
        # Or tokens of a loop that is gone would stay in its tasks.
        self._background.on_move(self._asking.clear)

    def __repr__(self) -> str:
        return f"<IntrospectionVerifier {self._env}>"

    @sealed
    async def verify(self, token: str) -> Claims:
        """
        Return what a token says, if the service calls it active.

        Args:
            token: what follows `Bearer ` in the header.

        Raises:
            VerificationFailed: it is not to be trusted; `reason` says why.
            ApiError, TransportError, DecodeError: the service gave no answer to go by.
            ClientClosed: the client is closed, or was meanwhile.

        Source: https://docs.cloudbase.net/http-api/auth/auth-token-introspect (2026-11-22)
        """
        mark = hashlib.blake2b(bounded(token).encode(), key=self._salt, digest_size=32).digest()
        if self._background.closed:
            raise ClientClosed("the client is closed")
        now = self._clock.monotonic()
        answer = self._good.get(mark, now) or self._bad.get(mark, now)
        if answer is None:
            answer = await self._asked(mark, token)
        if answer.claims is not None:
            return _own(answer.claims)
        assert answer.failure is not None  # noqa: S101 - one of them is there
        raise answer.failure.again()

    async def _asked(self, mark: bytes, token: str) -> _Answer:
        self._background.here()  # what ran in a loop that is gone does not count
        task = self._asking.get(mark)
        if task is None or not self._background.owns(task):
            task = self._background.spawn(
                self._ask(mark, token), name="cloudbase-auth-introspect", urgent=False
            )
            self._asking[mark] = task
            # Not at the end of the task: it may be cancelled, or be over before it is noted.
            task.add_done_callback(functools.partial(self._asked_for, mark))
        # Not the task itself: a cancelled caller would cancel it for everybody.
        await asyncio.wait((task,))
        if task.cancelled():
            raise ClientClosed("the client was closed")
        return task.result()

    async def _ask(self, mark: bytes, token: str) -> _Answer:
        asked_at = self._clock.monotonic()
        try:
            said = await self._token.introspect(token)
            claims = self._judged(token, said)
        except VerificationFailed as failure:
            answer = _Answer(None, failure.again(), asked_at + self._ttl)
            self._bad.put(mark, answer)
        except CloudBaseAuthError as failure:
            answer = _Answer(None, failure.again(), asked_at)  # for those who wait, and nobody else
        else:
            answer = _Answer(claims, None, asked_at + self._lasts(claims))
            self._good.put(mark, answer)
        return answer

    def _asked_for(self, mark: bytes, task: asyncio.Task[_Answer]) -> None:
        if self._asking.get(mark) is task:
            del self._asking[mark]

    def _judged(self, token: str, said: Introspection) -> Claims:
        """Return what an active token says; its own claims count where the service confirms it."""
        if not said.active:
            raise VerificationFailed("the service calls the token inactive", reason="inactive")
        told = unverified_claims(token)
        if told.get("sub") is not None and told["sub"] != said.sub:
            raise VerificationFailed("the token names another user", reason="subject")
        claims = claims_of(_merged(told, said))
        audience = claims.aud if said.client_id is None else (said.client_id,)
        if audience:
            self._rules.check_audience(audience)
        self._rules.check_user(claims)
        return claims

    def _lasts(self, claims: Claims) -> float:
        if claims.exp is None:
            return self._ttl
        return min(self._ttl, claims.exp.timestamp() - self._server_time.now())


def _merged(told: Mapping[str, Any], said: Introspection) -> dict[str, Any]:
    answered = {"sub": said.sub, "scope": said.scope}
    return {
        "aud": said.client_id,
        **told,
        **{name: value for name, value in said.extra.items() if value is not None},
        **{name: value for name, value in answered.items() if value is not None},
    }


def _own(claims: Claims) -> Claims:
    """Return claims that share nothing a caller could change with those that are kept."""
    return attrs.evolve(claims, meta=copy.deepcopy(claims.meta), extra=copy.deepcopy(claims.extra))
