"""Flows of a signed-in user: a new password, sudo by code, an anonymous user who signs up."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._adopting import Adopting
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._sealed import sealed, sealed_asking, sealed_function
from cloudbase_auth_async._succession import Succession
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.own_verification import OwnVerification
from cloudbase_auth_async.endpoints.sign_up import SignUp
from cloudbase_auth_async.endpoints.user import User
from cloudbase_auth_async.endpoints.verification import Verification as Codes
from cloudbase_auth_async.flows import _asking
from cloudbase_auth_async.flows._code import Ask, CodeFlow, Steps
from cloudbase_auth_async.flows._newcomer import Newcomer
from cloudbase_auth_async.flows._progress import Proof
from cloudbase_auth_async.models import SudoToken, UserProfile, Verification

T = TypeVar("T")

# With what the service says that it does not take this proof; and, of these, the names that mean
# something else, which a code would not help against.
_NOT_TAKEN: Final = (errors.InvalidArgument, errors.PermissionDenied, errors.PreconditionFailed)
_OTHERWISE: Final = frozenset({"aborted", "unimplemented"})


@attrs.frozen
class _Reading:
    """
    A caller that spends no refresh on a call which this service has for nobody.

    A service that speaks the primary contract alone answers a code to the user's own place with
    401, whatever the token: reading the profile tells whether the token is at fault, and renews
    one that is.
    """

    session: Adopting

    async def call(self, call: Call[T]) -> T:
        """Answer the call; `Unauthenticated` of its own operation says that the token is good."""
        bearer = await self.session.bearer()
        try:
            return await self.session.base.ask(call, bearer=bearer)
        except errors.Unauthenticated as error:
            rejection = error
        await User(self.session).me()
        renewed = await self.session.bearer()
        if renewed == bearer:
            raise rejection
        return await self.session.base.ask(call, bearer=renewed)


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

        The session goes on with the new tokens; a kept one has them in its store first. The code
        lives 600 seconds, and so does the proof that it was right.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            username: see `sign_up.register`, as for the rest below.
            password: see there.
            name: see there.
            gender: see there.
            picture: see there.
            locale: see there.
            resume: what `CodeFlow.to_dict` wrote. It holds none of the arguments of a new user
                (`username`, `password`, `name`, …): give them again.

        Returns:
            the flow; its answer is the session's new tokens. Beside what `CodeFlow.run` names, its
            last step may raise `AlreadyExists` or `PreconditionFailed`: the phone number, e-mail
            or name is taken; `SessionError`: there is no valid token and none can be had, as
            `NotSignedIn`: signed out meanwhile, or `SubjectChanged`: the service made another
            user; new tokens were revoked then.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed; the
                flow that is gone on with had one that this one lacks; or the tokens say that the
                user is not anonymous.
            NotSignedIn: the session was signed out.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-up (2026-11-22)
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
        return self._flow("upgrade", where, codes.send, finish, resume, newcomer=newcomer)

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
        captcha_token: str | None = None,
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
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Returns:
            the tokens with which the session goes on.

        Raises:
            ConfigurationError: an argument is empty, or the tokens say that the user is not
                anonymous.
            InvalidGrant: the token is wrong, used or expired.
            AlreadyExists, PreconditionFailed: the account or the name is somebody's.
            InvalidArgument: something else is wrong with what was given.
            LoginMethodDisabled: the environment has this way of signing in switched off.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            Unauthenticated: the service does not take the client, or the anonymous user's token.
            SubjectChanged: the service made another user, whose tokens were revoked.
            NotSignedIn: the session was signed out, or was meanwhile: new tokens were revoked.
            SessionError: there is no valid token and none can be had.
            StoreError: the session was signed out meanwhile, and its store does not forget it.
            TransportError, DecodeError: no answer, or none that says anything; it is not sent
                again if it may have arrived.
            ClientClosed: the client or the session is closed.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-up (2026-11-22)
        """
        self._check_anonymous()
        # All of it before a bearer is asked for: that may cost a refresh.
        newcomer = Newcomer.checked(
            username=username,
            password=password,
            name=name,
            gender=gender,
            picture=picture,
            locale=locale,
        )
        token = config.text("provider_token", provider_token)
        config.optional_token("captcha_token", captcha_token)
        return await SignUp(self._succession()).register(
            provider_token=token,
            anonymous_token=await self._session.bearer(),
            captcha_token=captcha_token,
            **attrs.asdict(newcomer),
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

        The code lives 600 seconds, and so does the proof that it was right; the sudo token that
        it brings 900 seconds, by the documentation.

        Args:
            phone_number: the user's own, as their profile has it.
            email: the user's own; not together with a phone number.
            resume: what `CodeFlow.to_dict` wrote.

        Returns:
            the flow; its answer is the sudo token. Beside what `CodeFlow.run` names, any step may
            raise `SessionError`: there is no valid token and none can be had; sending a code also
            `Unauthenticated`: a service that speaks the primary contract alone has no such call;
            the session is good, unless the error's `operation` is `"user.me"`.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed.

        Source: https://docs.cloudbase.net/http-api/auth/user-sudo (2026-11-22)
        """
        where = config.destination(phone_number, email)
        own = OwnVerification(_Reading(self._session))

        async def finish(proof: Proof) -> SudoToken:
            return await User(self._session).sudo(
                verification_token=proof.verification_token, captcha_token=proof.captcha_token
            )

        return self._flow("sudo_by_code", where, own.send, finish, resume)

    @sealed_asking
    async def change_password(
        self, *, new_password: str, old_password: str | None = None, ask: Ask | None = None
    ) -> None:
        """
        Change the password, with whatever proof the service demands.

        First without sudo. Where the service wants it, by the old password; where it says that it
        does not take that (a user with a phone number may have to prove it by a code) or there is
        none, by a code, if there is somebody to ask. What says anything else, such as that the
        service is down or the user blocked, is raised as it is, and no code is sent.

        Cancelled or failed, it may be called again; it begins anew then, with another code. A
        code lives 600 seconds, the sudo token that it is good for 900, by the documentation. To
        take one over a restart, use `sudo_by_code` and `user.update_password`.

        Args:
            new_password: the documentation asks for 8 to 64 characters, among them upper and
                lower case letters, digits and special characters.
            old_password: needed where the user has one, unless `ask` proves enough.
            ask: a coroutine function that is handed what was sent and brings the code, as for
                `CodeFlow.run`.

        Raises:
            ConfigurationError: an argument is empty, or `ask` is no function of one argument, and
                nothing was sent; or `ask` brought no string.
            InvalidCredentials: the old password is wrong or missing, or the user has none.
            InvalidCode: the code was wrong, three times.
            InvalidArgument: the new password is too weak, or the old one is wanted; also where
                there is somebody to ask, of a service that speaks the primary contract alone.
            SudoRequired: the service wants more proof than there is.
            PermissionDenied, PreconditionFailed: it does not take the old password for sudo, and
                there is nobody to ask.
            RateLimited, TooManyAttempts: too many codes or wrong passwords; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, and the client has no
                `captcha` solver, or it failed; `user.sudo` and `user.update_password` take a token.
            UserBlocked, UserPending, Unauthenticated: the user may not do this now.
            ServerUnavailable: the service is in trouble.
            SessionError: there is no valid token and none can be had.
            TransportError, DecodeError: no answer, or none that says anything; the password may be
                changed.
            ClientClosed: the client or the session is closed.

        Source: https://docs.cloudbase.net/http-api/auth/user-update-password (2026-11-22)
        Source: https://docs.cloudbase.net/http-api/auth/user-sudo (2026-11-22)
        """
        if ask is not None:
            _asking.check("ask", ask)
        user = User(self._session)
        try:
            return await user.update_password(new_password=new_password, old_password=old_password)
        except errors.SudoRequired as refusal:
            demand: errors.ApiError = refusal
        except (errors.InvalidArgument, errors.InvalidCredentials) as refusal:
            missed = isinstance(refusal, errors.InvalidCredentials) or _not_taken(refusal)
            if old_password is not None or not missed:
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
            except errors.ApiError as refusal:
                # Anything else would cost a code, and hide what is the matter.
                if ask is None or not _not_taken(refusal):
                    raise
        if ask is None:
            raise demand
        profile = await user.me()
        place = _own_place(profile)
        guessed = not isinstance(demand, errors.SudoRequired)
        if place is None or (guessed and profile.has_password is False):
            raise demand  # there is nowhere to send a code, or no old password that it could want
        flow = self.sudo_by_code(phone_number=place.get("phone_number"), email=place.get("email"))
        try:
            return await flow.run(ask)
        except errors.Unauthenticated as refusal:
            if refusal.operation != "session.verification.send":
                raise
        raise demand  # this service sends no such codes: a good session would look like a dead one

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
                captcha_token=proof.captcha_token,
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
        *,
        newcomer: Newcomer | None = None,
    ) -> CodeFlow[Any]:
        return CodeFlow(
            Steps(
                kind=kind,
                send=lambda token: send(**where, captcha_token=token),
                check=Codes(self._session.base),
                finish=finish,
                newcomer=newcomer,
            ),
            where,
            background=self._session.background,
            server_time=self._session.base.server_time,
            resume=resume,
        )


def _not_taken(refusal: errors.ApiError) -> bool:
    """Tell whether the service itself says that another proof is wanted, or may be."""
    nameless = refusal.error is None and refusal.error_code is None  # a proxy's
    return isinstance(refusal, _NOT_TAKEN) and not nameless and refusal.error not in _OTHERWISE


def _own_place(profile: UserProfile) -> dict[str, str] | None:
    """Return where a code can be sent to; None if the profile has nothing of the kind."""
    for phone, email in ((profile.phone_number, None), (None, profile.email)):
        try:
            return config.destination(phone, email)
        except errors.ConfigurationError:
            continue  # there is none, or the service has masked it
    return None
