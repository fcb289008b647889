"""The token pair: there and back, from what others stored, with payloads that mean harm."""

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudbase_auth_async import AuthClient, ConfigurationError, TokenPair
from cloudbase_auth_async.testing import Emulator

TEXT = st.text(min_size=1, max_size=20)
OWN = {"access_token", "refresh_token", "expires_at", "expires_in", "token_type", "scope"}
OWN |= {"sub", "groups", "id_token"}
# Up to 2106 a float of seconds holds every microsecond.
EARLIEST, LATEST = datetime(1971, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 - hypothesis adds it
JSON = st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=2)
PAIRS = st.builds(
    TokenPair,
    access_token=TEXT,
    refresh_token=st.none() | TEXT,
    expires_at=st.none() | st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)),
    expires_in=st.none() | st.integers(-(2**62), 2**62),
    token_type=TEXT,
    scope=st.none() | TEXT,
    sub=st.none() | TEXT,
    groups=st.lists(TEXT, max_size=3).map(tuple),
    id_token=st.none() | TEXT,
    extra=st.dictionaries(TEXT.filter(lambda name: name not in OWN), JSON, max_size=3),
)


@given(PAIRS)
def test_a_pair_goes_out_and_comes_back(pair: TokenPair) -> None:
    """Through a dict and JSON a pair comes back equal, `extra` and microseconds included."""
    written = json.loads(json.dumps(pair.to_dict()))
    back = TokenPair.from_dict(written)
    assert back == pair
    assert back.extra == pair.extra


async def test_a_pair_of_the_service_goes_out_and_comes_back(
    emulator: Emulator, auth: AuthClient
) -> None:
    """A pair that a sign-in brought survives being stored, and the session works with it."""
    body = {"need_weda_resource": False, "more": {"x": [1]}, "expires_at": 5, "started": 1.5}
    good = await auth.sign_in.password("alice", "Passw0rd!")
    sent = {k: v for k, v in good.to_dict().items() if v is not None and k != "expires_at"}
    emulator.faults.add("POST /signin", "status", status=200, body=sent | body)
    pair = await auth.sign_in.password("alice", "Passw0rd!")
    assert pair.extra["need_weda_resource"] is False
    assert pair.extra["more"] == {"x": [1]}
    back = TokenPair.from_dict(json.loads(json.dumps(pair.to_dict())))
    assert attrs_of(back) == attrs_of(pair)
    assert (await auth.session(back).user.me()).username == "alice"


def attrs_of(pair: TokenPair) -> dict[str, Any]:
    """Return what makes a pair, without what the service called by our own names."""
    return pair.to_dict()


def test_a_raw_answer_is_read(kit: Any) -> None:
    """The service's own answer, as somebody stored it, is a pair; its claims fill it in."""
    token = kit.jwt({"sub": "u-1", "exp": 1_700_007_200, "iat": 1_700_000_000})
    pair = TokenPair.from_dict(
        {
            "token_type": "Bearer",
            "access_token": token,
            "refresh_token": "m.1",
            "expires_in": 7200,
            "scope": "user sso",
            "groups": ["admin"],
            "need_weda_resource": True,
        }
    )
    assert pair.sub == "u-1"
    assert pair.expires_at == datetime.fromtimestamp(1_700_007_200, UTC)
    assert (pair.groups, pair.extra) == (("admin",), {"need_weda_resource": True})


@pytest.mark.parametrize(
    ("field", "value"),
    [("access_token", v) for v in (5, b"c4nary", ["c4nary"], True)]
    + [("refresh_token", v) for v in (5, b"c4nary", {})]
    + [("expires_at", v) for v in ("c4nary", True, float("nan"), float("inf"), 1e300, 10**400)]
    + [("expires_at", v) for v in (-1e300, "2023-01-01T00:00:00Z")]
    + [("expires_in", v) for v in ("7200", 7200.5, True)]
    + [("groups", v) for v in ("c4nary", {"id": "c4nary"}, ["a", 5], 5)]
    + [(name, 5) for name in ("token_type", "scope", "sub", "id_token")],
)
def test_bad_data_is_named(field: str, value: Any) -> None:
    """A stored field of the wrong type is a ConfigurationError that names it."""
    with pytest.raises(ConfigurationError) as caught:
        TokenPair.from_dict({"access_token": "a", field: value})
    assert caught.value.argument == field
    assert "c4nary" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("data", [{}, {"access_token": ""}, {"sub": "x"}, {"refresh_token": ""}])
def test_a_pair_needs_a_token(data: dict[str, Any]) -> None:
    """Without any token there is no pair."""
    with pytest.raises(ConfigurationError, match=r"^access_token: "):
        TokenPair.from_dict(data)


@pytest.mark.parametrize("data", [None, 5, "c4nary", ["c4nary"], b"{}"])
def test_a_pair_comes_from_a_mapping(data: Any) -> None:
    """What is no mapping is refused."""
    with pytest.raises(ConfigurationError, match=r"^tokens: "):
        TokenPair.from_dict(data)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pair_is_not_pickled(protocol: int) -> None:
    """Pickling refuses, in every protocol, and says what to do instead (B23)."""
    with pytest.raises(TypeError, match="to_dict"):
        pickle.dumps(TokenPair(access_token="a"), protocol)


def test_a_pair_may_be_copied() -> None:
    """A frozen pair is its own copy."""
    pair = TokenPair(access_token="a", extra={"x": [1]})
    assert copy.copy(pair) is copy.deepcopy(pair) is pair
    assert hash(pair) == hash(TokenPair(access_token="a"))


HUGE = b"9" * 400
HOSTILE = {
    "exp as text": b'{"exp":"1700007200"}',
    "exp NaN": b'{"exp":NaN}',
    "exp infinite": b'{"exp":Infinity}',
    "exp huge": b'{"exp":1e300}',
    "exp digits": b'{"exp":' + HUGE + b"}",
    "exp too many digits": b'{"exp":' + b"9" * 5000 + b"}",
    "exp negative": b'{"exp":-5}',
    "exp negative digits": b'{"exp":-' + HUGE + b"}",
    "exp true": b'{"exp":true}',
    "exp null": b'{"exp":null}',
    "exp list": b'{"exp":[1700007200]}',
    "iat digits": b'{"iat":' + HUGE + b"}",
    "iat text": b'{"iat":"x"}',
    "sub number": b'{"sub":5}',
    "sub empty": b'{"sub":""}',
    "nbf, aud, iss foul": b'{"nbf":"x","aud":5,"iss":[],"jti":5}',
    "list": b"[1]",
    "text": b'"x"',
    "null": b"null",
    "nothing": b"",
    "half": b'{"exp":17',
    "deep": b"[" * 50_000,
    "not utf-8": b'{"sub":"\xff"}',
    "not json": b"\0\1\2",
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_payload_says_nothing(
    payload: bytes, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """Claims of the wrong kind count as absent: from a store, in a session, in an answer."""
    token = kit.jwt(payload)
    pair = TokenPair.from_dict({"access_token": token, "refresh_token": "m.1"})
    assert (pair.sub, pair.expires_at) == (None, None)
    session = auth.session(pair)
    assert await session.access_token() == token
    session.unverified_claims.get("exp")
    emulator.faults.add("POST /signin", "status", status=200, body={"access_token": token})
    answered = await auth.sign_in.password("alice", "Passw0rd!")
    assert (answered.sub, answered.expires_at) == (None, None)


@pytest.mark.parametrize(
    "token", ["opaque", "a.b.c", "..", ".", "a" * 5000, "é.é.é", "====.====.="]
)
def test_an_opaque_token_is_a_token(token: str) -> None:
    """A token that is no JWT is used as it is, and claims nothing."""
    pair = TokenPair.from_dict({"access_token": token, "sub": "u-1"})
    assert (pair.access_token, pair.sub, pair.expires_at) == (token, "u-1", None)


async def test_an_opaque_token_lives_as_long_as_it_was_said(emulate: Any) -> None:
    """The life of an opaque token follows from `expires_in`."""
    emulator = await emulate(opaque_access_tokens=True, access_lifetime_seconds=100)
    async with emulator.client() as auth:
        pair = await auth.sign_in.password("alice", "Passw0rd!")
        assert pair.expires_at is not None
        assert pair.expires_at.timestamp() == pytest.approx(emulator.clock.wall() + 100, abs=1)
        session = auth.session(pair)
        await session.user.me()
        emulator.clock.advance(101)
        await session.user.me()
    assert emulator.spends == 1


def test_a_repr_shows_no_token() -> None:
    """A pair's repr names the user and not the tokens (B23)."""
    pair = TokenPair(
        access_token="c4nary", refresh_token="c4nary", id_token="c4nary", extra={"x": "c4nary"}
    )
    assert "c4nary" not in repr(pair) + str(pair)
