"""The whole state of an org under a name, to come back to: records, grants, sessions, jobs.

An org that is kept in a folder keeps its snapshots there too; one in memory keeps them in memory.
"""

import re
import sqlite3

from localorg.data import tables
from localorg.errors import ApiError
from localorg.org import Org

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def save(org: Org, name: str) -> None:
    """Keeps the state under a name, over an older one of that name. Raises ApiError for a name that is none."""
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
    """Everything is again as it was when it was saved; jobs under way are dropped.

    Raises ApiError when there is no such snapshot.
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
    finally:
        source.close()


def _check(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ApiError(400, "INVALID_ARGUMENT", "a snapshot's name has up to 64 letters, digits, - and _")


def _unknown(name: str) -> ApiError:
    return ApiError(404, "NOT_FOUND", f"there is no snapshot {name}; save one first")
