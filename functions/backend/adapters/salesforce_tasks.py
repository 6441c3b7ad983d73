"""Tasks that are closed: which status does that, and what the answers say of tasks that are made all or none.

Source: Object Reference, TaskStatus; REST API Developer Guide, "Composite" (allOrNone), "Create Multiple Records".
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from backend.adapters.salesforce_answers import Part, body_of, error_code, only_row, refuse
from backend.failures import OutcomeUnknown
from backend.records.org import Row
from contract.calls import FieldValue
from contract.errors import Reason, RefusedRequest

CLOSING = "SELECT ApiName FROM TaskStatus WHERE IsClosed = true ORDER BY SortOrder ASC LIMIT 1"
_HALTED = "PROCESSING_HALTED"  # the code of a part that was undone, or not carried out, because of another one


def closing_status(part: Part) -> str:
    """The status that closes a task, from the answer to CLOSING. Raises CallErrors, RefusedRequest where an org has
    none.
    """
    body_of(part)
    return _status(only_row(part))


def _status(row: Row | None) -> str:
    status = None if row is None else row.get("ApiName")
    if not isinstance(status, str) or not status:
        raise RefusedRequest(Reason.INVALID_VALUE, "This org has no status that closes a task.")
    return status


def created_at_once(tasks: Sequence[Mapping[str, FieldValue]], closing: Sequence[Row]) -> dict[str, object]:
    """The body that creates tasks, all or none, as an sObject collection; the first one closed."""
    status = {"Status": _status(closing[0] if closing else None)}
    kind = {"attributes": {"type": "Task"}}
    return {"allOrNone": True, "records": [{**kind, **t, **({} if n else status)} for n, t in enumerate(tasks)]}


def ids_of_parts(parts: Sequence[Part]) -> list[str]:
    """The ids of tasks that a composite has made: `parts` are CLOSING and then a part a task. Raises the refusal that
    had all of them undone.
    """
    closed, *made = parts
    for part in parts:
        if part.http_status_code >= 300 and error_code(part.decoded()) != _HALTED:
            refuse(part.http_status_code, part.decoded(), writes=True, aside=True)
    if any(part.http_status_code >= 300 for part in made):
        closing_status(closed)
        raise OutcomeUnknown(writes=True)
    return [_id(body_of(part, writes=True)) for part in made]


def ids_of_collection(body: object) -> list[str]:
    """The ids of an sObject collection that was made. Raises the refusal that had all of it undone."""
    results = cast(list[object], body) if isinstance(body, list) else []
    rows = [cast(Mapping[str, Any], r) for r in results if isinstance(r, dict)]
    errors = [dict(e) for row in rows for e in cast(list[dict[str, Any]], row.get("errors") or [])]
    own = [e for e in errors if e.get("statusCode") not in (_HALTED, "ALL_OR_NONE_OPERATION_ROLLED_BACK")] or errors
    if own:
        refuse(400, [{**own[0], "errorCode": own[0].get("statusCode")}], writes=True, aside=True)
    if not rows:
        raise OutcomeUnknown(writes=True)
    return [_id(row) for row in rows]


def _id(body: Mapping[str, object]) -> str:
    made = body.get("id")
    if not isinstance(made, str):
        raise OutcomeUnknown(writes=True)
    return made
