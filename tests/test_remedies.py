"""Each error says what to do about it, in English and in Chinese, by class and name alone."""

import copy
import importlib
import inspect
import pickle
import pkgutil
import re
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, ClassVar, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cloudbase_auth_async
from cloudbase_auth_async import AuthClient, _policy, _verdict, errors
from cloudbase_auth_async.errors import ApiError, CloudBaseAuthError
from cloudbase_auth_async.errors import _base as base
from cloudbase_auth_async.errors._remedies import FOR_CLASS
from cloudbase_auth_async.errors._remedies_names import FOR_NAME

LONGEST = {"en": 210, "zh": 110}
# Chinese words, and their full stop at the end.
CHINESE = re.compile(r"[\u4e00-\u9fff]{4}.*。$")
ENGLISH = re.compile(r"[A-Z][ -~]+\.")

# Every name of the vendor's clients and pages, by where it comes from, and its class.
GRPC = {
    "cancelled": errors.ServerUnavailable,
    "invalid_argument": errors.InvalidArgument,
    "deadline_exceeded": errors.ServerUnavailable,
    "not_found": errors.NotFound,
    "already_exists": errors.AlreadyExists,
    "permission_denied": errors.PermissionDenied,
    "resource_exhausted": errors.RateLimited,
    "failed_precondition": errors.PreconditionFailed,
    "aborted": errors.PreconditionFailed,
    "out_of_range": errors.InvalidArgument,
    "unimplemented": errors.PreconditionFailed,
    "internal": errors.ServerUnavailable,
    "unavailable": errors.ServerUnavailable,
    "data_loss": errors.ServerUnavailable,
    "unauthenticated": errors.Unauthenticated,
}
AUTH = {
    "invalid_password": errors.InvalidCredentials,
    "password_not_set": errors.InvalidCredentials,
    "invalid_status": errors.TooManyAttempts,
    "user_pending": errors.UserPending,
    "user_blocked": errors.UserBlocked,
    "invalid_verification_code": errors.InvalidCode,
    "two_factor_required": errors.SecondFactorRequired,
    "invalid_two_factor": errors.InvalidCode,
    "invalid_two_factor_recovery": errors.InvalidCode,
    "under_review": errors.UserPending,
    "captcha_required": errors.CaptchaRequired,
    "captcha_invalid": errors.CaptchaInvalid,
    "provider_not_enabled": errors.LoginMethodDisabled,
    "login_method_disabled": errors.LoginMethodDisabled,
    "login_type_disabled": errors.LoginMethodDisabled,
    "invalid_username_or_password": errors.InvalidCredentials,
    "invalid_credentials": errors.InvalidCredentials,
    "wrong_password": errors.InvalidCredentials,
    "user_not_found": errors.UserNotFound,
    "mfa_phone_required": errors.SecondFactorRequired,
    "phone_required": errors.SecondFactorRequired,
    "provider_error": errors.ProviderFailed,
}
OAUTH = {
    "invalid_request": errors.InvalidArgument,
    "unauthorized_client": errors.InvalidClient,
    "invalid_client": errors.InvalidClient,
    "access_denied": errors.PermissionDenied,
    "unsupported_response_type": errors.InvalidArgument,
    "unsupported_grant_type": errors.InvalidArgument,
    "invalid_scope": errors.InvalidArgument,
    "invalid_grant": errors.InvalidGrant,
    "server_error": errors.ServerUnavailable,
    "temporarily_unavailable": errors.ServerUnavailable,
    "interaction_required": errors.PreconditionFailed,
    "login_required": errors.Unauthenticated,
    "account_selection_required": errors.PreconditionFailed,
    "consent_required": errors.PreconditionFailed,
    "invalid_request_uri": errors.InvalidArgument,
    "invalid_request_object": errors.InvalidArgument,
    "request_not_supported": errors.InvalidArgument,
    "request_uri_not_supported": errors.InvalidArgument,
    "registration_not_supported": errors.InvalidArgument,
    "authorization_pending": errors.AuthorizationPending,
    "slow_down": errors.SlowDown,
    "expired_token": errors.DeviceCodeExpired,
}
PRINTED = {
    "unauthorized": errors.Unauthenticated,
    "provider_not_found": errors.NotFound,
    "username_already_exists": errors.AlreadyExists,
    "invalid_phone_number": errors.InvalidArgument,
    "rate_limit_exceeded": errors.RateLimited,
    "INVALID_ACCESS_TOKEN": errors.Unauthenticated,
    "INVALID_CREDENTIALS": errors.Unauthenticated,
    "MISSING_CREDENTIALS": errors.Unauthenticated,
}
NAMES: dict[str, type[ApiError]] = {**GRPC, **AUTH, **OAUTH, **PRINTED}
# These say nothing of themselves, or never come from the service: their status decides.
NAMELESS = ("unknown", "unreachable", "local")
STATUSES: dict[int, type[ApiError]] = {
    302: ApiError,
    400: errors.InvalidArgument,
    401: errors.Unauthenticated,
    402: ApiError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.AlreadyExists,
    429: errors.RateLimited,
    500: errors.ServerUnavailable,
    501: errors.ServerUnavailable,
    503: errors.ServerUnavailable,
}


def refusal(kind: type[ApiError], name: str | None = None, **more: Any) -> ApiError:
    """Return an error of the service."""
    values: dict[str, Any] = {"status": 400, "error_code": None, "description": None}
    values |= {"operation": "user.me", "request_id": "r-1", "retry_after": None}
    return kind(error=name, **values | more)


def made(kind: type[CloudBaseAuthError]) -> CloudBaseAuthError:
    """Return an error of any class, with whatever its class asks for."""
    _, *asked = inspect.signature(kind.__init__).parameters.values()
    gathered = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return kind(**{each.name: "canary" for each in asked if each.kind not in gathered})


def _classes(kind: type[CloudBaseAuthError] = CloudBaseAuthError) -> Iterator[Any]:
    if kind.__module__.startswith("cloudbase_auth_async"):
        yield kind
    for inner in kind.__subclasses__():
        yield from _classes(inner)


for _found in pkgutil.walk_packages(cloudbase_auth_async.__path__, "cloudbase_auth_async."):
    if not _found.name.endswith("__main__"):
        importlib.import_module(_found.name)
CLASSES: list[type[CloudBaseAuthError]] = sorted(set(_classes()), key=lambda kind: kind.__name__)
TEXTS = [*FOR_CLASS.items()] + [
    (f"{kind}-{name}", text) for kind, names in FOR_NAME.items() for name, text in names.items()
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_has_both_texts(kind: type[CloudBaseAuthError]) -> None:
    """No class of the tree is left to the general words of the one above it (B20)."""
    assert kind.__name__ in FOR_CLASS
    error = made(kind)
    assert error.remedy() == error.remedy("en") == FOR_CLASS[kind.__name__].en
    assert error.remedy("zh") == FOR_CLASS[kind.__name__].zh


def test_no_text_is_of_nobody() -> None:
    """Every text belongs to a class there is, and a name's to the class the name has."""
    assert set(FOR_CLASS) == {kind.__name__ for kind in CLASSES}
    homes = {name: kind for kind, names in FOR_NAME.items() for name in names}
    assert homes == {name: _verdict.BY_NAME[name].__name__ for name in homes}
    assert len(homes) == sum(len(names) for names in FOR_NAME.values())


@pytest.mark.parametrize(("at", "text"), TEXTS, ids=[at for at, _ in TEXTS])
def test_both_languages_are_short_and_themselves(at: str, text: Any) -> None:
    """English is plain ASCII, Chinese is Chinese, and neither is longer than two lines."""
    assert ENGLISH.fullmatch(text.en), at
    assert CHINESE.search(text.zh), at
    assert len(text.en) <= LONGEST["en"], at
    assert len(text.zh) <= LONGEST["zh"], at
    assert "  " not in text.en + text.zh, at
    # Names of code stand in both: who reads one language is told no less.
    assert set(re.findall(r"[a-z]+_[a-z_]+", text.zh)) <= set(re.findall(r"\w+", text.en)), at


async def test_every_call_that_a_text_names_is_there() -> None:
    """A coroutine that a text sends people to exists: on the client, a session or a flow."""
    named = re.compile(r"\b(?:auth|session|flow)(?:\.\w+)+(?=\(\))")
    calls = {call for _, text in TEXTS for call in named.findall(text.en + text.zh)}
    assert len(calls) > 5
    async with AuthClient("demo-env") as auth:
        owners: dict[str, Any] = {"auth": auth, "session": auth.session(access_token="opaque")}
        owners["flow"] = auth.flows.sign_in_or_up(email="alice@example.com")
        for call in calls:
            owner, _, path = call.partition(".")
            assert inspect.iscoroutinefunction(attrgetter(path)(owners[owner])), call


def test_no_two_classes_say_the_same() -> None:
    """Each class and each name with a text of its own has something of its own to say."""
    for language in get_args(base.Language):
        said = [getattr(text, language) for text in FOR_CLASS.values()]
        assert len(set(said)) == len(said)
        for kind, names in FOR_NAME.items():
            general = getattr(FOR_CLASS[kind], language)
            assert all(getattr(text, language) != general for text in names.values())


def test_the_table_has_every_name() -> None:
    """The library's table is the vendor's names, no more and no less (B20)."""
    assert dict(_verdict.BY_NAME) == NAMES
    assert set(_verdict.NAME_OF_NUMBER.values()) <= {*NAMES, *NAMELESS}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_its_class_and_both_texts(name: str) -> None:
    """Each name has one class, whatever the status, and a remedy in both languages (B20)."""
    assert {_verdict.family(name, status, {}) for status in STATUSES} == {NAMES[name]}
    error = refusal(NAMES[name], name)
    assert ENGLISH.fullmatch(error.remedy("en"))
    assert CHINESE.search(error.remedy("zh"))


def test_one_name_alone_ends_a_session() -> None:
    """No name but `invalid_grant` is taken for a refusal that is for good (B18)."""
    ending = {
        name
        for name in NAMES
        for status in STATUSES
        if _policy.verdict(refusal(_verdict.family(name, status, {}), name, status=status))
        is _policy.Verdict.ENDED
    }
    assert ending == {"invalid_grant"}
    assert errors.InvalidGrant not in _verdict.BY_STATUS.values()


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
@pytest.mark.parametrize("name", [None, *NAMELESS, "brand_new_error", "登录失败", "", "a" * 100])
def test_unknown_names_go_by_status(name: str | None, status: int, kind: type[ApiError]) -> None:
    """Under a name nobody listed, or none, the remedy is that of the status's class (B20)."""
    assert _verdict.family(name, status, {}) is kind
    error = refusal(kind, name, status=status)
    assert error.remedy("en") == FOR_CLASS[kind.__name__].en
    assert error.remedy("zh") == FOR_CLASS[kind.__name__].zh


def test_distinct_names_of_a_family_have_distinct_advice() -> None:
    """What a name tells beyond its class comes out: a missing password is no wrong one (B20)."""
    told = [
        refusal(errors.InvalidCredentials, name).remedy()
        for name in ("invalid_password", "password_not_set", "invalid_credentials")
    ]
    assert len(set(told)) == 3
    cross_site = refusal(errors.PermissionDenied, "permission_denied")
    assert "safe domains" in cross_site.remedy("en")
    assert "安全域名" in cross_site.remedy("zh")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (errors.SudoRequired, "permission_denied"),
        (errors.InvalidCode, "invalid_argument"),
        (errors.UserNotFound, "not_found"),
        (errors.LoginMethodDisabled, "unimplemented"),
        (errors.SubjectChanged, "invalid_grant"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_call_knows_better_than_the_name(kind: type[CloudBaseAuthError], name: str) -> None:
    """Where a call gave a name a class of its own, the class's remedy wins."""
    error = made(kind)
    error.__dict__["error"] = name
    assert error.remedy("en") == FOR_CLASS[kind.__name__].en
    assert error.remedy("zh") == FOR_CLASS[kind.__name__].zh


def test_a_name_counts_only_in_its_own_class() -> None:
    """Every name in every other class of the service's leaves that class its own remedy."""
    for kind in (kind for kind in CLASSES if issubclass(kind, ApiError)):
        for name in (name for name, home in NAMES.items() if home is not kind):
            assert refusal(kind, name).remedy() == FOR_CLASS[kind.__name__].en


@given(
    name=st.text() | st.sampled_from(sorted(NAMES)),
    status=st.integers(100, 599),
    words=st.fixed_dictionaries(
        {
            "error_code": st.none() | st.integers(-(2**31), 2**31 - 1) | st.sampled_from([7, 4001]),
            "description": st.text()
            | st.sampled_from(["captcha_required", "密码不正确", "no user"]),
            "request_id": st.text(),
            "retry_after": st.none() | st.floats(0, 1e9),
        }
    ),
)
def test_the_words_of_the_service_change_nothing(
    name: str, status: int, words: dict[str, Any]
) -> None:
    """Whatever the description, number and id, class and name alone choose the remedy (B20)."""
    kind = _verdict.family(name, status, {})
    bare, spoken = refusal(kind, name), refusal(kind, name, status=status, **words)
    for language in get_args(base.Language):
        assert spoken.remedy(language) == bare.remedy(language)
    if name not in NAMES:
        assert spoken.remedy("zh") == FOR_CLASS[kind.__name__].zh


def test_no_remedy_repeats_a_value() -> None:
    """A remedy is a fixed text: nothing of the error, not even its name, is put into it."""
    fixed = {text.en for _, text in TEXTS} | {text.zh for _, text in TEXTS}
    for kind in CLASSES:
        error = made(kind)
        vars(error).update(dict.fromkeys(vars(error), "canary"))
        assert {error.remedy("en"), error.remedy("zh")} <= fixed
        assert "canary" not in error.remedy("en") + error.remedy("zh")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_twin_has_the_same_remedy(kind: type[CloudBaseAuthError]) -> None:
    """Pickled, copied and told again, an error keeps its remedy."""
    error = made(kind)
    if isinstance(error, ApiError):
        error.error = next(iter(FOR_NAME.get(kind.__name__, {"some_name": 0})))
    for twin in (error.again(), copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - just made
        assert type(twin) is kind
        assert (twin.remedy("en"), twin.remedy("zh")) == (error.remedy("en"), error.remedy("zh"))


@pytest.mark.parametrize("language", ["fr", "", "EN", "zh-CN", "canary", None, 1, [], ["en"]])
def test_there_is_no_third_language(language: Any) -> None:
    """Another language is a `ConfigurationError` that names the argument and not the value."""
    with pytest.raises(errors.ConfigurationError, match=r"^language: ") as caught:
        errors.ClientClosed("closed").remedy(language)
    assert caught.value.argument == "language"
    assert "canary" not in str(caught.value)
    assert caught.value.remedy() == FOR_CLASS["ConfigurationError"].en


class NotFound(errors.UserBlocked):
    """A class of somebody's own, with the name of one of the library's."""


class Sided(errors.SudoRequired, ValueError):
    """A class of somebody's own, made of one of the library's and something else."""


class Spoken(errors.RateLimited):
    """A class of somebody's own, with a remedy of its own."""

    def remedy(self, language: base.Language = "en") -> str:
        """Say something else, and what the library says."""
        return f"Ask Ann. {super().remedy(language)}"


class Odd(CloudBaseAuthError):
    """A class of somebody's own, whose `error` is no text."""

    error: ClassVar[Any] = ["a list"]


def test_classes_of_somebodys_own() -> None:
    """A user's class has the remedy of what it is made of, whatever it is called."""
    blocked, limited = FOR_CLASS["UserBlocked"], FOR_NAME["RateLimited"]
    assert refusal(NotFound, "user_blocked").remedy() == blocked.en
    assert refusal(Sided, "permission_denied").remedy("zh") == FOR_CLASS["SudoRequired"].zh
    told = refusal(Spoken, "resource_exhausted").remedy("zh")
    assert told == f"Ask Ann. {limited['resource_exhausted'].zh}"
    assert Odd("odd").remedy() == FOR_CLASS["CloudBaseAuthError"].en
