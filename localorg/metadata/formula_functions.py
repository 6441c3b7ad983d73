"""The values, operators, and functions of formulas.

Source: Salesforce Help, "Formula Operators and Functions". A `Value` is a function of a change: the parser combines
them, and they are computed when a record is saved.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn, cast

from localorg.schema.sobjects import NUMBER_TYPES, Change, Field

_COMPARE: dict[str, Callable[[int], bool]] = {
    "<": lambda c: c < 0,
    "<=": lambda c: c <= 0,
    ">": lambda c: c > 0,
    ">=": lambda c: c >= 0,
}


class FormulaError(ValueError):
    """A formula cannot be read or computed. The text says why."""


Value = Callable[[Change], object]


def reader(f: Field) -> Value:
    """The Value of a field."""
    return lambda r: _read(f, r.row.get(f.name))


def _read(f: Field, value: object) -> object:
    """A stored value as formulas see it: an empty text is "", an empty number or date is None, a percentage is a
    fraction.
    """
    if f.type == "boolean":
        return bool(value)
    if f.type == "percent":
        return None if value is None else cast(float, value) / 100
    if value is None:
        return None if f.type in NUMBER_TYPES or f.type in ("date", "datetime") else ""
    if f.type == "date":
        return date.fromisoformat(str(value))
    if f.type == "datetime":
        return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    return value


def truth(value: object) -> bool:
    """Whether a computed value is true; None and everything that is no bool is false."""
    return value is True


def _blank(value: object) -> bool:
    return value is None or value == ""


def number_of(value: object) -> float | None:
    """A computed value as a number, None when it is empty. Raises FormulaError for another type."""
    if _blank(value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormulaError("a number was expected")
    return float(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        raise FormulaError("a text was expected")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _order(one: object, other: object) -> int | None:
    """A number below, at, or above 0. None when either value is empty: then no comparison is true."""
    if _blank(one) or _blank(other):
        return None
    if isinstance(one, datetime) != isinstance(other, datetime) or type(one) is not type(other):
        raise FormulaError("values of two kinds are compared")
    a, b = cast(float, one), cast(float, other)
    return (a > b) - (a < b)


def _equal(one: object, other: object) -> bool:
    if _blank(one) or _blank(other):
        return _blank(one) and _blank(other)
    return one == other


def operate(operator: str, left: Value, right: Value) -> Value:
    """The Value of two values with an operator between them, such as `+` or `&&`."""
    match operator:
        case "||":
            return lambda r: truth(left(r)) or truth(right(r))
        case "&&":
            return lambda r: truth(left(r)) and truth(right(r))
        case "=" | "==":
            return lambda r: _equal(left(r), right(r))
        case "<>" | "!=":
            return lambda r: not _equal(left(r), right(r))
        case "&":
            return lambda r: _text(left(r)) + _text(right(r))
        case "<" | "<=" | ">" | ">=":
            test = _COMPARE[operator]
            return lambda r: (c := _order(left(r), right(r))) is not None and test(c)
        case _:
            return lambda r: _calculate(operator, left(r), right(r))


def _calculate(operator: str, one: object, other: object) -> object:
    if isinstance(one, str) and isinstance(other, str) and operator == "+":
        return one + other
    if _blank(one) or _blank(other):
        return None
    if isinstance(one, date) and operator in ("+", "-"):
        if isinstance(other, date):
            span = one - other
            return span.total_seconds() / 86400
        days = timedelta(days=cast(float, number_of(other)))
        return one + days if operator == "+" else one - days
    a, b = cast(float, number_of(one)), cast(float, number_of(other))
    if operator == "/" and b == 0:
        return None
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "^": lambda: a**b}[
        operator
    ]()


# Functions


def _if(v: Sequence[Value]) -> Value:
    return lambda r: v[1](r) if truth(v[0](r)) else v[2](r)


def _case(v: Sequence[Value]) -> Value:
    if len(v) % 2:
        raise FormulaError("CASE takes a value, pairs, and what holds otherwise")

    def choose(r: Change) -> object:
        value = v[0](r)
        return next((v[n + 1](r) for n in range(1, len(v) - 1, 2) if _equal(value, v[n](r))), v[-1](r))

    return choose


def _regex(v: Sequence[Value]) -> Value:
    def fits(r: Change) -> bool:
        try:
            return re.fullmatch(_text(v[1](r)), _text(v[0](r))) is not None
        except re.error:
            raise FormulaError("the pattern of REGEX cannot be read") from None

    return fits


def _is_number(v: Sequence[Value]) -> Value:
    return lambda r: re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", _text(v[0](r)).strip()) is not None


def _value(v: Sequence[Value]) -> Value:
    def read(r: Change) -> float | None:
        text = _text(v[0](r)).strip()
        try:
            return float(text) if text else None
        except ValueError:
            raise FormulaError("VALUE takes a number in a text") from None

    return read


def _of_numbers(work: Callable[..., float]) -> Callable[[Sequence[Value]], Value]:
    def make(v: Sequence[Value]) -> Value:
        def compute(r: Change) -> float | None:
            numbers = [number_of(one(r)) for one in v]
            return None if None in numbers else float(work(*cast(list[float], numbers)))

        return compute

    return make


def _of_texts(work: Callable[..., object]) -> Callable[[Sequence[Value]], Value]:
    return lambda v: lambda r: work(*(_text(one(r)) for one in v))


def _part(name: str) -> Callable[[Sequence[Value]], Value]:
    return lambda v: lambda r: None if _blank(d := v[0](r)) else float(cast(int, getattr(d, name)))


def _slice(v: Sequence[Value]) -> Value:
    return lambda r: _text(v[0](r))[int(number_of(v[1](r)) or 1) - 1 :][: int(number_of(v[2](r)) or 0)]


def _round(number: float, digits: float) -> float:
    factor = 10 ** int(digits)
    return (int(abs(number) * factor + 0.5) / factor) * (1 if number >= 0 else -1)


def _modulo(number: float, divisor: float) -> float:
    return number - divisor * (number // divisor) if divisor else number


def _date(v: Sequence[Value]) -> Value:
    return lambda r: date(*(int(number_of(one(r)) or 0) for one in v))


_MANY = 64
FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Value]], Value]]] = {
    "AND": (1, _MANY, lambda v: lambda r: all(truth(one(r)) for one in v)),
    "OR": (1, _MANY, lambda v: lambda r: any(truth(one(r)) for one in v)),
    "NOT": (1, 1, lambda v: lambda r: not truth(v[0](r))),
    "IF": (3, 3, _if),
    "CASE": (4, _MANY, _case),
    "ISBLANK": (1, 1, lambda v: lambda r: _blank(v[0](r))),
    "ISNULL": (1, 1, lambda v: lambda r: v[0](r) is None),
    "BLANKVALUE": (2, 2, lambda v: lambda r: v[1](r) if _blank(v[0](r)) else v[0](r)),
    "NULLVALUE": (2, 2, lambda v: lambda r: v[1](r) if v[0](r) is None else v[0](r)),
    "ISNEW": (0, 0, lambda _v: lambda r: r.before is None),
    "LEN": (1, 1, lambda v: lambda r: float(len(_text(v[0](r))))),
    "REGEX": (2, 2, _regex),
    "CONTAINS": (2, 2, _of_texts(str.__contains__)),
    "BEGINS": (2, 2, _of_texts(str.startswith)),
    "UPPER": (1, 1, _of_texts(str.upper)),
    "LOWER": (1, 1, _of_texts(str.lower)),
    "TRIM": (1, 1, _of_texts(str.strip)),
    "SUBSTITUTE": (3, 3, _of_texts(str.replace)),
    "LEFT": (2, 2, lambda v: lambda r: _text(v[0](r))[: int(number_of(v[1](r)) or 0)]),
    "RIGHT": (2, 2, lambda v: lambda r: _text(v[0](r))[-int(n) :] if (n := number_of(v[1](r)) or 0) else ""),
    "MID": (3, 3, _slice),
    "TEXT": (1, 1, lambda v: lambda r: _text(v[0](r))),
    "VALUE": (1, 1, _value),
    "ISNUMBER": (1, 1, _is_number),
    "ABS": (1, 1, _of_numbers(math.fabs)),
    "ROUND": (2, 2, _of_numbers(_round)),
    "MOD": (2, 2, _of_numbers(_modulo)),
    "MAX": (1, _MANY, _of_numbers(max)),
    "MIN": (1, _MANY, _of_numbers(min)),
    "TODAY": (0, 0, lambda _v: lambda r: r.now.date()),
    "NOW": (0, 0, lambda _v: lambda r: r.now),
    "DATE": (3, 3, _date),
    "YEAR": (1, 1, _part("year")),
    "MONTH": (1, 1, _part("month")),
    "DAY": (1, 1, _part("day")),
}  # fmt: skip


def _one(values: Sequence[Value], name: str) -> Value:
    if len(values) != 1:
        _takes(f"{name} takes a field and a text")
    return values[0]


def _takes(said: str) -> NoReturn:
    raise FormulaError(said)


def _chosen(f: Field, rest: Sequence[Value]) -> Value:
    wanted = _one(rest, "ISPICKVAL")
    return lambda r: _equal(r.row.get(f.name), wanted(r))


def _includes(f: Field, rest: Sequence[Value]) -> Value:
    wanted = _one(rest, "INCLUDES")
    return lambda r: _text(wanted(r)) in str(r.row.get(f.name) or "").split(";")


def _changed(f: Field, rest: Sequence[Value]) -> Value:
    if rest:
        _takes("ISCHANGED takes a field")
    return lambda r: r.before is not None and r.before.get(f.name) != r.row.get(f.name)


def _prior(f: Field, rest: Sequence[Value]) -> Value:
    if rest:
        _takes("PRIORVALUE takes a field")
    return lambda r: _read(f, (r.row if r.before is None else r.before).get(f.name))


FIELD_FUNCTIONS: dict[str, Callable[[Field, Sequence[Value]], Value]] = {
    "ISPICKVAL": _chosen, "INCLUDES": _includes, "ISCHANGED": _changed, "PRIORVALUE": _prior,
}  # fmt: skip
