"""Runs inside Pyodide before the snapshot is made: compiles the app's archive, and finds out what the app names of
Flet.
"""

import ast
import compileall
import py_compile
import tarfile
from pathlib import Path

HOME = Path("/home/pyodide")

compileall.compile_dir(HOME, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
with tarfile.open("/tmp/app.tar", "w") as archive:  # noqa: S108  in Pyodide's own file system
    archive.add(HOME, arcname=".")

named = " ".join(
    sorted(
        {
            node.attr
            for path in HOME.glob("**/*.py")
            if "__pypackages__" not in path.parts
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ft"
        }
    )
)
