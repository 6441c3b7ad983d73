"""Bulk API 2.0 over HTTP: ingest and query jobs. Source: Bulk API 2.0 and Bulk API Developer Guide."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from typing import cast

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import jobs
from localorg.data.access import Person, person, schema_for
from localorg.data.jobs import DELIMITERS, LINE_ENDINGS, Job, Kind
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of
from localorg.schema.sobjects import Schema, SObject
from localorg.soql import SoqlError, run
from localorg.soql.syntax import parse
from localorg.soql.tree import FieldsOf, Path, Query
from localorg.web import Endpoint, Json, json_object, limit_header, read_body, route

MAX_UPLOAD = 150 * 1024 * 1024
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_ROWS_A_TURN = 2000
_Endpoint = Callable[[Org, Request, Kind], Awaitable[Response]]
_NAMES: dict[Kind, str] = {"ingest": "V2Ingest", "query": "V2Query"}


def routes(org: Org) -> list[BaseRoute]:
    """The routes of ingest and query jobs."""
    base = "/services/data/v{version}/jobs"
    both: list[BaseRoute] = []
    kinds: tuple[Kind, ...] = ("ingest", "query")
    for kind in kinds:
        one = f"{base}/{kind}/{{id}}"
        both += [
            route(org, f"{base}/{kind}", f"rest.bulk_{kind}", _of(kind, _make), ["POST"]),
            route(org, f"{base}/{kind}/", f"rest.bulk_{kind}", _of(kind, _make), ["POST"]),
            route(org, f"{base}/{kind}", f"rest.bulk_{kind}", _of(kind, _list), ["GET"]),
            route(org, one, f"rest.bulk_{kind}", _of(kind, _info), ["GET"]),
            route(org, one + "/", f"rest.bulk_{kind}", _of(kind, _info), ["GET"]),
            route(org, one, f"rest.bulk_{kind}", _of(kind, _change), ["PATCH"]),
            route(org, one + "/", f"rest.bulk_{kind}", _of(kind, _change), ["PATCH"]),
            route(org, one, f"rest.bulk_{kind}", _of(kind, _delete), ["DELETE"]),
        ]
    one = base + "/ingest/{id}"
    return [
        *both,
        route(org, one + "/batches", "rest.bulk_ingest", _upload, ["PUT"]),
        route(org, one + "/batches/", "rest.bulk_ingest", _upload, ["PUT"]),
        *(route(org, f"{one}/{which}{slash}", "rest.bulk_results", _results, ["GET"])
          for which in ("successfulResults", "failedResults", "unprocessedrecords") for slash in ("", "/")),
        route(org, base + "/query/{id}/results", "rest.bulk_results", _rows, ["GET"]),
        route(org, base + "/query/{id}/results/", "rest.bulk_results", _rows, ["GET"]),
    ]  # fmt: skip


def _of(kind: Kind, endpoint: _Endpoint) -> Endpoint:
    async def bound(org: Org, request: Request) -> Response:
        return await endpoint(org, request, kind)

    return bound


async def _make(org: Org, request: Request, kind: Kind) -> Response:
    call = call_of(org, request)
    body, data = await _asked(request)
    info = _checked(body) | {"apiVersion": float(call.version)}
    if kind == "query":
        job = _make_query(org, call, body, info)
    else:
        job = jobs.make(org, kind, call.session.user_id, info | _ingest(call, body), "Open")
        if data is not None:  # the data came with the request and is complete
            jobs.upload(org, job, data)
            job = jobs.close(org, job)
    _go_on(org, job)
    return Json(_job_as_json(job), headers=limit_header(org))


async def _asked(request: Request) -> tuple[Mapping[str, object], bytes | None]:
    """The properties of a new job, and its data when both come in one multipart request. Raises ApiError."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await json_object(request), None
    try:
        async with request.form(max_part_size=MAX_UPLOAD) as form:
            job, data = form.get("job"), form.get("content")
            asked = await job.read() if isinstance(job, UploadFile) else str(job or "").encode()
            rows = await data.read() if isinstance(data, UploadFile) else str(data or "").encode()
    except HTTPException as wrong:
        raise ApiError(
            400, "INVALIDJOB", f"InvalidJob : the parts of the request cannot be read: {wrong.detail}"
        ) from None
    try:
        body: object = json.loads(asked)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "The part named job is no JSON object")
    return cast(dict[str, object], body), rows


def _checked(body: Mapping[str, object]) -> dict[str, object]:
    """The properties that both kinds of jobs have, with their defaults. Raises ApiError."""
    info: dict[str, object] = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
    for name, values in (("contentType", ("CSV",)), ("columnDelimiter", DELIMITERS), ("lineEnding", LINE_ENDINGS)):
        given = body.get(name, info[name])
        if given not in values:
            raise ApiError(
                400,
                "INVALIDJOB",
                f"InvalidJob : Invalid value for {name}: {str(given)[:40]}. Valid are {', '.join(values)}",
            )
        info[name] = given
    return info


def _ingest(call: Call, body: Mapping[str, object]) -> dict[str, object]:
    operation, name = body.get("operation"), str(body.get("object") or "")
    if operation not in _OPERATIONS:
        raise ApiError(
            400,
            "INVALIDJOB",
            f"InvalidJob : Invalid operation: {str(operation)[:40]}. Valid are {', '.join(_OPERATIONS)}",
        )
    source = call.schema.sobject(name)
    if source is None:
        raise ApiError(400, "INVALIDENTITY", f"InvalidEntity : Entity '{name[:80]}' is not supported by the Bulk API.")
    info: dict[str, object] = {"operation": operation, "object": source.name}
    if operation == "upsert":
        key = source.field(str(body.get("externalIdFieldName") or ""))
        if key is None or not key.is_key:
            raise ApiError(400, "INVALIDJOB", "InvalidJob : Field name provided, "
                           f"{str(body.get('externalIdFieldName') or '')[:80]} "
                           f"does not match an External ID for {source.name}")  # fmt: skip
        info["externalIdFieldName"] = key.name
    return info


def _make_query(org: Org, call: Call, body: Mapping[str, object], info: dict[str, object]) -> Job:
    operation, text = body.get("operation"), body.get("query")
    if operation not in ("query", "queryAll") or not isinstance(text, str):
        raise ApiError(400, "INVALIDJOB", "InvalidJob : a query job has an operation (query or queryAll) and a query")
    source = queried(org, call.schema, text, call.version, call.person)
    return jobs.make(
        org,
        "query",
        call.session.user_id,
        info | {"operation": operation, "object": source.name, "query": text},
        "UploadComplete",
    )


def queried(org: Org, schema: Schema, text: str, version: str, asks: Person) -> SObject:
    """The object of a query that a bulk job may run. Raises ApiError for any other."""
    try:
        query = parse(text)
        columns_of(query, schema.sobject(query.sobject.text))
        run(org, schema, text, version=version, batch=1, person=asks)
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    return cast(SObject, schema.sobject(query.sobject.text))


def columns_of(query: Query, source: SObject | None) -> list[tuple[str, ...]]:
    """The field paths that a bulk query selects. Raises ApiError for what bulk queries do not support."""
    columns: list[tuple[str, ...]] = []
    for item in query.select:
        if isinstance(item, FieldsOf) and item.group != "STANDARD":
            # Source: SOQL and SOSL Reference, SELECT, Bounded and Unbounded Queries.
            raise ApiError(400, "API_ERROR", f"FIELDS({item.group}) is not supported in Bulk Query")
        if isinstance(item, FieldsOf) and source is not None:
            columns += [(f.name,) for f in source.fields if f.stored]
        elif isinstance(item, Path):
            last = source.field(item.text) if source is not None else None
            if last is not None and last.compound is not None:
                raise ApiError(400, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")
            columns.append(item.parts)
        else:
            raise ApiError(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    if query.group_by or query.offset:
        raise ApiError(400, "API_ERROR", "GROUP BY and OFFSET are not supported in Bulk Query")
    return columns


# One job


async def _list(org: Org, request: Request, kind: Kind) -> Response:
    user_id = call_of(org, request).session.user_id
    own = [_job_as_json(j) for j in jobs.every(org, kind) if j.user_id == user_id]
    return Json({"done": True, "records": own, "nextRecordsUrl": None}, headers=limit_header(org))


async def _info(org: Org, request: Request, kind: Kind) -> Response:
    job = _own_job(org, request, kind)
    _go_on(org, job)
    return Json(_job_as_json(job) | _progress(job), headers=limit_header(org))


async def _change(org: Org, request: Request, kind: Kind) -> Response:
    job = _own_job(org, request, kind)
    state = (await json_object(request)).get("state")
    if state == "Aborted":
        job = jobs.abort(org, job)
    elif state == "UploadComplete" and kind == "ingest":
        job = jobs.close(org, job)
        _go_on(org, job)
    else:
        states = "UploadComplete or Aborted" if kind == "ingest" else "Aborted"
        raise ApiError(400, "INVALIDJOBSTATE", f"a job is changed to {states}, not to {str(state)[:40]}")
    return Json(_job_as_json(job), headers=limit_header(org))


async def _delete(org: Org, request: Request, kind: Kind) -> Response:
    jobs.delete(org, _own_job(org, request, kind))
    return Response(status_code=204, headers=limit_header(org))


async def _upload(org: Org, request: Request) -> Response:
    job = _own_job(org, request, "ingest")
    if not request.headers.get("content-type", "text/csv").startswith("text/csv"):
        raise ApiError(400, "INVALIDJOB", "InvalidJob : the data of a job is text/csv")
    jobs.upload(org, job, await read_body(request, MAX_UPLOAD))
    return Response(status_code=201, headers=limit_header(org))


async def _results(org: Org, request: Request) -> Response:
    job = _own_job(org, request, "ingest")
    which = cast(jobs.Which, request.url.path.rstrip("/").rsplit("/", 1)[1])
    if job.state not in ("JobComplete", "Failed", "Aborted"):
        raise ApiError(400, "INVALIDJOBSTATE", f"Job {job.id[:15]} has no results yet: {job.state}")
    return Response(await jobs.results(org, job, which), media_type="text/csv", headers=limit_header(org))


async def _rows(org: Org, request: Request) -> Response:
    """One page of a query's rows. The header Sforce-Locator says where the next one begins."""
    job = _own_job(org, request, "query")
    if job.state != "JobComplete":
        raise ApiError(400, "INVALIDJOBSTATE", f"Job {job.id[:15]} has no results yet: {job.state}")
    try:
        first = int(base64.urlsafe_b64decode(request.query_params.get("locator") or "MA=="))
        most = int(request.query_params.get("maxRecords") or max(1, job.rows))
    except ValueError:
        raise ApiError(400, "INVALIDLOCATOR", "the locator or maxRecords is not one that was told") from None
    if most < 1 or first < 0:
        raise ApiError(400, "INVALIDLOCATOR", "maxRecords is at least 1")
    page, count, ends = await jobs.rows(org, job, first, most)
    locator = "null" if ends else base64.urlsafe_b64encode(str(first + most).encode()).decode()
    headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(count)}
    return Response(page, media_type="text/csv", headers=headers | limit_header(org))


# Parts


def _own_job(org: Org, request: Request, kind: Kind) -> Job:
    """The job that the path names. Raises ApiError 404 when it is another user's."""
    call = call_of(org, request)
    job = jobs.find(org, kind, str(request.path_params["id"]))
    if job.user_id != call.session.user_id:
        raise not_found()
    return job


def _job_as_json(job: Job) -> dict[str, object]:
    asked = {n: v for n, v in job.info.items() if n != "query"}
    url = (
        {"contentUrl": f"services/data/v{job.info['apiVersion']}/jobs/ingest/{job.id}/batches"}
        if job.kind == "ingest"
        else {}
    )
    return {
        "id": job.id, "createdById": job.user_id, "createdDate": job.created, "systemModstamp": job.modified,
        "state": job.state,
        "concurrencyMode": "Parallel", "jobType": _NAMES[job.kind], **asked, **url,
    }  # fmt: skip


def _progress(job: Job) -> dict[str, object]:
    counts: dict[str, object] = {"numberRecordsProcessed": job.rows, "retries": 0, "totalProcessingTime": 0}
    if job.kind == "ingest":
        counts |= {"numberRecordsFailed": job.failed, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}
    else:
        counts |= {"isPkChunkingSupported": True}
    return counts if job.error is None else counts | {"errorMessage": job.error}


def _go_on(org: Org, job: Job) -> None:
    """Processes a job in the background: after its upload, and after the org was restarted."""
    if job.state in ("UploadComplete", "InProgress") and job.id not in org.working:
        work = (
            jobs.ingest(org, job, schema_for(org, job.user_id))
            if job.kind == "ingest"
            else _select(org, job, schema_for(org, job.user_id))
        )
        task = org.working[job.id] = asyncio.create_task(work)
        task.add_done_callback(lambda _done: org.working.pop(job.id, None))


async def _select(org: Org, job: Job, schema: Schema) -> None:
    """Runs a query job, some rows at a time so that other requests get their turn."""
    query = parse(str(job.info["query"]))
    columns = columns_of(query, schema.sobject(query.sobject.text))
    rows: list[list[str]] = []
    async for record in selected(org, job, schema):
        rows.append([cell(record, path) for path in columns])
    if jobs.find(org, job.kind, job.id).state not in ("Aborted", "Failed"):
        jobs.finish(org, job, jobs.write_csv(job, [[".".join(path) for path in columns], *rows]), len(rows))


async def selected(org: Org, job: Job, schema: Schema) -> AsyncIterator[dict[str, object]]:
    """The records of a query job. Ends early, and the job with it, when the user may not read them any more."""
    text, deleted = str(job.info["query"]), job.info["operation"] == "queryAll"
    asks = person(org, job.user_id)
    done, more = 0, True
    while more:
        await asyncio.sleep(0)
        if jobs.find(org, job.kind, job.id).state == "Aborted":
            return
        try:
            page = run(
                org,
                schema,
                text,
                version=str(job.info["apiVersion"]),
                batch=_ROWS_A_TURN,
                offset=done,
                deleted=deleted,
                person=asks,
            )
        except SoqlError as refused:  # the user's profile has changed meanwhile
            jobs.fail(org, job, f"InvalidBatch : Failed to process query: {refused.code}: {refused.message.strip()}")
            return
        for record in page.records:
            yield record
        done += len(page.records)
        more = page.locator is not None


def cell(record: dict[str, object], path: tuple[str, ...]) -> str:
    """The value at a path in a record, as CSV has it."""
    first, *rest = path
    value = next((record[n] for n in record if n.lower() == first.lower()), None)
    if rest:
        return cell(cast(dict[str, object], value), tuple(rest)) if isinstance(value, dict) else ""
    if isinstance(value, float):
        return _as_java(value)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _as_java(number: float) -> str:
    """A number as Java writes a double, which bulk results do: `1.92E7` from ten million on and below a thousandth.

    Source: forcedotcom/cli issue 3367, Salesforce Help 000385889; Java's Double.toString.
    """
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    written = "".join(map(str, digits))
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{written[0]}.{written[1:] or '0'}E{power}"
