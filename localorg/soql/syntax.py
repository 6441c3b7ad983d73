"""The parser of SOQL. Errors are Salesforce's, at the first token that does not fit.

Source of the grammar: SOQL and SOSL Reference, "SOQL SELECT Syntax".
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from localorg.soql.tree import (
    AGGREGATES,
    DATE_FUNCTIONS,
    Call,
    Combine,
    Compare,
    Condition,
    FieldsOf,
    In,
    Includes,
    Not,
    Order,
    Path,
    Place,
    Query,
    SoqlError,
    TypeOf,
    Value,
    position,
)

MAX_LENGTH = 100_000
_MOST_ROWS = 1_000_000_000

# For each function, the functions that it takes besides a field. Source: SOQL and SOSL Reference, the page of each
# function.
_TAKES: dict[str, frozenset[str]] = {
    **{name: frozenset({"CONVERTTIMEZONE"}) for name in DATE_FUNCTIONS},
    **{name: frozenset[str]() for name in (*AGGREGATES, "GROUPING", "CONVERTCURRENCY", "CONVERTTIMEZONE", "TOLABEL")},
    "FORMAT": frozenset({*AGGREGATES, "CONVERTCURRENCY", "CONVERTTIMEZONE"}),
}
_SCOPES = frozenset(
    {
        "EVERYTHING",
        "MINE",
        "DELEGATED",
        "MINE_AND_MY_GROUPS",
        "MRU",
        "MY_TERRITORY",
        "MY_TEAM_TERRITORY",
        "TEAM",
        "SCOPINGRULE",
        "ALL",
    }
)
_DATE_LITERAL = re.compile(
    r"(?:YESTERDAY|TODAY|TOMORROW|LAST_90_DAYS|NEXT_90_DAYS|(?:LAST|THIS|NEXT)_(?:WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)"
    r"|(?:(?:LAST|NEXT)_N_(?:DAYS|WEEKS|MONTHS|QUARTERS|YEARS|FISCAL_QUARTERS|FISCAL_YEARS)"
    r"|N_(?:DAYS|WEEKS|MONTHS|QUARTERS|YEARS|FISCAL_QUARTERS|FISCAL_YEARS)_AGO):\d{1,6})\Z",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2}(?![\dT]))
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[+-]?\.\d+)
    | (?P<literal>[A-Za-z_][A-Za-z0-9_]*:\d+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE | re.DOTALL,
)
_CURRENCY = re.compile(r"[A-Za-z]{3}\d+")  # as in USD5000
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_CLAUSE_WORDS = frozenset(
    {
        "FROM",
        "WHERE",
        "WITH",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FOR",
        "UPDATE",
        "USING",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
    }
    | {
        "INCLUDES",
        "EXCLUDES",
        "ASC",
        "DESC",
        "NULLS",
        "SELECT",
        "BY",
        "ALL",
        "TYPEOF",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "AS",
    }
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `kind` is the name of its group in `_TOKEN`, `start` its offset."""

    kind: str
    text: str
    start: int


def parse(text: str) -> Query:
    """The query in `text`. Raises SoqlError MALFORMED_QUERY."""
    if len(text) > MAX_LENGTH:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_LENGTH} characters.")
    parser = _Parser(text, _tokens(text))
    query = parser.query(nested=False)
    parser.expect_end()
    return query


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise SoqlError("MALFORMED_QUERY", f"{position(text, start)}unexpected token: '{text[start]}'")
        tokens.append(Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        at = match.end()
    tokens.append(Token("end", "<EOF>", end))
    return tokens


class _Parser:
    """A recursive descent parser with a method for each clause."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    # Tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _peek(self, offset: int = 1) -> Token:
        return self._tokens[min(self._at + offset, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _is(self, word: str) -> bool:
        return self._next.kind in ("name", "op") and self._next.text.upper() == word

    def _accept(self, *words: str) -> bool:
        if all(self._peek(i).kind in ("name", "op") and self._peek(i).text.upper() == w for i, w in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._unexpected()

    def _refuse(self, said: str) -> NoReturn:
        raise SoqlError("MALFORMED_QUERY", position(self._text, self._next.start) + said)

    def _unexpected(self) -> NoReturn:
        token = self._next
        if token.kind == "end":
            raise SoqlError("MALFORMED_QUERY", f"{position(self._text, token.start)}unexpected token: '<EOF>'")
        raise SoqlError("MALFORMED_QUERY", f"{position(self._text, token.start)}unexpected token: '{token.text}'")

    def expect_end(self) -> None:
        """Raises SoqlError unless everything has been read."""
        if self._next.kind != "end":
            self._unexpected()

    # Clauses

    def query(self, *, nested: bool) -> Query:
        """Reads a query; a `nested` one is a sub-query."""
        self._expect("SELECT")
        select = [self._select_item()]
        while self._accept(","):
            select.append(self._select_item())
        self._expect("FROM")
        sobject = self._source()
        joined: list[Path] = []
        while self._accept(","):
            joined.append(self._source())
        scope = self._scope() if self._accept("USING", "SCOPE") else ""
        where = self._condition() if self._accept("WHERE") else None
        self._with()
        group_by, totals = self._groups() if self._accept("GROUP", "BY") else ((), "")
        having = self._condition() if self._accept("HAVING") else None
        order_by: list[Order] = []
        if self._accept("ORDER", "BY"):
            order_by.append(self._order())
            while self._accept(","):
                order_by.append(self._order())
        limit = self._whole_number() if self._accept("LIMIT") else None
        offset = self._whole_number() if self._accept("OFFSET") else 0
        viewed = referenced = False
        while not nested:
            if self._accept("FOR", "VIEW"):
                viewed = True
            elif self._accept("FOR", "REFERENCE"):
                referenced = True
            elif self._is("UPDATE") and self._peek().text.upper() in ("TRACKING", "VIEWSTAT"):
                self._refuse(f"UPDATE {self._peek().text.upper()} is only for articles, and this org has none")
            elif not self._accept("ALL", "ROWS"):
                break
        return Query(
            tuple(select),
            sobject,
            where,
            group_by,
            having,
            tuple(order_by),
            limit,
            offset,
            tuple(joined),
            totals,
            scope,
            viewed,
            referenced,
        )

    def _source(self) -> Path:
        """Reads an object or parent in FROM, with its alias."""
        named = self._object()
        if self._accept("AS") or (self._next.kind == "name" and self._next.text.upper() not in _CLAUSE_WORDS):
            return Path(named.parts, named.start, self._take().text)
        return named

    def _object(self) -> Path:
        """Reads the name of an object, which may be a word of SOQL: Group and Order are objects too."""
        if self._next.text.upper() in ("GROUP", "ORDER") and self._peek().text.upper() != "BY":
            token = self._take()
            return Path((token.text,), token.start)
        return self._name()

    def _scope(self) -> str:
        word = self._next.text.upper()
        if word not in _SCOPES:
            self._unexpected()
        self._take()
        return word

    def _with(self) -> None:
        """Reads WITH. REST always runs as the user, so it changes nothing; WITH for articles is refused, as without
        Knowledge.
        """
        if not self._accept("WITH"):
            return
        if self._is("DATA") and self._peek().text.upper() == "CATEGORY":
            self._refuse("WITH DATA CATEGORY is only for articles and questions, and this org has none")
        if not self._accept("USER_MODE") and not self._accept("SECURITY_ENFORCED"):
            self._unexpected()

    def _groups(self) -> "tuple[tuple[Path | Call, ...], str]":
        totals = self._next.text.upper()
        in_brackets = totals in ("ROLLUP", "CUBE") and self._peek().text == "("
        if in_brackets:
            self._take()
            self._expect("(")
        by = [self._expression()]
        while self._accept(","):
            by.append(self._expression())
        if not in_brackets:
            return tuple(by), ""
        if len(by) > 3:
            self._refuse(f"GROUP BY {totals} takes at most 3 fields")
        self._expect(")")
        return tuple(by), totals

    def _select_item(self) -> "Path | Call | FieldsOf | TypeOf | Query":
        if self._accept("("):
            query = self.query(nested=True)
            self._expect(")")
            return query
        if self._accept("TYPEOF"):
            return self._type_of()
        if self._is("FIELDS") and self._peek().text == "(":
            start = self._take().start
            self._expect("(")
            group = self._take().text.upper()
            if group not in ("ALL", "STANDARD", "CUSTOM"):
                self._at -= 1
                self._unexpected()
            self._expect(")")
            return FieldsOf(group, start)
        item = self._expression()
        if self._next.kind == "name" and self._next.text.upper() not in _CLAUSE_WORDS:
            return replace(item, alias=self._take().text)
        return item

    def _type_of(self) -> TypeOf:
        relationship = self._name()
        branches: list[tuple[Path, tuple[Path, ...]]] = []
        while self._accept("WHEN"):
            kind = self._object()
            self._expect("THEN")
            branches.append((kind, self._names()))
        if not branches:
            self._unexpected()
        otherwise = self._names() if self._accept("ELSE") else ()
        self._expect("END")
        return TypeOf(relationship, tuple(branches), otherwise)

    def _names(self) -> tuple[Path, ...]:
        names = [self._name()]
        while self._accept(","):
            names.append(self._name())
        return tuple(names)

    def _expression(self, allowed: frozenset[str] | None = None) -> Path | Call:
        token = self._next
        if token.kind != "name" or self._peek().text != "(":
            return self._name()
        function = token.text.upper()
        if (function != "DISTANCE" and function not in _TAKES) or (allowed is not None and function not in allowed):
            self._unexpected()
        self._take()
        self._expect("(")
        if function == "COUNT" and self._accept(")"):
            return Call("COUNT", None, token.start)
        if function == "DISTANCE":
            return self._distance(token.start)
        argument = self._expression(_TAKES[function])
        self._expect(")")
        return Call(function, argument, token.start)

    def _distance(self, start: int) -> Call:
        field = self._name()
        self._expect(",")
        self._expect("GEOLOCATION")
        self._expect("(")
        latitude = self._degrees(90)
        self._expect(",")
        longitude = self._degrees(180)
        self._expect(")")
        self._expect(",")
        unit = self._next
        if unit.kind != "string" or unit.text[1:-1].lower() not in ("km", "mi"):
            self._unexpected()
        self._take()
        self._expect(")")
        return Call("DISTANCE", field, start, None, Place(latitude, longitude, unit.text[1:-1].lower()))

    def _degrees(self, most: int) -> float:
        token = self._next
        if token.kind != "number" or abs(float(token.text)) > most:
            self._unexpected()
        self._take()
        return float(token.text)

    def _name(self) -> Path:
        token = self._next
        if token.kind != "name" or token.text.upper() in _CLAUSE_WORDS:
            self._unexpected()
        self._take()
        return Path(tuple(token.text.split(".")), token.start)

    def _order(self) -> Order:
        by = self._expression()
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        nulls_last = False
        if self._accept("NULLS"):
            nulls_last = self._accept("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(by, descending, nulls_last)

    def _whole_number(self) -> int:
        token = self._next
        if token.kind != "number" or not token.text.isdecimal():
            self._unexpected()
        self._take()
        return int(token.text) if len(token.text) < 10 else _MOST_ROWS

    # Conditions

    def _condition(self) -> Condition:
        self._depth += 1
        if self._depth > 100:
            raise SoqlError(
                "QUERY_TOO_COMPLICATED",
                "Query is either selecting too many fields or the filter conditions are too complicated.",
            )
        terms = [self._term()]
        operator: Literal["AND", "OR"] | None = None
        while self._is("AND") or self._is("OR"):
            word: Literal["AND", "OR"] = "AND" if self._is("AND") else "OR"
            # In Salesforce AND has no precedence over OR: mixing them needs parentheses.
            if operator is not None and word != operator:
                self._unexpected()
            operator = word
            self._take()
            terms.append(self._term())
        self._depth -= 1
        return terms[0] if operator is None else Combine(operator, tuple(terms))

    def _term(self) -> Condition:
        if self._accept("NOT"):
            return Not(self._term())
        if self._accept("("):
            inner = self._condition()
            self._expect(")")
            return inner
        left = self._expression()
        if self._accept("NOT", "IN"):
            return self._in(left, negated=True)
        if self._accept("IN"):
            return self._in(left, negated=False)
        if self._is("INCLUDES") or self._is("EXCLUDES"):
            if isinstance(left, Call):
                self._unexpected()
            negated = self._take().text.upper() == "EXCLUDES"
            return Includes(left, negated, self._list())
        token = self._next
        if self._accept("LIKE"):
            return Compare(left, "LIKE", self._value(like=True))
        if token.kind == "op" and token.text in ("=", "!=", "<>", "<", "<=", ">", ">="):
            self._take()
            return Compare(left, "!=" if token.text == "<>" else token.text, self._value())
        self._unexpected()

    def _in(self, left: Path | Call, *, negated: bool) -> In:
        if isinstance(left, Call) and left.function not in ("TOLABEL", *DATE_FUNCTIONS, *AGGREGATES):
            self._unexpected()
        self._expect("(")
        if self._is("SELECT"):
            query = self.query(nested=True)
            self._expect(")")
            return In(left, negated, query)
        self._at -= 1
        return In(left, negated, self._list())

    def _list(self) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self, *, like: bool = False) -> Value:
        token = self._next
        match token.kind:
            case "string":
                self._take()
                return Value("string", self._unquote(token, like=like), token.start)
            case "number":
                self._take()
                return Value("number", float(token.text), token.start)
            case "date" | "datetime":
                self._take()
                return Value("date" if token.kind == "date" else "datetime", token.text, token.start)
            case "literal" | "name":
                word = token.text.upper()
                if word in ("TRUE", "FALSE"):
                    self._take()
                    return Value("boolean", word == "TRUE", token.start)
                if word == "NULL":
                    self._take()
                    return Value("null", None, token.start)
                if _DATE_LITERAL.match(word):
                    self._take()
                    return Value("dateliteral", word, token.start)
                if _CURRENCY.fullmatch(token.text):
                    self._take()
                    decimals = self._take().text if self._next.text.startswith(".") else ""
                    return Value("currency", token.text + decimals, token.start)
                self._unexpected()
            case _:
                self._unexpected()

    def _unquote(self, token: Token, *, like: bool) -> str:
        r"""The text of a string literal. In LIKE, `\%` and `\_` stay escaped for the pattern."""
        text, out, i = token.text[1:-1], "", 0
        while i < len(text):
            if text[i] != "\\":
                out += text[i]
                i += 1
                continue
            mark = text[i + 1]
            if mark.lower() in _ESCAPES:
                plain = _ESCAPES[mark.lower()]
                out += "\\\\" if like and plain == "\\" else plain
                i += 2
            elif mark in "uU" and re.fullmatch(r"[0-9A-Fa-f]{4}", text[i + 2 : i + 6]):
                out += chr(int(text[i + 2 : i + 6], 16))
                i += 6
            elif like and mark in "%_":
                out += "\\" + mark
                i += 2
            else:
                where = position(self._text, token.start + 1 + i)
                raise SoqlError("MALFORMED_QUERY", f"{where}Illegal escape sequence: '\\{mark}'")
        return out
