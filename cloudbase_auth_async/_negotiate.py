"""
Which contract a service speaks, decided without asking it more than it takes.

| the call | first form | the next form follows when |
| --- | --- | --- |
| anonymous sign-in, third-party accounts | primary path | no such route (404, 405) |
| introspect, revoke, with a secret | Basic and `token` | the client is refused (401, 403), \
or an introspection says "inactive" and that form has not proved itself yet |
| introspect, revoke, without a secret | the token as bearer | never |
| send a code without `target` | no such field | `invalid_argument` |
| any call with a captcha token | in a header, then in the query | `captcha_required`: not seen |

A demand for a captcha, whatever its status, is about no form: the call is made again with a token,
and begins with the form that was asked for one. An earlier form would use the token up.

What worked is remembered for each feature, in the client, and goes first from then on. Nothing
here does I/O.
"""

from collections.abc import Sequence
from typing import Any

from cloudbase_auth_async._call import Auth, Call, Dialect, Form, Turn
from cloudbase_auth_async.config import DialectName
from cloudbase_auth_async.errors import ApiError, ConfigurationError

_NO_ROUTE = (404, 405)
_CLIENT_REFUSED = (401, 403)


def candidates(
    call: Call[Any],
    *,
    pinned: DialectName,
    has_secret: bool,
    spoken: Dialect | None,
    demanded: Dialect | None = None,
    with_captcha: bool = False,
) -> Sequence[Form]:
    """
    Choose the forms to try, in order.

    Args:
        call: what is asked.
        pinned: the dialect the client was told to speak.
        has_secret: whether there is a client secret.
        spoken: what this service is known to speak for this feature; None if not known.
        demanded: whose form a captcha was last wanted for in this very call; None if none was.
        with_captcha: whether a captcha token goes along.

    Raises:
        ConfigurationError: the pinned dialect has a form only for clients with a secret.
    """
    if len(call.forms) == 1:
        return call.forms
    wanted = None if pinned == "auto" else Dialect(pinned)
    forms = [
        form
        for form in call.forms
        if (wanted is None or form.dialect is wanted)
        and (has_secret or form.auth is not Auth.CLIENT_SECRET)
    ]
    if not forms:
        raise ConfigurationError("client_secret", f"is needed for {call.operation}")
    # What is known comes first. The rest stays in reserve, so that a service which changes its
    # mind locks nobody out, unless it only adds a field: then it is not asked without again.
    if call.turn is Turn.INVALID_ARGUMENT and spoken is Dialect.DOCUMENTED:
        return [form for form in forms if form.dialect is spoken] or forms
    if call.turn is Turn.INVALID_ARGUMENT and with_captcha and spoken is None:
        # That contract has captchas, and a form that is refused uses the token up.
        spoken, demanded = Dialect.DOCUMENTED, None
    forms.sort(key=lambda form: form.dialect is not spoken)
    asked = [form.dialect for form in forms]
    return forms[asked.index(demanded) :] if demanded in asked else forms


def captcha_places(*, pinned: DialectName, spoken: Dialect | None) -> Sequence[Dialect]:
    """
    Choose where a captcha token is put: in the documented header, or in the query of the other.

    The header first where nothing is known: a URL is logged by whatever stands between.
    """
    if pinned != "auto":
        return [Dialect(pinned)]
    places = [Dialect.DOCUMENTED, Dialect.PRIMARY]
    return sorted(places, key=lambda place: place is not spoken)


def moves_on(turn: Turn, error: ApiError) -> bool:
    """Tell whether a refusal is about the form of a call rather than about what it asks."""
    if turn is Turn.NO_ROUTE:
        return error.status in _NO_ROUTE
    if turn is Turn.CLIENT_REFUSED:
        return error.status in _CLIENT_REFUSED
    return turn is Turn.INVALID_ARGUMENT and error.error == "invalid_argument"


def is_foreign(error: ApiError) -> bool:
    """Tell whether a service refused a form because it does not speak it, and is not in trouble."""
    return error.status in (400, *_CLIENT_REFUSED, *_NO_ROUTE)


def told(turn: Turn, refusals: Sequence[ApiError], *, spoken: Dialect | None) -> ApiError:
    """
    Choose which refusal the caller sees when every form was refused.

    Refused clients see what was said of their credentials, and a service whose dialect is known
    is taken at its word. Otherwise the last form's refusal is the one about the matter itself,
    unless it is a bare 404 and an earlier one had a name.
    """
    if turn is Turn.CLIENT_REFUSED or spoken is not None:
        return refusals[0]
    if refusals[-1].error is None:
        return next((r for r in refusals if r.error is not None), refusals[-1])
    return refusals[-1]
