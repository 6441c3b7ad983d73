"""What other people's clients do with the local org: each test says what it drives, and docs/compatibility.md is made
from that.

`python -m tests.localorg.compatibility` writes the page; a test holds it.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from devtools.paths import ROOT

T = TypeVar("T", bound=Callable[..., object])
PAGE = ROOT / "docs/compatibility.md"
_MODULES = ("test_other_clients", "test_dpop_clients", "test_salesforce_cli", "test_action_clients",
            "test_lead_conversion")  # fmt: skip
_HEAD = """# Other people's clients and the local org

Each operation is driven by the test beside it, by the client itself as its maker ships it.
`python -m tests.localorg.compatibility` writes this page, and a test holds it to the tests.
"""
_SUITE = Path(__file__).with_name("jsforce_suite.md")
_shown: dict[str, list[tuple[str, str]]] = {}


def shows(client: str, *operations: str) -> Callable[[T], T]:
    """Marks a test that drives these operations of a client."""

    def marked(test: T) -> T:
        _shown.setdefault(client, []).extend(
            (operation, f"{Path(test.__code__.co_filename).name}::{test.__qualname__}") for operation in operations
        )
        return test

    return marked


def page() -> str:
    """The page as the tests make it."""
    for name in _MODULES:
        importlib.import_module(f"tests.localorg.{name}")
    order = {f"{name}.py": n for n, name in enumerate(_MODULES)}  # whichever a test run has imported first
    text = _HEAD
    for client in sorted(_shown, key=str.lower):
        in_order = sorted(_shown[client], key=lambda shown: order[shown[1].partition("::")[0]])
        text += f"\n## {client}\n\n| operation | test |\n| --- | --- |\n"
        text += "".join(f"| {operation} | `{test}` |\n" for operation, test in in_order)
    return f"{text}\n{_SUITE.read_text()}"


if __name__ == "__main__":
    from tests.localorg import compatibility  # the one in which the tests register themselves, and not `__main__`

    PAGE.write_text(compatibility.page())
