"""SOQL from parts: whatever text comes in, the org reads back exactly that text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.records import soql
from contract.calls import is_search
from contract.errors import Reason, RefusedRequest
from localorg.soql.syntax import parse
from localorg.soql.tree import Compare, Value
from tests.functions.records.an_org import off_the_wire

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
        ("boolean", False, "false"),
        ("boolean", None, "null"),
        ("date", "2026-01-31", "2026-01-31"),
        ("datetime", "2026-01-31T10:00:00.000+0000", "2026-01-31T10:00:00.000+00:00"),
        ("datetime", "2026-01-31T10:00:00.123456+02:00", "2026-01-31T10:00:00.123+02:00"),
        ("datetime", "2026-01-31T10:00:00+02:30:15", "2026-01-31T07:29:45.000+00:00"),
        ("datetime", "1700-01-01T00:00:00Z", "1700-01-01T00:00:00.000+00:00"),
        ("date", "4000-12-31", "4000-12-31"),
        ("currency", 1e-7, "0.0000001"),
        ("currency", 999_999_999_999_999_999, "999999999999999999"),
        ("string", None, "null"),
    ],
)
def test_literals(kind: str, value: object, shown: str) -> None:
    assert soql.literal(off_the_wire(kind), value) == shown  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("currency", "1 OR 1=1"),
        ("currency", True),
        ("currency", float("inf")),
        ("date", "TODAY"),
        ("date", 1),
        ("date", "2026-02-30"),
        ("datetime", "2026-01-31T10:00:00"),
        ("datetime", "yesterday"),
        ("datetime", 1),
        ("boolean", "true"),
        ("boolean", "2026-01-31"),
        ("boolean", 1),
        ("currency", 1e18),
        ("currency", -(10**18)),
        ("date", "0001-01-01"),
        ("date", "4001-01-01"),
        ("datetime", "0001-01-01T00:00:00+14:00"),
        ("datetime", "9999-12-31T23:59:59-12:00"),
        ("datetime", "1699-12-31T23:59:59Z"),
        ("address", "x"),
        ("address", True),
        ("address", "2026-01-31"),
        ("address", "2026-01-31T10:00:00Z"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: object) -> None:
    with pytest.raises(RefusedRequest) as refused:
        soql.literal(off_the_wire(kind), value)  # pyright: ignore[reportArgumentType]
    assert refused.value.reason is Reason.INVALID_VALUE


@given(st.text(max_size=20))
def test_only_ids_pass_as_ids(text: str) -> None:
    try:
        assert soql.record_id(text).isalnum()
    except RefusedRequest:
        assert not (text.isascii() and text.isalnum() and len(text) in (15, 18))


@given(_text.filter(is_search))
def test_a_search_term_does_not_leave_its_braces(text: str) -> None:
    term = soql.search_term(text)
    assert re.fullmatch(r"(?:[^?&|!{}\[\]()^~*:\\\"'+\-]|\\.|\"(?i:and|or|not)\")*\*?", term)
    words = [w if w.startswith('"') else re.sub(r"\\(.)", r"\1", w) for w in term.removesuffix("*").split(" ")]
    assert [w.strip('"') if w.strip('"').lower() in ("and", "or", "not") else w for w in words] == text.split()


@pytest.mark.parametrize(("text", "quoted", "pattern"), [
    ("a\\b", r"'a\\b'", r"'%a\\b%'"), ("O'Neil", r"'O\'Neil'", r"'%O\'Neil%'"), ("\n\r\t\b\f", r"'\n\r\t\b\f'",
        r"'%\n\r\t\b\f%'"),
    ("50%_", "'50%_'", r"'%50\%\_%'"), ("", "''", "'%%'"),
])  # fmt: skip
def test_each_special_character_is_escaped(text: str, quoted: str, pattern: str) -> None:
    assert (soql.quote(text), soql.like_anywhere(text)) == (quoted, pattern)


@pytest.mark.parametrize(("text", "term"), [
    ("ab", "ab*"), ("a1", "a1*"), ("  a   b ", "a b*"), ("é?é", r"é\?é*"), ("Rock and Roll", 'Rock "and" Roll*'),
    ("black Or white not", 'black "Or" white "not"'),
    ("AND NOT", '"AND" "NOT"'), ("東", "東*"), ("김", "김*"), ("ア", "ア*"), ("android", "android*"),
    ("x" * 100, "x" * 100 + "*"),
    ("a&b|c!{}[]()^~*:\\\"'+-", None),
])  # fmt: skip
def test_a_search_term(text: str, term: str | None) -> None:
    assert soql.search_term(text) == (term or r"a\&b\|c\!\{\}\[\]\(\)\^\~\*\:\\\"\'\+\-*")


@pytest.mark.parametrize("text", ["", "a", "é", "?", "、", "a - ?", "?" * 50, "x" * 101, "ab" + "?" * 99])
def test_a_search_term_that_is_too_short_or_too_long(text: str) -> None:
    with pytest.raises(RefusedRequest, match=r"A search needs 2 to 100 letters\.") as refused:
        soql.search_term(text)
    assert refused.value.reason is Reason.INVALID_VALUE


@pytest.mark.parametrize("text", ["a1B" * 5, "a1B" * 6])
def test_ids_of_15_and_18_characters_are_ids(text: str) -> None:
    assert soql.record_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "a" * 14, "a" * 16, "a" * 17, "a" * 19, "a" * 14 + "-", "a" * 17 + "'", "a" * 15 + "\n", "é" * 15]
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(RefusedRequest, match=r"A record id has 15 or 18 letters and digits\.") as refused:
        soql.record_id(text)
    assert refused.value.reason is Reason.INVALID_VALUE


@pytest.mark.parametrize("kind", [
    "id", "string", "textarea", "picklist", "multipicklist", "reference", "email", "phone", "url", "combobox",
    "encryptedstring",
])  # fmt: skip
def test_every_kind_of_text_takes_texts_and_nothing_else(kind: str) -> None:
    assert soql.literal(kind, "a'b") == r"'a\'b'"
    for value in (1, 1.5, True):
        with pytest.raises(RefusedRequest, match=f"The value does not fit a field of type {kind}\\."):
            soql.literal(kind, value)


@pytest.mark.parametrize("kind", ["currency", "double", "int", "long", "percent"])
def test_every_kind_of_number_takes_numbers_and_nothing_else(kind: str) -> None:
    assert [soql.literal(kind, n) for n in (0, -3, 2.5, 1e16)] == ["0", "-3", "2.5", "10000000000000000"]
    for value in ("1", True, False, float("nan"), float("-inf")):
        with pytest.raises(RefusedRequest):
            soql.literal(kind, value)
