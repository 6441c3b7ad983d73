"""The Salesforce session behind a request with an access token.

Sources: RFC 9449 section 7 (the scheme DPoP, and that a bound token is not taken as a bearer token);
INVALID_AUTH_HEADER where DPoP is not known: SalesforceMobileSDK-Android#2955. How Salesforce refuses a bound token or a
wrong proof is not documented: the status and the header are RFC 9449's, the bodies Salesforce's for tokens and headers
that are not valid.
"""

from starlette.requests import Request

from localorg.data.access import has_api
from localorg.errors import ApiError, OAuthError
from localorg.oauth import dpop
from localorg.oauth.grants import Session, extend, find_session
from localorg.org import Org
from localorg.recent import because
from localorg.web import INNER, KIND, authorization, base_url


def presented(org: Org, request: Request) -> Session | None:
    """The session of the access token in the header Authorization: `Bearer`, Salesforce's older `OAuth`, or `DPoP` with
    a proof. Using it extends its idle time. None when it has expired or there is none.

    Raises ApiError 401 for a token that is used as what it is not, and for a proof that is not valid.
    """
    scheme, token = authorization(request)
    if scheme in ("bearer", "oauth"):
        return plain_session(org, token)
    session = find_session(org, token) if scheme == "dpop" else None
    if session is None:
        return None
    if session.dpop == "off":
        raise ApiError(401, "INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT", headers={"WWW-Authenticate": "Token"})
    if session.jkt is None:
        raise _invalid_token("the access token is not bound to a key")
    try:
        dpop.at_resource(org, request, token, session.jkt)
    except OAuthError as refused:
        if refused.error == "invalid_token":
            raise _invalid_token(refused.description) from None
        because(refused.error, refused.description)
        headers = dpop.challenge(refused.error, refused.description)
        raise ApiError(401, "INVALID_AUTH_HEADER", refused.description, headers=headers) from None
    extend(org, token, session)
    return session


def plain_session(org: Org, token: str) -> Session | None:
    """The session of an access token that comes without a proof, in a header or a form. Using it extends its idle time.
    None when it has expired or does not exist.

    Raises ApiError 401 for a token that is bound to a key, and for one of an app that requires bound ones.
    """
    session = find_session(org, token)
    if session is None:
        return None
    if session.jkt is not None:
        raise _invalid_token("the access token is bound to a key and comes without the scheme DPoP")
    if session.dpop == "required":
        raise _invalid_token("the app requires DPoP, and the access token is not bound to a key")
    extend(org, token, session)
    return session


def check_presented(org: Org, request: Request) -> Session | None:
    """The session of the access token with a proof in the header Authorization, at an endpoint that needs none; None
    without one. Raises ApiError 401 when it is not valid, and for a bound access token that comes as a bearer token.
    """
    scheme, token = authorization(request)
    session = presented(org, request) if scheme == "dpop" else find_session(org, token) if scheme == "bearer" else None
    if scheme == "dpop" and session is None:
        raise _invalid_token("the access token has expired, or is none of this org")
    if scheme == "bearer" and session is not None and session.jkt is not None:
        raise _invalid_token("the access token is bound to a key and comes without the scheme DPoP")
    return session if scheme == "dpop" else None


def _invalid_token(why: str) -> ApiError:
    because("invalid_token", why)
    return ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid", headers=dpop.challenge("invalid_token"))


def require_session(org: Org, request: Request, token: str | None = None) -> Session:
    """The session of a REST request, or that of an access token which is not in the header Authorization. Counts the
    request against the limits.

    Raises ApiError 401 INVALID_SESSION_ID, 403 API_DISABLED_FOR_ORG for a user without API Enabled, or 403
    REQUEST_LIMIT_EXCEEDED. A part of a composite request uses the session
    of the whole request and is not counted again.
    """
    inner: Session | None = request.scope.get(INNER)
    if inner is not None:
        return inner
    session = presented(org, request) if token is None else plain_session(org, token)
    moved = org.moved_to is not None and base_url(request) != org.moved_to
    if session is None or moved:
        with_proof = token is None and authorization(request)[0] == "dpop"
        headers = dpop.challenge("invalid_token") if with_proof else None
        raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid", headers=headers)
    if not has_api(org, session.user_id):
        raise ApiError(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")
    org.limits.count(session.user_id)
    org.generations[f"{request.scope[KIND]}@{session.generation}"] += 1
    return session
