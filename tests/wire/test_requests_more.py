"""The client calls beyond the seven scenarios: what leaves the socket, to the letter."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, TransportError
from cloudbase_auth_async.testing import Emulator, Entry, Request

Emulate = Callable[..., Awaitable[Emulator]]

PHONE, MAIL = "+86 13800000000", "carol@example.com"
HERE = "https://app.example/back?x=1&y=a b"
BASIC = "Basic " + base64.b64encode(b"demo-env:demo-secret").decode()
NO_SECRET = "Basic " + base64.b64encode(b"demo-env:").decode()
# Enough for any of the calls: what comes back is no concern of this module.
ANSWER = {
    "access_token": "an-access-token",
    "verification_id": "an-id",
    "verification_token": "a-proof",
    "uri": "https://provider.example/",
    "provider_token": "a-token",
    "qr_code": "a-picture",
    "qr_code_id": "a-code",
    "status": "waiting",
    "id": "weda",
    "exist": True,
    "client": {"id": "demo-env"},
}


@attrs.frozen
class Row:
    """
    One call and its request.

    Attributes:
        bare: the credentials of a client without a secret; None if the query names the client.
    """

    run: Callable[[AuthClient], Awaitable[Any]]
    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    bare: str | None = None


TABLE = {
    "sign_in.code": Row(
        lambda a: a.sign_in.code("a-proof"),
        "POST", "/signin",
        body={"verification_token": "a-proof"},
    ),
    "sign_in.code, all of it": Row(
        lambda a: a.sign_in.code("a-proof", username=PHONE),
        "POST", "/signin",
        body={"verification_token": "a-proof", "username": PHONE},
    ),
    "sign_in.anonymously, with a token": Row(
        lambda a: a.sign_in.anonymously(provider_token="a-token"),
        "POST", "/signin/anonymously",
        body={"provider_token": "a-token"},
    ),
    "sign_in.provider": Row(
        lambda a: a.sign_in.provider("a-token"),
        "POST", "/signin/with/provider",
        body={"provider_token": "a-token"},
    ),
    "sign_in.provider, all of it": Row(
        lambda a: a.sign_in.provider(
            "a-token", provider_id="wx_open", force_disable_sign_up=False, sync_profile=True
        ),
        "POST", "/signin/with/provider",
        body={
            "provider_token": "a-token",
            "provider_id": "wx_open",
            "force_disable_sign_up": False,
            "sync_profile": True,
        },
    ),
    "sign_in.custom": Row(
        lambda a: a.sign_in.custom("key/@@/a.b.c"),
        "POST", "/signin/custom",
        body={"provider_id": "custom", "ticket": "key/@@/a.b.c"},
    ),
    "verification.send, all of it by mail": Row(
        lambda a: a.verification.send(
            email=MAIL,
            target="USER",
            usage="SIGN_IN",
            email_redirect_to=HERE,
            locale="zh-CN",
            destination="somewhere",
        ),
        "POST", "/verification",
        body={
            "email": MAIL,
            "target": "USER",
            "usage": "SIGN_IN",
            "email_redirect_to": HERE,
            "locale": "zh-CN",
            "destination": "somewhere",
        },
    ),
    "token.password_grant": Row(
        lambda a: a.token.password_grant("alice", "Passw0rd!"),
        "POST", "/token",
        body={"grant_type": "password", "username": "alice", "password": "Passw0rd!"},
    ),
    "token.authorization_code": Row(
        lambda a: a.token.authorization_code("a-code"),
        "POST", "/token",
        body={"grant_type": "authorization_code", "code": "a-code"},
    ),
    "token.authorization_code, all of it": Row(
        lambda a: a.token.authorization_code(
            "a-code", redirect_uri=HERE, code_verifier="v" * 43, nonce="n1", scope="user"
        ),
        "POST", "/token",
        body={
            "grant_type": "authorization_code",
            "code": "a-code",
            "redirect_uri": HERE,
            "code_verifier": "v" * 43,
            "nonce": "n1",
            "scope": "user",
        },
    ),
    "providers.redirect_uri": Row(
        lambda a: a.providers.redirect_uri("github"),
        "GET", "/provider/uri",
        query={"provider_id": "github"},
    ),
    "providers.redirect_uri, all of it": Row(
        lambda a: a.providers.redirect_uri(
            "a/b&c",
            redirect_uri=HERE,
            state="s=&t",
            scope="openid email",
            response_type="code",
            other_params={"sign_out_uri": HERE, "lang": "zh"},
        ),
        "GET", "/provider/uri",
        query={
            "provider_id": "a/b&c",
            "redirect_uri": HERE,
            "state": "s=&t",
            "scope": "openid email",
            "response_type": "code",
            "other_params[sign_out_uri]": HERE,
            "other_params[lang]": "zh",
        },
    ),
    "providers.redirect_uri, with no other params": Row(
        lambda a: a.providers.redirect_uri("github", other_params={}),
        "GET", "/provider/uri",
        query={"provider_id": "github"},
    ),
    "providers.grant": Row(
        lambda a: a.providers.grant("github", provider_code="a-code"),
        "POST", "/provider/token",
        body={"provider_id": "github", "provider_code": "a-code"},
    ),
    "providers.grant, all of it": Row(
        lambda a: a.providers.grant(
            "wx_open",
            provider_code="a-code",
            provider_redirect_uri=HERE,
            provider_access_token="theirs",
            provider_id_token="an-id-token",
            provider_params={"provider_code_type": "phone", "appid": "wx1", "code": "another"},
        ),
        "POST", "/provider/token",
        body={
            "provider_id": "wx_open",
            "provider_code": "a-code",
            "provider_redirect_uri": HERE,
            "provider_access_token": "theirs",
            "provider_id_token": "an-id-token",
            "provider_params": {"provider_code_type": "phone", "appid": "wx1", "code": "another"},
        },
    ),
    "providers.patch": Row(
        lambda a: a.providers.patch("a-token", provider_params={"encryptedData": "e", "iv": "i"}),
        "PATCH", "/provider/token",
        body={"provider_token": "a-token", "provider_params": {"encryptedData": "e", "iv": "i"}},
    ),
    "providers.patch, all of it": Row(
        lambda a: a.providers.patch(
            "a-token", provider_id="wx_open", provider_params={"code": "a-code"}
        ),
        "PATCH", "/provider/token",
        body={
            "provider_token": "a-token",
            "provider_id": "wx_open",
            "provider_params": {"code": "a-code"},
        },
    ),
    "providers.qr_code": Row(
        lambda a: a.providers.qr_code("wx1"),
        "POST", "/qrcode/generate",
        body={"envId": "demo-env", "wxAppId": "wx1"},
    ),
    "providers.qr_code of another environment": Row(
        lambda a: a.providers.qr_code("wx1", env="other-env"),
        "POST", "/qrcode/generate",
        body={"envId": "other-env", "wxAppId": "wx1"},
    ),
    "providers.qr_code_status": Row(
        lambda a: a.providers.qr_code_status("a-code", wx_app_id="wx1"),
        "POST", "/qrcode/get/status",
        body={"qrCodeId": "a-code", "envId": "demo-env", "wxAppId": "wx1"},
    ),
    "providers.qr_code_status of another environment": Row(
        lambda a: a.providers.qr_code_status("a-code", wx_app_id="wx1", env="other-env"),
        "POST", "/qrcode/get/status",
        body={"qrCodeId": "a-code", "envId": "other-env", "wxAppId": "wx1"},
    ),
    "providers.sub_type": Row(
        lambda a: a.providers.sub_type(),
        "POST", "/mgr/provider/providerSubType",
        body={"provider_id": "weda"},
    ),
    "providers.sub_type of another": Row(
        lambda a: a.providers.sub_type("github"),
        "POST", "/mgr/provider/providerSubType",
        body={"provider_id": "github"},
    ),
    "accounts.reset_password by SMS": Row(
        lambda a: a.accounts.reset_password(
            phone_number=PHONE, new_password="N3w-passw0rd", verification_token="a-proof"
        ),
        "POST", "/reset",
        body={
            "phone_number": PHONE,
            "new_password": "N3w-passw0rd",
            "verification_token": "a-proof",
        },
    ),
    "accounts.reset_password by mail": Row(
        lambda a: a.accounts.reset_password(
            email=MAIL, new_password="N3w-passw0rd", verification_token="a-proof"
        ),
        "POST", "/reset",
        body={"email": MAIL, "new_password": "N3w-passw0rd", "verification_token": "a-proof"},
    ),
    "accounts.exists": Row(
        lambda a: a.accounts.exists(PHONE), "GET", "/checkIfUserExist", query={"username": PHONE}
    ),
    "authorization.info": Row(
        lambda a: a.authorization.info(), "GET", "/user/authorize/info", bare=NO_SECRET
    ),
    "authorization.info, all of it": Row(
        lambda a: a.authorization.info(
            response_type="code",
            redirect_uri=HERE,
            state="s=&t",
            scope="user sso",
            sign_out_uri=HERE,
            locale="zh-CN",
        ),
        "GET", "/user/authorize/info",
        query={
            "response_type": "code",
            "redirect_uri": HERE,
            "state": "s=&t",
            "scope": "user sso",
            "sign_out_uri": HERE,
            "locale": "zh-CN",
        },
        bare=NO_SECRET,
    ),
}  # fmt: skip


async def sent(row: Row, emulator: Emulator, **options: Any) -> tuple[Entry, str]:
    """Make the call of a row, and return its only request and the client's device id."""
    emulator.faults.add("*", "status", status=200, body=ANSWER)
    async with emulator.client(**options) as auth:
        await row.run(auth)
        (entry,) = emulator.journal
        return entry, auth.device_id


def check(entry: Entry, row: Row, query: Mapping[str, str]) -> None:
    """Check all that does not depend on who the client is."""
    assert (entry.method, entry.path) == (row.method, "/auth/v1" + row.path)
    assert dict(entry.query) == query
    assert entry.header("Cookie") is None
    assert entry.header("x-captcha-token") is None
    if row.body is None:
        assert (entry.body, entry.header("Content-Type")) == (b"", None)
    else:
        assert entry.json == row.body
        assert entry.header("Content-Type") == "application/json"


@pytest.mark.parametrize("name", TABLE)
async def test_with_a_secret(name: str, emulator: Emulator) -> None:
    """Method, path, query, body and device id are as documented, and Basic names the client."""
    entry, device_id = await sent(TABLE[name], emulator)
    check(entry, TABLE[name], TABLE[name].query)
    assert entry.header("Authorization") == BASIC
    assert entry.header("x-device-id") == device_id


@pytest.mark.parametrize("name", TABLE)
async def test_without_a_secret(name: str, emulator: Emulator) -> None:
    """Without a secret the query names the client, or Basic does, with nothing for a secret."""
    row = TABLE[name]
    entry, device_id = await sent(row, emulator, client_secret=None)
    check(entry, row, {**row.query} if row.bare else {**row.query, "client_id": "demo-env"})
    assert entry.header("Authorization") == row.bare
    assert entry.header("x-device-id") == device_id


@pytest.mark.parametrize("name", TABLE)
async def test_both_contracts_share_the_form(name: str, emulate: Emulate) -> None:
    """A client that is told what to speak sends the very same method, path, query and body."""
    row = TABLE[name]
    for dialect in ("primary", "documented"):
        emulator = await emulate()
        entry, _ = await sent(row, emulator, dialect=dialect, client_secret=None)
        check(entry, row, {**row.query} if row.bare else {**row.query, "client_id": "demo-env"})


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "half_body"])
async def test_a_token_goes_once_to_the_anonymous_user(kind: Any, emulator: Emulator) -> None:
    """An anonymous sign-in may be repeated, but not one that brings a token: it is spent (B4)."""
    emulator.faults.add("*", kind, times=None)
    async with emulator.client() as auth:
        with pytest.raises(TransportError):
            await auth.sign_in.anonymously(provider_token="a-token")
    assert len(emulator.journal) == 1


async def test_a_captcha_token_is_not_wasted_on_a_guess(emulate: Emulate) -> None:
    """A code that needs a captcha is asked for once, in the form of who has captchas (B36)."""
    emulator = await emulate(dialect="documented")
    emulator.require_captcha("POST /verification")
    async with emulator.client() as auth:
        for _ in range(2):
            await auth.verification.send(phone_number=PHONE, captcha_token=solved(emulator))
    assert [entry.json for entry in emulator.journal] == [
        {"phone_number": PHONE, "target": "ANY"},
        {"phone_number": PHONE, "target": "ANY"},
    ]


async def test_a_known_form_goes_first_with_a_captcha_token_too(emulator: Emulator) -> None:
    """What the service is known to speak is spoken, captcha or not."""
    async with emulator.client() as auth:
        await auth.verification.send(phone_number=PHONE)
        await auth.verification.send(phone_number=PHONE, captcha_token=solved(emulator))
    assert [entry.json for entry in emulator.journal] == [{"phone_number": PHONE}] * 2


def solved(emulator: Emulator) -> str:
    """Solve a captcha, and return what that is worth."""
    token = asked(emulator, "/captcha/data", {})["token"]
    right = {"token": token, "key": emulator.captchas[token]}
    return str(asked(emulator, "/captcha/data/verify", right)["captcha_token"])


def asked(emulator: Emulator, path: str, body: Mapping[str, str]) -> Any:
    """Ask the service past every client and its journal."""
    request = Request(method="POST", path="/auth/v1" + path, body=json.dumps(body).encode())
    return json.loads(emulator.answer(request).body)
