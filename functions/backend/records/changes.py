"""The data calls that write: create, update, delete, the actions of records, and their stars."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import cast

from backend.failures import OutcomeUnknown, ShapeRefused
from backend.records import soql
from backend.records.action_runs import ActionRuns
from backend.records.creations import Creations
from backend.records.describe import Describes, Shapes, field_of, object_of
from backend.records.layouts import LAYOUTS, layout_of
from backend.records.org import Described, Org, PreconditionFailed
from backend.records.people import check_kind
from backend.records.record_types import check_dependencies
from backend.records.rows import readable, select, to_record
from backend.records.tasks import Tasks
from backend.values import Caller, Uid
from contract.calls import Created, CreateRecord, DeleteRecord, Empty, FieldValue, Record, Updated, UpdateRecord
from contract.errors import (
    CallError,
    ChangedMeanwhile,
    MayBeDuplicate,
    NotFound,
    OrgUnavailable,
    Reason,
    RefusedRequest,
)
from contract.favorites import AddFavorite, Favorite, RemoveFavorite

MAX_DUPLICATES = 5  # that are named


class Changes:
    """The calls that create, update and delete records, run actions on them, complete tasks and log calls. One for
    each process. Every call raises CallErrors.
    """

    def __init__(self, org: Org, describes: Describes, creations: Creations) -> None:
        self._org = org
        self._describes = describes
        self._creations = creations
        self.run_action = ActionRuns(org, describes, creations).run_action
        tasks = Tasks(org, describes, creations, self.update_record)
        self.complete_task, self.log_call = tasks.complete_task, tasks.log_call

    async def add_favorite(self, caller: Caller, request: AddFavorite) -> Favorite:
        """Stars a record, in one request to Salesforce."""
        layout_of(request.sobject)
        return await self._org.add_favorite(caller.uid, soql.record_id(request.id), request.name)

    async def remove_favorite(self, caller: Caller, request: RemoveFavorite) -> Empty:
        """Takes a star away, in one request to Salesforce; one that is gone already is no error."""
        with suppress(NotFound):
            await self._org.remove_favorite(caller.uid, soql.record_id(request.favorite))
        return Empty()

    async def create_record(self, caller: Caller, request: CreateRecord) -> Created:
        """Creates a record and returns it; with an idempotency key at most one, however often the request comes."""
        layout_of(request.sobject)
        described = await self._describes.get(caller.uid, request.sobject)
        _check_writable(described, request.fields, creating=True)
        key, create = request.idempotency_key, partial(self._create, caller.uid, request, described)
        return await (create() if key is None else self._creations.once(caller.uid, key, request, create))

    async def _create(self, uid: Uid, request: CreateRecord, described: Described) -> Created:
        check_dependencies(described, request.fields)  # with the key claimed: a refusal says that nothing was made
        check_kind(described, request.fields)
        fields = readable(layout_of(request.sobject).read, described)
        async with self._looking_again_when_refused(uid, request.sobject):
            record_id, row = await self._org.create(
                uid, request.sobject, request.fields, select(fields), allow_duplicates=bool(request.allow_duplicates)
            )
        return Created(record_id, None if row is None else to_record(row, fields))

    async def update_record(self, caller: Caller, request: UpdateRecord) -> Updated:
        """Changes the given fields and returns the record as it is then. With a version, only if nobody else has saved
        since; otherwise raises ChangedMeanwhile with both versions. One request to Salesforce, also when it is refused.
        """
        layout_of(request.sobject)
        described = await self._describes.get(caller.uid, request.sobject)
        record_id = soql.record_id(request.id)
        _check_writable(described, request.fields, creating=False)
        check_dependencies(described, request.fields)
        fields = readable(layout_of(request.sobject).read, described)
        since = None if request.version is None else _moment(request.version)
        try:
            async with self._looking_again_when_refused(caller.uid, request.sobject):
                row = await self._org.update(
                    caller.uid,
                    request.sobject,
                    record_id,
                    request.fields,
                    select(fields),
                    since,
                    allow_duplicates=bool(request.allow_duplicates),
                )
        except PreconditionFailed as failed:
            if failed.current is None:
                raise NotFound(Reason.RECORD_NOT_FOUND) from None
            raise _changed(request, to_record(failed.current, fields)) from None
        if row is not None:
            return Updated(to_record(row, fields))
        try:
            return Updated(await self._read(caller.uid, request.sobject, record_id))
        except (NotFound, RefusedRequest):  # it was saved, and with another owner may be this user's to see no more
            return Updated(Record(record_id, dict(request.fields)))
        except OrgUnavailable:
            raise OutcomeUnknown(writes=True) from None  # it was saved: nobody is to try again unseen

    async def delete_record(self, caller: Caller, request: DeleteRecord) -> Empty:
        """Deletes a record. Raises NotFound when it is gone."""
        layout_of(request.sobject)
        await self._org.delete(caller.uid, request.sobject, soql.record_id(request.id))
        return Empty()

    # Parts

    async def _read(self, uid: Uid, sobject: str, record_id: str) -> Record:
        """Reads a record that was saved and could not be read in the same request."""

        async def read(shapes: Shapes) -> Record:
            fields = readable(layout_of(sobject).read, object_of(shapes, sobject))
            (rows,) = await self._org.query(
                uid, f"SELECT {select(fields)} FROM {sobject} WHERE Id = '{record_id}' LIMIT 1"
            )
            if not rows:
                raise NotFound(Reason.RECORD_NOT_FOUND)
            return to_record(rows[0], fields)

        return await self._describes.read(uid, (sobject,), read)

    @asynccontextmanager
    async def _looking_again_when_refused(self, uid: Uid, sobject: str) -> AsyncGenerator[None]:
        """Around a write: when Salesforce refuses what the describe allows, asks for a new describe and raises the
        refusal; one for duplicates gets their names.
        """
        try:
            yield
        except ShapeRefused:
            with suppress(OrgUnavailable):
                await self._describes.refused(uid, sobject)
            raise
        except MayBeDuplicate as refused:
            alike = cast(list[dict[str, str]], refused.details["records"])
            refused.details["records"] = await self._named(uid, alike[:MAX_DUPLICATES])
            raise

    async def _named(self, uid: Uid, records: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """Those of the records that the app shows and the user may see, with their names; all of them, without names,
        when they cannot be read.
        """
        named = dict[str, str]()
        try:
            for sobject in sorted({r["sobject"] for r in records} & LAYOUTS.keys()):
                title = LAYOUTS[sobject].title
                ids = ", ".join(f"'{soql.record_id(r['id'])}'" for r in records if r["sobject"] == sobject)
                (rows,) = await self._org.query(uid, f"SELECT Id, {title} FROM {sobject} WHERE Id IN ({ids})")
                named |= {str(row["Id"]): str(row.get(title) or "") for row in rows}
        except CallError:
            return list(records)
        return [{**r, "name": named[r["id"]]} for r in records if r["id"] in named]


def _check_writable(described: Described, fields: Mapping[str, FieldValue], *, creating: bool) -> None:
    if not fields:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "fields must name at least one field")
    for name in fields:
        shape = field_of(described, name).shape
        if not (shape.creatable if creating else shape.editable):
            raise RefusedRequest(Reason.FIELD_NOT_EDITABLE, f"{shape.label} cannot be changed.", {"fields": [name]})


def _moment(version: str) -> datetime:
    try:
        moment = datetime.fromisoformat(version)
    except ValueError:
        raise RefusedRequest(Reason.INVALID_VALUE, "version is what the record came with") from None
    if moment.tzinfo is None:
        raise RefusedRequest(Reason.INVALID_VALUE, "version is what the record came with")
    return moment


def _changed(request: UpdateRecord, current: Record) -> ChangedMeanwhile:
    yours = {"id": request.id, "fields": dict(request.fields), "version": request.version}
    theirs = {"id": current.id, "fields": current.fields, "version": current.version}
    return ChangedMeanwhile(Reason.RECORD_CHANGED, details={"yours": yours, "theirs": theirs})
