"""
The base caller: gets a call answered in nobody's name, or in that of a bearer it is handed.

A call goes through here as: forms to try (`_negotiate`) → a request → the transport → success
or refusal (`_verdict`) → again or not (`_retry`) → a model (`_codec`). It keeps no tokens.
"""

import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

import attrs

from cloudbase_auth_async import _negotiate, _retry
from cloudbase_auth_async._call import Call, Dialect, Form, Request, Response
from cloudbase_auth_async._clock import Clock
from cloudbase_auth_async._codec import Malformed, decode, salvaged
from cloudbase_auth_async._lifetime import ServerTime
from cloudbase_auth_async._observe import log
from cloudbase_auth_async._request import Author, Extras
from cloudbase_auth_async._tokens import TokenPair, described
from cloudbase_auth_async._transport import Transport
from cloudbase_auth_async._verdict import judged
from cloudbase_auth_async.config import Settings
from cloudbase_auth_async.errors import (
    ApiError,
    CaptchaInvalid,
    CaptchaRequired,
    DecodeError,
    RequestTimedOut,
    TransportError,
)

T = TypeVar("T")

# The name under which is remembered where this service looks for a captcha_token.
_CAPTCHA = "captcha"


@attrs.frozen
class _Answered:
    """One form's outcome: a document or the service's refusal."""

    response: Response
    document: Any = attrs.field(repr=False)
    refusal: ApiError | None
    request_id: str
    started: float


@attrs.define
class _Course:
    """
    What one call has met so far.

    Attributes:
        demanded: whose form a captcha was last wanted for.
    """

    demanded: Dialect | None = None


class CaptchaDesk(Protocol):
    """Whoever gets captchas solved."""

    async def served(self, attempt: Callable[[str | None], Awaitable[T]], demand: ApiError) -> T:
        """
        Answer a call that the service wants a captcha for.

        Args:
            attempt: makes the call, with a captcha token or without.
            demand: what the service said; raised anew if nobody solves one.
        """
        ...


class BaseCaller:
    """
    Answers calls; see the module's first lines.

    Attributes:
        settings: of the client.
        clock: ours.
        server_time: the service's clock, as far as its answers told.
        captcha: who answers captchas; None if nobody does.
    """

    def __init__(
        self, settings: Settings, transport: Transport, clock: Clock, *, user_agent: str
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.server_time: ServerTime = ServerTime(clock)
        self.jitter: random.Random = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._transport = transport
        self._author = Author.of(settings, user_agent)
        self._budget = _retry.Budget()
        self._spoken: dict[str, Dialect] = {}
        self.captcha: CaptchaDesk | None = None

    async def call(self, call: Call[T]) -> T:
        """Answer a call that needs no user."""
        return await self.ask(call, bearer=None)

    async def ask(self, call: Call[T], *, bearer: str | None) -> T:
        """
        Answer a call, in the form this service understands.

        Args:
            call: what is asked.
            bearer: the access token for `Auth.USER`.

        Raises:
            ApiError: the service refused.
            TransportError: no answer came in time.
            DecodeError: the answer is not what the call answers.
        """
        course = _Course()
        try:
            return await self._with_captcha(call, bearer, call.captcha_token, course)
        except (CaptchaRequired, CaptchaInvalid) as refusal:
            demand = refusal
        if self.captcha is None or not call.captcha:
            raise demand
        return await self.captcha.served(
            lambda token: self._with_captcha(call, bearer, token, course), demand
        )

    async def _with_captcha(
        self, call: Call[T], bearer: str | None, captcha_token: str | None, course: _Course
    ) -> T:
        """
        Answer a call that carries a captcha token, where the service looks for it.

        A service that demands a captcha although one was sent has not seen it, so the token is
        still good: it is sent once more in the other place.
        """
        if captcha_token is None:
            return await self._negotiated(call, Extras(bearer=bearer), course)
        refusal: CaptchaRequired | None = None
        for dialect in _negotiate.captcha_places(
            pinned=self.settings.dialect, spoken=self._spoken.get(_CAPTCHA)
        ):
            in_query = dialect is Dialect.PRIMARY
            extras = Extras(bearer=bearer, captcha_token=captcha_token, captcha_in_query=in_query)
            try:
                answer = await self._negotiated(call, extras, course)
            except CaptchaRequired as unseen:
                refusal = unseen
            except ApiError as said:
                # Something else than before: here it was seen. So much is worth remembering,
                # or each wrong password would cost a request in the wrong place.
                if refusal is not None or isinstance(said, CaptchaInvalid):
                    self._spoken[_CAPTCHA] = dialect
                raise
            else:
                self._spoken[_CAPTCHA] = dialect
                return answer
        assert refusal is not None  # noqa: S101 - there is always a place
        raise refusal

    async def _negotiated(self, call: Call[T], extras: Extras, course: _Course) -> T:
        """Answer a call in the form this service understands."""
        deadline = self.clock.monotonic() + self.settings.timeout
        spoken = self._spoken.get(call.feature or "")
        forms = _negotiate.candidates(
            call,
            pinned=self.settings.dialect,
            has_secret=self._author.basic is not None,
            spoken=spoken,
            demanded=course.demanded,
            with_captcha=extras.captcha_token is not None,
        )
        refusals: list[ApiError] = []
        doubtful: T | None = None
        for form in forms:
            answered = await self._attempts(call, form, extras, deadline=deadline)
            if answered.refusal is None:
                answer = self._decoded(call, answered)
                if call.conclusive is None or call.conclusive(answer):
                    self._learn(call, form)
                    return answer
                if form.dialect is spoken:
                    return answer
                doubtful = answer
            elif isinstance(answered.refusal, CaptchaRequired | CaptchaInvalid):
                course.demanded = form.dialect
                raise answered.refusal
            elif (
                _negotiate.moves_on(call.turn, answered.refusal)
                if doubtful is None
                else _negotiate.is_foreign(answered.refusal)
            ):
                refusals.append(answered.refusal)
            else:
                raise answered.refusal
        if doubtful is not None:
            return doubtful
        raise _negotiate.told(call.turn, refusals, spoken=spoken)

    def _learn(self, call: Call[Any], form: Form) -> None:
        if call.feature is not None and len(call.forms) > 1:
            self._spoken[call.feature] = form.dialect

    async def _attempts(
        self, call: Call[Any], form: Form, extras: Extras, *, deadline: float
    ) -> _Answered:
        """Send one form until it is answered or may not be sent again."""
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._once(call, form, extras, deadline=deadline)
            failure = outcome if isinstance(outcome, TransportError) else outcome.refusal
            if failure is not None and self._again(call, failure, attempt):
                wait = _retry.pause(failure, attempt=attempt, jitter=self.jitter)
                if wait < deadline - self.clock.monotonic() and self._budget.take():
                    await self.clock.sleep(wait)
                    continue
            if isinstance(outcome, TransportError):
                raise outcome
            if failure is None:
                self._budget.earn()
            return outcome

    @staticmethod
    def _again(call: Call[Any], failure: TransportError | ApiError, attempt: int) -> bool:
        return attempt < _retry.MOST_ATTEMPTS and _retry.may_repeat(
            failure, repeatable=call.repeatable
        )

    async def _once(
        self, call: Call[Any], form: Form, extras: Extras, *, deadline: float
    ) -> _Answered | TransportError:
        """Send one form once. A transport error is returned: whether it is raised comes later."""
        request = self._author.request(
            call, form, extras, request_id=str(uuid.uuid4()), now=self.server_time.now()
        )
        started = self.clock.monotonic()
        if started >= deadline:
            return RequestTimedOut(
                "the time ran out",
                operation=call.operation,
                request_id=request.request_id,
                may_have_reached_server=False,
            )
        try:
            response = await self._transport.send(request, timeout=deadline - started)
        except TransportError as failure:
            self._log(request, type(failure).__name__, started)
            return failure
        self._log(request, response.status, started)
        self.server_time.heard(_date(response), began=started, ended=self.clock.monotonic())
        try:
            document, refusal = judged(
                response,
                operation=call.operation,
                request_id=request.request_id,
                renamed=call.renamed,
                server_now=self.server_time.now(),
                secrets=lambda: self._author.secrets(form, extras),
            )
        except Malformed as trouble:
            malformed = trouble
        else:
            return _Answered(response, document, refusal, request.request_id, started)
        raise _decode_error(call, malformed, response.status, request.request_id)

    def _log(self, request: Request, outcome: int | str, started: float) -> None:
        if not log.isEnabledFor(logging.DEBUG):
            return
        log.debug(
            "%s %s %s: %s in %.0f ms [request %s]",
            request.operation,
            request.method,
            request.route,
            outcome,
            (self.clock.monotonic() - started) * 1000,
            request.request_id,
        )

    def _decoded(self, call: Call[T], answered: _Answered) -> T:
        if call.answer is None:
            return cast("T", None)
        try:
            return self._dated(decode(answered.document, call.answer), answered.started)
        except Malformed as malformed:
            trouble = malformed
            rescued = salvaged(answered.document) if call.salvage else None
        if rescued is None:
            raise _decode_error(call, trouble, answered.response.status, answered.request_id)
        log.warning("%s: %s in the answer was left out", call.operation, trouble.path)
        return self._dated(cast("T", rescued), answered.started)

    def _dated(self, answer: T, started: float) -> T:
        """Note in a token pair when it was asked for: its life is counted from there."""
        if not isinstance(answer, TokenPair):
            return answer
        server_started = self.server_time.now() - (self.clock.monotonic() - started)
        dated = attrs.evolve(cast("TokenPair", answer), started=started)
        return cast("T", described(dated, server_now=server_started))


def _date(response: Response) -> str | None:
    """Return what time it is there; what a cache kept says what time it was."""
    kept = response.headers.get("age", "").strip(" 0")
    return None if kept else response.headers.get("date")


def _decode_error(
    call: Call[Any], malformed: Malformed, status: int, request_id: str
) -> DecodeError:
    return DecodeError(
        operation=call.operation,
        path=malformed.path,
        expected=malformed.expected,
        status=status,
        request_id=request_id,
    )


@attrs.frozen
class Unattended:
    """A caller behind which nobody sits who could read a captcha."""

    caller: BaseCaller

    @property
    def server_time(self) -> ServerTime:
        """The service's clock."""
        return self.caller.server_time

    async def call(self, call: Call[T]) -> T:
        """Answer the call or raise."""
        return await self.caller.call(attrs.evolve(call, captcha=False))
