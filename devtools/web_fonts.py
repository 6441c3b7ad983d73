"""The fonts of the web client: Roboto and Japanese come with the site, so that they need no other server."""

import json
import re
import shutil
from pathlib import Path

from devtools.paths import ROOT

_JAPANESE_SLICES = 124


def choose_fonts(assets: Path) -> None:
    """Puts the fonts of the app into Flutter's folder `assets`."""
    _choose_families(assets)
    _bundle_japanese(assets)


def _choose_families(assets: Path) -> None:
    """Keeps Roboto in the site, which Flutter would else fetch from a CDN, and removes KaTeX, which the app does not
    use.
    """
    manifest = assets / "assets/FontManifest.json"
    families = json.loads(manifest.read_text())
    kept = [f for f in families if "KaTeX" not in f["family"]]
    manifest.write_text(json.dumps([{"family": "Roboto", "fonts": [{"asset": "fonts/roboto.woff2"}]}, *kept]))


def _bundle_japanese(assets: Path) -> None:
    """Adds the Japanese font in the slices that Flutter asks Google's font server for, so that only those in use are
    loaded.

    The package's slices have the same numbers as the server's; four more have names.
    """
    package = ROOT / "devtools/node_modules/@fontsource/noto-sans-jp/files"
    asked = re.findall(r'"(notosansjp/[^"]+\.woff2)"', (assets / "main.dart.js").read_text())
    named = iter(("cyrillic", "vietnamese", "latin-ext", "latin"))
    for path in asked:
        number = re.search(r"\.(\d+)\.woff2$", path)
        slice_name = number[1] if number else next(named, "")
        target = assets / "fonts" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / f"noto-sans-jp-{slice_name}-400-normal.woff2", target)
    wasm = re.findall(rb"notosansjp/[\w./-]+?\.woff2", (assets / "main.dart.wasm").read_bytes())
    if len(asked) != _JAPANESE_SLICES or {path.decode() for path in wasm} != set(asked):
        raise RuntimeError("Flutter's slices of Noto Sans JP have changed: see devtools/web_fonts.py")
