"""Queries for the differential test: written by hand, made by a grammar, and the same broken in one place."""

import random

_BY_HAND = (
    "SELECT Id FROM Account",
    "select id from account",
    (
        "SELECT Id, Owner.Name FROM Account WHERE Name LIKE 'A%' AND (Industry = 'Media' OR Rating != null) ORDER BY"
        " Name NULLS LAST LIMIT 1 OFFSET 5"
    ),
    "SELECT COUNT() FROM Contact",
    "SELECT COUNT(Id) n, StageName FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1",
    "SELECT Id, (SELECT Id, LastName FROM Contacts WHERE Email != null LIMIT 5) FROM Account",
    "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE LastName = 'x')",
    "SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:30 AND LastModifiedDate >= 2026-01-01T00:00:00Z",
    "SELECT Id FROM Account WHERE CreatedDate > 2026-01-01T00:00:00.000+02:00",
    "SELECT Id FROM Account WHERE NOT (Name = 'a')",
    "SELECT Id FROM Account a WHERE a.Name = 'x'",
    "SELECT FIELDS(ALL) FROM Account LIMIT 200",
    "SELECT MAX(CloseDate) FROM Opportunity",
    "SELECT Id FROM Account WHERE Name = 'it\\'s' FOR VIEW",
    "SELECT CALENDAR_YEAR(CloseDate), SUM(Amount) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)",
    "SELECT Id FROM Account WITH USER_MODE",
    "SELECT Id FROM Account USING SCOPE everything",
    "SELECT FROM Account",
    "SELECT Id Account",
    "SELECT Id FROM",
    "SELECT Id FROM Account WHERE",
    "SELECT Id FROM Account WHERE Name",
    "SELECT Id FROM Account WHERE Name =",
    "SELECT Id FROM Account WHERE Name = 'x' AND",
    "SELECT Id FROM Account WHERE (Name = 'x'",
    "SELECT Id FROM Account WHERE Name = 'x')",
    "SELECT Id FROM Account ORDER Name",
    "SELECT Id FROM Account GROUP Name",
    "SELECT Id,, Name FROM Account",
    "SELECT Id FROM Account LIMIT",
    "UPDATE Account SET Name = 'x'",
    "",
)
_FIELDS = ("Id", "Name", "Industry", "Owner.Name", "CreatedDate", "AnnualRevenue", "Parent.Owner.Email")
_VALUES = {
    "Name": ("'x'", "'it\\'s'", "null"), "Industry": ("'Media'", "null"), "Owner.Name": ("'Sam'",),
    "Parent.Owner.Email": ("'a@b.c'",),
    "CreatedDate": ("TODAY", "LAST_N_DAYS:3", "2026-01-01T00:00:00Z", "THIS_FISCAL_QUARTER", "NEXT_90_DAYS"),
    "AnnualRevenue": ("5", "-1.5", "null"),
    "Id": ("'001000000000001AAA'",),
}  # fmt: skip


def _condition(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if kind < 0.25 and depth < 3:
        operator = rng.choice((" AND ", " OR "))
        inner = operator.join(_condition(rng, depth + 1) for _ in range(rng.randint(2, 3)))
        return f"({inner})"
    if kind < 0.32 and depth < 3:
        return f"(NOT {_comparison(rng)})"
    return _comparison(rng)


def _comparison(rng: random.Random) -> str:
    field = rng.choice(_FIELDS)
    values = _VALUES[field]
    kind = rng.random()
    if kind < 0.15 and field in ("Name", "Industry"):
        return f"{field} LIKE 'a%'"
    if kind < 0.3 and field != "CreatedDate":
        given = ", ".join(v for v in values if v != "null")
        return f"{field} {rng.choice(('IN', 'NOT IN'))} ({given})"
    value = rng.choice(values)
    operators = ("=", "!=") if value == "null" else ("=", "!=", "<", "<=", ">", ">=")
    return f"{field} {rng.choice(operators)} {value}"


def _query(rng: random.Random) -> str:
    text = "SELECT " + ", ".join(rng.sample(_FIELDS, rng.randint(1, 4)))
    if rng.random() < 0.3:
        text += ", (SELECT Id, LastName FROM Contacts" + (" ORDER BY LastName DESC" if rng.random() < 0.5 else "") + ")"
    text += " FROM Account"
    if rng.random() < 0.8:
        text += " WHERE " + rng.choice((" AND ", " OR ")).join(_condition(rng) for _ in range(rng.randint(1, 3)))
    if rng.random() < 0.5:
        text += (
            " ORDER BY"
            f" {rng.choice(_FIELDS)}{rng.choice(('', ' ASC', ' DESC', ' ASC NULLS FIRST', ' DESC NULLS LAST'))}"
        )
    if rng.random() < 0.5:
        text += f" LIMIT {rng.randint(1, 200)}"
        if rng.random() < 0.5:  # without LIMIT, Salesforce's reference takes it and soql-parser-js does not
            text += f" OFFSET {rng.randint(0, 200)}"
    return text


def _broken(rng: random.Random, text: str) -> str:
    """The query with one word taken out; not AND or OR, without which soql-parser-js takes conditions side by side."""
    words = text.split(" ")
    del words[rng.choice([i for i, word in enumerate(words) if word not in ("AND", "OR")])]
    return " ".join(words)


def corpus(count: int, seed: int = 7) -> list[str]:
    """`count` made queries, a third of them broken, after those written by hand."""
    rng = random.Random(seed)
    made = [_query(rng) for _ in range(count)]
    return [*_BY_HAND, *(_broken(rng, t) if n % 3 == 0 else t for n, t in enumerate(made))]
