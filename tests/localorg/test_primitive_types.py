"""What fits into a field, by its type.

Source: SOAP API Developer Guide, Primitive Data Types, Field (length, digits, precision, scale: more digits after the
point are cut off, too many before it are refused); REST API Developer Guide, Valid Date and DateTime Formats;
Salesforce Help, Custom Field Types (dates from 1700 to 4000, latitudes and longitudes).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

BASE = "/services/data/v68.0"
THING = """{"Thing__c": {"label": "Thing", "pluralLabel": "Things", "fields": {
  "Num__c": {"type": "Number", "precision": 5, "scale": 2}, "Whole__c": {"type": "Number", "precision": 3, "scale": 0},
  "Pct__c": {"type": "Percent", "precision": 4, "scale": 1}, "Free__c": {"type": "Number"},
  "Mail__c": {"type": "Email"}, "Link__c": {"type": "Url"}, "Tel__c": {"type": "Phone"},
  "Check__c": {"type": "Checkbox"}, "Day__c": {"type": "Date"},
  "At__c": {"type": "DateTime"}, "Place__c": {"type": "Location"}, "Long__c": {"type": "LongTextArea", "length": 300},
  "Short__c": {"type": "Text", "length": 5},
  "Some__c": {"type": "MultiselectPicklist", "values": ["a", "b"], "restricted": true}}}}"""


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    schema = tmp_path_factory.mktemp("schema") / "thing.json"
    Path(schema).write_text(THING)
    with EmbeddedOrg(OrgSettings(accounts=2, schema=(schema,))) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


RANGE, PARSER, LONG = "NUMBER_OUTSIDE_VALID_RANGE", "JSON_PARSER_ERROR", "STRING_TOO_LONG"


@pytest.mark.parametrize(("field", "given", "kept"), [
    ("Num__c", 999.99, 999.99), ("Num__c", -999.99, -999.99), ("Num__c", 1.239, 1.23), ("Num__c", -1.239, -1.23),
    ("Num__c", "1e2", 100.0), ("Num__c", 1000, RANGE), ("Num__c", "-1000", RANGE), ("Num__c", 10**30, RANGE),
    ("Whole__c", 1.9, 1.0), ("Whole__c", 1000, RANGE), ("Pct__c", 999.9, 999.9), ("Pct__c", 1000, RANGE),
    ("Free__c", 1.239, 1.239), ("Free__c", 10**17, 1e17), ("Free__c", 10**18, RANGE), ("Free__c", "1e400", RANGE),
    ("Num__c", "nan", PARSER), ("Num__c", "inf", PARSER), ("Num__c", "1_0", PARSER), ("Num__c", "x", PARSER),
    ("Num__c", True, PARSER), ("Num__c", [1], PARSER), ("Num__c", "", None), ("Num__c", None, None),
    ("Day__c", "1700-01-01", "1700-01-01"), ("Day__c", "4000-12-31", "4000-12-31"), ("Day__c", "1699-12-31", RANGE),
    ("Day__c", "4001-01-01", RANGE), ("Day__c", "0001-01-01", RANGE), ("Day__c", "2026-02-30", PARSER),
    ("Day__c", "2026-1-1", PARSER), ("Day__c", 20260101, PARSER), ("Day__c", {}, PARSER),
    ("At__c", "2026-01-01T10:00:00.000+0100", "2026-01-01T09:00:00.000+0000"),
    ("At__c", "2026-01-01T10:00:00Z", "2026-01-01T10:00:00.000+0000"),
    ("At__c", "2026-01-01T10:00:00", "2026-01-01T10:00:00.000+0000"),
    ("At__c", "1699-12-31T23:59:59Z", RANGE), ("At__c", "4001-01-01T00:00:00Z", RANGE), ("At__c", "2026-01-01", PARSER),
    ("At__c", "2026-01-01 10:00:00Z", PARSER), ("At__c", "2026W011", PARSER), ("At__c", 1767225600000, PARSER),
    ("At__c", "0001-01-01T00:00:00+14:00", PARSER), ("Check__c", None, False), ("Check__c", True, True),
    ("Check__c", "yes", PARSER), ("Check__c", 1, PARSER), ("Mail__c", "a@b.de", "a@b.de"),
    ("Mail__c", "m" * 75 + "@b.de", "m" * 75 + "@b.de"), ("Mail__c", "m" * 76 + "@b.de", LONG),
    *(("Mail__c", wrong, "INVALID_EMAIL_ADDRESS") for wrong in ("a", "a@b", "a@@b.de", "a b@c.de", "a@b..de", "a@.de")),
    ("Link__c", "l" * 255, "l" * 255), ("Link__c", "l" * 256, LONG), ("Tel__c", "1" * 40, "1" * 40),
    ("Tel__c", "1" * 41, LONG), ("Short__c", "ä" * 5, "ä" * 5), ("Short__c", "x" * 6, LONG),
    ("Long__c", "x" * 301, LONG),
    ("Short__c", 12, "12"), ("Short__c", False, "false"), ("Short__c", {"a": 1}, PARSER), ("Name", "n" * 81, LONG),
    ("Some__c", "a;b", "a;b"), ("Some__c", "a;c", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
    ("Place__Latitude__s", 90, 90.0), ("Place__Latitude__s", 90.1, RANGE), ("Place__Longitude__s", -180, -180.0),
    ("Place__Longitude__s", -180.1, RANGE),
])  # fmt: skip
def test_a_value_fits_or_is_refused(http: httpx.Client, field: str, given: Any, kept: Any) -> None:
    answer = http.post(f"{BASE}/sobjects/Thing__c", json={field: given})
    said = answer.json()
    if answer.status_code == 201:
        assert http.get(f"{BASE}/sobjects/Thing__c/{said['id']}").json()[field] == kept
    else:
        assert (answer.status_code, said[0]["errorCode"]) == (400, kept), said


@pytest.mark.parametrize(("given", "said"), [
    (99_999_999, 99_999_999), (-5, -5), (100_000_000, RANGE), (2**31, RANGE), (1.5, PARSER), ("7", 7), ("x", PARSER),
])  # fmt: skip
def test_whole_numbers_have_digits(http: httpx.Client, given: Any, said: Any) -> None:
    answer = http.post(f"{BASE}/sobjects/Account", json={"Name": "x", "NumberOfEmployees": given})
    if isinstance(said, str):
        assert answer.json()[0]["errorCode"] == said
    else:
        record = http.get(f"{BASE}/sobjects/Account/{answer.json()['id']}").json()
        assert record["NumberOfEmployees"] == said


def test_a_number_of_any_length_is_the_callers_error(http: httpx.Client) -> None:
    body = b'{"Name": "x", "AnnualRevenue": ' + b"9" * 400 + b"}"
    answer = http.post(f"{BASE}/sobjects/Account", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) in ((400, RANGE), (400, PARSER))


def test_the_describe_tells_the_digits(http: httpx.Client) -> None:
    fields = {f["name"]: f for f in http.get(f"{BASE}/sobjects/Thing__c/describe").json()["fields"]}
    assert [(fields[n]["precision"], fields[n]["scale"]) for n in ("Num__c", "Whole__c", "Pct__c")] == [
        (5, 2), (3, 0), (4, 1),
    ]  # fmt: skip


# Object Reference, the property idLookup; REST API Developer Guide, sObject Rows by External ID
def test_fields_of_idlookup_name_records(http: httpx.Client) -> None:
    lookups = {
        (sobject, f["name"])
        for sobject in ("Account", "Case", "Contact", "Lead", "User")
        for f in http.get(f"{BASE}/sobjects/{sobject}/describe").json()["fields"]
        if f["idLookup"] and f["name"] != "Id"
    }
    assert lookups == {
        ("Account", "External_Id__c"), ("Contact", "External_Id__c"), ("Case", "CaseNumber"), ("Contact", "Email"),
        ("Lead", "Email"), ("User", "Username"),
    }  # fmt: skip
    url = f"{BASE}/sobjects/Contact/Email/one@example.com"
    assert [http.patch(url, json={"LastName": "One"}).status_code for _ in range(2)] == [201, 200]
    assert http.get(url).json()["LastName"] == "One"
    assert http.get(f"{BASE}/sobjects/User/Username/{ADMIN}").json()["Username"] == ADMIN
    assert http.patch(f"{BASE}/sobjects/Contact/Phone/1", json={"LastName": "x"}).status_code == 404
    named = {"Name": "Of a contact", "Owner": {"attributes": {"type": "User"}, "Username": ADMIN}}
    made = http.post(f"{BASE}/sobjects/Account", json=named).json()["id"]
    user = http.get(f"{BASE}/sobjects/User/Username/{ADMIN}").json()["Id"]
    assert http.get(f"{BASE}/sobjects/Account/{made}").json()["OwnerId"] == user


@pytest.mark.parametrize("wrong", ["precision", "scale"])
def test_digits_that_make_no_number_stop_the_start(tmp_path: Path, wrong: str) -> None:
    digits = {"precision": {"precision": 19}, "scale": {"precision": 2, "scale": 3}}[wrong]
    field = ", ".join(f'"{name}": {value}' for name, value in digits.items())
    schema = tmp_path / "wrong.json"
    schema.write_text(f'{{"A__c": {{"label": "A", "fields": {{"N__c": {{"type": "Number", {field}}}}}}}}}')
    with (
        pytest.raises(Exception, match="precision is a number from 1 to 18"),
        EmbeddedOrg(OrgSettings(accounts=0, schema=(schema,))),
    ):
        pass
