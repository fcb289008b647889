"""What a new user was given, and a flow that goes on in another request: none of it is lost."""

import json
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
PLACE = "new@example.com"
MAIL = "alice@example.com"
GIVEN = {
    "username": "bob_1",
    "password": PASSWORD,
    "name": "c4nary name",
    "gender": "FEMALE",
    "picture": "https://example.com/c4nary.png",
    "locale": "zh-c4nary",
}


async def _maker(auth: AuthClient, kind: str) -> Any:
    if kind == "upgrade":
        return auth.session(await auth.sign_in.anonymously()).flows.upgrade
    return auth.flows.sign_in_or_up


def _saved(flow: Any) -> Any:
    return json.loads(json.dumps(flow.to_dict()))


@pytest.mark.parametrize("lacking", GIVEN)
@pytest.mark.parametrize("kind", ["sign_in_or_up", "upgrade"])
async def test_an_argument_that_is_missing(
    auth: AuthClient, sent: Any, kind: str, lacking: str
) -> None:
    """An argument of the flow that was begun, and not of the one that goes on, is named."""
    make = await _maker(auth, kind)
    flow = make(email=PLACE, **GIVEN)
    await flow.send()
    before = sent()
    fewer = {name: value for name, value in GIVEN.items() if name != lacking}
    with pytest.raises(errors.ConfigurationError, match="give it again") as caught:
        make(email=PLACE, resume=_saved(flow), **fewer)
    assert caught.value.argument == lacking
    assert sent() == before


@pytest.mark.parametrize("kind", ["sign_in_or_up", "upgrade"])
async def test_given_again(auth: AuthClient, emulator: Emulator, kind: str) -> None:
    """Given again, perhaps with more, it is the new user's; what was saved has names alone."""
    make = await _maker(auth, kind)
    flow = make(email=PLACE, password=PASSWORD)
    await flow.send()
    saved = _saved(flow)
    assert saved["given"] == ["password"]
    resumed = make(email=PLACE, resume=saved, **GIVEN)
    assert _saved(resumed)["given"] == list(GIVEN)
    assert not any(value in json.dumps(_saved(resumed)) for value in GIVEN.values())
    await resumed.complete(emulator.codes[PLACE])
    assert (await auth.sign_in.password("bob_1", PASSWORD)).sub


async def test_a_known_user(auth: AuthClient, sent: Any) -> None:
    """So it is where there is a user by now: they may be gone when the code comes."""
    flow = auth.flows.sign_in_or_up(email=MAIL, password=PASSWORD)
    assert (await flow.send()).is_user
    with pytest.raises(errors.ConfigurationError) as caught:
        auth.flows.sign_in_or_up(email=MAIL, resume=_saved(flow))
    assert caught.value.argument == "password"


async def test_saved_before_that_was_written(auth: AuthClient, emulator: Emulator) -> None:
    """What a version wrote that kept no record of it is gone on with, as it was."""
    flow = auth.flows.sign_in_or_up(email=PLACE, password=PASSWORD)
    await flow.send()
    saved = _saved(flow)
    del saved["given"]
    resumed = auth.flows.sign_in_or_up(email=PLACE, resume=saved)
    assert (await resumed.complete(emulator.codes[PLACE])).sub


async def test_flows_that_make_no_user(auth: AuthClient) -> None:
    """A flow that takes nothing of a new user writes nothing of it, and looks for none."""
    session = auth.session(await auth.sign_in.password("alice", PASSWORD))
    sudo = session.flows.sudo_by_code(email=MAIL)
    lost = auth.flows.reset_password(email=MAIL, new_password=PASSWORD)
    assert "given" not in _saved(sudo)
    assert "given" not in _saved(lost)
    assert session.flows.sudo_by_code(email=MAIL, resume=_saved(sudo))
    assert auth.flows.reset_password(email=MAIL, new_password=PASSWORD, resume=_saved(lost))


@pytest.mark.parametrize(
    "given", [None, "password", 7, ["c4nary"], [["password"]], {"password": 1}], ids=range(6)
)
async def test_a_record_that_is_none(auth: AuthClient, given: Any) -> None:
    """What `to_dict` did not write is refused, and not shown (B23)."""
    saved = auth.flows.sign_in_or_up(email=PLACE).to_dict() | {"given": given}
    with pytest.raises(errors.ConfigurationError, match="must be what to_dict wrote") as caught:
        auth.flows.sign_in_or_up(email=PLACE, resume=saved)
    assert caught.value.argument == "resume"
    assert "c4nary" not in str(caught.value)


async def test_what_a_flow_shows(auth: AuthClient, emulator: Emulator) -> None:
    """Its repr says how far it has come, and nothing of what it holds (B23)."""
    flow = auth.flows.sign_in_or_up(email=PLACE, **GIVEN)
    shown = [repr(flow)]
    await flow.send()
    shown.append(repr(flow))
    emulator.faults.add("POST /signup", "status", status=503)
    with pytest.raises(errors.ServerUnavailable):
        await flow.complete(emulator.codes[PLACE])
    shown.append(repr(flow))
    await flow.complete("not looked at")
    shown.append(repr(flow))
    assert shown == [
        f"<CodeFlow sign_in_or_up{state}>" for state in ("", " sent", " proven", " done")
    ]
