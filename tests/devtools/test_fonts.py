"""The fonts of the web client: every piece that Flutter can ask for of the bundled ones is in the site."""

import os
from pathlib import Path

import flet_web
import pytest

from devtools import languages
from devtools.web_fonts import BUNDLED, addresses, choose_fonts, needed

ENGINES = Path(flet_web.__file__).parent / "web"
# The newest emoji, which the package has in other pieces.
LACKING = 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What choosing the fonts makes of Flet's files."""
    assets = tmp_path_factory.mktemp("assets")
    (assets / "assets").mkdir()
    (assets / "assets/FontManifest.json").write_bytes((ENGINES / "assets/FontManifest.json").read_bytes())
    for engine in ("main.dart.js", "main.dart.wasm"):
        os.symlink(ENGINES / engine, assets / engine)
    choose_fonts(assets)
    return assets / "fonts"


def test_both_of_flutters_engines_ask_for_the_same() -> None:
    asked = addresses(ENGINES / "main.dart.js")
    assert len(asked) > 700
    assert sorted(addresses(ENGINES / "main.dart.wasm")) == sorted(asked)


def test_every_piece_of_a_bundled_font_is_in_the_site(site: Path) -> None:
    asked = [one for one in addresses(ENGINES / "main.dart.js") if one.split("/")[0] in BUNDLED]
    there = {path.relative_to(site).as_posix() for path in site.glob("*/*/*.woff2")}
    assert there <= set(asked)
    assert len(set(asked) - there) == LACKING
    assert all((site / name).read_bytes()[:4] in (b"wOF2", b"\0\1\0\0") for name in there)


def test_the_pieces_that_the_words_of_a_language_need_are_known_before_flutter_draws_them(site: Path) -> None:
    engine = ENGINES / "main.dart.js"
    japanese = languages.all_said(languages.read("ja"))
    pieces = needed(japanese, "ja", engine)
    assert 10 < len(pieces) < 60
    assert all((site / piece).exists() for piece in pieces)
    assert sum((site / piece).stat().st_size for piece in pieces) < 500_000
    (kana,) = needed("ホーム", "ja", engine)
    assert kana in pieces
    assert needed("Öffnen", "de", engine) == needed("Home 12 €", "ja", engine) == []


def test_each_font_brings_its_licence(site: Path) -> None:
    for family in site.iterdir():
        assert "SIL OPEN FONT LICENSE Version 1.1" in (family / "LICENSE").read_text()


def test_fonts_do_not_make_the_site_large(site: Path) -> None:
    """Every visitor loads the pieces that their texts need, but everyone who deploys the site uploads all."""
    assert sum(path.stat().st_size for path in site.rglob("*.woff2")) < 15_000_000


def test_emoji_have_their_colours_in_the_form_that_flutter_draws(site: Path) -> None:
    pieces = list(site.glob("notocoloremoji/*/*.woff2"))
    assert len(pieces) == 11
    for piece in pieces:
        tables = _tables(piece.read_bytes())
        assert "COLR" in tables, piece
        assert "SVG" not in tables, piece


_TAGS = {34: "COLR", 36: "SVG"}  # WOFF2, section 5.2
_GLYPHS = (10, 11)  # glyf and loca, which are transformed unless their flag says no


def _tables(font: bytes) -> set[str]:
    """Which of _TAGS a font in WOFF2 has, from its table directory (WOFF2, section 4.1)."""
    count, at, there = int.from_bytes(font[12:14], "big"), 48, set[str]()
    for _ in range(count):
        tag, version = font[at] & 63, font[at] >> 6
        there.add(_TAGS.get(tag, ""))
        at += 5 if tag == 63 else 1
        for _length in range(2 if version != (3 if tag in _GLYPHS else 0) else 1):
            while font[at] & 128:  # a number goes on as long as its highest bit is set
                at += 1
            at += 1
    return there
