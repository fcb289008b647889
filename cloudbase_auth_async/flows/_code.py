"""
Whatever needs a code by SMS or e-mail: send it, have it typed in, go on with the proof.

| a flow that | `run` does next |
| --- | --- |
| has sent no code, or one that has expired unanswered | sends one |
| has sent one | asks for it, and checks it |
| is told that a code is wrong which a lost answer may have used up | sends another |
| holds the proof of a right code | goes on to what the code was for |
| is told that a proof it has shown before is none | sends a code again: the proof is used up |
| is done | gives the same answer again |

Each step is the client's own task: cancelling whoever waits for it loses nothing that it brings,
and the next call finds it done.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._lifetime import ServerTime
from cloudbase_auth_async._sealed import sealed, sealed_asking, sealed_function
from cloudbase_auth_async._turns import Turns
from cloudbase_auth_async.endpoints.verification import Verification as Codes
from cloudbase_auth_async.errors import (
    CaptchaInvalid,
    CaptchaRequired,
    CloudBaseAuthError,
    ConfigurationError,
    InvalidArgument,
    InvalidCode,
)
from cloudbase_auth_async.flows import _asking
from cloudbase_auth_async.flows._newcomer import Newcomer
from cloudbase_auth_async.flows._progress import (
    Progress,
    Proof,
    did_nothing,
    end_of,
    looked_at_nothing,
)
from cloudbase_auth_async.models import Verification

T = TypeVar("T")
S = TypeVar("S")

Ask = Callable[[Verification], Awaitable[str] | str]

_MOST_CODES: Final = 3


@attrs.frozen(kw_only=True)
class Steps(Generic[T]):
    """
    What a flow is made of.

    Attributes:
        kind: its name in what `to_dict` writes.
        send: sends the code; handed a captcha token, or None.
        check: checks one.
        finish: does what the proof is for.
        newcomer: of whom that may make a user; None if it makes none.
    """

    kind: str
    send: Callable[[str | None], Awaitable[Verification]]
    check: Codes
    finish: Callable[[Proof], Awaitable[T]]
    newcomer: Newcomer | None = None


class CodeFlow(Generic[T]):
    """
    One person's way through a flow with a code.

    Either all of it in one coroutine, for programs that can ask while they wait:

        tokens = await auth.flows.sign_in_or_up(phone_number="+86 13800000000").run(ask)

    or in two requests of a web app:

        flow = auth.flows.sign_in_or_up(phone_number=number)
        await flow.send()
        kept["flow"] = flow.to_dict()
        ...
        flow = auth.flows.sign_in_or_up(phone_number=number, resume=kept["flow"])
        try:
            tokens = await flow.complete(typed)
        finally:
            kept["flow"] = flow.to_dict()  # a right code is remembered
    """

    def __init__(
        self,
        steps: Steps[T],
        destination: Mapping[str, str],
        *,
        background: Background,
        server_time: ServerTime,
        resume: Mapping[str, Any] | None,
    ) -> None:
        self._steps = steps
        self._destination = destination
        self._background = background
        self._server_time = server_time
        self._progress: Progress = Progress() if resume is None else self._read(resume)
        self._sent: Verification | None = None
        self._turns = Turns()
        self._answer: tuple[T] | None = None

    def __repr__(self) -> str:
        states = {" done": self._answer is not None, " proven": self.proven, " sent": self.sent}
        return (
            f"<CodeFlow {self._steps.kind}{next((s for s, is_so in states.items() if is_so), '')}>"
        )

    def __reduce__(self) -> Any:
        raise TypeError("a CodeFlow holds secrets and is not pickled; use to_dict()")

    @property
    def sent(self) -> bool:
        """Whether a code was sent that can still be answered."""
        return self._alive(self._progress.verification_id) and not self.proven

    @property
    def proven(self) -> bool:
        """Whether a right code was given, and its proof is still good."""
        return self._alive(self._progress.verification_token)

    @sealed
    async def send(self, *, captcha_token: str | None = None) -> Verification:
        """
        Send a code, or another one: an earlier one dies, and so does what was proven with it.

        A code lives 600 seconds by the documentation; the answer's `expires_in` says how long.

        Args:
            captcha_token: of `captcha.verify`, after a `CaptchaRequired`; 600 seconds, single use.

        Raises:
            ConfigurationError: the token is none.
            PreconditionFailed: the code is for users alone, and the number or address is nobody's.
                Whom a browser asks for, it need not be told that. Or it is for a session's own
                user, and the number or address is not theirs.
            RateLimited: too many codes; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha first, or another one.
            InvalidArgument: the service does not take the number or address.
            SessionError: of a session's flow: it has no valid token, and none can be had.
            TransportError, DecodeError: no answer, or none that says anything; a code may have
                been sent all the same.
            ClientClosed: the client is closed.

        Source: https://docs.cloudbase.net/http-api/auth/auth-send-verification (2026-11-22)
        """
        return await self._done(functools.partial(self._send, captcha_token))

    @sealed
    async def complete(self, code: str, *, captcha_token: str | None = None) -> T:
        """
        Check the code that was typed in, and do what it is for.

        A right code is worth a proof, which lives 600 seconds by the documentation. From then on
        only what comes after it is tried again, whatever is given; once all is done, this
        object's answer is the same again. If the answer to the last step was lost, another try
        may be told that its proof is used up: then a new code has to be sent, as `sent` and
        `proven` say by then.

        Args:
            code: what the person typed; white space around it is left out.
            captcha_token: of `captcha.verify`, after a `CaptchaRequired`; 600 seconds, single
                use. It is for the last step, unless the check demands one.

        Raises:
            ConfigurationError: no code was sent, the code is no string, or the token is none.
            InvalidCode: it is wrong or has expired; the next one may be right as long as `sent`
                says so. After an earlier check whose answer was lost it is given up at once: that
                may have used the code up. Its `status` is 0 where nothing was typed, and nothing
                asked of the service.
            CaptchaRequired, CaptchaInvalid: a step wants a captcha, or another one; what was
                proven stays.
            InvalidArgument: the last step takes the proof no more, or something else is wrong.
            TransportError, DecodeError: no answer, or none that says anything; what the last step
                does may be done.
            ClientClosed: the client is closed.
            CloudBaseAuthError: whatever else the last step says; the function that makes the flow
                names it.

        Source: https://docs.cloudbase.net/http-api/auth/auth-verify-verification (2026-11-22)
        """
        _asking.check_string("code", code)
        config.optional_token("captcha_token", captcha_token)
        return await self._done(
            functools.partial(self._complete, code, captcha_token=captcha_token)
        )

    @sealed_asking
    async def run(self, ask: Ask) -> T:
        """
        Go all the way: send a code, ask for it, check it, do what it is for.

        Cancelled or failed, it may be called again: it goes on from where it was, and after three
        wrong codes it begins anew. A code and its proof live 600 seconds each by the
        documentation; one that has died is replaced.

        Args:
            ask: a coroutine function that is handed what `send` answered and brings what the
                person typed; asked again, up to three times in all, where that was wrong. A
                function will do if it need not wait. What it raises comes out as it is.

        Raises:
            ConfigurationError: `ask` is no function of one argument, and nothing was sent; or it
                brought no string, and the code that was sent is still good.
            InvalidCode: the last code was wrong, too. Its `status` is 0 where nothing was typed
                in, and nothing asked of the service.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, and the client has no
                `captcha` solver, or it failed; `send` and `complete` take a token.
            PreconditionFailed, RateLimited, SessionError: as for `send`; the last step may raise
                them, too.
            InvalidArgument, TransportError, DecodeError, ClientClosed, CloudBaseAuthError: as for
                `complete`.

        Source: https://docs.cloudbase.net/http-api/auth/auth-verify-verification (2026-11-22)
        """
        _asking.check("ask", ask)
        left = _MOST_CODES
        while self._answer is None:
            if self.proven:
                try:
                    await self._done(self._go_on)
                    continue
                except (InvalidArgument, InvalidCode):
                    if self.proven:
                        raise
            if not self.sent:
                await self._done(self._send_unless_sent)
            typed = _asking.text(await _asking.asked(ask, self._verification()))
            try:
                await self._done(functools.partial(self._go_on, typed, last=left == 1))
            except InvalidCode:
                left -= 1
                if not left:
                    raise
                if self.proven:
                    raise
        return self._answer[0]

    @sealed_function
    def to_dict(self) -> dict[str, Any]:
        """
        Write down how far it has come, secrets and all, in values that JSON can hold.

        Keep it where the person it belongs to cannot read it: what is in it after a right code
        proves that the phone number or e-mail is theirs. Go on with it in one place only: a code
        works once. After 600 seconds there is nothing left in it to go on with. Of the arguments
        of a new user it holds the names alone, so that none is forgotten.
        """
        newcomer = self._steps.newcomer
        return {
            "kind": self._steps.kind,
            "destination": dict(self._destination),
            **({} if newcomer is None else {"given": newcomer.given}),
            **attrs.asdict(self._progress),
        }

    # The steps, each run to its end by the client

    async def _send(self, captcha_token: str | None = None) -> Verification:
        sent = await self._risking(self._steps.send(captcha_token))
        self._sent = sent
        self._progress = Progress(
            is_user=sent.is_user,
            verification_id=sent.verification_id,
            expires_at=end_of(self._server_time.now(), sent.expires_in),
        )
        return sent

    async def _send_unless_sent(self) -> None:
        # Of somebody who was cancelled, the sending may have been under way.
        if not self.sent and not self.proven and self._answer is None:
            await self._send()

    async def _risking(self, call: Awaitable[S]) -> S:
        """Make a call that may kill the code; unless it surely did not, the code is in doubt."""
        before = self._progress
        # Before it is made: closing the client may cut it short.
        self._progress = attrs.evolve(before, doubtful=True)
        try:
            return await call
        except CloudBaseAuthError as failure:
            if did_nothing(failure):
                self._progress = before
            raise

    async def _complete(
        self, code: str, *, captcha_token: str | None = None, last: bool = False
    ) -> T:
        return await self._finish(await self._check(code, captcha_token, last=last))

    async def _check(self, code: str, captcha_token: str | None, *, last: bool) -> str | None:
        """Check a code; return the captcha token if that is left for what follows."""
        if self.proven or self._answer is not None:
            return captcha_token  # somebody who was cancelled had given the right one
        before = self._progress
        if before.verification_id is None:
            raise ConfigurationError("code", "cannot be checked before one was sent")
        code = _asking.typed(code)
        verify = functools.partial(self._steps.check.verify, before.verification_id, code)
        try:
            try:
                checked = await self._risking(verify())
            except (CaptchaRequired, CaptchaInvalid):
                if captcha_token is None:
                    raise
                checked = await self._risking(verify(captcha_token=captcha_token))
                captcha_token = None
        except InvalidCode:
            if last or before.doubtful:
                # Or a code that died unseen would be asked for for ever.
                self._progress = Progress()
            raise
        self._progress = attrs.evolve(
            before,
            verification_code=code,
            verification_token=checked.verification_token,
            expires_at=end_of(self._server_time.now(), checked.expires_in),
        )
        return captcha_token

    async def _go_on(self, code: str | None = None, *, last: bool = False) -> None:
        """Do what is next, unless another run gave up meanwhile what this one would go on with."""
        if self.proven or (code is not None and self._progress.verification_id is not None):
            await self._complete(code or "", last=last)

    async def _finish(self, captcha_token: str | None = None) -> T:
        if self._answer is None:
            before = self._progress
            proof = Proof(
                destination=self._destination,
                is_user=before.is_user,
                verification_token=before.verification_token or "",
                verification_code=before.verification_code or "",
                captcha_token=captcha_token,
            )
            self._progress = attrs.evolve(before, presented=True)
            try:
                self._answer = (await self._steps.finish(proof),)
            except (InvalidArgument, InvalidCode):
                if before.presented:
                    # It was shown before, and that may have used it up.
                    self._progress = Progress()
                raise
            except CloudBaseAuthError as failure:
                if looked_at_nothing(failure):
                    self._progress = before
                raise
        return self._answer[0]

    async def _done(self, step: Callable[[], Awaitable[S]]) -> S:
        return await self._background.finished(
            lambda: self._turns.do(step), name="cloudbase-auth flow"
        )

    def _alive(self, name: str | None) -> bool:
        # Before the service was heard of, our clock alone is no reason to give anything up.
        known = self._server_time.offset is not None
        return name is not None and not (
            known and self._server_time.now() >= self._progress.expires_at
        )

    def _verification(self) -> Verification:
        """Return what was sent, also where another process sent it."""
        progress = self._progress
        if self._sent is not None and self._sent.verification_id == progress.verification_id:
            return self._sent
        return Verification(
            verification_id=progress.verification_id or "",
            expires_in=max(0, int(progress.expires_at - self._server_time.now())),
            is_user=progress.is_user,
        )

    def _read(self, saved: Mapping[str, Any]) -> Progress:
        if not isinstance(cast("object", saved), Mapping):
            raise ConfigurationError("resume", "must be what to_dict wrote")
        if saved.get("kind") != self._steps.kind:
            raise ConfigurationError("resume", "is of another kind of flow")
        if saved.get("destination") != dict(self._destination):
            raise ConfigurationError("resume", "is of another phone number or e-mail")
        if self._steps.newcomer is not None:
            self._steps.newcomer.check_resumes(saved)
        return Progress.read(saved)
