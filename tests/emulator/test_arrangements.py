"""What a program in another language arranges: captchas, third-party accounts, ticket keys."""

from typing import Any

import pytest

from cloudbase_auth_async.testing import Emulator, _keys


async def _control(http: Any, emulator: Emulator, route: str, body: Any = None) -> tuple[int, Any]:
    method, _, name = route.partition(" ")
    url = f"{emulator.origin}/__emulator__/{name}"
    async with http.request(method, url, json=body) as answer:
        return answer.status, await answer.json()


async def _post(http: Any, emulator: Emulator, path: str, body: Any) -> tuple[int, Any]:
    headers = {"x-device-id": "device-1"}
    async with http.post(emulator.base_url + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_captcha_is_demanded_and_read(emulator: Emulator, http: Any) -> None:
    """A program can demand a captcha and read the picture, while it waits for its answer."""
    demand = {"route": "POST /reset", "after": 0}
    assert await _control(http, emulator, "POST captchas", demand) == (200, {})
    assert (await _post(http, emulator, "/reset", {}))[1]["error"] == "captcha_required"
    _, picture = await _post(http, emulator, "/captcha/data", {})
    _, shown = await _control(http, emulator, "GET captchas")
    body = {"token": picture["token"], "key": shown["captchas"][picture["token"]]}
    assert (await _post(http, emulator, "/captcha/data/verify", body))[0] == 200
    await _post(http, emulator, "/captcha/data", {})
    emulator.clock.advance(300)
    assert await _control(http, emulator, "GET captchas") == (200, {"captchas": {}})


async def test_provider_code_and_token_are_minted(emulator: Emulator, http: Any) -> None:
    """A program can play the third party."""
    account = {"provider_id": "wx_open", "profile": {"locale": "zh"}, "redirect_uri": None}
    _, minted = await _control(http, emulator, "POST provider-codes", account)
    _, granted = await _post(http, emulator, "/provider/token", minted | {"provider_id": "wx_open"})
    assert granted["provider_profile"]["locale"] == "zh"
    _, minted = await _control(http, emulator, "POST provider-tokens", {})
    assert (await _post(http, emulator, "/signin/with/provider", minted))[0] == 200


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("POST captchas", {}),
        ("POST captchas", {"route": "POST /token", "after": "x"}),
        ("POST captchas", {"route": ["POST /token"]}),
        ("POST captchas", {"times": 1}),
        ("POST provider-codes", {"provider_id": 5}),
        ("POST provider-codes", {"profile": {"name": 5}}),
        ("POST provider-codes", {"profile": "x"}),
        ("POST provider-tokens", {"redirect_uri": "x"}),
    ],
)
async def test_arrangements_are_checked(
    emulator: Emulator, http: Any, route: str, body: Any
) -> None:
    """What makes no sense is refused."""
    assert (await _control(http, emulator, route, body))[0] == 400


async def test_ticket_key_is_registered(
    emulator: Emulator, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program gets the key file, or is told what to install."""
    _, key = await _control(http, emulator, "POST ticket-keys")
    assert key.keys() == {"private_key_id", "private_key", "env_id"}
    monkeypatch.setattr(_keys, "has_crypto", False)
    status, refused = await _control(http, emulator, "POST ticket-keys")
    assert status == 400
    assert "cryptography" in refused["error_description"]
