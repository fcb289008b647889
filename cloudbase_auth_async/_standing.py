"""
What a record in the store says to somebody who knows, or thinks they know, the session.

What a look decides (`standing`):

| the record in the store | standing | a refresh then |
| --- | --- | --- |
| none | GONE | fails: signed out elsewhere |
| of another user, perhaps | REPLACED | fails: whoever signed in meanwhile keeps the key |
| older than what we know, or of the token that bought our unsaved pair, or in the line that our \
unsaved pair comes in place of | OURS | spends ours |
| refused for good | ENDED | fails, without asking the service once more |
| with our tokens | SAME | spends it |
| with other ones | THEIRS | takes that pair; spends it only if it, too, is about to die |
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Self

import attrs

from cloudbase_auth_async._records import Kept, line, same_line
from cloudbase_auth_async._tokens import TokenPair

Revoke = Callable[[TokenPair], Awaitable[None]]


class Standing(Enum):
    """How a record stands to what we know; see the module's table."""

    GONE = 1
    REPLACED = 2
    OURS = 3
    ENDED = 4
    SAME = 5
    THEIRS = 6


@attrs.frozen
class Known:
    """
    What this process knows of a kept session.

    Attributes:
        pair: the newest we had.
        generation: of the record that we wrote or read last.
        bought_with: the refresh token that `pair` cost, or came in place of, while `pair` is in
            no store yet; empty if it had none.
        instead_of: generations whose lines an unsaved pair of a later sign-in comes in place of,
            whatever is there by now.
        follows: as in the record; see `Kept`.
    """

    pair: TokenPair
    generation: int
    bought_with: str | None = attrs.field(default=None, repr=False)
    instead_of: tuple[int, ...] = ()
    follows: int = 0

    @classmethod
    def of(cls, kept: Kept) -> Self:
        """Know what is in the store, and nothing else."""
        return cls(kept.pair, kept.generation, follows=kept.follows)

    @property
    def root(self) -> int:
        """Name the line in which the session was begun."""
        return self.follows or line(self.generation)


@attrs.frozen
class Look:
    """
    What a store holds.

    Attributes:
        kept: the session; None if there is none.
        there: the generation that a write has to expect.
    """

    kept: Kept | None
    there: int | None


@attrs.frozen(kw_only=True)
class Errand:
    """
    What a refresh needs of the outside.

    Attributes:
        spend: exchanges a refresh token.
        revoke: ends what came too late; raises nothing.
        alive: whether somebody's access token still works.
        insist: whether a caller gave their word to send a token of unknown standing again.
    """

    spend: Callable[[str], Awaitable[TokenPair]]
    revoke: Revoke
    alive: bool
    insist: bool


def standing(kept: Kept | None, known: Known) -> Standing:
    """Read the module's table."""
    if kept is None:
        return Standing.GONE
    token, related = kept.pair.refresh_token, same_line(kept.generation, known.generation)
    superseded = any(same_line(kept.generation, each) for each in known.instead_of)
    if kept.pair.sub and known.pair.sub:
        other = kept.pair.sub != known.pair.sub
    else:  # whose a new sign-in is, nobody can tell: rather sign out than cross users
        other = not (related or superseded) and token not in _tokens(known)
    if other:
        return Standing.REPLACED
    went_back = related and kept.generation < known.generation
    bought = known.bought_with is not None and token == known.bought_with
    if went_back or bought or (superseded and not related):
        return Standing.OURS
    if kept.ended:
        return Standing.ENDED
    # A session without a refresh token, or of a service that does not rotate it, has a newer
    # access token all the same.
    same = (token, kept.pair.access_token) == (known.pair.refresh_token, known.pair.access_token)
    return Standing.SAME if same else Standing.THEIRS


def _tokens(known: Known) -> set[str | None]:
    return {known.pair.refresh_token, known.bought_with} - {None}
