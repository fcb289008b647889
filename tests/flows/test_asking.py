"""What a flow is given to ask with, or to show with: what will do, and what is told to who errs."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.models import DeviceAuthorization, Verification
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
MAIL = "alice@example.com"
SECRET = "c4nary-516273"

Read = Callable[[], str]


async def _alice(auth: AuthClient) -> TokenSession:
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


async def _nothing_asked() -> str:
    return "123456"


async def _two_asked(sent: Verification, where: str) -> str:
    return f"{sent}{where}"


def _class() -> type:
    class Asked:
        """Nothing that brings a code."""

        def __init__(self, sent: Verification) -> None:
            self.sent = sent

    return Asked


# What can be no `ask` and no `show`; the last two are said when they were called.
NO_FUNCTIONS = {
    "none": None,
    "text": "123456",
    "number": 516273,
    "coroutine function of nothing": _nothing_asked,
    "coroutine function of two": _two_asked,
    "function of nothing": lambda: "123456",
}


async def _runs(auth: AuthClient, ask: Any) -> dict[str, Callable[[], Awaitable[Any]]]:
    session = await _alice(auth)
    guest = auth.session(await auth.sign_in.anonymously())
    return {
        "sign_in_or_up": lambda: auth.flows.sign_in_or_up(email=MAIL).run(ask),
        "reset_password": lambda: auth.flows.reset_password(email=MAIL, new_password=PASSWORD).run(
            ask
        ),
        "upgrade": lambda: guest.flows.upgrade(email="bob@example.com").run(ask),
        "sudo_by_code": lambda: session.flows.sudo_by_code(email=MAIL).run(ask),
    }


@pytest.mark.parametrize("wrong", NO_FUNCTIONS)
async def test_no_function(auth: AuthClient, sent: Any, wrong: str) -> None:
    """What cannot be called with one argument is named, and nothing is sent for it."""
    runs = await _runs(auth, NO_FUNCTIONS[wrong])
    before = sent()
    for run in runs.values():
        with pytest.raises(errors.ConfigurationError, match=r"^ask: must be a function") as caught:
            await run()
        assert caught.value.argument == "ask"
        assert "516273" not in str(caught.value)
    with pytest.raises(errors.ConfigurationError, match=r"^show: must be a function"):
        await auth.flows.device_sign_in().run(NO_FUNCTIONS[wrong])  # type: ignore[arg-type]
    assert sent() == before


@pytest.mark.parametrize("wrong", [wrong for wrong in NO_FUNCTIONS if wrong != "none"])
async def test_nobody_can_be_asked_for_a_password(auth: AuthClient, sent: Any, wrong: str) -> None:
    """To change a password, too: the password is not sent before `ask` is looked at."""
    session = await _alice(auth)
    ask: Any = NO_FUNCTIONS[wrong]
    with pytest.raises(errors.ConfigurationError, match=r"^ask: must be a function"):
        await session.flows.change_password(new_password="N3w-passw0rd", ask=ask)
    assert sent(1) == []


@attrs.define
class _Person:
    """Somebody whose reading takes a while."""

    read: Read

    async def __call__(self, _: Verification) -> str:
        """Read the code."""
        return self.read()

    def at_once(self, _: Verification) -> str:
        """Read the code without a pause."""
        return self.read()


async def _reader(read: Read, sent: Verification) -> str:
    return read()


FUNCTIONS: dict[str, Callable[[Read], Any]] = {
    "object": _Person,
    "partial": lambda read: functools.partial(_reader, read),
    "lambda": lambda read: lambda sent: _reader(read, sent),
    "bound method": lambda read: _Person(read).__call__,
    "plain function": lambda read: _Person(read).at_once,
}


@pytest.mark.parametrize("kind", FUNCTIONS)
async def test_functions(auth: AuthClient, emulator: Emulator, sent: Any, kind: str) -> None:
    """Whatever brings the code when called, at once or awaited, will do."""
    ask = FUNCTIONS[kind](lambda: emulator.codes[MAIL])
    tokens = await auth.flows.sign_in_or_up(email=MAIL).run(ask)
    assert (await auth.session(tokens).user.me()).username == "alice"
    assert sent()[:3] == ["POST /verification", "POST /verification/verify", "POST /signin"]


class _Odd:
    """What does not tell how it is called."""

    __signature__ = 5

    def __call__(self, _: Verification) -> str:
        """Answer something."""
        return "wrong!"


async def test_function_that_does_not_tell(auth: AuthClient, sent: Any) -> None:
    """What cannot be looked at before it is called is taken at its word."""
    with pytest.raises(errors.InvalidCode):
        await auth.flows.sign_in_or_up(email=MAIL).run(_Odd())
    assert sent().count("POST /verification/verify") == 3


async def test_functions_that_show(auth: AuthClient, emulator: Emulator) -> None:
    """So it is with `show`, whatever that returns."""
    session, shown = await _alice(auth), list[str]()

    def show(codes: DeviceAuthorization) -> int:
        shown.append(codes.user_code)
        emulator.deny_device(codes.user_code)
        return 1

    async def allow(codes: DeviceAuthorization) -> str:
        await session.authorization.device(codes.user_code)
        return "allowed"

    with pytest.raises(errors.PermissionDenied):
        await auth.flows.device_sign_in().run(show)
    assert len(shown) == 1
    assert (await auth.flows.device_sign_in().run(functools.partial(allow))).sub


def _brings(what: Any) -> Any:
    async def ask(_: Verification) -> Any:
        return what

    return ask


# What can be typed and is no code.
NOTHING = {"nothing": "", "white space": " \r\n", "half a character": "\udc80"}

NO_STRINGS = {
    "nothing": _brings(None),
    "number": _brings(516273),
    "bytes": _brings(SECRET.encode()),
    "plain function of nothing": lambda _: None,
    "class": _class(),
}


@pytest.mark.parametrize("wrong", NO_STRINGS)
async def test_no_string(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any, wrong: str
) -> None:
    """What brings no string is told so, without the value; the code that was sent stays good."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    with pytest.raises(errors.ConfigurationError, match=r"^ask: .*is still good$") as caught:
        await flow.run(NO_STRINGS[wrong])
    assert caught.value.argument == "ask"
    assert not any(secret in str(caught.value) for secret in (SECRET, "516273"))
    assert flow.sent
    assert sent() == ["POST /verification"]
    assert (await flow.run(person(MAIL))).sub
    assert sent().count("POST /verification") == 1


@pytest.mark.parametrize("slip", NOTHING.values(), ids=NOTHING)
async def test_nothing_typed(auth: AuthClient, emulator: Emulator, sent: Any, slip: str) -> None:
    """What cannot be sent counts as a wrong code, and costs no request."""
    typed = [slip, slip]

    async def ask(_: Verification) -> str:
        return typed.pop() if typed else emulator.codes[MAIL]

    assert (await auth.flows.sign_in_or_up(email=MAIL).run(ask)).sub
    assert sent() == ["POST /verification", "POST /verification/verify", "POST /signin"]


@pytest.mark.parametrize("slip", NOTHING.values(), ids=NOTHING)
async def test_nothing_typed_in_a_web_app(
    auth: AuthClient, emulator: Emulator, sent: Any, slip: str
) -> None:
    """So it is with `complete`: the same error, and the code stays good."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    before = flow.to_dict()
    with pytest.raises(errors.InvalidCode, match="nothing was sent") as caught:
        await flow.complete(slip)
    assert caught.value.status == 0
    assert flow.to_dict() == before
    assert sent() == ["POST /verification"]
    assert (await flow.complete(emulator.codes[MAIL])).sub


@pytest.mark.parametrize("around", [" {} ", "\t{}\r\n", "\u3000{}\xa0"], ids=range(3))
async def test_white_space(auth: AuthClient, emulator: Emulator, sent: Any, around: str) -> None:
    """What was pasted around a code costs no attempt, also where the code is shown once more."""
    place = "new@example.com"
    flow = auth.flows.sign_in_or_up(email=place)
    await flow.run(lambda _: around.format(emulator.codes[place]))
    assert sent() == ["POST /verification", "POST /verification/verify", "POST /signup"]
    again = auth.flows.sign_in_or_up(email=place)
    await again.send()
    assert (await again.complete(around.format(emulator.codes[place]))).sub
    assert [entry.json["verification_code"] for entry in emulator.journal[1:3]] == [
        entry.json["verification_code"].strip() for entry in emulator.journal[1:3]
    ]


async def test_nothing_typed_three_times(auth: AuthClient, person: Any, sent: Any) -> None:
    """Three times nothing is an error; the code was never tried, and stays good."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    with pytest.raises(errors.InvalidCode, match="must not be empty") as caught:
        await flow.run(_brings(""))
    assert caught.value.status == 0
    assert flow.sent
    assert (await flow.run(person(MAIL))).sub
    assert sent().count("POST /verification") == 1
