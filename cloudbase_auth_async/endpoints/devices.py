"""Ending the current user's sessions: of one device, or all of them."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed


class Devices:
    """`session.devices`. Only the vendor's JavaScript client has these calls."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def revoke(self, device_id: str) -> None:
        """
        End the user's sessions on a device; with this client's own `device_id`, this one, too.

        Args:
            device_id: as the device signs in with it, and as `user.security_history` tells it.

        Raises:
            ConfigurationError: the argument is empty or a dot segment.
            NotFound: the user is not signed in on such a device.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        form = Form(
            method="DELETE",
            route="/user/authorized/devices/{device_id}",
            auth=Auth.USER,
            parts={"device_id": config.path_part("device_id", device_id)},
        )
        # Not repeatable: the second request finds no session, and the success would be an error.
        await self._caller.call(Call[None](operation="devices.revoke", answer=None, forms=(form,)))

    @sealed
    async def revoke_all(self) -> None:
        """
        End every session of the user, this one, too.

        The session here is not told. Its next call is refused by the service, tries a refresh,
        and raises `SessionEnded`; without a refresh token it raises `Unauthenticated`. Call
        `sign_out()`, which forgets the tokens here.

        Raises:
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        form = Form(method="DELETE", route="/user/revoke/all", auth=Auth.USER)
        # Not repeatable: the first request has ended the token that the second one would carry.
        await self._caller.call(
            Call[None](operation="devices.revoke_all", answer=None, forms=(form,))
        )
