"""
Bytes to values, strictly: a wrong type is an error that names its place, never its value.

`decode` turns a parsed JSON document into one of our models. Nothing is coerced: `"7200"` is not
a number and `1` is not a boolean. Fields a model does not know are kept in its `extra`. A null
counts as absent, as services written in Go mean it, and an empty text where a time should be.
"""

import codecs
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from cloudbase_auth_async import models
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.models._captcha import unpacked as unpacked_image

T = TypeVar("T")

_LONGEST_LIST = 10_000
_INT64 = 2**63  # beyond it no service means a number, and arithmetic with floats breaks
_WORDS: dict[type, str] = {str: "a string", bool: "true or false"}
# Fields of our own making: the wire cannot set them, a field of that name there is "extra".
_OURS: dict[type, frozenset[str]] = {
    TokenPair: frozenset({"expires_at", "started"}),
    models.DeviceAuthorization: frozenset({"expires_at"}),
}


@attrs.frozen(kw_only=True)
class ProviderList:
    """The envelope of `providers.list`; no caller sees it."""

    data: tuple[models.LinkedProvider, ...] = ()
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen(kw_only=True)
class SignedOut:
    """The answer of a sign-out that names where the browser goes on."""

    redirect_uri: str | None = None
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen(kw_only=True)
class Existence:
    """The answer of `accounts.exists`; its caller sees the bool."""

    exist: bool
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


class Malformed(Exception):
    """
    The answer is not what it should be.

    Attributes:
        path: where, such as `"$.groups[0].id"`.
        expected: what should be there, in words.
    """

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(path, expected)
        self.path = path
        self.expected = expected


class _Wrong(ValueError):
    """A value of the wrong type; where it stands is found on the second pass."""

    def __init__(self, expected: str, path: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.path = path


def parse(body: bytes) -> Any:
    """
    Parse JSON.

    Raises:
        Malformed: it is no JSON, nests too deeply, or holds NaN or a monstrous number.
    """
    try:
        return _JSON.decode(body.removeprefix(codecs.BOM_UTF8).decode())
    except (ValueError, RecursionError):
        pass  # raised below, where the parser's own error, which holds the text, is no context
    raise Malformed("$", "JSON")


def _no_constant(_: str) -> Any:
    raise ValueError


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def decode(document: Any, kind: type[T]) -> T:
    """
    Turn a parsed document into a model.

    Raises:
        Malformed: with the path of the first thing that is wrong.
    """
    # Scopes have children: how deep an answer goes is for whoever answers to say.
    path, expected = "", "less depth"
    try:
        return _QUICK.structure(document, kind)
    except RecursionError:
        pass
    except (ValueError, KeyError):
        # By the converter that keeps track of where it is: too slow for answers that are fine.
        try:
            return _TRACKING.structure(document, kind)
        except (ValueError, KeyError, RecursionError, cattrs.BaseValidationError) as failure:
            path, expected = _locate(failure)
    raise Malformed("$" + path, expected)


def salvaged(document: Any) -> TokenPair | None:
    """
    Save the tokens out of an answer that `decode` refuses; None if it has none.

    A refresh has spent the old token by the time its answer is read: a wrong type in `scope`
    must not cost the user the session. An access token that cannot be used is left empty.
    """
    try:
        fields = _mapping(document, None)
    except _Wrong:
        return None
    texts = {n: v for n, v in fields.items() if n in _TOKEN_TEXTS and type(v) is str and v}
    access_token = texts.get("access_token", "")
    usable = _BEARER.fullmatch(access_token) is not None
    if not usable and "refresh_token" not in texts:
        return None
    return TokenPair(
        access_token=access_token if usable else "",
        refresh_token=texts.get("refresh_token"),
        sub=texts.get("sub"),
        scope=texts.get("scope"),
    )


_BEARER = re.compile(r"[\x21-\x7e]+")
_TOKEN_TEXTS = ("access_token", "refresh_token", "sub", "scope")


def _locate(failure: BaseException) -> tuple[str, str]:
    """Follow the first of the nested failures down to its place."""
    path = ""
    while isinstance(failure, cattrs.BaseValidationError):
        failure = failure.exceptions[0]
        names = [getattr(note, "name", None) for note in getattr(failure, "__notes__", ())]
        path += "".join(f".{name}" for name in names if name)
    if isinstance(failure, _Wrong):
        return path + failure.path, failure.expected
    return path, "a value"


def _strict(kind: type) -> Callable[[Any, Any], Any]:
    def exactly(value: Any, _: Any) -> Any:
        # `type is`: to isinstance, True would be a good integer.
        if type(value) is not kind:
            raise _Wrong(_WORDS[kind])
        return value

    return exactly


def _integer(value: Any, _: Any) -> int:
    if type(value) is not int or not -_INT64 <= value < _INT64:
        raise _Wrong("an integer")
    return value


def _moment(value: Any, _: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Wrong("an RFC 3339 time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _mapping(value: Any, _: Any) -> Mapping[str, Any]:
    if type(value) is not dict:
        raise _Wrong("an object")
    return cast("dict[str, Any]", value)


def _tuples(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    item = get_args(kind)[0]
    structure = converter.get_structure_hook(item)

    def listed(value: Any, _: Any) -> Any:
        # Without the check a string would be taken apart into its letters.
        if not isinstance(value, list):
            raise _Wrong("a list")
        elements = cast("Sequence[Any]", value)
        if len(elements) > _LONGEST_LIST:
            raise _Wrong(f"at most {_LONGEST_LIST} items")
        index = 0
        try:
            found: list[Any] = []
            for index, element in enumerate(elements):  # noqa: B007 - the handler reads it
                found.append(structure(element, item))
        except (ValueError, KeyError, cattrs.BaseValidationError) as failure:
            # The first is enough: collecting them all makes a large bad answer very expensive.
            path, expected = _locate(failure)
        else:
            return tuple(found)
        raise _Wrong(expected, f"[{index}]{path}")

    return listed


def _models(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    ours = _OURS.get(kind, frozenset[str]())
    known = {field.name for field in attrs.fields(kind)} - ours - {"extra"}
    times = {field.name for field in attrs.fields(kind) if field.type == datetime | None} - ours
    omitted: dict[str, Any] = {name: override(omit=True) for name in ours}
    structure: Any = make_dict_structure_fn(kind, converter, **omitted)
    tidy = _TIDY.get(kind)

    def modelled(value: Any, _: Any) -> Any:
        if tidy is not None:
            value = tidy(value)
        sent = _mapping(value, None)
        fields = {
            k: v
            for k, v in sent.items()
            if k in known and v is not None and not (v == "" and k in times)
        }
        extra = {k: v for k, v in sent.items() if k not in known}
        if extra:
            fields["extra"] = extra
        return structure(fields, kind)

    return modelled


def _tidy_profile(value: Any) -> Any:
    """Older answers call the subject `user_id`, and the JavaScript client has names of its own."""
    sent = dict(_mapping(value, None))
    if sent.get("sub") is None:
        sent["sub"] = sent.get("user_id")
    for name, (ours, kind) in _PROFILE_NAMES.items():
        told = sent.get(name)
        if told is not None and type(told) is not kind:
            raise _Wrong(_WORDS[kind], "." + name)
        # Where both are there, the documented one counts, and the other one stays in `extra`.
        if name in sent and sent.get(ours) is None:
            sent[ours] = sent.pop(name)
    return sent


_PROFILE_NAMES: dict[str, tuple[str, type]] = {
    "loginType": ("login_type", str),
    "hasPassword": ("has_password", bool),
}


def _tidy_group(value: Any) -> Any:
    """Some answers list groups by name alone."""
    return {"id": value} if isinstance(value, str) else value


def _tidy_listed(value: object) -> object:
    """
    A list may come without an envelope.

    Of providers the primary contract says "list" and no more, and nobody documents a history.
    """
    return {"data": cast("Any", value)} if isinstance(value, list) else value


def _tidy_introspection(value: Any) -> Any:
    """The documented contract has no `active`: it answers `{}` for a dead token."""
    sent = _mapping(value, None)
    if sent.get("active") is not None:
        return sent
    named = sent.get("sub") is not None or sent.get("client_id") is not None
    return {**sent, "active": named}


def _tidy_tokens(value: Any) -> Any:
    """An empty refresh token is none, and an access token must be able to stand in a header."""
    sent = _mapping(value, None)
    access_token = sent.get("access_token")
    if isinstance(access_token, str) and not _BEARER.fullmatch(access_token):
        raise _Wrong("a token", ".access_token")
    return {**sent, "refresh_token": None} if sent.get("refresh_token") == "" else sent


def _tidy_challenge(value: Any) -> Any:
    """A picture that cannot be shown must not reach a person."""
    sent = _mapping(value, None)
    data = sent.get("data")
    if isinstance(data, str) and unpacked_image(data) is None:
        raise _Wrong("a data URI", ".data")
    return sent


def _tidy_pass(value: Any) -> Any:
    """A captcha token must be able to stand in a header."""
    sent = _mapping(value, None)
    token = sent.get("captcha_token")
    if isinstance(token, str) and not _BEARER.fullmatch(token):
        raise _Wrong("a token", ".captcha_token")
    return sent


def _tidy_status(value: Any) -> Any:
    """A QR code that nobody has agreed to yet has no provider token, or an empty one."""
    sent = _mapping(value, None)
    return {**sent, "provider_token": None} if sent.get("provider_token") == "" else sent


_TIDY: dict[type, Callable[[Any], Any]] = {
    ProviderList: _tidy_listed,
    TokenPair: _tidy_tokens,
    models.CaptchaChallenge: _tidy_challenge,
    models.CaptchaPass: _tidy_pass,
    models.Introspection: _tidy_introspection,
    models.MiniProgramCodeStatus: _tidy_status,
    models.SecurityHistory: _tidy_listed,
    models.UserGroup: _tidy_group,
    models.UserProfile: _tidy_profile,
}


def _is_optional(kind: Any) -> bool:
    return isinstance(kind, UnionType) and NoneType in get_args(kind)


def _optional(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    # Nulls are gone by the time a field is structured: what is left is a value of the other type.
    (inner,) = (arg for arg in get_args(kind) if arg is not NoneType)
    structure = converter.get_structure_hook(inner)
    return lambda value, _: structure(value, inner)


def _is(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _converter(*, tracking: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=tracking)
    for kind in _WORDS:
        converter.register_structure_hook(kind, _strict(kind))
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_func(_is(Mapping), _mapping)
    factories: Any = converter.register_structure_hook_factory
    factories(_is(tuple), _tuples)
    factories(_is_optional, _optional)
    factories(attrs.has, _models)
    return converter


_QUICK = _converter(tracking=False)
_TRACKING = _converter(tracking=True)
