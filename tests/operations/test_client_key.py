"""The client key in a deployment: made once, its certificate signed by Cloud KMS and good to others, nothing uploaded
before the app can have it, and no consumer secret left with the functions.
"""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devtools.deploy import certificate, command, wanted
from devtools.deploy.cloud import DeployError
from devtools.deploy.steps import Target
from devtools.paths import ROOT, tool_path
from tests.operations.project import CLIENT_KEY, KMS, PROJECT, SECRET, World


@pytest.fixture
def target() -> Target:
    return Target(PROJECT, "eur3", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})


def deploy_twice(world: World, target: Target) -> Path:
    """The first run ends at the certificate, which somebody uploads."""
    with pytest.raises(DeployError, match=r"certificate\.a-team-project\.pem is new"):
        world.deploy(target)
    assert not world.read()["uploads"]
    world.deploy(target)
    assert world.read()["uploads"] == ["firestore", "functions", "hosting"]
    return certificate.file(PROJECT)


def test_the_key_and_its_certificate_are_made_once_and_uploads_wait_for_the_app(world: World, target: Target) -> None:
    world.plan(target)
    plan = "\n".join(world.said)
    assert "kms keys create client" in plan
    assert (
        "--purpose=asymmetric-signing --default-algorithm=rsa-sign-pkcs1-2048-sha256 --protection-level=software"
        in plan
    )
    assert f"write {certificate.file(PROJECT)}" in plan
    file = deploy_twice(world, target)
    before = file.read_text()
    assert world.plan(target) == 0
    after = world.read()
    assert after["keyrings"] == {"sample": ["client"]}
    assert list(after["versions"]["client"]) == ["1"]
    signer = "roles/cloudkms.signer"
    assert after["policies"]["key client"] == [
        [signer, f"serviceAccount:{wanted.account(f, PROJECT)}"] for f in wanted.FUNCTIONS
    ]
    assert not [binding for binding in after["policies"]["project"] if "kms" in binding[0]], "on that key only"
    assert file.read_text() == before


def test_others_take_the_certificate(world: World, target: Target) -> None:
    """cryptography, and openssl; it is the one of the key in Cloud KMS, and small enough for Salesforce's 4 KB."""
    file = deploy_twice(world, target)
    read = x509.load_pem_x509_certificate(file.read_bytes())
    read.verify_directly_issued_by(read)
    key = serialization.load_pem_private_key(world.read()["versions"]["client"]["1"][1].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert read.public_key() == key.public_key()
    assert read.not_valid_after_utc > datetime.now(UTC) + timedelta(days=3000)
    assert len(file.read_bytes()) < 4096
    openssl = shutil.which("openssl")
    assert openssl is not None, "openssl is missing: install it"
    done = subprocess.run(
        [openssl, "verify", "-CAfile", str(file), str(file)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith(": OK"), done.stderr


def test_the_functions_get_no_consumer_secret(world: World, target: Target) -> None:
    deploy_twice(world, target)
    assert list(world.read()["secrets"]) == ["TOKEN_KEYSET"]


def test_a_secret_of_before_is_left_to_be_looked_at_and_deleted(world: World, target: Target) -> None:
    """The functions stop using it; check-org tells whether it still works."""
    world.deploy(Target(PROJECT, "eur3"))
    world.set(uploads=[])
    deploy_twice(world, target)
    assert world.read()["secrets"]["SALESFORCE_CONSUMER_SECRET"] == [SECRET]
    assert command.administration(target, world.cloud(), {})["SALESFORCE_CONSUMER_SECRET"] == SECRET
    world.set(secrets={"TOKEN_KEYSET": world.read()["secrets"]["TOKEN_KEYSET"]})
    assert "SALESFORCE_CONSUMER_SECRET" not in command.administration(target, world.cloud(), {})
    assert world.plan(target) == 0


def test_the_next_version_of_the_key_gets_a_certificate_of_its_own(world: World, target: Target) -> None:
    first = deploy_twice(world, target).read_text()
    world.set(uploads=[])
    with pytest.raises(DeployError, match="next version is 2"):
        world.deploy(Target(PROJECT, "eur3", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY.removesuffix("1") + "3"}))
    second = Target(PROJECT, "eur3", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY.removesuffix("1") + "2"})
    assert deploy_twice(world, second).read_text() != first
    assert list(world.read()["versions"]["client"]) == ["1", "2"]


@pytest.mark.parametrize("lost", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_certificate_of_this_key_is_written_anew(world: World, target: Target, lost: str) -> None:
    file = deploy_twice(world, target)
    file.write_text(lost)
    assert world.plan(target) == 1


def test_a_key_that_is_still_being_made_is_waited_for(world: World, target: Target) -> None:
    """Cloud KMS makes asymmetric keys after it has answered."""
    deploy_twice(world, target)
    versions = world.read()["versions"]
    versions["client"]["1"][0] = "PENDING_GENERATION"
    world.set(versions=versions)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        versions["client"]["1"][0] = "ENABLED"
        world.set(versions=versions)

    assert target.client_key is not None
    assert "BEGIN CERTIFICATE" in certificate.make(world.cloud(), target.client_key, sleep)
    assert len(slept) == 1


def test_both_keys_may_be_on_one_ring(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from devtools.deploy import steps

    monkeypatch.setattr(steps, "_keyset", lambda _target: "a wrapped keyset")  # pyright: ignore[reportPrivateUsage]  KMS is out of reach
    target = Target(PROJECT, "eur3", {"TOKEN_KEYSET_KMS_KEY": KMS, "SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
    deploy_twice(world, target)
    assert world.read()["keyrings"] == {"sample": ["tokens", "client"]}


def test_keys_in_a_project_that_a_company_keeps_for_its_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made, versioned, signed with and granted there, to the accounts of this project."""
    from devtools.deploy import steps

    monkeypatch.setattr(steps, "_keyset", lambda _target: "a wrapped keyset")  # pyright: ignore[reportPrivateUsage]  KMS is out of reach
    tokens, client = (name.replace(PROJECT, "the-keys-of-all") for name in (KMS, CLIENT_KEY))
    settings = {"TOKEN_KEYSET_KMS_KEY": tokens, "SALESFORCE_CLIENT_KEY_KMS": client}
    target = Target(PROJECT, "eur3", settings)
    file = deploy_twice(world, target)
    after = world.read()
    assert after["keyrings"] == {"the-keys-of-all/sample": ["tokens", "client"]}
    assert after["otherApis"]["the-keys-of-all/"] == ["cloudkms.googleapis.com"]
    for key, role in (("tokens", wanted.KMS_ROLE), ("client", wanted.CLIENT_KEY_ROLE)):
        members = [f"serviceAccount:{wanted.account(f, PROJECT)}" for f in wanted.FUNCTIONS]
        assert after["policies"][f"key the-keys-of-all/{key}"] == [[role, member] for member in members]
    assert world.plan(target) == 0
    first = file.read_text()
    world.set(uploads=[])
    next_one = Target(PROJECT, "eur3", {**settings, "SALESFORCE_CLIENT_KEY_KMS": client.removesuffix("1") + "2"})
    assert deploy_twice(world, next_one).read_text() != first
    assert list(world.read()["versions"]["the-keys-of-all/client"]) == ["1", "2"]
    in_kms = [words for words in world.read()["changes"] if words[1] == "kms"]
    assert {words[words.index("--project") + 1] for words in in_kms} == {"the-keys-of-all"}


@pytest.mark.parametrize("name", ["projects/p", KMS, CLIENT_KEY.replace("keyRings", "rings")])
def test_a_client_key_that_is_none(world: World, name: str) -> None:
    with pytest.raises(DeployError, match=r"SALESFORCE_CLIENT_KEY_KMS is written .*cryptoKeyVersions/1"):
        world.deploy(Target(PROJECT, "eur3", {"SALESFORCE_CLIENT_KEY_KMS": name}))


def test_blocks_are_in_one_database_of_that_name(world: World) -> None:
    with pytest.raises(DeployError, match="BLOCKS_DATABASE is blocks"):
        world.deploy(Target(PROJECT, "eur3", {"BLOCKS_DATABASE": "elsewhere"}))


def test_clients_are_kept_out_of_both_databases() -> None:
    """By firebase-tools' own reading of firebase.json, and by one file of rules."""
    script = """
    const { getFirestoreConfig } = require(process.argv[1] + "/lib/firestore/fsConfig");
    const config = { src: require(process.argv[2]) };
    console.log(JSON.stringify(getFirestoreConfig("p", { config, only: "firestore" })));
    """
    tools = str(ROOT / "devtools/node_modules/firebase-tools")
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None
    done = subprocess.run([node, "-e", script, tools, str(ROOT / "firebase.json")], capture_output=True, check=True)
    found = {one["database"]: one["rules"] for one in json.loads(done.stdout)}
    assert found == {wanted.DATABASE: "firestore.rules", wanted.BLOCKS: "firestore.rules"}


def test_whatever_asks_the_key_for_more_than_a_signature_is_told_that_it_stays_in_cloud_kms() -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    key = certificate._InCloudKms(public, lambda text: text)  # pyright: ignore[reportPrivateUsage]
    for ask in (key.private_numbers, lambda: key.decrypt(b"", None), lambda: key.private_bytes(None, None, None)):
        with pytest.raises(DeployError, match="signs in Cloud KMS"):
            ask()
