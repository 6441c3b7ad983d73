"""An open org: its database, schema, clock, limits, faults, and counters."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from localorg.clock import Clock
from localorg.faults import Faults
from localorg.limits import Limits
from localorg.proofs import Proofs
from localorg.recent import Recent
from localorg.schema.metadata import Metadata
from localorg.schema.played import Played
from localorg.schema.sobjects import Schema
from localorg.settings import OrgSettings


@dataclass(slots=True)
class Attempt:
    """The writes of one `Org.attempt` block, which can still be undone."""

    undone: bool = False

    def undo(self) -> None:
        """Undoes all writes of the block when it ends."""
        self.undone = True


@dataclass(slots=True)
class Org:
    """An open org. It is not thread safe: everything runs on one event loop.

    `metadata` holds the whole schema, `schemas` the part that users with certain rights see. `counters` count requests
    by kind, `generations` by kind and generation of the access token. `moved_to` is the instance's new address, None
    when it has not moved, `redirects` whether the old one sends refreshes there. `played` are the actions that it plays
    by a file of answers, `working` the tasks of bulk jobs, by job id.
    """

    settings: OrgSettings
    db: sqlite3.Connection
    metadata: Metadata = field(default_factory=Metadata)
    schemas: dict[str, Schema] = field(default_factory=dict[str, Schema])
    clock: Clock = field(default_factory=Clock)
    counters: Counter[str] = field(default_factory=Counter[str])
    faults: Faults = field(default_factory=Faults)
    busy_refresh_tokens: set[str] = field(default_factory=set[str])
    generations: Counter[str] = field(default_factory=Counter[str])
    limits: Limits = field(default_factory=Limits)
    recent: Recent = field(default_factory=Recent)
    proofs: Proofs = field(default_factory=Proofs)
    moved_to: str | None = None
    redirects: bool = False
    org_id: str = ""
    snapshots: dict[str, sqlite3.Connection] = field(default_factory=dict[str, sqlite3.Connection])
    played: Played = field(default_factory=Played)
    working: dict[str, "asyncio.Task[None]"] = field(default_factory=dict[str, "asyncio.Task[None]"])

    @property
    def objects(self) -> Schema:
        """All objects of the org."""
        return self.metadata.schema

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """A transaction: all writes of the block are kept, or none when it raises. Blocks can be nested."""
        inner = self.db.in_transaction
        self.db.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK TO part" if inner else "ROLLBACK")
            if inner:
                self.db.execute("RELEASE part")
            raise
        self.db.execute("RELEASE part" if inner else "COMMIT")

    @contextmanager
    def attempt(self) -> "Generator[Attempt]":
        """A transaction that the block can undo with `Attempt.undo`; it is also undone when the block raises."""
        attempt = Attempt()
        self.db.execute("SAVEPOINT attempt")
        try:
            yield attempt
        except BaseException:
            attempt.undo()
            raise
        finally:
            if attempt.undone:
                self.db.execute("ROLLBACK TO attempt")
            self.db.execute("RELEASE attempt")

    def close(self) -> None:
        """Closes the database."""
        self.db.close()
