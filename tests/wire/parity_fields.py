"""
What the methods of the official JavaScript client take, and which argument of ours it becomes.

The fields are those of the parameter types in `src/auth/models.ts` of `@cloudbase/oauth` 3.3.3,
with what the types inherit. `test_beside_fields.py` holds them to our signatures.
"""

from collections.abc import Mapping
from typing import Final

# Their method: our coroutines, between which its uses are divided, and their fields.
FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "signIn": (
        "auth.sign_in.password auth.sign_in.code",
        (
            "client_id username password verification_token verification_code verify_opt query"
            " version isEncrypt params public_key_thumbprint"
        ),
    ),
    "signInAnonymously": ("auth.sign_in.anonymously", "provider_token"),
    "signInWithProvider": (
        "auth.sign_in.provider",
        "client_id provider_token provider_id version",
    ),
    "signInCustom": ("auth.sign_in.custom", "provider_id ticket"),
    "signUp": (
        "auth.sign_up.register",
        (
            "client_id phone_number email verification_code verification_token provider_token"
            " verify_opt username password name gender picture locale anonymous_token"
        ),
    ),
    "signOut": ("session.sign_out", "redirect_uri state"),
    "revokeDevice": ("session.devices.revoke", "device_id"),
    "getVerification": (
        "auth.verification.send session.verification.send",
        "client_id phone_number email target usage email_redirect_to",
    ),
    "sendVerificationCodeToCurrentUser": (
        "session.verification.send",
        "client_id phone_number email target usage email_redirect_to",
    ),
    "verify": (
        "auth.verification.verify",
        "client_id verification_code verification_id verification_token version",
    ),
    "genProviderRedirectUri": (
        "auth.providers.redirect_uri",
        "provider_id redirect_uri provider_redirect_uri state scope response_type other_params",
    ),
    "grantProviderToken": (
        "auth.providers.grant",
        (
            "client_id provider_id provider_redirect_uri provider_code provider_access_token"
            " provider_id_token provider_params"
        ),
    ),
    "patchProviderToken": (
        "auth.providers.patch",
        "client_id provider_id provider_token provider_params",
    ),
    "bindWithProvider": ("session.providers.bind", "client_id provider_token"),
    "toBindIdentity": ("session.providers.bind", "provider_token provider credentials fireEvent"),
    "transByProvider": ("session.providers.transfer", "provider_token"),
    "grantToken": (
        (
            "auth.token.refresh auth.token.password_grant auth.token.authorization_code"
            " auth.device.poll"
        ),
        (
            "client_id client_secret code grant_type redirect_uri nonce refresh_token username"
            " password scope code_verifier device_code"
        ),
    ),
    "unbindProvider": ("session.providers.unbind", "client_id provider_id"),
    "changeBoundProvider": ("session.providers.change", "trans_token provider_id"),
    "checkPassword": ("session.user.sudo", "client_id password"),
    "editContact": (
        "session.user.edit_contact",
        "phone_number email sudo_token verification_token conflict_resolution",
    ),
    "setPassword": ("session.user.update_password", "client_id new_password sudo_token"),
    "updatePasswordByOld": ("session.user.update_password", "old_password new_password"),
    "sudo": ("session.user.sudo", "password verification_token"),
    "getUserInfo": ("session.user.me", "version query credentials"),
    "getUserProfile": ("session.user.me", "version"),
    "deleteMe": ("session.user.delete", "sudo_token version"),
    "setUserProfile": (
        "session.user.edit_profile",
        (
            "name picture username email email_verified phone_number providers gender birthdate"
            " zoneinfo locale created_from sub uid address nickName province country city groups"
            " created_at updated_at loginType avatarUrl location hasPassword"
        ),
    ),
    "updateUserBasicInfo": (
        "session.user.edit",
        "user_id nickname username description avatar_url gender password new_password email phone",
    ),
    "queryUserProfile": ("session.user.find", "id username email phone_number"),
    "getUserBehaviorLog": ("session.user.security_history", "type limit page_token"),
    "resetPassword": (
        "auth.accounts.reset_password",
        "client_id email phone_number new_password verification_token",
    ),
    "checkIfUserExist": ("auth.accounts.exists", "username"),
    "authorize": (
        "session.authorization.authorize",
        (
            "client_id response_type redirect_uri state scope code_challenge code_challenge_method"
            " sign_out_uri"
        ),
    ),
    "authorizeInfo": (
        "session.authorization.info auth.authorization.info",
        "client_id response_type redirect_uri state scope sign_out_uri locale",
    ),
    "authorizeDevice": ("session.authorization.device", "client_id user_code scope state"),
    "deviceAuthorize": ("auth.device.authorize", "client_id scope"),
    "createCaptchaData": ("auth.captcha.create", "state redirect_uri"),
    "verifyCaptchaData": ("auth.captcha.verify", "token key"),
    "getMiniProgramCode": ("auth.providers.qr_code", "envId wxAppId"),
    "getMiniProgramQrCodeStatus": ("auth.providers.qr_code_status", "qrCodeId envId wxAppId"),
    "refreshTokenForce": ("session.refresh", "version"),
}

# Theirs as `method.field`: ours.
RENAMED: Final[Mapping[str, str]] = {
    "genProviderRedirectUri.provider_redirect_uri": "redirect_uri",
    "grantToken.password": "password",
    "changeBoundProvider.trans_token": "provider_trans_token",
    "queryUserProfile.id": "ids",
    "getUserBehaviorLog.type": "sign_ins",
    "getMiniProgramCode.envId": "env",
    "getMiniProgramCode.wxAppId": "wx_app_id",
    "getMiniProgramQrCodeStatus.qrCodeId": "qr_code_id",
    "getMiniProgramQrCodeStatus.envId": "env",
    "getMiniProgramQrCodeStatus.wxAppId": "wx_app_id",
    # Here it is the application that asks; elsewhere our own client.
    "authorize.client_id": "client_id",
    "authorizeInfo.client_id": "client_id",
}

_CLIENT: Final = "the client's own, an argument of `AuthClient`"
_SECOND: Final = "chooses the v2 paths, which are documented nowhere"
_RULED: Final = "fixed by what the coroutine is for"
_KEYED: Final = "encrypts with a key of the v2 paths, which are documented nowhere"
_EDITED: Final = "changed by `session.user.edit`, or with a proof by `session.user.edit_contact`"
_READ_ONLY: Final = "the service's own word"
_WECHAT: Final = "named in the type, where the profile that is read has other names"

# Theirs as `method.field`, or `*.field` for all methods that have it: why ours has none.
LEFT_OUT: Final[Mapping[str, str]] = {
    "*.client_id": _CLIENT,
    "grantToken.client_secret": _CLIENT,
    "*.version": _SECOND,
    "signIn.isEncrypt": _KEYED,
    "signIn.params": _KEYED,
    "signIn.public_key_thumbprint": _KEYED,
    "signIn.query": "is taken out before anything is sent",
    "getUserInfo.query": _SECOND,
    "*.verify_opt": "what it means is known nowhere",
    "signIn.verification_code": "sent with `verify_opt`, of which nothing is known",
    "signInCustom.provider_id": _RULED,
    "grantToken.grant_type": _RULED,
    "sendVerificationCodeToCurrentUser.target": _RULED,
    "verify.verification_token": "in the type alone: a code is checked by its id",
    "toBindIdentity.provider": "comes back in the answer, and is not sent",
    "toBindIdentity.fireEvent": "for the page's own listeners",
    "*.credentials": "a session has its own tokens",
    "setUserProfile.email": _EDITED,
    "setUserProfile.email_verified": _READ_ONLY,
    "setUserProfile.phone_number": _EDITED,
    "setUserProfile.providers": "changed by `session.providers.bind`, `unbind` and `change`",
    "setUserProfile.hasPassword": _READ_ONLY,
    "setUserProfile.sub": _READ_ONLY,
    "setUserProfile.uid": _READ_ONLY,
    "setUserProfile.groups": _READ_ONLY,
    "setUserProfile.created_from": _READ_ONLY,
    "setUserProfile.created_at": _READ_ONLY,
    "setUserProfile.updated_at": _READ_ONLY,
    "setUserProfile.loginType": _READ_ONLY,
    "setUserProfile.address": _WECHAT,
    "setUserProfile.nickName": _WECHAT,
    "setUserProfile.province": _WECHAT,
    "setUserProfile.country": _WECHAT,
    "setUserProfile.city": _WECHAT,
    "setUserProfile.avatarUrl": _WECHAT,
    "setUserProfile.location": _WECHAT,
}
