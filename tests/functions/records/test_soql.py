"""SOQL from parts: whatever text comes in, the org reads back exactly that text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.records import soql
from contract.errors import Reason, RefusedRequest
from localorg.soql.syntax import Compare, Value, parse

_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def _read_back(literal: str, operator: str = "=") -> str:
    where = parse(f"SELECT Id FROM Account WHERE Name {operator} {literal}").where
    assert isinstance(where, Compare)
    assert isinstance(where.value, Value)
    return str(where.value.value)


@given(_text)
def test_a_quoted_text_is_read_back_as_it_was(text: str) -> None:
    assert _read_back(soql.quote(text)) == text


@given(_text)
def test_a_like_pattern_finds_the_text_itself(text: str) -> None:
    pattern = _read_back(soql.like_anywhere(text), "LIKE")
    assert pattern.startswith("%")
    assert pattern.endswith("%")
    plain, i, inner = "", 0, pattern[1:-1]
    while i < len(inner):
        assert inner[i] not in "%_"
        i += inner[i] == "\\"
        plain += inner[i]
        i += 1
    assert plain == text


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("currency", 12.5, "12.5"),
        ("int", 3, "3"),
        ("boolean", True, "true"),
        ("date", "2026-01-31", "2026-01-31"),
        ("datetime", "2026-01-31T10:00:00.000+0000", "2026-01-31T10:00:00.000+00:00"),
        ("string", None, "null"),
    ],
)
def test_literals(kind: str, value: object, shown: str) -> None:
    assert soql.literal(kind, value) == shown  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("currency", "1 OR 1=1"),
        ("currency", True),
        ("currency", float("inf")),
        ("date", "TODAY"),
        ("date", 1),
        ("datetime", "2026-01-31T10:00:00"),
        ("boolean", 1),
        ("address", "x"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: object) -> None:
    with pytest.raises(RefusedRequest) as refused:
        soql.literal(kind, value)  # pyright: ignore[reportArgumentType]
    assert refused.value.reason is Reason.INVALID_VALUE


@given(st.text(max_size=20))
def test_only_ids_pass_as_ids(text: str) -> None:
    try:
        assert soql.record_id(text).isalnum()
    except RefusedRequest:
        assert not (text.isascii() and text.isalnum() and len(text) in (15, 18))


@given(_text.filter(lambda t: sum(c.isalnum() for c in t) >= 2))
def test_a_search_term_does_not_leave_its_braces(text: str) -> None:
    term = soql.search_term(text)
    assert re.fullmatch(r"(?:[^?&|!{}\[\]()^~*:\\\"'+\-]|\\.)*\*", term)
    assert re.sub(r"\\(.)", r"\1", term[:-1]) == " ".join(text.split())
