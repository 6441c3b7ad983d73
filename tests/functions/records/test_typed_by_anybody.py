"""Texts and cursors that no app sends: each is refused as the caller's, or answered, and never a fault of ours."""

import asyncio
import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.records.org import Row
from backend.records.pages import Listed, page_of
from backend.values import Caller
from contract.calls import Filter, ListRecords, Sort
from contract.errors import Reason, RefusedRequest
from devtools.clients import ADMIN
from tests.functions.instances import Instances

ROWS: list[Row] = [{"Id": f"001{n:012d}AAA", "Name": f"Account {n // 2}"} for n in range(12)]
LISTED = Listed("Id, Name", "Account", (), Sort("Name"), "string")


async def _ask(*texts: str) -> list[list[Row]]:
    return [list(ROWS) for _ in texts]


def written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["\ud800", "", "001000000000001AAA", "'"]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip
PAIRS = st.lists(st.tuples(st.sampled_from([str(r["Id"]) for r in ROWS]), ODD), max_size=6)


@given(ODD, ODD, st.one_of(st.integers(-5, 5000), ODD), st.one_of(PAIRS, ODD))
@settings(max_examples=300, deadline=None)
def test_a_cursor_of_any_content_goes_on_or_is_invalid(
    value: object, record: object, passed: object, last: object
) -> None:
    for record_id in (record, ROWS[3]["Id"]):
        cursor = written(["Name", False, value, record_id, passed, last])
        try:
            asyncio.run(page_of(_ask, LISTED, 3, cursor))  # pyright: ignore[reportArgumentType]
        except RefusedRequest as refused:
            if refused.reason not in (Reason.INVALID_CURSOR, Reason.LIST_TOO_LONG):
                raise


async def test_a_fingerprint_that_is_no_number_is_none(instances: Instances) -> None:
    uid, _ = await instances.connect(ADMIN)
    queries, caller = instances.each[0].queries, Caller(uid, "phone")
    first = await queries.list_records(caller, ListRecords("Account", sort=Sort("Name"), limit=5))
    assert first.cursor is not None
    text = json.loads(base64.urlsafe_b64decode(first.cursor + "=" * (-len(first.cursor) % 4)))
    text[5][0] = ["001000000000001AAA", "\ud800"]
    with pytest.raises(RefusedRequest) as refused:
        await queries.list_records(caller, ListRecords("Account", sort=Sort("Name"), limit=5, cursor=written(text)))
    assert refused.value.reason is Reason.INVALID_CURSOR


@pytest.mark.parametrize("operator", ["contains", "eq"])
@pytest.mark.parametrize("length", [20_000, 200_000])
async def test_a_filter_longer_than_an_address_is_the_callers_error(
    instances: Instances, operator: str, length: int
) -> None:
    uid, _ = await instances.connect(ADMIN)
    asked = Filter("Name", operator, "a" * length)  # pyright: ignore[reportArgumentType]
    with pytest.raises(RefusedRequest) as refused:
        await instances.each[0].queries.list_records(Caller(uid, "phone"), ListRecords("Account", filters=(asked,)))
    assert refused.value.reason is Reason.INVALID_VALUE
    assert "long" in refused.value.message


async def test_filters_that_fill_an_address_are_answered(instances: Instances) -> None:
    uid, _ = await instances.connect(ADMIN)
    asked = tuple(Filter("Name", "ne", "ü" * 40) for _ in range(12))
    page = await instances.each[0].queries.list_records(Caller(uid, "phone"), ListRecords("Account", filters=asked))
    assert page.records
