"""OpenID Connect over HTTP: discovery, keys, userinfo, and Salesforce's identity URL."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from localorg.clock import from_datetime
from localorg.data.records import read
from localorg.errors import ApiError
from localorg.oauth import oidc
from localorg.oauth.session import plain_session, presented
from localorg.org import Org
from localorg.web import NO_STORE, Json, authorization, base_url, form, route


def routes(org: Org) -> list[BaseRoute]:
    """The routes of these endpoints."""
    return [
        route(org, "/.well-known/openid-configuration", "discovery", _discovery, ["GET"]),
        route(org, "/id/keys", "discovery", _keys, ["GET"]),
        route(org, "/services/oauth2/userinfo", "userinfo", _userinfo, ["GET", "POST"]),
        route(org, "/id/{org_id}/{user_id}", "identity", _identity, ["GET", "POST"]),
    ]


async def _discovery(org: Org, request: Request) -> Response:
    return Json(oidc.discovery(base_url(request), proofs=org.proofs.rules.published))


async def _keys(org: Org, _request: Request) -> Response:
    from localorg.oauth.signing import keys  # here, because it takes a tenth of a second to load

    return Json(keys(org))


async def _userinfo(org: Org, request: Request) -> Response:
    return await _who(org, request, "access_token", None, None)


async def _identity(org: Org, request: Request) -> Response:
    return await _who(org, request, "oauth_token", request.path_params["org_id"], request.path_params["user_id"])


async def _who(org: Org, request: Request, parameter: str, org_id: str | None, user_id: str | None) -> Response:
    """Who the user of an access token is, which stands in the header or in this parameter of the form."""
    # These two answer 403 with plain text, not 401 with JSON (forcedotcom/SalesforceMobileSDK-iOS#3398).
    in_header = authorization(request)[0] in ("bearer", "oauth", "dpop") and authorization(request)[1]
    token = in_header or (await form(request)).get(parameter)
    if not token:
        return PlainTextResponse("Missing_OAuth_Token", 403)
    try:
        session = presented(org, request) if in_header else plain_session(org, token)
    except ApiError as refused:
        return PlainTextResponse("Bad_OAuth_Token", 403, headers=refused.headers)
    if session is None:
        return PlainTextResponse("Bad_OAuth_Token", 403)
    if org_id is not None and org_id[:15] != org.org_id[:15]:
        return PlainTextResponse("Wrong_Org", 403)
    if user_id is not None and user_id[:15] != session.user_id[:15]:
        return PlainTextResponse("Bad_Id", 403)
    user = read(org, org.objects["User"], session.user_id)
    base = base_url(request)
    identity = f"{base}/id/{org.org_id}/{session.user_id}"
    versioned = "{version}"
    common: dict[str, object] = {
        "user_id": session.user_id,
        "organization_id": org.org_id,
        "email": user["Email"],
        "email_verified": True,
        "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
        "urls": {
            "rest": f"{base}/services/data/v{versioned}/",
            "sobjects": f"{base}/services/data/v{versioned}/sobjects/",
            "query": f"{base}/services/data/v{versioned}/query/",
            "search": f"{base}/services/data/v{versioned}/search/",
            "recent": f"{base}/services/data/v{versioned}/recent/",
            "profile": f"{base}/{session.user_id}",
            "custom_domain": base,
        },
        "active": bool(user["IsActive"]),
        "user_type": "STANDARD",
        "language": user["LanguageLocaleKey"],
        "locale": user["LocaleSidKey"],
        "utcOffset": 3600000,
        "is_app_installed": True,
    }
    if org_id is None:
        updated = from_datetime(str(user["LastModifiedDate"]))
        common |= {
            "sub": identity,
            "preferred_username": user["Username"],
            "nickname": str(user["Username"]).split("@")[0],
            "name": user["Name"],
            "given_name": user["FirstName"],
            "family_name": user["LastName"],
            "zoneinfo": user["TimeZoneSidKey"],
            "picture": f"{base}/profilephoto/005/F",
            "updated_at": int(updated),
        }
    else:
        common |= {
            "id": identity,
            "asserted_user": True,
            "username": user["Username"],
            "nick_name": str(user["Username"]).split("@")[0],
            "display_name": user["Name"],
            "first_name": user["FirstName"],
            "last_name": user["LastName"],
            "timezone": user["TimeZoneSidKey"],
            "addr_city": user["City"],
            "addr_country": user["Country"],
            "mobile_phone": user["MobilePhone"],
            "last_modified_date": user["LastModifiedDate"],
        }
    return Json(common, headers=NO_STORE)
