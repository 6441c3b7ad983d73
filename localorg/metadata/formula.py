"""Formulas of validation rules: parsed once, then a Python function of a record.

Source: Salesforce Help, "Formula Operators and Functions". What is not here is refused when the rule is read, never
computed wrong.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn, cast

from localorg.schema.sobjects import NUMBER_TYPES, Change, Field, SObject

_TOKEN = re.compile(
    r"""\s*(?:/\*.*?\*/\s*)*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?|\.\d+)
    | (?P<name>\$?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<op>&&|\|\||==|!=|<>|<=|>=|[-+*/^&=<>!(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_POWER = {
    "||": 1,
    "&&": 2,
    "=": 3,
    "==": 3,
    "<>": 3,
    "!=": 3,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "&": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "^": 8,
}
_COMPARE: dict[str, Callable[[int], bool]] = {
    "<": lambda c: c < 0,
    "<=": lambda c: c <= 0,
    ">": lambda c: c > 0,
    ">=": lambda c: c >= 0,
}


class FormulaError(ValueError):
    """A formula that this org does not compute, and why."""


Value = Callable[[Change], object]


def compile_formula(text: str, sobject: SObject) -> Callable[[Change], bool]:
    """A formula as a function that tells whether it holds; raises FormulaError."""
    value = compile_value(text, sobject)
    return lambda record: _truth(value(record))


def compile_value(text: str, sobject: SObject) -> Value:
    """A formula as a function that computes its value: a text, number, truth, date, datetime or None; raises
    FormulaError.
    """
    parser = _Parser(text, sobject)
    value = parser.expression(0)
    parser.end()
    return value


class _Parser:
    """Precedence climbing over tokens."""

    def __init__(self, text: str, sobject: SObject) -> None:
        self._sobject = sobject
        self._tokens = _tokens(text)
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _expect(self, text: str) -> None:
        kind, found = self._take()
        if found != text or kind != "op":
            raise FormulaError(f"{text} is missing before {found or 'the end'}")

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise FormulaError(f"{self._peek()[1]} was not expected")

    def expression(self, least: int) -> Value:
        left = self._unary()
        while True:
            kind, operator = self._peek()
            power = _POWER.get(operator, -1) if kind == "op" else -1
            if power < max(least, 1):
                return left
            self._take()
            left = _operate(operator, left, self.expression(power + 1))

    def _unary(self) -> Value:
        kind, text = self._take()
        if kind == "op" and text in ("-", "+", "!"):
            value = self._unary()
            if text == "!":
                return lambda r: not _truth(value(r))
            return value if text == "+" else lambda r: None if (v := _number(value(r))) is None else -v
        if kind == "op" and text == "(":
            value = self.expression(0)
            self._expect(")")
            return value
        if kind == "string":
            plain = re.sub(r"\\(.)", r"\1", text[1:-1]) if "\\" in text else text[1:-1]
            return lambda _r: plain
        if kind == "number":
            number = float(text)
            return lambda _r: number
        if kind == "name":
            return self._call(text.upper()) if self._peek() == ("op", "(") else self._name(text)
        raise FormulaError(f"{text or 'the end'} was not expected")

    def _name(self, text: str) -> Value:
        match text.upper():
            case "TRUE" | "FALSE":
                truth = text.upper() == "TRUE"
                return lambda _r: truth
            case "NULL":
                return lambda _r: None
            case _:
                f = self._field(text)
        if f.type in ("picklist", "multipicklist"):
            raise FormulaError(
                f"{text} is a picklist: only ISPICKVAL, TEXT, CASE, ISBLANK, ISCHANGED, INCLUDES and PRIORVALUE"
                " take one"
            )
        return _reader(f)

    def _field(self, text: str) -> Field:
        f = None if "." in text else self._sobject.field(text)
        if f is None or not f.stored:
            raise FormulaError(f"{text} is not a field of {self._sobject.name} itself")
        return f

    def _call(self, name: str) -> Value:
        self._take()
        if name in _OF_FIELDS:
            kind, text = self._take()
            if kind != "name":
                raise FormulaError(f"{name} takes a field")
            f = self._field(text)
            rest = self._rest()
            return _OF_FIELDS[name](f, rest)
        arguments = [] if self._peek() == ("op", ")") else [self._argument(name)]
        arguments += self._rest()
        if name not in _FUNCTIONS:
            raise FormulaError(f"the function {name} is not computed here")
        least, most, make = _FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise FormulaError(f"{name} takes {least} to {most} values")
        return make(arguments)

    def _argument(self, name: str) -> Value:
        """The first value of a function, which some take from a picklist as it is."""
        kind, text = self._peek()
        if (
            kind == "name"
            and name in ("TEXT", "CASE", "ISBLANK", "ISNULL")
            and self._tokens[self._at + 1][1] in (",", ")")
        ):
            f = self._sobject.field(text)
            if f is not None and f.type in ("picklist", "multipicklist"):
                self._take()
                return _reader(f)
        return self.expression(0)

    def _rest(self) -> list[Value]:
        found: list[Value] = []
        while self._peek() == ("op", ","):
            self._take()
            found.append(self.expression(0))
        self._expect(")")
        return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FormulaError(f"{text[at : at + 20].strip()!r} was not expected")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return [*found, ("end", "")]


# Values


def _reader(f: Field) -> Value:
    return lambda r: _read(f, r.row.get(f.name))


def _read(f: Field, value: object) -> object:
    """A stored value as formulas see it: an empty text is "", an empty number or date is null."""
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


def _truth(value: object) -> bool:
    return value is True


def _blank(value: object) -> bool:
    return value is None or value == ""


def _number(value: object) -> float | None:
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
    """Below, at or above 0; None where one is empty, so that no comparison holds."""
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


def _operate(operator: str, left: Value, right: Value) -> Value:
    match operator:
        case "||":
            return lambda r: _truth(left(r)) or _truth(right(r))
        case "&&":
            return lambda r: _truth(left(r)) and _truth(right(r))
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
        days = timedelta(days=cast(float, _number(other)))
        return one + days if operator == "+" else one - days
    a, b = cast(float, _number(one)), cast(float, _number(other))
    if operator == "/" and b == 0:
        return None
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "^": lambda: a**b}[
        operator
    ]()


# Functions


def _if(v: Sequence[Value]) -> Value:
    return lambda r: v[1](r) if _truth(v[0](r)) else v[2](r)


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
            numbers = [_number(one(r)) for one in v]
            return None if None in numbers else float(work(*cast(list[float], numbers)))

        return compute

    return make


def _of_texts(work: Callable[..., object]) -> Callable[[Sequence[Value]], Value]:
    return lambda v: lambda r: work(*(_text(one(r)) for one in v))


def _part(name: str) -> Callable[[Sequence[Value]], Value]:
    return lambda v: lambda r: None if _blank(d := v[0](r)) else float(cast(int, getattr(d, name)))


def _slice(v: Sequence[Value]) -> Value:
    return lambda r: _text(v[0](r))[int(_number(v[1](r)) or 1) - 1 :][: int(_number(v[2](r)) or 0)]


def _round(number: float, digits: float) -> float:
    factor = 10 ** int(digits)
    return (int(abs(number) * factor + 0.5) / factor) * (1 if number >= 0 else -1)


def _modulo(number: float, divisor: float) -> float:
    return number - divisor * (number // divisor) if divisor else number


def _date(v: Sequence[Value]) -> Value:
    return lambda r: date(*(int(_number(one(r)) or 0) for one in v))


_MANY = 64
_FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Value]], Value]]] = {
    "AND": (1, _MANY, lambda v: lambda r: all(_truth(one(r)) for one in v)),
    "OR": (1, _MANY, lambda v: lambda r: any(_truth(one(r)) for one in v)),
    "NOT": (1, 1, lambda v: lambda r: not _truth(v[0](r))),
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
    "LEFT": (2, 2, lambda v: lambda r: _text(v[0](r))[: int(_number(v[1](r)) or 0)]),
    "RIGHT": (2, 2, lambda v: lambda r: _text(v[0](r))[-int(n) :] if (n := _number(v[1](r)) or 0) else ""),
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


_OF_FIELDS: dict[str, Callable[[Field, Sequence[Value]], Value]] = {
    "ISPICKVAL": _chosen, "INCLUDES": _includes, "ISCHANGED": _changed, "PRIORVALUE": _prior,
}  # fmt: skip
