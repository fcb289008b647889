"""Flows that need no session: sign in or up by code, a new password, a device."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._sealed import sealed_function
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.accounts import Accounts
from cloudbase_auth_async.endpoints.sign_in import SignIn
from cloudbase_auth_async.endpoints.sign_up import SignUp
from cloudbase_auth_async.endpoints.verification import Verification
from cloudbase_auth_async.errors import (
    AlreadyExists,
    ApiError,
    CaptchaInvalid,
    CaptchaRequired,
    PreconditionFailed,
    RateLimited,
    SecondFactorRequired,
    ServerUnavailable,
    UserBlocked,
    UserNotFound,
    UserPending,
)
from cloudbase_auth_async.flows._code import CodeFlow, Steps
from cloudbase_auth_async.flows._device import DeviceFlow
from cloudbase_auth_async.flows._newcomer import Newcomer
from cloudbase_auth_async.flows._progress import Proof

# What a sign-in says of passing trouble, or of the user that the place is of: told in place of
# "taken", it would be hidden that all is well but for that.
_SAY_MORE: Final = (
    CaptchaInvalid,
    CaptchaRequired,
    RateLimited,
    SecondFactorRequired,
    ServerUnavailable,
    UserBlocked,
    UserPending,
)


class Flows:
    """`auth.flows`: several calls as one, each built from the single ones."""

    __slots__ = ("_background", "_caller")

    def __init__(self, caller: BaseCaller, background: Background) -> None:
        self._caller = caller
        self._background = background

    @sealed_function
    def sign_in_or_up(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        username: str | None = None,
        password: str | None = None,
        name: str | None = None,
        gender: str | None = None,
        picture: str | None = None,
        locale: str | None = None,
        resume: Mapping[str, Any] | None = None,
    ) -> CodeFlow[TokenPair]:
        """
        Sign a person in by a code, or up if the phone number or e-mail is nobody's yet.

        Which of the two, the service says when it sends the code (`is_user`). Somebody who came
        or went in between is signed in or up all the same. The code lives 600 seconds, and so
        does the proof that it was right.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            username: of a new user, as the rest below; see `sign_up.register`.
            password: of a new user.
            name: of a new user.
            gender: of a new user.
            picture: of a new user.
            locale: of a new user.
            resume: what `CodeFlow.to_dict` wrote. It holds none of the arguments of a new user
                (`username`, `password`, `name`, …): give them again.

        Returns:
            the flow; its answer is the tokens. Beside what `CodeFlow.run` names, its last step may
            raise `AlreadyExists` or `PreconditionFailed`: the user name is taken; `UserBlocked`,
            `UserPending`: the account may not sign in; `LoginMethodDisabled`: signing in by code
            is switched off; `SecondFactorRequired`: the service wants a second factor.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed; or the
                flow that is gone on with had one that this one lacks.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in (2026-11-22)
        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-up (2026-11-22)
        """
        where = config.destination(phone_number, email)
        newcomer = Newcomer.checked(
            username=username,
            password=password,
            name=name,
            gender=gender,
            picture=picture,
            locale=locale,
        )

        async def finish(proof: Proof) -> TokenPair:
            return await self._entered(proof, newcomer)

        return self._flow(
            "sign_in_or_up", where, finish, target=None, newcomer=newcomer, resume=resume
        )

    @sealed_function
    def reset_password(
        self,
        *,
        new_password: str,
        phone_number: str | None = None,
        email: str | None = None,
        resume: Mapping[str, Any] | None = None,
    ) -> CodeFlow[None]:
        """
        Give a user who has lost their password a new one, against a code.

        The code lives 600 seconds, and so does the proof that it was right.

        Args:
            new_password: the service's own policy decides; its pages ask for 8 to 32 or for 8 to
                64 characters. `CodeFlow.to_dict` does not write it: that of the flow which is
                completed counts.
            phone_number: the user's, with country code and a space.
            email: the user's; not together with a phone number.
            resume: what `CodeFlow.to_dict` wrote.

        Returns:
            the flow; it signs nobody in. No code is sent where there is no such user:
            `PreconditionFailed` or `UserNotFound`. Beside what `CodeFlow.run` names, its last step
            may raise `UserNotFound`: the user is gone; `InvalidArgument`: the password is too
            weak; `PermissionDenied`: the client may not do this.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed.

        Source: https://docs.cloudbase.net/http-api/auth/auth-reset-password (2026-11-22)
        """
        where = config.destination(phone_number, email)
        config.text("new_password", new_password)

        async def finish(proof: Proof) -> None:
            await Accounts(self._caller).reset_password(
                **proof.destination,
                new_password=new_password,
                verification_token=proof.verification_token,
                captcha_token=proof.captcha_token,
            )

        return self._flow("reset_password", where, finish, target="USER", resume=resume)

    @sealed_function
    def device_sign_in(
        self, *, scope: str | None = None, resume: Mapping[str, Any] | None = None
    ) -> DeviceFlow:
        """
        Sign in on a device without a keyboard: the person says yes elsewhere (RFC 8628).

        Only the official JavaScript client has the calls that it is made of. The codes live as
        long as their answer says, in seconds.

        Args:
            scope: scopes, separated by spaces; all the user has if left out.
            resume: what `DeviceFlow.to_dict` wrote.

        Returns:
            the flow; its answer is the tokens.

        Raises:
            ConfigurationError: an argument is malformed.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        config.optional_text("scope", scope)
        return DeviceFlow(self._caller, self._background, scope=scope, resume=resume)

    async def _entered(self, proof: Proof, newcomer: Newcomer) -> TokenPair:
        """Sign in or up, and the other way round where the service has changed its mind."""
        if proof.is_user:
            try:
                return await self._signed_in(proof)
            except UserNotFound:
                return await self._signed_up(proof, newcomer)
        try:
            return await self._signed_up(proof, newcomer)
        except (AlreadyExists, PreconditionFailed) as taken:
            refusal = taken
        try:
            return await self._signed_in(proof)
        except _SAY_MORE:
            raise
        except ApiError:
            pass  # then it was the user name that is taken, or whatever the first refusal says
        raise refusal

    async def _signed_in(self, proof: Proof) -> TokenPair:
        (place,) = proof.destination.values()
        call = functools.partial(
            SignIn(self._caller).code, proof.verification_token, username=place
        )
        return await _shown_where_demanded(call, proof.captcha_token)

    async def _signed_up(self, proof: Proof, newcomer: Newcomer) -> TokenPair:
        call = functools.partial(
            SignUp(self._caller).register,
            **proof.destination,
            verification_token=proof.verification_token,
            verification_code=proof.verification_code,
            **attrs.asdict(newcomer),
        )
        return await _shown_where_demanded(call, proof.captcha_token)

    def _flow(
        self,
        kind: str,
        where: Mapping[str, str],
        finish: Callable[[Proof], Awaitable[Any]],
        *,
        target: str | None,
        newcomer: Newcomer | None = None,
        resume: Mapping[str, Any] | None,
    ) -> CodeFlow[Any]:
        codes = Verification(self._caller)
        return CodeFlow(
            Steps(
                kind=kind,
                send=lambda token: codes.send(**where, target=target, captcha_token=token),
                check=codes,
                finish=finish,
                newcomer=newcomer,
            ),
            where,
            background=self._background,
            server_time=self._caller.server_time,
            resume=resume,
        )


async def _shown_where_demanded(
    call: Callable[..., Awaitable[TokenPair]], captcha_token: str | None
) -> TokenPair:
    """Make a call, with the token if it wants one: the other of the two may, if this one fails."""
    try:
        return await call()
    except (CaptchaRequired, CaptchaInvalid):
        if captcha_token is None:
            raise
    return await call(captcha_token=captcha_token)
