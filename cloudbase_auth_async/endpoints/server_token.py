"""
A server's token for a Tencent Cloud key, asked for with a clock that may be wrong.

A signature is good for a few minutes around its time. Where nothing was heard from the service
yet, that time is this machine's own; if the service refuses it, its answer says what time it is
there, and the request is signed and sent once more. A refused request did nothing.
"""

from typing import Final, Protocol, TypeVar

from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._cloud_key import CloudKey
from cloudbase_auth_async._lifetime import ServerTime
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import InvalidClient, PermissionDenied, Unauthenticated

T = TypeVar("T")

# What a service may say of a key, or of a signature made at the wrong time.
REFUSALS: Final = (InvalidClient, Unauthenticated, PermissionDenied)
# Less than this is no reason to refuse a signature.
_WRONG_SECONDS: Final = 60.0


class TimedCaller(Protocol):
    """A caller that knows the service's time, as far as it was told."""

    @property
    def server_time(self) -> ServerTime:
        """The service's clock."""
        ...

    async def call(self, call: Call[T]) -> T:
        """Answer the call or raise."""
        ...


async def exchanged(caller: TimedCaller, key: CloudKey) -> TokenPair:
    """
    Exchange a key for a token.

    Raises:
        InvalidClient, Unauthenticated, PermissionDenied: the service refuses the key.
        ApiError, TransportError, DecodeError: any other failure.
    """
    signed_with = _offset(caller.server_time)
    try:
        return await caller.call(_call(key))
    except REFUSALS as error:
        refusal = error
    wrong = abs(_offset(caller.server_time) - signed_with) > _WRONG_SECONDS
    if key.method == "basic" or not wrong:
        raise refusal
    return await caller.call(_call(key))


def _offset(server_time: ServerTime) -> float:
    """Return what is believed to lie between the service's clock and the monotonic one."""
    return server_time.now() - server_time.clock.monotonic()


def _call(key: CloudKey) -> Call[TokenPair]:
    form = Form(
        method="POST",
        route="/token/clientCredential",
        auth=Auth.KEY,
        key=key,
        body={"grant_type": "client_credentials"},
    )
    # Asked twice, it gives two tokens that are both good.
    return Call(
        operation="token.client_credentials", answer=TokenPair, forms=(form,), repeatable=True
    )
