"""Slips that everybody makes once: what is said names the way out, and never shows the value."""

import asyncio
import gc
import inspect
import json
import re
import warnings
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, TokenPair, errors
from cloudbase_auth_async.models import CaptchaPass, SudoToken, Verification, VerifiedCode
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
SECRET = "c4nary-token"
PAIR = TokenPair(access_token=SECRET, refresh_token="c4nary-refresh")
NO_PAIR = "tokens: must be a TokenPair or what its to_dict wrote"
BARE = "; a bare token is `access_token=`"
MAIL = "alice@example.com"


async def told(auth: AuthClient, how: str, tokens: Any) -> str:
    """Return what is said of something that is given in the place of tokens."""
    session = auth.session(PAIR)

    async def made() -> None:
        auth.session(tokens)

    takes: dict[str, Callable[[], Awaitable[Any]]] = {
        "session": made,
        "put": lambda: auth.sessions.put("a-key", tokens),
        "adopt": lambda: session.adopt(tokens),
    }
    with pytest.raises(ConfigurationError) as caught:
        await takes[how]()
    assert caught.value.argument == "tokens"
    assert caught.value.__context__ is None
    assert "c4nary" not in repr(caught.value)
    return str(caught.value)


WHERE = ("session", "put", "adopt")
NO_PAIRS: Mapping[str, Callable[[AuthClient], Any]] = {
    "a JSON string": lambda _: json.dumps(PAIR.to_dict()),
    "a bare token": lambda _: SECRET,
    "bytes": lambda _: SECRET.encode(),
    "a session": lambda auth: auth.session(PAIR),
    "a list": lambda _: [SECRET],
}


@pytest.mark.parametrize("how", WHERE)
@pytest.mark.parametrize("what", NO_PAIRS)
async def test_what_is_no_pair(auth: AuthClient, what: str, how: str) -> None:
    """Who brings something else reads what is taken, and where a bare token goes."""
    said = await told(auth, how, NO_PAIRS[what](auth))
    assert said == NO_PAIR + (BARE if how == "session" else "")


@pytest.mark.parametrize("how", WHERE)
async def test_a_sign_in_that_nobody_awaited(
    auth: AuthClient, emulator: Emulator, how: str
) -> None:
    """It is named, and no warning of the interpreter's comes before what is said."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        said = await told(auth, how, auth.sign_in.password("alice", PASSWORD))
        gc.collect()
    assert said == "tokens: is a coroutine: await the sign-in first"
    assert not [each for each in warned if "never awaited" in str(each.message)]
    assert emulator.journal == []


async def test_a_sign_in_that_is_under_way(auth: AuthClient) -> None:
    """A task is named, too, and goes on: somebody may wait for it."""
    task = asyncio.create_task(auth.sign_in.password("alice", PASSWORD))
    said = await told(auth, "session", task)
    assert said == "tokens: is an awaitable: await the sign-in first"
    assert (await auth.session(await task).user.me()).username == "alice"


async def test_a_coroutine_that_has_begun(auth: AuthClient) -> None:
    """Somebody else's coroutine that is under way is left to them."""
    go = asyncio.Event()

    async def waits() -> str:
        await go.wait()
        return "done"

    begun = waits()
    task = asyncio.create_task(begun)
    await asyncio.sleep(0)
    assert await told(auth, "session", begun) == "tokens: is a coroutine: await the sign-in first"
    assert inspect.getcoroutinestate(begun) == inspect.CORO_SUSPENDED
    go.set()
    assert await task == "done"


# Each call with a whole answer in the place of the string that is in it, and what is said.
WHOLE: Mapping[str, tuple[Callable[[AuthClient], Awaitable[Any]], str]] = {
    "sudo": (
        lambda a: a.session(PAIR).user.delete(sudo_token=SudoToken(sudo_token=SECRET)),  # type: ignore[arg-type]
        "sudo_token: must be a string (its `.sudo_token`)",
    ),
    "captcha": (
        lambda a: a.sign_in.password(
            "alice",
            PASSWORD,
            captcha_token=CaptchaPass(captcha_token=SECRET),  # type: ignore[arg-type]
        ),
        "captcha_token: must be a string (its `.captcha_token`)",
    ),
    "proof": (
        lambda a: a.sign_in.code(VerifiedCode(verification_token=SECRET)),  # type: ignore[arg-type]
        "verification_token: must be a string (its `.verification_token`)",
    ),
    "sent code": (
        lambda a: a.verification.verify(Verification(verification_id=SECRET), "123456"),  # type: ignore[arg-type]
        "verification_id: must be a string (its `.verification_id`)",
    ),
    "pair": (
        lambda a: a.token.refresh(PAIR),  # type: ignore[arg-type]
        "refresh_token: must be a string (its `.refresh_token`)",
    ),
    "another answer": (
        lambda a: a.sign_in.code(SudoToken(sudo_token=SECRET)),  # type: ignore[arg-type]
        "verification_token: must be a string",
    ),
    "coroutine": (
        lambda a: a.sign_in.code(a.verification.verify("id", "123456")),  # type: ignore[arg-type]
        "verification_token: must be a string, not a coroutine: await it first",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
async def test_a_whole_answer_for_its_string(
    auth: AuthClient, emulator: Emulator, name: str
) -> None:
    """Who hands an answer on as a whole reads which part of it is wanted."""
    call, said = WHOLE[name]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(ConfigurationError) as caught:
            await call(auth)
        gc.collect()
    assert str(caught.value) == said
    assert not [each for each in warned if "never awaited" in str(each.message)]
    assert emulator.journal == []


ROWS = (
    *("ConfigurationError", "InvalidCredentials", "InvalidCode", "UserNotFound", "AlreadyExists"),
    *("LoginMethodDisabled", "Unauthenticated", "UserBlocked", "UserPending", "ClientClosed"),
    *("SessionEnded", "SudoRequired", "CaptchaRequired", "VerificationFailed", "StoreError"),
)


def test_the_readme_says_what_to_do() -> None:
    """What people run into first has a row in the README's table, once, and no row is of nobody."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = readme.partition("\n## Errors\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| .+ \|$", table, re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows).replace("(a `ValueError`)", ""))
    assert set(ROWS) <= set(named)
    assert len(set(named)) == len(named)
    assert set(named) <= set(errors.__all__)
    assert issubclass(ConfigurationError, ValueError)


async def test_a_flow_goes_on_as_the_remedy_says(auth: AuthClient, emulator: Emulator) -> None:
    """A code that is too old: sent anew with the flow's own call, the flow ends well (B20)."""
    emulator.add_user(username="carol", email=MAIL)
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    code = emulator.codes[MAIL]
    emulator.time_travel(601)
    with pytest.raises(errors.InvalidCode) as caught:
        await flow.complete(code)
    assert "in a flow with `flow.send()`" in caught.value.remedy("en")
    assert "流程中调用 flow.send()" in caught.value.remedy("zh")
    await flow.send()
    tokens = await flow.complete(emulator.codes[MAIL])
    assert (await auth.session(tokens).user.me()).username == "carol"
