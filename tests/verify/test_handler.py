"""The example in the module's docstring, as it stands there, in front of real requests."""

import textwrap
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
