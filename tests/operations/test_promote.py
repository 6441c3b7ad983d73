"""Staging and production from one tree: what each says that it runs, and what is refused for production."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devtools.deploy import command, hosting, promote
from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.promote import Build, Stamp
from devtools.deploy.upload import uploaded
from devtools.paths import ROOT, tool_path
from tests.operations.project import World, project
from tests.operations.releases import back, deploy, set_up

BUILD = Build("0f0f0f0f0f0f", "1e1e1e1e1e1e", "2d2d2d2d2d2d")


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A second project. The tree that is deployed stays the one of `world`."""
    folder, tree = tmp_path / "staging", promote.TREE
    folder.mkdir()
    with ExitStack() as open_:
        found = open_.enter_context(project(folder, monkeypatch, "a-team-staging"))
        for module, name in ((promote, "TREE"), (hosting, "ROOT")):
            monkeypatch.setattr(module, name, tree)
        found.tree = tree
        found.set(tree=str(tree))
        yield found


@pytest.fixture
def both(world: World, staging: World) -> tuple[World, World]:
    return world, staging


def refused(source: World, settings: dict[str, str] | None = None) -> str:
    with pytest.raises(DeployError) as wrong:
        promote.refuse_another(source.cloud(), settings or {}, lambda _: None)
    return str(wrong.value)


class TestStamp:
    def test_it_is_read_as_it_was_written(self) -> None:
        rules = {"cloud.firestore": "aa-1", "cloud.firestore/blocks": "bb-2"}
        stamp = Stamp("a1b2c3d4e5f6", BUILD, "0123456789ab-changed", 2, rules)
        assert Stamp.parsed(str(stamp)) == stamp
        assert len(str(stamp)) <= 512, "Hosting's message of a release is no longer"
        for text in (
            "",
            "id=",
            "id=a build=x commit=b records=2 rules=",
            "deployed by hand",
            "id=a build=a-b-c records=z",
        ):
            assert Stamp.parsed(text) is None

    def test_functions_site_and_release_say_the_same(self, world: World) -> None:
        target = set_up(world)
        deploy(world, target, "one")
        told = json.loads((world.tree / "build/web/deployment.json").read_text())
        after = world.read()
        stamps = [Stamp.parsed(state["revisions"][-1]["env"]["DEPLOYMENT"]) for state in after["run"].values()]
        stamps.append(Stamp.parsed(after["hosting"]["releases"][0]["message"]))
        assert all(stamp == stamps[0] for stamp in stamps)
        (first,) = {str(stamp) for stamp in stamps}
        assert first.startswith(f"id={told['id']} build={told['build']} commit={told['commit']} records=2 ")
        assert set(told["rules"]) == {"cloud.firestore", "cloud.firestore/blocks"}
        assert after["run"]["api"]["revisions"][-1]["env"]["SALESFORCE_CONSUMER_KEY"] == "3MVG9"

    def test_settings_and_secrets_make_another_deployment_of_the_same_build(self, world: World) -> None:
        target = set_up(world)
        first, second = deploy(world, target, "one"), deploy(world, target, "one", {"TELEMETRY_PERCENT": "5"})
        secrets = world.read()["secrets"]
        secrets["TOKEN_KEYSET"].append("{}")
        world.set(secrets=secrets)
        third = deploy(world, target, "one", {"TELEMETRY_PERCENT": "5"})
        assert len({first, second, third}) == 3
        builds = {r["message"].split()[1] for r in world.read()["hosting"]["releases"]}
        assert len(builds) == 1
        assert deploy(world, target, "one", {"TELEMETRY_PERCENT": "5"}) == third

    def test_every_file_that_goes_up_is_in_the_build(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
    ) -> None:
        before = promote.local_build()
        for name, differing in {
            "functions/main.py": ["the functions"],
            "build/web/index.html": ["the client"],
            "firestore.rules": ["firebase.json, rules, indexes"],
            "firestore.indexes.json": ["firebase.json, rules, indexes"],
            "firebase.json": ["firebase.json, rules, indexes"],
            "build/web/deployment.json": [],
        }.items():
            file = world.tree / name
            was = file.read_text() if file.exists() else None
            file.write_text(f"{was} ")
            assert before.differing(promote.local_build()) == differing
            file.write_text(was or "")
        monkeypatch.setattr(promote, "TREE", tmp_path)
        with pytest.raises(DeployError, match="make web"):
            promote.local_build()

    def test_the_real_tree_has_a_build_and_a_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With firebase-tools' own list of what goes up."""
        monkeypatch.setattr(promote, "uploaded", uploaded)
        monkeypatch.setattr(promote, "TREE", ROOT)
        build = promote.local_build()
        assert build == promote.local_build()
        assert Build.parsed(str(build)) == build
        assert promote.local_commit().removesuffix("-changed").isalnum()


class TestFromStagingToProduction:
    def test_what_staging_runs_goes_to_production(self, both: tuple[World, World]) -> None:
        production, staging = both
        deploy(staging, set_up(staging), "one", {"REDIRECT_URIS": "https://a-team-staging.web.app/oauth/callback"})
        told: list[str] = []
        promote.refuse_another(staging.cloud(), {}, told.append)
        assert "this tree is what a-team-staging runs" in told[0]
        deploy(production, set_up(production), "one")
        builds = [w.read()["hosting"]["releases"][0]["message"].split()[1] for w in both]
        ids = [w.read()["hosting"]["releases"][0]["message"].split()[0] for w in both]
        assert builds[0] == builds[1]
        assert ids[0] != ids[1], "the settings are each project's own"

    def test_another_tree_is_refused_and_named(self, both: tuple[World, World]) -> None:
        _, staging = both
        deploy(staging, set_up(staging), "one")
        (staging.tree / "functions/main.py").write_text("# changed since")
        assert "a-team-staging runs another build (differing: the functions)" in refused(staging)
        (staging.tree / "build/web/index.html").write_text("built anew")
        told = refused(staging)
        assert "the functions; the client" in told
        assert "\n" not in told

    def test_what_staging_has_gone_back_to_counts_and_not_its_newest(self, both: tuple[World, World]) -> None:
        _, staging = both
        target = set_up(staging)
        first = deploy(staging, target, "one")
        deploy(staging, target, "two")
        back(staging, target, first)
        assert "differing" in refused(staging), "the tree is still the second"

    def test_a_staging_that_runs_several_builds(self, both: tuple[World, World]) -> None:
        _, staging = both
        target = set_up(staging)
        deploy(staging, target, "one")
        before = staging.read()["hosting"]
        deploy(staging, target, "two")
        staging.set(hosting=before)  # the client was not uploaded
        assert "runs several builds" in refused(staging)
        run = staging.read()["run"]
        run["api"]["split"] = run["api"]["revisions"][0]["name"]
        staging.set(run=run)
        assert "shares its calls between revisions of api" in refused(staging)

    def test_a_staging_that_does_not_say_what_it_runs(self, both: tuple[World, World]) -> None:
        _, staging = both
        target = set_up(staging)
        assert "has no function auth" in refused(staging)
        deploy(staging, target, "one")
        hosting = staging.read()["hosting"]
        del hosting["releases"][0]["message"]
        staging.set(hosting=hosting)
        assert "does not say what it runs (the site)" in refused(staging)

    def test_nothing_is_built_or_changed_when_it_is_refused(
        self, world: World, staging: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target, clouds = set_up(world), {world.project: world.cloud(), staging.project: staging.cloud()}
        deploy(world, target, "none")  # the first time is the owner's
        world.set(apis=[*world.read()["apis"], "cloudfunctions.googleapis.com"], uploads=[])
        deploy(staging, set_up(staging), "one")
        (world.tree / "build/web/index.html").write_text("built anew")

        def cloud(name: str) -> Cloud:
            return clouds[name]

        def build() -> None:
            raise AssertionError("what was tried must not be built anew")

        monkeypatch.setattr(command, "Cloud", cloud)
        monkeypatch.setattr(command, "target", lambda: target)
        monkeypatch.setattr(command.web, "build", build)
        monkeypatch.setattr(command.web, "is_stale", lambda: True)
        monkeypatch.setenv("FROM", staging.project)
        monkeypatch.setenv("ONLY", "uploads")
        before = world.read()
        assert command.main("deploy") == 1
        assert "runs another build (differing: the client)" in capsys.readouterr().err
        assert world.read() == before
        (world.tree / "build/web/index.html").write_text("client of one")
        assert command.main("deploy") == 0
        assert world.read()["uploads"] == ["firestore", "functions", "hosting"]
        monkeypatch.setenv("ONLY", "hosting")
        assert command.main("deploy") == 1


def test_firebase_tools_reads_the_settings_from_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own code, with the file that a deployment writes; values come out as they went in."""
    (tmp_path / "firebase.json").write_text((ROOT / "firebase.json").read_text())
    stamp = Stamp("a1b2c3d4e5f6", BUILD, "none", 2, {"cloud.firestore": "x"})
    settings = {"REDIRECT_URIS": "https://a.web.app/x https://b.web.app/x", "A": 'q"uo\\te', "DEPLOYMENT": str(stamp)}
    monkeypatch.setattr(hosting, "ROOT", tmp_path)
    hosting.write_config("a-team-project", settings)
    config = json.loads((tmp_path / "firebase.a-team-project.local.json").read_text())
    script = """
      const tools = process.argv[1], folder = process.argv[2];
      const { loadUserEnvs } = require(tools + "/lib/functions/env");
      const { normalizeAndValidate, resolveConfigDir } = require(tools + "/lib/functions/projectConfig");
      const [one] = normalizeAndValidate(JSON.parse(process.argv[3]));
      const configDir = folder + "/" + resolveConfigDir(one, one.codebase);
      const given = { functionsSource: folder, projectDir: folder, projectId: "a-team-project", configDir };
      process.stdout.write(JSON.stringify(loadUserEnvs(given)));
    """
    tools = str(ROOT / "devtools/node_modules/firebase-tools")
    words = ["node", "-e", script, tools, str(tmp_path), json.dumps(config["functions"])]
    environment = {"PATH": tool_path(dict(os.environ))}
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout
    place = {"REGION": "europe-west1", "AUTH_INSTANCES": "20", "API_INSTANCES": "50"}
    assert json.loads(said[said.index("{") :]) == settings | place
