"""Third-party accounts: from the provider's page to a session, and from user to user."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cloudbase_auth_async.testing import Emulator, Request

PHONE = "+86 13800000000"
NEW_PHONE = "+86 13900000000"
PROFILE = {"name": "Octo Cat", "picture": "https://cat.example/1.png", "email": "cat@b.c"}
BAD = (400, "invalid_argument", 3)
DEAD_TOKEN = (400, "invalid_grant", 4001)
DEAD_CODE = (400, "provider_error", 4019)
TAKEN = (400, "failed_precondition", 9)


def with_provider(call: Any, **body: Any) -> Any:
    """Sign in with a third-party account, with a fresh provider_token unless one is given."""
    body = {"provider_token": call.emulator.provider_token()} | body
    return call("POST /signin/with/provider", body, auth=None)


@pytest.mark.parametrize(
    "route", ["GET /provider/uri", "POST /provider/token", "POST /signin/with/provider"]
)
def test_device_id_is_required(call: Any, route: str) -> None:
    """The three documented calls want a device id before anything else."""
    answer = call(route, device=None)
    assert answer.error == BAD
    assert answer.json["error_description"] == "device id missing from header"


def test_uri_leads_to_the_provider(call: Any) -> None:
    """The address names the client and carries what the provider has to bring back."""
    query = {"provider_id": "a/b", "redirect_uri": "https://app.example/?x=1", "state": "s&t"}
    query |= {"other_params[lang]": "en", "scope": "", "strange[lang]": "no"}
    parts = urlsplit(call("GET /provider/uri", auth=None, query=query).json["uri"])
    assert parts.path == "/a%2Fb/authorize"
    assert parse_qs(parts.query) == {
        "client_id": ["demo-env"],
        "response_type": ["code"],
        "redirect_uri": ["https://app.example/?x=1"],
        "state": ["s&t"],
        "lang": ["en"],
    }
    assert call("GET /provider/uri", auth=None).error == BAD


def test_lone_surrogates_do_no_harm(call: Any) -> None:
    """Text that UTF-8 cannot hold still gets an address."""
    request = Request(
        method="GET",
        path="/auth/v1/provider/uri",
        query={"provider_id": "\ud800", "state": "\ud800"},
        headers=(("x-device-id", "d"),),
    )
    assert call.emulator.answer(request).status == 200


def test_code_becomes_a_token_once(call: Any) -> None:
    """A provider_code is worth one provider_token, with a profile and for an hour."""
    body = {"provider_id": "github"}
    body["provider_code"] = call.emulator.provider_code(profile=PROFILE, provider_user_id="7")
    answer = call("POST /provider/token", body, auth=None)
    assert answer.json["expires_in"] == 3600
    assert answer.json["provider_profile"] == PROFILE | {
        "provider_id": "github",
        "sub": "7",
        "name": "octocat",
    }
    token = answer.json["provider_token"]
    assert call("POST /provider/token", body, auth=None).error == DEAD_CODE
    call.emulator.clock.advance(3599)
    assert with_provider(call, provider_token=token).status == 200
    assert with_provider(call, provider_token=token).error == DEAD_TOKEN
    call.emulator.clock.advance(1)
    assert with_provider(call, provider_token=token).error == DEAD_TOKEN


def test_code_expires_and_fits_one_place(call: Any) -> None:
    """A code is for one provider and one address; trying it elsewhere uses it up."""
    code = call.emulator.provider_code()
    for provider_id in ("wx_open", "github"):
        body = {"provider_id": provider_id, "provider_code": code}
        assert call("POST /provider/token", body).error == DEAD_CODE
    body = {"provider_id": "github", "provider_code": call.emulator.provider_code()}
    call.emulator.clock.advance(600)
    assert call("POST /provider/token", body).error == DEAD_CODE
    here = "https://app.example/"
    for redirect_uri, status in ((None, 400), ("https://other.example/", 400), (here, 200)):
        code = call.emulator.provider_code(redirect_uri=here)
        body = {"provider_id": "github", "provider_code": code}
        more = {"provider_redirect_uri": redirect_uri}
        assert call("POST /provider/token", body | more).status == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"provider_code": "x"},
        {"provider_id": "github"},
        {"provider_id": "github", "provider_params": "x"},
        {"provider_id": "github", "provider_params": {"code": 5}},
        {"provider_id": "github", "provider_params": {"iv": 5}},
        {"provider_id": "github", "provider_params": {"provider_code_type": "name"}},
    ],
)
def test_exchange_fields_are_checked(call: Any, body: Any) -> None:
    """Missing fields and wrong types are invalid arguments."""
    assert call("POST /provider/token", body).error == BAD


def test_code_inside_the_params(make: Any) -> None:
    """The JavaScript client's place for the code counts, but not for the pages alone."""
    for dialect, status in (("both", 200), ("documented", 400)):
        call = make(dialect=dialect)
        params = {"provider_code_type": "open_id", "appid": "wx1"}
        params["code"] = call.emulator.provider_code("wx_open")
        body = {"provider_id": "wx_open", "provider_params": params}
        assert call("POST /provider/token", body).status == status


def test_token_is_replaced_by_a_richer_one(call: Any) -> None:
    """PATCH adds what a second code tells, and the token presented is dead."""
    token = call.emulator.provider_token("wx_open", profile={"locale": "zh"})
    code = call.emulator.provider_code("wx_open", profile={"phone_number": NEW_PHONE})
    body = {"provider_token": token, "provider_id": "wx_open", "provider_params": {"code": code}}
    answer = call("PATCH /provider/token", body).json
    assert answer["provider_profile"]["phone_number"] == NEW_PHONE
    assert answer["provider_profile"]["locale"] == "zh"
    assert call("PATCH /provider/token", body).error == DEAD_TOKEN
    sealed = {"encryptedData": "x", "iv": "y", "provider_code_type": "phone"}
    body = {"provider_token": answer["provider_token"], "provider_params": sealed}
    assert call("PATCH /provider/token", body).json["provider_profile"]["locale"] == "zh"


def test_replacing_is_refused(call: Any) -> None:
    """Another provider's id, no params or a dead code: the token is not used up."""
    token = call.emulator.provider_token()
    body = {"provider_token": token, "provider_params": {}}
    assert call("PATCH /provider/token", {"provider_token": token}).error == BAD
    assert call("PATCH /provider/token", body | {"provider_id": "wx_open"}).error == BAD
    dead = body | {"provider_params": {"code": "x"}}
    assert call("PATCH /provider/token", dead).error == DEAD_CODE
    assert with_provider(call, provider_token=token).status == 200


def test_account_is_one_user(call: Any) -> None:
    """A new account becomes a user, and it finds that user again under a new name."""
    mint = call.emulator.provider_token
    first = with_provider(call, provider_id="github").json
    again = with_provider(call, provider_token=mint(provider_user_name="renamed")).json
    other = with_provider(call, provider_token=mint(provider_user_id="another")).json
    assert first["sub"] == again["sub"] != other["sub"]
    assert first["scope"] == "user sso"
    profile = call("GET /user/me", auth=first["access_token"]).json
    assert profile["providers"][0]["id"] == "github"
    assert "name" not in profile


def test_nobody_is_registered_against_ones_will(call: Any) -> None:
    """With force_disable_sign_up an unknown account is not found, and keeps its token."""
    token = call.emulator.provider_token()
    refused = with_provider(call, provider_token=token, force_disable_sign_up=True)
    assert refused.error == (404, "not_found", 5)
    assert with_provider(call, provider_token=token).status == 200
    assert with_provider(call, force_disable_sign_up=True).status == 200


@pytest.mark.parametrize(
    "body", [{"provider_id": "wx_open"}, {"sync_profile": "yes"}, {"provider_token": None}]
)
def test_sign_in_fields_are_checked(call: Any, body: Any) -> None:
    """A foreign provider_id, a flag that is none and a missing token are refused."""
    assert with_provider(call, **body).error == BAD


def test_profile_is_copied_when_asked(call: Any) -> None:
    """sync_profile copies name and picture, never an address."""
    token = call.emulator.provider_token(profile=PROFILE)
    tokens = with_provider(call, provider_token=token, sync_profile=True).json
    profile = call("GET /user/me", auth=tokens["access_token"]).json
    assert profile["name"] == "Octo Cat"
    assert profile["picture"] == PROFILE["picture"]
    assert "email" not in profile


def test_sign_up_with_an_account(call: Any) -> None:
    """An account alone is enough to register, with a user name of 5 to 24 characters."""
    token = call.emulator.provider_token()
    body = {"provider_token": token, "username": "octo", "password": "x"}
    assert call("POST /signup", body).error == BAD
    assert call("POST /signup", body | {"username": "octo.cat"}).error == BAD
    assert call("POST /signup", body | {"username": "octo-cat"}).status == 200
    assert call.sign_in("octo-cat", "x")["sub"] == with_provider(call).json["sub"]
    fresh = {"provider_token": call.emulator.provider_token()}
    assert call("POST /signup", fresh).error == TAKEN
    other = call.emulator.provider_token(provider_user_id="2")
    taken = {"provider_token": other, "username": "octo-cat"}
    assert call("POST /signup", taken).error == (409, "already_exists", 6)
    assert call("POST /signup", body).error == DEAD_TOKEN


def test_sign_up_with_an_account_and_a_number(call: Any) -> None:
    """With a number its verification_token has to come along, and both are used up."""
    provider_token = call.emulator.provider_token()
    body = {"provider_token": provider_token, "phone_number": NEW_PHONE}
    assert call("POST /signup", body).error == BAD
    body["verification_token"] = call.verified(phone_number=NEW_PHONE)
    tokens = call("POST /signup", body).json
    assert call("GET /user/me", auth=tokens["access_token"]).json["phone_number"] == NEW_PHONE
    mail = {"verification_token": body["verification_token"], "email": "a@b.c"}
    assert call("POST /signup", mail).error == BAD


def test_primary_contract_signs_nobody_up_with_an_account(make: Any) -> None:
    """Where only the primary contract is spoken, the field is as good as absent."""
    call = make(dialect="primary")
    body = {"provider_token": call.emulator.provider_token()}
    assert call("POST /signup", body).error == BAD
    assert call("POST /signin/with/provider", body).status == 404


def test_anonymous_user_goes_on_with_an_account(call: Any) -> None:
    """By transfer an anonymous user keeps the sub, and gets new tokens for the old ones."""
    anonymous = call("POST /signin/anonymously").json
    body = {"provider_token": call.emulator.provider_token()}
    tokens = call("PATCH /user/trans/by/provider", body, auth=anonymous["access_token"]).json
    assert tokens["sub"] == anonymous["sub"]
    assert tokens["scope"] == "user sso"
    assert call("GET /user/me", auth=anonymous["access_token"]).status == 401
    assert with_provider(call).json["sub"] == tokens["sub"]
    assert call("POST /signin/anonymously").json["sub"] != tokens["sub"]
    alice = call.sign_in()["access_token"]
    fresh = {"provider_token": call.emulator.provider_token()}
    assert call("PATCH /user/trans/by/provider", fresh, auth=alice).error == TAKEN
    free = {"provider_token": call.emulator.provider_token("wx_open")}
    assert call("PATCH /user/trans/by/provider", free, auth=alice).status == 200


def test_bound_account_is_changed(call: Any) -> None:
    """Another account of the provider takes the bound one's place, even from its owner."""
    mint = call.emulator.provider_token
    bob = with_provider(call, provider_token=mint(provider_user_id="bob")).json
    alice = call.sign_in()["access_token"]
    route = "POST /user/provider/github/trans"
    body = {"provider_trans_token": mint(provider_user_id="bob")}
    assert call(route, body, auth=alice).error == (404, "not_found", 5)
    call("POST /user/provider/bind", {"provider_token": mint()}, auth=alice)
    assert call("POST /user/provider/wx/trans", body, auth=alice).error == BAD
    assert call(route, {}, auth=alice).error == BAD
    assert call(route, body, auth=alice).json == {"client_id": "demo-env"}
    assert call(route, body, auth=alice).error == DEAD_TOKEN
    assert call("GET /user/provider", auth=bob["access_token"]).json["total"] == 0
    free = {"provider_trans_token": mint(provider_user_id="nobody's")}
    assert call(route, free, auth=alice).status == 200


def test_user_center_flag_is_accepted(call: Any) -> None:
    """Bind takes it in the body, unbind in the query, and both look at its type."""
    alice = call.sign_in()["access_token"]
    token = call.emulator.provider_token()
    for flag, status in (("true", 400), (True, 200)):
        body = {"provider_token": token, "with_user_center": flag}
        assert call("POST /user/provider/bind", body, auth=alice).status == status
    for flag, status in (("1", 400), ("true", 200)):
        query = {"with_user_center": flag}
        answer = call("DELETE /user/provider/github", auth=alice, query=query)
        assert answer.status == status


async def test_one_code_signs_in_once(emulator: Emulator, http: Any) -> None:
    """Over sockets: of fifty exchanges one wins, and of fifty sign-ins with its token one."""

    async def post(path: str, body: Any) -> tuple[int, Any]:
        headers = {"x-device-id": "device-1"}
        async with http.post(emulator.base_url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    body = {"provider_id": "github", "provider_code": emulator.provider_code()}
    answers = await asyncio.gather(*(post("/provider/token", body) for _ in range(50)))
    (token,) = (answer["provider_token"] for status, answer in answers if status == 200)
    body = {"provider_token": token}
    answers = await asyncio.gather(*(post("/signin/with/provider", body) for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] + [400] * 49


# Every call that takes a provider_token, and under which name.
_USES = {
    "POST /signin/with/provider": "provider_token",
    "POST /signup": "provider_token",
    "PATCH /provider/token": "provider_token",
    "POST /user/provider/bind": "provider_token",
    "POST /user/providers/bind": "provider_token",
    "POST /user/provider/github/trans": "provider_trans_token",
    "PATCH /user/trans/by/provider": "provider_token",
}


def _use(call: Any, route: str, token: str) -> Any:
    auth = "right basic"
    if "/user/" in route:
        name = "dave"
        if call.emulator._control.state.find(name) is None:
            call.emulator.add_user(username=name, password="x")
        auth = call.sign_in(name, "x")["access_token"]
        mine = call.emulator.provider_token(provider_user_id="dave's first")
        call("POST /user/provider/bind", {"provider_token": mine}, auth=auth)
    return call(route, {_USES[route]: token, "provider_params": {}}, auth=auth)


@pytest.mark.parametrize("route", _USES)
def test_no_token_is_accepted_twice(make: Any, route: str) -> None:
    """Whichever call has used a provider_token up, no call takes it again."""
    call = make(algorithm="HS256")
    token = call.emulator.provider_token()
    assert _use(call, route, token).status == 200
    for other in _USES:
        assert _use(call, other, token).error == DEAD_TOKEN, other
