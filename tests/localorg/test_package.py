"""What the package brings along for others: its fixture, its wheel."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import markdown
import pytest
from packaging.metadata import Metadata
from trove_classifiers import classifiers

from devtools import loopback
from devtools.browsers import CHROMIUM_FLAGS
from devtools.clients import ADMIN, authorize, exchange
from devtools.paths import chromium, tool_path
from localorg import EmbeddedOrg, OrgSettings
from localorg.settings import SHAPES


def test_the_fixture_is_found_by_itself(local_org: EmbeddedOrg) -> None:
    assert loopback.get(f"{local_org.url}/services/data").status_code == 200


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(repository / "localorg")]
    subprocess.run(command, check=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_whole_package(repository: Path, wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    files = {p.relative_to(repository).as_posix() for p in (repository / "localorg").rglob("*") if p.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    assert files - names == set()
    assert not any("test_" in name or "__pycache__" in name for name in names)


def test_the_packages_description_is_fit_for_an_index(repository: Path, wheel: zipfile.ZipFile) -> None:
    """What `twine check` and the index look at: valid fields and classifiers, a licence, a README that is Markdown."""
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    told = Metadata.from_email(wheel.read(name), validate=True)  # raises for fields that the standard does not allow
    assert (told.name, told.license_expression, told.license_files) == ("localorg", "Apache-2.0", ["LICENSE"])
    assert wheel.read(name.replace("METADATA", "licenses/LICENSE")) == (repository / "LICENSE").read_bytes()
    assert set(told.classifiers or ()) <= classifiers
    assert told.summary
    assert told.requires_python is not None
    assert told.description_content_type == "text/markdown"
    page = markdown.markdown(told.description or "", extensions=["fenced_code", "tables"])
    assert page.count("<h1>") == 1
    assert page.count("<code class=") == 3
    assert "```" not in page
    assert "localorg/py.typed" in wheel.namelist()


@pytest.mark.parametrize("page", ["localorg/README.md", "docs/localorg.md"])
def test_every_shape_is_described(repository: Path, page: str) -> None:
    table = (repository / page).read_text().split("| `--shape` |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \| .{20,} \|$", table, re.MULTILINE) == sorted(SHAPES)


def test_the_readmes_examples_run(repository: Path, tmp_path: Path) -> None:
    """Each Python example of localorg's README as a test file of its own, in a folder that knows nothing of this
    project.
    """
    examples = re.findall(r"```python\n(.*?)```", (repository / "localorg/README.md").read_text(), re.DOTALL)
    assert len(examples) == 3
    for n, example in enumerate(examples):
        (tmp_path / f"test_example_{n}.py").write_text(example)
    path = chromium()
    assert path is not None, "Chromium is missing: make test installs it where it may, else set CHROMIUM to its path"
    # The reader's Playwright has a browser of its own; here it is the machine's.
    (tmp_path / "conftest.py").write_text(
        "from playwright.sync_api import BrowserType\nlaunch = BrowserType.launch\n"
        f"BrowserType.launch = lambda self: launch(self, executable_path={path!r}, args={list(CHROMIUM_FLAGS)!r})\n"
    )
    environment = {
        **os.environ,
        "NODE_PATH": str(repository / "tests/localorg/npm/node_modules"),
        "PATH": tool_path(dict(os.environ)),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_command_prints_a_token(local_org: EmbeddedOrg) -> None:
    command = [sys.executable, "-m", "localorg.cli", "token", "--port", str(local_org.port), "--user"]
    token = subprocess.run([*command, ADMIN], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    userinfo = loopback.get(f"{local_org.url}/services/data/v68.0/", headers={"Authorization": f"Bearer {token}"})
    assert userinfo.status_code == 200
    refused = subprocess.run([*command, "nobody"], capture_output=True, text=True, timeout=60)
    assert (refused.returncode, "of a user of this org" in refused.stderr) == (1, True)


def accounts(org: EmbeddedOrg) -> int:
    token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
    with loopback.Client(
        base_url=f"{org.url}/services/data/v68.0", headers={"Authorization": f"Bearer {token}"}
    ) as client:
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
        assert loopback.get(userinfo, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert loopback.get(userinfo, headers={"Authorization": f"Bearer {later}"}).status_code == 403
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
