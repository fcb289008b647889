"""
Captchas: who has to solve one, the picture, and what the right answer is worth.

A captcha_token is looked at before the handler, so it is used up by the call that brings it,
whatever comes of that call; unless the emulator is told that tokens work until they expire.
"""

import secrets
from typing import Final, get_args

import attrs

from cloudbase_auth_async.testing import _captcha_picture
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import (
    CaptchaDemand,
    CaptchaPass,
    CaptchaPicture,
    State,
    User,
    drop_expired,
)
from cloudbase_auth_async.testing._values import (
    CaptchaPlace,
    Refused,
    Request,
    Response,
    answer,
)

PICTURE_SECONDS: Final = 300
PASS_SECONDS: Final = 600

# The official dialog takes four characters and no more.
_DIGITS: Final = 4
_WRONG_PASSWORDS: Final = 5


def data(call: Call) -> Response:
    """Answer POST /captcha/data: a picture, and the token that names it."""
    for name in ("state", "redirect_uri"):
        call.fields.optional(name)
    state = call.state
    drop_expired(state.captcha_pictures, call.now)
    token = secrets.token_urlsafe(32)
    text = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
    state.captcha_pictures[token] = CaptchaPicture(
        text=text, client_id=call.client_id, expires_at=call.now + PICTURE_SECONDS
    )
    return answer(
        {
            "data": _captcha_picture.data_uri(text),
            "type": "image",
            "token": token,
            "expires_in": PICTURE_SECONDS,
        }
    )


def verify(call: Call) -> Response:
    """Answer POST /captcha/data/verify: one answer for each picture, right or wrong."""
    fields = call.fields
    token, key = fields.required("token"), fields.required("key")
    state = call.state
    drop_expired(state.captcha_pictures, call.now)
    picture = state.captcha_pictures.get(token)
    if picture is None or picture.client_id != call.client_id:
        raise Refused("captcha_invalid", "the picture is unknown, answered or expired")
    del state.captcha_pictures[token]
    if picture.text != key:
        raise Refused("captcha_invalid", "that is not what the picture shows")
    drop_expired(state.captcha_passes, call.now)
    captcha_token = "v1." + secrets.token_urlsafe(48)
    state.captcha_passes[captcha_token] = CaptchaPass(
        client_id=call.client_id, expires_at=call.now + PASS_SECONDS
    )
    return answer({"captcha_token": captcha_token, "expires_in": PASS_SECONDS})


def checked(call: Call, route: str) -> Call:
    """Return the call with its captcha_token accepted, or refuse it for want of one."""
    demand = call.state.captcha_demands.get(route)
    given = _given(call.request, "either" if demand is None else demand.where)
    if given:
        _spend(call, given)
        return attrs.evolve(call, captcha=True)
    if demand is None:
        return call
    if demand.free == 0:
        raise _required()
    demand.free -= 1
    return call


def _given(request: Request, where: CaptchaPlace) -> set[str]:
    """Return the captcha_tokens that the service sees: of a place it does not look at, none."""
    header, query = request.header("x-captcha-token"), request.query.get("captcha_token")
    seen = {"header": (header,), "query": (query,), "either": (header, query)}[where]
    return {text for text in seen if text}


def require(state: State, route: str, after: int, where: CaptchaPlace) -> None:
    """Demand a captcha of every call of a route, once that many more have passed."""
    if after < 0:
        raise ValueError("after must not be negative")
    if where not in get_args(CaptchaPlace):
        raise ValueError("where must be header, query or either")
    state.captcha_demands[route] = CaptchaDemand(free=after, where=where)


def check_sign_in(call: Call, user: User) -> None:
    """Refuse a password without a captcha after too many wrong ones for that user."""
    wrong = call.state.wrong_passwords.get(user.sub, 0)
    if wrong >= _WRONG_PASSWORDS and not call.captcha and not call.only("primary"):
        raise _required()


def note_wrong_password(call: Call, user: User) -> None:
    """Count a wrong password, whichever of the user's names it came with."""
    wrong = call.state.wrong_passwords
    wrong[user.sub] = wrong.get(user.sub, 0) + 1


def note_right_password(call: Call, user: User) -> None:
    """Start counting anew."""
    call.state.wrong_passwords.pop(user.sub, None)


def _spend(call: Call, given: set[str]) -> None:
    passes = call.state.captcha_passes
    drop_expired(passes, call.now)
    known = [passes[text] for text in given if text in passes]
    # A call that names no client is not asked whose token it is.
    ours = all(call.client_id in ("", each.client_id) for each in known)
    if len(known) != len(given) or not ours:
        raise Refused("captcha_invalid", "the captcha_token is unknown, used or expired")
    if call.state.settings.captcha_tokens == "once":
        for text in given:
            del passes[text]


def _required() -> Refused:
    return Refused("captcha_required", "captcha_token required")
