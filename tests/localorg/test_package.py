"""What the package brings along for others: its fixture, its wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2 as httpx
import pytest

from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings


def test_the_fixture_is_found_by_itself(local_org: EmbeddedOrg) -> None:
    assert httpx.get(f"{local_org.url}/services/data").status_code == 200


def test_the_wheel_holds_the_whole_package(repository: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(repository / "localorg")],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"localorg/cli.py", "localorg/soql/run.py", "localorg/testing.py"} <= names
    assert not any("test_" in name for name in names)


def accounts(org: EmbeddedOrg) -> int:
    token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
    with httpx.Client(base_url=f"{org.url}/services/data/v68.0", headers={"Authorization": f"Bearer {token}"}) as client:
        assert client.post("/sobjects/Account", json={"Name": "Written by a test"}).status_code == 201
        return client.get("/query", params={"q": "SELECT COUNT() FROM Account"}).json()["totalSize"]


@pytest.mark.parametrize("_time", [1, 2, 3])
def test_a_clean_org_knows_nothing_of_other_tests(clean_org: EmbeddedOrg, _time: int) -> None:
    assert accounts(clean_org) == 21


@pytest.mark.parametrize("kept_in_a_folder", [False, True], ids=["in memory", "in a folder"])
def test_a_snapshot_brings_everything_back(tmp_path: Path, kept_in_a_folder: bool) -> None:
    settings = OrgSettings(accounts=5, data=tmp_path if kept_in_a_folder else None)
    with EmbeddedOrg(settings) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        org.save("before")
        assert accounts(org) == 6
        later = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        assert accounts(org) == 7
        org.restore("before")
        assert accounts(org) == 6
        userinfo = f"{org.url}/services/oauth2/userinfo"
        assert httpx.get(userinfo, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert httpx.get(userinfo, headers={"Authorization": f"Bearer {later}"}).status_code == 403
        with pytest.raises(LookupError, match="there is no snapshot never"):
            org.restore("never")
        with pytest.raises(ValueError, match="letters"):
            org.save("../../etc")
    if kept_in_a_folder:
        with EmbeddedOrg(settings) as org:
            org.restore("before")
            assert accounts(org) == 6


def test_the_command_saves_and_restores(tmp_path: Path) -> None:
    with EmbeddedOrg(OrgSettings(accounts=3, data=tmp_path)) as org:

        def run(*arguments: str) -> tuple[int, str]:
            command = [sys.executable, "-m", "localorg.cli", "snapshot", *arguments, "--port", str(org.port)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            return done.returncode, done.stdout + done.stderr

        assert run("save", "mine") == (0, "saved mine\n")
        assert accounts(org) == 4
        assert run("restore", "mine") == (0, "restored mine\n")
        assert accounts(org) == 4
        assert run("restore", "nothing") == (1, "localorg: there is no snapshot nothing; save one first\n")
    assert run("save", "gone")[0] == 1
