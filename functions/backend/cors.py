"""Cross-origin calls (Fetch Standard, "CORS protocol"): pages of the origins in the settings may call; by default no
other than our own.

A browser says with every POST of which origin the page is, and no page can make it say another (Fetch Standard, "Origin
header" and "forbidden request-header"). X-Forwarded-Host is not asked for that: a page may set it.
"""

from starlette.requests import Request
from starlette.responses import Response

from contract.errors import Reason, RefusedRequest

_HEADERS = (  # what Firebase's SDKs and our app send
    "authorization, content-type, firebase-instance-id-token, traceparent, x-callable-data, x-firebase-appcheck"
)
_PREFLIGHT_SECONDS = "3600"


class AllowedOrigins:
    """`origins` are written as browsers send them: `https://app.example`, with the port when it is not the scheme's
    own. `own` are those of the app's own pages: the backend is on their origin, so that they need no headers.
    """

    def __init__(self, origins: frozenset[str], own: frozenset[str] = frozenset()) -> None:
        self._origins = origins
        self._may_sign_in = origins | own

    def check(self, request: Request) -> None:
        """Refuses a page that is neither the app's nor of an allowed origin; programs send no Origin.

        Raises RefusedRequest(foreign-origin).
        """
        if any(origin not in self._may_sign_in for origin in request.headers.getlist("origin")):
            raise RefusedRequest(Reason.FOREIGN_ORIGIN)

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
