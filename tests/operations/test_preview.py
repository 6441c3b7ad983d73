"""A preview of the client: its address is in the settings and in the functions before the page is there."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from devtools.deploy import command, operate, preview
from devtools.deploy.cloud import Command, DeployError, Write
from devtools.deploy.preview import Preview
from devtools.deploy.steps import Target
from tests.operations.project import PROJECT, World
from tests.operations.releases import SETTINGS, back, deploy, set_up

OWN = SETTINGS["REDIRECT_URIS"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The project's settings, with a comment that has to stay."""
    written = tmp_path / f".env.{PROJECT}"
    written.write_text(f"# ours\nSALESFORCE_CONSUMER_KEY=3MVG9\nREDIRECT_URIS={OWN}\nWEB_API_KEY='k'  \n")
    return written


def asked(file: Path, channel: str = "next", days: int = 7) -> Preview:
    return Preview(PROJECT, channel, command.settings_of(PROJECT, file.parent), file, days)


def ready(world: World) -> Target:
    """The project with something deployed."""
    target = set_up(world)
    deploy(world, target, "one")
    return target


def live(world: World, function: str) -> Any:
    return world.read()["run"][function]["revisions"][-1]["env"]["REDIRECT_URIS"].split()


class TestBegin:
    def test_the_address_is_everywhere_before_the_client_goes_up(self, world: World, file: Path) -> None:
        ready(world)
        seen: list[tuple[bool, ...]] = []

        def build() -> None:  # is called just before the upload
            (channel,) = world.read()["hosting"]["channels"].values()
            uri = f"{channel['url']}/oauth/callback"
            seen.append(
                (uri in file.read_text(), uri in live(world, "auth"), uri in live(world, "api"), "deployed" in channel)
            )

        url = preview.begin(asked(file), world.cloud(), world.said.append, build)
        assert seen == [(True, True, True, False)]
        assert re.fullmatch(rf"https://{PROJECT}--next-[0-9a-z]+\.web\.app", url)
        assert live(world, "auth") == [OWN, f"{url}/oauth/callback"], "the app's own stays the first"
        assert world.read()["hosting"]["channels"]["next"]["deployed"]
        assert f"add {url}/oauth/callback to the callback URLs" in world.said[-1]
        assert file.read_text() == (
            f"# ours\nSALESFORCE_CONSUMER_KEY=3MVG9\nREDIRECT_URIS=\"{OWN} {url}/oauth/callback\"\nWEB_API_KEY='k'  \n"
        )

    def test_the_functions_code_and_the_live_site_stay(self, world: World, file: Path) -> None:
        ready(world)
        before = world.read()
        (world.tree / "functions/main.py").write_text("# not for everybody yet")
        preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        after = world.read()
        assert after["hosting"]["releases"] == before["hosting"]["releases"]
        for function in ("auth", "api"):
            old, new = before["run"][function]["revisions"][-1], after["run"][function]["revisions"][-1]
            assert (new["image"], new["secrets"]) == (old["image"], old["secrets"])
            assert {k for k in new["env"] if new["env"][k] != old["env"].get(k)} == {"REDIRECT_URIS"}

    def test_again_it_only_brings_the_client_up_to_date(self, world: World, file: Path) -> None:
        target = ready(world)
        first = preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        made = len(world.read()["changes"])
        assert preview.begin(asked(file), world.cloud(), world.said.append, lambda: None) == first
        assert [words[1] for words in world.read()["changes"][made:]] == ["hosting:channel:deploy"]
        settings = command.settings_of(PROJECT, file.parent)
        deploy(world, Target(PROJECT, "eur3", settings), "two")
        assert f"{first}/oauth/callback" in live(world, "auth"), "a deployment leaves the preview its address"
        assert target.settings["REDIRECT_URIS"] == OWN

    def test_stopped_at_each_place_the_next_run_goes_on(self, world: World, file: Path) -> None:
        ready(world)
        made = len(world.read()["changes"])
        for stop in range(4):
            world.set(stopAt=made + stop)
            with pytest.raises(DeployError, match="unavailable"):
                preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        assert len(world.read()["changes"]) == made + 4
        assert file.read_text().count("--next-") == 1

    def test_a_channel_that_expired_gets_its_new_address_in_place_of_the_old(self, world: World, file: Path) -> None:
        ready(world)
        old = preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        other = preview.begin(asked(file, "next-one"), world.cloud(), world.said.append, lambda: None)
        now = world.read()["hosting"]
        del now["channels"]["next"]
        world.set(hosting=now, time=world.read()["time"] + 5)
        new = preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        assert new != old
        assert set(live(world, "auth")) == {OWN, f"{new}/oauth/callback", f"{other}/oauth/callback"}


class TestEnd:
    def test_channel_and_address_go(self, world: World, file: Path) -> None:
        ready(world)
        before = file.read_text()
        preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        preview.end(asked(file), world.cloud(), world.said.append)
        assert world.read()["hosting"]["channels"] == {}
        assert live(world, "auth") == live(world, "api") == [OWN]
        assert file.read_text() == before.replace(OWN, f'"{OWN}"')
        preview.end(asked(file), world.cloud(), world.said.append)

    def test_also_of_one_that_expired(self, world: World, file: Path) -> None:
        ready(world)
        preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        world.set(hosting={**world.read()["hosting"], "channels": {}})
        preview.end(asked(file), world.cloud(), world.said.append)
        assert live(world, "auth") == [OWN]
        assert "--next-" not in file.read_text()


class TestWrong:
    @pytest.mark.parametrize("channel", ["", "live", "Next", "a_b", "-a", "a b", "../x"])
    def test_a_channel_that_is_none(self, file: Path, channel: str) -> None:
        with pytest.raises(DeployError, match="CHANNEL="):
            asked(file, channel)

    @pytest.mark.parametrize("days", [0, 31])
    def test_a_time_that_hosting_does_not_give(self, file: Path, days: int) -> None:
        with pytest.raises(DeployError, match="EXPIRES="):
            asked(file, days=days)

    def test_before_anything_is_deployed_nothing_is_made(self, world: World, file: Path) -> None:
        set_up(world)
        before = (world.read(), file.read_text())
        with pytest.raises(DeployError, match="make deploy first"):
            preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        assert (world.read(), file.read_text()) == before

    def test_when_the_image_of_what_runs_is_gone(self, world: World, file: Path) -> None:
        """https://github.com/firebase/firebase-tools/issues/8372: no setting without it."""
        ready(world)
        world.set(images=[])
        with pytest.raises(DeployError, match="the container image of auth-00001-abc was deleted by age"):
            preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        assert world.read()["hosting"]["channels"] == {}

    def test_while_the_functions_stay_with_an_earlier_revision(self, world: World, file: Path) -> None:
        target = set_up(world)
        first = deploy(world, target, "one")
        deploy(world, target, "two")
        back(world, target, first)
        with pytest.raises(DeployError, match="auth stays with auth-00001-abc"):
            preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
        assert world.read()["hosting"]["channels"] == {}

    def test_the_command_takes_its_words_from_the_environment(
        self, world: World, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ready(world)
        monkeypatch.setattr(command, "_check", lambda *_: None)
        given = {"PROJECT": PROJECT, "CHANNEL": "next", "EXPIRES": "3"}
        operate.preview(given, world.said.append, world.cloud(), lambda: None, file.parent)
        assert world.read()["changes"][-1][:5] == ["firebase", "hosting:channel:deploy", "next", "--expires", "3d"]
        operate.preview_end(given, world.said.append, world.cloud(), file.parent)
        assert world.read()["hosting"]["channels"] == {}
        with pytest.raises(DeployError, match="EXPIRES=soon"):
            operate.preview({**given, "EXPIRES": "soon"}, world.said.append, world.cloud(), lambda: None, file.parent)


def test_a_settings_file_keeps_every_other_line(tmp_path: Path) -> None:
    text = "A=1\n# REDIRECT_URIS=x\n  REDIRECT_URIS = https://old.example/x\nMORE_REDIRECT_URIS=z\n"
    assert preview.with_setting(text, "REDIRECT_URIS", "https://new.example/x") == (
        'A=1\n# REDIRECT_URIS=x\nREDIRECT_URIS="https://new.example/x"\nMORE_REDIRECT_URIS=z\n'
    )
    assert preview.with_setting("A=1", "REDIRECT_URIS", "x") == 'A=1\nREDIRECT_URIS="x"\n'
    write = Preview(PROJECT, "next", {}, tmp_path / "f").written("x")
    assert isinstance(write, Write)


def test_the_commands_are_ones_that_the_real_tools_know(world: World, file: Path) -> None:
    from tests.operations.test_deploy import firebase_knows, gcloud_knows

    assert shutil.which("gcloud")
    ready(world)
    made = len(world.read()["changes"])
    preview.begin(asked(file), world.cloud(), world.said.append, lambda: None)
    preview.end(asked(file), world.cloud(), world.said.append)
    used = world.read()["changes"][made:]
    gcloud_knows([words for words in used if words[0] == "gcloud"])
    firebase_knows([words for words in used if words[0] == "firebase"])
    assert len(used) == 7
    assert isinstance(asked(file).made(), Command)
