"""What to do about each error, in English and in Chinese."""

from collections.abc import Mapping, Sequence
from typing import Final

Remedy = Mapping[str, str]

FOR_CLASS: Final[Mapping[str, Remedy]] = {
    "CloudBaseAuthError": {
        "en": "Read the error's text.",
        "zh": "请阅读错误信息。",
    },
}


def remedy(kinds: Sequence[str], name: str | None) -> Remedy:
    """
    Choose the texts for an error.

    Args:
        kinds: the names of its classes, the nearest first.
        name: the service's name for it.
    """
    return next(FOR_CLASS[kind] for kind in kinds if kind in FOR_CLASS)
