"""Routes that only programs on this machine, and this org's own pages, may use."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localorg.errors import ApiError
from localorg.org import Org
from localorg.web import Endpoint, Json, base_url


def local_route(org: Org, path: str, endpoint: Endpoint, methods: list[str]) -> Route:
    """A route of the control API. It is not counted and no fault applies to it, so that it works whatever else is
    broken.
    """

    async def serve(request: Request) -> Response:
        try:
            _check_caller(request)
            return await endpoint(org, request)
        except ApiError as refused:
            return Json(refused.body(), refused.status)

    return Route(path, serve, methods=methods)


# A website can make its own name resolve to this address (DNS rebinding); the browser then sends that name.
_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def _check_caller(request: Request) -> None:
    if request.url.hostname not in _HOSTS or request.headers.get("origin", base_url(request)) != base_url(request):
        raise ApiError(
            403,
            "FORBIDDEN",
            "only this org's own pages and programs on this machine control it, by the name 127.0.0.1 or localhost",
        )


def wrong(message: str) -> ApiError:
    """The error 400 INVALID_ARGUMENT, to be raised."""
    return ApiError(400, "INVALID_ARGUMENT", message)
