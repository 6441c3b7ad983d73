"""What `make run` keeps between two runs: the emulators' data, in a folder that is always whole.

Each save goes into a folder of its own; only when it is complete does the file `newest` name it, and the one before is
deleted. So whatever is killed, and when, the last complete save is there.
"""

import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

VERSION = "2"  # of the documents and of this layout; grows when an older state can no longer be opened
OTHER_VERSION = "the saved state is from another version of this project: make reset clears it, then run again"
SAVE_SECONDS = 60.0


class StateError(Exception):
    """Why the saved state cannot be used, and what to do."""


class SaveError(Exception):
    """Why nothing was saved."""


class SavedState:
    """The folder `state`: `version`, `org` (the local org's own) and `emulators`."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._emulators = state / "emulators"
        self._newest = self._emulators / "newest"

    def open(self) -> None:
        """Marks a new state with its version. Raises StateError for one of another version."""
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
        """The folder of the last complete save."""
        if not self._newest.exists():
            return None
        folder = self._emulators / self._newest.read_text().strip()
        return folder if (folder / "firebase-export-metadata.json").exists() else None

    def save(self, hub_port: int) -> None:
        """Has the emulator hub export everything. Raises SaveError; then what was saved before still stands."""
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
        # An emulator is not running (EMULATORS): what it held before is worth more than what the others hold now.
        if lost:
            shutil.rmtree(folder, ignore_errors=True)
            raise SaveError(f"what was saved before has {', '.join(sorted(lost))}, and this run has not")
        pointer = self._newest.with_suffix(".new")
        pointer.write_text(name)
        os.replace(pointer, self._newest)
        for old in self._emulators.iterdir():
            if old.is_dir() and old != folder:
                shutil.rmtree(old, ignore_errors=True)
