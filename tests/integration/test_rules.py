"""firestore.rules through Firestore's REST API: no client reads or writes anything, whoever is signed in."""

from typing import Any

import httpx2 as httpx
import pytest

from devtools.suite import Suite
from tests.clients import App, authorize


@pytest.fixture
def user(app: App, org_url: str) -> tuple[str, dict[str, str]]:
    uid = app.sign_in(authorize(org_url))["uid"]
    return uid, {"Authorization": f"Bearer {app.id_token}"}


def _operations(base: str, uid: str) -> list[tuple[str, str, Any]]:
    name = base.split("/v1/", 1)[1] + f"/connections/{uid}"
    query = {"structuredQuery": {"from": [{"collectionId": "connections"}]}}
    group = {"structuredQuery": {"from": [{"collectionId": "connections", "allDescendants": True}]}}
    count = {"structuredAggregationQuery": {**query, "aggregations": [{"count": {}, "alias": "n"}]}}
    write = {"writes": [{"update": {"name": name, "fields": {}}}]}
    return [
        ("GET", f"{base}/connections/{uid}", None),
        ("GET", f"{base}/connections", None),
        ("POST", f"{base}/connections?documentId=mine", {"fields": {}}),
        ("PATCH", f"{base}/connections/{uid}", {"fields": {"state": {"stringValue": "x"}}}),
        ("DELETE", f"{base}/connections/{uid}", None),
        ("POST", f"{base}:runQuery", query),
        ("POST", f"{base}:runQuery", group),
        ("POST", f"{base}:runAggregationQuery", count),
        ("POST", f"{base}:batchGet", {"documents": [name]}),
        ("POST", f"{base}:commit", write),
        ("POST", f"{base}/connections/{uid}:listCollectionIds", {}),
        ("GET", f"{base}/connections/{uid}/inner/doc", None),
        ("GET", f"{base}/anything/else", None),
    ]


def test_every_operation_is_refused(suite: Suite, user: tuple[str, dict[str, str]]) -> None:
    uid, signed_in = user
    base = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    for headers in (signed_in, {}):
        for method, url, body in _operations(base, uid):
            answer = httpx.request(method, url, json=body, headers=headers)
            assert answer.status_code == 403, (method, url, answer.text[:200])
    stored = httpx.get(f"{base}/connections/{uid}", headers={"Authorization": "Bearer owner"})
    assert stored.status_code == 200


def test_a_dump_of_firestore_holds_no_token(suite: Suite, user: tuple[str, dict[str, str]]) -> None:
    base = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    dump = httpx.get(f"{base}/connections", headers={"Authorization": "Bearer owner"})
    assert "bytesValue" in dump.text
    assert "5Aep861" not in dump.text
    for document in dump.json()["documents"]:
        import base64

        for field in ("accessToken", "refreshToken"):
            raw = base64.b64decode(document["fields"][field]["bytesValue"])
            assert b"5Aep861" not in raw
            assert b"00D" not in raw
