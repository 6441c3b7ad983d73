"""Going back to an earlier deployment: what is listed, planned, made and refused, on a played project."""

import json
import re
from pathlib import Path

import pytest

from backend.connections.connection import Connection, Grant
from devtools.deploy import command, images, operate, promote, rollback
from devtools.deploy.cloud import Command, DeployError
from devtools.deploy.keysets import Keys, keys
from devtools.deploy.steps import Target
from devtools.paths import ROOT
from tests.operations import releases
from tests.operations.project import CLIENT_KEY, PROJECT, World
from tests.operations.releases import add_keyset, back, deploy, keyset, serves, set_up


def everything(id: str, version: str) -> dict[str, str]:
    return {"auth": id, "api": id, "upkeep": id, "site": id, "rules": f"// rules of {version}"}


class TestGoingBack:
    def test_functions_site_and_rules_are_those_of_that_deployment_again(self, world: World) -> None:
        target = set_up(world)
        first, second = deploy(world, target, "one"), deploy(world, target, "two")
        assert serves(world) == everything(second, "two")
        back(world, target, first)
        assert serves(world) == everything(first, "one")
        back(world, target, second)
        assert serves(world) == everything(second, "two"), "and forward again"

    def test_the_plan_changes_nothing_and_says_what_is_then_done(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two", {"TELEMETRY_PERCENT": "5"})
        before = world.read()
        cloud = world.cloud()
        found = rollback.project(cloud, target.settings)
        chosen = rollback.chosen(found, first)
        changes = rollback.plan(cloud, target.settings, found, chosen)
        told = rollback.told(target, found, chosen, changes)
        assert world.read() == before
        text = "\n".join(told)
        assert "TOKEN_KEYSET version 1\n" in text
        assert "settings as they were: TELEMETRY_PERCENT" in text
        assert "indexes and expiry of Firestore: not brought back; git diff" in text
        assert len([line for line in told if line.startswith("    g") or ": P" in line]) == 6
        rollback.go(cloud, changes, world.said.append)
        made = world.read()["changes"][len(before["changes"]) :]
        assert [words[0] for words in made] == ["POST", "gcloud", "gcloud", "gcloud", "PATCH", "PATCH"], (
            "the site first: an older client gets on with newer functions"
        )

    def test_stopped_in_between_the_next_run_goes_on(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        world.set(stopAt=len(world.read()["changes"]) + 2)  # at the second function
        with pytest.raises(DeployError, match="unavailable"):
            back(world, target, first)
        assert {name for name, id in serves(world).items() if id == first} == {"site", "auth"}
        told = back(world, target, first)
        assert serves(world) == everything(first, "one")
        assert sum(line.startswith("✓") for line in told) == 2

    def test_the_list_names_each_with_its_commit_and_marks_what_serves(self, world: World) -> None:
        target = set_up(world)
        first, second = deploy(world, target, "one"), deploy(world, target, "two")
        found = rollback.project(world.cloud(), target.settings)
        lines = rollback.listed(found)
        assert [re.match(rf"{mark} {id}  2026-11-01 \d\d:\d\d  commit none", line) is not None
                for mark, id, line in zip("→ ", (second, first), lines, strict=True)] == [True, True]  # fmt: skip
        for wrong in ("", "ab", "f" * 12):
            with pytest.raises(DeployError, match="names no deployment"):
                rollback.chosen(found, wrong)
        assert rollback.chosen(found, first[:5]).stamp.id == first

    def test_the_command_asks_first(
        self, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = set_up(world)
        first, second = deploy(world, target, "one"), deploy(world, target, "two")
        monkeypatch.setattr(command, "target", lambda _environment: target)
        with pytest.raises(DeployError, match=r"nobody is there to say yes.*nothing was changed"):
            operate.go_back({"TO": first}, print, world.cloud())
        operate.go_back({"TO": first}, print, world.cloud(), only_plan=True)
        operate.go_back({}, print, world.cloud())
        assert serves(world) == everything(second, "two")
        operate.go_back({"TO": first, "YES": "1"}, print, world.cloud())
        assert serves(world) == everything(first, "one")
        capsys.readouterr()
        operate.go_back({"TO": first, "YES": "1"}, print, world.cloud())
        assert "nothing to do" in capsys.readouterr().out

    def test_the_next_deployment_serves_although_the_functions_stayed_with_a_revision(self, world: World) -> None:
        """firebase-tools leaves the traffic as it is, and skips functions that it knows: without a further command a
        deployment would end well and serve nobody (https://github.com/fullsend-ai/fullsend/issues/6945).
        """
        target = set_up(world)
        first, second = deploy(world, target, "one"), deploy(world, target, "two")
        back(world, target, first)
        assert promote.pinned(world.cloud(), "europe-west1") == ["auth", "api", "upkeep"]
        assert deploy(world, target, "two") == second, "the same deployed again is the same"
        assert serves(world) == everything(second, "two")
        back(world, target, first)
        third = deploy(world, target, "three")
        assert serves(world) == everything(third, "three")


def rotated(world: World) -> tuple[Target, list[str], list[str]]:
    """The steps of docs/operations.md, "Keys", a deployment after each; its ids."""
    one = keyset("new")
    added = keyset("add", one)
    promoted = keyset("promote", added)
    dropped = keyset("drop", promoted)
    target, steps, ids = set_up(world, one), [one, added, promoted, dropped], list[str]()
    for number, step in enumerate(steps):
        if number:
            add_keyset(world, step)
        ids.append(deploy(world, target, f"version {number}"))
    return target, ids, steps


class TestAKeysetThatWasRotated:
    def test_before_the_new_key_seals_every_version_opens_everything(self, world: World) -> None:
        one = keyset("new")
        target = set_up(world, one)
        first = deploy(world, target, "one")
        add_keyset(world, keyset("add", one))
        deploy(world, target, "two")
        told = "\n".join(back(world, target, first))
        assert "TOKEN_KEYSET version 1 (now 2)" in told
        assert serves(world) == everything(first, "one")

    def test_behind_the_new_key_nothing_would_open_what_was_sealed_since(self, world: World) -> None:
        target, ids, steps = rotated(world)
        now = world.read()
        for id, reasons in (
            (ids[0], ["opens with no key of version 1", "which version 4 of TOKEN_KEYSET does not open any more"]),
            (ids[1], ["it would seal with key"]),
        ):
            with pytest.raises(DeployError) as refused:
                back(world, target, id)
            told = str(refused.value)
            assert all(reason in told for reason in reasons), told
            assert "deploy that version anew" in told
            for step in steps:  # numbers are told, and nothing that a key consists of
                assert all(
                    key.get("keyData", {"value": "none"})["value"] not in told for key in json.loads(step)["key"]
                )
        assert world.read() == now
        told = back(world, target, ids[2])
        assert serves(world)["auth"] == ids[2], "the key that seals is the same there"
        assert all(str(step) not in "\n".join([*told, *world.said]) for step in steps)

    def test_a_version_that_is_promoted_and_only_resealed_with_counts_too(self, world: World) -> None:
        """`reseal` takes it before anything is deployed with it."""
        one = keyset("new")
        target = set_up(world, one)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        add_keyset(world, keyset("promote", keyset("add", one)))
        with pytest.raises(DeployError, match="what is sealed since TOKEN_KEYSET version 2"):
            back(world, target, first)

    def test_a_keyset_that_was_replaced_and_not_stepped(self, world: World) -> None:
        target = set_up(world, keyset("new"))
        first = deploy(world, target, "one")
        add_keyset(world, keyset("new"))
        deploy(world, target, "two")
        with pytest.raises(DeployError, match=r"opens with no key(.|\n)*it would seal with key"):
            back(world, target, first)

    def test_both_merged_one_may_go_back(self, world: World) -> None:
        """To the version before the merge, which holds a key that seals no more but opens."""
        one, two = keyset("new"), keyset("new")
        target = set_up(world, keyset("merge", one, two))
        first = deploy(world, target, "one")
        add_keyset(world, keyset("merge", two, one))
        deploy(world, target, "two")
        back(world, target, first)
        assert serves(world)["api"] == first

    @pytest.mark.parametrize("secret", ["TOKEN_KEYSET", "SALESFORCE_CONSUMER_SECRET"])
    @pytest.mark.parametrize("state", ["DISABLED", "DESTROYED"])
    def test_a_version_of_a_secret_that_nobody_gets_any_more(self, world: World, secret: str, state: str) -> None:
        target = set_up(world, keyset("new"))
        first = deploy(world, target, "one")
        secrets = world.read()["secrets"]
        secrets[secret].append(secrets[secret][0])
        world.set(secrets=secrets)
        deploy(world, target, "two")
        world.set(secretStates={f"{secret}/1": state})
        with pytest.raises(DeployError, match=f"bound to version 1 of {secret}, which is {state.lower()}"):
            back(world, target, first)

    def test_a_secret_that_is_gone(self, world: World) -> None:
        """As step 5 of "Without a consumer secret" says."""
        target = set_up(world, keyset("new"))
        first = deploy(world, target, "one")
        secrets = world.read()["secrets"]
        del secrets["SALESFORCE_CONSUMER_SECRET"]
        world.set(secrets=secrets)
        with pytest.raises(DeployError, match="version 1 of SALESFORCE_CONSUMER_SECRET, which is gone"):
            back(world, target, first)

    def test_a_text_that_is_no_keyset_is_not_told(self, world: World) -> None:
        target = set_up(world, "a secret text")
        first = deploy(world, target, "one")
        add_keyset(world, keyset("new"))
        deploy(world, target, "two")
        with pytest.raises(DeployError, match="version 1 of TOKEN_KEYSET is no keyset") as refused:
            back(world, target, first)
        assert "a secret text" not in str(refused.value)

    def test_a_wrapped_keyset_tells_its_numbers_too(self) -> None:
        """Tink's EncryptedKeyset, as its own code writes it."""
        import tink
        from tink import aead, json_proto_keyset_format

        aead.register()
        wrapping = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        wrapped = json_proto_keyset_format.serialize_encrypted(handle, wrapping, b"connections")
        (only,) = handle.keyset_info().key_info
        assert keys(wrapped) == Keys(only.key_id, frozenset({only.key_id}))
        assert [keys(text) for text in ("", "{}", "[]", "null", '{"key": 1}')] == [None] * 5

    def test_a_client_key_that_was_disabled(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
        deploy(world, target, "two")
        apis = [*world.read()["apis"], "cloudkms.googleapis.com"]
        world.set(apis=apis, keyrings={"sample": ["client"]}, versions={"client": {"1": ["DISABLED", ""]}})
        with pytest.raises(DeployError, match="client key whose version 1 is disabled"):
            back(world, target, first)


class TestTheAppInSalesforce:
    """It has one consumer key, one secret and one certificate, which are not brought back."""

    def test_another_version_of_the_client_key(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
        deploy(world, target, "two", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY.removesuffix("1") + "2"})
        apis = [*world.read()["apis"], "cloudkms.googleapis.com"]
        states = {"1": ["ENABLED", ""], "2": ["ENABLED", ""]}
        world.set(apis=apis, keyrings={"sample": ["client"]}, versions={"client": states})
        now = world.read()
        with pytest.raises(DeployError) as refused:
            back(world, target, first)
        told = str(refused.value)
        assert "client/cryptoKeyVersions/1, now client/cryptoKeyVersions/2" in told
        assert "with settings and secrets as they are now: docs/staging.md, “Going back”" in told
        assert world.read() == now

    def test_another_consumer_key(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two", {"SALESFORCE_CONSUMER_KEY": "3MVG9another"})
        with pytest.raises(DeployError, match="another consumer key than what serves now"):
            back(world, target, first)

    def test_another_consumer_secret_and_the_same_in_another_version(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        secrets = world.read()["secrets"]
        for secret in (secrets["SALESFORCE_CONSUMER_SECRET"][0], "another-secret"):
            secrets["SALESFORCE_CONSUMER_SECRET"].append(secret)
            world.set(secrets=secrets)
            last = deploy(world, target, f"with {len(secrets['SALESFORCE_CONSUMER_SECRET'])}")
            if secret != "another-secret":
                back(world, target, first)
                assert serves(world)["auth"] == first
        assert serves(world)["auth"] == last
        with pytest.raises(DeployError, match="the consumer secret of version 1, which is another than") as refused:
            back(world, target, first)
        assert "another-secret" not in str(refused.value)
        world.set(secretStates={"SALESFORCE_CONSUMER_SECRET/3": "DISABLED"})
        with pytest.raises(DeployError, match="the consumer secret of version 1, which is another than"):
            back(world, target, first)

    def test_the_section_that_is_named_is_there(self) -> None:
        page, _, section = rollback.ANEW.partition(", ")
        assert f"\n## {section.strip('“”')}\n" in (ROOT / page).read_text()

    def test_from_the_secret_to_the_key_and_back_both_may_be_taken(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        second = deploy(world, target, "two", {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
        apis = [*world.read()["apis"], "cloudkms.googleapis.com"]
        world.set(apis=apis, keyrings={"sample": ["client"]}, versions={"client": {"1": ["ENABLED", ""]}})
        for id in (first, second):
            back(world, target, id)
            assert serves(world)["api"] == id


class TestWhatIsGone:
    def test_an_image_that_was_cleaned_away(self, world: World) -> None:
        """https://github.com/firebase/firebase-tools/issues/6759"""
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        world.set(images=[image for image in world.read()["images"] if "/api@" not in image])
        with pytest.raises(DeployError, match="the container image of api-00001-abc was deleted"):
            back(world, target, first)

    def test_a_version_of_the_site_that_hosting_let_go(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        hosting = world.read()["hosting"]
        hosting["releases"][-1]["version"]["status"] = "DELETED"
        world.set(hosting=hosting)
        with pytest.raises(DeployError, match="Hosting does not keep its version"):
            back(world, target, first)

    def test_a_ruleset_that_was_deleted(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        rules = world.read()["rules"]
        del rules["rulesets"]["ruleset-1"]
        world.set(rules=rules)
        with pytest.raises(DeployError, match=r"ruleset-1 of cloud\.firestore was deleted"):
            back(world, target, first)

    def test_half_a_deployment_is_none_to_go_back_to(self, world: World) -> None:
        target = set_up(world)
        deploy(world, target, "zero")
        run = world.read()["run"]
        half = deploy(world, target, "one")
        after = world.read()["run"]
        world.set(run={**after, "upkeep": run["upkeep"]})
        deploy(world, target, "two")
        with pytest.raises(DeployError, match="it has no revision of upkeep"):
            back(world, target, half)

    def test_a_revision_that_never_started(self, world: World) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        run = world.read()["run"]
        run["auth"]["revisions"][0]["ready"] = False
        world.set(run=run)
        with pytest.raises(DeployError, match="auth-00001-abc did not start"):
            back(world, target, first)

    def test_an_empty_project_and_one_of_an_earlier_version(self, world: World) -> None:
        target = set_up(world)
        with pytest.raises(DeployError, match="has no function auth, api, upkeep"):
            rollback.project(world.cloud(), target.settings)
        deploy(world, target, "one")
        run = world.read()["run"]
        for state in run.values():
            del state["revisions"][0]["env"]["DEPLOYMENT"]
        world.set(run=run)
        assert "no revision says" in rollback.listed(rollback.project(world.cloud(), target.settings))[0]


class TestRecords:
    def test_not_behind_an_upgrade_that_changed_what_is_stored(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = set_up(world)
        monkeypatch.setattr(promote, "RECORDS", 1)
        first = deploy(world, target, "one")
        monkeypatch.setattr(promote, "RECORDS", 2)
        second = deploy(world, target, "two")
        with pytest.raises(DeployError, match=r"layout 1, and since then .* layout 2.*docs/deploy\.md, “Upgrading”"):
            back(world, target, first)
        deploy(world, target, "three")
        back(world, target, second)

    def test_the_layout_has_the_number_that_it_was_given(self) -> None:
        """When this is red, a connection is stored otherwise than before: can the version before read it? If not, raise
        RECORDS in devtools/deploy/promote.py and say in docs/deploy.md, "Upgrading", what to do; then write the fields
        here.
        """
        assert promote.RECORDS == 2
        assert set(Grant.__struct_fields__) == {
            "login_host", "instance_url", "scope", "access_token", "refresh_token", "key"
        }  # fmt: skip
        assert set(Connection.__struct_fields__) == {
            "uid", "generation", "sealed", "state", "created", "refreshed", "used", "lease", "ended_reason",
            "stay_signed_in", "devices", "device_names", "chain", "attachment", "revision", "write_id",
        }  # fmt: skip


class TestImages:
    def test_the_images_are_kept_before_firebase_tools_lets_them_go_after_a_day(self, world: World) -> None:
        set_up(world)
        world.set(imagePolicies=None)
        cloud = world.cloud()
        for needed in (2, 0):
            commands = images.missing(cloud, "europe-west1")
            assert len(commands) == needed
            for one in commands:
                cloud.run(one)

    def test_policies_of_others_stay_in_a_repository_that_was_there_and_so_does_a_dry_run(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """gcloud puts what it is given in the place of all policies (fake_run.py has where it says so)."""
        set_up(world)
        monkeypatch.setattr(images, "FOLDER", tmp_path / "deploy", raising=False)
        day = {"name": "firebase-functions-cleanup", "action": {"type": "DELETE"}, "condition": {"olderThan": "86400s"}}
        few = {"name": "a-few", "action": {"type": "KEEP"}, "mostRecentVersions": {"keepCount": 3}}
        for ours, mine in ((False, ["keep-to-go-back"]), (True, ["delete-older", "keep-to-go-back"])):
            world.set(imagePolicies=[few, day], imagesOurs=ours, imagesDryRun=True)
            cloud = world.cloud()
            for one in images.missing(cloud, "europe-west1"):
                cloud.run(one)
            # What is kept wins, and no image of others is deleted that would have stayed.
            policies = {policy["name"]: policy for policy in world.read()["imagePolicies"]}
            assert sorted(policies) == sorted(["a-few", "firebase-functions-cleanup", *mine])
            assert [policies["a-few"], policies["firebase-functions-cleanup"]] == [few, day], "as they were"
            assert world.read()["imagesDryRun"], "it is not ours to have images deleted there"
            assert not images.missing(cloud, "europe-west1")

    def test_a_whole_deployment_goes_on_behind_them(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file with the policies is none that somebody uploads to Salesforce."""
        monkeypatch.setattr(images, "FOLDER", tmp_path / "deploy", raising=False)
        day = {"name": "firebase-functions-cleanup", "action": {"type": "DELETE"}, "condition": {"olderThan": "86400s"}}
        world.set(imagePolicies=[day], apis=[*world.read()["apis"], "artifactregistry.googleapis.com"])
        world.deploy(Target(PROJECT, "eur3"))
        assert world.read()["uploads"] == ["firestore", "functions", "hosting"]


def test_the_commands_of_going_back_are_ones_that_gcloud_knows(world: World) -> None:
    from tests.operations.test_deploy import gcloud_knows

    target = set_up(world)
    first = deploy(world, target, "one")
    deploy(world, target, "two")
    back(world, target, first)
    used = [words for words in world.read()["changes"] if words[0] == "gcloud"]
    used += [list(c.words) for c in rollback.unpinned(world.cloud(), target.settings) if isinstance(c, Command)]
    world.set(imagePolicies=None)
    used += [list(c.words) for c in images.missing(world.cloud(), "europe-west1") if isinstance(c, Command)]
    assert len(used) == 8
    gcloud_knows(used)
    assert releases.SETTINGS["REDIRECT_URIS"].startswith(f"https://{PROJECT}")
