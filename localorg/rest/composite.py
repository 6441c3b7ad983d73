"""Composite, composite graph, and batch: several requests in one, which run through the org's own routes.

Source: REST API Developer Guide, "Composite Resources". Many records in one request are in `sobject_collections.py`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Scope

from localorg.errors import ApiError
from localorg.oauth.grants import Session
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.web import INNER, Json, json_object, limit_header, route

MAX_PARTS = 25
MAX_GRAPHS, MAX_NODES, MAX_GRAPH_FAILURES = 75, 500, 14
_ANY = re.compile(r"/services/data/")
_NODE = re.compile(r"/services/data/v\d+\.0/sobjects/")
_FIVE = re.compile(r"/services/data/v\d+\.0/(?:query|queryAll|composite/sobjects)(?:[/?]|$)")
MAX_QUERIES = 5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")  # REST API Developer Guide, Composite Subrequest, referenceId
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")


def routes(org: Org, inner: Router) -> list[BaseRoute]:
    """The routes of composite, graph, and batch. `inner` serves the parts, which are not counted as requests."""
    v = "/services/data/v{version}"

    async def composite(org: Org, request: Request) -> Response:
        return await _composite(org, request, inner)

    async def batch(org: Org, request: Request) -> Response:
        return await _batch(org, request, inner)

    async def graph(org: Org, request: Request) -> Response:
        return await _graph(org, request, inner)

    return [
        route(org, v + "/composite/graph", "rest.composite", graph, ["POST"]),
        route(org, v + "/composite/graph/", "rest.composite", graph, ["POST"]),
        route(org, v + "/composite", "rest.composite", composite, ["POST"]),
        route(org, v + "/composite/", "rest.composite", composite, ["POST"]),
        route(org, v + "/composite/batch", "rest.composite", batch, ["POST"]),
    ]


async def _part(
    inner: Router, session: Session, method: str, url: str, body: object, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], object]:
    """Runs one part through the org's routes. Returns its status, headers, and JSON body."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    sent: list[Message] = []
    raw = b"" if body is None else msgspec.json.encode(body)
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [
            (k.lower().encode("latin-1", "replace"), v.encode("latin-1", "replace")) for k, v in headers.items()
        ],
        "server": ("127.0.0.1", 80),
        INNER: session,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await inner(scope, receive, send)
    content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    part_headers = {
        k.decode().title(): v.decode()
        for k, v in sent[0]["headers"]
        if k.decode() in ("location", "etag", "last-modified")
    }
    try:
        value: object = msgspec.json.decode(content) if content else None
    except msgspec.DecodeError:
        if sent[0]["status"] == 405:
            return 405, {}, ApiError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{method[:20]}' not allowed.").body()
        value = [ApiError(404, "NOT_FOUND", "The requested resource does not exist").body()[0]]
    return int(sent[0]["status"]), part_headers, value


async def _composite(org: Org, request: Request, inner: Router) -> Response:
    session = require_session(org, request)
    body = await json_object(request)
    rows, _failed = await _run(
        org, session, inner, _parts(body, "compositeRequest"), all_or_none=body.get("allOrNone") is True
    )
    return Json({"compositeResponse": rows}, headers=limit_header(org))


async def _graph(org: Org, request: Request, inner: Router) -> Response:
    """Several composite requests; the writes of each are kept all or not at all."""
    session = require_session(org, request)
    graphs = _parts(await json_object(request), "graphs", MAX_GRAPHS)
    names = [str(g.get("graphId") or "") for g in graphs]
    if len(set(names)) < len(names) or "" in names:
        raise ApiError(400, "INVALID_INPUT", "Each graphId must be given and unique.")
    parts = [_parts(g, "compositeRequest", MAX_NODES) for g in graphs]
    if sum(map(len, parts)) > MAX_NODES:
        raise ApiError(400, "LIMIT_EXCEEDED", f"The number of nodes cannot be more than {MAX_NODES}")
    answers: list[dict[str, object]] = []
    failures = 0
    for name, nodes in zip(names, parts, strict=True):
        if failures > MAX_GRAPH_FAILURES:
            rows, failed = [_halted(str(n.get("referenceId") or "")) for n in nodes], True
        else:
            rows, failed = await _run(org, session, inner, nodes, all_or_none=True, allowed=_NODE)
        failures += failed
        answers.append({"graphId": name, "graphResponse": {"compositeResponse": rows}, "isSuccessful": not failed})
    return Json({"graphs": answers}, headers=limit_header(org))


async def _run(
    org: Org,
    session: Session,
    inner: Router,
    parts: Sequence[dict[str, Any]],
    *,
    all_or_none: bool,
    allowed: re.Pattern[str] = _ANY,
) -> tuple[list[dict[str, object]], bool]:
    """Runs the parts of a composite request. Returns their answers, and whether one of them failed."""
    names = [str(p.get("referenceId") or "") for p in parts]
    if len(set(names)) < len(names) or "" in names:
        raise ApiError(400, "INVALID_INPUT", "Each referenceId must be given and unique.")
    wrong = next((n for n in names if _NAME.fullmatch(n) is None), None)
    if wrong is not None:
        said = f"The referenceId '{wrong[:40]}' begins with a letter or digit and has letters, digits and _ only"
        raise ApiError(400, "INVALID_INPUT", said)
    if sum(1 for p in parts if _FIVE.match(str(p.get("url") or ""))) > MAX_QUERIES:
        # Source: REST API Developer Guide, Composite, limits of subrequests.
        said = f"Cannot have more than {MAX_QUERIES} queries and sObject collections in a composite request"
        raise ApiError(400, "LIMIT_EXCEEDED", said)
    answers: dict[str, object] = {}
    rows: list[dict[str, object]] = []
    failed = False
    # No part waits for anything outside, so no other request runs in between.
    with org.attempt() as attempt:
        for name, part in zip(names, parts, strict=True):
            if failed and all_or_none:
                rows.append(_halted(name))
                continue
            try:
                url, body = str(_resolved(str(part.get("url") or ""), answers)), _resolved(part.get("body"), answers)
                if not allowed.match(url):
                    raise ApiError(400, "INVALID_INPUT", f"The url of a part matches {allowed.pattern}")
                headers = part.get("httpHeaders")
                given = (
                    {str(k): str(v) for k, v in cast(dict[object, object], headers).items()}
                    if isinstance(headers, dict)
                    else {}
                )
                status, part_headers, value = await _part(
                    inner, session, str(part.get("method") or "GET"), url, body, given
                )
            except ApiError as refused:
                status, part_headers, value = refused.status, {}, refused.body()
            answers[name] = value
            failed = failed or status >= 400
            rows.append({"body": value, "httpHeaders": part_headers, "httpStatusCode": status, "referenceId": name})
        if failed and all_or_none:
            attempt.undo()
            rows = [r if cast(int, r["httpStatusCode"]) >= 400 else _halted(str(r["referenceId"])) for r in rows]
    return rows, failed


def _halted(name: str) -> dict[str, object]:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    return {
        "body": [{"errorCode": "PROCESSING_HALTED", "message": message}],
        "httpHeaders": {},
        "httpStatusCode": 400,
        "referenceId": name,
    }


async def _batch(org: Org, request: Request, inner: Router) -> Response:
    session = require_session(org, request)
    body = await json_object(request)
    halt, halted = body.get("haltOnError") is True, False
    results: list[dict[str, object]] = []
    for part in _parts(body, "batchRequests"):
        if halted:
            body = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}]
            results.append({"statusCode": 412, "result": body})
            continue
        url = "/services/data/" + str(part.get("url") or "").removeprefix("/services/data/").lstrip("/")
        status, _, value = await _part(inner, session, str(part.get("method") or "GET"), url, part.get("richInput"), {})
        halted = halt and status >= 400
        results.append({"statusCode": status, "result": value})
    return Json(
        {"hasErrors": any(cast(int, r["statusCode"]) >= 400 for r in results), "results": results},
        headers=limit_header(org),
    )


def _parts(body: Mapping[str, object], name: str, most: int = MAX_PARTS) -> list[dict[str, Any]]:
    parts = body.get(name)
    if not isinstance(parts, list) or not parts or not all(isinstance(p, dict) for p in cast(list[object], parts)):
        raise ApiError(400, "INVALID_INPUT", f"{name} must be a list of requests")
    listed = cast(list[dict[str, Any]], parts)
    if len(listed) > most:
        raise ApiError(400, "LIMIT_EXCEEDED", f"The number of subrequests cannot be more than {most}")
    return listed


def _resolved(value: object, answers: Mapping[str, object]) -> object:
    """`value` with every `@{reference.field}` replaced by that value in the answers of earlier parts. Raises
    ApiError.
    """
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return _looked_up(whole, answers)
        return _REFERENCE.sub(lambda m: str(_looked_up(m, answers)), value)
    if isinstance(value, dict):
        return {k: _resolved(v, answers) for k, v in cast(dict[str, object], value).items()}
    if isinstance(value, list):
        return [_resolved(v, answers) for v in cast(list[object], value)]
    return value


def _looked_up(match: "re.Match[str]", answers: Mapping[str, object]) -> object:
    at: object = answers.get(match[1])
    for name, index in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", match[2]):
        if name and isinstance(at, dict):
            at = cast(dict[str, object], at).get(name)
        elif index and isinstance(at, list) and int(index) < len(cast(list[object], at)):
            at = cast(list[object], at)[int(index)]
        else:
            at = None
    if at is None:
        raise ApiError(
            400, "PROCESSING_HALTED", f"Invalid reference specified. No value for {match[0]} found in {match[1]}"
        )
    return at
