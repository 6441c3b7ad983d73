"""A backend that signs: real processes with a client key, at an app that takes no secret any more."""

import pytest

from devtools.clients import SALES, App, authorize, control
from devtools.fleet import Fleet
from devtools.suite import Suite
from tests.functions.signing_kms import PEM, PRIVATE
from tests.localorg.keys import certificate_of


def signing(suite: Suite, target: str) -> Fleet:
    return Fleet(suite.plan, target, 1, SALESFORCE_CLIENT_KEY=PEM, SALESFORCE_CONSUMER_SECRET="")


@pytest.fixture
def app_without_secret(org_url: str) -> None:
    control(org_url, "app", {"certificate": certificate_of(PRIVATE), "secretAccepted": False})


@pytest.mark.usefixtures("app_without_secret")
def test_sign_in_and_refresh_with_an_assertion_and_no_secret(suite: Suite, org_url: str) -> None:
    host = f"127.0.0.1:{suite.plan.ports.localorg}"
    with signing(suite, "auth") as auth, signing(suite, "api") as api:
        app = App(auth.members[0].url, suite.plan.ports.url("auth"), host)
        app.sign_in(authorize(org_url))
        app.base_url = api.members[0].url
        assert app.call("api/getProfile")["user"]["username"] == SALES
        control(org_url, "expire", {"username": SALES})
        assert app.call("api/getProfile")["user"]["username"] == SALES
        assert control(org_url, "counters")["token.refresh_token"] >= 1


@pytest.mark.usefixtures("app_without_secret")
def test_the_secret_alone_is_misconfigured_then_and_ends_nothing(suite: Suite, org_url: str) -> None:
    app = App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
    status, _, reason = app.reason("auth/signIn", app.sign_in_body(authorize(org_url)))
    assert (status, reason) == (500, "misconfigured")
