"""What a release consists of: versions that agree, bills of materials, licences, a wheel that installs, a site without
a dead link.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from devtools import release, web_page
from devtools.paths import ROOT, UV


def test_the_versions_agree_and_the_changelog_tells_of_them() -> None:
    assert release.notes(release.checked_version()).startswith("### ")


def test_a_version_that_the_changelog_does_not_know() -> None:
    with pytest.raises(release.ReleaseError, match=r"no section for 9\.9\.9"):
        release.notes("9.9.9")


@pytest.fixture
def quick_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each URI is an IRI (RFC 3987, 3.1), and a regular expression knows one a thousand times faster than a grammar,
    which is asked about what is none.
    """
    from jsonschema import _format
    from rfc3986_validator import validate_rfc3986

    grammar: Any = vars(_format)["_rfc3987_is_valid_syntax"]
    rules = {"iri": "URI", "iri_reference": "URI_reference"}
    monkeypatch.setattr(
        _format,
        "_rfc3987_is_valid_syntax",
        lambda rule, text: bool(validate_rfc3986(text, rules[rule])) or grammar(rule, text),
    )


@pytest.mark.usefixtures("quick_addresses")
@pytest.mark.parametrize("part", ["functions", "client", "localorg"])
def test_a_bill_of_materials(part: str) -> None:
    from cyclonedx.schema import SchemaVersion  # they take two seconds to load, in each worker
    from cyclonedx.validation.json import JsonStrictValidator

    names = release.shipped()[part]
    bill = release.bill_of_materials(part, release.checked_version(), names)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    told = {c["name"].lower().replace("_", "-").replace(".", "-"): c for c in bill["components"]}
    assert {n for n in names if release.installed(n)} - {"localorg"} <= set(told)
    assert not [name for name, component in told.items() if not component.get("licenses")], "a licence is missing"


def test_what_is_deployed_is_in_the_bill_in_the_version_that_is_deployed() -> None:
    pinned = dict(
        re.findall(r"^([a-z0-9-]+)==([\w.]+)", (ROOT / "functions/requirements.txt").read_text(), re.MULTILINE)
    )
    bill = release.bill_of_materials("functions", release.checked_version(), pinned)
    told = {c["name"].lower().replace("_", "-").replace(".", "-"): c["version"] for c in bill["components"]}
    assert told == {name: version for name, version in pinned.items() if release.installed(name)}


def test_what_the_page_is_bundled_from_is_in_the_bill(tmp_path: Path) -> None:
    web_page.bundle_app_check(tmp_path / "app_check.js", "--metafile=" + str(tmp_path / "meta.json"))
    inputs = json.loads((tmp_path / "meta.json").read_text())["inputs"]
    assert {found[1] for i in inputs if (found := re.search(r"node_modules/((?:@[^/]+/)?[^/]+)", i))} == set(
        release.BUNDLED
    )
    bill = release.bill_of_materials("client", release.checked_version(), release.shipped()["client"])
    assert set(release.BUNDLED) <= {c["name"] for c in bill["components"]}
    assert f"idb {release.bundled('idb')['version']}: ISC" in release.licences([], release.BUNDLED)


def test_the_engine_and_the_fonts_of_the_page_are_in_the_bill_with_their_versions() -> None:
    bill = release.bill_of_materials("client", release.checked_version(), release.shipped()["client"])
    told = {c["name"]: c for c in bill["components"]}
    for name in ("pyodide", *release.FONTS):
        assert re.fullmatch(r"\d+\.\d+\.\d+", told[name]["version"]), name
        assert told[name]["purl"].startswith("pkg:npm/")
    assert len(release.FONTS) > 20


@pytest.mark.parametrize("part", ["functions", "client", "localorg"])
def test_licences_are_told_with_their_texts(part: str) -> None:
    text = release.licences(release.shipped()[part])
    heads = re.findall(r"^([a-z0-9-]+) [\w.]+: (.*)$", text, re.MULTILINE)
    assert len(heads) >= len([n for n in release.shipped()[part] if release.installed(n)])
    assert not [name for name, licence in heads if not licence.strip()]
    assert "Apache License" in text


def test_the_wheel_of_localorg_installs_and_serves(tmp_path: Path) -> None:
    release.wheel(tmp_path)
    (wheel,) = tmp_path.glob("localorg-*.whl")
    assert wheel.name == f"localorg-{release.checked_version()}-py3-none-any.whl"
    subprocess.run([str(UV), "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    target = tmp_path / "venv/lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    subprocess.run([str(UV), "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel)], check=True)
    shown = subprocess.run(
        [sys.executable, "-c", "import localorg; print(localorg.__file__)"],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(target) in shown.stdout
    text = "\n".join(p.read_text() for p in target.glob("localorg-*.dist-info/METADATA"))
    assert "Description-Content-Type: text/markdown" in text
    assert "localorg serve" in text, "its own README is its description"


class _Page(HTMLParser):
    """Links, anchors, and what a browser would load, of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel", "") not in ("canonical", "prev", "next", "edit"):
            self.loads.append(given.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "--site-dir", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_has_no_dead_link_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {file: _Page(file.read_text()) for file in site.rglob("*.html")}
    assert len(pages) > 40
    for file, page in pages.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                assert address not in page.loads, f"{file.name} loads {address}"
                continue
            if file.name == "404.html":
                continue  # it stands for any address, so its own links are from the root of the site
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.exists(), f"{file.relative_to(site)}: {address}"
            if parts.fragment and target in pages:
                assert parts.fragment in pages[target].anchors, f"{file.relative_to(site)}: {address}"


def test_the_reference_comes_out_of_the_docstrings(site: Path) -> None:
    page = (site / "reference/contract.html").read_text()
    for name in (
        "contract.calls.SignIn",
        "contract.calls.GET_RECORD",
        "contract.errors.ConnectionLost",
        "contract.codec.decode",
    ):
        assert f'id="{name}"' in page, name
    assert 'id="localorg.EmbeddedOrg"' in (site / "reference/localorg.html").read_text()


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_asks_for_no_more_than_it_needs_and_runs_targets_that_exist(file: Path) -> None:
    """As far as it goes without GitHub: the structure, the rights, and the commands."""
    workflow: dict[Any, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name, job in workflow["jobs"].items():
        assert job["runs-on"], name
        assert all("uses" in step or "run" in step for step in job["steps"])
        for step in job["steps"]:
            assert set(re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))) <= targets
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(workflow["jobs"])


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_uses_actions_of_one_commit_and_says_which_version_that_is(file: Path) -> None:
    """A tag can be moved to other code, a commit cannot."""
    lines = re.findall(r"uses: (.*)", file.read_text())
    assert lines
    for line in lines:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_workflows_run_what_ci_runs() -> None:
    runs = (ROOT / ".github/workflows/check.yml").read_text()
    commands = re.findall(r"^make \w+", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert commands == ["make check", "make test"]
    assert all(f"run: {command}\n" in runs for command in commands)


def test_the_python_of_the_workflows_is_the_projects() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    for file in WORKFLOWS:  # check.yml has a newer one besides: tests/operations/test_deployed_python.py
        assert wanted in re.findall(r'python(?:-version)?: "([\d.]+)"', file.read_text())
