"""Salesforce's REST API as one user: send with the credential; rejected → renew → replay once.

Source: REST API Developer Guide ("Status Codes and Error Responses", "Conditional Request Headers").
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import Any, NoReturn, cast
from urllib.parse import quote

from backend.adapters.salesforce_http import Answer, Http
from backend.core.connection import Clock, Credential
from backend.core.records import Described, DescribedField, PreconditionFailed
from backend.core.vault import Vault
from contract.calls import FieldShape, FieldValue
from contract.errors import CallError, ConnectionLost, NotFound, OrgUnavailable, Reason, RefusedRequest

REQUEST_SECONDS = 15.0
RETRY_PAUSES = (0.2, 0.8)  # seconds, each with jitter of a half to one and a half
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


class SalesforceRest:
    """The only place that sends access tokens."""

    def __init__(self, http: Http, vault: Vault, api_version: str, clock: Clock, random: Callable[[], float]) -> None:
        self._http = http
        self._vault = vault
        self._base = f"/services/data/v{api_version}"
        self._clock = clock
        self._random = random

    async def query(self, uid: str, text: str) -> Sequence[Mapping[str, object]]:
        """The records of a query's first page (2,000 at most; the app asks for far fewer)."""
        answer = await self._send(uid, "GET", "/query", query={"q": text})
        return cast(list[Mapping[str, object]], answer.object()["records"])

    async def search(self, uid: str, text: str) -> Sequence[Mapping[str, object]]:
        """The records that a SOSL text finds."""
        answer = await self._send(uid, "GET", "/search", query={"q": text})
        return cast(list[Mapping[str, object]], answer.object()["searchRecords"])

    async def describe(self, uid: str, sobject: str) -> Described:
        try:
            answer = await self._send(uid, "GET", f"/sobjects/{quote(sobject, safe='')}/describe")
        except NotFound:
            raise RefusedRequest(Reason.NOT_PERMITTED) from None  # an object that a user may not see is not there for them
        return _described(answer.object())

    async def create(self, uid: str, sobject: str, fields: Mapping[str, FieldValue]) -> str:
        answer = await self._send(uid, "POST", f"/sobjects/{sobject}", body=fields, writes=True)
        return str(answer.object()["id"])

    async def update(self, uid: str, sobject: str, record_id: str, fields: Mapping[str, FieldValue], unmodified_since: datetime | None) -> None:
        """Raises PreconditionFailed when the record was changed after that moment, to the second."""
        headers: dict[str, str] = {}
        if unmodified_since is not None:
            whole = datetime.fromtimestamp(ceil(unmodified_since.timestamp()), UTC)
            headers["If-Unmodified-Since"] = format_datetime(whole, usegmt=True)
        await self._send(uid, "PATCH", f"/sobjects/{sobject}/{record_id}", body=fields, headers=headers, writes=True)

    async def delete(self, uid: str, sobject: str, record_id: str) -> None:
        await self._send(uid, "DELETE", f"/sobjects/{sobject}/{record_id}", writes=True)

    async def _send(
        self,
        uid: str,
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
            if writes:  # once only: what broke off may have been done
                return await self._http.send(method, url, seconds=REQUEST_SECONDS, writes=True, headers=authorized, query=query, body=body)
            return await self._read(lambda: self._http.send(method, url, seconds=REQUEST_SECONDS, headers=authorized, query=query, body=body))

        credential = await self._vault.open_connection(uid)
        answer, refreshed = await send(credential), False
        while _rejected(answer):
            if refreshed:
                raise ConnectionLost(Reason.ORG_POLICY)  # a token just made is refused too: refreshing again cannot help
            # A rejected request was not carried out, so a write is replayed like a read. A newer token that another
            # instance had stored may have expired as well; then this instance refreshes, once.
            renewed = await self._vault.renew(uid, rejected=credential)
            credential, refreshed = renewed.credential, renewed.refreshed
            answer = await send(credential)
        if answer.status >= 300:
            _refuse(answer, writes=writes)
        return answer

    async def _read(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Sends a read, and again after a passing fault, with growing pauses, within the call's deadline."""
        give_up = self._clock.now() + timedelta(seconds=REQUEST_SECONDS)
        for pause in RETRY_PAUSES:
            try:
                answer = await send()
                if answer.status not in (502, 503, 504):
                    return answer
            except OrgUnavailable:
                pass
            pause *= 0.5 + self._random()
            if self._clock.now() + timedelta(seconds=pause) > give_up:
                break
            await self._clock.sleep(pause)
        return await send()


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
        return OrgUnavailable(Reason.ORG_LIMIT)
    if code in _BUSY:
        return OrgUnavailable(Reason.ORG_BUSY)
    if status >= 500:
        return OrgUnavailable(Reason.OUTCOME_UNKNOWN if writes else Reason.ORG_BUSY)
    if code in _ORG_POLICY:
        return ConnectionLost(Reason.ORG_POLICY)
    if code in _NOT_PERMITTED or status == 403:
        return RefusedRequest(Reason.NOT_PERMITTED)
    if status == 404:
        return NotFound(Reason.RECORD_NOT_FOUND)
    if status != 400:
        return OrgUnavailable(Reason.ORG_BUSY)
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
