"""Actions and Apex REST of the org, run by clients that we did not write, as their documentation does it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from devtools.clients import ADMIN
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.compatibility import shows
from tests.localorg.test_actions import documented
from tests.localorg.test_other_clients import PlainHttp, run_node


@pytest.fixture(scope="module")
def own(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOrg]:
    file = tmp_path_factory.mktemp("actions") / "actions.json"
    file.write_text(json.dumps(documented(repository)))
    with EmbeddedOrg(OrgSettings(accounts=3, actions=(file,))) as running:
        yield running


@shows("simple-salesforce", "apexecute", "restful: an invocable action")
def test_simple_salesforce_runs_actions(own: EmbeddedOrg) -> None:
    token = own.sign_in(ADMIN)
    sf: Any = Salesforce(instance=f"127.0.0.1:{own.port}", session_id=token, session=PlainHttp(), version="66.0")
    account = sf.Account.create({"Name": "Acme"})["id"]
    cold = sf.Account.create({"Name": "Icy", "Rating": "Cold"})["id"]
    assert sf.apexecute(f"credit/{account}", method="POST", data={"amount": 1})["id"] == account
    with pytest.raises(SalesforceGeneralError) as refused:
        sf.apexecute(f"credit/{cold}", method="POST", data={})
    assert (refused.value.status, refused.value.content) == (409, {"message": "No credit for Icy."})
    with pytest.raises(SalesforceResourceNotFound):
        sf.apexecute("nope", method="POST", data={})
    path = "actions/custom/apex/CreditCheck"
    assert [i["name"] for i in sf.restful(path)["inputs"]] == ["accountId", "amount"]
    (result,) = sf.restful(path, method="POST", json={"inputs": [{"accountId": account, "amount": 3}]})
    assert (result["isSuccess"], sf.Account.get(account)["Rating"]) == (True, "Hot")
    with pytest.raises(SalesforceMalformedRequest) as failed:
        sf.restful(path, method="POST", json={"inputs": [{"accountId": cold, "amount": 3}]})
    content: Any = failed.value.content
    assert content[0]["errors"][0]["message"] == "An Apex error occurred: CreditException: No credit for Icy."


@shows("jsforce", "apex.post", "apex.get", "request: an invocable action")
def test_jsforce_runs_actions(own: EmbeddedOrg, repository: Path) -> None:
    assert run_node(repository, "jsforce_actions.js", {"url": own.url, "token": own.sign_in(ADMIN)}) == {
        "posted": True,
        "refused": "No credit for Cold.",
        "missing": "NOT_FOUND",
        "described": ["accountId", "amount"],
        "success": [True, "Hot"],
        "task": "Credit of 2.5",
        "failed": ["ERROR_HTTP_400", "An Apex error occurred: CreditException: No credit for Cold."],
    }
