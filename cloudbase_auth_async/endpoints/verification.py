"""Codes by SMS and e-mail: send one, check one."""

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._call import Auth, Call, Caller, Dialect, Form, Turn
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.models import Verification as Sent
from cloudbase_auth_async.models import VerifiedCode


class Verification:
    """`auth.verification`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def send(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        target: str | None = None,
        usage: str | None = None,
        email_redirect_to: str | None = None,
        locale: str | None = None,
        destination: str | None = None,
        captcha_token: str | None = None,
    ) -> Sent:
        """
        Send a six-digit code, which lives 600 seconds; one sent earlier to the same place dies.

        How often is up to the service, and its pages disagree: one code in 60 seconds, or in 30,
        to one destination; ten a day to one phone number; ten an hour from one IP address; and by
        e-mail, 50 a day unless set otherwise. Codes by SMS are sent in `ap-shanghai` only.

        A request that may have arrived is never sent twice: each costs a message. Only one that
        the service refused for want of a `target` is sent again, with `"ANY"`.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            target: `"ANY"`, `"USER"` (must exist) or `"NOT_USER"` (must not). `"CUR_USER"` needs
                a user: that is `session.verification.send`.
            usage: what the code is for: `"SIGN_IN"`, `"REGISTER"`, `"PASSWORD_RESET"`,
                `"EMAIL_ADDRESS_CHANGE"`, `"PHONE_NUMBER_CHANGE"`; the service may know others.
            email_redirect_to: full URL; the e-mail then holds a link to it.
            locale: the vendor's older page has it, and does not explain it.
            destination: likewise.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: neither or both of phone number and e-mail, a malformed one, an
                empty argument, or a redirect without an e-mail.
            RateLimited: too many codes; see `retry_after`.
            CaptchaRequired: the service wants a captcha first.
            CaptchaInvalid: the captcha token is wrong, used or expired.
            InvalidArgument: the service knows no such target or usage.
            UserNotFound: the target is `"USER"`, and there is none.
            PreconditionFailed: the account's existence contradicts `target`, or the environment
                cannot send there: its SMS or mail settings.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-send-verification (2026-11-22)
        """
        body = {
            **config.destination(phone_number, email),
            "target": config.optional_text("target", target),
            "usage": config.optional_text("usage", usage),
            "email_redirect_to": config.optional_text("email_redirect_to", email_redirect_to),
            "locale": config.optional_text("locale", locale),
            "destination": config.optional_text("destination", destination),
        }
        if email_redirect_to is not None and email is None:
            raise errors.ConfigurationError("email_redirect_to", "is for an e-mail only")
        form = Form(method="POST", route="/verification", auth=Auth.CLIENT, device=True, body=body)
        wanted = attrs.evolve(form, dialect=Dialect.DOCUMENTED, body={**body, "target": "ANY"})
        forms = (form, wanted) if target is None else (form,)
        return await self._caller.call(
            Call(
                operation="verification.send",
                answer=Sent,
                forms=forms,
                turn=Turn.INVALID_ARGUMENT,
                feature="verification.target",
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def verify(
        self, verification_id: str, verification_code: str, *, captcha_token: str | None = None
    ) -> VerifiedCode:
        """
        Check a code. It is not sent again if it may have arrived.

        Args:
            verification_id: of `send`, the newest for that destination; 600 seconds.
            verification_code: what the person typed: six digits.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Returns:
            a `verification_token` that lives 600 seconds and works once.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCode: the code or its id is wrong, used or expired.
            RateLimited: too many attempts; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer; `may_have_reached_server` tells whether it may be used up.

        Source: https://docs.cloudbase.net/http-api/auth/auth-verify-verification (2026-11-22)
        """
        body = {
            "verification_id": config.text("verification_id", verification_id),
            "verification_code": config.text("verification_code", verification_code),
        }
        form = Form(
            method="POST", route="/verification/verify", auth=Auth.CLIENT, device=True, body=body
        )
        return await self._caller.call(
            Call(
                operation="verification.verify",
                answer=VerifiedCode,
                forms=(form,),
                # The vendor's newest client: here this name means a wrong or expired code.
                renamed={"invalid_argument": errors.InvalidCode},
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )
