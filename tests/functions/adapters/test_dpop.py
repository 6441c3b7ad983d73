"""Keys and proofs of DPoP: RFC 9449's own values, and a checker that we did not write."""

import base64
import hashlib
import json
import time
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from requests_oauth2client.dpop import InvalidDPoPProof, validate_dpop_proof
from yarl import URL

from backend.adapters.dpop import new_key, proof, thumbprint
from backend.values import Secret

TOKEN_URL = URL("https://acme.my.salesforce.com/services/oauth2/token")
# RFC 9449 section 4.1 and figures 4, 12: the key, its thumbprint, an access token and its hash.
RFC_X, RFC_Y = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
RFC_TOKEN, RFC_ATH = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def parts(text: str) -> tuple[dict[str, object], dict[str, object], bytes]:
    header, claims, signature = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in text.split("."))
    return json.loads(header), json.loads(claims), signature


def made(key: Secret, url: URL = TOKEN_URL, **more: Any) -> str:
    return proof(key, "POST", url, **{"token": None, "nonce": None, "now": time.time(), "jti": "1"} | more)


def pkcs8(key: ec.EllipticCurvePrivateKey) -> Secret:
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return Secret(base64.b64encode(key.private_bytes(encoding, form, serialization.NoEncryption())).decode())


def test_a_thumbprint_is_that_of_the_public_part_as_rfc_7638_writes_it() -> None:
    """RFC 9449 does not publish the private key, so the same steps are held to its public one."""
    jwk = {"crv": "P-256", "kty": "EC", "x": RFC_X, "y": RFC_Y}
    text = json.dumps(jwk, separators=(",", ":")).encode()
    assert base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode() == RFC_JKT
    key = new_key()
    header, _, _ = parts(made(key))
    text = json.dumps(dict(sorted(cast(dict[str, str], header["jwk"]).items())), separators=(",", ":")).encode()
    assert base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode() == thumbprint(key)
    assert len(thumbprint(key)) == 43


def test_the_hash_of_an_access_token_is_the_rfcs() -> None:
    _, claims, _ = parts(made(new_key(), token=Secret(RFC_TOKEN)))
    assert claims["ath"] == RFC_ATH


def test_a_proof_says_what_salesforces_own_sdk_says_and_no_more() -> None:
    key = new_key()
    header, claims, signature = parts(made(key, now=1_790_000_000.9, jti="an id"))
    jwk = header.pop("jwk")
    assert header == {"typ": "dpop+jwt", "alg": "ES256"}
    assert set(cast(dict[str, str], jwk)) == {"kty", "crv", "x", "y"}
    assert claims == {"jti": "an id", "htm": "POST", "htu": str(TOKEN_URL), "iat": 1_790_000_000}
    assert len(signature) == 64
    _, claims, _ = parts(made(key, nonce="a nonce"))
    assert claims["nonce"] == "a nonce"


def test_every_one_of_many_proofs_is_taken_by_another_implementation() -> None:
    """About one signature in 128 has a short r or s: forgetting the padding fails there."""
    key, lengths = new_key(), set[int]()
    for n in range(1500):
        text = made(key, jti=str(n))
        lengths.add(len(text.split(".")[2]))
        if n % 10 == 0:
            validate_dpop_proof(text, htm="POST", htu=str(TOKEN_URL), algs=["ES256"])
    assert lengths == {86}


def test_a_key_whose_coordinates_begin_with_zeros_has_them_in_full() -> None:
    short = next(
        key
        for key in iter(lambda: ec.generate_private_key(ec.SECP256R1()), None)
        if key.public_key().public_numbers().x.bit_length() <= 248
    )
    header, _, _ = parts(made(pkcs8(short)))
    assert len(cast(dict[str, str], header["jwk"])["x"]) == 43
    validate_dpop_proof(made(pkcs8(short)), htm="POST", htu=str(TOKEN_URL), algs=["ES256"])


@given(
    path=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20),
    query=st.text("abc=&?/%~ü", max_size=10),
    token=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    nonce=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
)
def test_whatever_is_sent_another_implementation_takes_its_proof_and_no_other_requests(
    path: str, query: str, token: str | None, nonce: str | None
) -> None:
    url = URL("https://acme.my.salesforce.com").with_path("/" + path).with_query(query)
    ath = None if token is None else base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode()
    text = made(KEY, url, token=None if token is None else Secret(token), nonce=nonce)
    htu = str(url).partition("?")[0].partition("#")[0]
    ath = None if ath is None else ath.rstrip("=")
    validate_dpop_proof(text, htm="POST", htu=htu, ath=ath, nonce=nonce, algs=["ES256"])
    others: list[dict[str, Any]] = [{"htm": "GET"}, {"htu": htu + "x"}, {"ath": "x"}, {"nonce": "x" * 41}]
    for other in others:
        with pytest.raises(InvalidDPoPProof):
            validate_dpop_proof(text, **{"htm": "POST", "htu": htu, "algs": ["ES256"]} | other)


KEY = new_key()


@pytest.mark.parametrize(
    ("sent", "proven"),
    [
        ("https://ACME.my.salesforce.com:443/a?q=1#f", "https://acme.my.salesforce.com/a"),
        ("https://acme.my.salesforce.com/a%7Eb/", "https://acme.my.salesforce.com/a~b/"),
        ("http://127.0.0.1:8800/a b", "http://127.0.0.1:8800/a%20b"),
    ],
)
def test_the_address_of_a_proof_is_the_one_that_is_sent(sent: str, proven: str) -> None:
    """yarl, which aiohttp sends by, rewrites addresses (facts: `%7E`, default port, case of the host)."""
    _, claims, _ = parts(made(KEY, URL(sent)))
    assert claims["htu"] == proven


def test_no_private_part_of_a_key_shows_in_a_text() -> None:
    key = new_key()
    header, claims, _ = parts(made(key))
    assert key.reveal() not in f"{key!r} {key} {header} {claims}"
    assert "d" not in cast(dict[str, str], header["jwk"])
