"""An org of the shape `no-api-user`: a user whose profile lacks API Enabled, and one without any opportunities.

Sources: docs.sequin.io, "Enable Salesforce API Access" (the words with which REST refuses a user without API Enabled;
userinfo, which is no part of it, answers: so the fixtures of SFDO-Tooling's SalesforceOAuth2Mixin); Salesforce Help,
"Object Permissions" (an object without Read is not there).
"""

from collections.abc import Iterator

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

DATA = "/services/data/v66.0"
NO_API, SERVICE = "noapi@localorg.test", "service@localorg.test"


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=10, shape=frozenset({"no-api-user"}))) as org:
        yield org


def signed_in(org: EmbeddedOrg, username: str) -> httpx.Client:
    token = exchange(org.url, authorize(org.url, username))["access_token"]
    return loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"})


def test_a_user_without_the_api_signs_in_and_is_refused_by_every_rest_resource(org: EmbeddedOrg) -> None:
    with signed_in(org, NO_API) as http:
        assert http.get("/services/oauth2/userinfo").json()["preferred_username"] == NO_API
        answers = [
            http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account"}),
            http.get(f"{DATA}/sobjects/Account/describe"),
            http.post(f"{DATA}/composite", json={"compositeRequest": []}),
            http.patch(f"{DATA}/composite/sobjects", json={"records": []}),
            http.post(f"{DATA}/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Account"}),
            http.get(f"{DATA}/ui-api/object-info/Account"),
        ]
    for answer in answers:
        assert answer.status_code == 403
        assert answer.json() == [
            {"message": "The REST API is not enabled for this Organization.", "errorCode": "API_DISABLED_FOR_ORG"}
        ]


def test_an_object_that_a_user_may_not_read_is_not_there(org: EmbeddedOrg) -> None:
    with signed_in(org, SERVICE) as http:
        names = {o["name"] for o in http.get(f"{DATA}/sobjects").json()["sobjects"]}
        assert "Opportunity" not in names
        assert {"Account", "Contact", "Lead", "Case", "Task"} <= names
        assert http.get(f"{DATA}/sobjects/Opportunity/describe").status_code == 404
        refused = http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Opportunity"})
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_TYPE")
        children = http.get(f"{DATA}/sobjects/Account/describe").json()["childRelationships"]
        assert "Opportunity" not in {c["childSObject"] for c in children}
        assert http.post(f"{DATA}/sobjects/Case", json={"Subject": "by the service"}).status_code == 201


def test_an_org_without_the_shape_has_neither_of_them() -> None:
    with EmbeddedOrg(OrgSettings(accounts=1)) as plain, signed_in(plain, SALES) as http:
        names = "SELECT Id FROM User WHERE Username IN ('noapi@localorg.test', 'service@localorg.test')"
        assert http.get(f"{DATA}/query", params={"q": names}).json()["totalSize"] == 0
