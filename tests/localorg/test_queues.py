"""Queues as owners: a queue is a Group whose Type is Queue, with the objects that it takes and its members.

Source: Object Reference, Group, QueueSobject, GroupMember, Case (OwnerId: a user or a queue); the describe of a custom
object of a real org, whose OwnerId refers to Group and User.
"""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

DATA = "/services/data/v68.0"


class Desk:
    """An org with a queue for cases, whose member is the sales user, and one case in it."""

    def __init__(self, org: EmbeddedOrg) -> None:
        self.http, self.sales = self._as(org, ADMIN), self._as(org, SALES)
        self.me = self.rows(f"SELECT Id FROM User WHERE Username = '{SALES}'")[0]["Id"]
        self.queue = self.make("Group", Name="Support", DeveloperName="Support", Type="Queue")
        self.make("QueueSobject", QueueId=self.queue, SobjectType="Case")
        self.make("GroupMember", GroupId=self.queue, UserOrGroupId=self.me)
        self.case = self.make("Case", Subject="In the queue", OwnerId=self.queue)
        self.own = self.make("Case", Subject="Mine", OwnerId=self.me)

    @staticmethod
    def _as(org: EmbeddedOrg, username: str) -> httpx.Client:
        token = exchange(org.url, authorize(org.url, username))["access_token"]
        return loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"})

    def make(self, sobject: str, **values: Any) -> str:
        made = self.http.post(f"{DATA}/sobjects/{sobject}", json=values)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def rows(self, text: str, http: httpx.Client | None = None) -> list[dict[str, Any]]:
        answer = (http or self.http).get(f"{DATA}/query", params={"q": text}).json()
        assert isinstance(answer, dict), answer
        return answer["records"]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with EmbeddedOrg(OrgSettings(accounts=0)) as org:
        yield Desk(org)


def test_the_owner_of_a_case_is_a_user_or_a_queue(desk: Desk) -> None:
    (queued,) = desk.rows("SELECT Id, OwnerId, Owner.Name, Owner.Type FROM Case WHERE Owner.Type = 'Queue'")
    assert (queued["Id"], queued["OwnerId"]) == (desk.case, desk.queue)
    assert (queued["Owner"]["Name"], queued["Owner"]["Type"]) == ("Support", "Queue")
    users = desk.rows("SELECT Id, Owner.Name FROM Case WHERE Owner.Type = 'User' ORDER BY Owner.Name")
    assert [(r["Id"], r["Owner"]["Name"]) for r in users] == [(desk.own, "Sam Sales")]


def test_type_of_tells_them_apart(desk: Desk) -> None:
    text = "SELECT Subject, TYPEOF Owner WHEN Group THEN DeveloperName WHEN User THEN Username END FROM Case"
    owners = {r["Subject"]: {k: v for k, v in r["Owner"].items() if k != "attributes"} for r in desk.rows(text)}
    assert owners == {"In the queue": {"DeveloperName": "Support"}, "Mine": {"Username": SALES}}


@pytest.mark.parametrize(("sobject", "targets"), [
    ("Case", ["Group", "User"]), ("Lead", ["Group", "User"]), ("Account", ["User"]), ("Opportunity", ["User"]),
])  # fmt: skip
def test_describe_says_who_may_own(desk: Desk, sobject: str, targets: list[str]) -> None:
    fields = {f["name"]: f for f in desk.http.get(f"{DATA}/sobjects/{sobject}/describe").json()["fields"]}
    assert fields["OwnerId"]["referenceTo"] == targets
    assert fields["OwnerId"]["namePointing"] is (len(targets) > 1)


def test_queues_are_found_with_what_they_take_and_whom(desk: Desk) -> None:
    (queue,) = desk.rows(
        "SELECT Id, Name, (SELECT SobjectType FROM QueueSobjects), (SELECT UserOrGroupId FROM GroupMembers) FROM Group"
        " WHERE Type = 'Queue'"
    )
    assert queue["QueueSobjects"]["records"][0]["SobjectType"] == "Case"
    assert queue["GroupMembers"]["records"][0]["UserOrGroupId"] == desk.me
    assert desk.rows("SELECT Queue.Name FROM QueueSobject")[0]["Queue"]["Name"] == "Support"
    assert desk.rows("SELECT g.Name FROM Group g")[0]["Name"] == "Support"


def test_a_queue_takes_only_its_objects(desk: Desk) -> None:
    regular = desk.make("Group", Name="Just people")
    for sobject, body in (
        ("Lead", {"LastName": "x", "Company": "y", "OwnerId": desk.queue}),
        ("Case", {"Subject": "x", "OwnerId": regular}),
    ):
        refused = desk.http.post(f"{DATA}/sobjects/{sobject}", json=body)
        assert refused.status_code == 400
        assert refused.json()[0]["message"] == "Queue not associated with this SObject type"
    account = desk.http.post(f"{DATA}/sobjects/Account", json={"Name": "x", "OwnerId": desk.queue})
    assert account.json()[0]["errorCode"] == "MALFORMED_ID"


def test_a_member_takes_a_case_out_of_the_queue(desk: Desk) -> None:
    case = desk.make("Case", Subject="To be taken", OwnerId=desk.queue)
    assert desk.sales.patch(f"{DATA}/sobjects/Case/{case}", json={"OwnerId": desk.me}).status_code == 204
    mine = {r["Id"] for r in desk.rows("SELECT Id FROM Case USING SCOPE mine", desk.sales)}
    groups = {r["Id"] for r in desk.rows("SELECT Id FROM Case USING SCOPE mine_and_my_groups", desk.sales)}
    assert case in mine
    assert groups == mine | {desk.case}
    desk.http.delete(f"{DATA}/sobjects/Case/{case}")


def test_only_an_administrator_makes_queues(desk: Desk) -> None:
    refused = desk.sales.post(f"{DATA}/sobjects/Group", json={"Name": "x", "Type": "Queue"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
