"""Two contracts, one program: what is asked twice, what is remembered, what is never sent."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator

Emulate = Callable[..., Awaitable[Emulator]]

PASSWORD, NEW_PASSWORD = "Passw0rd!", "N3w-passw0rd"
PHONE, MAIL = "+86 13800000000", "carol@example.com"

SIGN_UP = {"phone_number", "email", "verification_token", "verification_code", "username"} | {
    "password",
    "name",
}
# What either contract has for each request: names in the query, names in the body.
ALLOWED: Mapping[str, tuple[set[str], set[str]]] = {
    "POST /signin": ({"client_id"}, {"username", "password"}),
    "POST /verification": ({"client_id"}, {"phone_number", "email", "target"}),
    "POST /verification/verify": ({"client_id"}, {"verification_id", "verification_code"}),
    "POST /signup": ({"client_id"}, SIGN_UP),
    "POST /signin-anonymously": ({"client_id"}, set()),
    "POST /signin/anonymously": ({"client_id"}, set()),
    "POST /token": ({"client_id"}, {"grant_type", "refresh_token"}),
    "GET /token/introspect": ({"client_id", "token"}, set()),
    "POST /revoke": ({"client_id"}, {"token"}),
    "GET /user/me": (set(), set()),
    "PATCH /user/password": ({"sudo_token"}, {"old_password", "new_password", "sudo_token"}),
    "DELETE /user/me": ({"sudo_token"}, set()),
    "POST /user/sudo": (set(), {"password", "verification_token"}),
    "GET /user/providers": (set(), set()),
    "GET /user/provider": (set(), set()),
    "POST /user/providers/bind": (set(), {"provider_token"}),
    "POST /user/provider/bind": (set(), {"provider_token"}),
    "DELETE /user/providers/github": (set(), set()),
    "DELETE /user/provider/github": (set(), set()),
}
# Headers that a contract has, or that HTTP itself asks for.
HEADERS = {"accept", "accept-encoding", "authorization", "content-length", "content-type"} | {
    "connection",
    "host",
    "user-agent",
    "x-device-id",
    "x-request-id",
}


async def with_sudo(session: TokenSession, password: str, call: Callable[..., Any]) -> None:
    """Make a call; prove who the user is if the service demands it, and make it again."""
    try:
        await call()
    except errors.SudoRequired:
        proof = await session.user.sudo(password=password)
        await call(sudo_token=proof.sudo_token)


async def register(emulator: Emulator, auth: AuthClient, **where: str) -> None:
    """Sign somebody up."""
    place = next(iter(where.values()))
    sent = await auth.verification.send(**where)
    proof = await auth.verification.verify(sent.verification_id, emulator.codes[place])
    tokens = await auth.sign_up.register(
        **where,
        verification_code=emulator.codes[place],
        verification_token=proof.verification_token,
        name="Bob",
        password=PASSWORD,
        username="bob-" + next(iter(where)),
    )
    assert tokens.sub


async def program(emulator: Emulator, auth: AuthClient) -> None:
    """Live through all seven scenarios."""
    tokens = await auth.sign_in.password("alice", PASSWORD)
    await register(emulator, auth, phone_number=PHONE)
    await register(emulator, auth, email=MAIL)
    anonymous = await auth.sign_in.anonymously()
    tokens = await auth.token.refresh(str(tokens.refresh_token))
    assert (await auth.token.introspect(tokens.access_token)).active
    session = auth.session(tokens)
    assert (await session.user.me()).username == "alice"
    await session.providers.bind(emulator.provider_token())
    assert [each.id for each in await session.providers.list()] == ["github"]
    await session.providers.unbind("github")

    async def change(**sudo: str) -> None:
        await session.user.update_password(old_password=PASSWORD, new_password=NEW_PASSWORD, **sudo)

    await with_sudo(session, PASSWORD, change)
    await auth.token.revoke(anonymous.access_token)
    assert not (await auth.token.introspect(anonymous.access_token)).active
    await with_sudo(session, NEW_PASSWORD, session.user.delete)


def check_sent(emulator: Emulator) -> None:
    """Check that nothing was sent that neither contract has."""
    for entry in emulator.journal:
        query, body = ALLOWED[f"{entry.method} {entry.path.removeprefix('/auth/v1')}"]
        assert set(entry.query) <= query
        assert set(entry.json or {}) <= body
        assert {name.lower() for name, _ in entry.headers} <= HEADERS


WORLDS: list[tuple[str, dict[str, Any]]] = [
    ("primary", {}),
    ("documented", {}),
    ("both", {}),
    ("documented", {"client_secret": None}),
    ("both", {"client_secret": None}),
]


@pytest.mark.parametrize(("dialect", "options"), WORLDS)
async def test_one_program_for_every_service(
    dialect: str,
    options: dict[str, Any],
    emulate: Emulate,
) -> None:
    """All seven scenarios work unchanged, and nothing is invented on the way."""
    emulator = await emulate(dialect=dialect)
    async with emulator.client(**options) as auth:
        await program(emulator, auth)
    check_sent(emulator)


@pytest.mark.parametrize(
    ("dialect", "pinned"),
    [
        ("primary", "primary"),
        ("documented", "documented"),
        ("both", "primary"),
        ("both", "documented"),
    ],
)
async def test_a_pinned_dialect_speaks_no_other(
    dialect: str, pinned: str, emulate: Emulate
) -> None:
    """A client told what to speak sends the forms of that contract only, and never twice."""
    emulator = await emulate(dialect=dialect)
    async with emulator.client(dialect=pinned) as auth:
        await auth.sign_in.anonymously()
        tokens = await auth.sign_in.password("alice", PASSWORD)
        assert (await auth.token.introspect(tokens.access_token)).active
        await auth.session(tokens).providers.list()
        await auth.token.revoke(tokens.access_token)
    primary = {"/signin-anonymously", "/user/providers"}
    documented = {"/signin/anonymously", "/user/provider"}
    paths = {entry.path.removeprefix("/auth/v1") for entry in emulator.journal}
    assert paths >= (primary if pinned == "primary" else documented)
    assert not paths & (documented if pinned == "primary" else primary)
    client_calls = [e for e in emulator.journal if e.path.startswith("/auth/v1/sign")]
    basic = [str(e.header("Authorization")).startswith("Basic ") for e in client_calls]
    assert basic == [pinned == "primary"] * 2
    assert len(emulator.journal) == 5


# Requests for a first and a second go of each feature, by what the service speaks.
COUNTS = {
    "anonymous": ((1, 1), (2, 1), (1, 1)),
    "introspect": ((1, 1), (2, 1), (1, 1)),
    "revoke": ((1, 1), (2, 1), (1, 1)),
    "providers": ((1, 1), (2, 1), (1, 1)),
    "send": ((1, 1), (2, 1), (1, 1)),
}


async def use(feature: str, emulator: Emulator, auth: AuthClient) -> int:
    """Use a feature and count the requests it took."""
    tokens = await auth.sign_in.password("alice", PASSWORD)
    session = auth.session(tokens)
    calls: Mapping[str, Callable[[], Awaitable[Any]]] = {
        "anonymous": auth.sign_in.anonymously,
        "introspect": lambda: auth.token.introspect(tokens.access_token),
        "revoke": lambda: auth.token.revoke(tokens.access_token),
        "providers": session.providers.list,
        "send": lambda: auth.verification.send(phone_number=PHONE),
    }
    before = len(emulator.journal)
    await calls[feature]()
    return len(emulator.journal) - before


@pytest.mark.parametrize("feature", COUNTS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["primary", "documented", "both"])
async def test_what_a_service_speaks_is_asked_once(
    feature: str, place: int, emulate: Emulate
) -> None:
    """The first call finds out what the service speaks, and the second knows it."""
    emulator = await emulate(dialect=("primary", "documented", "both")[place])
    async with emulator.client() as auth:
        counts = (await use(feature, emulator, auth), await use(feature, emulator, auth))
    assert counts == COUNTS[feature][place]


@pytest.mark.parametrize("with_basic", ["empty", "refuse"])
async def test_introspection_where_basic_means_nothing(with_basic: str, emulate: Emulate) -> None:
    """A live token is active, a dead one is not, however the service takes Basic there."""
    emulator = await emulate(dialect="documented", introspect_with_basic=with_basic)
    async with emulator.client() as auth:
        tokens = await auth.sign_in.password("alice", PASSWORD)
        other = await auth.sign_in.password("alice", PASSWORD)
        emulator.revoke(other.access_token)
        assert (await auth.token.introspect(other.access_token)).active is False
        assert (await auth.token.introspect(tokens.access_token)).active is True
        assert (await auth.token.introspect(other.access_token)).active is False


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
async def test_a_dead_token_is_inactive(dialect: str, emulate: Emulate) -> None:
    """Introspection of a revoked, an expired or a made-up token answers that it is not active."""
    emulator = await emulate(dialect=dialect)
    async with emulator.client() as auth:
        revoked = await auth.sign_in.password("alice", PASSWORD)
        expired = await auth.sign_in.password("alice", PASSWORD)
        emulator.revoke(revoked.access_token)
        emulator.clock.advance(7201)
        for token in (revoked.access_token, expired.access_token, "no-token-at-all"):
            assert (await auth.token.introspect(token)).active is False


async def test_a_wrong_secret_is_an_error_and_not_inactive(emulate: Emulate) -> None:
    """With a wrong client secret introspection and revocation fail, and say that it is that."""
    emulator = await emulate(dialect="primary")
    async with emulator.client() as good:
        tokens = await good.sign_in.password("alice", PASSWORD)
    async with emulator.client(client_secret="wrong") as auth:
        for call in (auth.token.introspect, auth.token.revoke, auth.token.refresh):
            with pytest.raises(errors.InvalidClient):
                await call(tokens.access_token)


async def test_a_wrong_secret_never_makes_a_live_token_inactive(emulator: Emulator) -> None:
    """Where the token itself is enough, a wrong secret does not make it look dead."""
    async with emulator.client() as good:
        tokens = await good.sign_in.password("alice", PASSWORD)
    async with emulator.client(client_secret="wrong") as auth:
        assert (await auth.token.introspect(tokens.access_token)).active is True


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_trouble_in_the_middle_is_not_an_inactive_token(
    status: int, emulate: Emulate
) -> None:
    """A live token is not declared dead because the second form met a broken gateway (B18)."""
    emulator = await emulate(dialect="documented")
    async with emulator.client() as auth:
        tokens = await auth.sign_in.password("alice", PASSWORD)
        # The first form is answered {}, as documented; then the gateway falls over.
        emulator.faults.add(
            "GET /token/introspect", "status", status=status, body=b"<html>", after=1, times=3
        )
        with pytest.raises((errors.ServerUnavailable, errors.RateLimited)):
            await auth.token.introspect(tokens.access_token)
        emulator.faults.clear()
        assert (await auth.token.introspect(tokens.access_token)).active is True


@pytest.mark.parametrize("feature", COUNTS)
@pytest.mark.parametrize("status", [500, 502, 400])
async def test_a_broken_gateway_proves_nothing(
    feature: str, status: int, emulate: Emulate, closing: AsyncExitStack
) -> None:
    """A 502 while the client finds out what is spoken is raised, and not taken for an answer."""
    emulator = await emulate(dialect="documented")
    auth = await closing.enter_async_context(emulator.client())
    await auth.sign_in.password("alice", PASSWORD)
    routes = {
        "anonymous": "POST /signin/anonymously",
        "introspect": "GET /token/introspect",
        "revoke": "POST /revoke",
        "providers": "GET /user/provider",
        "send": "POST /verification",
    }
    emulator.faults.add(routes[feature], "status", status=status, times=3)
    with pytest.raises(errors.ApiError) as caught:
        await use(feature, emulator, auth)
    assert caught.value.status == status
    emulator.faults.clear()
    assert await use(feature, emulator, auth) == 2
    assert await use(feature, emulator, auth) == 1


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
async def test_a_missing_account_is_not_a_missing_route(dialect: str, emulate: Emulate) -> None:
    """Unbinding what is not bound is `NotFound` with the service's own words, in any dialect."""
    emulator = await emulate(dialect=dialect)
    async with emulator.client() as auth:
        session = auth.session(await auth.sign_in.password("alice", PASSWORD))
        await session.providers.list()  # from here on it is known what the service speaks
        with pytest.raises(errors.NotFound) as caught:
            await session.providers.unbind("github")
        assert caught.value.description == "no such account is bound"
        await session.providers.bind(emulator.provider_token())
        await session.providers.unbind("github")


async def test_a_primary_form_needs_the_secret_it_is_pinned_to(emulator: Emulator) -> None:
    """Pinned to the primary contract without a secret, introspection says what is missing."""
    async with emulator.client(dialect="primary", client_secret=None) as auth:
        with pytest.raises(errors.ConfigurationError, match="client_secret"):
            await auth.token.introspect("a-token")
    assert emulator.journal == []


async def test_a_refused_code_is_sent_once_more_and_no_more(emulate: Emulate) -> None:
    """A send refused in both forms ends there, and neither form is remembered."""
    emulator = await emulate(dialect="documented")
    async with emulator.client() as auth:
        emulator.faults.add(
            "POST /verification", "status", status=400, body={"error": "invalid_argument"}, times=2
        )
        with pytest.raises(errors.InvalidArgument):
            await auth.verification.send(phone_number=PHONE)
        assert len(emulator.journal) == 2
        assert await use("send", emulator, auth) == 2


async def test_a_refusal_with_a_name_is_told(emulator: Emulator, auth: AuthClient) -> None:
    """Of a refusal with a name and a bare 404 the caller sees the one that says something."""
    session = auth.session(access_token="opaque")
    named = {"error": "not_found", "error_description": "gone"}
    emulator.faults.add("GET /user/providers", "status", status=404, body=named)
    emulator.faults.add("GET /user/provider", "status", status=404)
    with pytest.raises(errors.NotFound) as caught:
        await session.providers.list()
    assert caught.value.description == "gone"
