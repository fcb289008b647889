"""What keeps a service that rejects each fresh token from costing a refresh token for each call."""

from cloudbase_auth_async import _policy


class Brake:
    """Counts tokens that were rejected in a row."""

    __slots__ = ("_counted", "_rejections", "_until")

    def __init__(self) -> None:
        self._rejections = 0
        self._counted = ""
        self._until = 0.0

    def holds(self, now: float) -> bool:
        """Tell whether a rejection is not worth a refresh for now."""
        return bool(self._rejections) and now < self._until

    def accepted(self) -> None:
        """Note that a call succeeded: rejections mean something again."""
        self._rejections = 0

    def rejected(self, access_token: str, now: float) -> None:
        """Note that a token was rejected in the repetition, too; each token counts once."""
        if access_token == self._counted:
            return
        self._counted = access_token
        self._rejections += 1
        self._until = now + _policy.rejection_pause(self._rejections)
