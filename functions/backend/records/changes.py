"""The data calls that write: create, update, delete."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from backend.failures import OutcomeUnknown
from backend.records import soql
from backend.records.describe import Describes, known_field
from backend.records.layouts import LAYOUTS
from backend.records.org import Described, Org, PreconditionFailed
from backend.records.rows import readable, select, to_record
from backend.values import Caller, Uid
from contract.calls import Created, CreateRecord, DeleteRecord, Empty, FieldValue, Record, Updated, UpdateRecord
from contract.errors import CallError, ChangedMeanwhile, NotFound, Reason, RefusedRequest

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Creations(Protocol):
    """What was made under which idempotency key, kept for a day beside the connection."""

    async def begin(self, uid: Uid, key: str) -> bool:
        """Claims a key; False when it was claimed before."""
        ...

    async def made(self, uid: Uid, key: str) -> str | None:
        """The record made under a claimed key; None while its outcome is not known."""
        ...

    async def finish(self, uid: Uid, key: str, record_id: str) -> None: ...

    async def give_back(self, uid: Uid, key: str) -> None: ...


class Changes:
    """One for each process. Every call raises CallErrors."""

    def __init__(self, org: Org, describes: Describes, creations: Creations) -> None:
        self._org = org
        self._describes = describes
        self._creations = creations

    async def create_record(self, caller: Caller, request: CreateRecord) -> Created:
        """Creates a record; with an idempotency key at most one, however often the request comes."""
        described = await self._describes.get(caller.uid, request.sobject)
        _check_writable(described, request.fields, creating=True)
        if request.idempotency_key is None:
            return Created(await self._org.create(caller.uid, request.sobject, request.fields))
        return Created(await self._create_once(caller.uid, request, request.idempotency_key))

    async def _create_once(self, uid: Uid, request: CreateRecord, key: str) -> str:
        """Creates at most one record under a key. Raises OutcomeUnknown while nobody knows whether it was made."""
        if _KEY.fullmatch(key) is None:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "idempotencyKey has 1 to 100 letters, digits, - and _")
        if not await self._creations.begin(uid, key):
            made = await self._creations.made(uid, key)
            if made is None:
                raise OutcomeUnknown(writes=True)
            return made
        try:
            record_id = await self._org.create(uid, request.sobject, request.fields)
        except OutcomeUnknown:
            raise
        except CallError:
            await self._creations.give_back(uid, key)  # it was not made, so the key is free again
            raise
        await self._creations.finish(uid, key, record_id)
        return record_id

    async def update_record(self, caller: Caller, request: UpdateRecord) -> Updated:
        """Changes the given fields. With a version, only if nobody else has saved since; else ChangedMeanwhile."""
        described = await self._describes.get(caller.uid, request.sobject)
        record_id = soql.record_id(request.id)
        _check_writable(described, request.fields, creating=False)
        since: datetime | None = None
        if request.version is not None:
            since = _moment(request.version)
            # If-Unmodified-Since knows whole seconds only (here rounded up): this look closes the gap within one.
            current = await self._current(caller.uid, request.sobject, record_id, described)
            if current.version is None or _moment(current.version) != since:
                raise _changed(request, current)
        try:
            await self._org.update(caller.uid, request.sobject, record_id, request.fields, None if since is None else since + timedelta(seconds=1))
        except PreconditionFailed:
            raise _changed(request, await self._current(caller.uid, request.sobject, record_id, described)) from None
        return Updated(await self._current(caller.uid, request.sobject, record_id, described))

    async def delete_record(self, caller: Caller, request: DeleteRecord) -> Empty:
        await self._org.delete(caller.uid, request.sobject, soql.record_id(request.id))
        return Empty()

    # Parts

    async def _current(self, uid: Uid, sobject: str, record_id: str, described: Described) -> Record:
        fields = readable(LAYOUTS[sobject].detailed, described)
        rows = await self._org.query(uid, f"SELECT {select(fields)} FROM {sobject} WHERE Id = '{record_id}' LIMIT 1")
        if not rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        return to_record(rows[0], fields)


def _check_writable(described: Described, fields: Mapping[str, FieldValue], *, creating: bool) -> None:
    if not fields:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "fields must name at least one field")
    for name in fields:
        shape = known_field(described, name).shape
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
