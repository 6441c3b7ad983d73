"""Runs inside Pyodide when the snapshot is made: it imports what the app needs before its first view, and
nothing else.
"""

import contextlib
import dataclasses
import gc
import importlib
import io
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

# Flet's controls are imported when they are first named; `named`, which snapshot.mjs sets, are those of the app.
flet = importlib.import_module("flet")
for name in globals()["named"].split():
    getattr(flet, name, None)

# What Flet and the contract find out of a class when its first object comes is found out here.
control = importlib.import_module("flet.controls.base_control").BaseControl
compile_rules = vars(importlib.import_module("flet.utils.validation"))["_compile_class_spec"]
kinds = vars(importlib.import_module("ui.shared.quick_walk"))["_KINDS"]
codec = importlib.import_module("contract.codec")
for module in [module for name, module in sys.modules.items() if name.split(".")[0] in ("flet", "contract", "data")]:
    for kind in list(vars(module).values()):
        if not isinstance(kind, type) or not dataclasses.is_dataclass(kind) or kind.__module__ != module.__name__:
            continue
        if not module.__name__.startswith("flet."):
            with contextlib.suppress(NameError):  # a type that only a type checker sees
                for _field, shape in codec.wire_fields(kind).values():
                    vars(codec)["_decoder"](shape)
                vars(codec)["_decoder"](kind)
                vars(codec)["_plan"](kind)
            vars(codec)["_parts"](kind)
        elif hasattr(flet, kind.__name__):
            kinds[kind]
            if issubclass(kind, control):
                compile_rules(kind)

# Catalogues and locales are read from files, which are not there after a restore. What most people's first view needs
# is made ready;
# the locales of other regions, which add little to those that they inherit from, are read from memory when they are
# needed.
localedata, values, words = (
    importlib.import_module(name) for name in ("babel.localedata", "ui.shared.values", "ui.shared.words")
)
for tag in (*words.LANGUAGES, "en-GB", "en-US"):
    words.use_language([tag])
    values.money(1234567.0)
    values.value(None, 1.5)
    values.day("2026-01-31")
    values.short_day("2026-01-31")
    values.time_of("2026-01-31T10:00:00+00:00")
regions = [
    localedata.resolve_locale_filename(name) for name in localedata.locale_identifiers() if name not in words.LANGUAGES
]
contents = {path: Path(path).read_bytes() for path in regions}
vars(localedata)["open"] = lambda path, _mode: io.BytesIO(contents[path])
gc.collect()
gc.freeze()  # these objects stay alive, so the collector need not visit them again
