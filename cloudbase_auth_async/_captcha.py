"""
Captchas that a call meets, put to the client's solver: one dialog at a time, for one call at once.

A call that is answered `captcha_required` or `captcha_invalid` was refused and did nothing, so it
may be made again. Who meets a demand stands in line. Whoever is at the head

| and | does |
| --- | --- |
| had to wait for others | makes the call once more without a token: the demand may be gone |
| is demanded one, and one is kept that nobody used | takes it |
| is demanded one, and a dialog is open | waits for what it brings |
| is demanded one | opens a dialog |
| has the token refused as `captcha_invalid` | gets one more, once |

The open dialog belongs to the client and not to the call that opened it. If the person gives up,
so do those who stand in line at that moment: nobody opens the next dialog in their face.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from enum import Enum
from typing import TypeVar

import attrs

from cloudbase_auth_async import _asked
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._clock import Clock
from cloudbase_auth_async.endpoints.captcha import Captcha
from cloudbase_auth_async.errors import (
    ApiError,
    CaptchaInvalid,
    CaptchaRequired,
    ClientClosed,
    CloudBaseAuthError,
    ConfigurationError,
    TransportError,
)
from cloudbase_auth_async.models import CaptchaChallenge, CaptchaPass

T = TypeVar("T")

Solver = Callable[[CaptchaChallenge], Awaitable[str | None] | str | None]

_MOST_PICTURES = 3
_MOST_TOKENS = 2
# A token that dies on its way is refused, and costs the person one more picture.
_LAST_SECONDS = 10.0


class _Word(Enum):
    """What somebody in line is told."""

    TURN = 1
    GIVEN_UP = 2
    CLOSED = 3


_Ticket = asyncio.Future[_Word]


@attrs.define(eq=False)
class _Dialog:
    """
    One dialog with the person, of up to three pictures.

    Attributes:
        task: it runs in; None until it does.
        given_up: whether the person has, or was wrong three times.
        failure: why there is no token, if not for that alone.
        over: whether its end is noted.
    """

    task: "asyncio.Task[None] | None" = None
    given_up: bool = False
    failure: CloudBaseAuthError | None = None
    over: bool = False


# The dialogs whose solver is running further up: it may itself call the client.
_INSIDE: ContextVar[tuple[_Dialog, ...]] = ContextVar("cloudbase-auth captcha", default=())


class Desk:
    """Gets captchas solved; see the module's first lines."""

    __slots__ = (
        "_background",
        "_captcha",
        "_clock",
        "_dialog",
        "_given_up",
        "_holder",
        "_kept",
        "_line",
        "_solver",
    )

    def __init__(
        self, captcha: Captcha, background: Background, clock: Clock, solver: Solver
    ) -> None:
        _asked.check("captcha", solver)
        self._captcha = captcha
        self._background = background
        self._clock = clock
        self._solver = solver
        self._line: deque[_Ticket] = deque()
        self._holder: _Ticket | None = None
        self._dialog: _Dialog | None = None
        # A token that nobody used so far, and until when it may be (monotonic seconds).
        self._kept: tuple[str, float] | None = None
        # How often the person has: who was here before does not ask them again.
        self._given_up = 0
        background.on_move(self._abandon)

    async def served(self, attempt: Callable[[str | None], Awaitable[T]], demand: ApiError) -> T:
        """
        Answer a call that the service wants a captcha for.

        Args:
            attempt: makes the call, with a captcha token or without.
            demand: what the service said; raised anew if nobody solves one.

        Raises:
            ApiError, TransportError, DecodeError: what the call ends in.
            ClientClosed: the client was closed meanwhile.
        """
        self._background.here()
        if self._dialog is not None and self._dialog in _INSIDE.get():
            raise demand.again()  # the solver would wait for itself
        given_up = self._given_up
        ticket = self._queued()
        try:
            if not ticket.done():
                _heed(await ticket, demand)
                try:
                    return await attempt(None)
                except (CaptchaRequired, CaptchaInvalid) as still:
                    demand = still
            for _ in range(_MOST_TOKENS):
                token = self._taken() or await self._solved(demand, given_up)
                try:
                    return await attempt(token)
                except CaptchaInvalid as refusal:
                    demand = refusal
            raise demand
        finally:
            self._leave(ticket)

    # The line

    def _queued(self) -> _Ticket:
        """Return a place in line; it is done when it is its owner's turn."""
        ticket: _Ticket = asyncio.get_running_loop().create_future()
        if self._holder is None:
            self._holder = ticket
            ticket.set_result(_Word.TURN)
        else:
            self._line.append(ticket)
        return ticket

    def _leave(self, ticket: _Ticket) -> None:
        """Give a place up; at the head of the line, the next one's turn begins."""
        if ticket in self._line:
            self._line.remove(ticket)
        if ticket is not self._holder:
            return
        self._holder = None
        while self._line and self._holder is None:
            following = self._line.popleft()
            if not following.done():  # cancelled, and not yet awake to leave
                self._holder = following
                following.set_result(_Word.TURN)

    def _dismiss(self, word: _Word) -> None:
        """Send everybody in line away."""
        while self._line:
            ticket = self._line.popleft()
            if not ticket.done():
                ticket.set_result(word)

    def _abandon(self) -> None:
        """Forget the line: its loop is gone. A token would be used here and in a fork's parent."""
        self._line.clear()
        self._holder = self._dialog = self._kept = None

    # The dialog

    def _taken(self) -> str | None:
        """Take the kept token, if it is still good."""
        kept, self._kept = self._kept, None
        return kept[0] if kept is not None and self._clock.monotonic() < kept[1] else None

    async def _solved(self, demand: ApiError, given_up: int) -> str:
        """Return a token from the dialog that is open, or from a new one."""
        dialog = self._dialog
        if dialog is None:
            if self._given_up != given_up:
                raise demand.again()
            dialog = self._opened()
        assert dialog.task is not None  # noqa: S101 - it has begun
        await asyncio.wait({dialog.task})
        # Whatever its age: the person has just solved it.
        kept, self._kept = self._kept, None
        if kept is not None:
            return kept[0]
        if isinstance(dialog.failure, CaptchaInvalid | ClientClosed):
            raise dialog.failure.again()
        told = demand.again()
        if dialog.failure is not None:
            # Raised itself, it would tell of another call than the caller's: a 404 not of the
            # user, a lost answer not to the sign-up.
            told.add_note(f"no captcha could be solved: {dialog.failure}")
        raise told

    def _opened(self) -> _Dialog:
        if self._background.closing:
            raise _closed()
        dialog = _Dialog()
        # Not urgent: closing cannot wait for a person.
        dialog.task = self._background.spawn(
            self._shown(dialog), name="cloudbase-auth captcha", urgent=False
        )
        # An eager task factory ran it at once, perhaps to its end.
        self._dialog = None if dialog.over else dialog
        # A task that is cancelled before its first step runs none of its code.
        dialog.task.add_done_callback(lambda _: self._over(dialog))
        return dialog

    async def _shown(self, dialog: _Dialog) -> None:
        _INSIDE.set((*_INSIDE.get(), dialog))
        self._dialog = dialog
        try:
            self._kept = await self._asked_for(dialog)
        except CloudBaseAuthError as failure:
            dialog.failure = failure.with_traceback(None)
            dialog.given_up = isinstance(failure, CaptchaInvalid)
        except asyncio.CancelledError:
            dialog.failure = _closed()
            raise
        finally:
            self._over(dialog)

    def _over(self, dialog: _Dialog) -> None:
        """Note the end of a dialog, once."""
        if dialog.over:
            return
        dialog.over = True
        if self._dialog is not dialog:
            return  # of a loop that has ended
        self._dialog = None
        if dialog.task is not None and dialog.task.cancelled():
            dialog.failure = _closed()
        if isinstance(dialog.failure, ClientClosed):
            self._dismiss(_Word.CLOSED)
        elif dialog.given_up:
            self._given_up += 1
            self._dismiss(_Word.GIVEN_UP)

    async def _asked_for(self, dialog: _Dialog) -> tuple[str, float] | None:
        """
        Show pictures until one is read; None if the person gives up.

        Raises:
            CaptchaInvalid: every answer was wrong.
            CloudBaseAuthError: the service has no pictures, or something failed.
        """
        pictures = 0
        while True:
            pictures += 1
            picture = await self._captcha.create()
            text = await self._read(picture, dialog)
            if text is None:
                dialog.given_up = True
                return None
            began = self._clock.monotonic()
            try:
                solved = await self._captcha.verify(picture.token, text)
            except (CaptchaInvalid, TransportError):
                # A picture has one answer: if that was wrong, or was lost, it takes a new one.
                if pictures == _MOST_PICTURES:
                    raise
            else:
                return solved.captcha_token, began + _lives(solved)

    async def _read(self, picture: CaptchaChallenge, dialog: _Dialog) -> str | None:
        """Return what the solver read; what goes wrong in there is as if the person gave up."""
        try:
            text = await _asked.asked(self._solver, picture)
        except asyncio.CancelledError as failure:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # The solver's own, of something it awaited.
            dialog.failure = _reported(failure, "the solver was cancelled")
            return None
        except Exception as failure:  # noqa: BLE001 - somebody else's code; its error is handed on
            dialog.failure = _reported(failure, f"the solver raised {type(failure).__name__}")
            return None
        if text is None or isinstance(text, str):
            return text or None
        problem = f"the solver must bring a string or None, not {type(text).__name__}"
        dialog.failure = _reported(TypeError(problem), problem)
        return None


def _heed(word: _Word, demand: ApiError) -> None:
    if word is _Word.CLOSED:
        raise _closed()
    if word is _Word.GIVEN_UP:
        raise demand.again()


def _closed() -> ClientClosed:
    return ClientClosed("the client was closed while a captcha was open")


def _lives(solved: CaptchaPass) -> float:
    return 0.0 if solved.expires_in is None else solved.expires_in - _LAST_SECONDS


def _reported(failure: BaseException, problem: str) -> ConfigurationError:
    """Hand what went wrong to the event loop; return what the caller is told of it."""
    asyncio.get_running_loop().call_exception_handler(
        {"message": "the captcha solver failed", "exception": failure}
    )
    return ConfigurationError("captcha", problem)
