"""Third parties: where to send the browser, which QR code to show, and what comes back of it."""

from collections.abc import Mapping

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form, QueryValue
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.errors import ConfigurationError, LoginMethodDisabled
from cloudbase_auth_async.models import (
    MiniProgramCode,
    MiniProgramCodeStatus,
    ProviderGrant,
    ProviderRedirect,
    ProviderSubType,
)

# A provider that is not enabled is a method that is not enabled.
_RENAMED = {"unimplemented": LoginMethodDisabled}


class ProviderGrants:
    """`auth.providers`."""

    __slots__ = ("_caller", "_env")

    def __init__(self, caller: Caller, env: str) -> None:
        self._caller = caller
        self._env = env

    @sealed
    async def redirect_uri(
        self,
        provider_id: str,
        *,
        redirect_uri: str | None = None,
        state: str | None = None,
        scope: str | None = None,
        response_type: str | None = None,
        other_params: Mapping[str, str] | None = None,
    ) -> ProviderRedirect:
        """
        Ask where to send the browser of somebody who signs in with a third party.

        The third party sends it back to `redirect_uri` with a code, which `grant` takes, and
        with `state`. Let your page check that the state is the one you made up.

        Args:
            provider_id: such as `"github"` or `"wx_open"`.
            redirect_uri: your page that the browser comes back to.
            state: made up by you, anew each time: whoever cannot name it did not start here.
            scope: what is asked of the third party, in its own words.
            response_type: the service asks for a code if left out.
            other_params: more for the third party; the vendor's client sends them, its
                documentation does not mention them.

        Raises:
            ConfigurationError: an argument is empty or not a string.
            InvalidArgument, NotFound: there is no such provider.
            LoginMethodDisabled: the provider is not enabled in the environment.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-gen-provider-redirect-uri (2026-11-22)
        """
        query: dict[str, QueryValue] = {
            "provider_id": config.text("provider_id", provider_id),
            "redirect_uri": config.optional_text("redirect_uri", redirect_uri),
            "state": config.optional_text("state", state),
            "scope": config.optional_text("scope", scope),
            "response_type": config.optional_text("response_type", response_type),
        }
        if other_params is not None:
            others = config.texts("other_params", other_params)
            query |= {f"other_params[{name}]": value for name, value in others.items()}
        form = Form(method="GET", route="/provider/uri", auth=Auth.CLIENT, device=True, query=query)
        return await self._caller.call(
            Call(
                operation="providers.redirect_uri",
                answer=ProviderRedirect,
                forms=(form,),
                renamed=_RENAMED,
                repeatable=True,
            )
        )

    @sealed
    async def grant(
        self,
        provider_id: str,
        *,
        provider_code: str | None = None,
        provider_redirect_uri: str | None = None,
        provider_access_token: str | None = None,
        provider_id_token: str | None = None,
        provider_params: Mapping[str, str] | None = None,
    ) -> ProviderGrant:
        """
        Exchange what a third party's sign-in has brought for a `provider_token`.

        A code works once, so this is not sent again if it may have arrived.

        Args:
            provider_id: the third party, as `redirect_uri` was asked for it.
            provider_code: what the browser came back with. The documentation has this one; the
                vendor's client also sends the next three, where a provider wants them instead.
            provider_redirect_uri: the page it came back to; the same as then.
            provider_access_token: the third party's own access token.
            provider_id_token: the third party's own id token.
            provider_params: `provider_code_type` (`"open_id"`, `"union_id"` or `"phone"`),
                `appid` and `code`, for mini programs.

        Raises:
            ConfigurationError: an argument is empty or not a string, or nothing is there to be
                exchanged.
            ProviderFailed, InvalidGrant: the third party does not take the code.
            InvalidArgument, NotFound: a parameter is missing, or there is no such provider.
            LoginMethodDisabled: the provider is not enabled in the environment.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-grant-provider-token (2026-11-22)
        """
        proofs = {
            "provider_code": config.optional_text("provider_code", provider_code),
            "provider_access_token": config.optional_text(
                "provider_access_token", provider_access_token
            ),
            "provider_id_token": config.optional_text("provider_id_token", provider_id_token),
            "provider_params": None
            if provider_params is None
            else config.texts("provider_params", provider_params),
        }
        body = {
            "provider_id": config.text("provider_id", provider_id),
            "provider_redirect_uri": config.optional_text(
                "provider_redirect_uri", provider_redirect_uri
            ),
            **proofs,
        }
        if not any(proofs.values()):
            raise ConfigurationError("provider_code", "or another proof must be given")
        form = Form(
            method="POST", route="/provider/token", auth=Auth.CLIENT, device=True, body=body
        )
        return await self._caller.call(
            Call(
                operation="providers.grant",
                answer=ProviderGrant,
                forms=(form,),
                renamed=_RENAMED,
            )
        )

    @sealed
    async def patch(
        self,
        provider_token: str,
        *,
        provider_params: Mapping[str, str],
        provider_id: str | None = None,
    ) -> ProviderGrant:
        """
        Add to a `provider_token` what a mini program learned later, such as a phone number.

        Only the vendor's client has this call. Use the token that comes back: the service may
        have used the old one up, so this is not sent again if it may have arrived.

        Args:
            provider_token: of `grant`.
            provider_params: `encryptedData` and `iv`, or `code`; and `provider_code_type`.
            provider_id: the third party that the token is of.

        Raises:
            ConfigurationError: an argument is empty or not a string.
            InvalidGrant: the token is wrong, used or expired.
            ProviderFailed: the third party does not take the code.
            InvalidArgument: a parameter is missing, or the token is of another third party.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        body = {
            "provider_token": config.text("provider_token", provider_token),
            "provider_id": config.optional_text("provider_id", provider_id),
            "provider_params": config.texts("provider_params", provider_params),
        }
        if not body["provider_params"]:
            raise ConfigurationError("provider_params", "must not be empty")
        form = Form(
            method="PATCH", route="/provider/token", auth=Auth.CLIENT, device=True, body=body
        )
        return await self._caller.call(
            Call(
                operation="providers.patch",
                answer=ProviderGrant,
                forms=(form,),
                renamed=_RENAMED,
            )
        )

    @sealed
    async def qr_code(self, wx_app_id: str, *, env: str | None = None) -> MiniProgramCode:
        """
        Ask for a QR code by which somebody signs in with a WeChat mini program.

        Show it, and ask `qr_code_status` every few seconds until it brings a `provider_token`,
        which goes into `sign_in.provider`. Stop after `expires_in` seconds, or at `NotFound`: the
        words by which a status says no are not documented. Only the vendor's JavaScript client
        has this call.

        Args:
            wx_app_id: the mini program.
            env: the environment that the mini program belongs to; the client's own if left out.

        Raises:
            ConfigurationError: an argument is empty or not a string.
            InvalidArgument, NotFound: there is no such mini program.
            LoginMethodDisabled: the provider is not enabled in the environment.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        body = {
            "envId": self._env if env is None else config.text("env", env),
            "wxAppId": config.text("wx_app_id", wx_app_id),
        }
        form = Form(
            method="POST", route="/qrcode/generate", auth=Auth.CLIENT, device=True, body=body
        )
        return await self._caller.call(
            Call(
                operation="providers.qr_code",
                answer=MiniProgramCode,
                forms=(form,),
                renamed=_RENAMED,
                repeatable=True,
            )
        )

    @sealed
    async def qr_code_status(
        self, qr_code_id: str, *, wx_app_id: str, env: str | None = None
    ) -> MiniProgramCodeStatus:
        """
        Ask what has become of a QR code, once.

        Whether the service brings the same `provider_token` twice is known nowhere, so keep the
        one that came. Only the vendor's JavaScript client has this call.

        Args:
            qr_code_id: of `qr_code`.
            wx_app_id: the mini program that the code was asked for.
            env: the environment that the code was asked for; the client's own if left out.

        Raises:
            ConfigurationError: an argument is empty or not a string.
            InvalidArgument, NotFound: there is no such code, or no more.
            LoginMethodDisabled: the provider is not enabled in the environment.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        body = {
            "qrCodeId": config.text("qr_code_id", qr_code_id),
            "envId": self._env if env is None else config.text("env", env),
            "wxAppId": config.text("wx_app_id", wx_app_id),
        }
        form = Form(
            method="POST", route="/qrcode/get/status", auth=Auth.CLIENT, device=True, body=body
        )
        return await self._caller.call(
            Call(
                operation="providers.qr_code_status",
                answer=MiniProgramCodeStatus,
                forms=(form,),
                renamed=_RENAMED,
            )
        )

    @sealed
    async def sub_type(self, provider_id: str = "weda") -> ProviderSubType:
        """
        Ask how a third party's users sign in.

        Only the vendor's JavaScript client has this call, and it asks for `"weda"` alone.

        Raises:
            ConfigurationError: the argument is empty or not a string.
            InvalidArgument, NotFound: there is no such provider.
            LoginMethodDisabled: the provider is not enabled in the environment.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        form = Form(
            method="POST",
            route="/mgr/provider/providerSubType",
            auth=Auth.CLIENT,
            device=True,
            body={"provider_id": config.text("provider_id", provider_id)},
        )
        return await self._caller.call(
            Call(
                operation="providers.sub_type",
                answer=ProviderSubType,
                forms=(form,),
                renamed=_RENAMED,
                repeatable=True,
            )
        )
