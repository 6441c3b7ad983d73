"""Somebody writes to a real Firestore, to every document there is; tests/functions/connections/test_tampering.py goes
through the fields one by one and in pairs."""

import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import SALES, App, authorize, control
from devtools.fleet import Fleet
from devtools.suite import Suite

OWNER = {"Authorization": "Bearer owner"}
COLLECTIONS = ("connections", "tombstones", "blocks", "codes", "usage", "attempts", "creations", "audit", "entries")
OLD_FIELDS = ("loginHost", "instanceUrl", "accessToken", "refreshToken", "scope")


class Listener:
    """The thief's host."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.heard = b""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard += b"a connection: " + connection.recv(65536)

    def close(self) -> None:
        self._socket.close()


class Thief:
    """Who may write to Firestore, and puts everything back in the end."""

    def __init__(self, suite: Suite, listener: Listener) -> None:
        project = suite.plan.project
        self._host = f"{suite.plan.ports.url('firestore')}/v1/"
        self._base = f"{self._host}projects/{project}/databases/(default)/documents"
        self._listener = listener
        self._before: dict[str, Mapping[str, Any]] = {}

    def documents(self, collection: str) -> list[dict[str, Any]]:
        query = {"structuredQuery": {"from": [{"collectionId": collection, "allDescendants": True}]}}
        found = loopback.post(f"{self._base}:runQuery", json=query, headers=OWNER).json()
        return [row["document"] for row in found if "document" in row]

    def write(self, document: Mapping[str, Any], *names: str, value: Mapping[str, Any] | None = None) -> None:
        """Writes an address of the listener's, or `value`, into these fields."""
        self._before.setdefault(document["name"], document.get("fields", {}))
        fields = {name: value or {"stringValue": self._listener.url} for name in names}
        mask = "&".join(f"updateMask.fieldPaths={name}" for name in names)
        done = loopback.patch(f"{self._host}{document['name']}?{mask}", json={"fields": fields}, headers=OWNER)
        assert done.status_code == 200, done.text

    def document(self, uid: str) -> dict[str, Any]:
        (found,) = [d for d in self.documents("connections") if d["name"].endswith(uid)]
        return found

    def forget(self) -> None:
        """What was written meanwhile stays: an older document would be a second attack."""
        self._before.clear()

    def put_back(self) -> None:
        for name, fields in self._before.items():
            loopback.patch(f"{self._host}{name}", json={"fields": fields}, headers=OWNER)
        self._before.clear()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def thief(suite: Suite, listener: Listener) -> Iterator[Thief]:
    made = Thief(suite, listener)
    yield made
    made.put_back()


def reasons(suite: Suite, app: App, org_url: str) -> list[str]:
    """What a process that remembers nobody answers to data calls and the user's own, before and after an expiry."""
    control(org_url, "expire", {"username": SALES})
    headers = {"Authorization": f"Bearer {app.id_token}"}
    found = list[str]()
    with Fleet(suite.plan, count=1) as fleet:
        for call in ("getProfile", "getAccess", "getConnection"):
            answer = loopback.post(f"{fleet.members[0].url}/{call}", json={"data": {}}, headers=headers).json()
            found.append(answer["error"]["details"]["reason"] if "error" in answer else "ok")
    return found


def test_no_document_of_firestore_leads_anything_to_the_thief(
    suite: Suite, app: App, org_url: str, thief: Thief, listener: Listener
) -> None:
    uid = app.sign_in(authorize(org_url))["uid"]
    control(org_url, "faults", {"kind": "revoke", "status": 503})
    app.sign_in(authorize(org_url))  # what it replaces stays as a tombstone
    record = {"sobject": "Account", "fields": {"Name": "Tampered Ltd"}, "idempotencyKey": "tampered-1"}
    app.call("api/createRecord", record)
    assert thief.documents("tombstones")

    thief.write(thief.document(uid), *OLD_FIELDS)
    assert reasons(suite, app, org_url) == ["ok"] * 3, "nobody reads them"
    assert not set(thief.document(uid)["fields"]) & set(OLD_FIELDS), "and the refresh has taken them away"
    thief.forget()
    thief.write(thief.document(uid), "sealed", value={"bytesValue": "AQIDBAUGBwg="})
    assert reasons(suite, app, org_url) == ["connection-tampered"] * 3
    thief.put_back()
    # Everything at once, in every collection; but for the list of devices, without which nobody gets further.
    for collection in COLLECTIONS:
        for document in thief.documents(collection):
            names = [name for name in document.get("fields", {}) if name not in ("devices", "targets")]
            if names:
                thief.write(document, *names)
    found = reasons(suite, app, org_url)
    assert found[0] == "connection-tampered"
    assert "internal" not in found
    assert app.reason("api/createRecord", record)[2] in ("outcome-unknown", "connection-tampered")
    for document in thief.documents("blocks"):
        thief.write(document, "targets")
        assert set(reasons(suite, app, org_url)) == {"access-stopped"}, "what cannot be a list lets nobody in"
    thief.put_back()
    app.sign_in(authorize(org_url))
    assert app.call("api/getConnection")["state"] == "fresh", "a new sign-in mends it"
    assert listener.heard == b""
