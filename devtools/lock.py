"""Writes the lock files: requirements.lock for laptops and CI, functions/requirements.txt for deployment, and in
devtools/locks what is installed before them (uv), beside them (Node, Java), and for the browser (web).

All pin every package with its hashes and name no index, so that mirrors work too (uv.lock would name the registry in
every line; docs/decisions/lock-file.md).
"""

import subprocess
import tomllib

from devtools import web_python
from devtools.paths import LOCKS, ROOT, UV

_COMMON = [
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--no-annotate",
    "-q",
]


def main() -> None:
    """Writes all files. Raises CalledProcessError when uv fails."""
    uv = str(UV)
    # The functions get the same versions as requirements.lock, so that the tested ones are deployed.
    inputs = ["functions/requirements.in", "localorg/pyproject.toml", ".local/app.in"]
    groups = ["--group", "pyproject.toml:dev", "--group", "app/pyproject.toml:dev"]
    app = [line for line in _app_requirements() if not line.startswith("contract")]
    (ROOT / ".local").mkdir(exist_ok=True)
    (ROOT / ".local/app.in").write_text("\n".join(app) + "\n")
    subprocess.run([uv, "pip", "compile", *_COMMON, *inputs, *groups, "-o", "requirements.lock"], cwd=ROOT, check=True)
    subprocess.run(
        [
            uv,
            "pip",
            "compile",
            *_COMMON,
            "functions/requirements.in",
            "-c",
            "requirements.lock",
            "-o",
            "functions/requirements.txt",
        ],
        cwd=ROOT,
        check=True,
    )
    (ROOT / ".local/web.in").write_text("\n".join(web_python.VENDORED) + "\n")
    for name in ("uv", "node", "java", "web"):
        source = [".local/web.in"] if name == "web" else ["--group", f"pyproject.toml:{name}"]
        lock = str(LOCKS / f"{name}.txt")
        subprocess.run([uv, "pip", "compile", *_COMMON, "--no-deps", *source, "-o", lock], cwd=ROOT, check=True)


def _app_requirements() -> list[str]:
    return tomllib.loads((ROOT / "app/pyproject.toml").read_text())["project"]["dependencies"]
