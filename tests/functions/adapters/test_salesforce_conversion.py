"""Lead conversion at the local org's SOAP API: once, whatever is lost or expires on the way, and what is refused."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from backend.adapters.salesforce_conversion import converted
from backend.adapters.salesforce_http import Answer
from backend.adapters.salesforce_soap import fault_of, read_xml
from backend.failures import LimitReached, OutcomeUnknown
from backend.records.org import AlreadyConverted
from backend.values import Caller, Uid
from contract.calls import Describe, Empty, GetRecord, UpdateRecord
from contract.conversion import Converted, ConvertLead, GetConversion
from contract.errors import CallError, NotFound, Reason, RefusedRequest
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.altered import replace
from tests.depth import examples
from tests.functions.instances import Instances

SERVICE, READ_ONLY = "service@localorg.test", "readonly@localorg.test"
STATUS = "Closed - Converted"
LEAD: dict[str, Any] = {
    "FirstName": "Ada", "LastName": "Byron", "Company": "Engines <& Co>", "Email": "ada@engines.example",
}  # fmt: skip


@pytest.fixture(scope="module")
def leads() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset({"no-api-user", "queues"}))) as org:
        org.save("clean")
        yield org


@pytest.fixture
async def here(leads: EmbeddedOrg) -> AsyncIterator[Instances]:
    leads.restore("clean")
    control(leads.url, "reset")
    made = Instances(leads)
    yield made
    await made.http.close()


class Seller:
    """A user at the backend, with a lead of theirs."""

    def __init__(self, here: Instances, uid: Uid, lead: str) -> None:
        self.here, self.uid, self.lead = here, uid, lead
        self.caller = Caller(uid, "phone")

    async def convert(self, at: int = 0, **said: Any) -> Converted:
        request = replace(ConvertLead("Lead", self.lead, status=STATUS), **said)
        return await self.here.each[at].changes.convert_lead(self.caller, request)

    async def refused(self, **said: Any) -> CallError:
        with pytest.raises(CallError) as failed:
            await self.convert(**said)
        return failed.value

    async def row(self, text: str) -> dict[str, Any]:
        ((row,),) = await self.here.rests[0].query(self.uid, text)
        return dict(row)

    async def made(self, sobject: str, name: str) -> int:
        text = f"SELECT COUNT(Id) n FROM {sobject} WHERE Name = '{name}'"
        return (await self.row(text))["n"]

    def asked(self) -> dict[str, int]:
        return {
            kind: n for kind, n in control(self.here.org.url, "counters").items() if kind.startswith(("rest", "soap"))
        }


async def seller(here: Instances, username: str = SALES, *, bound: bool = False, **fields: Any) -> Seller:
    uid, _ = await (here.connect_bound(username) if bound else here.connect(username))
    lead, _row = await here.rests[0].create(uid, "Lead", {**LEAD, **fields}, "Id")
    await here.each[0].queries.describe(Caller(uid, "phone"), Describe("Lead"))
    control(here.org.url, "counters/reset")
    return Seller(here, uid, lead)


async def test_a_lead_becomes_three_records_by_one_request(here: Instances) -> None:
    sam = await seller(here)
    done = await sam.convert(opportunity_name="Engines — <first> & \x0bfinest")
    assert sam.asked() == {"soap": 1}
    assert [one.sobject for one in done.into] == ["Account", "Contact", "Opportunity"]
    assert not done.already
    account, contact, deal = (one.id for one in done.into)
    assert (await sam.row(f"SELECT Name FROM Account WHERE Id = '{account}'"))["Name"] == LEAD["Company"]
    assert (await sam.row(f"SELECT AccountId FROM Contact WHERE Id = '{contact}'"))["AccountId"] == account
    named = (await sam.row(f"SELECT Name FROM Opportunity WHERE Id = '{deal}'"))["Name"]
    assert named == "Engines — <first> & finest"
    detail = await here.each[0].queries.get_record(sam.caller, GetRecord("Lead", sam.lead))
    told = detail.record.fields
    assert (told["IsConverted"], told["ConvertedAccountId"], told["ConvertedAccount.Name"]) == (
        True, account, LEAD["Company"],
    )  # fmt: skip


async def test_it_goes_into_records_that_are_there_and_into_no_opportunity(here: Instances) -> None:
    sam = await seller(here)
    account, _ = await here.rests[0].create(sam.uid, "Account", {"Name": "Engines"}, "Id")
    contact, _ = await here.rests[0].create(sam.uid, "Contact", {"LastName": "Byron", "AccountId": account}, "Id")
    done = await sam.convert(account_id=account, contact_id=contact, no_opportunity=True)
    assert [(one.sobject, one.id) for one in done.into] == [("Account", account), ("Contact", contact)]


async def test_without_a_status_the_orgs_first_is_taken(here: Instances) -> None:
    sam = await seller(here)
    await sam.convert(status=None)
    assert sam.asked() == {"rest.query": 1, "soap": 1}
    assert (await sam.row(f"SELECT Status FROM Lead WHERE Id = '{sam.lead}'"))["Status"] == STATUS


@pytest.mark.parametrize("bound", [False, True])
async def test_after_an_expired_token_it_is_converted_once(here: Instances, bound: bool) -> None:
    if bound:
        control(here.org.url, "app", {"dpop": "required"})
        control(here.org.url, "proofs", {"resourceNonce": "401"})
    sam = await seller(here, bound=bound)
    control(here.org.url, "expire", {"username": SALES})
    done = await sam.convert()
    assert not done.already
    assert here.refreshes() == 1
    assert await sam.made("Contact", "Ada Byron") == 1


async def test_with_a_bound_token_the_proof_goes_in_the_envelope(here: Instances) -> None:
    control(here.org.url, "app", {"dpop": "required"})
    sam = await seller(here, bound=True)
    control(here.org.url, "faults", {"kind": "soap", "nonce": "forgotten"})
    control(here.org.url, "proofs", {"resourceNonce": "400"})
    assert len((await sam.convert()).into) == 3
    assert here.refreshes() == 0
    assert control(here.org.url, "counters")["nonce.soap"] == 1


@pytest.mark.parametrize("key", [None, "key-1"])
async def test_when_the_answer_is_lost_it_is_looked_at(here: Instances, key: str | None) -> None:
    sam = await seller(here)
    control(here.org.url, "faults", {"kind": "soap", "cut": "after"})
    done = await sam.convert(idempotency_key=key)
    assert sam.asked() == {"soap": 1, "fault.soap": 1, "rest.query": 1} or sam.asked() == {"soap": 1, "rest.query": 1}
    assert [one.name for one in done.into] == [LEAD["Company"], "Ada Byron", LEAD["Company"]]
    assert await sam.convert(idempotency_key=key) in (done, replace(done, already=True, into=tuple(
        replace(one, name="") for one in done.into)))  # fmt: skip
    assert await sam.made("Contact", "Ada Byron") == 1


async def test_an_answer_that_is_lost_before_anything_was_done_leaves_it_open_until_it_is_sent_again(
    here: Instances,
) -> None:
    sam = await seller(here)
    for fault in ({"cut": "before"}, {"status": 503, "body": "<html>Down</html>"}, {"status": 500}):
        control(here.org.url, "faults", {"kind": "soap", **fault})
        assert isinstance(await sam.refused(idempotency_key="key-2"), OutcomeUnknown)
    done = await sam.convert(idempotency_key="key-2", at=1)
    assert (len(done.into), done.already) == (3, False)


async def test_whatever_is_lost_and_whoever_tries_it_is_converted_once(here: Instances) -> None:
    sam, ada = await seller(here), await seller(here, ADMIN)
    faults: tuple[dict[str, Any], ...] = ({}, {"cut": "before"}, {"cut": "after"}, {"status": 500}, {"status": 503})
    for number in range(examples(12)):
        chance = random.Random(number)
        fields = {**LEAD, "LastName": f"Number{number}"}
        sam.lead, _row = await here.rests[0].create(sam.uid, "Lead", fields, "Id")
        ada.lead = sam.lead
        answers: list[Converted] = []
        for attempt in range(chance.randint(1, 5)):
            fault = chance.choice(faults)
            if fault:
                control(here.org.url, "faults", {"kind": "soap", **fault})
            who, key = chance.choice((sam, ada)), chance.choice((None, f"story-{number}", f"story-{number}-{attempt}"))
            try:
                answers.append(await who.convert(at=chance.randrange(4), idempotency_key=key))
            except OutcomeUnknown:
                assert fault
            control(here.org.url, "faults/clear", {})
        answers.append(await sam.convert(idempotency_key="last-" + str(number)))
        assert len({tuple(one.id for one in answer.into) for answer in answers}) == 1, f"story {number}"
        assert await sam.made("Contact", f"Ada Number{number}") == 1
        assert [answer.already for answer in answers].count(False) <= 1


async def test_of_two_who_convert_at_once_one_reads_what_the_other_made(here: Instances) -> None:
    sam, ada = await seller(here), await seller(here, ADMIN)
    ada.lead = sam.lead
    first, second = await asyncio.gather(sam.convert(at=0), ada.convert(at=1))
    assert {first.already, second.already} == {True, False}
    assert [one.id for one in first.into] == [one.id for one in second.into]


async def test_a_repetition_with_the_same_key_has_the_same_answer(here: Instances) -> None:
    sam = await seller(here)
    done = await sam.convert(idempotency_key="key-3")
    again = await sam.convert(idempotency_key="key-3")
    assert (again.into, again.already) == (done.into, True)
    assert sam.asked() == {"soap": 1}
    assert (await sam.refused(idempotency_key="key-3", no_opportunity=True)).reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_what_somebody_else_has_converted_answers_with_what_it_became(here: Instances) -> None:
    sam = await seller(here)
    first = await sam.convert()
    then = await sam.convert(no_opportunity=True)
    assert then.already
    assert [one.id for one in then.into] == [one.id for one in first.into]
    assert then.into[1].name == "Ada Byron"
    with pytest.raises(RefusedRequest) as refused:
        await here.each[0].changes.update_record(sam.caller, UpdateRecord("Lead", sam.lead, {"Phone": "1"}))
    assert refused.value.reason is Reason.INVALID_VALUE


@pytest.mark.parametrize(("said", "reason"), [
    ({"status": "Open - Not Contacted"}, Reason.INVALID_VALUE),
    ({"account_id": "001000000000001AAA"}, Reason.INVALID_VALUE),
    ({"contact_id": "003000000000001AAA"}, Reason.MALFORMED_REQUEST),
    ({"opportunity_name": "x", "no_opportunity": True}, Reason.MALFORMED_REQUEST),
    ({"id": "no id"}, Reason.INVALID_VALUE),
    ({"sobject": "Account"}, Reason.UNKNOWN_ACTION),
])  # fmt: skip
async def test_each_refusal_has_its_reason(here: Instances, said: dict[str, Any], reason: Reason) -> None:
    sam = await seller(here)
    assert (await sam.refused(**said)).reason is reason
    assert len((await sam.convert()).into) == 3


async def test_whoever_may_not_convert_is_told_so_and_is_not_offered_it(here: Instances) -> None:
    sue = await seller(here, SERVICE)
    assert (await sue.refused(no_opportunity=True)).reason is Reason.NOT_PERMITTED
    shape = (await here.each[0].queries.describe(sue.caller, Describe("Lead"))).conversion
    assert shape is not None
    assert shape.opportunity is None, "she sees no opportunities"
    lead = sue.lead
    sam = await seller(here)
    shape = (await here.each[0].queries.describe(sam.caller, Describe("Lead"))).conversion
    assert shape is not None
    assert shape.may_convert
    assert (shape.flag, shape.account.named_by, shape.email) == ("IsConverted", "Company", "Email")
    assert (await here.each[0].queries.describe(sam.caller, Describe("Contact"))).conversion is None
    sam.lead = lead
    await sam.convert(owner_id=sam.uid.user_id)  # she could own no opportunity
    seen = (await here.each[0].queries.get_record(sue.caller, GetRecord("Lead", lead))).record.fields
    assert seen["ConvertedContact.Name"] == "Ada Byron"
    assert "ConvertedOpportunity.Name" not in seen


async def test_a_lead_of_a_queue_needs_an_owner(here: Instances) -> None:
    sam = await seller(here)
    queue = await sam.row("SELECT Id FROM Group WHERE Name = 'Inbound Leads'")
    await here.rests[0].update(sam.uid, "Lead", sam.lead, {"OwnerId": queue["Id"]}, "Id", None)
    refused = await sam.refused()
    assert (refused.reason, refused.message[:41]) == (Reason.INVALID_VALUE, "Converted objects can only be owned by us")
    done = await sam.convert(owner_id=sam.uid.user_id)
    account = await sam.row(f"SELECT OwnerId FROM Account WHERE Id = '{done.into[0].id}'")
    assert account["OwnerId"] == sam.uid.user_id


async def test_a_lead_that_is_gone_is_not_found(here: Instances) -> None:
    sam = await seller(here)
    await here.rests[0].delete(sam.uid, "Lead", sam.lead)
    assert isinstance(await sam.refused(), NotFound)


async def test_what_may_be_chosen_comes_in_one_request(here: Instances) -> None:
    ada = await seller(here, ADMIN)
    account, _ = await here.rests[0].create(ada.uid, "Account", {"Name": "Engines <& Co>"}, "Id")
    same = {"LastName": "Other", "Email": "ADA@engines.example", "AccountId": account}
    contact, _ = await here.rests[0].create(ada.uid, "Contact", same, "Id")
    await here.rests[0].create(ada.uid, "Contact", {"FirstName": "Ada", "LastName": "Byron"}, "Id")  # of no account
    asked = GetConversion("Lead", LEAD["Company"], "Ada Byron", LEAD["Email"])
    await here.each[0].queries.get_objects(ada.caller, Empty())
    control(here.org.url, "counters/reset")
    found = await here.each[0].changes.get_conversion(ada.caller, asked)
    assert sum(n for kind, n in ada.asked().items() if kind == "rest.composite") == 1
    assert [(status.value, status.label) for status in found.statuses] == [(STATUS, STATUS)]
    assert [(one.id, one.fields["Name"]) for one in found.accounts] == [(account, "Engines <& Co>")]
    assert [(one.id, one.account, one.account_name) for one in found.contacts] == [(contact, account, "Engines <& Co>")]
    nothing = await here.each[0].changes.get_conversion(ada.caller, GetConversion("Lead"))
    assert (len(nothing.statuses), nothing.accounts, nothing.contacts) == (1, (), ())


# What answers mean


def fault(code: str, said: str = "x") -> Answer:
    inner = f"<s:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {said}</faultstring></s:Fault>"
    text = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inner}</s:Body></s:Envelope>'
    return Answer(500, {}, text.encode())


@pytest.mark.parametrize(("answer", "raised"), [
    (fault("REQUEST_LIMIT_EXCEEDED"), LimitReached),
    (fault("API_DISABLED_FOR_ORG"), RefusedRequest),
    (fault("CANNOT_UPDATE_CONVERTED_LEAD"), AlreadyConverted),
    (fault("UNKNOWN_EXCEPTION"), OutcomeUnknown),
    (fault("SERVER_UNAVAILABLE"), OutcomeUnknown),
    (Answer(200, {}, b""), OutcomeUnknown),
    (Answer(200, {}, b"<a><b></a>"), OutcomeUnknown),
    (Answer(502, {}, b"<html><body>Bad gateway</body></html>"), OutcomeUnknown),
])  # fmt: skip
def test_what_an_answer_means(answer: Answer, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        converted(answer)


def test_a_document_type_is_not_read() -> None:
    assert read_xml(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>') is None
    assert read_xml(b'<?xml version="1.0"?><n:a xmlns:n="urn:x">b</n:a>') is not None
    assert fault_of(fault("INVALID_SESSION_ID", "Illegal Session").body) == ("INVALID_SESSION_ID", "Illegal Session")
    assert fault_of(b"{}") == ("", "")
