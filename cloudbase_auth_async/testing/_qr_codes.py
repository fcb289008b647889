"""
QR codes by which a WeChat mini program tells who somebody is, and two questions of WeDa's.

WeChat is not here. A test says what the person with the telephone does.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from cloudbase_auth_async.testing import _provider_tokens, _user_calls
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import BoundProvider, QrCode, State, drop_expired
from cloudbase_auth_async.testing._values import Refused, Response, answer

QR_CODE_SECONDS: Final = 300


def generate(call: Call) -> Response:
    """Answer POST /qrcode/generate."""
    drop_expired(call.state.qr_codes, call.now)
    qr_code_id = secrets.token_urlsafe(24)
    call.state.qr_codes[qr_code_id] = QrCode(
        wx_app_id=_mini_program(call), expires_at=call.now + QR_CODE_SECONDS
    )
    shown = {"qr_code": "qr-" + secrets.token_urlsafe(24), "qr_code_id": qr_code_id}
    return answer(shown | {"expires_in": QR_CODE_SECONDS})


def status(call: Call) -> Response:
    """Answer POST /qrcode/get/status: the code is gone once its provider_token is handed out."""
    qr_code_id = call.fields.required("qrCodeId")
    wx_app_id = _mini_program(call)
    drop_expired(call.state.qr_codes, call.now)
    record = call.state.qr_codes.get(qr_code_id)
    if record is None or record.wx_app_id != wx_app_id:
        raise Refused("not_found", "no such QR code")
    body: dict[str, Any] = {"status": record.status, "provider_token": "", "expires_in": 0}
    if record.account is not None:
        del call.state.qr_codes[qr_code_id]
        token = _provider_tokens.mint(call.state, record.account, call.now, record.profile)
        body |= {"provider_token": token, "expires_in": _provider_tokens.TOKEN_SECONDS}
    return answer(body)


def approve(
    state: State,
    now: float,
    qr_code_id: str,
    *,
    provider_user_id: str,
    provider_user_name: str,
    profile: Mapping[str, str],
) -> None:
    """Let somebody scan a code and agree."""
    record = _waiting(state, now, qr_code_id)
    record.status, record.profile = "approved", profile
    record.account = BoundProvider(
        provider_id=record.wx_app_id,
        provider_user_id=provider_user_id,
        provider_user_name=provider_user_name,
    )


def deny(state: State, now: float, qr_code_id: str) -> None:
    """Let somebody scan a code and say no."""
    _waiting(state, now, qr_code_id).status = "denied"


def sub_type(call: Call) -> Response:
    """Answer POST /mgr/provider/providerSubType: nobody signs in without a password."""
    return answer({"id": call.fields.required("provider_id"), "provider_sub_type": ""})


def weda_user(call: Call) -> Response:
    """Answer GET /plugin/weda/userinfo."""
    return answer(_user_calls.profile(call.session.user))


def _mini_program(call: Call) -> str:
    """Return the mini program that a call names, in this environment."""
    if call.fields.required("envId") != call.state.settings.env:
        raise Refused("invalid_argument", "envId is of another environment")
    return call.fields.required("wxAppId")


def _waiting(state: State, now: float, qr_code_id: str) -> QrCode:
    record = state.qr_codes.get(qr_code_id)
    if record is None or record.expires_at <= now or record.status != "waiting":
        raise ValueError("no QR code of that id waits for anybody")
    return record
