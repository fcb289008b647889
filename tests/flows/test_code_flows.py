"""Flows with a code: sign in or up, a new password; whole, in two requests, cut short anywhere."""

import asyncio
import json
import pickle
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
PHONE = "+86 13900000000"
MAIL = "alice@example.com"


async def test_a_new_person_is_signed_up(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """A phone number that is nobody's becomes a user with what was said of them."""
    asked = person(PHONE)
    flow = auth.flows.sign_in_or_up(phone_number=PHONE, name="Bob", password=PASSWORD)
    tokens = await flow.run(asked)
    profile = await auth.session(tokens).user.me()
    assert (profile.phone_number, profile.name, profile.has_password) == (PHONE, "Bob", True)
    assert sent()[:3] == ["POST /verification", "POST /verification/verify", "POST /signup"]
    assert [each.is_user for each in asked.asked] == [False]
    assert await flow.run(asked) is tokens
    assert await flow.complete("anything") is tokens
    assert emulator.journal[-1].route == "GET /user/me"


async def test_a_known_person_is_signed_in(auth: AuthClient, person: Any, sent: Any) -> None:
    """An e-mail address that is somebody's signs them in."""
    tokens = await auth.flows.sign_in_or_up(email=MAIL).run(person(MAIL))
    assert (await auth.session(tokens).user.me()).username == "alice"
    assert sent()[:3] == ["POST /verification", "POST /verification/verify", "POST /signin"]


async def test_somebody_came_in_between(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """Who was nobody when the code was sent, and is somebody by now, is signed in."""
    flow = auth.flows.sign_in_or_up(phone_number=PHONE)
    await flow.send()
    emulator.add_user(username="carol", phone_number=PHONE)
    tokens = await flow.run(person(PHONE))
    assert (await auth.session(tokens).user.me()).username == "carol"


async def test_somebody_went_in_between(auth: AuthClient, person: Any) -> None:
    """Who was somebody when the code was sent, and is gone by now, is signed up."""
    alice = auth.session(await auth.sign_in.password("alice", PASSWORD))
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    await alice.user.delete(sudo_token=(await alice.user.sudo(password=PASSWORD)).sudo_token)
    tokens = await flow.run(person(MAIL))
    assert tokens.sub != alice.tokens.sub


async def test_a_taken_name(auth: AuthClient, person: Any) -> None:
    """A user name that is somebody else's is the error, and the proof is good for another try."""
    flow = auth.flows.sign_in_or_up(phone_number=PHONE, username="alice")
    with pytest.raises(errors.AlreadyExists):
        await flow.run(person(PHONE))
    assert flow.proven
    better = auth.flows.sign_in_or_up(phone_number=PHONE, username="bob_1", resume=flow.to_dict())
    tokens = await better.complete("not looked at any more")
    assert (await auth.session(tokens).user.me()).username == "bob_1"


async def test_two_requests_of_a_web_app(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """What `to_dict` wrote goes on in another process, through JSON."""
    first = auth.flows.sign_in_or_up(email=MAIL)
    await first.send()
    saved = json.loads(json.dumps(first.to_dict()))
    async with emulator.client() as other:
        second = other.flows.sign_in_or_up(email=MAIL, resume=saved)
        assert second.sent
        tokens = await second.complete(emulator.codes[MAIL])
    assert tokens.sub
    asked = person(MAIL)
    third = auth.flows.sign_in_or_up(email=MAIL, resume=saved)
    with pytest.raises(errors.InvalidCode):  # the code was used by the second
        await third.run(asked)
    assert [each.is_user for each in asked.asked] == [True, True, True]
    assert asked.asked[0].expires_in == 600


@pytest.mark.parametrize("slips", [1, 2])
async def test_a_slip(auth: AuthClient, person: Any, sent: Any, slips: int) -> None:
    """A wrong code is asked for again; no second one is sent."""
    asked = person(MAIL, slips=slips)
    await auth.flows.sign_in_or_up(email=MAIL).run(asked)
    assert len(asked.asked) == slips + 1
    assert sent().count("POST /verification") == 1


async def test_three_slips(auth: AuthClient, person: Any, sent: Any) -> None:
    """The third wrong code is the error; run again, the flow sends another."""
    flow, asked = auth.flows.sign_in_or_up(email=MAIL), person(MAIL, slips=3)
    with pytest.raises(errors.InvalidCode):
        await flow.run(asked)
    assert not flow.sent
    await flow.run(asked)
    assert sent().count("POST /verification") == 2


async def test_a_code_that_expired(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """A code that nobody answered in time is replaced, and so is a proof that nobody used."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    emulator.clock.advance(seconds=601)
    assert not flow.sent
    emulator.faults.add("POST /signin", "status", status=503)
    with pytest.raises(errors.ServerUnavailable):
        await flow.run(person(MAIL))
    assert flow.proven
    emulator.clock.advance(seconds=601)
    assert not flow.proven
    await flow.run(person(MAIL))
    assert sent().count("POST /verification") == 3


async def test_cancelled_at_each_await(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """Wherever it is cancelled, the flow goes on from there: one code, one sign-in (B5)."""
    for turns in range(40):
        flow, asked = auth.flows.sign_in_or_up(email=MAIL), person(MAIL)
        before = len(emulator.journal)
        caller = asyncio.create_task(flow.run(asked))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller})
        tokens = await flow.run(asked)
        assert tokens.sub
        assert len(emulator.journal) - before == 3


async def test_two_at_once(auth: AuthClient, emulator: Emulator) -> None:
    """The same code given twice at once is checked once, and both get the same answer."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    code = emulator.codes[MAIL]
    first, second = await asyncio.gather(flow.complete(code), flow.complete(code))
    assert first is second
    assert len(emulator.journal) == 3


async def test_a_lost_answer(auth: AuthClient, emulator: Emulator, person: Any, sent: Any) -> None:
    """A sign-up whose answer was lost is a sign-in the next time, with a new code (B4)."""
    flow = auth.flows.sign_in_or_up(phone_number=PHONE)
    emulator.faults.add("POST /signup", "drop_after")
    with pytest.raises(errors.TransportError):
        await flow.run(person(PHONE))
    resumed = auth.flows.sign_in_or_up(phone_number=PHONE, resume=flow.to_dict())
    tokens = await flow.run(person(PHONE))
    assert (await auth.session(tokens).user.me()).phone_number == PHONE
    assert sent().count("POST /verification") == 2
    with pytest.raises(errors.InvalidArgument):  # the proof is used up, and it finds out
        await resumed.complete("not looked at")
    assert not resumed.proven
    assert (await resumed.run(person(PHONE))).sub == tokens.sub


async def test_a_refusal_the_first_time(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """A last step that refuses something else keeps the proof for a better try."""
    flow = auth.flows.sign_in_or_up(phone_number=PHONE)
    refusal = b'{"error":"invalid_argument","error_code":3}'
    emulator.faults.add("POST /signup", "status", status=400, body=refusal)
    with pytest.raises(errors.InvalidArgument):
        await flow.run(person(PHONE))
    assert flow.proven
    assert (await flow.complete("not looked at")).sub


async def test_a_proof_that_was_not_shown_yet(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """A proof whose first showing is refused is kept, and no other code is sent for it."""
    flow = auth.flows.sign_in_or_up(phone_number=PHONE)
    refusal = b'{"error":"invalid_argument","error_code":3}'
    emulator.faults.add("POST /signup", "status", times=2, status=400, body=refusal)
    with pytest.raises(errors.InvalidArgument):
        await flow.run(person(PHONE))
    saved = flow.to_dict() | {"presented": False}  # as if its process had died before it was shown
    resumed = auth.flows.sign_in_or_up(phone_number=PHONE, resume=saved)
    with pytest.raises(errors.InvalidArgument):
        await resumed.run(person(PHONE))
    assert resumed.proven
    assert (await resumed.run(person(PHONE))).sub
    assert sent().count("POST /verification") == 1


async def test_a_captcha_by_hand(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """Without a solver, the code is sent with the token of a captcha solved by hand (B36)."""
    emulator.require_captcha("POST /verification")
    flow = auth.flows.sign_in_or_up(email=MAIL)
    with pytest.raises(errors.CaptchaRequired):
        await flow.send()
    picture = await auth.captcha.create()
    solved = await auth.captcha.verify(picture.token, emulator.captchas[picture.token])
    await flow.send(captcha_token=solved.captcha_token)
    assert (await flow.run(person(MAIL))).sub


async def test_a_new_password(auth: AuthClient, person: Any, sent: Any) -> None:
    """Who has lost their password gets a new one against a code to their e-mail."""
    await auth.flows.reset_password(email=MAIL, new_password="N3w-passw0rd").run(person(MAIL))
    assert sent() == ["POST /verification", "POST /verification/verify", "POST /reset"]
    assert await auth.sign_in.password("alice", "N3w-passw0rd")
    with pytest.raises(errors.InvalidCredentials):
        await auth.sign_in.password("alice", PASSWORD)


async def test_a_new_password_of_nobody(auth: AuthClient, person: Any) -> None:
    """No code is sent where there is no such user."""
    with pytest.raises(errors.PreconditionFailed):
        await auth.flows.reset_password(phone_number=PHONE, new_password=PASSWORD).run(
            person(PHONE)
        )


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"kind": "reset_password"}, "another kind"),
        ({"destination": {"email": "bob@example.com"}}, "another phone number"),
        ({"verification_id": 7}, "to_dict"),
        ({"is_user": "yes"}, "to_dict"),
        ({"presented": None}, "to_dict"),
        ({"expires_at": "soon"}, "to_dict"),
        ({"expires_at": True}, "to_dict"),
        ({"expires_at": None}, "to_dict"),
        ({"expires_at": float("inf")}, "to_dict"),
        ({"expires_at": float("nan")}, "to_dict"),
        ({"expires_at": 10**400}, "to_dict"),
        ({"expires_at": -1}, "to_dict"),
        ({"expires_at": 253402300800}, "to_dict"),
        ({"verification_id": ""}, "to_dict"),
        ({"verification_id": "\ud800"}, "to_dict"),
        ({"verification_token": "without its code"}, "to_dict"),
        ({"doubtful": 1}, "to_dict"),
    ],
    ids=range(17),
)
async def test_a_resume_that_is_none(auth: AuthClient, changed: Any, problem: str) -> None:
    """What `to_dict` did not write for this flow is refused, and not shown (B23)."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    with pytest.raises(errors.ConfigurationError, match=problem) as caught:
        auth.flows.sign_in_or_up(email=MAIL, resume=flow.to_dict() | changed)
    assert caught.value.argument == "resume"
    assert "bob@" not in str(caught.value)


async def test_bad_arguments(auth: AuthClient, person: Any) -> None:
    """Wrong arguments are named before a code is sent."""
    for wrong in ({}, {"email": MAIL, "phone_number": PHONE}, {"email": MAIL, "name": ""}):
        with pytest.raises(errors.ConfigurationError):
            auth.flows.sign_in_or_up(**wrong)
    with pytest.raises(errors.ConfigurationError, match="resume"):
        auth.flows.sign_in_or_up(email=MAIL, resume=["no mapping"])  # type: ignore[arg-type]
    flow = auth.flows.sign_in_or_up(email=MAIL)
    with pytest.raises(errors.ConfigurationError, match="before one was sent"):
        await flow.complete("123456")

    async def silent(_: Any) -> Any:
        return None

    with pytest.raises(errors.ConfigurationError, match="ask"):
        await flow.run(silent)
    await auth.aclose()
    with pytest.raises(errors.ClientClosed):
        await flow.run(person(MAIL))


@pytest.mark.parametrize("lives", [2**63 - 1, 0, -(2**63)], ids=["ages", "none", "less"])
async def test_a_life_that_makes_no_sense(auth: AuthClient, emulator: Emulator, lives: int) -> None:
    """However long the service says that a code lives, what is written down can be read."""
    body = {"verification_id": "an id", "expires_in": lives}
    emulator.faults.add("POST /verification", "status", status=200, body=body)
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    assert flow.sent == (lives > 0)
    saved = json.loads(json.dumps(flow.to_dict()))
    assert auth.flows.sign_in_or_up(email=MAIL, resume=saved).to_dict() == saved


@pytest.mark.parametrize("code", [None, 123456, b"123456"], ids=range(3))
async def test_a_code_that_is_none(auth: AuthClient, sent: Any, code: Any) -> None:
    """What nobody can have typed is named when it is given, and not sent."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    with pytest.raises(errors.ConfigurationError, match=r"^code: must be a string$"):
        await flow.complete(code)
    assert sent() == ["POST /verification"]
    assert flow.sent


async def test_secrets_do_not_show(auth: AuthClient, emulator: Emulator) -> None:
    """Neither the repr of a flow nor a pickle has the code or its proof in it (B23)."""
    flow = auth.flows.sign_in_or_up(email=MAIL, password=PASSWORD)
    await flow.send()
    assert repr(flow) == "<CodeFlow sign_in_or_up sent>"
    assert emulator.codes[MAIL] not in repr(vars(flow))
    with pytest.raises(TypeError, match="to_dict"):
        pickle.dumps(flow)


def test_a_flow_outlives_its_loop(emulator: Emulator) -> None:
    """Begun in one event loop, it goes on in the next, with two at once in both (B15)."""
    auth = emulator.memory_client()
    flow = auth.flows.sign_in_or_up(email=MAIL)

    async def twice(one: Any) -> list[Any]:
        return await asyncio.gather(one(), one())

    asyncio.run(twice(flow.send))
    first, second = asyncio.run(twice(lambda: flow.complete(emulator.codes[MAIL])))
    assert first is second
    asyncio.run(auth.aclose())
