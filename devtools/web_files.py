"""What building the web client is made of: changes in Flet's files, the project's own scripts, and what to say when one
cannot be read.
"""

import os
import subprocess
from pathlib import Path

from devtools.paths import ROOT, tool_path


class SourceError(Exception):
    """A file of the client cannot be read. The text says which, where, and why."""


def replace(file: Path, old: str, new: str) -> None:
    """Replaces a text that stands once in one of Flet's files. Raises RuntimeError when it does not."""
    text = file.read_text()
    if text.count(old) != 1:
        raise RuntimeError(f"Flet's {file.name} has changed: see devtools/web_*.py")
    file.write_text(text.replace(old, new))


def esbuild(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs esbuild in the project's folder."""
    node = ROOT / "devtools/node_modules"
    command = [str(node / ".bin/esbuild"), *arguments, "--format=esm", "--log-level=error"]
    environment = {**os.environ, "PATH": tool_path(dict(os.environ)), "NODE_PATH": str(node)}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
