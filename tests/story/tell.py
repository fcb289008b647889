"""
The story with this library's client alone.

Arguments: origin, environment, secret, user name, password.
"""

import asyncio
import json
import sys

import aiohttp

from cloudbase_auth_async import AuthClient


async def story(origin: str, env: str, secret: str, username: str, password: str) -> None:
    """Sign in, read, let the token die, read again, ask about the token, sign out."""
    async with AuthClient(env, client_secret=secret, base_url=f"{origin}/auth/v1") as auth:
        session = auth.session(await auth.sign_in.password(username, password))
        first = await session.access_token()
        name = (await session.user.me()).name

        # Two hours pass there. The client hears of it from a refusal, and refreshes.
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{origin}/__emulator__/clock", json={"advance": 7200}) as moved,
        ):
            moved.raise_for_status()
        me = await session.user.me()
        last = await session.access_token()
        answer = await auth.token.introspect(last)
        await session.sign_out()

    if first == last or not answer.active:
        sys.exit("the token is the old one, or dead")
    sys.stdout.write(json.dumps({"sub": me.sub, "name": name, "last": last}) + "\n")


if __name__ == "__main__":
    asyncio.run(story(*sys.argv[1:]))
