"""What a token must say to count as a user's of this environment, and what is read out of it."""

import json
import pickle
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, errors
from cloudbase_auth_async.jwks import Claims, IntrospectionVerifier, TokenVerifier
from cloudbase_auth_async.testing import ManualClock, Request

HOST = "demo-env.ap-shanghai.tcb-api.tencentcloudapi.com"


async def test_a_token_of_the_service(gate: Any) -> None:
    """A token that a sign-in brought is verified with the keys the service publishes."""
    token = await gate.token()
    claims = await gate.verifier.verify(token)
    assert claims.sub == gate.alice.sub
    assert claims.iss == gate.emulator.origin
    assert claims.aud == ("demo-env",)
    assert claims.exp == datetime.fromtimestamp(gate.clock.wall() + 7200, UTC)
    assert claims.iat == datetime.fromtimestamp(gate.clock.wall(), UTC)
    assert claims.scopes == {"user", "sso"}
    assert not claims.is_anonymous
    assert (claims.project_id, claims.provider_type, claims.user_type) == ("demo-env", "email", "")
    assert claims.meta == {"wxOpenId": "", "wxUnionId": ""}
    assert set(claims.extra) == {"at_hash"}
    (request,) = gate.sent()
    assert request.header("Authorization") is None
    assert not request.query


async def test_an_anonymous_token(gate: Any) -> None:
    """An anonymous user is a user, and is known by the scope."""
    pair = await gate.auth.sign_in.anonymously()
    claims = await gate.verifier.verify(pair.access_token)
    assert (claims.sub, claims.name, claims.is_anonymous) == (pair.sub, "Anonymous", True)


async def test_every_claim(gate: Any) -> None:
    """Every claim that the contract names has its place, and an unknown one is kept."""
    gate.publish()
    claims = await gate.forged(
        aud=["somebody-else", "demo-env"],
        nbf=1_700_000_000.5,
        name="Alice",
        picture="https://example.com/a.png",
        email="alice@example.com",
        phone_number="+86 13800000000",
        groups=[{"id": "admin", "expires_at": "2030-01-01"}, "user"],
        roles=["editor"],
        client_type="client_user",
        is_system_admin=False,
        app_metadata={"provider": "email"},
    )
    assert claims.aud == ("somebody-else", "demo-env")
    assert claims.nbf == datetime.fromtimestamp(1_700_000_000.5, UTC)
    assert (claims.name, claims.picture) == ("Alice", "https://example.com/a.png")
    assert (claims.email, claims.phone_number) == ("alice@example.com", "+86 13800000000")
    assert (claims.groups, claims.roles) == (("admin", "user"), ("editor",))
    assert (claims.client_type, claims.is_system_admin) == ("client_user", False)
    assert claims.extra["app_metadata"] == {"provider": "email"}
    assert pickle.loads(pickle.dumps(claims)) == claims  # noqa: S301 - our own
    assert hash(claims) == hash(await gate.forged(**_sent(claims)))
    assert repr(claims).startswith("Claims(sub='1871234567890123456'")
    assert "app_metadata" not in repr(claims)


def _sent(claims: Claims) -> dict[str, Any]:
    names = ("name", "picture", "email", "phone_number", "client_type", "is_system_admin")
    return {name: getattr(claims, name) for name in names} | {
        "aud": list(claims.aud),
        "nbf": 1_700_000_000.5,
        "groups": list(claims.groups),
        "roles": list(claims.roles),
    }


REFUSED = {
    "another environment": ({"iss": HOST.replace("demo", "evil")}, "issuer"),
    "a host without a scheme": ({"iss": HOST}, "issuer"),
    "a host that begins so": ({"iss": f"https://{HOST}.evil.example"}, "issuer"),
    "no issuer": ({"iss": None}, "issuer"),
    "an issuer of another type": ({"iss": [f"https://{HOST}"]}, "malformed"),
    "another client": ({"aud": "AOJ8-another-client"}, "audience"),
    "other clients": ({"aud": ["a", "b"]}, "audience"),
    "nobody": ({"aud": []}, "audience"),
    "no audience": ({"aud": None}, "audience"),
    "an audience of another type": ({"aud": 7}, "malformed"),
    "an audience among others of another type": ({"aud": ["demo-env", 7]}, "malformed"),
    "expired": ({"exp": 1_700_000_000 - 30}, "expired"),
    "no expiry": ({"exp": None}, "malformed"),
    "an expiry in words": ({"exp": "1800000000"}, "malformed"),
    "a true expiry": ({"exp": True}, "malformed"),
    "an endless expiry": ({"exp": 10**18}, "malformed"),
    "an expiry of no size": ({"exp": float("1e300")}, "malformed"),
    "an expiry before time": ({"exp": -1}, "malformed"),
    "issued later": ({"iat": 1_700_000_000 + 31}, "not_yet_valid"),
    "an issue in words": ({"iat": "now"}, "malformed"),
    "valid later": ({"nbf": 1_700_000_000 + 31}, "not_yet_valid"),
    "a beginning in words": ({"nbf": "soon"}, "malformed"),
    "a server": ({"sub": None, "is_system_admin": True}, "subject"),
    "an empty subject": ({"sub": ""}, "subject"),
    "a subject of another type": ({"sub": 1871234567890123456}, "malformed"),
    "a publishable key": ({"sub": "u", "meta": {"platform": "PublishableKey"}}, "subject"),
    "a publishable key by its subject": ({"sub": "anon", "meta": None}, "subject"),
    "a publishable key by its other subject": ({"sub": "anonymous"}, "subject"),
    "a scope of another type": ({"scope": ["user"]}, "malformed"),
    "a meta of another type": ({"meta": "x"}, "malformed"),
    "groups of another type": ({"groups": "admin"}, "malformed"),
    "a group of another type": ({"groups": [["admin"]]}, "malformed"),
    "a group without a name": ({"groups": [{"name": "admin"}]}, "malformed"),
    "roles of another type": ({"roles": {"admin": True}}, "malformed"),
    "an admin in words": ({"is_system_admin": "true"}, "malformed"),
    "an admin in numbers": ({"is_system_admin": 1}, "malformed"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_claims_that_are_refused(gate: Any, forge: Any, case: str) -> None:
    """A good signature over wrong claims is refused, for the right reason, without a word of it."""
    changes, reason = REFUSED[case]
    gate.publish()
    token = gate.signer.sign(forge.claims(**changes))
    assert await forge.refused(gate.verifier, token) == reason


ACCEPTED = {
    "https": {"iss": f"https://{HOST}"},
    "http": {"iss": f"http://{HOST}"},
    "gateway": {"iss": "https://demo-env.api.tcloudbasegateway.com"},
    "gateway by http": {"iss": "http://demo-env.api.tcloudbasegateway.com"},
    "international gateway": {"iss": "https://demo-env.api.intl.tcloudbasegateway.com"},
    "audiences": {"aud": ["x", "demo-env"]},
    "the leeway before the end": {"exp": 1_700_000_000 - 29},
    "issued within the leeway": {"iat": 1_700_000_000 + 30},
    "valid within the leeway": {"nbf": 1_700_000_000 + 30},
    "no issue": {"iat": None},
    "no scope": {"scope": None},
    "no group": {"groups": []},
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_claims_that_are_accepted(gate: Any, case: str) -> None:
    """What real tokens vary in is no reason to refuse one."""
    gate.publish()
    claims = await gate.forged(**ACCEPTED[case])
    assert claims.sub == "1871234567890123456"


async def test_a_null_counts_as_absent(gate: Any, forge: Any) -> None:
    """A claim that is null is one the token does not have."""
    gate.publish()
    token = gate.signer.sign(forge.claims() | {"email": None, "exp": None})
    assert await forge.refused(gate.verifier, token) == "malformed"
    token = gate.signer.sign(forge.claims() | {"email": None, "odd": None})
    claims = await gate.verifier.verify(token)
    assert (claims.email, dict(claims.extra)) == (None, {"at_hash": "r.c2Vzc2lvbi1tYXJrLTEyMw"})


async def test_settings_of_its_own(open_gate: Any, forge: Any) -> None:
    """Issuers and audiences that are given stand in the place of the usual ones."""
    given = {"issuers": ["https://auth.example.com"], "audiences": iter(["shop"])}
    async with open_gate(verifier=given) as gate:
        gate.publish()
        claims = await gate.forged(iss="https://auth.example.com", aud="shop")
        assert claims.aud == ("shop",)
        usual = gate.signer.sign(forge.claims())
        assert await forge.refused(gate.verifier, usual) == "issuer"
        half = gate.signer.sign(forge.claims(iss="https://auth.example.com"))
        assert await forge.refused(gate.verifier, half) == "audience"


async def test_a_client_of_its_own(open_gate: Any) -> None:
    """Tokens of the client with its own id count, and those of the environment's own."""
    async with open_gate(client_id="AOJ8-client") as gate:
        gate.publish()
        for audience in ("AOJ8-client", "demo-env"):
            assert (await gate.forged(aud=audience)).aud == (audience,)


async def test_a_custom_domain(forge: Any) -> None:
    """The origin of a client's own base_url is an issuer, with its port and without its path."""
    async with AuthClient("e", base_url="https://id.example.com:4430/auth/v1") as auth:
        issuers = TokenVerifier(auth)._rules.issuers
    assert "https://id.example.com:4430" in issuers
    assert "http://e.ap-shanghai.tcb-api.tencentcloudapi.com" in issuers
    assert not [name for name in issuers if "id.example.com" in name and "https" not in name]


async def test_publishable_keys_that_are_wanted(open_gate: Any) -> None:
    """Where the public key of an environment is let in, it still says what it is."""
    async with open_gate(verifier={"allow_publishable_keys": True}) as gate:
        gate.publish()
        key = await gate.forged(sub="anon", scope="anonymous", meta={"platform": "PublishableKey"})
        assert key.is_publishable_key
        assert key.is_anonymous


@pytest.mark.parametrize("days", [-1, 1])
async def test_a_wrong_clock(open_gate: Any, days: int) -> None:
    """A gateway whose own clock is a day off goes by the service's (B17)."""
    wrong = ManualClock(1_700_000_000 + days * 86400)
    async with open_gate(client={"clock": wrong}) as gate:
        token = await gate.token()
        assert (await gate.verifier.verify(token)).sub == gate.alice.sub


async def test_age(gate: Any, forge: Any) -> None:
    """A token dies when its time and the leeway are over, and not a second before."""
    token = await gate.token()
    await gate.verifier.verify(token)
    gate.clock.advance(7200 + 29)
    await gate.verifier.verify(token)
    gate.clock.advance(1)
    assert await forge.refused(gate.verifier, token) == "expired"


async def test_no_leeway(open_gate: Any, forge: Any) -> None:
    """Without a leeway a token is dead at the moment it names."""
    async with open_gate(verifier={"leeway": timedelta(0)}) as gate:
        gate.publish()
        assert await gate.forged(exp=1_700_000_001)
        dead = gate.signer.sign(forge.claims(exp=1_700_000_000))
        assert await forge.refused(gate.verifier, dead) == "expired"


async def test_a_server_of_the_service(open_gate: Any, forge: Any) -> None:
    """The token that a server gets for its key may do everything, and is no user's."""
    async with open_gate() as gate:
        answer = gate.emulator.answer(_server_sign_in(gate.emulator))
        token = json.loads(answer.body)["access_token"]
        assert await forge.refused(gate.verifier, token) == "subject"


def _server_sign_in(emulator: Any) -> Any:
    basic = b64encode(b"AKIDdemo:demo-key").decode()
    host = emulator.origin.removeprefix("http://")
    return Request(
        method="POST",
        path="/auth/v1/token/clientCredential",
        query={},
        headers=(("Authorization", f"Basic {basic}"), ("Host", host)),
        body=b'{"grant_type": "client_credentials"}',
    )


WRONG = {
    "auth": ({"auth": "demo-env"}, "auth"),
    "one audience": ({"audiences": "demo-env"}, "audiences"),
    "no audience": ({"audiences": []}, "audiences"),
    "an empty audience": ({"audiences": [""]}, "audiences"),
    "audiences of another type": ({"audiences": 7}, "audiences"),
    "bytes": ({"audiences": b"demo-env"}, "audiences"),
    "an issuer of another type": ({"issuers": [None]}, "issuers"),
    "seconds as a number": ({"leeway": 30}, "leeway"),
    "a leeway below zero": ({"leeway": timedelta(seconds=-1)}, "leeway"),
    "a leeway of an hour": ({"leeway": timedelta(hours=1)}, "leeway"),
    "keys for no time": ({"key_max_age": timedelta(0)}, "key_max_age"),
    "keys for ever": ({"key_max_age": timedelta.max}, "key_max_age"),
    "a flag as a text": ({"allow_publishable_keys": "false"}, "allow_publishable_keys"),
    "a flag that is nothing": ({"allow_publishable_keys": None}, "allow_publishable_keys"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_arguments(forge: Any, case: str) -> None:
    """A wrong argument is named when the verifier is made; durations are timedeltas (B40)."""
    changes, argument = WRONG[case]
    async with AuthClient("demo-env") as auth:
        with pytest.raises(ConfigurationError) as caught:
            TokenVerifier(**({"auth": auth} | changes))
    assert caught.value.argument == argument
    assert [frame.name for frame in forge.frames(caught.value)] == ["edge"]


async def test_repr() -> None:
    """A verifier says which environment it is for, and nothing else."""
    async with AuthClient("demo-env", client_secret="a-secret-of-ours") as auth:
        assert repr(TokenVerifier(auth)) == "<TokenVerifier demo-env>"
        assert repr(IntrospectionVerifier(auth)) == "<IntrospectionVerifier demo-env>"


async def test_after_close(gate: Any) -> None:
    """A verifier whose client is closed says so, whatever it still holds."""
    token = await gate.token()
    await gate.verifier.verify(token)
    await gate.auth.aclose()
    with pytest.raises(errors.ClientClosed):
        await gate.verifier.verify(token)
