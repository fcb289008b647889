"""What the service's own side does to verifying: caches, captchas, and what it says of a token."""

import asyncio
import email.utils
import json
import sys
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.jwks import IntrospectionVerifier

INTROSPECT = "GET /token/introspect"


def _said(gate: Any, **body: Any) -> None:
    """Let the service say so of any token."""
    gate.emulator.faults.add(INTROSPECT, "status", status=200, body=body, times=None)


def _asked(gate: Any) -> int:
    return len(gate.sent(INTROSPECT))


@pytest.mark.parametrize("age", ["3600", "1"])
async def test_keys_out_of_a_cache(gate: Any, forge: Any, age: str) -> None:
    """A cache's `Date` is of when it asked: it does not wake tokens that died since (B17)."""
    date = email.utils.formatdate(forge.now - 3600, usegmt=True)
    body = json.dumps({"keys": [gate.signer.jwk()]}).encode()
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nAge: {age}\r\nContent-Length: {len(body)}\r\n\r\n"
    gate.emulator.faults.add(forge.certs, "raw", steps=head.encode() + body)
    assert await gate.forged(iat=forge.now, exp=forge.now + 60)
    dead = gate.signer.sign(forge.claims(iat=forge.now - 7200, exp=forge.now - 600))
    assert await forge.refused(gate.verifier, dead) == "expired"
    assert gate.fetches == 1


@pytest.mark.parametrize("kind", ["local", "introspection"])
async def test_nobody_is_shown_a_captcha(open_gate: Any, kind: str) -> None:
    """A captcha that a verifier's request meets is an error: no user's request waits for it."""
    shown: list[Any] = []

    async def solver(picture: Any) -> None:
        shown.append(picture)
        await asyncio.Event().wait()

    async with open_gate(client={"captcha": solver}) as gate:
        verifier: Any = gate.verifier if kind == "local" else IntrospectionVerifier(gate.auth)
        token = await gate.token()
        route = "GET /certs" if kind == "local" else INTROSPECT
        body = {"error": "captcha_required"}
        gate.emulator.faults.add(route, "status", status=400, body=body)
        with pytest.raises(errors.CaptchaRequired):
            await verifier.verify(token)
        assert not shown
        gate.clock.advance(10)
        assert (await verifier.verify(token)).sub == gate.alice.sub


@pytest.mark.parametrize("kind", ["local", "introspection"])
@pytest.mark.parametrize(
    ("project", "outcome"),
    [("another-env", "issuer"), ("demo-env", "accepted"), ("", "accepted"), (None, "accepted")],
)
async def test_another_environment(
    gate: Any, forge: Any, kind: str, project: str | None, outcome: str
) -> None:
    """A token of another environment is refused, even one that the same key has signed (B22)."""
    claims = forge.claims(project_id=project)
    gate.publish()
    _said(gate, active=True, sub=claims["sub"])
    verifier = gate.verifier if kind == "local" else IntrospectionVerifier(gate.auth)
    assert await forge.refused(verifier, gate.signer.sign(claims)) == outcome


async def test_another_environment_by_the_services_word(gate: Any, forge: Any) -> None:
    """An opaque token whose environment the service tells must be of this one (B22)."""
    _said(gate, active=True, sub="u", project_id="another-env")
    assert await forge.refused(IntrospectionVerifier(gate.auth), "an-opaque-token") == "issuer"


async def test_the_services_word_counts(gate: Any, forge: Any) -> None:
    """What the service says of a token counts, what it leaves out the token may tell."""
    claims = forge.claims(groups=["admin"], is_system_admin=True, name="Alice", scope="user")
    told = {"groups": [], "is_system_admin": False, "name": None, "scope": "anonymous"}
    told |= {"client_id": "demo-env", "exp": forge.now + 10}
    _said(gate, active=True, sub=claims["sub"], **told)
    verifier = IntrospectionVerifier(gate.auth)
    found = await verifier.verify(gate.signer.sign(claims))
    assert (found.groups, found.is_system_admin, found.is_anonymous) == ((), False, True)
    assert (found.name, found.aud, found.provider_type) == ("Alice", ("demo-env",), "email")
    gate.clock.advance(10)  # its time is over, whatever the token says of itself
    await verifier.verify(gate.signer.sign(claims))
    assert _asked(gate) == 2


async def test_what_the_service_leaves_out(gate: Any, forge: Any) -> None:
    """An answer that says no more than "active" leaves the token what it says itself."""
    claims = forge.claims()
    _said(gate, active=True, sub=claims["sub"], scope=None)
    found = await IntrospectionVerifier(gate.auth).verify(gate.signer.sign(claims))
    assert found.scopes == {"user", "sso"}
    assert (found.aud, found.iss) == (("demo-env",), claims["iss"])


async def test_a_public_key_by_the_services_word(gate: Any, forge: Any) -> None:
    """A token that the service calls everybody's key is no user's, whatever it says itself."""
    claims = forge.claims(meta={})
    _said(gate, active=True, sub=claims["sub"], meta={"platform": "PublishableKey"})
    verifier = IntrospectionVerifier(gate.auth)
    assert await forge.refused(verifier, gate.signer.sign(claims)) == "subject"


async def test_questions_that_a_close_cut_off(open_gate: Any) -> None:
    """A closed client leaves no question behind in which a token could be found (B23)."""
    async with open_gate() as gate:
        verifier = IntrospectionVerifier(gate.auth)
        fault = gate.emulator.faults.add(INTROSPECT, "hold", times=None)
        tasks = [asyncio.create_task(verifier.verify(f"token-{count}")) for count in range(3)]
        await fault.arrived
        assert len(verifier._asking) == 3
        await gate.auth.aclose()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {errors.ClientClosed}
        assert not verifier._asking


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
async def test_questions_that_end_in_their_first_step() -> None:
    """On a loop whose tasks start at once no question stays that was over when it began."""
    loop = asyncio.get_running_loop()
    http = aiohttp.ClientSession()
    await http.close()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory", None))
    try:
        async with AuthClient("demo-env", http=http) as auth:
            verifier = IntrospectionVerifier(auth)
            for count in range(5):
                with pytest.raises(errors.ClientClosed):
                    await verifier.verify(f"token-{count}")
            assert not verifier._asking
    finally:
        loop.set_task_factory(None)


async def test_an_old_question_takes_no_new_one_along(gate: Any) -> None:
    """The end of an earlier question about a token does not make the next one be asked twice."""
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    fault = gate.emulator.faults.add(INTROSPECT, "hold")
    first = asyncio.create_task(verifier.verify(token))
    await fault.arrived
    (mark,) = verifier._asking
    verifier._asked_for(mark, asyncio.create_task(asyncio.sleep(0)))  # type: ignore[arg-type]
    second = asyncio.create_task(verifier.verify(token))
    await asyncio.sleep(0)
    fault.release()
    assert (await first).sub == (await second).sub == gate.alice.sub
    assert _asked(gate) == 1


async def test_a_question_is_forgotten_once_it_is_answered(gate: Any) -> None:
    """A question that ends in trouble is asked anew, and none is kept (B16)."""
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    gate.emulator.faults.add(INTROSPECT, "drop_before", times=None)
    with pytest.raises(errors.ConnectionLost):
        await verifier.verify(token)
    assert not verifier._asking
    gate.emulator.faults.clear()
    assert (await verifier.verify(token)).sub == gate.alice.sub
    assert not verifier._asking
