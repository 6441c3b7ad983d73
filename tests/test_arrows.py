"""The arrows of the house point one way; held by the imports themselves."""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.records.layouts import LAYOUTS

# What every flow may use: values and interfaces, what can fail, how long a call may take, which hosts are
# Salesforce's, spans and metrics of a step, and files on their way through.
_SHARED = (
    "backend.values", "backend.failures", "backend.deadline", "backend.hosts", "backend.telemetry", "backend.transfer"
)  # fmt: skip
_BELOW = {"sign_in": ("backend.connections",), "connections": (), "records": ()}
# Each room may import from these (and from itself). "*" stands for any package from outside.
_MAY = {
    "functions/contract": {"stdlib"},
    **{
        f"functions/backend/{flow}": {"stdlib", "cachetools", "msgspec", "contract", *_SHARED, *_BELOW[flow]}
        for flow in _BELOW
    },
    "functions/backend/adapters": {
        "stdlib",
        "*",
        "cachetools",
        "contract",
        *_SHARED,
        "backend.sign_in",
        "backend.connections",
        "backend.records",
    },
    "functions/backend": {"stdlib", "*", "contract", "backend"},
    "localorg/schema": {"stdlib"},
    "localorg/data": {"stdlib", *(f"localorg.{m}" for m in ("schema", "org", "clock", "errors", "settings"))},
    "localorg/soql": {"stdlib", "*", *(f"localorg.{m}" for m in ("schema", "org", "data", "clock"))},
    "localorg/metadata": {"stdlib", "*", *(f"localorg.{m}" for m in ("schema", "org", "data", "errors"))},
    "localorg": {"stdlib", "*", "localorg"},
    "app/src/data/services": {"stdlib", "*", "contract", "brand", "data.services"},
    "app/src/data/repositories": {"stdlib", "contract", "data"},
    "app/src/ui": {"stdlib", "flet", "babel", "contract", "data.repositories", "data.services.device", "brand", "ui"},
}
_OURS = ("contract", "backend", "localorg", "data", "ui", "devtools", "tests", "main")


def _python(folder: Path) -> Iterator[Path]:
    """Every Python file of ours below a folder."""
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("venv", "node_modules")]
        yield from (Path(path) / name for name in names if name.endswith(".py"))


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _kind(module: str) -> str:
    top = module.split(".")[0]
    if top in sys.stdlib_module_names:
        return "stdlib"
    return module if top in _OURS else "cachetools" if top == "cachetools" else "*"


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".") or room.startswith(module + ".")


def _files(repository: Path, room: str) -> list[Path]:
    inner = [r for r in _MAY if r != room and r.startswith(room + "/")]
    return [f for f in _python(repository / room) if not any(f.is_relative_to(repository / r) for r in inner)]


@pytest.mark.parametrize("room", list(_MAY))
def test_a_room_imports_only_what_it_may(repository: Path, room: str) -> None:
    own = room.removeprefix("functions/").removeprefix("app/src/").replace("/", ".")
    allowed = _MAY[room] | {own}
    files = _files(repository, room)
    assert files
    for file in files:
        for module in _imports(file):
            kind = _kind(module)
            top = module.split(".")[0]
            fits = (
                kind in allowed
                or top in allowed
                or (kind not in ("*", "stdlib") and any(_within(module, a) for a in allowed))
            )
            assert fits, f"{file.relative_to(repository)} imports {module}"


def test_what_decides_what_is_shown_knows_no_screen(repository: Path) -> None:
    """View models and the app as a whole are tested without Flet, so they may not need it."""
    ui = repository / "app/src/ui"
    deciding = [
        *ui.rglob("view_model.py"),
        *ui.rglob("*_view_model.py"),
        *(
            ui / n
            for n in (
                "app.py",
                "handover.py",
                "opened.py",
                "places.py",
                "rooms.py",
                "shared/background.py",
                "shared/state.py",
            )
        ),
    ]
    assert len(deciding) > 10
    for file in deciding:
        assert not [m for m in _imports(file) if m.split(".")[0] == "flet"], file


def test_only_the_frame_knows_the_whole_app(repository: Path) -> None:
    """A view gets the Shell and its state, a room what it needs."""
    ui = repository / "app/src/ui"
    files = [file for file in _python(ui) if file != ui / "frame.py"]
    assert len(files) > 30
    for file in files:
        assert not _imports(file) & {"ui.app", "ui.frame", "ui.table"}, file


def test_the_client_names_no_object_and_no_field(repository: Path) -> None:
    """Which objects there are, and what their fields mean, it learns from the backend."""
    named = {*LAYOUTS, *(name for layout in LAYOUTS.values() for name in (*layout.detailed, *layout.listed))}
    assert {"Account", "StageName", "LastModifiedBy.Name"} <= named
    for file in _python(repository / "app/src"):
        tree = ast.parse(file.read_text())
        words = {
            argument
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "_"
            for argument in call.args
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node not in words:
                assert node.value not in named, f"{file.relative_to(repository)}:{node.lineno} names {node.value}"


def _names(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize(
    ("root", "package"),
    [("functions", "backend"), ("functions", "contract"), (".", "localorg"), ("app/src", "data"), ("app/src", "ui")],
)
def test_there_is_no_circle_of_imports(repository: Path, root: str, package: str) -> None:
    base = repository / root
    modules = {_names(f, base): f for f in _python(base / package)}
    arrows = {
        name: {m for m in _imports(file) if m in modules and m not in (name, package)} for name, file in modules.items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join((*path[path.index(name) :], name))
        if name not in done:
            for other in arrows[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in modules:
        visit(name, ())


def test_functions_and_the_local_org_do_not_know_each_other(repository: Path) -> None:
    for room, other in (("functions", "localorg"), ("localorg", "backend"), ("localorg", "contract")):
        for file in _python(repository / room):
            assert not any(m.split(".")[0] == other for m in _imports(file)), file


def test_only_settings_read_the_environment(repository: Path) -> None:
    for file in _python(repository / "functions"):
        if file.name != "settings.py":
            assert "os.environ" not in file.read_text(), file
            assert "getenv" not in file.read_text(), file


def test_only_one_module_builds_a_connections_next_state(repository: Path) -> None:
    """connection.py has the steps; the stores only carry revisions and ends of the audit record."""
    for file in _python(repository / "functions/backend"):
        if file.name not in ("connection.py", "store.py", "blocks.py", "documents.py", "fields.py"):
            imports = _imports(file)
            assert "msgspec.structs.replace" not in imports or not any(
                i.startswith("backend.connections.connection") for i in imports
            ), file
            for call in (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)):
                assert getattr(call.func, "id", "") != "Connection", file
                assert not ast.unparse(call.func).endswith("structs.replace"), file


def test_no_flow_decides_by_a_reason(repository: Path) -> None:
    """Reasons are for the app; what a flow can know is the class of a failure."""
    for flow in _BELOW:
        for file in _python(repository / "functions/backend" / flow):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Compare):
                    read = [n for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr == "reason"]
                    assert not read, f"{file.relative_to(repository)}:{node.lineno}"


def test_tests_benchmarks_and_tools_are_no_circle(repository: Path) -> None:
    for room, others in (("devtools", ("tests", "bench")), ("bench", ("tests",))):
        for file in _python(repository / room):
            assert not any(module.split(".")[0] in others for module in _imports(file)), file


def test_nothing_edits_the_path_of_imports(repository: Path) -> None:
    for room in ("functions", "app/src", "localorg", "devtools", "bench"):
        for file in _python(repository / room):
            assert "sys.path" not in file.read_text(), file
