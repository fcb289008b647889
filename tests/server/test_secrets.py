"""A Tencent Cloud key and a server's token come out nowhere (B23)."""

import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, ConfigurationError
from cloudbase_auth_async._cloud_key import CloudKey
from cloudbase_auth_async.testing import Emulator, ManualClock, Request

CANARY = "c4nary"
SECRET_ID = "AKIDknown"
SECRET_KEY, SESSION_TOKEN = "c4nary-secret-key", "c4nary-session-token"
PAIR = base64.b64encode(f"{SECRET_ID}:{SECRET_KEY}".encode()).decode()
ANSWER = {"access_token": "c4nary-access", "expires_in": 7200, "surprise": "c4nary-extra"}
# What each echo held beside the canaries: a signature works for minutes.
SEEN: list[str] = []


def _http(status: str, document: Any) -> bytes:
    body = json.dumps(document).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _echo(status: str, name: str) -> Callable[[Request], Iterator[bytes]]:
    """Answer with the Authorization header in an error's text."""

    def answered(request: Request) -> Iterator[bytes]:
        header = {name.lower(): value for name, value in request.headers}["authorization"]
        SEEN.append(header.partition("Signature=")[2].partition(",")[0])
        text = f"not {header} nor {SECRET_KEY}"
        yield _http(status, {"error": name, "error_description": text})

    return answered


OUTCOMES: Mapping[str, Any] = {
    "success": _http("200 OK", ANSWER),
    "wrong types": _http("200 OK", {"access_token": [CANARY]}),
    "no json": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nc4nary",
    "refused": _echo("401 No", "unauthorized_client"),
    "trouble": _echo("500 Oops", "internal"),
    "no http": b"c4nary\r\n\r\n",
    "dropped": b"",
}
KEYS: Mapping[str, Mapping[str, Any]] = {
    "tc3": {},
    "temporary": {"session_token": SESSION_TOKEN},
    "basic": {"method": "basic"},
}


def _leaks(error: BaseException) -> list[str]:
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in told.stack if "/cloudbase_auth_async/" in frame.filename]
    texts = [str(error), repr(error), repr(vars(error)), *(str(frame.locals) for frame in ours)]
    texts.append(pickle.dumps(error).decode("latin-1"))
    found = [text for text in texts if _sings(text)]
    for other in (error.__cause__, error.__context__):
        found += [] if other is None else _leaks(other)
    return found


def _sings(text: str) -> bool:
    return any(secret in text for secret in (CANARY, PAIR, *filter(None, SEEN)))


@pytest.mark.parametrize("caller", ["server", "by hand"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_no_secret_comes_out(
    outcome: str, key: str, caller: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However an exchange ends, no log, repr, error or traceback holds a secret (B23)."""
    caplog.set_level(logging.DEBUG, logger="")
    SEEN.clear()
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    async with emulator, emulator.client() as auth:
        emulator.faults.add("*", "raw", steps=OUTCOMES[outcome], times=None)
        server = auth.server(SECRET_ID, SECRET_KEY, **KEYS[key])
        failure, answer = await _ended(auth, server, caller, key)
        assert failure is None or _leaks(failure) == []
        assert (failure is None) == (outcome == "success")
        shown = (
            answer,
            server,
            auth,
            vars(auth),
            server.tokens,
            server._held._setback,
            server._held._key,
        )
        assert not _sings(" ".join(map(repr, shown)))
        assert not _sings(caplog.text)


async def _ended(auth: AuthClient, server: Any, caller: str, key: str) -> tuple[Any, Any]:
    try:
        if caller == "by hand":
            call = auth.token.client_credentials
            return None, await call(SECRET_ID, SECRET_KEY, **KEYS[key])
        await server.access_token()
    except CloudBaseAuthError as error:
        return error, None
    return None, None


@pytest.mark.parametrize("caller", ["server", "by hand"])
async def test_no_frame_of_ours(caller: str) -> None:
    """What comes out of an exchange carries no frame of ours but the edge (B23)."""
    auth = Emulator(clock=ManualClock()).memory_client()
    failure, _ = await _ended(auth, auth.server(SECRET_ID, SECRET_KEY), caller, "tc3")
    frames = traceback.extract_tb(failure.__traceback__)
    assert [each.name for each in frames if "/cloudbase_auth_async/" in each.filename] == ["edge"]


async def test_an_echoed_signature_is_taken_out() -> None:
    """What stands in an error in place of a signature is three stars (B23)."""
    SEEN.clear()
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    async with emulator, emulator.client() as auth:
        emulator.faults.add("*", "raw", steps=OUTCOMES["refused"], times=None)
        with pytest.raises(CloudBaseAuthError) as caught:
            await auth.token.client_credentials(SECRET_ID, SECRET_KEY)
    assert len(SEEN) == 1
    assert SEEN[0]
    assert "Signature=***, Timestamp=" in str(caught.value)


def test_what_holds_a_key_is_not_pickled() -> None:
    """Neither the key nor its server can be pickled or copied away."""
    auth = Emulator(clock=ManualClock()).memory_client()
    server = auth.server(SECRET_ID, SECRET_KEY)
    for thing in (server, server._held._key):
        for use in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="is not pickled"):
                use(thing)


WRONG: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "no id": ("secret_id", ("", SECRET_KEY)),
    "id of bytes": ("secret_id", (b"c4nary", SECRET_KEY)),
    "id with a colon": ("secret_id", ("c4nary:", SECRET_KEY)),
    "id with a slash": ("secret_id", ("c4nary/", SECRET_KEY)),
    "id with a comma": ("secret_id", ("c4nary,", SECRET_KEY)),
    "no key": ("secret_key", (SECRET_ID, None)),
    "key with a line": ("secret_key", (SECRET_ID, f"{SECRET_KEY}\n")),
    "token with a space": ("session_token", (SECRET_ID, SECRET_KEY, "c4nary x")),
    "no token": ("session_token", (SECRET_ID, SECRET_KEY, "")),
    "token and basic": ("session_token", (SECRET_ID, SECRET_KEY, SESSION_TOKEN, "basic")),
    "no such method": ("method", (SECRET_ID, SECRET_KEY, None, CANARY)),
    "method of a list": ("method", (SECRET_ID, SECRET_KEY, None, [CANARY])),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_refused_argument_leaves_no_trace(wrong: str) -> None:
    """A wrong argument is named, its value is not, and nothing is sent (B23)."""
    argument, values = WRONG[wrong]
    auth = Emulator(clock=ManualClock()).memory_client()
    names = ("session_token", "method")[: len(values) - 2]
    options = dict(zip(names, values[2:], strict=True))
    with pytest.raises(ConfigurationError) as kept:
        auth.server(*values[:2], **options)
    with pytest.raises(ConfigurationError) as by_hand:
        await auth.token.client_credentials(*values[:2], **options)
    for caught in (kept, by_hand):
        assert caught.value.argument == argument
        assert _leaks(caught.value) == []


@pytest.mark.parametrize("method", ["tc3", "basic"])
def test_what_a_key_calls_secret(method: str) -> None:
    """The key, its Basic form, the session token and the last signature; nothing empty (B23)."""
    token = SESSION_TOKEN if method == "tc3" else None
    key = CloudKey.checked(SECRET_ID, SECRET_KEY, token, method)
    before = set(key.secrets)
    assert {SECRET_KEY, PAIR} <= before
    assert (SESSION_TOKEN in before) == (method == "tc3")
    header = key.authorization(
        method="POST", url="https://h/x", content_type="application/json", body=b"", now=1.7e9
    )
    assert all(key.secrets)
    new = set(key.secrets) - before
    assert len(new) == (1 if method == "tc3" else 0)
    assert all(f"Signature={each}," in header for each in new)
