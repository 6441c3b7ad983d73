"""Lead conversion over the SOAP API: what a lead becomes, what is refused, and by whom.

Sources: SOAP API Developer Guide, "convertLead()", "SessionHeader", "DpopProofHeader", "API Fault Element"; Object
Reference, LeadStatus; the reports named in localorg/data/conversion.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.compatibility import shows
from tests.localorg.test_other_clients import run_node

BASE = "/services/data/v66.0"
SOAP = "/services/Soap/u/66.0"
SERVICE = "service@localorg.test"
STATUS = "Closed - Converted"


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=8, shape=frozenset({"no-api-user", "queues"}))) as org:
        org.save("clean")
        yield org


@pytest.fixture
def http(own: EmbeddedOrg) -> Iterator[httpx.Client]:
    own.restore("clean")
    control(own.url, "reset")
    with signed_in(own, ADMIN) as client:
        yield client


def signed_in(own: EmbeddedOrg, username: str) -> httpx.Client:
    return loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {own.sign_in(username)}"})


def enveloped(token: str, call: str) -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
        f"<s:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></s:Header><s:Body>{call}</s:Body>"
        "</s:Envelope>"
    )


def soap(http: httpx.Client, call: str, token: str | None = None) -> httpx.Response:
    own = http.headers["Authorization"].removeprefix("Bearer ")
    headers = {"Content-Type": "text/xml", "SOAPAction": '""', "Authorization": ""}
    return http.post(SOAP, content=enveloped(own if token is None else token, call), headers=headers)


def convert(http: httpx.Client, lead: str, **said: str) -> dict[str, str]:
    """The first result of a call, by the names of its elements."""
    said = {"convertedStatus": STATUS, "leadId": lead, **said}
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in said.items())
    answer = soap(http, f"<convertLead><leadConverts>{inner}</leadConverts></convertLead>")
    assert answer.status_code == 200, answer.text
    return dict(re.findall(r"<(\w+)>([^<]+)</\1>", answer.text))


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = http.get(f"{BASE}/query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def new(http: httpx.Client, sobject: str, **fields: object) -> str:
    answer = http.post(f"{BASE}/sobjects/{sobject}", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def a_lead(http: httpx.Client, **fields: object) -> str:
    usual: dict[str, object] = {
        "FirstName": "Ada", "LastName": "Byron", "Company": "Engines & Co", "Email": "ada@engines.example",
        "Phone": "+44 20 7946 0001", "City": "London", "Industry": "Media", "LeadSource": "Web",
        "AnnualRevenue": 500, "Description": "Met at the fair",
    }  # fmt: skip
    return new(http, "Lead", **usual | fields)


def one(http: httpx.Client, sobject: str, record_id: str) -> dict[str, Any]:
    return http.get(f"{BASE}/sobjects/{sobject}/{record_id}").json()


def test_which_statuses_convert_says_lead_status(http: httpx.Client) -> None:
    found = rows(http, "SELECT MasterLabel, ApiName, IsDefault FROM LeadStatus WHERE IsConverted = true")
    assert [(r["ApiName"], r["MasterLabel"], r["IsDefault"]) for r in found] == [(STATUS, STATUS, False)]
    begins = rows(http, "SELECT ApiName FROM LeadStatus WHERE IsDefault = true")
    assert [r["ApiName"] for r in begins] == ["Open - Not Contacted"]


def test_a_lead_becomes_an_account_a_contact_and_an_opportunity(http: httpx.Client) -> None:
    lead = a_lead(http)
    task = new(http, "Task", Subject="Call her", WhoId=lead)
    made = convert(http, lead)
    assert made["success"] == "true"
    assert made["leadId"] == lead
    account, contact = one(http, "Account", made["accountId"]), one(http, "Contact", made["contactId"])
    assert (account["Name"], account["BillingCity"], account["Industry"]) == ("Engines & Co", "London", "Media")
    assert (account["AnnualRevenue"], account["AccountSource"]) == (500, "Web")
    assert (contact["Name"], contact["Email"], contact["MailingCity"]) == ("Ada Byron", "ada@engines.example", "London")
    assert (contact["AccountId"], contact["Description"]) == (made["accountId"], "Met at the fair")
    deal = one(http, "Opportunity", made["opportunityId"])
    assert (deal["Name"], deal["AccountId"], deal["LeadSource"]) == ("Engines & Co", made["accountId"], "Web")
    assert deal["StageName"] == "Prospecting"
    assert deal["CloseDate"][5:] in ("03-31", "06-30", "09-30", "12-31")
    now = one(http, "Lead", lead)
    assert (now["IsConverted"], now["Status"]) == (True, STATUS)
    assert [now[f"Converted{of}Id"] for of in ("Account", "Contact", "Opportunity")] == [
        made[f"{of}Id"] for of in ("account", "contact", "opportunity")
    ]
    assert now["ConvertedDate"]
    moved = one(http, "Task", task)
    assert (moved["WhoId"], moved["WhatId"]) == (made["contactId"], made["opportunityId"])


def test_a_converted_lead_is_changed_and_converted_no_more(http: httpx.Client) -> None:
    lead = a_lead(http)
    convert(http, lead, doNotCreateOpportunity="true")
    refused = http.patch(f"{BASE}/sobjects/Lead/{lead}", json={"Phone": "1"})
    assert refused.status_code == 400
    assert refused.json()[0] == {
        "errorCode": "CANNOT_UPDATE_CONVERTED_LEAD", "message": "cannot reference converted lead", "fields": [],
    }  # fmt: skip
    again = convert(http, lead)
    assert (again["success"], again["statusCode"]) == ("false", "CANNOT_UPDATE_CONVERTED_LEAD")
    assert rows(http, "SELECT COUNT(Id) n FROM Account WHERE Name = 'Engines & Co'")[0]["n"] == 1


def test_of_records_that_are_there_only_empty_fields_are_filled(http: httpx.Client) -> None:
    account = new(http, "Account", Name="Engines", Industry="Energy")
    contact = new(http, "Contact", LastName="Byron", AccountId=account, LeadSource="Other")
    made = convert(http, a_lead(http), accountId=account, contactId=contact, doNotCreateOpportunity="true")
    assert (made["accountId"], made["contactId"]) == (account, contact)
    assert "opportunityId" not in made
    now = one(http, "Account", account)
    assert (now["Name"], now["Industry"], now["BillingCity"]) == ("Engines", "Energy", "London")
    now = one(http, "Contact", contact)
    assert (now["LeadSource"], now["Email"], now["FirstName"]) == ("Other", "ada@engines.example", "Ada")
    convert(http, a_lead(http), accountId=account, contactId=contact, overwriteLeadSource="true")
    assert one(http, "Contact", contact)["LeadSource"] == "Web"


@pytest.mark.parametrize(("said", "code"), [
    ({"convertedStatus": "Closed - Not Converted"}, "INVALID_STATUS"),
    ({"convertedStatus": ""}, "INVALID_STATUS"),
    ({"leadId": "no"}, "MALFORMED_ID"),
    ({"leadId": "00Q00000000zzzzAAA"}, "INVALID_CROSS_REFERENCE_KEY"),
    ({"accountId": "003000000000001AAA"}, "MALFORMED_ID"),
    ({"contactId": "003000000000001AAA"}, "REQUIRED_FIELD_MISSING"),
    ({"ownerId": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
    ({"opportunityName": "x" * 121}, "STRING_TOO_LONG"),
])  # fmt: skip
def test_what_is_refused_leaves_everything_as_it_was(http: httpx.Client, said: dict[str, str], code: str) -> None:
    lead = a_lead(http)
    before = rows(http, "SELECT COUNT(Id) n FROM Account")[0]["n"]
    refused = convert(http, lead, **said)
    assert (refused["success"], refused["statusCode"]) == ("false", code)
    assert rows(http, "SELECT COUNT(Id) n FROM Account")[0]["n"] == before
    assert one(http, "Lead", lead)["IsConverted"] is False


def test_a_contact_of_another_account_is_refused(http: httpx.Client) -> None:
    account, other = new(http, "Account", Name="A"), new(http, "Account", Name="B")
    contact = new(http, "Contact", LastName="Byron", AccountId=other)
    refused = convert(http, a_lead(http), accountId=account, contactId=contact)
    assert refused["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_what_a_queues_lead_becomes_needs_a_user_as_its_owner(own: EmbeddedOrg, http: httpx.Client) -> None:
    (queue,) = rows(http, "SELECT Id FROM Group WHERE Name = 'Inbound Leads'")
    (me,) = rows(http, f"SELECT Id FROM User WHERE Username = '{ADMIN}'")
    lead = a_lead(http, OwnerId=queue["Id"])
    refused = convert(http, lead)
    assert refused["message"].startswith("Converted objects can only be owned by users.")
    made = convert(http, lead, ownerId=me["Id"])
    assert one(http, "Contact", made["contactId"])["OwnerId"] == me["Id"]


def test_whoever_may_not_convert_leads_is_refused(own: EmbeddedOrg, http: httpx.Client) -> None:
    lead = a_lead(http)
    with signed_in(own, SERVICE) as service:
        assert convert(service, lead)["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    with signed_in(own, SALES) as sales:
        assert convert(sales, lead)["success"] == "true"


def test_calls_that_are_none_are_faults(http: httpx.Client) -> None:
    def fault(answer: httpx.Response) -> str:
        assert answer.status_code == 500
        return re.findall(r"<faultcode>(.*)</faultcode><faultstring>(.*)</faultstring>", answer.text)[0]

    code, said = fault(soap(http, "<getUserInfo/>"))
    assert (code, said) == (
        "soapenv:Client",
        "No operation available for request {urn:partner.soap.sforce.com}getUserInfo",
    )
    code, said = fault(soap(http, "<convertLead/>", token="no session"))
    assert code == "sf:INVALID_SESSION_ID"
    assert said.startswith("INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session")
    assert fault(http.post(SOAP, content="{}"))[0] == "soapenv:Client"
    assert fault(http.post("/services/Soap/u/5.0", content=enveloped("x", "<a/>")))[0] == "sf:UNSUPPORTED_API_VERSION"
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert fault(http.post(SOAP, content=bomb))[0] == "soapenv:Client"
    many = "<leadConverts/>" * 101
    assert fault(soap(http, f"<convertLead>{many}</convertLead>"))[0] == "sf:EXCEEDED_ID_LIMIT"


@shows("jsforce", "soap.convertLead")
def test_jsforce_converts_leads(own: EmbeddedOrg, http: httpx.Client, repository: Path) -> None:
    leads = [a_lead(http), a_lead(http, Company="Second")]
    told = run_node(repository, "jsforce_conversion.js", {"url": own.url, "token": own.sign_in(ADMIN), "leads": leads})
    assert told == {
        "success": True, "opportunity": None, "again": "CANNOT_UPDATE_CONVERTED_LEAD", "both": [False, True],
        "refused": "sf:INVALID_SESSION_ID",
    }  # fmt: skip
