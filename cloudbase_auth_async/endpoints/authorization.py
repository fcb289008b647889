"""What a page of consent shows before anybody has signed in: who asks, and for what."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.models import AuthorizationInfo


class ClientAuthorization:
    """`auth.authorization`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def info(
        self,
        *,
        response_type: str | None = None,
        redirect_uri: str | None = None,
        state: str | None = None,
        scope: str | None = None,
        sign_out_uri: str | None = None,
        locale: str | None = None,
    ) -> AuthorizationInfo:
        """
        Describe this client and the scopes it asks for, in its own name.

        Only the vendor's client has this call. It sends the client's Basic credentials, with an
        empty secret where there is none. With a user, it is `session.authorization.info`.

        Args:
            response_type: as it will be asked for, such as `"code"`.
            redirect_uri: where the answer will be sent.
            state: made up by you; not needed here.
            scope: scopes, separated by spaces; those of the client if left out.
            sign_out_uri: where a sign-out will lead.
            locale: the language of names and descriptions.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidClient, Unauthenticated: the client's id or secret is wrong.
            InvalidArgument: there is no such scope, or it is not the client's to ask for.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        query = {
            "response_type": config.optional_text("response_type", response_type),
            "redirect_uri": config.optional_text("redirect_uri", redirect_uri),
            "state": config.optional_text("state", state),
            "scope": config.optional_text("scope", scope),
            "sign_out_uri": config.optional_text("sign_out_uri", sign_out_uri),
            "locale": config.optional_text("locale", locale),
        }
        form = Form(
            method="GET",
            route="/user/authorize/info",
            auth=Auth.CLIENT_BASIC,
            device=True,
            query=query,
        )
        return await self._caller.call(
            Call(
                operation="authorization.info",
                answer=AuthorizationInfo,
                forms=(form,),
                repeatable=True,
            )
        )
