"""Clients for tests and benchmarks: a person on the org's sign-in pages, and an app that calls the backend."""

import asyncio
import base64
import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx

from devtools import loopback
from devtools.function_settings import CONSUMER_SECRET as CONSUMER_SECRET

CONSUMER_KEY = "LOCAL_EXTERNAL_CLIENT_APP"
CALLBACK = "http://127.0.0.1:5999/callback"
SCOPE = "api id profile email refresh_token"
SALES, ADMIN, PASSWORD = "sales@localorg.test", "admin@localorg.test", "localorg1"


@dataclass(frozen=True)
class Authorization:
    """An authorization code with the values that its exchange needs."""

    code: str
    verifier: str
    redirect_uri: str = CALLBACK


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorize_parameters(verifier: str, **changes: str) -> dict[str, str]:
    """The query parameters of an authorize request with this verifier; `changes` replace some of them or add others."""
    return {
        "response_type": "code",
        "client_id": CONSUMER_KEY,
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "state": "the-state",
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        **changes,
    }


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a form in an HTML page, by name."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    }


def _action(page: str) -> str:
    """The path to which the form in an HTML page is sent."""
    match = re.search(r'<form method="post" action="([^"]*)">', page)
    assert match, "there is no form"
    return unescape(match[1])


def log_in(org_url: str, username: str = SALES, *, answer: str = "allow", **changes: str) -> httpx.Response:
    """Goes through the org's login and consent pages as a user with this `answer` (`allow` or `deny`).

    `changes` are parameters of the authorize request. Returns the last answer, which redirects to the app or is a page.
    """
    verifier = changes.pop("verifier", secrets.token_urlsafe(48))
    address = httpx.URL(f"{org_url}/services/oauth2/authorize", params=authorize_parameters(verifier, **changes))
    return _walk(str(address), username, answer)


def through_the_pages(address: str, username: str = SALES) -> str:
    """Logs in and allows the app at an authorize address that an app has opened. Returns the address of the redirect
    back.
    """
    return _walk(address, username, "allow").headers["location"]


def _walk(address: str, username: str, answer: str) -> httpx.Response:
    parts = urlsplit(address)
    with loopback.Client(base_url=f"{parts.scheme}://{parts.netloc}") as browser:
        page = browser.get(address)
        page = browser.post(_action(page.text), data={**hidden(page.text), "username": username, "pw": PASSWORD})
        page = browser.get(page.headers["location"])
        if page.status_code == 200:
            page = browser.post(_action(page.text), data={**hidden(page.text), "answer": answer})
        return page


def authorize(org_url: str, username: str = SALES, *, verifier: str = "", **changes: str) -> Authorization:
    """Gets an authorization code from the org, as a user who allows the app. `changes` are parameters of the authorize
    request.
    """
    verifier = verifier or secrets.token_urlsafe(48)
    back = log_in(org_url, username, verifier=verifier, **changes)
    return Authorization(parse_qs(urlsplit(back.headers["location"]).query)["code"][0], verifier)


def exchange(org_url: str, authorization: Authorization) -> dict[str, Any]:
    """Exchanges a code at the org, as the backend does. Returns the token answer. Raises AssertionError when it is
    refused.
    """
    form = {
        "grant_type": "authorization_code",
        "code": authorization.code,
        "code_verifier": authorization.verifier,
        "redirect_uri": authorization.redirect_uri,
        "client_id": CONSUMER_KEY,
        "client_secret": CONSUMER_SECRET,
    }
    answer = loopback.post(f"{org_url}/services/oauth2/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def control(org_url: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
    """Sends a request to the org's control API and returns its JSON: GET for `counters`, else POST.

    Raises AssertionError when the org refuses it.
    """
    url = f"{org_url}/localorg/control/{what}"
    answer = loopback.get(url) if what == "counters" else loopback.post(url, json=dict(body or {}))
    assert answer.status_code == 200, answer.text
    return answer.json()


@dataclass
class App:
    """A client of the backend in plain HTTP, as an app in another language would be."""

    base_url: str
    auth_url: str
    org_host: str
    id_token: str | None = None
    http: httpx.Client = field(default_factory=lambda: loopback.Client(timeout=60))
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, data: object = None, *, token: str | None = None) -> httpx.Response:
        """Makes one call. `token` replaces the own ID token."""
        bearer = token or self.id_token
        headers = {**self.headers, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        return self.http.post(f"{self.base_url}/{path}", json={"data": data}, headers=headers)

    def call(self, path: str, data: object = None) -> Any:
        """The result of a call. Raises AssertionError when it fails."""
        answer = self.post(path, data)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def reason(self, path: str, data: object = None, *, token: str | None = None) -> tuple[int, str, str]:
        """HTTP status, callable status, and reason of a call that must fail. Raises AssertionError when it succeeds."""
        answer = self.post(path, data, token=token)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        return answer.status_code, error["status"], error["details"]["reason"]

    def sign_in(self, authorization: Authorization, **more: str) -> dict[str, Any]:
        """Signs in with an authorization: `signIn`, then Firebase. `more` is sent along with the code. Returns the
        user.

        Raises AssertionError when the backend refuses it.
        """
        signed_in = self.call("auth/signIn", {**self.sign_in_body(authorization), **more})
        self.sign_in_to_firebase(signed_in["customToken"])
        return signed_in["user"]

    def sign_in_bound(self, org_url: str, username: str = SALES) -> dict[str, Any]:
        """Signs in with tokens that are bound to a key (DPoP): `beginSignIn`, the org's pages, `signIn`. Returns the
        user.
        """
        verifier = secrets.token_urlsafe(48)
        where = {"loginHost": self.org_host, "redirectUri": CALLBACK, "codeChallenge": challenge(verifier)}
        begun = self.call("auth/beginSignIn", where)
        authorization = authorize(org_url, username, verifier=verifier, dpop_jkt=begun["dpopJkt"])
        return self.sign_in(authorization, begun=begun["begun"])

    def sign_in_to_firebase(self, custom_token: str) -> None:
        """Exchanges a custom token for an ID token at the Auth emulator, and keeps it."""
        answer = self.http.post(
            f"{self.auth_url}/identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken?key=any",
            json={"token": custom_token, "returnSecureToken": True},
        )
        self.id_token = answer.json()["idToken"]

    def sign_in_body(self, authorization: Authorization) -> dict[str, str]:
        """The request of `signIn` for an authorization."""
        return {
            "code": authorization.code,
            "codeVerifier": authorization.verifier,
            "redirectUri": authorization.redirect_uri,
            "loginHost": self.org_host,
        }


def made_up_sign_in(org_host: str, code: str = "") -> dict[str, str]:
    """A request of `signIn` whose code is made up; by default it looks like one of Salesforce's."""
    code = code or f"aPrx{secrets.token_urlsafe(48)}=="
    return {"code": code, "codeVerifier": secrets.token_urlsafe(48), "redirectUri": CALLBACK, "loginHost": org_host}


async def flood(urls: Sequence[str], bodies: Iterable[Mapping[str, str]], address: str) -> Counter[str]:
    """Sends all these requests to `signIn` at these addresses in turn, 100 at a time, as if from one IP address.

    Returns how many ended for which reason.
    """
    ended, waiting = Counter[str](), iter(enumerate(bodies))

    async def one_after_the_other(http: httpx.AsyncClient) -> None:
        for n, body in waiting:
            answer = await http.post(
                f"{urls[n % len(urls)]}/signIn", json={"data": body}, headers={"X-Forwarded-For": address}
            )
            ended[answer.json()["error"]["details"]["reason"]] += 1

    async with loopback.AsyncClient(timeout=60) as http:
        await asyncio.gather(*(one_after_the_other(http) for _ in range(100)))
    return ended
