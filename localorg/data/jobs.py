"""Bulk API 2.0 jobs. They are stored in the org's file and processed in the background, a few rows at a time.

Source: Bulk API 2.0 and Bulk API Developer Guide. The states of a job are Open → UploadComplete → InProgress →
JobComplete, Failed, or Aborted.
"""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from localorg.data import records
from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import Field, Schema, SObject

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
NULL = "#N/A"  # empties a field; an empty cell leaves it as it is
_ROWS_A_TURN = 100
_ENDED = ("JobComplete", "Failed", "Aborted")

JOB_TABLES = """
CREATE TABLE IF NOT EXISTS bulk_job (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, user_id TEXT NOT NULL, info TEXT NOT NULL, state TEXT NOT NULL, error TEXT,
  created TEXT NOT NULL,
  modified TEXT NOT NULL, content BLOB, rows INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS bulk_result (
  job_id TEXT, number INTEGER, record_id TEXT, created INTEGER, error TEXT, PRIMARY KEY (job_id, number));
"""
Kind = Literal["ingest", "query", "classic", "batch"]  # the last two are Bulk API 1.0's jobs and their batches


@dataclass(frozen=True, slots=True)
class Job:
    """One stored job.

    `info` holds the properties of the request that made it, by Salesforce's names, such as `operation`. `rows` counts
    the rows that were processed, `failed` those that were refused.
    """

    id: str
    kind: Kind
    user_id: str
    info: Mapping[str, Any]
    state: str
    error: str | None
    created: str
    modified: str
    rows: int
    failed: int


def make(
    org: Org,
    kind: Kind,
    user_id: str,
    info: Mapping[str, object],
    state: str,
    content: bytes | None = None,
    rows: int = 0,
) -> Job:
    """Stores a new job and returns it. `content` is its CSV when that comes with it; `state` is its first state."""
    with org.write() as db:
        identifier, _number = records.next_id(db, "751" if kind == "batch" else "750")
        stamp = org.clock.stamp()
        db.execute(
            "INSERT INTO bulk_job (id, kind, user_id, info, state, created, modified, content, rows) VALUES (?, ?, ?,"
            " ?, ?, ?, ?, ?, ?)",
            (identifier, kind, user_id, json.dumps(info), state, stamp, stamp, content, rows),
        )
    return find(org, kind, identifier)


def find(org: Org, kind: Kind, identifier: str) -> Job:
    """The job of this kind and id. Raises ApiError 404 NOT_FOUND."""
    row = None
    if is_id(identifier):
        row = org.db.execute("SELECT * FROM bulk_job WHERE id = ? AND kind = ?", (to_18(identifier), kind)).fetchone()
    if row is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    return _job(row)


def every(org: Org, kind: Kind) -> list[Job]:
    """All jobs of a kind, the newest first."""
    return [
        _job(r) for r in org.db.execute("SELECT * FROM bulk_job WHERE kind = ? ORDER BY id DESC", (kind,)).fetchall()
    ]


def _job(row: Any) -> Job:
    return Job(
        row["id"], row["kind"], row["user_id"], json.loads(row["info"]), row["state"], row["error"], row["created"],
        row["modified"],
        row["rows"], row["failed"],
    )  # fmt: skip


def content(org: Org, job: Job) -> bytes:
    """The job's CSV: what a client uploaded, or the rows of a finished query."""
    return bytes(org.db.execute("SELECT content FROM bulk_job WHERE id = ?", (job.id,)).fetchone()[0] or b"")


def upload(org: Org, job: Job, data: bytes) -> None:
    """Stores the CSV of an open job. Raises ApiError 400 when the job is not open, or already has its data."""
    if job.state != "Open":
        raise ApiError(400, "INVALIDJOBSTATE", f"Job {job.id[:15]} is not in a state to accept data: {job.state}")
    if content(org, job):
        raise ApiError(400, "INVALIDJOB",
                       f"Found multiple contents for job: <{job.id[:15]}>, "
                       "please 'Close' / 'Abort' / 'Delete' the current Job "
                       "then create a new Job and make sure you only do 'PUT' once on a given Job.")  # fmt: skip
    _set(org, job, content=data)


def abort(org: Org, job: Job) -> Job:
    """Ends a job and returns it; rows that were already saved stay. Raises ApiError 400 when it has already ended."""
    if job.state in _ENDED:
        raise ApiError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
    return _set(org, job, state="Aborted")


def close(org: Org, job: Job) -> Job:
    """Marks the upload of an open job as complete and returns the job. Raises ApiError 400 when it is not open."""
    if job.state != "Open":
        raise ApiError(400, "INVALIDJOBSTATE", f"Closing already {job.state} Job not allowed")
    return _set(org, job, state="UploadComplete")


def become(org: Org, job: Job, state: str) -> Job:
    """The job in another state."""
    return _set(org, job, state=state)


def finish(org: Org, job: Job, data: bytes, rows: int) -> None:
    """Completes a query job: `data` is its CSV, `rows` the number of its rows."""
    _set(org, job, state="JobComplete", content=data, rows=rows)


def fail(org: Org, job: Job, why: str) -> None:
    """Ends a job as failed; `why` is the error message that clients get."""
    _set(org, job, state="Failed", error=why)


def delete(org: Org, job: Job) -> None:
    """Deletes a job and its results. Raises ApiError 400 while the job has not ended."""
    if job.state not in _ENDED:
        raise ApiError(
            400, "API_ERROR", f"Error encountered when deleting the job because the job is not terminated: {job.state}"
        )
    with org.write() as db:
        db.execute("DELETE FROM bulk_job WHERE id = ?", (job.id,))
        db.execute("DELETE FROM bulk_result WHERE job_id = ?", (job.id,))


def _set(org: Org, job: Job, **columns: object) -> Job:
    columns["modified"] = org.clock.stamp()
    with org.write() as db:
        names = ", ".join(f"{name} = ?" for name in columns)
        db.execute(f"UPDATE bulk_job SET {names} WHERE id = ?", (*columns.values(), job.id))
    return find(org, job.kind, job.id)


# CSV


class BadCsv(Exception):
    """Uploaded data cannot be used at all; the text becomes the job's error message."""


def write_csv(job: Job, rows: Sequence[Sequence[str]]) -> bytes:
    """The rows as UTF-8 CSV with the job's delimiter and line ending; every cell is quoted, as Salesforce does."""
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=_delimiter(job),
        lineterminator=LINE_ENDINGS[job.info.get("lineEnding", "LF")],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerows(rows)
    return out.getvalue().encode()


def _delimiter(job: Job) -> str:
    return DELIMITERS[job.info.get("columnDelimiter", "COMMA")]


def read_csv(job: Job, data: bytes) -> tuple[list[str], list[list[str]]]:
    """The column names and the rows of uploaded CSV. Raises BadCsv."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadCsv("ClientInputError : Character in 'UTF-8' format expected") from None
    wanted = job.info.get("lineEnding")  # Bulk API 1.0 takes either
    ending = "CRLF" if "\r\n" in text else "LF"
    if wanted is not None and "\n" in text.rstrip("\r\n") and ending != wanted:
        raise BadCsv(f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {wanted}")
    try:
        rows = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(job), strict=True) if r]
    except csv.Error as wrong:
        raise BadCsv(f"InvalidBatch : Failed to parse CSV: {wrong}") from None
    if not rows:
        raise BadCsv("InvalidBatch : The 'Id' or field names are missing: the data is empty")
    names, *body = rows
    return [n.strip() for n in names], body


# Ingest


Read = Callable[[Job, bytes], tuple[list[str], list[list[str]]]]


async def ingest(org: Org, job: Job, schema: Schema, read: Read = read_csv) -> None:
    """Saves the job's rows that have no result yet, and ends the job. After a restart it goes on with the next row.
    `read` gives the names of the columns and the rows of the job's data, or raises BadCsv.
    """
    if not content(org, job):  # jsforce's tests load nothing into a real org: such a job completes
        _set(org, job, state="JobComplete")
        return
    source = schema.sobject(str(job.info["object"]))
    try:
        if source is None:  # the user's profile has changed meanwhile
            raise BadCsv(f"InvalidEntity : Entity '{job.info['object']}' is not supported by the Bulk API.")
        # In a thread, because 150 MB would block all other requests.
        names, rows = await asyncio.to_thread(read, job, content(org, job))
        save = _saver(org, job, schema, source, names)
    except BadCsv as wrong:
        fail(org, job, str(wrong))
        return
    done = int(org.db.execute("SELECT COUNT(*) FROM bulk_result WHERE job_id = ?", (job.id,)).fetchone()[0])
    if find(org, job.kind, job.id).state == "Aborted":
        return
    _set(org, job, state="InProgress")
    for first in range(done, len(rows), _ROWS_A_TURN):
        await asyncio.sleep(0)  # lets other requests run
        if find(org, job.kind, job.id).state != "InProgress":
            return
        with org.write() as db:
            for number, row in enumerate(rows[first : first + _ROWS_A_TURN], first):
                record_id, created, error = _one(org, save, names, row)
                db.execute(
                    "INSERT INTO bulk_result VALUES (?, ?, ?, ?, ?)", (job.id, number, record_id, created, error)
                )
    failed = int(
        org.db.execute("SELECT COUNT(*) FROM bulk_result WHERE job_id = ? AND error IS NOT NULL", (job.id,)).fetchone()[
            0
        ]
    )
    _set(org, job, state="JobComplete", rows=len(rows), failed=failed)


Save = Callable[[dict[str, str]], tuple[str, bool]]


def _one(org: Org, save: Save, names: Sequence[str], row: Sequence[str]) -> tuple[str, int, str | None]:
    cells = dict(zip(names, row, strict=False))
    given = next((v for n, v in cells.items() if n.lower() == "id"), "")
    if len(row) != len(names):
        return given, 0, f"INVALID_FIELD:Row has {len(row)} cells, the header {len(names)} --"
    try:
        with org.write():
            record_id, created = save(cells)
    except ApiError as refused:
        return given, 0, f"{refused.code}:{refused.message}:{','.join(refused.fields or ())} --"
    return record_id, int(created), None


def _saver(org: Org, job: Job, schema: Schema, source: SObject, names: Sequence[str]) -> Save:
    """The function that saves one row for this job. Raises BadCsv when a column fits no field, or an Id column is
    missing.
    """
    operation, columns = job.info["operation"], [_column(schema, source, n) for n in names]
    if len({n.lower() for n in names}) < len(names):
        raise BadCsv("InvalidBatch : a field name stands twice in the header")
    has_id = any(f.type == "id" and not external for f, external in columns)
    if operation in ("update", "delete", "hardDelete") and not has_id:
        raise BadCsv("InvalidBatch : Id is missing in the data")

    def values(cells: Mapping[str, str], leave_out: Field | None = None) -> dict[str, object]:
        record: dict[str, object] = {}
        for (f, external), cell in zip(columns, cells.values(), strict=True):
            if f.type == "id" or f is leave_out or cell == "":
                continue
            record[f.name] = (
                None if cell == NULL else _referred(org, schema, f, external, cell) if external else _typed(f, cell)
            )
        return record

    def identifier(cells: Mapping[str, str]) -> str:
        given = next(cell for (f, _external), cell in zip(columns, cells.values(), strict=True) if f.type == "id")
        if not given:
            raise ApiError(400, "MISSING_ARGUMENT", f"Id not specified in an {operation} call", ["Id"])
        if not is_id(given):
            raise ApiError(400, "MALFORMED_ID", f"bad id {given[:40]}", ["Id"])
        return given

    def upsert(cells: Mapping[str, str]) -> tuple[str, bool]:
        key = cast(Field, source.field(str(job.info["externalIdFieldName"])))
        if key.type == "id":
            if any(cell for (f, _e), cell in zip(columns, cells.values(), strict=True) if f is key):
                return update(cells)
            return records.create(org, source, values(cells), job.user_id), True
        value = next((cell for (f, _e), cell in zip(columns, cells.values(), strict=True) if f is key), "")
        if not value:
            raise ApiError(400, "MISSING_ARGUMENT", f"{key.name} not specified", [])
        if ids := records.find_by_external_id(org, source, key, value):
            records.update(org, source, ids[0], values(cells, leave_out=key), job.user_id)
            return ids[0], False
        return records.create(org, source, values(cells), job.user_id), True

    def update(cells: Mapping[str, str]) -> tuple[str, bool]:
        records.update(org, source, identifier(cells), values(cells), job.user_id)
        return to_18(identifier(cells)), False

    def remove(cells: Mapping[str, str]) -> tuple[str, bool]:
        records.delete(org, source, identifier(cells), job.user_id)
        return to_18(identifier(cells)), False

    if operation == "insert":
        return lambda cells: (records.create(org, source, values(cells), job.user_id), True)
    return {"update": update, "upsert": upsert}.get(operation, remove)


def _column(schema: Schema, source: SObject, name: str) -> tuple[Field, Field | None]:
    """The field of a column, and for `Owner.External_Id__c` also the parent's external id field. Raises BadCsv."""
    first, dot, rest = name.partition(".")
    if not dot:
        if (f := source.field(name)) is not None:
            return f, None
    elif (reference := source.parent(first)) is not None and len(reference.targets) == 1:
        parent = schema.sobject(reference.targets[0])
        external = None if parent is None else parent.field(rest)
        if external is not None and external.is_key:
            return reference, external
    raise BadCsv(f"InvalidBatch : Field name not found : {name}")


def _referred(org: Org, schema: Schema, reference: Field, external: Field, cell: str) -> str:
    return records.find_parent(org, cast(SObject, schema.sobject(reference.targets[0])), external, cell)


def _typed(f: Field, cell: str) -> object:
    """A cell as the value that JSON would hold. A text that fits no type stays as it is, and is refused when it is
    saved.
    """
    if f.type == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}.get(cell.lower(), cell)
    return cell


# Results


Which = Literal["successfulResults", "failedResults", "unprocessedrecords"]


Outcome = tuple[str, bool, str | None]


def outcomes(org: Org, job: Job) -> dict[int, Outcome]:
    """What became of the rows of a job, by their number: the record's id, whether it was created, the error."""
    rows = org.db.execute("SELECT * FROM bulk_result WHERE job_id = ? ORDER BY number", (job.id,)).fetchall()
    return {int(r["number"]): (str(r["record_id"]), bool(r["created"]), cast("str | None", r["error"])) for r in rows}


async def results(org: Org, job: Job, which: Which) -> bytes:
    """The saved, refused, or unprocessed rows of an ingest job as CSV; `which` is the name of the resource."""
    return await asyncio.to_thread(_results, job, content(org, job), outcomes(org, job), which)


def _results(job: Job, data: bytes, outcomes: Mapping[int, Outcome], which: Which) -> bytes:
    try:
        names, rows = read_csv(job, data)
    except BadCsv:
        return b""
    if which == "unprocessedrecords":
        return write_csv(job, [names, *(r for n, r in enumerate(rows) if n not in outcomes)])
    failed = which == "failedResults"
    lines = [["sf__Id", "sf__Error" if failed else "sf__Created", *names]]
    for number, row in enumerate(rows):
        if number in outcomes and (outcomes[number][2] is not None) == failed:
            record_id, created, error = outcomes[number]
            lines.append([record_id, error or "" if failed else "true" if created else "false", *row])
    return write_csv(job, lines)


async def rows(org: Org, job: Job, first: int, most: int) -> tuple[bytes, int, bool]:
    """One page of a query job: its CSV, the number of its rows, and whether it is the last page."""

    def cut(data: bytes) -> tuple[bytes, int, bool]:
        names, every = read_csv(job, data)
        page = every[first : first + most]
        return write_csv(job, [names, *page]), len(page), first + most >= len(every)

    return await asyncio.to_thread(cut, content(org, job))
