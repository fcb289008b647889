"""
Whatever needs a code by SMS or e-mail: send it, have it typed in, go on with the proof.

| a flow that | `run` does next |
| --- | --- |
| has sent no code, or one that has expired unanswered | sends one |
| has sent one | asks for it, and checks it |
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
from cloudbase_auth_async.errors import ConfigurationError, InvalidArgument, InvalidCode
from cloudbase_auth_async.models import Verification

T = TypeVar("T")
S = TypeVar("S")

Ask = Callable[[Verification], Awaitable[str]]

# What the documentation says, where an answer does not.
_LIFE_SECONDS: Final = 600
_MOST_CODES: Final = 3


@attrs.frozen(kw_only=True)
class Proof:
    """
    A code was right.

    Attributes:
        destination: the body field that names the place, `phone_number` or `email`, and its value.
        is_user: whether the place is a user's, as far as the service said.
    """

    destination: Mapping[str, str] = attrs.field(repr=False)
    is_user: bool | None
    verification_token: str = attrs.field(repr=False)
    verification_code: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Progress:
    """
    How far a flow has come.

    Attributes:
        verification_id: of the code that was sent; None before.
        verification_token: of the code that was right; None before.
        presented: whether that proof was shown to the service before, and may be used up.
        expires_at: when the newest of the two dies, epoch seconds on the service's clock.
    """

    is_user: bool | None = None
    verification_id: str | None = attrs.field(default=None, repr=False)
    verification_code: str | None = attrs.field(default=None, repr=False)
    verification_token: str | None = attrs.field(default=None, repr=False)
    presented: bool = False
    expires_at: float = 0.0


@attrs.frozen(kw_only=True)
class Steps(Generic[T]):
    """
    What a flow is made of.

    Attributes:
        kind: its name in what `to_dict` writes.
        send: sends the code; handed a captcha token, or None.
        check: checks one.
        finish: does what the proof is for.
    """

    kind: str
    send: Callable[[str | None], Awaitable[Verification]]
    check: Codes
    finish: Callable[[Proof], Awaitable[T]]


class CodeFlow(Generic[T]):
    """
    One person's way through a flow with a code.

    Either all of it in one coroutine, for programs that can ask while they wait:

        tokens = await auth.flows.sign_in_or_up(phone_number="+86 13800000000").run(ask)

    or in two requests of a web app:

        flow = auth.flows.sign_in_or_up(phone_number=number)
        await flow.send()
        browser_session["flow"] = flow.to_dict()
        ...
        flow = auth.flows.sign_in_or_up(phone_number=number, resume=browser_session["flow"])
        try:
            tokens = await flow.complete(typed)
        except CloudBaseAuthError:
            browser_session["flow"] = flow.to_dict()  # a right code is remembered
            raise
        del browser_session["flow"]
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
        self._progress = Progress() if resume is None else self._read(resume)
        self._sent: Verification | None = None
        self._turns = Turns()
        self._answer: tuple[T] | None = None

    def __repr__(self) -> str:
        return f"<CodeFlow {self._steps.kind}>"

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

        Args:
            captcha_token: of `captcha.verify`, after a `CaptchaRequired`; single use.

        Raises:
            ConfigurationError: the token is none.
            PreconditionFailed: the code is for users alone, and the number or address is nobody's.
                Whom a browser asks for, it need not be told that.
            RateLimited: too many codes; see `retry_after`.
            CaptchaRequired: the service wants a captcha first.
            TransportError: no answer; a code may have been sent all the same.
        """
        return await self._done(functools.partial(self._send, captcha_token))

    @sealed
    async def complete(self, code: str) -> T:
        """
        Check the code that was typed in, and do what it is for.

        Once the code was right, only what comes after it is tried again, whatever is given; once
        all is done, this object's answer is the same again. If the answer to the last step was
        lost, another try may be told that its proof is used up: then a new code has to be sent.

        Args:
            code: what the person typed.

        Raises:
            ConfigurationError: no code was sent, or the argument is empty.
            InvalidCode: it is wrong or has expired; the next one may be right.
            CloudBaseAuthError: whatever the last step says.
        """
        config.text("code", code)
        if not self.proven and self._progress.verification_id is None and self._answer is None:
            raise ConfigurationError("code", "cannot be checked before one was sent")
        return await self._done(functools.partial(self._complete, code))

    @sealed_asking
    async def run(self, ask: Ask) -> T:
        """
        Go all the way: send a code, ask for it, check it, do what it is for.

        Cancelled or failed, it may be called again: it goes on from where it was, and after three
        wrong codes it begins anew.

        Args:
            ask: a coroutine function that is handed what `send` answered and brings what the
                person typed; asked again, up to three times in all, where that was wrong.

        Raises:
            InvalidCode: the last code was wrong, too.
            CloudBaseAuthError: whatever a step says.
        """
        left = _MOST_CODES
        while self._answer is None:
            if self.proven:
                try:
                    return await self._done(self._finish)
                except (InvalidArgument, InvalidCode):
                    if self.proven:
                        raise
            if not self.sent:
                await self._done(self._send_unless_sent)
            typed = config.text("ask", await ask(self._verification()))
            try:
                return await self._done(functools.partial(self._complete, typed))
            except InvalidCode:
                left -= 1
                if self.proven:
                    raise
                if not left:
                    # Or a code that died unseen would be asked for for ever.
                    self._progress = Progress()
                    raise
        return await self._done(self._finish)

    @sealed_function
    def to_dict(self) -> dict[str, Any]:
        """
        Write down how far it has come, secrets and all, in values that JSON can hold.

        Keep it where the person it belongs to cannot read it: what is in it after a right code
        proves that the phone number or e-mail is theirs. Go on with it in one place only: a code
        works once.
        """
        return {
            "kind": self._steps.kind,
            "destination": dict(self._destination),
            **attrs.asdict(self._progress),
        }

    # The steps, each run to its end by the client

    async def _send(self, captcha_token: str | None = None) -> Verification:
        sent = await self._steps.send(captcha_token)
        self._sent = sent
        self._progress = Progress(
            is_user=sent.is_user,
            verification_id=sent.verification_id,
            expires_at=self._in(sent.expires_in),
        )
        return sent

    async def _send_unless_sent(self) -> None:
        # Of somebody who was cancelled, the sending may have been under way.
        if not self.sent and not self.proven:
            await self._send()

    async def _check(self, code: str) -> None:
        if self.proven or self._answer is not None:
            return  # somebody who was cancelled had given the right one
        progress = self._progress
        checked = await self._steps.check.verify(progress.verification_id or "", code)
        self._progress = attrs.evolve(
            progress,
            verification_code=code,
            verification_token=checked.verification_token,
            expires_at=self._in(checked.expires_in),
        )

    async def _complete(self, code: str) -> T:
        await self._check(code)
        return await self._finish()

    async def _finish(self) -> T:
        if self._answer is None:
            progress = self._progress
            proof = Proof(
                destination=self._destination,
                is_user=progress.is_user,
                verification_token=progress.verification_token or "",
                verification_code=progress.verification_code or "",
            )
            self._progress = attrs.evolve(progress, presented=True)
            try:
                self._answer = (await self._steps.finish(proof),)
            except (InvalidArgument, InvalidCode):
                if progress.presented:
                    # The answer to the first time was lost, and what it did is done.
                    self._progress = Progress()
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

    def _in(self, seconds: int | None) -> float:
        return self._server_time.now() + (_LIFE_SECONDS if seconds is None else seconds)

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
        known: dict[str, Any] = {
            field.name: saved.get(field.name) for field in attrs.fields(Progress)
        }
        texts = ("verification_id", "verification_code", "verification_token")
        if (
            not all(isinstance(known[name], str | None) for name in texts)
            or not isinstance(known["is_user"], bool | None)
            or not isinstance(known["presented"], bool)
            or isinstance(known["expires_at"], bool)
            or not isinstance(known["expires_at"], int | float)
        ):
            raise ConfigurationError("resume", "must be what to_dict wrote")
        return Progress(**known)
