"""Builds the web client from Flet's browser runtime and the app's Python sources.

It does what `flet publish` does, but without downloads: everything comes from installed packages.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from babel.messages.pofile import PoFileError

from devtools import brand, languages, web_flutter, web_page, web_python
from devtools.paths import ROOT
from devtools.web_files import SourceError, esbuild
from devtools.web_fonts import choose_fonts

OUT = ROOT / "build/web"
_NEW = ROOT / "build/web.new"  # where a build is made: only a whole one gets into OUT
_BEFORE = ROOT / "build/web.before"
# Everything but the page itself lies in a folder that is named after its content, so that browsers may keep it for ever
# (firebase.json).
_ASSETS = _NEW / "v/new"
_STAMP = OUT / ".built"  # of a build with everything in it; a quick one takes it away
_PAGE = ".page.html"  # the page without what app/web/start/start.html and the version put into it
_KEPT_VERSIONS = 3  # while it is edited: a page that is open goes on with the files of its own
# What no browser asks for. Of Flutter's engines stay skwasm (Chromium; the heavy one where it lacks a way to break
# lines), Chromium's CanvasKit (where it has no WebGL) and the whole CanvasKit (Firefox, WebKit).
_UNUSED = (
    *("pyodide/python", "pyodide/python.bat", "pyodide/python.exe", "pyodide/python_cli_entry.mjs"),
    *("canvaskit/wimp.js", "canvaskit/wimp.wasm", "canvaskit/experimental_webparagraph"),
)


def is_stale() -> bool:
    """Whether the sources are newer than the build."""
    if not _STAMP.exists():
        return True
    built = _STAMP.stat().st_mtime
    sources = [
        *(ROOT / "app").rglob("*"),
        *(ROOT / "functions/contract").rglob("*.py"),
        *(ROOT / "devtools").glob("web*.py"),
        *(ROOT / "devtools").glob("snapshot*"),
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
    import fcntl  # not on Windows, which builds its app with the rest of these commands at hand

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
    owner = brand.read()
    web_python.vendor()
    shutil.copytree(Path(flet_web.__file__).parent / "web", _ASSETS)
    for name in _UNUSED:
        path = _ASSETS / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for pattern in ("**/*.symbols", "**/*.map"):
        for path in _ASSETS.glob(pattern):
            path.unlink()
    choose_fonts(_ASSETS)
    web_flutter.change(_ASSETS)
    patch_index_html(
        index_path=str(_ASSETS / "index.html"),
        base_href="/",
        app_name=owner.name,
        app_description=owner.description,
        pyodide=True,
        pyodide_script_path="main.py",
        app_package_url="app.tar.gz",
        no_cdn=True,
        web_renderer=WebRenderer.AUTO,
    )
    shutil.copytree(ROOT / "app/web", _NEW, dirs_exist_ok=True, ignore=shutil.ignore_patterns("start"))
    web_page.write_start(_ASSETS)
    web_page.bundle_app_check(_ASSETS / "app_check.js")
    (_NEW / _PAGE).write_text(web_page.finish_page(_ASSETS))
    web_python.start_early(_ASSETS)
    web_python.write_archive(_ASSETS)
    web_python.make_snapshot(_ASSETS)
    version = _content_hash(_ASSETS)
    _ASSETS.rename(_ASSETS.with_name(version))
    (_NEW / "index.html").write_text(_page(_NEW, version))
    (_NEW / _STAMP.name).touch()
    if OUT.exists():
        OUT.rename(_BEFORE)
    _NEW.rename(OUT)


def _page(folder: Path, version: str) -> str:
    return web_page.page((folder / _PAGE).read_text(), version, brand.read().name)


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
            *(path.name for path in web_page.SOURCES.glob("*.[cj]s*")),
        ):
            (_ASSETS / name).unlink(missing_ok=True)
        worker = (before / "python-worker.js").read_text()
        (_ASSETS / "python-worker.js").write_text(worker.replace("const edited = false;", "const edited = true;"))
        web_page.write_start(_ASSETS)
        web_page.bundle_app_check(_ASSETS / "app_check.js")
        web_python.write_archive_from(before / "app.tar.gz", _ASSETS)
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
    try:
        behind = brand.stale(folder="app/")
    except brand.BrandError as wrong:
        raise SourceError(str(wrong)) from None
    if behind:
        raise SourceError(f"{brand.SOURCE} was changed, and {behind[0]} was not: run make brand")
    for language in languages.languages():
        try:
            languages.read(language)
        except (PoFileError, ValueError) as wrong:
            line = f":{wrong.lineno}" if isinstance(wrong, PoFileError) else ""
            raise SourceError(f"{languages.po_file(language).relative_to(ROOT)}{line}: {wrong}") from None
    scripts = sorted(str(path.relative_to(ROOT)) for path in web_page.SOURCES.glob("*.[cj]s*"))
    done = esbuild(*scripts, "--outdir=build/web.new/checked", "--log-limit=1")
    if done.returncode != 0:
        at, why = re.search(r"^ +(\S+:\d+):\d+:", done.stderr, re.MULTILINE), re.search(r"\[ERROR\] (.*)", done.stderr)
        raise SourceError(f"{at[1] if at else 'app/web/start'}: {why[1] if why else done.stderr.strip()}")
    shutil.rmtree(_NEW / "checked")


def _content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
