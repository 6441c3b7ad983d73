"""The parser of formulas: a text becomes a Python function of a record.

Source: Salesforce Help, "Formula Operators and Functions". A formula with anything that this org does not compute is
refused when it is read.
"""

import re
from collections.abc import Callable

from localorg.metadata.formula_functions import (
    FIELD_FUNCTIONS,
    FUNCTIONS,
    FormulaError,
    Value,
    number_of,
    operate,
    reader,
    truth,
)
from localorg.schema.sobjects import Change, Field, SObject

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


def compile_formula(text: str, sobject: SObject) -> Callable[[Change], bool]:
    """A formula of a validation rule as a function: whether it is true for a change. Raises FormulaError.

    The returned function raises FormulaError when it is given values of the wrong type.
    """
    value = compile_value(text, sobject)
    return lambda record: truth(value(record))


def compile_value(text: str, sobject: SObject) -> Value:
    """A formula as a function of a change. It returns a text, number, bool, date, datetime, or None. Raises
    FormulaError.
    """
    parser = _Parser(text, sobject)
    value = parser.expression(0)
    parser.end()
    return value


class _Parser:
    """A precedence-climbing parser. Its methods return the function that computes what they have read."""

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
        kind, taken = self._take()
        if taken != text or kind != "op":
            raise FormulaError(f"{text} is missing before {taken or 'the end'}")

    def end(self) -> None:
        """Raises FormulaError unless everything has been read."""
        if self._peek()[0] != "end":
            raise FormulaError(f"{self._peek()[1]} was not expected")

    def expression(self, least: int) -> Value:
        """Reads an expression whose operators bind at least as tightly as `least` (see `_POWER`)."""
        left = self._unary()
        while True:
            kind, operator = self._peek()
            power = _POWER.get(operator, -1) if kind == "op" else -1
            if power < max(least, 1):
                return left
            self._take()
            left = operate(operator, left, self.expression(power + 1))

    def _unary(self) -> Value:
        kind, text = self._take()
        if kind == "op" and text in ("-", "+", "!"):
            value = self._unary()
            if text == "!":
                return lambda r: not truth(value(r))
            return value if text == "+" else lambda r: None if (v := number_of(value(r))) is None else -v
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
        return reader(f)

    def _field(self, text: str) -> Field:
        f = None if "." in text else self._sobject.field(text)
        if f is None or not f.stored:
            raise FormulaError(f"{text} is not a field of {self._sobject.name} itself")
        return f

    def _call(self, name: str) -> Value:
        self._take()
        if name in FIELD_FUNCTIONS:
            kind, text = self._take()
            if kind != "name":
                raise FormulaError(f"{name} takes a field")
            f = self._field(text)
            rest = self._rest()
            return FIELD_FUNCTIONS[name](f, rest)
        arguments = [] if self._peek() == ("op", ")") else [self._argument(name)]
        arguments += self._rest()
        if name not in FUNCTIONS:
            raise FormulaError(f"the function {name} is not computed here")
        least, most, make = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise FormulaError(f"{name} takes {least} to {most} values")
        return make(arguments)

    def _argument(self, name: str) -> Value:
        """The first argument of a function. Some functions take a picklist there, which others refuse."""
        kind, text = self._peek()
        if (
            kind == "name"
            and name in ("TEXT", "CASE", "ISBLANK", "ISNULL")
            and self._tokens[self._at + 1][1] in (",", ")")
        ):
            f = self._sobject.field(text)
            if f is not None and f.type in ("picklist", "multipicklist"):
                self._take()
                return reader(f)
        return self.expression(0)

    def _rest(self) -> list[Value]:
        values: list[Value] = []
        while self._peek() == ("op", ","):
            self._take()
            values.append(self.expression(0))
        self._expect(")")
        return values


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FormulaError(f"{text[at : at + 20].strip()!r} was not expected")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return [*tokens, ("end", "")]
