"""Ours beside theirs: a user's own account, third parties, devices and applications."""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Work = Awaitable[Any]


async def me(s: Any) -> Work:
    """`getUserInfo`, `getUserProfile`."""
    session, _ = await s.signed_in()
    return session.user.me()


async def sudo(s: Any) -> Work:
    """`sudo` and `checkPassword`."""
    session, _ = await s.signed_in()
    return session.user.sudo(password=s.password)


async def sudo_by_code(s: Any) -> Work:
    """`sudo` with a code's proof."""
    session, user = await s.signed_in()
    proof = await s.proof(phone_number=user.phone_number)
    return session.user.sudo(verification_token=proof)


async def set_password(s: Any) -> Work:
    """`setPassword`."""
    session, _ = await s.signed_in()
    sudo_token = await s.sudo(session)
    return session.user.update_password(new_password=s.new_password, sudo_token=sudo_token)


async def update_password_by_old(s: Any) -> Work:
    """`updatePasswordByOld`, which is two calls of theirs as well."""
    session, _ = await s.signed_in()

    async def both() -> None:
        proven = await session.user.sudo(password=s.password)
        await session.user.update_password(
            new_password=s.new_password, sudo_token=proven.sudo_token
        )

    return both()


async def edit_password(s: Any) -> Work:
    """`updateUserBasicInfo` with both passwords."""
    session, _ = await s.signed_in()
    return session.user.edit(password=s.password, new_password=s.new_password)


async def edit(s: Any) -> Work:
    """`updateUserBasicInfo`."""
    session, _ = await s.signed_in()
    return session.user.edit(
        nickname="Nick",
        username="renamed",
        description="About me",
        avatar_url="https://app.example/face.png",
        gender="FEMALE",
        email=s.email(),
        phone=s.phone(),
    )


async def edit_profile(s: Any) -> Work:
    """`setUserProfile`."""
    session, _ = await s.signed_in()
    return session.user.edit_profile(name="Nick", gender="FEMALE")


async def reset_password_by_phone(s: Any) -> Work:
    """`resetPassword`."""
    phone = s.user().phone_number
    proof = await s.proof(phone_number=phone)
    return s.auth.accounts.reset_password(
        phone_number=phone, verification_token=proof, new_password=s.new_password
    )


async def reset_password_by_email(s: Any) -> Work:
    """`resetPassword` with an e-mail address."""
    email = s.user().email
    proof = await s.proof(email=email)
    return s.auth.accounts.reset_password(
        email=email, verification_token=proof, new_password=s.new_password
    )


async def edit_phone(s: Any) -> Work:
    """`editContact` with a new phone number."""
    (session, _), phone = await s.signed_in(), s.phone()
    proof, sudo_token = await s.proof(phone_number=phone), await s.sudo(session)
    return session.user.edit_contact(
        phone_number=phone, sudo_token=sudo_token, verification_token=proof
    )


async def edit_email(s: Any) -> Work:
    """`editContact` with an e-mail address that is another's."""
    (session, _), email = await s.signed_in(), s.user().email
    proof, sudo_token = await s.proof(email=email), await s.sudo(session)
    return session.user.edit_contact(
        email=email,
        sudo_token=sudo_token,
        verification_token=proof,
        conflict_resolution="TRANSFER",
    )


async def delete(s: Any) -> Work:
    """`deleteMe`."""
    session, _ = await s.signed_in()
    return session.user.delete(sudo_token=await s.sudo(session))


async def find_by_name(s: Any) -> Work:
    """`queryUserProfile` with a user name."""
    session, user = await s.signed_in()
    return session.user.find(username=user.username)


async def find_by_ids(s: Any) -> Work:
    """`queryUserProfile` with ids."""
    session, user = await s.signed_in()
    return session.user.find(ids=[user.sub])


async def sign_ins(s: Any) -> Work:
    """`getUserBehaviorLog` of sign-ins."""
    session, _ = await s.signed_in()
    return session.user.security_history(limit=10)


async def sign_ins_next_page(s: Any) -> Work:
    """`getUserBehaviorLog` of sign-ins, further on."""
    session, user = await s.signed_in()
    await s.session(user)
    first = await session.user.security_history(limit=1)
    return session.user.security_history(limit=1, page_token=first.page_token)


async def changes(s: Any) -> Work:
    """`getUserBehaviorLog` of everything else."""
    session, _ = await s.signed_in()
    return session.user.security_history(sign_ins=False, limit=10)


async def revoke_device(s: Any) -> Work:
    """`revokeDevice`."""
    session, user = await s.signed_in()
    other = await s.client(device_id="another-device")
    await s.session(user, other)
    return session.devices.revoke(other.device_id)


async def revoke_all_devices(s: Any) -> Work:
    """`revokeAllDevices`."""
    session, _ = await s.signed_in()
    return session.devices.revoke_all()


async def grant(s: Any) -> Work:
    """`grantProviderToken` with what a redirect brought."""
    code = s.emulator.provider_code("github", redirect_uri=s.back, **s.stranger())
    return s.auth.providers.grant("github", provider_redirect_uri=s.back, provider_code=code)


async def grant_by_parameters(s: Any) -> Work:
    """`grantProviderToken` with what a mini program brought."""
    code = s.emulator.provider_code("github", **s.stranger())
    parameters = {"provider_code_type": "phone", "appid": "wx1", "code": code}
    return s.auth.providers.grant("github", provider_params=parameters)


async def patch(s: Any) -> Work:
    """`patchProviderToken`."""
    token = s.provider_token()
    profile = {"phone_number": "+86 13900000000"}
    code = s.emulator.provider_code("github", profile=profile, **s.stranger())
    parameters = {"encryptedData": "e", "iv": "i", "code": code, "provider_code_type": "phone"}
    return s.auth.providers.patch(token, provider_id="github", provider_params=parameters)


async def qr_code_status(s: Any) -> Work:
    """`getMiniProgramQrCodeStatus`."""
    shown = await s.auth.providers.qr_code("wx1")
    s.emulator.approve_qr_code(shown.qr_code_id)
    return s.auth.providers.qr_code_status(shown.qr_code_id, wx_app_id="wx1")


async def weda_info(s: Any) -> Work:
    """`getWedaUserInfo`."""
    session, _ = await s.signed_in()
    return session.user.weda_info()


async def bind(s: Any) -> Work:
    """`bindWithProvider`, `toBindIdentity`."""
    session, _ = await s.signed_in()
    return session.providers.bind(s.provider_token())


async def list_providers(s: Any) -> Work:
    """`getProviders`."""
    session, _ = await s.signed_in()
    return session.providers.list()


async def unbind(s: Any) -> Work:
    """`unbindProvider`."""
    session, _ = await s.signed_in()
    await session.providers.bind(s.provider_token())
    return session.providers.unbind("github")


async def change(s: Any) -> Work:
    """`changeBoundProvider`."""
    session, _ = await s.signed_in()
    await session.providers.bind(s.provider_token())
    return session.providers.change("github", s.provider_token())


async def transfer(s: Any) -> Work:
    """`transByProvider`."""
    session, _ = await s.signed_in()
    return session.providers.transfer(s.provider_token())


async def allow_device(s: Any) -> Work:
    """`authorizeDevice`."""
    session, _ = await s.signed_in()
    waiting = await s.auth.device.authorize()
    return session.authorization.device(waiting.user_code, scope="user", state="s1")


async def poll(s: Any) -> Work:
    """`grantToken` with a device code."""
    session, _ = await s.signed_in()
    waiting = await s.auth.device.authorize()
    await session.authorization.device(waiting.user_code)
    return s.auth.device.poll(waiting.device_code)


async def authorize(s: Any) -> Work:
    """`authorize`."""
    session, _ = await s.signed_in()
    return session.authorization.authorize(
        client_id="demo-env", redirect_uri=s.back, state="s1", scope="user"
    )


async def authorization_code(s: Any) -> Work:
    """`grantToken` with an authorization code."""
    session, _ = await s.signed_in()
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    allowed = await session.authorization.authorize(
        client_id="demo-env",
        redirect_uri=s.back,
        code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        code_challenge_method="S256",
    )
    return s.auth.token.authorization_code(
        allowed.code, redirect_uri=s.back, code_verifier=verifier
    )


async def info(s: Any) -> Work:
    """`authorizeInfo`."""
    session, _ = await s.signed_in()
    return session.authorization.info(
        client_id="demo-env", response_type="code", scope="user", state="s1"
    )


OURS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "getUserInfo": me,
    "getUserProfile": me,
    "sudo: password": sudo,
    "sudo: verification token": sudo_by_code,
    "checkPassword": sudo,
    "setPassword": set_password,
    "updatePasswordByOld": update_password_by_old,
    "updateUserBasicInfo: password": edit_password,
    "updateUserBasicInfo": edit,
    "setUserProfile": edit_profile,
    "resetPassword: phone": reset_password_by_phone,
    "resetPassword: email": reset_password_by_email,
    "editContact: phone": edit_phone,
    "editContact: email of another": edit_email,
    "deleteMe": delete,
    "checkIfUserExist": lambda s: s.auth.accounts.exists(s.user().username),
    "queryUserProfile: username": find_by_name,
    "queryUserProfile: ids": find_by_ids,
    "getUserBehaviorLog: sign-ins": sign_ins,
    "getUserBehaviorLog: next page": sign_ins_next_page,
    "getUserBehaviorLog: changes": changes,
    "revokeDevice": revoke_device,
    "revokeAllDevices": revoke_all_devices,
    "genProviderRedirectUri": lambda s: s.auth.providers.redirect_uri(
        "github",
        redirect_uri=s.back,
        state="s1",
        other_params={"sign_out_uri": "https://app.example/bye"},
    ),
    "grantProviderToken": grant,
    "grantProviderToken: parameters": grant_by_parameters,
    "patchProviderToken": patch,
    "getProviderSubType": lambda s: s.auth.providers.sub_type(),
    "getMiniProgramCode": lambda s: s.auth.providers.qr_code("wx1"),
    "getMiniProgramQrCodeStatus": qr_code_status,
    "getWedaUserInfo": weda_info,
    "bindWithProvider": bind,
    "toBindIdentity": bind,
    "getProviders": list_providers,
    "unbindProvider": unbind,
    "changeBoundProvider": change,
    "transByProvider": transfer,
    "deviceAuthorize": lambda s: s.auth.device.authorize(scope="user"),
    "authorizeDevice": allow_device,
    "grantToken: device code": poll,
    "authorize": authorize,
    "grantToken: authorization code": authorization_code,
    "authorizeInfo": info,
    "authorizeInfo: signed out": lambda s: s.auth.authorization.info(
        response_type="code", scope="user", state="s1"
    ),
}
