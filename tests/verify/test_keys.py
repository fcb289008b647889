"""The policy of keys without any I/O: which entries are keys, and what is done about one."""

import runpy
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudbase_auth_async import _keyset, _rsa_keys, errors
from cloudbase_auth_async._keyset import KeySet, Step
from cloudbase_auth_async._rsa_keys import MOST_KEYS, usable

DAY = 86400.0
FAILURE = errors.VerificationFailed("no keys", reason="key")


@pytest.fixture(scope="module")
def signer(forge: Any) -> Any:
    """Return somebody with a key of the usual size."""
    return forge.Signer("a", forge.private_key("ours"))


def held(came_at: float | None, ended_at: float | None, *, failed: bool) -> KeySet[str]:
    """Return a set with the key "a" that was fetched then."""
    keys: KeySet[str] = KeySet(DAY)
    if came_at is not None:
        keys.took({"a": "the key"}, came_at)
    if ended_at is not None:
        keys.ended_at = ended_at
    keys.failure = FAILURE if failed else None
    return keys


# Seconds ago that keys came and that the last fetch ended, whether it failed, the key, the step.
TABLE = [
    (None, None, False, "a", Step.WAIT),
    (None, 1.9, True, "a", Step.FAIL),
    (None, 2.0, True, "a", Step.WAIT),
    (0, 0, False, "a", Step.SERVE),
    (599, 599, False, "a", Step.SERVE),
    (599, 0, True, "a", Step.SERVE),
    (600, 600, False, "a", Step.RENEW),
    (600, 9.9, True, "a", Step.SERVE),
    (600, 10, True, "a", Step.RENEW),
    (3599, 3599, False, "a", Step.RENEW),
    (3600, 3600, False, "a", Step.WAIT),
    (3600, 9.9, True, "a", Step.SERVE),
    (3600, 10, True, "a", Step.RENEW),
    (DAY - 1, 10, True, "a", Step.RENEW),
    (DAY - 1, DAY - 1, False, "a", Step.WAIT),
    (DAY, 1.9, True, "a", Step.FAIL),
    (DAY, 2.0, True, "a", Step.WAIT),
    (DAY, DAY, False, "a", Step.WAIT),
    (0, 0, False, "b", Step.REFUSE),
    (9.9, 9.9, False, "b", Step.REFUSE),
    (10, 10, False, "b", Step.WAIT),
    (700, 9.9, True, "b", Step.FAIL),
    (700, 10, True, "b", Step.WAIT),
]


@pytest.mark.parametrize(("came", "ended", "failed", "kid", "step"), TABLE)
def test_table(
    came: float | None,
    ended: float | None,
    *,
    failed: bool,
    kid: str,
    step: Step,
) -> None:
    """Each row of the table in the module, at both ends of its span."""
    now = 1_000_000.0
    keys = held(
        None if came is None else now - came, None if ended is None else now - ended, failed=failed
    )
    assert keys.step(kid, now) is step


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("kid", ["a", "b"])
def test_nobody_waits_twice(kid: str, *, failed: bool) -> None:
    """Who has waited gets an end, however long it took them to be woken."""
    for age in (0.0, 1000.0, 5000.0, DAY - 61, DAY):
        keys = held(0.0 if failed else age, age, failed=failed)
        assert keys.step(kid, age + 60, waited=True) not in (Step.WAIT, Step.RENEW)


def test_missing_keys_are_bounded() -> None:
    """Ids that were asked for in vain are remembered for a minute, and only so many of them."""
    keys = held(0.0, 0.0, failed=False)
    keys.lacks("forged", 0.0)
    assert keys.step("forged", 59.9) is Step.REFUSE
    assert keys.step("forged", 60.0) is Step.WAIT
    for count in range(10_000):
        keys.lacks(f"forged-{count}", 0.0)
        assert len(keys.missing) <= _keyset.MOST_MISSING
    second = list(keys.missing)[1]
    for kid in (second, "one-more", "and-another"):
        keys.lacks(kid, 1.0)
    assert second in keys.missing
    keys.lacks("forged-9999", 30.0)
    assert keys.step("forged-9999", 80.0) is Step.REFUSE
    keys.took({"forged-9999": "published now"}, 81.0)
    assert keys.step("forged-9999", 82.0) is Step.SERVE


def test_a_failure_takes_nothing_away() -> None:
    """A failed fetch never empties what is held (B21)."""
    keys = held(0.0, 0.0, failed=False)
    keys.failed(FAILURE, 700.0)
    assert keys.keys == {"a": "the key"}
    assert keys.step("a", 701.0) is Step.SERVE


def test_a_success_ends_an_outage() -> None:
    """Once keys came, an older failure is nobody's trouble any more."""
    keys = held(0.0, 700.0, failed=True)
    assert keys.step("b", 701.0) is Step.FAIL
    keys.took({"a": "the key"}, 702.0)
    assert keys.step("b", 703.0) is Step.REFUSE
    assert keys.step("a", 702.0 + 3600) is Step.WAIT


@given(
    st.lists(
        st.tuples(
            st.floats(0, 4000), st.sampled_from(["a", "b", "c", "?"]), st.booleans(), st.booleans()
        ),
        max_size=60,
    )
)
def test_any_history(history: list[tuple[float, str, bool, bool]]) -> None:
    """However calls and outages follow each other, the promises about keys hold."""
    keys: KeySet[str] = KeySet(DAY)
    now, came, ended = 0.0, -DAY, -DAY
    for pause, kid, works, rotates in history:
        now += pause
        step = keys.step(kid, now)
        if step in (Step.SERVE, Step.RENEW):
            assert kid in keys.keys
            assert now - came < DAY
        if step in (Step.WAIT, Step.RENEW):
            assert now - ended >= (10.0 if now - came < DAY else 2.0)
            if works:
                keys.took(dict.fromkeys("bc" if rotates else "ab", "key"), now)
                came = now
            else:
                keys.failed(FAILURE, now)
            ended = now
        assert step is not Step.FAIL or keys.failure is not None


ENTRIES = {
    "another kind": {"kty": "EC"},
    "no kind": {"kty": None},
    "for encryption": {"use": "enc"},
    "for another algorithm": {"alg": "RS512"},
    "for an algorithm of another type": {"alg": ["RS256"]},
    "for signing only": {"key_ops": ["sign"]},
    "operations of another type": {"key_ops": "verify"},
    "no id": {"kid": None},
    "an empty id": {"kid": ""},
    "an id of another type": {"kid": 1},
    "a long id": {"kid": "k" * 257},
    "no modulus": {"n": None},
    "a modulus of another type": {"n": 65537},
    "a modulus cut short": {"n": "A"},
    "a huge modulus": {"n": "_" * 100_000},
    "no exponent": {"e": None},
    "exponent 1": {"e": "AQ"},
    "exponent 3": {"e": "Aw"},
    "an even exponent": {"e": "AQAC"},
    "a huge exponent": {"e": "AQAAAAE"},
    "exponent 0": {"e": "AA"},
}


@pytest.mark.parametrize("case", ENTRIES)
def test_entries_that_are_no_keys(signer: Any, case: str) -> None:
    """What is no RSA key for signatures, or no sound one, is passed over; its neighbour counts."""
    good = signer.jwk(kid="good")
    assert set(usable([signer.jwk(**ENTRIES[case]), good])) == {"good"}


@pytest.mark.parametrize("bent", ["{}=", "{}\n", " {}", "!{}", "{}\u0663"])
def test_numbers_are_strict(signer: Any, bent: str) -> None:
    """A number with anything in it that is no base64url is none."""
    good = signer.jwk()["n"]
    assert usable([signer.jwk(n=good)])
    assert not usable([signer.jwk(n=bent.format(good))])
    assert not usable([signer.jwk(e=bent.format("AQAB"))])


def test_entries_that_are_keys(signer: Any) -> None:
    """What the service may leave out, or write besides, makes an entry no worse."""
    plain = signer.jwk(use=None, alg=None)
    rich = signer.jwk(key_ops=["verify"], x5t="x", extra={"a": 1}, kid="b")
    found = usable([plain, rich])
    assert set(found) == {"a", "b"}
    assert found["a"].public_numbers() == signer.private.public_key().public_numbers()


@pytest.mark.parametrize(("bits", "good"), [(1024, 0), (2040, 0), (2048, 1), (3072, 1)])
def test_sizes(forge: Any, bits: int, good: int) -> None:
    """A modulus of fewer than 2048 bits is no key."""
    signer = forge.Signer("a", forge.private_key("sized", bits))
    assert len(usable([signer.jwk()])) == good


@pytest.mark.parametrize(("bits", "good"), [(8192, 1), (8193, 0), (12000, 0)])
def test_large_sizes(signer: Any, forge: Any, bits: int, good: int) -> None:
    """A modulus of more than 8192 bits is no key: each check would take milliseconds."""
    assert len(usable([signer.jwk(n=forge.number(2 ** (bits - 1) + 1))])) == good
    assert not usable([signer.jwk(n=forge.number(2 ** (bits - 1)))])


def test_one_id_for_two_keys(signer: Any, forge: Any) -> None:
    """Two keys with one id are both refused; the same key twice is one key."""
    other = forge.Signer("a", forge.private_key("other"))
    third = signer.jwk(kid="c")
    assert set(usable([signer.jwk(), third, other.jwk()])) == {"c"}
    assert set(usable([signer.jwk(), other.jwk(), signer.jwk(), third])) == {"c"}
    assert set(usable([signer.jwk(), third, signer.jwk()])) == {"a", "c"}


def test_number_of_keys(signer: Any) -> None:
    """However long the list is, 32 keys are held; those at its head."""
    found = usable([signer.jwk(kid=f"k{count}") for count in range(1000)])
    assert len(found) == MOST_KEYS == 32
    assert "k31" in found


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cryptography":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
import cloudbase_auth_async.client, cloudbase_auth_async.testing
try:
    import cloudbase_auth_async.jwks
except ImportError as error:
    print(error, error.__suppress_context__)
"""


def test_package_is_optional() -> None:
    """Without cryptography the library works, and verifying names the extra that brings it."""
    command = [sys.executable, "-c", BLOCKED]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert "pip install 'cloudbase-auth-async[crypto]' True" in answer.stdout
    assert not answer.stderr


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error about the missing package has no other one behind it."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.rsa", None)
    with pytest.raises(ImportError, match="needs the package cryptography") as caught:
        runpy.run_path(_rsa_keys.__file__)
    assert caught.value.__suppress_context__
