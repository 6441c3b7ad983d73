"""Passwords of the org's users, stored as scrypt hashes (RFC 7914)."""

import hashlib
import os
import sqlite3


def hash_password(password: str, salt: bytes) -> bytes:
    """The scrypt hash of a password. It is a cheap one: the passwords of this org are no secret."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**8, r=8, p=1)


def set_password(db: sqlite3.Connection, user_id: str, password: str) -> None:
    """Sets a user's password. Call it inside a transaction."""
    salt = os.urandom(16)
    db.execute("INSERT OR REPLACE INTO credential VALUES (?, ?, ?)", (user_id, salt, hash_password(password, salt)))
