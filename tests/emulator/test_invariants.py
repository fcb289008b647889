"""Arbitrary requests, and arbitrary sequences of plausible ones: the service stays consistent."""

import importlib.util
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudbase_auth_async.testing import Emulator, ManualClock, Request, Response
from cloudbase_auth_async.testing._routes import ROUTES

# Tests are no package: a neighbour is loaded by its path.
_SPEC = importlib.util.spec_from_file_location(
    "emulator_invariants", Path(__file__).with_name("invariants.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
invariants: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(invariants)

PHONES = ("+86 13800000000", "+86 13900000000", "+86 13700000000")
VERIFIER = "v" * 43
BACK = "https://app.example/back"
# What a client that means well may send, besides what it was given before.
VALUES: dict[str, tuple[Any, ...]] = {
    "username": ("alice", "bob", "carol"),
    "password": ("Passw0rd!", "N3w-Passw0rd"),
    "new_password": ("Passw0rd!", "N3w-Passw0rd"),
    "old_password": ("Passw0rd!", "N3w-Passw0rd"),
    "phone_number": PHONES,
    "phone": PHONES,
    "email": ("a@example.com",),
    "grant_type": ("refresh_token", "authorization_code", "device_code", "password"),
    "response_type": ("code",),
    "redirect_uri": (None, BACK),
    "code_challenge": (None, VERIFIER),
    "code_verifier": (None, VERIFIER),
    "conflict_resolution": (None, "TRANSFER", "DELETE_ACCOUNT_TRANSFER"),
    "target": ("ANY",),
    "provider_id": ("github",),
    "nickname": ("Somebody",),
    "query[action]": ("USER_LOGIN",),
    "limit": ("1", "2"),
    "scope": (None, "user"),
}
# Fields by template; where a field may stand for another, two lines.
SENT: dict[str, tuple[str, ...]] = {
    "/signin": ("username", "password"),
    "/signup": ("phone_number", "verification_token", "username", "anonymous_token"),
    "/verification": ("phone_number", "target"),
    "/verification/verify": ("verification_id", "verification_code"),
    "/reset": ("phone_number", "verification_token", "new_password"),
    "/token": (
        *("grant_type", "refresh_token", "code", "device_code", "code_verifier"),
        *("redirect_uri", "username", "password"),
    ),
    "/revoke": ("token",),
    "/token/introspect": ("token",),
    "/user/sudo": ("password",),
    "/user/password": ("old_password", "new_password"),
    "/user/basic/edit": ("username", "phone", "email", "nickname"),
    "/user/contact": ("phone_number", "verification_token", "sudo_token", "conflict_resolution"),
    "/user/authorize": ("response_type", "code_challenge", "redirect_uri", "scope"),
    "/user/device/authorize": ("user_code", "scope"),
    "/user/query": ("id", "username"),
    "/user/security/history": ("query[action]", "limit", "page_token"),
    "/user/provider/bind": ("provider_token",),
    "/signin/with/provider": ("provider_token",),
}
# Two names for one thing, or the name under which it was answered.
SAME = {"token": "access_token", "anonymous_token": "access_token", "id": "sub"}
SECONDS = (5, 1, 61, 601, 7201, 2_592_001)
# Ways that a random walk finds too seldom: routes, each with the fields that make it this way;
# no route is a wait.
WAYS: tuple[tuple[tuple[str, dict[str, Any]], ...], ...] = (
    (
        ("POST /user/authorize", {}),
        ("POST /token", {"grant_type": "authorization_code"}),
        ("POST /token", {"grant_type": "authorization_code"}),
    ),
    (
        ("POST /device/code", {}),
        ("POST /user/device/authorize", {}),
        ("POST /token", {"grant_type": "device_code"}),
        ("", {}),
        ("POST /token", {"grant_type": "device_code"}),
    ),
    (("POST /token", {}), ("POST /token", {})),
    (
        ("POST /user/sudo", {}),
        ("POST /verification", {"phone_number": PHONES[1]}),
        ("POST /verification/verify", {}),
        ("PATCH /user/contact", {"phone_number": PHONES[1], "conflict_resolution": "TRANSFER"}),
        ("POST /user/sudo", {}),
        ("PATCH /user/contact", {"phone_number": PHONES[1], "conflict_resolution": "TRANSFER"}),
    ),
    (
        ("POST /verification", {"phone_number": PHONES[2]}),
        ("POST /verification/verify", {}),
        ("POST /verification/verify", {}),
        ("POST /signup", {"phone_number": PHONES[2], "anonymous_token": None, "username": None}),
        ("POST /signup", {"phone_number": PHONES[2], "anonymous_token": None, "username": None}),
    ),
    (("POST /signin", {"username": "bob"}), ("POST /user/basic/edit", {})),
    (("POST /signin", {"username": "alice"}),),
)


@attrs.define
class Client:
    """A client that remembers every answer, and makes its next call out of them."""

    emulator: Emulator
    watch: Any
    known: dict[str, list[Any]] = attrs.field(factory=lambda: defaultdict(list))
    seed: int = 0

    def walk(self, way: Any, odd: int, seed: int) -> None:
        """Go one of the ways, with one call that may be odd."""
        for number, (name, fields) in enumerate(way):
            route = next((route for route in ROUTES if route.name == name), None)
            self.step(route, seed if number == odd else 0, **fields)

    def step(self, route: Any, seed: int, **fixed: Any) -> None:
        """Make one plausible call; the seed decides among what is plausible."""
        self.seed = seed
        if route is None:
            self.emulator.clock.advance(self.one_of(SECONDS))
            return
        names = SENT.get(route.template, ())
        fields = {name: self.value(name) for name in names} | fixed
        fields = {name: value for name, value in fields.items() if value is not None}
        headers = [("x-device-id", self.one_of(("tv", "phone")))]
        if route.template.startswith("/user"):
            headers.append(("Authorization", f"Bearer {self.value('access_token') or ''}"))
        request = Request(
            method=route.method,
            path="/auth/v1" + self.path(route.template),
            query={n: str(v) for n, v in fields.items()} if route.method == "GET" else {},
            headers=tuple(headers),
            body=b"" if route.method == "GET" else json.dumps(fields).encode(),
        )
        response: Response = self.emulator.answer(request)
        self.remember(self.watch.check(route.name, fields, response))

    def value(self, name: str) -> Any:
        """Return something to send: usually what was answered last."""
        known = self.known[SAME.get(name, name)][:-4:-1]
        if name == "verification_code":
            known = [sent.code for sent in self.emulator._control.state.sent.values()][::-1]
        if name == "provider_token":
            known = [*known, self.emulator.provider_token()]
        return self.one_of((*known, *VALUES.get(name, ())) or (None,))

    def one_of(self, choices: Any) -> Any:
        """Use up a part of the seed."""
        self.seed, index = divmod(self.seed, len(choices))
        return choices[index]

    def path(self, template: str) -> str:
        """Fill the parameters of a path in."""
        return template.replace("{device_id}", "tv").replace("{provider_id}", "github")

    def remember(self, body: Any) -> None:
        """Keep every text of an answer under its name."""
        for name, value in body.items():
            if isinstance(value, str):
                self.known[name].append(value)


def _client(**options: Any) -> Client:
    emulator = Emulator(clock=ManualClock(), algorithm="HS256", **options)
    emulator.add_user(username="alice", password="Passw0rd!", phone_number=PHONES[0])
    emulator.add_user(username="bob", password="Passw0rd!", phone_number=PHONES[1])
    return Client(emulator, invariants.Watch(emulator._control.state))


# The calls that lead somewhere come more often than those that only look.
_FAR = [route for route in ROUTES if route.template in SENT] * 3
_SEEDS = st.integers(0, 8) | st.integers(0, 2**20)
_STEPS = st.tuples(st.sampled_from([None, *_FAR, *ROUTES]), _SEEDS) | st.tuples(
    st.sampled_from(WAYS), st.integers(0, 5), _SEEDS
)


@settings(max_examples=250)
@given(
    steps=st.lists(_STEPS, min_size=3, max_size=20),
    grace_seconds=st.sampled_from([0.0, 10.0]),
    reuse=st.sampled_from(["revoke_family", "refuse"]),
)
def test_no_sequence_breaks_an_invariant(
    steps: list[Any], grace_seconds: float, reuse: str
) -> None:
    """Whatever well-meaning calls come in whatever order, all that is remembered fits together."""
    client = _client(grace_seconds=grace_seconds, reuse=reuse)
    client.step(ROUTES[0], 0)
    for step in steps:
        if isinstance(step[0], tuple):
            client.walk(*step)
        else:
            client.step(*step)


def test_the_ways_lead_somewhere() -> None:
    """What the sequences are made of is accepted, up to the last call of each way."""
    expected = (
        *({"code"}, {"device_code"}, {"refresh_token"}),
        *({"verification_id", "verification_token", "sudo_token"},),
        *({"verification_id", "verification_token"}, set[str](), set[str]()),
    )
    for way, names in zip(WAYS, expected, strict=True):
        client = _client()
        client.step(ROUTES[0], 0)
        client.walk(way, 0, 0)
        assert {name for name, _ in client.watch.accepted} == names


_NAMES = sorted({*VALUES, *SAME, *(name for names in SENT.values() for name in names), "ids"})
_TEXTS = st.text(max_size=12) | st.sampled_from(["alice", "code", "client_credentials", *PHONES])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_AUTHORIZATIONS = st.sampled_from(
    [
        "",
        "Bearer LIVE",
        "Basic ZGVtby1lbnY6ZGVtby1zZWNyZXQ=",
        "Basic ZGVtby1lbnY6",
        "Basic QUtJRGRlbW86ZGVtby1rZXk=",
        (
            "TC3-HMAC-SHA256 Credential=AKIDdemo/2023-11-14/tcb/tc3_request, "
            "SignedHeaders=content-type;host, Signature=é, Timestamp=1700000000"
        ),
        "TC3-HMAC-SHA256 Credential=AKIDdemo//, Timestamp=99999999999",
    ]
) | st.text(max_size=30)
_HEADERS = st.dictionaries(
    st.sampled_from(["x-device-id", "x-captcha-token", "host", "content-type", "x-tc-timestamp"])
    | st.text(max_size=10),
    st.text(max_size=80),
    max_size=4,
)


@st.composite
def _requests(draw: st.DrawFn) -> Request:
    route = draw(st.sampled_from(ROUTES))
    path = "/auth/v1" + route.template if draw(st.integers(0, 9)) else draw(st.text(max_size=30))
    method = route.method if draw(st.integers(0, 9)) else draw(st.text(max_size=7))
    headers = draw(_HEADERS) | {"Authorization": draw(_AUTHORIZATIONS)}
    fields = st.dictionaries(st.sampled_from(_NAMES) | _TEXTS, _JSON | _TEXTS, max_size=7)
    body = st.binary(max_size=30) | fields.map(json.dumps).map(str.encode)
    return Request(
        method=method,
        path=path,
        query=draw(st.dictionaries(st.sampled_from(_NAMES) | _TEXTS, _TEXTS, max_size=4)),
        headers=tuple(headers.items()),
        body=draw(body),
    )


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
def test_no_request_breaks_an_invariant(dialect: str) -> None:
    """Whatever comes, from whomever, is answered in JSON and leaves the state whole."""
    client = _client(dialect=dialect)
    state = client.emulator._control.state

    @settings(max_examples=100)
    @given(request=_requests())
    def check(request: Request) -> None:
        if "alice" not in state.logins:
            client.emulator.reset()
            client.emulator.add_user(username="alice", password="Passw0rd!")
        sign_in = {"username": "alice", "password": "Passw0rd!"}
        signing = Request(
            method="POST",
            path="/auth/v1/signin",
            headers=(("Authorization", "Basic ZGVtby1lbnY6ZGVtby1zZWNyZXQ="),),
            body=json.dumps(sign_in).encode(),
        )
        token = json.loads(client.emulator.answer(signing).body).get("access_token", "")
        headers = tuple((name, value.replace("LIVE", token)) for name, value in request.headers)
        invariants.answered(client.emulator.answer(attrs.evolve(request, headers=headers)))
        invariants.consistent(state)

    check()
