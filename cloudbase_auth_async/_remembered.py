"""
What a client remembers of tokens when the session objects that held them are gone.

A web app may make a session for each request. What one of them learnt (the pair that replaced
this one, that the service will not be asked for a while, that it rejects whatever it is shown)
must hold for the next one, too, or every request asks anew.

Spent tokens are remembered by digest, a successor is the pair itself; of each kind only the last
thousand.
"""

import hashlib
from collections.abc import Hashable, MutableMapping
from typing import Final, TypeVar

from cloudbase_auth_async._brake import Brake
from cloudbase_auth_async._clock import Clock
from cloudbase_auth_async._policy import Setback
from cloudbase_auth_async._tokens import TokenPair

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SUCCESSOR_SECONDS: Final = 60.0
_MOST: Final = 1024


class Remembered:
    """The successors, setbacks and brakes of one client's sessions."""

    __slots__ = ("_brakes", "_clock", "_setbacks", "_successors")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._successors: dict[bytes, tuple[float, TokenPair]] = {}
        self._setbacks: dict[bytes, Setback] = {}
        self._brakes: dict[str, Brake] = {}

    def newest(self, pair: TokenPair) -> TokenPair:
        """
        Return the pair that replaced this one here within the last minute, if one did.

        A web app that makes a session for each request may hold the old pair a moment longer.
        After that minute a spent token is what it is everywhere: a reason for suspicion.
        """
        now = self._clock.monotonic()
        for _ in range(len(self._successors)):
            until, successor = self._successors.get(_digest(pair.refresh_token), (now, pair))
            if now >= until or (pair.sub and successor.sub and pair.sub != successor.sub):
                break
            pair = successor
        return pair

    def forget(self, refresh_token: str | None) -> None:
        """Make sure that nobody is led to this token any more."""
        for key, (_, successor) in tuple(self._successors.items()):
            if successor.refresh_token == refresh_token:
                del self._successors[key]

    def succeeded(self, spent: str | None, successor: TokenPair) -> None:
        """Remember what replaced a refresh token."""
        if spent is None or successor.refresh_token in (None, spent):
            return  # a service that does not rotate
        until = self._clock.monotonic() + _SUCCESSOR_SECONDS
        _keep(self._successors, _digest(spent), (until, successor))

    def setback(self, refresh_token: str | None) -> Setback | None:
        """Return how the last attempt with a refresh token failed here."""
        return None if refresh_token is None else self._setbacks.get(_digest(refresh_token))

    def failed(self, refresh_token: str | None, setback: Setback | None) -> None:
        """Remember how an attempt failed; None if it did not."""
        if refresh_token is None:
            return
        if setback is None:
            self._setbacks.pop(_digest(refresh_token), None)
        else:
            _keep(self._setbacks, _digest(refresh_token), setback)

    def brake(self, sub: str | None) -> Brake:
        """Return the brake of a user's sessions, or a new one."""
        return self._brakes.get(sub or "") or Brake()

    def braked(self, sub: str | None, brake: Brake) -> None:
        """Remember that a user's tokens are rejected."""
        if sub:
            _keep(self._brakes, sub, brake)


def _keep(memory: MutableMapping[K, V], key: K, value: V) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > _MOST:
        del memory[next(iter(memory))]


def _digest(refresh_token: str | None) -> bytes:
    return hashlib.sha256((refresh_token or "").encode("utf-8", "replace")).digest()
