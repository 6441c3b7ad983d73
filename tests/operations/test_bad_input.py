"""What is wrong is told in one line before anything is changed, and the next run goes on."""

from pathlib import Path
from typing import Any

import pytest

from devtools.deploy import command, settings_file
from devtools.deploy.cloud import DeployError
from devtools.deploy.steps import Target
from tests.operations.project import PROJECT, SECRET, World
from tests.operations.test_adopt import IN_USE

GOOD = "SALESFORCE_CONSUMER_KEY=3MVG9\nSALESFORCE_LOGIN_HOSTS=login.salesforce.com=X\n"


@pytest.fixture
def target() -> Target:
    return Target(PROJECT, "eur3")


class TestSettings:
    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("USER_DAILY_REQUEST=100", "USER_DAILY_REQUEST is not a setting; is USER_DAILY_REQUESTS meant?"),
            ("SALESFORCE_COMSUMER_KEY=1", "is SALESFORCE_CONSUMER_KEY meant?"),
            ("user_daily_requests=100", "user_daily_requests is not a setting"),
            ("TELEMETRY google", "this is no NAME=value"),
            ("REDIRECT_URIS='https://a.web.app/x", "this is no NAME=value"),
            ("SALESFORCE_CONSUMER_SECRET=hush", "SALESFORCE_CONSUMER_SECRET is a secret"),
            ("TOKEN_KEYSET=hush", "TOKEN_KEYSET is a secret"),
            # firebase-tools refuses these at the upload of the functions: lib/functions/env.js, validateKey.
            ("GCLOUD_PROJECT=x", "GCLOUD_PROJECT is not a setting"),
            ("FIREBASE_CONFIG={}", "FIREBASE_CONFIG is not a setting"),
        ],
    )
    @pytest.mark.parametrize("name", [".env", f".env.{PROJECT}"])
    def test_a_line_that_is_no_setting(self, tmp_path: Path, name: str, line: str, says: str) -> None:
        (tmp_path / f".env.{PROJECT}").write_text(GOOD)
        file = tmp_path / name
        file.write_text(f"# ours\n\n{GOOD if name != '.env' else ''}{line}\n")
        with pytest.raises(DeployError) as wrong:
            command.target({"PROJECT": PROJECT}, tmp_path)
        number = len(file.read_text().splitlines())
        assert f"functions/{name}, line {number}: " in str(wrong.value)
        assert says in str(wrong.value)
        assert "\n" not in str(wrong.value)
        assert "hush" not in str(wrong.value)

    def test_every_way_to_write_a_line_that_firebase_tools_reads(self, tmp_path: Path) -> None:
        (tmp_path / f".env.{PROJECT}").write_text(
            f"{GOOD}export TELEMETRY = google # yes\nSALESFORCE_SCOPE='api id'\n"
            'USER_DAILY_REQUESTS="7" # a day\nSITE=\n'
        )
        settings = command.target({"PROJECT": PROJECT}, tmp_path).settings
        assert [settings[name] for name in ("TELEMETRY", "SALESFORCE_SCOPE", "USER_DAILY_REQUESTS")] == [
            "google",
            "api id",
            "7",
        ]

    def test_all_that_the_docs_list_are_known(self) -> None:
        from devtools.paths import ROOT

        table = (ROOT / "docs/deploy.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
        listed = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
        assert len(listed) > 30
        assert listed <= settings_file.known() | {"GCLOUD_PROJECT"}

    @pytest.mark.parametrize("email", ["me", "me@", "a b@example.com"])
    def test_an_address_for_alerts_that_is_none(self, tmp_path: Path, email: str) -> None:
        (tmp_path / f".env.{PROJECT}").write_text(GOOD)
        with pytest.raises(DeployError, match="ALERT_EMAIL is an e-mail address"):
            command.target({"PROJECT": PROJECT, "ALERT_EMAIL": email}, tmp_path)


class TestSecrets:
    def test_a_secret_without_anything_in_it_is_filled(self, world: World, target: Target) -> None:
        world.deploy(target)
        world.set(secrets={**world.read()["secrets"], "SALESFORCE_CONSUMER_SECRET": [" \n"]})
        assert world.plan(target) == 1
        world.deploy(target)
        assert world.read()["secrets"]["SALESFORCE_CONSUMER_SECRET"] == [" \n", SECRET]
        assert world.plan(target) == 0

    def test_a_disabled_keyset_is_not_replaced(self, world: World, target: Target) -> None:
        """A new one would make every connection unreadable."""
        world.deploy(target)
        before = world.read()
        world.set(secretStates={"TOKEN_KEYSET/1": "DISABLED"})
        for run in (world.plan, world.deploy):
            with pytest.raises(DeployError, match="TOKEN_KEYSET, 1, is disabled: enable it"):
                run(target)
        assert world.read()["changes"] == before["changes"]


UNREADABLE = {
    "no right": (
        (403, '{"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}'),
        "owner",
    ),
    "a proxy's page": ((200, "<html>Sign in to the network</html>"), "no JSON"),
    "an error without words": ((502, ""), "502"),
}


class TestUnreadable:
    @pytest.mark.parametrize("what", UNREADABLE)
    @pytest.mark.parametrize("run", ["plan", "deploy"])
    def test_a_project_that_cannot_be_read(self, world: World, target: Target, run: str, what: str) -> None:
        answer, says = UNREADABLE[what]
        world.set(**IN_USE)
        before = world.read()
        world.broken = answer
        with pytest.raises(DeployError, match=says) as wrong:
            getattr(world, run)(target)
        assert "\n" not in str(wrong.value)
        assert world.read() == before

    def test_a_tool_that_prints_no_json(self, world: World, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
        def update(*_: Any, **__: Any) -> str:
            return "Updates are available for some Google Cloud CLI components."

        cloud = world.cloud()
        monkeypatch.setattr(cloud, "_run", update)
        with pytest.raises(DeployError, match="gcloud services list --enabled: it printed no JSON"):
            command.plan(target, cloud, world.said.append)
