"""The plugin in runs of its own: three ways to run coroutines, and what it costs to load."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "test_an_app.py"
PLUGIN = "cloudbase_auth_async.testing.plugin"
# pytest-asyncio warns where this is not said, and a warning is an error here.
SCOPE = ["-o", "asyncio_default_fixture_loop_scope=function"]
STYLES = {
    "auto": [*SCOPE, "-o", "asyncio_mode=auto"],
    "strict": [*SCOPE, "-o", "asyncio_mode=strict"],
    "anyio": ["-p", "no:asyncio"],
}


def _is_installed() -> bool:
    return any(point.value == PLUGIN for point in importlib.metadata.entry_points(group="pytest11"))


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, with the plugin however it can be had."""
    load = [] if _is_installed() else ["-p", PLUGIN]
    strict = ["-p", "no:cacheprovider", "-W", "error", "--strict-markers", "--strict-config"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir=.", *strict, *load, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("style", STYLES)
def test_example(style: str, tmp_path: Path) -> None:
    """The example's tests pass under pytest-asyncio in both modes and under anyio."""
    text = EXAMPLE.read_text()
    if style == "anyio":
        pytest.importorskip("anyio")
        text = text.replace("pytest.mark.asyncio", "pytest.mark.anyio")
        fixture = "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
        (tmp_path / "conftest.py").write_text(fixture)
    (tmp_path / "test_an_app.py").write_text(text)
    run = _run(tmp_path, *STYLES[style])
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{text.count('async def test_')} passed" in run.stdout


LEAKY = """
import asyncio
import pytest

@pytest.mark.asyncio
async def test_leaves_a_refresh(cloudbase_session, cloudbase_emulator):
    fault = cloudbase_emulator.faults.add("POST /token", "hold")
    caller = asyncio.create_task(cloudbase_session.refresh())
    await fault.arrived
    caller.cancel()

@pytest.mark.asyncio
async def test_leaves_a_hook(cloudbase_session):
    async def hook(change):
        await asyncio.Event().wait()
    cloudbase_session.on_change(hook)
    await cloudbase_session.refresh()
"""


@pytest.mark.parametrize("style", STYLES)
def test_what_is_left_running(style: str, tmp_path: Path) -> None:
    """Work that a test leaves behind ends with it, without an error or a warning."""
    text = LEAKY
    if style == "anyio":
        pytest.importorskip("anyio")
        text = text.replace("pytest.mark.asyncio", "pytest.mark.anyio")
        text += "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    (tmp_path / "test_leaky.py").write_text(text)
    run = _run(tmp_path, *STYLES[style])
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout


def test_loading_starts_nothing(tmp_path: Path) -> None:
    """A run that asks for no fixture does not load the emulator's web server."""
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\n\ndef test_nothing():\n"
        f"    assert {PLUGIN!r} in sys.modules\n"
        "    assert 'cloudbase_auth_async.testing._server' not in sys.modules\n"
    )
    run = _run(tmp_path, "-p", "no:asyncio")
    assert run.returncode == 0, run.stdout + run.stderr


def test_loading_imports_nothing() -> None:
    """The plugin brings no library along, and none of our code that coverage would then miss."""
    code = f"import sys, {PLUGIN}; print(*sys.modules)"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code]
    environ = {**os.environ, "PYTHONPATH": path}
    loaded = set(subprocess.check_output(command, env=environ, text=True).split())  # noqa: S603 -- our own interpreter
    assert not loaded & {"aiohttp", "attr", "attrs", "cattrs", "cryptography", "jwt"}
    ours = {name for name in loaded if name.partition(".")[0] == "cloudbase_auth_async"}
    package = "cloudbase_auth_async"
    names_only = {package, f"{package}._lazy", f"{package}._version", f"{package}.testing"}
    assert ours == {*names_only, PLUGIN}


def test_help(tmp_path: Path) -> None:
    """A person finds the fixtures and the marker in what pytest lists."""
    fixtures = _run(tmp_path, "--fixtures", "-p", "no:asyncio").stdout
    for name in ("emulator", "auth", "user", "session", "server"):
        assert f"cloudbase_{name} --" in fixtures
    assert "cloudbase_emulator(**options)" in _run(tmp_path, "--markers", *SCOPE).stdout
