"""How a sign-in begins: the key that travels with the app, and what it is good for."""

import base64
import hashlib
from datetime import timedelta

import pytest

from backend.adapters.cipher import TinkCipher, add_key, drop_keys, new_keyset, promote_key
from backend.adapters.dpop import Keys, thumbprint
from backend.sign_in.begin import BEGUN_SECONDS, Beginnings, Binding
from backend.values import Secret
from contract.errors import CallError, Reason
from tests.functions.instances import SteppedClock

HOST, CALLBACK, VERIFIER = "acme.my.salesforce.com", "https://app.example/oauth/callback", "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
KEYSET = new_keyset()


class MovedClock(SteppedClock):
    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Here:
    def __init__(self, binding: Binding = Binding.PREFERRED, keyset: str = KEYSET) -> None:
        self.clock = MovedClock()
        self.beginnings = Beginnings(Keys(), TinkCipher(Secret(keyset)), self.clock, binding)

    def begun(self) -> str:
        begun = self.beginnings.begin(HOST, CALLBACK, CHALLENGE).begun
        assert begun is not None
        return begun

    def refused(self, begun: str | None, *triple: str) -> Reason:
        with pytest.raises(CallError) as found:
            self.beginnings.opened(begun, *(triple or (HOST, CALLBACK, VERIFIER)))
        return found.value.reason


def test_a_sign_in_gets_the_key_back_whose_thumbprint_salesforce_was_told() -> None:
    here = Here()
    begun = here.beginnings.begin(HOST, CALLBACK, CHALLENGE)
    offered = here.beginnings.opened(begun.begun, HOST, CALLBACK, VERIFIER)
    assert offered is not None
    assert thumbprint(offered.key) == begun.dpop_jkt
    assert offered.key.reveal() not in f"{begun} {offered.fingerprint}"
    again = here.beginnings.begin(HOST, CALLBACK, CHALLENGE)
    assert again.dpop_jkt != begun.dpop_jkt  # each its own


@pytest.mark.parametrize(
    "triple",
    [
        ("other.my.salesforce.com", CALLBACK, VERIFIER),
        (HOST, "app://back", VERIFIER),
        (HOST, CALLBACK, "w" * 43),
        (HOST + '", "' + CALLBACK, "", VERIFIER),
    ],
)
def test_a_key_is_good_for_the_sign_in_that_it_was_made_for(triple: tuple[str, str, str]) -> None:
    here = Here()
    assert here.refused(here.begun(), *triple) is Reason.SIGN_IN_EXPIRED


def test_a_user_has_ten_minutes() -> None:
    here = Here()
    begun = here.begun()
    here.clock.advance(BEGUN_SECONDS)
    assert here.beginnings.opened(begun, HOST, CALLBACK, VERIFIER) is not None
    here.clock.advance(1)
    assert here.refused(begun) is Reason.SIGN_IN_EXPIRED
    assert BEGUN_SECONDS == 600


def test_what_was_changed_is_begun_again() -> None:
    here = Here()
    begun = here.begun()
    for at in range(0, len(begun) - 4, 7):
        other = "A" if begun[at] != "A" else "B"
        assert here.refused(begun[:at] + other + begun[at + 1 :]) is Reason.SIGN_IN_EXPIRED
    for text in ("", "=", "not base64 ü", begun[:-4], begun + "AAAA", "A" * 16_000):
        assert here.refused(text) is Reason.SIGN_IN_EXPIRED


def test_a_key_of_the_keyset_that_was_dropped_meanwhile_means_to_begin_again() -> None:
    begun = Here().begun()
    rotated = promote_key(add_key(KEYSET))
    assert Here(keyset=rotated).beginnings.opened(begun, HOST, CALLBACK, VERIFIER) is not None
    assert Here(keyset=drop_keys(rotated)).refused(begun) is Reason.SIGN_IN_EXPIRED


def test_what_is_sealed_for_a_connection_is_no_beginning_and_the_other_way_round() -> None:
    here = Here()
    cipher = TinkCipher(Secret(KEYSET))
    stolen = cipher.seal_bytes(
        b'{"key": "x", "until": 9e9}', uid="00D000000000001EAA_005000000000001AAA", field="grant"
    )
    assert here.refused(base64.urlsafe_b64encode(stolen).decode()) is Reason.SIGN_IN_EXPIRED


def test_nothing_is_offered_where_tokens_are_not_bound() -> None:
    here = Here(Binding.OFF)
    begun = here.beginnings.begin(HOST, CALLBACK, CHALLENGE)
    assert (begun.dpop_jkt, begun.begun) == (None, None)
    assert here.beginnings.opened(None, HOST, CALLBACK, VERIFIER) is None
    begun = Here().begun()  # from before it was switched off
    assert here.beginnings.opened(begun, HOST, CALLBACK, VERIFIER) is not None


def test_only_where_binding_is_required_an_older_app_is_refused() -> None:
    assert Here().beginnings.opened(None, HOST, CALLBACK, VERIFIER) is None
    required = Here(Binding.REQUIRED)
    assert required.refused(None) is Reason.BINDING_REQUIRED
    required.beginnings.check(is_bound=True)
    with pytest.raises(CallError, match="binding-required"):
        required.beginnings.check(is_bound=False)


@pytest.mark.parametrize("challenge", ["", "c" * 42, "c" * 44, "c" * 42 + "+", "c" * 42 + "\n"])
def test_a_challenge_is_one_of_s256(challenge: str) -> None:
    with pytest.raises(CallError) as found:
        Here().beginnings.begin(HOST, CALLBACK, challenge)
    assert found.value.reason is Reason.MALFORMED_REQUEST
