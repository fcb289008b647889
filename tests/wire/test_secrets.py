"""No secret comes out of a log, a repr, an error, a pickle or a traceback's locals (B23)."""

import asyncio
import base64
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, ConfigurationError, TokenPair
from cloudbase_auth_async._sealed import sealed, sealed_asking
from cloudbase_auth_async.testing import Request

Raw = Callable[..., Awaitable[Any]]

# Every one is found by its first letters; what the service answers is as secret as what it gets.
CANARY = "c4nary"
PASSWORD, NEW, CODE = "c4nary-password", "c4nary-new-password", "c4nary-code"
SECRET, ACCESS, REFRESH = "c4nary-client-secret", "c4nary-access", "c4nary-refresh"
PROOF, SUDO, PROVIDER = "c4nary-proof", "c4nary-sudo", "c4nary-provider"
NAMED = "c4nary-verification-id"
ENCODED = base64.b64encode(f"demo-env:{SECRET}".encode()).decode()
ANSWER = {
    "access_token": ACCESS + "-2",
    "refresh_token": REFRESH + "-2",
    "id_token": "c4nary-id-token",
    "code": CODE,
    "state": "c4nary-state",
    "verification_id": NAMED,
    "verification_token": PROOF,
    "sudo_token": SUDO,
    "sub": "someone",
    "active": True,
    "provider_token": PROVIDER,
    "provider_profile": {"token": "c4nary-theirs", "at_hash": "c4nary-hash", "raw": [CANARY]},
    "uri": "https://provider.example/?state=c4nary-state",
    "qr_code": "c4nary-picture",
    "qr_code_id": "c4nary-qr-code",
    "status": "waiting",
    "id": "weda",
    "exist": True,
    "client": {"id": "demo-env", "surprise": CANARY},
    "surprise": "c4nary-extra",
    "data": [],
}


def session(client: AuthClient) -> Any:
    """Return a session that the client believes in."""
    return client.session(TokenPair(access_token=ACCESS, refresh_token=REFRESH))


def sign_up(client: AuthClient) -> Awaitable[Any]:
    """Sign up with every secret there is."""
    return client.sign_up.register(
        phone_number="+86 13800000000",
        verification_token=PROOF,
        verification_code=CODE,
        password=PASSWORD,
        provider_token=PROVIDER,
        anonymous_token=ACCESS,
    )


CALLS: Mapping[str, Callable[[AuthClient], Awaitable[Any]]] = {
    "sign_in.password": lambda c: c.sign_in.password("alice", PASSWORD),
    "sign_in.anonymously": lambda c: c.sign_in.anonymously(),
    "sign_in with a captcha": lambda c: c.sign_in.password("a", PASSWORD, captcha_token=PROOF),
    "sign_in.code": lambda c: c.sign_in.code(PROOF, captcha_token=CODE),
    "sign_in.anonymously, with a token": lambda c: c.sign_in.anonymously(provider_token=PROVIDER),
    "sign_in.provider": lambda c: c.sign_in.provider(PROVIDER),
    "sign_in.custom": lambda c: c.sign_in.custom(f"key/@@/{PROOF}"),
    "token.password_grant": lambda c: c.token.password_grant("alice", PASSWORD),
    "token.authorization_code": lambda c: c.token.authorization_code(CODE, code_verifier=PROOF),
    "providers.redirect_uri": lambda c: c.providers.redirect_uri("github"),
    "providers.grant": lambda c: c.providers.grant(
        "github",
        provider_code=CODE,
        provider_access_token=ACCESS,
        provider_id_token=PROVIDER,
        provider_params={"code": NEW},
    ),
    "providers.patch": lambda c: c.providers.patch(
        PROVIDER, provider_params={"encryptedData": PROOF, "iv": SUDO, "code": CODE}
    ),
    "providers.qr_code": lambda c: c.providers.qr_code("wx1"),
    "providers.qr_code_status": lambda c: c.providers.qr_code_status(CODE, wx_app_id="wx1"),
    "providers.sub_type": lambda c: c.providers.sub_type(),
    "accounts.reset_password": lambda c: c.accounts.reset_password(
        email="a@b.example", new_password=NEW, verification_token=PROOF
    ),
    "accounts.exists": lambda c: c.accounts.exists("alice"),
    "authorization.info": lambda c: c.authorization.info(),
    "verification.send": lambda c: c.verification.send(email="a@b.example"),
    "verification.verify": lambda c: c.verification.verify(NAMED, CODE),
    "sign_up.register": sign_up,
    "token.refresh": lambda c: c.token.refresh(REFRESH),
    "token.introspect": lambda c: c.token.introspect(ACCESS),
    "token.revoke": lambda c: c.token.revoke(ACCESS),
    "user.me": lambda c: session(c).user.me(),
    "user.weda_info": lambda c: session(c).user.weda_info(),
    "user.update_password": lambda c: session(c).user.update_password(
        old_password=PASSWORD, new_password=NEW, sudo_token=SUDO, confirm_password=NEW
    ),
    "user.sudo": lambda c: session(c).user.sudo(password=PASSWORD),
    "user.sudo by code": lambda c: session(c).user.sudo(verification_token=PROOF),
    "user.delete": lambda c: session(c).user.delete(sudo_token=SUDO),
    "providers.list": lambda c: session(c).providers.list(),
    "providers.bind": lambda c: session(c).providers.bind(PROVIDER),
    "providers.change": lambda c: session(c).providers.change("github", PROVIDER),
    "providers.transfer": lambda c: session(c).providers.transfer(PROVIDER),
    "user.edit": lambda c: session(c).user.edit(password=PASSWORD, new_password=NEW),
    "user.edit_contact": lambda c: session(c).user.edit_contact(
        email="a@b.example", sudo_token=SUDO, verification_token=PROOF
    ),
    "own verification.send": lambda c: session(c).verification.send(
        email="a@b.example", captcha_token=PROOF
    ),
    "own authorization.authorize": lambda c: session(c).authorization.authorize(),
    "own authorization.device": lambda c: session(c).authorization.device(CODE),
    "devices.revoke_all": lambda c: session(c).devices.revoke_all(),
    "session.refresh": lambda c: session(c).refresh(),
    "session.sign_out": lambda c: session(c).sign_out(),
    "session from a refresh token": lambda c: c.session(refresh_token=REFRESH).user.me(),
}


def echo(request: Request, status: str, note: str) -> Iterator[bytes]:
    """Answer with everything that was asked, in an error's text."""
    sent, query = request.body.decode(), urlencode(request.pairs)
    headers = " ".join(f"{name}: {value}" for name, value in request.headers)
    text = f"{request.method} {request.path}?{query} HTTP/1.1 {headers}  {sent}"
    text = f"{ENCODED} {sent.partition('{')[2]} {text}"[:480]
    body = json.dumps({"error": note, "error_description": text}).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    yield head.encode() + body


def outcome(kind: str, kit: Any) -> Any:
    """Return what a server answers."""
    body = json.dumps(ANSWER).encode()
    wrong = json.dumps({name: [CANARY] for name in ANSWER}).encode()
    answers: Mapping[str, Any] = {
        "success": kit.http(body),
        "refused": lambda request: echo(request, "400 Bad Request", "invalid_grant"),
        "nameless": lambda request: echo(request, "500 Oops", ""),
        "unauthenticated": lambda request: echo(request, "401 No", "unauthenticated"),
        "dropped": b"",
        "no http": f"{CANARY} {PASSWORD}\r\n\r\n".encode(),
        "short": kit.http(body, length=5000),
        "no json": kit.http(f"<html>{PASSWORD} {ACCESS}".encode()),
        "wrong types": kit.http(wrong),
        "bad gzip": kit.http(body, headers="Content-Encoding: gzip\r\n"),
    }
    return answers[kind]


def leaks(error: BaseException) -> list[str]:
    """Return every text of an error in which a canary sings; the test's own frames do not count."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in told.stack if "/cloudbase_auth_async/" in frame.filename]
    texts = [
        str(error),
        repr(error),
        repr(error.args),
        repr(vars(error)),
        "".join(told.format_exception_only()),
        *(f"{frame.filename}:{frame.lineno} {frame.locals}" for frame in ours),
    ]
    if isinstance(error, CloudBaseAuthError):
        texts.append(pickle.dumps(error).decode("latin-1"))
    found = [text for text in texts if CANARY in text or ENCODED in text]
    for other in (error.__cause__, error.__context__):
        found += [] if other is None else leaks(other)
    return found


KINDS = ["success", "refused", "nameless", "unauthenticated", "dropped", "short"]
KINDS += ["no http", "no json", "wrong types", "bad gzip"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", CALLS)
async def test_no_secret_comes_out(  # noqa: PLR0917 - fixtures
    call: str, kind: str, raw: Raw, connect: Any, kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """However a call ends, no log, repr, error, pickle or traceback holds a secret (B23)."""
    caplog.set_level(logging.DEBUG, logger="")
    server = await raw(outcome(kind, kit))
    client = await connect(server.base_url, client_secret=SECRET)
    answer, failure = None, None
    try:
        answer = await CALLS[call](client)
    except CloudBaseAuthError as error:
        failure = error
    assert failure is None or leaks(failure) == []
    assert CANARY not in repr(answer) + str(answer)
    assert CANARY not in caplog.text
    assert ENCODED not in caplog.text
    assert "cloudbase_auth_async" in {record.name for record in caplog.records}
    assert CANARY not in repr(client) + repr(session(client)) + repr(vars(client))


async def test_logs_name_the_call_and_no_more(
    emulator: Any, auth: AuthClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A log line has the operation, method, route template, status, time and request id."""
    caplog.set_level(logging.DEBUG, logger="cloudbase_auth_async")
    session_ = auth.session(await auth.sign_in.password("alice", "Passw0rd!"))
    await session_.providers.bind(emulator.provider_token())
    await session_.providers.unbind("github")
    line = caplog.messages[-1]
    assert "providers.unbind DELETE /user/providers/{provider_id}: 200 in " in line
    assert str(emulator.journal[-1].request_id) in line


WRONG: Mapping[str, Callable[[], object]] = {
    "client secret": lambda: AuthClient("env", client_secret=f"{CANARY} x"),
    "env beside a secret": lambda: AuthClient("no/env", client_secret=SECRET),
    "environ": lambda: AuthClient.from_environ(
        {"CLOUDBASE_ENV": "no/env", "CLOUDBASE_CLIENT_SECRET": SECRET}
    ),
    "from_dict": lambda: TokenPair.from_dict({"access_token": ACCESS, "scope": 5}),
    "session": lambda: AuthClient("env").session(access_token=f"{CANARY} x"),
    "two tokens": lambda: AuthClient("env").session(
        {"refresh_token": CANARY}, refresh_token=ACCESS
    ),
}


@pytest.mark.parametrize("maker", WRONG)
def test_a_refused_argument_leaves_no_trace(maker: str) -> None:
    """A ConfigurationError of a plain function shows no secret in the locals of our frames."""
    with pytest.raises(ConfigurationError) as caught:
        WRONG[maker]()
    assert leaks(caught.value) == []


@pytest.mark.parametrize("call", ["token.introspect", "token.revoke", "verification.verify"])
async def test_a_refused_argument_of_a_call_leaves_no_trace(call: str) -> None:
    """A ConfigurationError of a coroutine shows no secret in the locals of our frames."""
    client = AuthClient("env", client_secret=SECRET)
    calls: Mapping[str, Callable[[], Awaitable[Any]]] = {
        "token.introspect": lambda: client.token.introspect(f"{CANARY} x"),
        "token.revoke": lambda: client.token.revoke(f"{CANARY}\n"),
        "verification.verify": lambda: client.verification.verify(NAMED, ""),
    }
    with pytest.raises(ConfigurationError) as caught:
        await calls[call]()
    assert leaks(caught.value) == []


async def test_a_password_echoed_as_json_is_taken_out(raw: Raw, connect: Any, kit: Any) -> None:
    """A password with a quote in it does not come back out as it stood in the body."""
    password = 'c4nary"quoted\\é'

    server = await raw(lambda request: echo(request, "400 Bad Request", "boom"))
    client = await connect(server.base_url, client_secret=SECRET)
    error = await kit.failure(client.sign_in.password("alice", password))
    assert leaks(error) == []


async def test_a_bug_reporter_can_print_our_objects(raw: Raw, connect: Any, kit: Any) -> None:
    """The repr of a client that could not be made does not break whoever prints it."""
    half = AuthClient.__new__(AuthClient)
    assert "AuthClient" in repr(half)
    client = await connect((await raw(kit.http(b"{}"))).base_url)
    assert SECRET not in repr(client)


async def test_an_error_of_a_shared_refresh_is_nobodys(raw: Raw, connect: Any, kit: Any) -> None:
    """Callers who share a failed refresh get errors of their own, without each other's frames."""
    client = await connect((await raw(b"")).base_url)
    held = client.session(refresh_token=REFRESH)
    failures = await asyncio.gather(*(kit.failure(held.user.me()) for _ in range(3)))
    assert len({id(each) for each in failures}) == 3
    assert [leaks(each) for each in failures] == [[], [], []]


async def test_a_call_cut_off_by_its_caller_leaves_no_trace(
    emulator: Any, auth: AuthClient, leap: Callable[[float], None]
) -> None:
    """The traceback of a caller's own timeout shows no secret in the locals of our frames (B23)."""
    emulator.faults.add("POST /signin", "hang").arrived.then(lambda: leap(21))
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(20):
            await auth.sign_in.password("alice", PASSWORD)
    assert leaks(caught.value) == []


async def test_the_edge_lets_no_other_error_out_with_ours() -> None:
    """An error of ours that was raised while another was handled passes the edge alone (B23)."""

    @sealed
    async def careless() -> None:
        await asyncio.sleep(0)
        try:
            raise KeyError(PASSWORD)  # noqa: TRY301 - likewise
        except KeyError:
            raise ConfigurationError("argument", "is wrong")  # noqa: B904 - the careless part

    with pytest.raises(ConfigurationError) as caught:
        await careless()
    assert caught.value.__context__ is None
    assert leaks(caught.value) == []


def _of_ours(name: str, source: str, **known: Any) -> Any:
    """Return a function as if one of our modules had it."""
    space = {"__name__": "cloudbase_auth_async.flows._some"} | known
    exec(compile(source, "/cloudbase_auth_async/_some.py", "exec"), space)  # noqa: S102 - ours
    return space[name]


async def test_an_edge_that_asks_keeps_the_programs_frames() -> None:
    """What the program raises passes as the same object, with its own frames alone (B23)."""
    told = LookupError("theirs")

    async def deeper() -> None:
        raise told

    async def ask() -> None:
        await deeper()

    source = "async def asking(ask, secret):\n    await ask()\n"
    with pytest.raises(LookupError) as caught:
        await sealed_asking(_of_ours("asking", source))(ask, PASSWORD)
    assert caught.value is told
    names = [frame.name for frame in traceback.extract_tb(told.__traceback__)]
    assert (names[-2:], "asking" in names) == (["ask", "deeper"], False)
    assert told.__context__ is None
    assert leaks(told) == []


async def test_an_edge_that_asks_keeps_a_bug_whole() -> None:
    """A bug of ours, which no frame of the program comes after, keeps its traceback."""
    source = "async def asking():\n    return {}['no such key']\n"
    with pytest.raises(KeyError) as caught:
        await sealed_asking(_of_ours("asking", source))()
    assert caught.traceback[-1].name == "asking"


async def test_an_edge_that_asks_seals_errors_of_ours() -> None:
    """An error of ours leaves our frames behind, also where the program raised it (B23)."""

    async def ask() -> None:
        raise ConfigurationError("argument", "is wrong")

    source = "async def asking(ask, secret):\n    await ask()\n"
    with pytest.raises(ConfigurationError) as caught:
        await sealed_asking(_of_ours("asking", source))(ask, PASSWORD)
    assert leaks(caught.value) == []


async def test_an_edge_that_asks_is_cancelled() -> None:
    """A cancellation passes, and the person is no longer asked (B5)."""
    asked, ended = asyncio.Event(), asyncio.Event()

    async def ask() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    source = "async def asking(ask, secret):\n    await ask()\n"
    caller = asyncio.create_task(sealed_asking(_of_ours("asking", source))(ask, PASSWORD))
    await asked.wait()
    caller.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough") as caught:
        await caller
    assert ended.is_set()
    assert leaks(caught.value) == []
