"""The page at `/`: what it may do, what it shows in a browser, and what feeds it."""

import asyncio
import base64
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async.testing import Emulator

CHROMIUM = shutil.which("chromium")
MARKUP = "<img src=x onerror=document.title='pwned'>"
BROWSER = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--remote-debugging-port=0",
]
DEADLINE_SECONDS = 120

Script = Callable[[str], Awaitable[Any]]


async def test_policy(emulator: Emulator, http: Any) -> None:
    """The page may load nothing, and run nothing but the one script it came with."""
    async with http.get(emulator.origin + "/") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        policy, text = answer.headers["Content-Security-Policy"], await answer.text()
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["connect-src"] == "'self'"
    assert "unsafe" not in policy
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert parts["script-src"] == f"'sha256-{digest}'"
    assert "innerHTML" not in script
    assert "://" not in text
    assert emulator.journal == []


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Host": "evil.example"}, 403),
        ("GET", {"Origin": "https://evil.example"}, 403),
        ("POST", {}, 404),
    ],
)
async def test_page_is_for_this_machine(
    emulator: Emulator, http: Any, method: str, headers: dict[str, str], status: int
) -> None:
    """Another site gets no page, and nobody can post to it."""
    async with http.request(method, emulator.origin + "/", headers=headers) as answer:
        assert answer.status == status


async def _get(http: Any, emulator: Emulator, name: str) -> tuple[int, Any]:
    async with http.get(f"{emulator.origin}/__emulator__/{name}") as answer:
        return answer.status, await answer.json()


async def test_users(emulator: Emulator, http: Any) -> None:
    """Users are listed without their passwords."""
    status, body = await _get(http, emulator, "users")
    assert status == 200
    (alice,) = body["users"]
    assert (alice["username"], alice["status"], alice["anonymous"]) == ("alice", "ACTIVE", False)
    assert "Passw0rd!" not in str(body)


async def test_clock(emulator: Emulator, http: Any) -> None:
    """The clock can be read."""
    assert await _get(http, emulator, "clock") == (200, {"wall": emulator.clock.wall()})


async def test_last_requests(emulator: Emulator, http: Any) -> None:
    """As many of the last requests are shown as are asked for."""
    for number in range(3):
        await http.get(f"{emulator.base_url}/certs?n={number}")
    for query, numbers in [("", "012"), ("?last=2", "12"), ("?last=9", "012"), ("?last=0", "")]:
        _, body = await _get(http, emulator, "requests" + query)
        assert "".join(entry["query"]["n"] for entry in body["requests"]) == numbers
    assert (await _get(http, emulator, "requests?last=soon"))[0] == 400
    assert (await _get(http, emulator, "requests?first=1"))[0] == 400


@pytest.fixture
async def script(emulator: Emulator, http: Any) -> AsyncIterator[Script]:
    """Open the page in a browser, and return a way to run JavaScript beside it."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *BROWSER, f"--user-data-dir={profile}", emulator.origin + "/"]
        browser = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                address = await _socket(http, Path(profile))
            async with http.ws_connect(address) as socket:
                yield lambda text: _evaluated(socket, text)
        finally:
            browser.kill()
            await browser.wait()


async def _socket(http: Any, profile: Path) -> str:
    """Wait for the browser and return the address of its page's debugger."""
    port = profile / "DevToolsActivePort"
    while not (port.exists() and port.read_text()):  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.05)
    address = f"http://127.0.0.1:{port.read_text().split()[0]}/json"
    while True:
        async with http.get(address) as answer:
            pages = [page for page in await answer.json() if page["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)


async def _evaluated(socket: Any, text: str) -> Any:
    call = {"id": 1, "method": "Runtime.evaluate", "params": {"expression": text}}
    await socket.send_json(call)
    while (message := json.loads((await socket.receive()).data)).get("id") != 1:
        pass
    # While the page is still loading, there is an error, or an exception, in place of a value.
    return message.get("result", {}).get("result", {}).get("value")


async def test_in_a_browser(emulator: Emulator, script: Script) -> None:
    """A person sees users, codes and masked requests as text, and moves the clock."""
    emulator.add_user(username=MARKUP, email="eve@example.com", password="Passw0rd!")
    async with emulator.client() as auth:
        await auth.sign_in.password(MARKUP, "Passw0rd!")
        await auth.verification.send(email="eve@example.com")
    await _shows(script, emulator.codes["eve@example.com"])
    text = await script("document.body.innerText")
    assert "POST /auth/v1/signin" in text
    assert MARKUP in text
    assert "Passw0rd!" not in text
    assert await script("document.images.length") == 0
    assert await script("document.title") == "CloudBase Auth emulator"
    before = emulator.clock.wall()
    await script("document.querySelector('[data-seconds=\"7200\"]').click()")
    await _shows(script, "2023-11-15T00:13:20")
    assert emulator.clock.wall() == before + 7200
    await script("document.getElementById('seconds').value = '-1'")
    await script("document.getElementById('advance').click()")
    await _shows(script, "The clock stays:")
    assert emulator.clock.wall() == before + 7200


async def _shows(script: Script, text: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while text not in str(await script("document.body.innerText")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
