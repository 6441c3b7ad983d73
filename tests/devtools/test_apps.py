"""What `make app` makes of that which Flet's builder leaves, with a stand-in for the builder, whose Flutter SDK is not
here.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from devtools import apps
from devtools.paths import ROOT

# Where the builder of flet-cli 1.0.5 puts what it has built, below --output (its build_base.py, `outputs`).
LEFT = {
    "apk": ("field-sales.apk",),
    "aab": ("field-sales.aab",),
    "ipa": ("Runner.xcarchive/Products/Applications/field-sales.app/Info.plist", "Runner.xcarchive/Info.plist"),
    "macos": ("field-sales.app/Contents/MacOS/field-sales",),
    "linux": ("field-sales", "lib/libapp.so"),
    "windows": ("field-sales.exe", "data/app.so"),
}
BUILDER = """#!{python}
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
assert sys.argv[1] == "build" and "--yes" in sys.argv, sys.argv
for name in {names!r}:
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text(" ".join(sys.argv[5:]))
sys.exit({code})
"""


def builder(folder: Path, *names: str, code: int = 0) -> Path:
    file = folder / "flet"
    file.write_text(BUILDER.format(python=sys.executable, names=names, code=code))
    file.chmod(0o755)
    return file


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n[tool.flet]\nartifact = "field-sales"\n')
    return folder


@pytest.mark.parametrize("target", apps.PACKED)
def test_each_app_becomes_one_file_with_its_checksum(app: Path, tmp_path: Path, target: str) -> None:
    file = apps.build(
        target, ["--build-number", "7"], app=app, out=tmp_path / "out", flet=builder(tmp_path, *LEFT[target])
    )
    assert file.name.startswith("field-sales-1.2.3")
    assert file.name.endswith(f".{apps.PACKED[target]}")
    digest, name = file.with_name(f"{file.name}.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(file.read_bytes()).hexdigest(), file.name)
    assert len(list((tmp_path / "out").iterdir())) == 2
    if target in ("apk", "aab"):
        assert file.read_text().endswith("--build-number 7")


def test_windows_which_cannot_run_the_rest_can_build_its_app() -> None:
    """The workflow's Windows machine begins as this does, without what only Unix has."""
    unix = ("fcntl", "grp", "pwd", "termios")
    begin = f"import sys; sys.modules.update(dict.fromkeys({unix})); from devtools.__main__ import main; main(['app'])"
    done = subprocess.run([sys.executable, "-c", begin], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "there is no app by that name" in done.stdout + done.stderr


def test_an_unsigned_iphone_app_is_packed_as_xcode_would(app: Path, tmp_path: Path) -> None:
    file = apps.build("ipa", app=app, out=tmp_path, flet=builder(tmp_path, *LEFT["ipa"]))
    assert zipfile.ZipFile(file).namelist() == ["Payload/field-sales.app/Info.plist"]


def test_a_signed_iphone_app_is_taken_as_it_is(app: Path, tmp_path: Path) -> None:
    file = apps.build("ipa", app=app, out=tmp_path, flet=builder(tmp_path, *LEFT["ipa"], "field-sales.ipa"))
    assert "--no-rich-output" in file.read_text()


def test_a_macs_links_and_rights_stay(app: Path, tmp_path: Path) -> None:
    made = app / "build/macos/field-sales.app"
    (made / "Versions/A").mkdir(parents=True)
    (made / "Versions/A/run").write_text("")
    (made / "Versions/A/run").chmod(0o755)
    os.symlink("A", made / "Versions/Current")
    with tarfile.open(apps.pack("macos", app, tmp_path)) as packed:
        entries = {entry.name: entry for entry in packed}
    assert entries["field-sales.app/Versions/Current"].issym()
    assert entries["field-sales.app/Versions/A/run"].mode & 0o100


@pytest.mark.parametrize(
    ("target", "names", "code", "says"),
    [
        ("", (), 0, "there is no app by that name: choose one of apk, aab, ipa"),
        ("web", (), 0, "there is no app by that name"),
        ("apk", ("field-sales.apk",), 1, "flet build apk failed"),
        ("apk", ("notes.txt",), 0, "has no .apk"),
        ("linux", (), 0, "is empty"),
    ],
)
def test_what_was_not_built_is_not_packed(
    app: Path, tmp_path: Path, target: str, names: tuple[str, ...], code: int, says: str
) -> None:
    with pytest.raises(apps.BuildError, match=says):
        apps.build(target, app=app, out=tmp_path / "out", flet=builder(tmp_path, *names, code=code))
    assert not list(tmp_path.glob("out/*.sha256"))
