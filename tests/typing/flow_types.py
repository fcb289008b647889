"""Never run: the type checkers read it in strict mode and find the inferred types right."""

from datetime import datetime
from typing import Any, assert_type

from cloudbase_auth_async import AuthClient, TokenPair
from cloudbase_auth_async.models import CaptchaChallenge, CaptchaPass, DeviceAuthorization


async def captchas(auth: AuthClient) -> None:
    """By hand."""
    picture = await auth.captcha.create(state="POST:/v1/signin", redirect_uri="https://example.com")
    assert_type(picture, CaptchaChallenge)
    assert_type(picture.image, bytes)
    assert_type(picture.media_type, str)
    solved = await auth.captcha.verify(picture.token, "1234")
    assert_type(solved, CaptchaPass)
    assert_type(solved.captcha_token, str)
    assert_type(solved.expires_in, int | None)


class Dialog:
    """A solver may be any callable object."""

    async def __call__(self, picture: CaptchaChallenge) -> str | None:
        """Give up at some pictures."""
        return None if picture.expires_in == 0 else "1234"


async def read(picture: CaptchaChallenge) -> str:
    """A solver that never gives up is one, too."""
    return picture.type


def solver_without_await(picture: CaptchaChallenge) -> str:
    """A plain function is one."""
    return picture.type


def solver_of_nothing() -> str:
    """What is shown no picture is none."""
    return ""


def solver_of_numbers(picture: CaptchaChallenge) -> int:
    """Neither is what reads no text."""
    return picture.expires_in or 0


def clients() -> list[AuthClient]:
    """The solver is an argument of the client."""
    return [
        AuthClient("env", captcha=read),
        AuthClient("env", captcha=Dialog()),
        AuthClient("env", captcha=None),
        AuthClient("env", captcha=solver_without_await),
        AuthClient("env", captcha=solver_of_nothing),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        AuthClient("env", captcha=solver_of_numbers),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ]


async def devices(auth: AuthClient, stored: dict[str, Any]) -> None:
    """From the codes to the tokens, also after a restart."""
    started = await auth.device.authorize(scope="user")
    assert_type(started, DeviceAuthorization)
    assert_type(started.expires_at, datetime | None)
    assert_type(started.verification_uri_complete, str | None)
    assert_type(started.to_dict(), dict[str, Any])
    again = DeviceAuthorization.from_dict(stored)
    assert_type(again, DeviceAuthorization)
    assert_type(await auth.device.wait(again), TokenPair)
    assert_type(await auth.device.poll(again.device_code), TokenPair)
