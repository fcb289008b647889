"""
What a test of an app asks at its end: how much was spent, what leaked, what still runs.

Each check raises an AssertionError that shows numbers and names, never a secret.
"""

import asyncio
import base64
import re
from collections.abc import Iterator
from typing import Final, cast

from cloudbase_auth_async.testing._journal import Entry, Journal, is_secret
from cloudbase_auth_async.testing._state import State

# The library gives its background tasks names that begin so.
_OURS: Final = "cloudbase-auth "
# Shorter ones stand in every text by accident.
_SHORTEST: Final = 6
# Tables of the state whose keys are secrets, and what these are called.
_TABLES: Final = {
    "access": "access_token",
    "refresh": "refresh_token",
    "verified": "verification_token",
    "sudo": "sudo_token",
    "provider_tokens": "provider_token",
    "provider_codes": "provider_code",
    "qr_codes": "qr_code_id",
    "captcha_passes": "captcha_token",
    "auth_codes": "code",
    "device_codes": "device_code",
}


def check_spends(state: State, expected: int) -> None:
    """Check how many refresh tokens were exchanged, and that no other was presented."""
    spends, attempts = state.spends, state.refresh_attempts
    if (spends, attempts) != (expected, expected):
        raise AssertionError(
            f"expected {expected} refresh tokens to be exchanged; "
            f"{attempts} were presented, and {spends} of them exchanged"
        )


def check_no_secrets(state: State, journal: Journal, text: str) -> None:
    """Check that a text shows nothing the service handed out or was sent as a secret."""
    found = {name for name, secret in _secrets(state, journal) if _stands_in(secret, text)}
    if found:
        raise AssertionError(f"the text shows secrets: {', '.join(sorted(found))}")


async def check_no_tasks(seconds: float) -> None:
    """Check that the library's background tasks in this loop end within that time."""
    tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith(_OURS)}
    tasks.discard(cast("asyncio.Task[object]", asyncio.current_task()))
    if tasks:
        _, tasks = await asyncio.wait(tasks, timeout=seconds)
    if tasks:
        names = ", ".join(sorted(task.get_name() for task in tasks))
        raise AssertionError(f"still running: {names}")


def _secrets(state: State, journal: Journal) -> Iterator[tuple[str, str]]:
    """Yield what each secret is, and the secret."""
    yield "client_secret", state.settings.client_secret
    yield "secret_key", state.settings.secret_key
    for table, name in _TABLES.items():
        yield from ((name, secret) for secret in getattr(state, table))
    yield from (("verification_code", code) for code in state.codes.values())
    yield from (("password", user.password or "") for user in state.users.values())
    for entry in journal.entries():
        yield from _sent(entry)


def _sent(entry: Entry) -> Iterator[tuple[str, str]]:
    yield from _named(dict(entry.query))
    yield from _named(entry.json)
    for name, value in entry.headers:
        if is_secret(name):
            scheme, _, credentials = value.partition(" ")
            yield name, credentials or value
            if scheme == "Basic":
                yield name, base64.b64decode(credentials + "==").decode("utf-8", "replace")


def _named(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for member in cast("list[object]", value):
            yield from _named(member)
    elif isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            if isinstance(member, str) and is_secret(name):
                yield name, member
            else:
                yield from _named(member)


def _stands_in(secret: str, text: str) -> bool:
    if len(secret) < _SHORTEST or secret not in text:
        return False
    # A code is six digits: as a part of a longer number it is none.
    return not secret.isdecimal() or bool(re.search(rf"(?<!\d){secret}(?!\d)", text))
