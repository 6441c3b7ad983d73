"""Data calls: records, dashboard and profile of the signed-in user, read and written in Salesforce as that user."""

import asyncio
import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

from backend.core import soql
from backend.core.connection import Clock
from backend.core.layouts import LAYOUTS, Layout
from contract.calls import (
    MAX_PAGE,
    Created,
    CreateRecord,
    Dashboard,
    DeleteRecord,
    FieldShape,
    FieldValue,
    Filter,
    GetRecord,
    Hit,
    Hits,
    ListRecords,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    Search,
    Sobject,
    SobjectShape,
    Sort,
    StageTotal,
    Updated,
    UpdateRecord,
    User,
)
from contract.errors import CallError, ChangedMeanwhile, NotFound, OrgUnavailable, Reason, RefusedRequest

Row = Mapping[str, object]
SOBJECTS: tuple[Sobject, ...] = ("Account", "Contact", "Opportunity")
DESCRIBE_SECONDS = 600.0
RELATED_ROWS = 50
NEWEST_ACCOUNTS = 5
MAX_SEARCH = 100
_MAX_DESCRIBED = 2000
_VERSION = "SystemModstamp"
_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_OPERATORS = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True, slots=True)
class DescribedField:
    """A field as Salesforce's describe shows it to this user."""

    shape: FieldShape
    relationship: str | None
    filterable: bool
    sortable: bool


@dataclass(frozen=True, slots=True)
class Described:
    """An sObject as this user may see it."""

    name: str
    label: str
    label_plural: str
    fields: Mapping[str, DescribedField]

    def shows(self, path: str) -> bool:
        """Whether the user can read a field, or a parent's field such as `Owner.Name`."""
        head, _, rest = path.partition(".")
        if not rest:
            return head in self.fields
        return any(f.relationship == head for f in self.fields.values())


class PreconditionFailed(Exception):
    """The record was changed after the given moment."""


class Org(Protocol):
    """Salesforce's REST API as one user. Every method raises CallErrors."""

    async def query(self, uid: str, text: str) -> Sequence[Row]: ...

    async def search(self, uid: str, text: str) -> Sequence[Row]:
        """The records that a SOSL text finds; `attributes.type` tells their object."""
        ...

    async def describe(self, uid: str, sobject: str) -> Described: ...

    async def create(self, uid: str, sobject: str, fields: Mapping[str, FieldValue]) -> str: ...

    async def update(self, uid: str, sobject: str, record_id: str, fields: Mapping[str, FieldValue], unmodified_since: datetime | None) -> None:
        """Raises PreconditionFailed as well."""
        ...

    async def delete(self, uid: str, sobject: str, record_id: str) -> None: ...


class Creations(Protocol):
    """What was made under which idempotency key, kept for a day beside the connection."""

    async def begin(self, uid: str, key: str) -> bool:
        """Claims a key; False when it was claimed before."""
        ...

    async def made(self, uid: str, key: str) -> str | None:
        """The record made under a claimed key; None while its outcome is not known."""
        ...

    async def finish(self, uid: str, key: str, record_id: str) -> None: ...

    async def give_back(self, uid: str, key: str) -> None: ...


class Records:
    """The data calls. One for each process."""

    def __init__(self, org: Org, clock: Clock, creations: Creations) -> None:
        self._creations = creations
        self._org = org
        self._clock = clock
        self._described: dict[tuple[str, str], tuple[Described, datetime]] = {}

    # Reading

    async def list_records(self, uid: str, asked: ListRecords) -> RecordPage:
        """One page of a list, sorted; the cursor goes on where the page ends, whatever was added meanwhile."""
        layout, described = LAYOUTS[asked.sobject], await self._describe(uid, asked.sobject)
        if not 1 <= asked.limit <= MAX_PAGE:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, f"limit is a number from 1 to {MAX_PAGE}")
        sort = asked.sort or Sort(layout.sort)
        sorted_by = self._field(described, sort.field)
        if not sorted_by.sortable:
            raise RefusedRequest(Reason.INVALID_VALUE, f"{sort.field} cannot be sorted by.")
        conditions = [self._filter(described, f) for f in asked.filters]
        if asked.search and asked.search.strip():
            conditions.append(_search(layout, described, asked.search.strip()))
        if asked.cursor is not None:
            conditions.append(_after(asked.cursor, sort, sorted_by))
        fields = _readable(layout.listed, described)
        where = " WHERE " + " AND ".join(f"({c})" for c in conditions) if conditions else ""
        order = f"{sort.field} {'DESC' if sort.descending else 'ASC'} NULLS LAST, Id ASC"
        selected = _select(dict.fromkeys((*fields, sort.field)))
        rows = await self._org.query(uid, f"SELECT {selected} FROM {asked.sobject}{where} ORDER BY {order} LIMIT {asked.limit + 1}")
        page = rows[: asked.limit]
        more = len(rows) > asked.limit
        return RecordPage(
            records=tuple(_record(r, fields) for r in page),
            cursor=_cursor(sort, page[-1]) if more else None,
            total=len(page) if asked.cursor is None and not more else None,
        )

    async def get_record(self, uid: str, asked: GetRecord) -> RecordDetail:
        """A record with all that the app shows of it, and the children asked for, in one request to Salesforce."""
        layout, described = LAYOUTS[asked.sobject], await self._describe(uid, asked.sobject)
        record_id = soql.record_id(asked.id)
        parts = [_select(_readable(layout.detailed, described))]
        children: dict[str, tuple[str, ...]] = {}
        for name in dict.fromkeys(asked.related):
            related = layout.related.get(name)
            if related is None:
                known = ", ".join(layout.related) or "none"
                raise RefusedRequest(Reason.UNKNOWN_FIELD, f"{asked.sobject} has no related list of that name; known are: {known}")
            child = await self._describe(uid, related.sobject)
            children[name] = _readable(LAYOUTS[related.sobject].listed, child)
            parts.append(f"(SELECT {_select(children[name])} FROM {name} ORDER BY {related.order} NULLS LAST LIMIT {RELATED_ROWS})")
        rows = await self._org.query(uid, f"SELECT {', '.join(parts)} FROM {asked.sobject} WHERE Id = '{record_id}' LIMIT 1")
        if not rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        record = _record(rows[0], _readable(layout.detailed, described))
        return RecordDetail(record, {name: tuple(_record(r, fields) for r in _children(rows[0], name)) for name, fields in children.items()})

    async def search(self, uid: str, asked: Search) -> Hits:
        """Records of several objects in which the words occur, in one request to Salesforce."""
        if not 1 <= asked.limit <= MAX_PAGE:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, f"limit is a number from 1 to {MAX_PAGE}")
        term = soql.search_term(asked.text)
        sobjects = tuple(dict.fromkeys(asked.sobjects)) or SOBJECTS
        described = await asyncio.gather(*(self._describe(uid, s) for s in sobjects))
        fields = {s: _readable(LAYOUTS[s].listed, d) for s, d in zip(sobjects, described, strict=True)}
        returning = ", ".join(f"{s}({_select(fields[s])} ORDER BY {LAYOUTS[s].sort} LIMIT {asked.limit})" for s in sobjects)
        rows = await self._org.search(uid, f"FIND {{{term}}} IN ALL FIELDS RETURNING {returning}")
        found: dict[Sobject, list[Hit]] = {s: [] for s in sobjects}
        for row in rows:
            name = cast(Sobject, cast(Row, row["attributes"])["type"])
            found[name].append(Hit(name, _record(row, fields[name])))
        return Hits(tuple(hit for hits in found.values() for hit in hits))

    async def describe(self, uid: str, sobject: str) -> SobjectShape:
        """The fields of an sObject that the app shows, as this user may see and change them."""
        described, layout = await self._describe(uid, sobject), LAYOUTS[sobject]
        shown = [described.fields[n].shape for n in layout.detailed if n in described.fields]
        return SobjectShape(described.name, described.label, described.label_plural, tuple(shown))

    async def get_dashboard(self, uid: str) -> Dashboard:
        """The open pipeline by stage and the newest accounts."""
        opportunity = await self._describe(uid, "Opportunity")
        accounts = _readable(LAYOUTS["Account"].listed, await self._describe(uid, "Account"))
        amount = ", SUM(Amount) amount" if opportunity.shows("Amount") else ""  # not everyone may see amounts
        stages, newest = await asyncio.gather(
            self._org.query(uid, f"SELECT StageName stage, COUNT(Id) number{amount} FROM Opportunity WHERE IsClosed = false GROUP BY StageName"),
            self._org.query(uid, f"SELECT {_select((*accounts, 'CreatedDate'))} FROM Account ORDER BY CreatedDate DESC LIMIT {NEWEST_ACCOUNTS}"),
        )
        order = list(opportunity.fields["StageName"].shape.picklist) if "StageName" in opportunity.fields else []
        totals = [StageTotal(str(r["stage"]), int(cast(float, r["number"])), float(cast("float | None", r.get("amount")) or 0)) for r in stages]
        totals.sort(key=lambda t: (order.index(t.stage) if t.stage in order else len(order), t.stage))
        return Dashboard(tuple(totals), tuple(_record(r, (*accounts, "CreatedDate")) for r in newest))

    async def get_profile(self, uid: str) -> Profile:
        """The signed-in user as Salesforce knows them."""
        org_id, _, user_id = uid.partition("_")
        fields = "Name, Email, Username, Title, CompanyName, Department, Phone, MobilePhone, TimeZoneSidKey, Profile.Name"
        rows = await self._org.query(uid, f"SELECT {fields} FROM User WHERE Id = '{soql.record_id(user_id)}' LIMIT 1")
        if not rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)

        def text(path: str) -> str | None:
            value = _value(rows[0], path)
            return None if value is None else str(value)

        return Profile(
            user=User(uid, text("Name") or "", text("Email") or "", text("Username") or "", org_id, user_id),
            title=text("Title"),
            company_name=text("CompanyName"),
            department=text("Department"),
            phone=text("Phone"),
            mobile_phone=text("MobilePhone"),
            profile_name=text("Profile.Name"),
            time_zone=text("TimeZoneSidKey"),
        )

    # Writing

    async def create_record(self, uid: str, asked: CreateRecord) -> Created:
        described = await self._describe(uid, asked.sobject)
        self._check_writable(described, asked.fields, creating=True)
        if asked.idempotency_key is None:
            return Created(await self._org.create(uid, asked.sobject, asked.fields))
        return Created(await self._create_once(uid, asked, asked.idempotency_key))

    async def _create_once(self, uid: str, asked: CreateRecord, key: str) -> str:
        """Creates at most one record under a key. Raises OrgUnavailable(outcome-unknown) while nobody knows whether it was made."""
        if _KEY.fullmatch(key) is None:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "idempotencyKey has 1 to 100 letters, digits, - and _")
        if not await self._creations.begin(uid, key):
            made = await self._creations.made(uid, key)
            if made is None:
                raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
            return made
        try:
            record_id = await self._org.create(uid, asked.sobject, asked.fields)
        except CallError as failed:
            if failed.reason is not Reason.OUTCOME_UNKNOWN:
                await self._creations.give_back(uid, key)  # surely not made, so the key is free again
            raise
        await self._creations.finish(uid, key, record_id)
        return record_id

    async def update_record(self, uid: str, asked: UpdateRecord) -> Updated:
        """Changes the given fields. With a version, only if nobody else has saved since; else ChangedMeanwhile."""
        described = await self._describe(uid, asked.sobject)
        record_id = soql.record_id(asked.id)
        self._check_writable(described, asked.fields, creating=False)
        since: datetime | None = None
        if asked.version is not None:
            since = _moment(asked.version)
            # If-Unmodified-Since knows whole seconds only (here rounded up): this look closes the gap within one.
            current = await self._current(uid, asked.sobject, record_id, described)
            if current.version is None or _moment(current.version) != since:
                raise _changed(asked, current)
        try:
            await self._org.update(uid, asked.sobject, record_id, asked.fields, None if since is None else since + timedelta(seconds=1))
        except PreconditionFailed:
            raise _changed(asked, await self._current(uid, asked.sobject, record_id, described)) from None
        return Updated(await self._current(uid, asked.sobject, record_id, described))

    async def delete_record(self, uid: str, asked: DeleteRecord) -> None:
        await self._org.delete(uid, asked.sobject, soql.record_id(asked.id))

    # Parts

    async def _current(self, uid: str, sobject: str, record_id: str, described: Described) -> Record:
        fields = _readable(LAYOUTS[sobject].detailed, described)
        rows = await self._org.query(uid, f"SELECT {_select(fields)} FROM {sobject} WHERE Id = '{record_id}' LIMIT 1")
        if not rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        return _record(rows[0], fields)

    async def _describe(self, uid: str, sobject: str) -> Described:
        key, now = (uid, sobject), self._clock.now()
        known = self._described.get(key)
        if known is not None and known[1] > now:
            return known[0]
        described = await self._org.describe(uid, sobject)
        if len(self._described) >= _MAX_DESCRIBED:
            self._described.pop(next(iter(self._described)))
        self._described[key] = (described, now + timedelta(seconds=DESCRIBE_SECONDS))
        return described

    @staticmethod
    def _field(described: Described, name: str) -> DescribedField:
        found = described.fields.get(name)
        if found is None:
            raise RefusedRequest(Reason.UNKNOWN_FIELD, f"{described.label} has no field {name[:80]!r} that you may see.", {"fields": [name[:80]]})
        return found

    def _check_writable(self, described: Described, fields: Mapping[str, FieldValue], *, creating: bool) -> None:
        if not fields:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "fields must name at least one field")
        for name in fields:
            shape = self._field(described, name).shape
            if not (shape.creatable if creating else shape.editable):
                raise RefusedRequest(Reason.FIELD_NOT_EDITABLE, f"{shape.label} cannot be changed.", {"fields": [name]})

    def _filter(self, described: Described, asked: Filter) -> str:
        found = self._field(described, asked.field)
        if not found.filterable:
            raise RefusedRequest(Reason.INVALID_VALUE, f"{asked.field} cannot be filtered by.")
        if asked.operator == "contains":
            if not isinstance(asked.value, str) or found.shape.type not in soql.TEXT:
                raise RefusedRequest(Reason.INVALID_VALUE, "contains needs a text and a text field.")
            return f"{asked.field} LIKE {soql.like_anywhere(asked.value)}"
        if asked.value is None and asked.operator not in ("eq", "ne"):
            raise RefusedRequest(Reason.INVALID_VALUE, "An empty value can only be compared with eq and ne.")
        return f"{asked.field} {_OPERATORS[asked.operator]} {soql.literal(found.shape.type, asked.value)}"


def _search(layout: Layout, described: Described, text: str) -> str:
    if len(text) > MAX_SEARCH:
        raise RefusedRequest(Reason.INVALID_VALUE, f"A search text has at most {MAX_SEARCH} characters.")
    return " OR ".join(f"{f} LIKE {soql.like_anywhere(text)}" for f in layout.searched if described.shows(f))


def _readable(fields: Iterable[str], described: Described) -> tuple[str, ...]:
    return tuple(f for f in fields if described.shows(f))


def _select(fields: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(("Id", *fields, _VERSION)))


def _value(row: Row, path: str) -> FieldValue:
    at = cast(object, row)
    for name in path.split("."):
        if not isinstance(at, Mapping):
            return None
        at = cast(Row, at).get(name)
    return at if isinstance(at, str | bool | int | float) else None


def _record(row: Row, fields: Iterable[str]) -> Record:
    return Record(str(row["Id"]), {f: _value(row, f) for f in fields}, cast("str | None", row.get(_VERSION)))


def _children(row: Row, relationship: str) -> Sequence[Row]:
    found = row.get(relationship)
    return cast(Sequence[Row], found["records"]) if isinstance(found, Mapping) else ()


def _cursor(sort: Sort, last: Row) -> str:
    mark = [sort.field, sort.descending, _value(last, sort.field), str(last["Id"])]
    return base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")


def _after(cursor: str, sort: Sort, sorted_by: DescribedField) -> str:
    """The condition for what comes after a cursor's record: keyset paging, nulls last, ties by id."""
    wrong = RefusedRequest(Reason.INVALID_CURSOR)
    try:
        mark = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise wrong from None
    if not isinstance(mark, list) or len(cast(list[object], mark)) != 4:
        raise wrong
    field, descending, value, last_id = cast(list[object], mark)
    if (
        field != sort.field
        or descending is not sort.descending
        or not isinstance(last_id, str)
        or not isinstance(value, str | int | float | bool | None)
    ):
        raise wrong
    record_id = soql.record_id(last_id)
    if value is None:
        return f"{sort.field} = null AND Id > '{record_id}'"
    shown = soql.literal(sorted_by.shape.type, value)
    beyond = f"{sort.field} {'<' if sort.descending else '>'} {shown} OR ({sort.field} = {shown} AND Id > '{record_id}')"
    return beyond if sorted_by.shape.required or sort.field in ("Id", "Name") else f"{beyond} OR {sort.field} = null"


def _moment(version: str) -> datetime:
    try:
        moment = datetime.fromisoformat(version)
    except ValueError:
        raise RefusedRequest(Reason.INVALID_VALUE, "version is what the record came with") from None
    if moment.tzinfo is None:
        raise RefusedRequest(Reason.INVALID_VALUE, "version is what the record came with")
    return moment


def _changed(asked: UpdateRecord, current: Record) -> ChangedMeanwhile:
    yours = {"id": asked.id, "fields": dict(asked.fields), "version": asked.version}
    theirs = {"id": current.id, "fields": current.fields, "version": current.version}
    return ChangedMeanwhile(Reason.RECORD_CHANGED, details={"yours": yours, "theirs": theirs})
