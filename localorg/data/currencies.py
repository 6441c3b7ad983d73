"""Several currencies, in an org of the shape `multi-currency`: which there are, what an amount is worth in another one,
and which of them a record is in.

The corporate currency is that of the settings; beside it there are euros, yen without decimals, and Swiss francs, which
nobody may choose any more. Sources: Object Reference, CurrencyType, `CurrencyIsoCode`; SOQL and SOSL Reference,
"convertCurrency()", ORDER BY, "Support for Field Types in Aggregate Functions". Which objects have the field is what
describes of public repositories show. Dated exchange rates (advanced currency management) are not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.ids import make_id
from localorg.schema.metadata import Metadata
from localorg.schema.sobjects import Field, Schema, SObject
from localorg.schema.standard import SYSTEM
from localorg.settings import OrgSettings

SHAPE = "multi-currency"
FIELD = "CurrencyIsoCode"
OF_USERS = "DefaultCurrencyIsoCode"
TYPES = "CurrencyType"
_WITH_FIELD = frozenset({"Account", "Contact", "Opportunity", "Lead", "Case", "Task", "Event", "User"})
_NAMES = {"USD": "U.S. Dollar", "EUR": "Euro", "JPY": "Japanese Yen", "CHF": "Swiss Franc", "GBP": "British Pound"}
# For one US dollar; the decimals; whether it may be chosen.
_FIRST = {"USD": (1.0, 2, True), "EUR": (0.9, 2, True), "JPY": (150.0, 0, True), "CHF": (0.8, 2, False)}
_OF_DEMO_RECORDS = ("USD", "EUR", "USD", "JPY", "EUR", "USD", "JPY", "USD", "EUR", "CHF")
_AMOUNTS = {"Account": ("AnnualRevenue",), "Opportunity": ("Amount", "ExpectedRevenue"), "Lead": ("AnnualRevenue",)}


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: how much of it is worth one of the corporate currency, and how many decimals its amounts have."""

    code: str
    rate: float
    decimals: int
    active: bool


def several(org: Org) -> bool:
    """Whether the org has several currencies."""
    return SHAPE in org.settings.shape


def prepare(settings: OrgSettings, metadata: Metadata) -> None:
    """Gives the schema what several currencies add to it, in an org that has them."""
    if SHAPE in settings.shape:
        first = _first(settings)
        metadata.schema = _shaped(metadata.schema, {code: active for code, (_, _, active) in first.items()})


def fill(org: Org) -> None:
    """Stores the first currencies of a new org, and gives its records one or another of them."""
    if not several(org):
        return
    now = org.clock.stamp()
    user = str(org.db.execute("SELECT Id FROM User ORDER BY Id LIMIT 1").fetchone()[0])
    with org.write() as db:
        for number, (code, (rate, decimals, active)) in enumerate(_first(org.settings).items(), 1):
            row: dict[str, object] = {
                "Id": make_id("01L", number), "IsoCode": code, "ConversionRate": rate, "DecimalPlaces": decimals,
                "IsActive": active, "IsCorporate": code == org.settings.currency, "IsDeleted": 0,
                "CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now, "CreatedById": user,
                "LastModifiedById": user,
            }  # fmt: skip
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            db.execute(f"INSERT INTO {TYPES} ({names}) VALUES ({marks})", tuple(row.values()))
        db.execute("INSERT OR REPLACE INTO sequence VALUES ('01L', ?)", (len(_first(org.settings)),))
        _of_demo_records(org)
        for one in org.objects:
            for name in (FIELD, OF_USERS):
                if one.field(name) is not None:
                    empty = f'UPDATE "{one.name}" SET {name} = ? WHERE {name} IS NULL'
                    db.execute(empty, (org.settings.currency,))


def refresh(org: Org) -> None:
    """Lets the picklists have the currencies that are stored; to be called when these have changed."""
    if several(org):
        rows = org.db.execute(f"SELECT IsoCode, IsActive FROM {TYPES} WHERE IsDeleted = 0").fetchall()
        org.metadata.schema = _shaped(org.metadata.schema, {str(row[0]): bool(row[1]) for row in rows})
        org.schemas.clear()


def note_changed(org: Org) -> None:
    """Refreshes the picklists after a currency was changed; whoever has a describe learns of it."""
    refresh(org)
    with org.write() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('schema changed', ?)", (org.clock.stamp(),))


def of_user(org: Org, user_id: str) -> Currency:
    """The currency of a user."""
    row = org.db.execute(f"SELECT {OF_USERS} FROM User WHERE Id = ?", (user_id,)).fetchone()
    found = None if row is None else named(org, str(row[0]))
    return found or corporate(org)


def corporate(org: Org) -> Currency:
    """The org's corporate currency."""
    row = org.db.execute(f"SELECT IsoCode FROM {TYPES} WHERE IsCorporate = 1 AND IsDeleted = 0").fetchone()
    found = None if row is None else named(org, str(row[0]))
    return found or Currency(org.settings.currency, 1.0, 2, True)


def named(org: Org, code: str) -> Currency | None:
    """The currency with an ISO 4217 code, in any case; None when there is none."""
    text = f"SELECT IsoCode, ConversionRate, DecimalPlaces, IsActive FROM {TYPES} WHERE IsoCode = ? AND IsDeleted = 0"
    row = org.db.execute(text, (code.upper(),)).fetchone()
    return None if row is None else Currency(str(row[0]), float(row[1]), int(row[2]), bool(row[3]))


def worth(sql: str, table: str) -> str:
    """The SQL of what an amount is worth in the corporate currency; `table` has the amount's record."""
    rate = f'SELECT ConversionRate FROM {TYPES} WHERE IsoCode = {table}."{FIELD}" AND IsDeleted = 0'
    return f"({sql} / coalesce(({rate}), 1.0))"


def complete(org: Org, sobject: SObject, row: dict[str, object], user_id: str) -> None:
    """Gives a new record the user's currency where it names none, in place."""
    for name in (FIELD, OF_USERS):
        if several(org) and sobject.field(name) is not None and row.get(name) is None:
            row[name] = of_user(org, user_id).code


def check_change(row: Mapping[str, object]) -> None:
    """Raises ApiError when a change takes a record's currency away."""
    emptied = [name for name in (FIELD, OF_USERS) if name in row and row[name] is None]
    if emptied:
        said = f"{emptied[0]}: bad value for restricted picklist field: null"
        raise ApiError(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", said, emptied)


def of_person(schema: Schema, code: str) -> Schema:
    """The schema with a user's currency as the default of new records."""
    return Schema(replace(one, fields=tuple(_with_default(f, code) for f in one.fields)) for one in schema)


def _with_default(f: Field, code: str) -> Field:
    return replace(f, default=code) if f.name == FIELD else f


def _first(settings: OrgSettings) -> dict[str, tuple[float, int, bool]]:
    """The first currencies, by code; the rates are against the corporate one."""
    every = {settings.currency: (1.0, 2, True)} | _FIRST
    own = every[settings.currency][0]
    return {
        code: (rate / own, decimals, active or code == settings.currency)
        for code, (rate, decimals, active) in sorted(every.items())
    }


def _of_demo_records(org: Org) -> None:
    """Gives the demo records their currencies, and amounts that are usual in them."""
    rates = _first(org.settings)
    codes = [code if code in rates else org.settings.currency for code in _OF_DEMO_RECORDS]
    for name, amounts in _AMOUNTS.items():
        for number, row in enumerate(org.db.execute(f'SELECT * FROM "{name}" ORDER BY Id').fetchall()):
            code = codes[number % len(codes)]
            rate, decimals, _active = rates[code]
            given = {a: cast("float | None", row[a]) for a in amounts}
            new = {a: None if v is None else round(v * rate, decimals) for a, v in given.items()}
            sets = ", ".join(f"{a} = ?" for a in new)
            org.db.execute(f'UPDATE "{name}" SET {FIELD} = ?, {sets} WHERE Id = ?', (code, *new.values(), row["Id"]))


def _shaped(schema: Schema, codes: Mapping[str, bool]) -> Schema:
    """A schema with these currencies; whether each may be chosen is its value."""
    objects = [_with_field(one, codes) for one in schema if one.name != TYPES]
    return Schema((*objects, _currency_type(codes)))


def _with_field(one: SObject, codes: Mapping[str, bool]) -> SObject:
    if one.name not in _WITH_FIELD and not one.custom:
        return one
    fields = [f for f in one.fields if f.name not in (FIELD, OF_USERS)]
    after = next((n for n, f in enumerate(fields, 1) if f.type == "currency"), len(fields) - len(SYSTEM))
    label = "Currency" if one.custom else f"{one.label} Currency"
    fields.insert(after, _picklist(FIELD, label, codes))
    if one.name == "User":
        fields.insert(after, _picklist(OF_USERS, "Default Currency ISO Code", codes))
    return replace(one, fields=tuple(fields))


def _picklist(name: str, label: str, codes: Mapping[str, bool]) -> Field:
    ordered = sorted(codes)
    return Field(
        name, label, "picklist", 255, picklist=tuple(ordered), labels=tuple(_NAMES.get(c, c) for c in ordered),
        restricted=True, inactive=frozenset(c for c in ordered if not codes[c]),
    )  # fmt: skip


def _currency_type(codes: Mapping[str, bool]) -> SObject:
    identifier, *stamps = SYSTEM
    return SObject(
        TYPES, "Currency Type", "Currency Types", "01L",
        (
            identifier,
            Field("IsoCode", "Currency ISO Code", "picklist", 40, required=True, picklist=tuple(sorted(codes)),
                  unique=True),
            Field("ConversionRate", "Conversion Rate", "double", 0, required=True),
            Field("DecimalPlaces", "Decimal Places", "int", 0, required=True),
            Field("IsActive", "Active", "boolean", 0, default=False),
            Field("IsCorporate", "Corporate Currency", "boolean", 0, default=False),
            *stamps,
        ),
        deletable=False,
    )  # fmt: skip
