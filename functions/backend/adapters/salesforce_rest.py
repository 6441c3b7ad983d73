"""Salesforce's REST API as one user. Its authentication flow: send with the credential; rejected → renew → replay once.

Source: REST API Developer Guide ("Status Codes and Error Responses", "Conditional Request Headers").
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from math import ceil
from typing import Any, NoReturn, Protocol, cast
from urllib.parse import quote

from backend import deadline
from backend.adapters.salesforce_http import Answer, Http
from backend.connections.connection import Credential
from backend.connections.renewal import Renewed
from backend.failures import Busy, LimitReached, NotSent, OutcomeUnknown
from backend.records.org import Described, DescribedField, PreconditionFailed
from backend.values import Clock, Uid
from contract.calls import CALL_SECONDS, FieldShape, FieldValue
from contract.errors import CallError, ConnectionLost, NotFound, Reason, RefusedRequest

RETRY_PAUSES = (0.2, 0.8)  # seconds, each with jitter of a half to one and a half
_PASSING = (502, 503, 504)
_BAD_TOKEN = b"Bad_OAuth_Token"

_NOT_PERMITTED = {
    "INSUFFICIENT_ACCESS",
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "INVALID_TYPE",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
}
_ORG_POLICY = {"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "FUNCTIONALITY_NOT_ENABLED"}
_BUSY = {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"}


class Credentials(Protocol):
    """Where credentials come from."""

    async def get(self, uid: Uid) -> Credential:
        """The newest credential of a user. Raises ConnectionLost."""
        ...

    async def renew(self, uid: Uid, rejected: Credential) -> Renewed:
        """A newer one than the one that Salesforce rejected. Raises CallErrors."""
        ...


class SalesforceRest:
    """One for each process. Every method raises CallErrors."""

    def __init__(self, http: Http, credentials: Credentials, api_version: str, clock: Clock, random: Callable[[], float]) -> None:
        self._http = http
        self._credentials = credentials
        self._base = f"/services/data/v{api_version}"
        self._clock = clock
        self._random = random

    async def query(self, uid: Uid, text: str) -> Sequence[Mapping[str, object]]:
        """The records of a query's first page (2,000 at most; the app asks for far fewer)."""
        answer = await self._send(uid, "GET", "/query", query={"q": text})
        return cast(list[Mapping[str, object]], answer.object()["records"])

    async def search(self, uid: Uid, text: str) -> Sequence[Mapping[str, object]]:
        """The records that a SOSL text finds."""
        answer = await self._send(uid, "GET", "/search", query={"q": text})
        return cast(list[Mapping[str, object]], answer.object()["searchRecords"])

    async def describe(self, uid: Uid, sobject: str) -> Described:
        try:
            answer = await self._send(uid, "GET", f"/sobjects/{quote(sobject, safe='')}/describe")
        except NotFound:
            raise RefusedRequest(Reason.NOT_PERMITTED) from None  # an object that a user may not see is not there for them
        return _described(answer.object())

    async def create(self, uid: Uid, sobject: str, fields: Mapping[str, FieldValue]) -> str:
        answer = await self._send(uid, "POST", f"/sobjects/{sobject}", body=fields, writes=True)
        return str(answer.object()["id"])

    async def update(self, uid: Uid, sobject: str, record_id: str, fields: Mapping[str, FieldValue], unmodified_since: datetime | None) -> None:
        """Raises PreconditionFailed when the record was changed after that moment, to the second."""
        headers: dict[str, str] = {}
        if unmodified_since is not None:
            whole = datetime.fromtimestamp(ceil(unmodified_since.timestamp()), UTC)
            headers["If-Unmodified-Since"] = format_datetime(whole, usegmt=True)
        await self._send(uid, "PATCH", f"/sobjects/{sobject}/{record_id}", body=fields, headers=headers, writes=True)

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None:
        await self._send(uid, "DELETE", f"/sobjects/{sobject}/{record_id}", writes=True)

    async def _send(
        self,
        uid: Uid,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        writes: bool = False,
    ) -> Answer:
        async def send(credential: Credential) -> Answer:
            authorized = {**(headers or {}), "Authorization": f"Bearer {credential.access_token.reveal()}"}
            url = credential.instance_url + self._base + path
            return await self._http.send(method, url, seconds=CALL_SECONDS, writes=writes, headers=authorized, query=query, body=body)

        credential = await self._credentials.get(uid)
        answer, refreshed = await self._deliver(send, credential, writes=writes), False
        while _rejected(answer):
            if refreshed:
                raise ConnectionLost(Reason.ORG_POLICY)  # a token just made is refused too: refreshing again cannot help
            # A rejected request was not carried out, so a write is replayed like a read. A newer token that another
            # instance had stored may have expired as well; then this instance refreshes, once.
            renewed = await self._credentials.renew(uid, rejected=credential)
            credential, refreshed = renewed.credential, renewed.refreshed
            answer = await self._deliver(send, credential, writes=writes)
        if answer.status >= 300:
            _refuse(answer, writes=writes)
        return answer

    async def _deliver(self, send: Callable[[Credential], Awaitable[Answer]], credential: Credential, *, writes: bool) -> Answer:
        """Sends a write once: what broke off may have been carried out. A read goes again after a passing fault, with growing
        pauses, as long as the call's deadline leaves time for it."""
        pauses = iter(() if writes else RETRY_PAUSES)
        while True:
            answer, failure = None, None
            try:
                answer = await send(credential)
            except (NotSent, OutcomeUnknown) as failed:
                failure = failed
            if answer is not None and answer.status not in _PASSING:
                return answer
            pause = next(pauses, None)
            jittered = 0.0 if pause is None else pause * (0.5 + self._random())
            if pause is None or deadline.left(CALL_SECONDS) <= jittered:
                if answer is None:
                    assert failure is not None
                    raise failure
                return answer
            await self._clock.sleep(jittered)


def _rejected(answer: Answer) -> bool:
    return answer.status == 401 or (answer.status == 403 and answer.body.strip() == _BAD_TOKEN)


def _refuse(answer: Answer, *, writes: bool) -> NoReturn:
    """Translates Salesforce's refusal, by status and error code."""
    if answer.status == 412:
        raise PreconditionFailed
    rows = answer.json()
    first: object = cast(list[object], rows)[0] if isinstance(rows, list) and rows else None
    row = cast(dict[str, Any], first) if isinstance(first, dict) else {}
    code, message = str(row.get("errorCode") or ""), str(row.get("message") or "") or None
    raise _translated(answer.status, code, message, row, writes=writes)


def _translated(status: int, code: str, message: str | None, row: Mapping[str, Any], *, writes: bool) -> CallError:
    if code == "REQUEST_LIMIT_EXCEEDED" or status == 429:
        return LimitReached()
    if code in _BUSY:
        return Busy()
    if status >= 500:
        return OutcomeUnknown(writes=True) if writes else Busy()
    if code in _ORG_POLICY:
        return ConnectionLost(Reason.ORG_POLICY)
    if code in _NOT_PERMITTED or status == 403:
        return RefusedRequest(Reason.NOT_PERMITTED)
    if status == 404:
        return NotFound(Reason.RECORD_NOT_FOUND)
    if status != 400:
        return Busy()
    fields = [str(f) for f in cast(list[object], row.get("fields") or [])]
    details = {"fields": fields, "code": code}
    if code == "INVALID_FIELD":
        return RefusedRequest(Reason.UNKNOWN_FIELD, details=details)
    if code == "INVALID_FIELD_FOR_INSERT_UPDATE":
        return RefusedRequest(Reason.FIELD_NOT_EDITABLE, details=details)
    return RefusedRequest(Reason.INVALID_VALUE, message, details)


def _described(body: Mapping[str, Any]) -> Described:
    fields: dict[str, DescribedField] = {}
    for f in cast(list[dict[str, Any]], body["fields"]):
        picklist = tuple(str(v["value"]) for v in cast(list[dict[str, Any]], f.get("picklistValues") or []) if v.get("active", True))
        shape = FieldShape(
            name=str(f["name"]),
            label=str(f["label"]),
            type=str(f["type"]),
            required=not f["nillable"] and not f.get("defaultedOnCreate", False),
            editable=bool(f["updateable"]),
            creatable=bool(f["createable"]),
            length=int(f.get("length") or 0),
            picklist=picklist,
        )
        fields[shape.name] = DescribedField(shape, f.get("relationshipName"), bool(f.get("filterable")), bool(f.get("sortable")))
    return Described(str(body["name"]), str(body["label"]), str(body["labelPlural"]), fields)
