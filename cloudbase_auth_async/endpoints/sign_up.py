"""Signing up: a checked phone number or e-mail becomes a user, who is then signed in."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import ConfigurationError


class SignUp:
    """`auth.sign_up`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def register(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        verification_token: str | None = None,
        verification_code: str | None = None,
        username: str | None = None,
        password: str | None = None,
        name: str | None = None,
        gender: str | None = None,
        picture: str | None = None,
        locale: str | None = None,
        provider_token: str | None = None,
        anonymous_token: str | None = None,
        captcha_token: str | None = None,
    ) -> TokenPair:
        """
        Create a user and sign in.

        It takes a phone number or an e-mail with the `verification_token` of
        `verification.verify`, or a `provider_token` instead of both.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            verification_token: proof that the code was right, of `verification.verify`;
                600 seconds, single use.
            verification_code: the code itself; the primary contract sends it along.
            username: 5 to 24 letters, digits, `_` and `-` suit every form of the service. The
                newest page allows 2 to 48 beside a phone number, 5 to 24 beside anything else.
            password: the service's own policy decides; this call's page names none, others of
                the vendor ask for 8 to 32 or for 8 to 64 characters.
            name: nickname.
            gender: `"MALE"` or `"FEMALE"`.
            picture: URL of an avatar.
            locale: region; the service guesses it if left out.
            provider_token: of a third-party account, of `providers.grant`; 3600 seconds, single
                use.
            anonymous_token: access token of the anonymous user who becomes this one.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed.
            AlreadyExists, PreconditionFailed: the user name, phone number or e-mail is taken.
            InvalidArgument, InvalidCode: the token does not fit, or is used or expired.
            InvalidGrant: the provider token is wrong, used or expired.
            LoginMethodDisabled: the environment has this way of signing in switched off.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-up (2026-11-22)
        """
        body: dict[str, str | None] = {}
        if provider_token is None or phone_number is not None or email is not None:
            body.update(config.destination(phone_number, email))
            if verification_token is None:
                raise ConfigurationError("verification_token", "must be given")
        optional = {
            "verification_token": verification_token,
            "verification_code": verification_code,
            "username": username,
            "password": password,
            "name": name,
            "gender": gender,
            "picture": picture,
            "locale": locale,
            "provider_token": provider_token,
            "anonymous_token": anonymous_token,
        }
        body.update({field: config.optional_text(field, v) for field, v in optional.items()})
        form = Form(method="POST", route="/signup", auth=Auth.CLIENT, device=True, body=body)
        return await self._caller.call(
            Call(
                operation="sign_up.register",
                answer=TokenPair,
                forms=(form,),
                # Codes and tokens are spent by then, and a dying connection would leave it open.
                fresh_connection=True,
                salvage=True,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )
