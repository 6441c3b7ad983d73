"""Writes docs/how-true.md: what the local org does as Salesforce documents it, what it does not, and the tests of it.

Everything on the page comes from elsewhere: what is missing from docs/localorg.md, the rest from the tests in
tests/localorg: their docstrings say the source, their names the rule, their tables the number of cases.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import ROOT

PAGE = ROOT / "docs/how-true.md"
_TESTS = ROOT / "tests/localorg"
_HEAD = """# How true is the local org?

Each line is a rule and a test that holds it; the source is the page on which Salesforce says so (or the public report
of somebody who met it). `make how-true` writes this page from the tests and from
[localorg.md](localorg.md), and a test holds it to both. Whole clients: [compatibility.md](compatibility.md).
"""
# The areas of the page: for each, the rows of the table "What is faithful" and the test files.
_AREAS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Signing in",
        ("authorize", "token", "DPoP", "browser sessions", "identity"),
        ("oauth", "oauth_flows", "dpop", "dpop_resources", "client_assertions", "jwt_tokens"),
    ),
    (
        "SOQL and SOSL",
        ("SOQL",),
        (
            "soql", "soql_functions", "soql_refusals", "soql_rules", "sixty_queries", "children", "picklist_order",
            "sosl_clauses",
        ),
    ),
    (
        "Records",
        (),
        (
            "rest", "resources", "addresses", "documented_addresses", "documented_limits", "primitive_types", "files",
            "activities",
        ),
    ),
    ("Bulk", (), ("bulk", "bulk_classic")),
    ("What the org tells of itself", ("permissions",), ("describe", "ui_api", "jsforce_gaps")),
    ("Limits and time", ("limits", "time"), ("limits", "any_request", "durable")),
    ("Your own objects and data", (), ("metadata", "seed")),
    ("Other people's clients", (), ("other_clients", "dpop_clients", "salesforce_cli")),
    ("The package", (), ("package",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One test as a sentence, with how many cases its table has and the source that stands above it."""

    said: str
    cases: int
    source: str


def page() -> str:
    """The page as the tests and docs/localorg.md make it."""
    org = (ROOT / "docs/localorg.md").read_text()
    missing = {r[0]: r[2] for r in re.findall(r"^\| ([^|`]+) \| ([^|]+) \| ([^|]+) \|$", _faithful(org), re.MULTILINE)}
    named = {name for _, _, files in _AREAS for name in files}
    others = sorted(p.stem.removeprefix("test_") for p in _TESTS.glob("test_*.py"))
    areas = (*_AREAS, ("Shapes", (), tuple(n for n in others if n not in named)))
    return "".join([_HEAD, *(_area(title, rows, files, missing) for title, rows, files in areas), _resources(org)])


def _faithful(org: str) -> str:
    return org.split("## What is faithful")[1].split("### Every resource")[0]


def _area(title: str, rows: tuple[str, ...], files: tuple[str, ...], missing: dict[str, str]) -> str:
    text = f"\n## {title}\n"
    gaps = [f"- {row}: {missing[row]}" for row in rows]
    if gaps:
        text += "\nNot here:\n\n" + "\n".join(gaps) + "\n"
    for name in files:
        text += _file(_TESTS / f"test_{name}.py")
    return text


def _file(path: Path) -> str:
    source = path.read_text()
    module = ast.parse(source)
    about, *more = (ast.get_docstring(module) or "").split("\n\n")
    text = f"\n### {_plain(about)}\n\n`{path.relative_to(ROOT).as_posix()}`"
    text += "".join(f" {_plain(part)}" for part in more) + "\n\n| rule | cases | source |\n| --- | --- | --- |\n"
    for rule in _rules(module, source.splitlines()):
        text += f"| {rule.said} | {rule.cases or ''} | {rule.source} |\n"
    return text


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _rules(module: ast.Module, lines: list[str]) -> Iterator[Rule]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = node.name.removeprefix("test_").replace("_", " ")
            docstring = _plain(ast.get_docstring(node) or "")
            source = docstring.partition("Source:")[2].strip() or _above(node, lines)
            yield Rule(said, _cases(node), source)


def _above(node: ast.FunctionDef, lines: list[str]) -> str:
    """The comment above a test and its decorators."""
    at = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 2
    comment: list[str] = []
    while at >= 0 and lines[at].strip().startswith("# "):
        comment.insert(0, lines[at].strip().removeprefix("# "))
        at -= 1
    return _plain(" ".join(comment))


def _cases(node: ast.FunctionDef) -> int:
    """The number of rows of the tables above a test, multiplied; 0 without a table of literals."""
    count = 0
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
            rows = decorator.args[1] if len(decorator.args) > 1 else None
            if isinstance(rows, ast.List | ast.Tuple):
                count = (count or 1) * len(rows.elts)
    return count


def _resources(org: str) -> str:
    """The resources that are there in part or refused, from the table of all resources."""
    table = org.split("### Every resource of the REST reference")[1]
    rows = re.findall(r"^\| (`.+`) \| (part|refused) \|(.*)\|$", table, re.MULTILINE)
    text = "\n## Resources that are not whole\n\nOf the REST reference; all others are there.\n\n"
    text += "| resource | here | |\n| --- | --- | --- |\n"
    return text + "".join(f"| {paths} | {here} | {said.strip()} |\n" for paths, here, said in rows)


def write() -> None:
    """Writes the page."""
    PAGE.write_text(page())
