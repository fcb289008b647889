"""Ours beside theirs: what the classes beside `Auth` do, which hold tokens and solve captchas."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp

Work = Awaitable[Any]


async def set_credentials(s: Any) -> Work:
    """`OAuth2Client.setCredentials`: a session is made of tokens that came otherwise."""
    first, user = await s.signed_in()

    async def held() -> None:
        assert s.auth.session(first.tokens).tokens.sub == user.sub

    return held()


async def set_access_key(s: Any) -> Work:
    """`OAuth2Client.setAccessKeyCredentials`: a token alone, which nobody renews."""
    first, _ = await s.signed_in()
    token = await first.access_token()

    async def held() -> None:
        session = s.auth.session(access_token=token)
        assert not session.can_refresh
        assert await session.access_token() == token

    return held()


async def access_token(s: Any) -> Work:
    """`OAuth2Client.getAccessToken`, `getCredentials` and its other spellings."""
    session, _ = await s.signed_in()

    async def held() -> None:
        assert await session.access_token() == session.tokens.access_token

    return held()


async def scope_and_groups(s: Any) -> Work:
    """`OAuth2Client.getScope`, `OAuth2Client.getGroups`."""
    session, _ = await s.signed_in()

    async def held() -> None:
        assert (session.tokens.scope, session.tokens.groups) == ("user sso", ())

    return held()


async def claims(s: Any) -> Work:
    """`weAppJwtDecodeAll`."""
    session, user = await s.signed_in()

    async def held() -> None:
        assert session.unverified_claims["sub"] == user.sub

    return held()


async def refresh(s: Any) -> Work:
    """`OAuth2Client.refreshToken`."""
    session, _ = await s.signed_in()
    return session.refresh()


async def request(s: Any) -> Work:
    """`OAuth2Client.request`: the program's own request, signed."""
    session, user = await s.signed_in()

    async def signed() -> None:
        async with (
            aiohttp.ClientSession(middlewares=(session.middleware,)) as http,
            http.get(f"{s.emulator.base_url}/user/me") as answer,
        ):
            assert (await answer.json())["sub"] == user.sub

    return signed()


async def with_captcha(s: Any) -> Work:
    """`Captcha.request`: `AuthClient(captcha=...)` has it solved, and the call goes on."""
    auth, user = await s.client(captcha=s.solver), s.user()
    await s.demand_captcha(user)
    return auth.sign_in.password(user.username, s.password)


OURS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "OAuth2Client.setCredentials": set_credentials,
    "OAuth2Client.setAccessKeyCredentials": set_access_key,
    "OAuth2Client.getAccessToken": access_token,
    "OAuth2Client.getCredentials": access_token,
    "OAuth2Client.getCredentialsSync": access_token,
    "OAuth2Client.getCredentialsAsync": access_token,
    "OAuth2Client.getScope": scope_and_groups,
    "OAuth2Client.getGroups": scope_and_groups,
    "OAuth2Client.refreshToken": refresh,
    "OAuth2Client.request": request,
    "Captcha.request": with_captcha,
    "weAppJwtDecodeAll": claims,
}
