"""
What ours send beside what the official JavaScript client sends for the same operation.

Theirs is `tests/js/transcript.json`, recorded from the client itself; ours is what an emulator
sees of a client without a secret, which theirs never has. Names only: method, path, fields of
query and body, headers, the scheme of `Authorization`. Where they differ, it stands in
`DIFFERENCES`, and nowhere else.
"""

import ast
import importlib.util
import inspect
import json
import operator
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

import cloudbase_auth_async
from cloudbase_auth_async import AuthClient, TicketSigner
from cloudbase_auth_async.testing import Emulator, Entry
from cloudbase_auth_async.testing._routes import find

ROOT: Final = Path(__file__).parent.parent.parent
PACKAGE: Final = Path(cloudbase_auth_async.__file__).parent
TRANSCRIPT: Final = json.loads((ROOT / "tests/js/transcript.json").read_text(encoding="utf-8"))


def _sibling(name: str) -> Any:
    """Load a module of this folder, which is no package."""
    place = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"wire_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parity, beside = _sibling("parity"), _sibling("beside")
OURS: Final[Mapping[str, Callable[[Any], Any]]] = (
    _sibling("beside_tokens").OURS | _sibling("beside_users").OURS | _sibling("beside_classes").OURS
)

_NAMED: Final = {"AuthClient": AuthClient, "TicketSigner": TicketSigner}
# Headers that come with the transport, theirs or ours.
_TRANSPORT: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}
)


@attrs.frozen
class Different:
    """
    A difference, and why it is one.

    Attributes:
        why: the reason.
        at: where it is found, and it is found in all these places. A place is a row of the
            transcript, a request of one (`signIn #1`), a call, an HTTP method, a scheme of theirs,
            or "*" for every request.
        but: rows and calls that are none of these places after all.
    """

    why: str
    at: frozenset[str] = attrs.field(converter=frozenset)
    but: frozenset[str] = attrs.field(default=frozenset(), converter=frozenset)

    def is_at(self, places: AbstractSet[str]) -> bool:
        """Tell whether it is found where all these names lead."""
        return bool(self.at & places) and not self.but & places


DIFFERENCES: Final[Mapping[str, Different]] = {
    "theirs: header accept-language": Different(
        "The web SDK's setting for the language of texts; neither contract has it.",
        at=["*"],
    ),
    "theirs: type text/plain": Different(
        "They name no type, so `fetch` takes its own; the documentation says JSON.",
        at=["POST", "PATCH"],
    ),
    "ours: type application/json": Different("As above.", at=["POST", "PATCH"]),
    "theirs: header x-device-id": Different(
        "They send it everywhere; on these calls neither contract demands it.",
        at=["Bearer", "POST /revoke", "POST /captcha/data", "POST /captcha/data/verify"],
        but=["POST /verification"],
    ),
    "theirs: header x-request-id": Different(
        "To a request that the program sends itself, ours adds its signature and nothing else.",
        at=["OAuth2Client.request"],
    ),
    "theirs: body client_id": Different(
        "Ours names the client in the query, or its bearer does.",
        at=["POST /token", "POST /device/code"],
        but=["grantToken: refresh token"],
    ),
    "theirs: body client_secret": Different(
        "Always empty, as no browser has one. Where there is one, ours sends Basic.",
        at=["POST /token"],
        but=[
            "grantToken: refresh token",
            "grantToken: password",
            "grantToken: device code",
            "grantToken: authorization code",
        ],
    ),
    "Basic there, none here": Different(
        "With an empty secret, which the documentation of this call does not ask for.",
        at=["getCredentials: anonymous, revoked"],
        but=["POST /token"],
    ),
    "none there, Bearer here": Different(
        "The documentation wants the token that is to die as the bearer.",
        at=["POST /revoke"],
    ),
    "theirs: body token": Different("See above: ours is the bearer.", at=["POST /revoke"]),
    "theirs: query client_id": Different(
        "Ours names the client once: the bearer, or Basic, says it.",
        at=["POST /revoke", "GET /user/authorize/info"],
        but=["authorizeInfo"],
    ),
    "Bearer there, none here": Different(
        "Ours asks in nobody's name: the documentation has no bearer on these two calls.",
        at=["getVerification: signed in", "POST /device/code"],
    ),
    "ours: query client_id": Different(
        "It stands where no Authorization does.",
        at=["getVerification: signed in", "POST /device/code"],
    ),
    "ours: body target": Different(
        'The documentation demands it, so a client of that contract says "ANY".',
        at=["getVerification", "getVerification: signed in"],
    ),
    "ours: query sudo_token": Different(
        "The documentation has it in the query. Ours sends it in both places.",
        at=["PATCH /user/password"],
    ),
    "theirs: query captcha_token": Different(
        "The documentation has it in a header, which is in fewer logs.",
        at=[
            "signIn: captcha required #4",
            "signIn: captcha required again #2",
            "Captcha.request #4",
            "sendVerificationCodeToCurrentUser #3",
            "sendVerificationCodeToCurrentUser: again #1",
            "sendVerificationCodeToCurrentUser: again #4",
        ],
    ),
    "ours: header x-captcha-token": Different(
        "As above; ours keeps no token from one call to the next, which is refused as used.",
        at=[
            "signIn: captcha required #4",
            "signIn: captcha required again #2",
            "Captcha.request #4",
            "sendVerificationCodeToCurrentUser: again #4",
        ],
    ),
    "ours: request POST /captcha/data": Different(
        "As above: theirs tries the used token, and then gives up.",
        at=["signIn: captcha required again"],
    ),
    "ours: request POST /captcha/data/verify": Different(
        "As above.", at=["signIn: captcha required again"]
    ),
    "theirs: request POST /captcha/data": Different(
        "Theirs solves a captcha before the service asks for one; ours when it does.",
        at=["sendVerificationCodeToCurrentUser"],
    ),
    "theirs: request POST /captcha/data/verify": Different(
        "As above.", at=["sendVerificationCodeToCurrentUser"]
    ),
    "theirs: body state": Different(
        "The documentation has no fields here. Who wants them says them to `captcha.create`.",
        at=["POST /captcha/data"],
        but=["createCaptchaData"],
    ),
    "theirs: body redirect_uri": Different(
        "As above; theirs is always empty.",
        at=["POST /captcha/data"],
        but=["createCaptchaData"],
    ),
}


@attrs.frozen
class Sent:
    """What is compared of one request."""

    call: str
    authorization: str
    parts: frozenset[str]

    def places(self, row: str, number: int) -> set[str]:
        """Name the places where this request of theirs stands, a row's first, second, third."""
        method = self.call.partition(" ")[0]
        return {row, f"{row} #{number}", self.call, method, self.authorization, "*"}

    @classmethod
    def made(cls, method: str, path: str, authorization: str, **parts: Any) -> "Sent":
        """Make one, with the path's template for the path."""
        route = find(method, path, "documented").route
        call = f"{method} {path}" if route is None else route.name
        named = {f"{kind} {name}" for kind, names in parts.items() for name in names}
        return cls(call, authorization, frozenset(named))

    @classmethod
    def theirs(cls, request: Mapping[str, Any]) -> "Sent":
        """Read a request of the transcript."""
        kind = request["content_type"]
        return cls.made(
            request["http"],
            request["path"],
            request["authorization"],
            query=request["query"],
            body=request["body"],
            header=set(request["headers"]) - {"authorization", "content-type"},
            type=[] if kind is None else [kind.partition(";")[0]],
        )

    @classmethod
    def ours(cls, entry: Entry) -> "Sent":
        """Read a request of the emulator's journal."""
        kind = entry.header("content-type")
        headers = {name.lower() for name, _ in entry.headers}
        return cls.made(
            entry.method,
            entry.path,
            (entry.header("authorization") or "none").partition(" ")[0],
            query=entry.query,
            body=set(_names(entry.json)),
            header=headers - _TRANSPORT - {"authorization", "content-type"},
            type=[] if kind is None else [kind],
        )


def _names(value: object, prefix: str = "") -> Iterator[str]:
    """Name the fields of a document as the transcript does, those inside of others too."""
    for name, member in value.items() if isinstance(value, dict) else ():
        yield prefix + name
        yield from _names(member, f"{prefix}{name}.")


def _different(theirs: Sent, ours: Sent) -> set[str]:
    """Name what differs between two requests of one call."""
    found = {f"theirs: {part}" for part in theirs.parts - ours.parts}
    found |= {f"ours: {part}" for part in ours.parts - theirs.parts}
    if theirs.authorization != ours.authorization:
        found.add(f"{theirs.authorization} there, {ours.authorization} here")
    return found


def _compared(
    row: str, theirs: list[Sent], ours: list[Sent]
) -> Iterator[tuple[set[str], set[str]]]:
    """Yield what differs beside what is listed: of each request both made, then of the others."""
    calls = [each.call for each in theirs], [each.call for each in ours]
    alone: set[str] = set()
    for tag, i, j, k, m in SequenceMatcher(None, *calls, autojunk=False).get_opcodes():
        if tag == "equal":
            for number, (their, our) in enumerate(zip(theirs[i:j], ours[k:m], strict=True), i + 1):
                yield _different(their, our), _listed(their.places(row, number), request=False)
        else:
            alone |= {f"theirs: request {each.call}" for each in theirs[i:j]}
            alone |= {f"ours: request {each.call}" for each in ours[k:m]}
    yield alone, _listed({row}, request=True)


def _listed(places: set[str], *, request: bool) -> set[str]:
    """Name the listed differences of some places, those of whole requests or the others."""
    return {
        name
        for name, different in DIFFERENCES.items()
        if different.is_at(places) and (": request " in name) is request
    }


@pytest.fixture
async def stage(emulate: Callable[..., Awaitable[Emulator]], closing: AsyncExitStack) -> Any:
    """Return an emulator that is told nothing, and a client of it as theirs is one."""
    emulator = await emulate()

    async def client(**options: Any) -> AuthClient:
        made = emulator.client(client_secret=None, dialect="documented", **options)
        return await closing.enter_async_context(made)

    return beside.Stage(emulator, await client(), client)


async def _seen(stage: Any, act: Callable[[Any], Any]) -> list[Sent]:
    """Make a call, and return what the emulator saw of it."""
    work = act(stage)
    if inspect.iscoroutinefunction(act):
        work = await work
    before = len(stage.emulator.journal)
    await work
    return [Sent.ours(entry) for entry in stage.emulator.journal[before:]]


@pytest.mark.parametrize("row", [row for row in OURS if TRANSCRIPT.get(row)])
async def test_same_requests(row: str, stage: Any) -> None:
    """Ours sends what theirs sends, but for the differences that are listed with their reason."""
    theirs = [Sent.theirs(request) for request in TRANSCRIPT[row]]
    ours = await _seen(stage, OURS[row])
    for found, listed in _compared(row, theirs, ours):
        assert found == listed
    assert parity.row_of(row).wire in {each.call for each in ours}


@pytest.mark.parametrize("row", [row for row in OURS if not TRANSCRIPT.get(row)])
async def test_nothing_is_sent(row: str, stage: Any) -> None:
    """What theirs knows without a request, ours knows without one."""
    assert await _seen(stage, OURS[row]) == []


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_has_its_places(name: str) -> None:
    """Each place of a difference is one where calls are compared: none is listed in vain."""
    found = [
        Sent.theirs(request).places(row, number)
        for row in OURS
        for number, request in enumerate(TRANSCRIPT.get(row, ()), 1)
    ]
    listed = DIFFERENCES[name]
    assert listed.why
    for place in listed.at:
        assert any(place in places and listed.is_at(places) for places in found), place
    for place in listed.but:
        assert any(place in places and listed.at & places for places in found), place


def test_no_row_goes_unaccounted() -> None:
    """Each row of the transcript, and of the table, has its call, or is said not to be offered."""
    assert {row for row in TRANSCRIPT if parity.row_of(row).ours} == OURS.keys() & TRANSCRIPT.keys()
    here = [row for row in parity.ROWS if row.seen in (parity.SENT, parity.HELD)]
    assert {row.theirs for row in here} == {parity.row_of(row).theirs for row in OURS}
    silent = {row for row in OURS if not TRANSCRIPT.get(row)}
    assert silent == {row for row in OURS if parity.row_of(row).seen == parity.HELD}
    assert {row for row in here if not row.ours} == set()


def test_no_method_goes_unaccounted() -> None:
    """Each method of the official client has its row, and each row stands for a method of it."""
    tree = ast.parse((ROOT / "tests/js/test_js_client.py").read_text(encoding="utf-8"))
    helpers = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.target) == "HELPERS"
    )
    methods = {row.partition(":")[0] for row in TRANSCRIPT}
    rows = (*parity.JAVASCRIPT, *parity.CLASSES)
    assert {row.method for row in rows} == methods | helpers
    assert len({row.theirs for row in parity.ROWS}) == len(parity.ROWS)


@pytest.mark.parametrize("row", [*OURS, *(row.theirs for row in parity.NODE_SDK if row.ours)])
async def test_ours_is_what_the_table_says(row: str, stage: Any) -> None:
    """The names that the table gives are there, and are those that are called."""
    session = stage.auth.session(access_token="a-token")
    for name in parity.row_of(row).ours:
        root, _, path = name.partition(".")
        found = {"auth": stage.auth, "session": session}.get(root)
        assert operator.attrgetter(path or "__class__")(found or _NAMED[root]) is not None
        if row in OURS:
            assert re.search(rf"{re.escape(name)}\b", inspect.getsource(OURS[row])), name


@pytest.mark.parametrize(
    "row", [row for row in parity.ROWS if not row.ours], ids=lambda row: row.theirs
)
def test_not_offered(row: Any) -> None:
    """What is not offered has its reason, and no module of the library knows its path."""
    assert row.note.startswith("not offered: ")
    paths = [call.partition(" ")[2] for call in row.wire.split(", ") if call]
    library = [p for p in PACKAGE.rglob("*.py") if "testing" not in p.parts]
    texts = [p.read_text(encoding="utf-8") for p in library]
    assert len(texts) > 20
    # One that ours does not know is enough: of two calls the second may be one of ours.
    assert not paths or not all(any(f'"{path}"' in text for text in texts) for path in paths)
