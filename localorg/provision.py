"""Opening an org: its tables, its demo data when it is new, and the demo app's redirect URIs."""

import hashlib
import sqlite3

from localorg.clock import from_datetime
from localorg.data import currencies, tables
from localorg.data.access import profile_name
from localorg.data.files import BLOB_TABLE
from localorg.data.jobs import JOB_TABLES
from localorg.data.seed import ADMIN, seed
from localorg.data.sequence import next_id
from localorg.oauth.tables import OAUTH_TABLES
from localorg.org import Org
from localorg.proofs import Proofs
from localorg.schema import text
from localorg.schema.metadata import Metadata
from localorg.schema.played import Played
from localorg.schema.shapes import shaped
from localorg.settings import CONSUMER_KEY, OrgSettings
from localorg.soql import functions

# When each user viewed which record, for LastViewedDate and the list of recent records.
_VIEWED = """CREATE TABLE IF NOT EXISTS viewed (
    UserId TEXT, RecordId TEXT, ViewedDate TEXT, ReferencedDate TEXT, PRIMARY KEY (UserId, RecordId)
) WITHOUT ROWID"""
SCHEMA_VERSION = 12  # of the tables in the file; it grows with each change


def open_org(settings: OrgSettings) -> Org:
    """Opens the org of these settings. A new org gets its demo data and the records of `load`.

    Raises sqlite3.DatabaseError when the file is not an org's, ValueError when it is an org of another shape,
    MetadataError and DataError when `schema`, `load` or `actions` cannot be used.
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
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version != SCHEMA_VERSION and db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None:
        db.close()
        raise sqlite3.DatabaseError("it was made by another version of localorg")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.executescript(OAUTH_TABLES)
    db.executescript(JOB_TABLES)
    db.execute(_VIEWED)
    db.execute(BLOB_TABLE)
    metadata = _metadata(db, settings)
    currencies.prepare(settings, metadata)
    org = Org(settings, db, metadata, proofs=Proofs(settings.proofs), played=_played(settings, metadata))
    db.create_function("org_now", 0, org.clock.stamp)
    tables.match(db, org.objects)
    if db.execute("SELECT 1 FROM meta WHERE key = 'seeded'").fetchone() is None:
        _fill(org)
    made_as = db.execute("SELECT value FROM meta WHERE key = 'shape'").fetchone()
    if ("" if made_as is None else made_as["value"]) != ",".join(sorted(settings.shape)):
        db.close()
        raise ValueError(_other_shape("" if made_as is None else str(made_as["value"])))
    currencies.refresh(org)
    tables.index(db, org.objects)
    _register_metadata(org)
    _note_schema(org)
    _register_app(org)
    org.org_id = str(db.execute("SELECT Id FROM Organization").fetchone()["Id"])
    return org


def _other_shape(shape: str) -> str:
    made = f"with --shape {shape}" if shape else "without --shape"
    return (
        f"the org in this folder was made {made}: start it so, or with another --data folder, or after localorg reset"
    )


def age(org: Org) -> int:
    """The age of the org in days."""
    made = org.db.execute("SELECT CreatedDate FROM Organization").fetchone()["CreatedDate"]
    return int((org.clock.now() - from_datetime(str(made))) // 86_400)


def _metadata(db: sqlite3.Connection, settings: OrgSettings) -> Metadata:
    """The org's schema. Custom objects keep the key prefixes that they had before."""
    standard = shaped(settings.shape)
    if not settings.schema:
        return Metadata(standard, standard=standard)
    from localorg.metadata.objects import build  # here, because only an org with custom objects needs them
    from localorg.metadata.source import read

    kept = {
        str(r["key"])[7:]: str(r["value"]) for r in db.execute("SELECT key, value FROM meta WHERE key LIKE 'prefix:%'")
    }
    return build(read(settings.schema), kept, standard)


def _played(settings: OrgSettings, metadata: Metadata) -> Played:
    if not settings.actions:
        return Played()
    from localorg.metadata.actions import read_actions

    return read_actions(settings.actions, metadata.schema)


def _fill(org: Org) -> None:
    """Fills a new org: demo data, then the records of `load`. What an interrupted run left is removed first."""
    db = org.db
    for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        db.execute(f'DELETE FROM "{row["name"]}"')
    db.execute("PRAGMA synchronous = OFF")
    seed(org)
    currencies.fill(org)
    _register_metadata(org)
    if org.settings.load:
        from localorg.metadata.load import load

        load(org, org.settings.load)
    with org.write():
        db.execute("INSERT INTO meta VALUES ('shape', ?)", (",".join(sorted(org.settings.shape)),))
        db.execute("INSERT INTO meta VALUES ('seeded', ?)", (str(org.settings.seed),))
    db.execute("PRAGMA synchronous = NORMAL")


def _register_metadata(org: Org) -> None:
    """Stores the records of record types, permission sets, and profiles, and the key prefixes of custom objects."""
    now, by = org.clock.stamp(), str(org.db.execute("SELECT Id FROM User WHERE Username = ?", (ADMIN,)).fetchone()[0])
    stamps: dict[str, object] = {
        "IsDeleted": 0, "CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now, "CreatedById": by,
        "LastModifiedById": by,
    }  # fmt: skip
    with org.write() as db:

        def keep(sobject: str, identifier: str, values: dict[str, object]) -> None:
            row = {"Id": identifier, **values, **stamps}
            marks = ", ".join("?" * len(row))
            db.execute(f'INSERT OR IGNORE INTO "{sobject}" ({", ".join(row)}) VALUES ({marks})', tuple(row.values()))

        typed = org.objects["RecordType"]
        for one in org.objects:
            for n, record_type in enumerate(one.record_types):
                keep(
                    "RecordType",
                    one.record_type_id(n),
                    {
                        "Name": record_type.label,
                        "DeveloperName": record_type.name,
                        "SobjectType": one.name,
                        "IsActive": int(record_type.active),
                        "Description": record_type.description or None,
                        **({"IsPersonType": int(record_type.person)} if typed.field("IsPersonType") else {}),
                    },
                )
            if one.custom:
                db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (f"prefix:{one.name}", one.prefix))
        for which, sobject in ((org.metadata.permission_sets, "PermissionSet"), (org.metadata.profiles, "Profile")):
            names = {str(r[0]) for r in db.execute(f"SELECT Name FROM {sobject}")}
            for permissions in which:
                name = profile_name(permissions.name) if sobject == "Profile" else permissions.name
                if name not in names:
                    more = {"Label": permissions.label, "IsOwnedByProfile": 0} if sobject == "PermissionSet" else {}
                    keep(sobject, next_id(db, org.objects[sobject].prefix)[0], {"Name": name, **more})


def _note_schema(org: Org) -> None:
    """Stores the time when the schema has changed since the last start, for If-Modified-Since."""
    objects = [(o.name, o.label, o.record_types, [(f.name, f.label, f.type, f.length, f.required, f.picklist, f.labels,
                                                sorted(f.inactive), f.targets, f.controller, f.valid_for,
                                                f.encrypted)
                                               for f in o.fields])
            for o in org.objects]  # fmt: skip
    granting = (*org.metadata.permission_sets, *org.metadata.profiles)
    sets = [
        (p.name, sorted((name, sorted(letters)) for name, letters in {**p.objects, **p.fields}.items()))
        for p in granting
    ]
    mark = hashlib.sha256(repr((objects, sets)).encode()).hexdigest()
    row = org.db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is None or row["value"] != mark:
        with org.write() as db:
            now = (
                org.clock.stamp()
                if row is not None
                else str(db.execute("SELECT CreatedDate FROM Organization").fetchone()[0])
            )
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", (("schema", mark), ("schema changed", now)))


def _register_app(org: Org) -> None:
    """Sets the demo app's redirect URIs, which follow the ports of this run, and what else the settings say of it."""
    said = org.settings
    with org.write() as db:
        db.execute(
            "UPDATE app SET callbacks = ?, name = ?, rotation = ?, dpop = ? WHERE consumer_key = ?",
            ("\n".join(said.callbacks), said.app_name, said.rotation, said.dpop, CONSUMER_KEY),
        )
