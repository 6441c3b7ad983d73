"""Every list of the app, paged to its end in every order that it offers, against the local org: as many as it has.

Lists of custom objects are not among them: the org of these tests has none.
"""

import pytest

from backend.records.layouts import LAYOUTS
from backend.values import Caller
from contract.calls import Describe, ListRecords, Sort
from devtools.clients import ADMIN
from localorg.schema.standard import STANDARD
from tests.functions.instances import Instances


@pytest.mark.parametrize("sobject", [sobject for sobject in LAYOUTS if STANDARD.sobject(sobject) is not None])
async def test_every_record_comes_once(instances: Instances, sobject: str) -> None:
    uid, _ = await instances.connect(ADMIN)
    caller, process = Caller(uid, "phone"), instances.each[0]
    (rows,) = await process.rest.query(uid, f"SELECT Id FROM {sobject} ORDER BY Id")
    every = [str(row["Id"]) for row in rows]
    shape = await process.queries.describe(caller, Describe(sobject))
    assert len(every) > 10
    assert shape.sorts
    for field in shape.sorts:
        for descending in (False, True):
            seen: list[str] = []
            cursor: str | None = None
            while True:
                asked = ListRecords(sobject, sort=Sort(field, descending), limit=len(every) // 7 + 1, cursor=cursor)
                page = await process.queries.list_records(caller, asked)
                seen += [record.id for record in page.records]
                if page.cursor is None:
                    break
                cursor = page.cursor
            assert sorted(seen) == every, f"{field}, {'down' if descending else 'up'}"
