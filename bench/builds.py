"""The builds of the web client that are compared: this one, and that of version 0.2.0, which is made once and kept."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from devtools import web
from devtools.paths import ROOT, tool_path

RELEASE = "0.2.0"
ONE_WORD = (
    "an app of one word"  # this build with another app: what Flet, Flutter and Pyodide take before our first view
)
_COMMIT = "753bbc99cddbb1026e15f61c196c47813f856214"
_KEPT = ROOT / "build/bench" / f"release-{RELEASE}"


@dataclass(frozen=True, slots=True)
class Build:
    """A built client. `name` is what tables call it, `site` the folder of its files, `hosting` its firebase.json."""

    name: str
    site: Path
    hosting: Path


def now() -> Build:
    """The client as the sources are; it is built where it is older than they."""
    if web.is_stale():
        web.build()
    return Build("now", web.OUT, ROOT / "firebase.json")


def sources(repository: Path = ROOT, kept: Path = _KEPT) -> Path:
    """The folder with the files of version 0.2.0, taken once from what `repository` knows of it. Raises SystemExit,
    with what to do, when the repository lacks its commit.
    """
    if (kept / "functions/main.py").exists():
        return kept
    known = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "-e", f"{_COMMIT}^{{commit}}"], capture_output=True, check=False
    )
    if known.returncode != 0:
        raise SystemExit(
            f"✗ version {RELEASE} (commit {_COMMIT[:7]}), with which this compares, is not in this clone: run git fetch"
            " --unshallow, or clone the repository whole"
        )
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    files = subprocess.run(["git", "-C", str(repository), "archive", _COMMIT], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(kept, filter="data")
    return kept


def release(repository: Path = ROOT, kept: Path = _KEPT) -> Build:
    """The client of version 0.2.0, built by its own script in the folder `kept` from its `sources` and from the
    packages that are installed. Raises SystemExit, with what to do, when that fails.
    """
    build = Build(RELEASE, kept / "build/web", kept / "firebase.json")
    if (build.site / ".built").exists():
        return build
    sources(repository, kept)
    (kept / "devtools/node_modules").symlink_to(ROOT / "devtools/node_modules")
    if (ROOT / "build/pypackages").is_dir():  # taken again only if they are the same, by its own stamp
        shutil.copytree(ROOT / "build/pypackages", kept / "build/pypackages")
    environment = {
        **os.environ,
        "PATH": tool_path(dict(os.environ)),
        "PYTHONPATH": os.pathsep.join(str(kept / folder) for folder in ("", "functions", "app/src")),
    }
    command = [sys.executable, "-c", "from devtools import web; web.build()"]
    print(f"… the client of version {RELEASE} is built, once", flush=True)
    done = subprocess.run(command, cwd=kept, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"✗ version {RELEASE} could not be built: {done.stderr.strip()[-800:]}")
    return build
