"""The strict decoder: what is encoded decodes to itself, and nothing else decodes."""

import json
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import callable_protocol
from backend.records.org import Row
from backend.records.rows import field_value, to_record, to_records
from contract.calls import CALLS, ListRecords, Record, RecordDetail, RecordPage, SignIn, UpdateRecord
from contract.codec import DecodeError, camel, decode, encode
from contract.errors import CallError, Misconfigured, Reason, from_wire

_values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
_records = st.builds(
    Record,
    id=st.text(),
    fields=st.dictionaries(st.text(max_size=8), _values, max_size=4),
    version=st.none() | st.text(),
)


@given(
    st.builds(
        RecordDetail,
        record=_records,
        related=st.dictionaries(st.text(max_size=8), st.lists(_records, max_size=3).map(tuple), max_size=3),
    )
)
def test_what_is_encoded_decodes_to_itself(detail: RecordDetail) -> None:
    assert decode(RecordDetail, encode(detail)) == detail


@given(
    st.recursive(
        _values,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_json_is_decoded_or_refused(value: object) -> None:
    for call in CALLS:
        try:
            decoded = decode(call.request, value)
        except DecodeError:
            continue
        assert isinstance(decoded, call.request)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, "data.code: missing"),
        ({"code": 1, "codeVerifier": "", "redirectUri": "", "loginHost": ""}, "data.code: text expected"),
        ({"code": "", "code_verifier": ""}, "unknown field 'code_verifier'"),
        ([], "an object expected"),
    ],
)
def test_the_message_names_the_place(value: object, place: str) -> None:
    with pytest.raises(DecodeError, match=place):
        decode(SignIn, value)


def test_the_message_never_holds_the_value() -> None:
    with pytest.raises(DecodeError) as wrong:
        decode(SignIn, {"code": ["s3cret"], "codeVerifier": "s3cret", "redirectUri": "x", "loginHost": "y"})
    assert "s3cret" not in str(wrong.value)


def test_a_bool_is_not_a_number_on_the_wire() -> None:
    with pytest.raises(DecodeError):
        decode(ListRecords, {"sobject": "Account", "limit": True})


def test_an_old_app_reads_a_newer_answer() -> None:
    assert decode(Record, {"id": "1", "fields": {}, "brandNew": 1}, lenient=True) == Record("1", {})


def test_a_list_of_choices_is_named() -> None:
    @dataclass(frozen=True)
    class Choice:
        color: Literal["red", "green"]

    with pytest.raises(DecodeError, match="one of red, green"):
        decode(Choice, {"color": "blue"})


def test_names_are_camel_case_on_the_wire() -> None:
    assert camel("login_host") == "loginHost"
    assert encode(UpdateRecord("Account", "1", {"Name": None})) == {
        "sobject": "Account",
        "id": "1",
        "fields": {"Name": None},
    }


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_belongs_to_exactly_one_family_and_survives_the_wire(reason: Reason) -> None:
    error = from_wire(reason.value, "words", {"fields": ["x"]})
    assert isinstance(error, CallError)
    assert error.reason is reason
    assert sum(reason in family.reasons for family in CallError.__subclasses__()) == 1


def test_an_unknown_reason_is_still_an_error() -> None:
    assert isinstance(from_wire("from-the-future", "words", {}), Misconfigured)


def test_a_list_of_records_is_written_as_the_contract_says() -> None:
    """By msgspec, as Structs with the attributes of a Record."""
    rows: list[Row] = [
        {"Id": "1", "Name": "Alder", "SystemModstamp": "2026-11-29", "Owner": {"Name": "Sam"}},
        {"Id": "2", "Name": None, "BillingAddress": {"city": "Berlin"}},
    ]
    fields = ("Name", "BillingAddress", "Owner.Name")
    page = RecordPage(to_records(rows, fields), None, 2)
    by_hand = RecordPage(tuple(to_record(row, fields) for row in rows), None, 2)
    assert encode(page) == encode(by_hand)
    assert json.loads(bytes(callable_protocol.result(page).body)) == {"result": encode(by_hand)}
    assert decode(RecordPage, encode(page)) == by_hand
    assert by_hand.records[1] == Record("2", {"Name": None, "BillingAddress": None, "Owner.Name": None})


_VALUE = st.one_of(st.none(), st.text(max_size=3), st.integers(), st.booleans(), st.floats(allow_nan=False))
_ODD = st.one_of(_VALUE, st.dictionaries(st.sampled_from(["Name", "Owner", "attributes"]), _VALUE, max_size=2))
_NAMES = ("Name", "Phone", "Owner.Name", "Account.Owner.Name", "Id", "SystemModstamp")


@given(
    st.lists(st.sampled_from(_NAMES), unique=True, max_size=6),
    st.lists(
        st.dictionaries(st.sampled_from(["Name", "Phone", "Owner", "Owner.Name", "Account", "More"]), _ODD), max_size=4
    ),
    st.booleans(),
)
def test_a_row_is_read_the_same_in_whatever_shape_it_comes(fields: list[str], rows: list[Row], whole: bool) -> None:
    """Lists have a shorter way for rows with exactly the fields that were asked for."""
    if whole:
        rows = [{name: row.get(name) for name in fields if "." not in name} for row in rows]
    rows = [
        {"attributes": {"type": "Account"}, **row, "Id": f"{n}", "SystemModstamp": "now"} for n, row in enumerate(rows)
    ]
    expected = [{"id": row["Id"], "version": "now", "fields": {f: field_value(row, f) for f in fields}} for row in rows]
    assert [encode(one) for one in to_records(rows, fields)] == expected
    assert [encode(to_record(row, fields)) for row in rows] == expected
