"""Bulk API 1.0 over HTTP: a job, its batches, and their results. A batch is processed as a job of Bulk API 2.0 is.

Source: Bulk API 2.0 and Bulk API Developer Guide, Bulk API: Reference, Work with Jobs, Work with Batches, Bulk API
Errors.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import jobs
from localorg.data.access import person, schema_for
from localorg.data.jobs import Job
from localorg.errors import ApiError
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.recent import because
from localorg.rest import bulk_forms as forms
from localorg.rest.bulk import cell, columns_of, queried, selected
from localorg.rest.call import FIRST_VERSION, LAST_VERSION, Call
from localorg.schema.sobjects import Schema
from localorg.soql.syntax import parse
from localorg.web import read_body, route

MAX_BATCH, MAX_ROWS = 10_000_000, 10_000
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete", "query", "queryAll")
_MODES = {"0": "Parallel", "1": "Serial"}
_STATES = {"UploadComplete": "Queued", "JobComplete": "Completed", "Aborted": "NotProcessed"}
_TYPES = {"CSV": "text/csv", "XML": "application/xml", "JSON": "application/json"}
_NO_ROWS = b"Records not found for this query"
_Work = Callable[[Org, Call, Request], Awaitable[Response]]


class _Refused(Exception):
    """A refused request: Salesforce's exceptionCode and the text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def routes(org: Org) -> list[BaseRoute]:
    """The routes of jobs and batches; any other address of this API is InvalidUrl."""
    job = "/services/async/{version}/job"
    one = job + "/{id}"
    batch = one + "/batch/{batch}"
    return [
        *(route(org, job + end, "rest.bulk_classic", _of(_make), ["POST"]) for end in ("", "/")),
        route(org, one, "rest.bulk_classic", _of(_info), ["GET"]),
        route(org, one, "rest.bulk_classic", _of(_change), ["POST"]),
        route(org, one + "/batch", "rest.bulk_classic", _of(_add), ["POST"]),
        route(org, one + "/batch", "rest.bulk_classic", _of(_list), ["GET"]),
        route(org, batch, "rest.bulk_classic", _of(_batch), ["GET"]),
        route(org, batch + "/request", "rest.bulk_classic", _of(_request), ["GET"]),
        route(org, batch + "/result", "rest.bulk_classic", _of(_result), ["GET"]),
        route(org, batch + "/result/{result}", "rest.bulk_classic", _of(_rows), ["GET"]),
        route(org, "/services/async/{rest:path}", "refused.bulk_classic", _nothing,
              ["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]  # fmt: skip


def _of(work: _Work) -> Callable[[Org, Request], Awaitable[Response]]:
    """The endpoint that signs the request in and does the work; what is refused is answered in this API's form."""

    async def endpoint(org: Org, request: Request) -> Response:
        try:
            return await work(org, _call(org, request), request)
        except _Refused as refused:
            code, message = refused.code, refused.message
        except ApiError as refused:
            codes = {"INVALID_SESSION_ID": "InvalidSessionId", "REQUEST_LIMIT_EXCEEDED": "ExceededQuota"}
            code, message = codes.get(refused.code, "InvalidBatch"), refused.message
        because(code, message)
        said = {"exceptionCode": code, "exceptionMessage": message}
        return _said(request, "error", said, status=400)

    return endpoint


def _call(org: Org, request: Request) -> Call:
    """Who asks, by the header X-SFDC-Session. Raises ApiError or _Refused."""
    token = request.headers.get("x-sfdc-session", "")
    try:
        session = require_session(org, request, token or "none")
    except ApiError as refused:
        if refused.code == "INVALID_SESSION_ID":
            raise _Refused("InvalidSessionId", "Invalid session id") from None
        raise
    version = str(request.path_params.get("version", "68.0"))
    number = re.fullmatch(r"(\d{1,3})\.0", version)
    if number is None or not FIRST_VERSION <= int(number[1]) <= LAST_VERSION:
        raise _Refused("InvalidVersion", f"Api version {version[:10]} is not supported")
    return Call(session, version, schema_for(org, session.user_id), person(org, session.user_id))


def _wants_json(request: Request) -> bool:
    return "json" in request.headers.get("content-type", "") + request.headers.get("accept", "")


def _said(
    request: Request,
    name: str,
    values: "dict[str, object] | dict[str, str] | list[dict[str, object]]",
    status: int = 200,
) -> Response:
    is_json = _wants_json(request)
    kind = "application/json" if is_json else "application/xml"
    return Response(forms.written(name, values, is_json=is_json), status, media_type=kind)


async def _nothing(_org: Org, request: Request) -> Response:
    said = {"exceptionCode": "InvalidUrl", "exceptionMessage": "Destination URL not supported"}
    because(said["exceptionCode"], said["exceptionMessage"])
    return _said(request, "error", said, status=400)


# Jobs


async def _asked(request: Request) -> dict[str, object]:
    is_json = _wants_json(request)
    try:
        return forms.properties(await read_body(request), is_json=is_json)
    except ValueError as wrong:
        raise _Refused("InvalidBatch" if is_json else "InvalidXML", f"Unable to parse the job: {wrong}") from None


async def _make(org: Org, call: Call, request: Request) -> Response:
    body = await _asked(request)
    operation, name = body.get("operation"), str(body.get("object") or "")
    if operation not in _OPERATIONS:
        raise _Refused("InvalidJob", f"Unknown operation: {str(operation)[:40]}")
    source = call.schema.sobject(name)
    if source is None:
        raise _Refused("InvalidJob", f"Unable to find object: {name[:80]}")
    kind = str(body.get("contentType") or "XML")
    if kind not in _TYPES:
        raise _Refused("InvalidJob", f"Unsupported content type: {kind[:40]}")
    mode = str(body.get("concurrencyMode") or "Parallel")
    mode = _MODES.get(mode, mode)
    if mode not in _MODES.values():
        raise _Refused("InvalidJob", f"Unknown concurrency mode: {mode[:40]}")
    info: dict[str, object] = {"operation": operation, "object": source.name, "contentType": kind}
    if operation == "upsert":
        key = source.field(str(body.get("externalIdFieldName") or ""))
        if key is None or not key.is_key:
            wanted = str(body.get("externalIdFieldName") or "")[:80]
            raise _Refused("InvalidJob", f"External ID field {wanted!r} was not found for {source.name}")
        info["externalIdFieldName"] = key.name
    info |= {"concurrencyMode": mode, "apiVersion": float(call.version)}
    job = jobs.make(org, "classic", call.session.user_id, info, "Open")
    return _said(request, "jobInfo", _job_info(org, job), status=201)


def _own(org: Org, call: Call, request: Request) -> Job:
    try:
        job = jobs.find(org, "classic", str(request.path_params["id"]))
    except ApiError:
        job = None
    if job is None or job.user_id != call.session.user_id:
        raise _Refused("InvalidJob", f"Unable to find job for id {str(request.path_params['id'])[:18]}")
    return job


async def _info(org: Org, call: Call, request: Request) -> Response:
    job = _own(org, call, request)
    for batch in _batches(org, job):
        _go_on(org, batch)
    return _said(request, "jobInfo", _job_info(org, job))


async def _change(org: Org, call: Call, request: Request) -> Response:
    """Closes or aborts a job; batches that have not been processed never are when it is aborted."""
    job = _own(org, call, request)
    state = (await _asked(request)).get("state")
    if state not in ("Closed", "Aborted"):
        raise _Refused("InvalidJobState", f"A job is closed or aborted, and not: {str(state)[:40]}")
    if job.state == "Aborted" or job.state == state:
        raise _Refused("InvalidJobState", f"{state} is not allowed: the job is {job.state}")
    if state == "Aborted":
        for batch in _batches(org, job):
            if batch.state in ("UploadComplete", "InProgress"):
                jobs.abort(org, batch)
    job = jobs.become(org, job, str(state))
    return _said(request, "jobInfo", _job_info(org, job))


def _batches(org: Org, job: Job) -> list[Job]:
    return [batch for batch in reversed(jobs.every(org, "batch")) if batch.info["jobId"] == job.id]


def _job_info(org: Org, job: Job) -> dict[str, object]:
    batches = _batches(org, job)
    states = [_STATES.get(batch.state, batch.state) for batch in batches]
    counts = {f"numberBatches{state}": states.count(state) for state in ("Queued", "InProgress", "Completed", "Failed")}
    asked = {n: v for n, v in job.info.items() if n != "apiVersion"}
    return {
        "id": job.id, **{n: asked.pop(n) for n in ("operation", "object")}, "createdById": job.user_id,
        "createdDate": job.created, "systemModstamp": job.modified, "state": job.state, **asked, **counts,
        "numberBatchesTotal": len(batches), "numberRecordsProcessed": sum(batch.rows for batch in batches),
        "numberRetries": 0, "apiVersion": job.info["apiVersion"],
        "numberRecordsFailed": sum(batch.failed for batch in batches), **_TIMES,
    }  # fmt: skip


_TIMES = {"totalProcessingTime": 0, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}


# Batches


async def _add(org: Org, call: Call, request: Request) -> Response:
    job = _own(org, call, request)
    if job.state != "Open":
        raise _Refused("InvalidJobState", f"Batches are added to an open job; this one is {job.state}")
    try:
        data = await read_body(request, MAX_BATCH)
    except ApiError as refused:
        if refused.status != 413:
            raise
        raise _Refused("ClientInputError", f"The batch is larger than {MAX_BATCH} bytes") from None
    if not data.strip():
        raise _Refused("ClientInputError", "The request has no entity body: a batch holds records, or a query")
    info = {**job.info, "jobId": job.id}
    if job.info["operation"] in ("query", "queryAll"):
        info["query"] = data.decode("utf-8", "replace")
    batch = jobs.make(org, "batch", job.user_id, info, "UploadComplete", data)
    _go_on(org, batch)
    return _said(request, "batchInfo", _batch_info(batch), status=201)


def _go_on(org: Org, batch: Job) -> None:
    """Processes a batch in the background: when it comes, and after the org was restarted."""
    if batch.state in ("UploadComplete", "InProgress") and batch.id not in org.working:
        schema = schema_for(org, batch.user_id)
        work = _select(org, batch, schema) if "query" in batch.info else jobs.ingest(org, batch, schema, _read)
        task = org.working[batch.id] = asyncio.create_task(work)
        task.add_done_callback(lambda _done: org.working.pop(batch.id, None))


def _read(batch: Job, data: bytes) -> forms.Rows:
    names, rows = forms.read_rows(batch, data)
    if len(rows) > MAX_ROWS:
        raise jobs.BadCsv(f"InvalidBatch : A batch has {MAX_ROWS} records at most")
    return names, rows


async def _select(org: Org, batch: Job, schema: Schema) -> None:
    """Runs the query of a batch and keeps its records in the form of the job."""
    text, version = str(batch.info["query"]), f"{batch.info['apiVersion']}"
    try:
        source = queried(org, schema, text, version, person(org, batch.user_id))
        if source.name != batch.info["object"]:
            raise ApiError(400, "INVALID_TYPE", f"the job is about {batch.info['object']}")
    except ApiError as refused:
        jobs.fail(org, batch, f"InvalidBatch : Failed to process query: {refused.code}: {refused.message.strip()}")
        return
    records = [record async for record in selected(org, batch, schema)]
    if jobs.find(org, "batch", batch.id).state in ("Aborted", "Failed"):
        return
    kind = str(batch.info["contentType"])
    if kind == "CSV":
        columns = columns_of(parse(text), source)
        lines = [[".".join(path) for path in columns], *([cell(r, path) for path in columns] for r in records)]
        data = jobs.write_csv(batch, lines) if records else _NO_ROWS
    else:
        data = forms.written_records(kind, records, schema)
    jobs.finish(org, batch, data, len(records))


def _batch_of(org: Org, call: Call, request: Request) -> Job:
    job, wanted = _own(org, call, request), str(request.path_params["batch"])
    try:
        batch = jobs.find(org, "batch", wanted)
    except ApiError:
        batch = None
    if batch is None or batch.info["jobId"] != job.id:
        raise _Refused("InvalidBatch", f"Unable to find batch for id {wanted[:18]}")
    _go_on(org, batch)
    return batch


async def _list(org: Org, call: Call, request: Request) -> Response:
    batches = _batches(org, _own(org, call, request))
    return _said(request, "batchInfoList", [_batch_info(batch) for batch in batches])


async def _batch(org: Org, call: Call, request: Request) -> Response:
    return _said(request, "batchInfo", _batch_info(_batch_of(org, call, request)))


def _batch_info(batch: Job) -> dict[str, object]:
    said = {} if batch.error is None else {"stateMessage": batch.error}
    return {
        "id": batch.id, "jobId": batch.info["jobId"], "state": _STATES.get(batch.state, batch.state), **said,
        "createdDate": batch.created, "systemModstamp": batch.modified, "numberRecordsProcessed": batch.rows,
        "numberRecordsFailed": batch.failed, **_TIMES,
    }  # fmt: skip


async def _request(org: Org, call: Call, request: Request) -> Response:
    """What the client sent as the batch."""
    batch = _batch_of(org, call, request)
    query = batch.info.get("query")
    data = jobs.content(org, batch) if query is None else str(query).encode()
    return Response(data, media_type=_TYPES[str(batch.info["contentType"])])


async def _result(org: Org, call: Call, request: Request) -> Response:
    """What became of the rows of a batch, or the id of a query's result. A result has the id of its batch here."""
    batch = _batch_of(org, call, request)
    kind = str(batch.info["contentType"])
    if batch.state != "JobComplete":
        raise _Refused("InvalidBatch", f"Batch not completed: {_STATES.get(batch.state, batch.state)}")
    if "query" not in batch.info:
        return Response(forms.written_results(kind, list(jobs.outcomes(org, batch).values())), media_type=_TYPES[kind])
    name = "752" + batch.id[3:15]
    if kind == "JSON":
        return Response(json.dumps([name]), media_type="application/json")
    return Response(forms.written("result-list", {"result": name}, is_json=False), media_type="application/xml")


async def _rows(org: Org, call: Call, request: Request) -> Response:
    batch = _batch_of(org, call, request)
    if "query" not in batch.info or cast(str, request.path_params["result"])[3:15] != batch.id[3:15]:
        raise _Refused("InvalidBatch", "Unable to find a result with this id")
    if batch.state != "JobComplete":
        raise _Refused("InvalidBatch", f"Batch not completed: {_STATES.get(batch.state, batch.state)}")
    return Response(jobs.content(org, batch), media_type=_TYPES[str(batch.info["contentType"])])
