"""Converting a lead in the app, without a screen: what is offered, what is sent, and where one is afterwards."""

from dataclasses import replace
from typing import Any

from contract.calls import FieldShape, Objects, SobjectShape
from contract.conversion import (
    Became,
    Becomes,
    Conversion,
    ConversionShape,
    Converted,
    ConvertedStatus,
    ConvertLead,
    Existing,
    GetConversion,
)
from contract.errors import OrgUnavailable, Reason, RefusedRequest
from tests.app.world import ACCOUNT, CONTACT, MemoryBackend, World
from ui.app import App
from ui.places import Place
from ui.records.conversion_view_model import NEW, ConversionViewModel
from ui.records.record_view_model import RecordViewModel

DEAL = SobjectShape(
    "Opportunity", "Opportunity", "Opportunities", (FieldShape("Name", "Name", "string", True, True, True, 120),),
    key_prefix="006", listed=("Name",),
)  # fmt: skip
BECOMES = ConversionShape(
    "IsConverted",
    Becomes("Account", "ConvertedAccountId", "ConvertedAccount.Name", "Company"),
    Becomes("Contact", "ConvertedContactId", "ConvertedContact.Name", "Name"),
    Becomes("Opportunity", "ConvertedOpportunityId", "ConvertedOpportunity.Name", "Company"),
    may_convert=True,
    email="Email",
)
OWNER = FieldShape(
    "OwnerId", "Owner", "reference", False, True, True, refers_to=("User", "Group"), relationship="Owner"
)
WHOSE = FieldShape(
    "AccountId", "Account ID", "reference", False, True, True, refers_to=("Account",), relationship="Account"
)
LEAD = SobjectShape(
    "Lead", "Lead", "Leads",
    (
        FieldShape("Name", "Name", "string", True, False, False, 121),
        FieldShape("Company", "Company", "string", True, True, True, 255),
        OWNER,
    ),
    key_prefix="00Q", listed=("Name", "Company"), editable=True, conversion=BECOMES, owner="OwnerId",
)  # fmt: skip
PERSON = replace(CONTACT, fields=(*CONTACT.fields, WHOSE))
STATUSES = (ConvertedStatus("Qualified", "Qualifiziert"), ConvertedStatus("Won over", "Won over"))
LEAD_ID = "00Q1"


class ConvertingBackend(MemoryBackend):
    """Converts leads once; `accounts` and `contacts` are what is proposed."""

    def __init__(self, conversion: ConversionShape | None = BECOMES) -> None:
        super().__init__()
        lead = replace(LEAD, conversion=conversion)
        self.objects = Objects((ACCOUNT, PERSON, DEAL, lead), "https://acme.my.salesforce.com")
        self.sent: list[ConvertLead] = []
        self.wanted: list[GetConversion] = []
        self.proposed = Conversion(STATUSES)
        self.add(LEAD_ID, Name="Ada Byron", Company="Engines", Email="ada@x.example", IsConverted=False)

    def _getConversion(self, request: GetConversion) -> Conversion:
        self.wanted.append(request)
        return self.proposed

    def _convertLead(self, request: ConvertLead) -> Converted:
        self.sent.append(request)
        fields = self.records[request.id].fields
        already = bool(fields["IsConverted"])
        if not already:
            new: dict[str, Any] = {
                "IsConverted": True,
                "ConvertedAccountId": request.account_id or "001N", "ConvertedAccount.Name": "Engines",
                "ConvertedContactId": request.contact_id or "003N", "ConvertedContact.Name": "Ada Byron",
                "ConvertedOpportunityId": None if request.no_opportunity else "006N",
                "ConvertedOpportunity.Name": request.opportunity_name,
            }  # fmt: skip
            self.add(request.id, **{**fields, **new})
            for record_id, name in (("001N", "Engines"), ("003N", "Ada Byron"), ("006N", "Engines")):
                self.add(record_id, Name=name)
        fields = self.records[request.id].fields
        into = (
            (one.sobject, fields[one.field]) for one in (BECOMES.account, BECOMES.contact, BECOMES.opportunity) if one
        )
        return Converted(tuple(Became(sobject, str(at)) for sobject, at in into if at), already)


async def record_page(app: App) -> RecordViewModel:
    await app.go(Place("record", "Lead", LEAD_ID))
    assert isinstance(app.screen, RecordViewModel)
    return app.screen


async def opened(backend: ConvertingBackend | None = None) -> tuple[ConvertingBackend, App, ConversionViewModel]:
    backend = backend or ConvertingBackend()
    app = await World(backend).start()
    await record_page(app)
    backend.asked.clear()
    await app.go(Place("convert", "Lead", LEAD_ID))
    assert isinstance(app.screen, ConversionViewModel)
    return backend, app, app.screen


def said(app: App) -> str:
    return "" if app.notices.newest is None else app.notices.newest.text


async def test_a_lead_that_may_be_converted_offers_it_and_one_that_was_says_into_what() -> None:
    backend, app, model = await opened()
    page = await record_page(app)
    assert (page.can_convert, page.can_edit, page.became) == (True, True, [])
    await model.convert()
    page = await record_page(app)
    assert (page.can_convert, page.can_edit) == (False, False)
    assert [(one.sobject, one.id, one.name) for one in page.became] == [
        ("Account", "001N", "Engines"), ("Contact", "003N", "Ada Byron"), ("Opportunity", "006N", "Engines"),
    ]  # fmt: skip
    backend.objects = replace(backend.objects, objects=tuple(o for o in backend.objects.objects if o != DEAL))
    assert len(page.became) == 3, "what one may not see has a name and no way to it"


async def test_who_may_not_convert_and_an_older_backend_offer_nothing() -> None:
    for conversion in (None, replace(BECOMES, may_convert=False)):
        app = await World(ConvertingBackend(conversion)).start()
        page = await record_page(app)
        assert (page.can_convert, page.can_edit) == (False, True)


async def test_opening_the_page_costs_one_call_and_asks_for_the_same_names() -> None:
    backend, app, model = await opened()
    assert [name for name, _request in backend.asked] == ["getConversion"]
    assert backend.wanted == [GetConversion("Lead", "Engines", "Ada Byron", "ada@x.example")]
    assert [(c.id, c.title) for c in model.accounts] == [(NEW, "Engines")]
    assert [(c.id, c.title) for c in model.contacts] == [(NEW, "Ada Byron")]
    assert (model.opportunity_name, model.status, model.with_opportunity) == ("Engines", "Qualified", True)
    await app.go(Place("record", "Lead", LEAD_ID))
    await app.go(Place("convert", "Lead", LEAD_ID))
    assert len(backend.wanted) == 1, "what was chosen stays"


async def test_it_is_sent_once_and_leads_to_the_opportunity() -> None:
    backend, app, model = await opened()
    model.type_name(" Engines for all ")
    model.choose_status("Won over")
    opens = await model.convert()
    assert opens is not None
    assert (opens.sobject, opens.id) == ("Opportunity", "006N")
    (sent,) = backend.sent
    assert sent.idempotency_key
    assert replace(sent, idempotency_key=None) == ConvertLead(
        "Lead", LEAD_ID, opportunity_name="Engines for all", status="Won over"
    )
    assert said(app) == "Ada Byron is converted."


async def test_without_an_opportunity_it_leads_to_the_contact() -> None:
    backend, _app, model = await opened()
    model.switch_opportunity(False)
    opens = await model.convert()
    assert opens is not None
    assert opens.sobject == "Contact"
    assert (backend.sent[0].no_opportunity, backend.sent[0].opportunity_name) == (True, None)


async def test_a_user_who_may_make_no_opportunities_makes_none() -> None:
    _backend, _app, model = await opened(ConvertingBackend(replace(BECOMES, opportunity=None)))
    assert not model.with_opportunity
    await model.convert()
    assert _backend.sent[0].no_opportunity


async def test_a_contact_brings_its_account_and_another_account_a_new_contact() -> None:
    backend = ConvertingBackend()
    backend.proposed = Conversion(
        STATUSES[:1],
        (Existing("001E", {"Name": "Engines"}),),
        (
            Existing("003E", {"LastName": "Byron"}, account="001F", account_name="Foundry"),
            Existing("003O", {"LastName": "Alone"}),
        ),
    )
    backend, _app, model = await opened(backend)
    model.choose_contact("003E")
    assert (model.account.id, model.account.title) == ("001F", "Foundry")
    assert [c.id for c in model.accounts] == [NEW, "001E", "001F"]
    model.choose_account("001E")
    assert (model.account.id, model.contact.id) == ("001E", NEW)
    model.choose_contact("003O")
    assert model.said.startswith("This contact belongs to no account.")
    assert model.contact.id == NEW
    model.choose_contact("003E")
    assert model.said == ""
    await model.convert()
    assert (backend.sent[0].account_id, backend.sent[0].contact_id) == ("001F", "003E")


async def test_what_was_looked_up_is_chosen() -> None:
    backend, _app, model = await opened()
    model.found_account(backend.add("001L", Name="Looked Up"))
    assert model.account.title == "Looked Up"
    person = backend.add("003L", LastName="Found", AccountId="001M", **{"Account.Name": "Mill"})
    model.found_contact(person)
    assert (model.contact.id, model.account.id, model.account.title) == ("003L", "001M", "Mill")
    assert [c.id for c in model.accounts] == [NEW, "001L", "001M"]


async def test_a_lead_of_a_queue_becomes_the_persons_own() -> None:
    backend = ConvertingBackend()
    fields = backend.records[LEAD_ID].fields
    backend.add(LEAD_ID, **{**fields, "OwnerId": "00G1", "Owner.Type": "Queue"})
    backend, _app, model = await opened(backend)
    await model.convert()
    assert backend.sent[0].owner_id == "005"


async def test_a_lost_answer_keeps_its_key_and_a_refusal_is_said() -> None:
    backend, app, model = await opened()
    backend.loses.add("convertLead")
    assert await model.convert() is None
    assert model.said == OrgUnavailable(Reason.OUTCOME_UNKNOWN).message
    assert await model.convert() is not None
    assert backend.sent[0].idempotency_key == backend.sent[1].idempotency_key
    assert said(app) == "Ada Byron was converted before."

    backend, app, model = await opened()
    backend.fails["convertLead"] = RefusedRequest(Reason.NOT_PERMITTED)
    assert await model.convert() is None
    assert model.said == RefusedRequest(Reason.NOT_PERMITTED).message
    backend.fails["convertLead"] = RefusedRequest(Reason.UNKNOWN_CALL)
    assert await model.convert() is None
    assert model.said == "This is not possible at the moment. Please try again later."


async def test_an_opportunity_needs_a_name() -> None:
    backend, _app, model = await opened()
    model.type_name("  ")
    assert model.name_error == "This cannot be empty."
    assert await model.convert() is None
    assert backend.sent == []
    model.switch_opportunity(False)
    assert model.name_error == ""


async def test_what_could_not_be_asked_can_be_tried_again() -> None:
    backend = ConvertingBackend()
    backend.fails["getConversion"] = OrgUnavailable(Reason.ORG_BUSY)
    backend, _app, model = await opened(backend)
    assert (model.has_content, model.problem is not None) == (False, True)
    await model.load()
    assert (model.has_content, model.problem) == (True, None)
