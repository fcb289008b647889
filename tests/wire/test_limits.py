"""Answers made to be expensive, hosts that cannot be, services that change their minds."""

import asyncio
import gzip
import logging
import pickle
from contextlib import AsyncExitStack
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, DecodeError, UserProfile
from cloudbase_auth_async._codec import Malformed, decode
from cloudbase_auth_async.errors import ClientClosed, ConnectionLost
from cloudbase_auth_async.models import LinkedProvider, SudoToken, Verification, VerifiedCode
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"


@pytest.mark.parametrize("item", ["1", "{}", '""', '{"id":1}'])
async def test_a_megabyte_of_nonsense_is_refused_whole(
    item: str, raw: Any, connect: Any, kit: Any
) -> None:
    """A list too long to be meant is refused by its length: its items are not looked at."""
    items = ",".join([item] * (900_000 // (len(item) + 1)))
    server = await raw(kit.http(f'{{"sub":"1","groups":[{items}]}}'.encode()))
    client = await connect(server.base_url)
    with pytest.raises(DecodeError) as caught:
        await client.session(access_token="a").user.me()
    assert (caught.value.path, caught.value.expected) == ("$.groups", "at most 10000 items")


def test_the_first_fault_is_named() -> None:
    """Deep inside a list, the path of the first fault is told and the rest is not looked at."""
    rows = [{"id": "a"}, {"id": 1}, {"id": 2}]
    with pytest.raises(Malformed) as caught:
        decode({"sub": "1", "providers": rows}, UserProfile)
    assert (caught.value.path, caught.value.expected) == ("$.providers[1].id", "a string")


@pytest.mark.parametrize(
    "url",
    [
        "https://foo..example/auth/v1",
        "https://" + "a" * 64 + ".example/auth/v1",
        "https://auth.example/auth/v1?",
        "https://auth.example/auth/v1#",
        "https://-.example/auth/v1",
        "https://[::1/auth/v1",
        "https://auth.example:port/auth/v1",
    ],
)
def test_a_host_that_cannot_be_is_refused_at_once(url: str) -> None:
    """What would break in the resolver, or put every path into the query, is told beforehand."""
    with pytest.raises(ConfigurationError, match="base_url"):
        AuthClient("env-id", base_url=url)


def test_an_underscore_in_a_host_is_fine() -> None:
    """Names of services in a private network may have one."""
    assert AuthClient("env-id", base_url="https://auth_service.lan/auth/v1")


async def test_a_service_that_changes_its_mind_locks_nobody_out(kept_port: int) -> None:
    """What is remembered of a service goes first; it is not the only thing that is tried."""
    old = Emulator(dialect="primary", port=kept_port)
    async with AsyncExitStack() as stack:
        await old.__aenter__()
        auth = await stack.enter_async_context(old.client())
        await auth.sign_in.anonymously()
        await old.__aexit__(None, None, None)
        new = await stack.enter_async_context(Emulator(dialect="documented", port=kept_port))
        await auth.sign_in.anonymously()
        paths = [entry.path.removeprefix("/auth/v1") for entry in new.journal]
        assert paths == ["/signin-anonymously", "/signin/anonymously"]
        await auth.sign_in.anonymously()
        assert len(new.journal) == 3


@pytest.mark.parametrize(
    "secret",
    [
        Verification(verification_id="secret"),
        VerifiedCode(verification_token="secret"),
        SudoToken(sudo_token="secret"),
        AuthClient("env-id", client_secret="secret"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_a_secret_is_not_pickled(secret: Any) -> None:
    """No secret gets into a cache or another process by a pickle (B23)."""
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_what_holds_none_is_pickled() -> None:
    """A plain value can be cached."""
    value = LinkedProvider(id="github", extra={"more": [1]})
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes


def test_a_program_without_logging_hears_nothing() -> None:
    """Our warnings do not reach stderr where nobody set logging up."""
    handlers = logging.getLogger("cloudbase_auth_async").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


def test_a_base_url_without_its_path_is_refused() -> None:
    """Otherwise each call would end in a 404, and a sign-in would blame the user."""
    with pytest.raises(ConfigurationError, match="/auth/v1"):
        AuthClient("env-id", base_url="https://auth.example")


async def test_a_file_of_countless_members_is_refused(raw: Any, connect: Any, kit: Any) -> None:
    """A gzip answer made of thousands of empty members is not unpacked one by one."""
    body = gzip.compress(b"") * 1000 + gzip.compress(b'{"sub":"1"}')
    server = await raw(kit.http(body, headers="Content-Encoding: gzip\r\n"))
    client = await connect(server.base_url)
    with pytest.raises(ConnectionLost):
        await client.session(access_token="a").user.me()


async def test_two_loops_at_once_are_a_clear_error(emulator: Emulator) -> None:
    """A client that is used in a loop is refused in another one while the first lives (B15)."""
    async with emulator.client() as auth:
        await auth.sign_in.password("alice", PASSWORD)
        with pytest.raises(ClientClosed, match="another event loop"):
            await asyncio.to_thread(asyncio.run, auth.sign_in.password("alice", PASSWORD))
        assert (await auth.sign_in.password("alice", PASSWORD)).sub
