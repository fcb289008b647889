"""
The life of a user, from the first code to the last log-out.

Without environment variables this starts an emulator of CloudBase Auth in this process and
lives the whole story against it. With CLOUDBASE_ENV set it signs in to that environment instead,
with CLOUDBASE_USERNAME and CLOUDBASE_PASSWORD, reads, refreshes and signs out: it never creates,
changes or deletes anybody there.
"""

import asyncio
import os
import sys

from cloudbase_auth_async import ApiError, AuthClient, CloudBaseAuthError, TokenPair, TokenSession
from cloudbase_auth_async.testing import Emulator

PHONE = "+86 13800000000"
EMAIL = "carol@example.com"
FIRST_PASSWORD = "First-Passw0rd"
SECOND_PASSWORD = "Second-Passw0rd"


def say(text: str = "") -> None:
    print(text, flush=True)


class Narrator:
    """Tells what happens, and after each step which requests it took."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.step = 0
        self.seen = 0

    def begin(self, text: str) -> None:
        self.step += 1
        say(f"\n{self.step}. {text}")

    def tell(self, text: str) -> None:
        for entry in self.emulator.journal[self.seen :]:
            self.seen += 1
            say(f"      {entry.method} {entry.path} -> {entry.status}")
        say(f"   {text}")


async def sign_up(auth: AuthClient, tell: Narrator) -> TokenPair:
    tell.begin(f"Carol gives her phone number, {PHONE}. A code goes out and is checked.")
    sent = await auth.verification.send(phone_number=PHONE)
    code = tell.emulator.codes[PHONE]
    checked = await auth.verification.verify(sent.verification_id, code)
    tell.tell(f"The code was {code}; in real life it comes as an SMS.")

    tell.begin("With the proof of that, she signs up as 'carol'.")
    tokens = await auth.sign_up.register(
        phone_number=PHONE,
        verification_code=code,
        verification_token=checked.verification_token,
        name="Carol",
        username="carol",
        password=FIRST_PASSWORD,
    )
    tell.tell(f"She is user {tokens.sub}, and signed in.")
    return tokens


async def stay_signed_in(auth: AuthClient, tell: Narrator) -> TokenSession:
    tell.begin("She signs in with her password, and a session keeps her tokens.")
    session = auth.session(await auth.sign_in.password("carol", FIRST_PASSWORD))
    me = await session.user.me()
    tell.tell(f"The profile says: {me.name}, {me.phone_number}.")

    tell.begin("Two hours pass: her access token is dead. A hundred calls come at once.")
    tell.emulator.clock.advance(7200)
    profiles = await asyncio.gather(*(session.user.me() for _ in range(100)))
    requests = tell.emulator.journal[tell.seen :]
    tell.seen = len(tell.emulator.journal)
    refreshes = sum(entry.path.endswith("/token") for entry in requests)
    say(f"      POST /auth/v1/token ({refreshes} time), then GET /auth/v1/user/me")
    tell.tell(f"All {len(profiles)} were answered, and the refresh token was spent once.")
    return session


async def look_around(auth: AuthClient, session: TokenSession, tell: Narrator) -> None:
    tell.begin("A server that doubts the token asks the service about it.")
    answer = await auth.token.introspect(await session.access_token())
    tell.tell(f"It is {'active' if answer.active else 'dead'}.")

    tell.begin("She binds a GitHub account, looks at the list, and unbinds it.")
    await session.providers.bind(tell.emulator.provider_token("github"))
    bound = await session.providers.list()
    await session.providers.unbind("github")
    tell.tell(f"The list had: {', '.join(p.id for p in bound)}.")


async def leave(auth: AuthClient, session: TokenSession, tell: Narrator) -> None:
    tell.begin("She changes her password, and logs out.")
    await session.user.update_password(old_password=FIRST_PASSWORD, new_password=SECOND_PASSWORD)
    await session.sign_out()
    tell.tell("Her tokens are forgotten here and revoked there.")

    tell.begin("She tries the old password, then the new one, and deletes her account.")
    refusal = "in"
    try:
        await auth.sign_in.password("carol", FIRST_PASSWORD)
    except ApiError as error:
        refusal = type(error).__name__
    session = auth.session(await auth.sign_in.password("carol", SECOND_PASSWORD))
    await session.user.delete()
    tell.tell(f"The old password got {refusal}; the new one worked; now she is gone.")


async def newcomers(auth: AuthClient, tell: Narrator) -> None:
    tell.begin("Somebody who only looks around signs in without a name.")
    tokens = await auth.sign_in.anonymously()
    tell.tell(f"Anonymous user {tokens.sub}: the same again for this device.")

    tell.begin(f"And {EMAIL} signs up by e-mail.")
    sent = await auth.verification.send(email=EMAIL)
    checked = await auth.verification.verify(sent.verification_id, tell.emulator.codes[EMAIL])
    tokens = await auth.sign_up.register(email=EMAIL, verification_token=checked.verification_token)
    tell.tell(f"User {tokens.sub}.")


async def story(emulator: Emulator) -> None:
    """Live the whole story; every scenario of the service is in it once."""
    tell = Narrator(emulator)
    say(f"CloudBase Auth is emulated at {emulator.base_url}; nothing leaves this machine.")
    async with emulator.client() as auth:
        await sign_up(auth, tell)
        session = await stay_signed_in(auth, tell)
        await look_around(auth, session, tell)
        await leave(auth, session, tell)
        await newcomers(auth, tell)
    say(f"\n{emulator.spends} refresh token was spent, and nobody was signed out by accident.")


async def visit(username: str, password: str) -> None:
    """Sign in to a real environment; touch nothing but a session of our own."""
    async with AuthClient.from_environ() as auth:
        say(f"Signing in at {auth.base_url} …")
        session = auth.session(await auth.sign_in.password(username, password))
        me = await session.user.me()
        say(f"Signed in as user {me.sub}; the token lives until {session.tokens.expires_at}.")
        await session.refresh()
        say(f"Refreshed: the new one lives until {session.tokens.expires_at}.")
        answer = await auth.token.introspect(await session.access_token())
        say(f"The service says that it is {'active' if answer.active else 'not active'}.")
        await session.sign_out()
        say("Signed out.")


async def main() -> int:
    if not os.environ.get("CLOUDBASE_ENV"):
        async with Emulator() as emulator:
            await story(emulator)
        return 0
    username = os.environ.get("CLOUDBASE_USERNAME")
    password = os.environ.get("CLOUDBASE_PASSWORD")
    if not username or not password:
        say("CLOUDBASE_ENV is set: CLOUDBASE_USERNAME and CLOUDBASE_PASSWORD are needed, too.")
        return 2
    try:
        await visit(username, password)
    except CloudBaseAuthError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
