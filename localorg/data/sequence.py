"""The ids of new records."""

import sqlite3

from localorg.schema.ids import make_id


def next_id(db: sqlite3.Connection, prefix: str) -> tuple[str, int]:
    """The next record id of the object with this key prefix, and its running number. Call it inside a transaction."""
    row = db.execute(
        "INSERT INTO sequence VALUES (?, 1) ON CONFLICT (prefix) DO UPDATE SET last = last + 1 RETURNING last",
        (prefix,),
    ).fetchone()
    number = int(row["last"])
    return make_id(prefix, number), number
