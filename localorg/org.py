"""One open org: its SQLite file, its clock and its counters. Everything else works on an `Org`."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from localorg.clock import Clock
from localorg.faults import Faults
from localorg.limits import Limits
from localorg.recent import Recent
from localorg.schema.metadata import Metadata
from localorg.schema.sobjects import Schema
from localorg.settings import OrgSettings


@dataclass(slots=True)
class Attempt:
    """Writes that may still be taken back."""

    undone: bool = False

    def undo(self) -> None:
        self.undone = True


@dataclass(slots=True)
class Org:
    """One open org. Not thread safe: everything happens on one event loop.

    `metadata` is all there is in it, `schemas` what each profile may see of that.
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
    moved_to: str | None = None
    org_id: str = ""
    snapshots: dict[str, sqlite3.Connection] = field(default_factory=dict[str, sqlite3.Connection])
    working: dict[str, "asyncio.Task[None]"] = field(default_factory=dict[str, "asyncio.Task[None]"])

    @property
    def objects(self) -> Schema:
        """Every object of the org."""
        return self.metadata.schema

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """A transaction, or a part of the one that is under way: all of the block or nothing of it is kept."""
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
        """Several writes that are kept together, unless the block raises or calls `undo`."""
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
        self.db.close()
