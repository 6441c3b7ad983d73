"""Every list of the app, paged to its end in every order that it offers, against the local org: as many as it has.

Lists of custom objects are not among them: the org of these tests has none.
"""

import json

import pytest

from backend.failures import Busy
from backend.records.layouts import LAYOUTS
from backend.values import Caller
from contract.calls import Describe, ListRecords, Sort
from devtools import loopback
from devtools.clients import ADMIN, control
from localorg import EmbeddedOrg, OrgSettings
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


async def test_an_answer_that_is_not_the_whole_is_read_to_its_end(instances: Instances) -> None:
    """Where a record has much data Salesforce answers with fewer than LIMIT; a list would have ended there."""
    uid, _ = await instances.connect(ADMIN)
    rest = instances.each[0].rest
    one, _row = await rest.create(uid, "Case", {"Subject": "Whole"}, "Id")
    token = control(instances.org.url, "token", {"username": ADMIN})["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    data = f"{instances.org.url}/services/data/v66.0"
    many = {"records": [{"attributes": {"type": "Case"}, "Subject": f"Whole {n}"} for n in range(200)]}
    assert loopback.post(f"{data}/composite/sobjects", json=many, headers=headers).status_code == 200
    text = "SELECT Id FROM Case WHERE Subject LIKE 'Whole%' ORDER BY Id"
    options = {"Sforce-Query-Options": "batchSize=200"}
    first = loopback.get(f"{data}/query", params={"q": text}, headers=headers | options).json()
    assert (first["done"], first["totalSize"], len(first["records"])) == (False, 201, 200)
    control(instances.org.url, "faults", {"kind": "rest.query", "status": 200, "body": json.dumps(first)})
    (rows,) = await rest.query(uid, text)
    ids = {str(row["Id"]) for row in rows}
    assert (len(rows), len(ids), one in ids) == (201, 201, True)
    foreign = "@evil.example/services/data/v66.0/query/01g"
    for address in (None, 5, foreign, "https://evil.example/", "/services/apexrest/x"):
        body = json.dumps(first | {"nextRecordsUrl": address})
        control(instances.org.url, "faults", {"kind": "rest.query", "status": 200, "body": body})
        with pytest.raises(Busy):
            await rest.query(uid, text)


async def test_a_list_goes_on_further_in_than_an_offset_reaches() -> None:
    """2,000 records: there the ids of all records up to the page are read, as many requests as they need."""
    with EmbeddedOrg(OrgSettings(accounts=2300)) as org:
        process = Instances(org)
        uid, _ = await process.connect(ADMIN)
        list_records, seen = process.each[0].queries.list_records, list[str]()
        cursor: str | None = None
        while cursor is not None or not seen:
            asked = ListRecords("Account", sort=Sort("Name"), limit=200, cursor=cursor)
            page = await list_records(Caller(uid, "phone"), asked)
            seen += [record.id for record in page.records]
            cursor = page.cursor
        assert len(seen) == len(set(seen)) == 2300
        await process.http.close()
