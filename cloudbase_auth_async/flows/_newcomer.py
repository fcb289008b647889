"""What a flow is told of a person who may turn out to be new; none of it is written down."""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async.errors import ConfigurationError

_LACKING: Final = "was given to the flow that was begun; give it again, to_dict does not write it"


@attrs.frozen
class Newcomer:
    """What a person who signs up says of themselves."""

    username: str | None
    password: str | None = attrs.field(repr=False)
    name: str | None
    gender: str | None
    picture: str | None
    locale: str | None

    @classmethod
    def checked(cls, **told: str | None) -> "Newcomer":
        """
        Check it before a code is sent.

        Raises:
            ConfigurationError: something is empty.
        """
        return cls(**{name: config.optional_text(name, value) for name, value in told.items()})

    @property
    def given(self) -> list[str]:
        """Which arguments were given: their names, and no values."""
        return [name for name, value in attrs.asdict(self).items() if value is not None]

    def check_resumes(self, saved: Mapping[str, Any]) -> None:
        """
        Refuse to go on with less than was given before: a user would be made without a password.

        Any flow that asks may end in a sign-up: a known user may be gone meanwhile, and a code
        that has died is replaced. A version that did not write `given` is taken at its word.

        Raises:
            ConfigurationError: something that was given then is missing, or `given` was not
                written by `to_dict`.
        """
        given: object = saved.get("given", [])
        known = [each.name for each in attrs.fields(Newcomer)]
        if not isinstance(given, list | tuple) or any(
            name not in known for name in cast("list[object]", given)
        ):
            raise ConfigurationError("resume", "must be what to_dict wrote")
        for name in known:
            if name in given and getattr(self, name) is None:
                raise ConfigurationError(name, _LACKING)
