"""The lines of a project's settings files, before anything is done with them."""

import difflib
import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from devtools.deploy.cloud import DeployError
from devtools.deploy.place import OF_THE_PLACE
from devtools.deploy.wanted import SECRETS
from devtools.paths import ROOT

# As firebase-tools reads a line (15.34.2, lib/functions/env.js, LINE_RE); a value ends on its line here.
_LINE = re.compile(
    r"""\s*(?:export)?\s*([\w./]+)\s*=\s*('(?:\\'|[^'])*'|"(?:\\"|[^"])*"|(?:[^#'"\s][^#]*)?)\s*(?:#.*)?"""
)
_SET_BY_FIREBASE = re.compile(r"(FIREBASE|FIRESTORE|FUNCTIONS?|GCLOUD)_.*")


def check(files: Sequence[Path]) -> None:
    """Raises DeployError when a line is no setting of this app; values are never told, because one may be secret."""
    for file in files:
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                wrong = _wrong(line, known())
                if wrong:
                    raise DeployError(f"functions/{file.name}, line {number}: {wrong} (docs/deploy.md, “Settings”)")


@cache
def known() -> frozenset[str]:
    """The names of all settings that a file may have. Raises DeployError."""
    command = [sys.executable, "-m", "backend.admin", "settings", "--names"]
    done = subprocess.run(command, cwd=ROOT / "functions", capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeployError(f"the names of the settings could not be read: {done.stderr.strip().splitlines()[-1:]}")
    return frozenset({*done.stdout.split(), *OF_THE_PLACE})


def _wrong(line: str, known: Collection[str]) -> str:
    match = _LINE.fullmatch(line)
    if match is None:
        return "this is no NAME=value"
    name = match[1]
    if name in SECRETS:
        return f"{name} is a secret, which make deploy puts into Secret Manager: take it out of the file"
    if name not in known or _SET_BY_FIREBASE.fullmatch(name):
        close = difflib.get_close_matches(name, known, 1)
        return f"{name} is not a setting" + (f"; is {close[0]} meant?" if close else "")
    return ""
