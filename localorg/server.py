"""The org as an ASGI app, and the server that runs it."""

import re
import socket
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from localorg import pages
from localorg.control import api as control
from localorg.errors import ApiError, not_found
from localorg.oauth import authorize, devices, frontdoor, token, userinfo
from localorg.org import Org
from localorg.recent import because, remembered
from localorg.rest import (
    about,
    actions,
    bulk,
    bulk_classic,
    composite,
    describe,
    invocable,
    listviews,
    looks,
    refused_apis,
    replication,
    resources,
    soap,
    sobject_collections,
)
from localorg.rest.ui_api import favorites as ui_favorites
from localorg.rest.ui_api import lists as ui_lists
from localorg.rest.ui_api import objects as ui_objects
from localorg.rest.ui_api import records as ui_records
from localorg.settings import SITE
from localorg.web import PATH, Json


def make_app(org: Org, log: Callable[[str], None] | None = None) -> ASGIApp:
    """The ASGI app of an org. `log` gets one line a request, without query string, headers, or body."""

    async def front(_request: Request) -> Response:
        return HTMLResponse(pages.start())

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 405:
            fitting = (r for r in everything if isinstance(r, Route) and r.matches(request.scope)[0] is not Match.NONE)
            methods = {method for r in fitting for method in r.methods or ()}
            allowed = ",".join(sorted(methods))
            body = ApiError(
                405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
            )
        elif status == 404:
            body = not_found()
        else:
            body = ApiError(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")
        because(body.code, body.message)
        return Json(body.body(), body.status)

    handlers: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: refused,
        500: refused,
    }
    data = _data_routes(org)
    oauth = [one for room in (authorize, token, userinfo, devices, frontdoor) for one in room.routes(org)]
    everything: list[BaseRoute] = [
        Route("/", front),
        *oauth,
        *invocable.routes(org),  # no part of a composite request: REST API Developer Guide, "Composite"
        *soap.routes(org),
        *data,
        *composite.routes(org, Router([*sobject_collections.routes_in_composite(org), *data], redirect_slashes=False)),
        *sobject_collections.routes(org),
        *control.routes(org),
    ]
    # On one machine, compressing further takes five times as long and saves nothing.
    compressing = Middleware(GZipMiddleware, minimum_size=1000, compresslevel=1)
    app = Starlette(routes=everything, exception_handlers=handlers, middleware=[compressing])
    app.router.redirect_slashes = False
    return _single_slashes(remembered(_site(app), org.recent, log))


def _data_routes(org: Org) -> list[BaseRoute]:
    """All routes that may be a part of a composite request. Those whose paths match others too come last."""
    rooms = (
        resources,
        describe,
        listviews,
        looks,
        actions,
        ui_objects,
        ui_records,
        ui_lists,
        ui_favorites,
        replication,
        about,
        bulk,
        bulk_classic,
        refused_apis,
    )
    return [one for room in rooms for one in room.routes(org)] + resources.routes_by_value(org)


def rest_routes(org: Org) -> list[BaseRoute]:
    """All routes of the APIs. A test compares them with the table in docs/localorg.md."""
    return [
        *invocable.routes(org),
        *soap.routes(org),
        *_data_routes(org),
        *composite.routes(org, Router()),
        *sobject_collections.routes(org),
    ]


_IN_SITE = re.compile(rf"/{SITE}(/services/oauth2/.*|/login|/consent)")


def _site(app: ASGIApp) -> ASGIApp:
    """The app, wrapped so that the org's Experience Cloud site has its own sign-in and token endpoints below its path.

    Source: Salesforce Help, "OAuth 2.0 Web Server Flow", authorization and token endpoints of a site.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        inside = _IN_SITE.fullmatch(str(scope.get("path", "")))
        if inside is not None:
            scope = {**scope, "path": inside[1], "raw_path": inside[1].encode(), "localorg.site": SITE}
        await app(scope, receive, send)

    return wrapped


def _single_slashes(app: ASGIApp) -> ASGIApp:
    """The app, wrapped so that it takes `//` in a path as `/` and REST addresses with a slash at their end, as
    Salesforce does: its command-line client sends the ones, simple-salesforce the others.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path") or b""
        one = re.sub(rb"/{2,}", b"/", raw)
        if one.startswith(b"/services/data/"):
            one = one.rstrip(b"/")
        scope = {**scope, PATH: raw}
        if one != raw:
            scope |= {"raw_path": one, "path": unquote(one.decode("latin-1"))}
        await app(scope, receive, send)

    return wrapped


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket. Port 0 takes a free port. Raises OSError when the port is taken."""
    # Asyncio sets TCP_NODELAY only when the protocol is named.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(512)
    return sock


def make_server(app: ASGIApp) -> uvicorn.Server:
    """A uvicorn server without log lines of its own."""
    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=30, server_header=False
        )
    )
