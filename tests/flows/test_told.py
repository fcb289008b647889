"""What is told of flows: the README's programs run as they stand, and each docstring has a page."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any, Final

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.flows import CodeFlow, DeviceFlow, Flows, SessionFlows
from cloudbase_auth_async.testing import Emulator

README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PHONE: Final = "+86 13800000000"
MAIL: Final = "alice@example.com"
CALLS: Final = {
    f"{owner.__name__}.{name}": function
    for owner in (CodeFlow, DeviceFlow, Flows, SessionFlows)
    for name, function in inspect.getmembers(owner, inspect.isfunction)
    if not name.startswith("_") and name != "to_dict"
}


def _programs() -> list[str]:
    section = README.partition("\n## Flows\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


async def _run(program: str, names: dict[str, Any]) -> dict[str, Any]:
    code = compile(program, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    done = eval(code, names)  # noqa: S307 -- our own text
    if inspect.isawaitable(done):
        await done
    return names


async def test_at_a_terminal(auth: AuthClient, emulator: Emulator) -> None:
    """The README's first program signs somebody up who types the code at a prompt."""
    prompts: list[str] = []

    def typed(prompt: str) -> str:
        prompts.append(prompt)
        return emulator.codes[PHONE]

    names = await _run(_programs()[0], {"auth": auth, "input": typed})
    assert (await auth.session(names["tokens"]).user.me()).phone_number == PHONE
    assert prompts == ["code: "]


async def test_in_a_web_app(auth: AuthClient, emulator: Emulator, sent: Any) -> None:
    """The README's second program goes on where a request was lost; no other code is sent."""
    names, kept = await _run(_programs()[1], {}), dict[str, Any]()
    await names["begin"](auth, MAIL, kept)
    emulator.faults.add("POST /signin", "drop_before")
    with pytest.raises(errors.TransportError):
        await names["end"](auth, MAIL, kept, emulator.codes[MAIL])
    assert (await names["end"](auth, MAIL, kept, "not looked at")).sub
    assert sent().count("POST /verification") == 1


@pytest.mark.parametrize("lost", ["POST /verification/verify", "POST /signin"])
async def test_in_a_web_app_with_a_code_used_up(
    auth: AuthClient, emulator: Emulator, sent: Any, lost: str
) -> None:
    """What a lost request has used up is replaced, and only that."""
    names, kept = await _run(_programs()[1], {}), dict[str, Any]()
    await names["begin"](auth, MAIL, kept)
    with pytest.raises(errors.InvalidCode):
        await names["end"](auth, MAIL, kept, "wrong!")
    assert sent().count("POST /verification") == 1
    emulator.faults.add(lost, "drop_after")
    code = emulator.codes[MAIL]
    with pytest.raises(errors.TransportError):
        await names["end"](auth, MAIL, kept, code)
    with pytest.raises((errors.InvalidCode, errors.InvalidArgument)):
        await names["end"](auth, MAIL, kept, code)
    assert sent().count("POST /verification") == 2
    assert (await names["end"](auth, MAIL, kept, emulator.codes[MAIL])).sub


def test_no_program_is_left_out() -> None:
    """Each of the section's programs has its test here."""
    assert len(_programs()) == 2


@pytest.mark.parametrize("call", CALLS)
def test_pages(call: str) -> None:
    """Each public function of the flows says on which page its calls are."""
    text = inspect.getdoc(CALLS[call]) or ""
    assert re.search(r"^Source: https://\S+ \(\d{4}-\d\d-\d\d\)$", text, re.MULTILINE)
    assert "Raises:" in text


@pytest.mark.parametrize("call", [call for call in CALLS if call != "DeviceFlow.run"])
def test_lives(call: str) -> None:
    """And how long what it deals with lives, in seconds."""
    text = inspect.getdoc(CALLS[call]) or ""
    assert re.search(r"\b(600|900|3600) seconds|in seconds", text)
