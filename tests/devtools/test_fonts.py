"""The fonts of the web client: every piece that Flutter can ask for of the bundled ones is in the site."""

import os
from pathlib import Path

import flet_web
import pytest

from devtools.web_fonts import BUNDLED, addresses, choose_fonts

ENGINES = Path(flet_web.__file__).parent / "web"
# The newest emoji, which the package has in other pieces.
LACKING = 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What choosing the fonts makes of Flet's files."""
    assets = tmp_path_factory.mktemp("assets")
    (assets / "assets").mkdir()
    (assets / "assets/FontManifest.json").write_bytes((ENGINES / "assets/FontManifest.json").read_bytes())
    os.symlink(ENGINES / "main.dart.js", assets / "main.dart.js")
    choose_fonts(assets)
    return assets / "fonts"


def test_both_of_flutters_engines_ask_for_the_same() -> None:
    asked = addresses(ENGINES / "main.dart.js")
    assert len(asked) > 700
    assert sorted(addresses(ENGINES / "main.dart.wasm")) == sorted(asked)


def test_every_piece_of_a_bundled_font_is_in_the_site(site: Path) -> None:
    asked = [one for one in addresses(ENGINES / "main.dart.js") if one.split("/")[0] in {*BUNDLED, "notosans"}]
    there = {path.relative_to(site).as_posix() for path in site.glob("*/*/*.woff2")}
    assert there <= set(asked)
    assert len(set(asked) - there) == LACKING
    assert all((site / name).read_bytes()[:4] in (b"wOF2", b"\0\1\0\0") for name in there)


def test_each_font_brings_its_licence(site: Path) -> None:
    for family in site.iterdir():
        assert "SIL OPEN FONT LICENSE Version 1.1" in (family / "LICENSE").read_text()


def test_fonts_do_not_make_the_site_large(site: Path) -> None:
    """Every visitor loads the pieces that their texts need, but everyone who deploys the site uploads all."""
    assert sum(path.stat().st_size for path in site.rglob("*.woff2")) < 15_000_000
