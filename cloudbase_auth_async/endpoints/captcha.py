"""Captchas by hand: get a picture, say what it shows. A client with a solver does it unasked."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.models import CaptchaChallenge, CaptchaPass


class Captcha:
    """`auth.captcha`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def create(
        self, *, state: str | None = None, redirect_uri: str | None = None
    ) -> CaptchaChallenge:
        """
        Get a picture for a person to read. It lives 300 seconds.

        Args:
            state: only the official JavaScript client sends it: which call it is for, such as
                `"POST:/v1/signin"`.
            redirect_uri: likewise; it sends an empty one, and here that is left out.

        Raises:
            ConfigurationError: an argument is not text.
            NotFound: a service that only speaks the primary contract has no captchas.
            DecodeError: the service sent something that is no picture.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-get-captcha-data (2026-11-22)
        """
        body = {
            "state": config.optional_text("state", state),
            "redirect_uri": config.optional_text("redirect_uri", redirect_uri),
        }
        form = Form(method="POST", route="/captcha/data", auth=Auth.CLIENT, body=body)
        return await self._caller.call(
            Call(
                operation="captcha.create",
                answer=CaptchaChallenge,
                forms=(form,),
                repeatable=True,  # a picture that nobody looks at expires
                captcha=False,
            )
        )

    @sealed
    async def verify(self, token: str, key: str) -> CaptchaPass:
        """
        Say what a picture shows, once. It is not sent again if it may have arrived.

        Args:
            token: the picture's, from `create`.
            key: what the person read; the vendor's own dialog takes four characters.

        Returns:
            a `captcha_token` that lives 600 seconds, and is good for this client alone.

        Raises:
            ConfigurationError: an argument is empty.
            CaptchaInvalid: that is not what it shows, or it was answered before, or has expired:
                get a new one.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-verify-captcha-data (2026-11-22)
        """
        body = {"token": config.text("token", token), "key": config.text("key", key)}
        form = Form(method="POST", route="/captcha/data/verify", auth=Auth.CLIENT, body=body)
        return await self._caller.call(
            Call(operation="captcha.verify", answer=CaptchaPass, forms=(form,), captcha=False)
        )
