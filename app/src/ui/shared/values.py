"""Values as people read and write them, by the locale."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal
from unicodedata import normalize

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_time, get_period_names, parse_date
from babel.numbers import (
    NumberFormatError,
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
    parse_decimal,
)

from contract.calls import NAME, QUEUE, FieldShape, FieldValue, Record, SobjectShape
from ui.shared import kinds
from ui.shared.words import _, locale, n_

NUMBERS = frozenset({"currency", "double", "int", "long", "percent"})
BY_LANGUAGE = NUMBERS | {"date", "datetime"}  # types whose texts mean something else in another language
_CLOCK = re.compile(r"(?<![\d:.+-])(\d{1,2})[:.](\d{2})(?::\d{2})?(\D*)$")  # some write 13.05
_LETTERS_BEFORE_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)")  # CHF 5: CLDR's currencySpacing, which Babel leaves out
_NOTHING: Mapping[str, FieldValue] = {}
_AFTER_THE_CLOCK = frozenset({"", "uhr", "h"})  # words that change nothing


def _locale() -> Locale:
    return Locale.parse(locale())


def _plain_spaces(text: str) -> str:
    """The text with ordinary spaces that do not break, because few fonts have the narrow one of some languages."""
    return text.replace("\u202f", "\u00a0")


def money(amount: float, currency: str = "") -> str:
    """A short amount, as the language shortens numbers: $1.9M, 320K, 950. `currency` is an ISO 4217 code, "" for an
    amount without a sign."""
    locale_ = _locale()
    short = format_compact_decimal(amount, locale=locale_, fraction_digits=1)
    if not any(c.isalpha() for c in short):  # German writes thousands in full
        return whole_money(round(amount), currency) if currency else number(amount, 0)
    if currency:
        short = format_compact_currency(amount, currency, locale=locale_, fraction_digits=1)
        short = _LETTERS_BEFORE_DIGITS.sub("\u00a0", _as_in_full(short, sign(currency)))
    return _plain_spaces(short)


def _as_in_full(short: str, sign: str) -> str:
    """A short amount with its sign where an amount in full has it: CLDR takes Austria's and Liechtenstein's short
    amounts from Germany's, where it stands behind."""
    before, _sign, gap = re.split("[#0]", _locale().currency_formats["standard"].pattern, maxsplit=1)[0].partition("¤")
    if not _sign or not short.endswith(sign):
        return short
    digits = short.removesuffix(sign).rstrip()
    minus = "-" if digits.startswith("-") else ""
    return f"{minus}{before}{sign}{gap}{digits.removeprefix('-')}"


def whole_money(amount: float, currency: str) -> str:
    """An amount in full, with its decimals when there are any, and the sign of the currency (an ISO 4217 code) where
    the locale puts it."""
    pattern, places = _locale().currency_formats["standard"].pattern, max(2, get_currency_precision(currency))
    pattern = pattern.replace(".00", "" if amount == int(amount) else f".{'0' * places}")
    text = format_currency(amount, currency, format=pattern, locale=_locale(), currency_digits=False)
    return _plain_spaces(_LETTERS_BEFORE_DIGITS.sub("\u00a0", text))


def sign(currency: str) -> str:
    """The sign of a currency (an ISO 4217 code) in the locale; the code itself when it has none."""
    return get_currency_symbol(currency, locale=_locale())


def number(value: float, scale: int = 2) -> str:
    """A number with at most `scale` decimals, grouped as the locale does."""
    whole = _locale().decimal_formats[None].pattern.partition(".")[0]  # India groups by two
    places = "#" * max(0, min(scale, 6))
    return _plain_spaces(format_decimal(value, format=f"{whole}.{places}" if places else whole, locale=_locale()))


def moment(value: str) -> datetime | None:
    """A time from ISO 8601, in UTC where it names no offset; None for any other text."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def day(value: str) -> str:
    """A date as people write it, from ISO 8601; of a time its date on this device. Another text stays as it is."""
    try:
        on = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value).astimezone().date()
    except ValueError:
        return value
    return _plain_spaces(format_date(on, "medium", locale=_locale()))


def time_of(value: str) -> str:
    """A date with its time of day on this device, from ISO 8601. Another text stays as it is."""
    at = moment(value)
    return value if at is None else _plain_spaces(format_datetime(at.astimezone(), "short", locale=_locale()))


def code_of(field: FieldShape, beside: Mapping[str, FieldValue]) -> str:
    """The ISO 4217 code of an amount: that of the field, or of its record, whose other fields are `beside` it; "" when
    it is not known."""
    return field.currency or str(beside.get(field.currency_field) or "")


def value(field: FieldShape | None, given: FieldValue, beside: Mapping[str, FieldValue] = _NOTHING) -> str:
    """A field's value as people read it; "" when it is empty. `beside` are the fields of its record."""
    if given is None or given == "":
        return ""
    kind = "" if field is None else field.type
    if kind == "boolean" or isinstance(given, bool):
        return _("Yes") if given else _("No")
    if isinstance(given, int | float):
        if field is not None and (code := code_of(field, beside)):
            return whole_money(given, code)
        text = number(given, 0 if kind in ("int", "long") else max(2, 0 if field is None else field.scale))
        return _percent(text) if kind == "percent" else text
    if kind == "date":
        return day(given)
    if kind == "datetime":
        return time_of(given)
    if field is not None and kind in ("picklist", "combobox"):
        return kinds.label_of(field, given, beside.get(field.controller))
    if field is not None and kind == "multipicklist":
        return ", ".join(field.labels.get(v, v) for v in given.split(";"))
    return given


def _percent(text: str) -> str:
    """A number with its sign where the locale puts it: 50%, 50 %."""
    pattern = _locale().percent_formats[None].pattern.partition(";")[0]
    return _plain_spaces(re.sub(r"[#,.0]+", lambda _number: text, pattern, count=1))


def age(seconds: float) -> str:
    """How long ago something was, in words, from seconds."""
    minutes = int(seconds // 60)
    if minutes < 60:
        return n_("{count} minute ago", "{count} minutes ago", max(1, minutes))
    if minutes < 60 * 24:
        return n_("{count} hour ago", "{count} hours ago", minutes // 60)
    return n_("{count} day ago", "{count} days ago", minutes // (60 * 24))


def initials(name: str) -> str:
    """One or two letters of a name."""
    words = [w for w in name.split() if w[0].isalnum()]
    return ((words[0][0] + (words[-1][0] if len(words) > 1 else "")) if words else "?").upper()


def joined(*parts: str) -> str:
    """The parts that are not empty, joined by dots."""
    return " · ".join(p for p in parts if p)


# Records


def fields_of(shape: SobjectShape) -> Mapping[str, FieldShape]:
    """The fields of an object by their API names."""
    return {f.name: f for f in shape.fields}


def label_of(field: FieldShape) -> str:
    """What people read over a field's value, in the user's language."""
    return field.caption or field.label


def parent_of(field: FieldShape, fields: Mapping[str, FieldValue]) -> str:
    """The name of the record to which a reference points, and that it is a queue where it is one; "" when it is not
    there."""
    name = str(fields.get(field.parent_name) or "")
    return _("{name} (queue)", name=name) if name and fields.get(field.parent_kind) == QUEUE else name


def currency_of(shape: SobjectShape | None, beside: Mapping[str, FieldValue] = _NOTHING) -> str:
    """The ISO 4217 code of an object's amounts, or of those of the record with the fields `beside`; "" when it is not
    known."""
    field = None if shape is None else fields_of(shape).get(shape.amount)
    return "" if field is None else code_of(field, beside)


def naming(shape: SobjectShape | None) -> tuple[str, ...]:
    """The fields that name a record, the best first; for an object that the app does not have, the usual one."""
    return (NAME,) if shape is None else (shape.title, *shape.stand_ins)


def name(shape: SobjectShape | None, fields: Mapping[str, FieldValue]) -> str:
    """What a record with these fields is called; "" when it has no name."""
    return next((str(fields[field]) for field in naming(shape) if fields.get(field)), "")


def title(shape: SobjectShape | None, record: Record) -> str:
    """What a record is called; the name of its object, or its id, when it has none of its own."""
    return name(shape, record.fields) or (shape.label if shape is not None else record.id)


def summary(shape: SobjectShape, record: Record, leave_out: tuple[str, ...] = ()) -> list[str]:
    """The other fields of a list, in its order: for a reference the name of the record that it points to."""
    fields, texts = fields_of(shape), list[str]()
    for path in shape.listed:
        field = fields.get(path)
        if path == shape.title or path in leave_out or (field is not None and field.type in ("reference", "boolean")):
            continue
        text = value(field, record.fields.get(path), record.fields)
        if text:
            texts.append(text)
    return texts


def phone_link(number: str) -> str:
    """What calls a number."""
    return "tel:" + "".join(c for c in number if c.isdigit() or c == "+")


def joined_times(begins: datetime, ends: datetime | None) -> str:
    """From when to when, by this device's clock."""
    times = (format_time(at.astimezone(), "short", locale=_locale()) for at in (begins, ends) if at is not None)
    return _plain_spaces("–".join(times))


# What people write


def as_text(field: FieldShape, given: FieldValue) -> str:
    """A value as it is written in a form, in the present language."""
    if given is None:
        return ""
    if isinstance(given, bool):
        return "true" if given else ""
    if isinstance(given, int | float):
        return number(given, 6)
    if field.type == "date":
        return short_day(given)
    return short_moment(given) if field.type == "datetime" else given


def as_value(field: FieldShape, text: str) -> FieldValue:
    """What a person entered into a form, as Salesforce takes it; None when they entered nothing. Raises ValueError when
    it is not of the field's kind."""
    text = text.strip()
    if field.type == "boolean":
        return text == "true"
    read = as_number if field.type in NUMBERS else {"date": as_date, "datetime": as_moment}.get(field.type)
    if not text or read is None:
        return text or None
    given = read(text)
    if given is None:
        raise ValueError(field.type)
    return given


def short_day(iso: str) -> str:
    """A date from ISO 8601 as it is typed, with four digits for the year. Another text stays as it is."""
    try:
        on = date.fromisoformat(iso)
    except ValueError:
        return iso
    pattern = _locale().date_formats["short"].pattern
    return format_date(
        on, pattern if "yyyy" in pattern else pattern.replace("yy", "y").replace("yyy", "y"), locale=_locale()
    )


def short_moment(iso: str) -> str:
    """A time from ISO 8601 as it is typed, on this device's clock. Another text stays as it is."""
    at = moment(iso)
    if at is None:
        return iso
    here = at.astimezone()
    return f"{short_day(here.date().isoformat())} {_plain_spaces(format_time(here, 'short', locale=_locale()))}"


def as_number(text: str) -> float | None:
    """A number that a person typed, in the locale's writing or with a plain decimal point; None for any other text."""
    # In full width, too, as keyboards in East Asia write; the sign stands beside the digits, and not in their middle.
    plain = normalize("NFKC", text).replace(" ", "").replace("\u2212", "-").strip("%$€£¥")
    if plain.startswith("-"):
        plain = "-" + plain[1:].lstrip("$€£¥")
    try:
        amount = float(parse_decimal(plain, locale=_locale(), strict=True))
    except NumberFormatError:
        try:
            amount = float(Decimal(plain))
        except ArithmeticError:
            return None
    return amount if abs(amount) < 1e15 else None


def as_date(text: str) -> str | None:
    """A date that a person typed, in ISO 8601; None for any other text."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    try:
        on = parse_date(text, locale=_locale(), format="short")
    except (ValueError, IndexError):
        return None
    # Babel takes day and month the other way round where they fit so only, and passes over a fourth number.
    order = sorted("ymd", key=_locale().date_formats["short"].pattern.lower().find)
    typed = dict(zip(order, re.findall(r"\d+", text), strict=False)) if len(re.findall(r"\d+", text)) == 3 else {}
    as_typed = typed and (int(typed["m"]), int(typed["d"])) == (on.month, on.day)
    return on.isoformat() if as_typed and on.year > 999 else None


def as_moment(text: str) -> str | None:
    """A date and a time of this device's clock that a person typed, in ISO 8601 and UTC; None for any other text. A
    time in ISO 8601 keeps its own offset."""
    try:
        exact = datetime.fromisoformat(text.strip())
    except ValueError:
        exact = None
    if exact is not None and exact.tzinfo is not None:
        return exact.astimezone(UTC).isoformat(timespec="milliseconds")
    clock = _CLOCK.search(text)
    if clock is None:
        return None
    before, half = _without_half(text[: clock.start()].rstrip(" ,\u00a0T"))
    named = _letters(clock[3])
    if named not in _AFTER_THE_CLOCK:
        half = half or next((one for one in _HALVES if named in _names_of(one)), None)
        if half is None:
            return None
    on, hour = as_date(before), int(clock[1])
    if on is None or (half and not 1 <= hour <= 12):
        return None
    try:
        at = time(hour % 12 + (12 if half == "pm" else 0) if half else hour, int(clock[2]))
    except ValueError:
        return None
    return at_this_clock(date.fromisoformat(on), at)


_HALVES: tuple[Literal["am", "pm"], ...] = ("am", "pm")


def _names_of(half: Literal["am", "pm"]) -> tuple[str, ...]:
    """The names of a half of the day, in English and in the locale."""
    own = get_period_names("abbreviated", context="format", locale=_locale())
    return half, half[0], _letters(own.get(half, half))


def _without_half(text: str) -> tuple[str, Literal["am", "pm"] | None]:
    """A date, and the half of the day that stands after it, where a language names it before the time."""
    for half in _HALVES:
        name = get_period_names("abbreviated", context="format", locale=_locale()).get(half, "")
        if name and text.endswith(name):
            return text.removesuffix(name).rstrip(" ,\u00a0"), half
    return text, None


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalpha())


def at_this_clock(on: date, at: time) -> str:
    """A date and a time of this device's clock, in ISO 8601 and UTC."""
    return datetime.combine(on, at.replace(tzinfo=None)).astimezone(UTC).isoformat(timespec="milliseconds")
