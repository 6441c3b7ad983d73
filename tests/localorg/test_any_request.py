"""Whatever is asked, on whatever route: an answer or a refusal in Salesforce's form, and never an error of the org's
own.
"""

import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from starlette.routing import Route

from devtools import loopback
from localorg import EmbeddedOrg, OrgSettings
from localorg.server import rest_routes
from tests.depth import examples

_ODD = (
    "Account", "Task", "nope", "' OR 1=1", '"', "\\", "²", "٣", "é", "%", "..", "{}", "[]", "0", "-1", "1e999",
    "9" * 30, "null", "true", "Id",
    "Name", "Account.Name", "What.Name", "FORMAT(Amount)", "(", "DISTANCE(BillingAddress, GEOLOCATION(1,2), 'km')",
        "LIMIT " + "9" * 30, "2026-13-45",
    "TODAY", "LAST_N_DAYS:999999", "\x00", "😀", "012000000000000AAA", "001000000000000", "a" * 300, "AND", "OR", "NOT",
    "GROUP BY ROLLUP(Name)",
    "FOR VIEW", "USING SCOPE mine", "TYPEOF What WHEN Account THEN Name END",
)  # fmt: skip
_PARAMETERS = (
    "q", "fields", "optionalFields", "layoutTypes", "pageSize", "pageToken", "limit", "offset", "columns", "explain",
    "sObjects", "ids", "start",
    "end", "locator", "maxRecords", "sobject", "in",
)  # fmt: skip
_KEYS = (
    "apiName",
    "fields",
    "record",
    "records",
    "attributes",
    "type",
    "Name",
    "Id",
    "allOrNone",
    "compositeRequest",
    "graphs",
    "operation",
    "object",
)


class Asker:
    """Makes requests up, the same ones for the same number."""

    def __init__(self, number: int, account: str) -> None:
        self.chance = random.Random(number)
        self.account = account

    def odd(self) -> str:
        return self.chance.choice(_ODD)

    def address(self, path: str) -> str:
        def fill(match: re.Match[str]) -> str:
            name, chance = match[1], self.chance.random()
            if name == "version":
                return "68.0"
            if "id" in name and chance < 0.6:
                return self.account
            if name.startswith("sobject") and chance < 0.7:
                return self.chance.choice(("Account", "Task", "Case", "User", "Opportunity"))
            return quote(self.odd(), safe="")

        return re.sub(r"\{([a-z_]+)(?::[a-z]+)?\}", fill, path)

    def parameters(self, path: str) -> dict[str, str]:
        found = {self.chance.choice(_PARAMETERS): self.odd() for _ in range(self.chance.randint(0, 3))}
        if "query" in path:
            select = self.chance.choice(("Id", "FIELDS(ALL)", "COUNT(Id)", self.odd()))
            source = self.chance.choice(("Account", "Task", self.odd()))
            found["q"] = (
                f"SELECT {select} FROM {source}"
                f" {self.chance.choice(('', f'WHERE Name = {self.odd()}', self.odd(), f'ORDER BY {self.odd()}'))}"
            )
        elif "search" in path:
            found["q"] = (
                f"FIND {{{self.odd()} {self.odd()}}} RETURNING"
                f" {self.chance.choice(('Account(Id)', 'Task(Who.Name)', self.odd()))}"
            )
        return found

    def value(self, depth: int = 0) -> Any:
        kind = self.chance.random()
        if kind < 0.3 or depth > 2:
            return self.chance.choice((*_ODD, 1, -1, 1e18, 2**70, True, None, 1.5))
        if kind < 0.6:
            return [self.value(depth + 1) for _ in range(self.chance.randint(0, 3))]
        return {
            self.chance.choice((*_KEYS, self.odd())): self.value(depth + 1) for _ in range(self.chance.randint(0, 4))
        }


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=3)) as running:
        yield running


@pytest.mark.wide
def test_no_request_is_an_error_of_the_orgs_own(own: EmbeddedOrg) -> None:
    assert own.org is not None
    routes = [
        (one.path, sorted((one.methods or set()) - {"HEAD"})) for one in rest_routes(own.org) if isinstance(one, Route)
    ]
    token = own.sign_in("admin@localorg.test")
    signed = {"Authorization": f"Bearer {token}", "X-SFDC-Session": token}  # the second is Bulk API 1.0's
    with loopback.Client(base_url=own.url, headers=signed, timeout=60) as http:
        found = http.get("/services/data/v68.0/query", params={"q": "SELECT Id FROM Account LIMIT 1"}).json()
        asker = Asker(1, found["records"][0]["Id"])
        for _ in range(examples(1500)):
            path, methods = asker.chance.choice(routes)
            method, address = asker.chance.choice(methods), asker.address(path)
            body = json.dumps(asker.value()).encode() if method in ("POST", "PATCH", "PUT") else None
            headers = {"Content-Type": "application/json"} if body else {}
            answer = http.request(method, address, params=asker.parameters(path), content=body, headers=headers)
            is_fault = "<soapenv:Fault>" in answer.text and "UNKNOWN" not in answer.text  # SOAP refuses with 500
            assert answer.status_code < 500 or is_fault, (
                method,
                address,
                body,
                answer.text[:300],
            )
