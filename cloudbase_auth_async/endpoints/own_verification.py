"""Codes to the phone number or e-mail that the current user has bound."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models import Verification


class OwnVerification:
    """`session.verification`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def send(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        usage: str | None = None,
        email_redirect_to: str | None = None,
        locale: str | None = None,
        captcha_token: str | None = None,
    ) -> Verification:
        """
        Send the current user a six-digit code, such as for `user.sudo`.

        It goes with the target `CUR_USER` and the user's own token, which the documented contract
        demands; the code lives 600 seconds, and one sent earlier to the same place dies. A request
        that may have arrived is never sent twice: each costs a message. Check the code with
        `auth.verification.verify`. How often one may be sent: see `auth.verification.send`.

        Args:
            phone_number: the user's own, with country code and a space, such as
                `"+86 13800000000"`.
            email: the user's own; not together with a phone number.
            usage: what the code is for, such as `"PASSWORD_RESET"`; the service may use it for
                texts.
            email_redirect_to: full URL for a link in the e-mail; not for a phone number.
            locale: language of the message.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: neither or both of phone number and e-mail, or a malformed
                argument.
            PreconditionFailed: it is not this user's, or the environment cannot send there.
            RateLimited: too many codes; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha first, or another one.
            InvalidArgument: the service does not know that usage.
            Unauthenticated: the service takes neither the token nor its successor; also one that
                speaks the primary contract alone, which has no such call: the session is good.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-send-verification (2026-11-22)
        """
        if email_redirect_to is not None and email is None:
            raise ConfigurationError("email_redirect_to", "is for an e-mail")
        body = {
            **config.destination(phone_number, email),
            "target": "CUR_USER",
            "usage": config.optional_text("usage", usage),
            "email_redirect_to": config.optional_text("email_redirect_to", email_redirect_to),
            "locale": config.optional_text("locale", locale),
        }
        form = Form(method="POST", route="/verification", auth=Auth.USER, device=True, body=body)
        return await self._caller.call(
            Call(
                operation="session.verification.send",
                answer=Verification,
                forms=(form,),
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )
