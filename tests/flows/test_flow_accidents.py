"""Accidents in flows: begun again too soon, overtaken by themselves, answered in half."""

import asyncio
import json
import traceback
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.flows import DeviceFlow
from cloudbase_auth_async.models import DeviceAuthorization
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD = "Passw0rd!"
MAIL = "alice@example.com"
CANARY = "N3w-c4nary!"


class GoneError(Exception):
    """The person closed the window."""


def _our_locals(error: BaseException) -> str:
    """Return the locals in a traceback of the library's frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = (frame for frame in told.stack if "/cloudbase_auth_async/" in frame.filename)
    return " ".join(f"{frame.filename} {frame.locals}" for frame in ours)


async def _alice(auth: AuthClient) -> TokenSession:
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


async def _left_behind(auth: AuthClient, emulator: Emulator) -> tuple[DeviceFlow, Any]:
    """Cancel a device flow over the poll that brings the tokens; return it, and that poll."""
    flow = auth.flows.device_sign_in()

    async def show(codes: DeviceAuthorization) -> None:
        await (await _alice(auth)).authorization.device(codes.user_code)

    held = emulator.faults.add("POST /token", "hold", when="after")
    caller = asyncio.create_task(flow.run(show))
    await held.arrived
    caller.cancel()
    await asyncio.wait({caller})
    return flow, held


async def test_device_run_again_before_the_answer(auth: AuthClient, emulator: Emulator) -> None:
    """Run again while the poll with the tokens is under way, the flow has these (B5, B39)."""
    flow, held = await _left_behind(auth, emulator)

    async def show(_: DeviceAuthorization) -> None:
        pass

    again = asyncio.create_task(flow.run(show))
    while len(auth._background._tasks) < 2:  # noqa: ASYNC110 - until its own poll waits
        await asyncio.sleep(0)
    held.release()
    tokens = await again
    assert (await auth.session(tokens).user.me()).username == "alice"
    assert await flow.run(show) is tokens
    assert [entry.route for entry in emulator.journal].count("POST /token") == 1


async def test_device_answered_while_it_is_shown_again(
    auth: AuthClient, emulator: Emulator
) -> None:
    """Tokens that come while the code is shown again are the flow's; no poll follows (B5, B39)."""
    flow, held = await _left_behind(auth, emulator)

    async def show(_: DeviceAuthorization) -> None:
        held.release()
        while auth._background._tasks:  # noqa: ASYNC110 - the poll ends by itself
            await asyncio.sleep(0)

    began = emulator.clock.wall()
    tokens = await flow.run(show)
    assert emulator.clock.wall() == began
    assert (await auth.session(tokens).user.me()).username == "alice"
    assert [entry.route for entry in emulator.journal].count("POST /token") == 1


async def test_device_denied(auth: AuthClient, emulator: Emulator) -> None:
    """After a no, run again, the flow shows a code to which somebody can still say yes (B39)."""
    flow, shown = auth.flows.device_sign_in(), list[str]()

    async def show(codes: DeviceAuthorization) -> None:
        shown.append(codes.user_code)
        if len(shown) == 1:
            emulator.deny_device(codes.user_code)
        else:
            await (await _alice(auth)).authorization.device(codes.user_code)

    with pytest.raises(errors.PermissionDenied):
        await flow.run(show)
    assert flow.authorization is None
    assert (await flow.run(show)).sub
    assert len(set(shown)) == 2


async def test_device_code_that_was_used(auth: AuthClient, emulator: Emulator) -> None:
    """After the answer with the tokens was lost, run again, the flow shows another code (B39)."""
    flow, shown = auth.flows.device_sign_in(), list[str]()

    async def show(codes: DeviceAuthorization) -> None:
        shown.append(codes.user_code)
        await (await _alice(auth)).authorization.device(codes.user_code)

    emulator.faults.add("POST /token", "drop_after")
    with pytest.raises(errors.InvalidGrant):
        await flow.run(show)
    assert (await flow.run(show)).sub
    assert len(set(shown)) == 2


async def test_device_expired_where_the_service_says_so(
    auth: AuthClient, emulator: Emulator
) -> None:
    """A code that the service calls expired before its time is not shown again (B39)."""
    flow, shown = auth.flows.device_sign_in(), list[str]()
    emulator.faults.add("POST /token", "status", status=400, body=b'{"error":"expired_token"}')

    async def show(codes: DeviceAuthorization) -> None:
        shown.append(codes.user_code)
        if len(shown) == 2:
            await (await _alice(auth)).authorization.device(codes.user_code)

    with pytest.raises(errors.DeviceCodeExpired):
        await flow.run(show)
    assert flow.authorization is None
    assert (await flow.run(show)).sub
    assert len(set(shown)) == 2


async def test_device_answered_after_its_code_died(auth: AuthClient, emulator: Emulator) -> None:
    """Tokens that come before a new code is asked for in place of a dead one are taken (B5)."""
    flow, held = await _left_behind(auth, emulator)
    emulator.clock.advance(seconds=601)
    assert flow.authorization is None

    async def show(_: DeviceAuthorization) -> None:
        pytest.fail("there is nothing to say yes to")

    again = asyncio.create_task(flow.run(show))
    while len(auth._background._tasks) < 2:  # noqa: ASYNC110 - until it asks for a code
        await asyncio.sleep(0)
    held.release()
    assert (await again).sub
    assert [entry.route for entry in emulator.journal][-1] == "POST /token"


# Who is asked goes away


async def test_nobody_to_ask_for_a_password(auth: AuthClient, emulator: Emulator) -> None:
    """What `ask` raises comes out as it is, without a frame that holds the password (B23)."""
    session = await _alice(auth)
    emulator.faults.add(
        "PATCH /user/password", "status", status=400, body=b'{"error":"invalid_argument"}'
    )

    async def ask(_: Any) -> str:
        raise GoneError

    with pytest.raises(GoneError) as caught:
        await session.flows.change_password(new_password=CANARY, ask=ask)
    assert CANARY not in _our_locals(caught.value)
    assert caught.traceback[-1].name == "ask"


async def test_nobody_to_ask_again(auth: AuthClient) -> None:
    """Nor does a frame hold the code that was typed in before (B23)."""
    asked: list[str] = []

    async def ask(_: Any) -> str:
        if asked:
            raise GoneError
        asked.append(CANARY)
        return CANARY

    with pytest.raises(GoneError) as caught:
        await auth.flows.sign_in_or_up(email=MAIL, password=CANARY).run(ask)
    assert asked
    assert CANARY not in _our_locals(caught.value)


async def test_nothing_to_show_it_on(auth: AuthClient) -> None:
    """What `show` raises comes out as it is, with no frame of ours beyond the edge (B23)."""
    flow = auth.flows.device_sign_in()

    async def show(_: DeviceAuthorization) -> None:
        raise GoneError

    with pytest.raises(GoneError) as caught:
        await flow.run(show)
    assert flow.authorization is not None
    assert flow.authorization.device_code not in _our_locals(caught.value)
    assert "_device.py" not in _our_locals(caught.value)


# A session's flows


async def test_upgrade_answered_in_half(auth: AuthClient, emulator: Emulator) -> None:
    """An upgrade whose answer has one mistyped side field loses no tokens (B29)."""
    session = await _guest(auth)
    before = session.tokens
    body = {"access_token": before.access_token, "refresh_token": "m.new", "sub": before.sub}
    answer = json.dumps(body | {"expires_in": "7200"}).encode()
    emulator.faults.add("POST /signup", "status", status=200, body=answer)
    tokens = await session.flows.upgrade_with_provider(emulator.provider_token("github"))
    assert session.tokens.refresh_token == tokens.refresh_token == "m.new"


async def test_upgrade_that_was_rejected(auth: AuthClient, emulator: Emulator, sent: Any) -> None:
    """A 401 to the sign-up costs no refresh, and it is not sent again with a dead token (B30)."""
    session = await _guest(auth)
    before = session.tokens
    emulator.faults.add("POST /signup", "status", status=401, body=b'{"error":"unauthenticated"}')
    with pytest.raises(errors.Unauthenticated):
        await session.flows.upgrade_with_provider(emulator.provider_token("github"))
    assert sent(1) == ["POST /signup"]
    assert session.tokens is before


@pytest.mark.parametrize("argument", ["username", "captcha_token", "provider_token"])
async def test_upgrade_with_a_bad_argument(
    auth: AuthClient, emulator: Emulator, sent: Any, argument: str
) -> None:
    """It is refused before a dead access token is renewed for it: that would cost a spend (B2)."""
    session = await _guest(auth)
    session.invalidate(session.tokens.access_token)
    before = len(sent())
    arguments: Any = {"provider_token": emulator.provider_token("github"), argument: ""}
    with pytest.raises(errors.ConfigurationError, match=argument):
        await session.flows.upgrade_with_provider(**arguments)
    assert len(sent()) == before


async def _guest(auth: AuthClient) -> TokenSession:
    return auth.session(await auth.sign_in.anonymously())


# Codes


async def test_another_code_while_one_is_completed(auth: AuthClient, emulator: Emulator) -> None:
    """A code asked for while another is checked and used does not take its proof away (B5)."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    completing = asyncio.create_task(flow.complete(emulator.codes[MAIL]))
    await asyncio.sleep(0)
    sending = asyncio.create_task(flow.send())
    tokens = await completing
    await sending
    assert (await auth.session(tokens).user.me()).username == "alice"


async def test_proof_that_is_refused(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """Where the last step refuses a good proof, nobody is asked for the code once more (B4)."""
    flow, asked = auth.flows.sign_in_or_up(email=MAIL), person(MAIL)
    body = b'{"error":"invalid_verification_code"}'
    emulator.faults.add("POST /signin", "status", status=400, body=body)
    with pytest.raises(errors.InvalidCode):
        await flow.run(asked)
    assert flow.proven
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 1


async def test_done_long_ago(auth: AuthClient, emulator: Emulator, person: Any, sent: Any) -> None:
    """A flow that is done gives its answer again when its proof is dead, and sends nothing (B5)."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    tokens = await flow.run(person(MAIL))
    emulator.clock.advance(seconds=601)
    assert not flow.proven
    assert await flow.run(person(MAIL)) is tokens
    assert await flow.complete("anything") is tokens
    assert sent() == ["POST /verification", "POST /verification/verify", "POST /signin"]


async def test_another_code_while_the_proof_is_used(auth: AuthClient, emulator: Emulator) -> None:
    """A code asked for between check and sign-in does not take the proof away (B5)."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    asked, code = asyncio.Event(), emulator.codes[MAIL]

    async def ask(_: Any) -> str:
        asked.set()
        return code

    running = asyncio.create_task(flow.run(ask))
    await asked.wait()
    sending = asyncio.create_task(flow.send())
    tokens = await running
    await sending
    assert (await auth.session(tokens).user.me()).username == "alice"


async def test_proof_where_the_wall_clock_is_ahead(auth: AuthClient, emulator: Emulator) -> None:
    """A clock that is wrong, before the service was heard of, does not undo a proof (B17)."""
    first = auth.flows.sign_in_or_up(email=MAIL)
    await first.send()
    code = emulator.codes[MAIL]
    emulator.faults.add("POST /signin", "drop_before")
    with pytest.raises(errors.ConnectionLost):
        await first.complete(code)
    ahead = ManualClock(wall=emulator.clock.wall() + 3600)
    async with emulator.client(clock=ahead) as other:
        second = other.flows.sign_in_or_up(email=MAIL, resume=first.to_dict())
        assert second.proven
        assert (await second.complete(code)).sub
