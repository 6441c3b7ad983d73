"""How the web client starts: from a snapshot, without one when that cannot be restored, and never twice with the same secrets."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Request, Route

from devtools.suite import Suite
from tests.e2e.test_story import Phone, browser, context

__all__ = ["browser", "context"]
pytestmark = pytest.mark.browser
_FELL_BACK = "console: started without a snapshot"


def test_it_starts_from_the_snapshot(context: BrowserContext, suite: Suite) -> None:
    phone = Phone(context, suite.plan.app_url)
    phone.open()
    phone.page.get_by_role("button", name="Sign in with Salesforce").wait_for()
    assert _FELL_BACK not in phone.seen
    assert any("snapshot.bin.gz" in s for s in phone.seen if s.startswith("response"))


@pytest.mark.parametrize("damage", ["missing", "no gzip", "another build"])
def test_a_snapshot_that_cannot_be_restored_is_done_without(context: BrowserContext, suite: Suite, damage: str) -> None:
    def spoil(route: Route) -> None:
        if damage == "missing":
            route.fulfill(status=404)
        elif damage == "no gzip":
            route.fulfill(body=b"\x1f\x8b broken")
        else:
            import gzip

            route.fulfill(body=gzip.compress(b"\0" * 1_000_000))

    context.route("**/snapshot.bin.gz", spoil)
    phone = Phone(context, suite.plan.app_url)
    phone.open()
    phone.page.get_by_role("button", name="Sign in with Salesforce").wait_for()
    assert _FELL_BACK in phone.seen


def test_two_starts_never_share_a_secret(context: BrowserContext, suite: Suite) -> None:
    """The snapshot holds Python's memory, and with it what a random generator would be seeded with."""
    asked: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        if "/services/oauth2/authorize?" in request.url and "state=" in request.url:
            asked.append(parse_qs(urlsplit(request.url).query))

    context.on("request", note)
    for _ in range(2):
        phone = Phone(context, suite.plan.app_url)
        phone.open()
        phone.tap("Sign in with Salesforce")
        phone.page.wait_for_selector("#username")
        phone.page.close()
    assert len({a["state"][0] for a in asked}) == 2
    assert len({a["code_challenge"][0] for a in asked}) == 2
