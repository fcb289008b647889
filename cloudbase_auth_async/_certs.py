"""
A service's public keys, fetched without blocking anybody: what `_keyset` decides, done.

A fetch is a task of the client, one at a time: who waits for it may be cancelled, and neither the
fetch nor anybody else is hurt. Each verifier has a key ring of its own, so a key of one environment
never vouches for a token of another.

Neither the pages of the service nor its clients say how long its keys may be kept, so `ETag` and
`Cache-Control` are not used: a fetch every ten minutes under load asks for the whole document.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import attrs

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._keyset import KeySet, Step
from cloudbase_auth_async._observe import log
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._rsa_keys import PublicKey, usable
from cloudbase_auth_async.errors import (
    ClientClosed,
    CloudBaseAuthError,
    DecodeError,
    VerificationFailed,
)

_FORM: Final = Form(method="GET", route="/certs", auth=Auth.NOBODY)


@attrs.frozen(kw_only=True)
class KeyDocument:
    """The answer of `GET /certs`; no caller sees it."""

    keys: tuple[Mapping[str, Any], ...]
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)


def certs_call(*, repeatable: bool) -> Call[KeyDocument]:
    """Build the question for the keys; it needs no credentials."""
    return Call(
        operation="certs", answer=KeyDocument, forms=(_FORM,), repeatable=repeatable, captcha=False
    )


class KeyRing:
    """The keys of one service, for one verifier."""

    __slots__ = ("_background", "_caller", "_keyset", "_task")

    def __init__(self, caller: BaseCaller, background: Background, *, max_age: float) -> None:
        self._caller = caller
        self._background = background
        self._keyset: KeySet[PublicKey] = KeySet(max_age)
        self._task: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> PublicKey:
        """
        Return a key.

        Raises:
            VerificationFailed: the service has no such key, or had none a moment ago.
            CloudBaseAuthError: the keys cannot be had, and those held do not help.
        """
        if self._background.closed:
            raise ClientClosed("the client is closed")
        own, step = False, self._step(kid, waited=False)
        if step is Step.WAIT:
            own = await self._wait()
            step = self._step(kid, waited=True)
        if step is Step.FAIL and self._keyset.failure is not None:
            raise self._keyset.failure.again()
        if step is Step.RENEW:
            self._started()
        if step in (Step.SERVE, Step.RENEW):
            return self._keyset.keys[kid]
        if own:
            self._keyset.lacks(kid, self._caller.clock.monotonic())
        raise VerificationFailed("the token's key is not one of the service's", reason="key")

    def _step(self, kid: str, *, waited: bool) -> Step:
        return self._keyset.step(kid, self._caller.clock.monotonic(), waited=waited)

    async def _wait(self) -> bool:
        """Wait for a fetch; True if it was begun for this caller."""
        task, own = self._started()
        # Not the task itself: a cancelled caller would cancel it for everybody.
        await asyncio.wait((task,))
        if task.cancelled():
            raise ClientClosed("the client was closed")
        task.result()  # a bug in it is not an unknown key
        return own

    def _started(self) -> tuple[asyncio.Task[None], bool]:
        """Return the fetch under way, and whether it begins here."""
        self._background.here()  # what ran in a loop that is gone does not count
        if self._task is not None and self._background.owns(self._task):
            return self._task, False
        work = self._fetch()
        self._task = self._background.spawn(work, name="cloudbase-auth-certs", urgent=False)
        return self._task, True

    async def _fetch(self) -> None:
        clock = self._caller.clock
        # Once only where there are keys: forged key ids must not multiply the requests.
        cold = not self._keyset.usable(clock.monotonic())
        try:
            answer = await self._caller.call(certs_call(repeatable=cold))
            keys = usable(answer.keys)
            if not keys:
                raise DecodeError(
                    operation="certs",
                    path="$.keys",
                    expected="an RSA key for signatures by RS256",
                    status=200,
                    request_id="-",
                )
        except CloudBaseAuthError as failure:
            log.warning("certs: no keys were fetched: %s", type(failure).__name__)
            self._keyset.failed(failure.again(), clock.monotonic())
        else:
            self._keyset.took(keys, clock.monotonic())
