"""The SQLite tables of an org's objects."""

import sqlite3

from localorg.schema.sobjects import Field, Schema, SObject

# Besides references and external ids: fields that lists are sorted and searched by.
_INDEXED = ("Name", "LastModifiedDate", "CreatedDate", "Username", "Email", "CloseDate", "StageName")


def match(db: sqlite3.Connection, schema: Schema) -> None:
    """Adds the tables and columns that the schema has and the database lacks. Nothing is ever removed."""
    for sobject in schema:
        stored = [f for f in sobject.fields if f.stored]
        if sobject.view:
            continue
        db.execute(f'CREATE TABLE IF NOT EXISTS "{sobject.name}" ({", ".join(map(_column, stored))}) WITHOUT ROWID')
        there = {str(r["name"]).lower() for r in db.execute(f'PRAGMA table_info("{sobject.name}")')}
        for f in stored:
            if f.name.lower() not in there:
                db.execute(f'ALTER TABLE "{sobject.name}" ADD COLUMN {_column(f)}')
    for sobject in schema:
        if sobject.view:
            _match_view(db, sobject)


def _match_view(db: sqlite3.Connection, sobject: SObject) -> None:
    """Makes the view of an object anew; fields that its SQL does not have, such as those of a shape, are null."""
    there = {str(c[0]).lower() for c in db.execute(f"SELECT * FROM ({sobject.view}) LIMIT 0").description}
    more = "".join(f', NULL AS "{f.name}"' for f in sobject.fields if f.stored and f.name.lower() not in there)
    db.execute(f'DROP VIEW IF EXISTS "{sobject.name}"')
    db.execute(f'CREATE VIEW "{sobject.name}" AS SELECT *{more} FROM ({sobject.view})')


def index(db: sqlite3.Connection, schema: Schema) -> None:
    """Adds the indexes. It is called after a new org was filled, because that is faster."""
    for sobject in schema:
        for f in () if sobject.view else sobject.fields:
            if f.stored and (f.type == "reference" or f.external_id or f.unique or f.name in _INDEXED):
                db.execute(f'CREATE INDEX IF NOT EXISTS "{sobject.name}_{f.name}" ON "{sobject.name}" ("{f.name}")')


def _column(f: Field) -> str:
    return f'"{f.name}" {f.sql_type}' + (
        " PRIMARY KEY" if f.type == "id" else " DEFAULT 0" if f.type == "boolean" else ""
    )
