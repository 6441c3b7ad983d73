"""Conversion: what a record such as a lead becomes. functions/backend/records/layouts.py says which objects have it."""

from dataclasses import dataclass, field
from typing import Annotated

from contract.values import IDEMPOTENCY_KEY, FieldValue, Limits, RecordId, Sobject

MAX_NAME = 120  # characters of an opportunity's name
_Text = Annotated[str, Limits(max_length=255)]


@dataclass(frozen=True, slots=True)
class Becomes:
    """One of the records that a record becomes: its object, the field of the converted record that has its id, and the
    one that has its name. `named_by` is the field after which a new one is called.
    """

    sobject: Sobject
    field: str
    name: str
    named_by: str = ""


@dataclass(frozen=True, slots=True)
class ConversionShape:
    """What a record becomes when it is converted: an account, a contact of it, and an opportunity where the user may
    make one. The checkbox `flag` says that it is converted. `may_convert`: the user may make and change what it takes,
    as far as Salesforce says before it is tried. `email` is the field with which a contact is recognised.
    """

    flag: str
    account: Becomes
    contact: Becomes
    opportunity: Becomes | None = None
    may_convert: bool = False
    email: str = ""


@dataclass(frozen=True, slots=True)
class GetConversion:
    """What may be chosen when a record of this object is converted. `account` and `contact` are names and `email` an
    address of what is looked for among the records that are there; "" looks for nothing.
    """

    sobject: Sobject
    account: _Text = ""
    contact: _Text = ""
    email: _Text = ""


@dataclass(frozen=True, slots=True)
class ConvertedStatus:
    """A status that a converted record may get; `label` is what people read for it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Existing:
    """A record that is there already, with the fields of its list. `account` is the id of the account that a
    contact belongs to.
    """

    id: RecordId
    fields: dict[str, FieldValue]
    account: str = ""
    account_name: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The statuses for converted records, in the org's order, and a few accounts and contacts of the names looked for;
    a contact without an account is none that a record can be merged into.
    """

    statuses: tuple[ConvertedStatus, ...]
    accounts: tuple[Existing, ...] = ()
    contacts: tuple[Existing, ...] = ()


@dataclass(frozen=True, slots=True)
class ConvertLead:
    """Converts a record: into the account `accountId`, or a new one; into its contact `contactId`, or a new one; into a
    new opportunity called `opportunityName` (else after the company), or with `noOpportunity` into none. `status` is
    one of getConversion, or else the org's first. `ownerId` owns what is new, else whoever owns the record, which a
    queue cannot be.

    Salesforce converts a record once. One that is converted already answers with what it has become, whoever converted
    it; so a call whose answer was lost is repeated. For a day an `idempotencyKey` belongs to its request, as in
    createRecord.
    """

    sobject: Sobject
    id: RecordId
    idempotency_key: Annotated[str | None, Limits(pattern=IDEMPOTENCY_KEY)] = None
    account_id: RecordId | None = None
    contact_id: RecordId | None = None
    opportunity_name: Annotated[str | None, Limits(max_length=MAX_NAME)] = None
    no_opportunity: bool = False
    status: _Text | None = None
    owner_id: RecordId | None = None


@dataclass(frozen=True, slots=True)
class Became:
    """A record that another one became; `name` is "" where it was not read."""

    sobject: Sobject
    id: RecordId
    name: str = ""


@dataclass(frozen=True, slots=True)
class Converted:
    """What the record has become: the account, the contact, and the opportunity where one was made. `already`: it was
    converted before this request, by an earlier one or by somebody else.
    """

    into: tuple[Became, ...] = field(default_factory=tuple[Became, ...])
    already: bool = False
