"""What happens in the dialog: wrong answers, people who give up, solvers that fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, errors


async def test_wrong_answers(scene: Any) -> None:
    """Who errs gets another picture, twice (B36)."""
    scene.demand()
    scene.person.says = ["wrong", "wrong", "right"]
    assert await scene.send()
    assert len({picture.token for picture in scene.person.shown}) == 3
    assert len(scene.tokens) == 1


async def test_three_wrong_answers(scene: Any, kit: Any) -> None:
    """After three wrong ones in a row the refusal is raised, and the next call starts anew."""
    scene.demand()
    scene.person.says = ["wrong"] * 3
    error = await kit.failure(scene.send())
    assert isinstance(error, errors.CaptchaInvalid)
    assert error.operation == "captcha.verify"
    assert (len(scene.person.shown), scene.tokens) == (3, [])
    assert await scene.send()


@pytest.mark.parametrize("says", [None, "", "wrong"], ids=["none", "nothing", "wrong"])
async def test_giving_up(scene: Any, kit: Any, says: Any) -> None:
    """Who stands in line when the person gives up gets their demand, and no dialog (B36)."""
    scene.demand()
    scene.person.says = [says] * 3
    scene.person.thinks.clear()
    tasks = [asyncio.create_task(kit.failure(scene.send())) for _ in range(5)]
    await scene.in_line(5)
    scene.person.thinks.set()
    failures = await asyncio.gather(*tasks)
    assert len({id(error) for error in failures}) == 5
    assert [type(error) for error in failures[1:]] == [errors.CaptchaRequired] * 4
    assert len({error.request_id for error in failures}) == 5
    pictures = 3 if says == "wrong" else 1
    assert (len(scene.person.shown), len(scene.sent())) == (pictures, 5)
    scene.person.says.clear()
    assert await scene.send()


async def test_giving_up_while_somebody_asks_again(scene: Any, kit: Any) -> None:
    """Who was in line and has their turn when the person gives up opens no dialog, either."""
    scene.demand()
    scene.person.says = [None]
    scene.person.thinks.clear()
    starter = asyncio.create_task(scene.send())
    await scene.looking()
    second = asyncio.create_task(kit.failure(scene.send()))
    await scene.in_line(2)
    held = scene.emulator.faults.add("POST /verification", "hold")
    await kit.cancelled(starter)
    await held.arrived
    scene.person.thinks.set()
    while scene.person.looking:  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0)
    held.release()
    assert isinstance(await second, errors.CaptchaRequired)
    assert len(scene.person.shown) == 1


async def test_giving_up_as_somebody_leaves(scene: Any, kit: Any) -> None:
    """Who is cancelled in the moment the person gives up is no trouble to the others."""
    tasks: list[asyncio.Task[Any]] = []

    async def leaves(_: Any) -> None:
        tasks[1].cancel()

    scene.demand()
    scene.person.says = [leaves]
    tasks += await scene.lined_up(3)
    scene.person.thinks.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [errors.CaptchaRequired, asyncio.CancelledError, errors.CaptchaRequired]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert len(scene.person.shown) == 1


async def test_who_comes_after_is_asked(scene: Any, kit: Any) -> None:
    """Giving up counts for those who were there: a later call opens a dialog."""
    scene.demand()
    scene.person.says = [None]
    assert isinstance(await kit.failure(scene.send()), errors.CaptchaRequired)
    assert await scene.send()


def _of_its_own() -> asyncio.CancelledError:
    return asyncio.CancelledError("of something it awaited")


@pytest.mark.parametrize(
    "says",
    [lambda: ValueError("no screen"), _of_its_own, lambda: 1234, lambda: b"1234", lambda: ["1"]],
    ids=["error", "cancelled inside", "number", "bytes", "list"],
)
async def test_solver_that_fails(scene: Any, kit: Any, says: Callable[[], Any]) -> None:
    """What a solver does wrong is reported to the loop, and counts as giving up (B36)."""
    scene.demand()
    scene.person.says = [says()]
    scene.expected_troubles = 1
    error = await kit.failure(scene.send())
    assert isinstance(error, errors.CaptchaRequired)
    (note,) = error.__notes__
    assert note.startswith("no captcha could be solved: captcha: the solver ")
    (trouble,) = scene.troubles
    assert trouble["message"] == "the captcha solver failed"
    assert len(scene.person.shown) == 1
    assert await scene.send()


async def test_solver_that_is_a_plain_function(kit: Any) -> None:
    """What a plain function returns is what the person read; None is that they gave up (B36)."""
    seen = list[Any]()

    def read(picture: Any) -> str | None:
        seen.append(picture)
        return scene.emulator.captchas[picture.token] if len(seen) > 1 else None

    async with kit.opened({"captcha": read}) as scene:
        scene.demand()
        error = await kit.failure(scene.send())
        assert isinstance(error, errors.CaptchaRequired)
        assert not hasattr(error, "__notes__")
        assert await scene.send()
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("brought", "what"),
    [(ValueError("c4nary"), "raised ValueError"), (1234, "must bring a string or None, not int")],
    ids=["error", "number"],
)
async def test_who_is_told_of_a_failing_solver(kit: Any, brought: Any, what: str) -> None:
    """The caller reads what the solver did, and never what somebody else's error says (B36)."""

    def read(_: Any) -> Any:
        if isinstance(brought, Exception):
            raise brought
        return brought

    async with kit.opened({"captcha": read}) as scene:
        scene.demand()
        scene.expected_troubles = 1
        error = await kit.failure(scene.send())
        assert error.__notes__ == [f"no captcha could be solved: captcha: the solver {what}"]
        assert "see the log" in error.remedy("en")
        if not isinstance(brought, Exception):
            assert what in str(scene.troubles[0]["exception"])


@pytest.mark.parametrize(
    "solver",
    ["solver", 5, (), lambda: "1234", lambda _, __: "1234"],
    ids=["text", "number", "tuple", "of nothing", "of two"],
)
def test_solver_that_cannot_be_called(solver: Any) -> None:
    """It is named at once."""
    with pytest.raises(ConfigurationError, match=r"^captcha: must be a function o"):
        AuthClient("env", captcha=solver)


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("POST /captcha/data", "bad_gateway"),
        ("POST /captcha/data", "drop_after"),
        ("POST /captcha/data", "wrong_types"),
        ("POST /captcha/data/verify", "bad_gateway"),
        ("POST /captcha/data/verify", "wrong_types"),
    ],
)
async def test_service_that_has_no_picture(scene: Any, kit: Any, route: str, kind: str) -> None:
    """The call ends in what is true of it, that a captcha is wanted; a note says what failed."""
    scene.demand()
    fault = scene.emulator.faults.add(route, kind, times=None)
    error = await kit.failure(scene.send())
    assert type(error) is errors.CaptchaRequired
    assert error.operation == "verification.send"
    (note,) = error.__notes__
    assert note.startswith("no captcha could be solved: captcha.")
    scene.emulator.faults.clear()
    assert fault.hits
    assert await scene.send()


async def test_no_captchas_at_all(kit: Any) -> None:
    """A service without captchas is not mistaken for one without the user."""
    async with kit.opened(dialect="primary") as scene:
        scene.demand("POST /signin")
        error = await kit.failure(scene.auth.sign_in.password("alice", "Passw0rd!"))
        assert type(error) is errors.CaptchaRequired
        assert "captcha.create" in error.__notes__[0]


async def test_lost_verdict(scene: Any) -> None:
    """If the answer to a solved picture is lost, the person gets another picture (B36)."""
    scene.demand()
    scene.emulator.faults.add("POST /captcha/data/verify", "drop_after")
    assert await scene.send()
    assert (len(scene.person.shown), len(scene.sent("POST /captcha/data/verify"))) == (2, 2)


async def test_expired_picture(scene: Any) -> None:
    """A person who takes too long gets another picture."""

    async def late(picture: Any) -> str:
        text = scene.emulator.captchas[picture.token]
        scene.emulator.clock.advance(301)
        return str(text)

    scene.demand()
    scene.person.says = [late]
    assert await scene.send()
    assert len(scene.person.shown) == 2


async def test_refused_token(scene: Any) -> None:
    """A solved token that the call is refused with costs one more picture (B36)."""

    async def spoilt(picture: Any) -> str:
        scene.emulator.faults.add(
            "POST /verification",
            "status",
            status=400,
            body={"error": "captcha_invalid", "error_code": 4002},
        )
        return str(scene.emulator.captchas[picture.token])

    scene.demand()
    scene.person.says = [spoilt]
    assert await scene.send()
    assert len(scene.person.shown) == len(set(scene.tokens)) == 2


async def test_tokens_refused_twice(scene: Any, kit: Any) -> None:
    """The second refusal is raised, and neither token is used again."""
    scene.demand()
    body = {"error": "captcha_invalid", "error_code": 4002}
    scene.emulator.faults.add(
        "POST /verification", "status", status=400, body=body, after=1, times=2
    )
    error = await kit.failure(scene.send())
    assert isinstance(error, errors.CaptchaInvalid)
    assert error.operation == "verification.send"
    assert len(scene.person.shown) == len(set(scene.tokens)) == 2
    assert await scene.send()
    assert len(set(scene.tokens)) == 3


async def test_solver_that_calls_the_client(scene: Any) -> None:
    """A solver may itself use the client: what needs no captcha is answered (B10)."""
    told: list[Any] = []

    async def asks_an_operator(picture: Any) -> str:
        told.append(await scene.auth.sign_in.password("alice", "Passw0rd!"))
        return str(scene.emulator.captchas[picture.token])

    scene.demand()
    scene.person.says = [asks_an_operator]
    assert await scene.send()
    assert told[0].access_token


@pytest.mark.parametrize("how", ["itself", "in a task"])
async def test_solver_that_is_demanded_one(scene: Any, kit: Any, how: str) -> None:
    """A call from inside the solver that needs a captcha is refused at once: no deadlock (B10)."""
    told: list[Any] = []

    async def asks_an_operator(picture: Any) -> str:
        work = kit.failure(scene.send())
        told.append(await (asyncio.create_task(work) if how == "in a task" else work))
        return str(scene.emulator.captchas[picture.token])

    scene.demand()
    scene.person.says = [asks_an_operator]
    assert await scene.send()
    assert type(told[0]) is errors.CaptchaRequired
    assert len(scene.person.shown) == 1


async def test_task_that_outlives_its_solver(scene: Any) -> None:
    """What a solver started is, after it, like any other call: it gets a dialog."""
    later: list[asyncio.Task[Any]] = []
    over = asyncio.Event()

    async def afterwards() -> Any:
        await over.wait()
        return await scene.send()

    async def starts_something(picture: Any) -> str:
        later.append(asyncio.create_task(afterwards()))
        return str(scene.emulator.captchas[picture.token])

    scene.demand()
    scene.person.says = [starts_something]
    assert await scene.send()
    over.set()
    assert await later[0]
    assert len(scene.person.shown) == 2


async def test_solvers_of_two_clients(scene: Any, kit: Any) -> None:
    """A solver may use another client that has a solver, which uses the first (B10)."""
    told: list[Any] = []

    async def back(picture: Any) -> str:
        told.append(await kit.failure(scene.send()))
        return str(scene.emulator.captchas[picture.token])

    async with scene.emulator.client(captcha=back) as other:

        async def over(picture: Any) -> str:
            told.append(await other.verification.send(email="a@example.com"))
            return str(scene.emulator.captchas[picture.token])

        scene.demand()
        scene.person.says = [over]
        assert await scene.send()
    assert type(told[0]) is errors.CaptchaRequired
    assert told[1].verification_id
