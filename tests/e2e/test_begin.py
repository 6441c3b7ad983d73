"""A sign-in in the browser whose tokens are bound to a key (DPoP), at an org that takes no others."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Request

from devtools.clients import control
from devtools.suite import Suite
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


@pytest.fixture
def strict_org(org_url: str) -> Iterator[str]:
    """An org that requires DPoP: it refuses to authorize without a key, and refuses every token that is not bound."""
    control(org_url, "app", {"dpop": "required"})
    yield org_url
    control(org_url, "app", {"dpop": "allowed"})


@pytest.mark.parametrize("where", ["the page before Flutter", "the app"])
def test_salesforce_binds_the_tokens_to_the_key_of_this_sign_in(
    context: BrowserContext, suite: Suite, strict_org: str, where: str
) -> None:
    asked: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        if "/services/oauth2/authorize?" in request.url and "state=" in request.url:
            asked.append(parse_qs(urlsplit(request.url).query))

    context.on("request", note)
    control(strict_org, "counters/reset")
    phone = Phone(context, suite.plan.app_url)
    if where == "the app":
        phone.open("/sign-in")
        phone.page.locator("#start").wait_for(state="detached")
        phone.tap("Sign in with Salesforce")
    else:
        phone.begin_sign_in()
    phone.come_back()
    (thumbprint,) = asked[0]["dpop_jkt"]
    assert len(thumbprint) == 43
    phone.go("Accounts")
    phone.sees("Alder Energy")
    assert control(strict_org, "counters")["token.authorization_code"] >= 1
