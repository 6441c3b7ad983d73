"""The Salesforce session behind a REST request."""

from starlette.requests import Request

from localorg.data.access import has_api
from localorg.errors import ApiError
from localorg.oauth.grants import Session, find_session
from localorg.org import Org
from localorg.web import INNER, KIND, base_url, bearer


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
    token = token or bearer(request)
    session = None if token is None else find_session(org, token)
    moved = org.moved_to is not None and base_url(request) != org.moved_to
    if session is None or moved:
        raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
    if not has_api(org, session.user_id):
        raise ApiError(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")
    org.limits.count(session.user_id)
    org.generations[f"{request.scope[KIND]}@{session.generation}"] += 1
    return session
