"""Builds the web client from Flet's browser runtime and the app's Python sources.

It does what `flet publish` does, but without downloads: everything comes from installed packages.
"""

import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from babel.messages.pofile import PoFileError

from devtools import languages
from devtools.paths import ROOT, tool_path

OUT = ROOT / "build/web"
_NEW = ROOT / "build/web.new"  # where a build is made: only a whole one gets into OUT
_BEFORE = ROOT / "build/web.before"
# Everything but the page itself lies in a folder that is named after its content, so that browsers may keep it for ever
# (firebase.json).
_ASSETS = _NEW / "v/new"
_STAMP = OUT / ".built"  # of a build with everything in it; a quick one takes it away
_PAGE = ".page.html"  # the page without what app/web/start/start.html and the version put into it
_START = "<!-- start.html -->"
_KEPT_VERSIONS = 3  # while it is edited: a page that is open goes on with the files of its own
_PACKAGES = ROOT / "build/pypackages"
# The app's requirements as Pyodide's Python sees them; wheels for its platform are on PyPI.
_PYODIDE = [
    "--no-deps",
    "--only-binary=:all:",
    "--python-version",
    "3.14",
    "--implementation",
    "cp",
    "--platform",
    "pyemscripten_2026_0_wasm32",
]
VENDORED = (
    "flet==1.0.5",
    "flet-secure-storage==1.0.5",
    "msgpack==1.2.4",
    "repath==0.9.0",
    "six==1.17.0",
    "babel==2.18.0",
)
_LOCALES = re.compile(r"locale-data/(root|(en|de|ja)(_([A-Z]{2}|\d{3}))?)\.dat")  # of the languages that the app speaks
_UNUSED = (
    *(
        "main.dart.wasm",
        "main.dart.mjs",
        "pyodide/python",
        "pyodide/python.bat",
        "pyodide/python.exe",
        "pyodide/python_cli_entry.mjs",
    ),
    *(
        f"canvaskit/{name}"
        for name in ("skwasm.js", "skwasm.wasm", "skwasm_heavy.js", "skwasm_heavy.wasm", "wimp.js", "wimp.wasm")
    ),
    "canvaskit/experimental_webparagraph",
)

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


_JAPANESE_SLICES = 124
# Flet's and Flutter's addresses, which must hold below any path. Flutter fetches what Roboto lacks from Google's font
# server; Japanese
# comes with the site, other scripts (Arabic, Chinese, …) from that server when it can be reached.
_ADDRESSES = """
{
  const base = new URL(".", document.currentScript.src).href;
  Object.assign(flet, {
    entrypointBaseUrl: base, assetBase: base,
    canvasKitBaseUrl: base + "canvaskit/", pyodideUrl: base + "pyodide/pyodide.mjs",
    appPackageUrl: base + "app.tar.gz", fontFallbackBaseUrl: null,
  });
  const google = "https://fonts.gstatic.com/s/notosansjp/", fetched = window.fetch;
  const own = (address) =>
    typeof address === "string" && address.startsWith(google)
      ? base + "fonts/notosansjp/" + address.slice(google.length) : address;
  window.fetch = (address, options) => fetched.call(window, own(address), options);
  flet.earlyWorker = new Worker(base + "python-worker.js", { type: "module" });
  // Until Flet's python.js listens.
  flet.earlyWorker.onmessage = ({ data }) => dispatchEvent(new CustomEvent("from-python", { detail: data.toPage }));
  flet.earlyWorker.onerror = () => dispatchEvent(new Event("start-failed"));
}
"""


# In place of Flet's own script, which unpacks, installs, and imports: all of that is in the snapshot.
_FROM_SNAPSHOT = """        if (self.restored) {
            flet_js.documentUrl = documentUrl;
            // The app's files are needed for what the snapshot lacks: unpacked at the first such import, or later.
            let archive = await self.earlyApp;
            flet_js.unpack = () => {
                if (archive === null) return false;
                self.pyodide.unpackArchive(archive, "tar.gz", { extractDir: "/home/pyodide" });
                archive = null;
                return true;
            };
            if (edited) {
                flet_js.unpack();
                self.pyodide.runPython(`
import importlib, sys
for name, module in list(sys.modules.items()):
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    if place.startswith("/home/pyodide/") and "__pypackages__" not in place:
        del sys.modules[name]
importlib.invalidate_caches()
`);
            }
            self.pyodide.runPython(`
import importlib, importlib.machinery, sys

import flet as ft
import flet_js
import main
from flet.messaging import pyodide_connection

pyodide_connection.flet_js = flet_js

class Unpacker:
    def find_spec(self, name, path=None, target=None):
        if not flet_js.unpack():
            return None
        importlib.invalidate_caches()
        return importlib.machinery.PathFinder.find_spec(name, path)

sys.meta_path.append(Unpacker())
ft.run(main.main)
`);
            await self.flet_js.start_connection(self.receiveCallback);
            self.postMessage("initialized");
            setTimeout(flet_js.unpack, 4000);
            return;
        }
        self.pyodide.globals.set("app_package_url", self.appPackageUrl);"""


class SourceError(Exception):
    """A file of the client cannot be read. The text says which, where, and why."""


def is_stale() -> bool:
    """Whether the sources are newer than the build."""
    if not _STAMP.exists():
        return True
    built = _STAMP.stat().st_mtime
    sources = [
        *(ROOT / "app").rglob("*"),
        *(ROOT / "functions/contract").rglob("*.py"),
        Path(__file__),
        *(ROOT / "devtools").glob("snapshot.*"),
        ROOT / "requirements.lock",
    ]
    return any(p.stat().st_mtime > built for p in sources if p.is_file() and "__pycache__" not in p.parts)


def build() -> None:
    """Builds the client into build/web. Until that is done, and when it fails, the last build stays. Raises
    SourceError.
    """
    with _alone():
        _build()


@contextmanager
def _alone() -> Iterator[None]:
    """Lets only one build run at a time, among all processes."""
    _NEW.parent.mkdir(exist_ok=True)
    with (_NEW.parent / "web.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        shutil.rmtree(_NEW, ignore_errors=True)  # of a build that was cut off
        shutil.rmtree(_BEFORE, ignore_errors=True)
        yield
        shutil.rmtree(_BEFORE, ignore_errors=True)


def _build() -> None:
    import flet_web
    from flet.controls.types import WebRenderer
    from flet_web.patch_index import patch_index_html

    _check()
    _vendor()
    shutil.copytree(Path(flet_web.__file__).parent / "web", _ASSETS)
    for name in _UNUSED:
        path = _ASSETS / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for pattern in ("**/*.symbols", "**/*.map"):
        for path in _ASSETS.glob(pattern):
            path.unlink()
    _choose_fonts()
    _bundle_japanese()
    # Flet's own sign of waiting turns behind the page's, and takes a processor from Python while that starts.
    _replace("main.dart.js", '[30,"Working..."]', '[0,""]')
    patch_index_html(
        index_path=str(_ASSETS / "index.html"),
        base_href="/",
        app_name="Salesforce Sample",
        app_description="Your Salesforce accounts, on any device",
        pyodide=True,
        pyodide_script_path="main.py",
        app_package_url="app.tar.gz",
        no_cdn=True,
        web_renderer=WebRenderer.CANVAS_KIT,
    )
    shutil.copytree(ROOT / "app/web", _NEW, dirs_exist_ok=True, ignore=shutil.ignore_patterns("start"))
    _start_before_flutter()
    bundle_app_check(_ASSETS / "app_check.js")
    (_NEW / _PAGE).write_text(_finish_page())
    _start_python_early()
    with tarfile.open(_ASSETS / "app.tar.gz", "w:gz") as archive:
        archive.add(ROOT / "app/src", arcname=".", filter=_code_only)
        archive.add(ROOT / "functions/contract", arcname="contract", filter=_code_only)
        archive.add(_PACKAGES, arcname="__pypackages__", filter=_code_only)
    _make_snapshot()
    version = _content_hash(_ASSETS)
    _ASSETS.rename(_ASSETS.with_name(version))
    (_NEW / "index.html").write_text(_page(_NEW, version))
    (_NEW / _STAMP.name).touch()
    if OUT.exists():
        OUT.rename(_BEFORE)
    _NEW.rename(OUT)


def _page(folder: Path, version: str) -> str:
    """The page of a build whose files lie in v/VERSION."""
    start = (ROOT / "app/web/start/start.html").read_text()
    return (folder / _PAGE).read_text().replace(_START, start).replace("/v/new/", f"/v/{version}/")


# While somebody edits


def build_quickly() -> None:
    """Puts the current sources into the last build, for `make run`.

    The snapshot stays the old one; the app's own modules are imported again after it is restored. A browser gets the
    old page or the new one, never a mixture. Raises SourceError when a source cannot be read, RuntimeError when there
    is no build to change; the last build then stays. The next `build` is a whole one.
    """
    with _alone():
        _check()
        before = _current_version()
        shutil.copytree(before, _ASSETS, copy_function=_link)
        # What is written below is a file of its own, or the one of before would be written into.
        for name in (
            "app.tar.gz",
            "words.js",
            "python-worker.js",
            *(path.name for path in (ROOT / "app/web/start").glob("*.[cj]s*")),
        ):
            (_ASSETS / name).unlink(missing_ok=True)
        worker = (before / "python-worker.js").read_text()
        (_ASSETS / "python-worker.js").write_text(worker.replace("const edited = false;", "const edited = true;"))
        _start_before_flutter()
        bundle_app_check(_ASSETS / "app_check.js")
        _archive_from(before / "app.tar.gz")
        _STAMP.unlink(missing_ok=True)
        version = _content_hash(_ASSETS)
        files = OUT / "v" / version
        if files.exists():  # an edit was taken back
            files.touch()
        else:
            _ASSETS.rename(files)
        shutil.copytree(ROOT / "app/web", OUT, dirs_exist_ok=True, ignore=shutil.ignore_patterns("start"))
        (_NEW / "index.html").write_text(_page(OUT, version))
        (_NEW / "index.html").replace(OUT / "index.html")
        for old in sorted((OUT / "v").iterdir(), key=lambda folder: folder.stat().st_mtime)[:-_KEPT_VERSIONS]:
            shutil.rmtree(old)


def _link(old: str, new: str) -> None:
    """Gives a file a second name, as a hard link where the file system can do that."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def sources() -> dict[Path, int]:
    """The files that `build_quickly` uses, with the time of their last change in nanoseconds."""
    folders = (ROOT / "app/src", ROOT / "app/web", ROOT / "functions/contract")
    times: dict[Path, int] = {}
    for path in (path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts):
        with suppress(FileNotFoundError):  # an editor has just replaced it
            if path.is_file():
                times[path] = path.stat().st_mtime_ns
    return times


def _current_version() -> Path:
    page = OUT / "index.html"
    version = re.search(r"/v/([0-9a-f]{16})/", page.read_text()) if page.exists() and (OUT / _PAGE).exists() else None
    if version is None:
        raise RuntimeError("there is no build of the client to begin with: run make web")
    return OUT / "v" / version[1]


def _check() -> None:
    """Raises SourceError for the first source that cannot be read."""
    python = [*(ROOT / "app/src").rglob("*.py"), *(ROOT / "functions/contract").rglob("*.py")]
    for path in sorted(python):
        try:
            compile(path.read_bytes(), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as wrong:
            line = f":{wrong.lineno}" if isinstance(wrong, SyntaxError) else ""
            raise SourceError(
                f"{path.relative_to(ROOT)}{line}: {wrong.msg if isinstance(wrong, SyntaxError) else wrong}"
            ) from None
    for language in languages.LANGUAGES:
        try:
            languages.read(language)
        except (PoFileError, ValueError) as wrong:
            line = f":{wrong.lineno}" if isinstance(wrong, PoFileError) else ""
            raise SourceError(f"{languages.po_file(language).relative_to(ROOT)}{line}: {wrong}") from None
    scripts = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "app/web/start").glob("*.[cj]s*"))
    done = _esbuild(*scripts, "--outdir=build/web.new/checked", "--log-limit=1")
    if done.returncode != 0:
        at, why = re.search(r"^ +(\S+:\d+):\d+:", done.stderr, re.MULTILINE), re.search(r"\[ERROR\] (.*)", done.stderr)
        raise SourceError(f"{at[1] if at else 'app/web/start'}: {why[1] if why else done.stderr.strip()}")
    shutil.rmtree(_NEW / "checked")


def _archive_from(before: Path) -> None:
    """The app's archive with the current sources. It keeps the bytecode of unchanged ones, which only Pyodide's Python
    can make.
    """
    now, made = _sources_in_archive(), io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(gzip.decompress(before.read_bytes()))) as old,
        tarfile.open(fileobj=made, mode="w") as new,
    ):
        files = {
            entry.name.removeprefix("./"): (entry, file.read()) for entry in old if (file := old.extractfile(entry))
        }
        for name, (entry, content) in files.items():
            source = re.sub(r"__pycache__/([^/]+)\.cpython-\d+\.pyc$", r"\1.py", name)
            is_current_bytecode = source != name and source in now and now[source] == files[source][1]
            if name.startswith("__pypackages__/") or is_current_bytecode:
                new.addfile(entry, io.BytesIO(content))
        for name, content in now.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            new.addfile(entry, io.BytesIO(content))
    (_ASSETS / "app.tar.gz").write_bytes(gzip.compress(made.getvalue(), 1, mtime=0))


def _sources_in_archive() -> dict[str, bytes]:
    """The content of the archive's edited files, by name; catalogues are compiled."""
    files: dict[str, bytes] = {}
    for folder, inside in ((ROOT / "app/src", ""), (ROOT / "functions/contract", "contract/")):
        for path in sorted(folder.rglob("*")):
            name = inside + path.relative_to(folder).as_posix()
            if path.is_file() and _code_only(tarfile.TarInfo(f"./{name}")) is not None:
                files[name] = path.read_bytes()
    for language in languages.LANGUAGES:
        compiled = languages.po_file(language).with_suffix(".mo").relative_to(ROOT / "app/src").as_posix()
        files[compiled] = languages.compiled(languages.read(language))
    return files


def _content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _start_before_flutter() -> None:
    """Writes the page that is there before Flutter, with the app's texts."""
    for path in (ROOT / "app/web/start").glob("*.[cj]s*"):
        shutil.copy(path, _ASSETS)
    html, script = ((ROOT / "app/web/start" / name).read_text() for name in ("start.html", "start.js"))
    texts = {*re.findall(r'data-words="([^"]+)"', html), *re.findall(r'say\("([^"]+)"\)', script)}
    words: dict[str, dict[str, str]] = {"en": {}}
    for language in languages.LANGUAGES:
        catalog = languages.read(language)
        missing = [text for text in texts if catalog.get(text) is None]
        if missing:
            raise SourceError(
                f'app/web/start: the language {language} has no text "{missing[0]}": the start page says what a view'
                " says too"
            )
        words[language] = {text: str(catalog[text].string) for text in texts}
    (_ASSETS / "words.js").write_text(
        f"export const words = {json.dumps(words, ensure_ascii=False, sort_keys=True)};\n"
    )


def bundle_app_check(out: Path, *options: str) -> None:
    """Writes Firebase's App Check SDK and our use of it into `out` as one file. The page loads it only when the backend
    asks for tokens.
    """
    _esbuild(
        "app/web/start/app_check.js", "--bundle", "--minify", f"--outfile={out}", "--allow-overwrite", *options
    ).check_returncode()


def _esbuild(*arguments: str) -> subprocess.CompletedProcess[str]:
    node = ROOT / "devtools/node_modules"
    command = [str(node / ".bin/esbuild"), *arguments, "--format=esm", "--log-level=error"]
    environment = {**os.environ, "PATH": tool_path(dict(os.environ)), "NODE_PATH": str(node)}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)


def _finish_page() -> str:
    """The HTML of the page: with the start page, addresses that work below any path, and no inline scripts."""
    index = _ASSETS / "index.html"
    page = index.read_text()
    index.unlink()
    inline = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    (_ASSETS / "boot.js").write_text(_LANGUAGE + "\n".join(inline) + _ADDRESSES)
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
    bootstrap = _ASSETS / "flutter_bootstrap.js"
    text, count = re.subn(r"    serviceWorkerSettings: \{.*?\n    \},\n", "", bootstrap.read_text(), flags=re.DOTALL)
    if count != 1 or "flutter_bootstrap" not in page or _START not in page:
        raise RuntimeError("Flet's page has changed: see devtools/web.py")
    bootstrap.write_text(text)
    (_ASSETS / "flutter_service_worker.js").unlink()
    return page


def _start_python_early() -> None:
    """Changes Flet's scripts so that Pyodide boots at the same time as Flutter, and so that they log no address."""
    _replace("python.js", "app.worker = new Worker(", "app.worker = flet.earlyWorker ?? new Worker(")
    _replace("python.js", "    var error;", "    flet.earlyWorker = null;\n    var error;")
    # Its lines on the console name the page's address, which holds the authorization code on the way back from
    # Salesforce.
    for line in (
        "Starting up Python worker: ${appId}, args: ${args}",
        "Python worker initialized: ${appId}",
        "Terminating Python worker: ${appId}",
    ):
        _replace("python.js", f"console.log(`{line}`);", "")
    received = "app.worker.onmessage = (event) => {"
    to_page = (
        'if (event.data?.toPage) return window.dispatchEvent(new CustomEvent("from-python", { detail: event.data.toPage'
        " }));"
    )
    _replace("python.js", received, received + to_page)
    failed = 'console.error("Python worker init error:", error);'
    _replace("python.js", failed, failed + 'window.dispatchEvent(new Event("start-failed"));')
    begin = "self.initPyodide = async function () {"
    early = """const output = {
    stdout: (text) => self.sendPythonOutput(text, false),
    stderr: (text) => self.sendPythonOutput(text, true),
};
// The page tells nobody that nothing happens while something comes.
let lastNotice = 0;
const noted = new TransformStream({
    transform(piece, onward) {
        if (Date.now() - lastNotice > 1000) {
            lastNotice = Date.now();
            self.postMessage({ toPage: "comes" });
        }
        onward.enqueue(piece);
    },
});
const unzipped = async (answer) =>
    new Uint8Array(await new Response(
      answer.body.pipeThrough(noted).pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
const base = new URL(".", import.meta.url).href;
self.earlyApp = fetch(base + "app.tar.gz").then((answer) => {
    if (!answer.ok) throw new Error(`the app's archive: HTTP ${answer.status}`);
    return answer.arrayBuffer();
});
self.earlyApp.catch(() => {}); // reported where it is awaited
const edited = false;
// With the app already in memory when the browser can restore that, else from the beginning.
self.earlyPyodide = (async () => {
    const { loadPyodide } = await import(base + "pyodide/pyodide.mjs");
    try {
        // WebKit cannot restore it, and would have tried for seconds.
        if (/AppleWebKit/.test(navigator.userAgent) && !/Chrom/.test(navigator.userAgent)) throw new Error("WebKit");
        const answer = await fetch(base + "pyodide/snapshot.bin.gz");
        if (!answer.ok) throw new Error("no snapshot");
        const restored = await loadPyodide({ ...output, _loadSnapshot: await unzipped(answer) });
        restored.runPython(edited ? "import random; random.seed()" : "import random, main; random.seed()");
        self.restored = true;
        return restored;
    } catch (error) {
        console.info("started without a snapshot");
        return await loadPyodide(output);
    }
})();
self.earlyPyodide.catch(() => {}); // reported where it is awaited
"""
    _replace("python-worker.js", begin, early + "\n" + begin)
    start, end = (
        "        const pyodideModule = await import(self.pyodideUrl);",
        '        self.pyodide.registerJsModule("flet_js", flet_js);',
    )
    worker = _ASSETS / "python-worker.js"
    text = worker.read_text()
    head, _, rest = text.partition(start)
    tail = rest.partition(end)[2]
    if not tail:
        raise RuntimeError("Flet's python-worker.js has changed: see devtools/web.py")
    worker.write_text(f"{head}        self.pyodide = await self.earlyPyodide;\n{end}{tail}")
    # The app's archive is unpacked before anything else; from a snapshot the rest of Flet's own start is not needed.
    _replace(
        "python-worker.js", '        self.pyodide.globals.set("app_package_url", self.appPackageUrl);', _FROM_SNAPSHOT
    )


def _make_snapshot() -> None:
    """Makes Pyodide's memory snapshot with the app imported. A browser that cannot restore it starts without."""
    # Pyodide restores into the heap with which it begins; ours needs a larger one.
    _replace(
        "pyodide/pyodide.asm.mjs",
        "return Module.HEAP8.set(t),l}",
        "if(t.length>Module.HEAP8.length)growMemory(t.length);return Module.HEAP8.set(t),l}",
    )
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    if node is None:
        raise RuntimeError("Node is missing: make web installs it")
    subprocess.run([node, str(ROOT / "devtools/snapshot.mjs"), str(_ASSETS)], check=True, capture_output=True)


def _replace(name: str, old: str, new: str) -> None:
    file = _ASSETS / name
    text = file.read_text()
    if text.count(old) != 1:
        raise RuntimeError(f"Flet's {name} has changed: see devtools/web.py")
    file.write_text(text.replace(old, new))


def _vendor() -> None:
    wanted = "\n".join(VENDORED)
    stamp = _PACKAGES / ".vendored"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(_PACKAGES, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        *_PYODIDE,
        "--target",
        str(_PACKAGES),
        *VENDORED,
    ]
    subprocess.run(command, check=True, capture_output=True)
    stamp.write_text(wanted)


def _choose_fonts() -> None:
    """Keeps Roboto in the site, which Flutter would else fetch from a CDN, and removes KaTeX, which the app does not
    use.
    """
    manifest = _ASSETS / "assets/FontManifest.json"
    families = json.loads(manifest.read_text())
    kept = [f for f in families if "KaTeX" not in f["family"]]
    manifest.write_text(json.dumps([{"family": "Roboto", "fonts": [{"asset": "fonts/roboto.woff2"}]}, *kept]))


def _bundle_japanese() -> None:
    """Adds the Japanese font in the slices that Flutter asks Google's font server for, so that only those in use are
    loaded.

    The package's slices have the same numbers as the server's; four more have names.
    """
    package = ROOT / "devtools/node_modules/@fontsource/noto-sans-jp/files"
    asked = re.findall(r'"(notosansjp/[^"]+\.woff2)"', (_ASSETS / "main.dart.js").read_text())
    named = iter(("cyrillic", "vietnamese", "latin-ext", "latin"))
    for path in asked:
        number = re.search(r"\.(\d+)\.woff2$", path)
        slice_name = number[1] if number else next(named, "")
        target = _ASSETS / "fonts" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / f"noto-sans-jp-{slice_name}-400-normal.woff2", target)
    # Flutter takes Chinese shapes for the characters that both languages have, unless the browser's language is exactly
    # "ja".
    _replace("main.dart.js", 'if("ja"===j){', "if(!/^(zh|ko)/.test(j)){")
    if len(asked) != _JAPANESE_SLICES:
        raise RuntimeError("Flutter's slices of Noto Sans JP have changed: see devtools/web.py")


def _code_only(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = entry.name
    if (
        "__pycache__" in name
        or name.endswith((".pyc", ".dist-info", "pyproject.toml", ".vendored"))
        or name.startswith("./assets")
        or "/bin/" in name
        or (name.endswith(".dat") and "locale-data/" in name and _LOCALES.search(name) is None)
    ):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
