"""docs/threat-model.md is held to the tests that it names, and to itself: every threat has a test, or says that it has
none. docs/drills.md is held to the tests that it names.
"""

import ast
import re
from pathlib import Path

import pytest

ADVERSARIES = (
    *("stranger", "signed-in user", "malicious app", "dump of Firestore", "dump and a log"),
    *("one service account", "rogue administrator", "hostile"),
)
COLUMNS = 4


def page(repository: Path) -> str:
    return (repository / "docs/threat-model.md").read_text()


def sections(repository: Path) -> dict[str, list[list[str]]]:
    """The threats of each adversary: tries, what stops it, tests, what remains."""
    found: dict[str, list[list[str]]] = {}
    for part in page(repository).split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        rows = [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for line in text.splitlines()
            if line.startswith("| ")
        ]
        if rows and rows[0][0] == "tries":
            found[title] = [row + [""] * (COLUMNS - len(row)) for row in rows[2:]]
    return found


def test_every_adversary_has_threats(repository: Path) -> None:
    titles = list(sections(repository))
    assert [any(who in title for title in titles) for who in ADVERSARIES] == [True] * len(ADVERSARIES)
    assert len(titles) == len(ADVERSARIES)
    assert all(rows for rows in sections(repository).values())


def test_every_threat_has_a_test_or_says_that_it_has_none(repository: Path) -> None:
    for rows in sections(repository).values():
        for tries, _, tests, _ in rows:
            assert "`tests/" in tests or tests == "not held by a test", tries


def test_what_nothing_stops_says_what_remains(repository: Path) -> None:
    for rows in sections(repository).values():
        for tries, stops, _, remains in rows:
            assert stops != "–" or remains.strip(" |"), tries


NAMED = sorted(
    set(
        re.findall(
            r"`(tests/[\w/]+\.py)(?:::(\w+))?`",
            "".join(
                (Path(__file__).resolve().parent.parent / "docs" / page).read_text()
                for page in ("threat-model.md", "drills.md")
            ),
        )
    )
)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_named_test_exists(repository: Path, file: str, test: str) -> None:
    assert (repository / file).is_file()
    names = {
        n.name
        for n in ast.walk(ast.parse((repository / file).read_text()))
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert test in names if test else any(name.startswith("test_") for name in names)


def test_enough_is_named() -> None:
    assert len(NAMED) > 30
