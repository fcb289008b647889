"""What proves something to the service for a while: codes, and what was got for them."""

from collections.abc import Mapping
from typing import Any

import attrs

from cloudbase_auth_async.models._fields import extra_fields, secret, unpicklable


@attrs.frozen(kw_only=True)
class SendLimit:
    """
    How many codes may still be sent, as the service counts them.

    Only the vendor's older page has it, and it names no units.

    Attributes:
        duration: the time that is counted.
        limit: how many codes may be sent in it.
        remaining: how many are left.
        reset: when the count begins anew.
    """

    duration: int | None = None
    limit: int | None = None
    remaining: int | None = None
    reset: int | None = None
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class Verification:
    """
    A code was sent.

    Attributes:
        verification_id: names the code in `verification.verify`.
        expires_in: seconds the code lives (600 in the documentation).
        is_user: whether an account with this phone number or e-mail exists; None if not said.
        limit: how many more may be sent; None if not said.
    """

    verification_id: str = secret()
    expires_in: int | None = None
    is_user: bool | None = None
    limit: SendLimit | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class VerifiedCode:
    """
    A code was right.

    Attributes:
        verification_token: proves it to `sign_up.register`, `sign_in.code`,
            `accounts.reset_password` and others, once.
        expires_in: seconds the token lives (600 in the documentation).
    """

    verification_token: str = secret()
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class Introspection:
    """
    What the service says of an access token.

    Attributes:
        active: whether it is valid now. The service may not say so in as many words: an answer
            that names a subject or a client is active, an empty one is not.
        sub: the user's id.
        client_id: the client the token was given to.
        scope: scopes, separated by spaces.
        token_type: `"Bearer"`.
    """

    active: bool
    sub: str | None = None
    client_id: str | None = None
    scope: str | None = None
    token_type: str | None = None
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class SudoToken:
    """
    Fresh proof of who the user is.

    Attributes:
        sudo_token: pass it to `user.update_password`, `user.edit_contact` or `user.delete`.
        expires_in: seconds it lives (900 in the documentation).
    """

    sudo_token: str = secret()
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable
