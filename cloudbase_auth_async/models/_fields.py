"""The kinds of fields that values from the wire have."""

from typing import Any

import attrs


def unpicklable(self: object) -> Any:
    """Refuse to be pickled; stands for `__reduce__`."""
    raise TypeError(f"a {type(self).__name__} holds a secret and is not pickled")


def extra_fields() -> Any:
    """Make the field for what the service sent and the model does not know."""
    # Unknown fields may hold secrets and mutable values: out of repr and out of hash.
    return attrs.field(factory=dict[str, Any], repr=False, hash=False)


def secret(default: Any = attrs.NOTHING) -> Any:
    """Make a field that no repr shows."""
    return attrs.field(default=default, repr=False)
