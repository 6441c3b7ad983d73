"""`make release`: writes the parts of a release into build/release.

They are the wheel of `localorg`, bills of materials (CycloneDX) and licences of everything shipped, and the changelog's
section. Nothing is published here; .github/workflows/release.yml does that.
"""

import importlib.metadata as metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from devtools import web, web_fonts, web_python
from devtools.paths import PYTHON, ROOT

OUT = ROOT / "build/release"
_VERSIONED = ("pyproject.toml", "localorg/pyproject.toml", "app/pyproject.toml", "functions/contract/pyproject.toml")
# The licences of packages whose metadata names none, from the licence file in their sources.
_UNDECLARED = {"protobuf": "BSD-3-Clause", "tink": "Apache-2.0", "flet-secure-storage": "Apache-2.0"}
# The npm packages in app_check.js.
BUNDLED = ("@firebase/app", "@firebase/app-check", "@firebase/component", "@firebase/logger", "@firebase/util", "idb")
_NODE = ROOT / "devtools/node_modules"
# What the site contains besides packages. Flutter's NOTICES has the licences of its own parts.
_RUNTIMES = (
    ("flutter-web-engine", "brought by flet-web", "BSD-3-Clause"),
    ("canvaskit", "brought by flet-web", "BSD-3-Clause"),
    ("cpython", "brought by pyodide", "PSF-2.0"),
    ("roboto", "brought by flet-web", "Apache-2.0"),
)
FONTS = tuple(font.package for font in web_fonts.BUNDLED.values())  # npm packages too


class ReleaseError(Exception):
    """A release cannot be made. The text says why and what to do."""


def main() -> None:
    """Writes all parts. Raises ReleaseError when the versions and the changelog do not agree, or a licence is
    missing.
    """
    version = checked_version()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    if web.is_stale():
        web.build()
    (OUT / "notes.md").write_text(notes(version))
    wheel(OUT)
    for part, names in shipped().items():
        bill = bill_of_materials(part, version, names)
        (OUT / f"{part}.cdx.json").write_text(json.dumps(bill, indent=2) + "\n")
        (OUT / f"{part}-licences.txt").write_text(licences(names, BUNDLED if part == "client" else ()))


def checked_version() -> str:
    """The version of this repository. Raises ReleaseError when the projects have different ones or the changelog has
    none of it.
    """
    versions = {name: str(tomllib.loads((ROOT / name).read_text())["project"]["version"]) for name in _VERSIONED}
    if len(set(versions.values())) != 1:
        raise ReleaseError(
            "the versions differ: " + ", ".join(f"{name} {version}" for name, version in versions.items())
        )
    version = next(iter(versions.values()))
    notes(version)
    return version


def notes(version: str) -> str:
    """The changelog's section about a version. Raises ReleaseError when there is none."""
    sections = re.split(r"^## \[", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    text = next((s.partition("\n")[2].strip() for s in sections if s.startswith(f"{version}]")), "")
    if not text:
        raise ReleaseError(f"CHANGELOG.md has no section for {version}")
    return text + "\n"


def shipped() -> dict[str, list[str]]:
    """The names of the Python packages in the functions, in the client, and in `localorg` with its dependencies."""
    own = tomllib.loads((ROOT / "localorg/pyproject.toml").read_text())["project"]["dependencies"]
    return {
        "functions": re.findall(r"^([a-z0-9-]+)==", (ROOT / "functions/requirements.txt").read_text(), re.MULTILINE),
        "client": [requirement.partition("==")[0] for requirement in web_python.VENDORED] + ["flet-web"],
        "localorg": ["localorg", *(re.split(r"[\[<>=]", requirement)[0] for requirement in own)],
    }


def wheel(out: Path) -> None:
    """Builds the wheel of `localorg` into `out`, without a network."""
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(out),
        str(ROOT / "localorg"),
    ]
    subprocess.run(command, check=True)


def bill_of_materials(part: str, version: str, names: Iterable[str]) -> dict[str, Any]:
    """The CycloneDX bill of these installed packages. Raises ReleaseError for a missing package or licence."""
    whole: dict[str, Any] = json.loads(_whole_bill())
    wanted = {_normal(name) for name in names if installed(name)}
    components = [c for c in whole["components"] if _normal(c["name"]) in wanted]
    missing = wanted - {_normal(c["name"]) for c in components} - {"localorg"}
    if missing:
        raise ReleaseError(f"{part}: {', '.join(sorted(missing))} is not in the bill")
    for component in components:
        name = _normal(component["name"])
        if not component.get("licenses"):
            if name not in _UNDECLARED:
                raise ReleaseError(
                    f"{name} does not declare its licence: look it up, and put it into devtools/release.py"
                )
            component["licenses"] = [{"license": {"id": _UNDECLARED[name]}}]
    if part == "client":
        components += [pyodide(), *(bundled(name) for name in (*BUNDLED, *FONTS))]
        components += [
            {"type": "library", "bom-ref": n, "name": n, "description": d, "licenses": [{"license": {"id": i}}]}
            for n, d, i in _RUNTIMES
        ]
    kept = {c["bom-ref"] for c in components}
    depends = [
        {**d, "dependsOn": [r for r in d.get("dependsOn", []) if r in kept]}
        for d in whole.get("dependencies", [])
        if d["ref"] in kept
    ]
    subject = {
        "type": "application",
        "bom-ref": part,
        "name": f"salesforce-sample-{part}",
        "version": version,
    }
    return {
        **whole,
        "metadata": {**whole["metadata"], "component": subject},
        "components": components,
        "dependencies": depends,
    }


def bundled(name: str) -> dict[str, Any]:
    """The CycloneDX component of an npm package."""
    package = json.loads((_NODE / name / "package.json").read_text())
    purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
    licence = package["license"]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": package["version"],
        "purl": purl,
        "licenses": [{"expression": licence} if " " in licence else {"license": {"id": licence}}],
    }


def pyodide() -> dict[str, Any]:
    """The CycloneDX component of the Pyodide that flet-web brings."""
    import flet_web

    package = json.loads((Path(flet_web.__file__).parent / "web/pyodide/package.json").read_text())
    purl = f"pkg:npm/pyodide@{package['version']}"
    described = {"type": "library", "bom-ref": purl, "name": "pyodide", "version": package["version"], "purl": purl}
    return {**described, "description": "brought by flet-web", "licenses": [{"license": {"id": package["license"]}}]}


@cache
def _whole_bill() -> str:
    """The bill of everything that is installed, as JSON. A test validates it, because that takes 20 seconds."""
    tool = PYTHON.parent / "cyclonedx-py"
    command = [
        str(tool),
        "environment",
        "--output-format",
        "JSON",
        "--spec-version",
        "1.6",
        "--output-reproducible",
        "--no-validate",
        str(PYTHON),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def licences(names: Iterable[str], from_npm: Iterable[str] = ()) -> str:
    """Name, version, licence, and licence text of each package, as one text."""
    sections: list[str] = []
    for name in sorted({_normal(n) for n in names}):
        if not installed(name):
            continue
        package = metadata.distribution(name)
        described: Mapping[str, Any] = package.metadata.json
        classified = [c.rsplit(" :: ", 1)[-1] for c in described.get("classifier", []) if c.startswith("License ::")]
        declared = str(described.get("license", "")).splitlines()[:1]
        licence = (
            described.get("license_expression")
            or ", ".join(classified)
            or "".join(declared)
            or _UNDECLARED.get(name, "not declared")
        )
        texts = [
            f
            for f in package.files or ()
            if re.search(r"(^|/)(LICEN[CS]E|COPYING|NOTICE)[^/]*$", str(f), re.IGNORECASE)
        ]
        parts = [f.read_text() for f in texts if ".dist-info" in str(f)]
        sections.append("\n".join([f"{name} {package.version}: {licence}", "", *parts]))
    for name in from_npm:
        described = json.loads((_NODE / name / "package.json").read_text())
        sections.append(
            "\n".join(
                [
                    f"{name} {described['version']}: {described['license']}",
                    "",
                    *(f.read_text() for f in (_NODE / name).glob("LICENSE*")),
                ]
            )
        )
    return ("\n" + "=" * 100 + "\n").join(sections)


def installed(name: str) -> bool:
    """Whether a package is installed; packages for other operating systems are not."""
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    try:
        main()
    except ReleaseError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        sys.exit(1)
