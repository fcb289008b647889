"""
What a record in the store says to somebody who knows, or thinks they know, the session.

What a look decides (`standing`):

| the record in the store | standing | a refresh then |
| --- | --- | --- |
| none | GONE | fails: signed out elsewhere |
| of another user, perhaps | REPLACED | fails: whoever signed in meanwhile keeps the key |
| older than what we know, or of the token that bought our unsaved pair | OURS | spends ours |
| refused for good | ENDED | fails, without asking the service once more |
| with our tokens | SAME | spends it |
| with other ones | THEIRS | takes that pair; spends it only if it, too, is about to die |
"""

from collections.abc import Awaitable, Callable
from enum import Enum

import attrs

from cloudbase_auth_async._records import Kept, same_line
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
        bought_with: the refresh token that `pair` cost, while `pair` is in no store yet.
    """

    pair: TokenPair
    generation: int
    bought_with: str | None = attrs.field(default=None, repr=False)


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
    if kept.pair.sub and known.pair.sub:
        other = kept.pair.sub != known.pair.sub
    else:  # whose a new sign-in is, nobody can tell: rather sign out than cross users
        other = not related and token not in _tokens(known)
    if other:
        return Standing.REPLACED
    went_back = related and kept.generation < known.generation
    if went_back or (known.bought_with is not None and token == known.bought_with):
        return Standing.OURS
    if kept.ended:
        return Standing.ENDED
    # A session without a refresh token, or of a service that does not rotate it, has a newer
    # access token all the same.
    same = (token, kept.pair.access_token) == (known.pair.refresh_token, known.pair.access_token)
    return Standing.SAME if same else Standing.THEIRS


def _tokens(known: Known) -> set[str | None]:
    return {known.pair.refresh_token, known.bought_with} - {None}
