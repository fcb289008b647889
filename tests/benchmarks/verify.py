"""
What verifying a token costs beside bare `jwt.decode` with the key at hand, both in one run.

    python tests/benchmarks/verify.py

No request is made while it measures: the keys are there, as they are in a gateway at work. The
figures are ratios; the floor checks `iss`, `aud` and `exp`, too.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import jwt

from cloudbase_auth_async.jwks import IntrospectionVerifier, TokenVerifier
from cloudbase_auth_async.testing import Emulator

CALLS = 2000
ROUNDS = 9


async def _cost(call: Callable[[], Awaitable[object]]) -> float:
    before = time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.process_time() - before) / CALLS * 1e6


async def _measure() -> None:
    emulator = Emulator()
    emulator.add_user(username="alice", password="Passw0rd!")
    async with emulator.memory_client() as auth:
        token = (await auth.sign_in.password("alice", "Passw0rd!")).access_token
        local, asking = TokenVerifier(auth), IntrospectionVerifier(auth)
        claims = await local.verify(token)
        await asking.verify(token)
        key = local._keys._keyset.keys[jwt.get_unverified_header(token)["kid"]]

        async def bare() -> object:
            return jwt.decode(
                token, key, algorithms=["RS256"], audience="demo-env", issuer=claims.iss
            )

        async def verified() -> object:
            return await local.verify(token)

        async def introspected() -> object:
            return await asking.verify(token)

        rows = [
            (await _cost(bare), await _cost(verified), await _cost(introspected))
            for _ in range(ROUNDS)
        ]
    floor = statistics.median(row[0] for row in rows)
    print(f"bare jwt.decode with the key           {floor:8.1f} us")
    for name, place in (("TokenVerifier.verify", 1), ("IntrospectionVerifier, kept answer", 2)):
        ratio = statistics.median(row[place] / row[0] for row in rows[1:])
        print(f"{name + ', as a multiple':50}{ratio:6.2f}"[-58:])


if __name__ == "__main__":
    asyncio.run(_measure())
