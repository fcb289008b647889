"""Connections: who opens and closes them, what a borrowed session may not do to our calls."""

import asyncio
import gc
import traceback
import uuid
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async import AuthClient, TokenPair, errors
from cloudbase_auth_async.testing import Emulator, ManualClock

Raw = Callable[..., Awaitable[Any]]
Connect = Callable[..., Awaitable[AuthClient]]

PASSWORD = "Passw0rd!"
GOOD = b'{"sub":"s","access_token":"a","refresh_token":"m.2","verification_id":"v"}'


async def test_an_owned_session_pools_its_connections(raw: Raw, connect: Connect, kit: Any) -> None:
    """Calls after the first one use the connection that is there."""
    server = await raw(kit.http(GOOD), keep=True)
    session = kit.held(await connect(server.base_url))
    for _ in range(5):
        await session.user.me()
    assert (server.connections, len(server.requests)) == (1, 5)


async def test_closing_shuts_the_connections(raw: Raw, kit: Any) -> None:
    """After `aclose` the server's connections end, and nothing is left for the collector."""
    server = await raw(kit.http(GOOD), keep=True)
    before = asyncio.all_tasks()
    async with AuthClient("env", base_url=server.base_url) as auth:
        await auth.sign_in.password("alice", PASSWORD)
        await auth.token.refresh("m.1")
        assert (server.connections, server.open > 0) == (2, True)
    async with asyncio.timeout(60):
        while server.open:  # noqa: ASYNC110 - the end of a connection sets no event
            await asyncio.sleep(0.001)
    del auth
    gc.collect()  # a ResourceWarning would fail the test
    mine = {t for t in asyncio.all_tasks() - before if "cloudbase" in t.get_name()}
    assert mine == set()


async def test_a_refresh_has_a_connection_of_its_own(raw: Raw, connect: Connect, kit: Any) -> None:
    """A refresh never goes out on a kept-alive connection, and leaves none behind (B4)."""
    server = await raw(kit.http(GOOD), keep=True)
    client = await connect(server.base_url)
    for _ in range(2):
        await client.sign_in.password("alice", PASSWORD)
        await client.token.refresh("m.1")
    kinds: dict[str, list[int | None]] = {}
    for entry in server.requests:
        kinds.setdefault(entry.path, []).append(entry.connection)
    assert kinds == {"/auth/v1/signin": [1, 1], "/auth/v1/token": [2, 3]}


async def test_a_sign_up_has_a_connection_of_its_own(raw: Raw, connect: Connect, kit: Any) -> None:
    """A sign-up, which spends its proof, never goes out on a kept-alive connection (B4)."""
    server = await raw(kit.http(GOOD), keep=True)
    client = await connect(server.base_url)
    await client.sign_in.password("alice", PASSWORD)
    await client.sign_up.register(email="a@example.com", verification_token="a-proof")
    assert [entry.connection for entry in server.requests] == [1, 2]


async def test_aiohttp_sends_nothing_twice_behind_our_back(
    operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """On a kept-alive connection that dies on the next request, that one goes out once (B37)."""
    server = await raw(kit.http(GOOD), keep=True, times=1)
    server.emulator.faults.add("*", "drop_before", times=None)
    client = await connect(server.base_url)
    await client.verification.send(phone_number="+86 13800000000")
    error = await kit.failure(operation.run(client))
    assert isinstance(error, errors.ConnectionLost)
    assert error.may_have_reached_server
    repeatable = ("user.me", "providers.list", "token.introspect", "token.revoke")
    repeatable += ("user.find", "user.security_history", "session.authorization.info")
    repeatable += ("providers.redirect_uri", "accounts.exists", "authorization.info")
    repeatable += ("captcha.create", "device.authorize", "user.weda_info")
    repeatable += ("providers.qr_code", "providers.sub_type")
    repeats = 3 if operation.name in (*repeatable, "sign_in.anonymously") else 1
    assert len(server.requests) == 1 + repeats


async def test_a_borrowed_session_is_never_closed(emulator: Emulator) -> None:
    """Closing the client leaves the session it was lent open and usable."""
    async with aiohttp.ClientSession() as http:
        async with emulator.client(http=http) as auth:
            await auth.sign_in.password("alice", PASSWORD)
        assert not http.closed
        async with http.get(emulator.base_url + "/certs") as answer:
            assert answer.status == 200


async def test_what_a_borrowed_session_has_stays_out_of_our_calls(
    emulator: Emulator, emulate: Callable[..., Awaitable[Emulator]]
) -> None:
    """Default header, cookies, middlewares, base URL and timeout of its owner do no harm (B27)."""
    other = await emulate()
    seen: list[str] = []

    async def middleware(request: Any, handler: Any) -> Any:
        seen.append(str(request.url))
        return await handler(request)

    async with (
        aiohttp.ClientSession(
            headers={"Authorization": "Bearer somebody-elses"},
            cookies={"session": "somebody-elses"},
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            middlewares=(middleware,),
            base_url=other.origin,
            raise_for_status=True,
            timeout=aiohttp.ClientTimeout(total=1e-9),
        ) as http,
        emulator.client(http=http, client_secret=None) as auth,
    ):
        tokens = await auth.sign_in.password("alice", PASSWORD)
        session = auth.session(tokens)
        await session.user.me()
        with pytest.raises(errors.InvalidGrant):
            await auth.token.refresh("m.unknown")
        with pytest.raises(errors.NotFound):
            await session.providers.unbind("github")
    assert (seen, other.journal) == ([], [])
    assert [e.header("Cookie") for e in emulator.journal] == [None] * len(emulator.journal)
    by_path = {e.path.removeprefix("/auth/v1"): e.header("Authorization") for e in emulator.journal}
    assert by_path["/signin"] is by_path["/token"] is None
    assert by_path["/user/me"] == f"Bearer {tokens.access_token}"


async def test_a_netrc_does_not_break_our_calls(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A borrowed session that trusts ~/.netrc neither breaks our calls nor signs them."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        aiohttp.ClientSession(trust_env=True) as http,
        emulator.client(http=http, client_secret=None) as auth,
    ):
        tokens = await auth.sign_in.password("alice", PASSWORD)
        assert emulator.journal[-1].header("Authorization") is None
        await auth.session(tokens).user.me()
        assert emulator.journal[-1].header("Authorization") == f"Bearer {tokens.access_token}"


async def test_a_borrowed_session_with_auth_is_refused(emulator: Emulator) -> None:
    """Credentials of a borrowed session would overrule ours, so it is not taken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer releases of aiohttp
        http = aiohttp.ClientSession(auth=aiohttp.BasicAuth("c4nary", "c4nary"))
    async with http:
        with pytest.raises(errors.ConfigurationError, match=r"^http: ") as caught:
            emulator.client(http=http)
    assert "c4nary" not in str(caught.value)


async def test_a_closed_borrowed_session_is_client_closed(emulator: Emulator, kit: Any) -> None:
    """A call over a borrowed session that its owner closed says so."""
    http = aiohttp.ClientSession()
    await http.close()
    auth = emulator.client(http=http)
    error = await kit.failure(auth.sign_in.anonymously())
    assert type(error) is errors.ClientClosed
    assert emulator.journal == []


async def _broken_hook(*_: Any) -> None:
    raise RuntimeError("a hook of theirs")


def _borrowed(trouble: str) -> aiohttp.ClientSession:
    """Return a session that its owner has broken."""
    if trouble == "a header of two lines":  # a ValueError of aiohttp's
        return aiohttp.ClientSession(headers={"X-Theirs": "a\r\nb"})
    hooks = aiohttp.TraceConfig()
    hooks.on_request_start.append(_broken_hook)
    return aiohttp.ClientSession(trace_configs=[hooks])


def _all_frames(error: BaseException | None) -> str:
    """Return the local variables of every frame of an error but the tests' own."""
    if error is None:
        return ""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = " ".join(f"{each.locals}" for each in told.stack if each.filename != __file__)
    return ours + _all_frames(error.__cause__) + _all_frames(error.__context__)


@pytest.mark.parametrize("trouble", ["a header of two lines", "a hook that fails"])
async def test_a_borrowed_session_that_is_broken(
    trouble: str, emulator: Emulator, kit: Any
) -> None:
    """What a borrowed session raises is a transport error, and shows nothing of ours (B23)."""
    async with _borrowed(trouble) as http:
        auth = emulator.client(http=http, client_secret="c4nary-secret")
        error = await kit.failure(auth.sign_in.password("alice", "c4nary-password"))
    assert isinstance(error, errors.TransportError)
    assert not error.may_have_reached_server
    assert emulator.journal == []
    assert "c4nary" not in f"{error!r} {_all_frames(error)}"


def test_a_borrowed_session_of_another_loop(kit: Any) -> None:
    """A session whose loop is gone is a transport error, and shows nothing of ours (B14, B23)."""

    async def borrow() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(http: aiohttp.ClientSession) -> Any:
        async with Emulator(algorithm="HS256") as emulator:
            auth = emulator.client(http=http)
            error = await kit.failure(auth.sign_in.password("alice", "c4nary-password"))
            assert emulator.journal == []
        await http.close()
        return error

    error = asyncio.run(use(asyncio.run(borrow())))
    assert isinstance(error, errors.TransportError)
    assert "c4nary" not in f"{error!r} {_all_frames(error)}"


async def test_a_bug_in_an_owned_session_is_no_lost_connection(
    emulator: Emulator, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody else can have broken is a bug, and is not hidden behind an error of ours."""
    auth = emulator.client()

    async def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(auth._caller._transport, "_read", broken)
    async with auth:
        with pytest.raises(RuntimeError, match="a bug"):
            await auth.sign_in.anonymously()


async def test_use_after_close_is_client_closed(
    operation: Any, emulator: Emulator, kit: Any
) -> None:
    """Every call after `aclose` is a ClientClosed, sends nothing and opens nothing."""
    async with emulator.client() as auth:
        pass
    assert type(await kit.failure(operation.run(auth))) is errors.ClientClosed
    assert emulator.journal == []
    await auth.aclose()


def test_a_client_needs_no_loop() -> None:
    """A client, its session and its middleware can be made where no loop runs (B14)."""
    auth = AuthClient("env-id", client_secret="s")
    session = auth.session(TokenPair(access_token="a"))
    assert session.middleware
    assert session.tokens.access_token == "a"
    asyncio.run(auth.aclose())


def test_a_client_outlives_its_loop(kept_port: int) -> None:
    """A client that was used in one loop works in the next one (B15)."""
    clients: list[AuthClient] = []

    async def use() -> None:
        async with Emulator(port=kept_port) as emulator:
            emulator.add_user(username="alice", password=PASSWORD)
            if not clients:
                clients.append(emulator.client(clock=None))
            await clients[0].sign_in.password("alice", PASSWORD)

    asyncio.run(use())
    try:
        asyncio.run(use())
    finally:
        asyncio.run(clients[0].aclose())


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://127.0.0.1:9/auth/v1", True),
        ("http://localhost:9/auth/v1/", True),
        ("http://[::1]:9/auth/v1", True),
        ("http://127.9.9.9/auth/v1", True),
        ("https://auth.example/auth/v1", True),
        ("HTTPS://auth.example/auth/v1", True),
        ("http://auth.example/auth/v1", False),
        ("http://localhost.example/auth/v1", False),
        ("http://127.0.0.1.example/auth/v1", False),
        ("http://10.0.0.1/auth/v1", False),
        ("http://0.0.0.0/auth/v1", False),
        ("ftp://127.0.0.1/auth/v1", False),
        ("//auth.example/auth/v1", False),
        ("https://user:pw@auth.example/auth/v1", False),
        ("https://auth.example/auth/v1?x=1", False),
        ("https://auth.example/auth/v1#x", False),
        ("https://auth.example/auth/v1?", False),
        ("https://auth.example/auth/v1#", False),
        ("https://auth.example:99999/auth/v1", False),
        ("https://[::1/auth/v1", False),
        ("https://auth.example/auth\r\n/v1", False),
        ("https:///auth/v1", False),
        ("https://例子.example/auth/v1", False),
        ("auth.example/auth/v1", False),
        (" https://auth.example/auth/v1", False),
    ],
)
def test_a_base_url_is_secure_or_loopback(url: str, kept: bool) -> None:  # noqa: FBT001
    """Only https and loopback are taken, and nothing that is no plain absolute URL."""
    if kept:
        assert AuthClient("env", base_url=url).base_url == url.rstrip("/")
    else:
        with pytest.raises(errors.ConfigurationError, match=r"^base_url: "):
            AuthClient("env", base_url=url)


def test_http_can_be_allowed() -> None:
    """Somebody who says so may use http to another machine, but never another scheme."""
    url = "http://10.0.0.1/auth/v1"
    assert AuthClient("env", base_url=url, allow_http=True).base_url == url
    with pytest.raises(errors.ConfigurationError):
        AuthClient("env", base_url="ftp://10.0.0.1/auth/v1", allow_http=True)


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("ap-shanghai", "https://e-1.ap-shanghai.tcb-api.tencentcloudapi.com/auth/v1"),
        ("ap-hongkong", "https://e-1.ap-hongkong.tcb-api.tencentcloudapi.com/auth/v1"),
        ("ap-singapore", "https://e-1.api.intl.tcloudbasegateway.com/auth/v1"),
    ],
)
def test_the_region_chooses_the_host(region: str, url: str) -> None:
    """Mainland regions have the primary contract's host, others the international gateway."""
    assert AuthClient("e-1", region=region).base_url == url


async def test_a_device_id_is_made_once(emulator: Emulator) -> None:
    """A client's device id is a UUID made once; another client's is another; a given one stays."""
    async with emulator.client() as one, emulator.client() as two:
        assert str(uuid.UUID(one.device_id)) == one.device_id != two.device_id
        first = await one.sign_in.anonymously()
        again = await one.sign_in.anonymously()
        other = await two.sign_in.anonymously()
    assert first.sub == again.sub != other.sub
    async with emulator.client(device_id="d" * 71) as auth:
        await auth.sign_in.anonymously()
    assert emulator.journal[-1].header("x-device-id") == "d" * 71


async def test_the_timeout_covers_waiting_for_a_connection(
    raw: Raw, connect: Connect, kit: Any, leap: Callable[[float], None]
) -> None:
    """A call that only waits for a free connection of a borrowed session times out, unsent."""
    server, queued, clock = await raw([3600]), asyncio.Event(), ManualClock()

    async def waits(*_: Any) -> None:
        queued.set()

    hooks = aiohttp.TraceConfig()
    hooks.on_connection_queued_start.append(waits)
    pool = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=pool, trace_configs=[hooks]) as http:
        client = await connect(server.base_url, http=http, timeout=40)
        holder = asyncio.create_task(kit.failure(client.sign_in.password("alice", PASSWORD)))
        await server.fault.arrived
        hasty = await connect(server.base_url, http=http, timeout=20, clock=clock)
        waiting = asyncio.create_task(kit.failure(hasty.sign_in.password("alice", PASSWORD)))
        await queued.wait()
        clock.advance(22)
        leap(22)
        waiter = await waiting
        leap(20)
        held_up = await holder
    assert (type(held_up), held_up.may_have_reached_server) == (errors.RequestTimedOut, True)
    assert (type(waiter), waiter.may_have_reached_server) == (errors.RequestTimedOut, False)
    assert len(server.requests) == 1
