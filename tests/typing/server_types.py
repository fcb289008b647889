"""Never run: the type checkers read it in strict mode and find the inferred types right."""

from datetime import timedelta
from pathlib import Path
from typing import assert_type

import aiohttp

from cloudbase_auth_async import AuthClient, TicketSigner, TokenPair, TokenSession
from cloudbase_auth_async.server_tokens import ServerTokens


async def a_server(auth: AuthClient) -> None:
    """A server's token, kept or asked for by hand."""
    server = auth.server("AKID", "key")
    assert_type(server, ServerTokens)
    assert_type(auth.server("AKID", "key", session_token="t", method="tc3"), ServerTokens)
    assert_type(await server.access_token(), str)
    assert_type(server.tokens, TokenPair | None)
    server.invalidate("access token")
    aiohttp.ClientSession(middlewares=(server.middleware,))
    assert_type(await auth.token.client_credentials("AKID", "key", method="basic"), TokenPair)
    assert_type(auth.session(access_token=await server.access_token()), TokenSession)


async def only_two_methods(auth: AuthClient) -> None:
    """Another method is a type error: without the ignore the checker fails."""
    auth.server("AKID", "key", method="none")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def tickets(path: Path) -> None:
    """A signer of tickets, of either making."""
    signer = TicketSigner.from_file(path, env="env-id")
    assert_type(signer, TicketSigner)
    assert_type(TicketSigner.from_dict({"private_key": "…"}), TicketSigner)
    assert_type(signer.ticket("user-1"), str)
    assert_type(signer.ticket("user-1", refresh=timedelta(hours=2), expire=timedelta(1)), str)


def no_bare_numbers(signer: TicketSigner) -> None:
    """A number has no unit: without the ignore the checker fails."""
    signer.ticket("user-1", expire=3600)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
