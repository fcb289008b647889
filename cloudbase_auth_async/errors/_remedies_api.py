"""
What to do about each refusal of the service, by family; `_remedies_names.py` has the names.

The Chinese texts use the words of the vendor's own pages and console.
"""
# ruff: noqa: RUF001 -- Chinese has its own punctuation

from collections.abc import Mapping
from typing import Final, NamedTuple


class Remedy(NamedTuple):
    """One piece of advice, in each language."""

    en: str
    zh: str


FOR_FAMILY: Final[Mapping[str, Remedy]] = {
    "ApiError": Remedy(
        "Look up `error` and `status` in the vendor's documentation; quote `request_id` when you"
        " ask for help.",
        "请根据 error 和 status 查阅云开发文档；联系技术支持时请提供 request_id。",
    ),
    "AlreadyExists": Remedy(
        "It belongs to an account already: sign in to that one, or unbind it there, or choose"
        " another user name, phone number, e-mail or third-party account.",
        "已被某个账号占用：请登录该账号或先在其中解绑，也可改用其他用户名、手机号、邮箱或第三方账号。",
    ),
    "AuthorizationPending": Remedy(
        "Go on polling at the interval until the person has decided; `auth.device.wait()` does it"
        " for you.",
        "请按规定的间隔继续轮询，直到用户完成确认；auth.device.wait() 会自动处理。",
    ),
    "CaptchaInvalid": Remedy(
        "Solve a new captcha from `auth.captcha.create()`: the answer, or the `captcha_token`, is"
        " wrong, used, expired or another client's.",
        "请用 auth.captcha.create() 重新获取图片验证码："
        "答案或 captcha_token 有误、已使用、已过期或属于其他客户端。",
    ),
    "CaptchaRequired": Remedy(
        "Give the client a `captcha` solver, which serves any call of yours (if the client has one,"
        " it gave up or failed: see the log); or, if the call has a `captcha_token`, pass one from"
        " `auth.captcha.verify()`.",
        "请为客户端配置 captcha（各类调用通用；若已配置，则是用户放弃或处理失败，请查看日志），"
        "或将 auth.captcha.verify() 返回的 captcha_token 传给支持该参数的调用。",
    ),
    "DeviceCodeExpired": Remedy(
        "Get a new code and show it: in a flow call `run()` again, else `auth.device.authorize()`.",
        "请重新获取设备码并展示给用户：流程中再次调用 run()，否则调用 auth.device.authorize()。",
    ),
    "InvalidArgument": Remedy(
        "Check the arguments against `description` and the vendor's page. If a token is used or"
        " expired, get another: for a `verification_token`, send a new code.",
        "请对照 description 和文档检查参数；若令牌已使用或已过期，请重新获取："
        "verification_token 失效时需重新发送验证码。",
    ),
    "InvalidClient": Remedy(
        "Check `client_id` and `client_secret`, or the secret id and key, and in the console what"
        " they may do.",
        "请检查 client_id 和 client_secret（或 SecretId 与 SecretKey），"
        "并在云开发控制台确认其权限。",
    ),
    "InvalidCode": Remedy(
        "Ask for the code again; if it was used or is too old, send a new one: in a flow with"
        " `flow.send()`, else with `auth.verification.send()`.",
        "请让用户重新输入验证码；若验证码已使用或已过期，请重新发送："
        "流程中调用 flow.send()，否则调用 auth.verification.send()。",
    ),
    "InvalidCredentials": Remedy(
        "Ask for the password again, and at a sign-in for the user name, too; check that the user"
        " is one of this environment.",
        "请让用户重新输入密码（登录时还需核对用户名），并确认该用户属于当前环境。",
    ),
    "InvalidGrant": Remedy(
        "Do not send this grant again. Get a new one: sign in once more for a refresh token, go"
        " through the provider again, or ask for a new code or ticket.",
        "请勿重复使用该凭证，请重新获取：让用户重新登录、重新完成身份源授权，"
        "或换取新的授权码、设备码或登录 ticket。",
    ),
    "LoginMethodDisabled": Remedy(
        "Enable this login method in the console, under identity authentication.",
        "请在云开发控制台「身份认证」的「登录方式」中启用该登录方式。",
    ),
    "NotFound": Remedy(
        "Check the id, name or `user_code` that the call was given and its environment; a service"
        " that lacks the call altogether answers so, too.",
        "请检查传入的 ID、名称或 user_code 及其所属环境；若服务端不提供此接口，也会返回此错误。",
    ),
    "PermissionDenied": Remedy(
        "Give the user, the client or the key the permission that this call needs, in the console.",
        "请在控制台为该用户、客户端或密钥授予本次调用所需的权限。",
    ),
    "PreconditionFailed": Remedy(
        "Check the state of the account, and the environment's settings in the console;"
        " `description` usually says more.",
        "请检查账号状态，并在云开发控制台检查环境配置；description 通常会说明原因。",
    ),
    "ProviderFailed": Remedy(
        "Check the identity provider's settings in the console; if they are right, try again"
        " later.",
        "请在云开发控制台检查该身份源的配置；配置无误时请稍后重试。",
    ),
    "RateLimited": Remedy(
        "Wait `retry_after` seconds, or a minute where it is None, and call less often.",
        "请等待 retry_after 秒（为 None 时可等待一分钟）后重试，并降低调用频率。",
    ),
    "SecondFactorRequired": Remedy(
        "Let the user go through the second factor, or bind a phone number for one, and sign in"
        " again.",
        "请让用户完成多因素认证，或先绑定所需的手机号，然后重新登录。",
    ),
    "ServerUnavailable": Remedy(
        "Try again later; if it goes on, ask the vendor and quote `request_id`.",
        "请稍后重试；若持续出现，请联系云开发技术支持并提供 request_id。",
    ),
    "SlowDown": Remedy(
        "Wait five seconds longer between any two polls from now on; `auth.device.wait()` does it"
        " for you.",
        "请从现在起将轮询间隔延长 5 秒；auth.device.wait() 会自动处理。",
    ),
    "SudoRequired": Remedy(
        "Call `session.user.sudo()` and pass its `sudo_token` to this call;"
        " `flows.change_password` gets one from an `old_password` or an `ask`.",
        "请先调用 session.user.sudo() 确认用户身份，再将返回的 sudo_token 传给本次调用；"
        "flows.change_password 可凭 old_password 或 ask 自动获取。",
    ),
    "TooManyAttempts": Remedy(
        "Wait before the next attempt, or let the user reset the password: the sign-in is locked"
        " for a while.",
        "密码错误次数过多，登录已被暂时锁定：请稍后再试，或让用户重置密码。",
    ),
    "Unauthenticated": Remedy(
        "In a session: refresh it, or sign in again. Elsewhere: check the token, the client id and"
        " secret, or the secret id and key. Check the environment in both.",
        "通过会话调用时请刷新会话或重新登录；其他情况请检查令牌、客户端 ID 与密钥或"
        " SecretId 与 SecretKey，并确认环境 ID 无误。",
    ),
    "UserBlocked": Remedy(
        "Enable the user in the console, under user management, or tell them whom to ask.",
        "请在云开发控制台的「用户管理」中启用该用户，或提示其联系管理员。",
    ),
    "UserNotFound": Remedy(
        "Check the user's name, phone number or e-mail, and the environment id. Who is new, or has"
        " a third-party account that is bound to nobody, signs up first.",
        "请核对用户名、手机号或邮箱以及环境 ID；新用户和尚未绑定的第三方账号需先注册。",
    ),
    "UserPending": Remedy(
        "Wait until the user is activated and reviewed, or do it in the console.",
        "请等待该用户激活并通过审核，或由管理员在云开发控制台处理。",
    ),
}
