"""Third-party accounts of the current user: list, bind, change, unbind, and go on as one."""

from collections.abc import Mapping
from typing import Any

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Dialect, Form, Turn
from cloudbase_auth_async._codec import ProviderList
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.models import LinkedProvider


@attrs.frozen(kw_only=True)
class _Changed:
    """The answer of `change`; no caller sees it."""

    client_id: str
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)


def _both(form: Form) -> tuple[Form, Form]:
    """Spell a call for both contracts: they differ in one letter of the path."""
    route = form.route.replace("/user/providers", "/user/provider")
    return form, attrs.evolve(form, dialect=Dialect.DOCUMENTED, route=route)


def transfer_call(provider_token: str) -> Call[TokenPair]:
    """
    Build the call after which the user goes on as the third-party account's owner.

    Its answer is the only copy of the new tokens, and the old ones are dead by then.
    """
    body = {"provider_token": config.text("provider_token", provider_token)}
    form = Form(method="PATCH", route="/user/trans/by/provider", auth=Auth.USER, body=body)
    return Call(
        operation="providers.transfer",
        answer=TokenPair,
        forms=(form,),
        fresh_connection=True,
        salvage=True,
    )


class Providers:
    """`session.providers`."""

    __slots__ = ("_caller", "_succession")

    def __init__(self, caller: Caller, succession: Caller) -> None:
        self._caller = caller
        # Its answers are the session's next tokens.
        self._succession = succession

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
    async def bind(self, provider_token: str, *, with_user_center: bool | None = None) -> None:
        """
        Bind a third-party account to the current user.

        Args:
            provider_token: what the provider's grant was exchanged for; 3600 seconds, single use.
            with_user_center: passed on to the service, which takes it for False if left out.

        Raises:
            ConfigurationError: an argument is empty or of the wrong type.
            InvalidGrant: the token is wrong, used or expired.
            AlreadyExists, PreconditionFailed: the account is bound to somebody.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-bind-with-provider (2026-11-22)
        """
        body = {
            "provider_token": config.text("provider_token", provider_token),
            "with_user_center": config.optional_flag("with_user_center", with_user_center),
        }
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
    async def unbind(self, provider_id: str, *, with_user_center: bool | None = None) -> None:
        """
        Unbind a third-party account.

        Args:
            provider_id: the `id` that `list` gives.
            with_user_center: passed on to the service.

        Raises:
            ConfigurationError: an argument is empty, a dot segment or of the wrong type.
            NotFound: no such account is bound.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-un-bind-provider (2026-11-22)
        """
        parts = {"provider_id": config.path_part("provider_id", provider_id)}
        route = "/user/providers/{provider_id}"
        flag = config.optional_flag("with_user_center", with_user_center)
        query = {"with_user_center": None if flag is None else str(flag).lower()}
        form = Form(method="DELETE", route=route, auth=Auth.USER, parts=parts, query=query)
        await self._caller.call(
            Call[None](
                operation="providers.unbind",
                answer=None,
                forms=_both(form),
                turn=Turn.NO_ROUTE,
                feature="providers",
            )
        )

    @sealed
    async def change(self, provider_id: str, provider_trans_token: str) -> str:
        """
        Put another account of the same provider in the place of the bound one.

        Only the vendor's JavaScript client has this call.

        Args:
            provider_id: the `id` that `list` gives.
            provider_trans_token: the provider token of the other account; single use.

        Returns:
            the client id that the service answers.

        Raises:
            ConfigurationError: an argument is empty or a dot segment.
            InvalidGrant: the token is wrong, used or expired.
            InvalidArgument: the token is of another provider.
            NotFound: no account of that provider is bound.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        form = Form(
            method="POST",
            route="/user/provider/{provider_id}/trans",
            auth=Auth.USER,
            parts={"provider_id": config.path_part("provider_id", provider_id)},
            body={
                "provider_trans_token": config.text("provider_trans_token", provider_trans_token)
            },
        )
        answer = await self._caller.call(
            Call(operation="providers.change", answer=_Changed, forms=(form,))
        )
        return answer.client_id

    @sealed
    async def transfer(self, provider_token: str) -> TokenPair:
        """
        Have the user go on as the owner of a third-party account; an anonymous user is one then.

        The service answers new tokens, and the session goes on with them, also if the caller is
        cancelled meanwhile. If they are of another user, who had the account before, the session
        does not take them: make another one of what this returns. Only the vendor's JavaScript
        client has this call.

        Args:
            provider_token: what the provider's grant was exchanged for; single use.

        Raises:
            ConfigurationError: the argument is empty.
            InvalidGrant: the token is wrong, used or expired.
            PreconditionFailed: the account is bound to somebody.
            NotSignedIn: the session was signed out meanwhile; the new tokens are revoked.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        return await self._succession.call(transfer_call(provider_token))
