"""The values of fields: how what a client sends is stored, and how what is stored is written in answers."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import cast

from localorg.clock import to_datetime
from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import NUMBER_TYPES, Field

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def stored(org: Org, f: Field, value: object) -> object:
    """The value of a field as it is stored; None for null and for an empty text.

    Raises ApiError 400 when the value does not fit the field: type, length, picklist, e-mail, reference.
    """
    if value is None or value == "":
        return None
    if f.type == "boolean":
        if not isinstance(value, bool):
            raise _not_deserialized("boolean", value)
        return int(value)
    if f.type in NUMBER_TYPES:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise _not_deserialized("double", value)
        try:
            number = float(value)
        except ValueError:
            raise _not_deserialized("double", value) from None
        if not abs(number) < 1e18:
            raise ApiError(
                400,
                "NUMBER_OUTSIDE_VALID_RANGE",
                f"{f.label}: value outside of valid range on numeric field: {value}",
                [f.name],
            )
        return float(round(number)) if f.type == "int" else number
    if f.type == "base64":
        return _bytes(value)
    if not isinstance(value, str):
        if isinstance(value, dict | list):
            raise _not_deserialized(f.type, "a structure")
        value = str(value)
    if f.type == "date":
        return _date(f, value)
    if f.type == "datetime":
        return _datetime(value)
    if f.type == "reference":
        return _reference(org, f, value)
    if f.restricted and any(
        part not in f.active_values for part in (value.split(";") if f.type == "multipicklist" else [value])
    ):
        raise ApiError(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{f.label}: bad value for restricted picklist field: {value[:100]}",
            [f.name],
        )
    if len(value) > f.length:
        raise ApiError(
            400, "STRING_TOO_LONG", f"{f.label}: data value too large: {value[:100]} (max length={f.length})", [f.name]
        )
    if f.type == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ApiError(400, "INVALID_EMAIL_ADDRESS", f"{f.label}: invalid email address: {value}", [f.name])
    return value


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(str(value), validate=True)
    except ValueError:
        raise _not_deserialized("base64Binary", value) from None


def _date(f: Field, value: str) -> str:
    try:
        if not _DATE.fullmatch(value[:10]):
            raise ValueError
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise _not_deserialized("date", value) from None


def _datetime(value: str) -> str:
    try:
        return to_datetime(datetime.fromisoformat(value).timestamp())
    except (ValueError, OverflowError):
        raise _not_deserialized("datetime", value) from None


def _reference(org: Org, f: Field, value: str) -> str:
    target = org.objects.of_id(value) if is_id(value) else None
    if target is None or target.name not in f.targets:
        raise ApiError(400, "MALFORMED_ID", f"{f.label}: id value of incorrect type: {value[:40]}", [f.name])
    identifier = to_18(value)
    row = org.db.execute(f'SELECT IsDeleted FROM "{target.name}" WHERE Id = ?', (identifier,)).fetchone()
    if row is None:
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [f.name])
    if row["IsDeleted"]:
        raise ApiError(400, "ENTITY_IS_DELETED", "entity is deleted", [f.name])
    return identifier


def _not_deserialized(kind: str, value: object) -> ApiError:
    return ApiError(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from value {str(value)[:80]} or request may be missing a required"
        " field",
    )


def field_value(row: Mapping[str, object], f: Field) -> object:
    """The value of a field in a stored row, as REST writes it. An address without any part is null."""
    if f.compound is None:
        return out_value(f, row[f.name])
    if f.type == "location":
        latitude, longitude = (row[n] for n in f.position)
        return None if latitude is None else {"latitude": latitude, "longitude": longitude}
    parts = {part[0].lower() + part[1:]: row[f.compound + part] for part in f.parts}
    return {**parts, "geocodeAccuracy": None} if any(v is not None for v in parts.values()) else None


def out_value(f: Field, value: object) -> object:
    """A single stored value as REST writes it."""
    if value is None:
        return None
    if f.type == "boolean":
        return bool(value)
    if f.type == "int":
        return int(cast(float, value))
    if f.compound is not None:
        return cast(object, json.loads(str(value)))
    return value
