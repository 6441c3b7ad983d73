"""Runs inside Pyodide while the snapshot is made: imports all that the app touches before its first view, and nothing else."""

import ast
import gc
import importlib
import os
import sys
import types
from pathlib import Path

os.environ["MSGPACK_PUREPYTHON"] = "1"  # a C extension in the snapshot breaks its restore
os.chdir("/home/pyodide")

# The way to the page is a JavaScript object, which a snapshot may not hold: the worker puts it in after the restore.
sys.modules["flet_js"] = types.ModuleType("flet_js")
for name in (
    *("asyncio", "gettext", "json", "msgpack", "random", "runpy", "traceback"),
    *("flet.messaging.pyodide_connection", "flet.components.component", "main"),
):
    importlib.import_module(name)
del sys.modules["flet_js"]

# Flet's controls are imported when they are first named.
flet = importlib.import_module("flet")
for path in Path("/home/pyodide").glob("**/*.py"):
    if "__pypackages__" not in path.parts:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ft":
                getattr(flet, node.attr, None)

# Catalogues and locales are read from files, which are not there at once after a restore.
values, words = importlib.import_module("ui.shared.values"), importlib.import_module("ui.shared.words")
for language in ("ja", "de", "en-GB", "en-US"):
    words.use_language([language])
    values.money(1234567.0)
    values.value(None, 1.5)
    values.day("2026-01-31")
    values.short_day("2026-01-31")
    values.time_of("2026-01-31T10:00:00+00:00")
gc.collect()
gc.freeze()  # what stands here stays: the collector need not look at it again
