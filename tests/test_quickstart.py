"""The quickstart: the story it prints, the requests it makes, the real environment it spares."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cloudbase_auth_async.testing import Emulator

SCRIPT = Path(__file__).parent.parent / "examples" / "quickstart.py"

BASIC, BEARER = "Basic", "Bearer"
# Section 0.1 of the contract, in the order in which the story lives it: method, path below the
# base, scheme of Authorization, x-device-id sent, names of the body's fields, of the query's.
SIGN_UP = {
    "phone_number",
    "verification_code",
    "verification_token",
    "name",
    "password",
    "username",
}
TABLE = [
    ("POST", "/verification", BASIC, True, {"phone_number"}, set()),
    ("POST", "/verification/verify", BASIC, True, {"verification_code", "verification_id"}, set()),
    ("POST", "/signup", BASIC, True, SIGN_UP, set()),
    ("POST", "/signin", BASIC, True, {"username", "password"}, set()),
    ("GET", "/user/me", BEARER, False, None, set()),
    ("POST", "/token", BASIC, True, {"grant_type", "refresh_token"}, set()),
    ("GET", "/user/me", BEARER, False, None, set()),  # a hundred of them, folded into one
    ("GET", "/token/introspect", BASIC, False, None, {"token"}),
    ("POST", "/user/providers/bind", BEARER, False, {"provider_token"}, set()),
    ("GET", "/user/providers", BEARER, False, None, set()),
    ("DELETE", "/user/providers/github", BEARER, False, None, set()),
    ("PATCH", "/user/password", BEARER, False, {"old_password", "new_password"}, set()),
    ("POST", "/revoke", BASIC, False, {"token"}, set()),
    ("POST", "/signin", BASIC, True, {"username", "password"}, set()),
    ("POST", "/signin", BASIC, True, {"username", "password"}, set()),
    ("DELETE", "/user/me", BEARER, False, None, set()),
    ("POST", "/signin-anonymously", BASIC, True, set(), set()),
    ("POST", "/verification", BASIC, True, {"email"}, set()),
    ("POST", "/verification/verify", BASIC, True, {"verification_code", "verification_id"}, set()),
    ("POST", "/signup", BASIC, True, {"email", "verification_token"}, set()),
]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quickstart", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_journal_is_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line, the story's requests are those of the primary contract."""
    async with Emulator() as emulator:
        await _load().story(emulator)
        rows: list[object] = []
        for entry in emulator.journal:
            path = entry.path.removeprefix("/auth/v1")
            scheme = (entry.header("Authorization") or "").split(" ")[0]
            fields = None if entry.json is None else set(entry.json)
            device = entry.header("x-device-id") is not None
            row = (entry.method, path, scheme, device, fields, set(entry.query))
            assert entry.header("x-request-id"), row
            if not rows or row != rows[-1] or path != "/user/me":
                rows.append(row)
        assert rows == TABLE
        assert emulator.spends == 1
    assert "the refresh token was spent once" in capsys.readouterr().out


def _run(**environ: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CLOUDBASE_")}
    # The checkout's package, whether or not it is installed in this interpreter.
    clean["PYTHONPATH"] = str(SCRIPT.parent.parent)
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error", str(SCRIPT)],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_story_is_printed() -> None:
    """Run as a command without settings, it tells the story and leaves nothing behind."""
    done = _run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "nobody was signed out by accident" in done.stdout


async def test_real_environment_is_spared() -> None:
    """With an environment named, it signs in there and changes nobody."""
    async with Emulator() as emulator:
        emulator.add_user(username="dave", password="Passw0rd!")
        main = _load().main
        names = {
            "CLOUDBASE_ENV": emulator.env,
            "CLOUDBASE_CLIENT_SECRET": emulator.client_secret,
            "CLOUDBASE_AUTH_BASE_URL": emulator.base_url,
            "CLOUDBASE_USERNAME": "dave",
            "CLOUDBASE_PASSWORD": "Passw0rd!",
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in names.items():
                patch.setenv(name, value)
            assert await main() == 0
            patch.setenv("CLOUDBASE_PASSWORD", "wrong")
            assert await main() == 1
            patch.delenv("CLOUDBASE_PASSWORD")
            assert await main() == 2
        asked = {(entry.method, entry.path.removeprefix("/auth/v1")) for entry in emulator.journal}
    assert asked == {
        ("POST", "/signin"),
        ("GET", "/user/me"),
        ("POST", "/token"),
        ("GET", "/token/introspect"),
        ("POST", "/revoke"),
    }
