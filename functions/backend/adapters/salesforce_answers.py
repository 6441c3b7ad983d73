"""Answers of Salesforce's REST API: the parts of a composite, and what a refusal means.

Source: REST API Developer Guide ("Composite", "Status Codes and Error Responses").
"""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

import msgspec

from backend.adapters.salesforce_http import UNREADABLE
from backend.failures import Busy, LimitReached, OutcomeUnknown, ShapeRefused
from backend.records.org import RECORD_TYPE, Row
from contract.errors import CallError, ConnectionLost, MayBeDuplicate, NotFound, Reason, RefusedRequest

NOT_PERMITTED = {
    "INSUFFICIENT_ACCESS",
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
}
_NO_API = "API_DISABLED_FOR_ORG"  # of a user without API Enabled, whatever the words say, and of an edition without it
_API_DOWN = "API_CURRENTLY_DISABLED"  # a fault that passes (ExceptionCode), but where the words say:
_NOT_FOR_USER = "disabled for this user"
_ORG_POLICY = {"FUNCTIONALITY_NOT_ENABLED"}
API_OFF = {_NO_API, _API_DOWN, *_ORG_POLICY}
NOW_NOT = {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"}
LIMITED = {"REQUEST_LIMIT_EXCEEDED"}
_OBJECTS = frozenset((dict,))


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to one part of a composite request: its HTTP status, its body as bytes of JSON, its headers."""

    http_status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")
    http_headers: dict[str, str] = {}

    def decoded(self) -> Any:
        """The body as dicts, lists and plain values; None when it is something else, such as a page of maintenance."""
        try:
            return msgspec.json.decode(self.body)
        except UNREADABLE:
            return None


class Composite(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a composite request: its parts in the order in which they were asked."""

    composite_response: list[Part]


def rows_of(body: Mapping[str, object], name: str) -> Sequence[Row]:
    """The list of records under a name of an answer. Raises Busy when there is no list of records."""
    rows = body.get(name)
    if not isinstance(rows, list) or not _OBJECTS.issuperset(map(type, cast(list[object], rows))):
        raise Busy
    return cast(list[Row], rows)


def only_row(part: Part) -> Row | None:
    """The record that a part has read; None when there is none, or it could not be read."""
    body = part.decoded() if part.http_status_code == 200 else None
    rows: object = cast(dict[str, Any], body).get("records") if isinstance(body, dict) else None
    row: object = cast(list[object], rows)[0] if isinstance(rows, list) and rows else None
    return cast(Row, row) if isinstance(row, dict) else None


def body_of(part: Part, *, writes: bool = False) -> Mapping[str, object]:
    """The body of a part; an empty one when it has none. Raises a CallError when the part was refused."""
    body = part.decoded()
    if part.http_status_code >= 300:
        refuse(part.http_status_code, body, writes=writes, aside=True)
    return cast(dict[str, object], body) if isinstance(body, dict) else {}


def refuse(status: int, body: object, *, writes: bool, aside: bool = False) -> NoReturn:
    """Raises the CallError for an answer with status 300 or more, by its status and Salesforce's error code.

    `body` is the decoded answer; Salesforce sends a list whose first object has `errorCode`, `message` and `fields`.
    `writes` says whether a fault of the server leaves the outcome of a write unknown. What is `aside` is a part of a
    request that Salesforce took, or of an API that may be off by itself: such a refusal says nothing of the connection.
    """
    row = _first_error(body)
    code, message = str(row.get("errorCode") or ""), str(row.get("message") or "") or None
    if aside and code in {_NO_API, *_ORG_POLICY}:
        raise RefusedRequest(Reason.NOT_PERMITTED)
    raise _translated(status, code, message, row, writes=writes)


def refuses_the_api(status: int, body: object) -> bool:
    """Whether an answer says that this user may not use the API at all; `body` is decoded.

    Source: Sequin's playbook "Enable Salesforce API Access"; restforce#219, forcedotcom/cli#2686; SOAP API Developer
    Guide, ExceptionCode: API_CURRENTLY_DISABLED alone is a problem of the system, which passes.
    """
    row = _first_error(body)
    return status == 403 and _is_no_api(str(row.get("errorCode") or ""), str(row.get("message") or ""))


def error_code(body: object) -> str:
    """Salesforce's code of an error; "" when there is none. `body` is decoded."""
    return str(_first_error(body).get("errorCode") or "")


def _is_no_api(code: str, message: str | None) -> bool:
    return code == _NO_API or (code == _API_DOWN and _NOT_FOR_USER in (message or "").lower())


def _first_error(body: object) -> Mapping[str, Any]:
    first: object = cast(list[object], body)[0] if isinstance(body, list) and body else None
    return cast(dict[str, Any], first) if isinstance(first, dict) else {}


def _translated(status: int, code: str, message: str | None, row: Mapping[str, Any], *, writes: bool) -> CallError:
    if code in LIMITED or status == 429:
        return LimitReached()
    if code in NOW_NOT:
        return Busy()
    if status >= 500:
        return OutcomeUnknown(writes=True) if writes else Busy()
    if _is_no_api(code, message):
        return ConnectionLost(Reason.API_NOT_ENABLED)
    if code == _API_DOWN:
        return Busy()
    if code in _ORG_POLICY:
        return ConnectionLost(Reason.ORG_POLICY)
    if code == "INVALID_TYPE":
        return ShapeRefused(Reason.NOT_PERMITTED)
    if code in NOT_PERMITTED or status == 403:
        return RefusedRequest(Reason.NOT_PERMITTED)
    if status == 404:
        return NotFound(Reason.RECORD_NOT_FOUND)
    if status != 400:
        return Busy()
    fields = [str(f) for f in cast(list[object], row.get("fields") or [])]
    if code == "DUPLICATES_DETECTED":
        return _duplicates(row)
    details = {"fields": fields, "code": code}
    if code == "INVALID_FIELD":
        return ShapeRefused(Reason.UNKNOWN_FIELD, details=details)
    if code == "INVALID_FIELD_FOR_INSERT_UPDATE":
        return ShapeRefused(Reason.FIELD_NOT_EDITABLE, details=details)
    if code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST":
        return ShapeRefused(Reason.VALUE_NOT_IN_PICKLIST, details=details)
    if code == "INVALID_CROSS_REFERENCE_KEY" and RECORD_TYPE in fields:
        return ShapeRefused(Reason.RECORD_TYPE_NOT_AVAILABLE, details=details)
    return RefusedRequest(Reason.INVALID_VALUE, message, details)


class _Match(msgspec.Struct, frozen=True):
    record: dict[str, Any] = {}


class _MatchResult(msgspec.Struct, frozen=True, rename="camel"):
    entity_type: str = ""
    match_records: list[_Match] = []


class _DuplicateResult(msgspec.Struct, frozen=True, rename="camel"):
    allow_save: bool = False
    match_results: list[_MatchResult] = []


class _DuplicateError(msgspec.Struct, frozen=True, rename="camel"):
    duplicate_result: _DuplicateResult = msgspec.field(default_factory=_DuplicateResult)


def _duplicates(row: Mapping[str, Any]) -> MayBeDuplicate:
    """What a duplicate rule found. Source: SOAP API Developer Guide, DuplicateResult, whose names REST answers have."""
    try:
        result = msgspec.convert(dict(row), _DuplicateError).duplicate_result
    except msgspec.ValidationError:
        result = _DuplicateResult()
    alike = {
        str(match.record["Id"]): matched.entity_type
        for matched in result.match_results
        for match in matched.match_records
        if isinstance(match.record.get("Id"), str)
    }
    records = [{"sobject": sobject, "id": record_id} for record_id, sobject in alike.items()]
    return MayBeDuplicate(Reason.MAY_BE_DUPLICATE, details={"records": records, "allowSave": result.allow_save})
