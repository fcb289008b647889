"""
What to do about each error, in English and in Chinese.

Chosen by the error's class and by the service's name for it. What the service says of an error
in words is never looked at: its words change, and come in either language.
"""
# ruff: noqa: RUF001 -- Chinese has its own punctuation

from collections.abc import Mapping, Sequence
from typing import Final

from cloudbase_auth_async.errors._remedies_api import FOR_FAMILY, Remedy
from cloudbase_auth_async.errors._remedies_names import FOR_NAME

FOR_CLASS: Final[Mapping[str, Remedy]] = {
    **FOR_FAMILY,
    "AnswerTooLarge": Remedy(
        "Check that `base_url` leads to the service; if it does, raise `max_answer_bytes`.",
        "请确认 base_url 指向云开发认证服务；确认无误后可调大 max_answer_bytes。",
    ),
    "ClientClosed": Remedy(
        "Make a new `AuthClient`, or close this one only after its last call.",
        "请新建 AuthClient，或在最后一次调用结束之后再关闭它。",
    ),
    "CloudBaseAuthError": Remedy(
        "Read the error's text: it says what failed.",
        "请查看错误信息，其中说明了失败的原因。",
    ),
    "ConfigurationError": Remedy(
        "Correct the argument or environment variable that the error names. If a person typed it"
        " (an address without `@`, a phone number not like `+86 13800000000`, nothing at all), a"
        " web app answers 400.",
        "请按错误信息的提示修正相应的参数或环境变量。若该值由用户输入（邮箱缺少 @、手机号不是"
        " +86 13800000000 的格式、内容为空等），Web 应用应返回 400。",
    ),
    "ConnectFailed": Remedy(
        "Check DNS, proxy, firewall, TLS and the environment id or `base_url`, then call again:"
        " nothing was sent.",
        "请检查 DNS、代理、防火墙、TLS 以及环境 ID 或 base_url，然后重试；请求尚未发出。",
    ),
    "ConnectionLost": Remedy(
        "Check the network and the proxies in between; find out whether the call took effect"
        " before you repeat it.",
        "请检查网络和中间代理；重试前请先确认该请求是否已经生效。",
    ),
    "DecodeError": Remedy(
        "Check that `base_url` leads to the service and no proxy alters answers; then report"
        " `path` and `request_id`.",
        "请确认 base_url 无误且没有代理改写响应；若仍出现，请反馈 path 和 request_id。",
    ),
    "NotSignedIn": Remedy(
        "Let the user sign in again: the session was signed out, here or elsewhere, or its key is"
        " another user's.",
        "请让用户重新登录：会话已在本进程或其他进程中退出，或该会话的键（key）现已属于其他用户。",
    ),
    "ReauthenticationRequired": Remedy(
        "Let the user sign in again: the access token is dead, and this session has no refresh"
        " token.",
        "请让用户重新登录：访问令牌已失效，且该会话没有刷新令牌。",
    ),
    "RefreshOutcomeUnknown": Remedy(
        "Try again later. `session.refresh()` asks at once, which can end the session if the"
        " first request had arrived.",
        "请稍后重试。session.refresh() 会立即再次刷新，"
        "但若上次请求已到达服务端，会话可能因此结束。",
    ),
    "RequestTimedOut": Remedy(
        "Try again later, or allow more time with `timeout`; if the request may have arrived, see"
        " first what it did.",
        "请稍后重试，或调大 timeout；若请求可能已到达服务端，请先确认它是否已经生效。",
    ),
    "SessionEnded": Remedy(
        "Call `session.sign_out()` and let the user sign in again: the refresh token is used,"
        " revoked or expired. If it happens often, two programs spend the same tokens: give them"
        " one store.",
        "请调用 session.sign_out() 并让用户重新登录：刷新令牌已被使用、吊销或过期。"
        "若频繁出现，说明有多个程序在使用同一对令牌：请让它们共用一个 store。",
    ),
    "SessionError": Remedy(
        "Try again later; if it goes on, let the user sign in again.",
        "请稍后重试；若持续出现，请让用户重新登录。",
    ),
    "StoreBusy": Remedy(
        "Try again later; if it goes on, look at `holder` and at how fast the store answers.",
        "请稍后重试；若持续出现，请检查 holder 所指的进程以及存储的响应速度。",
    ),
    "StoreCorrupt": Remedy(
        "Let the user sign in again; look at what was moved to `kept_at`, and at what else writes"
        " there.",
        "请让用户重新登录，并检查已移至 kept_at 的内容，以及是否有其他程序写入该存储。",
    ),
    "StoreError": Remedy(
        "Check the store that the error names: whether it is reachable, writable and not full. If"
        " it speaks of an environment, a client, a key or a format, check this program's settings"
        " and release.",
        "请检查错误信息中指出的存储是否可访问、可写，空间是否充足；"
        "若提示与环境、客户端、密钥或格式有关，请检查本程序的配置和版本。",
    ),
    "SubjectChanged": Remedy(
        "Check that users' tokens are not mixed up; then `session.sign_out()`, and let the user"
        " sign in again.",
        "请确认没有混用不同用户的令牌，然后调用 session.sign_out() 并让用户重新登录。",
    ),
    "TransportError": Remedy(
        "Check the network. Call again if `may_have_reached_server` is False; else see first what"
        " the call did.",
        "请检查网络。may_have_reached_server 为 False 时可直接重试；"
        "否则请先确认该请求是否已经生效。",
    ),
    "VerificationFailed": Remedy(
        "Refuse the token. `reason` says why: one that expired is renewed; for a wrong issuer or"
        " audience check the settings; a malformed one is to be passed without `Bearer`.",
        "请拒绝该令牌并查看 reason：已过期的令牌需重新获取；签发方或受众不符时请检查配置；"
        "格式有误时请确认传入的令牌不含 Bearer 前缀。",
    ),
}


def remedy(kinds: Sequence[str], name: object) -> Remedy:
    """
    Choose the texts for an error.

    The nearest class decides. The service's name refines it only where that class is the name's
    own: a call that chose another class (`SudoRequired` for `permission_denied`) knows better.

    Args:
        kinds: the names of its classes in this library, the nearest first.
        name: the service's name for it, if it is a text.
    """
    kind = next(kind for kind in kinds if kind in FOR_CLASS)
    if isinstance(name, str):
        return FOR_NAME.get(kind, {}).get(name, FOR_CLASS[kind])
    return FOR_CLASS[kind]
