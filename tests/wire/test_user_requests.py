"""The rest of the user's calls: what leaves the socket, to the letter, and with which token."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.endpoints.providers import transfer_call
from cloudbase_auth_async.testing import Emulator, Request

PASSWORD, NEW_PASSWORD = "Passw0rd!", "N3w-passw0rd"
PHONE, NEW_PHONE = "+86 13800000000", "+86 13900000000"
MAIL, NEW_MAIL = "bob@example.com", "new@example.com"
KEY = "Basic " + base64.b64encode(b"AKIDdemo:demo-key").decode()

Known = Mapping[str, str]
Run = Callable[[TokenSession, Known], Awaitable[Any]]


@attrs.frozen
class Row:
    """One use of a call; `{name}` stands for what the stage knows under that name."""

    run: Run
    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    device: bool = False
    bearer: str = "access"


EVERYTHING = {
    "nickname": "Bobby",
    "username": "bobby",
    "phone": NEW_PHONE,
    "email": NEW_MAIL,
    "description": "themself",
    "avatar_url": "https://example.com/a.png",
    "gender": "MALE",
    "password": PASSWORD,
    "new_password": NEW_PASSWORD,
}
PROFILE = {
    "name": "Bobby",
    "username": "bobby",
    "picture": "https://example.com/a.png",
    "gender": "FEMALE",
    "locale": "zh-cn",
    "birthdate": "2000-02-29",
    "zoneinfo": "Asia/Shanghai",
}
ASKED = {
    "redirect_uri": "https://app.example/back?x=1",
    "state": "a b&c",
    "scope": "user",
    "sign_out_uri": "https://app.example/bye",
}
PKCE = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
TABLE = {
    "edit everything": Row(
        lambda s, _: s.user.edit(**EVERYTHING), "POST", "/user/basic/edit", body=EVERYTHING
    ),
    "edit one field": Row(
        lambda s, _: s.user.edit(nickname="Bobby"),
        "POST", "/user/basic/edit",
        body={"nickname": "Bobby"},
    ),
    "edit as a server": Row(
        lambda s, k: s.user.edit(user_id=k["sub"], new_password=NEW_PASSWORD),
        "POST", "/user/basic/edit",
        body={"user_id": "{sub}", "new_password": NEW_PASSWORD},
        bearer="server",
    ),
    "edit profile": Row(
        lambda s, _: s.user.edit_profile(**PROFILE), "PATCH", "/user/profile", body=PROFILE
    ),
    "edit contact by phone": Row(
        lambda s, k: s.user.edit_contact(
            phone_number=NEW_PHONE,
            sudo_token=k["sudo"],
            verification_token=k["proof"],
            conflict_resolution="TRANSFER",
        ),
        "PATCH", "/user/contact",
        body={
            "phone_number": NEW_PHONE,
            "sudo_token": "{sudo}",
            "verification_token": "{proof}",
            "conflict_resolution": "TRANSFER",
        },
    ),
    "edit contact by mail": Row(
        lambda s, k: s.user.edit_contact(
            email=NEW_MAIL, sudo_token=k["sudo"], verification_token=k["mail_proof"]
        ),
        "PATCH", "/user/contact",
        body={"email": NEW_MAIL, "sudo_token": "{sudo}", "verification_token": "{mail_proof}"},
    ),
    "update password": Row(
        lambda s, k: s.user.update_password(
            old_password=PASSWORD,
            new_password=NEW_PASSWORD,
            confirm_password=NEW_PASSWORD,
            sudo_token=k["sudo"],
        ),
        "PATCH", "/user/password",
        query={"sudo_token": "{sudo}"},
        body={
            "old_password": PASSWORD,
            "new_password": NEW_PASSWORD,
            "confirm_password": NEW_PASSWORD,
            "sudo_token": "{sudo}",
        },
    ),
    "find": Row(
        lambda s, k: s.user.find(ids=[k["sub"]], username="bob", email=MAIL, phone_number=PHONE),
        "GET", "/user/query",
        query={"id": "{sub}", "username": "bob", "email": MAIL, "phone_number": PHONE},
    ),
    "find by name": Row(
        lambda s, _: s.user.find(username="bob"), "GET", "/user/query", query={"username": "bob"}
    ),
    "history": Row(
        lambda s, _: s.user.security_history(),
        "GET", "/user/security/history",
        query={"query[action]": "USER_LOGIN", "limit": "20"},
    ),
    "history of changes": Row(
        lambda s, _: s.user.security_history(sign_ins=False, limit=5, page_token="MDAwMDAw"),
        "GET", "/user/security/history",
        query={"ne_query[action]": "USER_LOGIN", "limit": "5", "page_token": "MDAwMDAw"},
    ),
    "weda info": Row(lambda s, _: s.user.weda_info(), "GET", "/plugin/weda/userinfo"),
    "send by SMS": Row(
        lambda s, _: s.verification.send(phone_number=PHONE),
        "POST", "/verification",
        body={"phone_number": PHONE, "target": "CUR_USER"},
        device=True,
    ),
    "send by mail": Row(
        lambda s, _: s.verification.send(
            email=MAIL,
            usage="PASSWORD_RESET",
            email_redirect_to="https://app.example/code",
            locale="en-US",
        ),
        "POST", "/verification",
        body={
            "email": MAIL,
            "target": "CUR_USER",
            "usage": "PASSWORD_RESET",
            "email_redirect_to": "https://app.example/code",
            "locale": "en-US",
        },
        device=True,
    ),
    "bind": Row(
        lambda s, k: s.providers.bind(k["wechat"], with_user_center=True),
        "POST", "/user/providers/bind",
        body={"provider_token": "{wechat}", "with_user_center": True},
    ),
    "bind outside": Row(
        lambda s, k: s.providers.bind(k["wechat"], with_user_center=False),
        "POST", "/user/providers/bind",
        body={"provider_token": "{wechat}", "with_user_center": False},
    ),
    "unbind": Row(
        lambda s, _: s.providers.unbind("github", with_user_center=True),
        "DELETE", "/user/providers/github",
        query={"with_user_center": "true"},
    ),
    "unbind outside": Row(
        lambda s, _: s.providers.unbind("github", with_user_center=False),
        "DELETE", "/user/providers/github",
        query={"with_user_center": "false"},
    ),
    "change": Row(
        lambda s, k: s.providers.change("github", k["github"]),
        "POST", "/user/provider/github/trans",
        body={"provider_trans_token": "{github}"},
    ),
    "transfer": Row(
        lambda s, k: s._owned.call(transfer_call(k["wechat"])),
        "PATCH", "/user/trans/by/provider",
        body={"provider_token": "{wechat}"},
    ),
    "revoke a device": Row(
        lambda s, _: s.devices.revoke("tablet"),
        "DELETE", "/user/authorized/devices/tablet",
    ),
    "revoke all": Row(lambda s, _: s.devices.revoke_all(), "DELETE", "/user/revoke/all"),
    "authorize": Row(
        lambda s, _: s.authorization.authorize(response_type="code", **ASKED, **PKCE),
        "POST", "/user/authorize",
        body={"response_type": "code", **ASKED, **PKCE},
    ),
    "authorize simply": Row(
        lambda s, _: s.authorization.authorize(),
        "POST", "/user/authorize",
        body={"response_type": "code"},
    ),
    "authorize a device": Row(
        lambda s, k: s.authorization.device(k["user_code"], scope="user", state="s"),
        "POST", "/user/device/authorize",
        body={"user_code": "{user_code}", "scope": "user", "state": "s"},
    ),
    "info": Row(
        lambda s, _: s.authorization.info(response_type="code", locale="en-US", **ASKED),
        "GET", "/user/authorize/info",
        query={"response_type": "code", "locale": "en-US", **ASKED},
    ),
    "info, no question": Row(lambda s, _: s.authorization.info(), "GET", "/user/authorize/info"),
}  # fmt: skip


def asked(emulator: Emulator, path: str, body: Mapping[str, str], **headers: str) -> Any:
    """Ask the service beside the client."""
    request = Request(
        method="POST",
        path="/auth/v1" + path,
        headers=tuple(headers.items()),
        body=json.dumps(body).encode(),
    )
    return json.loads(emulator.answer(request).body)


async def proof(emulator: Emulator, auth: AuthClient, **where: str) -> str:
    """Return a verification_token."""
    sent = await auth.verification.send(**where)
    code = emulator.codes[next(iter(where.values()))]
    return (await auth.verification.verify(sent.verification_id, code)).verification_token


async def stage(emulator: Emulator, auth: AuthClient) -> Known:
    """Prepare whatever a row may need, and say what it is called."""
    emulator.add_user(username="bob", password=PASSWORD, phone_number=PHONE, email=MAIL)
    async with emulator.client(device_id="tablet") as tablet:
        await tablet.sign_in.password("bob", PASSWORD)
    tokens = await auth.sign_in.password("bob", PASSWORD)
    session = auth.session(tokens)
    await session.providers.bind(emulator.provider_token("github"))
    grant = {"grant_type": "client_credentials"}
    return {
        "access": tokens.access_token,
        "refresh": str(tokens.refresh_token),
        "sub": str(tokens.sub),
        "sudo": (await session.user.sudo(password=PASSWORD)).sudo_token,
        "proof": await proof(emulator, auth, phone_number=NEW_PHONE),
        "mail_proof": await proof(emulator, auth, email=NEW_MAIL),
        "github": emulator.provider_token("github", provider_user_id="another"),
        "wechat": emulator.provider_token("wx_open", provider_user_id="wx-1"),
        "user_code": asked(emulator, "/device/code", {})["user_code"],
        "server": asked(emulator, "/token/clientCredential", grant, Authorization=KEY)[
            "access_token"
        ],
    }


def filled(fields: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """Put what the stage knows into a row's fields."""
    return {
        name: value.format_map(known) if isinstance(value, str) else value
        for name, value in fields.items()
    }


@pytest.mark.parametrize("use", TABLE)
async def test_use_leaves_as_the_contract_says(
    use: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Method, path, query, body, token and device id are those of the contract, to the letter."""
    row = TABLE[use]
    known = await stage(emulator, auth)
    before = len(emulator.journal)
    session = auth.session(access_token=known[row.bearer], refresh_token=known["refresh"])
    await row.run(session, known)
    (sent,) = emulator.journal[before:]
    assert (sent.method, sent.path) == (row.method, "/auth/v1" + row.path)
    assert dict(sent.query) == filled(row.query, known)
    assert sent.header("Authorization") == f"Bearer {known[row.bearer]}"
    assert sent.header("x-device-id") == (auth.device_id if row.device else None)
    if row.body is None:
        assert (sent.body, sent.header("Content-Type")) == (b"", None)
    else:
        assert json.loads(sent.body) == filled(row.body, known)
        assert sent.header("Content-Type") == "application/json"
    assert sent.status == 200


async def test_each_id_is_a_parameter_of_its_own(raw: Any, connect: Any, kit: Any) -> None:
    """Several ids repeat the parameter, in their order, as the JavaScript client writes them."""
    seen: list[Request] = []

    def answer(request: Request) -> Any:
        seen.append(request)
        yield kit.http(b'{"total": 0, "data": []}')

    server = await raw(answer)
    session = kit.held(await connect(server.base_url))
    await session.user.find(ids=(each for each in ("2", "1", "a&id=9")))
    assert seen[0].pairs == (("id", "2"), ("id", "1"), ("id", "a&id=9"))


@pytest.mark.parametrize("part", ["a/b", "a b", "?x=1", "#x", "%2e%2e", "名", "a%2Fb", "..;"])
async def test_an_id_stays_one_part_of_the_path(
    part: str, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """Whatever a device or provider id holds, it cannot reach another path or the query."""
    emulator.faults.add("*", "status", status=200, body={"client_id": "c"}, times=2)
    await kit.held(auth).devices.revoke(part)
    await kit.held(auth).providers.change(part, "a-token")
    first, second = emulator.journal
    assert first.template == "/user/authorized/devices/{device_id}"
    assert second.template == "/user/provider/{provider_id}/trans"
    assert dict(first.query) == dict(second.query) == {}


async def test_captcha_token_is_put_where_it_is_looked_for(
    emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """A captcha token goes into its header, and then into the query of a service that wants it."""
    session = kit.held(auth)
    refused = {"error": "captcha_required"}
    emulator.faults.add("POST /verification", "status", status=400, body=refused)
    sent = {"verification_id": "v"}
    emulator.faults.add("POST /verification", "status", status=200, body=sent, times=2)
    for _ in range(2):
        await session.verification.send(email=MAIL, captcha_token="v1.proof")
    first, second, third = emulator.journal
    assert (first.header("x-captcha-token"), dict(first.query)) == ("v1.proof", {})
    for later in (second, third):
        assert later.header("x-captcha-token") is None
        assert dict(later.query) == {"captcha_token": "v1.proof"}
    assert all(each.header("Authorization") == "Bearer opaque-access" for each in emulator.journal)


async def test_the_users_bearer_goes_to_user_calls_alone(
    operation: Any, raw: Any, connect: Any, kit: Any
) -> None:
    """Of all calls only the user's own carry the session's token: `/user/…` and two more (B27)."""
    server = await raw(kit.http(b"{}"), keep=True)
    with suppress(errors.CloudBaseAuthError):  # what is answered is no matter here
        await operation.run(await connect(server.base_url))
    assert server.requests
    for sent in server.requests:
        users = sent.path.startswith("/auth/v1/user/") and operation.name != "authorization.info"
        own = operation.name in ("session.verification.send", "user.weda_info")
        carried = sent.header("Authorization") == "Bearer opaque-access"
        assert carried is (users or own)
