"""Cross-origin calls (Fetch Standard, "CORS protocol"): pages of the origins in the settings may call; by default no
other than our own.
"""

from starlette.requests import Request
from starlette.responses import Response

_HEADERS = (  # what Firebase's SDKs and our app send
    "authorization, content-type, firebase-instance-id-token, traceparent, x-firebase-appcheck"
)
_PREFLIGHT_SECONDS = "3600"


class AllowedOrigins:
    """`origins` are written as browsers send them: `https://app.example`, with the port when it is not the scheme's
    own.
    """

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def preflight(self, request: Request) -> Response | None:
        """The answer to a preflight (a browser asks whether a page may call); None for another request, and for a page
        of an origin that is not allowed.
        """
        if (
            request.method != "OPTIONS"
            or not self._allows(request)
            or request.headers.get("access-control-request-method") != "POST"
        ):
            return None
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
        return self.open(request, Response(status_code=204, headers=allowed))

    def open(self, request: Request, response: Response) -> Response:
        """The response, with headers that let a page of an allowed origin read it."""
        if self._origins:
            response.headers["Vary"] = "Origin"
        if self._allows(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return response

    def _allows(self, request: Request) -> bool:
        return request.headers.get("origin") in self._origins
