"""The end of things: a client that is closed under a dialog, a loop that ends, a fork."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._call import Response
from cloudbase_auth_async.testing import Emulator, ManualClock, Request

SEND = "POST /verification"
MAIL = "carol@example.com"
LONGEST_SECONDS = 30


@pytest.mark.parametrize("callers", [1, 5])
async def test_closed_under_a_dialog(scene: Any, kit: Any, callers: int) -> None:
    """Closing cancels the dialog at once and tells everybody in line (B13)."""
    scene.demand()
    scene.person.thinks.clear()
    tasks = [asyncio.create_task(kit.failure(scene.send())) for _ in range(callers)]
    await scene.in_line(callers)
    await scene.looking()
    await scene.auth.aclose()  # waits for nothing, or would for longer than a test may take
    assert {type(error) for error in await asyncio.gather(*tasks)} == {errors.ClientClosed}
    assert not scene.auth._background._tasks
    assert (len(scene.person.shown), scene.person.looking) == (1, 0)
    assert len(scene.sent()) == callers  # nobody asks again
    assert isinstance(await kit.failure(scene.send()), errors.ClientClosed)


async def test_line_of_a_slow_close(scene: Any, kit: Any) -> None:
    """Those in line are told at once that the client closes, not sent to ask again (B13)."""
    scene.demand()
    slow = scene.emulator.faults.add("POST /revoke", "hold")
    session = scene.auth.session(await scene.auth.sign_in.password("alice", "Passw0rd!"))
    leaving = asyncio.create_task(session.sign_out())
    await slow.arrived
    tasks = await scene.lined_up(4)
    closing = asyncio.create_task(scene.auth.aclose())
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.ClientClosed}
    assert not closing.done()
    assert len(scene.sent()) == 4
    slow.release()
    await asyncio.gather(leaving, closing)


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_closed_at_any_moment(scene: Any, turns: int) -> None:
    """Whenever it is closed, each call ends, and nothing is left behind (B13)."""
    scene.demand()
    tasks = [asyncio.create_task(scene.send()) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await scene.auth.aclose()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert not isinstance(outcome, BaseException) or isinstance(
            outcome, errors.CloudBaseAuthError
        ), outcome
    assert not scene.auth._background._tasks


async def test_closed_before_it_began(scene: Any, kit: Any) -> None:
    """A dialog that is cancelled before its first step ends like any other (B13)."""
    scene.demand()
    task = asyncio.create_task(kit.failure(scene.send()))
    while scene.auth._caller.captcha._dialog is None:  # noqa: ASYNC110 - the loop sets no event
        await asyncio.sleep(0)
    scene.auth._caller.captcha._dialog.task.cancel()
    assert isinstance(await task, errors.ClientClosed)
    assert not scene.person.shown
    assert scene.auth._caller.captcha._dialog is None


async def test_no_new_dialog_while_closing(scene: Any, kit: Any) -> None:
    """What is demanded while the client is being closed opens no dialog (B13)."""
    scene.demand()
    held = scene.emulator.faults.add(SEND, "hold")
    slow = scene.emulator.faults.add("POST /revoke", "hold")
    session = scene.auth.session(await scene.auth.sign_in.password("alice", "Passw0rd!"))
    leaving = asyncio.create_task(session.sign_out())
    await slow.arrived
    caller = asyncio.create_task(kit.failure(scene.send()))
    await held.arrived
    closing = asyncio.create_task(scene.auth.aclose())
    await asyncio.sleep(0)
    held.release()
    assert isinstance(await caller, errors.ClientClosed)
    slow.release()
    await asyncio.gather(leaving, closing)
    assert not scene.person.shown


async def test_solver_that_closes_the_client(scene: Any, kit: Any) -> None:
    """A solver may close the client: the call that waits for it is told (B10, B13)."""

    async def closes(_: Any) -> None:
        await scene.auth.aclose()

    scene.demand()
    scene.person.says = [closes]
    assert isinstance(await kit.failure(scene.send()), errors.ClientClosed)
    assert scene.auth._background.closed


async def test_solver_that_will_not_stop(kit: Any, leap: Callable[[float], None]) -> None:
    """A solver that is deaf to its cancellation does not keep the client from closing (B13)."""
    deaf, told = asyncio.Event(), asyncio.Semaphore(0)

    async def stays(_: Any) -> None:
        while not deaf.is_set():
            try:
                await deaf.wait()
            except asyncio.CancelledError:
                told.release()

    async with kit.opened({"close_timeout": 5}) as scene:
        scene.demand()
        scene.person.says = [stays]
        caller = asyncio.create_task(kit.failure(scene.send()))
        await scene.looking()
        closing = asyncio.create_task(scene.auth.aclose())
        try:
            for seconds in (6, 2):  # its time to close, and a last moment
                await told.acquire()
                leap(seconds)
            await closing
        finally:
            deaf.set()
        await caller


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
async def test_eager_tasks(scene: Any, kit: Any) -> None:
    """On a loop whose tasks start at once it is the same, for solvers that never wait, too."""
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
    try:
        scene.demand()
        answers = await asyncio.gather(*(scene.send() for _ in range(5)))
        assert len(answers) == len(scene.person.shown) == len(set(scene.tokens)) == 5
        scene.person.says = [None]
        assert isinstance(await kit.failure(scene.send()), errors.CaptchaRequired)
    finally:
        asyncio.get_running_loop().set_task_factory(None)


class Immediate:
    """A transport that answers without a pause, so that a task may end in its first step."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    async def send(self, request: Any, *, timeout: float) -> Response:  # noqa: ARG002, ASYNC109
        """Send once."""
        url = urlsplit(request.url)
        answer = self.emulator.answer(
            Request(
                method=request.method,
                path=url.path,
                query=dict(parse_qsl(url.query)),
                headers=tuple(request.headers.items()),
                body=request.body or b"",
            )
        )
        return Response(status=answer.status, headers={}, body=answer.body)

    async def aclose(self) -> None:
        """Do nothing."""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
async def test_dialog_that_ends_in_its_first_step() -> None:
    """A dialog that is over before its starter knows of it leaves nothing open behind."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory", None))
    emulator, shown = service(), list[Any]()

    async def solver(picture: Any) -> str:
        shown.append(picture)
        return emulator.captchas[picture.token]

    try:
        auth = emulator.memory_client(
            captcha=solver, transport=Immediate(emulator), client_secret=None
        )
        for _ in range(3):
            assert (await auth.verification.send(email=MAIL)).verification_id
        await auth.aclose()
    finally:
        loop.set_task_factory(None)
    assert len(shown) == 3


def service() -> Emulator:
    """Return a service without sockets, that demands captchas: it may be used in any loop."""
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    emulator.require_captcha(SEND)
    return emulator


def test_two_loops() -> None:
    """`asyncio.run` twice, with a line both times (B15)."""
    emulator, shown = service(), list[Any]()

    async def solver(picture: Any) -> str:
        shown.append(picture)
        await asyncio.sleep(0)
        return emulator.captchas[picture.token]

    auth = emulator.memory_client(captcha=solver)

    async def contention() -> None:
        await asyncio.gather(*(auth.verification.send(email=MAIL) for _ in range(5)))

    asyncio.run(contention())
    asyncio.run(contention())
    assert len(shown) == 10
    asyncio.run(auth.aclose())


def _left_behind(emulator: Emulator, auth: Any, looking: list[Any], keep: list[Any]) -> None:
    """Let a loop end with a dialog open and two calls in line."""
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        keep.extend(asyncio.create_task(auth.verification.send(email=MAIL)) for _ in range(3))
        while not looking or len(auth._caller.captcha._line) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)

    loop.run_until_complete(asyncio.wait_for(begin(), LONGEST_SECONDS))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined] # that is the accident
    loop.close()


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_loop_that_ends_under_a_dialog(when: str) -> None:
    """The next loop has a line of its own, whenever the old one's calls are forgotten (B15)."""
    emulator, looking, keep = service(), list[Any](), list[Any]()

    async def solver(picture: Any) -> str:
        looking.append(picture)
        if len(looking) == 1:
            await asyncio.Event().wait()
        return emulator.captchas[picture.token]

    auth: Any = emulator.memory_client(captcha=solver)
    _left_behind(emulator, auth, looking, keep)

    async def later() -> None:
        if when == "before":
            keep.clear()
        answers = await asyncio.gather(*(auth.verification.send(email=MAIL) for _ in range(3)))
        if when == "after":
            keep.clear()
        assert len(answers) == 3
        assert await auth.verification.send(email=MAIL)
        assert auth._caller.captcha._holder is None
        await auth.aclose()

    asyncio.run(later())
    assert len(looking) == 5
    keep.clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_drops_a_kept_token() -> None:
    """A kept token works once: the child of a fork leaves it to its parent (B15, B36)."""
    emulator, shown = service(), list[Any]()

    async def solver(picture: Any) -> str:
        shown.append(picture)
        await asyncio.sleep(0)
        return emulator.captchas[picture.token]

    auth = emulator.memory_client(captcha=solver)

    async def keep_one() -> None:
        caller = asyncio.create_task(auth.verification.send(email=MAIL))
        while not shown:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller})
        while auth._background._tasks:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def in_child() -> int:
        async def use() -> int:
            await auth.verification.send(email=MAIL)
            return len(shown)

        return asyncio.run(use())

    loop = asyncio.new_event_loop()
    loop.run_until_complete(keep_one())
    desk: Any = auth._caller.captcha
    assert desk._kept
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        code = 1
        try:
            code = 0 if in_child() == 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    loop.run_until_complete(auth.verification.send(email=MAIL))
    assert len(shown) == 1
    loop.run_until_complete(auth.aclose())
    loop.close()


async def test_another_thread(scene: Any, kit: Any) -> None:
    """A call from a loop in another thread is told so, and waits for nothing (B15)."""
    scene.demand()
    tasks = await scene.lined_up(1)

    def elsewhere() -> Any:
        return asyncio.run(kit.failure(scene.auth._caller.captcha.served(None, None)))

    assert isinstance(await asyncio.to_thread(elsewhere), errors.ClientClosed)
    scene.person.thinks.set()
    assert await tasks[0]
