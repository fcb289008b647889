"""
What the library writes into a store: a pair, and how its refresh token stands.

Before a refresh token is sent, the record says so. Thus a store that cannot be written is found
out before anything is spent, and whoever comes after a crash knows that the token may be gone.
"""

import json
import secrets
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import ConfigurationError, StoreCorrupt, StoreError
from cloudbase_auth_async.stores.base import Record

_FORMAT: Final = 1
# A sign-in draws a line of generations at random and each writing counts up in it. So a writer
# that slept through a sign-out and a new sign-in never meets the generation it remembers.
_COUNT_BITS: Final = 20
# What a record may say beside the tokens, and what it means if it does not.
_CLAIM: Final[dict[str, Any]] = {
    "tries": 0,
    "again_at": 0.0,
    "by": "",
    "warned": 0,
    "owner": "",
    "follows": 0,
}
_LARGEST: Final = 1e12


@attrs.frozen(kw_only=True)
class Kept:
    """
    One session as a store has it.

    Attributes:
        generation: of the record.
        pair: the tokens.
        tries: how often the refresh token was sent without a known outcome.
        again_at: before this the token is not sent again; epoch seconds, the service's clock.
        by: a random name of the claim that was written before it was sent.
        warned: how often it was announced that the token will be sent again, so that whoever
            holds what it bought can write that first.
        ended: whether the service refused it for good.
        owner: the environment and the client the tokens belong to.
        follows: the line of generations in which this session was begun, where it has gone on
            with a later sign-in's pair; 0 where it has not.
    """

    generation: int
    pair: TokenPair
    tries: int = 0
    again_at: float = 0.0
    by: str = ""
    warned: int = 0
    ended: bool = False
    owner: str = ""
    follows: int = 0

    @property
    def root(self) -> int:
        """Name the line in which the session was begun: who signs out there means this one."""
        return self.follows or line(self.generation)


def line(generation: int) -> int:
    """Name the line that a generation belongs to."""
    return generation >> _COUNT_BITS


def first_generation() -> int:
    """Return the generation that a new sign-in begins with."""
    return secrets.randbits(32) << _COUNT_BITS | 1


def same_line(one: int, other: int) -> bool:
    """Tell whether two generations descend from one sign-in."""
    return line(one) == line(other)


def written(kept: Kept) -> Record:
    """Return the record of a session."""
    document: dict[str, Any] = {
        "format": _FORMAT,
        "owner": kept.owner,
        "tokens": kept.pair.to_dict(),
    }
    if kept.tries:
        claim = {"tries": kept.tries, "again_at": kept.again_at, "by": kept.by}
        document |= claim | {"warned": kept.warned}
    if kept.ended:
        document["ended"] = True
    if kept.follows:
        document["follows"] = kept.follows
    text = json.dumps(document, separators=(",", ":"))
    return Record(kept.generation, text.encode("utf-8"))


def read(record: Record, *, owner: str = "") -> Kept:
    """
    Read a record.

    Args:
        record: as a store had it.
        owner: whose it should be. A worker with the wrong settings must not end the session of
            those with the right ones.

    Raises:
        StoreError: a later release of this library wrote it, or it belongs to somebody else.
        StoreCorrupt: it is no record of ours.
    """
    document = _document(record.value)
    if document.get("format") != _FORMAT:
        raise StoreError("a session is kept in a format that this release does not know")
    claim = {name: document.get(name, usual) for name, usual in _CLAIM.items()}
    if not all(_fits(value, _CLAIM[name]) for name, value in claim.items()):
        raise StoreCorrupt("a kept session cannot be read")
    if owner and claim["owner"] not in ("", owner):
        raise StoreError(
            "this key holds a session of another environment or client: drop it or use another"
        )
    try:
        pair = TokenPair.from_dict(document.get("tokens", {}))
    except ConfigurationError:
        pair = None
    if pair is None:
        raise StoreCorrupt("a kept session cannot be read")
    return Kept(
        generation=record.generation,
        pair=pair,
        ended=document.get("ended") is True,
        **claim,
    )


def _fits(value: object, usual: object) -> bool:
    if isinstance(usual, float) and isinstance(value, int | float):
        return abs(value) < _LARGEST
    return type(value) is type(usual) and (not isinstance(value, int) or 0 <= value < _LARGEST)


def _document(value: bytes) -> dict[str, Any]:
    try:
        document: object = json.loads(value)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise StoreCorrupt("a kept session cannot be read")
    return cast("dict[str, Any]", document)
