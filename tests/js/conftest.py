"""The official JavaScript client's runs: one driver, an emulator for each, side by side."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

DRIVER: Final = Path(__file__).parent / "driver.mjs"

# The emulator's options in each run, and what the driver is told beside them.
_CAPTCHAS: Final = ("sendVerificationCodeToCurrentUser: again", "signIn: captcha required again")
RUNS: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]]] = {
    "default": ((), {}),
    "until expiry": (("--captcha-tokens", "until_expiry"), {"only": _CAPTCHAS}),
    "documented": (("--dialect", "documented"), {}),
    # Here nobody signs in without the secret, and the client never sends one.
    "primary": (("--dialect", "primary", "--client-secret", "s"), {"secret": "s"}),
}


@pytest.fixture(scope="session")
def lines(
    serve: Callable[..., Any], javascript: Callable[..., str]
) -> Mapping[str, list[Mapping[str, Any]]]:
    """Make every call once in each run, and return the driver's reports."""

    def report(name: str) -> list[Mapping[str, Any]]:
        options, told = RUNS[name]
        with serve(*options) as facts:
            text = javascript(DRIVER, origin=facts["origin"], env=facts["env"], **told)
        return [json.loads(line) for line in text.splitlines()]

    with ThreadPoolExecutor(len(RUNS)) as threads:
        return dict(zip(RUNS, threads.map(report, RUNS), strict=True))


@pytest.fixture(scope="session")
def reports(
    lines: Mapping[str, list[Mapping[str, Any]]],
) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return the rows of each run by name."""
    return {run: {row["method"]: row for row in rows[1:]} for run, rows in lines.items()}
