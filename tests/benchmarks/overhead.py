"""
What a call costs beside bare aiohttp: client CPU per call, both in one run, in turns.

    python tests/benchmarks/overhead.py

The service runs in a process of its own, so only the client is counted. The figures are ratios:
the floor is one `aiohttp` GET with the same headers whose body is parsed by `json.loads`.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp

from cloudbase_auth_async import AuthClient

CALLS = 500
ROUNDS = 9


async def _cost(call: Callable[[], Awaitable[object]]) -> float:
    before = time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.process_time() - before) / CALLS * 1e6


async def _measure(service: dict[str, str]) -> None:
    arguments = {name: service[name] for name in ("client_id", "client_secret", "base_url")}
    async with AuthClient(service["env"], **arguments) as auth, aiohttp.ClientSession() as http:
        session = auth.session(await auth.sign_in.password("alice", "Passw0rd!"))
        headers = {
            "Authorization": f"Bearer {await session.access_token()}",
            "Accept": "application/json",
            "x-request-id": "0",
        }

        async def bare() -> object:
            async with http.get(service["base_url"] + "/user/me", headers=headers) as answer:
                return json.loads(await answer.read())

        rows = [(await _cost(bare), await _cost(session.user.me)) for _ in range(ROUNDS)]
        token = await _cost(session.access_token)
    floor = statistics.median(low for low, _ in rows)
    ratio = statistics.median(high / low for low, high in rows[1:])
    print(f"bare aiohttp GET and json.loads   {floor:8.1f} us")
    print(f"session.user.me(), as a multiple  {ratio:8.2f}")
    print(f"session.access_token() when fresh {token / floor:8.4f} of a bare call")


def main() -> None:
    """Start the service, measure, stop it."""
    command = [sys.executable, "-m", "cloudbase_auth_async.testing", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        service = json.loads(process.stdout.readline())
        try:
            asyncio.run(_add_user(service))
            asyncio.run(_measure(service))
        finally:
            process.terminate()


async def _add_user(service: dict[str, str]) -> None:
    user = {"username": "alice", "password": "Passw0rd!", "name": "Alice"}
    url = service["origin"] + "/__emulator__/users"
    async with aiohttp.ClientSession() as http, http.post(url, json=user) as answer:
        answer.raise_for_status()


if __name__ == "__main__":
    main()
