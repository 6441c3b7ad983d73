"""What Flet's builder makes of app/pyproject.toml for phones and computers.

Its own code runs here (flet-cli, of the version that the workflow apps.yml builds with) as far as it goes without the
Flutter SDK and without a network: from [tool.flet] to the values that its template is filled with, and from the picture
to every icon. The template itself is on GitHub; docs/phones.md says what it does with the values.
"""

import argparse
import inspect
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flet.version
import pytest
from flet_cli.commands.build import Command
from flet_cli.utils import python_versions
from flet_cli.utils.hash_stamp import HashStamp
from PIL import Image

import brand as app_brand
from data.services.device import LOOPBACK_PORT, PhoneDevice
from data.services.sealed import sealed_storage
from devtools import apps, brand
from ui.table import Table

Values = dict[str, Any]
Build = Callable[[str], "Built"]


class Built(Command):
    """A `flet build` that goes as far as the values of the template."""

    @classmethod
    def of(cls, app: Path, platform: str) -> "Built":
        parser = argparse.ArgumentParser()
        command = cls(parser)
        command.handle_only(parser.parse_args([platform, str(app)]), platform, app)
        return command

    def handle_only(self, options: argparse.Namespace, platform: str, app: Path) -> None:
        self.options, self.target_platform, self.verbose = options, platform, 0
        about = self.platforms[platform]
        self.package_platform, self.config_platform = about["package_platform"], about["config_platform"]
        self.python_app_path, self.build_dir = app, app / "build"
        self.flutter_dir = self.build_dir / "flutter"
        self.get_pyproject = python_versions_source(app)
        self.python_release = python_versions.resolve_python_version(None, self.get_pyproject)
        self.validate_entry_point()
        self.setup_template_data()

    def cleanup(self, exit_code: int, message: Any = None, no_border: bool = False) -> None:
        raise AssertionError(f"flet build would have ended: {message}")


def python_versions_source(app: Path) -> Any:
    from flet_cli.utils.pyproject_toml import load_pyproject_toml

    return load_pyproject_toml(app)


@pytest.fixture
def build(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Runs the builder on the app of this repository."""
    # A list that the builder would fetch: which Python versions it can put into an app.
    manifest = tmp_path / "manifest.json"
    release = {"full_version": "3.14.0", "pyodide_version": "314.0.0", "android_abis": ["arm64-v8a", "x86_64"]}
    manifest.write_text(json.dumps({"default_python_version": "3.14", "pythons": {"3.14": release}}))
    monkeypatch.setenv(python_versions.MANIFEST_PATH_ENV, str(manifest))
    python_versions._load_data.cache_clear()
    return lambda platform: Built.of(repository / "app", platform)


def options(built: Built) -> Values:
    assert built.template_data is not None
    return built.template_data["options"]


@pytest.mark.parametrize("platform", ["apk", "aab", "ipa"])
def test_a_phone_opens_the_app_at_salesforces_way_back(build: Build, platform: str) -> None:
    """The builder takes a phone's deep link from the phone's own section only, and leaves it out without a host."""
    link = urlsplit(PhoneDevice.redirect_uri)
    assert options(build(platform))["deep_linking"] == {"scheme": link.scheme, "host": link.netloc}
    assert link.path
    assert Table().place(f"{link.path}?code=c&state=s").name == "callback"
    assert brand.read().redirect_uri == PhoneDevice.redirect_uri


def test_a_phones_scheme_is_of_a_domain() -> None:
    """RFC 8252 section 7.1: a domain that its owner has, backwards, so that no two apps choose the same. Letters,
    digits, +, - and . are all that a scheme may have (RFC 3986 section 3.1)."""
    assert re.fullmatch(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+", PhoneDevice.redirect_uri.partition(":")[0])


def test_a_computer_comes_back_by_a_port(build: Build) -> None:
    assert LOOPBACK_PORT == 5717
    assert options(build("linux"))["deep_linking"] == {"scheme": None, "host": None}


@pytest.mark.parametrize("platform", ["apk", "aab"])
def test_android_gets_what_the_app_uses_and_nothing_else(build: Build, platform: str) -> None:
    made = options(build(platform))
    assert made["android_permissions"] == {
        "android.permission.INTERNET": True,
        "android.permission.USE_BIOMETRIC": True,
    }
    # Nothing that a phone, a tablet or a television must have.
    assert set(made["android_features"].values()) == {False}
    assert "android.hardware.fingerprint" in made["android_features"]


def test_androids_backup_leaves_the_sealed_storage_where_it_is(build: Build) -> None:
    """The template writes these attributes into the manifest's <application> as they are, so they are words."""
    android = build("apk").get_pyproject("tool.flet.android")
    assert android["manifest_application"] == {
        "allowBackup": "false",
        "fullBackupContent": "false",
    }
    # flutter_secure_storage 10 needs 23, local_auth 3 needs 24.
    assert android["min_sdk_version"] >= 24


def test_apples_backup_leaves_the_sealed_storage_where_it_is() -> None:
    storage = sealed_storage()
    accessibility = storage.ios_options.accessibility
    assert accessibility is not None
    assert accessibility.value == "unlocked_this_device"
    assert not storage.ios_options.synchronizable
    assert not storage.macos_options.synchronizable
    assert (
        not storage.macos_options.uses_data_protection_keychain
    )  # or an entitlement is needed, which needs an account


def test_iphones_may_ask_for_a_face_and_nothing_else(build: Build) -> None:
    made = options(build("ipa"))["info_plist"]
    assert list(made) == ["NSFaceIDUsageDescription"]  # without it iOS ends an app that asks
    assert made["NSFaceIDUsageDescription"]


def test_a_mac_lets_the_app_out_and_the_way_back_in(build: Build) -> None:
    made = options(build("macos"))["macos_entitlements"]
    assert made["com.apple.security.app-sandbox"] is True
    assert made["com.apple.security.network.client"] is True
    assert made["com.apple.security.network.server"] is True  # or no way back by a port
    # A restricted entitlement: macOS ends an app that has it and is signed without a certificate.
    assert "keychain-access-groups" not in made
    assert made["com.apple.security.files.user-selected.read-write"] is False
    assert not [name for name in made if "personal-information" in name or "device." in name]


@pytest.mark.parametrize("platform", apps.PACKED)
def test_every_app_has_the_brands_names(build: Build, platform: str) -> None:
    wanted, made = brand.read(), build(platform).template_data
    assert made is not None
    org, _, artifact = wanted.id.rpartition(".")
    assert (made["product_name"], made["company_name"], made["copyright"]) == (
        wanted.name,
        wanted.publisher,
        wanted.copyright,
    )
    assert (made["org_name"], made["artifact_name"], made["bundle_id"]) == (org, artifact, wanted.id)
    assert made["splash"] == {
        **dict.fromkeys(("android", "ios", "web"), True),
        "color": wanted.light["surface"],
        "dark_color": wanted.dark["surface"],
    }
    assert made["adaptive_icon_background"] == wanted.light["primary"]
    # Apple takes letters, digits, "-" and "." only; Flet's template writes "-" as "_" for Android.
    assert re.fullmatch(r"[A-Za-z0-9.-]+", made["bundle_id"])


def test_the_apps_menu_entry_on_linux_says_office(build: Build) -> None:
    made = build("linux").template_data
    assert made is not None
    assert made["linux_categories"] == "Office;"


def test_the_python_that_the_app_asks_for_can_be_built_in(build: Build) -> None:
    assert build("apk").python_release.short == "3.14"


def test_the_build_takes_the_contract_along(repository: Path, build: Build) -> None:
    packages = build("apk").get_platform_setting("dev_packages", {})
    contract = repository / "app" / packages["contract"]
    assert tomllib.loads((contract / "pyproject.toml").read_text())["project"]["name"] == "contract"
    assert "contract" in build("apk").get_pyproject("project.dependencies")


# Phones and computers name the sizes that they need; what the largest is, the picture must have.
SIZES = {
    "apk": {48, 72, 96, 144, 192, 108, 162, 216, 324, 432},
    "ipa": {20, 29, 40, 58, 60, 76, 80, 87, 120, 152, 167, 180, 1024},
    "macos": {16, 32, 64, 128, 256, 512, 1024},
    "windows": {16, 32, 48, 256},
    "linux": {16, 24, 32, 48, 64, 128, 256, 512},
}


@pytest.mark.parametrize("platform", SIZES)
def test_every_icon_exists_in_its_size_and_shows_the_picture(build: Build, platform: str, tmp_path: Path) -> None:
    """As `customize_icons` does it, which would write into the template's folder."""
    from flet_platform_assets import DEFAULT_SPECS, IconOptions, linux_targets, load_source, render_icons

    built = build(platform)
    assert built.package_app_path is not None
    name = built.find_platform_image(built.package_app_path / "assets", "icon", HashStamp(tmp_path / "stamp"))
    assert name == "icon.png"
    source, shaped = load_source(built.package_app_path / "assets" / name)
    assert source.size == (brand.PICTURE_SIZE, brand.PICTURE_SIZE)
    system = {"apk": "android", "ipa": "ios"}.get(platform, platform)
    background = built._resolve_icon_background()
    made = render_icons(
        source,
        IconOptions(background=background),
        linux_targets("app") if system == "linux" else DEFAULT_SPECS[system],
        platform=system,
        pre_rendered=shaped,
        derived=True,
    )
    images: list[Image.Image] = [asset.image for asset in made.assets]
    images += [image for sizes in made.ico.values() for image in sizes.values()]
    assert {image.width for image in images} >= SIZES[platform]
    for image in images:
        assert image.width == image.height
        # Two colours at least are told apart: the picture is not a blank square.
        seen = image.convert("RGBA").getcolors(1 << 20)
        assert seen is not None
        assert len(seen) > 4, image.width
    if system == "ios":
        assert {image.mode for image in images} == {"RGB"}  # the App Store refuses transparency
        assert images[0].getpixel((0, 0)) == background
    assert not [warning for warning in made.warnings if "px" in warning]


def test_the_workflow_builds_with_this_builder(repository: Path) -> None:
    workflow = (repository / ".github/workflows/apps.yml").read_text()
    pinned = tomllib.loads((repository / "app/pyproject.toml").read_text())["dependency-groups"]["dev"]
    (cli,) = (line for line in pinned if line.startswith("flet-cli=="))
    assert cli == f"flet-cli=={flet.version.flet_version}"
    assert f'FLUTTER_VERSION: "{flet.version.flutter_version}"' in workflow
    assert "python -m devtools.setup_machine app " in workflow  # which installs requirements.lock
    assert set(re.findall(r"\{ app: (\w+)", workflow)) == set(apps.PACKED)


@pytest.mark.parametrize("target", apps.PACKED)
def test_the_builder_takes_what_make_app_gives_it(repository: Path, target: str) -> None:
    parser = argparse.ArgumentParser()
    Command(parser)
    said = parser.parse_args(apps.arguments(target, repository / "app", ["--build-number", "7"])[1:])
    assert (said.target_platform, said.build_number, said.assume_yes) == (target, 7, True)
    assert said.output_dir == str(repository / "app/build" / target)


def test_a_lost_line_is_noticed(repository: Path, build: Build, tmp_path: Path) -> None:
    """These tests are only worth what they see: without a host the builder leaves the link out and says nothing."""
    app = tmp_path / "app"
    (app / "src").mkdir(parents=True)
    (app / "src/main.py").touch()
    text = (repository / "app/pyproject.toml").read_text()
    (app / "pyproject.toml").write_text(re.sub(r"(\[tool\.flet\.ios\.deep_linking\]\n.*\n)host = .*\n", r"\1", text))
    assert options(Built.of(app, "ipa"))["deep_linking"]["host"] is None
    assert options(Built.of(app, "apk"))["deep_linking"]["host"] == "oauth"


def test_the_builder_is_the_one_that_was_read() -> None:
    """The steps that these tests leave out, in the order in which the builder goes through them."""
    steps = re.findall(r"self\.(\w+)\(", inspect.getsource(Command.handle))
    assert steps[:4] == [
        "initialize_command",
        "validate_target_platform",
        "validate_entry_point",
        "setup_template_data",
    ]
    assert "customize_icons" in steps
    assert "run_flutter" in steps
    assert PhoneDevice.redirect_uri == app_brand.SCHEME_REDIRECT
