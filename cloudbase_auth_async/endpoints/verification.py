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
    ) -> Sent:
        """
        Send a six-digit code; a code sent earlier to the same place dies.

        A request that may have arrived is never sent twice: each costs a message. Only one that
        the service refused for want of a `target` is sent again, with `"ANY"`.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            target: `"ANY"`, `"USER"` (must exist) or `"NOT_USER"` (must not).
            usage: what the code is for, such as `"SIGN_IN"`; the service may use it for texts.

        Raises:
            ConfigurationError: neither or both of phone number and e-mail, or a malformed one.
            RateLimited: too many codes; see `retry_after`.
            CaptchaRequired: the service wants a captcha first.
            PreconditionFailed: the account's existence contradicts `target`.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-send-verification (2026-11-22)
        """
        body = {
            **config.destination(phone_number, email),
            "target": config.optional_text("target", target),
            "usage": config.optional_text("usage", usage),
        }
        form = Form(method="POST", route="/verification", auth=Auth.CLIENT, device=True, body=body)
        wanted = attrs.evolve(form, dialect=Dialect.DOCUMENTED, body={**body, "target": "ANY"})
        return await self._caller.call(
            Call(
                operation="verification.send",
                answer=Sent,
                forms=(form, wanted) if target is None else (form,),
                turn=Turn.INVALID_ARGUMENT,
                feature="verification.target",
            )
        )

    @sealed
    async def verify(self, verification_id: str, verification_code: str) -> VerifiedCode:
        """
        Check a code.

        Args:
            verification_id: of `send`.
            verification_code: what the person typed.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCode: the code or its id is wrong, used or expired.
            TransportError: no answer.

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
            )
        )
