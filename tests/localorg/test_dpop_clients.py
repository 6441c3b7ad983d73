"""Other people's DPoP clients, each used as its own documentation does; between their steps is the redirect only."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from requests_oauth2client import (
    DPoPToken,
    OAuth2Client,
    PrivateKeyJwt,
)

from devtools.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, control, through_the_pages
from devtools.setup_machine import tool_path
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.compatibility import shows
from tests.localorg.keys import key_and_certificate

NONCES: list[dict[str, Any]] = [
    {"tokenNonce": False},
    {"tokenNonce": True, "resourceNonce": "401"},
    {"tokenNonce": True, "resourceNonce": "401", "rotateNonce": True},
]


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5)) as running:
        yield running


@pytest.fixture(scope="module")
def pair() -> tuple[rsa.RSAPrivateKey, str]:
    return key_and_certificate()


@pytest.fixture
def org(own: EmbeddedOrg) -> EmbeddedOrg:
    """An org whose app requires DPoP."""
    control(own.url, "reset")
    control(own.url, "app", {"dpop": "required"})
    return own


@shows(
    "openid-client",
    "DPoP: authorization code bound by dpop_jkt",
    "DPoP: userinfo and REST",
    "DPoP: nonces of the token endpoint and of resources",
    "DPoP: refresh, introspect, revoke",
    "private_key_jwt",
)
@pytest.mark.parametrize("rules", NONCES)
@pytest.mark.parametrize("with_secret", [True, False])
def test_openid_client_goes_through_its_whole_story_with_dpop(
    org: EmbeddedOrg, repository: Path, pair: tuple[rsa.RSAPrivateKey, str], rules: dict[str, Any], with_secret: bool
) -> None:
    control(org.url, "proofs", rules)
    given: dict[str, object] = {"url": org.url, "key": CONSUMER_KEY, "callback": CALLBACK}
    if with_secret:
        given["secret"] = CONSUMER_SECRET
    else:
        control(org.url, "app", {"certificate": pair[1], "secretAccepted": False})
        der = pair[0].private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        given["privateKey"] = base64.b64encode(der).decode()
    assert _story(repository, given) == {
        "type": "dpop",  # oauth4webapi writes it in small letters
        "user": SALES,
        "rows": 1,
        "thief": "invalid_token 401",
        "bearer": "invalid_token 401",
        "thiefRefreshes": "invalid_dpop_proof 400",
        "refreshedWithoutProof": "invalid_dpop_proof 400",
        "renewed": ["dpop", True, 200],
        "introspected": ["DPoP", True],
        "afterRevoke": "invalid_token 401",
    }


def _story(repository: Path, given: object) -> Any:
    """Runs the story in Node, and is the person in its middle. Returns what it tells at its end."""
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None, "Node is missing: run make test, which installs it"
    command = [node, str(repository / "tests/localorg/npm/dpop_story.mjs")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env={"PATH": ""}) as story:
        assert story.stdin is not None
        assert story.stdout is not None
        assert story.stderr is not None
        try:
            story.stdin.write(f"{json.dumps(given)}\n")
            story.stdin.flush()
            opened = story.stdout.readline()
            if opened:
                story.stdin.write(f"{json.dumps(through_the_pages(json.loads(opened)))}\n")
                story.stdin.close()
            said = story.stdout.readline()
            assert said, story.stderr.read()[-3000:]
            return json.loads(said)
        finally:
            story.kill()


@shows(
    "requests_oauth2client",
    "DPoP: authorization code bound by dpop_jkt",
    "DPoP: REST, with nonces",
    "DPoP: refresh, revoke",
    "private_key_jwt",
)
@pytest.mark.parametrize("rules", NONCES)
def test_requests_oauth2client_goes_through_its_whole_story_with_dpop(
    org: EmbeddedOrg, pair: tuple[rsa.RSAPrivateKey, str], rules: dict[str, Any]
) -> None:
    """Its DPoP tokens must be of the letters of RFC 9110's token68, which has no `!`: it needs the app's JWT tokens."""
    control(org.url, "proofs", rules)
    control(org.url, "app", {"jwtTokens": True, "certificate": pair[1], "secretAccepted": False})
    own_key = {**RSAAlgorithm.to_jwk(pair[0], as_dict=True), "kid": "any"}  # the library insists on a name for it
    client = OAuth2Client.from_discovery_endpoint(
        issuer=org.url,
        auth=PrivateKeyJwt(CONSUMER_KEY, own_key, alg="RS256"),
        redirect_uri=CALLBACK,
        testing=True,
    )
    asked = client.authorization_request(scope="api refresh_token", dpop=True)
    back = asked.validate_callback(through_the_pages(str(asked.uri)))
    token = client.authorization_code(back)
    assert isinstance(token, DPoPToken)
    rest = f"{org.url}/services/data/v68.0/limits"
    assert requests.get(rest, auth=token, timeout=10).status_code == 200
    renewed = client.refresh_token(token)
    assert isinstance(renewed, DPoPToken)
    assert renewed.access_token != token.access_token
    assert requests.get(rest, auth=renewed, timeout=10).status_code == 200
    assert client.revoke_refresh_token(renewed)
    assert requests.get(rest, headers={"Authorization": f"Bearer {token.access_token}"}, timeout=10).status_code == 401
