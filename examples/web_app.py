"""
A web app whose users stay signed in, over restarts and in as many processes as you start.

    CLOUDBASE_ENV=... CLOUDBASE_CLIENT_ID=... CLOUDBASE_CLIENT_SECRET=... python examples/web_app.py

One client for the life of the app, one store that all its processes share, and a cookie that
holds nothing but a random key. With FastAPI it is the same: open the client in `lifespan`.
"""

import math
import secrets
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.stores import FileStore

AUTH = web.AppKey("auth", AuthClient)
COOKIE = "session"
OVER = (errors.NotSignedIn, errors.SessionEnded, errors.ReauthenticationRequired)


@web.middleware
async def troubles(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer for what goes wrong anywhere; without it each slip and each outage would be a 500."""
    try:
        return await handler(request)
    except errors.ConfigurationError:  # a field is empty, or holds what cannot be sent
        status, text, wait = 400, "check what you typed", None
    except (errors.CaptchaRequired, errors.RateLimited) as failure:
        status, text, wait = 429, "too many attempts, try again later", failure.retry_after
    except errors.CloudBaseAuthError as failure:
        status, text, wait = 503, "try again later", getattr(failure, "retry_after", None)
    headers = {} if wait is None else {"Retry-After": str(math.ceil(wait))}
    return web.Response(status=status, text=text, headers=headers)


async def sign_in(request: web.Request) -> web.Response:
    """Sign a user in and hand out the key of their session."""
    form = await request.post()
    auth = request.app[AUTH]
    name, password = str(form.get("username", "")), str(form.get("password", ""))
    try:
        tokens = await auth.sign_in.password(name, password)
    except (errors.InvalidCredentials, errors.UserNotFound):
        raise web.HTTPUnauthorized from None
    key = secrets.token_urlsafe(32)
    await auth.sessions.put(key, tokens)
    answer = web.Response(text="welcome")
    answer.set_cookie(COOKIE, key, httponly=True, samesite="Lax", secure=request.secure)
    return answer


async def profile(request: web.Request) -> web.Response:
    """Show whose session it is; the token is valid, or there is none to be had."""
    session = await signed_in(request)
    try:
        me = await session.user.me()
    except OVER:
        # Or its record would stay for ever.
        await request.app[AUTH].sessions.drop(request.cookies[COOKIE])
        raise web.HTTPUnauthorized from None
    return web.json_response({"sub": me.sub, "username": me.username})


async def sign_out(request: web.Request) -> web.Response:
    """End the session here, in every other process and at the service."""
    await (await signed_in(request)).sign_out()
    answer = web.Response(text="goodbye")
    answer.del_cookie(COOKIE)
    return answer


async def signed_in(request: web.Request) -> TokenSession:
    """Find the session that the cookie names."""
    key = request.cookies.get(COOKIE, "")
    try:
        session = await request.app[AUTH].sessions.get(key)
    except errors.ConfigurationError:  # no cookie, or one that we never gave
        session = None
    if session is None:
        raise web.HTTPUnauthorized
    return session


def make_app(auth: AuthClient) -> web.Application:
    """Put the app together around a client, which it closes."""

    async def client(app: web.Application) -> AsyncIterator[None]:
        async with auth:
            app[AUTH] = auth
            yield

    app = web.Application(middlewares=[troubles])
    app.cleanup_ctx.append(client)
    app.router.add_post("/sign-in", sign_in)
    app.router.add_get("/me", profile)
    app.router.add_post("/sign-out", sign_out)
    return app


if __name__ == "__main__":
    web.run_app(make_app(AuthClient.from_environ(store=FileStore("sessions"))))
