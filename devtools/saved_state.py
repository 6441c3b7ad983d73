"""The data of the emulators that `make run` keeps between two runs.

Each save has a folder of its own. When it is complete, the file `newest` names it and the one before is deleted. So the
last complete save is always there, whenever a process is killed.
"""

import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

VERSION = "3"  # of documents and layout; it grows when an older state cannot be opened any more
OTHER_VERSION = "the saved state is from another version of this project: make reset clears it, then run again"
SAVE_SECONDS = 60.0


class StateError(Exception):
    """The saved state cannot be used. The text says why and what to do."""


class SaveError(Exception):
    """Nothing was saved. The text says why."""


class SavedState:
    """A folder with `version`, `org` (the local org's state), and `emulators` (the saves)."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._emulators = state / "emulators"
        self._newest = self._emulators / "newest"

    def open(self) -> None:
        """Makes the folder with its version when it is new. Raises StateError when another version made it."""
        version = self._state / "version"
        if version.exists():
            if version.read_text().strip() != VERSION:
                raise StateError(OTHER_VERSION)
            return
        if self._state.is_dir() and any(self._state.iterdir()):
            raise StateError(OTHER_VERSION)
        self._state.mkdir(parents=True, exist_ok=True)
        version.write_text(VERSION)

    def newest(self) -> Path | None:
        """The folder of the last complete save, None without one."""
        if not self._newest.exists():
            return None
        folder = self._emulators / self._newest.read_text().strip()
        return folder if (folder / "firebase-export-metadata.json").exists() else None

    def save(self, hub_port: int) -> None:
        """Makes the emulators export their data. Raises SaveError; the last save then stays."""
        name = str(1 + max((int(f.name) for f in self._emulators.glob("*") if f.name.isdigit()), default=0))
        folder = self._emulators / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        body = json.dumps({"path": str(folder), "initiatedBy": "make run"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{hub_port}/_admin/export", body, {"Content-Type": "application/json"}
        )
        try:
            urllib.request.urlopen(request, timeout=SAVE_SECONDS).close()  # noqa: S310  loopback
        except (OSError, urllib.error.URLError) as failed:
            shutil.rmtree(folder, ignore_errors=True)
            raise SaveError(f"the emulator hub did not export ({type(failed).__name__})") from None
        if not (folder / "firebase-export-metadata.json").exists():
            raise SaveError("the export is not complete")
        before = self.newest()
        lost = (
            set()
            if before is None
            else {part.name for part in before.glob("*_export")} - {part.name for part in folder.glob("*_export")}
        )
        # With only some emulators running (EMULATORS), a save would lose the data of the others.
        if lost:
            shutil.rmtree(folder, ignore_errors=True)
            raise SaveError(f"what was saved before has {', '.join(sorted(lost))}, and this run has not")
        pointer = self._newest.with_suffix(".new")
        pointer.write_text(name)
        os.replace(pointer, self._newest)
        for old in self._emulators.iterdir():
            if old.is_dir() and old != folder:
                shutil.rmtree(old, ignore_errors=True)
