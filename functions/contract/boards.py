"""Boards: the records of an object by their stage. functions/backend/records/layouts.py says which objects have one."""

from dataclasses import dataclass
from typing import Annotated

from contract.values import MAX_SEARCH, Filter, Limits, Record, Sobject, Sort


@dataclass(frozen=True, slots=True)
class BoardShape:
    """How records stand on a board: a column for each value of the picklist `stage`, in its order. `fields` are what a
    card says below its title, the customer first. `since` are the fields that tell since when a record is in its stage;
    the first that is filled counts. `closed` is the checkbox that says whether a record is closed, "" for none; records
    in the stages `won` and `lost` are. Both are empty where Salesforce does not tell.
    """

    stage: str
    fields: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    closed: str = ""
    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GetBoard:
    """The board of an object, of the records that meet all `filters` and have the text in them, as in listRecords.

    With a `stage` only that column: its next cards after those that the `cursor` comes with, or its first.
    """

    sobject: Sobject
    search: Annotated[str | None, Limits(max_length=MAX_SEARCH)] = None
    filters: tuple[Filter, ...] = ()
    sort: Sort | None = None
    stage: str | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """The records in a `stage`: how many they are, the sum of their amounts (left out when the user may not see it),
    and the first `cards` of them. `label` is what people read for the stage, "" when it reads as it is. `cursor` asks
    for the next cards; left out when all are here, or none is.
    """

    stage: str
    count: int
    amount: float | None = None
    cards: tuple[Record, ...] = ()
    label: str = ""
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """The columns in the order of the stages; one without records is among them. `currency` is the ISO 4217 code of the
    currency to which the sums are converted, in an org with several; "" in others.
    """

    columns: tuple[BoardColumn, ...]
    currency: str = ""
