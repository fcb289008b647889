"""Tickets for custom sign-in: what is signed, and what the service makes of it."""

import base64
import json
import pickle
import subprocess
import sys
import traceback
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from cloudbase_auth_async import ConfigurationError, TicketSigner, TokenPair
from cloudbase_auth_async.testing import Emulator, ManualClock

NOW_MS = 1_700_000_000_000
_KEY = Emulator(clock=ManualClock()).add_ticket_key()


def _parts(ticket: str) -> tuple[str, Any, Any, bytes, bytes]:
    """Return the key id, header, payload, signed bytes and signature of a ticket."""
    key_id, _, token = ticket.partition("/@@/")
    signed, _, signature = token.rpartition(".")
    header, payload = (json.loads(_decoded(part)) for part in signed.split("."))
    return key_id, header, payload, signed.encode(), _decoded(signature)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _pem(private: Any, password: bytes | None = None) -> str:
    hidden: Any = serialization.NoEncryption()
    if password is not None:
        hidden = serialization.BestAvailableEncryption(password)
    return str(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden
        ).decode()
    )


def _rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def test_what_a_ticket_says() -> None:
    """Header, fields and their order are those of the official server library."""
    signer = TicketSigner.from_dict(_KEY, clock=ManualClock())
    key_id, header, payload, _, _ = _parts(signer.ticket("user-1"))
    assert key_id == _KEY["private_key_id"]
    assert list(header.items()) == [("alg", "RS256"), ("typ", "JWT")]
    assert list(payload.items()) == [
        ("alg", "RS256"),
        ("env", "demo-env"),
        ("iat", NOW_MS),
        ("exp", NOW_MS + 600_000),
        ("uid", "user-1"),
        ("refresh", 3_600_000),
        ("expire", NOW_MS + 604_800_000),
    ]


def test_lifetimes_of_ones_own() -> None:
    """The lives that are asked for stand in milliseconds, whole ones (B40)."""
    signer = TicketSigner.from_dict(_KEY, clock=ManualClock())
    ticket = signer.ticket(
        "user-1", refresh=timedelta(microseconds=1999), expire=timedelta(days=1, milliseconds=5)
    )
    payload = _parts(ticket)[2]
    assert (payload["refresh"], payload["expire"]) == (1, NOW_MS + 86_400_005)
    assert {type(payload[name]) for name in ("iat", "exp", "refresh", "expire")} == {int}


async def test_sign_in() -> None:
    """The service takes the ticket, the same uid is the same user, and time ends it."""
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    signer = TicketSigner.from_dict(emulator.add_ticket_key(), clock=emulator.clock)
    async with emulator, emulator.client() as auth:
        pairs = [await auth.sign_in.custom(signer.ticket(uid)) for uid in ("anna", "anna", "bert")]
        assert all(isinstance(pair, TokenPair) for pair in pairs)
        assert pairs[0].sub == pairs[1].sub != pairs[2].sub
        ticket = signer.ticket("anna")
        emulator.clock.advance(599)
        assert (await auth.sign_in.custom(ticket)).sub == pairs[0].sub
        emulator.clock.advance(1)
        with pytest.raises(Exception, match="has expired"):
            await auth.sign_in.custom(ticket)


@pytest.mark.parametrize("uid", ["abcd", "a" * 32, "aZ09_-#@~=*(){}[]:.,<>+", "0000"])
def test_every_character_of_a_uid(uid: str) -> None:
    """All that the official library takes is taken."""
    signer = TicketSigner.from_dict(_KEY, clock=ManualClock())
    assert _parts(signer.ticket(uid))[2]["uid"] == uid


@pytest.mark.parametrize(
    "uid",
    ["", "abc", "a" * 33, "abcd\n", "ab cd", "ab/cd", "abc\u0661", "ab\\cd", "abc%", None, 12345],
)
def test_no_other_uid(uid: Any) -> None:
    """Anything else is refused, and the error does not repeat it (B23)."""
    signer = TicketSigner.from_dict(_KEY)
    with pytest.raises(ConfigurationError) as caught:
        signer.ticket(uid)
    assert caught.value.argument == "uid"
    assert not uid or repr(uid)[1:-1] not in str(caught.value)


@pytest.mark.parametrize("name", ["refresh", "expire"])
@pytest.mark.parametrize(
    "value", [timedelta(0), timedelta(days=-1), timedelta(microseconds=999), 3600, None, True]
)
def test_no_other_lifetime(name: str, value: Any) -> None:
    """A lifetime is a positive timedelta: a number would leave its unit open (B40)."""
    options: Any = {name: value}
    with pytest.raises(ConfigurationError) as caught:
        TicketSigner.from_dict(_KEY).ticket("user-1", **options)
    assert caught.value.argument == name


@pytest.mark.parametrize("bits", [1024, 2048, 3072])
def test_sizes_of_a_key(bits: int) -> None:
    """Old, short keys sign without a warning, as the official library lets them."""
    private = _rsa(bits)
    signer = TicketSigner.from_dict(_KEY | {"private_key": _pem(private)})
    *_, signed, signature = _parts(signer.ticket("user-1"))
    private.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("as_str", [True, False])
def test_from_file(tmp_path: Any, *, as_str: bool) -> None:
    """The downloaded file is read as it is, by either kind of path."""
    path = tmp_path / "tcb_custom_login.json"
    path.write_text(json.dumps(_KEY | {"more": 1}, indent=2))
    read = TicketSigner.from_file(
        str(path) if as_str else path, env="demo-env", clock=ManualClock()
    )
    made = TicketSigner.from_dict(_KEY, clock=ManualClock())
    assert read.ticket("user-1") == made.ticket("user-1")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        (b"", "is not JSON"),
        (b"-----BEGIN c4nary", "is not JSON"),
        (b'{"private_key": "c4nary', "is not JSON"),
        (b"\xff\xfe\xfa c4nary", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'["c4nary"]', "is not a JSON object"),
        (b'"c4nary"', "is not a JSON object"),
    ],
    ids=["missing", "empty", "pem", "cut", "bytes", "deep", "list", "text"],
)
def test_file_that_is_none(tmp_path: Any, content: bytes | None, problem: str) -> None:
    """What is wrong with a file is said with its path and without its content (B23)."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        TicketSigner.from_file(path)
    assert str(caught.value) == f"path: {str(path)!r} {problem}"
    assert caught.value.argument == "path"
    assert caught.value.__context__ is None


def test_file_that_cannot_be_read(tmp_path: Any) -> None:
    """A folder, a name that cannot be one, and what is no path at all."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        TicketSigner.from_file(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        TicketSigner.from_file("nul\0byte")
    not_a_path: Any = 5
    with pytest.raises(ConfigurationError, match="must be a path"):
        TicketSigner.from_file(not_a_path)


@pytest.mark.parametrize("bits", [1024, 2048])
@pytest.mark.parametrize("form", ["json", "pem", "cut"])
def test_what_a_file_holds_instead_of_its_name(bits: int, form: str) -> None:
    """Who passes the key itself, as from a variable, does not find it in the error (B23)."""
    pem = _pem(_rsa(bits))
    text = {"json": json.dumps(_KEY | {"private_key": pem}), "pem": pem, "cut": '{"private_'}[form]
    with pytest.raises(ConfigurationError) as caught:
        TicketSigner.from_file(text)
    assert str(caught.value) in ("path: cannot be read", "path: does not exist")
    assert caught.value.__context__ is None


CANARY = "c4nary"
_PUBLIC = (
    _rsa()
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
WRONG = {
    "no id": ("private_key_id", "is missing", {"private_key_id": None}),
    "empty id": ("private_key_id", "empty", {"private_key_id": ""}),
    "id with a separator": ("private_key_id", "/@@/", {"private_key_id": "c4nary/@@/"}),
    "id of a number": ("private_key_id", "string", {"private_key_id": 5}),
    "no env": ("env_id", "is missing", {"env_id": None}),
    "empty env": ("env_id", "empty", {"env_id": ""}),
    "other env": ("env_id", "another environment", {"env_id": "c4nary-env"}),
    "no key": ("private_key", "is missing", {"private_key": None}),
    "key of a list": ("private_key", "string", {"private_key": [CANARY]}),
    "no PEM": ("private_key", "PEM", {"private_key": CANARY}),
    "half a surrogate": ("private_key", "half", {"private_key": "c4nary\ud800"}),
    "a public key": ("private_key", "PEM private", {"private_key": _PUBLIC}),
    "cut short": ("private_key", "PEM private", {"private_key": _KEY["private_key"][:400]}),
    "encrypted": ("private_key", "encrypted", {"private_key": _pem(_rsa(), b"c4nary")}),
    "an EC key": (
        "private_key",
        "RSA",
        {"private_key": _pem(ec.generate_private_key(ec.SECP256R1()))},
    ),
    "an Ed25519 key": (
        "private_key",
        "RSA",
        {"private_key": _pem(ed25519.Ed25519PrivateKey.generate())},
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("how", ["dict", "file"])
def test_wrong_field(tmp_path: Any, wrong: str, how: str) -> None:
    """A wrong field is named, and its value is in no text and in no frame of ours (B23)."""
    field, problem, changes = WRONG[wrong]
    data = {name: value for name, value in {**_KEY, **changes}.items() if value is not None}
    path = tmp_path / "key.json"
    path.write_text(json.dumps(data))
    make: Any = TicketSigner.from_file if how == "file" else TicketSigner.from_dict
    with pytest.raises(ConfigurationError, match=problem) as caught:
        make(path if how == "file" else data, env="demo-env")
    assert caught.value.argument == field
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb)]
    ours = [f for f in frames if f.f_globals["__name__"].startswith("cloudbase_auth_async.")]
    assert [frame.f_code.co_name for frame in ours] == ["edge"]
    assert not {"data", "text", "pem", "args"} & set(ours[0].f_locals)


def test_no_mapping() -> None:
    """What is no mapping is no key; an environment that is none is refused, too."""
    wrong: Any = [("private_key", "c4nary")]
    with pytest.raises(ConfigurationError, match="data: must be a mapping"):
        TicketSigner.from_dict(wrong)
    with pytest.raises(ConfigurationError, match="env: must not be empty"):
        TicketSigner.from_dict(_KEY, env="")


def test_the_key_stays_inside() -> None:
    """Neither the repr nor a pickle shows the key (B23)."""
    signer = TicketSigner.from_dict(_KEY)
    assert repr(signer) == "<TicketSigner of demo-env>"
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(signer)


def test_is_loaded_when_it_is_asked_for() -> None:
    """Importing the package loads neither the module nor what its extra brings."""
    _python(
        "import sys, cloudbase_auth_async as c; assert 'cryptography' not in sys.modules; "
        "c.AuthClient; assert 'cloudbase_auth_async.tickets' not in sys.modules; "
        "c.TicketSigner; assert 'cloudbase_auth_async.tickets' in sys.modules"
    )


def test_without_the_extra() -> None:
    """Without cryptography the package works; what the signer says names no key (B23)."""
    _python(
        "import sys, traceback; sys.modules['cryptography'] = None\n"
        "from cloudbase_auth_async import *\n"
        "AuthClient('env').server('id', 'key')\n"
        "key = {'private_key_id': 'k', 'private_key': 'c4nary', 'env_id': 'e'}\n"
        "try: TicketSigner.from_dict(key)\n"
        "except ImportError as caught: error = caught\n"
        "text = str(error)\n"
        "assert text.endswith(\"pip install 'cloudbase-auth-async[crypto]'\"), text\n"
        "told = traceback.TracebackException.from_exception(error, capture_locals=True)\n"
        "frames = [frame for frame in told.stack if 'cloudbase_auth_async' in frame.filename]\n"
        "assert [frame.name for frame in frames] == ['edge'], frames\n"
        "assert 'c4nary' not in str(frames[0].locals), frames[0].locals\n"
        "assert error.__context__ is None"
    )


def _python(code: str) -> None:
    run = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
