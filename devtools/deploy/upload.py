"""The files that `firebase deploy` would upload."""

import json
import os
import subprocess
from pathlib import Path

from devtools.paths import ROOT, tool_path

_LIST = """
const path = require("path"), tools = process.argv[1], folder = process.argv[2], ignore = JSON.parse(process.argv[3]);
const { readdirRecursive } = require(path.join(tools, "lib/fsAsync"));
const { listFiles } = require(path.join(tools, "lib/listFiles"));
(async () => {
  const files = () => readdirRecursive({ path: folder, ignoreStrings: ignore });
  const listed = async () => (await files()).map((f) => path.relative(folder, f.name));
  const paths = process.argv[4] === "functions" ? await listed() : listFiles(folder, ignore);
  console.log(JSON.stringify(paths.sort()));
})();
"""


def uploaded(root: Path = ROOT) -> dict[str, list[str]]:
    """The files of `functions` and `hosting`, as paths below their folders. firebase-tools' own code lists them."""
    config = json.loads((root / "firebase.json").read_text())
    functions = config["functions"][0]
    # firebase-tools adds these to the list in firebase.json.
    always = [
        "firebase-debug.log",
        "firebase-debug.*.log",
        ".runtimeconfig.json",
    ]
    return {
        "functions": _listed(root / functions["source"], [*functions["ignore"], *always], "functions"),
        "hosting": hosted(root),
    }


def hosted(root: Path = ROOT) -> list[str]:
    """The files of `hosting` alone."""
    config = json.loads((root / "firebase.json").read_text())["hosting"]
    return _listed(root / config["public"], config["ignore"], "hosting")


def _listed(folder: Path, ignore: list[str], kind: str) -> list[str]:
    command = [
        "node",
        "-e",
        _LIST,
        str(ROOT / "devtools/node_modules/firebase-tools"),
        str(folder),
        json.dumps(ignore),
        kind,
    ]
    environment = {**os.environ, "PATH": tool_path(dict(os.environ))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)
