"""The command line: the ready line, the commands of the contract with curl, the signals."""

import base64
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async.testing import Emulator, _cli

PHONE = "+86 13800000000"
SECONDS = 120
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@contextmanager
def _running(*options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-m", "cloudbase_auth_async.testing", *options]
    process = subprocess.Popen(  # noqa: S603 -- our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def _ready(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    facts: dict[str, str] = json.loads(process.stdout.readline())
    return facts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number: int) -> None:
    """One line when ready; on SIGINT and SIGTERM it ends with 0 and says nothing more."""
    with _running("--json", "--client-id", "app", "--env", "e", "--client-secret", "s") as process:
        facts = _ready(process)
        assert facts["base_url"] == facts["origin"] + "/auth/v1"
        assert (facts["env"], facts["client_id"], facts["client_secret"]) == ("e", "app", "s")
        assert _stop(process, number) == (0, "", "")


def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is one clear line and exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert _cli.main(["--port", str(port)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"127.0.0.1:{port}" in err


def test_module_is_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m` ends with the exit status of the command line; importing starts nothing."""
    monkeypatch.setattr(sys, "argv", ["testing", "--port", "-1"])
    # By its path: where the plugin is installed, pytest's loader of it has no code for runpy.
    module = str(Path(_cli.__file__).with_name("__main__.py"))
    runpy.run_path(module, run_name="imported")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(module, run_name="__main__")
    assert ended.value.code == 1


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--port", "99999"]])  # noqa: S104
def test_impossible_addresses(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It listens on loopback, on a port that exists, or not at all."""
    assert _cli.main(options) == 1
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_main_in_process(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called as a function it serves until the signal and returns 0."""
    announce = _cli._announce

    def announced(emulator: Emulator, *, as_json: bool) -> None:
        announce(emulator, as_json=as_json)
        # No sooner: a signal that comes before it listens ends the test run.
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_cli, "_announce", announced)
    assert _cli.main(options) == 0
    assert "demo-secret" in capsys.readouterr().out


def test_help_tells_who_shows_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for JSON is told that it takes the place of the codes, too."""
    with pytest.raises(SystemExit) as ended:
        _cli.main(["--help"])
    assert ended.value.code == 0
    assert "codes are not shown either" in " ".join(capsys.readouterr().out.split())


def test_codes_have_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A code for people is one line."""
    _cli._show_code(PHONE, "123456")
    assert capsys.readouterr().out == f"code for {PHONE}: 123456\n"


class _Curl:
    """Runs curl as the contract's commands do."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.facts = facts
        pair = f"{facts['client_id']}:{facts['client_secret']}"
        self.basic = "Basic " + base64.b64encode(pair.encode()).decode()

    def __call__(self, route: str, body: str | None = None, *, bearer: str | None = None) -> Any:
        method, _, path = route.partition(" ")
        command = ["curl", "--silent", "--show-error", "--request", method]
        command += [self.facts["base_url"] + path]
        authorization = self.basic if bearer is None else f"Bearer {bearer}"
        for header in ("x-device-id: d", "x-request-id: r", f"Authorization: {authorization}"):
            command += ["--header", header]
        if body is not None:
            command += ["--data-raw", body]
        done = subprocess.run(  # noqa: S603 -- curl, with our own arguments
            command, capture_output=True, check=True, text=True, timeout=SECONDS
        )
        return json.loads(done.stdout)


@needs_curl
def test_commands_of_the_primary_contract() -> None:
    """Every curl command of the primary contract does what it should, with its form type."""
    with _running("--json", "--dialect", "primary") as process:
        curl = _Curl(_ready(process))
        sent = curl("POST /verification", json.dumps({"phone_number": PHONE}))
        codes = curl("GET /../../__emulator__/codes")["codes"]
        checked = {
            "verification_code": codes[PHONE],
            "verification_id": sent["verification_id"],
        }
        proof = curl("POST /verification/verify", json.dumps(checked))
        new_user = {
            "phone_number": PHONE,
            "verification_code": codes[PHONE],
            "verification_token": proof["verification_token"],
            "name": "Tester",
            "password": "Passw0rd!",
            "username": "test@example.com",
        }
        assert curl("POST /signup", json.dumps(new_user))["access_token"]
        login = '{"username": "test@example.com", "password": "Passw0rd!"}'
        tokens = curl("POST /signin", login)
        assert curl("POST /signin-anonymously", "{}")["scope"] == "anonymous"
        body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        bearer = curl("POST /token", json.dumps(body))["access_token"]
        assert curl(f"GET /token/introspect?token={bearer}")["active"] is True
        assert curl("GET /user/me", bearer=bearer)["name"] == "Tester"
        assert curl("GET /user/providers", bearer=bearer)["total"] == 0
        change = '{"old_password": "Passw0rd!", "new_password": "An0ther!"}'
        assert curl("PATCH /user/password", change, bearer=bearer) == {}
        assert curl("POST /revoke", json.dumps({"token": bearer})) == {}
        assert curl(f"GET /token/introspect?token={bearer}") == {"active": False}
        login = login.replace("Passw0rd!", "An0ther!")
        again = curl("POST /signin", login)
        assert curl("DELETE /user/me", bearer=again["access_token"]) == {}
        assert curl("POST /signin", login)["error"] == "not_found"
        assert _stop(process) == (0, "", "")


@needs_curl
@pytest.mark.parametrize(
    ("options", "second"),
    [([], "captcha_invalid"), (["--captcha-tokens", "until_expiry"], None)],
)
def test_captcha_tokens(options: list[str], second: str | None) -> None:
    """A captcha_token works once, or again and again where the command line says so."""
    with _running("--json", *options) as process:
        curl = _Curl(_ready(process))
        picture = curl("POST /captcha/data", "{}")
        (key,) = curl("GET /../../__emulator__/captchas")["captchas"].values()
        read = json.dumps({"token": picture["token"], "key": key})
        token = curl("POST /captcha/data/verify", read)["captcha_token"]
        route, body = f"POST /verification?captcha_token={token}", json.dumps({"email": "a@b.c"})
        errors = [curl(route, body).get("error") for _ in range(2)]
    assert errors == [None, second]


@needs_curl
def test_codes_are_printed_for_people() -> None:
    """Without --json the facts are lines, and each code is one when it is sent."""
    with _running() as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        facts = dict(line.split() for line in lines[1:])
        assert "ready" in lines[0]
        _Curl(facts)("POST /verification", json.dumps({"phone_number": PHONE}))
        line = process.stdout.readline()
        assert line.startswith(f"code for {PHONE}: ")
        assert _stop(process) == (0, "", "")
