"""
What the official clients can do, beside what this library has for it: one row for each operation.

The rows are data. `test_beside_js.py` makes the calls and compares what is sent,
`tests/test_readme.py` holds the README's table to them.
"""

from collections.abc import Iterator
from typing import Final

import attrs

_HERE: Final = "tests/wire/test_beside_js.py"
SENT: Final = f"{_HERE}::test_same_requests"
HELD: Final = f"{_HERE}::test_nothing_is_sent"
ABSENT: Final = f"{_HERE}::test_not_offered"

_NODE: Final = "tests/js/test_node_sdk.py"


@attrs.frozen
class Row:
    """
    One operation of an official client.

    Attributes:
        theirs: the method, of the class `Auth` unless it says otherwise, and after a colon which
            use of it, where its uses are several of ours.
        ours: what we have for it, in the order it is called; nothing where it is not offered.
        wire: what is sent, below `/auth/v1` unless it says otherwise; empty for nothing, and with
            commas for several.
        note: why it is not offered, or how ours differs in use.
        seen: the test that shows it.
    """

    theirs: str
    ours: tuple[str, ...]
    wire: str = ""
    note: str = ""
    seen: str = SENT

    @property
    def method(self) -> str:
        """The method's name alone."""
        return self.theirs.partition(":")[0]

    def written(self) -> str:
        """Write the row as a line of the README's table."""
        method, colon, use = self.theirs.partition(":")
        ours = ", ".join(f"`{name}`" for name in self.ours)
        wire = ", ".join(f"`{call}`" for call in self.wire.split(", ")) if self.wire else "none"
        text = "; ".join(part for part in (ours, self.note) if part)
        name = self.seen.removeprefix(f"{_HERE}::")
        mark = "" if self.seen == ABSENT else "✓ "
        return f"| `{method}`{colon}{use} | {text} | {wire} | {mark}`{name}` |"


def _both(theirs: str, ours: str, wire: str, note: str = "") -> Row:
    return Row(theirs, tuple(ours.split()), wire, note)


def _held(theirs: str, ours: str, note: str = "") -> Row:
    return Row(theirs, tuple(ours.split()), note=note, seen=HELD)


def _absent(theirs: str, wire: str, why: str) -> Row:
    return Row(theirs, (), wire, f"not offered: {why}", ABSENT)


_SECOND: Final = "the v2 paths are documented nowhere"
_KEY: Final = "POST /auth/v2/signin/publichkey"
_KEYED: Final = "it encrypts with a key of the v2 paths, which are documented nowhere"
_BROWSER: Final = "works on a browser's address bar"
_CALLBACK: Final = f"leads to `getInitialSession`, which {_BROWSER}"
_WECHAT: Final = (
    "goes through `wx.cloud.callFunction` inside of WeChat, and is no HTTP call of a Python program"
)

_SIGNING_IN: Final = (
    _both("signIn", "auth.sign_in.password", "POST /signin"),
    _both("signIn: by code", "auth.sign_in.code", "POST /signin"),
    _absent(
        "signIn: second version",
        "POST /auth/v2/signin/username",
        f"{_SECOND}; nor is any other method's `version`",
    ),
    _both("signInAnonymously", "auth.sign_in.anonymously", "POST /signin/anonymously"),
    _both("signInWithProvider", "auth.sign_in.provider", "POST /signin/with/provider"),
    _both("signInCustom", "auth.sign_in.custom", "POST /signin/custom"),
    _both("signInWithCustomTicket", "TicketSigner auth.sign_in.custom", "POST /signin/custom"),
    _held(
        "setCustomSignFunc", "TicketSigner", "the ticket is an argument of `auth.sign_in.custom`"
    ),
    _absent("signInWithWechat", "POST /signin/wechat/noauth", _WECHAT),
    _both("signUp", "auth.sign_up.register", "POST /signup"),
    _both("checkIfUserExist", "auth.accounts.exists", "GET /checkIfUserExist"),
    _absent(
        "checkUsername",
        "GET /checkUsername",
        "what it answers is known nowhere, and their own call is refused by `fetch`",
    ),
    _both("resetPassword", "auth.accounts.reset_password", "POST /reset"),
    _absent("getPublicKey", _KEY, _SECOND),
    _absent("getEncryptParams", _KEY, _KEYED),
    _absent("getParamsByVersion", "", f"it chooses between paths, and {_SECOND}"),
)

_CODES: Final = (
    _both(
        "getVerification",
        "auth.verification.send",
        "POST /verification",
        "a phone number has its country code, which theirs makes `+86` where it is missing",
    ),
    _both("getVerification: current user", "session.verification.send", "POST /verification"),
    _both("sendVerificationCodeToCurrentUser", "session.verification.send", "POST /verification"),
    _both("verify", "auth.verification.verify", "POST /verification/verify"),
    _both("createCaptchaData", "auth.captcha.create", "POST /captcha/data"),
    _both("verifyCaptchaData", "auth.captcha.verify", "POST /captcha/data/verify"),
)

_SESSIONS: Final = (
    _held("getCredentials", "session.access_token session.tokens"),
    _both("getCredentials: expired", "session.access_token", "POST /token"),
    _both("getCredentials: anonymous, expired", "session.access_token", "POST /token"),
    _both(
        "getCredentials: anonymous, revoked",
        "session.access_token auth.sign_in.anonymously",
        "POST /token",
        "`SessionEnded` first: whether to sign in anew is the program's word; `session.adopt` goes"
        " on with it",
    ),
    _held("hasLoginState", "session.access_token", "which raises where there is none"),
    _held("hasLoginStateSync", "session.tokens"),
    _held("getLoginState", "session.access_token session.tokens"),
    _held("loginScope", "session.tokens", "its `scope`"),
    _held("loginGroups", "session.tokens", "its `groups`"),
    _both("refreshTokenForce", "session.refresh", "POST /token"),
    _both("grantToken: refresh token", "auth.token.refresh", "POST /token"),
    _both("grantToken: password", "auth.token.password_grant", "POST /token"),
    _both("grantToken: authorization code", "auth.token.authorization_code", "POST /token"),
    _both(
        "grantToken: device code",
        "auth.device.poll",
        "POST /token",
        "`auth.device.wait` asks until the user has answered",
    ),
    _both("signOut: revoke", "session.sign_out", "POST /revoke"),
    _both("signOut: with parameters", "session.sign_out", "POST /user/signout"),
    _both("revokeDevice", "session.devices.revoke", "DELETE /user/authorized/devices/{device_id}"),
    _both("revokeAllDevices", "session.devices.revoke_all", "DELETE /user/revoke/all"),
    _absent(
        "getInitialSession",
        "",
        f"{_BROWSER}; a callback's `code` goes to `auth.providers.grant`, what that brings to"
        " `auth.sign_in.provider`",
    ),
)

_USER: Final = (
    _both("getUserInfo", "session.user.me", "GET /user/me"),
    _both("getUserProfile", "session.user.me", "GET /user/me"),
    _both("setUserProfile", "session.user.edit_profile", "PATCH /user/profile"),
    _both("updateUserBasicInfo", "session.user.edit", "POST /user/basic/edit"),
    _both("editContact", "session.user.edit_contact", "PATCH /user/contact"),
    _both("queryUserProfile", "session.user.find", "GET /user/query"),
    _both("getUserBehaviorLog", "session.user.security_history", "GET /user/security/history"),
    _both("sudo", "session.user.sudo", "POST /user/sudo"),
    _both("checkPassword", "session.user.sudo", "POST /user/sudo"),
    _both("setPassword", "session.user.update_password", "PATCH /user/password"),
    _both(
        "updatePasswordByOld",
        "session.user.sudo session.user.update_password",
        "PATCH /user/password",
        "`session.flows.change_password` finds out which proof is wanted",
    ),
    _absent(
        "modifyPassword",
        f"{_KEY}, POST /user/basic/edit",
        f"{_KEYED}; `session.user.edit` changes a password by the old one",
    ),
    _absent(
        "modifyPasswordWithoutLogin",
        f"{_KEY}, POST /auth/v2/signin/password/update",
        f"{_SECOND}; `auth.accounts.reset_password` changes one by a code",
    ),
    _both("deleteMe", "session.user.delete", "DELETE /user/me"),
    _both("getWedaUserInfo", "session.user.weda_info", "GET /plugin/weda/userinfo"),
)

_THIRD_PARTIES: Final = (
    _both("genProviderRedirectUri", "auth.providers.redirect_uri", "GET /provider/uri"),
    _both("grantProviderToken", "auth.providers.grant", "POST /provider/token"),
    _both("patchProviderToken", "auth.providers.patch", "PATCH /provider/token"),
    _both("getProviders", "session.providers.list", "GET /user/provider"),
    _both("bindWithProvider", "session.providers.bind", "POST /user/provider/bind"),
    _both("toBindIdentity", "session.providers.bind", "POST /user/provider/bind"),
    _both("unbindProvider", "session.providers.unbind", "DELETE /user/provider/{provider_id}"),
    _both(
        "changeBoundProvider", "session.providers.change", "POST /user/provider/{provider_id}/trans"
    ),
    _both("transByProvider", "session.providers.transfer", "PATCH /user/trans/by/provider"),
    _both("getProviderSubType", "auth.providers.sub_type", "POST /mgr/provider/providerSubType"),
    _both("getMiniProgramCode", "auth.providers.qr_code", "POST /qrcode/generate"),
    _both("getMiniProgramQrCodeStatus", "auth.providers.qr_code_status", "POST /qrcode/get/status"),
)

_APPLICATIONS: Final = (
    _both("deviceAuthorize", "auth.device.authorize", "POST /device/code"),
    _both("authorizeDevice", "session.authorization.device", "POST /user/device/authorize"),
    _both("authorize", "session.authorization.authorize", "POST /user/authorize"),
    _both("authorizeInfo", "session.authorization.info", "GET /user/authorize/info"),
    _both("authorizeInfo: signed out", "auth.authorization.info", "GET /user/authorize/info"),
)

# `Auth` of `@cloudbase/oauth` 3.3.3, every public method.
JAVASCRIPT: Final = (
    *_SIGNING_IN, *_CODES, *_SESSIONS, *_USER, *_THIRD_PARTIES, *_APPLICATIONS
)  # fmt: skip

# The classes beside it, every public method; and the one function that is exported.
CLASSES: Final = (
    _absent("CloudbaseOAuth.initializeSession", "", _CALLBACK),
    _absent("OAuth2Client.setGetInitialSession", "", _CALLBACK),
    _absent("OAuth2Client.setOnInitialSessionObtained", "", _CALLBACK),
    _absent("OAuth2Client.initialize", "", _CALLBACK),
    _held(
        "OAuth2Client.setCredentials",
        "auth.session",
        "`session.adopt` where the same user's session goes on with them",
    ),
    _held("OAuth2Client.setAccessKeyCredentials", "auth.session", "with an `access_token` alone"),
    _held("OAuth2Client.getAccessToken", "session.access_token"),
    _both(
        "OAuth2Client.request",
        "session.middleware",
        "GET /user/me",
        "or any other path: it signs what an `aiohttp.ClientSession` sends to the environment",
    ),
    _absent("OAuth2Client.wxCloudCallFunction", "", _WECHAT),
    _held("OAuth2Client.getCredentials", "session.access_token session.tokens"),
    _held("OAuth2Client.getCredentialsSync", "session.tokens"),
    _held("OAuth2Client.getCredentialsAsync", "session.access_token session.tokens"),
    _held("OAuth2Client.getScope", "session.tokens", "its `scope`"),
    _held("OAuth2Client.getGroups", "session.tokens", "its `groups`"),
    _both("OAuth2Client.refreshToken", "session.refresh", "POST /token"),
    _absent("Captcha.isMatch", "", "it tells a mini program from a browser"),
    _both(
        "Captcha.request",
        "AuthClient",
        "POST /signin",
        "its argument `captcha`, for this and every other call",
    ),
    _held("weAppJwtDecodeAll", "session.unverified_claims"),
)

_CONTEXT: Final = "it reads the environment of a cloud function"
_ADMIN: Final = "`auth.getUserInfoForAdmin` is a call of another interface"

# What `app.auth()` of `@cloudbase/node-sdk` 3.18.3 returns, every method.
NODE_SDK: Final = (
    _absent("app.auth().getAuthContext", "", _CONTEXT),
    _absent("app.auth().getClientIP", "", _CONTEXT),
    _absent("app.auth().getUserInfo", "", _CONTEXT),
    _absent("app.auth().getEndUserInfo", "", _ADMIN),
    _absent("app.auth().queryUserInfo", "", _ADMIN),
    Row(
        "app.auth().getClientCredential",
        ("auth.token.client_credentials",),
        "POST /token/clientCredential",
        f"`auth.server` keeps one that is valid; signed as theirs, `{_NODE}::test_same_signatures`",
        "tests/server/test_one_exchange.py::test_by_hand",
    ),
    Row("app.auth().createTicket", ("TicketSigner",), seen=f"{_NODE}::test_same_tickets"),
)

ROWS: Final = (*JAVASCRIPT, *CLASSES, *NODE_SDK)


def row_of(name: str) -> Row:
    """Return what a row of the recorded transcript belongs to: its use's row, or its method's."""
    rows = {row.theirs: row for row in ROWS}
    found = rows.get(name) or rows.get(name.partition(":")[0])
    # A method of which only the uses have rows: a new use is to get one, too.
    assert found is not None, name
    return found


def table() -> Iterator[str]:
    """Write the README's table, line by line."""
    yield "| theirs | ours | wire call | seen in |"
    yield "| --- | --- | --- | --- |"
    yield from (row.written() for row in ROWS)
