"""Search: SOSL and parameterized search, as LIKE conditions on the name-like fields of each object.

Source: SOQL and SOSL Reference, "SOSL Syntax"; REST API Developer Guide, "Search", "Parameterized Search".
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from localorg.data.access import Person
from localorg.errors import ApiError
from localorg.org import Org
from localorg.rest.listviews import find_view
from localorg.schema.encrypted_names import compared
from localorg.schema.sobjects import Field, Schema, SObject
from localorg.soql import SoqlError, run

MAX_LENGTH = 100_000
_DEFAULT_LIMIT = 2000  # Source: SOQL and SOSL Reference, LIMIT n
_LONGEST_FIND = 10_000  # Salesforce Developer Limits and Allocations, SOSL Limits for Search Queries
_LONGEST_WORD = 4_000  # no field that is searched holds a longer one
_SEARCHED = (
    "Name", "Email", "Phone", "Subject", "Company", "Username", "Title", "Website",
    "BillingCity", "MailingCity", "City", "PersonEmail", "PersonMailingCity",
)  # fmt: skip
_SCOPES = {
    "NAME": ("Name",),
    "EMAIL": ("Email", "PersonEmail"),
    "PHONE": ("Phone", "MobilePhone", "Fax", "PersonMobilePhone"),
    "ALL": _SEARCHED,
    "SIDEBAR": _SEARCHED,
}
_SOSL = re.compile(r"\s*FIND\s*\{(?P<find>(?:[^{}\\]|\\.)*)\}(?P<rest>.*)\Z", re.IGNORECASE | re.DOTALL)
_IN = re.compile(r"\s*IN\s+(?P<scope>NAME|EMAIL|PHONE|ALL|SIDEBAR)\s+FIELDS\b", re.IGNORECASE)
_LIMIT = re.compile(r"\s+LIMIT\s+(?P<limit>\d{1,6})\s*\Z", re.IGNORECASE)
_WITH = re.compile(
    r"(?:^|\s)WITH\s+(?:(?P<highlight>HIGHLIGHT)|SNIPPET(?:\s*\(\s*target_length\s*=\s*\d{1,6}\s*\))?"
    r"|SPELL_CORRECTION\s*=\s*(?:true|false)|(?P<metadata>METADATA)\s*=\s*'LABELS')\s*\Z",
    re.IGNORECASE,
)
_USING = re.compile(r"\sUSING\s+ListView\s*=\s*(?P<view>[A-Za-z0-9_]+)", re.IGNORECASE)
_HIGHLIGHTED = frozenset({"Account", "Contact", "Lead", "Opportunity", "User"})
_OBJECT = re.compile(r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<open>\()?")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One object of RETURNING: its fields, its WHERE condition, and the clauses after that."""

    sobject: SObject
    fields: str
    where: str | None
    tail: str
    view: str | None = None


def search(org: Org, schema: Schema, text: str, *, version: str, person: Person) -> dict[str, object]:
    """Runs a SOSL text. Returns the answer's body: the matching records, object after object, and with WITH METADATA
    the labels of their fields. Raises ApiError 400.
    """
    match = _SOSL.match(text)
    if match is None or len(text) > MAX_LENGTH:
        raise ApiError(400, "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces.")
    if len(match["find"]) > _LONGEST_FIND:  # "no result rows are returned"
        return {"searchRecords": []}
    rest, scope = match["rest"], "ALL"
    within = _IN.match(rest)
    if within is not None:
        scope, rest = within["scope"].upper(), rest[within.end() :]
    limit = _DEFAULT_LIMIT
    limited = _LIMIT.search(rest)
    if limited is not None and rest[: limited.start()].count("(") == rest[: limited.start()].count(")"):
        limit, rest = min(2000, int(limited["limit"])), rest[: limited.start()]
    rest, withs = _without_withs(rest.strip())
    if not rest:
        wanted = [_Wanted(o, "Id", None, "") for o in schema if _fields_of(o, scope)]
    elif rest.upper().startswith("RETURNING "):
        wanted = _returning(schema, rest[len("RETURNING ") :])
    else:
        raise ApiError(400, "MALFORMED_SEARCH", f"unexpected token: '{rest.split()[0][:40]}'")
    _check_returning(wanted)
    hits = _find(org, schema, _terms(match["find"]), scope, wanted, limit, version, person)
    if "highlight" in withs:
        _highlight(schema, hits, match["find"])
    body: dict[str, object] = {"searchRecords": hits}
    return body | {"metadata": _labels(wanted)} if "metadata" in withs else body


def _check_returning(wanted: "list[_Wanted]") -> None:
    """Raises ApiError for OFFSET beside a second object, and for aggregates.

    Source: SOQL and SOSL Reference, OFFSET n; RETURNING FieldSpec takes fields.
    """
    for one in wanted:
        if len(wanted) > 1 and re.search(r"\bOFFSET\b", one.tail, re.IGNORECASE):
            raise ApiError(400, "MALFORMED_SEARCH", "OFFSET can be used only when querying a single object")
        if re.search(r"\b(?:COUNT|COUNT_DISTINCT|SUM|AVG|MIN|MAX)\s*\(", one.fields, re.IGNORECASE):
            raise ApiError(400, "MALFORMED_SEARCH", "RETURNING takes fields, and no aggregate functions")


def _without_withs(rest: str) -> tuple[str, set[str]]:
    """The text without the WITH clauses at its end, and which of those that change the answer are among them.

    WITH SNIPPET is for articles, which this org has none of, and WITH SPELL_CORRECTION changes nothing here.
    """
    withs: set[str] = set()
    while (clause := _WITH.search(rest)) is not None:
        withs |= {name for name, value in clause.groupdict().items() if value}
        rest = rest[: clause.start()].rstrip()
    return rest, withs


def _highlight(schema: Schema, hits: list[dict[str, object]], find: str) -> None:
    """Adds to the first 25 records of each object the texts in which the words of a search are marked.

    Words with a wildcard are not marked. Source: SOQL and SOSL Reference, WITH HIGHLIGHT; SearchSnippet.
    """
    words = [m["quoted"] or m["plain"] or "" for m in _WORD.finditer(find)]
    plain = [re.escape(re.sub(r"\\(.)", r"\1", w)) for w in words if w and not re.search(r"(?<!\\)[*?]", w)]
    plain = [w for w in plain if w.upper() not in ("AND", "OR", "NOT")]
    marked: Counter[str] = Counter()
    for hit in hits if plain else ():
        source = schema.sobject(cast(dict[str, str], hit["attributes"])["type"])
        if source is None or not (source.custom or source.name in _HIGHLIGHTED) or marked[source.name] >= 25:
            continue
        texts = {n: v for n, v in hit.items() if isinstance(v, str) and _is_marked(source.field(n))}
        fields = {n: re.sub("|".join(plain), r"<mark>\g<0></mark>", v, flags=re.IGNORECASE) for n, v in texts.items()}
        changed = [{"name": n, "value": v} for n, v in fields.items() if v != texts[n]]
        if changed:
            hit["snippet"] = {"wholeFields": changed}
            marked[source.name] += 1


def _is_marked(f: Field | None) -> bool:
    return f is not None and f.type in ("string", "email", "textarea") and not f.rich_text


def _labels(wanted: "list[_Wanted]") -> dict[str, object]:
    """The labels of the fields that RETURNING names. Source: SOQL and SOSL Reference, WITH METADATA."""
    return {
        "entityMetadata": [
            {
                "entityName": one.sobject.name,
                "fieldMetadata": [
                    {"label": f.label, "name": f.name, "type": f.type}
                    for name in one.fields.split(",")
                    if (f := one.sobject.field(name.strip())) is not None
                ],
            }
            for one in wanted
        ]
    }


def parameterized(
    org: Org, schema: Schema, body: Mapping[str, object], *, version: str, person: Person
) -> list[dict[str, object]]:
    """Runs a parameterized search. Returns the matching records, object after object. Raises ApiError 400.

    `body` has `q`, `sobject` or `sobjects`, `fields`, `in`, and `overallLimit`.
    """
    text = str(body.get("q") or "")
    scope = str(body.get("in") or "ALL").upper()
    if scope not in _SCOPES:
        raise ApiError(400, "INVALID_SEARCH_SCOPE", f"The search scope {scope[:20]} is not supported.")
    listed = body.get("sobjects")
    named: list[dict[str, object]] = cast(list[dict[str, object]], listed) if isinstance(listed, list) else []
    if not named and body.get("sobject"):
        given = body.get(f"{body['sobject']}.fields") or body.get("fields") or "Id"
        named = [
            {"name": body["sobject"], "fields": str(given).split(","), "limit": body.get(f"{body['sobject']}.limit")}
        ]
    overall = _number(body.get("overallLimit"), _DEFAULT_LIMIT)
    wanted: list[_Wanted] = []
    for one in named:
        source = schema.sobject(str(one.get("name"))) if isinstance(one, dict) else None  # pyright: ignore[reportUnnecessaryIsInstance]
        if source is None:
            raise ApiError(400, "INVALID_TYPE", "sObject type is not supported in search.")
        fields = one.get("fields") or body.get("fields") or ["Id"]
        text_fields = ", ".join(str(f).strip() for f in (fields if isinstance(fields, list) else [fields]))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        where = str(one["where"]) if one.get("where") else None
        wanted.append(_Wanted(source, text_fields, where, f"LIMIT {_number(one.get('limit'), overall)}"))
    return _find(
        org,
        schema,
        _terms(text),
        scope,
        wanted or [_Wanted(o, "Id", None, "") for o in schema if _fields_of(o, scope)],
        overall,
        version,
        person,
    )


def _number(value: object, default: int) -> int:
    text = str(value) if value is not None else ""
    return min(2000, int(text)) if text.isdecimal() else default


_Condition = Callable[[Callable[[str], str]], str]  # SOQL of a search, given the SOQL of one word
_WORD = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bracket>[()])|(?P<plain>(?:\\.|[^\s"()])+))')


def _terms(find: str) -> _Condition:
    """The condition of a search text with words, AND, OR, AND NOT, and brackets. Raises ApiError MALFORMED_SEARCH.

    AND binds tighter than OR; words without an operator between them are joined by AND. Source: SOQL and SOSL
    Reference, "FIND {SearchQuery}".
    """
    if len(re.sub(r"[\s*?\"()]", "", find)) < 2:
        raise ApiError(400, "MALFORMED_SEARCH", "search term must be longer than one character")
    words: list[tuple[str, str]] = []
    at, end = 0, len(find.rstrip())
    while at < end:
        match = _WORD.match(find, at)
        if match is None or match.lastgroup is None:
            raise ApiError(400, "MALFORMED_SEARCH", f"unexpected token: '{find[at : at + 20].strip()}'")
        words.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    parser = _Words(words)
    condition = parser.either()
    if parser.rest:
        raise ApiError(400, "MALFORMED_SEARCH", f"unexpected token: '{parser.rest[0][1]}'")
    return condition


class _Words:
    """A recursive descent parser of search words. `rest` are the words that it has not read yet."""

    def __init__(self, words: list[tuple[str, str]]) -> None:
        self.rest = words

    def _takes(self, word: str) -> bool:
        if self.rest and self.rest[0][0] == "plain" and self.rest[0][1].upper() == word:
            self.rest = self.rest[1:]
            return True
        return False

    def either(self) -> _Condition:
        """Reads words that are joined by OR."""
        parts = [self._all()]
        while self._takes("OR"):
            parts.append(self._all())
        return _joined("OR", parts)

    def _all(self) -> _Condition:
        parts = [self._one()]
        while (
            self.rest
            and self.rest[0] != ("bracket", ")")
            and not (self.rest[0][0] == "plain" and self.rest[0][1].upper() == "OR")
        ):
            if self._takes("AND") and self._takes("NOT"):
                parts.append(_without(self._one()))
            else:
                parts.append(self._one())
        return _joined("AND", parts)

    def _one(self) -> _Condition:
        if not self.rest:
            raise ApiError(400, "MALFORMED_SEARCH", "unexpected token: '<EOF>'")
        (kind, text), self.rest = self.rest[0], self.rest[1:]
        if kind == "bracket":
            if text == ")":
                raise ApiError(400, "MALFORMED_SEARCH", "unexpected token: ')'")
            inner = self.either()
            if not self.rest or self.rest[0] != ("bracket", ")"):
                raise ApiError(400, "MALFORMED_SEARCH", "expecting a right parentheses, found '<EOF>'")
            self.rest = self.rest[1:]
            return inner
        pattern = _pattern(text)
        return lambda of_word: of_word(pattern)


def _joined(word: str, parts: list[_Condition]) -> _Condition:
    if len(parts) == 1:
        return parts[0]
    return lambda of_word: f" {word} ".join(f"({part(of_word)})" for part in parts)


def _without(part: _Condition) -> _Condition:
    return lambda of_word: f"NOT ({part(of_word)})"


def _pattern(word: str) -> str:
    """A word as a LIKE pattern. `*` and `?` are wildcards unless they come after a backslash."""
    pattern, escaped = "", False
    for c in word:
        if c == "\\" and not escaped:
            escaped = True
            continue
        if escaped or c not in "*?":
            pattern += {"%": "\\%", "_": "\\_", "\\": "\\\\\\\\", "'": "\\'"}.get(c, c)
        else:
            pattern += "%" if c == "*" else "_"
        escaped = False
    return f"'%{pattern}%'"


def _returning(schema: Schema, text: str) -> list[_Wanted]:
    wanted: list[_Wanted] = []
    at = 0
    while at < len(text):
        match = _OBJECT.match(text, at)
        if match is None:
            raise ApiError(400, "MALFORMED_SEARCH", f"unexpected token: '{text[at : at + 20].strip()}'")
        source = schema.sobject(match["name"])
        if source is None:
            raise ApiError(400, "INVALID_TYPE", f"sObject type '{match['name']}' is not supported.")
        at, inside = match.end(), "Id"
        if match["open"]:
            end = _closing(text, at)
            inside, at = text[at:end], end + 1
        wanted.append(_object(source, inside))
        separator = re.match(r"\s*(,)?\s*", text[at:])
        assert separator is not None
        at += separator.end()
        if at < len(text) and separator[1] is None:
            raise ApiError(400, "MALFORMED_SEARCH", f"unexpected token: '{text[at : at + 20].strip()}'")
    return wanted


def _closing(text: str, at: int) -> int:
    depth, quoted, i = 1, False, at
    while i < len(text):
        c = text[i]
        if quoted:
            i += c == "\\"
            quoted = c != "'"
        elif c == "'":
            quoted = True
        elif c in "()":
            depth += 1 if c == "(" else -1
            if depth == 0:
                return i
        i += 1
    raise ApiError(400, "MALFORMED_SEARCH", "expecting a right parentheses, found '<EOF>'")


def _object(source: SObject, inside: str) -> _Wanted:
    view = None
    using = _USING.search(inside)
    if using is not None and "'" not in inside[: using.start()]:
        view, inside = using["view"], inside[: using.start()] + " " + inside[using.end() :]
    clause = re.search(r"\s(WHERE|ORDER\s+BY|LIMIT|OFFSET)\s", inside, re.IGNORECASE)
    fields, rest = (inside, "") if clause is None else (inside[: clause.start()], inside[clause.start() :].strip())
    where = None
    if rest.upper().startswith("WHERE "):
        end = re.search(r"\s(ORDER\s+BY|LIMIT|OFFSET)\s", rest, re.IGNORECASE)
        where, rest = (rest[6:], "") if end is None else (rest[6 : end.start()], rest[end.start() :].strip())
    return _Wanted(source, fields.strip() or "Id", where, rest, view)


def _in_view(org: Org, source: SObject, view: str, person: Person) -> str:
    """The condition of USING ListView: a list view of the object by its name, or Recent, the records viewed last.

    Raises ApiError 404. Source: SOQL and SOSL Reference, USING ListView.
    """
    if view.lower() == "recent":
        seen = "SELECT RecordId FROM viewed WHERE UserId = ? AND ViewedDate IS NOT NULL AND substr(RecordId, 1, 3) = ?"
        ids = [str(r[0]) for r in org.db.execute(seen, (person.user_id, source.prefix))]
        return "Id IN (" + ", ".join(f"'{i}'" for i in ids) + ")" if ids else "Id = null"
    chosen = find_view(source, view)
    parts = [" ".join(condition) for condition in chosen.conditions]
    if chosen.scope == "mine":
        parts.append(f"OwnerId = '{person.user_id}'")
    elif chosen.scope == "mru":
        parts.append(_in_view(org, source, "recent", person))
    return " AND ".join(parts)


def _check_encrypted(org: Org, schema: Schema, one: _Wanted, version: str, person: Person) -> None:
    """Raises SoqlError when the clauses of RETURNING compare or sort by what is encrypted, which only FIND may.

    Source: Salesforce Help, "General Shield Platform Encryption Considerations", SOQL/SOSL.
    """
    where = f" WHERE {one.where}" if one.where else ""
    text = f"SELECT {one.fields} FROM {one.sobject.name}{where} {one.tail}"
    run(org, schema, text, version=version, batch=1, person=person)


def _fields_of(source: SObject, scope: str) -> list[str]:
    if source.view:
        return []
    return [n for n in _SCOPES[scope] if source.field(n) is not None]


def _find(
    org: Org,
    schema: Schema,
    terms: _Condition,
    scope: str,
    wanted: list[_Wanted],
    limit: int,
    version: str,
    person: Person,
) -> list[dict[str, object]]:
    hits: list[dict[str, object]] = []
    for one in wanted:
        fields = _fields_of(one.sobject, scope)
        if not fields or len(hits) >= limit:
            continue
        condition = terms(
            lambda word, fields=fields: (
                " OR ".join(f"{f} LIKE {word}" for f in fields) if len(word) < _LONGEST_WORD else "Id = null"
            )
        )
        where = f"({condition})" + (f" AND ({one.where})" if one.where else "")
        within = _in_view(org, one.sobject, one.view, person) if one.view is not None else ""
        where += f" AND ({within})" if within else ""
        text = f"SELECT {one.fields} FROM {one.sobject.name} WHERE {where} {one.tail}"
        readable = schema
        try:
            if any(f.encrypted for f in one.sobject.fields):
                _check_encrypted(org, schema, one, version, person)
                readable = compared(schema)
            hits += run(org, readable, text, version=version, batch=limit, person=person).records
        except SoqlError as refused:
            raise ApiError(400, refused.code, refused.message) from None
    return hits[:limit]
