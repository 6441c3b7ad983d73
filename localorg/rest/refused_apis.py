"""The APIs that this org does not have. It answers as an org does in which they are switched off.

Source: SOAP API Developer Guide, "API Fault Element"; Streaming API Developer Guide, "Bayeux
Protocol".
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.errors import ApiError
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.rest.call import call_of
from localorg.web import Json, read_body, route

_DISABLED = "API is not enabled for this Organization or Partner"
_FAULT = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:sf="urn:fault.{of}.soap.sforce.com"><soapenv:Body><soapenv:Fault><faultcode>sf:API_DISABLED_FOR_ORG</faultcode>'
    f"<faultstring>API_DISABLED_FOR_ORG: {_DISABLED}</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)
_ANY = ["GET", "POST", "PATCH", "DELETE", "PUT"]


def routes(org: Org) -> list[BaseRoute]:
    """The routes of these APIs."""
    v = "/services/data/v{version}"
    return [
        route(org, "/services/Soap/{kind}/{rest:path}", "refused.soap", _soap, ["POST"]),
        route(org, "/cometd/{rest:path}", "refused.cometd", _cometd, ["POST"]),
        *(
            route(org, v + path, "refused.rest", _rest, _ANY)
            for path in ("/graphql", "/metadata/{rest:path}", "/ui-api/favorites/batch")
        ),
    ]


async def _soap(_org: Org, request: Request) -> Response:
    await read_body(request)
    of = {"m": "metadata", "c": "enterprise"}.get(str(request.path_params["kind"]), "partner")
    return Response(_FAULT.format(of=of), 500, media_type="text/xml; charset=utf-8")


async def _cometd(org: Org, request: Request) -> Response:
    """A refused handshake of the Bayeux protocol."""
    require_session(org, request)
    refused = {
        "channel": "/meta/handshake",
        "successful": False,
        "error": f"403::{_DISABLED}",
        "advice": {"reconnect": "none"},
    }
    return Json([refused])


async def _rest(org: Org, request: Request) -> Response:
    call_of(org, request)
    raise ApiError(403, "API_DISABLED_FOR_ORG", _DISABLED)
