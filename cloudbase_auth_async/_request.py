"""
A call becomes the bytes of a request: whose name it carries, what its URL and body are.

Pure: what time it is and whose bearer it carries, the pipeline says.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

import attrs

from cloudbase_auth_async._call import Auth, Call, Form, QueryValue, Request
from cloudbase_auth_async.config import Settings

_JSON = "application/json"

# Body, query and path fields whose values must not come back in an error's text.
_SECRET_FIELDS = frozenset(
    {
        "anonymous_token",
        "captcha_token",
        "code",
        "code_challenge",
        "code_verifier",
        "confirm_password",
        "device_code",
        "encryptedData",
        "iv",
        "key",
        "new_password",
        "nonce",
        "old_password",
        "password",
        "provider_access_token",
        "provider_code",
        "provider_id_token",
        "provider_token",
        "provider_trans_token",
        "qrCodeId",
        "refresh_token",
        "state",
        "sudo_token",
        "ticket",
        "token",
        "user_code",
        "verification_code",
        "verification_id",
        "verification_token",
    }
)
_SHORTEST_SECRET = 3
_LOWER = re.compile("%[0-9A-F]{2}")


@attrs.frozen(kw_only=True)
class Extras:
    """
    What a request carries that its form does not say.

    Attributes:
        bearer: the access token for `Auth.USER`.
        captcha_token: proof of a solved captcha.
        captcha_in_query: where it goes: into the query, else into its header.
    """

    bearer: str | None = attrs.field(default=None, repr=False)
    captcha_token: str | None = attrs.field(default=None, repr=False)
    captcha_in_query: bool = False


@attrs.frozen
class Author:
    """Writes the requests of one client."""

    settings: Settings
    user_agent: str
    basic: str | None = attrs.field(repr=False)

    @classmethod
    def of(cls, settings: Settings, user_agent: str) -> "Author":
        """Make one."""
        # The documented contract has no client secret.
        has_secret = settings.client_secret is not None and settings.dialect != "documented"
        basic = _basic(settings.client_id, settings.client_secret or "") if has_secret else None
        return cls(settings, user_agent, basic)

    def request(
        self, call: Call[Any], form: Form, extras: Extras, *, request_id: str, now: float
    ) -> Request:
        """
        Write a request.

        Args:
            call: what is asked.
            form: in which form.
            extras: what else goes along.
            request_id: new for each request.
            now: the service's epoch seconds.
        """
        headers = {
            "Accept": _JSON,
            "Accept-Encoding": "gzip",
            "User-Agent": self.user_agent,
            "x-request-id": request_id,
        }
        query = {name: value for name, value in form.query.items() if value is not None}
        if form.device:
            headers["x-device-id"] = self.settings.device_id
        if extras.captcha_token is not None and extras.captcha_in_query:
            query["captcha_token"] = extras.captcha_token
        elif extras.captcha_token is not None:
            headers["x-captcha-token"] = extras.captcha_token
        authorization = self._authorization(form, extras.bearer)
        if authorization is None and form.auth not in (Auth.NOBODY, Auth.KEY):
            query["client_id"] = self.settings.client_id
        body = None
        if form.body is not None:
            headers["Content-Type"] = _JSON
            body = _encoded(form.body)
        url = self.settings.base_url + _path(form) + _query(query)
        if form.auth is Auth.KEY and form.key is not None:
            authorization = form.key.authorization(
                method=form.method, url=url, content_type=_JSON, body=body or b"", now=now
            )
        return Request(
            operation=call.operation,
            method=form.method,
            route=form.route,
            request_id=request_id,
            fresh_connection=call.fresh_connection,
            authorization=authorization,
            url=url,
            headers=headers,
            body=body,
        )

    def _authorization(self, form: Form, bearer: str | None) -> str | None:
        if form.auth is Auth.USER:
            return f"Bearer {bearer}"
        if form.auth is Auth.SUBJECT:
            return f"Bearer {form.subject}"
        if form.auth in (Auth.NOBODY, Auth.KEY):
            return None
        if form.auth is Auth.CLIENT_BASIC:
            return self.basic or _basic(self.settings.client_id, "")
        return self.basic

    def secrets(self, form: Form, extras: Extras) -> list[str]:
        """List what an error's text must not repeat, also as it stands in a URL or in JSON."""
        named = [form.body or {}, form.query, form.parts]
        values = [value for fields in named for value in _secret_values(fields)]
        encoded = None if self.basic is None else self.basic.removeprefix("Basic ")
        values += [extras.bearer, extras.captcha_token, form.subject]
        # An anonymous user is whoever can name the device id.
        values += [self.settings.client_secret, encoded, self.settings.device_id]
        values += [] if form.key is None else form.key.secrets
        texts = {v for v in values if isinstance(v, str) and len(v) >= _SHORTEST_SECRET}
        texts |= {spelt for text in texts for spelt in _spellings(text)}
        # Longest first: an old password that begins the new one would leave its end standing.
        return sorted(texts, key=len, reverse=True)


def _secret_values(fields: Mapping[str, Any]) -> Iterator[Any]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            # What a third party wants is not known here: any of it may be a secret.
            yield from cast("Mapping[str, Any]", value).values()
        elif name in _SECRET_FIELDS or name.startswith("other_params["):
            yield value


def _spellings(text: str) -> Iterator[str]:
    """Name the ways a service may repeat a text: as it is in JSON, in a URL, in a form, in HTML."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    for spelt in (json.dumps(text)[1:-1], plain):
        yield spelt
        # Services in Go write these so.
        go = spelt.replace("&", r"\u0026").replace("<", r"\u003c")
        yield go.replace(">", r"\u003e")
    quoted = quote(text, safe="")
    for spelt in (quoted, quoted.replace("%20", "+")):
        yield from (spelt, _LOWER.sub(lambda found: found[0].lower(), spelt))
    escaped = html.escape(text)
    yield from (escaped, escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;"))


def _basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def _path(form: Form) -> str:
    return form.route.format_map({name: quote(part, safe="") for name, part in form.parts.items()})


def _query(query: Mapping[str, QueryValue]) -> str:
    return "?" + urlencode(query, quote_via=quote, doseq=True) if query else ""


def _encoded(body: Mapping[str, Any]) -> bytes:
    present = {name: value for name, value in body.items() if value is not None}
    # Without spaces, as the vendor's clients write it: some sign what they would have written.
    return json.dumps(present, separators=(",", ":")).encode()
