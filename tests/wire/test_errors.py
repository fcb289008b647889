"""What the service refuses becomes one typed error, whichever shape its body has."""

import email.utils
import json
import pickle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudbase_auth_async import AuthClient, DecodeError, errors
from cloudbase_auth_async.errors import ApiError
from cloudbase_auth_async.testing import Emulator

SECRET = "c4nary-passw0rd"

# Every name of contract a.5, by the class a caller catches.
FAMILIES: dict[type[ApiError], str] = {
    errors.InvalidCredentials: "invalid_password invalid_username_or_password invalid_credentials"
    " wrong_password password_not_set",
    errors.InvalidCode: "invalid_verification_code invalid_two_factor invalid_two_factor_recovery",
    errors.CaptchaRequired: "captcha_required",
    errors.CaptchaInvalid: "captcha_invalid",
    errors.SecondFactorRequired: "two_factor_required mfa_phone_required phone_required",
    errors.RateLimited: "resource_exhausted rate_limit_exceeded",
    errors.TooManyAttempts: "invalid_status",
    errors.NotFound: "provider_not_found",
    # Of a sign-in, `not_found` can only mean the user.
    errors.UserNotFound: "user_not_found not_found",
    errors.AlreadyExists: "already_exists username_already_exists",
    errors.PreconditionFailed: "failed_precondition aborted interaction_required"
    " account_selection_required consent_required",
    errors.UserBlocked: "user_blocked",
    errors.UserPending: "user_pending under_review",
    errors.LoginMethodDisabled: "unimplemented login_method_disabled login_type_disabled"
    " provider_not_enabled",
    errors.PermissionDenied: "permission_denied access_denied",
    errors.Unauthenticated: "unauthenticated unauthorized login_required INVALID_ACCESS_TOKEN"
    " INVALID_CREDENTIALS MISSING_CREDENTIALS",
    errors.InvalidGrant: "invalid_grant",
    errors.InvalidClient: "invalid_client unauthorized_client",
    errors.ProviderFailed: "provider_error",
    errors.ServerUnavailable: "internal unavailable data_loss deadline_exceeded server_error"
    " temporarily_unavailable cancelled",
    errors.InvalidArgument: "invalid_argument invalid_request invalid_scope out_of_range"
    " unsupported_grant_type unsupported_response_type invalid_phone_number invalid_request_uri"
    " invalid_request_object request_not_supported request_uri_not_supported"
    " registration_not_supported",
}
# Names that say nothing: the status decides. The last two the official client makes up by itself.
UNNAMED = "unknown unreachable local"

NUMBERS: dict[int, type[ApiError]] = {
    3: errors.InvalidArgument,
    5: errors.UserNotFound,
    6: errors.AlreadyExists,
    7: errors.PermissionDenied,
    8: errors.RateLimited,
    9: errors.PreconditionFailed,
    10: errors.PreconditionFailed,
    12: errors.LoginMethodDisabled,
    13: errors.ServerUnavailable,
    14: errors.ServerUnavailable,
    16: errors.Unauthenticated,
    4001: errors.CaptchaRequired,
    4002: errors.CaptchaInvalid,
    4019: errors.ProviderFailed,
    4022: errors.InvalidClient,
    4042: errors.SecondFactorRequired,
    4043: errors.InvalidCredentials,
    4045: errors.LoginMethodDisabled,
}
STATUSES: dict[int, type[ApiError]] = {
    302: ApiError,
    400: errors.InvalidArgument,
    401: errors.Unauthenticated,
    402: ApiError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.AlreadyExists,
    418: ApiError,
    423: ApiError,
    429: errors.RateLimited,
    451: ApiError,
    500: errors.ServerUnavailable,
    501: errors.ServerUnavailable,
    502: errors.ServerUnavailable,
    504: errors.ServerUnavailable,
    599: errors.ServerUnavailable,
}


async def refused(
    emulator: Emulator, auth: AuthClient, body: Any, *, status: int = 400, **headers: str
) -> ApiError:
    """Sign in at a service that answers so, and return the error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    emulator.faults.add("POST /signin", "status", status=status, body=body, headers=named)
    with pytest.raises(ApiError) as caught:
        await auth.sign_in.password("alice", SECRET)
    return caught.value


@pytest.mark.parametrize(
    ("name", "family"),
    [(name, family) for family, names in FAMILIES.items() for name in names.split()],
)
async def test_every_name_has_its_class(
    name: str, family: type[ApiError], emulator: Emulator, auth: AuthClient
) -> None:
    """Each error name of the service is one class, whatever the status and the number (B20)."""
    for status in (400, 418, 500, 200):
        body = {"error": name, "error_code": 4999, "error_description": "words"}
        error = await refused(emulator, auth, body, status=status)
        assert (type(error), error.error, error.status) == (family, name, status)
        assert (error.error_code, error.description) == (4999, "words")


@pytest.mark.parametrize("name", [*UNNAMED.split(), "brand_new_error", "登录失败"])
async def test_an_unknown_name_is_kept(name: str, emulator: Emulator, auth: AuthClient) -> None:
    """A name without a class of its own keeps its name, and its status says the rest (B20)."""
    text = "invalid_grant: wrong password, captcha_required, 验证码错误, user_not_found"
    body = {"error": name, "error_description": text}
    for status, family in STATUSES.items():
        error = await refused(emulator, auth, body, status=status)
        assert (type(error), error.error, error.description) == (family, name, text)


async def test_unimplemented_depends_on_the_call(emulator: Emulator, auth: AuthClient) -> None:
    """To a sign-in `unimplemented` means switched off; to any other call, not offered here."""
    emulator.faults.add("*", "status", status=501, body={"error": "unimplemented"}, times=2)
    with pytest.raises(errors.LoginMethodDisabled):
        await auth.sign_in.anonymously()
    with pytest.raises(errors.PreconditionFailed):
        await auth.session(access_token="opaque").user.me()


@pytest.mark.parametrize(("number", "family"), NUMBERS.items())
@pytest.mark.parametrize("shape", ["error_code", "text", "rpc"])
async def test_every_number_has_its_class(
    number: int, family: type[ApiError], shape: str, emulator: Emulator, auth: AuthClient
) -> None:
    """A number alone names the error, as `error_code`, as a numeric string, as google.rpc."""
    bodies: dict[str, dict[str, Any]] = {
        "error_code": {"error_code": number, "error_description": "words"},
        "text": {"error_code": str(number), "error_description": "words"},
        "rpc": {"code": number, "message": "words", "details": [{"@type": "t"}]},
    }
    error = await refused(emulator, auth, bodies[shape])
    assert type(error) is family
    assert (error.error_code, error.description) == (number, "words")


@pytest.mark.parametrize(("status", "family"), STATUSES.items())
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"{", b"[]", b"null", b'"x"', b"7"])
async def test_a_body_that_says_nothing_leaves_the_status(
    status: int, family: type[ApiError], body: bytes, emulator: Emulator, auth: AuthClient
) -> None:
    """Without a readable body the status chooses the class, and no name is made up (B18)."""
    error = await refused(emulator, auth, body, status=status)
    assert (type(error), error.status) == (family, status)
    assert (error.error, error.error_code, error.description) == (None, None, None)
    assert error.request_id == emulator.journal[-1].request_id


async def test_the_gateways_own_body(emulator: Emulator, auth: AuthClient) -> None:
    """The gateway's `{code, message, requestId}` gives name, text and request id."""
    body = {"code": "INVALID_CREDENTIALS", "message": "no", "requestId": "gateway-7"}
    error = await refused(emulator, auth, body, status=401)
    assert type(error) is errors.Unauthenticated
    assert (error.error, error.error_code) == ("INVALID_CREDENTIALS", None)
    assert (error.description, error.request_id) == ("no", "gateway-7")


async def test_an_unknown_gateway_code_is_kept(emulator: Emulator, auth: AuthClient) -> None:
    """A gateway code nobody listed keeps its name and gets the class of its status."""
    error = await refused(emulator, auth, {"code": "QUOTA_GONE", "message": "pay"}, status=402)
    assert (type(error), error.error) == (ApiError, "QUOTA_GONE")


@pytest.mark.parametrize("value", [{"code": 3}, ["x"], 7, True, 1.5])
@pytest.mark.parametrize("status", [200, 400])
async def test_an_error_that_is_no_string(
    value: Any, status: int, emulator: Emulator, auth: AuthClient
) -> None:
    """A truthy `error` of any type is a refusal, at HTTP 200 too, and has no name."""
    error = await refused(emulator, auth, {"error": value}, status=status)
    assert (error.error, error.status) == (None, status)


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, "", "x"])
async def test_wrong_types_inside_an_error_body(
    value: Any, emulator: Emulator, auth: AuthClient
) -> None:
    """Fields of the wrong type inside an error count as not said; the name still counts."""
    body = {"error": "invalid_grant", "error_description": value, "requestId": value}
    body |= {"error_code": value, "retry_after": value, "details": value, "message": value}
    error = await refused(emulator, auth, body)
    assert type(error) is errors.InvalidGrant
    assert error.description == ("x" if value == "x" else None)
    assert error.error_code == (5 if type(value) is int else None)
    assert error.retry_after == (value if type(value) in (int, float) else None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 999999999.0),
        *((text, None) for text in ("1.5", "-3", "soon", "", "\u0663", "Mon, 99 Zzz")),
    ],
)
async def test_retry_after_as_a_number(
    header: str, seconds: float | None, emulator: Emulator, auth: AuthClient
) -> None:
    """A Retry-After of seconds is read; one that cannot be read says nothing."""
    error = await refused(emulator, auth, b"", status=429, Retry_After=header)
    assert error.retry_after == seconds


@pytest.mark.parametrize("ahead", [90, 0, -90])
async def test_retry_after_as_a_date(ahead: int, emulator: Emulator, auth: AuthClient) -> None:
    """A Retry-After date counts from the service's clock, and never lies in the past."""
    date = email.utils.formatdate(emulator.clock.wall() + ahead, usegmt=True)
    error = await refused(emulator, auth, b"", status=429, Retry_After=date)
    assert error.retry_after == pytest.approx(max(0, ahead), abs=1)


@pytest.mark.parametrize("field", ["retry_after", "retryAfter"])
async def test_retry_after_in_the_body(field: str, emulator: Emulator, auth: AuthClient) -> None:
    """The body's own retry hint is read in both spellings, and wins over the header's."""
    body = {"error": "resource_exhausted", field: 12.5}
    error = await refused(emulator, auth, body, status=429, Retry_After="3")
    assert (type(error), error.retry_after) == (errors.RateLimited, 12.5)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1", "1e999", "1" * 400, "-" + "1" * 400])
async def test_a_monstrous_retry_hint_says_nothing(
    text: str, emulator: Emulator, auth: AuthClient
) -> None:
    """A retry hint that is no number of seconds is as good as none, and raises nothing else."""
    body = f'{{"error":"resource_exhausted","retry_after":{text}}}'
    error = await refused(emulator, auth, body, status=429)
    assert error.retry_after is None


@pytest.mark.parametrize("field", ["error_code", "code"])
async def test_a_monstrous_number_is_not_kept(
    field: str, emulator: Emulator, auth: AuthClient
) -> None:
    """A number beyond int32 is no error number: it may not fill logs with its digits."""
    body = f'{{"{field}":{"1" * 4000},"message":"m","error_description":"m"}}'
    error = await refused(emulator, auth, body)
    assert len(str(error)) < 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = "error error_code error_description code message requestId retry_after retryAfter"
BODIES = st.binary(max_size=80) | st.builds(
    lambda document: json.dumps(document).encode(),
    JSON | st.dictionaries(st.sampled_from(NAMES.split()), JSON, max_size=8),
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, status=st.sampled_from([200, 201, 400, 401, 404, 429, 500, 503]))
async def test_whatever_the_body_the_error_is_ours(
    body: bytes, status: int, emulator: Emulator, auth: AuthClient
) -> None:
    """Any body at any status ends in a success, an ApiError or a DecodeError, never a bug."""
    emulator.faults.clear()
    emulator.faults.add("POST /signin", "status", status=status, body=body)
    with pytest.raises((ApiError, DecodeError)) as caught:
        await auth.sign_in.password("alice", SECRET)
    error = caught.value
    assert "\n" not in str(error)
    assert error.status == status
    if isinstance(error, ApiError):
        assert error.retry_after is None or error.retry_after >= 0
    else:
        assert status < 300
    pickle.loads(pickle.dumps(error))  # noqa: S301 - what was just made


@pytest.mark.parametrize(
    ("call", "family"),
    [("me", errors.PermissionDenied), ("delete", errors.SudoRequired)],
)
async def test_sudo_is_demanded_where_it_can_be(
    call: str, family: type[ApiError], emulator: Emulator, auth: AuthClient
) -> None:
    """`permission_denied` means a missing sudo token only in the calls that take one."""
    emulator.faults.add("*", "status", status=403, body={"error": "permission_denied"})
    with pytest.raises(errors.PermissionDenied) as caught:
        await getattr(auth.session(access_token="opaque").user, call)()
    assert type(caught.value) is family


async def test_a_wrong_code_is_a_wrong_code(auth: AuthClient) -> None:
    """`invalid_argument` from the check of a code means that the code is wrong."""
    with pytest.raises(errors.InvalidCode):
        await auth.verification.verify("no-such-id", "000000")
