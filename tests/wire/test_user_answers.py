"""The rest of the user's calls: what comes back as values, what as errors, and what of tokens."""

import json
import pickle
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenPair, TokenSession, errors
from cloudbase_auth_async.endpoints.providers import transfer_call
from cloudbase_auth_async.models import FoundUser, SecurityEvent
from cloudbase_auth_async.testing import Emulator, Request

PASSWORD, NEW_PASSWORD = "Passw0rd!", "N3w-passw0rd"
PHONE, NEW_PHONE = "+86 13800000000", "+86 13900000000"
MAIL = "alice@example.com"
SIGNED_IN_AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.fixture
async def session(emulator: Emulator, auth: AuthClient) -> TokenSession:
    """Return alice's session; carol is there, too."""
    emulator.add_user(username="carol", password=PASSWORD, phone_number=NEW_PHONE, name="Carol")
    held = auth.session(await auth.sign_in.password("alice", PASSWORD))
    await held.user.edit(phone=PHONE, email=MAIL)
    return held


async def proof(emulator: Emulator, auth: AuthClient, place: str) -> str:
    """Return a verification_token for a phone number."""
    sent = await auth.verification.send(phone_number=place)
    found = await auth.verification.verify(sent.verification_id, emulator.codes[place])
    return found.verification_token


async def contact(emulator: Emulator, auth: AuthClient, session: TokenSession, **more: Any) -> None:
    """Bind carol's number to alice."""
    sudo = await session.user.sudo(password=PASSWORD)
    await session.user.edit_contact(
        phone_number=NEW_PHONE,
        sudo_token=sudo.sudo_token,
        verification_token=await proof(emulator, auth, NEW_PHONE),
        **more,
    )


async def test_edits_are_in_the_profile(session: TokenSession) -> None:
    """What was edited stands in the profile, and what was left out is as it was."""
    await session.user.edit(nickname="Alice", description="herself", gender="FEMALE")
    profile = await session.user.edit_profile(picture="https://example.com/a.png", locale="zh-cn")
    assert profile == await session.user.me()
    assert (profile.name, profile.username, profile.gender) == ("Alice", "alice", "FEMALE")
    assert (profile.user_desc, profile.locale) == ("herself", "zh-cn")
    assert (profile.picture, profile.phone_number) == ("https://example.com/a.png", PHONE)


async def test_a_new_password_is_taken(session: TokenSession, auth: AuthClient) -> None:
    """After `edit` with both passwords the new one signs in."""
    await session.user.edit(password=PASSWORD, new_password=NEW_PASSWORD)
    assert (await auth.sign_in.password("alice", NEW_PASSWORD)).sub == session.tokens.sub


async def test_extras_of_the_profile(emulator: Emulator, session: TokenSession) -> None:
    """What only the JavaScript client knows of is typed, too."""
    told = {
        "sub": "s",
        "email_verified": True,
        "birthdate": "2000-02-29",
        "zoneinfo": "Asia/Shanghai",
        "locale": "zh-cn",
        "created_from": "invitation",
        "address": {"country": "CN", "locality": "Shenzhen"},
        "last_sign_in_at": "2023-11-14T22:13:20Z",
        "loginType": "PASSWORD",
    }
    emulator.faults.add("GET /user/me", "status", status=200, body=told)
    profile = await session.user.me()
    assert profile.email_verified is True
    assert (profile.birthdate, profile.zoneinfo) == ("2000-02-29", "Asia/Shanghai")
    assert (profile.locale, profile.created_from) == ("zh-cn", "invitation")
    assert profile.address == {"country": "CN", "locality": "Shenzhen"}
    assert profile.last_sign_in_at == SIGNED_IN_AT
    assert profile.login_type == "PASSWORD"
    assert profile.extra == {}


async def test_found_users(session: TokenSession) -> None:
    """Users come as values with what the service tells of them, and nobody as an empty list."""
    found = await session.user.find(username="carol")
    (carol,) = found.data
    assert (found.total, carol) == (1, FoundUser(sub=carol.sub, name="Carol"))
    both = await session.user.find(ids=[carol.sub, str(session.tokens.sub)])
    assert {each.phone_number for each in both.data} == {None, PHONE}
    nobody = await session.user.find(username="carol", email=MAIL)
    assert (nobody.total, nobody.data) == (0, ())


async def test_history_in_pages(session: TokenSession, auth: AuthClient) -> None:
    """Each page names the next one, the last one none; an event has its device and its time."""
    await auth.sign_in.password("alice", PASSWORD)
    first = await session.user.security_history(limit=1)
    last = await session.user.security_history(limit=1, page_token=first.page_token)
    assert (first.total, len(first.data), len(last.data)) == (2, 1, 1)
    assert first.page_token is not None
    assert last.page_token is None
    (event,) = last.data
    assert isinstance(event, SecurityEvent)
    assert (event.device_id, event.created_at) == (auth.device_id, SIGNED_IN_AT)
    assert (event.client_id, event.ip, event.meta) == ("demo-env", "127.0.0.1", {"from": ""})
    assert (await session.user.security_history(sign_ins=False)).data == ()


async def test_history_without_an_envelope(emulator: Emulator, session: TokenSession) -> None:
    """Nobody documents what the events come in: a bare list is read, too."""
    body = b'[{"id": "e"}]'
    emulator.faults.add("GET /user/security/history", "status", status=200, body=body)
    history = await session.user.security_history()
    assert (history.total, history.data) == (None, (SecurityEvent(id="e"),))


async def test_what_weda_knows(emulator: Emulator, session: TokenSession) -> None:
    """What WeDa answers is documented nowhere: it comes as it is, and cannot be changed."""
    me = await session.user.me()
    assert (await session.user.weda_info())["sub"] == me.sub
    body = {"extra": {"a": [1]}, "null": None}
    emulator.faults.add("GET /plugin/weda/userinfo", "status", status=200, body=body)
    told = await session.user.weda_info()
    assert (dict(told), told, len(told)) == (body, body, 2)
    with pytest.raises(TypeError):
        told["more"] = 1  # type: ignore[index]
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(told)


async def test_own_code_becomes_sudo(
    emulator: Emulator, session: TokenSession, auth: AuthClient
) -> None:
    """A code to the user's own number, checked, proves who they are."""
    sent = await session.verification.send(phone_number=PHONE)
    assert (sent.is_user, sent.expires_in) == (True, 600)
    checked = await auth.verification.verify(sent.verification_id, emulator.codes[PHONE])
    sudo = await session.user.sudo(verification_token=checked.verification_token)
    await session.user.delete(sudo_token=sudo.sudo_token)


@pytest.mark.parametrize("resolution", ["TRANSFER", "DELETE_ACCOUNT_TRANSFER"])
async def test_contact_is_taken_over(
    resolution: str, emulator: Emulator, auth: AuthClient, session: TokenSession
) -> None:
    """A number of somebody else moves here, and whoever had it keeps their account or does not."""
    await contact(emulator, auth, session, conflict_resolution=resolution)
    assert (await session.user.me()).phone_number == NEW_PHONE
    left = await session.user.find(username="carol")
    assert left.total == (1 if resolution == "TRANSFER" else 0)


async def test_an_account_is_changed(emulator: Emulator, session: TokenSession) -> None:
    """Another account of the provider takes the place of the bound one; its client id is told."""
    await session.providers.bind(emulator.provider_token())
    other = emulator.provider_token(provider_user_id="other", provider_user_name="hubot")
    assert await session.providers.change("github", other) == "demo-env"
    (bound,) = await session.providers.list()
    assert (bound.id, bound.provider_user_name) == ("github", "hubot")


async def test_transfer_answers_the_next_pair(
    emulator: Emulator, auth: AuthClient, session: TokenSession
) -> None:
    """The call for a transfer answers a pair of the same user, and the old tokens are dead."""
    pair = await session._owned.call(transfer_call(emulator.provider_token()))
    assert isinstance(pair, TokenPair)
    assert pair.sub == session.tokens.sub
    assert (await auth.session(pair).user.me()).username == "alice"
    with pytest.raises(errors.SessionEnded):
        await session.user.me()


async def test_transfer_loses_no_tokens(emulator: Emulator, session: TokenSession) -> None:
    """A wrong type beside the new tokens does not cost them: the old ones are dead (B29)."""
    body = {"access_token": "a", "refresh_token": "m.2", "scope": 5}
    emulator.faults.add("PATCH /user/trans/by/provider", "status", status=200, body=body)
    pair = await session._owned.call(transfer_call("a-token"))
    assert (pair.access_token, pair.refresh_token) == ("a", "m.2")


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "half_body"])
async def test_transfer_goes_out_once_and_alone(
    kind: Any, emulator: Emulator, session: TokenSession
) -> None:
    """A transfer is not sent twice, nor on a connection that may be dead already (B4)."""
    fault = emulator.faults.add("PATCH /user/trans/by/provider", kind, times=None)
    used = {entry.connection for entry in emulator.journal}
    with pytest.raises(errors.ConnectionLost) as caught:
        await session._owned.call(transfer_call(emulator.provider_token()))
    assert caught.value.may_have_reached_server
    assert fault.hits == 1
    assert emulator.journal[-1].connection not in used


async def test_a_code_in_the_users_name(emulator: Emulator, session: TokenSession) -> None:
    """A code comes with its scope, state and life, and does not show in its repr."""
    answer = await session.authorization.authorize(scope="user", state="s")
    assert (answer.scope, answer.state, answer.expires_in) == ("user", "s", 60)
    assert (answer.access_token, answer.id_token, answer.token_type) == (None, None, None)
    assert answer.code
    assert answer.code not in repr(answer)
    with pytest.raises(TypeError, match="Authorization"):
        pickle.dumps(answer)


async def test_tokens_instead_of_a_code(emulator: Emulator, session: TokenSession) -> None:
    """A service that answers tokens is read, too, and none of them shows in a repr."""
    body = {"access_token": "c4nary-a", "id_token": "c4nary-i", "state": "c4nary-s"}
    emulator.faults.add("POST /user/authorize", "status", status=200, body=body)
    answer = await session.authorization.authorize(response_type="token id_token")
    assert (answer.access_token, answer.id_token) == ("c4nary-a", "c4nary-i")
    assert "c4n" not in repr(answer)


async def test_who_asks_and_for_what(session: TokenSession) -> None:
    """The client that asks and the scopes it asks for come as values."""
    info = await session.authorization.info(scope="sso user")
    assert (info.client.id, info.client.name) == ("demo-env", "demo-env")
    assert [each.id for each in info.scopes] == ["sso", "user"]


async def test_a_device_is_let_in(emulator: Emulator, session: TokenSession) -> None:
    """Who knows the code of a waiting device says yes to it, once."""
    code = waiting(emulator)
    assert await session.authorization.device(code, scope="user") is None
    with pytest.raises(errors.NotFound):
        await session.authorization.device(code)


def waiting(emulator: Emulator) -> str:
    """Return the user code of a device that waits."""
    request = Request(method="POST", path="/auth/v1/device/code", body=b"{}")
    code: str = json.loads(emulator.answer(request).body)["user_code"]
    return code


async def test_one_device_ends(emulator: Emulator, session: TokenSession, auth: AuthClient) -> None:
    """The sessions of a device end and this one does not, until its own device is named."""
    async with emulator.client(device_id="tablet") as tablet:
        there = tablet.session(await tablet.sign_in.password("alice", PASSWORD))
        await session.devices.revoke("tablet")
        with pytest.raises(errors.SessionEnded):
            await there.user.me()
    await session.user.me()
    await session.devices.revoke(auth.device_id)
    with pytest.raises(errors.SessionEnded):
        await session.user.me()


async def test_after_the_end_of_all(session: TokenSession, auth: AuthClient) -> None:
    """The call after `revoke_all` raises `SessionEnded`, or without a refresh Unauthenticated."""
    await session.devices.revoke_all()
    with pytest.raises(errors.SessionEnded):
        await session.user.me()
    again = await auth.sign_in.password("alice", PASSWORD)
    bare = auth.session(access_token=again.access_token)
    await bare.devices.revoke_all()
    with pytest.raises(errors.Unauthenticated):
        await bare.user.me()


Wrong = Callable[[TokenSession, Emulator], Awaitable[Any]]
REFUSED: Mapping[str, tuple[Wrong, type[errors.ApiError]]] = {
    "name is short": (lambda s, _: s.user.edit(nickname="a"), errors.InvalidArgument),
    "name is taken": (lambda s, _: s.user.edit(username="carol"), errors.AlreadyExists),
    "number is taken": (lambda s, _: s.user.edit(phone=NEW_PHONE), errors.PreconditionFailed),
    "old password is wrong": (
        lambda s, _: s.user.edit(password="no", new_password=NEW_PASSWORD),
        errors.InvalidCredentials,
    ),
    "other user": (lambda s, _: s.user.edit(user_id="1", nickname="Al"), errors.PermissionDenied),
    "profile": (lambda s, _: s.user.edit_profile(gender="X"), errors.InvalidArgument),
    "profile name is taken": (
        lambda s, _: s.user.edit_profile(username="carol"),
        errors.AlreadyExists,
    ),
    "no sudo": (
        lambda s, _: s.user.edit_contact(email=MAIL, sudo_token="x", verification_token="x"),
        errors.SudoRequired,
    ),
    "limit": (lambda s, _: s.user.security_history(limit=101), errors.InvalidArgument),
    "page": (lambda s, _: s.user.security_history(page_token="x"), errors.InvalidArgument),
    "not one's own": (
        lambda s, _: s.verification.send(phone_number=NEW_PHONE),
        errors.PreconditionFailed,
    ),
    "usage": (
        lambda s, _: s.verification.send(phone_number=PHONE, usage="FUN"),
        errors.InvalidArgument,
    ),
    "provider token": (lambda s, _: s.providers.change("github", "x"), errors.InvalidGrant),
    "other provider": (
        lambda s, e: s.providers.change("github", e.provider_token("wx_open")),
        errors.InvalidArgument,
    ),
    "not bound": (
        lambda s, e: s.providers.change("github", e.provider_token()),
        errors.NotFound,
    ),
    "transfer": (lambda s, _: s._owned.call(transfer_call("x")), errors.InvalidGrant),
    "device": (lambda s, _: s.devices.revoke("nowhere"), errors.NotFound),
    "response type": (
        lambda s, _: s.authorization.authorize(response_type="token"),
        errors.InvalidArgument,
    ),
    "scope": (lambda s, _: s.authorization.authorize(scope="admin"), errors.InvalidArgument),
    "address": (lambda s, _: s.authorization.authorize(redirect_uri="x"), errors.InvalidArgument),
    "challenge": (
        lambda s, _: s.authorization.authorize(code_challenge="x"),
        errors.InvalidArgument,
    ),
    "user code": (lambda s, _: s.authorization.device("BBBB-BBBB"), errors.NotFound),
    "device's scope": (
        lambda s, e: s.authorization.device(waiting(e), scope="admin"),
        errors.InvalidArgument,
    ),
    "info": (lambda s, _: s.authorization.info(scope="admin"), errors.InvalidArgument),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_refusal_is_its_typed_error(
    case: str, emulator: Emulator, session: TokenSession
) -> None:
    """Each documented refusal is the error that the docstring names, after one request."""
    run, kind = REFUSED[case]
    before = len(emulator.journal)
    with pytest.raises(errors.ApiError) as caught:
        await run(session, emulator)
    assert type(caught.value) is kind
    assert len(emulator.journal) == before + 1


async def test_refusals_that_need_a_stage(
    emulator: Emulator, auth: AuthClient, session: TokenSession
) -> None:
    """A taken number is not moved unasked, and an anonymous user has nothing to edit."""
    with pytest.raises(errors.PreconditionFailed):
        await contact(emulator, auth, session)
    with pytest.raises(errors.InvalidArgument):
        await contact(emulator, auth, session, conflict_resolution="MINE")
    anonymous = auth.session(await auth.sign_in.anonymously())
    with pytest.raises(errors.PermissionDenied):
        await anonymous.user.edit(nickname="Nobody")


async def test_a_code_too_soon(emulate: Callable[..., Awaitable[Emulator]]) -> None:
    """A second code within the service's interval is a RateLimited that says how long to wait."""
    emulator = await emulate(code_interval_seconds=60)
    user = emulator.add_user(phone_number=PHONE)
    async with emulator.client() as auth:
        session = auth.session(emulator.tokens(user))
        await session.verification.send(phone_number=PHONE)
        with pytest.raises(errors.RateLimited) as caught:
            await session.verification.send(phone_number=PHONE)
    assert caught.value.retry_after == 60
