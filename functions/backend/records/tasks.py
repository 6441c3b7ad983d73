"""Completing a task, and logging a call: each one request to Salesforce.

Which statuses close a task says the org (Object Reference, TaskStatus); a call is a completed task of the subtype Call
(Object Reference, Task).
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from backend.failures import OutcomeUnknown
from backend.records import soql
from backend.records.creations import Creations
from backend.records.describe import Describes
from backend.records.layouts import LAYOUTS
from backend.records.org import Described, Org
from backend.records.rows import readable, select, to_record
from backend.values import Caller, Uid
from contract.activities import MAX_LINE, MAX_NOTE, CallLogged, CompleteTask, FollowUp, LogCall, TaskDone
from contract.calls import FieldValue, Updated, UpdateRecord
from contract.errors import NotFound, Reason, RefusedRequest

TASK, _STATUS = "Task", "Status"
_WHO = ("003", "00Q")  # the ids of contacts and leads begin so, in every org
_LEAD = "00Q"
Update = Callable[[Caller, UpdateRecord], Awaitable[Updated]]


class Tasks:
    """The calls that complete tasks and log calls. One for each process. They raise CallErrors.

    `update` changes a record as the call updateRecord does.
    """

    def __init__(self, org: Org, describes: Describes, creations: Creations, update: Update) -> None:
        self._org = org
        self._describes = describes
        self._creations = creations
        self._update = update

    async def complete_task(self, caller: Caller, request: CompleteTask) -> TaskDone:
        """Completes a task that is open, or gives it back the status that it had. A repetition changes nothing."""
        task_id = soql.record_id(request.id)
        if request.back_to is not None:
            _check_length("backTo", request.back_to, MAX_LINE)
            again = UpdateRecord(TASK, task_id, {_STATUS: request.back_to}, request.version)
            record = (await self._update(caller, again)).record
            return TaskDone(record.id, record.fields, record.version)
        described = await self._describes.get(caller.uid, TASK)
        field = described.fields.get(_STATUS)
        if field is None or not field.shape.editable:
            raise RefusedRequest(Reason.FIELD_NOT_EDITABLE, details={"fields": [_STATUS]})
        fields = readable(LAYOUTS[TASK].read, described)
        row, before = await self._org.complete(caller.uid, task_id, select(fields))
        if row is None:
            raise NotFound(Reason.RECORD_NOT_FOUND) if before is None else OutcomeUnknown(writes=True)
        record = to_record(row, fields)
        return TaskDone(record.id, record.fields, record.version, before)

    async def log_call(self, caller: Caller, request: LogCall) -> CallLogged:
        """Makes the completed task of a call, and the one that follows it; with an idempotency key at most once."""
        described = await self._describes.get(caller.uid, TASK)
        call, follow_up = _tasks_of(request, described)
        log = partial(self._log, caller.uid, call, follow_up)
        if request.idempotency_key is None:
            return await log()
        content = ["call", call, follow_up]
        return await self._creations.one(caller.uid, request.idempotency_key, content, log, kept=_kept, again=_again)

    async def _log(
        self, uid: Uid, call: Mapping[str, FieldValue], follow_up: Mapping[str, FieldValue] | None
    ) -> CallLogged:
        ids = await self._org.log(uid, call, *(() if follow_up is None else (follow_up,)))
        return CallLogged(ids[0], ids[1] if len(ids) > 1 else None)


def _kept(logged: CallLogged) -> str:
    return f"{logged.id} {logged.follow_up or ''}".strip()


def _again(kept: str) -> CallLogged:
    first, _, second = kept.partition(" ")
    return CallLogged(first, second or None)


def _tasks_of(request: LogCall, described: Described) -> tuple[dict[str, FieldValue], dict[str, FieldValue] | None]:
    """The fields of the call's task and of the one that follows, without their statuses. Raises RefusedRequest.

    What an org does not have, or the user may not set, is left out: the result of a call is a field of orgs with a call
    center only, so where it is missing the note begins with it.
    """
    if not described.creatable:
        raise RefusedRequest(Reason.NOT_PERMITTED)
    ids = [soql.record_id(one) for one in request.records]
    people = [one for one in ids if one.startswith(_WHO)]
    others = [one for one in ids if not one.startswith(_WHO)]
    if not ids or len(people) > 1 or len(others) > 1:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "records are a contact or lead, another record, or both")
    about = {"WhoId": people[0] if people else None, "WhatId": others[0] if others else None}
    if people and people[0].startswith(_LEAD):
        about["WhatId"] = None  # a task with a lead is related to nothing else; source: Object Reference, Task, WhatId

    def settable(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        return {n: v for n, v in fields.items() if v and n in described.fields and described.fields[n].shape.creatable}

    _check_length("subject", request.subject, MAX_LINE, least=1)
    _check_length("result", request.result, MAX_LINE)
    _check_length("note", request.note, MAX_NOTE)
    result = settable({"CallDisposition": request.result})
    lines = (request.note,) if result else (request.result, request.note)
    call = settable({
        "Subject": request.subject, "ActivityDate": _day(request.day), "TaskSubtype": "Call", "CallType": "Outbound",
        "Description": "\n".join(line for line in lines if line), **about,
    })  # fmt: skip
    return call | result, None if request.follow_up is None else settable(_follow_up(request.follow_up) | about)


def _follow_up(follow_up: FollowUp) -> dict[str, FieldValue]:
    _check_length("followUp.subject", follow_up.subject, MAX_LINE, least=1)
    return {"Subject": follow_up.subject, "ActivityDate": _day(follow_up.day)}


def _day(text: str) -> str:
    return soql.literal("date", text)


def _check_length(name: str, text: str, most: int, *, least: int = 0) -> None:
    if not least <= len(text.strip()) or len(text) > most:
        raise RefusedRequest(Reason.INVALID_VALUE, f"{name} has at most {most} characters")
