"""The fonts of the web client. All of them come with the site: no other server is asked for one.

Flutter draws with Roboto, which has Latin, Greek and Cyrillic letters. What Roboto lacks it fetches in pieces, each
when a text needs it, from the addresses that its engine holds (lib/src/engine/font_fallback_data.dart of Flutter's web
engine): those of Google's font server, below a base that boot.js sets to the site's own folder. A script whose font is
not in BUNDLED is drawn as boxes.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import ROOT

_PACKAGES = ROOT / "devtools/node_modules"
_ADDRESS = re.compile(rb"noto[a-z0-9]+/v\d+/[\w.-]+?\.woff2")


@dataclass(frozen=True)
class Font:
    """Where a font comes from: its npm package, the path of a piece in there (`{}` stands for the piece), and what the
    package calls the pieces without a number, in the order in which Flutter's engine has them.
    """

    package: str
    file: str
    unnumbered: tuple[str, ...] = ()
    licence: str = "LICENSE"

    @property
    def name(self) -> str:
        """The font's name, such as noto-sans-thai."""
        return self.package.rpartition("/")[2]


def _noto(name: str, *unnumbered: str) -> Font:
    return Font(f"@fontsource/{name}", f"files/{name}-{{}}-400-normal.woff2", unnumbered)


_EAST_ASIAN = ("cyrillic", "vietnamese", "latin-ext", "latin")
_SCRIPTS = (
    *("arabic", "armenian", "bengali", "devanagari", "ethiopic", "georgian", "gujarati", "gurmukhi", "hebrew"),
    *("kannada", "khmer", "lao", "malayalam", "myanmar", "sinhala", "symbols", "tamil", "telugu", "thai"),
)
# By Flutter's names for them.
BUNDLED: dict[str, Font] = {
    # Of Fontsource's the pieces have their colours in a form (SVG) that Flutter does not draw.
    "notocoloremoji": Font("@infolektuell/noto-color-emoji", "files/{}.woff2"),
    # All other Latin, Greek and Cyrillic letters, and those of Hindi, have one address, and so one file.
    "notosans": Font(
        "@expo-google-fonts/noto-sans", "400Regular/NotoSans_{}.ttf", ("400Regular",), licence="LICENSE_FONT"
    ),
    "notosansjp": _noto("noto-sans-jp", *_EAST_ASIAN),
    "notosanskr": _noto("noto-sans-kr", *_EAST_ASIAN),
    "notosanssc": _noto("noto-sans-sc", *_EAST_ASIAN),
    "notosanssymbols2": _noto(
        "noto-sans-symbols-2", "braille", "math", "mayan-numerals", "symbols", "latin-ext", "latin"
    ),
    **{f"notosans{script}": _noto(f"noto-sans-{script}", script) for script in _SCRIPTS},
}
_EAST_ASIAN_FONTS = {"ja": "notosansjp", "ko": "notosanskr", "zh": "notosanssc"}
_LAST_OF_ROBOTO = 0x2E7F  # after it come the characters of East Asia
_LACKING = frozenset({("notocoloremoji", "11")})  # seven emoji of Unicode 16


def choose_fonts(assets: Path) -> None:
    """Puts the fonts of the app into Flutter's folder `assets`."""
    _choose_families(assets)
    asked = addresses(assets / "main.dart.js")
    if set(addresses(assets / "main.dart.wasm")) != set(asked):
        raise RuntimeError("Flutter's two engines ask for other fonts: see devtools/web_fonts.py")
    for family in BUNDLED:
        _bundle(family, assets, [address for address in asked if address.startswith(f"{family}/")])


def needed(text: str, language: str, engine: Path) -> list[str]:
    """The addresses of the pieces that Flutter asks for to draw a text in a language (ISO 639), below its base, of the
    font of that language's characters; none for a language whose letters are not East Asian. Flutter asks once it has
    drawn boxes, so whoever knows the text before asks first."""
    family = _EAST_ASIAN_FONTS.get(language, "")
    if not family:
        return []
    asked = [address for address in addresses(engine) if address.startswith(f"{family}/")]
    folder = _PACKAGES / BUNDLED[family].package
    ranges: dict[str, str] = json.loads((folder / "unicode.json").read_text())
    letters, pieces = {ord(letter) for letter in text if ord(letter) > _LAST_OF_ROBOTO}, set[str]()
    for piece, which in ranges.items():
        spans = [one.strip().removeprefix("U+").partition("-") for one in which.split(",")]
        if any(int(first, 16) <= n <= int(last or first, 16) for first, _, last in spans for n in letters):
            pieces.add(piece.strip("[]"))
    numbered = ((address, re.search(r"\.(\d+)\.woff2$", address)) for address in asked)
    return [address for address, number in numbered if number and number[1] in pieces]


def addresses(engine: Path) -> list[str]:
    """What Flutter's engine, main.dart.js or main.dart.wasm, can ask for below its base, in its order."""
    return list(dict.fromkeys(address.decode() for address in _ADDRESS.findall(engine.read_bytes())))


def _choose_families(assets: Path) -> None:
    """Keeps Roboto in the site, which Flutter would else fetch from a CDN, and removes KaTeX, which the app does not
    use.
    """
    manifest = assets / "assets/FontManifest.json"
    families = json.loads(manifest.read_text())
    kept = [f for f in families if "KaTeX" not in f["family"]]
    manifest.write_text(json.dumps([{"family": "Roboto", "fonts": [{"asset": "fonts/roboto.woff2"}]}, *kept]))


def _bundle(family: str, assets: Path, asked: list[str]) -> None:
    """Adds a family in the pieces that are asked for, with its licence. The package numbers them as the server does."""
    font = BUNDLED[family]
    folder, names = _PACKAGES / font.package, iter(font.unnumbered)
    for address in asked:
        number = re.search(r"\.(\d+)\.woff2$", address)
        piece = number[1] if number else next(names, "")
        if (family, piece) not in _LACKING:
            _copy(folder / font.file.format(piece), assets / "fonts" / address)
    if not asked or next(names, None) is not None:
        raise RuntimeError(f"Flutter's pieces of {family} have changed: see devtools/web_fonts.py")
    _copy(folder / font.licence, assets / "fonts" / family / "LICENSE")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
