"""`make admin ARGS="check-org HOST"` against the local org, set up wrongly in every way that one sees without signing
in.
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.connections.connection import Connection, Grant, State
from backend.org_check import policies
from backend.values import Secret, Uid
from contract.errors import Reason
from devtools.clients import App, authorize, control
from devtools.prepared import Prepared
from devtools.suite import Suite, function_environment
from localorg.data.seed import USERS


@pytest.fixture
def host(suite: Suite) -> str:
    return f"127.0.0.1:{suite.plan.ports.localorg}"


def check(suite: Suite, repository: Path, host: str, **settings: str) -> tuple[int, str]:
    """In a project in which nobody has signed in, unless the settings say another."""
    nobody = {"GCLOUD_PROJECT": f"{suite.plan.project}-nobody"}
    environment = {
        **os.environ,
        **function_environment(suite.plan),
        "PYTHONPATH": str(repository / "functions"),
        **nobody,
        **settings,
    }
    return Prepared("backend.admin", ["check-org", host], env=environment, cwd=repository).ended()


def test_an_org_that_is_set_up_well(suite: Suite, repository: Path, host: str) -> None:
    code, said = check(suite, repository, host)
    assert code == 0, said
    assert "✗" not in said
    assert said.count("✓") == 8 + len(suite.plan.callbacks)
    assert "PKCE is required" in said
    assert "nobody has signed in yet" in said


def test_a_policy_that_ended_sign_ins_is_told(suite: Suite, repository: Path, host: str, org_url: str) -> None:
    """Everybody's, so that it does not look as if somebody had revoked the app themselves."""
    apps = [App(suite.plan.app_url, suite.plan.ports.url("auth"), host) for _ in USERS]
    for app, (username, *_) in zip(apps, USERS, strict=True):
        app.sign_in(authorize(org_url, username))
    control(org_url, "app", {"refreshPolicy": "fixed", "refreshSeconds": 1000})
    control(org_url, "clock", {"advanceSeconds": 8000})
    assert [app.reason("api/getProfile", {})[2] for app in apps] == ["access-revoked"] * len(apps)
    code, said = check(suite, repository, host, GCLOUD_PROJECT=suite.plan.project)
    assert code == 1
    assert ["are not known any more" in line for line in said.splitlines() if line.startswith("✗")] == [True], said


async def test_what_each_policy_does_is_told_apart() -> None:
    def ended(reason: Reason | None, host: str = "acme.my.salesforce.com") -> tuple[Connection, Grant]:
        state = State.FRESH if reason is None else State.NEEDS_SIGN_IN
        now, uid = datetime.now(UTC), Uid("00D5e0000000001EAA_0055e0000000001AAA")
        grant = Grant("login.salesforce.com", f"https://{host}", "api", Secret(""), Secret(""))
        return Connection(uid, 1, b"", state, now, now, now, ended_reason=reason), grant

    async def told(*reasons: Reason | None) -> list[tuple[bool, str]]:
        async def stored() -> AsyncIterator[tuple[Connection, Grant | None]]:
            for reason in reasons:
                yield ended(reason)
            yield ended(Reason.ORG_POLICY, "other.my.salesforce.com")
            yield ended(Reason.ORG_POLICY)[0], None  # nobody can say whose

        return [line async for line in policies(stored(), "ACME.my.salesforce.com")]

    assert await told(None, None) == [(True, "no policy has ended any of 2 sign-ins")]
    assert await told(None, None, Reason.ACCESS_REVOKED) == [(True, "no policy has ended any of 3 sign-ins")], (
        "somebody revoked it themselves"
    )
    assert await told(None, Reason.USER_INACTIVE) == [(True, "no policy has ended any of 2 sign-ins")]
    found = await told(None, Reason.ORG_POLICY, Reason.IDLE_TOO_LONG, Reason.IDLE_TOO_LONG)
    assert [line.split(":")[0] for good, line in found if not good] == [
        "2 of 4 sign-ins were not used for as long as Refresh Token Policy allows",
        "1 of 4 sign-ins are refused by OAuth Policies",
    ]


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "key": ({"SALESFORCE_CONSUMER_KEY": "3MVG9nobodys"}, "does not know SALESFORCE_CONSUMER_KEY"),
    "secret": ({"SALESFORCE_CONSUMER_SECRET": "wrong"}, "the consumer secret is wrong"),
    "scope": ({"SALESFORCE_SCOPE": "api refresh_token wave_api"}, "lacks the scope wave_api"),
    "callback": (
        {"REDIRECT_URIS": "https://a-project.web.app/oauth/callback"},
        "does not have the callback URL https://a-project.web.app",
    ),
    "version": ({"SALESFORCE_API_VERSION": "99.0"}, "API version 99.0 is not there, the newest is 68.0"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_one_line(suite: Suite, repository: Path, host: str, what: str) -> None:
    settings, says = WRONG[what]
    code, said = check(suite, repository, host, **settings)
    wrong = [line for line in said.splitlines() if line.startswith("✗")]
    assert code == 1
    assert len(wrong) == 1, said
    assert says in wrong[0]
    assert function_environment(suite.plan)["SALESFORCE_CONSUMER_SECRET"] not in said


@pytest.mark.parametrize(
    ("app", "says"),
    [({"pkceRequired": False}, "PKCE is not required"), ({"secretRequired": False}, "refresh without the secret")],
)
def test_a_lax_app(suite: Suite, repository: Path, host: str, org_url: str, app: dict[str, bool], says: str) -> None:
    control(org_url, "app", app)
    code, said = check(suite, repository, host)
    assert code == 1
    assert [says in line for line in said.splitlines() if line.startswith("✗")] == [True], said


def test_a_host_that_nobody_may_sign_in_at(suite: Suite, repository: Path) -> None:
    code, said = check(suite, repository, "login.salesforce.com")
    assert code == 2
    assert "SALESFORCE_LOGIN_HOSTS" in said


def test_a_host_that_does_not_answer(suite: Suite, repository: Path) -> None:
    code, said = check(suite, repository, "127.0.0.1:1", SALESFORCE_LOGIN_HOSTS="127.0.0.1:1=Nobody")
    assert code == 1
    assert "✗ 127.0.0.1:1 does not answer" in said


def test_a_host_that_is_not_salesforces(suite: Suite, repository: Path) -> None:
    """Firebase Authentication's emulator answers, and knows nothing of versions."""
    other = f"127.0.0.1:{suite.plan.ports.auth}"
    code, said = check(suite, repository, other, SALESFORCE_LOGIN_HOSTS=f"{other}=Other")
    assert code == 1
    assert "not as Salesforce does" in said
