"""What an error tells people to do fits what happened, in both languages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.stores import MemoryStore
from cloudbase_auth_async.testing import Emulator, Fault, ManualClock

PASSWORD, NEW_PASSWORD = "Passw0rd!", "N3w-passw0rd"
PHONE = "+86 13800000000"


@attrs.frozen
class Scene:
    """
    A service, its client, and a session of alice.

    Attributes:
        proof: a verification_token of alice's phone number that has expired.
    """

    emulator: Emulator
    auth: AuthClient
    session: TokenSession
    proof: str

    def refuse(self, route: str, status: int, name: str) -> Fault:
        """Have the next call of a route refused."""
        return self.emulator.faults.add(route, "status", status=status, body={"error": name})


@attrs.frozen
class Case:
    """One way to fail, its class, and words that the advice has and words that it has not."""

    fail: Callable[[Scene], Awaitable[Any]]
    kind: type[errors.CloudBaseAuthError]
    en: tuple[str, ...]
    zh: tuple[str, ...]
    never: tuple[str, ...] = ()


async def bind(s: Scene) -> None:
    """Bind what is bound to somebody."""
    s.refuse("POST /user/providers/bind", 409, "already_exists")
    await s.session.providers.bind(s.emulator.provider_token())


async def registered(s: Scene) -> None:
    """Sign up with a phone number that has an account."""
    s.refuse("POST /signup", 409, "already_exists")
    await s.auth.sign_up.register(phone_number=PHONE, verification_token="a-proof")


async def wrong_key(s: Scene) -> None:
    """Ask for a server's token with a key that nobody knows."""
    s.refuse("POST /token/clientCredential", 401, "unauthenticated")
    await s.auth.server("AKIDwrong", "a-wrong-key").access_token()


async def no_such_key(s: Scene) -> None:
    """Ask for one with a key that the service calls no client."""
    s.refuse("POST /token/clientCredential", 401, "invalid_client")
    await s.auth.token.client_credentials("AKIDwrong", "a-wrong-key")


async def wrong_password(s: Scene) -> None:
    """Mistype the old password where the service names no more than that."""
    s.refuse("PATCH /user/password", 400, "invalid_credentials")
    await s.session.user.update_password(old_password="no", new_password=NEW_PASSWORD)


async def wrong_key_by_hand(s: Scene) -> None:
    """Do so in the plain call."""
    await s.auth.token.client_credentials("AKIDwrong", "a-wrong-key", method="basic")


async def no_answer(s: Scene) -> None:
    """Misread a captcha."""
    picture = await s.auth.captcha.create()
    await s.auth.captcha.verify(picture.token, "none")


async def demanded(s: Scene) -> None:
    """Meet a captcha in a call that takes no token."""
    s.emulator.require_captcha("GET /user/me")
    await s.session.user.me()


async def stranger(s: Scene) -> None:
    """Sign in with a third-party account that is bound to nobody."""
    await s.auth.sign_in.provider(s.emulator.provider_token(), force_disable_sign_up=True)


async def old_code(s: Scene) -> None:
    """Give a wrong code in a flow."""
    flow = s.auth.flows.sign_in_or_up(phone_number=PHONE)
    await flow.send()
    await flow.complete("000000" if s.emulator.codes[PHONE] != "000000" else "111111")


async def device_too_late(s: Scene) -> None:
    """Let a device's code die."""
    codes = await s.auth.device.authorize()
    s.emulator.time_travel(codes.expires_in + 1)
    await s.auth.device.poll(codes.device_code)


async def spent_elsewhere(s: Scene) -> None:
    """Have two programs spend the same refresh token."""
    other = s.auth.session(s.session.tokens.to_dict())
    await s.auth.token.refresh(s.session.tokens.refresh_token or "")
    await other.refresh()


async def others_record(s: Scene) -> None:
    """Look for a session where another environment's is."""
    store = MemoryStore()
    async with s.emulator.client(store=store, client_id="another-client") as other:
        await other.sessions.put("a-key", s.session.tokens)
    async with s.emulator.client(store=store) as ours:
        await ours.sessions.get("a-key")


async def dead_session(s: Scene) -> None:
    """Call with a token that is of no use, and nothing to renew it with."""
    await s.auth.session(access_token="a-wrong-token").user.me()


NEW_CODE = (("send a new code", "`verification_token`"), ("重新发送验证码", "verification_token"))
CASES: Mapping[str, Case] = {
    "a third party's account is bound": Case(
        bind, errors.AlreadyExists, ("unbind", "third-party account"), ("解绑", "第三方账号")
    ),
    "a phone number is taken": Case(
        registered, errors.AlreadyExists, ("sign in to that one", "phone number"), ("登录该账号",)
    ),
    "a key is wrong": Case(
        wrong_key, errors.Unauthenticated, ("secret id and key",), ("SecretId 与 SecretKey",)
    ),
    "a key is unknown": Case(
        wrong_key_by_hand, errors.ApiError, ("secret id and key",), ("SecretId 与 SecretKey",)
    ),
    "a key is no client": Case(
        no_such_key, errors.InvalidClient, ("secret id and key",), ("SecretId 与 SecretKey",)
    ),
    "a password is wrong, by a general name": Case(
        wrong_password,
        errors.InvalidCredentials,
        ("Ask for the password again, and at a sign-in for the user name",),
        ("重新输入密码", "登录时还需核对用户名"),
    ),
    "a session is dead": Case(
        dead_session, errors.Unauthenticated, ("session", "sign in again"), ("会话", "重新登录")
    ),
    "a checked code is too old to sign in": Case(
        lambda s: s.auth.sign_in.code(s.proof), errors.InvalidArgument, *NEW_CODE
    ),
    "a checked code is too old for sudo": Case(
        lambda s: s.session.user.sudo(verification_token=s.proof), errors.InvalidArgument, *NEW_CODE
    ),
    "a checked code is too old for a new password": Case(
        lambda s: s.auth.accounts.reset_password(
            phone_number=PHONE, new_password=NEW_PASSWORD, verification_token=s.proof
        ),
        errors.InvalidArgument,
        *NEW_CODE,
    ),
    "the old password is wrong": Case(
        lambda s: s.session.user.update_password(old_password="no", new_password=NEW_PASSWORD),
        errors.InvalidCredentials,
        ("Ask for the password again",),
        ("重新输入密码",),
    ),
    "a captcha was misread": Case(
        no_answer, errors.CaptchaInvalid, ("the answer", "a new captcha"), ("答案",)
    ),
    "a call takes no captcha token": Case(
        demanded,
        errors.CaptchaRequired,
        (
            "a `captcha` solver, which serves any call",
            "if the client has one, it gave up or failed: see the log",
            "if the call has a `captcha_token`",
        ),
        ("各类调用通用", "请查看日志", "支持该参数的调用"),
        never=("pass the call a",),
    ),
    "a third party's account is nobody's": Case(
        stranger, errors.UserNotFound, ("third-party account", "signs up"), ("第三方账号", "注册")
    ),
    "an authorization's code is used": Case(
        lambda s: s.auth.token.authorization_code("a-code"),
        errors.InvalidGrant,
        ("a new code or ticket",),
        ("授权码",),
    ),
    "no device waits": Case(
        lambda s: s.session.authorization.device("BCDF-GHJK"),
        errors.NotFound,
        ("`user_code`",),
        ("user_code",),
    ),
    "a code is wrong in a flow": Case(
        old_code,
        errors.InvalidCode,
        ("in a flow with `flow.send()`", "else with `auth.verification.send()`"),
        ("流程中调用 flow.send()", "否则调用 auth.verification.send()"),
    ),
    "a device's code died": Case(
        device_too_late,
        errors.DeviceCodeExpired,
        ("in a flow call `run()` again",),
        ("流程中再次调用 run()",),
    ),
    "sudo is wanted": Case(
        lambda s: s.session.user.delete(sudo_token="a-wrong-one"),
        errors.SudoRequired,
        ("`flows.change_password` gets one from an `old_password` or an `ask`",),
        ("flows.change_password", "old_password"),
    ),
    "two programs spend one token": Case(
        spent_elsewhere,
        errors.SessionEnded,
        ("two programs spend the same tokens: give them one store",),
        ("请让它们共用一个 store",),
    ),
    "a code for users, and nobody there": Case(
        lambda s: s.auth.verification.send(email="nobody@example.com", target="USER"),
        errors.PreconditionFailed,
        ("another user's", "nobody's"),
        ("其他用户", "尚无人注册"),
    ),
    "a person mistyped their address": Case(
        lambda s: s.auth.verification.send(email="alice.example.com"),
        errors.ConfigurationError,
        ("If a person typed it", "`@`", "+86 13800000000", "400"),
        ("用户输入", "@", "+86 13800000000", "400"),
    ),
    "a key holds another client's session": Case(
        others_record,
        errors.StoreError,
        ("an environment, a client, a key", "settings"),
        ("环境、客户端、密钥", "配置"),
    ),
    # A flow of several calls may have made some before it finds out.
    "an argument is wrong": Case(
        lambda s: s.session.user.sudo(),
        errors.ConfigurationError,
        ("that the error names",),
        ("参数",),
        never=("nothing was sent", "尚未发出"),
    ),
}


@pytest.fixture
async def scene(emulate: Callable[..., Awaitable[Emulator]], closing: Any) -> Scene:
    """Return the usual scene."""
    clock = ManualClock()
    emulator = await emulate(clock=clock)
    emulator.add_user(username="bob", password=PASSWORD, phone_number=PHONE)
    auth: AuthClient = await closing.enter_async_context(emulator.client())
    sent = await auth.verification.send(phone_number=PHONE)
    checked = await auth.verification.verify(sent.verification_id, emulator.codes[PHONE])
    clock.advance(601)
    session = auth.session(await auth.sign_in.password("alice", PASSWORD))
    return Scene(emulator, auth, session, checked.verification_token)


@pytest.mark.parametrize("name", CASES)
async def test_advice_fits(name: str, scene: Scene, kit: Any) -> None:
    """The remedy names what can be done about this very failure (B20)."""
    case = CASES[name]
    error = await kit.failure(case.fail(scene))
    assert isinstance(error, case.kind), repr(error)
    for language, words in (("en", case.en), ("zh", case.zh)):
        told = error.remedy(language)
        assert [each for each in words if each not in told] == [], told
        assert [each for each in case.never if each in told] == [], told
