"""Put users into the emulated service without the ceremony of a sign-up."""

from cloudbase_auth_async.testing._state import State, User, new_sub


def add(
    state: State,
    now: float,
    *,
    username: str | None = None,
    password: str | None = None,
    phone_number: str | None = None,
    email: str | None = None,
    name: str | None = None,
    status: str | None = None,
) -> User:
    """Add a user who can sign in with any of the names given."""
    logins = [login for login in (username, phone_number, email) if login]
    if not logins:
        raise ValueError("a user needs a username, a phone_number or an email")
    for login in logins:
        if state.find(login) is not None:
            raise ValueError(f"there is a user {login} already")
    user = User(
        sub=new_sub(),
        created_at=now,
        updated_at=now,
        username=username,
        password=password,
        password_updated_at=None if password is None else now,
        phone_number=phone_number,
        email=email,
        name=name,
        status=status or "ACTIVE",
    )
    return state.keep(user)
