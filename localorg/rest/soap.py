"""The SOAP API (partner), of which this org has one call, convertLead; others are answered as those that are not there.

A token that is bound to a key comes in SessionHeader as any other, its proof in DpopProofHeader. How Salesforce refuses
such a proof, or asks for a nonce, is not known: this org does it in the form of its REST API.

Sources: SOAP API Developer Guide, "convertLead()", "SessionHeader", "DpopProofHeader", "API Fault Element" (a refused
call is a fault with HTTP status 500, whose faultcode is an ExceptionCode); forcedotcom/postman-salesforce-apis#56 (what
is said of a session that is none).
"""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data.access import schema_for
from localorg.data.conversion import Conversion, Converted, convert
from localorg.errors import ApiError
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.recent import because
from localorg.rest.bulk_forms import read_xml
from localorg.rest.call import FIRST_VERSION, LAST_VERSION
from localorg.web import read_body, route, with_nonce

_KIND = "soap"
_MOST = 100  # leads of one call
_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_PARTNER = "urn:partner.soap.sforce.com"
_NAMES = f"{{{_PARTNER}}}"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
)
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_ILLEGAL = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash: null"


def routes(org: Org) -> list[BaseRoute]:
    """The route of the partner API."""
    return [route(org, "/services/Soap/u/{version}", _KIND, _call, ["POST"])]


async def _call(org: Org, request: Request) -> Response:
    """Answers a call with the token and proof of its envelope's header."""
    try:
        root = read_xml(await read_body(request))
        header, body = root.find(f"{_ENVELOPE}Header"), root.find(f"{_ENVELOPE}Body")
        asked = None if body is None else next(iter(body), None)
    except ValueError:
        asked = header = None
    if asked is None:
        return _fault("soapenv:Client", "the request is no SOAP envelope with a call in it")
    version = str(request.path_params["version"])
    if not (version.endswith(".0") and version[:-2].isdigit() and FIRST_VERSION <= int(version[:-2]) <= LAST_VERSION):
        return _fault("sf:UNSUPPORTED_API_VERSION", f"UNSUPPORTED_API_VERSION: Invalid Api version {version[:20]}")
    token = _text(header, "SessionHeader", "sessionId")
    proof = _text(header, "DpopProofHeader", "proof")
    inner = _with_credentials(request, token, proof)

    async def work() -> Response:
        try:
            return _answered(org, inner, asked)
        except ApiError as refused:
            said = _ILLEGAL if refused.code in ("INVALID_SESSION_ID", "INVALID_AUTH_HEADER") else refused.message
            code = "INVALID_SESSION_ID" if refused.code == "INVALID_AUTH_HEADER" else refused.code
            return _fault(f"sf:{code}", f"{code}: {said}")

    return await (with_nonce(org, inner, _KIND, work) if proof else work())


def _with_credentials(request: Request, token: str, proof: str) -> Request:
    """The request as if its token and proof had come in the headers of REST."""
    headers = [(n, v) for n, v in request.scope["headers"] if n not in (b"authorization", b"dpop")]
    headers.append((b"authorization", f"{'DPoP' if proof else 'Bearer'} {token}".encode("latin-1", "replace")))
    if proof:
        headers.append((b"dpop", proof.encode("latin-1", "replace")))
    return Request({**request.scope, "headers": headers})


def _answered(org: Org, request: Request, asked: ElementTree.Element) -> Response:
    """Raises ApiError."""
    session = require_session(org, request)
    if asked.tag != f"{_NAMES}convertLead":
        return _fault("soapenv:Client", f"No operation available for request {asked.tag[:120]}")
    leads = asked.findall(f"{_NAMES}leadConverts")
    if len(leads) > _MOST:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {_MOST} records", [])
    schema = schema_for(org, session.user_id)
    results = list[str]()
    for lead in leads:
        wanted = _wanted(lead)
        try:
            results.append(_made(wanted.lead_id, convert(org, schema, wanted, session.user_id)))
        except ApiError as refused:
            because(refused.code, refused.message)
            results.append(_refused(wanted.lead_id, refused))
    body = f"<convertLeadResponse>{''.join(results)}</convertLeadResponse>"
    text = f'{_HEAD}xmlns="{_PARTNER}" {_XSI}><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
    return Response(text, media_type="text/xml; charset=utf-8")


def _wanted(lead: ElementTree.Element) -> Conversion:
    def text(name: str) -> str:
        at = lead.find(f"{_NAMES}{name}")
        return "" if at is None or at.get(_NIL) in ("true", "1") else (at.text or "").strip()

    return Conversion(
        lead_id=text("leadId"),
        status=text("convertedStatus"),
        account_id=text("accountId"),
        contact_id=text("contactId"),
        owner_id=text("ownerId"),
        opportunity_name=text("opportunityName"),
        no_opportunity=text("doNotCreateOpportunity") in ("true", "1"),
        overwrite_source=text("overwriteLeadSource") in ("true", "1"),
    )


def _made(lead_id: str, made: Converted) -> str:
    return (
        f"<result>{_element('accountId', made.account_id)}{_element('contactId', made.contact_id)}"
        f"{_element('leadId', lead_id)}{_element('opportunityId', made.opportunity_id)}<success>true</success></result>"
    )


def _refused(lead_id: str, refused: ApiError) -> str:
    fields = "".join(_element("fields", name) for name in refused.fields or ())
    said = f"{fields}{_element('message', refused.message)}{_element('statusCode', refused.code)}"
    return (
        f"<result>{_element('accountId', '')}{_element('contactId', '')}<errors>{said}</errors>"
        f"{_element('leadId', lead_id)}{_element('opportunityId', '')}<success>false</success></result>"
    )


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else f'<{name} xsi:nil="true"/>'


def _text(header: ElementTree.Element | None, *names: str) -> str:
    at = None if header is None else header.find("/".join(f"{_NAMES}{name}" for name in names))
    return "" if at is None else (at.text or "").strip()


def _fault(code: str, said: str) -> Response:
    """A fault. Source: SOAP API Developer Guide, "API Fault Element"."""
    because(code.partition(":")[2], said)
    body = f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{escape(said)}</faultstring></soapenv:Fault>"
    text = f'{_HEAD}xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
    return Response(text, 500, media_type="text/xml; charset=utf-8")
