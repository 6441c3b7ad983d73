"""Salesforce's describe of an object, and its page layout, in this product's terms.

Source: REST API Developer Guide ("sObject Describe", "Describe Layouts").
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from backend.adapters.salesforce_answers import Part, body_of, refuse, rows_of
from backend.adapters.salesforce_http import UNREADABLE
from backend.adapters.salesforce_picklists import picklist_of, valid_with
from backend.failures import Busy
from backend.records.org import CURRENCY, LOST, WON, Described, DescribedField, Undescribed
from contract.calls import FieldShape, Section
from contract.errors import CallError, Reason, RefusedRequest
from contract.picklists import RecordType

# HTTP dates are whole seconds, and clocks differ: what changed just now may change again under the same stamp.
_SETTLED_SECONDS = 60.0


class _Picklist(msgspec.Struct, frozen=True, rename="camel"):
    value: str
    active: bool = True
    label: str | None = None
    valid_for: str | None = None
    default_value: bool | None = None


class _Field(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    label: str
    type: str
    nillable: bool
    updateable: bool
    createable: bool
    defaulted_on_create: bool | None = None
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
    encrypted: bool | None = None
    controller_name: str | None = None


class _RecordType(msgspec.Struct, frozen=True, rename="camel"):
    record_type_id: str | None = None
    name: str | None = None
    available: bool | None = None
    default_record_type_mapping: bool | None = None
    master: bool | None = None
    active: bool | None = True


class _Describe(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a describe, which has some forty attributes a field."""

    name: str
    label: str
    label_plural: str
    fields: list[_Field]
    key_prefix: str | None = None
    record_type_infos: list[_RecordType] | None = None
    createable: bool = True
    updateable: bool = True
    deletable: bool = True


class _Component(msgspec.Struct, frozen=True):
    """A field of a page layout; an address has its parts as components of its own."""

    type: str = ""
    value: str | None = None
    components: "list[_Component] | None" = None


class _LayoutItem(msgspec.Struct, frozen=True, rename="camel"):
    label: str | None = None
    layout_components: list[_Component] = []


class _LayoutRow(msgspec.Struct, frozen=True, rename="camel"):
    layout_items: list[_LayoutItem] = []


class _LayoutSection(msgspec.Struct, frozen=True, rename="camel"):
    heading: str | None = None
    use_heading: bool = True
    layout_rows: list[_LayoutRow] = []


class PageLayout(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a page layout."""

    detail_layout_sections: list[_LayoutSection] = []


def described(part: Part, page_layout: PageLayout, stages: Mapping[str, str]) -> Described | Undescribed:
    """An object from the answer to its describe, with what its page layout and its stages say of it; UNCHANGED for 304,
    HIDDEN for 404 and for one that is refused to the user. Raises a CallError when Salesforce refused otherwise, Busy
    when the answer cannot be read.
    """
    if part.http_status_code == 304:
        return Undescribed.UNCHANGED
    if part.http_status_code == 404:
        return Undescribed.HIDDEN
    if part.http_status_code != 200:
        try:
            refuse(part.http_status_code, part.decoded(), writes=False, aside=True)
        except RefusedRequest as refused:
            if refused.reason is not Reason.NOT_PERMITTED:
                raise
            return Undescribed.HIDDEN
    try:
        body = msgspec.json.decode(part.body, type=_Describe)
    except UNREADABLE:
        raise Busy from None
    fields: dict[str, DescribedField] = {}
    controlling = {f.name: _controlling_values(f) for f in body.fields}
    for f in body.fields:
        values = controlling.get(f.controller_name or "")
        picklist = picklist_of(
            (
                (v.value, v.label, () if values is None else valid_with(v.valid_for, values))
                for v in f.picklist_values or ()
                if v.active
            ),
            dependent=values is not None,
        )
        shape = FieldShape(
            name=f.name,
            label=f.label,
            type=f.type,
            required=not f.nillable and not f.defaulted_on_create,
            editable=f.updateable,
            creatable=f.createable,
            length=f.length or 0,
            picklist=picklist.values,
            labels=picklist.labels,
            refers_to=tuple(f.reference_to or ()),
            relationship=f.relationship_name,
            default=_default(f),
            help=f.inline_help_text,
            scale=f.scale or 0,
            controller=f.controller_name or "" if values is not None else "",
            valid_for=picklist.valid_for,
            labels_with=picklist.labels_with,
        )
        fields[f.name] = DescribedField(shape, f.filterable, f.sortable, f.compound_field_name, bool(f.encrypted))
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
        sections=sections_of(page_layout),
        captions=_captions(page_layout, {name for name, f in fields.items() if f.shape.type == "reference"}),
        record_types=tuple(
            RecordType(r.record_type_id, r.name, bool(r.default_record_type_mapping))
            for r in body.record_type_infos or ()
            if r.available and r.active and not r.master and r.record_type_id and r.name
        ),
        stages=stages,
    )


def _controlling_values(f: _Field) -> tuple[str, ...] | None:
    """The values by which a field may control others, in the order of their bits; None for one that controls none."""
    if f.type == "boolean":
        return "false", "true"
    return None if f.picklist_values is None else tuple(v.value for v in f.picklist_values)


def _default(f: _Field) -> str | bool | int | float | None:
    """The value that a new record begins with; for its currency it is marked among the values, as the user's own."""
    if isinstance(f.default_value, str | bool | int | float):
        return f.default_value
    values = f.picklist_values or () if f.name == CURRENCY else ()
    return next((v.value for v in values if v.default_value), None)


def page_layout_of(part: Part) -> PageLayout:
    """A page layout; an empty one when the user has none for this object, or the answer cannot be read."""
    if part.http_status_code != 200:
        return PageLayout()
    try:
        return msgspec.json.decode(part.body, type=PageLayout)
    except UNREADABLE:
        return PageLayout()


def stages_of(part: Part) -> dict[str, str]:
    """What stages mean, by value: WON, LOST, or "" while a record is open; nothing where the user may not read them."""
    try:
        rows = rows_of(body_of(part), "records")
    except CallError:
        return {}
    named = {str(row["ApiName"]): row for row in rows if row.get("ApiName")}
    return {name: "" if not row.get("IsClosed") else WON if row.get("IsWon") else LOST for name, row in named.items()}


def _captions(page_layout: PageLayout, references: set[str]) -> dict[str, str]:
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


def sections_of(page_layout: PageLayout) -> tuple[Section, ...]:
    """The sections of a page layout, in its order, each with the names of its fields."""
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
    """The value of Last-Modified to ask again with; None when there is none, or it is younger than a minute."""
    modified = next((v for k, v in headers.items() if k.lower() == "last-modified"), None)
    if modified is None:
        return None
    try:
        age = datetime.now(UTC) - parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return None
    return modified if age > timedelta(seconds=_SETTLED_SECONDS) else None
