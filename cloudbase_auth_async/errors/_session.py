"""Trouble with a session, with the place where it is kept, or with a token that is checked here."""

from cloudbase_auth_async.errors._base import CloudBaseAuthError


class SessionError(CloudBaseAuthError):
    """
    The session, rather than a single call, is the trouble.

    Attributes:
        request_id: of the refresh that settled it; None if none was sent.
    """

    request_id: str | None

    def __init__(self, problem: str, *, request_id: str | None = None) -> None:
        super().__init__(problem if request_id is None else f"{problem} [request {request_id}]")
        self.request_id = request_id


class NotSignedIn(SessionError):
    """The session was signed out or dropped, here or elsewhere, or its key is another user's."""


class SessionEnded(SessionError):
    """The service refused the refresh token for good: the user must sign in again."""


class RefreshOutcomeUnknown(SessionError):
    """
    A refresh was sent and its outcome is not known.

    The pair is kept, and its access token is handed out as long as it lives. The refresh is not
    sent again blindly: `session.refresh()` sends it on your word; without that the session asks
    again only once the access token is dead: within a minute where a gateway answered that it is
    in trouble; after a minute, and then every half hour, where nothing answered.

    Attributes:
        again_in_seconds: where another process sent it: how long nobody who shares the session
            sends it again.
    """

    again_in_seconds: float | None

    def __init__(
        self,
        problem: str,
        *,
        request_id: str | None = None,
        again_in_seconds: float | None = None,
    ) -> None:
        super().__init__(problem, request_id=request_id)
        self.again_in_seconds = again_in_seconds


class ReauthenticationRequired(SessionError):
    """The access token is dead and there is no refresh token: the user must sign in again."""


class SubjectChanged(SessionError):
    """A refresh was answered with the tokens of another user. They were thrown away."""


class StoreError(CloudBaseAuthError):
    """
    The place where sessions are kept cannot be reached, written or trusted.

    The text names the place (a path, a kind of store) and the operating system's reason, never a
    key or a value.
    """


class StoreBusy(StoreError):
    """
    A session's lock was not to be had in time.

    Attributes:
        holder: who held it, as far as the store knows, such as `"process 123 on host"`.
    """

    holder: str | None

    def __init__(self, problem: str, *, holder: str | None = None) -> None:
        super().__init__(problem if holder is None else f"{problem}; held by {holder}")
        self.holder = holder


class StoreCorrupt(StoreError):
    """
    What was kept under a key cannot be read: torn, altered, or written by something else.

    Attributes:
        kept_at: where it was moved for somebody to look at; None if the store has no such place.
    """

    kept_at: str | None

    def __init__(self, problem: str, *, kept_at: str | None = None) -> None:
        super().__init__(problem if kept_at is None else f"{problem}; moved to {kept_at}")
        self.kept_at = kept_at


class VerificationFailed(CloudBaseAuthError):
    """
    A token that somebody brought is not to be trusted.

    A token is what follows `Bearer ` in a header: with that in front it is malformed.

    Attributes:
        reason: why, as one word of a fixed set: `"malformed"`, `"algorithm"`, `"key"`,
            `"signature"`, `"issuer"`, `"audience"`, `"expired"`, `"not_yet_valid"`, `"subject"`,
            `"inactive"`.
    """

    reason: str

    def __init__(self, problem: str, *, reason: str) -> None:
        super().__init__(problem)
        self.reason = reason
