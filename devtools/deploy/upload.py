"""The files that `firebase deploy` would upload."""

import json
import os
import subprocess
from pathlib import Path

from devtools.paths import ROOT, tool_path

_LIST = """
const path = require("path"), tools = process.argv[1];
const { readdirRecursive } = require(path.join(tools, "lib/fsAsync"));
const { listFiles } = require(path.join(tools, "lib/listFiles"));
(async () => {
  const all = {};
  for (const [kind, folder, ignore] of JSON.parse(process.argv[2])) {
    const files = () => readdirRecursive({ path: folder, ignoreStrings: ignore });
    const listed = async () => (await files()).map((f) => path.relative(folder, f.name));
    all[kind] = (kind === "functions" ? await listed() : listFiles(folder, ignore)).sort();
  }
  console.log(JSON.stringify(all));
})();
"""
_Part = tuple[str, str, list[str]]  # which it is, its folder, what is ignored


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
    return _listed(("functions", str(root / functions["source"]), [*functions["ignore"], *always]), _site(root))


def hosted(root: Path = ROOT) -> list[str]:
    """The files of `hosting` alone."""
    return _listed(_site(root))["hosting"]


def _site(root: Path) -> _Part:
    config = json.loads((root / "firebase.json").read_text())["hosting"]
    return "hosting", str(root / config["public"]), config["ignore"]


def _listed(*parts: _Part) -> dict[str, list[str]]:
    command = ["node", "-e", _LIST, str(ROOT / "devtools/node_modules/firebase-tools"), json.dumps(parts)]
    environment = {**os.environ, "PATH": tool_path(dict(os.environ))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)
