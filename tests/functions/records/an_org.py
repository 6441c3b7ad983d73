"""Salesforce as the data calls see it, in memory: remembers what it was sent, answers what the test says."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from backend.records.changes import Changes
from backend.records.describe import Describes
from backend.records.org import Described, DescribedField, PreconditionFailed, Row
from backend.records.queries import Queries
from backend.values import Caller, Uid
from contract.calls import FieldShape, FieldValue
from contract.errors import CallError
from tests.functions.memory_store import MemoryCreations

CALLER = Caller(Uid.of("00D000000000001EAA", "005000000000001AAA"), "phone")
RECORD_ID = "001000000000001AAA"
VERSION = "2026-11-24T08:00:00.000+0000"


class AnOrg:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.rows: list[Row] = []
        self.hidden: set[str] = set()
        self.changed_meanwhile = False
        self.fails: CallError | None = None
        self.written: list[tuple[str, Mapping[str, FieldValue], datetime | None]] = []
        self.described = 0
        self.time = datetime(2026, 11, 24, tzinfo=UTC)
        describes = Describes(self, self)
        self.queries = Queries(self, describes)
        self.changes = Changes(self, describes, MemoryCreations())

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")

    async def query(self, uid: Uid, text: str) -> Sequence[Row]:
        self.sent.append(text)
        return self.rows

    async def search(self, uid: Uid, text: str) -> Sequence[Row]:
        return await self.query(uid, text)

    async def describe(self, uid: Uid, sobject: str) -> Described:
        self.described += 1
        names = {"Id": "id", "Name": "string", "Industry": "picklist", "AnnualRevenue": "currency", "Phone": "phone", "BillingCity": "string",
                 "Amount": "currency", "StageName": "picklist", "CloseDate": "date", "OwnerId": "reference", "AccountId": "reference"}  # fmt: skip
        parents = {"OwnerId": "Owner", "AccountId": "Account"}
        fields = {
            name: DescribedField(
                FieldShape(name, name, kind, name == "Name", name != "Id", name != "Id", 0, ("New", "Won") if name == "StageName" else ()),
                parents.get(name),
                name != "Phone",
                name != "Phone",
            )
            for name, kind in names.items()
            if name not in self.hidden
        }
        return Described(sobject, sobject, f"{sobject}s", fields)

    async def create(self, uid: Uid, sobject: str, fields: Mapping[str, FieldValue]) -> str:
        self.written.append((sobject, fields, None))
        if self.fails is not None:
            raise self.fails
        return RECORD_ID

    async def update(self, uid: Uid, sobject: str, record_id: str, fields: Mapping[str, FieldValue], unmodified_since: datetime | None) -> None:
        if self.changed_meanwhile:
            raise PreconditionFailed
        self.written.append((sobject, fields, unmodified_since))

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None:
        self.written.append((sobject, {}, None))


def a_row(**fields: object) -> Row:
    return {"Id": RECORD_ID, "SystemModstamp": VERSION, **fields}
