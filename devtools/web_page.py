"""The page: what stands on it before Flutter, and the scripts that start Flutter and Python (app/web/start)."""

import json
import re
import shutil
from html import escape
from pathlib import Path

from devtools import languages
from devtools.paths import ROOT
from devtools.web_files import esbuild
from devtools.web_fonts import needed

SOURCES = ROOT / "app/web/start"
_START = "<!-- start.html -->"
_SCRIPTS = ("flet", "boot", "python", "flutter_bootstrap", "flutter")  # in the order in which they run


def finish_page(assets: Path) -> str:
    """The HTML of the page, still without the start page and the version. Its addresses work below any path, and no
    script is inline.
    """
    index = assets / "index.html"
    page = index.read_text()
    index.unlink()
    inline = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    (assets / "flet.js").write_text("\n".join(inline))
    page = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    page = re.sub(r'<div id="loading".*?</div>', _START, page, flags=re.DOTALL)
    page = re.sub(r'\s*<script src="(python|flutter_bootstrap)\.js"[^>]*></script>', "", page)
    head = "\n  ".join(
        [
            '<link rel="stylesheet" href="/v/new/start.css">',
            '<script type="module" src="/v/new/start.js"></script>',
            *(
                f'<link rel="modulepreload" href="/v/new/{name}.js">'
                for name in ("sign_in", "storage", "values", "words")
            ),
            *(f'<script defer src="/v/new/{name}.js"></script>' for name in _SCRIPTS),
        ]
    )
    page = re.sub(r"\n\s*\n+", "\n", page.replace("</head>", f"  {head}\n</head>"))
    # Flutter's loader without Flet's call of it: app/web/start/flutter.js is ours.
    bootstrap = assets / "flutter_bootstrap.js"
    loader, call, _ = bootstrap.read_text().partition("window.addEventListener('flutter-first-frame'")
    if not call or "_flutter.buildConfig" not in loader or "flutter_bootstrap" not in page or _START not in page:
        raise RuntimeError("Flet's page has changed: see devtools/web_page.py")
    bootstrap.write_text(loader)
    (assets / "flutter_service_worker.js").unlink()
    return page


def page(unfinished: str, version: str, name: str) -> str:
    """The page of a build whose files lie in v/VERSION, of an app with this name. `unfinished`: what `finish_page`
    returned, which may have been while the app had another name."""
    called = escape(name)
    unfinished = re.sub(r"(<title>).*?(</title>)", lambda m: m[1] + called + m[2], unfinished, flags=re.DOTALL)
    unfinished = re.sub(r'(apple-mobile-web-app-title" content=").*?(")', lambda m: m[1] + called + m[2], unfinished)
    return unfinished.replace(_START, (SOURCES / "start.html").read_text()).replace("/v/new/", f"/v/{version}/")


def write_start(assets: Path) -> None:
    """Writes the page that is there before Flutter, with the app's texts."""
    for path in SOURCES.glob("*.[cj]s*"):
        shutil.copy(path, assets)
    texts = languages.start_texts()
    words: dict[str, dict[str, str]] = {"en": {}}
    fonts: dict[str, list[str]] = {}
    for language in languages.languages():
        catalog = languages.read(language)
        words[language] = {text: languages.said(catalog, text) for text in texts}
        fonts[language] = needed(languages.all_said(catalog), language, assets / "main.dart.js")
    written = {"words": words, "fonts": fonts}
    (assets / "words.js").write_text(
        "".join(
            f"export const {n} = {json.dumps(v, ensure_ascii=False, sort_keys=True)};\n" for n, v in written.items()
        )
    )


def bundle_app_check(out: Path, *options: str) -> None:
    """Writes Firebase's App Check SDK and our use of it into `out` as one file. The page loads it only when the backend
    asks for tokens.
    """
    esbuild(
        "app/web/start/app_check.js", "--bundle", "--minify", f"--outfile={out}", "--allow-overwrite", *options
    ).check_returncode()
