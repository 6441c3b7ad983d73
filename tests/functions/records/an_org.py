"""Salesforce as the data calls see it, in memory: remembers what it was sent, answers what the test says.

Where it decides by itself (what is hidden, what has changed, what is gone) it passes the same tests as the real adapter
(test_org.py).
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.failures import ShapeRefused
from backend.records.actions import Target
from backend.records.changes import Changes
from backend.records.creations import Creations
from backend.records.currencies import Currencies
from backend.records.describe import Describes
from backend.records.org import Described, DescribedField, PreconditionFailed, Row, Undescribed
from backend.records.queries import Queries
from backend.values import Attachment, Caller, Secret, Uid
from contract.calls import FieldShape, FieldValue
from contract.errors import CallError, NotFound, Reason
from contract.favorites import Favorite
from contract.list_views import ListView, ListViews
from contract.picklists import Picklist
from tests.functions.memory_store import MemoryCreations

CALLER = Caller(Uid.of("00D000000000001EAA", "005000000000001AAA"), "phone")
RECORD_ID = "001000000000001AAA"
VERSION = "2026-11-24T08:00:00.000+0000"


class AnOrg:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.rows: list[Row] = []
        self.hidden: set[str] = set()
        self.refuses_once: str | None = None
        self.reads_back = True
        self.selected = ""
        self.fails: CallError | None = None
        self.written: list[tuple[str, Mapping[str, FieldValue], datetime | None]] = []
        self.described = 0
        self.describe_fails: CallError | None = None
        self.currency_code: str | CallError = "EUR"
        self.currency_asked = 0
        self.time = datetime(2026, 11, 24, tzinfo=UTC)
        self.kept: Attachment | None = None
        self.looked_again = asyncio.Event()
        self.has: set[Target] = set()
        self.asked_for: list[Target] = []
        self.offers_fail: CallError | None = None
        self.ran: list[tuple[Target, str, dict[str, FieldValue]]] = []
        self.action_answer: dict[str, object] = {}
        self.types: dict[str, Mapping[str, Picklist]] = {}
        self.told: list[str] = []
        self.views: dict[str, str] = {}
        self.starred: list[Favorite] = []
        describes = Describes(self, self, self, warn=self.told.append)
        self.queries = Queries(self, describes, Currencies(self, self))
        self.changes = Changes(self, describes, Creations(MemoryCreations(), TinkCipher(Secret(new_keyset()))))

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")

    async def attachment(self, uid: Uid) -> Attachment | None:
        return self.kept

    async def attach(self, uid: Uid, attachment: Attachment) -> None:
        if self.kept is not None:
            self.looked_again.set()
        self.kept = attachment

    async def query(self, uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        self.sent.extend(texts)
        for text in texts:
            if re.findall(r"FROM (\w+)", text)[-1] in self.hidden:
                raise ShapeRefused(Reason.NOT_PERMITTED)
            if self.hidden & set(re.findall(r"\w+", text)):
                raise ShapeRefused(Reason.UNKNOWN_FIELD)
        if self.refuses_once and any(self.refuses_once in text for text in texts):
            self.refuses_once = None
            raise ShapeRefused(Reason.UNKNOWN_FIELD)
        return [self.rows for _ in texts]

    async def search(self, uid: Uid, text: str) -> Sequence[Row]:
        self.sent.append(text)
        return self.rows

    async def describe(
        self, uid: Uid, sobjects: Mapping[str, str | None], language: str = ""
    ) -> Mapping[str, Described | Undescribed]:
        self.described += 1
        if self.describe_fails is not None:
            raise self.describe_fails
        return {
            sobject: Undescribed.HIDDEN if sobject in self.hidden else self._described(sobject) for sobject in sobjects
        }

    def _described(self, sobject: str) -> Described:
        names = {"Id": "id", "Name": "string", "Industry": "picklist", "AnnualRevenue": "currency", "Phone": "phone",
                 "BillingCity": "string",
                 "Amount": "currency", "StageName": "picklist", "CloseDate": "date", "OwnerId": "reference",
                 "AccountId": "reference"}  # fmt: skip
        stages = {"StageName": ("New", "Won")}
        parents = {"OwnerId": "Owner", "AccountId": "Account"}
        fields = {
            name: DescribedField(
                FieldShape(
                    name,
                    name,
                    kind,
                    name == "Name",
                    name != "Id",
                    name != "Id",
                    0,
                    stages.get(name, ()),
                    relationship=parents.get(name),
                ),
                name != "Phone",
                name != "Phone",
            )
            for name, kind in names.items()
            if name not in self.hidden
        }
        return Described(sobject, sobject, f"{sobject}s", fields)

    async def picklists(self, uid: Uid, sobject: str, record_type: str) -> Mapping[str, Picklist]:
        self.sent.append(f"picklists of {sobject} {record_type}")
        if record_type not in self.types:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        return self.types[record_type]

    async def list_views(self, uid: Uid, sobject: str) -> ListViews:
        self.sent.append(f"list views of {sobject}")
        return ListViews(tuple(ListView(view, query) for view, query in self.views.items()))

    async def list_view(self, uid: Uid, sobject: str, view_id: str) -> str:
        self.sent.append(f"list view {view_id}")
        if view_id not in self.views:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        return self.views[view_id]

    async def favorites(self, uid: Uid) -> Sequence[Favorite]:
        return self.starred

    async def add_favorite(self, uid: Uid, record_id: str, name: str) -> Favorite:
        self.starred.append(Favorite(f"0MV{len(self.starred):012}", "Account", record_id, name))
        return self.starred[-1]

    async def remove_favorite(self, uid: Uid, favorite: str) -> None:
        if all(one.id != favorite for one in self.starred):
            raise NotFound(Reason.RECORD_NOT_FOUND)
        self.starred = [one for one in self.starred if one.id != favorite]

    async def create(
        self,
        uid: Uid,
        sobject: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        *,
        allow_duplicates: bool = False,
    ) -> tuple[str, Row | None]:
        self.written.append((sobject, fields, None))
        if self.fails is not None:
            raise self.fails
        return RECORD_ID, self.rows[0] if self.rows else None

    async def update(
        self,
        uid: Uid,
        sobject: str,
        record_id: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        unchanged_since: datetime | None,
        *,
        allow_duplicates: bool = False,
    ) -> Row | None:
        self.selected = selected
        current = self.rows[0] if self.rows else None
        if unchanged_since is not None and (
            current is None or datetime.fromisoformat(str(current["SystemModstamp"])) != unchanged_since
        ):
            raise PreconditionFailed(current)
        if self.fails is not None:
            raise self.fails
        if current is None:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        self.written.append((sobject, fields, unchanged_since))
        self.rows[0] = current = {**current, **fields}
        return current if self.reads_back else None

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None:
        if not self.rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        self.written.append((sobject, {}, None))
        self.rows = []

    async def complete(self, uid: Uid, task_id: str, selected: str) -> tuple[Row | None, str | None]:
        raise AssertionError("only a real org knows which status closes a task")

    async def log(self, uid: Uid, *tasks: Mapping[str, FieldValue]) -> Sequence[str]:
        raise AssertionError("only a real org knows which status closes a task")

    async def has_action(self, uid: Uid, target: Target) -> bool:
        self.asked_for.append(target)
        if self.offers_fail is not None:
            raise self.offers_fail
        return target in self.has

    async def run_action(
        self, uid: Uid, target: Target, record_id: str, inputs: Mapping[str, FieldValue]
    ) -> Mapping[str, object]:
        self.ran.append((target, record_id, dict(inputs)))
        if self.fails is not None:
            raise self.fails
        return self.action_answer

    async def currency(self, uid: Uid) -> str:
        self.currency_asked += 1
        if isinstance(self.currency_code, CallError):
            raise self.currency_code
        return self.currency_code

    async def site(self, uid: Uid) -> str:
        return "https://acme.my.salesforce.com"


def off_the_wire(text: str) -> str:
    """Equal to `text` and another object, as what was decoded from JSON is."""
    return text.encode().decode()


def a_row(**fields: object) -> Row:
    return {"attributes": {"type": "Account"}, "Id": RECORD_ID, "SystemModstamp": VERSION, **fields}
