"""The current user says yes: to an application that wants a code, and to a device that waits."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models import Authorization, AuthorizationInfo


class UserAuthorization:
    """`session.authorization`. Only the vendor's JavaScript client has these calls."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def authorize(
        self,
        *,
        response_type: str = "code",
        client_id: str | None = None,
        redirect_uri: str | None = None,
        state: str | None = None,
        scope: str | None = None,
        code_challenge: str | None = None,
        code_challenge_method: str | None = None,
        sign_out_uri: str | None = None,
    ) -> Authorization:
        """
        Get a code (RFC 6749) in the user's name; `token.authorization_code` exchanges it.

        Args:
            response_type: what is wanted; the vendor has `"code"`.
            client_id: the application that asks; the session's own client if left out.
            redirect_uri: where the code is to go; the exchange has to name it again.
            state: comes back in the answer.
            scope: scopes, separated by spaces; no more than the user's own.
            code_challenge: of PKCE (RFC 7636), 43 to 128 characters.
            code_challenge_method: `"S256"` or `"plain"`; only with a `code_challenge`.
            sign_out_uri: where a browser goes on after a sign-out.

        Raises:
            ConfigurationError: an argument is empty, or a method comes without its challenge.
            InvalidArgument: the service takes no such response type, scope, address or challenge.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        if code_challenge_method is not None and code_challenge is None:
            raise ConfigurationError("code_challenge_method", "needs a code_challenge")
        texts = {
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": scope,
            "code_challenge": code_challenge,
            "code_challenge_method": code_challenge_method,
            "sign_out_uri": sign_out_uri,
        }
        body = {name: config.optional_text(name, value) for name, value in texts.items()}
        body["response_type"] = config.text("response_type", response_type)
        form = Form(method="POST", route="/user/authorize", auth=Auth.USER, body=body)
        return await self._caller.call(
            Call(operation="session.authorization.authorize", answer=Authorization, forms=(form,))
        )

    @sealed
    async def device(
        self, user_code: str, *, scope: str | None = None, state: str | None = None
    ) -> None:
        """
        Let the device sign in that shows this code (RFC 8628).

        Args:
            user_code: what the person read on the device.
            scope: scopes, separated by spaces; no more than the device asked for.
            state: passed on to the service.

        Raises:
            ConfigurationError: an argument is empty.
            NotFound: no device waits with that code, or no longer.
            InvalidArgument: the scope is too wide.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        body = {
            "user_code": config.text("user_code", user_code),
            "scope": config.optional_text("scope", scope),
            "state": config.optional_text("state", state),
        }
        form = Form(method="POST", route="/user/device/authorize", auth=Auth.USER, body=body)
        # Not repeatable: a device takes one yes, and the success would be a NotFound.
        await self._caller.call(
            Call[None](operation="session.authorization.device", answer=None, forms=(form,))
        )

    @sealed
    async def info(
        self,
        *,
        response_type: str | None = None,
        client_id: str | None = None,
        redirect_uri: str | None = None,
        state: str | None = None,
        scope: str | None = None,
        sign_out_uri: str | None = None,
        locale: str | None = None,
    ) -> AuthorizationInfo:
        """
        Ask who wants to be authorized, and for what: the words of a page that asks the user.

        Args:
            response_type: as for `authorize`.
            client_id: as for `authorize`.
            redirect_uri: as for `authorize`.
            state: as for `authorize`.
            scope: the scopes to describe, separated by spaces.
            sign_out_uri: as for `authorize`.
            locale: language of the names.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidArgument: the service takes no such scope or address.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        texts = {
            "response_type": response_type,
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": scope,
            "sign_out_uri": sign_out_uri,
            "locale": locale,
        }
        query = {name: config.optional_text(name, value) for name, value in texts.items()}
        form = Form(method="GET", route="/user/authorize/info", auth=Auth.USER, query=query)
        return await self._caller.call(
            Call(
                operation="session.authorization.info",
                answer=AuthorizationInfo,
                forms=(form,),
                repeatable=True,
            )
        )
