"""What holds for every test: how long it may wait, how Hypothesis searches, what runs beside it."""

import asyncio
import functools
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# A busy machine is no failure. In CI the search is the same each time: a commit is judged by
# what it changed; on a developer's machine each run looks somewhere new.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

PINNED: Final = Path(__file__).parent / "js"
SECONDS: Final = 120

# Whoever is still waiting then waits for ever (B12): a failure, and not a stuck suite.
LONGEST_SECONDS: Final = 100
# Where nothing takes a tenth of it. It goes by the time of the loop, so leaps use it up.
BOUNDED: Final = {"captcha", "device", "flows", "kept", "server", "session", "verify"}

Facts = Mapping[str, str]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Bound every coroutine test of those folders."""
    for item in items:
        if item.path.parent.name in BOUNDED and inspect.iscoroutinefunction(item.obj):
            item.obj = _bounded(item.obj)


def _bounded(test: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(test)
    async def bounded(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            await test(*args, **kwargs)

    return bounded


@pytest.fixture
def leap() -> Callable[[float], None]:
    """
    Return what moves the running loop's own time on by so many seconds.

    Requests over sockets run out of time by the loop, not by an injected clock. A time-out that
    a healthy request may come near fails on a busy machine: let it be generous, and leap over it
    once the request that is to run out of time has arrived.
    """
    return _leap


def _leap(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    told = loop.time
    loop.time = lambda: told() + seconds  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[Facts]]:
    """Return what runs the emulator's command line for a block; it gets the ready line's facts."""
    return _serving


@contextmanager
def _serving(*options: str) -> Iterator[Facts]:
    command = [sys.executable, "-m", "cloudbase_auth_async.testing", "--json", *options]
    process = subprocess.Popen(  # noqa: S603 -- our own command
        command, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready, "the emulator's command line does not start; its stderr says why"
        facts: Facts = json.loads(ready)
        yield facts
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)


@pytest.fixture(scope="session")
def output() -> Callable[..., str]:
    """Return what runs a program to its end and returns what it prints."""
    return _output


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """
    Return what runs a script in Node with the official client at hand.

    What `package-lock.json` pins is installed once, and no script of any package is run.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("the JavaScript client needs node and npm")
    folder = _once(tmp_path_factory, "npm", functools.partial(_install, npm))

    def run(script: Path, **told: object) -> str:
        return _output(node, str(script), json.dumps({**told, "modules": str(folder)}))

    return run


def _install(npm: str, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINNED / name, folder)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    _output(npm, "ci", *quiet, cwd=folder)


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first worker of this run to ask for it makes, for all of them."""
    if "PYTEST_XDIST_WORKER" not in os.environ or fcntl is None:
        folder = factory.mktemp(name)
        make(folder)
        return folder
    shared = factory.getbasetemp().parent
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = shared / name
        if not folder.exists():
            half = factory.mktemp(name)
            make(half)
            half.rename(folder)
    return folder


def _output(
    program: str,
    *arguments: str,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    done = subprocess.run(  # noqa: S603 -- a program and arguments of ours
        [program, *arguments],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{program} {arguments[0]}:\n{done.stdout}{done.stderr}"
    return done.stdout
