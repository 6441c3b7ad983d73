"""SOQL answered a second time, by reading rows in Python and not by SQL; random queries, and how the two answers are
compared.

`python -m tests.localorg.soql_evaluator 20000` asks that many and prints how many differ.
"""

import math
import random
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from localorg import OrgSettings
from localorg.clock import to_datetime
from localorg.data import records
from localorg.data.access import Person, schema_for
from localorg.org import Org
from localorg.provision import open_org
from localorg.schema.sobjects import Schema
from localorg.soql import run

Row = dict[str, Any]
Test = Callable[[Row], bool]
ZONE = ZoneInfo("Europe/Berlin")
PERSON = Person("", str(ZONE))
TEXTS = (
    None, "", "Zürich", "ZÜRICH", "zurich", "Århus", "århus", "Ωmega", "ωmega", "a%b", "a_b", "A\\B", "O'Neil", "é",
    "É", "Zz", "zZ top", "100% pure",
)  # fmt: skip
SET_UP = ("Prospecting", "Qualification", "Closed Won", "Closed Lost")  # in the order of the value set
STAGES = (*SET_UP, "b of old", "A of old")  # the last two are not in the set
KINDS = {
    "Name": "text", "NextStep": "text", "StageName": "text", "Amount": "number", "CloseDate": "date",
    "CreatedDate": "datetime",
    "IsClosed": "boolean", "Account.BillingCity": "text", "Account.AnnualRevenue": "number", "Account.Name": "text",
}  # fmt: skip
PLACES = ("Account.BillingLatitude", "Account.BillingLongitude")


def an_org() -> tuple[Org, Schema, list[Row]]:
    """Opportunities with nulls, ties, letters beyond ASCII and moments around midnight, some without an account; and
    their rows, read once.
    """
    org = open_org(OrgSettings(accounts=0))
    user = str(org.db.execute("SELECT Id FROM User WHERE Username = 'admin@localorg.test'").fetchone()[0])
    schema, chance = schema_for(org, user), random.Random(7)
    account, opportunity = schema.sobject("Account"), schema.sobject("Opportunity")
    assert account is not None
    assert opportunity is not None
    parents: list[str] = []
    for n in range(12):
        city, revenue = chance.choice(TEXTS), chance.choice((None, 0, 10, 10.5))
        values = {"Name": f"Account {n % 4}", "BillingCity": city, "AnnualRevenue": revenue}
        if n % 3:
            values |= {"BillingLatitude": chance.uniform(-90, 90), "BillingLongitude": chance.uniform(-180, 180)}
        parents.append(records.create(org, account, values, user))
    today = datetime.fromtimestamp(org.clock.now(), UTC).date()
    for n in range(80):
        values = {
            "Name": chance.choice([t for t in TEXTS if t]), "NextStep": chance.choice(TEXTS),
            "StageName": chance.choice(STAGES),
            "Amount": chance.choice((None, 0, 1, 5, 5.5, 1000, -3)),
            "CloseDate": (today + timedelta(days=chance.randint(-400, 400))).isoformat(),
            "AccountId": chance.choice((None, *parents)),
        }  # fmt: skip
        made = records.create(org, opportunity, values, user)
        midnight = datetime.combine(today + timedelta(days=chance.randint(-40, 3)), datetime.min.time(), tzinfo=ZONE)
        moment = midnight + timedelta(minutes=chance.choice((-1, 0, 1, 61, -61, 700)))
        org.db.execute(
            "UPDATE Opportunity SET CreatedDate = ? WHERE Id = ?", (to_datetime(moment.timestamp() + n / 1000), made)
        )
    names = ", ".join(["Id", *KINDS, *PLACES])
    page = run(org, schema, f"SELECT {names} FROM Opportunity", version="68.0", person=PERSON)
    return org, schema, [{name: _reached(r, name) for name in ("Id", *KINDS, *PLACES)} for r in page.records]


def _reached(record: Any, path: str) -> Any:
    for part in path.split("."):
        record = None if record is None else record.get(part)
    return record


# Conditions: their text, and what they say of a row


@dataclass(frozen=True)
class Condition:
    text: str
    holds: Test


def condition(chance: random.Random, depth: int = 0) -> Condition:
    kind = chance.random()
    if depth < 3 and kind < 0.3:
        word = chance.choice(("AND", "OR"))
        parts = [condition(chance, depth + 1) for _ in range(chance.randint(2, 3))]
        every = all if word == "AND" else any
        return Condition(f" {word} ".join(f"({p.text})" for p in parts), lambda row: every(p.holds(row) for p in parts))
    if depth < 3 and kind < 0.4:
        inner = condition(chance, depth + 1)
        return Condition(f"NOT ({inner.text})", lambda row: not inner.holds(row))
    if chance.random() < 0.15:
        return _part(chance) if chance.random() < 0.6 else _near(chance)
    name = chance.choice(list(KINDS))
    if chance.random() < 0.12:
        is_null = chance.random() < 0.5
        if KINDS[name] == "boolean":  # null is false
            return Condition(f"{name} {'=' if is_null else '!='} null", lambda row: bool(row[name]) != is_null)
        return Condition(f"{name} {'=' if is_null else '!='} null", lambda row: (row[name] is None) == is_null)
    return {"text": _text, "number": _number, "date": _date, "datetime": _datetime, "boolean": _boolean}[KINDS[name]](
        chance, name
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fold(text: str) -> str:
    return text.casefold()


def _text(chance: random.Random, name: str) -> Condition:
    some = [t for t in (*TEXTS, *STAGES, "nothing like it") if t]
    how = chance.random()
    if how < 0.3:
        pattern = chance.choice(
            (
                "%",
                "z%",
                "%Ü%",
                "_rhus",
                "%O'n%",
                "a\\%b",
                "a\\_b",
                "a_b",
                "%É",
                "Ω%",
                "%ed%",
                "____",
                "%\\\\%",
                "100\\%%",
            )
        )
        parts = re.findall(r"\\.|.", pattern)
        wild = re.compile(
            "".join({"%": ".*", "_": "."}.get(p) or re.escape(p[-1]) for p in map(_fold, parts)), re.DOTALL
        )
        said = pattern.replace("'", "\\'")
        return Condition(
            f"{name} LIKE '{said}'", lambda row: row[name] is not None and wild.fullmatch(_fold(row[name])) is not None
        )
    if how < 0.5:
        negated, values = chance.random() < 0.5, chance.sample(some, chance.randint(1, 3))
        with_null = chance.random() < 0.3
        shown = ", ".join([*map(_quoted, values), *(["null"] if with_null else [])])
        folded = {_fold(v) for v in values}

        def within(row: Row) -> bool:
            return with_null if row[name] is None else _fold(row[name]) in folded

        return Condition(f"{name} {'NOT ' if negated else ''}IN ({shown})", lambda row: within(row) != negated)
    value = chance.choice([*some, ""])
    if value == "":
        equal = chance.random() < 0.5
        return Condition(f"{name} {'=' if equal else '!='} ''", lambda row: (row[name] is None) == equal)
    operator = chance.choice(("=", "!=", "<", "<=", ">", ">="))
    return Condition(f"{name} {operator} {_quoted(value)}", _compared(name, operator, _fold(value), _fold))


def _compared(name: str, operator: str, wanted: Any, read: Callable[[Any], Any] = lambda value: value) -> Test:
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda v: v == wanted, "!=": lambda v: v != wanted, "<": lambda v: v < wanted, "<=": lambda v: v <= wanted,
        ">": lambda v: v > wanted, ">=": lambda v: v >= wanted,
    }  # fmt: skip
    test = tests[operator]
    return lambda row: operator == "!=" if row[name] is None else test(read(row[name]))


def _number(chance: random.Random, name: str) -> Condition:
    operator, value = chance.choice(("=", "!=", "<", "<=", ">", ">=")), chance.choice((0, 1, 5, 5.5, 10, 1000, -3, 7))
    return Condition(f"{name} {operator} {value}", _compared(name, operator, value))


def _boolean(chance: random.Random, name: str) -> Condition:
    operator, value = chance.choice(("=", "!=")), chance.choice((True, False))
    return Condition(f"{name} {operator} {str(value).lower()}", _compared(name, operator, value))


def _today() -> date:
    return datetime.now(UTC).astimezone(ZONE).date()


def _span(chance: random.Random) -> tuple[str, date, date]:
    today, n = _today(), chance.randint(1, 40)
    first_of_month = today.replace(day=1)
    last_of_previous = first_of_month - timedelta(days=1)
    return chance.choice(
        (
            ("TODAY", today, today),
            ("YESTERDAY", today - timedelta(days=1), today - timedelta(days=1)),
            ("LAST_MONTH", last_of_previous.replace(day=1), last_of_previous),
            ("THIS_YEAR", today.replace(month=1, day=1), today.replace(month=12, day=31)),
            (f"LAST_N_DAYS:{n}", today - timedelta(days=n), today),
            (f"NEXT_N_DAYS:{n}", today + timedelta(days=1), today + timedelta(days=n)),
            (f"N_DAYS_AGO:{n}", today - timedelta(days=n), today - timedelta(days=n)),
        )
    )


def _in_span(name: str, operator: str, first: date, last: date, read: Callable[[str], date]) -> Test:
    tests: dict[str, Callable[[date], bool]] = {
        "=": lambda d: first <= d <= last, "!=": lambda d: not first <= d <= last, "<": lambda d: d < first,
        "<=": lambda d: d <= last,
        ">": lambda d: d > last, ">=": lambda d: d >= first,
    }  # fmt: skip
    test = tests[operator]
    return lambda row: operator == "!=" if row[name] is None else test(read(row[name]))


def _date(chance: random.Random, name: str) -> Condition:
    operator = chance.choice(("=", "!=", "<", "<=", ">", ">="))
    if chance.random() < 0.5:
        literal, first, last = _span(chance)
        return Condition(f"{name} {operator} {literal}", _in_span(name, operator, first, last, date.fromisoformat))
    day = _today() + timedelta(days=chance.randint(-400, 400))
    return Condition(f"{name} {operator} {day}", _compared(name, operator, day, date.fromisoformat))


def _datetime(chance: random.Random, name: str) -> Condition:
    operator = chance.choice(("=", "!=", "<", "<=", ">", ">="))

    if chance.random() < 0.5:
        literal, first, last = _span(chance)
        return Condition(
            f"{name} {operator} {literal}",
            _in_span(name, operator, first, last, lambda text: _moment(text).astimezone(ZONE).date()),
        )
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=chance.randint(-60000, 3000))
    shown = moment.astimezone(chance.choice((UTC, ZONE))).isoformat().replace("+00:00", "Z")
    return Condition(f"{name} {operator} {shown}", _compared(name, operator, moment, _moment))


# Functions


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


_PARTS: dict[str, Callable[[datetime], int]] = {
    "CALENDAR_YEAR": lambda d: d.year, "CALENDAR_MONTH": lambda d: d.month,
    "CALENDAR_QUARTER": lambda d: 1 + (d.month - 1) // 3,
    "DAY_IN_MONTH": lambda d: d.day, "DAY_IN_WEEK": lambda d: int(d.strftime("%w")) + 1,
    "DAY_IN_YEAR": lambda d: int(d.strftime("%j")),
    "HOUR_IN_DAY": lambda d: d.hour, "WEEK_IN_MONTH": lambda d: math.ceil(d.day / 7),
    "WEEK_IN_YEAR": lambda d: math.ceil(int(d.strftime("%j")) / 7),
    "FISCAL_QUARTER": lambda d: math.ceil(d.month / 3),
}  # fmt: skip


def _function(chance: random.Random) -> tuple[str, Callable[[Row], int]]:
    """A part of a day, of a moment in UTC, or of one in the user's time zone."""
    name = chance.choice(list(_PARTS))
    kind = "moment" if name == "HOUR_IN_DAY" else chance.choice(("day", "moment", "here"))
    part = _PARTS[name]
    if kind == "day":
        return f"{name}(CloseDate)", lambda row: part(
            datetime.combine(date.fromisoformat(row["CloseDate"]), datetime.min.time())
        )
    if kind == "moment":
        return f"{name}(CreatedDate)", lambda row: part(_moment(row["CreatedDate"]).astimezone(UTC))
    return f"{name}(convertTimezone(CreatedDate))", lambda row: part(_moment(row["CreatedDate"]).astimezone(ZONE))


def _part(chance: random.Random) -> Condition:
    text, read = _function(chance)
    operator, value = (
        chance.choice(("=", "!=", "<", ">=")),
        chance.choice((1, 2, 3, 7, 11, 23, 200, datetime.now(UTC).year)),
    )
    return Condition(f"{text} {operator} {value}", lambda row: _compared("x", operator, value)({"x": read(row)}))


def _near(chance: random.Random) -> Condition:
    """By the spherical law of cosines, where the org takes the haversine."""
    latitude, longitude, most = (
        round(chance.uniform(-90, 90), 4),
        round(chance.uniform(-180, 180), 4),
        chance.randint(500, 19000),
    )
    operator = chance.choice(("<", ">"))

    def holds(row: Row) -> bool:
        here, beside = row[PLACES[0]], row[PLACES[1]]
        if here is None:
            return False
        one, two = math.radians(here), math.radians(latitude)
        cosine = math.sin(one) * math.sin(two) + math.cos(one) * math.cos(two) * math.cos(
            math.radians(beside - longitude)
        )
        far = 6371.0088 * math.acos(max(-1.0, min(1.0, cosine)))
        return far < most if operator == "<" else far > most

    return Condition(
        f"DISTANCE(Account.BillingAddress, GEOLOCATION({latitude}, {longitude}), 'km') {operator} {most}", holds
    )


# Queries


@dataclass(frozen=True)
class Asked:
    """A query's text, and what it should answer."""

    text: str
    answer: Callable[[Sequence[Row]], list[tuple[Any, ...]]]
    ordered: bool


def asked(chance: random.Random) -> Asked:
    where = condition(chance) if chance.random() < 0.9 else None
    clause = f" WHERE {where.text}" if where else ""

    def kept(rows: Iterable[Row]) -> list[Row]:
        return [r for r in rows if where is None or where.holds(r)]

    return _grouped(chance, clause, kept) if chance.random() < 0.35 else _listed(chance, clause, kept)


def _key(name: str, value: Any) -> Any:
    return _fold(value) if KINDS[name] == "text" else value


def _order_key(name: str, value: Any) -> Any:
    """By what a value is ordered: a picklist by its place in set-up, values that have none last by their text."""
    if name != "StageName":
        return _key(name, value)
    return SET_UP.index(value) if value in SET_UP else len(SET_UP), _fold(value)


def _listed(chance: random.Random, clause: str, kept: Callable[[Sequence[Row]], list[Row]]) -> Asked:
    orders = [
        (name, chance.random() < 0.5, chance.choice((None, "FIRST", "LAST")))
        for name in chance.sample(list(KINDS), chance.randint(0, 3))
    ]
    shown = [
        f"{n}{' DESC' if down else chance.choice(('', ' ASC'))}{f' NULLS {nulls}' if nulls else ''}"
        for n, down, nulls in orders
    ]
    limit, offset = chance.choice((None, 0, 1, 7, 200)), chance.choice((0, 0, 3))
    text = f"SELECT Id FROM Opportunity{clause} ORDER BY {', '.join([*shown, 'Id'])}"
    text += f" LIMIT {limit}" if limit is not None else ""
    text += f" OFFSET {offset}" if offset else ""

    def answer(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        found = sorted(kept(rows), key=lambda r: r["Id"])
        for name, down, nulls in reversed(orders):
            some = sorted((r for r in found if r[name] is not None), key=lambda r: _order_key(name, r[name]))
            if down:  # a stable order the other way round
                some = sorted(
                    (r for r in found if r[name] is not None), key=lambda r: _order_key(name, r[name]), reverse=True
                )
            none = [r for r in found if r[name] is None]
            found = [*some, *none] if nulls == "LAST" else [*none, *some]
        end = None if limit is None else offset + limit
        return [(r["Id"],) for r in found[offset:end]]

    return Asked(text, answer, ordered=True)


_AGGREGATES: dict[str, tuple[str, Callable[[list[Any]], Any]]] = {
    "COUNT(Id)": ("Id", len),
    "COUNT(NextStep)": ("NextStep", len),
    "COUNT_DISTINCT(NextStep)": ("NextStep", lambda values: len({_fold(v) for v in values})),
    "COUNT_DISTINCT(Amount)": ("Amount", lambda values: len(set(values))),
    "SUM(Amount)": ("Amount", lambda values: math.fsum(values) if values else None),
    "AVG(Amount)": ("Amount", lambda values: math.fsum(values) / len(values) if values else None),
    "MIN(Amount)": ("Amount", lambda values: min(values, default=None)),
    "MAX(CloseDate)": ("CloseDate", lambda values: max(values, default=None)),
    "MAX(StageName)": ("StageName", lambda values: max(values, key=lambda v: _order_key("StageName", v), default=None)),
    "MIN(NextStep)": ("NextStep", lambda values: min(map(_fold, values), default=None)),
}


def _by(chance: random.Random) -> tuple[str, Callable[[Row], Any]]:
    """What to group by."""
    if chance.random() < 0.25:
        return _function(chance)
    name = chance.choice(["StageName", "NextStep", "IsClosed", "Account.BillingCity", "Account.Name", "CloseDate"])
    return name, lambda row: None if row[name] is None else _key(name, row[name])


def _grouped(chance: random.Random, clause: str, kept: Callable[[Sequence[Row]], list[Row]]) -> Asked:
    by = list(dict(_by(chance) for _ in range(chance.randint(0, 3))).items())
    wanted = chance.sample(list(_AGGREGATES), chance.randint(1, 3))
    having = chance.choice((None, 1, 3)) if by else None
    totals = chance.choice(("", "", "ROLLUP", "CUBE")) if by else ""
    marked = [text for text, _ in by if totals and chance.random() < 0.5]
    shown = [f"{text} g{n}" for n, (text, _) in enumerate(by)] + [
        f"GROUPING({t}) m{n}" for n, t in enumerate(marked) if "(" not in t
    ]
    shown += [f"{call} a{n}" for n, call in enumerate(wanted)]
    text = f"SELECT {', '.join(shown)} FROM Opportunity{clause}"
    named = ", ".join(t for t, _ in by)
    text += f" GROUP BY {totals}({named})" if totals else f" GROUP BY {named}" if by else ""
    text += f" HAVING COUNT(Id) > {having}" if having is not None else ""

    def answer(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        found = kept(rows)
        lines: list[tuple[Any, ...]] = []
        for level in _levels(len(by), totals):
            groups: dict[tuple[Any, ...], list[Row]] = {} if by else {(): []}
            for row in found:
                groups.setdefault(
                    tuple(read(row) if n in level else None for n, (_, read) in enumerate(by)), []
                ).append(row)
            left_out = [int(n not in level) for n, (t, _) in enumerate(by) if t in marked and "(" not in t]
            for key, group in groups.items():
                if having is None or len(group) > having:
                    values = (
                        of([r[name] for r in group if r[name] is not None])
                        for name, of in (_AGGREGATES[c] for c in wanted)
                    )
                    lines.append((*key, *left_out, *values))
        return lines

    return Asked(text, answer, ordered=False)


def _levels(count: int, totals: str) -> list[set[int]]:
    """Which of the groups each level of subtotals tells apart."""
    if totals == "ROLLUP":
        return [set(range(n)) for n in range(count + 1)]
    if totals == "CUBE":
        return [{n for n in range(count) if bits >> n & 1} for bits in range(2**count)]
    return [set(range(count))]


def differs(org: Org, schema: Schema, rows: Sequence[Row], query: Asked) -> str | None:
    """None when both answers are the same, else both."""
    page = run(org, schema, query.text, version="68.0", person=PERSON)
    ours = [tuple(_plain(v) for k, v in r.items() if k != "attributes") for r in page.records]
    theirs = [tuple(_plain(v) for v in r) for r in query.answer(rows)]
    if not query.ordered:
        ours, theirs = sorted(ours, key=repr), sorted(theirs, key=repr)
    return None if ours == theirs else f"{query.text}\n  org:       {ours[:6]}\n  evaluator: {theirs[:6]}"


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return round(float(value), 6)
    return _fold(value) if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9]{18}", value) else value


def main(count: int) -> int:
    org, schema, rows = an_org()
    different = [d for n in range(count) if (d := differs(org, schema, rows, asked(random.Random(n)))) is not None]
    print("\n".join(different[:10]))
    print(f"{count} queries, {len(different)} differences")
    return len(different)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) > 0)
