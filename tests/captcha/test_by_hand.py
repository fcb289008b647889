"""Captchas without a solver: get a picture, say what it shows, bring the token."""

import base64
import pickle
from typing import Any

import pytest

from cloudbase_auth_async import ConfigurationError, errors
from cloudbase_auth_async.models import CaptchaChallenge, CaptchaPass

GIF = b"GIF89a-and-so-on"


async def test_from_picture_to_answer(kit: Any) -> None:
    """Without a solver the demand is raised, and a token got by hand answers it (B36)."""
    async with kit.opened({"captcha": None}) as scene:
        scene.demand()
        assert isinstance(await kit.failure(scene.send()), errors.CaptchaRequired)
        picture = await scene.auth.captcha.create(state="POST:/v1/verification")
        assert (picture.type, picture.media_type, picture.expires_in) == ("image", "image/gif", 300)
        assert picture.image.startswith(b"GIF89a")
        key = scene.emulator.captchas[picture.token]
        solved = await scene.auth.captcha.verify(picture.token, key)
        assert solved.expires_in == 600
        assert await scene.send(captcha_token=solved.captcha_token)
        again = await kit.failure(scene.send(captcha_token=solved.captcha_token))
        assert isinstance(again, errors.CaptchaInvalid)


async def test_wrong_answer(scene: Any, kit: Any) -> None:
    """What the picture does not show is refused, and that is never put to the solver."""
    picture = await scene.auth.captcha.create()
    error = await kit.failure(scene.auth.captcha.verify(picture.token, "no"))
    assert isinstance(error, errors.CaptchaInvalid)
    scene.demand("POST /captcha/data")
    assert isinstance(await kit.failure(scene.auth.captcha.create()), errors.CaptchaRequired)
    assert not scene.person.shown
    assert (len(scene.sent("POST /captcha/data")), scene.auth._caller.captcha._given_up) == (2, 0)


async def test_no_bearer(scene: Any) -> None:
    """The calls that solve a captcha carry the client's name and no user's (B27)."""
    scene.demand("GET /user/me")
    session = scene.auth.session(await scene.auth.sign_in.password("alice", "Passw0rd!"))
    assert (await session.user.me()).username == "alice"
    for route in ("POST /captcha/data", "POST /captcha/data/verify"):
        (entry,) = scene.sent(route)
        assert entry.header("authorization").startswith("Basic ")


async def test_bodies(scene: Any, kit: Any) -> None:
    """What is left out is not sent."""
    await scene.auth.captcha.create()
    await scene.auth.captcha.create(state="s", redirect_uri="https://example.com")
    await kit.failure(scene.auth.captcha.verify("t", "k"))
    first, second = scene.sent("POST /captcha/data")
    assert first.json == {}
    assert second.json == {"state": "s", "redirect_uri": "https://example.com"}
    assert scene.sent("POST /captcha/data/verify")[0].json == {"token": "t", "key": "k"}


@pytest.mark.parametrize("name", ["token", "key"])
@pytest.mark.parametrize("value", ["", None, 5, "c4nary\ud800"], ids=repr)
async def test_arguments(scene: Any, kit: Any, name: str, value: Any) -> None:
    """A wrong argument is named, never shown, and nothing is sent."""
    arguments = {"token": "a", "key": "b"} | {name: value}
    error = await kit.failure(scene.auth.captcha.verify(**arguments))
    assert isinstance(error, ConfigurationError)
    assert error.argument == name
    assert "c4nary" not in str(error)
    assert not scene.emulator.journal


@pytest.mark.parametrize("name", ["state", "redirect_uri"])
async def test_optional_arguments(scene: Any, kit: Any, name: str) -> None:
    """An empty text is no state."""
    error = await kit.failure(scene.auth.captcha.create(**{name: ""}))
    assert (type(error), error.argument) == (ConfigurationError, name)


def challenge(data: str) -> CaptchaChallenge:
    """Return a picture made by hand."""
    return CaptchaChallenge(token="t", data=data)


@pytest.mark.parametrize(
    ("uri", "kind", "image"),
    [
        (f"data:image/gif;base64,{base64.b64encode(GIF).decode()}", "image/gif", GIF),
        (f"DATA:Image/PNG;BASE64,{base64.b64encode(GIF).decode()}", "image/png", GIF),
        ("data:image/gif;name=x.gif;base64,R0lG", "image/gif", b"GIF"),
        ("data:image/gif;base64,R0lGPg%3D%3D", "image/gif", b"GIF>"),
        ("data:image/svg+xml,%3Csvg/%3E", "image/svg+xml", b"<svg/>"),
        ("data:;base64,R0lG", "text/plain", b"GIF"),
        ("data:,x", "text/plain", b"x"),
    ],
    ids=["gif", "capitals", "parameter", "escaped padding", "escapes", "no type", "shortest"],
)
def test_data_uri(uri: str, kind: str, image: bytes) -> None:
    """Every form that RFC 2397 has is read."""
    assert (challenge(uri).media_type, challenge(uri).image) == (kind, image)


BROKEN = {
    "no uri": "R0lG",
    "another scheme": "https://example.com/c4nary.gif",
    "no comma": "data:image/gif;base64",
    "nothing in it": "data:image/gif;base64,",
    "nothing after all": "data:image/gif;base64,====",
    "not base64": "data:image/gif;base64,c4nary!!",
    "a stray character": "data:image/gif;base64,R0l!G",
    "cut short": "data:image/gif;base64,R0lGP",
    "a space": "data:image/gif;base64,R0 lG",
    "a line": "data:image/gif;base64,R0lG\n",
    "beyond ascii": "data:image/gif;base64,R0l\u00c7",
    "half an escape": "data:image/gif,a%2",
    "monstrous": "data:image/gif;base64," + "A" * (4 * 1024 * 1024),
    "too large": "data:image/gif;base64," + "A" * (2 * 1024 * 1024),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_no_data_uri(kit: Any, name: str) -> None:
    """What is no picture is a decode error that names the place and shows nothing."""
    async with kit.opened({"max_answer_bytes": 8 * 1024 * 1024}) as scene:
        body = {"token": "t", "data": BROKEN[name], "type": "image", "expires_in": 300}
        scene.emulator.faults.add("POST /captcha/data", "status", status=200, body=body)
        error = await kit.failure(scene.auth.captcha.create())
        assert isinstance(error, errors.DecodeError)
        assert (error.path, error.expected) == ("$.data", "a data URI")
        assert "c4nary" not in f"{error!r}{vars(error)}"
    made = challenge(BROKEN[name])
    with pytest.raises(ConfigurationError, match=r"^data: must be a data URI$"):
        _ = made.image


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"token": "t"}, "$.data"),
        ({"data": "data:,x"}, "$.token"),
        ({"token": "t", "data": 5}, "$.data"),
        ({"token": "t", "data": "data:,x", "expires_in": "300"}, "$.expires_in"),
    ],
    ids=["no data", "no token", "a number", "a text"],
)
async def test_malformed_picture(scene: Any, kit: Any, body: Any, path: str) -> None:
    """A wrong type is an error that names its place."""
    scene.emulator.faults.add("POST /captcha/data", "status", status=200, body=body)
    error = await kit.failure(scene.auth.captcha.create())
    assert isinstance(error, errors.DecodeError)
    assert error.path in (path, "$")


@pytest.mark.parametrize("token", ["two words", "x\r\nX-Evil: 1", "t\u00f6ken", ""], ids=repr)
async def test_token_that_fits_no_header(scene: Any, kit: Any, token: str) -> None:
    """A captcha token that cannot stand in a header is a malformed answer."""
    body = {"captcha_token": token, "expires_in": 600}
    scene.emulator.faults.add("POST /captcha/data/verify", "status", status=200, body=body)
    error = await kit.failure(scene.auth.captcha.verify("t", "k"))
    assert isinstance(error, errors.DecodeError)
    assert (error.path, error.expected) == ("$.captcha_token", "a token")


@pytest.mark.parametrize(
    "value",
    [
        CaptchaChallenge(token="c4nary-token", data="data:,c4nary", extra={"x": "c4nary"}),
        CaptchaPass(captcha_token="c4nary-token", expires_in=600),
    ],
    ids=["challenge", "pass"],
)
def test_secrets_stay_in(value: Any) -> None:
    """Neither a picture nor a pass shows its secrets, and neither is pickled."""
    assert "c4nary" not in repr(value)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(value)
