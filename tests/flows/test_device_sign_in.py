"""A device's sign-in as one flow: shown, cancelled, taken over a restart, and nothing lost."""

import asyncio
import json
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.flows import DeviceFlow
from cloudbase_auth_async.models import DeviceAuthorization
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
Show = Callable[[DeviceAuthorization], Awaitable[None]]


@attrs.define
class Screen:
    """
    What a device shows, and alice, who says yes to it at once if she is there.

    Attributes:
        shown: the user codes, in order.
    """

    auth: AuthClient
    alice: bool = True
    shown: list[str] = attrs.field(factory=list[str])

    async def __call__(self, codes: DeviceAuthorization) -> None:
        """Show the codes."""
        self.shown.append(codes.user_code)
        if self.alice:
            session = self.auth.session(await self.auth.sign_in.password("alice", PASSWORD))
            await session.authorization.device(codes.user_code)


async def _cut_short(flow: DeviceFlow, screen: Screen) -> None:
    """Run a flow, and cancel it when the screen has shown its code."""
    seen = asyncio.Event()

    async def show(codes: DeviceAuthorization) -> None:
        await screen(codes)
        seen.set()
        await asyncio.Event().wait()

    caller = asyncio.create_task(flow.run(show))
    await seen.wait()
    caller.cancel()
    await asyncio.wait({caller})


async def test_shown_and_signed_in(auth: AuthClient) -> None:
    """The person sees the code, says yes, and the device has their tokens; run again, the same."""
    screen = Screen(auth)
    flow = auth.flows.device_sign_in(scope="user")
    tokens = await flow.run(screen)
    assert (await auth.session(tokens).user.me()).username == "alice"
    assert await flow.run(screen) is tokens
    assert len(screen.shown) == 1


async def test_cancelled_while_it_is_shown(auth: AuthClient) -> None:
    """Run again, the flow shows the same code again."""
    screen = Screen(auth, alice=False)
    flow = auth.flows.device_sign_in()

    await _cut_short(flow, screen)
    screen.alice = True
    assert (await flow.run(screen)).sub
    assert len(set(screen.shown)) == 1


async def test_cancelled_over_the_tokens(auth: AuthClient, emulator: Emulator) -> None:
    """Cancelled while the answer with the tokens is on its way, the flow has them (B5, B39)."""
    flow, screen = auth.flows.device_sign_in(), Screen(auth)
    held = emulator.faults.add("POST /token", "hold", when="after")
    caller = asyncio.create_task(flow.run(screen))
    await held.arrived
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    held.release()
    while auth._background._tasks:  # noqa: ASYNC110 - the poll ends by itself
        await asyncio.sleep(0)
    tokens = await flow.run(screen)
    assert (await auth.session(tokens).user.me()).username == "alice"
    assert len(screen.shown) == 1


async def test_over_a_restart(auth: AuthClient, emulator: Emulator) -> None:
    """What `to_dict` wrote goes on in another process, and nobody has to say yes anew (B39)."""
    first, screen = auth.flows.device_sign_in(), Screen(auth)
    with pytest.raises(errors.ConfigurationError, match="no codes"):
        first.to_dict()
    await _cut_short(first, screen)
    saved = json.loads(json.dumps(first.to_dict()))
    screen.alice = False
    async with emulator.client() as other:
        tokens = await other.flows.device_sign_in(resume=saved).run(screen)
    assert tokens.sub
    assert len(set(screen.shown)) == 1


async def test_codes_that_expired(auth: AuthClient, emulator: Emulator) -> None:
    """Nobody said yes in time: the error says so, and run again the flow gets new codes."""
    flow, screen = auth.flows.device_sign_in(), Screen(auth, alice=False)
    with pytest.raises(errors.DeviceCodeExpired):
        await flow.run(screen)
    assert flow.authorization is None
    screen.alice = True
    assert (await flow.run(screen)).sub
    assert len(set(screen.shown)) == 2


async def test_nonsense_and_secrets(auth: AuthClient, emulator: Emulator) -> None:
    """Wrong arguments are named; nothing shows the device code (B23)."""
    with pytest.raises(errors.ConfigurationError, match="scope"):
        auth.flows.device_sign_in(scope="")
    flow: Any = auth.flows.device_sign_in()
    assert repr(flow) == "<DeviceFlow>"
    with pytest.raises(TypeError, match="to_dict"):
        pickle.dumps(flow)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"device_code": None}, "device_code"),
        ({"device_code": "\ud800"}, "device_code"),
        ({"expires_at": float("inf")}, "expires_at"),
        ({"interval": "c4nary"}, "interval"),
        (None, "data"),
        (["c4nary"], "data"),
    ],
    ids=range(6),
)
async def test_a_resume_that_is_none(auth: AuthClient, changed: Any, field: str) -> None:
    """What `to_dict` did not write is refused as `resume`, and not shown (B23)."""
    flow = auth.flows.device_sign_in()
    await _cut_short(flow, Screen(auth, alice=False))
    saved: Any = flow.to_dict() | changed if isinstance(changed, dict) else changed or "c4nary"
    with pytest.raises(errors.ConfigurationError, match=rf"^resume: .*{field}") as caught:
        auth.flows.device_sign_in(resume=saved)
    assert caught.value.argument == "resume"
    assert "c4nary" not in str(caught.value)
