"""Signing out, erasing, killing and sealing anew on the real emulators, through the wire and the administrator's
commands.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.connections.blocks import TRUST_SECONDS
from devtools import loopback
from devtools.clients import ADMIN, SALES, App, authorize, control
from devtools.fleet import Fleet
from devtools.paths import ROOT
from devtools.prepared import Prepared
from devtools.suite import Plan, Suite, function_environment

OTHER_DEVICE = "tablet"


class Administrator:
    """Runs the commands in a process of their own, as `make admin` does."""

    def __init__(self, plan: Plan, repository: Path) -> None:
        self.environment = {**os.environ, **function_environment(plan), "PYTHONPATH": str(repository / "functions")}

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0, **environment: str) -> str:
        ended, told = Prepared(
            "backend.admin", arguments, env={**self.environment, **environment}, cwd=ROOT, stdin=stdin
        ).ended()
        assert ended == code, told
        return told


@pytest.fixture
def admin(suite: Suite, repository: Path) -> Administrator:
    return Administrator(suite.plan, repository)


def another(app: App) -> App:
    """The same user's other device."""
    return App(app.base_url, app.auth_url, app.org_host)


@pytest.fixture
def signed_in(app: App, org_url: str) -> Iterator[App]:
    """A user with this one device only."""
    app.sign_in(authorize(org_url))
    app.call("auth/signOut", {"everywhere": True})
    app.sign_in(authorize(org_url))
    yield app
    control(org_url, "faults/clear")


def test_signing_out_here_leaves_the_other_device_alone(signed_in: App, org_url: str) -> None:
    tablet = another(signed_in)
    tablet.sign_in(authorize(org_url))
    assert tablet.call("api/getConnection")["devices"] == 2
    signed_in.call("auth/signOut")
    assert signed_in.reason("auth/signOut", {}) == (401, "UNAUTHENTICATED", "signed-out")
    assert tablet.call("api/getConnection")["devices"] == 1
    assert tablet.call("api/getProfile")["title"] == "Account Executive"
    tablet.call("auth/signOut")
    assert tablet.reason("api/getProfile", {}) == (400, "FAILED_PRECONDITION", "not-connected")


def test_the_connection_is_told_to_its_user(signed_in: App, org_url: str) -> None:
    status = signed_in.call("api/getConnection")
    assert (status["state"], status["devices"], status["staySignedIn"]) == ("fresh", 1, False)
    assert signed_in.call("api/updateConnection", {"staySignedIn": True})["staySignedIn"] is True
    signed_in.sign_in(authorize(org_url))
    assert signed_in.call("api/getConnection")["staySignedIn"] is True
    control(org_url, "revoke", {"username": SALES})
    assert signed_in.reason("api/getProfile", {})[2] == "access-revoked"
    ended = signed_in.call("api/getConnection")
    assert (ended["state"], ended["endedReason"]) == ("needs-sign-in", "access-revoked")


def test_a_stolen_device_that_was_signed_out_stays_out_when_the_connection_has_ended(
    signed_in: App, org_url: str
) -> None:
    stolen = another(signed_in)
    stolen.sign_in(authorize(org_url))
    (device,) = [d["id"] for d in stolen.call("api/getAccess")["devices"] if d["current"]]
    signed_in.call("auth/signOut", {"device": device})
    control(org_url, "revoke", {"username": SALES})
    assert signed_in.reason("api/getProfile", {})[2] == "access-revoked"
    for call in ("api/getAccess", "api/getProfile", "api/getConnection", "auth/eraseMe", "auth/signOut"):
        assert stolen.reason(call, {}) == (401, "UNAUTHENTICATED", "signed-out")


def documents(suite: Suite) -> str:
    """All that Firestore holds, as an owner of the project reads it."""
    base = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    owner = {"Authorization": "Bearer owner"}
    found = ""
    for collection in ("connections", "audit", "blocks", "creations", "entries"):
        query = {"structuredQuery": {"from": [{"collectionId": collection, "allDescendants": True}]}}
        found += loopback.post(f"{base}:runQuery", json=query, headers=owner).text
    return found


def test_erasure_leaves_nothing_that_names_the_user(
    signed_in: App, org_url: str, suite: Suite, admin: Administrator
) -> None:
    uid = signed_in.call("api/getProfile")["user"]["uid"]
    signed_in.call(
        "api/createRecord", {"sobject": "Account", "fields": {"Name": "Erased Ltd"}, "idempotencyKey": "erase-1"}
    )
    assert "erase-1" in documents(suite)
    erased = signed_in.call("auth/eraseMe")
    assert erased["revokedAtSalesforce"] is True
    left = documents(suite)
    assert uid not in left
    assert "erase-1" not in left
    assert erased["receipt"] in left
    owner = {"Authorization": "Bearer owner"}
    found = loopback.post(
        f"{suite.plan.ports.url('auth')}/identitytoolkit.googleapis.com/v1/projects/{suite.plan.project}/accounts:lookup",
        json={"localId": [uid]},
        headers=owner,
    )
    assert "users" not in found.json()
    assert signed_in.reason("api/getProfile", {}) == (400, "FAILED_PRECONDITION", "not-connected")
    for call in ("api/getAccess", "auth/eraseMe"):
        assert signed_in.reason(call, {}) == (400, "FAILED_PRECONDITION", "not-connected")
    assert signed_in.call("auth/signOut") == {}, "which needs no connection"
    assert "0 with a flaw" in admin("verify")
    signed_in.sign_in(authorize(org_url))
    assert signed_in.call("api/getConnection")["generation"] == 1


def test_a_block_refuses_the_next_call_in_every_process(
    signed_in: App, org_url: str, fleet: Fleet, admin: Administrator
) -> None:
    uid = signed_in.call("api/getProfile")["user"]["uid"]
    client = loopback.Client(headers={"Authorization": f"Bearer {signed_in.id_token}"}, timeout=60)

    def reasons() -> list[str]:
        answers = [client.post(f"{member.url}/getProfile", json={"data": {}}).json() for member in fleet.members]
        return [a["error"]["details"]["reason"] if "error" in a else "ok" for a in answers]

    assert reasons() == ["ok"] * 4
    blocked = admin("block", uid, "--by", "anna")
    try:
        assert "is blocked; 1 connections ended" in blocked
        assert reasons() == ["access-stopped"] * 4
        assert signed_in.reason("auth/signIn", signed_in.sign_in_body(authorize(org_url))) == (
            400,
            "FAILED_PRECONDITION",
            "access-stopped",
        )
        shown = admin("show")
        assert uid in shown
        assert "revoked" in shown
    finally:
        admin("unblock", uid, "--by", "anna")
    signed_in.sign_in(authorize(org_url))
    deadline = time.monotonic() + TRUST_SECONDS + 5  # every process learns of it in its turn
    while signed_in.post("api/getProfile", {}).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert signed_in.call("api/getProfile")["title"] == "Account Executive"
    assert "0 with a flaw" in admin("verify")


def test_the_scheduled_function_tells_what_it_did(suite: Suite, admin: Administrator) -> None:
    with Fleet(suite.plan, "upkeep", 1) as fleet:
        answer = loopback.post(f"{fleet.members[0].url}/", timeout=60)
    assert answer.status_code == 200
    assert set(answer.json()) == {"kept_alive", "refused", "postponed", "deleted", "revoked", "dropped"}
    assert "kept alive" in admin("upkeep")


def test_blocks_and_steps_that_make_no_sense_say_what_to_do(admin: Administrator) -> None:
    assert "name everyone, an org by its 18-character id" in admin("block", "nobody", code=2)
    assert "everyone is not blocked" in admin("unblock", "everyone", code=2)
    assert "the keyset cannot be read" in admin("keyset", "add", stdin="no keyset", code=2)
    assert "TOKEN_KEYSET: not a Tink" not in admin("show")
    assert "not a Tink AEAD keyset" in admin("show", code=2, TOKEN_KEYSET="no keyset")


def test_a_changed_record_is_found(signed_in: App, suite: Suite, admin: Administrator) -> None:
    signed_in.call("api/getProfile")
    base = f"{suite.plan.ports.url('firestore')}/v1"
    owner = {"Authorization": "Bearer owner"}
    query = {"structuredQuery": {"from": [{"collectionId": "entries", "allDescendants": True}], "limit": 1}}
    parent = f"{base}/projects/{suite.plan.project}/databases/(default)/documents"
    entry = loopback.post(f"{parent}:runQuery", json=query, headers=owner).json()[0]["document"]
    before = entry["fields"]["by"]

    def write(value: object) -> None:
        url = f"{base}/{entry['name']}?updateMask.fieldPaths=by"
        assert loopback.patch(url, json={"fields": {"by": value}}, headers=owner).status_code == 200

    assert "0 with a flaw" in admin("verify")
    write({"stringValue": "somebody else"})
    assert "1 with a flaw" in admin("verify", code=1)
    write(before)
    assert "0 with a flaw" in admin("verify")


def test_keys_change_while_calls_go_on(app: App, suite: Suite, org_url: str, admin: Administrator) -> None:
    """Every step is deployed while the processes with the step before are still at work; nobody notices."""
    old = admin.environment["TOKEN_KEYSET"]
    added = admin("keyset", "add", stdin=old).strip()
    promoted = admin("keyset", "promote", stdin=added).strip()
    dropped = admin("keyset", "drop", stdin=promoted).strip()
    app.sign_in(authorize(org_url, ADMIN))
    client = loopback.Client(headers={"Authorization": f"Bearer {app.id_token}"}, timeout=60)

    def call(fleet: Fleet) -> None:
        control(org_url, "expire", {"username": ADMIN})
        answer = client.post(f"{fleet.members[0].url}/getProfile", json={"data": {}})
        assert answer.status_code == 200, answer.text

    with (
        Fleet(suite.plan, count=1) as first,
        Fleet(suite.plan, count=1, TOKEN_KEYSET=added) as second,
        ThreadPoolExecutor() as pool,
    ):
        for fleet in (first, second, first):
            call(fleet)
        with Fleet(suite.plan, count=1, TOKEN_KEYSET=promoted) as third:
            for fleet in (third, second, third):
                call(fleet)
            resealing = pool.submit(admin, "reseal", TOKEN_KEYSET=promoted)
            while not resealing.done():
                call(second)
                call(third)
            assert "are sealed with the newest key" in resealing.result()
        admin("reseal", TOKEN_KEYSET=promoted)
        with Fleet(suite.plan, count=1, TOKEN_KEYSET=dropped) as fourth:
            call(fourth)
    assert "0 with a flaw" in admin("verify", TOKEN_KEYSET=dropped)
    # Back to the key that this session's other processes have.
    assert "sign in again" not in admin("reseal", TOKEN_KEYSET=added)
    assert "0 with a flaw" in admin("verify")
    assert app.call("api/getProfile")["user"]["username"] == ADMIN
