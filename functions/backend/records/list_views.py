"""The org's list views: which there are, and what one shows.

A list view is Salesforce's: its describe has the query that Salesforce itself runs for it. What that query chooses
(scope and conditions) goes into our own, which has the app's fields, sorts by any of them, searches, filters, and goes
on by our cursors; so a page is one request, as in every list. Salesforce's own results (`/results`, and
`/ui-api/list-records`) have the view's columns as texts, go on by offset, where what is added or removed meanwhile
makes a record come twice or never, and end after 2,000 rows.

Nothing of the query is sent that was not read as what it may be: names, values, and the words of conditions. A query
with anything else is not shown at all, rather than shown as something that it is not.

Sources: REST API Developer Guide, "List Views for an Object" (`soqlCompatible`), "List View Describe" (`query`), "List
View Results"; SOAP API Developer Guide, DescribeSoqlListView; SOQL and SOSL Reference, "USING SCOPE", "Condition
Expression Syntax (WHERE Clause)", "Date Formats and Date Literals". A query with `USING SCOPE mru` is what orgs answer
for the list of what was viewed.
"""

import re
from collections.abc import Sequence

from backend.records.org import Org, ViewQuery
from backend.values import Uid
from contract.calls import Sort
from contract.errors import NotFound, Reason, RefusedRequest
from contract.list_views import ListViews

MAX_CONDITION = 6000  # characters; an address has 16,384 at most, and the rest of a query is in it too
_DEEPEST = 40  # brackets
_SCOPES = frozenset({"mine", "mru", "team", "delegated", "my_territory", "my_team_territory", "mine_and_my_groups"})
_FUNCTIONS = frozenset({"TOLABEL", "CONVERTCURRENCY"})
_WORDS = frozenset({
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES", "ORDER", "BY", "LIMIT",
    "OFFSET", "GROUP", "HAVING", "WITH", "FOR", "USING", "SCOPE", "ALL", "TYPEOF", "ASC", "DESC", "NULLS", "FIRST",
    "LAST",
})  # fmt: skip
_COMPARED = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_PARTS = {
    "text": r"'(?:[^'\\]|\\.)*'",
    "moment": r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?(?![\w.])",
    "number": r"-?\d+(?:\.\d+)?(?![\w.])",
    "money": r"[A-Z]{3}-?\d+(?:\.\d+)?(?![\w.])",
    "relative": r"[A-Z][A-Z_]*:\d{1,6}(?![\w.])",
    "name": r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*",
    "sign": r"<=|>=|<>|!=|[=<>(),]",
}
_TOKEN = re.compile(r"\s*(?:" + "|".join(f"(?P<{kind}>{part})" for kind, part in _PARTS.items()) + ")", re.ASCII)
_VALUES = frozenset({"text", "moment", "number", "money", "relative"})
_NAMED_VALUE = re.compile(r"true|false|null|[A-Z][A-Z0-9_]*")  # a date literal such as THIS_MONTH or LAST_90_DAYS

Token = tuple[str, str]  # its kind, and the text itself


async def list_views_of(org: Org, uid: Uid, sobject: str) -> ListViews:
    """The list views of an object; none where Salesforce has none for it."""
    try:
        return await org.list_views(uid, sobject)
    except NotFound:
        return ListViews(())


def not_available() -> RefusedRequest:
    """The refusal of a list view that is gone, hidden from the user, or not understood."""
    return RefusedRequest(Reason.LIST_VIEW_NOT_AVAILABLE)


def understood(sobject: str, query: str) -> ViewQuery:
    """What a list view of an object shows, by its query. Raises RefusedRequest(list-view-not-available) for a query of
    which any part is not understood.
    """
    return _Reader(_tokens(query)).query(sobject)


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise not_available()
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


class _Reader:
    """Reads a query from its beginning. Every method raises RefusedRequest where it finds what it does not expect."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self, sobject: str) -> ViewQuery:
        self._expect("SELECT")
        depth = 0
        while depth or not self._is("FROM"):  # what it selects is not used
            depth += {"(": 1, ")": -1}.get(self._take()[1], 0)
        self._expect("FROM")
        if self._name().lower() != sobject.lower():
            raise not_available()
        scope = self._scope() if self._accept("USING") else ""
        condition = ""
        if self._accept("WHERE"):
            start = self._at
            self._condition(0)
            condition = " ".join(text for _kind, text in self._tokens[start : self._at])
        sort = self._order() if self._accept("ORDER") else None
        if self._at < len(self._tokens) or len(condition) > MAX_CONDITION:
            raise not_available()
        return ViewQuery(scope, condition, sort)

    def _scope(self) -> str:
        self._expect("SCOPE")
        scope = self._name().lower()
        if scope == "everything":
            return ""
        if scope not in _SCOPES:
            raise not_available()
        return scope

    def _condition(self, depth: int) -> None:
        self._term(depth)
        while self._accept("AND") or self._accept("OR"):
            self._term(depth)

    def _term(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise not_available()
        if self._accept("NOT"):
            self._term(depth + 1)
        elif self._accept("("):
            self._condition(depth + 1)
            self._expect(")")
        else:
            self._comparison()

    def _comparison(self) -> None:
        if self._name().upper() in _FUNCTIONS and self._accept("("):
            self._name()
            self._expect(")")
        if self._peek()[1] in _COMPARED or self._is("LIKE"):
            self._take()
            self._value()
            return
        if not (self._accept("INCLUDES") or self._accept("EXCLUDES")):
            self._accept("NOT")
            self._expect("IN")
        self._expect("(")
        self._value()
        while self._accept(","):
            self._value()
        self._expect(")")

    def _value(self) -> None:
        kind, text = self._take()
        if kind not in _VALUES and not (kind == "name" and _NAMED_VALUE.fullmatch(text) and text not in _WORDS):
            raise not_available()

    def _order(self) -> Sort:
        """The first field of the order; all of it is read."""
        self._expect("BY")
        first: Sort | None = None
        while first is None or self._accept(","):
            name = self._name()
            if name.upper() in _FUNCTIONS and self._accept("("):
                name = self._name()
                self._expect(")")
            descending = self._accept("DESC") or (self._accept("ASC") and False)
            if self._accept("NULLS") and not self._accept("FIRST"):
                self._expect("LAST")
            first = first or Sort(name, descending)
        return first

    def _name(self) -> str:
        kind, text = self._take()
        if kind != "name" or text.upper() in _WORDS:
            raise not_available()
        return text

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> Token:
        token = self._peek()
        if token[0] == "end":
            raise not_available()
        self._at += 1
        return token

    def _is(self, word: str) -> bool:
        kind, text = self._peek()
        return kind in ("name", "sign") and text.upper() == word

    def _accept(self, word: str) -> bool:
        if not self._is(word):
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise not_available()
