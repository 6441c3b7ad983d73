"""Builds the web client: Flet's browser runtime from the installed wheel, the app's Python in one archive.

What `flet publish` does, without its downloads: everything comes from packages that pip has installed.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from devtools.setup_machine import ROOT

OUT = ROOT / "build/web"
_PACKAGES = ROOT / "build/pypackages"
# The app's requirements as Pyodide's Python sees them; wheels for its platform are on PyPI.
_PYODIDE = ["--no-deps", "--only-binary=:all:", "--python-version", "3.14", "--implementation", "cp", "--platform", "pyemscripten_2026_0_wasm32"]
_VENDORED = ("flet==1.0.5", "flet-charts==1.0.5", "flet-secure-storage==1.0.5", "msgpack==1.2.4", "repath==0.9.0", "six==1.17.0")
_UNUSED = (
    *("main.dart.wasm", "main.dart.mjs", "pyodide/python", "pyodide/python.bat", "pyodide/python.exe", "pyodide/python_cli_entry.mjs"),
    *(f"canvaskit/{name}" for name in ("skwasm.js", "skwasm.wasm", "skwasm_heavy.js", "skwasm_heavy.wasm", "wimp.js", "wimp.wasm")),
    "canvaskit/experimental_webparagraph",
)


def is_stale() -> bool:
    """Whether the sources are newer than the build."""
    stamp = OUT / ".built"
    if not stamp.exists():
        return True
    built = stamp.stat().st_mtime
    sources = [*(ROOT / "app").rglob("*"), *(ROOT / "functions/contract").rglob("*.py"), Path(__file__), ROOT / "requirements.lock"]
    return any(p.stat().st_mtime > built for p in sources if p.is_file() and "__pycache__" not in p.parts)


def build() -> None:
    """Builds into build/web; a build that fails leaves no stamp and is made again."""
    import flet_web
    from flet_web.patch_index import patch_index_html

    _vendor()
    shutil.rmtree(OUT, ignore_errors=True)
    shutil.copytree(Path(flet_web.__file__).parent / "web", OUT)
    for name in _UNUSED:
        path = OUT / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for pattern in ("**/*.symbols", "**/*.map"):
        for path in OUT.glob(pattern):
            path.unlink()
    _drop_unused_fonts()
    patch_index_html(
        index_path=str(OUT / "index.html"),
        base_href="/",
        app_name="Salesforce Sample",
        app_description="Your Salesforce accounts, on any device",
        pyodide=True,
        pyodide_script_path="main.py",
        app_package_url="/app.tar.gz",
        no_cdn=True,
    )
    index = OUT / "index.html"
    page = index.read_text()
    # Relative addresses break in the module worker and below a deep path such as /oauth/callback.
    page = re.sub(r'flet\.pyodideUrl\s*=\s*"[^"]*"', 'flet.pyodideUrl = "/pyodide/pyodide.mjs"', page)
    splash = (ROOT / "app/web/splash.html").read_text()
    page = re.sub(r'<div id="loading".*?</div>', lambda _: splash, page, flags=re.DOTALL)
    index.write_text(page)
    shutil.copytree(ROOT / "app/src/assets", OUT, dirs_exist_ok=True)
    with tarfile.open(OUT / "app.tar.gz", "w:gz") as archive:
        archive.add(ROOT / "app/src", arcname=".", filter=_code_only)
        archive.add(ROOT / "functions/contract", arcname="contract", filter=_code_only)
        archive.add(_PACKAGES, arcname="__pypackages__", filter=_code_only)
    (OUT / ".built").touch()


def _vendor() -> None:
    wanted = "\n".join(_VENDORED)
    stamp = _PACKAGES / ".vendored"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(_PACKAGES, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", *_PYODIDE, "--target", str(_PACKAGES), *_VENDORED]
    subprocess.run(command, check=True)
    stamp.write_text(wanted)


def _drop_unused_fonts() -> None:
    """The KaTeX families would be loaded at start and the app sets no formulas."""
    manifest = OUT / "assets/FontManifest.json"
    families = json.loads(manifest.read_text())
    manifest.write_text(json.dumps([f for f in families if "KaTeX" not in f["family"]]))


def _code_only(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = entry.name
    if (
        "__pycache__" in name
        or name.endswith((".pyc", ".dist-info", "pyproject.toml", ".vendored"))
        or name.startswith("./assets")
        or "/bin/" in name
    ):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
