"""Third-party accounts of the current user: list, bind, unbind."""

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Dialect, Form, Turn
from cloudbase_auth_async._codec import ProviderList
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.models import LinkedProvider


def _both(form: Form) -> tuple[Form, Form]:
    """Spell a call for both contracts: they differ in one letter of the path."""
    route = form.route.replace("/user/providers", "/user/provider")
    return form, attrs.evolve(form, dialect=Dialect.DOCUMENTED, route=route)


class Providers:
    """`session.providers`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def list(self) -> tuple[LinkedProvider, ...]:
        """
        List the third-party accounts that are, or could be, bound.

        Raises:
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/user-providers (2026-11-22)
        """
        form = Form(method="GET", route="/user/providers", auth=Auth.USER)
        answer = await self._caller.call(
            Call(
                operation="providers.list",
                answer=ProviderList,
                forms=_both(form),
                turn=Turn.NO_ROUTE,
                feature="providers",
                repeatable=True,
            )
        )
        return answer.data

    @sealed
    async def bind(self, provider_token: str) -> None:
        """
        Bind a third-party account to the current user.

        Args:
            provider_token: what the provider's grant was exchanged for; 3600 seconds, single use.

        Raises:
            ConfigurationError: the argument is empty.
            InvalidGrant: the token is wrong, used or expired.
            AlreadyExists, PreconditionFailed: the account is bound to somebody.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-bind-with-provider (2026-11-22)
        """
        body = {"provider_token": config.text("provider_token", provider_token)}
        form = Form(method="POST", route="/user/providers/bind", auth=Auth.USER, body=body)
        await self._caller.call(
            Call[None](
                operation="providers.bind",
                answer=None,
                forms=_both(form),
                turn=Turn.NO_ROUTE,
                feature="providers",
            )
        )

    @sealed
    async def unbind(self, provider_id: str) -> None:
        """
        Unbind a third-party account.

        Args:
            provider_id: the `id` that `list` gives.

        Raises:
            ConfigurationError: the argument is empty or a dot segment.
            NotFound: no such account is bound.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-un-bind-provider (2026-11-22)
        """
        parts = {"provider_id": config.path_part("provider_id", provider_id)}
        route = "/user/providers/{provider_id}"
        form = Form(method="DELETE", route=route, auth=Auth.USER, parts=parts)
        await self._caller.call(
            Call[None](
                operation="providers.unbind",
                answer=None,
                forms=_both(form),
                turn=Turn.NO_ROUTE,
                feature="providers",
            )
        )
