"""Cancelled callers, and what becomes of a dialog that nobody waits for any more."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors

SEND = "POST /verification"


async def test_starter_cancelled(scene: Any, kit: Any) -> None:
    """The dialog stays open when who started it is cancelled; the next one gets its token (B5)."""
    scene.demand()
    scene.person.thinks.clear()
    starter = asyncio.create_task(scene.send())
    await scene.looking()
    following = asyncio.create_task(scene.send())
    await scene.in_line(2)
    await kit.cancelled(starter)
    scene.person.thinks.set()
    assert await following
    assert len(scene.person.shown) == len(scene.tokens) == 1


async def test_starter_timed_out(scene: Any, leap: Callable[[float], None]) -> None:
    """So it does when the starter's own patience ends (B5)."""
    scene.demand()
    scene.person.thinks.clear()
    starter = asyncio.create_task(asyncio.wait_for(scene.send(), 10))
    await scene.looking()
    leap(11)
    with pytest.raises(TimeoutError):
        await starter
    assert scene.person.looking == 1
    scene.person.thinks.set()
    assert await scene.send()
    assert len(scene.person.shown) == len(scene.tokens) == 1


async def _kept(scene: Any, kit: Any) -> None:
    """Have a captcha solved for a caller who is gone."""
    scene.demand()
    scene.person.thinks.clear()
    starter = asyncio.create_task(scene.send())
    await scene.looking()
    await kit.cancelled(starter)
    scene.person.thinks.set()
    while scene.auth._background._tasks:  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0)


async def test_token_that_nobody_used(scene: Any, kit: Any) -> None:
    """A solved token is kept for the next call, and for that one alone (B36)."""
    await _kept(scene, kit)
    assert not scene.tokens
    scene.emulator.clock.advance(589)
    assert await scene.send()
    assert len(scene.person.shown) == 1
    assert await scene.send()
    assert len(scene.person.shown) == 2
    assert len(scene.tokens) == len(set(scene.tokens)) == 2


@pytest.mark.parametrize("seconds", [590, 600, 86_400])
async def test_kept_token_expires(scene: Any, kit: Any, seconds: float) -> None:
    """Shortly before it dies a kept token is worth nothing, whatever the wall clock says."""
    await _kept(scene, kit)
    scene.emulator.clock.step_wall(-7200)
    scene.emulator.clock.advance(seconds)
    scene.emulator._control.state.captcha_passes.clear()
    assert await scene.send()
    assert len(scene.person.shown) == 2
    assert len(scene.tokens) == 1


@pytest.mark.parametrize("told", [None, 5, 0, -1])
async def test_short_lives(scene: Any, kit: Any, told: int | None) -> None:
    """A token that lives shorter than that, or nobody says how long, is used at once or never."""

    async def shortly(picture: Any) -> str:
        # The service's own answer, with another life.
        solved = await scene.auth.captcha.verify(
            picture.token, scene.emulator.captchas[picture.token]
        )
        body = {"captcha_token": solved.captcha_token, "expires_in": told}
        scene.emulator.faults.add("POST /captcha/data/verify", "status", status=200, body=body)
        return "anything"

    scene.person.says = [shortly]
    await _kept(scene, kit)
    scene.person.says = [shortly]
    assert await scene.send()
    assert (len(scene.person.shown), len(scene.tokens)) == (2, 1)


async def test_refused_kept_token(scene: Any, kit: Any) -> None:
    """A kept token that is refused is dropped, and costs one picture (B36)."""
    await _kept(scene, kit)
    scene.emulator._control.state.captcha_passes.clear()
    assert await scene.send()
    assert len(scene.person.shown) == len(scene.tokens) == 2


async def test_secrets_of_a_kept_token(
    scene: Any, kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No log and no representation shows a token, a picture or an answer (B36)."""
    caplog.set_level(logging.DEBUG)
    await _kept(scene, kit)
    ((token, _),) = [scene.auth._caller.captcha._kept]
    assert token
    shown = f"{scene.auth!r}{scene.auth._caller.captcha!r}{scene.auth.captcha!r}"
    assert token not in shown + caplog.text
    assert await scene.send()
    assert scene.auth._caller.captcha._kept is None
    scene.emulator.assert_no_secrets(caplog)
    assert scene.person.shown[0].token not in caplog.text


async def test_token_that_comes_back(scene: Any, kit: Any) -> None:
    """A service that repeats the token in its text does not get it into the error (B36)."""

    async def echoed(picture: Any) -> str:
        solved = await scene.auth.captcha.verify(
            picture.token, scene.emulator.captchas[picture.token]
        )
        text = f"the captcha_token {solved.captcha_token} is not liked"
        body = {"error": "permission_denied", "error_description": text}
        scene.emulator.faults.add(SEND, "status", status=403, body=body)
        passed = {"captcha_token": solved.captcha_token, "expires_in": 600}
        scene.emulator.faults.add("POST /captcha/data/verify", "status", status=200, body=passed)
        return "anything"

    scene.demand()
    scene.person.says = [echoed]
    error: Any = await kit.failure(scene.send())
    assert isinstance(error, errors.PermissionDenied)
    assert error.description == "the captcha_token *** is not liked"


async def test_answer_that_comes_back(scene: Any, kit: Any) -> None:
    """Nor what was typed, nor the picture's name."""
    text = "c4nary-key is no answer to c4nary-token"
    body = {"error": "captcha_invalid", "error_description": text}
    scene.emulator.faults.add("POST /captcha/data/verify", "status", status=400, body=body)
    error: Any = await kit.failure(scene.auth.captcha.verify("c4nary-token", "c4nary-key"))
    assert error.description == "*** is no answer to ***"


# Where somebody may be when they are cancelled: in line, asking again, waiting for the person,
# and with the token on its way.
@pytest.mark.parametrize("where", ["in line", "asking again", "at the dialog", "with a token"])
async def test_cancelled_anywhere(scene: Any, kit: Any, where: str) -> None:
    """Whoever is cancelled, wherever: those behind get their turn, and every token is used once."""
    scene.demand()
    tasks = await scene.lined_up(4)
    if where == "in line":
        await kit.cancelled(tasks.pop(2))
    elif where == "at the dialog":
        await kit.cancelled(tasks.pop(0))
    elif where == "asking again":
        held = scene.emulator.faults.add(SEND, "hold")
        await kit.cancelled(tasks.pop(0))
        await held.arrived
        await kit.cancelled(tasks.pop(0))
        held.release()
    else:
        held = scene.emulator.faults.add(SEND, "hold")
        scene.person.thinks.set()
        await held.arrived
        await kit.cancelled(tasks.pop(0))
        held.release()
    scene.person.thinks.set()
    assert all(await asyncio.gather(*tasks))
    assert len(set(scene.tokens)) == len(scene.tokens)
    assert scene.auth._caller.captcha._holder is None


async def test_cancelled_as_the_turn_comes(scene: Any) -> None:
    """Who is cancelled in the very moment their turn begins hands it on (B5)."""
    scene.demand()
    first, second, third = await scene.lined_up(3)
    first.cancel()
    desk = scene.auth._caller.captcha
    tickets = list(desk._line)
    while not tickets[0].done():  # noqa: ASYNC110 - the loop sets no event
        await asyncio.sleep(0)
    second.cancel()
    scene.person.thinks.set()
    outcomes = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "CancelledError",
        "CancelledError",
        "Verification",
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 2, 0), (0, 2, 1)], ids=str)
async def test_cancelled_in_one_turn_of_the_loop(scene: Any, order: tuple[int, ...]) -> None:
    """Those at the head who are cancelled together do not keep the turn from the next one (B5)."""
    scene.demand()
    tasks = await scene.lined_up(4)
    for number in order:
        tasks[number].cancel()
    scene.person.thinks.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    gone = [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes]
    assert gone == [number in order for number in range(4)]


async def test_all_cancelled(scene: Any, kit: Any) -> None:
    """When everybody is gone the dialog is still there, and so is the client."""
    scene.demand()
    tasks = await scene.lined_up(5)
    for task in reversed(tasks[1:]):
        await kit.cancelled(task)
    assert not scene.auth._caller.captcha._line  # it is not a list of the dead
    await kit.cancelled(tasks[0])
    assert scene.person.looking == 1
    scene.person.thinks.set()
    assert await scene.send()
    assert len(scene.person.shown) == len(scene.tokens) == 1
