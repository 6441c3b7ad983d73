"""docs/openapi.json as a generator of clients reads it: strict in requests as the backend is, open in answers, which
may grow.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from contract.calls import (
    CALLS,
    Access,
    ConnectionStatus,
    HistoryLine,
    ListRecords,
    Objects,
    Record,
    RecordPage,
    SignedInDevice,
    SobjectShape,
    Sort,
)
from contract.codec import encode
from contract.errors import CallError
from contract.files import BYTES, DATA_HEADER
from devtools import openapi
from devtools.ports import _DEFAULTS as PORTS

API = openapi.describe()
SCHEMAS = API["components"]["schemas"]


def operation(name: str) -> dict[str, Any]:
    (found,) = (path["post"] for path in API["paths"].values() if path["post"]["operationId"] == name)
    return found


def request_of(name: str) -> dict[str, Any]:
    """The schema of a request; of a call that brings a file, which is in a header, as if it were in the body."""
    content = operation(name)["requestBody"]["content"]
    if BYTES not in content:
        return content["application/json"]["schema"]
    header = next(each for each in operation(name)["parameters"] if each.get("name") == DATA_HEADER)
    return {"type": "object", "properties": {"data": header["content"]["application/json"]["schema"]}}


def answer_of(name: str, status: str = "200") -> dict[str, Any]:
    """The schema of an answer; {} for a file."""
    content = operation(name)["responses"][status]["content"]
    return {} if BYTES in content else content["application/json"]["schema"]


def refusals(schema: dict[str, Any], value: Any) -> list[str]:
    from jsonschema import Draft202012Validator  # it takes two seconds to load, in each worker

    whole = {**schema, "components": API["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def within(value: object) -> Iterator[dict[str, Any]]:
    """Every schema that a schema consists of, through its references."""
    seen: set[str] = set()

    def walk(at: object) -> Iterator[dict[str, Any]]:
        if isinstance(at, dict):
            schema = cast(dict[str, Any], at)
            yield schema
            reference = str(schema.get("$ref", ""))
            if reference and reference not in seen:
                seen.add(reference)
                yield from walk(SCHEMAS[reference.rsplit("/", 1)[-1]])
            for inner in schema.values():
                yield from walk(inner)
        elif isinstance(at, list):
            for inner in cast(list[object], at):
                yield from walk(inner)

    return walk(value)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_request_is_strict_and_an_answer_is_open(call: Any) -> None:
    sent = [schema for schema in within(request_of(call.name)["properties"]["data"]) if "properties" in schema]
    assert all(schema["additionalProperties"] is False for schema in sent)
    for schema in [*within(answer_of(call.name)), *within(answer_of(call.name, "default"))]:
        assert schema.get("additionalProperties") is not False
        assert "enum" not in schema, "a word that a later release adds is no reason to refuse an answer"


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    from jsonschema import Draft202012Validator

    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    references = re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', json.dumps(API))
    assert references
    assert all(name in API["components"][kind] for kind, name in references)


def test_every_call_has_a_summary_and_says_what_it_needs() -> None:
    for call in CALLS:
        told = operation(call.name)
        assert told["summary"] == call.summary
        assert call.summary.endswith(".")
        assert bool(told["security"]) is not call.public
        assert ("parameters" in told) is call.attested
    assert API["components"]["parameters"]["appCheck"]["name"] == "X-Firebase-AppCheck"


def test_the_servers_are_a_deployed_project_and_make_run() -> None:
    deployed, local = API["servers"]
    assert set(re.findall(r"{(\w+)}", deployed["url"])) == set(deployed["variables"])
    assert local["url"] == f"http://127.0.0.1:{PORTS['hosting'][1]}"


@pytest.mark.parametrize(("name", "data", "good"), [
    ("listRecords", {"sobject": "Account"}, True),
    ("listRecords", {"sobject": "Account", "limit": 200, "search": "x" * 100, "sort": {"field": "Name"}}, True),
    ("listRecords", {"sobject": "Account", "limit": 0}, False),
    ("listRecords", {"sobject": "Account", "limit": 201}, False),
    ("listRecords", {"sobject": "Account", "search": "x" * 101}, False),
    ("listRecords", {"sobject": "Account", "more": 1}, False),
    ("listRecords", {"sobject": "Account", "sort": {"field": "Name", "more": 1}}, False),
    ("listRecords", {"sobject": "Account", "filters": [{"field": "Name", "operator": "like", "value": 1}]}, False),
    ("search", {"text": ""}, False),
    ("getRecord", {"sobject": "Account", "id": "001000000000001AAA"}, True),
    ("getRecord", {"sobject": "Account", "id": "' OR Name != '"}, False),
    ("createRecord", {"sobject": "Account", "fields": {"Name": "A", "Amount__c": 1.5, "Gone__c": None},
                      "idempotencyKey": "a-1_B"}, True),
    ("createRecord", {"sobject": "Account", "fields": {"Name": ["A"]}}, False),
    ("createRecord", {"sobject": "Account", "fields": {"Name": "A"}, "idempotencyKey": "a/b"}, False),
    ("createRecord", {"sobject": "Account", "fields": {"Name": "A"}, "idempotencyKey": "x" * 101}, False),
])  # fmt: skip
def test_a_request_keeps_to_its_limits(name: str, data: dict[str, Any], good: bool) -> None:
    assert (refusals(request_of(name), {"data": data}) == []) is good


def test_answers_as_they_are_sent_and_grown_ones_are_read() -> None:
    record = Record(
        "001",
        {"Name": "A", "Amount": 1.5, "CloseDate": "2026-12-24", "Open": True, "Gone": None},
        "2026-11-24T08:00:00.000+0000",
    )
    status = ConnectionStatus(
        "fresh", 1, "2026-11-24T08:00:00+00:00", "2026-11-24T08:00:00+00:00", "login.salesforce.com", 1, True
    )
    access = Access(
        status,
        (SignedInDevice("d", "Phone", status.signed_in_at, True),),
        (HistoryLine(status.signed_in_at, "sign-in", "user"),),
    )
    shape = SobjectShape("Account", "Account", "Accounts", (), sort=Sort("Name"))
    for name, answer in (
        ("listRecords", RecordPage((record,))),
        ("getAccess", access),
        ("getObjects", Objects((shape,), "https://x")),
    ):
        result = encode(answer)
        assert refusals(answer_of(name), {"result": result}) == []
        assert refusals(answer_of(name), {"result": {**result, "later": 1}, "later": 1}) == []
    grown = encode(access)
    grown["history"][0] |= {"event": "later", "more": 1}
    assert refusals(answer_of("getAccess"), {"result": grown}) == []
    times = {name for schema in ("ConnectionStatus", "SignedInDevice", "HistoryLine", "Erased")
             for name, of in SCHEMAS[schema]["properties"].items() if of.get("format") == "date-time"}  # fmt: skip
    assert times == {"signedInAt", "refreshedAt", "at", "erasedAt"}


def test_every_failure_of_today_and_one_of_tomorrow_is_read() -> None:
    reasons = [
        (status, reason.value)
        for family in CallError.__subclasses__()
        for reason, (status, _) in family.reasons.items()
    ]
    for status, reason in [*reasons, ("UNAVAILABLE", "of-tomorrow")]:
        body = {"error": {"status": status, "message": "m", "details": {"reason": reason, "more": {}}}}
        assert refusals(answer_of("listRecords", "default"), body) == []


def test_the_shape_that_is_sent_and_answered_has_two_descriptions() -> None:
    assert "additionalProperties" not in SCHEMAS["Sort"]
    assert SCHEMAS["SortRequest"]["additionalProperties"] is False
    assert set(SCHEMAS["ListRecords"]["properties"]) == set(encode(ListRecords("A", "s", (), Sort("N"), 1, "c", "00B")))


def test_the_file_is_the_description(repository: Path) -> None:
    assert json.loads((repository / "docs/openapi.json").read_text()) == API, "run make openapi"
