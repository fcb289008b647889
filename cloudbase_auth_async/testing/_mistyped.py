"""The error for a name that a test got wrong: short, and with the name that was probably meant."""

import difflib
from collections.abc import Callable, Collection
from typing import Any


def check_name(argument: str, value: object, known: Collection[str]) -> None:
    """Raise a ValueError unless a name is known; it names the argument and the closest name."""
    if isinstance(value, str) and value in known:
        return
    near = difflib.get_close_matches(str(value), sorted(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{argument}: there is no {value!r}{hint}")


def known_name(known: Collection[str]) -> Callable[[object, Any, Any], None]:
    """Return a validator for a field of an attrs class that does the same."""

    def validate(_instance: object, field: Any, value: Any) -> None:
        check_name(field.name, value, known)

    return validate
