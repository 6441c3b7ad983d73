"""firestore.rules through Firestore's REST API: no client reads or writes anything, whoever is signed in."""

import base64
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import ADMIN, App, authorize
from devtools.fleet import Fleet
from devtools.suite import Suite


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
        ("GET", f"{base}/connections/{uid}/creations/key", None),
        ("GET", f"{base}/audit", None),
        (
            "POST",
            f"{base}:runQuery",
            {"structuredQuery": {"from": [{"collectionId": "entries", "allDescendants": True}]}},
        ),
        ("PATCH", f"{base}/blocks/current", {"fields": {}}),
        ("GET", f"{base}/codes", None),
        ("GET", f"{base}/anything/else", None),
    ]


@pytest.mark.parametrize("database", ["(default)", "blocks"])
def test_every_operation_is_refused(suite: Suite, user: tuple[str, dict[str, str]], database: str) -> None:
    uid, signed_in = user
    base = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/{database}/documents"
    for headers in (signed_in, {}):
        for method, url, body in _operations(base, uid):
            answer = loopback.request(method, url, json=body, headers=headers)
            assert answer.status_code == 403, (method, url, answer.text[:200])
    stored = loopback.get(f"{base}/connections/{uid}", headers={"Authorization": "Bearer owner"})
    assert stored.status_code == (200 if database == "(default)" else 404)


def test_tokens_swapped_between_two_users_open_nothing(suite: Suite, app: App, org_url: str) -> None:
    """Someone who can write to Firestore gives one user the other's sealed grant."""
    documents = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    base = f"{documents}/connections"
    owner = {"Authorization": "Bearer owner"}
    other = App(app.base_url, app.auth_url, app.org_host)
    uids = [app.sign_in(authorize(org_url))["uid"], other.sign_in(authorize(org_url, ADMIN))["uid"]]
    fields = ("sealed",)
    before = [loopback.get(f"{base}/{uid}", headers=owner).json()["fields"] for uid in uids]

    def write(uid: str, found: dict[str, Any]) -> None:
        mask = "&".join(f"updateMask.fieldPaths={f}" for f in fields)
        assert (
            loopback.patch(
                f"{base}/{uid}?{mask}", json={"fields": {f: found[f] for f in fields}}, headers=owner
            ).status_code
            == 200
        )

    for uid, found in zip(uids, reversed(before), strict=True):
        write(uid, found)
    with Fleet(suite.plan, count=1) as fleet:  # it remembers nobody
        for client in (app, other):
            headers = {"Authorization": f"Bearer {client.id_token}"}
            answer = loopback.post(f"{fleet.members[0].url}/getProfile", json={"data": {}}, headers=headers)
            assert answer.json()["error"]["details"]["reason"] == "connection-tampered"
    for uid, found in zip(uids, before, strict=True):
        write(uid, found)


def test_a_dump_of_firestore_holds_no_token(suite: Suite, user: tuple[str, dict[str, str]]) -> None:
    base = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    dump = loopback.get(f"{base}/connections", headers={"Authorization": "Bearer owner"})
    assert "bytesValue" in dump.text
    assert "5Aep861" not in dump.text
    for document in dump.json()["documents"]:
        raw = base64.b64decode(document["fields"]["sealed"]["bytesValue"])
        assert b"5Aep861" not in raw
        assert b"00D" not in raw
