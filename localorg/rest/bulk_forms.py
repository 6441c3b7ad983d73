"""The forms in which Bulk API 1.0 takes and gives what it says: XML, JSON and CSV.

Source: Bulk API 2.0 and Bulk API Developer Guide, Bulk API: Prepare Data Files, Valid CSV Record Rows, Valid XML and
JSON Records.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import cast
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from localorg.data import jobs
from localorg.data.jobs import NULL, BadCsv, Job, Outcome
from localorg.schema.sobjects import Schema

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
Rows = tuple[list[str], list[list[str]]]


def read_xml(data: bytes) -> ElementTree.Element:
    """The root element of a document without a document type. Raises ValueError."""
    try:
        text = data.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise ValueError("documents with a type are not read")
        return ElementTree.fromstring(text)  # noqa: S314 (no document type, so no entities)
    except (ElementTree.ParseError, UnicodeDecodeError, RecursionError) as wrong:
        raise ValueError(str(wrong)) from None


def properties(data: bytes, *, is_json: bool) -> dict[str, object]:
    """The properties of a jobInfo that a client sends, by name. Raises ValueError."""
    if not is_json:
        return {_local(child.tag): (child.text or "").strip() for child in read_xml(data)}
    try:
        value: object = json.loads(data)
    except RecursionError as wrong:
        raise ValueError(str(wrong)) from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return cast(dict[str, object], value)


def written(name: str, values: Mapping[str, object] | Sequence[Mapping[str, object]], *, is_json: bool) -> bytes:
    """A jobInfo, a batchInfo, or an error, or a list of batchInfo, as XML or JSON."""
    if isinstance(values, Mapping):
        return json.dumps(values).encode() if is_json else _document(name, _children(values))
    if is_json:
        return json.dumps({"batchInfo": list(values)}).encode()
    return _document(name, "".join(f"<batchInfo>{_children(one)}</batchInfo>" for one in values))


def _document(name: str, inside: str) -> bytes:
    return f'{_HEAD}<{name} xmlns="{NAMESPACE}" {_XSI}>{inside}</{name}>'.encode()


def _children(values: Mapping[str, object]) -> str:
    return "".join(f"<{n}>{_text(v)}</{n}>" for n, v in values.items() if v is not None)


# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _text(value: object) -> str:
    return escape(_UNWRITABLE.sub("", value if isinstance(value, str) else json.dumps(value)))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


# Rows that come


def read_rows(job: Job, data: bytes) -> Rows:
    """The names of the columns and the rows of a batch, an empty cell where a record does not have a field.

    Raises BadCsv. Null is `#N/A` in CSV, `xsi:nil` in XML.
    """
    if job.info["contentType"] == "CSV":
        return jobs.read_csv(job, data)
    try:
        records = list(_from_json(data) if job.info["contentType"] == "JSON" else _from_xml(data))
    except (ValueError, RecursionError) as wrong:
        raise BadCsv(f"InvalidBatch : The batch cannot be read: {str(wrong)[:120]}") from None
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name, "") for name in names] for record in records]


def _from_json(data: bytes) -> Iterator[dict[str, str]]:
    try:
        given: object = json.loads(data)
    except RecursionError as wrong:
        raise ValueError(str(wrong)) from None
    if not isinstance(given, list):
        raise ValueError("Records not found: a JSON array is needed")
    for one in cast(list[object], given):
        if not isinstance(one, dict):
            raise ValueError("a record is a JSON object")
        yield dict(_flat_json(cast(dict[str, object], one)))


def _flat_json(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            for inner, text in _flat_json(cast(dict[str, object], value)):
                yield f"{name}.{inner}", text
        else:
            yield name, NULL if value is None else value if isinstance(value, str) else json.dumps(value)


def _from_xml(data: bytes) -> Iterator[dict[str, str]]:
    root = read_xml(data)
    if _local(root.tag) != "sObjects":
        raise ValueError("the document begins with sObjects")
    for one in root:
        yield dict(_flat_xml(one))


def _flat_xml(record: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for child in record:
        name = _local(child.tag)
        if name == "type":
            continue
        if len(child):  # a parent by an external id: <Owner><sObject><Id__c>…
            for inner in child:
                yield from ((f"{name}.{n}", text) for n, text in _flat_xml(inner))
        else:
            yield name, NULL if child.get(_NIL) in ("true", "1") else (child.text or "")


# Results that go


def written_results(kind: str, outcomes: Sequence[Outcome]) -> bytes:
    """What became of the rows of a batch, in the form of the job (`CSV`, `XML` or `JSON`)."""
    if kind == "CSV":
        lines = [["Id", "Success", "Created", "Error"]]
        lines += [[i if e is None else "", json.dumps(e is None), json.dumps(made), e or ""] for i, made, e in outcomes]
        return _csv(lines)
    rows = [
        {"success": error is None, "created": made, "id": identifier if error is None else None,
         "errors": [] if error is None else [_error(error)]}
        for identifier, made, error in outcomes
    ]  # fmt: skip
    if kind == "JSON":
        return json.dumps(rows).encode()
    return _document("results", "".join(f"<result>{_result(row)}</result>" for row in rows))


def _result(row: Mapping[str, object]) -> str:
    errors = cast(list[dict[str, object]], row["errors"])
    text = "".join(
        f"<errors>{''.join(f'<fields>{_text(f)}</fields>' for f in cast(list[str], e['fields']))}"
        f"<message>{_text(e['message'])}</message><statusCode>{_text(e['statusCode'])}</statusCode></errors>"
        for e in errors
    )
    return text + _children({n: v for n, v in row.items() if n != "errors"})


def _error(text: str) -> dict[str, object]:
    """The error of a row, which is kept as `CODE:message:fields --`."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.removesuffix(" --").rpartition(":")
    names = [n for n in fields.split(",") if n]
    return {"statusCode": code, "message": message, "fields": names, "extendedErrorDetails": None}


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(lines)
    return out.getvalue().encode()


def written_records(kind: str, records: Sequence[dict[str, object]], schema: Schema) -> bytes:
    """The records of a query as JSON or XML. In JSON a date and a moment are milliseconds since 1970.

    Source: simple-salesforce issue 290, heroku/salesforce-bulk issue 70.
    """
    if kind == "JSON":
        return json.dumps([_in_milliseconds(record, schema) for record in records]).encode()
    return _document("queryResult", "".join(_record(record) for record in records))


def _record(record: Mapping[str, object], name: str = "records") -> str:
    """One record: its type, its fields, and its parents as records of their own."""
    kind = str(cast(dict[str, object], record["attributes"])["type"])
    text = f"<type>{_text(kind)}</type>"
    for field, value in record.items():
        if field == "attributes":
            continue
        if isinstance(value, dict):
            text += _record(cast(dict[str, object], value), field)
        else:
            text += f'<{field} xsi:nil="true"/>' if value is None else f"<{field}>{_text(value)}</{field}>"
    return f'<{name} xsi:type="sObject">{text}</{name}>'


def _in_milliseconds(record: dict[str, object], schema: Schema) -> dict[str, object]:
    source = schema.sobject(str(cast(dict[str, object], record["attributes"])["type"]))
    changed: dict[str, object] = {}
    for name, value in record.items():
        f = None if source is None else source.field(name)
        if isinstance(value, dict) and name != "attributes":
            value = _in_milliseconds(cast(dict[str, object], value), schema)
        elif isinstance(value, str) and f is not None and f.type in ("date", "datetime"):
            value = _milliseconds(value)
        changed[name] = value
    return changed


def _milliseconds(value: str) -> int:
    moment = (
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
        if "T" in value
        else datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
    )
    return round(moment.timestamp() * 1000)
