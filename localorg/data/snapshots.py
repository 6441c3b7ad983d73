"""Snapshots: the whole state of an org (records, grants, sessions, jobs), kept under a name.

An org in a folder keeps its snapshots in that folder; an org in memory keeps them in memory.
"""

import re
import sqlite3

from localorg.data import currencies, tables
from localorg.errors import ApiError
from localorg.org import Org

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def save(org: Org, name: str) -> None:
    """Keeps the current state under a name and replaces an older snapshot of that name.

    Raises ApiError 400 when the name has other characters than letters, digits, - and _.
    """
    _check(name)
    if org.settings.data is None:
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        org.db.backup(kept)
        org.snapshots[name] = kept
        return
    folder = org.settings.data / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{name}.new"
    new.unlink(missing_ok=True)
    target = sqlite3.connect(new)
    try:
        org.db.backup(target)
    finally:
        target.close()
    new.replace(folder / f"{name}.sqlite3")


def restore(org: Org, name: str) -> None:
    """Brings a snapshot's state back. Jobs that are being processed stop.

    Raises ApiError 404 when there is no such snapshot, 400 when another version of localorg made it.
    """
    _check(name)
    for task in org.working.values():
        task.cancel()
    if org.settings.data is None:
        kept = org.snapshots.get(name)
        if kept is None:
            raise _unknown(name)
        kept.backup(org.db)
        tables.match(org.db, org.objects)
        currencies.refresh(org)
        return
    file = org.settings.data / "snapshots" / f"{name}.sqlite3"
    if not file.exists():
        raise _unknown(name)
    source = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        if source.execute("PRAGMA user_version").fetchone()[0] != org.db.execute("PRAGMA user_version").fetchone()[0]:
            raise ApiError(400, "INVALID_ARGUMENT", f"the snapshot {name} was made by another version of localorg")
        source.backup(org.db)
        tables.match(org.db, org.objects)
        currencies.refresh(org)
    finally:
        source.close()


def _check(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ApiError(400, "INVALID_ARGUMENT", "a snapshot's name has up to 64 letters, digits, - and _")


def _unknown(name: str) -> ApiError:
    return ApiError(404, "NOT_FOUND", f"there is no snapshot {name}; save one first")
