"""Accounts seen from outside: is there such a user, and a new password for who forgot theirs."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._codec import Existence
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.errors import UserNotFound


class Accounts:
    """`auth.accounts`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def reset_password(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        new_password: str,
        verification_token: str,
        captcha_token: str | None = None,
    ) -> None:
        """
        Give a user who has forgotten their password a new one.

        The vendor's client asks for the code with target `"USER"`.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            new_password: the service's own policy decides; its pages ask for 8 to 32 or for 8 to
                64 characters.
            verification_token: of `verification.verify`, for the same phone number or e-mail;
                600 seconds, single use.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: neither or both of phone number and e-mail, a malformed one, or
                an empty argument.
            UserNotFound: nobody has that phone number or e-mail.
            InvalidArgument, InvalidCode: the token does not fit, is used or expired, or the
                password is too weak.
            PermissionDenied: the client may not do this.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-reset-password (2026-11-22)
        """
        body = {
            **config.destination(phone_number, email),
            "new_password": config.text("new_password", new_password),
            "verification_token": config.text("verification_token", verification_token),
        }
        form = Form(method="POST", route="/reset", auth=Auth.CLIENT, device=True, body=body)
        await self._caller.call(
            Call[None](
                operation="accounts.reset_password",
                answer=None,
                forms=(form,),
                # Of all that this call names, only the user can be missing.
                renamed={"not_found": UserNotFound},
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def exists(self, username: str, *, captcha_token: str | None = None) -> bool:
        """
        Ask whether there is such a user.

        Only the vendor's client has this call. It tells whoever can make it who your users are:
        do not offer it to anybody without a limit of your own.

        Args:
            username: the user name, the e-mail, or the phone number as `"+86 13800000000"`.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            RateLimited: too many questions; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        query = {"username": config.text("username", username)}
        form = Form(
            method="GET", route="/checkIfUserExist", auth=Auth.CLIENT, device=True, query=query
        )
        answer = await self._caller.call(
            Call(
                operation="accounts.exists",
                answer=Existence,
                forms=(form,),
                repeatable=True,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )
        return answer.exist
