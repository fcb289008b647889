"""`ServerTokens`: the token of a server, which is no user. How it is kept: `_server_bearer.py`."""

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._cloud_key import CloudKey
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._server_bearer import ServerBearer
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._transport import ClientMiddleware, bearer_middleware
from cloudbase_auth_async.models._fields import unpicklable


class ServerTokens:
    """
    A server's token; made by `AuthClient.server`, and best made once.

    The token may do anything in the environment: keep it on the server. What the service lets an
    administrator do with a user goes through a session of it:

        server = auth.server(secret_id, secret_key)
        admin = auth.session(access_token=await server.access_token())
        await admin.user.edit(user_id="…", nickname="Alice")

    Make that session anew for each use, and do not sign it out: that would revoke the token which
    is handed out here. After an `Unauthenticated`, `invalidate` the token and make it again.

    All coroutines may be called from many tasks at once: however many ask, one request is made,
    and none of them can stop it. Nobody waits for a renewal while the old token is good.
    """

    __slots__ = ("_held", "_settings")

    def __init__(self, caller: BaseCaller, background: Background, key: CloudKey) -> None:
        self._settings = caller.settings
        self._held = ServerBearer(caller, background, key)

    def __repr__(self) -> str:
        return f"<ServerTokens of {self._settings.env}>"

    __reduce__ = unpicklable

    @property
    def tokens(self) -> TokenPair | None:
        """What the service answered last, whatever its state; None before the first answer."""
        return self._held.tokens

    @property
    def middleware(self) -> ClientMiddleware:
        """
        A middleware for an `aiohttp.ClientSession` of yours that signs calls to CloudBase.

        As `TokenSession.middleware`, which names the hosts, with the server's token.
        """
        return bearer_middleware(self._held, self._settings.hosts)

    @sealed
    async def access_token(self) -> str:
        """
        Return a token that is valid now, asked for first if it must be.

        Raises:
            InvalidClient, Unauthenticated, PermissionDenied: the service refuses the key.
            ApiError, TransportError, DecodeError: there is none to be had for now.
            ClientClosed: the client is closed.

        Source: https://docs.cloudbase.net/http-api/auth/auth-client-credential (2026-11-22)
        """
        return await self._held.bearer()

    def invalidate(self, access_token: str) -> None:
        """Say that a token was rejected elsewhere; it is ignored unless it is the current one."""
        self._held.invalidate(access_token)
