"""One call on its way to its handler, and the guards that decide who may make it."""

import base64
from collections.abc import Mapping
from typing import Literal

import attrs

from cloudbase_auth_async.testing import _fields, _tokens
from cloudbase_auth_async.testing._state import AccessToken, State, User
from cloudbase_auth_async.testing._values import Refused, Request

Scheme = Literal["basic", "bearer", "none", "other"]


@attrs.frozen(kw_only=True)
class Session:
    """Whose bearer token came with a call."""

    token: AccessToken
    user: User


@attrs.frozen(kw_only=True)
class Call:
    """A request with all that a handler needs to answer it."""

    request: Request
    state: State
    now: float
    params: Mapping[str, str] = attrs.field(factory=dict[str, str])
    client_id: str = ""
    # The session a user guard has let in.
    admitted: Session | None = attrs.field(default=None, repr=False)
    # Whether a captcha_token came with it, and was accepted.
    captcha: bool = False

    @property
    def session(self) -> Session:
        """Return the session of the bearer token."""
        if self.admitted is None:
            raise Refused("unauthenticated", "this call needs a bearer token")
        return self.admitted

    @property
    def fields(self) -> _fields.Fields:
        """Return the fields of the body."""
        return _fields.parse(self.request.body)

    @property
    def issue(self) -> _tokens.Issue:
        """Return what it takes to hand out tokens in answer to this call."""
        host = self.request.header("host") or "localhost"
        return _tokens.Issue(
            state=self.state,
            now=self.now,
            issuer=f"http://{host}",
            device_id=self.request.header("x-device-id") or "",
            user_agent=self.request.header("user-agent") or "",
        )

    def speaks(self, dialect: Literal["primary", "documented"]) -> bool:
        """Tell whether this emulator speaks that contract, alone or beside the other."""
        return self.state.settings.dialect in (dialect, "both")

    def only(self, dialect: Literal["primary", "documented"]) -> bool:
        """Tell whether this emulator speaks that contract and no other."""
        return self.state.settings.dialect == dialect


def authorization(request: Request) -> tuple[Scheme, str]:
    """Return the scheme of the Authorization header and what follows it."""
    header = request.header("authorization")
    if header is None:
        return "none", ""
    scheme, _, credentials = header.partition(" ")
    match scheme.lower():
        case "basic":
            return "basic", credentials.strip()
        case "bearer":
            return "bearer", credentials.strip()
        case _:
            return "other", ""


def anyone(call: Call) -> Call:
    """Let everybody in: a public document, or a handler that looks for itself."""
    return call


def client(call: Call) -> Call:
    """
    Let a client in: by Basic, or by `client_id` alone where the documented contract is spoken.

    A user's bearer is refused, as the service's gateway refuses it.
    """
    scheme, credentials = authorization(call.request)
    if scheme == "bearer":
        raise Refused("unauthenticated", "this call takes no bearer token")
    if scheme == "none" and call.speaks("documented"):
        claimed = call.request.query.get("client_id") or call.state.settings.env
        return attrs.evolve(call, client_id=known_client(call, claimed))
    if scheme != "basic" or not right_basic(call, credentials):
        raise Refused("unauthorized_client", "the client credentials are missing or wrong")
    return attrs.evolve(call, client_id=call.state.settings.client_id)


def user(call: Call) -> Call:
    """Let in who brings a live bearer token."""
    text = _bearer(call)
    return _admit(call, _tokens.live(call.state, text, call.now))


def sender(call: Call) -> Call:
    """Let a client in, or who brings a live bearer token, as the JavaScript client does."""
    scheme, _ = authorization(call.request)
    if scheme == "bearer" and call.speaks("documented"):
        return user(call)
    return client(call)


def device(call: Call) -> Call:
    """Let a client in that names its device."""
    if not call.request.header("x-device-id"):
        raise Refused("invalid_argument", "device id missing from header")
    return client(call)


def leaving_user(call: Call) -> Call:
    """Let in who brings a bearer token that lives, or died of age alone."""
    text = _bearer(call)
    token = _tokens.live(call.state, text, call.now) or _tokens.expired(call.state, text, call.now)
    return _admit(call, token)


def right_basic(call: Call, credentials: str) -> bool:
    """Tell whether Basic credentials are this client's."""
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        return False
    settings = call.state.settings
    return pair == f"{settings.client_id}:{settings.client_secret}"


def known_client(call: Call, client_id: str) -> str:
    """Return the client id if there is such a client: the one set up, or the environment's own."""
    settings = call.state.settings
    if client_id not in (settings.client_id, settings.env):
        raise Refused("invalid_client", "no such client")
    return client_id


def _bearer(call: Call) -> str:
    scheme, text = authorization(call.request)
    if scheme != "bearer":
        raise Refused("unauthenticated", "this call needs a bearer token")
    return text


def _admit(call: Call, token: AccessToken | None) -> Call:
    owner = None if token is None else call.state.users.get(token.grant.sub)
    if token is None or owner is None or owner.status == "BLOCKED":
        raise Refused("unauthenticated", "the access token is invalid, expired or revoked")
    session = Session(token=token, user=owner)
    return attrs.evolve(call, admitted=session, client_id=token.grant.client_id)
