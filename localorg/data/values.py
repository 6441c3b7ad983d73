"""The values of fields: how what a client sends is stored, and how what is stored is written in answers."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import cast

from localorg.clock import to_datetime
from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import NUMBER_TYPES, Field

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Source: REST API Developer Guide, Valid Date and DateTime Formats.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")


def stored(org: Org, f: Field, value: object) -> object:
    """The value of a field as it is stored; None for null and for an empty text.

    Raises ApiError 400 when the value does not fit the field: type, length, picklist, e-mail, reference.
    """
    if f.type == "boolean" and value is None:
        return 0  # a checkbox is never null: SOQL and SOSL Reference, null Values in Lookup Relationships
    if value is None or value == "":
        return None
    if f.type == "boolean":
        if not isinstance(value, bool):
            raise _not_deserialized("boolean", value)
        return int(value)
    if f.type in NUMBER_TYPES:
        return _number(f, value)
    if f.type == "base64":
        return _bytes(value)
    if not isinstance(value, str):
        if isinstance(value, dict | list):
            raise _not_deserialized(f.type, "a structure")
        value = str(value).lower() if isinstance(value, bool) else str(value)
    if f.type == "date":
        return _date(f, value)
    if f.type == "datetime":
        return _datetime(f, value)
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
    if f.type == "email" and _EMAIL.fullmatch(value) is None:
        raise ApiError(400, "INVALID_EMAIL_ADDRESS", f"{f.label}: invalid email address: {value}", [f.name])
    return value


def _number(f: Field, value: object) -> float:
    """A number as it is stored. Digits after those that the field keeps are cut off, as the API does.

    Source: SOAP API Developer Guide, Primitive Data Types (double, int), Field (digits, precision, scale); Salesforce
    Help, Custom Field Types, Geolocation.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _not_deserialized("double", value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is None:
        raise _not_deserialized("double", value)
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    most = 10.0 ** (f.digits if f.type == "int" else f.precision - (f.scale or 0))
    limits = {"Latitude": 90.0, "Longitude": 180.0}
    degrees = next((n for part, n in limits.items() if f.within and part in f.name), None)
    if not abs(number) < most or (degrees is not None and abs(number) > degrees):
        said = f"{f.label}: value outside of valid range on numeric field: {value}"
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", said, [f.name])
    if f.type == "int" and number != int(number):
        raise _not_deserialized("int", value)
    if f.scale is None or f.type == "int":
        return number
    return float(Decimal(repr(number)).quantize(Decimal(1).scaleb(-f.scale), ROUND_DOWN))


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
        day = date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise _not_deserialized("date", value) from None
    return _in_calendar(f, day)


def _datetime(f: Field, value: str) -> str:
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError
        given = datetime.fromisoformat(value)
        moment = to_datetime((given if given.tzinfo is not None else given.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise _not_deserialized("datetime", value) from None
    return _in_calendar(f, moment)


def _in_calendar(f: Field, value: str) -> str:
    """A date or a moment from 1700 to 4000. Raises ApiError for another.

    Source: Salesforce Help, Custom Field Types (Date, Date/Time: dates from 1/1/1700 to 12/31/4000).
    """
    if not 1700 <= int(value[:4]) <= 4000:
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", f"{f.label}: invalid date: {value}", [f.name])
    return value


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
