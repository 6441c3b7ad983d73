"""The way from an access token to a session in a browser: single access, and the front door that it opens.

Source: Salesforce Help "Generate a Frontdoor URL to Bridge into UI Sessions" (xcloud.frontdoor_singleaccess): an
access token with the scope `web` or `full` is exchanged at `services/oauth2/singleaccess`, by POST or GET, for
`frontdoor_uri`, which is short-lived and good once; `redirect_uri` is where the browser goes from there. How long it
lives is not documented: here it is a minute.
"""

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from localorg.errors import ApiError, OAuthError
from localorg.oauth import browser
from localorg.oauth.people import issue_front_door, take_front_door
from localorg.oauth.session import plain_session, presented
from localorg.org import Org
from localorg.recent import because
from localorg.web import NO_STORE, Json, authorization, base_url, form, route

_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,2000}")


def routes(org: Org) -> list[BaseRoute]:
    """The routes of single access and the front door."""
    return [
        route(org, "/services/oauth2/singleaccess", "singleaccess", _single_access, ["GET", "POST"]),
        route(org, "/secur/frontdoor.jsp", "frontdoor", _front_door, ["GET", "POST"]),
    ]


async def _single_access(org: Org, request: Request) -> Response:
    fields = await form(request)
    in_header = authorization(request)[0] in ("bearer", "oauth", "dpop") and authorization(request)[1]
    token = in_header or fields.get("access_token")
    session = presented(org, request) if in_header else plain_session(org, token or "")
    if session is None:
        because("Bad_OAuth_Token", "the access token has ended, or there is none")
        return PlainTextResponse("Bad_OAuth_Token" if token else "Missing_OAuth_Token", 403)
    if not {"web", "full"} & set(session.scope.split()):
        raise OAuthError("invalid_scope", "the access token has neither the scope web nor full", 403)
    door = issue_front_door(org, session.user_id)
    asked = {"otp": door, "startURL": _path(request, fields.get("redirect_uri") or "/")}
    return Json({"frontdoor_uri": f"{base_url(request)}/secur/frontdoor.jsp?{urlencode(asked)}"}, headers=NO_STORE)


def _user_of(org: Org, sid: str) -> str | None:
    """The user of an access token that may open web pages and is not bound to a key, None for any other."""
    try:
        session = plain_session(org, sid)
    except ApiError:
        return None
    return session.user_id if session is not None and {"web", "full"} & set(session.scope.split()) else None


def _path(request: Request, address: str) -> str:
    """The path of an address in this org. Raises OAuthError for another host's."""
    base = base_url(request)
    path = address[len(base) :] or "/" if address == base or address.startswith(f"{base}/") else address
    if _PATH.fullmatch(path) is None:
        raise OAuthError("invalid_request", "redirect_uri must be an address of this org")
    return path


async def _front_door(org: Org, request: Request) -> Response:
    fields = await form(request)
    user_id = take_front_door(org, fields.get("otp", ""))
    if user_id is None and fields.get("sid"):
        user_id = _user_of(org, fields["sid"])
    if user_id is None:
        used = OAuthError("invalid_grant", "this address was used before, is older than a minute, or is not this org's")
        return browser.error_page(used, 403)
    try:
        path = _path(request, fields.get("startURL") or fields.get("retURL") or "/")
    except OAuthError:
        path = "/"
    response = RedirectResponse(path, 302, headers=browser.HEADERS)
    browser.sign_in(org, response, user_id)
    return response
