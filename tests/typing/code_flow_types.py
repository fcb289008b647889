"""Never run: the type checkers read it in strict mode and find the inferred types right."""

import functools
from typing import Any, assert_type

from cloudbase_auth_async import AuthClient, TokenPair, TokenSession
from cloudbase_auth_async.flows import CodeFlow, DeviceFlow
from cloudbase_auth_async.models import DeviceAuthorization, SudoToken, Verification


async def ask(sent: Verification) -> str:
    """Stand for a person who reads a code."""
    return sent.verification_id


async def show(codes: DeviceAuthorization) -> None:
    """Stand for a screen."""
    assert_type(codes.user_code, str)


class Reader:
    """Stand for another person."""

    async def __call__(self, sent: Verification) -> str:
        """Read a code."""
        return await ask(sent)


async def client_flows(auth: AuthClient) -> None:
    """What needs no user."""
    flow = auth.flows.sign_in_or_up(email="a@example.com")
    assert_type(flow, CodeFlow[TokenPair])
    assert_type(await flow.send(), Verification)
    assert_type(await flow.send(captcha_token="a token"), Verification)
    assert_type(await flow.complete("123456"), TokenPair)
    assert_type(await flow.complete("123456", captcha_token="a token"), TokenPair)
    assert_type(await flow.run(ask), TokenPair)
    assert_type(await flow.run(Reader()), TokenPair)
    assert_type(await flow.run(lambda sent: ask(sent)), TokenPair)  # noqa: PLW0108
    assert_type(await flow.run(functools.partial(ask)), TokenPair)
    assert_type(await flow.run(lambda _: "123456"), TokenPair)
    assert_type(flow.to_dict(), dict[str, Any])
    reset = auth.flows.reset_password(email="a@example.com", new_password="new")
    assert_type(reset, CodeFlow[None])
    assert_type(await reset.run(ask), None)
    device = auth.flows.device_sign_in()
    assert_type(device, DeviceFlow)
    assert_type(await device.run(show), TokenPair)
    assert_type(await device.run(print), TokenPair)
    assert_type(device.authorization, DeviceAuthorization | None)
    assert_type(device.to_dict(), dict[str, Any])


async def session_flows(session: TokenSession, pair: TokenPair) -> None:
    """What needs one."""
    upgrade = session.flows.upgrade(phone_number="+86 13800000000")
    assert_type(await upgrade.run(ask), TokenPair)
    assert_type(await session.flows.upgrade_with_provider("provider token"), TokenPair)
    assert_type(await session.flows.sudo_by_code(email="a@example.com").run(ask), SudoToken)
    assert_type(
        await session.flows.change_password(old_password="old", new_password="new", ask=ask), None
    )
    assert_type(await session.providers.transfer("provider token"), TokenPair)
    assert_type(await session.adopt(pair), None)
    assert_type(await session.sign_out(redirect_uri="https://app.example/bye"), str | None)
