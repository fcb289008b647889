"""Flows of a signed-in user: a new password, sudo by code, an anonymous user who signs up."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._adopting import Adopting
from cloudbase_auth_async._sealed import sealed, sealed_asking, sealed_function
from cloudbase_auth_async._succession import Succession
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.own_verification import OwnVerification
from cloudbase_auth_async.endpoints.sign_up import SignUp
from cloudbase_auth_async.endpoints.user import User
from cloudbase_auth_async.endpoints.verification import Verification as Codes
from cloudbase_auth_async.flows._client import Newcomer
from cloudbase_auth_async.flows._code import Ask, CodeFlow, Proof, Steps
from cloudbase_auth_async.models import SudoToken, Verification


class SessionFlows:
    """`session.flows`: several calls of one user as one."""

    __slots__ = ("_session",)

    def __init__(self, session: Adopting) -> None:
        self._session = session

    @sealed_function
    def upgrade(
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
        Make the anonymous user of this session a registered one, who keeps their `sub`.

        The session goes on with the new tokens; a kept one has them in its store first.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            username: see `sign_up.register`, as for the rest below.
            password: see there.
            name: see there.
            gender: see there.
            picture: see there.
            locale: see there.
            resume: what `CodeFlow.to_dict` wrote.

        Returns:
            the flow; its answer is the session's new tokens. Its last step may raise
            `SubjectChanged`: the service made another user, whose tokens were revoked; and
            `AlreadyExists` or `PreconditionFailed`: the phone number, e-mail or name is taken.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed; or the
                tokens say that the user is not anonymous.
            NotSignedIn: the session was signed out.
        """
        self._check_anonymous()
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
            return await self._upgraded(proof, newcomer)

        # The anonymous user proves a place that is nobody's: in nobody's name, as for a sign-up.
        codes = Codes(self._session.base)
        return self._flow("upgrade", where, codes.send, finish, resume)

    @sealed
    async def upgrade_with_provider(
        self,
        provider_token: str,
        *,
        username: str | None = None,
        password: str | None = None,
        name: str | None = None,
        gender: str | None = None,
        picture: str | None = None,
        locale: str | None = None,
    ) -> TokenPair:
        """
        Make the anonymous user of this session one with a third-party account; the `sub` stays.

        Args:
            provider_token: of `providers.grant`; 3600 seconds, single use.
            username: see `sign_up.register`, as for the rest below.
            password: see there.
            name: see there.
            gender: see there.
            picture: see there.
            locale: see there.

        Returns:
            the tokens with which the session goes on.

        Raises:
            ConfigurationError: an argument is empty, or the tokens say that the user is not
                anonymous.
            InvalidGrant: the token is wrong, used or expired.
            AlreadyExists, PreconditionFailed: the account or the name is somebody's.
            SubjectChanged: the service made another user, whose tokens were revoked.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.
        """
        self._check_anonymous()
        return await SignUp(self._succession()).register(
            provider_token=config.text("provider_token", provider_token),
            anonymous_token=await self._session.bearer(),
            username=username,
            password=password,
            name=name,
            gender=gender,
            picture=picture,
            locale=locale,
        )

    @sealed_function
    def sudo_by_code(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        resume: Mapping[str, Any] | None = None,
    ) -> CodeFlow[SudoToken]:
        """
        Prove afresh who the user is, by a code to their own phone number or e-mail.

        Args:
            phone_number: the user's own, as their profile has it.
            email: the user's own; not together with a phone number.
            resume: what `CodeFlow.to_dict` wrote.

        Returns:
            the flow; its answer is the sudo token.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed.
        """
        where = config.destination(phone_number, email)
        own = OwnVerification(self._session)

        async def finish(proof: Proof) -> SudoToken:
            return await User(self._session).sudo(verification_token=proof.verification_token)

        return self._flow("sudo_by_code", where, own.send, finish, resume)

    @sealed_asking
    async def change_password(
        self, *, new_password: str, old_password: str | None = None, ask: Ask | None = None
    ) -> None:
        """
        Change the password, with whatever proof the service demands.

        First without sudo. Where the service wants it, by the old password; where it does not
        take that (a user with a phone number may have to prove it by a code) or there is none,
        by a code, if there is somebody to ask. Cancelled or failed, it may be called again.

        Args:
            new_password: the documentation asks for 8 to 64 characters of all four classes.
            old_password: needed where the user has one, unless `ask` proves enough.
            ask: a coroutine function that is handed what was sent and brings the code.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCredentials: the old password is wrong.
            InvalidCode: the code was wrong, three times.
            SudoRequired: the service wants more proof than there is.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; the password may be changed.
        """
        user = User(self._session)
        try:
            return await user.update_password(new_password=new_password, old_password=old_password)
        except errors.SudoRequired as refusal:
            demand: errors.ApiError = refusal
        except errors.InvalidArgument as refusal:
            if old_password is not None or ask is None:
                raise
            demand = refusal  # it wants the old password, which nobody knows
        sudo = await self._sudo(demand, old_password, ask)
        return await user.update_password(
            new_password=new_password, old_password=old_password, sudo_token=sudo.sudo_token
        )

    async def _sudo(
        self, demand: errors.ApiError, password: str | None, ask: Ask | None
    ) -> SudoToken:
        user = User(self._session)
        if password is not None:
            try:
                return await user.sudo(password=password)
            except errors.InvalidCredentials:
                raise
            except errors.ApiError:
                if ask is None:
                    raise
        if ask is None:
            raise demand
        profile = await user.me()
        if profile.phone_number is not None:
            return await self.sudo_by_code(phone_number=profile.phone_number).run(ask)
        if profile.email is not None:
            return await self.sudo_by_code(email=profile.email).run(ask)
        raise demand

    def _check_anonymous(self) -> None:
        """Refuse before a code is sent for nothing, where the tokens say whose they are."""
        scope = self._session.held().scope
        if scope is not None and "anonymous" not in scope.split():
            raise errors.ConfigurationError("session", "must be an anonymous user's")

    def _succession(self) -> Succession:
        # In nobody's name: a sign-up is not repeated because a token was rejected.
        return Succession(self._session, self._session.base)

    async def _upgraded(self, proof: Proof, newcomer: Newcomer) -> TokenPair:
        """Sign up; a refusal may mean that an earlier try, whose answer was lost, did it."""
        succession = SignUp(self._succession())
        try:
            return await succession.register(
                **proof.destination,
                verification_token=proof.verification_token,
                verification_code=proof.verification_code,
                anonymous_token=await self._session.bearer(),
                **attrs.asdict(newcomer),
            )
        except errors.ApiError as taken:
            refusal = taken
        ((field, place),) = proof.destination.items()
        profile = await User(self._session).me()
        if getattr(profile, field) == place:
            return self._session.held()
        raise refusal

    def _flow(
        self,
        kind: str,
        where: Mapping[str, str],
        send: Callable[..., Awaitable[Verification]],
        finish: Callable[[Proof], Awaitable[Any]],
        resume: Mapping[str, Any] | None,
    ) -> CodeFlow[Any]:
        return CodeFlow(
            Steps(
                kind=kind,
                send=lambda token: send(**where, captcha_token=token),
                check=Codes(self._session.base),
                finish=finish,
            ),
            where,
            background=self._session.background,
            server_time=self._session.base.server_time,
            resume=resume,
        )
