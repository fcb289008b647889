"""Tokens that somebody made up, bent, or carried over from elsewhere: none passes."""

import base64
import hashlib
import hmac
import json
import logging
from typing import Any

import attrs
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from cloudbase_auth_async import errors
from cloudbase_auth_async.jwks import TokenVerifier
from cloudbase_auth_async.testing import Emulator, ManualClock

PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def signed_by_hmac(forge: Any, header: dict[str, Any], secret: bytes) -> str:
    """Return a token that is signed with a secret by HMAC."""
    signed = ".".join(forge.encoded(json.dumps(part).encode()) for part in (header, forge.claims()))
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{forge.encoded(signature)}"


@pytest.mark.parametrize("form", ["pem", "der", "pkcs1"])
@pytest.mark.parametrize("named", ["HS256", "RS256"])
async def test_the_public_key_as_a_secret(gate: Any, forge: Any, form: str, named: str) -> None:
    """What is signed by HMAC with the public key, in any of its forms, is refused."""
    gate.publish()
    public = gate.signer.private.public_key()
    forms = {
        "pem": PEM,
        "der": (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "pkcs1": (Encoding.PEM, PublicFormat.PKCS1),
    }
    secret = public.public_bytes(*forms[form])
    token = signed_by_hmac(forge, {"alg": named, "kid": gate.signer.kid}, secret)
    reason = await forge.refused(gate.verifier, token)
    assert reason == {"HS256": "algorithm", "RS256": "signature"}[named]


@pytest.mark.parametrize(
    "algorithm",
    [
        *("none", "None", "NONE", "", "rs256", "RS384", "RS512", "PS256", "ES256", "HS256"),
        *("EdDSA", 1, None, ["RS256"], {"RS256": 1}, True),
    ],
    ids=repr,
)
async def test_other_algorithms(gate: Any, forge: Any, algorithm: object) -> None:
    """No other algorithm is looked at, and no key is fetched for one."""
    token = gate.signer.sign(forge.claims(), alg=algorithm)
    assert await forge.refused(gate.verifier, token) == "algorithm"
    unsigned = token.rpartition(".")[0] + "."
    assert await forge.refused(gate.verifier, unsigned) == "algorithm"
    assert gate.fetches == 0


async def test_no_signature(gate: Any, forge: Any) -> None:
    """RS256 without a signature is not a signed token."""
    gate.publish()
    token = gate.signer.sign(forge.claims()).rpartition(".")[0] + "."
    assert await forge.refused(gate.verifier, token) == "signature"


async def test_another_kind_of_key(gate: Any, forge: Any) -> None:
    """A token by ES256 is refused, and so is its key in the service's set."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    entry = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "curve"}
    entry |= {"x": forge.number(numbers.x), "y": forge.number(numbers.y)}
    gate.publish(gate.signer.jwk(), entry)
    token = jwt.encode(forge.claims(), private, "ES256", {"kid": "curve"})
    assert await forge.refused(gate.verifier, token) == "algorithm"
    relabelled = gate.signer.sign(forge.claims(), kid="curve")
    assert await forge.refused(gate.verifier, relabelled) == "key"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_a_key_that_comes_along(gate: Any, forge: Any, name: str) -> None:
    """A header that brings its own key, or says where one is, is not believed."""
    gate.publish()
    forger = forge.Signer(gate.signer.kid, forge.private_key("forger"))
    brought = {"jwk": forger.jwk(), "jku": gate.emulator.origin, "x5u": "https://x", "x5c": ["x"]}
    token = forger.sign(forge.claims(), **{name: brought[name]})
    assert await forge.refused(gate.verifier, token) == "signature"
    assert len(gate.emulator.journal) == 1


HEADERS = {
    "critical": ({"crit": ["exp"], "exp": 1}, "malformed"),
    "critical nothing": ({"crit": []}, "malformed"),
    "unencoded": ({"crit": ["b64"], "b64": False}, "malformed"),
    "no key": ({"kid": None}, "key"),
    "an empty key": ({"kid": ""}, "malformed"),
    "a key of another type": ({"kid": 7}, "malformed"),
    "a list of keys": ({"kid": ["key-of-ours"]}, "malformed"),
    "a long key": ({"kid": "k" * 257}, "malformed"),
    "another key": ({"kid": "key-of-others"}, "key"),
    "a key in other letters": ({"kid": "Key-Of-Ours"}, "key"),
}


@pytest.mark.parametrize("case", HEADERS)
async def test_headers_that_are_refused(gate: Any, forge: Any, case: str) -> None:
    """A header must name one key of the service, and demand nothing more."""
    changes, reason = HEADERS[case]
    gate.publish()
    token = gate.signer.sign(forge.claims(), **changes)
    assert await forge.refused(gate.verifier, token) == reason


async def test_a_type_is_no_matter(gate: Any, forge: Any) -> None:
    """A header may say what kind of token it is; the service's do not."""
    gate.publish()
    assert await gate.verifier.verify(gate.signer.sign(forge.claims(), typ="JWT"))


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80], ids=hex)
async def test_every_bit_counts(gate: Any, forge: Any, flip: int) -> None:
    """Of a good token no byte can be changed, and none left out, doubled or put in."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    assert await gate.verifier.verify(token)
    for place, letter in enumerate(token):
        changed = chr(ord(letter) ^ flip)
        for bent in (changed, "", letter * 2, f"{letter}!"):
            assert await _is_refused(gate, token[:place] + bent + token[place + 1 :]), place
        if place % 64 == 0:
            assert await _is_refused(gate, token[:place]), place


async def test_spare_bits_of_the_signature(gate: Any, forge: Any) -> None:
    """The last letter of a signature has bits that mean nothing: only one spelling passes."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    last = BASE64URL.index(token[-1])
    assert last % 16 == 0
    spellings = [token[:-1] + BASE64URL[last + spare] for spare in range(1, 16)]
    signature = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
    for spelling in spellings:
        part = spelling.rpartition(".")[2] + "=="
        assert base64.urlsafe_b64decode(part) == signature
        assert await forge.refused(gate.verifier, spelling) == "malformed"
    for spelling in (token + "=", token + "==", token + "\n", " " + token, f"Bearer {token}"):
        assert await forge.refused(gate.verifier, spelling) == "malformed"


async def test_every_byte_of_the_signature(gate: Any, forge: Any) -> None:
    """Each single bit of the signature itself decides."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    signed, _, part = token.rpartition(".")
    signature = base64.urlsafe_b64decode(part + "==")
    for place in range(len(signature)):
        bent = bytearray(signature)
        bent[place] ^= 1 << (place % 8)
        forged = f"{signed}.{forge.encoded(bytes(bent))}"
        assert await forge.refused(gate.verifier, forged) == "signature"
    for length in (0, 1, 128, 255):
        forged = f"{signed}.{forge.encoded(signature[:length])}"
        assert await forge.refused(gate.verifier, forged) == "signature"


async def _is_refused(gate: Any, token: str) -> bool:
    try:
        await gate.verifier.verify(token)
    except errors.VerificationFailed:
        return True
    return False


PAYLOADS = {
    "no JSON": b"{",
    "no object": b"[]",
    "a string": b'"sub"',
    "null": b"null",
    "nothing": b"",
    "no UTF-8": b'{"sub": "\xff"}',
    "NaN": b'{"exp": NaN}',
    "infinity": b'{"exp": 1e999}',
    "deep": b'{"a":' * 500 + b"1" + b"}" * 500,
    "a large number": b'{"exp": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("case", PAYLOADS)
async def test_payloads_of_a_good_signature(gate: Any, forge: Any, case: str) -> None:
    """Whatever is signed: what is no claims is refused, and breaks nothing."""
    gate.publish()
    head = b'{"alg": "RS256", "kid": "key-of-ours"}'
    token = gate.signer.sign_raw(head, PAYLOADS[case])
    assert await forge.refused(gate.verifier, token) in ("malformed", "subject")
    header = gate.signer.sign_raw(PAYLOADS[case], b"{}")
    assert await forge.refused(gate.verifier, header) in ("malformed", "algorithm")


async def test_length(gate: Any, forge: Any) -> None:
    """More than 8,192 characters are not even taken apart."""
    gate.publish()
    room = (8192 - len(gate.signer.sign(forge.claims(name="")))) * 3 // 4
    long = gate.signer.sign(forge.claims(name="n" * (room - 2)))
    assert 8188 <= len(long) <= 8192
    assert await gate.verifier.verify(long)
    longer = gate.signer.sign(forge.claims(name="n" * (room + 2)))
    assert 8192 < len(longer) <= 8196
    assert await forge.refused(gate.verifier, longer) == "malformed"
    assert await forge.refused(gate.verifier, "." * 10_000_000) == "malformed"


@pytest.mark.parametrize("junk", ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", None, 7, b"a.b.c"])
async def test_junk(gate: Any, forge: Any, junk: Any) -> None:
    """What is no token is refused before any key is asked for."""
    assert await forge.refused(gate.verifier, junk) == "malformed"
    assert gate.fetches == 0


TOKENS = (
    st.text()
    | st.text(alphabet=BASE64URL + "." * 20)
    | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    | st.lists(st.binary(max_size=80), min_size=3, max_size=3).map(
        lambda parts: ".".join(
            base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts
        )
    )
    | st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "typ", "b64"]),
        st.sampled_from(["RS256", "key-of-ours", "none", None, 1, [], {}]),
    ).map(
        lambda header: (
            base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode() + ".e30.AA"
        )
    )
)


@given(token=TOKENS)
@example("\ud800.\ud800.\ud800")
@example("eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS1vZi1vdXJzIn0.e30.")
@example("٣.٣.٣")
def test_any_string(forge: Any, token: str) -> None:
    """Any string at all is refused with the one error there is for it."""
    emulator = Emulator(clock=ManualClock())

    async def check() -> None:
        async with emulator.memory_client() as auth:
            with pytest.raises(errors.VerificationFailed):
                await TokenVerifier(auth).verify(token)

    forge.run_in_a_loop(check)


async def test_keys_of_another_environment(open_gate: Any, forge: Any) -> None:
    """One key id in two environments: each vouches for its own tokens only (B22)."""
    async with open_gate() as ours, open_gate(env="other-env") as theirs:
        stranger = forge.Signer(ours.signer.kid, forge.private_key("stranger"))
        ours.publish()
        theirs.publish(stranger.jwk())
        good, bad = ours.signer.sign(forge.claims()), stranger.sign(forge.claims())
        theirs_iss = f"https://other-env.{forge.claims()['iss'].partition('demo-env.')[2]}"
        other = forge.claims(iss=theirs_iss, aud="other-env", project_id="other-env")
        assert await ours.verifier.verify(good)
        assert await theirs.verifier.verify(stranger.sign(other))
        assert await forge.refused(ours.verifier, bad) == "signature"
        assert await forge.refused(theirs.verifier, ours.signer.sign(other)) == "signature"
        ours.publish(stranger.jwk())
        theirs.publish()
        assert await forge.refused(ours.verifier, bad) == "signature"
        assert await ours.verifier.verify(good)


async def test_a_key_that_environments_share(open_gate: Any, forge: Any) -> None:
    """Old environments share one key: issuer and audience tell their tokens apart (B22)."""
    async with open_gate() as ours, open_gate(env="other-env") as theirs:
        ours.publish()
        theirs.publish(ours.signer.jwk())
        token = ours.signer.sign(forge.claims())
        assert await ours.verifier.verify(token)
        assert await forge.refused(theirs.verifier, token) == "issuer"
        renamed = attrs.evolve(theirs.verifier._rules, issuers=ours.verifier._rules.issuers)
        theirs.verifier._rules = renamed
        assert await forge.refused(theirs.verifier, token) == "audience"


async def test_no_token_in_any_text(
    gate: Any, forge: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither errors, their frames, their attributes nor logs hold a part of a token (B23)."""
    caplog.set_level(logging.DEBUG)
    gate.publish()
    forger = forge.Signer(gate.signer.kid, forge.private_key("forger"))
    bad = [
        forger.sign(forge.claims(sub="canary-sub")),
        gate.signer.sign(forge.claims(sub="canary-sub", exp=1)),
        gate.signer.sign(forge.claims(sub="canary-sub", name=7)),
        gate.signer.sign(forge.claims(sub="canary-sub"), kid="canary-kid"),
        gate.signer.sign(forge.claims(sub="canary-sub"), alg="canary-alg"),
        "canary-part.canary-part.canary-part",
    ]
    seen = []
    for token in bad:
        with pytest.raises(errors.VerificationFailed) as caught:
            await gate.verifier.verify(token)
        # The frame of this very test holds the token; the library's must not.
        ours = forge.frames(caught.value)
        assert ours
        seen += [f"{caught.value!r} {caught.value.__dict__} {caught.value.remedy()}"]
        seen += [f"{frame.locals}" for frame in ours]
    text = "\n".join([*seen, caplog.text, repr(gate.verifier), repr(gate.verifier._keys._keyset)])
    for token in bad:
        assert not [part for part in token.split(".") if len(part) > 8 and part in text]
    assert "canary" not in text
