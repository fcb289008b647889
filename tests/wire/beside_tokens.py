"""Ours beside theirs: signing in and up, codes, captchas, tokens and the end of sessions."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from cloudbase_auth_async import TicketSigner, errors

Work = Awaitable[Any]


async def sign_in(s: Any) -> Work:
    """`signIn`."""
    return s.auth.sign_in.password(s.user().username, s.password)


async def sign_in_by_phone(s: Any) -> Work:
    """`signIn` with a phone number for a name."""
    return s.auth.sign_in.password(s.user().phone_number, s.password)


async def sign_in_wrongly(s: Any) -> Work:
    """`signIn` with a wrong password."""
    wrong = s.auth.sign_in.password(s.user().username, "Wrong1234!")
    return s.refused(wrong, errors.InvalidCredentials)


async def sign_in_by_code(s: Any) -> Work:
    """`signIn` with a code's proof."""
    phone = s.user().phone_number
    proof = await s.proof(phone_number=phone)
    return s.auth.sign_in.code(proof, username=phone)


async def sign_in_with_provider(s: Any) -> Work:
    """`signInWithProvider`."""
    return s.auth.sign_in.provider(s.provider_token())


async def sign_in_custom(s: Any) -> Work:
    """`signInCustom`, `signInWithCustomTicket`."""
    key = s.emulator.add_ticket_key()

    async def signed() -> None:
        signer = TicketSigner.from_dict(key, env=s.emulator.env, clock=s.emulator.clock)
        await s.auth.sign_in.custom(signer.ticket("own-user"))

    return signed()


async def sign_ticket(s: Any) -> Work:
    """`setCustomSignFunc`: a ticket is signed without a request."""
    key = s.emulator.add_ticket_key()

    async def signed() -> None:
        signer = TicketSigner.from_dict(key, env=s.emulator.env, clock=s.emulator.clock)
        assert signer.ticket("own-user").startswith(key["private_key_id"] + "/@@/")

    return signed()


async def sign_up_by_phone(s: Any) -> Work:
    """`signUp` with everything."""
    phone = s.phone()
    verification_id, code = await s.code(phone_number=phone)
    checked = await s.auth.verification.verify(verification_id, code)
    return s.auth.sign_up.register(
        phone_number=phone,
        verification_code=code,
        verification_token=checked.verification_token,
        password=s.password,
        name="New",
        username="newcomer",
    )


async def sign_up_by_email(s: Any) -> Work:
    """`signUp` with an e-mail address."""
    email = s.email()
    proof = await s.proof(email=email)
    return s.auth.sign_up.register(
        email=email, verification_token=proof, gender="FEMALE", locale="zh"
    )


async def sign_up_anonymous_user(s: Any) -> Work:
    """`signUp` of who was anonymous."""
    email = s.email()
    tokens = await s.auth.sign_in.anonymously()
    proof = await s.proof(email=email)
    return s.auth.sign_up.register(
        email=email, verification_token=proof, anonymous_token=tokens.access_token
    )


async def sign_up_with_provider(s: Any) -> Work:
    """`signUp` with a third party's account."""
    return s.auth.sign_up.register(provider_token=s.provider_token(), name="New")


async def send_again_where_a_user_is(s: Any) -> Work:
    """`getVerification` while a user is signed in: ours asks in nobody's name."""
    await s.signed_in()
    return s.auth.verification.send(email=s.email())


async def send_to_current_user(s: Any) -> Work:
    """`getVerification` with the target CUR_USER."""
    session, user = await s.signed_in()
    return session.verification.send(phone_number=user.phone_number)


async def verify(s: Any) -> Work:
    """`verify`."""
    return s.auth.verification.verify(*await s.code(email=s.email()))


async def verify_wrongly(s: Any) -> Work:
    """`verify` with a wrong code."""
    verification_id, _ = await s.code(email=s.email())
    return s.refused(s.auth.verification.verify(verification_id, "no"), errors.InvalidCode)


async def captcha_verify(s: Any) -> Work:
    """`verifyCaptchaData`."""
    challenge = await s.auth.captcha.create()
    return s.auth.captcha.verify(challenge.token, s.emulator.captchas[challenge.token])


async def solving_for_current_user(s: Any) -> Work:
    """`sendVerificationCodeToCurrentUser`, where the service does not ask for a captcha."""
    auth, user = await s.client(captcha=s.solver), s.user()
    session = await s.session(user, auth)
    return session.verification.send(phone_number=user.phone_number)


async def solving_for_current_user_again(s: Any) -> Work:
    """`sendVerificationCodeToCurrentUser`, where the service asks for one each time."""
    auth, user = await s.client(captcha=s.solver), s.user()
    session = await s.session(user, auth)
    s.emulator.require_captcha("POST /verification")
    await session.verification.send(email=user.email)
    return session.verification.send(email=user.email)


def sign_in_solving(times: int) -> Callable[[Any], Work]:
    """Return `signIn` after too many wrong passwords, for the first or the second time."""

    async def solving(s: Any) -> Work:
        auth, user = await s.client(captcha=s.solver), s.user()
        for _ in range(times - 1):
            await s.demand_captcha(user)
            await auth.sign_in.password(user.username, s.password)
        await s.demand_captcha(user)
        return auth.sign_in.password(user.username, s.password)

    return solving


async def anonymous_expired(s: Any) -> Work:
    """`getCredentials` of an anonymous user whose access token is dead."""
    session = s.auth.session(await s.auth.sign_in.anonymously())
    s.emulator.expire_access_token()
    return session.access_token()


async def anonymous_revoked(s: Any) -> Work:
    """`getCredentials` of an anonymous user whose session is over: the program signs in anew."""
    tokens = await s.auth.sign_in.anonymously()
    session = s.auth.session(tokens)
    s.emulator.revoke(tokens.access_token, session=True)
    s.emulator.expire_access_token()

    async def anew() -> None:
        await s.refused(session.access_token(), errors.SessionEnded)
        await s.auth.sign_in.anonymously()

    return anew()


async def access_token(s: Any) -> Work:
    """`getCredentials`, `hasLoginState`, `getLoginState`: a valid token, and the pair it is of."""
    session, _ = await s.signed_in()

    async def held() -> None:
        assert await session.access_token() == session.tokens.access_token

    return held()


async def access_token_expired(s: Any) -> Work:
    """`getCredentials` with a dead access token."""
    session, _ = await s.signed_in()
    s.emulator.expire_access_token()
    return session.access_token()


async def scope_and_groups(s: Any) -> Work:
    """`loginScope`, `loginGroups`."""
    session, _ = await s.signed_in()

    async def held() -> None:
        assert session.tokens.scope == "user sso"
        assert session.tokens.groups == ()

    return held()


async def me_expired(s: Any) -> Work:
    """`getUserInfo` with a dead access token."""
    session, _ = await s.signed_in()
    s.emulator.expire_access_token()
    return session.user.me()


async def refresh(s: Any) -> Work:
    """`refreshTokenForce`."""
    session, _ = await s.signed_in()
    return session.refresh()


async def refresh_revoked(s: Any) -> Work:
    """`refreshTokenForce` of a session that is over."""
    session, _ = await s.signed_in()
    s.emulator.revoke(session.tokens.access_token, session=True)
    return s.refused(session.refresh(), errors.SessionEnded)


async def refresh_grant(s: Any) -> Work:
    """`grantToken` with a refresh token."""
    session, _ = await s.signed_in()
    return s.auth.token.refresh(session.tokens.refresh_token)


async def password_grant(s: Any) -> Work:
    """`grantToken` with a password."""
    return s.auth.token.password_grant(s.user().username, s.password)


async def sign_out(s: Any) -> Work:
    """`signOut` without parameters."""
    session, _ = await s.signed_in()
    return session.sign_out()


async def sign_out_and_back(s: Any) -> Work:
    """`signOut` with parameters."""
    session, _ = await s.signed_in()
    return session.sign_out(redirect_uri="https://app.example/bye", state="s1")


OURS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "signIn": sign_in,
    "signIn: by phone": sign_in_by_phone,
    "signIn: wrong password": sign_in_wrongly,
    "signIn: by code": sign_in_by_code,
    "signIn: captcha required": sign_in_solving(1),
    "signIn: captcha required again": sign_in_solving(2),
    "signInAnonymously": lambda s: s.auth.sign_in.anonymously(),
    "setCustomSignFunc": sign_ticket,
    "signInWithProvider": sign_in_with_provider,
    "signInWithCustomTicket": sign_in_custom,
    "signInCustom": sign_in_custom,
    "signUp: phone": sign_up_by_phone,
    "signUp: email": sign_up_by_email,
    "signUp: anonymous user": sign_up_anonymous_user,
    "signUp: provider": sign_up_with_provider,
    "getVerification": lambda s: s.auth.verification.send(phone_number=s.phone()),
    "getVerification: email, target": lambda s: s.auth.verification.send(
        email=s.user().email, target="USER", usage="PASSWORD_RESET"
    ),
    "getVerification: signed in": send_again_where_a_user_is,
    "getVerification: current user": send_to_current_user,
    "verify": verify,
    "verify: wrong code": verify_wrongly,
    "createCaptchaData": lambda s: s.auth.captcha.create(state="s1"),
    "verifyCaptchaData": captcha_verify,
    "sendVerificationCodeToCurrentUser": solving_for_current_user,
    "sendVerificationCodeToCurrentUser: again": solving_for_current_user_again,
    "getCredentials": access_token,
    "getCredentials: expired": access_token_expired,
    "getCredentials: anonymous, expired": anonymous_expired,
    "getCredentials: anonymous, revoked": anonymous_revoked,
    "hasLoginState": access_token,
    "hasLoginStateSync": access_token,
    "getLoginState": access_token,
    "loginScope": scope_and_groups,
    "loginGroups": scope_and_groups,
    "refreshTokenForce": refresh,
    "refreshTokenForce: revoked": refresh_revoked,
    "grantToken: refresh token": refresh_grant,
    "grantToken: password": password_grant,
    "getUserInfo: expired": me_expired,
    "signOut: revoke": sign_out,
    "signOut: with parameters": sign_out_and_back,
}
