"""The part of `session.user` that changes the account, looks users up and reads the history."""

from collections.abc import Iterable
from typing import cast

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._call import Auth, Call, Caller, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models import FoundUsers, SecurityHistory, UserProfile

_ACTION = "USER_LOGIN"


class Account:
    """What `session.user` has beside the calls of the primary contract."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def edit(
        self,
        *,
        user_id: str | None = None,
        nickname: str | None = None,
        username: str | None = None,
        phone: str | None = None,
        email: str | None = None,
        description: str | None = None,
        avatar_url: str | None = None,
        gender: str | None = None,
        password: str | None = None,
        new_password: str | None = None,
        captcha_token: str | None = None,
    ) -> None:
        """
        Change the account. What is left out stays as it is; nothing can be emptied.

        Args:
            user_id: whom to change, in a session of a server's own token, which has to say so.
                A user's session changes its user, and leaves this out.
            nickname: 2 to 48 characters.
            username: 2 to 48 ASCII letters, digits and `-_.:+@`, a letter or digit first.
            phone: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address.
            description: any text.
            avatar_url: URL of a picture.
            gender: `"MALE"` or `"FEMALE"`.
            password: the old one; only the vendor's JavaScript client sends it.
            new_password: beside `password`; a server needs no old one.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: nothing is to be changed, or an argument is malformed.
            InvalidArgument: the service finds a value wrong.
            InvalidCredentials: the old password is wrong.
            AlreadyExists: the user name is taken.
            PreconditionFailed: the phone number or e-mail is somebody else's.
            PermissionDenied: the user is anonymous, or may not change that other user.
            NotFound: there is no user with that `user_id`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-edit-user-basic-info (2026-11-22)
        """
        texts = {
            "nickname": nickname,
            "username": username,
            "description": description,
            "avatar_url": avatar_url,
            "gender": gender,
            "password": password,
            "new_password": new_password,
        }
        body = {name: config.optional_text(name, value) for name, value in texts.items()}
        body["phone"] = None if phone is None else config.phone_number("phone", phone)
        body["email"] = None if email is None else config.email("email", email)
        if password is not None and new_password is None:
            raise ConfigurationError("new_password", "must be given beside password")
        _something("nickname", body.values())
        body["user_id"] = config.optional_text("user_id", user_id)
        form = Form(method="POST", route="/user/basic/edit", auth=Auth.USER, body=body)
        await self._caller.call(
            Call[None](
                operation="user.edit",
                answer=None,
                forms=(form,),
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def edit_profile(
        self,
        *,
        name: str | None = None,
        username: str | None = None,
        picture: str | None = None,
        gender: str | None = None,
        locale: str | None = None,
        birthdate: str | None = None,
        zoneinfo: str | None = None,
        captcha_token: str | None = None,
    ) -> UserProfile:
        """
        Change the profile in the way that the vendor calls deprecated: prefer `edit`.

        Only the vendor's JavaScript client has this call. What is left out stays as it is;
        nothing can be emptied.

        Args:
            name: the nickname, 2 to 48 characters.
            username: as in `edit`.
            picture: URL of an avatar.
            gender: `"MALE"` or `"FEMALE"`.
            locale: such as `"zh-cn"`.
            birthdate: as the service wants it; OpenID Connect has `YYYY-MM-DD`.
            zoneinfo: time zone, such as `"Asia/Shanghai"`.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Returns:
            the profile as it is now.

        Raises:
            ConfigurationError: nothing is to be changed, or an argument is empty.
            InvalidArgument: the service finds a value wrong.
            AlreadyExists: the user name is taken.
            PermissionDenied: the user is anonymous.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        texts = {
            "name": name,
            "username": username,
            "picture": picture,
            "gender": gender,
            "locale": locale,
            "birthdate": birthdate,
            "zoneinfo": zoneinfo,
        }
        body = {name: config.optional_text(name, value) for name, value in texts.items()}
        _something("name", body.values())
        form = Form(method="PATCH", route="/user/profile", auth=Auth.USER, body=body)
        return await self._caller.call(
            Call(
                operation="user.edit_profile",
                answer=UserProfile,
                forms=(form,),
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def edit_contact(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        sudo_token: str,
        verification_token: str,
        conflict_resolution: str | None = None,
        captcha_token: str | None = None,
    ) -> None:
        """
        Bind another phone number or e-mail to the user, in place of the old one.

        Only the vendor's JavaScript client has this call.

        Args:
            phone_number: with country code and a space, such as `"+86 13800000000"`.
            email: an e-mail address; not together with a phone number.
            sudo_token: of `sudo`; 900 seconds.
            verification_token: of `verification.verify`, for the new phone number or e-mail;
                600 seconds, single use.
            conflict_resolution: what is done if it is bound to another account. `"DEFAULT"`, the
                service's choice, refuses. `"DELETE_ACCOUNT_TRANSFER"` moves it here and marks
                the other account as deleted. `"TRANSFER"` moves it and leaves the other account
                alone, unless nobody could sign in there any more: then it is deleted, too.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is missing, contradicts another or is malformed.
            SudoRequired: the service wants a fresh `sudo_token`.
            InvalidArgument, InvalidCode: the verification token does not fit, or is used or
                expired; or the service does not know that `conflict_resolution`.
            AlreadyExists, PreconditionFailed: another account has it.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        body = {
            **config.destination(phone_number, email),
            "sudo_token": config.text("sudo_token", sudo_token),
            "verification_token": config.text("verification_token", verification_token),
            "conflict_resolution": config.optional_text("conflict_resolution", conflict_resolution),
        }
        form = Form(method="PATCH", route="/user/contact", auth=Auth.USER, body=body)
        await self._caller.call(
            Call[None](
                operation="user.edit_contact",
                answer=None,
                forms=(form,),
                # As in `update_password`: permission is wanting for the sudo token alone.
                renamed={"permission_denied": errors.SudoRequired},
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def find(
        self,
        *,
        ids: Iterable[str] | None = None,
        username: str | None = None,
        email: str | None = None,
        phone_number: str | None = None,
    ) -> FoundUsers:
        """
        Look users up: those who are all that is asked for.

        Only the vendor's JavaScript client has this call. How much the service tells of other
        users is up to it.

        Args:
            ids: values of `sub`, any one of which will do.
            username: the whole name.
            email: the whole address.
            phone_number: with country code and a space, such as `"+86 13800000000"`.

        Raises:
            ConfigurationError: nothing is asked for, or an argument is malformed.
            InvalidArgument, PermissionDenied: the service does not answer that.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        query = {
            "id": _ids(ids),
            "username": config.optional_text("username", username),
            "email": None if email is None else config.email("email", email),
            "phone_number": (
                None if phone_number is None else config.phone_number("phone_number", phone_number)
            ),
        }
        _something("ids", query.values())
        form = Form(method="GET", route="/user/query", auth=Auth.USER, query=query)
        return await self._caller.call(
            Call(operation="user.find", answer=FoundUsers, forms=(form,), repeatable=True)
        )

    @sealed
    async def security_history(
        self, *, sign_ins: bool = True, limit: int = 20, page_token: str | None = None
    ) -> SecurityHistory:
        """
        Read a page of the user's security history.

        Only the vendor's JavaScript client has this call.

        Args:
            sign_ins: the sign-ins; False for everything else, such as changes of the ways to
                sign in.
            limit: events on a page, at least 1; the service may have a largest.
            page_token: of the page before; None for the first one.

        Raises:
            ConfigurationError: an argument is malformed.
            InvalidArgument: the service takes no such `limit`, or the `page_token` is not its own.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        action = "query[action]" if config.flag("sign_ins", sign_ins) else "ne_query[action]"
        query = {
            action: _ACTION,
            "limit": str(config.count("limit", limit)),
            "page_token": config.optional_text("page_token", page_token),
        }
        form = Form(method="GET", route="/user/security/history", auth=Auth.USER, query=query)
        return await self._caller.call(
            Call(
                operation="user.security_history",
                answer=SecurityHistory,
                forms=(form,),
                repeatable=True,
            )
        )


def _something(argument: str, values: Iterable[object]) -> None:
    if all(value is None for value in values):
        raise ConfigurationError(argument, "or another argument must be given")


def _ids(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    # A string would be taken apart into its letters, and each letter looked up.
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError("ids", "must be several strings, such as a list")
    ids = tuple(config.text("ids", one) for one in cast("Iterable[object]", value))
    if not ids:
        # Without one the query would ask for everybody, or for whoever else is named.
        raise ConfigurationError("ids", "must not be empty")
    return ids
