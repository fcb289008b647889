"""The example in the module's docstring, in front of real requests; what is said of who passes."""

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cloudbase_auth_async import errors, jwks


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer {}", 200), ("bearer {}", 200), ("Basic {}", 401), ("{}", 401), (None, 401)],
)
async def test_the_example(gate: Any, header: str | None, status: int) -> None:
    """The handler lets a user in, and nobody else."""
    token = await gate.token()
    headers = {} if header is None else {"Authorization": header.format(token)}
    answer = await _answered(gate, headers)
    assert answer[0] == status
    assert (answer[1] == {"hello": gate.alice.sub}) == (status == 200)


async def test_the_example_in_an_outage(gate: Any) -> None:
    """Where the keys cannot be had, the handler says that it is not the user's fault."""
    headers = {"Authorization": f"Bearer {await gate.token()}"}
    gate.answer({"error": "unavailable"}, status=503)
    assert (await _answered(gate, headers))[0] == 503


README = Path(__file__).parent.parent.parent / "README.md"


def _told(thing: Any) -> str:
    return " ".join((thing.__doc__ or "").split())


async def test_anonymous_users_pass_and_it_is_said(gate: Any) -> None:
    """Both verifiers let them in, and say so, as the README does beside its example (B22)."""
    pair = await gate.auth.sign_in.anonymously()
    for verifier in (gate.verifier, jwks.IntrospectionVerifier(gate.auth)):
        assert (await verifier.verify(pair.access_token)).is_anonymous
        said = "An anonymous user's token passes; `Claims.is_anonymous` tells."
        assert said in _told(type(verifier))
    passes = "An anonymous user is a user, and passes: look at `claims.is_anonymous`."
    assert passes in _told(jwks)
    section = README.read_text(encoding="utf-8").partition("## Checking tokens")[2]
    section = section.partition("\n## ")[0]
    assert passes in section
    assert "if claims.is_anonymous:" in section.partition("```python")[2].partition("```")[0]


def test_all_that_claims_say_is_described() -> None:
    """Each field and each property of `Claims` has its words, and nothing else has."""
    described = (inspect.getdoc(jwks.Claims) or "").partition("Attributes:\n")[2]
    names = ", ".join(re.findall(r"^    ([a-z_, ]+): ", described, re.MULTILINE)).split(", ")
    there = {name for name in dir(jwks.Claims) if not name.startswith("_")}
    assert set(names) == there
    assert len(names) == len(there)


async def test_the_scheme_is_no_part_of_a_token(gate: Any) -> None:
    """Who hands over the whole header is told to leave `Bearer` out."""
    header = f"Bearer {await gate.token()}"
    for verifier in (gate.verifier, jwks.IntrospectionVerifier(gate.auth)):
        with pytest.raises(errors.VerificationFailed, match="without `Bearer`") as caught:
            await verifier.verify(header)
        assert caught.value.reason == "malformed"
        assert "without `Bearer`" in caught.value.remedy("en")
        assert "what follows `Bearer `" in _told(type(verifier).verify)


async def _answered(gate: Any, headers: dict[str, str]) -> tuple[int, Any]:
    lines = (jwks.__doc__ or "").splitlines()
    code = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ") or not line))
    names: dict[str, Any] = {**vars(jwks), "auth": gate.auth, "errors": errors, "web": web}
    exec(code, names)  # noqa: S102 - our own example
    app = web.Application()
    app.router.add_get("/", names["handler"])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as found:
            body = await found.json() if found.status == 200 else None
            return found.status, body
    finally:
        await runner.cleanup()
