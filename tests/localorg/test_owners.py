"""An org of the shape `queues`: its demo queues, and to whom a record may be given.

Sources: Salesforce Help, "Transfer Records" and "Organization-Wide Sharing Defaults" (cases and leads begin as Public
Read/Write/Transfer); SOAP API Developer Guide, StatusCode (INACTIVE_OWNER_OR_USER, TRANSFER_REQUIRES_READ).
"""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings

DATA = "/services/data/v66.0"
READ_ONLY = "readonly@localorg.test"


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=40, shape=frozenset({"queues"}))) as org:
        yield org


def signed_in(org: EmbeddedOrg, username: str) -> httpx.Client:
    token = control(org.url, "token", {"username": username})["access_token"]
    return loopback.Client(base_url=f"{org.url}{DATA}", headers={"Authorization": f"Bearer {token}"})


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = http.get("/query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def user(http: httpx.Client, username: str) -> str:
    return str(rows(http, f"SELECT Id FROM User WHERE Username = '{username}'")[0]["Id"])


@pytest.fixture
def admin(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with signed_in(org, ADMIN) as client:
        yield client


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    (error,) = answer.json()
    return answer.status_code, error["errorCode"], error["message"]


@pytest.mark.parametrize("sobject", ["Case", "Lead"])
def test_there_is_a_queue_with_members_and_with_something_in_it(admin: httpx.Client, sobject: str) -> None:
    (queue,) = rows(
        admin,
        "SELECT Id, Name, (SELECT UserOrGroupId FROM GroupMembers) FROM Group WHERE Type = 'Queue' AND Id IN"
        f" (SELECT QueueId FROM QueueSobject WHERE SobjectType = '{sobject}')",
    )
    assert user(admin, SALES) in {m["UserOrGroupId"] for m in queue["GroupMembers"]["records"]}
    owned = rows(admin, f"SELECT Id, Owner.Name FROM {sobject} WHERE Owner.Type = 'Queue'")
    assert len(owned) >= 3
    assert {r["Owner"]["Name"] for r in owned} == {queue["Name"]}
    assert rows(admin, f"SELECT Id FROM {sobject} WHERE Owner.Type = 'User' LIMIT 1")


def test_an_org_without_the_shape_has_no_queue() -> None:
    with EmbeddedOrg(OrgSettings(accounts=1)) as plain, signed_in(plain, ADMIN) as http:
        assert rows(http, "SELECT Id FROM Group WHERE Type = 'Queue'") == []


def test_an_owner_is_active(admin: httpx.Client) -> None:
    reader = user(admin, READ_ONLY)
    account = rows(admin, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    admin.patch(f"/sobjects/User/{reader}", json={"IsActive": False})
    said = f"operation performed with inactive user [{reader}] as owner of account"
    try:
        gives = admin.patch(f"/sobjects/Account/{account}", json={"OwnerId": reader})
        makes = admin.post("/sobjects/Account", json={"Name": "x", "OwnerId": reader})
    finally:
        admin.patch(f"/sobjects/User/{reader}", json={"IsActive": True})
    assert refused(gives) == refused(makes) == (400, "INACTIVE_OWNER_OR_USER", said)
    assert admin.patch(f"/sobjects/Account/{account}", json={"OwnerId": reader}).status_code == 204


def test_a_new_owner_may_read_such_records(admin: httpx.Client) -> None:
    """The Read Only profile here sees no leads."""
    lead = rows(admin, "SELECT Id FROM Lead LIMIT 1")[0]["Id"]
    gives = admin.patch(f"/sobjects/Lead/{lead}", json={"OwnerId": user(admin, READ_ONLY)})
    assert refused(gives) == (400, "TRANSFER_REQUIRES_READ", "The new owner must have read permission")


@pytest.mark.parametrize(("owner", "code"), [
    ("005000000000999AAA", "INVALID_CROSS_REFERENCE_KEY"), ("001000000000001AAA", "MALFORMED_ID"),
])  # fmt: skip
def test_an_owner_is_there_and_a_user_or_a_queue(admin: httpx.Client, owner: str, code: str) -> None:
    case = rows(admin, "SELECT Id FROM Case LIMIT 1")[0]["Id"]
    assert refused(admin.patch(f"/sobjects/Case/{case}", json={"OwnerId": owner}))[:2] == (400, code)


def test_whose_a_record_is_not_gives_away_cases_and_leads_only(org: EmbeddedOrg, admin: httpx.Client) -> None:
    """Transfer Record is asked for where sharing is Public Read/Write, and not with Public Read/Write/Transfer."""
    with signed_in(org, SALES) as sales:
        me, other = user(sales, SALES), user(sales, ADMIN)
        account = admin.post("/sobjects/Account", json={"Name": "Ada's"}).json()["id"]
        takes = sales.patch(f"/sobjects/Account/{account}", json={"OwnerId": me})
        assert refused(takes) == (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        assert sales.patch(f"/sobjects/Account/{account}", json={"Phone": "1", "OwnerId": other}).status_code == 204
        own = sales.post("/sobjects/Account", json={"Name": "Sam's"}).json()["id"]
        assert sales.patch(f"/sobjects/Account/{own}", json={"OwnerId": other}).status_code == 204
        queued = rows(sales, "SELECT Id, OwnerId FROM Case WHERE Owner.Type = 'Queue' LIMIT 1")[0]
        assert sales.patch(f"/sobjects/Case/{queued['Id']}", json={"OwnerId": me}).status_code == 204
        assert sales.patch(f"/sobjects/Case/{queued['Id']}", json={"OwnerId": queued["OwnerId"]}).status_code == 204
