"""The calls that take a captcha token: which they are, and that the service finds it there."""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator, Entry, Request

Emulate = Callable[..., Awaitable[Emulator]]

PASSWORD, NEW_PASSWORD = "Passw0rd!", "N3w-passw0rd"
MAIL = "carol@example.com"
PROVED: Mapping[str, str] = {"email": MAIL, "verification_token": "a-proof"}


@attrs.frozen
class Asked:
    """
    What a call can be made with.

    Attributes:
        session: of alice.
        provider_token: good for once.
    """

    auth: AuthClient
    session: TokenSession
    provider_token: str


@attrs.frozen
class Row:
    """One call that a person waits for, and its route in a service of both contracts."""

    route: str
    run: Callable[[Asked, str | None], Awaitable[Any]]


TABLE = {
    "auth.sign_in.password": Row(
        "POST /signin", lambda a, t: a.auth.sign_in.password("alice", PASSWORD, captcha_token=t)
    ),
    "auth.sign_in.code": Row(
        "POST /signin", lambda a, t: a.auth.sign_in.code("a-proof", captcha_token=t)
    ),
    "auth.sign_in.anonymously": Row(
        "POST /signin-anonymously", lambda a, t: a.auth.sign_in.anonymously(captcha_token=t)
    ),
    "auth.sign_in.provider": Row(
        "POST /signin/with/provider",
        lambda a, t: a.auth.sign_in.provider(a.provider_token, captcha_token=t),
    ),
    "auth.sign_in.custom": Row(
        "POST /signin/custom", lambda a, t: a.auth.sign_in.custom("a-ticket", captcha_token=t)
    ),
    "auth.sign_up.register": Row(
        "POST /signup", lambda a, t: a.auth.sign_up.register(**PROVED, captcha_token=t)
    ),
    "auth.accounts.reset_password": Row(
        "POST /reset",
        lambda a, t: a.auth.accounts.reset_password(
            **PROVED, new_password=NEW_PASSWORD, captcha_token=t
        ),
    ),
    "auth.accounts.exists": Row(
        "GET /checkIfUserExist", lambda a, t: a.auth.accounts.exists("alice", captcha_token=t)
    ),
    "auth.verification.send": Row(
        "POST /verification",
        lambda a, t: a.auth.verification.send(email=MAIL, target="ANY", captcha_token=t),
    ),
    "auth.verification.verify": Row(
        "POST /verification/verify",
        lambda a, t: a.auth.verification.verify("an-id", "123456", captcha_token=t),
    ),
    "auth.token.password_grant": Row(
        "POST /token", lambda a, t: a.auth.token.password_grant("alice", PASSWORD, captcha_token=t)
    ),
    "session.verification.send": Row(
        "POST /verification",
        lambda a, t: a.session.verification.send(email="alice@example.com", captcha_token=t),
    ),
    "session.user.sudo": Row(
        "POST /user/sudo", lambda a, t: a.session.user.sudo(password=PASSWORD, captcha_token=t)
    ),
    "session.user.update_password": Row(
        "PATCH /user/password",
        lambda a, t: a.session.user.update_password(
            old_password=PASSWORD, new_password=NEW_PASSWORD, captcha_token=t
        ),
    ),
    "session.user.delete": Row(
        "DELETE /user/me", lambda a, t: a.session.user.delete(captcha_token=t)
    ),
    "session.user.edit": Row(
        "POST /user/basic/edit", lambda a, t: a.session.user.edit(nickname="Al", captcha_token=t)
    ),
    "session.user.edit_profile": Row(
        "PATCH /user/profile", lambda a, t: a.session.user.edit_profile(name="Al", captcha_token=t)
    ),
    "session.user.edit_contact": Row(
        "PATCH /user/contact",
        lambda a, t: a.session.user.edit_contact(**PROVED, sudo_token="s", captcha_token=t),
    ),
}
# Of these groups each call takes one, and of `session.user` each that changes or proves something.
WHOLE = ("auth.sign_in.", "auth.sign_up.", "auth.accounts.", "auth.verification.")
WHOLE += ("session.user.", "session.verification.")
READING = {f"session.user.{name}" for name in ("me", "find", "security_history", "weda_info")}


def coroutines(auth: AuthClient) -> Iterator[tuple[str, Any]]:
    """Go through the coroutines of every group of a client and a session."""
    owners = {"auth": auth, "session": auth.session(access_token="opaque")}
    for owner, thing in owners.items():
        for group in (name for name in dir(thing) if not name.startswith("_")):
            held = getattr(thing, group)
            if not type(held).__module__.startswith("cloudbase_auth_async.endpoints"):
                continue
            for name, call in inspect.getmembers(held, inspect.iscoroutinefunction):
                if not name.startswith("_"):
                    yield f"{owner}.{group}.{name}", call


async def test_table_is_whole(auth: AuthClient) -> None:
    """The calls that have the argument are those of the table, and every one of their groups."""
    calls = dict(coroutines(auth))
    taking = {
        n for n, call in calls.items() if "captcha_token" in inspect.signature(call).parameters
    }
    assert taking == set(TABLE)
    assert {name for name in calls if name.startswith(WHOLE)} - READING <= taking
    for name in taking:
        text = inspect.getdoc(calls[name]) or ""
        assert "CaptchaRequired" in text, name
        assert "CaptchaInvalid:" in text, name
        assert "captcha_token: of `captcha.verify`" in text, name


async def asked(emulator: Emulator, auth: AuthClient) -> Asked:
    """Prepare whatever a row may need."""
    session = auth.session(await auth.sign_in.password("alice", PASSWORD))
    return Asked(auth, session, emulator.provider_token())


async def outcome(work: Awaitable[Any]) -> type:
    """Return the class of what a call answers or ends in."""
    try:
        return type(await work)
    except errors.CloudBaseAuthError as error:
        return type(error)


def place(entry: Entry) -> str:
    """Return where a request had its captcha token."""
    if entry.header("x-captcha-token"):
        return "header"
    return "query" if "captcha_token" in entry.query else "-"


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("where", ["header", "query"])
async def test_service_finds_it(name: str, where: Any, emulator: Emulator) -> None:
    """A service that demands a captcha is satisfied by the call's own, wherever it looks (B36)."""
    row = TABLE[name]
    async with emulator.client() as auth:
        have = await asked(emulator, auth)
        before = len(emulator.journal)
        emulator.require_captcha(row.route, where=where)
        assert await outcome(row.run(have, None)) is errors.CaptchaRequired
        assert await outcome(row.run(have, "v1.made-up")) is errors.CaptchaInvalid
        told = await outcome(row.run(have, solved(emulator)))
        assert told not in (errors.CaptchaRequired, errors.CaptchaInvalid)
        first = ["header"] if where == "header" else ["header", "query"]
        sent = emulator.journal[before:]
        assert [place(entry) for entry in sent] == ["-", *first, where]
        assert {entry.route for entry in sent} == {row.route}


@pytest.mark.parametrize("where", ["header", "query"])
async def test_anonymous_user_of_the_documented_contract(where: Any, emulate: Emulate) -> None:
    """A form that the service does not have does not use the token up (B36)."""
    emulator = await emulate(dialect="documented")
    emulator.require_captcha("POST /signin/anonymously", where=where)
    async with emulator.client() as auth:
        tokens = await auth.sign_in.anonymously(captcha_token=solved(emulator))
        assert tokens.scope == "anonymous"


ANSWER = {
    "access_token": "an-access-token",
    "verification_id": "an-id",
    "verification_token": "a-proof",
    "sudo_token": "a-sudo",
    "sub": "alice",
    "exist": True,
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("dialect", ["auto", "documented", "primary"])
async def test_a_captcha_token_goes_along(name: str, dialect: Any, emulator: Emulator) -> None:
    """A captcha token travels from the first request on: in its header, or in the query (B36)."""
    emulator.faults.add("*", "status", status=200, body=ANSWER, times=None)
    async with emulator.client(dialect=dialect, client_secret=None) as auth:
        have = Asked(auth, auth.session(access_token="opaque"), "a-token")
        await TABLE[name].run(have, "v1.solved/+=")
    (entry,) = emulator.journal
    in_query = dialect == "primary"
    assert entry.header("x-captcha-token") == (None if in_query else "v1.solved/+=")
    assert entry.query.get("captcha_token") == ("v1.solved/+=" if in_query else None)
    assert "captcha_token" not in (entry.json or {})


def solved(emulator: Emulator) -> str:
    """Solve a captcha beside the client, and return what that is worth."""
    token = beside(emulator, "/captcha/data", {})["token"]
    right = {"token": token, "key": emulator.captchas[token]}
    return str(beside(emulator, "/captcha/data/verify", right)["captcha_token"])


def beside(emulator: Emulator, path: str, body: Mapping[str, str]) -> Any:
    """Ask the service past every client and its journal."""
    request = Request(method="POST", path="/auth/v1" + path, body=json.dumps(body).encode())
    return json.loads(emulator.answer(request).body)
