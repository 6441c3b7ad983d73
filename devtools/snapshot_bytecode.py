"""Runs inside Pyodide before the snapshot is made: compiles the app's archive and Python's library, and finds out what
the app names of Flet.
"""

import ast
import compileall
import py_compile
import tarfile
import zipfile
from pathlib import Path

HOME = Path("/home/pyodide")
LIBRARY = next(Path("/lib").glob("python3*.zip"))

compileall.compile_dir(HOME, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
with tarfile.open("/tmp/app.tar", "w") as archive:  # noqa: S108  in Pyodide's own file system
    archive.add(HOME, arcname=".")

source, bytecode = Path("/tmp/source.py"), Path("/tmp/bytecode.pyc")  # noqa: S108  in Pyodide's own file system
with zipfile.ZipFile(LIBRARY) as library, zipfile.ZipFile("/tmp/stdlib.zip", "w", zipfile.ZIP_DEFLATED) as compiled:  # noqa: S108
    for name in library.namelist():
        content = library.read(name)
        if name.endswith(".py"):
            source.write_bytes(content)
            py_compile.compile(
                str(source),
                str(bytecode),
                f"{LIBRARY}/{name}",
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
            name, content = f"{name}c", bytecode.read_bytes()
        compiled.writestr(name, content)

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
