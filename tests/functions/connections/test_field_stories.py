"""What happened to others, each as a test of this product: races, lost tokens, storms, moves, odd answers.

The stories are from the issue trackers named in each test. All of them run the real vault and the real REST client
against the local org over HTTP.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.adapters.client_authentication import ConsumerSecret
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.connections.audit import Entry
from backend.connections.connection import Connection, Grant, State
from backend.connections.tombstones import Tombstone
from backend.failures import NotSent, OutcomeUnknown
from backend.values import Secret, Uid
from contract.calls import FirebaseProject, LoginHost, SignedIn, SignIn, SignInOptions
from contract.errors import (
    CallError,
    ConnectionLost,
    Misconfigured,
    NotFound,
    OrgUnavailable,
    Reason,
    RefusedRequest,
    SignInFailed,
)
from contract.sign_in import Begun
from data.repositories.wiring import make_repositories
from devtools import loopback
from devtools.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings
from tests.altered import replace
from tests.device import Drawer
from tests.functions.instances import SOMEBODY, Instances

COUNT = "SELECT Id FROM Account LIMIT 1"


class Others(Instances):
    """Instances with the org's side at hand."""

    def control(self, what: str, **body: Any) -> Any:
        return control(self.org.url, what, body)

    def counters(self) -> dict[str, int]:
        return control(self.org.url, "counters")

    def expire(self) -> None:
        self.control("expire", username=SALES)

    def fault(self, kind: str, **body: Any) -> None:
        self.control("faults", kind=kind, **body)

    def granted(self, answer: dict[str, Any]) -> Grant:
        """A grant that somebody else has, by the answer that they got."""
        tokens = Secret(answer["access_token"]), Secret(answer["refresh_token"])
        return Grant(self.host, self.org.url, "api", *tokens)

    async def reads(self, uid: Uid, count: int, instances: int = 1) -> Sequence[object]:
        return await asyncio.gather(*(self.rests[n % instances].query(uid, COUNT) for n in range(count)))


@pytest.fixture
async def others(org: EmbeddedOrg) -> AsyncIterator[Others]:
    made = Others(org)
    control(org.url, "faults/clear")
    control(org.url, "counters/reset")
    yield made
    control(org.url, "faults/clear")
    control(org.url, "move", {"instanceUrl": None})
    control(org.url, "app", {"rotation": True})
    control(org.url, "deactivate", {"username": SALES, "active": True})
    await made.http.close()


@pytest.mark.parametrize("instances", [1, 4])
async def test_01_parallel_calls_raced_for_one_rotating_token_and_users_were_logged_out_daily(
    others: Others, instances: int
) -> None:
    """jetstreamapp/jetstream#1726, #1664; SalesforceMobileSDK-Android#2931: also in the cycle right after."""
    uid, _ = await others.connect()
    for cycle in (1, 2, 3):
        others.expire()
        assert len(await others.reads(uid, 30, instances)) == 30
        assert others.refreshes() == cycle


async def test_02_a_transaction_was_held_open_over_the_network_call(others: Others) -> None:
    """Review of jetstream#1727; getsentry/sentry-mcp#823: the document is free while Salesforce thinks, and the lease
    has an owner.
    """
    uid, rejected = await others.connect()
    others.fault("token.refresh_token", hold=True)
    renewal = asyncio.create_task(others.renewals[1].renew(uid, rejected))
    await others.until(lambda: others.counters().get("fault.token.refresh_token") == 1)
    held = await others.stored(uid)
    assert held.lease is not None
    assert held.lease.owner == "1"
    assert (await others.stay_signed_in(uid, True)).stay_signed_in
    assert not renewal.done()
    others.control("faults/clear")
    assert (await renewal).credential.generation == 2
    stored = await others.stored(uid)
    assert (stored.lease, stored.stay_signed_in) == (None, True)


@pytest.mark.parametrize("rotation", [True, False])
async def test_03_the_rotated_token_was_thrown_away(others: Others, rotation: bool) -> None:
    """dust-tt/dust#20853, sfdx-core#1340, airbyte#80783, NetCoreForce#94: it is stored before anything uses the new
    access token.
    """
    others.control("app", rotation=rotation)
    uid, _ = await others.connect()
    others.expire()
    inner, used_before_it_was_stored = others.documents.write, False

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        nonlocal used_before_it_was_stored
        if connection.generation == 2:
            used_before_it_was_stored = control(others.org.url, "counters").get("rest.query", 0) > 1
        return await inner(connection, entry, tombstone)

    others.documents.write = write
    await others.reads(uid, 1)
    assert not used_before_it_was_stored
    for generation in (2, 3, 4):
        stored = await others.stored(uid)
        assert stored.generation == generation
        assert await others.is_active(stored)
        others.expire()
        await others.reads(uid, 1)


async def test_04_an_operation_made_before_a_rotation_ran_after_it(others: Others) -> None:
    """airbyte#82783: what was looked up long ago is looked up again, and no refresh is spent on it."""
    uid, old = await others.connect()
    await others.renewals[1].renew(uid, old)
    await others.renewals[2].renew(uid, old)
    renewed = await others.renewals[3].renew(uid, replace(old, access_token=Secret("stale")))
    assert (renewed.refreshed, renewed.credential.generation) == (False, 2)
    assert others.refreshes() == 1


async def test_05_the_process_died_after_salesforce_had_rotated_and_before_the_store_was_written(
    others: Others,
) -> None:
    """The old token is not tried again, which would revoke everything; the user is told, once and for all."""
    uid, _ = await others.connect()
    others.expire()
    others.fault("token.refresh_token", cut="after")
    for rest in others.rests * 3:
        with pytest.raises(ConnectionLost) as lost:
            await rest.query(uid, COUNT)
        assert lost.value.reason is Reason.REFRESH_LOST
    assert others.refreshes() == 1
    assert (await others.stored(uid)).state is State.NEEDS_SIGN_IN


async def test_06_token_request_is_already_being_processed_was_taken_for_the_end(others: Others) -> None:
    """action-destinations#2300, SalesforceMobileSDK-iOS#3731: it passes, and so does its older wording."""
    for words in ("token request is already being processed", "expired authorization code"):
        uid, _ = await others.connect()
        others.expire()
        others.fault(
            "token.refresh_token", status=400, body=f'{{"error":"invalid_grant","error_description":"{words}"}}'
        )
        assert len(await others.reads(uid, 10)) == 10
        assert (await others.stored(uid)).state is State.FRESH


async def test_07_a_dead_grant_was_hammered_with_refreshes_for_half_an_hour(others: Others) -> None:
    """airbyte#82784, onyx#13985: one token request, then none until the user has signed in again."""
    uid, _ = await others.connect()
    others.control("revoke", username=SALES)
    for rest in others.rests * 5:
        with pytest.raises(ConnectionLost):
            await rest.query(uid, COUNT)
    assert others.refreshes() == 1
    await others.connect()
    assert len(await others.reads(uid, 4, 4)) == 4
    assert others.refreshes() == 1


async def test_08_the_sixth_login_of_a_user_killed_the_oldest(others: Others) -> None:
    """jsforce#1170, #488, appsmith#38961: one grant a user here, so a new sign-in kills nothing of somebody else's."""
    elsewhere = await asyncio.to_thread(lambda: exchange(others.org.url, authorize(others.org.url)))
    uid, credential = await others.connect()
    for _ in range(6):
        uid, credential = await others.connect()
    assert await others.oauth.introspect(others.granted(elsewhere))
    for _ in range(5):  # five sign-ins with another program kill this one
        await asyncio.to_thread(lambda: exchange(others.org.url, authorize(others.org.url)))
    with pytest.raises(ConnectionLost) as lost:
        await others.renewals[0].renew(uid, credential)
    assert lost.value.reason is Reason.ACCESS_REVOKED
    assert "more than five devices" in lost.value.message


async def test_09_the_org_moved_and_calls_went_round_in_circles(others: Others) -> None:
    """jsforce#196, #197, SalesforceMobileSDK-iOS#1141: the refresh tells the new instance URL; it is stored and
    used.
    """
    uid, before = await others.connect()
    moved = f"http://localhost:{others.org.port}"
    others.control("move", instanceUrl=moved)
    others.expire()
    await others.reads(uid, 1)
    assert before.instance_url != moved
    assert others.grant(await others.stored(uid)).instance_url == moved
    assert (await others.renewals[0].get(uid)).instance_url == moved
    assert others.refreshes() == 1


async def test_10_a_used_up_limit_was_taken_for_a_bad_login(others: Others) -> None:
    """SwiftlySalesforce#29, tap-salesforce#221, restforce#567: 403 REQUEST_LIMIT_EXCEEDED costs no refresh and no
    second try.
    """
    uid, _ = await others.connect()
    others.fault("rest.query", status=403, times=3)
    with pytest.raises(OrgUnavailable) as limit:
        await others.reads(uid, 1)
    assert limit.value.reason is Reason.ORG_LIMIT
    assert others.refreshes() == 0
    assert control(others.org.url, "counters")["fault.rest.query"] == 1


async def test_11_a_policy_that_forbids_the_rest_api_was_met_with_refresh_after_refresh(others: Others) -> None:
    """jsforce#1301, #1774, SalesforceMobileSDK-iOS#2464: 401 with other words; one refresh, then the reason."""
    uid, _ = await others.connect()
    words = '[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]'
    others.fault("rest.query", status=401, times=10, body=words)
    with pytest.raises(ConnectionLost) as policy:
        await others.reads(uid, 1)
    assert policy.value.reason is Reason.ORG_POLICY
    assert others.refreshes() == 1


async def test_12_an_expired_token_was_answered_with_403_bad_oauth_token(others: Others) -> None:
    """jsforce#736, SalesforceMobileSDK-iOS#3398, drupal 3191597: one refresh for it, and for no other 403."""
    uid, _ = await others.connect()
    others.fault("rest.query", status=403, body="Bad_OAuth_Token")
    assert await others.reads(uid, 1)
    assert others.refreshes() == 1
    for body in ("<html>Forbidden</html>", "", '[{"errorCode":"INSUFFICIENT_ACCESS","message":"no"}]'):
        others.fault("rest.query", status=403, body=body)
        with pytest.raises(RefusedRequest) as refused:
            await others.reads(uid, 1)
        assert refused.value.reason is Reason.NOT_PERMITTED
    assert others.refreshes() == 1


async def test_13_the_second_attempt_was_rejected_too(others: Others) -> None:
    """formie#2892: one refresh and one replay for a call, also for a write, which a 401 has not carried out."""
    uid, _ = await others.connect()
    others.fault("rest.composite", status=401, times=2)
    with pytest.raises(ConnectionLost):
        await others.rests[0].create(uid, "Account", {"Name": "Rejected Ltd"}, "Id")
    assert others.refreshes() == 1
    assert control(others.org.url, "counters")["fault.rest.composite"] == 2
    assert await others.rests[0].query(uid, "SELECT Id FROM Account WHERE Name = 'Rejected Ltd'") == [[]]
    others.fault("rest.composite", status=401)
    await others.rests[0].create(uid, "Account", {"Name": "Rejected Ltd"}, "Id")
    assert len((await others.rests[0].query(uid, "SELECT Id FROM Account WHERE Name = 'Rejected Ltd'"))[0]) == 1


@pytest.mark.parametrize("more", [{}, {"expires_in": "soon"}, {"issued_at": None}])
async def test_14_the_token_answer_says_nothing_of_use_about_its_end(others: Others, more: dict[str, object]) -> None:
    """jstanden/cerb#836: no expires_in.

    The backend takes an answer with no more than it needs, and uses the token until it is rejected.
    """
    uid, rejected = await others.connect()
    elsewhere = await asyncio.to_thread(lambda: exchange(others.org.url, authorize(others.org.url)))
    needed = {name: elsewhere[name] for name in ("access_token", "refresh_token", "instance_url", "id")}
    others.fault("token.refresh_token", status=200, body=json.dumps(needed | more))
    renewed = await others.renewals[0].renew(uid, rejected)
    assert renewed.credential.access_token == Secret(elsewhere["access_token"])
    assert await others.reads(uid, 1)
    assert others.refreshes() == 1


@pytest.mark.parametrize(("status", "body", "family", "reason"), [
    (400, '{"error":"invalid_grant","error_description":"expired access/refresh token"}', ConnectionLost,
     Reason.ACCESS_REVOKED),
    (400, '{"error":"invalid_grant"}', ConnectionLost, Reason.ACCESS_REVOKED),
    (400, '{"error":"invalid_grant","error_description":"inactive user"}', ConnectionLost, Reason.USER_INACTIVE),
    (400, '{"error":"inactive_user","error_description":"user is inactive"}', ConnectionLost, Reason.USER_INACTIVE),
    (400, '{"error":"inactive_org","error_description":"organization is not active"}', ConnectionLost,
     Reason.USER_INACTIVE),
    (400, '{"error":"invalid_grant","error_description":"ip restricted"}', ConnectionLost, Reason.IP_RESTRICTED),
    (400, '{"error":"invalid_grant","error_description":"user hasn\'t approved this consumer"}', ConnectionLost,
     Reason.ORG_POLICY),
    (400, '{"error":"OAUTH_APP_BLOCKED","error_description":"this app is blocked by admin"}', ConnectionLost,
     Reason.APP_BLOCKED),
    (400, '{"error":"OAUTH_EC_APP_NOT_FOUND"}', ConnectionLost, Reason.APP_NOT_INSTALLED),
    (400, '{"error":"invalid_app_access","error_description":"user is not admin approved"}', ConnectionLost,
     Reason.ORG_POLICY),
    (400, '{"error":"invalid_client","error_description":"invalid client credentials"}', Misconfigured,
     Reason.MISCONFIGURED),
    (400, '{"error":"invalid_client_id","error_description":"client identifier invalid"}', Misconfigured,
     Reason.MISCONFIGURED),
    (400, '{"error":"unknown_error","error_description":"retry your request"}', OrgUnavailable, Reason.ORG_BUSY),
    (400, '{"error":"rate_limit_exceeded"}', OrgUnavailable, Reason.ORG_LIMIT),
    (400, '{"error":"invalid_grant","error_description":"login rate exceeded"}', OrgUnavailable, Reason.ORG_LIMIT),
    (429, "", OrgUnavailable, Reason.ORG_LIMIT),
    (400, "", OrgUnavailable, Reason.ORG_BUSY),
    (400, "[]", OrgUnavailable, Reason.ORG_BUSY),
    (503, "<html><h1>Down for Maintenance</h1></html>", OrgUnavailable, Reason.ORG_BUSY),
    (200, "<html>not JSON</html>", OrgUnavailable, Reason.ORG_BUSY),
])  # fmt: skip
async def test_15_each_odd_refusal_of_a_refresh_has_its_own_meaning(
    others: Others, status: int, body: str, family: type[CallError], reason: Reason
) -> None:
    """restforce#303, amazon-connect-salesforce-lambda#43, simple-salesforce#825: fatal, passing and misconfigured are
    told apart.
    """
    uid, rejected = await others.connect()
    others.fault("token.refresh_token", status=status, body=body, times=9)
    with pytest.raises(family) as told:
        await others.renewals[0].renew(uid, rejected)
    assert told.value.reason is reason
    stored = await others.stored(uid)
    assert (stored.state is State.NEEDS_SIGN_IN) == (family is ConnectionLost)
    assert stored.lease is None
    if family is not ConnectionLost:  # the connection is as good as before
        control(others.org.url, "faults/clear")
        assert (await others.renewals[1].renew(uid, rejected)).credential.generation == 2


async def test_16_a_login_for_every_request_met_the_hourly_limit(others: Others) -> None:
    """restforce#412, #744: a token is used until it is rejected."""
    uid, _ = await others.connect()
    await others.reads(uid, 100, 4)
    assert others.refreshes() == 0


async def test_17_one_party_logged_out_and_killed_the_session_of_another(others: Others) -> None:
    """simple-salesforce#619, SalesforcePy#56: a sign-out ends this app's grant and no other."""
    elsewhere = await asyncio.to_thread(lambda: exchange(others.org.url, authorize(others.org.url)))
    uid, _ = await others.connect()
    await others.sign_out(uid, "phone", everywhere=True)
    assert await others.oauth.introspect(others.granted(elsewhere))


async def test_18_a_code_that_came_twice_took_the_first_grant_along(others: Others) -> None:
    """PipedreamHQ/pipedream#22011: double callback and back button get a clean refusal, the sign-in stands."""
    flow = others.sign_in_flow()
    authorization = await asyncio.to_thread(authorize, others.org.url)
    request = SignIn(authorization.code, authorization.verifier, CALLBACK, others.host)
    first, *rest = await asyncio.gather(*(flow.sign_in(SOMEBODY, request) for _ in range(3)), return_exceptions=True)
    assert isinstance(first, SignedIn)
    for refused in (*rest, await asyncio.gather(flow.sign_in(SOMEBODY, request), return_exceptions=True)):
        told = refused[0] if isinstance(refused, list) else refused
        assert isinstance(told, SignInFailed)
        assert told.reason is Reason.CODE_REJECTED
    assert await others.is_active(await others.stored(Uid(first.user.uid)))
    other = await asyncio.to_thread(authorize, others.org.url)
    with pytest.raises(SignInFailed) as mismatch:
        await flow.sign_in(SOMEBODY, SignIn(other.code, authorization.verifier, CALLBACK, others.host))
    assert mismatch.value.reason is Reason.VERIFIER_REJECTED


async def test_18b_a_code_is_not_lost_to_a_salesforce_that_could_not_be_reached(tmp_path: Path) -> None:
    """No connection came about, so the same code is good for the next try."""
    settings = OrgSettings(data=tmp_path, accounts=1)
    with EmbeddedOrg(settings) as org:
        others = Others(org)
        authorization = await asyncio.to_thread(authorize, org.url)
    flow = others.sign_in_flow()
    request = SignIn(authorization.code, authorization.verifier, CALLBACK, others.host)
    with pytest.raises(NotSent):
        await flow.sign_in(SOMEBODY, request)
    with EmbeddedOrg(settings, org.port):
        assert (await flow.sign_in(SOMEBODY, request)).user.username == SALES
    await others.http.close()


async def test_18c_a_code_whose_answer_was_lost_is_not_sent_again(others: Others) -> None:
    """The org has taken it: a second time would revoke what it gave for the first."""
    flow = others.sign_in_flow()
    authorization = await asyncio.to_thread(authorize, others.org.url)
    others.fault("token.authorization_code", cut="after")
    request = SignIn(authorization.code, authorization.verifier, CALLBACK, others.host)
    with pytest.raises(OutcomeUnknown):
        await flow.sign_in(SOMEBODY, request)
    with pytest.raises(SignInFailed) as refused:
        await flow.sign_in(SOMEBODY, request)
    assert refused.value.reason is Reason.CODE_REJECTED
    assert others.counters()["token.authorization_code"] == 1


@pytest.mark.parametrize(("body", "reason"), [
    ('{"error":"OAUTH_APP_BLOCKED","error_description":"this app is blocked by admin"}', Reason.APP_BLOCKED),
    ('{"error":"OAUTH_EC_APP_NOT_FOUND","error_description":"x"}', Reason.APP_NOT_INSTALLED),
    ('{"error":"OAUTH_APPROVAL_ERROR_GENERIC"}', Reason.APP_NOT_INSTALLED),
    ('{"error":"invalid_app_access","error_description":"user is not admin approved"}', Reason.SIGN_IN_BLOCKED),
    ('{"error":"invalid_grant","error_description":"user hasn\'t approved this consumer"}', Reason.SIGN_IN_BLOCKED),
    ('{"error":"inactive_user","error_description":"user is inactive"}', Reason.USER_INACTIVE),
    ('{"error":"invalid_grant","error_description":"inactive user"}', Reason.USER_INACTIVE),
    ('{"error":"inactive_org","error_description":"organization is not active"}', Reason.USER_INACTIVE),
    ('{"error":"invalid_grant","error_description":"ip restricted"}', Reason.IP_RESTRICTED),
    ('{"error":"invalid_grant","error_description":"expired authorization code"}', Reason.CODE_REJECTED),
    ('{"error":"invalid_scope"}', Reason.MISCONFIGURED),
])  # fmt: skip
async def test_18d_why_a_sign_in_is_refused_is_never_that_it_took_too_long(
    others: Others, body: str, reason: Reason
) -> None:
    """pipedream#21557, n8n#21589, airbyte#66135: whoever is told to begin again does so for ever."""
    authorization = await asyncio.to_thread(authorize, others.org.url)
    others.fault("token.authorization_code", status=400, body=body)
    with pytest.raises(CallError) as told:
        await others.sign_in_flow().sign_in(
            SOMEBODY, SignIn(authorization.code, authorization.verifier, CALLBACK, others.host)
        )
    assert told.value.reason is reason


async def test_18e_the_sign_in_of_a_site_of_experience_cloud_has_a_path(others: Others) -> None:
    """markbates/goth#280, SalesforceMobileSDK-CordovaPlugin#670: authorize, token, refresh and revoke lie below it."""
    authorization = await asyncio.to_thread(authorize, f"{others.org.url}/customers")
    site = f"{others.host}/customers"
    flow = others.sign_in_flow(site)
    signed_in = await flow.sign_in(SOMEBODY, SignIn(authorization.code, authorization.verifier, CALLBACK, site))
    uid = Uid(signed_in.user.uid)
    others.expire()
    await others.reads(uid, 1)
    stored = await others.stored(uid)
    grant = others.grant(stored)
    assert (grant.login_host, grant.instance_url, stored.generation) == (site, others.org.url, 2)
    await others.sign_out(uid, "phone", everywhere=True)
    # The consent page comes only where another test has not agreed already.
    steps = ("authorize", "login", "authorize", "consent", "token", "userinfo", "query", "token", "query", "revoke")
    seen = loopback.get(f"{others.org.url}/localorg/control/requests").json()[-len(steps) :]
    oauth = [one["path"] for one in seen if one["path"].endswith(("/authorize", "/token", "/revoke"))]
    assert oauth[-5:] == [
        f"/customers/services/oauth2/{s}" for s in ("authorize", "authorize", "token", "token", "revoke")
    ]


async def test_19_a_connection_that_had_been_idle_was_already_closed(others: Others) -> None:
    """simple-salesforce#402, psf/requests#4506: a read goes again over a new connection; a write says that it does not
    know.
    """
    uid, _ = await others.connect()
    others.fault("rest.query", cut="before")
    assert await others.reads(uid, 1)
    others.fault("rest.composite", cut="before")
    with pytest.raises(OrgUnavailable) as unknown:
        await others.rests[0].create(uid, "Account", {"Name": "Idle Ltd"}, "Id")
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN


async def test_20_reserved_characters_were_encoded_twice_or_never(others: Others) -> None:
    """frankkessler/salesforce-laravel-oauth2#39: secrets and codes with & = + % / arrive as they are; so do values in a
    query.
    """
    odd = "a&b=c+d%20/é?#"
    received = SalesforceOAuth(others.http, ConsumerSecret(CONSUMER_KEY, Secret(odd)), local=True)
    with pytest.raises(Misconfigured):
        await received.exchange_code(others.host, Secret("aPrx+/=="), Secret("v" * 43), CALLBACK)
    assert control(others.org.url, "counters")["token.authorization_code"] >= 1
    uid, _ = await others.connect()
    made, _ = await others.rests[0].create(uid, "Account", {"Name": odd}, "Id")
    (rows,) = await others.rests[0].query(uid, f"SELECT Id FROM Account WHERE Name = '{odd}'")
    assert [r["Id"] for r in rows] == [made]
    with pytest.raises(NotFound):
        await others.rests[0].delete(uid, "Account", "001000000000000AAA")
    assert others.grant(await others.stored(uid)).instance_url == others.org.url


class _BindsNothing:
    """A backend that only begins sign-ins."""

    async def call(self, *_: object) -> Begun:
        return Begun()


@pytest.mark.parametrize(("error", "reason"), [
    ("access_denied", Reason.SIGN_IN_DENIED),
    ("OAUTH_AUTHORIZATION_BLOCKED", Reason.OTHER_ORG),
    ("OAUTH_APP_ACCESS_DENIED", Reason.SIGN_IN_BLOCKED),
    ("OAUTH_APP_BLOCKED", Reason.APP_BLOCKED),
    ("OAUTH_EC_APP_NOT_FOUND", Reason.APP_NOT_INSTALLED),
    ("OAUTH_APPROVAL_ERROR_GENERIC", Reason.APP_NOT_INSTALLED),
    ("inactive_user", Reason.USER_INACTIVE),
    ("inactive_org", Reason.USER_INACTIVE),
    ("something_new", Reason.SIGN_IN_BLOCKED),
    ("invalid_app_access", Reason.SIGN_IN_BLOCKED),
    ("invalid_client_id", Reason.MISCONFIGURED),
    ("invalid_request", Reason.MISCONFIGURED),
    ("rate_limit_exceeded", Reason.ORG_LIMIT),
])  # fmt: skip
async def test_21_another_orgs_app_an_app_not_installed_and_missing_pkce_looked_all_the_same(
    error: str, reason: Reason
) -> None:
    """Seen in more than eight repositories: each has words of its own that say what to do."""
    device: Any = Drawer()
    nowhere: Any = _BindsNothing()
    sign_in = make_repositories(nowhere, nowhere, device).sign_in
    options = SignInOptions(CONSUMER_KEY, "api", (), FirebaseProject("", "", ""))
    await sign_in.begin(options, LoginHost("login.salesforce.com", "Production"))
    state = device.opened.split("state=")[1].split("&")[0]
    with pytest.raises(CallError) as told:
        await sign_in.finish(f"{CALLBACK}?error={error}&error_description=words&state={state}")
    assert told.value.reason is reason
    assert CONSUMER_SECRET not in told.value.message
