"""Converting a record: what it becomes, what may be chosen for that, and what it has become. No Flet in here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from contract.calls import QUEUE, FieldValue, Record, SobjectShape
from contract.conversion import (
    MAX_NAME,
    Became,
    Becomes,
    Conversion,
    ConversionShape,
    Converted,
    ConvertLead,
    GetConversion,
)
from contract.errors import CallError, OrgUnavailable, Reason
from data.repositories.calls import AnotherUser
from data.repositories.drafts import Drafts, new_id
from data.repositories.records import RecordsRepository
from ui.shared import values
from ui.shared.notices import Notice, Notices
from ui.shared.state import Screen
from ui.shared.words import _

NEW = ""  # chosen where a new record is to be made
Shapes = Callable[[str], SobjectShape | None]


def is_converted(shape: SobjectShape, record: Record) -> bool:
    """Whether a record was converted: nobody can change it any more."""
    return shape.conversion is not None and record.fields.get(shape.conversion.flag) is True


def can_convert(shape: SobjectShape, record: Record) -> bool:
    """Whether the person may convert a record, as far as is known before they try."""
    conversion = shape.conversion
    return (
        conversion is not None
        and conversion.may_convert
        and record.version is not None
        and record.fields.get(conversion.flag) is False
    )


def became(shape: SobjectShape, record: Record) -> list[Became]:
    """What a record has become, as far as the person may see it."""
    conversion = shape.conversion
    if conversion is None or not is_converted(shape, record):
        return []
    into = (conversion.account, conversion.contact, conversion.opportunity)
    found = ((one, record.fields.get(one.field)) for one in into if one is not None)
    return [Became(one.sobject, str(at), str(record.fields.get(one.name) or "")) for one, at in found if at]


@dataclass(frozen=True, slots=True)
class Choice:
    """A record into which another one may be converted, NEW for a new one; `account` is whose contact it is."""

    id: str
    title: str
    below: str = ""
    account: str = ""
    account_title: str = ""


class ConversionViewModel(Screen):
    """The page on which a record is converted.

    `choices` are what may be chosen, None while they are not there, `problem` why they did not come. `account` and
    `contact` are what is chosen, `with_opportunity` whether an opportunity is made, of the name `opportunity_name`.
    `said` is why it was not converted, `converting` whether that is under way. `me` gives the Salesforce user id of
    whoever uses the app, `shapes` an object by its name.
    """

    def __init__(
        self,
        records: RecordsRepository,
        drafts: Drafts,
        shape: SobjectShape,
        conversion: ConversionShape,
        record_id: str,
        notices: Notices,
        me: Callable[[], str],
        shapes: Shapes,
    ) -> None:
        super().__init__()
        self._records = records
        self._drafts = drafts
        self._notices = notices
        self._me = me
        self._shapes = shapes
        self.shape = shape
        self.conversion = conversion
        self.record_id = record_id
        self.record: Record | None = None
        self.choices: Conversion | None = None
        self.problem: CallError | None = None
        self.account = self.contact = Choice(NEW, "")
        self._found: dict[str, Choice] = {}  # by object, what was looked up
        self.with_opportunity = conversion.opportunity is not None
        self.opportunity_name = ""
        self.status = ""
        self.said = ""
        self.converting = False
        self._sent: ConvertLead | None = None
        self._loading = False

    @property
    def has_content(self) -> bool:
        """Whether there is more to see than a skeleton."""
        return self.choices is not None

    @property
    def title(self) -> str:
        """What the record is called; "" while it is not loaded."""
        return "" if self.record is None else values.title(self.shape, self.record)

    async def load(self) -> None:
        """Asks what may be chosen, once; the record is taken from the device, where its page has put it."""
        if self._loading or self.converting or self.choices is not None:
            return
        self._loading, self.problem = True, None
        self.changed()
        try:
            detail = self._records.detail(self.shape, self.record_id)
            seen = await detail.seen()
            record = (seen.value if seen is not None else await detail.get()).record
            account, contact = self._text(record, self.conversion.account), self._text(record, self.conversion.contact)
            email = str(record.fields.get(self.conversion.email) or "")
            asked = GetConversion(self.shape.sobject, account[:255], contact[:255], email[:255])
            self.choices = await self._records.conversion(asked)
            self.record = record
            if self.conversion.opportunity is not None:
                self.opportunity_name = self._text(record, self.conversion.opportunity)[:MAX_NAME]
            self.status = self.choices.statuses[0].value if self.choices.statuses else ""
            self.account, self.contact = self._new(self.conversion.account), self._new(self.conversion.contact)
        except CallError as failed:
            self.problem = failed
        except AnotherUser:
            return
        finally:
            self._loading = False
            self.changed()

    def _text(self, record: Record, one: Becomes) -> str:
        """What a new record is called."""
        return str(record.fields.get(one.named_by) or "") or values.title(self.shape, record)

    def _new(self, one: Becomes) -> Choice:
        return Choice(NEW, "" if self.record is None else self._text(self.record, one))

    # What may be chosen

    @property
    def accounts(self) -> list[Choice]:
        """A new account, those of the same name, and the one that was looked up."""
        shape = self._shapes(self.conversion.account.sobject)
        given = () if self.choices is None else self.choices.accounts
        there = [Choice(one.id, *_words(shape, one.id, one.fields)) for one in given]
        return self._with_found(self.conversion.account, there, self.account)

    @property
    def contacts(self) -> list[Choice]:
        """A new contact, those of the same name or address, and the one that was looked up."""
        shape = self._shapes(self.conversion.contact.sobject)
        given = () if self.choices is None else self.choices.contacts
        there = [
            Choice(one.id, *_words(shape, one.id, one.fields), one.account, one.account_name)
            for one in given
        ]  # fmt: skip
        return self._with_found(self.conversion.contact, there, self.contact)

    def _with_found(self, one: Becomes, there: list[Choice], chosen: Choice) -> list[Choice]:
        more = [choice for choice in (self._found.get(one.sobject), chosen) if choice is not None and choice.id != NEW]
        by_id = {choice.id: choice for choice in (*there, *more)}
        return [self._new(one), *by_id.values()]

    def choose_account(self, record_id: str) -> None:
        """Chooses an account; a contact of another one is chosen no more."""
        self.account = next(choice for choice in self.accounts if choice.id == record_id)
        if self.contact.account not in ("", record_id):
            self.contact = self._new(self.conversion.contact)
        self.said = ""
        self.changed()

    def choose_contact(self, record_id: str) -> None:
        """Chooses a contact, and with it its account: a record is merged into contacts of the account alone."""
        chosen = next(choice for choice in self.contacts if choice.id == record_id)
        if chosen.id != NEW and not chosen.account:
            self.said = _("This contact belongs to no account. Please choose another one, or a new contact.")
            self.changed()
            return
        self.contact, self.said = chosen, ""
        if chosen.id != NEW and self.account.id != chosen.account:
            known = (choice for choice in self.accounts if choice.id == chosen.account)
            self.account = next(known, Choice(chosen.account, chosen.account_title))
        self.changed()

    def found_account(self, record: Record) -> None:
        """Chooses an account that was looked up."""
        shape = self._shapes(self.conversion.account.sobject)
        self._found[self.conversion.account.sobject] = Choice(record.id, *_words(shape, record.id, record.fields))
        self.choose_account(record.id)

    def found_contact(self, record: Record) -> None:
        """Chooses a contact that was looked up."""
        shape, accounts = self._shapes(self.conversion.contact.sobject), (self.conversion.account.sobject,)
        references = () if shape is None else (f for f in shape.fields if f.refers_to == accounts)
        reference = next(iter(references), None)
        whose = ("", "")
        if reference is not None:
            given = str(record.fields.get(reference.name) or "")
            whose = (given, values.parent_of(reference, record.fields) if given else "")
        self._found[self.conversion.contact.sobject] = Choice(
            record.id, *_words(shape, record.id, record.fields), *whose
        )
        self.choose_contact(record.id)

    def switch_opportunity(self, wanted: bool) -> None:
        """Chooses whether an opportunity is made."""
        self.with_opportunity, self.said = wanted, ""
        self.changed()

    def type_name(self, text: str) -> None:
        """Takes over the name of the opportunity."""
        self.opportunity_name = text
        if self.name_error:
            self.changed()

    @property
    def name_error(self) -> str:
        """What is wrong with the opportunity's name; "" when nothing is."""
        if not self.with_opportunity or self.record is None:
            return ""
        return "" if self.opportunity_name.strip() else _("This cannot be empty.")

    def choose_status(self, value: str) -> None:
        """Chooses the status that the record gets."""
        self.status = value
        self.changed()

    # Converting

    async def convert(self) -> Became | None:
        """Converts the record, says so, and returns where to go: the opportunity, else the contact or the account. None
        when it was not converted; `said` tells why."""
        if self.converting or self.record is None or self.name_error:
            self.changed()
            return None
        self.converting, self.said = True, ""
        self.changed()
        try:
            done = await self._records.convert(self._request())
        except CallError as failed:
            self._failed(failed)
            return None
        except AnotherUser:
            return None
        finally:
            self.converting = False
            self.changed()
        self._drafts.drop(self.shape.sobject, self.record_id)
        before, now = _("{title} was converted before.", title=self.title), _("{title} is converted.", title=self.title)
        self._notices.say(Notice(before if done.already else now))
        return self._opens(done)

    def _request(self) -> ConvertLead:
        """What is sent, under the key of the last time where that was the same: it may have been carried out."""
        name = self.opportunity_name.strip()[:MAX_NAME] if self.with_opportunity else None
        request = ConvertLead(
            self.shape.sobject,
            self.record_id,
            account_id=self.account.id or None,
            contact_id=self.contact.id or None,
            opportunity_name=name,
            no_opportunity=not self.with_opportunity,
            status=self.status or None,
            owner_id=self._owner(),
        )
        if self._sent is None or replace(self._sent, idempotency_key=None) != request:
            self._sent = replace(request, idempotency_key=new_id())
        return self._sent

    def _owner(self) -> str | None:
        """Who owns what is new: the person, where the record is a queue's, which can own no account."""
        owner = values.fields_of(self.shape).get(self.shape.owner)
        is_queues = owner is not None and self.record is not None and self.record.fields.get(owner.parent_kind) == QUEUE
        return (self._me() or None) if is_queues else None

    def _failed(self, failed: CallError) -> None:
        if not isinstance(failed, OrgUnavailable):
            self._sent = None
        if failed.reason is Reason.UNKNOWN_CALL:
            self.said = _("This is not possible at the moment. Please try again later.")
        else:
            self.said = _(failed.message)

    def _opens(self, done: Converted) -> Became | None:
        return next((one for one in reversed(done.into) if self._shapes(one.sobject) is not None), None)


def _words(shape: SobjectShape | None, record_id: str, fields: Mapping[str, FieldValue]) -> tuple[str, str]:
    """A record's name, and what stands below it."""
    record = Record(record_id, dict(fields))
    return values.title(shape, record), "" if shape is None else values.joined(*values.summary(shape, record)[:2])
