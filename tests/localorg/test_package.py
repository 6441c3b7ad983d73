"""What the package brings along for others: its fixture, its wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2 as httpx

from localorg import EmbeddedOrg


def test_the_fixture_is_found_by_itself(local_org: EmbeddedOrg) -> None:
    assert httpx.get(f"{local_org.url}/services/data").status_code == 200


def test_the_wheel_holds_the_whole_package(repository: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(repository / "localorg")],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"localorg/cli.py", "localorg/soql/run.py", "localorg/testing.py"} <= names
    assert not any("test_" in name for name in names)
