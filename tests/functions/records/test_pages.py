"""Lists are paged to their end, whatever order the org chooses: no record is left out, none comes twice."""

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.records import pages
from backend.records.org import Row
from backend.records.pages import Listed, page_of
from contract.calls import Sort
from contract.errors import Reason, RefusedRequest

VALUES = ("Prospecting", "Qualification", "Closed Won", "Alt", "äh", "Z", "0")
NUMBERS = (0, 1, -3, 2.5)


def record_id(n: int) -> str:
    return f"001{n:012d}AAA"


class AnOrgOfAnyOrder:
    """Rows, compared as texts and numbers are, and sorted as the test says: `ranks` of values may be tied."""

    def __init__(self, rows: dict[int, Any], ranks: dict[Any, int], *, nulls_come_first: bool = False) -> None:
        self.rows, self.ranks, self.asked = rows, ranks, 0
        self.nulls_come_first = nulls_come_first

    def in_order(self, *, descending: bool) -> list[int]:
        def key(n: int) -> tuple[bool, int, int]:
            value = self.rows[n]
            rank = 0 if value is None else self.ranks[value]
            return value is None, -rank if descending else rank, n

        return sorted(self.rows, key=key)

    async def ask(self, *texts: str) -> Sequence[Sequence[Row]]:
        self.asked += 1
        return [self._answer(text) for text in texts]

    def _answer(self, text: str) -> Sequence[Row]:
        where = re.search(r" WHERE (.*?)(?: ORDER BY|$)", text)
        with sqlite3.connect(":memory:") as db:
            db.execute("CREATE TABLE t (Id TEXT, f)")
            db.executemany("INSERT INTO t VALUES (?, ?)", [(record_id(n), v) for n, v in self.rows.items()])
            condition = where[1].replace("= null", "IS NULL") if where else "1"
            fitting = {row[0] for row in db.execute(f"SELECT Id FROM t WHERE {condition}")}
        if " ORDER BY " not in text:
            return [{"Id": record_id(n), "f": self.rows[n]} for n in self.rows if record_id(n) in fitting]
        assert "NULLS LAST, Id ASC" in text, "the order must say where nulls are, and what decides between equals"
        limit = int(re.findall(r"LIMIT (\d+)", text)[0])
        offset = int((re.findall(r"OFFSET (\d+)", text) or [0])[0])
        assert offset <= pages.MAX_OFFSET, "Salesforce refuses it"
        ordered = [n for n in self.in_order(descending=" DESC " in text) if record_id(n) in fitting]
        return [{"Id": record_id(n), "f": self.rows[n]} for n in ordered[offset : offset + limit]]


async def every_page(
    org: AnOrgOfAnyOrder,
    kind: str,
    limit: int,
    *,
    descending: bool = False,
    between: Callable[[], None] = lambda: None,
    most: int = pages.MAX_OFFSET,
) -> list[int]:
    """`most` is the offset that this org goes to."""
    listed = Listed("Id, f", "X", (), Sort("f", descending), kind)
    seen: list[int] = []
    cursor: str | None = None
    while True:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pages, "MAX_OFFSET", most)
            rows, cursor = await page_of(org.ask, listed, limit, cursor)
        seen += [int(str(row["Id"])[3:15]) for row in rows]
        if cursor is None:
            return seen
        assert rows, "an empty page would be asked again for ever"
        between()


def ranked(values: Sequence[Any]) -> st.SearchStrategy[dict[Any, int]]:
    """Any order of the values, in which some may count as equal."""
    return st.fixed_dictionaries({value: st.integers(0, len(values)) for value in values})


def many(values: Sequence[Any], most: int) -> st.SearchStrategy[dict[int, Any]]:
    chosen = st.lists(st.sampled_from((None, *values)), max_size=most)
    return chosen.map(lambda values: dict(enumerate(values, 100)))


@given(rows=many(VALUES, 60), ranks=ranked(VALUES), limit=st.integers(1, 9), descending=st.booleans(),
       kind=st.sampled_from(["picklist", "string", "boolean", "currency", "phone"]),
       most=st.sampled_from([0, 7, pages.MAX_OFFSET]))  # fmt: skip
async def test_every_record_comes_once_in_the_orgs_own_order(
    rows: dict[int, Any], ranks: dict[Any, int], limit: int, descending: bool, kind: str, most: int
) -> None:
    org = AnOrgOfAnyOrder(rows, ranks)
    assert await every_page(org, kind, limit, descending=descending, most=most) == org.in_order(descending=descending)


@given(rows=many(NUMBERS, 60), limit=st.integers(1, 9), descending=st.booleans())
async def test_numbers_and_dates_go_on_by_value(rows: dict[int, Any], limit: int, descending: bool) -> None:
    org = AnOrgOfAnyOrder(rows, {value: n for n, value in enumerate(sorted(NUMBERS))})
    assert await every_page(org, "double", limit, descending=descending) == org.in_order(descending=descending)
    assert org.asked == max(1, -(-len(rows) // limit))


@given(data=st.data(), rows=many(VALUES, 40), ranks=ranked(VALUES), limit=st.integers(1, 9),
       most=st.sampled_from([0, 7, pages.MAX_OFFSET]))  # fmt: skip
async def test_what_stays_as_it_is_comes_once_whatever_is_added_removed_or_changed_meanwhile(
    data: st.DataObject, rows: dict[int, Any], ranks: dict[Any, int], limit: int, most: int
) -> None:
    org = AnOrgOfAnyOrder(dict(rows), ranks)
    touched: set[int] = set()

    def others_work() -> None:
        for n in data.draw(st.lists(st.integers(0, 300), max_size=4, unique=True)):
            touched.add(n)
            if n in org.rows:
                del org.rows[n]
            else:
                org.rows[n] = data.draw(st.sampled_from((None, *VALUES)))
        if org.rows and data.draw(st.booleans()):
            changed = data.draw(st.sampled_from(sorted(org.rows)))
            touched.add(changed)
            org.rows[changed] = data.draw(st.sampled_from((None, *VALUES)))

    try:
        seen = await every_page(org, "picklist", limit, between=others_work, most=most)
    except RefusedRequest as refused:
        if refused.reason is not Reason.INVALID_CURSOR:  # with which the list begins anew: nothing is left out unsaid
            raise
        return
    untouched = [n for n in rows if n not in touched]
    assert sorted(n for n in seen if n in untouched) == sorted(untouched)


async def test_a_page_further_in_than_ten_thousand_records_is_too_long_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "DEEPEST", 300)
    org = AnOrgOfAnyOrder(dict.fromkeys(range(100, 250), "Z"), {"Z": 0})
    with pytest.raises(RefusedRequest) as refused:
        await every_page(org, "picklist", 7, most=20)
    assert refused.value.reason is Reason.LIST_TOO_LONG


async def test_who_was_deleted_while_a_page_far_in_was_read_is_not_on_it() -> None:
    org = AnOrgOfAnyOrder(dict.fromkeys(range(100, 120), "Z"), {"Z": 0})

    async def ask(*texts: str) -> Sequence[Sequence[Row]]:
        answer = await org.ask(*texts)
        if "OFFSET" not in texts[0]:
            org.rows.pop(107, None)
        return answer

    listed = Listed("Id, f", "X", (), Sort("f"), "picklist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MAX_OFFSET", 0)
        rows, cursor = await page_of(ask, listed, 7, None)
        org.rows[107] = "Z"
        rows, cursor = await page_of(ask, listed, 3, cursor)
    assert [row["Id"] for row in rows] == [record_id(108), record_id(109)]
    assert cursor is not None
