"""The seven scenarios of the primary contract: what leaves the socket, to the letter."""

import base64
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, TokenPair
from cloudbase_auth_async.testing import Emulator

BASIC = "Basic " + base64.b64encode(b"demo-env:demo-secret").decode()
PHONE, MAIL = "+86 13800000000", "carol@example.com"


@attrs.frozen
class Row:
    """One line of section 0.1; `{name}` stands for what the stage knows under that name."""

    run: Callable[[AuthClient, Mapping[str, str]], Awaitable[Any]]
    method: str
    path: str
    auth: str = BASIC
    device: bool = True
    query: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: Mapping[str, str] | None = None


def user(auth: AuthClient, s: Mapping[str, str]) -> Any:
    """Return the user calls of alice."""
    return session(auth, s).user


def session(auth: AuthClient, s: Mapping[str, str]) -> Any:
    """Return alice's session."""
    return auth.session(TokenPair(access_token=s["access"], refresh_token=s["refresh"]))


def sign_up(auth: AuthClient, s: Mapping[str, str], **where: str) -> Awaitable[Any]:
    """Sign up with everything the contract's row has."""
    return auth.sign_up.register(
        **where,
        verification_code=s["code"],
        verification_token=s["proof"],
        name="Bob",
        password="Passw0rd!",
        username="bob_1",
    )


BEARER = "Bearer {access}"
NEWCOMER = {
    "verification_code": "{code}",
    "verification_token": "{proof}",
    "name": "Bob",
    "password": "Passw0rd!",
    "username": "bob_1",
}
TABLE = {
    "1 sign in": Row(
        lambda a, _: a.sign_in.password("alice", "Passw0rd!"),
        "POST", "/signin",
        body={"username": "alice", "password": "Passw0rd!"},
    ),
    "2a send by SMS": Row(
        lambda a, _: a.verification.send(phone_number="+86 13900000000"),
        "POST", "/verification",
        body={"phone_number": "+86 13900000000"},
    ),
    "2a send by mail": Row(
        lambda a, _: a.verification.send(email="dave@example.com"),
        "POST", "/verification",
        body={"email": "dave@example.com"},
    ),
    "2b check": Row(
        lambda a, s: a.verification.verify(s["open_id"], s["open_code"]),
        "POST", "/verification/verify",
        body={"verification_id": "{open_id}", "verification_code": "{open_code}"},
    ),
    "2c sign up by SMS": Row(
        lambda a, s: sign_up(a, s, phone_number=PHONE),
        "POST", "/signup",
        body={"phone_number": PHONE, **NEWCOMER},
    ),
    "2c sign up by mail": Row(
        lambda a, s: sign_up(
            a, {"code": s["mail_code"], "proof": s["mail_proof"]}, email=MAIL
        ),
        "POST", "/signup",
        body={
            "email": MAIL,
            **NEWCOMER,
            "verification_code": "{mail_code}",
            "verification_token": "{mail_proof}",
        },
    ),
    "3 anonymous": Row(
        lambda a, _: a.sign_in.anonymously(), "POST", "/signin-anonymously", body={}
    ),
    "4 refresh": Row(
        lambda a, s: a.token.refresh(s["refresh"]),
        "POST", "/token",
        body={"grant_type": "refresh_token", "refresh_token": "{refresh}"},
    ),
    "5 introspect": Row(
        lambda a, s: a.token.introspect(s["access"]),
        "GET", "/token/introspect",
        device=False,
        query={"token": "{access}"},
    ),
    "6 revoke": Row(
        lambda a, s: a.token.revoke(s["access"]),
        "POST", "/revoke",
        device=False,
        body={"token": "{access}"},
    ),
    "7a me": Row(
        lambda a, s: user(a, s).me(), "GET", "/user/me", auth=BEARER, device=False
    ),
    "7b change password": Row(
        lambda a, s: user(a, s).update_password(
            old_password="Passw0rd!", new_password="N3w-passw0rd"
        ),
        "PATCH", "/user/password",
        auth=BEARER,
        device=False,
        body={"old_password": "Passw0rd!", "new_password": "N3w-passw0rd"},
    ),
    "7c delete": Row(
        lambda a, s: user(a, s).delete(), "DELETE", "/user/me", auth=BEARER, device=False
    ),
    "7d list": Row(
        lambda a, s: session(a, s).providers.list(),
        "GET", "/user/providers",
        auth=BEARER,
        device=False,
    ),
    "7d bind": Row(
        lambda a, s: session(a, s).providers.bind(s["github"]),
        "POST", "/user/providers/bind",
        auth=BEARER,
        device=False,
        body={"provider_token": "{github}"},
    ),
    "7d unbind": Row(
        lambda a, s: session(a, s).providers.unbind("wx_open"),
        "DELETE", "/user/providers/wx_open",
        auth=BEARER,
        device=False,
    ),
}  # fmt: skip


async def stage(emulator: Emulator, auth: AuthClient) -> Mapping[str, str]:
    """Prepare whatever a row may need, and say what it is called."""
    tokens = await auth.sign_in.password("alice", "Passw0rd!")
    await session(auth, {"access": tokens.access_token, "refresh": ""}).providers.bind(
        emulator.provider_token("wx_open", provider_user_id="wx-1")
    )
    known = {
        "access": tokens.access_token,
        "refresh": str(tokens.refresh_token),
        "github": emulator.provider_token("github"),
    }
    for prefix, where in (("", {"phone_number": PHONE}), ("mail_", {"email": MAIL})):
        sent = await auth.verification.send(**where)
        code = emulator.codes[next(iter(where.values()))]
        proof = await auth.verification.verify(sent.verification_id, code)
        known |= {f"{prefix}code": code, f"{prefix}proof": proof.verification_token}
    unread = await auth.verification.send(email="erin@example.com")
    return known | {
        "open_id": unread.verification_id,
        "open_code": emulator.codes["erin@example.com"],
    }


def filled(fields: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Put what the stage knows into a row's fields."""
    return {name: value.format_map(known) for name, value in fields.items()}


@pytest.mark.parametrize("scenario", TABLE)
async def test_scenario_leaves_as_the_contract_says(
    scenario: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Method, path, query, body, credentials and device id are those of the contract's row."""
    row = TABLE[scenario]
    known = await stage(emulator, auth)
    before = len(emulator.journal)
    await row.run(auth, known)
    (sent,) = emulator.journal[before:]
    assert (sent.method, sent.path) == (row.method, "/auth/v1" + row.path)
    assert dict(sent.query) == filled(row.query, known)
    assert sent.header("Authorization") == row.auth.format_map(known)
    assert sent.header("x-device-id") == (auth.device_id if row.device else None)
    assert sent.header("Cookie") is None
    if row.body is None:
        assert (sent.body, sent.header("Content-Type")) == (b"", None)
    else:
        fields = filled(row.body, known)
        assert json.loads(sent.body) == fields
        assert len(sent.body) == len(json.dumps(fields, separators=(",", ":")))
        assert sent.header("Content-Type") == "application/json"
    assert sent.status == 200


async def test_every_request_has_an_id_of_its_own(emulator: Emulator, auth: AuthClient) -> None:
    """Each request carries one x-request-id, a UUID that no other request has."""
    known = await stage(emulator, auth)
    for scenario in ("1 sign in", "7a me", "5 introspect", "4 refresh"):
        await TABLE[scenario].run(auth, known)
    ids = [entry.request_id or "" for entry in emulator.journal]
    assert len(set(ids)) == len(ids) == 11
    assert all(str(uuid.UUID(each)) == each for each in ids)


async def test_a_retry_has_an_id_of_its_own(emulator: Emulator, auth: AuthClient) -> None:
    """A request that is sent again is another request, and says so."""
    tokens = await auth.sign_in.password("alice", "Passw0rd!")
    emulator.faults.add("GET /user/me", "status", status=503)
    await auth.session(tokens).user.me()
    first, second = emulator.journal[-2:]
    assert first.request_id != second.request_id


async def test_without_a_secret_the_client_id_names_the_client(emulator: Emulator) -> None:
    """Without a secret a client call has no Authorization and the client_id in the query."""
    async with emulator.client(client_secret=None) as auth:
        await auth.sign_in.password("alice", "Passw0rd!")
    (sent,) = emulator.journal
    assert sent.header("Authorization") is None
    assert dict(sent.query) == {"client_id": "demo-env"}


async def test_sudo_token_goes_into_query_and_body(emulator: Emulator, auth: AuthClient) -> None:
    """A sudo token is sent where either contract looks for it, percent-encoded in the query."""
    tokens = await auth.sign_in.password("alice", "Passw0rd!")
    session = auth.session(tokens)
    emulator.faults.add("PATCH /user/password", "status", status=200, body=b"{}")
    emulator.faults.add("DELETE /user/me", "status", status=200, body=b"{}")
    await session.user.update_password(new_password="N3w-passw0rd", sudo_token="a&b=c d/+%")
    await session.user.delete(sudo_token="a&b=c d/+%")
    change, delete = emulator.journal[-2:]
    assert dict(change.query) == dict(delete.query) == {"sudo_token": "a&b=c d/+%"}
    assert change.json == {"new_password": "N3w-passw0rd", "sudo_token": "a&b=c d/+%"}
    assert delete.body == b""


@pytest.mark.parametrize("provider", ["a/b", "a b", "?x=1", "#x", "%2e%2e", "名", "a%2Fb", "..;"])
async def test_a_provider_id_stays_one_part_of_the_path(
    provider: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Whatever a provider id holds, it cannot reach another path or the query."""
    tokens = await auth.sign_in.password("alice", "Passw0rd!")
    await auth.session(tokens).providers.list()
    emulator.faults.add("DELETE /user/providers/{provider_id}", "status", status=200, body=b"{}")
    await auth.session(tokens).providers.unbind(provider)
    sent = emulator.journal[-1]
    assert sent.template == "/user/providers/{provider_id}"
    assert dict(sent.query) == {}


async def test_no_bearer_goes_to_client_calls(emulator: Emulator, auth: AuthClient) -> None:
    """With an expired session loaded no sign-in, code or token call carries its bearer (B27)."""
    tokens = await auth.sign_in.password("alice", "Passw0rd!")
    session = auth.session(tokens)
    await session.user.me()
    emulator.clock.advance(7300)
    await auth.sign_in.password("alice", "Passw0rd!")
    await auth.sign_in.anonymously()
    sent = await auth.verification.send(phone_number=PHONE)
    await auth.verification.verify(sent.verification_id, emulator.codes[PHONE])
    await session.user.me()
    public = [e for e in emulator.journal if not e.path.startswith("/auth/v1/user/")]
    assert [e.path for e in public][-1] == "/auth/v1/token"
    assert all(str(e.header("Authorization")).startswith("Basic ") for e in public)
    assert all(e.status == 200 for e in emulator.journal)


async def test_a_provider_token_signs_up_alone(emulator: Emulator, auth: AuthClient) -> None:
    """A third-party account signs up without phone number, e-mail or code."""
    emulator.faults.add("POST /signup", "status", status=200, body={"access_token": "a"})
    await auth.sign_up.register(provider_token="a-token", username="bob_1")
    assert emulator.journal[-1].json == {"provider_token": "a-token", "username": "bob_1"}
