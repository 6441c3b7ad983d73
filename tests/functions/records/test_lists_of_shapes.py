"""The lists of orgs of several shapes, paged to their ends in every order that they offer, against the org's count."""

from collections.abc import Iterator

import pytest

from backend.records.layouts import LAYOUTS
from backend.values import Caller
from contract.calls import Describe, ListRecords, Sort
from devtools.clients import ADMIN
from localorg import EmbeddedOrg, OrgSettings
from localorg.schema.standard import STANDARD
from localorg.settings import SHAPES
from tests.functions.instances import Instances

OURS = frozenset({"person-accounts", "state-country", "encrypted-names"})
ALL = [sobject for sobject in LAYOUTS if STANDARD.sobject(sobject) is not None]


@pytest.fixture(
    scope="module",
    params=[*(frozenset({one}) for one in sorted(OURS)), OURS, SHAPES],
    ids=lambda shape: "+".join(sorted(shape)),
)
def shaped_org(request: pytest.FixtureRequest) -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=15, shape=request.param)) as org:
        yield org


@pytest.mark.parametrize("sobject", ["Account", "Contact", "Opportunity"])
async def test_every_record_comes_once(shaped_org: EmbeddedOrg, sobject: str) -> None:
    instances = Instances(shaped_org)
    try:
        uid, _ = await instances.connect(ADMIN)
        caller, process = Caller(uid, "phone"), instances.each[0]
        (rows,) = await process.rest.query(uid, f"SELECT Id FROM {sobject} ORDER BY Id")
        every = [str(row["Id"]) for row in rows]
        shape = await process.queries.describe(caller, Describe(sobject))
        assert shape.sorts
        for sort in (None, *(Sort(field, descending) for field in shape.sorts for descending in (False, True))):
            seen: list[str] = []
            cursor: str | None = None
            while True:
                asked = ListRecords(sobject, sort=sort, limit=len(every) // 4 + 1, cursor=cursor)
                page = await process.queries.list_records(caller, asked)
                seen += [record.id for record in page.records]
                cursor = page.cursor
                if cursor is None:
                    break
            assert sorted(seen) == every, sort
    finally:
        await instances.http.close()
