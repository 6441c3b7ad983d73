"""Functions of which each has one part more of a data call than the one before: what bench/floor.py measures.

functions-framework serves it as it serves main.py, from the folder `functions`.
"""

# It reaches into the backend for its parts.
# pyright: reportPrivateUsage=false

from bench.framework import usual_application  # isort: skip  before main.py puts its own in its place

from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import main
from backend import callable_protocol
from backend.adapters import salesforce_session
from backend.async_function import on_async_request
from backend.endpoint import Endpoint
from backend.records.queries import Queries
from backend.values import Caller
from contract.calls import LIST_RECORDS, ListRecords

_CONSTANT = msgspec.json.encode({"result": {"records": [{"id": "001", "fields": {"Name": "Alder Energy"}}] * 100}})
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_CONSTANT)).encode())]


def _constant() -> Response:
    made = Response()
    made.body, made.raw_headers = _CONSTANT, _HEADERS
    return made


def _parts() -> tuple[Endpoint, Queries, salesforce_session.SalesforceSession]:
    endpoint = main.wired_backend().endpoint
    queries = cast(Queries, cast(Any, endpoint._routes["api", "listRecords"].work).__self__)
    return endpoint, queries, cast(Any, queries._org)._session


async def _raw(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _CONSTANT})


@on_async_request()
async def raw(_request: Request) -> Response:
    """An ASGI application that answers the same always."""
    return _constant()


cast(Any, raw).application = _raw


async def _answer(_request: Request) -> Response:
    return _constant()


@on_async_request()
async def framework(_request: Request) -> Response:
    """The same from an async function, as functions-framework serves it by itself."""
    return _constant()


cast(Any, framework).application = usual_application(_answer, "http", False)


@on_async_request()
async def application(_request: Request) -> Response:
    """The same from an async function, as it is served here."""
    return _constant()


async def _admitted(request: Request) -> Caller:
    endpoint, *_ = _parts()
    caller = await endpoint._firebase.verify(callable_protocol.bearer(request))
    await endpoint._admit(LIST_RECORDS, caller)
    return caller


@on_async_request()
async def id_token(request: Request) -> Response:
    """With the ID token verified and the caller admitted."""
    await _admitted(request)
    return _constant()


@on_async_request()
async def decode(request: Request) -> Response:
    """With the request decoded."""
    await _admitted(request)
    await callable_protocol.read_request(LIST_RECORDS, request)
    return _constant()


async def _asked(request: Request) -> tuple[Caller, ListRecords]:
    caller = await _admitted(request)
    return caller, await callable_protocol.read_request(LIST_RECORDS, request)


@on_async_request()
async def salesforce(request: Request) -> Response:
    """With the request to Salesforce, whose answer nobody reads."""
    caller, asked = await _asked(request)
    soql = (
        "SELECT Id, Name, Industry, Type, BillingCity, BillingCountry, Phone, SystemModstamp FROM Account WHERE"
        f" (AnnualRevenue > {asked.filters[0].value}) ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 26"
    )
    query = salesforce_session.Request("GET", "/services/data/v66.0/query", query={"q": soql})
    await _parts()[2].send(caller.uid, query)
    return _constant()


@on_async_request()
async def flow(request: Request) -> Response:
    """With the flow: describe, SOQL, the answer read, records made."""
    caller, asked = await _asked(request)
    await _parts()[1].list_records(caller, asked)
    return _constant()


@on_async_request()
async def encode(request: Request) -> Response:
    """With the answer written."""
    caller, asked = await _asked(request)
    return callable_protocol.result(await _parts()[1].list_records(caller, asked))


@on_async_request()
async def whole(request: Request) -> Response:
    """With deadline, CORS, telemetry that is off, and the log line: the backend as it is."""
    return await main.wired_backend().endpoint.answer("api", request)
