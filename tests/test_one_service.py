"""
One service, three clients: the same story with curl, the JavaScript client and this library.

One emulator runs for all of them, in a process of its own. What they share is what goes over
the wire: each teller is a program in `story`, and the emulator's journal says what it asked.
"""

import base64
import functools
import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

STORY: Final = Path(__file__).parent / "story"
ALICE: Final = {"username": "alice", "password": "Passw0rd!", "name": "Alice"}
LOGIN: Final = (ALICE["username"], ALICE["password"])

IN, ME, RENEW = ("POST /signin", 200), ("GET /user/me", 200), ("POST /token", 200)
DEAD, ASK, OUT = ("GET /user/me", 401), ("GET /token/introspect", 200), ("POST /revoke", 200)


class Service:
    """The emulator, by its own endpoints and the one call that tells whether a token lives."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self.facts = facts
        self.origin = facts["origin"]
        self.sub = self._ask("/__emulator__/users", ALICE)["sub"]

    def requests(self) -> list[Mapping[str, Any]]:
        """Return what the journal has."""
        answer: dict[str, list[Mapping[str, Any]]] = self._ask("/__emulator__/requests")
        return answer["requests"]

    def is_alive(self, token: str) -> bool:
        """Tell what the service says of an access token."""
        pair = f"{self.facts['client_id']}:{self.facts['client_secret']}"
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
        answer = self._ask(f"/auth/v1/token/introspect?token={token}", authorization=basic)
        return bool(answer["active"])

    def _ask(self, path: str, body: object = None, *, authorization: str = "") -> Any:
        request = urllib.request.Request(  # noqa: S310 -- the emulator, over http
            self.origin + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": authorization} if authorization else {},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=120) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def service(serve: Callable[..., Any]) -> Iterator[Service]:
    """Run one emulator for every teller, with one user."""
    with serve("--port", "0") as facts:
        yield Service(facts)


def _check(service: Service, tell: Callable[[], str], story: list[tuple[str, int]]) -> None:
    """Hold what a teller prints, and what the journal has of it, against the story."""
    before = len(service.requests())
    end = json.loads(tell())
    asked = service.requests()[before:]
    assert [(entry["route"], entry["status"]) for entry in asked] == story
    assert all(entry["request_id"] for entry in asked)
    assert (end["sub"], end["name"]) == (service.sub, "Alice")
    assert not service.is_alive(end["last"])


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("sh") is None, reason="needs a shell and curl"
)
def test_curl(service: Service, output: Callable[..., str]) -> None:
    """A shell script with curl lives the story, and sees the dead token refused."""
    facts = (service.origin, service.facts["env"], service.facts["client_secret"])
    tell = functools.partial(output, "sh", str(STORY / "tell.sh"), *facts, *LOGIN)
    _check(service, tell, [IN, ME, DEAD, RENEW, ME, ASK, OUT])


def test_javascript_client(service: Service, javascript: Callable[..., str]) -> None:
    """The JavaScript client lives the story; it knows no introspection."""
    told = {"username": LOGIN[0], "password": LOGIN[1], "env": service.facts["env"]}
    tell = functools.partial(javascript, STORY / "tell.mjs", origin=service.origin, **told)
    _check(service, tell, [IN, ME, RENEW, ME, OUT])


def test_this_library(service: Service, output: Callable[..., str]) -> None:
    """A program with this library's client lives the story, and refreshes when refused."""
    facts = (service.origin, service.facts["env"], service.facts["client_secret"])
    # The checkout's package, whether or not it is installed in this interpreter.
    environ = {**os.environ, "PYTHONPATH": str(STORY.parent.parent)}
    command = (sys.executable, str(STORY / "tell.py"), *facts, *LOGIN)
    tell = functools.partial(output, *command, environ=environ)
    _check(service, tell, [IN, ME, DEAD, RENEW, ME, ASK, OUT])
