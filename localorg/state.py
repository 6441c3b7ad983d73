"""What the org remembers: its SQLite file, its clock and its counters. Everything else works on an `Org`."""

import sqlite3
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from localorg.faults import Faults

DEFAULT_CALLBACKS = ("http://127.0.0.1:5000/oauth/callback", "http://127.0.0.1:5999/callback")
CONSUMER_KEY = "LOCAL_EXTERNAL_CLIENT_APP"
CONSUMER_SECRET = "local-consumer-secret"  # the demo app's; it opens nothing but this org
PASSWORD = "localorg1"


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """How an org is set up. `data` is the folder of its SQLite file, None keeps it in memory.

    `session_seconds` is the idle time after which an access token expires; `code_seconds` the life of an
    authorization code (Salesforce: 15 minutes).
    """

    data: Path | None = None
    seed: int = 1
    accounts: int = 200
    session_seconds: int = 7200
    code_seconds: int = 900
    rotation: bool = True
    callbacks: tuple[str, ...] = DEFAULT_CALLBACKS


class Clock:
    """The org's time in seconds since the epoch; tests move it forward."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds

    def stamp(self) -> str:
        """Now as a Salesforce dateTime, such as `2026-11-23T15:47:51.000+0000`."""
        return to_datetime(self.now())


def to_datetime(seconds: float) -> str:
    """Seconds since the epoch as a Salesforce dateTime."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def from_datetime(text: str) -> float:
    """A Salesforce dateTime as seconds since the epoch."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


OAUTH_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sequence (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS app (
  consumer_key TEXT PRIMARY KEY, consumer_secret TEXT NOT NULL, name TEXT NOT NULL, callbacks TEXT NOT NULL,
  scopes TEXT NOT NULL, pkce_required INTEGER NOT NULL, secret_required INTEGER NOT NULL, rotation INTEGER NOT NULL,
  refresh_policy TEXT NOT NULL DEFAULT 'until-revoked', refresh_seconds INTEGER NOT NULL DEFAULT 0, session_seconds INTEGER);
CREATE TABLE IF NOT EXISTS credential (user_id TEXT PRIMARY KEY, salt BLOB NOT NULL, password_hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS browser_session (id_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS approval (consumer_key TEXT, user_id TEXT, scope TEXT NOT NULL, PRIMARY KEY (consumer_key, user_id));
CREATE TABLE IF NOT EXISTS code (
  code_hash TEXT PRIMARY KEY, consumer_key TEXT NOT NULL, user_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL, challenge TEXT, nonce TEXT, expires REAL NOT NULL, grant_id INTEGER);
CREATE TABLE IF NOT EXISTS oauth_grant (
  id INTEGER PRIMARY KEY, consumer_key TEXT NOT NULL, user_id TEXT NOT NULL, scope TEXT NOT NULL,
  generation INTEGER NOT NULL, created REAL NOT NULL, last_used REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS refresh_token (
  token_hash TEXT PRIMARY KEY, grant_id INTEGER NOT NULL REFERENCES oauth_grant (id), generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS session (
  token_hash TEXT PRIMARY KEY, grant_id INTEGER NOT NULL REFERENCES oauth_grant (id), user_id TEXT NOT NULL,
  consumer_key TEXT NOT NULL, scope TEXT NOT NULL, generation INTEGER NOT NULL, issued REAL NOT NULL, expires REAL NOT NULL);
CREATE INDEX IF NOT EXISTS session_user ON session (user_id);
CREATE INDEX IF NOT EXISTS session_grant ON session (grant_id);
"""


@dataclass(slots=True)
class Attempt:
    """Writes that may still be taken back."""

    undone: bool = False

    def undo(self) -> None:
        self.undone = True


@dataclass(slots=True)
class Org:
    """One open org. Not thread safe: everything happens on one event loop."""

    settings: OrgSettings
    db: sqlite3.Connection
    clock: Clock = field(default_factory=Clock)
    counters: Counter[str] = field(default_factory=Counter[str])
    faults: Faults = field(default_factory=Faults)
    busy_refresh_tokens: set[str] = field(default_factory=set[str])
    generations: Counter[str] = field(default_factory=Counter[str])
    daily_limit: int = 15_000
    api_used: int = 0
    moved_to: str | None = None
    org_id: str = ""

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
        asked = Attempt()
        self.db.execute("SAVEPOINT attempt")
        try:
            yield asked
        except BaseException:
            asked.undo()
            raise
        finally:
            if asked.undone:
                self.db.execute("ROLLBACK TO attempt")
            self.db.execute("RELEASE attempt")

    def close(self) -> None:
        self.db.close()
