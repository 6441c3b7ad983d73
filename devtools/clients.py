"""Clients that tests and benchmarks use: a person in front of the org's pages, an app in front of the backend."""

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
    """What a person brings back from the org's pages."""

    code: str
    verifier: str
    redirect_uri: str = CALLBACK


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorize_parameters(verifier: str, **changes: str) -> dict[str, str]:
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
    """The hidden fields of a form, as a browser would send them back."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    }


def _action(page: str) -> str:
    """Where a form goes."""
    found = re.search(r'<form method="post" action="([^"]*)">', page)
    assert found, "there is no form"
    return unescape(found[1])


def log_in(org_url: str, username: str = SALES, *, answer: str = "allow", **changes: str) -> httpx.Response:
    """Walks through the org's login and consent pages; returns the redirect back to the app."""
    verifier = changes.pop("verifier", secrets.token_urlsafe(48))
    address = httpx.URL(f"{org_url}/services/oauth2/authorize", params=authorize_parameters(verifier, **changes))
    return _walk(str(address), username, answer)


def through_the_pages(address: str, username: str = SALES) -> str:
    """A person at the authorize page that an app has opened, who logs in and allows it; returns the address that leads
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


def authorize(org_url: str, username: str = SALES) -> Authorization:
    """An authorization code for the app."""
    verifier = secrets.token_urlsafe(48)
    back = log_in(org_url, username, verifier=verifier)
    return Authorization(parse_qs(urlsplit(back.headers["location"]).query)["code"][0], verifier)


def exchange(org_url: str, authorization: Authorization) -> dict[str, Any]:
    """Exchanges a code at the org itself, as the backend does."""
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
    """Calls the org's control API: POST, or GET for counters."""
    url = f"{org_url}/localorg/control/{what}"
    answer = loopback.get(url) if what == "counters" else loopback.post(url, json=dict(body or {}))
    assert answer.status_code == 200, answer.text
    return answer.json()


@dataclass
class App:
    """An app of another make: plain HTTP against the backend's wire."""

    base_url: str
    auth_url: str
    org_host: str
    id_token: str | None = None
    http: httpx.Client = field(default_factory=lambda: loopback.Client(timeout=60))
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, data: object = None, *, token: str | None = None) -> httpx.Response:
        """One call; `token` instead of the own ID token."""
        bearer = token or self.id_token
        headers = {**self.headers, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        return self.http.post(f"{self.base_url}/{path}", json={"data": data}, headers=headers)

    def call(self, path: str, data: object = None) -> Any:
        """The result of a call that must succeed."""
        answer = self.post(path, data)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def reason(self, path: str, data: object = None, *, token: str | None = None) -> tuple[int, str, str]:
        """(HTTP status, callable status, reason) of a call that must fail."""
        answer = self.post(path, data, token=token)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        return answer.status_code, error["status"], error["details"]["reason"]

    def sign_in(self, authorization: Authorization, **more: str) -> dict[str, Any]:
        """The whole first flow, to the Firebase ID token; `more` goes along with the code."""
        signed_in = self.call("auth/signIn", {**self.sign_in_body(authorization), **more})
        self.sign_in_to_firebase(signed_in["customToken"])
        return signed_in["user"]

    def sign_in_to_firebase(self, custom_token: str) -> None:
        """Custom token in, ID token out."""
        answer = self.http.post(
            f"{self.auth_url}/identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken?key=any",
            json={"token": custom_token, "returnSecureToken": True},
        )
        self.id_token = answer.json()["idToken"]

    def sign_in_body(self, authorization: Authorization) -> dict[str, str]:
        return {
            "code": authorization.code,
            "codeVerifier": authorization.verifier,
            "redirectUri": authorization.redirect_uri,
            "loginHost": self.org_host,
        }


def made_up_sign_in(org_host: str, code: str = "") -> dict[str, str]:
    """The body of a `signIn` with a code that somebody has made up, by default one that looks as Salesforce's do."""
    code = code or f"aPrx{secrets.token_urlsafe(48)}=="
    return {"code": code, "codeVerifier": secrets.token_urlsafe(48), "redirectUri": CALLBACK, "loginHost": org_host}


async def flood(urls: Sequence[str], bodies: Iterable[Mapping[str, str]], address: str) -> Counter[str]:
    """Sends all of them to `signIn` at these addresses in turn, 100 at a time, from one address; how many ended for
    which reason.
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
