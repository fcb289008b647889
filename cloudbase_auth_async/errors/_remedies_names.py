"""
What to do about the service's refusals whose name tells more than their family.

The names are those of the vendor's clients and pages. A text is about the name alone: the same
name comes with many descriptions, and nothing here is guessed from them.
"""
# ruff: noqa: RUF001 -- Chinese has its own punctuation

from collections.abc import Mapping
from typing import Final

from cloudbase_auth_async.errors._remedies_api import Remedy

_NO_REQUEST_URI: Final = Remedy(
    "Leave `request_uri` out and pass the parameters themselves.",
    "请勿使用 request_uri，改为直接传递各个参数。",
)
_NO_REQUEST_OBJECT: Final = Remedy(
    "Leave the `request` object out and pass the parameters themselves.",
    "请勿使用 request 对象，改为直接传递各个参数。",
)
_WRONG_PASSWORD: Final = Remedy(
    "Ask for the password again, or let the user reset it with `auth.accounts.reset_password()`.",
    "请让用户重新输入密码，或通过 auth.accounts.reset_password() 重置密码。",
)

# A name has a text of its own where there is more to say than its family says, and only in that
# family: a call that chose another class knows better what the name means there.
FOR_NAME: Final[Mapping[str, Mapping[str, Remedy]]] = {
    "AlreadyExists": {
        "username_already_exists": Remedy(
            "Choose another user name; `auth.accounts.exists()` says beforehand whether one is"
            " taken.",
            "请换一个用户名；可用 auth.accounts.exists() 提前检查用户名是否已被占用。",
        ),
    },
    "InvalidArgument": {
        "invalid_phone_number": Remedy(
            "Write the phone number with its country code, a space and the digits, such as"
            " +86 13800000000.",
            "手机号请写成「+国家码 号码」的格式，中间留一个空格，例如 +86 13800000000。",
        ),
        "invalid_request_object": _NO_REQUEST_OBJECT,
        "invalid_request_uri": _NO_REQUEST_URI,
        "invalid_scope": Remedy(
            "Ask for a narrower `scope`: no more than the client and the user have.",
            "请缩小 scope，不要超出客户端和用户已有的权限范围。",
        ),
        "out_of_range": Remedy(
            "Bring the number, page or time back into the range that the vendor's page gives.",
            "请将数值、分页或时间参数调整到文档规定的范围内。",
        ),
        "registration_not_supported": Remedy(
            "Leave the `registration` parameter out: the client has to be known to the service.",
            "请去掉 registration 参数：客户端必须已在服务端注册。",
        ),
        "request_not_supported": _NO_REQUEST_OBJECT,
        "request_uri_not_supported": _NO_REQUEST_URI,
        "unsupported_grant_type": Remedy(
            "Get tokens in another way: this `grant_type` is not offered to this client.",
            "请换一种方式获取令牌：该客户端不支持当前的 grant_type。",
        ),
        "unsupported_response_type": Remedy(
            'Ask with `response_type="code"`, or another one that the vendor\'s page lists.',
            '请使用 response_type="code"，或文档中列出的其他取值。',
        ),
    },
    "InvalidClient": {
        "invalid_client": Remedy(
            "Check `client_id`, or the secret id and key, and the environment id: the service knows"
            " no such client.",
            "请检查 client_id（或 SecretId 与 SecretKey）和环境 ID：服务端不存在该客户端。",
        ),
        "unauthorized_client": Remedy(
            "Check `client_secret`, or the secret id and key, and in the console what this client"
            " may do.",
            "请检查 client_secret（或 SecretId 与 SecretKey），"
            "并在云开发控制台确认该客户端的权限。",
        ),
    },
    "InvalidCode": {
        "invalid_two_factor": Remedy(
            "Ask for the second factor's current code again.",
            "请让用户重新输入当前的多因素认证验证码。",
        ),
        "invalid_two_factor_recovery": Remedy(
            "Ask for the recovery code again, or for one that was not used yet.",
            "请让用户重新输入恢复码，或换一个未使用过的恢复码。",
        ),
    },
    "InvalidCredentials": {
        "invalid_password": _WRONG_PASSWORD,
        "password_not_set": Remedy(
            "Sign the user in with a code or a provider; then `session.user.update_password()` can"
            " set a password.",
            "该用户尚未设置密码：请改用验证码或身份源登录，"
            "之后可用 session.user.update_password() 设置密码。",
        ),
        "wrong_password": _WRONG_PASSWORD,
    },
    "LoginMethodDisabled": {
        "provider_not_enabled": Remedy(
            "Enable this identity provider in the console, among the login methods, and fill in"
            " its settings.",
            "请在云开发控制台「身份认证」的「登录方式」中启用该身份源，并完成配置。",
        ),
    },
    "NotFound": {
        "provider_not_found": Remedy(
            "Compare the provider id with the console's identity providers, and check that the"
            " user has bound it.",
            "请核对身份源 ID 与云开发控制台中的是否一致，并确认用户已绑定该身份源。",
        ),
    },
    "PermissionDenied": {
        "access_denied": Remedy(
            "The authorization was refused: start it again only if the person wants it.",
            "授权请求已被拒绝：仅在用户愿意时重新发起授权。",
        ),
        "permission_denied": Remedy(
            "Check the role and scope of the user, client or key; if a browser's `Origin` comes"
            " along, add its domain to the safe domains.",
            "请检查用户、客户端或密钥的角色和权限范围；若请求带有浏览器的 Origin，"
            "请在云开发控制台将其域名加入安全域名。",
        ),
    },
    "PreconditionFailed": {
        "aborted": Remedy(
            "Try again; if it goes on, check the environment's SMS and mail (SMTP) settings in the"
            " console.",
            "请重试；若持续出现，请在云开发控制台检查短信和邮件（SMTP）配置。",
        ),
        "account_selection_required": Remedy(
            "Let the user choose an account on the authorization page, then ask again.",
            "请让用户在授权页面选择账号，然后重试。",
        ),
        "consent_required": Remedy(
            "Let the user agree to the scopes on the authorization page, then ask again.",
            "请让用户在授权页面同意所申请的权限，然后重试。",
        ),
        "failed_precondition": Remedy(
            "Check whose the phone number, e-mail or third-party account is: another user's, or,"
            " where there must be a user, nobody's; a `target` has to fit.",
            "请确认手机号、邮箱或第三方账号属于谁：可能已被其他用户绑定，"
            "或在要求用户已存在时尚无人注册；使用 target 时须与之相符。",
        ),
        "interaction_required": Remedy(
            "Send the user to the authorization page: this cannot be done without them.",
            "请引导用户前往授权页面操作：此步骤需要用户本人参与。",
        ),
        "unimplemented": Remedy(
            "If this is a way of signing in, enable it in the console; otherwise do without: the"
            " service does not offer it.",
            "若为登录方式，请在云开发控制台的「登录方式」中启用；否则说明服务端未提供此功能。",
        ),
    },
    "RateLimited": {
        "resource_exhausted": Remedy(
            "Wait, `retry_after` seconds where it is given; ask for codes less often, and check"
            " the environment's quota.",
            "请稍后重试（给出 retry_after 时按该秒数等待）；"
            "同时降低验证码发送频率，并检查环境配额。",
        ),
    },
    "SecondFactorRequired": {
        "mfa_phone_required": Remedy(
            "Let the user bind a phone number for multi-factor authentication, then sign in again.",
            "请让用户先绑定用于多因素认证的手机号，再重新登录。",
        ),
        "phone_required": Remedy(
            "Let the user sign in with a phone number, or bind one first.",
            "请让用户使用手机号登录，或先绑定手机号。",
        ),
        "two_factor_required": Remedy(
            "Let the user go through the second factor, or sign in in another way.",
            "请让用户完成多因素认证，或改用其他登录方式。",
        ),
    },
    "ServerUnavailable": {
        "cancelled": Remedy(
            "The service broke the call off: find out whether it took effect before you repeat it.",
            "服务端取消了该请求：重试前请先确认它是否已经生效。",
        ),
        "data_loss": Remedy(
            "Do not repeat the call blindly: ask the vendor, and quote `request_id`.",
            "请勿盲目重试：请联系云开发技术支持并提供 request_id。",
        ),
        "deadline_exceeded": Remedy(
            "The service ran out of time: find out whether the call took effect before you repeat"
            " it.",
            "服务端处理超时：重试前请先确认该请求是否已经生效。",
        ),
    },
    "Unauthenticated": {
        "INVALID_CREDENTIALS": Remedy(
            "Refresh the session, or check `client_id` and `client_secret`, or the secret id and"
            " key, and the environment id: the gateway refused them.",
            "网关拒绝了当前凭证：请刷新会话，或检查 client_id 与 client_secret、"
            "SecretId 与 SecretKey 以及环境 ID。",
        ),
        "MISSING_CREDENTIALS": Remedy(
            "Make the call on a session, or give the client its `client_secret`: the gateway saw no"
            " credentials.",
            "网关未收到凭证：请通过会话发起调用，或为客户端配置 client_secret。",
        ),
        "login_required": Remedy(
            "Let the user sign in first, then start the authorization again.",
            "请先让用户登录，再重新发起授权。",
        ),
    },
    "UserPending": {
        "under_review": Remedy(
            "Wait until the review of this user is over, or finish it in the console.",
            "请等待该用户审核完成，或由管理员在云开发控制台完成审核。",
        ),
        "user_pending": Remedy(
            "Let the user finish the activation, or activate them in the console.",
            "请让用户完成激活，或由管理员在云开发控制台激活该用户。",
        ),
    },
}
