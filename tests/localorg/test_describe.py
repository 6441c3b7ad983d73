"""Describe has the keys of a real answer, with what each type of field says there.

Sources: SOAP API Developer Guide, DescribeSObjectResult; describes of real orgs that public repositories keep as
fixtures, Airbyte's among them; SOQL and SOSL Reference, Support for Field Types in Aggregate Functions.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.test_metadata import PROJECT, field, write

DATA = "/services/data/v68.0"
FIELD_KEYS = set(
    re.findall(
        r"\w+",
        """aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete
    caseSensitive compoundFieldName controllerName createable custom defaultValue defaultValueFormula
    defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted
    externalId extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable
    highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType name nameField
    namePointing nillable permissionable picklistValues polymorphicForeignKey precision queryByDistance
    referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete restrictedPicklist
    scale searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead""",
    )
)
GLOBAL_KEYS = set(
    re.findall(
        r"\w+",
        """activateable associateEntityType associateParentEntity createable custom customSetting deepCloneable
    deletable deprecatedAndHidden feedEnabled hasSubtypes isInterface isSubtype keyPrefix label labelPlural
    layoutable mergeable mruEnabled name queryable replicateable retrieveable searchable triggerable
    undeletable updateable urls""",
    )
)
OBJECT_KEYS = GLOBAL_KEYS | set(
    re.findall(
        r"\w+",
        """actionOverrides childRelationships compactLayoutable defaultImplementation extendedBy extendsInterfaces
    fields implementedBy implementsInterfaces listviewable lookupLayoutable namedLayoutInfos
    networkScopeFieldName recordTypeInfos searchLayoutable sobjectDescribeOption supportedScopes""",
    )
)
NOTES = {"force-app/main/default/objects/Invoice__c/fields/Notes__c.field-meta.xml": field("Notes__c", "Html")}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = write(tmp_path_factory.mktemp("schema"), PROJECT | NOTES)
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(folder,))) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


def fields(http: httpx.Client, sobject: str) -> dict[str, dict[str, Any]]:
    return {f["name"]: f for f in http.get(f"{DATA}/sobjects/{sobject}/describe").json()["fields"]}


def test_every_object_and_field_has_all_keys(http: httpx.Client) -> None:
    every = http.get(f"{DATA}/sobjects").json()["sobjects"]
    for one in every:
        assert set(one) == GLOBAL_KEYS, one["name"]
        described = http.get(one["urls"]["describe"]).json()
        assert set(described) == OBJECT_KEYS
        for f in described["fields"]:
            assert set(f) == FIELD_KEYS, f"{one['name']}.{f['name']}"
        for child in described["childRelationships"]:
            assert {"junctionIdListNames", "junctionReferenceTo", "restrictedDelete"} <= set(child)
        for address in ("compactLayouts", "layouts", "listviews", "quickActions"):
            assert http.get(one["urls"][address]).status_code == 200, (one["name"], address)


@pytest.mark.parametrize(("name", "said"), [
    ("Account.Id", {"soapType": "tns:ID", "byteLength": 18, "nillable": False, "defaultedOnCreate": True}),
    ("Account.Name", {"soapType": "xsd:string", "byteLength": 765, "nameField": True, "permissionable": False}),
    ("Account.IsDeleted", {"soapType": "xsd:boolean", "aggregatable": False, "nillable": False, "groupable": True}),
    ("Account.NumberOfEmployees", {"soapType": "xsd:int", "digits": 8, "precision": 0, "groupable": True}),
    ("Account.AnnualRevenue", {"soapType": "xsd:double", "precision": 18, "digits": 0, "groupable": False}),
    ("Account.Industry", {"soapType": "xsd:string", "permissionable": True, "dependentPicklist": False}),
    ("Account.BillingAddress", {"soapType": "urn:address", "queryByDistance": True, "aggregatable": False}),
    ("Account.BillingCity", {"compoundFieldName": "BillingAddress", "queryByDistance": False}),
    ("Account.BillingStreet", {"extraTypeInfo": "plaintextarea", "aggregatable": True}),
    ("Account.BillingLatitude", {"soapType": "xsd:double", "scale": 15, "precision": 18}),
    ("Account.Description", {"extraTypeInfo": "plaintextarea", "aggregatable": False, "byteLength": 96000}),
    ("Account.OwnerId", {"nillable": False, "defaultedOnCreate": True, "permissionable": False}),
    ("Account.LastActivityDate", {"soapType": "xsd:date", "nillable": True, "defaultedOnCreate": False}),
    ("Account.CreatedDate", {"soapType": "xsd:dateTime", "groupable": False, "nillable": False}),
    ("Account.External_Id__c", {"unique": True, "externalId": True, "idLookup": True}),
    ("Contact.LastName", {"extraTypeInfo": "personname", "compoundFieldName": "Name", "byteLength": 240}),
    ("Contact.Name", {"extraTypeInfo": "personname", "nameField": True, "compoundFieldName": None}),
    ("Lead.Interests__c", {"sortable": False, "groupable": False, "aggregatable": False}),
    ("Case.CaseNumber", {"autoNumber": True, "nameField": True, "defaultedOnCreate": True}),
    ("Task.WhatId", {"namePointing": True, "polymorphicForeignKey": True, "soapType": "tns:ID"}),
    ("Invoice__c.Name", {"autoNumber": True, "groupable": False, "nameField": True}),
    ("Invoice__c.Notes__c", {"htmlFormatted": True, "extraTypeInfo": "richtextarea", "filterable": False}),
    ("Invoice__c.Place__c", {"soapType": "urn:location", "queryByDistance": True}),
    ("Line__c.Invoice__c", {"cascadeDelete": True, "relationshipOrder": 0, "nillable": False}),
])  # fmt: skip
def test_each_type_of_field_says_what_a_real_one_says(http: httpx.Client, name: str, said: dict[str, Any]) -> None:
    sobject, _, field_name = name.partition(".")
    described = fields(http, sobject)[field_name]
    assert {key: described[key] for key in said} == said


def test_details_go_with_their_master(http: httpx.Client) -> None:
    children = {c["field"]: c for c in http.get(f"{DATA}/sobjects/Invoice__c/describe").json()["childRelationships"]}
    assert children["Invoice__c"]["cascadeDelete"] is True
    of_account = http.get(f"{DATA}/sobjects/Account/describe").json()["childRelationships"]
    assert not any(c["cascadeDelete"] for c in of_account)


@pytest.mark.parametrize("call", ["COUNT(IsClosed)", "COUNT_DISTINCT(IsClosed)", "MAX(IsClosed)", "COUNT(Description)"])
def test_what_describe_calls_not_aggregatable_is_not_aggregated(http: httpx.Client, call: str) -> None:
    (refused,) = http.get(f"{DATA}/query", params={"q": f"SELECT {call} FROM Case"}).json()
    assert refused["errorCode"] == "MALFORMED_QUERY"
    assert "does not support aggregate operator" in refused["message"]
