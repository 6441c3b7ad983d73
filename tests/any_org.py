"""The three flows and every call, made by a client that knows the contract and nothing of the org."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from contract import calls
from contract.actions import RunAction
from contract.activities import CompleteTask, LogCall
from contract.boards import GetBoard
from contract.calls import (
    CALLS,
    Call,
    CreateRecord,
    DeleteRecord,
    Describe,
    Empty,
    FieldShape,
    FieldValue,
    Filter,
    FindOwners,
    GetPicklists,
    GetRecord,
    ListRecords,
    Record,
    Search,
    SignOut,
    SobjectShape,
    Sort,
    UpdateConnection,
    UpdateRecord,
)
from contract.conversion import ConvertLead, GetConversion
from contract.errors import CallError, Reason
from contract.favorites import AddFavorite, RemoveFavorite
from contract.files import ListFiles
from contract.list_views import GetListViews

Q = TypeVar("Q")
A = TypeVar("A")
Send = Callable[[Call[Any, Any], Any], Awaitable[Any]]

_TEXTS = {
    "email": "any.org@example.com",
    "url": "https://any.example",
    "phone": "+44 20 7946 0000",
    "date": "2027-01-31",
    "datetime": "2027-01-31T09:00:00Z",
    "time": "09:00:00.000Z",
}
_MASTER = "012000000000000AAA"  # the record type of records that have none
_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})


class AnyOrg:
    """`send` makes a call as a signed-in device; `expire` ends the org's access tokens, and `refreshes` counts how many
    refresh tokens it has taken."""

    def __init__(self, send: Send, expire: Callable[[], Awaitable[None]], refreshes: Callable[[], int]) -> None:
        self._send, self._expire, self._refreshes = send, expire, refreshes
        self.made = {calls.GET_SIGN_IN_OPTIONS.path, calls.BEGIN_SIGN_IN.path, calls.SIGN_IN.path}  # to get here

    async def _call(self, call: Call[Q, A], request: Q) -> A:
        self.made.add(call.path)
        return await self._send(call, request)

    async def live_through(self) -> dict[str, SobjectShape]:
        """Everything that the app can do, in every object. Returns the objects.

        Raises AssertionError for an answer that is none, and whatever a call raises.
        """
        profile = await self._call(calls.GET_PROFILE, Empty())
        assert profile.user.name
        await self._call(calls.GET_DASHBOARD, calls.GetDashboard())
        objects = {o.sobject: o for o in (await self._call(calls.GET_OBJECTS, Empty())).objects}
        assert objects
        for shape in objects.values():
            assert await self._call(calls.DESCRIBE, Describe(shape.sobject)) == shape
            rows = await self._every_row(shape)
            await self._read(shape, rows)
            await self._act(shape, rows)
            await self._be_active(shape, rows)
            if shape.board is not None:
                columns = (await self._call(calls.GET_BOARD, GetBoard(shape.sobject))).columns
                assert sum(column.count for column in columns) == len(rows)
        assert {one.sobject for one in (await self._call(calls.GET_FAVORITES, Empty())).favorites} <= set(objects)
        for shape in objects.values():
            for kind in kinds_of(shape) if shape.creatable else ():
                await self._write(shape, kind, objects)
        await self._refresh_unnoticed(next(iter(objects)))
        await self._leave()
        # The bytes of files go outside JSON: tests/functions/records/test_files.py.
        assert self.made == {call.path for call in CALLS if not call.file}, "no call is left out"
        return objects

    async def _every_row(self, shape: SobjectShape) -> list[Record]:
        """Pages through the list in its usual order."""
        rows: list[Record] = []
        cursor: str | None = None
        while True:
            page = await self._call(calls.LIST_RECORDS, ListRecords(shape.sobject, limit=200, cursor=cursor))
            rows += page.records
            if page.cursor is None:
                break
            cursor = page.cursor
        assert len({row.id for row in rows}) == len(rows)
        return rows

    async def _read(self, shape: SobjectShape, rows: list[Record]) -> None:
        for field in shape.sorts:
            for descending in (False, True):
                asked = ListRecords(shape.sobject, sort=Sort(field, descending), limit=7)
                assert len((await self._call(calls.LIST_RECORDS, asked)).records) == min(7, len(rows))
        for view in (await self._call(calls.GET_LIST_VIEWS, GetListViews(shape.sobject))).views:
            page = await self._call(calls.LIST_RECORDS, ListRecords(shape.sobject, limit=200, list_view=view.id))
            assert {row.id for row in page.records} <= {row.id for row in rows}
        named = next((row for row in rows if name_of(shape, row)), None)
        if named is None:
            return
        for name in shape.filters:
            value = named.fields.get(name)
            if value is not None:
                asked = ListRecords(shape.sobject, filters=(Filter(name, "eq", value),), limit=200)
                assert (await self._call(calls.LIST_RECORDS, asked)).records, f"{shape.sobject}: {name} eq its value"
        related = tuple(r.name for r in shape.related)
        detail = await self._call(calls.GET_RECORD, GetRecord(shape.sobject, named.id, related))
        assert name_of(shape, detail.record) == name_of(shape, named)
        assert set(detail.related) == set(related)
        await self._call(calls.LIST_FILES, ListFiles(shape.sobject, named.id))
        starred = await self._call(calls.ADD_FAVORITE, AddFavorite(shape.sobject, named.id, name_of(shape, named)))
        assert (starred.sobject, starred.record) == (shape.sobject, named.id)
        await self._call(calls.REMOVE_FAVORITE, RemoveFavorite(starred.id))
        words = name_of(shape, named)[:30]
        assert (await self._call(calls.SEARCH, Search(words, (shape.sobject,)))).hits, f"{shape.sobject}: {words}"

    async def _be_active(self, shape: SobjectShape, rows: list[Record]) -> None:
        """Completes a task and gives it back, logs a call, and reads the timeline in which it stands."""
        if shape.done and rows:
            done = await self._call(calls.COMPLETE_TASK, CompleteTask(rows[0].id))
            assert done.fields[shape.done] is True
            back = CompleteTask(rows[0].id, done.before, done.version)
            assert done.before is None or (await self._call(calls.COMPLETE_TASK, back)).fields[shape.done] is False
        if shape.calls and shape.timeline and rows:
            logged = await self._call(calls.LOG_CALL, LogCall((rows[0].id,), "Any call", "2026-11-29", "Any result"))
            detail = await self._call(calls.GET_RECORD, GetRecord(shape.sobject, rows[0].id, timeline=True))
            assert detail.timeline is not None
            assert logged.id in {activity.id for activity in detail.timeline.past}

    async def _act(self, shape: SobjectShape, rows: list[Record]) -> None:
        """Runs what is no action of the object."""
        with pytest.raises((CallError, AssertionError), match=Reason.UNKNOWN_ACTION):  # the second is over HTTP
            await self._call(calls.RUN_ACTION, RunAction(shape.sobject, rows[0].id, "any org"))
        conversion = shape.conversion
        if conversion is not None and conversion.may_convert:
            chosen = (await self._call(calls.GET_CONVERSION, GetConversion(shape.sobject, "Any org"))).statuses[0].value
            owner = (await self._call(calls.GET_PROFILE, Empty())).user.user_id
            asked = ConvertLead(shape.sobject, rows[0].id, "any-org", status=chosen, owner_id=owner)
            became = [one.sobject for one in (await self._call(calls.CONVERT_LEAD, asked)).into]
            assert became[:2] == [conversion.account.sobject, conversion.contact.sobject]

    async def _write(self, shape: SobjectShape, kind: str, objects: dict[str, SobjectShape]) -> None:
        """Makes, changes and deletes a record of a record type."""
        has, needs = fields_of(shape, kind)
        fields: dict[str, FieldValue] = {}
        for field in shape.fields:
            wanted = (field.required and field.default is None) or field.name in needs
            if field.name in has and field.creatable and (wanted or field.name in (shape.title, *shape.stand_ins)):
                fields[field.name] = await self._some_value(field, objects)
        await self._choose(shape, kind, fields)
        request = CreateRecord(shape.sobject, fields, f"any-org-{shape.sobject}-{kind}", True)
        made = await self._call(calls.CREATE_RECORD, request)
        assert (await self._call(calls.CREATE_RECORD, request)).id == made.id, "a key makes one record"
        record = (await self._call(calls.GET_RECORD, GetRecord(shape.sobject, made.id))).record
        texts = ("phone", "string", "textarea")
        changed = next(f for f in shape.fields if f.name in has and f.editable and f.type in texts)
        value = await self._some_value(changed, objects)
        updated = await self._call(
            calls.UPDATE_RECORD, UpdateRecord(shape.sobject, made.id, {changed.name: value}, record.version, True)
        )
        assert updated.record.fields[changed.name] == value
        if shape.deletable:
            await self._call(calls.DELETE_RECORD, DeleteRecord(shape.sobject, made.id))
            assert made.id not in {row.id for row in await self._every_row(shape)}

    async def _choose(self, shape: SobjectShape, kind: str, fields: dict[str, FieldValue]) -> None:
        """Chooses the record type, with values that it has, and gives the record to the last of its owners."""
        held = (await self._call(calls.GET_PICKLISTS, GetPicklists(shape.sobject, kind))).fields
        if shape.record_types:
            fields[shape.record_type] = kind
            fields |= {name: held[name].values[0] for name in fields if name in held}
        owners = (await self._call(calls.FIND_OWNERS, FindOwners(shape.sobject))).owners if shape.owner else ()
        if owners:
            fields[shape.owner] = owners[0].id

    async def _some_value(self, field: FieldShape, objects: dict[str, SobjectShape]) -> FieldValue:
        """A value that the contract lets a form send for this field."""
        if field.picklist:
            return field.picklist[0]
        if field.type == "boolean":
            return True
        if field.type in _NUMBERS:
            return 5
        if field.type == "reference":
            target = next(name for name in field.refers_to if name in objects)
            return (await self._call(calls.LIST_RECORDS, ListRecords(target, limit=1))).records[0].id
        return _TEXTS.get(field.type, f"Any org {field.name}"[: field.length or None])

    async def _refresh_unnoticed(self, sobject: str) -> None:
        before = await self._call(calls.LIST_RECORDS, ListRecords(sobject))
        count = self._refreshes()
        await self._expire()
        assert await self._call(calls.LIST_RECORDS, ListRecords(sobject)) == before
        assert self._refreshes() == count + 1

    async def _leave(self) -> None:
        assert (await self._call(calls.UPDATE_CONNECTION, UpdateConnection(True))).stay_signed_in
        assert (await self._call(calls.GET_CONNECTION, Empty())).stay_signed_in
        assert (await self._call(calls.GET_ACCESS, Empty())).devices
        assert (await self._call(calls.ERASE_ME, Empty())).revoked_at_salesforce
        await self._call(calls.SIGN_OUT, SignOut())


def kinds_of(shape: SobjectShape) -> list[str]:
    """The record types of which records are made: the last one, and the last of those that are no people."""
    types = [t.id for t in reversed(shape.record_types)] or [_MASTER]
    businesses = [t for t in types if shape.persons is not None and t not in shape.persons.record_types]
    return list(dict.fromkeys((types[0], *businesses[:1])))


def fields_of(shape: SobjectShape, kind: str) -> tuple[set[str], tuple[str, ...]]:
    """The fields that a record of a type has, and those that it needs beside the required ones."""
    persons = shape.persons if shape.persons is not None and kind in shape.persons.record_types else None
    sections, needs = (shape.sections, ()) if persons is None else (persons.sections, persons.required)
    return {name for section in sections for name in section.fields}, needs


def name_of(shape: SobjectShape, record: Record) -> str:
    """What a view shows as the record's name, "" when it has none."""
    return next((str(v) for f in (shape.title, *shape.stand_ins) if (v := record.fields.get(f))), "")
