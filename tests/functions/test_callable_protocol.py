"""What Firebase's protocol specification asks of a callable function, on the real endpoint without emulators."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import Request

from backend import callable_protocol
from contract.calls import LIST_RECORDS, UPDATE_RECORD, Call
from contract.errors import Reason, RefusedRequest, SessionInvalid

JSON = {"content-type": "application/json"}
LIST = {"sobject": "Account"}


def request(body: object, headers: Mapping[str, str] = JSON) -> Request:
    async def receive() -> dict[str, Any]:
        text = body if isinstance(body, str) else json.dumps(body)
        return {"type": "http.request", "body": text.encode(), "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/listRecords", "headers": raw}, receive)


async def read(body: object, headers: Mapping[str, str] = JSON, call: Call[Any, Any] = LIST_RECORDS) -> Any:
    return await callable_protocol.read_request(call, request(body, headers))


async def refused(body: object, headers: Mapping[str, str] = JSON, call: Call[Any, Any] = LIST_RECORDS) -> str:
    with pytest.raises(RefusedRequest) as raised:
        await read(body, headers, call)
    assert raised.value.reason is Reason.MALFORMED_REQUEST
    return raised.value.message


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_is_taken(kind: str) -> None:
    assert (await read({"data": LIST}, {"content-type": kind})).sobject == "Account"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonp"},
    ],
)
async def test_another_type_is_refused(headers: Mapping[str, str]) -> None:
    # A page of any origin can send text/plain without a preflight.
    assert "application/json" in await refused({"data": LIST}, headers)


@pytest.mark.parametrize("body", [{"data": LIST, "x": 1}, {"data": LIST, "result": {}}, {}, [], "null", "", "{"])
async def test_a_body_is_data_and_nothing_else(body: object) -> None:
    await refused(body)


@pytest.mark.parametrize("limit", ["25", "25.0", "2.5e1"])
async def test_a_whole_number_may_be_written_as_swift_and_javascript_write_a_double(limit: str) -> None:
    asked = await read(f'{{"data": {{"sobject": "Account", "limit": {limit}}}}}')
    assert (asked.limit, type(asked.limit)) == (25, int)


@pytest.mark.parametrize("limit", ["25.5", "1e300", "1e400", "9" * 400, "true", '"25"', "9007199254740993.0"])
async def test_a_number_that_is_not_whole_or_too_large_is_the_callers_error(limit: str) -> None:
    await refused(f'{{"data": {{"sobject": "Account", "limit": {limit}}}}}')


@pytest.mark.parametrize("value", ["9" * 400, "-" + "9" * 400, "1e999", "[" * 40 + "]" * 40])
async def test_a_value_that_no_number_of_json_holds_is_the_callers_error(value: str) -> None:
    fields = f'{{"AnnualRevenue": {value}}}'
    body = f'{{"data": {{"sobject": "Account", "id": "001000000000001AAA", "fields": {fields}}}}}'
    await refused(body, call=UPDATE_RECORD)


@pytest.mark.parametrize("kind", ["Int64Value", "UInt64Value"])
@pytest.mark.parametrize("digits", [20, 4_000, 5_000])
async def test_a_wrapped_number_of_more_than_64_bits_is_the_callers_error(kind: str, digits: int) -> None:
    wrapped = {"@type": f"type.googleapis.com/google.protobuf.{kind}", "value": "9" * digits}
    body = {"data": {"sobject": "Account", "id": "001000000000001AAA", "fields": {"AnnualRevenue": wrapped}}}
    await refused(body, call=UPDATE_RECORD)


@pytest.mark.parametrize("key", ["@type", "\\u0040type", "@\\u0074ype"])
@pytest.mark.parametrize("value", ['"25"', "25"])
async def test_a_wrapped_number_is_one_however_its_type_is_written(key: str, value: str) -> None:
    wrapped = f'{{"{key}": "type.googleapis.com/google.protobuf.Int64Value", "value": {value}}}'
    asked = await read(f'{{"data": {{"sobject": "Account", "limit": {wrapped}}}}}')
    assert asked.limit == 25


@pytest.mark.parametrize(
    ("number", "fits"), [(2**63 - 1, True), (2**63, False), (-(2**63), True), (-(2**63) - 1, False)]
)
async def test_a_number_has_64_bits_at_most(number: int, fits: bool) -> None:
    fields = f'{{"AnnualRevenue": {number}}}'
    body = f'{{"data": {{"sobject": "Account", "id": "001000000000001AAA", "fields": {fields}}}}}'
    if fits:
        asked = await callable_protocol.read_request(UPDATE_RECORD, request(body))
        assert asked.fields["AnnualRevenue"] == number
    else:
        await refused(body, call=UPDATE_RECORD)


def test_a_client_that_takes_a_stream_gets_its_answer_as_an_event() -> None:
    streaming = request("", {"accept": "text/event-stream"})
    answer = callable_protocol.as_asked(streaming, callable_protocol.result("Grüße\n"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert bytes(answer.body).decode() == 'data: {"result":"Grüße\\n"}\n\n'
    assert answer.headers["content-length"] == str(len(answer.body))


def test_a_client_that_takes_a_stream_gets_its_error_as_an_event() -> None:
    streaming = request("", {"accept": "text/event-stream"})
    refusal = RefusedRequest(Reason.MALFORMED_REQUEST)
    answer = callable_protocol.as_asked(streaming, callable_protocol.error(refusal))
    assert answer.status_code == 400
    assert (
        json.loads(bytes(answer.body).decode().removeprefix("data: "))["error"]["details"]["reason"]
        == "malformed-request"
    )


def test_others_get_plain_json() -> None:
    answer = callable_protocol.result({"a": 1})
    assert callable_protocol.as_asked(request("", {"accept": "*/*"}), answer) is answer


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", Reason.ID_TOKEN_MISSING),
        ("Bearer ", Reason.ID_TOKEN_MISSING),
        ("Bearer", Reason.ID_TOKEN_MISSING),
        ("Basic abc", Reason.ID_TOKEN_INVALID),
    ],
)
def test_a_call_without_an_id_token_says_what_is_missing(header: str, reason: Reason) -> None:
    with pytest.raises(SessionInvalid) as raised:
        callable_protocol.bearer(request("", {"authorization": header}))
    assert raised.value.reason is reason


@pytest.mark.parametrize("header", ["Bearer abc", "bearer  abc ", "BEARER abc"])
def test_the_id_token_is_what_stands_behind_bearer(header: str) -> None:
    assert callable_protocol.bearer(request("", {"authorization": header})) == "abc"
