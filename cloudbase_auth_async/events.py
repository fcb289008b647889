"""
What happens to sessions, told as it happens: frozen values, for logs, metrics and traces.

Give `AuthClient(on_event=...)` a function; it gets each event after the fact, in order, outside
every lock. Its errors go to the event loop's exception handler.

| event | when |
| --- | --- |
| `RefreshStarted` | a refresh begins; with a shared store it may still end without a request |
| `RefreshJoined` | somebody else wants the refresh that is under way |
| `RefreshAdopted` | somebody else had a newer pair; nothing was spent |
| `RefreshCommitted` | the session has a new pair, and its store, too, or `StoreDegraded` came |
| `RefreshRefused` | it brought no pair: refused, never sent, or signed out meanwhile |
| `RefreshUnknown` | it was sent, and whether it happened is not known |
| `StoreDegraded` | the store failed; the session goes on in memory |
| `StoreRecovered` | what could not be written is written |
| `ReauthenticationNeeded` | the access token dies soon and nothing can replace it |
| `SessionOver` | signed out, dropped, or refused for good |

No event holds a token. `key` is the one you gave the session; it and `sub` are kept out of `repr`
and of the library's own logs: a key may be the value of somebody's cookie.
"""

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class Event:
    """
    Something happened to a session.

    Attributes:
        at: seconds since the epoch, by this machine's clock.
        sub: the user's id, if it is known.
        key: what the session is kept under; None for one that is not kept.
    """

    at: float
    sub: str | None = attrs.field(default=None, repr=False)
    key: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class RefreshStarted(Event):
    """A refresh begins."""


@attrs.frozen(kw_only=True)
class RefreshJoined(Event):
    """Somebody wants the refresh that is under way already."""


@attrs.frozen(kw_only=True)
class RefreshAdopted(Event):
    """
    A newer pair was found in the store, or came from another session of the same pair.

    Attributes:
        seconds: since the refresh began.
        expires_at: when the new access token dies.
    """

    seconds: float
    expires_at: datetime | None = None


@attrs.frozen(kw_only=True)
class RefreshCommitted(Event):
    """
    The service gave a new pair, and the session has it.

    Attributes:
        seconds: since the refresh began.
        expires_at: when the new access token dies.
    """

    seconds: float
    expires_at: datetime | None = None


@attrs.frozen(kw_only=True)
class RefreshRefused(Event):
    """
    A refresh brought this session no pair: it was refused or never sent, or a sign-out came first.

    Attributes:
        seconds: since it began.
        reason: the service's name for it, such as `"invalid_grant"`, or our error's class name.
        request_id: of the refusal, if there was a request.
    """

    seconds: float
    reason: str
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class RefreshUnknown(Event):
    """
    A refresh was sent and nobody knows whether it happened.

    Attributes:
        seconds: since it began.
        reason: the service's name for it, or our error's class name.
        request_id: of the request.
    """

    seconds: float
    reason: str
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class StoreDegraded(Event):
    """
    The store failed.

    Attributes:
        problem: the error's text; it names the place, never a value.
        unsaved: whether this process alone holds the newest pair now.
    """

    problem: str
    unsaved: bool


@attrs.frozen(kw_only=True)
class StoreRecovered(Event):
    """What could not be written is in the store now."""


@attrs.frozen(kw_only=True)
class ReauthenticationNeeded(Event):
    """
    A session without a refresh token nears the end of its access token.

    Attributes:
        expires_at: when that is.
    """

    expires_at: datetime | None = None


@attrs.frozen(kw_only=True)
class SessionOver(Event):
    """
    A session ended.

    Attributes:
        reason: `"signed_out"`, `"dropped"`, `"elsewhere"` (in another process), `"refused"` or
            `"replaced"` (its key holds another user now).
    """

    reason: str
