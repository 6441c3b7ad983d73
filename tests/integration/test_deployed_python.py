"""The backend as it is deployed: the runtime's Python with the packages of functions/requirements.txt alone."""

from devtools.clients import SALES, App, authorize, control
from devtools.fleet import DeployedFleet
from devtools.suite import Suite


def test_sign_in_calls_and_a_refresh_with_the_python_that_is_deployed(suite: Suite, org_url: str) -> None:
    host = f"127.0.0.1:{suite.plan.ports.localorg}"
    with DeployedFleet(suite.plan, "auth", 1) as auth, DeployedFleet(suite.plan, "api", 1) as api:
        app = App(auth.members[0].url, suite.plan.ports.url("auth"), host)
        app.sign_in(authorize(org_url))
        app.base_url = api.members[0].url
        assert app.call("api/listRecords", {"sobject": "Account", "limit": 3})["records"]
        control(org_url, "expire", {"username": SALES})
        assert app.call("api/getProfile")["user"]["username"] == SALES
