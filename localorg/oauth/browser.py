"""The browser's side of signing in: its session cookie, the headers of the pages, and what protects their forms."""

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from localorg.errors import OAuthError
from localorg.oauth import pages
from localorg.oauth.people import browser_user, start_browser_session
from localorg.org import Org
from localorg.recent import because

_COOKIE = "localorg_sid"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def signed_in(org: Org, request: Request) -> str | None:
    """The id of the user who is signed in in this browser, None when nobody is."""
    return browser_user(org, request.cookies.get(_COOKIE, ""))


def sign_in(org: Org, response: Response, user_id: str) -> None:
    """Signs a user in in the browser that gets this response."""
    response.set_cookie(_COOKIE, start_browser_session(org, user_id), httponly=True, samesite="lax", path="/")


def confirmation(request: Request) -> str:
    """A value in a form that depends on the session cookie, so that another site cannot send the form."""
    return hmac.new(request.cookies.get(_COOKIE, "").encode(), b"consent", hashlib.sha256).hexdigest()


def is_confirmed(request: Request, value: str) -> bool:
    """Whether a form was sent with the `confirmation` that its page got."""
    return hmac.compare_digest(value.encode(), confirmation(request).encode())


def below(request: Request) -> str:
    """The path of the site at which somebody signs in; "" for the org itself."""
    site = request.scope.get("localorg.site")
    return "" if site is None else f"/{site}"


def page(html: str, status: int = 200) -> Response:
    """A page of the sign-in."""
    return HTMLResponse(html, status, headers=HEADERS)


def error_page(refused: OAuthError, status: int = 400) -> Response:
    """The page for a request that must not be answered with a redirect."""
    because(refused.error, refused.description)
    return page(pages.oauth_error(refused.error, refused.description), status)
