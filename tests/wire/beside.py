"""
What the calls beside the JavaScript client stand on, as its own stand on `tests/js/harness.mjs`.

Each call is a function of the stage. It returns what is to be seen, not awaited yet; a coroutine
function prepares first.
"""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import attrs

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, TokenSession
from cloudbase_auth_async.testing import Emulator


@attrs.frozen
class Person:
    """A user who has everything a user can have."""

    sub: str
    username: str
    phone_number: str
    email: str


@attrs.frozen
class Stage:
    """One emulator, and a client of it that has no secret, as theirs has none."""

    emulator: Emulator
    auth: AuthClient
    client: Callable[..., Awaitable[AuthClient]]
    password: str = "Passw0rd!"
    new_password: str = "N3wPassw0rd!"
    back: str = "https://app.example/back"
    _numbers: Any = attrs.field(factory=lambda: count(1))

    def user(self) -> Person:
        """Add a user."""
        number = next(self._numbers)
        names = {
            "username": f"user{number:04}",
            "phone_number": f"+86 1380000{number:04}",
            "email": f"user{number:04}@example.com",
        }
        user = self.emulator.add_user(**names, password=self.password, name=f"User {number}")
        return Person(sub=user.sub, **names)

    def phone(self) -> str:
        """Return a phone number nobody has."""
        return f"+86 1390000{next(self._numbers):04}"

    def email(self) -> str:
        """Return an e-mail address nobody has."""
        return f"new{next(self._numbers)}@example.com"

    async def session(self, user: Person, auth: AuthClient | None = None) -> TokenSession:
        """Sign a user in."""
        auth = self.auth if auth is None else auth
        return auth.session(await auth.sign_in.password(user.username, self.password))

    async def signed_in(self) -> tuple[TokenSession, Person]:
        """Sign a new user in."""
        user = self.user()
        return await self.session(user), user

    async def code(self, **place: str) -> tuple[str, str]:
        """Have a code sent, and return its id and the code."""
        sent = await self.auth.verification.send(**place)
        return sent.verification_id, self.emulator.codes[next(iter(place.values()))]

    async def proof(self, **place: str) -> str:
        """Return the proof that a phone number or e-mail address is one's own."""
        checked = await self.auth.verification.verify(*await self.code(**place))
        return checked.verification_token

    async def sudo(self, session: TokenSession) -> str:
        """Return a fresh proof of who the user is."""
        return (await session.user.sudo(password=self.password)).sudo_token

    def stranger(self) -> dict[str, str]:
        """Return somebody else of the third party's users each time."""
        return {"provider_user_id": f"stranger{next(self._numbers)}"}

    def provider_token(self) -> str:
        """Return what a third party's grant was exchanged for."""
        return self.emulator.provider_token("github", **self.stranger())

    async def demand_captcha(self, user: Person) -> None:
        """Guess a password until the service asks for a captcha."""
        for _ in range(5):
            await self.refused(self.auth.sign_in.password(user.username, "Wrong1234!"))

    async def solver(self, challenge: Any) -> str:
        """Read what a picture shows."""
        return self.emulator.captchas[challenge.token]

    @staticmethod
    async def refused(
        call: Awaitable[Any], kind: type[CloudBaseAuthError] = CloudBaseAuthError
    ) -> None:
        """Make a call that is to be refused."""
        try:
            await call
        except kind:
            return
        raise AssertionError("it was not refused")
