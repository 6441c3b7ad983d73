"""Opening an org: its tables, its seed data when it is new, and the redirect URIs of this run."""

import sqlite3

from localorg.data import text
from localorg.data.jobs import JOB_TABLES
from localorg.data.schema import STANDARD
from localorg.data.seed import seed
from localorg.oauth.tables import OAUTH_TABLES
from localorg.org import Org
from localorg.settings import CONSUMER_KEY, OrgSettings
from localorg.soql import functions

# Besides references: what lists are sorted and searched by.
_INDEXED = ("Name", "LastModifiedDate", "CreatedDate", "Username", "Email", "CloseDate", "StageName")


# What each user has seen last, for LastViewedDate and the list of recent records.
_VIEWED = """CREATE TABLE IF NOT EXISTS viewed (
    UserId TEXT, RecordId TEXT, ViewedDate TEXT, ReferencedDate TEXT, PRIMARY KEY (UserId, RecordId)
) WITHOUT ROWID"""
SCHEMA_VERSION = 7  # of the tables in the file; grows with each change of them


def open_org(settings: OrgSettings) -> Org:
    """Opens the org's SQLite file, making and seeding it when it is new.

    Raises sqlite3.DatabaseError when the file is not an org's.
    """
    if settings.data is not None:
        settings.data.mkdir(parents=True, exist_ok=True)
    path = ":memory:" if settings.data is None else str(settings.data / "org.sqlite3")
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    text.register(db)
    functions.register(db)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA busy_timeout = 5000")
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found != SCHEMA_VERSION and db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None:
        db.close()
        raise sqlite3.DatabaseError("it was made by another version of localorg")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.executescript(OAUTH_TABLES)
    db.executescript(JOB_TABLES)
    db.execute(_VIEWED)
    for sobject in STANDARD:
        columns = ", ".join(f'"{f.name}" {f.sql_type}' + (" PRIMARY KEY" if f.type == "id" else "") for f in sobject.fields if f.stored)
        db.execute(f'CREATE TABLE IF NOT EXISTS "{sobject.name}" ({columns}) WITHOUT ROWID')
    org = Org(settings, db)
    if db.execute("SELECT 1 FROM meta WHERE key = 'seeded'").fetchone() is None:
        _fill(org)
    for sobject in STANDARD:
        for f in sobject.fields:
            if f.type == "reference" or f.external_id or f.name in _INDEXED:
                name = f"{sobject.name}_{f.name}"
                db.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON "{sobject.name}" ("{f.name}")')
    _register_callbacks(org, settings.callbacks, rotation=settings.rotation)
    org.org_id = str(db.execute("SELECT Id FROM Organization").fetchone()["Id"])
    return org


def _fill(org: Org) -> None:
    """Seeds a new file, before its indexes are made; what a broken-off attempt left is cleared first."""
    db = org.db
    for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        db.execute(f'DELETE FROM "{row["name"]}"')
    db.execute("PRAGMA synchronous = OFF")
    seed(org)
    db.execute("PRAGMA synchronous = NORMAL")


def _register_callbacks(org: Org, callbacks: tuple[str, ...], *, rotation: bool) -> None:
    """Sets the demo app's redirect URIs, which follow the ports of this run."""
    with org.write() as db:
        db.execute(
            "UPDATE app SET callbacks = ?, rotation = ? WHERE consumer_key = ?",
            ("\n".join(callbacks), rotation, CONSUMER_KEY),
        )
