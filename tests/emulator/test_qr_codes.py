"""QR codes of a mini program: who scans them, what comes of it, and what is asked about WeDa."""

from typing import Any

import pytest

from cloudbase_auth_async.testing import Emulator

ASKED = {"envId": "demo-env", "wxAppId": "wx1"}
BAD = (400, "invalid_argument", 3)
GONE = (404, "not_found", 5)


def generated(call: Any) -> str:
    """Return the id of a new code."""
    answer = call("POST /qrcode/generate", ASKED, auth=None)
    assert answer.status == 200, answer.json
    return str(answer.json["qr_code_id"])


def status(call: Any, qr_code_id: str, **body: str) -> Any:
    """Ask about a code."""
    asked = ASKED | {"qrCodeId": qr_code_id} | body
    return call("POST /qrcode/get/status", asked, auth=None)


def test_scanned_and_agreed(call: Any) -> None:
    """Who agrees is told once, with what the third party knows of them, and signs in."""
    qr_code_id = generated(call)
    assert status(call, qr_code_id).json == {
        "status": "waiting",
        "provider_token": "",
        "expires_in": 0,
    }
    call.emulator.approve_qr_code(
        qr_code_id, provider_user_id="open-id", provider_user_name="W", profile={"locale": "zh"}
    )
    answer = status(call, qr_code_id).json
    assert (answer["status"], answer["expires_in"]) == ("approved", 3600)
    body = {"provider_token": answer["provider_token"], "sync_profile": True}
    tokens = call("POST /signin/with/provider", body, auth=None).json
    me = call("GET /user/me", auth=tokens["access_token"]).json
    assert (me["name"], me["locale"]) == ("W", "zh")
    assert me["providers"] == [{"id": "wx1", "provider_user_id": "open-id", "name": "W"}]
    assert status(call, qr_code_id).error == GONE


def test_scanned_and_denied(call: Any) -> None:
    """Who says no is told as often as it is asked, and brings nothing."""
    qr_code_id = generated(call)
    call.emulator.deny_qr_code(qr_code_id)
    for _ in range(2):
        answer = status(call, qr_code_id).json
        assert (answer["status"], answer["provider_token"]) == ("denied", "")


def test_other_codes(call: Any) -> None:
    """Nobody has a made-up code, one of another mini program, or an old one."""
    qr_code_id = generated(call)
    assert status(call, "made-up").error == GONE
    assert status(call, qr_code_id, wxAppId="wx2").error == GONE
    call.emulator.clock.advance(300)
    assert status(call, qr_code_id).error == GONE


@pytest.mark.parametrize("field", ["envId", "wxAppId"])
@pytest.mark.parametrize("route", ["POST /qrcode/generate", "POST /qrcode/get/status"])
def test_what_is_missing(call: Any, route: str, field: str) -> None:
    """Both calls need the environment, which is this one, and the mini program."""
    asked = ASKED | {"qrCodeId": generated(call)}
    assert call(route, asked | {field: ""}, auth=None).error == BAD
    if field == "envId":
        assert call(route, asked | {field: "other-env"}, auth=None).error == BAD


def test_nobody_waits(call: Any) -> None:
    """A test that has the wrong code, or lets somebody scan one twice, is told so."""
    answered, denied, old = [generated(call) for _ in range(3)]
    emulator: Emulator = call.emulator
    emulator.approve_qr_code(answered)
    emulator.deny_qr_code(denied)
    for act in (emulator.approve_qr_code, emulator.deny_qr_code):
        for qr_code_id in ("made-up", answered, denied):
            with pytest.raises(ValueError, match="no QR code"):
                act(qr_code_id)
    emulator.clock.advance(300)
    with pytest.raises(ValueError, match="no QR code"):
        emulator.approve_qr_code(old)


def test_a_code_is_a_secret(call: Any) -> None:
    """B23: whoever has a code's id gets what its person agrees to, so no text may show it."""
    qr_code_id = generated(call)
    with pytest.raises(AssertionError, match="qr_code_id"):
        call.emulator.assert_no_secrets(f"code {qr_code_id}")


def test_sub_type(call: Any) -> None:
    """A provider that is named has a sub-type, an empty one."""
    route = "POST /mgr/provider/providerSubType"
    assert call(route, {"provider_id": "weda"}, auth=None).json == {
        "id": "weda",
        "provider_sub_type": "",
    }
    assert call(route, {}, auth=None).error == BAD


def test_weda(call: Any) -> None:
    """What WeDa knows of a user takes the user's bearer."""
    token = call.sign_in()["access_token"]
    answer = call("GET /plugin/weda/userinfo", auth=token)
    assert answer.json == call("GET /user/me", auth=token).json
    assert call("GET /plugin/weda/userinfo").status == 401


@pytest.mark.parametrize(
    "route",
    [
        "POST /qrcode/generate",
        "POST /qrcode/get/status",
        "POST /mgr/provider/providerSubType",
        "GET /plugin/weda/userinfo",
    ],
)
def test_primary_contract_has_none_of_them(make: Any, route: str) -> None:
    """A service that speaks the primary contract alone has no such path."""
    assert make(dialect="primary")(route).status == 404


async def test_over_http(emulator: Emulator, http: Any) -> None:
    """Programs in other languages let somebody agree, too; a mistake is told (B23: masked)."""
    async with http.post(emulator.base_url + "/qrcode/generate", json=ASKED) as answer:
        qr_code_id = (await answer.json())["qr_code_id"]
    url = emulator.origin + "/__emulator__/qr-codes"
    for wrong in ({}, {"qr_code_id": 5}, {"qr_code_id": "no"}, {"provider_id": "x"}):
        async with http.post(url, json=wrong) as answer:
            assert answer.status == 400
    person = {"qr_code_id": qr_code_id, "provider_user_id": "open-id", "profile": {"name": "W"}}
    async with http.post(url, json=person) as answer:
        assert (answer.status, await answer.json()) == (200, {})
    asked = ASKED | {"qrCodeId": qr_code_id}
    async with http.post(emulator.base_url + "/qrcode/get/status", json=asked) as answer:
        assert (await answer.json())["status"] == "approved"
    async with http.get(emulator.origin + "/__emulator__/requests") as answer:
        assert qr_code_id not in await answer.text()
