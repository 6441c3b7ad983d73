"""Changes that Salesforce refused outside a form, for the form in which they can be mended. No Flet in here."""

from dataclasses import dataclass

from contract.calls import FieldValue
from contract.errors import CallError


@dataclass(frozen=True, slots=True)
class Refused:
    """The values that were to be saved, and why they were not."""

    fields: dict[str, FieldValue]
    why: CallError


class Refusals:
    """What was refused of each record, until its form takes it up. One for each window."""

    def __init__(self) -> None:
        self._by_record: dict[str, Refused] = {}

    def note(self, record_id: str, refused: Refused) -> None:
        """Keeps it for the form of the record."""
        self._by_record[record_id] = refused

    def take(self, record_id: str) -> Refused | None:
        """What was refused of a record; None when nothing was, or a form has taken it up."""
        return self._by_record.pop(record_id, None)
