"""Converting leads: what may be chosen before it, and the conversion itself.

Source: SOAP API Developer Guide, "convertLead()"; Object Reference, LeadStatus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from backend.failures import OutcomeUnknown
from backend.records import soql
from backend.records.conversion_shape import Becoming
from backend.records.creations import Creations
from backend.records.describe import Describes, Shapes, object_of
from backend.records.layouts import LAYOUTS, layout_of
from backend.records.org import AlreadyConverted, Described, Org, Row
from backend.records.rows import field_value, readable, select
from backend.values import Caller, Uid
from contract.calls import NAME
from contract.conversion import (
    Became,
    Becomes,
    Conversion,
    Converted,
    ConvertedStatus,
    ConvertLead,
    Existing,
    GetConversion,
)
from contract.errors import CallError, NotFound, Reason, RefusedRequest

MAX_EXISTING = 5  # accounts, and contacts, that are proposed
_STATUSES = "SELECT ApiName, MasterLabel FROM LeadStatus WHERE IsConverted = true ORDER BY SortOrder"
_ACCOUNT, _ACCOUNT_NAME = "AccountId", "Account.Name"  # whose contact a contact is


class Conversions:
    """The calls about conversion. One for each process. Every call raises CallErrors."""

    def __init__(self, org: Org, describes: Describes, creations: Creations) -> None:
        self._org = org
        self._describes = describes
        self._creations = creations

    async def get_conversion(self, caller: Caller, request: GetConversion) -> Conversion:
        """What may be chosen, and which accounts and contacts may be the same: one request to Salesforce."""
        becoming = _becoming(request.sobject)
        work = partial(self._choices, caller.uid, becoming, request)
        beside = (becoming.account.sobject, becoming.contact.sobject)
        return await self._describes.read(caller.uid, (request.sobject,), work, beside=beside)

    async def _choices(self, uid: Uid, becoming: Becoming, request: GetConversion, shapes: Shapes) -> Conversion:
        described = object_of(shapes, request.sobject)
        texts = {"statuses": _STATUSES}
        account, contact = (shapes.get(one.sobject) for one in (becoming.account, becoming.contact))
        if account is not None:
            same = _any_of(account, {NAME: request.account})
            if same:
                texts["accounts"] = _alike(account, LAYOUTS[account.name].listed, same)
        if contact is not None and contact.shows(_ACCOUNT):
            same = _any_of(contact, {NAME: request.contact, becoming.email: request.email})
            if same:
                listed = (*LAYOUTS[contact.name].listed, _ACCOUNT_NAME)
                texts["contacts"] = _alike(contact, listed, f"{_ACCOUNT} != null AND ({same})")
        rows = dict(zip(texts, await self._org.query(uid, *texts.values()), strict=True))
        labels = described.fields[becoming.status].shape.labels if described.shows(becoming.status) else {}
        return Conversion(
            tuple(_status(row, labels) for row in rows["statuses"]),
            _existing(rows.get("accounts", ()), account, ()),
            _existing(rows.get("contacts", ()), contact, (_ACCOUNT_NAME,)),
        )

    async def convert_lead(self, caller: Caller, request: ConvertLead) -> Converted:
        """Converts a lead: one request to Salesforce, two without a status; never sent a second time when its answer
        was lost, but looked at. With an idempotency key a repetition has the answer of the first request.
        """
        becoming = _becoming(request.sobject)
        request = _checked(request)
        sent = False

        async def convert() -> Converted:
            nonlocal sent
            sent = True
            return await self._convert(caller.uid, becoming, request)

        if request.idempotency_key is None:
            return await convert()
        said = replace(request, idempotency_key=None)
        content = ["convert", *(str(getattr(said, name)) for name in ConvertLead.__slots__)]
        try:
            return await self._creations.one(
                caller.uid,
                request.idempotency_key,
                content,
                convert,
                kept=lambda done: ",".join(f"{one.sobject} {one.id}" for one in done.into),
                again=lambda kept: Converted(
                    tuple(Became(*one.split(" ")) for one in kept.split(",") if one), already=True
                ),
            )
        except OutcomeUnknown:
            if sent:
                raise
            return await convert()  # Salesforce itself converts a lead once, and says so the second time

    async def _convert(self, uid: Uid, becoming: Becoming, request: ConvertLead) -> Converted:
        try:
            wanted = request if request.status else replace(request, status=await self._first_status(uid))
            made = await self._org.convert(uid, wanted)
        except AlreadyConverted:
            done = await self._became(uid, becoming, request)
            if done is None:
                raise RefusedRequest(Reason.ACTION_NOT_AVAILABLE) from None
            return done
        except OutcomeUnknown:
            try:
                done = await self._became(uid, becoming, request)
            except CallError:
                done = None
            if done is None:
                raise
            return done
        ids = zip(becoming.into, made, strict=True)
        return Converted(tuple(Became(one.sobject, record_id) for one, record_id in ids if record_id))

    async def _first_status(self, uid: Uid) -> str:
        (rows,) = await self._org.query(uid, f"{_STATUSES} LIMIT 1")
        if not rows:
            raise RefusedRequest(Reason.ACTION_MISSING)
        return _status(rows[0], {}).value

    async def _became(self, uid: Uid, becoming: Becoming, request: ConvertLead) -> Converted | None:
        """What a lead has become, with names; None while it is not converted."""

        async def read(shapes: Shapes) -> Converted | None:
            fields = readable((*becoming.fields, *becoming.names(shapes)), object_of(shapes, request.sobject))
            text = f"SELECT {select(fields)} FROM {request.sobject} WHERE Id = '{request.id}' LIMIT 1"
            (rows,) = await self._org.query(uid, text)
            if not rows:
                raise NotFound(Reason.RECORD_NOT_FOUND)
            row = rows[0]
            if not field_value(row, becoming.flag):
                return None
            into = (_one(row, one) for one in becoming.into)
            return Converted(tuple(one for one in into if one is not None), already=True)

        return await self._describes.read(uid, (request.sobject,), read, beside=becoming.objects)


def _becoming(sobject: str) -> Becoming:
    becoming = layout_of(sobject).conversion
    if becoming is None:
        raise RefusedRequest(Reason.UNKNOWN_ACTION)
    return becoming


def _checked(request: ConvertLead) -> ConvertLead:
    """The request with the name that is sent. Raises RefusedRequest for one that contradicts itself."""
    if request.contact_id is not None and request.account_id is None:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "contactId is a contact of the account accountId")
    name = (request.opportunity_name or "").strip() or None
    if name is not None and request.no_opportunity:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "opportunityName or noOpportunity")
    return replace(request, id=soql.record_id(request.id), opportunity_name=name)


def _any_of(described: Described, wanted: Mapping[str, str]) -> str:
    """A condition that one of the fields has its text; "" when there is nothing to look for."""
    return " OR ".join(
        f"{name} = {soql.literal(described.fields[name].shape.type, text.strip())}"
        for name, text in wanted.items()
        if text.strip() and name in described.fields and described.fields[name].filterable
    )


def _alike(described: Described, listed: Sequence[str], condition: str) -> str:
    return f"SELECT {select(readable(listed, described))} FROM {described.name} WHERE {condition} LIMIT {MAX_EXISTING}"


def _existing(rows: Sequence[Row], described: Described | None, more: Sequence[str]) -> tuple[Existing, ...]:
    if described is None:
        return ()
    fields = readable((*LAYOUTS[described.name].listed, *more), described)
    return tuple(
        Existing(
            str(row["Id"]),
            {name: field_value(row, name) for name in fields},
            str(field_value(row, _ACCOUNT) or ""),
            str(field_value(row, _ACCOUNT_NAME) or ""),
        )
        for row in rows
    )


def _status(row: Row, labels: Mapping[str, str]) -> ConvertedStatus:
    value = str(row.get("ApiName") or row.get("MasterLabel") or "")
    return ConvertedStatus(value, labels.get(value) or str(row.get("MasterLabel") or value))


def _one(row: Row, one: Becomes) -> Became | None:
    record_id = field_value(row, one.field)
    return Became(one.sobject, str(record_id), str(field_value(row, one.name) or "")) if record_id else None
