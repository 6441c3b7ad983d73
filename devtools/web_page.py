"""The page: what stands on it before Flutter (app/web/start), and boot.js, which starts Flutter and Python."""

import json
import re
import shutil
from pathlib import Path

from devtools import languages
from devtools.paths import ROOT
from devtools.web_files import esbuild

SOURCES = ROOT / "app/web/start"
_START = "<!-- start.html -->"

# A browser whose system has no language (WebKit under the locale C) says "c", at which Flutter's engine stops.
_LANGUAGE = """{
  const isTag = (tag) => { try { return Boolean(new Intl.Locale(tag)); } catch { return false; } };
  const tags = (navigator.languages ?? []).filter(isTag);
  if (!isTag(navigator.language) || !tags.length || tags.length !== navigator.languages.length) {
    const languages = tags.length ? tags : ["en-US"];
    Object.defineProperty(navigator, "language", { value: languages[0] });
    Object.defineProperty(navigator, "languages", { value: languages });
  }
}
"""


# Flet's and Flutter's addresses, which must hold below any path; the fonts of web_fonts.py are among them.
_ADDRESSES = """
{
  const base = new URL(".", document.currentScript.src).href;
  Object.assign(flet, {
    entrypointBaseUrl: base, assetBase: base,
    canvasKitBaseUrl: base + "canvaskit/", pyodideUrl: base + "pyodide/pyodide.mjs",
    appPackageUrl: base + "app.tar.gz", fontFallbackBaseUrl: base + "fonts/",
  });
  // The single language decides nothing but whose shapes the characters have that Chinese, Japanese and Korean share
  // (Flutter's font_fallbacks.dart). Of Chinese fonts the site has the one that covers most.
  const shapes = /^zh\b/i.test(navigator.language) ? "zh-Hans" : /^ko\b/i.test(navigator.language) ? "ko" : "ja";
  Object.defineProperty(navigator, "language", { value: shapes });
  flet.earlyWorker = new Worker(base + "python-worker.js", { type: "module" });
  // Until Flet's python.js listens.
  flet.earlyWorker.onmessage = ({ data }) => dispatchEvent(new CustomEvent("from-python", { detail: data.toPage }));
  flet.earlyWorker.onerror = () => dispatchEvent(new Event("start-failed"));
}
"""


def finish_page(assets: Path) -> str:
    """The HTML of the page, still without the start page and the version. Its addresses work below any path, and no
    script is inline.
    """
    index = assets / "index.html"
    page = index.read_text()
    index.unlink()
    inline = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    (assets / "boot.js").write_text(_LANGUAGE + "\n".join(inline) + _ADDRESSES)
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
            *(f'<script defer src="/v/new/{name}.js"></script>' for name in ("boot", "python", "flutter_bootstrap")),
        ]
    )
    page = re.sub(r"\n\s*\n+", "\n", page.replace("</head>", f"  {head}\n</head>"))
    # The worker that Flutter used to need: without it Flutter starts at once.
    bootstrap = assets / "flutter_bootstrap.js"
    text, count = re.subn(r"    serviceWorkerSettings: \{.*?\n    \},\n", "", bootstrap.read_text(), flags=re.DOTALL)
    if count != 1 or "flutter_bootstrap" not in page or _START not in page:
        raise RuntimeError("Flet's page has changed: see devtools/web_page.py")
    bootstrap.write_text(text)
    (assets / "flutter_service_worker.js").unlink()
    return page


def page(unfinished: str, version: str) -> str:
    """The page of a build whose files lie in v/VERSION. `unfinished`: what `finish_page` returned."""
    return unfinished.replace(_START, (SOURCES / "start.html").read_text()).replace("/v/new/", f"/v/{version}/")


def write_start(assets: Path) -> None:
    """Writes the page that is there before Flutter, with the app's texts."""
    for path in SOURCES.glob("*.[cj]s*"):
        shutil.copy(path, assets)
    texts = languages.start_texts()
    words: dict[str, dict[str, str]] = {"en": {}}
    for language in languages.languages():
        catalog = languages.read(language)
        words[language] = {text: languages.said(catalog, text) for text in texts}
    (assets / "words.js").write_text(f"export const words = {json.dumps(words, ensure_ascii=False, sort_keys=True)};\n")


def bundle_app_check(out: Path, *options: str) -> None:
    """Writes Firebase's App Check SDK and our use of it into `out` as one file. The page loads it only when the backend
    asks for tokens.
    """
    esbuild(
        "app/web/start/app_check.js", "--bundle", "--minify", f"--outfile={out}", "--allow-overwrite", *options
    ).check_returncode()
