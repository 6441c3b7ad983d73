"""Codes and texts of addresses, in an org of the shape `state-country`: the one follows the other.

Sources: Salesforce Help, "State and Country/Territory Picklist Field-Syncing Logic"; errors of real orgs:
SalesforceFoundation/NPSP#994 and #2432, #6405 (a code that is not available). What is said when code and text of a
change do not go together is not documented.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from localorg.errors import ApiError
from localorg.schema.places import COUNTRIES, STATES, coded, named
from localorg.schema.sobjects import Field, SObject

_Row = dict[str, object]


def follow(sobject: SObject, row: _Row, before: Mapping[str, object] | None) -> None:
    """Completes the changes in `row`: the texts of the codes that it has, and the codes of the texts. `before` is the
    record as it was, None for a new one. Raises ApiError 400 FIELD_INTEGRITY_EXCEPTION.
    """
    for whole in sobject.fields:
        if not whole.coded:
            continue
        parts = [sobject.field(f"{whole.compound}{name}") for name in ("Country", "CountryCode", "State", "StateCode")]
        country_text, country_code, state_text, state_code = parts
        if country_text and country_code and state_text and state_code:  # whoever may not see a part changes none
            country = _Part(country_text, country_code, "country", "country/territory", row, before)
            state = _Part(state_text, state_code, "state", "state", row, before)
            if country.changes or state.changes:
                _follow(country, state)


def with_codes(prefix: str, row: _Row) -> None:
    """Gives an address of the demo data codes, and takes away what is no state in Salesforce's lists."""
    text = str(row.get(f"{prefix}Country") or "")
    country = named(COUNTRIES, {"USA": "United States"}.get(text, text))
    states = STATES.get(country or "", {})
    given = row.get(f"{prefix}State") or ""
    state = coded(states, given) or named(states, given)
    row[f"{prefix}CountryCode"], row[f"{prefix}Country"] = country, COUNTRIES.get(country or "")
    row[f"{prefix}StateCode"], row[f"{prefix}State"] = state, states.get(state or "")


@dataclass(frozen=True, slots=True)
class _Part:
    """The country or the state of an address that is written, as text and as code."""

    text: Field
    code: Field
    what: str
    available: str
    row: _Row
    before: Mapping[str, object] | None

    @property
    def changes(self) -> bool:
        """Whether the change names it."""
        return self.text.name in self.row or self.code.name in self.row

    @property
    def given(self) -> Field | None:
        """The field that the change sets, the code before the text; None when it sets neither."""
        return next((f for f in (self.code, self.text) if self.row.get(f.name)), None)

    @property
    def kept(self) -> str | None:
        """The code that the record has."""
        return None if self.before is None or self.before.get(self.code.name) is None else str(
            self.before[self.code.name]
        )  # fmt: skip

    def chosen(self, names: Mapping[str, str]) -> str | None:
        """The code after the change, of those in `names`; None without one. Raises ApiError."""
        if not self.changes:
            return self.kept
        code, text = self.row.get(self.code.name), self.row.get(self.text.name)
        if code:
            found = coded(names, code)
            if found is None:
                said = f"The {self.code.name} field contains {code}, which isn't an available {self.available}."
                raise _refused(f"{said} Your administrator can add it for you.", self.code)
            if text and self.before is not None and named(names, text) != found:
                raise _refused(f"The text and the code don't match for field: {self.code.label}", self.code)
            return found
        if text:
            found = named(names, text)
            if found is None:
                plural = "countries" if self.what == "country" else "states"
                raise _refused(
                    f"There's a problem with this {self.what}, even though it may appear correct. Please select a"
                    f" {self.available} from the list of valid {plural}.: {self.text.label}",
                    self.text,
                )
            return found
        return None

    def write(self, code: str | None, names: Mapping[str, str]) -> None:
        """Puts the code and its text into the row."""
        self.row[self.code.name], self.row[self.text.name] = code, names.get(code or "")


def _follow(country: _Part, state: _Part) -> None:
    chosen = country.chosen(COUNTRIES)
    if country.changes:
        country.write(chosen, COUNTRIES)
    if chosen is None:
        if state.given is not None:
            said = "A country/territory must be specified before specifying a state value for field: "
            raise _refused(said + state.given.label, state.given)
        if country.changes or state.changes:
            state.write(None, {})
        return
    states = STATES.get(chosen, {})
    code = state.row.get(state.code.name)
    elsewhere = code and coded(states, code) is None and any(coded(names, code) for names in STATES.values())
    if elsewhere or (not state.changes and state.kept is not None and state.kept not in states):
        said = "The existing country/territory doesn't recognize the state value for field: "
        raise _refused(said + state.code.label, state.code)
    if state.changes:
        state.write(state.chosen(states), states)


def _refused(message: str, field: Field) -> ApiError:
    return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, [field.name])
