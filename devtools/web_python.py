"""The app's Python in the browser: its packages, its archive, the worker in which it runs, and its snapshot."""

import gzip
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from devtools import languages
from devtools.paths import ROOT, by_hash, tool_path
from devtools.web_files import replace

_PACKAGES = ROOT / "build/pypackages"
# The app's requirements as Pyodide's Python sees them; wheels for its platform are on PyPI.
_PYODIDE = [
    "--no-deps",
    "--python-version",
    "3.14",
    "--implementation",
    "cp",
    "--platform",
    "pyemscripten_2026_0_wasm32",
]
# With the checksums of their files in devtools/locks/web.txt.
VENDORED = (
    "flet==1.0.5",
    "flet-secure-storage==1.0.5",
    "msgpack==1.2.4",
    "repath==0.9.0",
    "six==1.17.0",
    "babel==2.18.0",
)
_LOCALE = re.compile(r"locale-data/(\w+?)(_([A-Z]{2}|\d{3}))?\.dat")
# In place of Flet's own script, which unpacks, installs, and imports: all of that is in the snapshot.
_FROM_SNAPSHOT = """        if (self.restored) {
            flet_js.documentUrl = documentUrl;
            // The app's files are needed for what the snapshot lacks: unpacked at the first such import, or later.
            let archive = null, unpacked = false;
            const coming = self.earlyApp.then((bytes) => { archive = bytes; }, () => {});
            const now = () => {
                const request = new XMLHttpRequest();
                request.open("GET", self.appPackageUrl, false); // an import does not wait
                request.responseType = "arraybuffer";
                try { request.send(); } catch { return null; }
                return request.status === 200 ? request.response : null;
            };
            flet_js.unpack = () => {
                if (unpacked) return false;
                archive ??= now();
                if (archive === null) return false;
                const bytes = archive;
                archive = null;
                unpacked = true; // before: unpacking imports, too, and what it does not find must not begin it again
                self.pyodide.unpackArchive(bytes, "tar.gz", { extractDir: "/home/pyodide" });
                return true;
            };
            if (edited) {
                archive = await self.earlyApp;
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
            performance.mark("app listens");
            coming.then(() => setTimeout(flet_js.unpack, 4000));
            return;
        }
        self.pyodide.globals.set("app_package_url", self.appPackageUrl);"""


def vendor() -> None:
    """Installs the app's requirements for Pyodide, where that is not done yet."""
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
        *by_hash("web"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    stamp.write_text(wanted)


def write_archive(assets: Path) -> None:
    """Writes the app's sources and its packages as `app.tar.gz`."""
    with tarfile.open(assets / "app.tar.gz", "w:gz") as archive:
        archive.add(ROOT / "app/src", arcname=".", filter=_code_only)
        archive.add(ROOT / "functions/contract", arcname="contract", filter=_code_only)
        archive.add(_PACKAGES, arcname="__pypackages__", filter=_code_only)
        for name, content in _catalogues().items():
            _add(archive, name, content)


def write_archive_from(before: Path, assets: Path) -> None:
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
            _add(new, name, content)
    (assets / "app.tar.gz").write_bytes(gzip.compress(made.getvalue(), 1, mtime=0))


def _sources_in_archive() -> dict[str, bytes]:
    """The content of the archive's edited files, by name."""
    files = _catalogues()
    for folder, inside in ((ROOT / "app/src", ""), (ROOT / "functions/contract", "contract/")):
        for path in sorted(folder.rglob("*")):
            name = inside + path.relative_to(folder).as_posix()
            if path.is_file() and _code_only(tarfile.TarInfo(f"./{name}")) is not None:
                files[name] = path.read_bytes()
    return files


def _catalogues() -> dict[str, bytes]:
    """The compiled catalogues, by name, as they are to be now: somebody may have edited one and not compiled it."""
    return {
        languages.po_file(language).with_suffix(".mo").relative_to(ROOT / "app/src").as_posix(): languages.compiled(
            languages.read(language)
        )
        for language in languages.languages()
    }


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(f"./{name}")
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _code_only(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = entry.name
    if (
        "__pycache__" in name
        or name.endswith((".pyc", ".dist-info", "pyproject.toml", ".vendored", "/app.po", "/app.mo"))
        or name.startswith("./assets")
        or "/bin/" in name
        or ("locale-data/" in name and name.endswith(".dat") and not _is_spoken(name))
    ):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def start_early(assets: Path) -> None:
    """Changes Flet's scripts so that Pyodide boots at the same time as Flutter, and so that they log no address."""
    begun = "app.worker = flet.earlyWorker ?? new Worker(flet.workerUrl ?? "
    replace(assets / "python.js", "app.worker = new Worker(", begun)
    replace(assets / "python.js", "    var error;", "    flet.earlyWorker = null;\n    var error;")
    # Its lines on the console name the page's address, which holds the authorization code on the way back from
    # Salesforce.
    for line in (
        "Starting up Python worker: ${appId}, args: ${args}",
        "Python worker initialized: ${appId}",
        "Terminating Python worker: ${appId}",
    ):
        replace(assets / "python.js", f"console.log(`{line}`);", "")
    received = "app.worker.onmessage = (event) => {"
    to_page = (
        'if (event.data?.toPage) return window.dispatchEvent(new CustomEvent("from-python", { detail: event.data.toPage'
        " }));"
    )
    replace(assets / "python.js", received, received + to_page)
    replace(
        assets / "python.js", "app.dartOnMessage(event.data);", "app.dartOnMessage(event.data); flet.heardPython?.();"
    )
    failed = 'console.error("Python worker init error:", error);'
    replace(assets / "python.js", failed, failed + 'window.dispatchEvent(new Event("start-failed"));')
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
// WebKit cannot restore a snapshot, and would have tried for seconds.
const isWebKit = /AppleWebKit/.test(navigator.userAgent) && !/Chrom/.test(navigator.userAgent);
const snapshot = async () => {
    const answer = await fetch(base + "pyodide/snapshot.bin.gz");
    if (!answer.ok) throw new Error("no snapshot");
    const bytes = await unzipped(answer);
    performance.mark("snapshot unpacked");
    return bytes;
};
const early = isWebKit ? null : snapshot(); // comes while Pyodide's own code does
early?.catch(() => {}); // reported where it is awaited
self.earlyApp = fetch(base + "app.tar.gz", { priority: "low" }).then((answer) => {
    if (!answer.ok) throw new Error(`the app's archive: HTTP ${answer.status}`);
    return answer.arrayBuffer();
});
self.earlyApp.catch(() => {}); // reported where it is awaited
const edited = false;
// With the app already in memory when the browser can restore that, else from the beginning.
self.earlyPyodide = (async () => {
    const { loadPyodide } = await import(base + "pyodide/pyodide.mjs");
    try {
        if (isWebKit) throw new Error("WebKit"); // here: loadPyodide asks for its files first, and they came twice
        const restored = await loadPyodide({ ...output, _loadSnapshot: early });
        restored.runPython(edited ? "import random; random.seed()" : "import random, main; random.seed()");
        self.restored = true;
        performance.mark("restored");
        return restored;
    } catch (error) {
        console.info("started without a snapshot");
        // Python's library as bytecode (devtools/snapshot.mjs): compiling it takes longer than all else.
        return await loadPyodide({ ...output, stdLibURL: base + "pyodide/stdlib.zip" });
    }
})();
self.earlyPyodide.catch(() => {}); // reported where it is awaited
"""
    replace(assets / "python-worker.js", begin, early + "\n" + begin)
    start, end = (
        "        const pyodideModule = await import(self.pyodideUrl);",
        '        self.pyodide.registerJsModule("flet_js", flet_js);',
    )
    worker = assets / "python-worker.js"
    text = worker.read_text()
    head, _, rest = text.partition(start)
    tail = rest.partition(end)[2]
    if not tail:
        raise RuntimeError("Flet's python-worker.js has changed: see devtools/web_python.py")
    worker.write_text(f"{head}        self.pyodide = await self.earlyPyodide;\n{end}{tail}")
    # The app's archive is unpacked before anything else; from a snapshot the rest of Flet's own start is not needed.
    replace(
        assets / "python-worker.js",
        '        self.pyodide.globals.set("app_package_url", self.appPackageUrl);',
        _FROM_SNAPSHOT,
    )


def make_snapshot(assets: Path) -> None:
    """Makes Pyodide's memory snapshot with the app imported. A browser that cannot restore it starts without."""
    # Pyodide restores into the heap with which it begins; ours needs a larger one.
    replace(
        assets / "pyodide/pyodide.asm.mjs",
        "return Module.HEAP8.set(t),l}",
        "if(t.length>Module.HEAP8.length)growMemory(t.length);return Module.HEAP8.set(t),l}",
    )
    # A function of JavaScript that C calls gets a module of WebAssembly of its own, 260 of them at each start; those of
    # one signature are the same.
    replace(
        assets / "pyodide/pyodide.asm.mjs",
        "var module=new WebAssembly.Module(bytes);var instance=new WebAssembly.Instance(module,{e:{f:func}});",
        "var module=(addFunction.modules??={})[sig]??=new WebAssembly.Module(bytes);"
        "var instance=new WebAssembly.Instance(module,{e:{f:func}});",
    )
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    if node is None:
        raise RuntimeError("Node is missing: make web installs it")
    subprocess.run([node, str(ROOT / "devtools/snapshot.mjs"), str(assets)], check=True, capture_output=True)


def _is_spoken(name: str) -> bool:
    """Whether a file of CLDR's is of a language that the app speaks, or of all."""
    locale = _LOCALE.search(name)
    return locale is not None and locale[1] in ("root", "en", *languages.languages())
