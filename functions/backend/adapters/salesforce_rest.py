"""Salesforce's REST API as one user: one request for each thing that a call needs, several parts in one composite.

Source: REST API Developer Guide ("Composite", "Conditional Requests", "Status Codes and Error Responses").
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from math import ceil
from typing import Any, NoReturn, cast
from urllib.parse import quote, urlencode

import msgspec

from backend.adapters.salesforce_http import Answer
from backend.adapters.salesforce_session import Request, SalesforceSession
from backend.failures import Busy, LimitReached, OutcomeUnknown, ShapeRefused
from backend.records.org import Described, DescribedField, PreconditionFailed, Row, Undescribed
from backend.values import Uid
from contract.calls import FieldShape, FieldValue, Section
from contract.errors import CallError, ConnectionLost, NotFound, Reason, RefusedRequest

MAX_PARTS = 25  # of one composite, five of them queries
_SETTLED_SECONDS = (
    60.0  # HTTP dates are whole seconds, and clocks differ: what changed just now may change again under the same stamp
)

_NOT_PERMITTED = {
    "INSUFFICIENT_ACCESS",
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
}
_ORG_POLICY = {"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "FUNCTIONALITY_NOT_ENABLED"}
_MASTER_RECORD_TYPE = (
    "012000000000000AAA"  # Salesforce's own, in every org: the layout of records without a record type
)
_BUSY = {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"}


class _Part(msgspec.Struct, rename="camel"):
    """The answer to one part of a composite."""

    http_status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")
    http_headers: dict[str, str] = {}

    def decoded(self) -> Any:
        return msgspec.json.decode(self.body)


class _Composite(msgspec.Struct, rename="camel"):
    composite_response: list[_Part]


class _Picklist(msgspec.Struct):
    value: str
    active: bool = True
    label: str | None = None


class _Field(msgspec.Struct, rename="camel"):
    name: str
    label: str
    type: str
    nillable: bool
    updateable: bool
    createable: bool
    defaulted_on_create: bool = False
    filterable: bool = False
    sortable: bool = False
    length: int | None = 0
    relationship_name: str | None = None
    picklist_values: list[_Picklist] | None = None
    reference_to: list[str] | None = None
    default_value: Any = None
    inline_help_text: str | None = None
    scale: int | None = 0
    compound_field_name: str | None = None


class _Describe(msgspec.Struct, rename="camel"):
    """What is read of a describe, which has some forty attributes a field."""

    name: str
    label: str
    label_plural: str
    fields: list[_Field]
    key_prefix: str | None = None
    createable: bool = True
    updateable: bool = True
    deletable: bool = True


class _Component(msgspec.Struct):
    """A field of a page layout; an address has its parts as components of its own."""

    type: str = ""
    value: str | None = None
    components: "list[_Component] | None" = None


class _LayoutItem(msgspec.Struct, rename="camel"):
    label: str | None = None
    layout_components: list[_Component] = []


class _LayoutRow(msgspec.Struct, rename="camel"):
    layout_items: list[_LayoutItem] = []


class _LayoutSection(msgspec.Struct, rename="camel"):
    heading: str | None = None
    use_heading: bool = True
    layout_rows: list[_LayoutRow] = []


class _PageLayout(msgspec.Struct, rename="camel"):
    detail_layout_sections: list[_LayoutSection] = []


class SalesforceRest:
    """One for each process. Every method raises CallErrors."""

    def __init__(self, session: SalesforceSession, api_version: str) -> None:
        self._session = session
        self._base = f"/services/data/v{api_version}"

    async def query(self, uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        """The records of each query's first page (2,000 at most; the app asks for far fewer)."""
        if len(texts) == 1:
            answer = await self._send(uid, Request("GET", f"{self._base}/query", query={"q": texts[0]}))
            return [_rows(answer.object(), "records")]
        parts = await self._composite(uid, [self._query_part(f"query{n}", text) for n, text in enumerate(texts)])
        return [_rows(_good(part), "records") for part in parts]

    async def search(self, uid: Uid, text: str) -> Sequence[Row]:
        """The records that a SOSL text finds."""
        answer = await self._send(uid, Request("GET", f"{self._base}/search", query={"q": text}))
        return _rows(answer.object(), "searchRecords")

    async def describe(self, uid: Uid, sobjects: Mapping[str, str | None]) -> Mapping[str, Described | Undescribed]:
        """All of them in one request; an object that has not changed since the stamp comes without its fields."""
        found: dict[str, Described | Undescribed] = {}
        names = list(sobjects)
        for first in range(0, len(names), MAX_PARTS // 2):
            batch = names[first : first + MAX_PARTS // 2]
            asked = [
                _conditional(self._part("GET", f"/sobjects/{quote(name, safe='')}/describe", name), sobjects[name])
                for name in batch
            ]
            # A page layout is asked for with the first describe only: it is large, and has no stamp to ask again with.
            laid_out = [name for name in batch if sobjects[name] is None]
            asked += [
                self._part(
                    "GET", f"/sobjects/{quote(n, safe='')}/describe/layouts/{_MASTER_RECORD_TYPE}", f"{n}_layout"
                )
                for n in laid_out
            ]
            answered = await self._composite(uid, asked)
            layouts = {name: _page_layout(part) for name, part in zip(laid_out, answered[len(batch) :], strict=True)}
            for name, part in zip(batch, answered[: len(batch)], strict=True):
                found[name] = _described(part, layouts.get(name, _PageLayout()))
        return found

    async def create(
        self, uid: Uid, sobject: str, fields: Mapping[str, FieldValue], selected: str
    ) -> tuple[str, Row | None]:
        read_back = f"SELECT {selected} FROM {sobject} WHERE Id = '@{{made.id}}' LIMIT 1"  # noqa: S608  both from our own layouts
        made, current = await self._composite(
            uid,
            [self._part("POST", f"/sobjects/{sobject}", "made", fields), self._query_part("current", read_back)],
            writes=True,
        )
        record_id = _good(made, writes=True).get("id")
        if not isinstance(record_id, str):
            raise OutcomeUnknown(writes=True)
        return record_id, _only_row(current)

    async def update(
        self,
        uid: Uid,
        sobject: str,
        record_id: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        unchanged_since: datetime | None,
    ) -> Row | None:
        """Raises PreconditionFailed when the record was changed after that moment.

        The record is looked for in exactly that state, and changed by a reference to what was found: nothing found,
        nothing changed. If-Unmodified-Since, which knows whole seconds only, guards the moment between the two.
        """
        is_record = f"FROM {sobject} WHERE Id = '{record_id}'"
        parts: list[dict[str, object]] = []
        if unchanged_since is None:
            parts.append(self._part("PATCH", f"/sobjects/{sobject}/{record_id}", "saved", fields))
        else:
            state = unchanged_since.astimezone(UTC).isoformat(timespec="milliseconds")
            whole = datetime.fromtimestamp(ceil(unchanged_since.timestamp()) + 1, UTC)
            saved = self._part("PATCH", f"/sobjects/{sobject}/@{{seen.records[0].Id}}", "saved", fields)
            parts.append(self._query_part("seen", f"SELECT Id {is_record} AND SystemModstamp = {state} LIMIT 1"))
            parts.append(saved | {"httpHeaders": {"If-Unmodified-Since": format_datetime(whole, usegmt=True)}})
        parts.append(self._query_part("current", f"SELECT {selected} {is_record} LIMIT 1"))
        *seen, saved_part, current = await self._composite(uid, parts, writes=True)
        row = _only_row(current)
        if saved_part.http_status_code == 412 or (seen and not _rows(_good(seen[0]), "records")):
            raise PreconditionFailed(row)
        _good(saved_part, writes=True)
        return row

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None:
        await self._send(uid, Request("DELETE", f"{self._base}/sobjects/{sobject}/{record_id}", writes=True))

    async def currency(self, uid: Uid) -> str:
        """Source: Connect REST API, Organization and Features (`defaultCurrencyIsoCode` holds where `multiCurrency` is
        false).
        """
        answer = await self._send(uid, Request("GET", f"{self._base}/connect/organization"))
        features = answer.object().get("features")
        known = cast(dict[str, Any], features) if isinstance(features, dict) else {}
        return "" if known.get("multiCurrency") else str(known.get("defaultCurrencyIsoCode") or "")

    async def site(self, uid: Uid) -> str:
        return await self._session.site(uid)

    # Parts

    async def _send(self, uid: Uid, request: Request) -> Answer:
        answer = await self._session.send(uid, request)
        if answer.status >= 300:
            _refuse(answer.status, answer.json(), writes=request.writes)
        return answer

    async def _composite(self, uid: Uid, parts: Sequence[Mapping[str, object]], *, writes: bool = False) -> list[_Part]:
        """Several parts in one request, one after another; what fails stops those that refer to it and no others."""
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": parts}
        answer = await self._send(uid, Request("POST", f"{self._base}/composite", body=body, writes=writes))
        try:
            answered = msgspec.json.decode(answer.body, type=_Composite).composite_response
        except (msgspec.DecodeError, UnicodeDecodeError):
            answered = []
        if len(answered) != len(parts):
            raise OutcomeUnknown(writes=True) if writes else Busy()
        return answered

    def _part(self, method: str, path: str, name: str, body: object = None) -> dict[str, object]:
        part: dict[str, object] = {"method": method, "url": self._base + path, "referenceId": name}
        return part if body is None else part | {"body": body}

    def _query_part(self, name: str, text: str) -> dict[str, object]:
        """A query; references to other parts stay as they are."""
        return self._part("GET", "/query?" + urlencode({"q": text}, safe="@{}"), name)


def _conditional(part: dict[str, object], since: str | None) -> dict[str, object]:
    return part if since is None else part | {"httpHeaders": {"If-Modified-Since": since}}


def _rows(body: Mapping[str, object], name: str) -> Sequence[Row]:
    rows = body.get(name)
    if not isinstance(rows, list):
        raise Busy
    return cast(list[Row], rows)


def _only_row(part: _Part) -> Row | None:
    """The record that a part has read; None when there is none, or it could not be read."""
    body = part.decoded() if part.http_status_code == 200 else None
    rows = cast(dict[str, Any], body).get("records") if isinstance(body, dict) else None
    return rows[0] if rows else None


def _good(part: _Part, *, writes: bool = False) -> Mapping[str, object]:
    """The body of a part of a composite answer. Raises the CallError that its status stands for."""
    body = part.decoded()
    if part.http_status_code >= 300:
        _refuse(part.http_status_code, body, writes=writes)
    return cast(dict[str, object], body) if isinstance(body, dict) else {}


def _refuse(status: int, body: object, *, writes: bool) -> NoReturn:
    """Translates Salesforce's refusal, by status and error code."""
    first: object = cast(list[object], body)[0] if isinstance(body, list) and body else None
    row = cast(dict[str, Any], first) if isinstance(first, dict) else {}
    code, message = str(row.get("errorCode") or ""), str(row.get("message") or "") or None
    raise _translated(status, code, message, row, writes=writes)


def _translated(status: int, code: str, message: str | None, row: Mapping[str, Any], *, writes: bool) -> CallError:
    if code == "REQUEST_LIMIT_EXCEEDED" or status == 429:
        return LimitReached()
    if code in _BUSY:
        return Busy()
    if status >= 500:
        return OutcomeUnknown(writes=True) if writes else Busy()
    if code in _ORG_POLICY:
        return ConnectionLost(Reason.ORG_POLICY)
    if code == "INVALID_TYPE":
        return ShapeRefused(Reason.NOT_PERMITTED)
    if code in _NOT_PERMITTED or status == 403:
        return RefusedRequest(Reason.NOT_PERMITTED)
    if status == 404:
        return NotFound(Reason.RECORD_NOT_FOUND)
    if status != 400:
        return Busy()
    fields = [str(f) for f in cast(list[object], row.get("fields") or [])]
    details = {"fields": fields, "code": code}
    if code == "INVALID_FIELD":
        return ShapeRefused(Reason.UNKNOWN_FIELD, details=details)
    if code == "INVALID_FIELD_FOR_INSERT_UPDATE":
        return ShapeRefused(Reason.FIELD_NOT_EDITABLE, details=details)
    return RefusedRequest(Reason.INVALID_VALUE, message, details)


def _described(part: _Part, page_layout: _PageLayout) -> Described | Undescribed:
    if part.http_status_code == 304:
        return Undescribed.UNCHANGED
    if part.http_status_code == 404:
        return Undescribed.HIDDEN
    if part.http_status_code != 200:
        _refuse(part.http_status_code, part.decoded(), writes=False)
    try:
        body = msgspec.json.decode(part.body, type=_Describe)
    except (msgspec.ValidationError, UnicodeDecodeError):
        raise Busy from None
    fields: dict[str, DescribedField] = {}
    for f in body.fields:
        shape = FieldShape(
            name=f.name,
            label=f.label,
            type=f.type,
            required=not f.nillable and not f.defaulted_on_create,
            editable=f.updateable,
            creatable=f.createable,
            length=f.length or 0,
            picklist=tuple(v.value for v in f.picklist_values or () if v.active),
            labels={v.value: v.label for v in f.picklist_values or () if v.active and v.label and v.label != v.value},
            refers_to=tuple(f.reference_to or ()),
            relationship=f.relationship_name,
            default=f.default_value if isinstance(f.default_value, str | bool | int | float) else None,
            help=f.inline_help_text,
            scale=f.scale or 0,
        )
        fields[f.name] = DescribedField(shape, f.filterable, f.sortable, f.compound_field_name)
    return Described(
        name=body.name,
        label=body.label,
        label_plural=body.label_plural,
        fields=fields,
        key_prefix=body.key_prefix or "",
        modified=_settled(part.http_headers),
        creatable=body.createable,
        editable=body.updateable,
        deletable=body.deletable,
        sections=_sections(page_layout),
        captions=_captions(page_layout, {name for name, f in fields.items() if f.shape.type == "reference"}),
    )


def _page_layout(part: _Part) -> _PageLayout:
    """A page layout; an empty one when the user has none for this object, or it could not be read."""
    if part.http_status_code != 200:
        return _PageLayout()
    try:
        return msgspec.json.decode(part.body, type=_PageLayout)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return _PageLayout()


def _captions(page_layout: _PageLayout, references: set[str]) -> dict[str, str]:
    """What the page calls each reference, in the user's language: its `label` in the describe names the id that it
    holds. Source: SOAP API Developer Guide, describeLayout(), DescribeLayoutItem.label."""
    return {
        component.value: item.label
        for section in page_layout.detail_layout_sections
        for row in section.layout_rows
        for item in row.layout_items
        for component in item.layout_components
        if component.value in references and item.label
    }


def _sections(page_layout: _PageLayout) -> tuple[Section, ...]:
    """The groups of a page layout."""
    return tuple(
        Section(
            (section.heading or "") if section.use_heading else "",
            tuple(
                name
                for row in section.layout_rows
                for item in row.layout_items
                for c in item.layout_components
                for name in _field_names(c)
            ),
        )
        for section in page_layout.detail_layout_sections
    )


def _field_names(component: _Component) -> list[str]:
    if component.type != "Field" or component.value is None:
        return []
    return [component.value, *(name for inner in component.components or () for name in _field_names(inner))]


def _settled(headers: Mapping[str, str]) -> str | None:
    """The stamp of a describe, when it may be asked with: not while the object may change again within the stamp's
    second.
    """
    modified = next((v for k, v in headers.items() if k.lower() == "last-modified"), None)
    if modified is None:
        return None
    try:
        age = datetime.now(UTC) - parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return None
    return modified if age > timedelta(seconds=_SETTLED_SECONDS) else None
