"""The client calls beyond the seven scenarios: what comes back, value by value."""

import json
import pickle
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import jwt
import pytest

from cloudbase_auth_async import AuthClient, DecodeError, TokenPair, models
from cloudbase_auth_async.testing import Emulator, Request

Emulate = Callable[..., Awaitable[Emulator]]

PASSWORD, NEW_PASSWORD = "Passw0rd!", "N3w-passw0rd"
PHONE, MAIL = "+86 13800000000", "carol@example.com"
HERE = "https://app.example/back"
LIMIT = {"duration": 3600, "limit": 10, "remaining": 0, "reset": 60}


async def proof(emulator: Emulator, auth: AuthClient, where: str = MAIL) -> str:
    """Return a verification_token for an e-mail address."""
    sent = await auth.verification.send(email=where, target="ANY")
    checked = await auth.verification.verify(sent.verification_id, emulator.codes[where])
    return checked.verification_token


async def whoever(auth: AuthClient, tokens: TokenPair) -> str | None:
    """Return whose tokens these are, as the service sees it."""
    return (await auth.session(tokens).user.me()).sub


@pytest.mark.parametrize("username", [{}, {"username": MAIL}], ids=["alone", "named"])
async def test_a_code_signs_in(
    username: dict[str, str], emulator: Emulator, auth: AuthClient
) -> None:
    """A right code signs its user in, with their name or without it."""
    carol = emulator.add_user(email=MAIL)
    token = await proof(emulator, auth)
    tokens = await auth.sign_in.code(token, **username)
    assert isinstance(tokens, TokenPair)
    assert (tokens.sub, tokens.expires_in, tokens.scope) == (carol.sub, 7200, "user sso")
    assert await whoever(auth, tokens) == carol.sub


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
async def test_the_anonymous_user_is_the_devices(dialect: str, emulate: Emulate) -> None:
    """The anonymous user is the device's, with a provider's token along or not."""
    emulator = await emulate(dialect=dialect)
    async with emulator.client() as auth:
        plain = await auth.sign_in.anonymously()
        if dialect != "primary":  # that contract has no such field, and is not sent one
            along = await auth.sign_in.anonymously(provider_token=emulator.provider_token())
            assert along.sub == plain.sub
            assert along.scope == "anonymous"


async def test_a_third_party_signs_in(emulator: Emulator, auth: AuthClient) -> None:
    """From the provider's page to a session: the same account is the same user again."""
    code = emulator.provider_code(
        "wx_open", redirect_uri=HERE, profile={"email": MAIL, "picture": "https://p.example/1"}
    )
    redirect = await auth.providers.redirect_uri("wx_open", redirect_uri=HERE, state="s&t")
    assert isinstance(redirect, models.ProviderRedirect)
    assert parse_qs(urlsplit(redirect.uri).query)["state"] == ["s&t"]
    assert redirect.signout_uri is None
    grant = await auth.providers.grant("wx_open", provider_code=code, provider_redirect_uri=HERE)
    assert isinstance(grant, models.ProviderGrant)
    assert grant.expires_in == 3600
    assert grant.provider_profile == models.ThirdPartyProfile(
        provider_id="wx_open",
        sub="provider-user",
        name="octocat",
        email=MAIL,
        picture="https://p.example/1",
    )
    tokens = await auth.sign_in.provider(
        grant.provider_token, provider_id="wx_open", sync_profile=True
    )
    again = await auth.sign_in.provider(
        emulator.provider_token("wx_open"), force_disable_sign_up=True
    )
    me = await auth.session(tokens).user.me()
    assert me.sub == tokens.sub == again.sub
    assert (me.name, me.picture) == ("octocat", "https://p.example/1")


async def test_a_token_is_replaced(emulator: Emulator, auth: AuthClient) -> None:
    """What a mini program learns later comes with a new token."""
    old = emulator.provider_token("wx_open", profile={"locale": "zh"})
    code = emulator.provider_code("wx_open", profile={"phone_number": PHONE})
    grant = await auth.providers.patch(
        old, provider_id="wx_open", provider_params={"code": code, "provider_code_type": "phone"}
    )
    assert isinstance(grant, models.ProviderGrant)
    assert grant.provider_profile is not None
    assert (grant.provider_profile.phone_number, grant.provider_profile.locale) == (PHONE, "zh")
    assert (await auth.sign_in.provider(grant.provider_token)).sub
    assert grant.provider_token != old


async def test_a_scanned_code_signs_in(emulator: Emulator, auth: AuthClient) -> None:
    """A QR code waits until its person agrees; what it then brings signs in the same user."""
    subs: set[str | None] = set()
    for _ in range(2):
        code = await auth.providers.qr_code("wx1")
        assert isinstance(code, models.MiniProgramCode)
        assert code.expires_in == 300
        waiting = await auth.providers.qr_code_status(code.qr_code_id, wx_app_id="wx1")
        assert (waiting.status, waiting.provider_token) == ("waiting", None)
        emulator.approve_qr_code(code.qr_code_id, provider_user_id="open-id")
        agreed = await auth.providers.qr_code_status(code.qr_code_id, wx_app_id="wx1")
        assert isinstance(agreed, models.MiniProgramCodeStatus)
        assert (agreed.status, agreed.expires_in) == ("approved", 3600)
        assert agreed.provider_token is not None
        subs.add((await auth.sign_in.provider(agreed.provider_token)).sub)
    assert len(subs) == 1
    assert await auth.providers.sub_type() == models.ProviderSubType(
        id="weda", provider_sub_type=""
    )


async def test_a_ticket_signs_in(emulator: Emulator, auth: AuthClient) -> None:
    """A ticket of one's own server signs a user in, the same one each time."""
    key = emulator.add_ticket_key()
    now = int(emulator.clock.wall() * 1000)
    payload = {"alg": "RS256", "env": "demo-env", "iat": now, "exp": now + 600_000}
    payload |= {"uid": "user-1", "refresh": 3_600_000, "expire": now + 1}
    signed = jwt.PyJWS().encode(json.dumps(payload).encode(), key["private_key"], "RS256")
    ticket = f"{key['private_key_id']}/@@/{signed}"
    tokens = await auth.sign_in.custom(ticket)
    assert isinstance(tokens, TokenPair)
    assert tokens.sub == (await auth.sign_in.custom(ticket)).sub == await whoever(auth, tokens)


async def test_a_password_is_a_grant(emulator: Emulator, auth: AuthClient) -> None:
    """The OAuth form of a password sign-in answers the same user's tokens."""
    tokens = await auth.token.password_grant("alice", PASSWORD)
    assert isinstance(tokens, TokenPair)
    assert tokens.sub == (await auth.sign_in.password("alice", PASSWORD)).sub
    assert (await auth.token.refresh(str(tokens.refresh_token))).sub == tokens.sub
    assert emulator.journal[0].path == "/auth/v1/token"


def code_for(emulator: Emulator, tokens: TokenPair, **more: str) -> str:
    """Return a code that the service hands out in a user's name."""
    request = Request(
        method="POST",
        path="/auth/v1/user/authorize",
        headers=(("Authorization", f"Bearer {tokens.access_token}"),),
        body=json.dumps({"response_type": "code"} | more).encode(),
    )
    return str(json.loads(emulator.answer(request).body)["code"])


async def test_a_code_is_a_grant(emulator: Emulator, auth: AuthClient) -> None:
    """A code is worth tokens of the user who handed it out, with its address and its verifier."""
    alice = await auth.sign_in.password("alice", PASSWORD)
    tokens = await auth.token.authorization_code(code_for(emulator, alice))
    assert isinstance(tokens, TokenPair)
    assert tokens.sub == alice.sub
    verifier = "v" * 43
    code = code_for(emulator, alice, redirect_uri=HERE, scope="user", code_challenge=verifier)
    tokens = await auth.token.authorization_code(code, redirect_uri=HERE, code_verifier=verifier)
    assert (tokens.sub, tokens.scope) == (alice.sub, "user")


async def test_a_forgotten_password_is_replaced(emulator: Emulator, auth: AuthClient) -> None:
    """A new password is the one that counts, and nothing comes back."""
    emulator.add_user(email=MAIL, password=PASSWORD)
    token = await proof(emulator, auth)
    answer: object = await auth.accounts.reset_password(
        email=MAIL, new_password=NEW_PASSWORD, verification_token=token
    )
    assert answer is None
    assert (await auth.sign_in.password(MAIL, NEW_PASSWORD)).access_token


async def test_whether_there_is_such_a_user(auth: AuthClient) -> None:
    """The answer is a bool, nothing around it."""
    known = [await auth.accounts.exists(username) for username in ("alice", MAIL, PHONE)]
    assert known == [True, False, False]


@pytest.mark.parametrize("secret", ["demo-secret", None])
async def test_who_asks_for_what(secret: str | None, emulator: Emulator) -> None:
    """A client may read what a page of consent would say of it, with a secret or without."""
    async with emulator.client(client_secret=secret) as auth:
        info = await auth.authorization.info(scope="user")
    assert info == models.AuthorizationInfo(
        client=models.ClientInfo(id="demo-env", name="demo-env"),
        scopes=(models.ScopeInfo(id="user", name="Profile"),),
    )


# Answers as the vendor's pages and client have them, in full: what is decoded, and to what.
FULL: Mapping[str, tuple[dict[str, Any], Any]] = {
    "verification.send": (
        {"verification_id": "v", "expires_in": 600, "is_user": True, "limit": LIMIT},
        models.Verification(
            verification_id="v", expires_in=600, is_user=True, limit=models.SendLimit(**LIMIT)
        ),
    ),
    "providers.redirect_uri": (
        {"uri": "u", "signout_uri": "s"},
        models.ProviderRedirect(uri="u", signout_uri="s"),
    ),
    "providers.grant": (
        {
            "provider_token": "t",
            "expires_in": 3600,
            "provider_profile": {
                **dict.fromkeys(("provider_id", "sub", "name", "picture", "email"), "x"),
                **dict.fromkeys(("phone_number", "gender", "locale", "url", "sub_id"), "x"),
                **dict.fromkeys(("token", "at_hash"), "x"),
                "groups": ["a", {"id": "b"}],
                "meta": {"m": 1},
                "raw": {"r": [1]},
                "provider": {"id": "p"},
            },
        },
        models.ProviderGrant(
            provider_token="t",
            expires_in=3600,
            provider_profile=models.ThirdPartyProfile(
                **dict.fromkeys(("provider_id", "sub", "name", "picture", "email"), "x"),
                **dict.fromkeys(("phone_number", "gender", "locale", "url", "sub_id"), "x"),
                **dict.fromkeys(("token", "at_hash"), "x"),
                groups=("a", {"id": "b"}),
                meta={"m": 1},
                raw={"r": [1]},
                provider={"id": "p"},
            ),
        ),
    ),
    "providers.qr_code": (
        {"qr_code": "q", "qr_code_id": "i", "expires_in": 300},
        models.MiniProgramCode(qr_code="q", qr_code_id="i", expires_in=300),
    ),
    "providers.qr_code_status": (
        {"status": "s", "provider_token": "t", "expires_in": 3600},
        models.MiniProgramCodeStatus(status="s", provider_token="t", expires_in=3600),
    ),
    "providers.sub_type": (
        {"id": "weda", "provider_sub_type": "NO_AUTH_LOGIN"},
        models.ProviderSubType(id="weda", provider_sub_type="NO_AUTH_LOGIN"),
    ),
    "authorization.info": (
        {
            "client": dict.fromkeys(("id", "name", "description", "picture", "url"), "x"),
            "scopes": [{"id": "a", "name": "A", "children": [{"id": "b", "children": []}]}],
        },
        models.AuthorizationInfo(
            client=models.ClientInfo(id="x", name="x", description="x", picture="x", url="x"),
            scopes=(models.ScopeInfo(id="a", name="A", children=(models.ScopeInfo(id="b"),)),),
        ),
    ),
}


@pytest.mark.parametrize("name", FULL)
async def test_everything_that_is_documented_is_decoded(
    name: str, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """Each documented field has its place, whatever else comes is kept, and null is absent."""
    body, value = FULL[name]
    run = kit.operations[name].run
    emulator.faults.add("*", "status", status=200, body=body)
    assert await run(auth) == value
    emulator.faults.add("*", "status", status=200, body=body | {"surprise": [1]})
    assert (await run(auth)).extra == {"surprise": [1]}
    optional = [field.name for field in attrs.fields(type(value)) if field.default is None]
    emulator.faults.add("*", "status", status=200, body=body | dict.fromkeys(optional))
    assert await run(auth) == attrs.evolve(value, **dict.fromkeys(optional))


SECRET = [
    models.Verification(verification_id="v", limit=models.SendLimit(**LIMIT)),
    models.ProviderRedirect(uri="u"),
    models.ProviderGrant(provider_token="t"),
    models.ThirdPartyProfile(token="t", raw={}),
    models.MiniProgramCode(qr_code="q", qr_code_id="i"),
    models.MiniProgramCodeStatus(status="s", provider_token="t"),
]
PLAIN = [
    models.SendLimit(**LIMIT),
    FULL["authorization.info"][1],
    models.ProviderSubType(id="weda"),
]


@pytest.mark.parametrize("value", SECRET, ids=lambda value: type(value).__name__)
def test_what_holds_a_secret_is_not_pickled(value: Any) -> None:
    """A value with a secret in it refuses to be pickled, and may be a key of a dict."""
    with pytest.raises(TypeError, match=f"a {type(value).__name__} holds a secret"):
        pickle.dumps(value)
    assert {value: 1} == {attrs.evolve(value): 1}


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_what_holds_none_is(value: Any) -> None:
    """A value without secrets is plain data."""
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - what was just made


@pytest.mark.parametrize("depth", [300, 800])
async def test_scopes_without_a_floor(depth: int, emulator: Emulator, auth: AuthClient) -> None:
    """An answer that nests deeper than any stack is an error of ours and no bug."""
    body = b'{"id":"a","children":[' * depth + b"]}" * depth
    body = b'{"client":{"id":"x"},"scopes":[' + body + b"]}"
    emulator.faults.add("*", "status", status=200, body=body)
    with pytest.raises(DecodeError) as caught:
        await auth.authorization.info()
    assert caught.value.path == "$"
    assert len(str(caught.value)) < 200
