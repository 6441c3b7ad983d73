"""Passwords of the org's users, kept as scrypt has them (RFC 7914)."""

import hashlib
import os
import sqlite3


def hash_password(password: str, salt: bytes) -> bytes:
    """The stored form of a password; cheap, because these passwords are printed on the login page."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**8, r=8, p=1)


def set_password(db: sqlite3.Connection, user_id: str, password: str) -> None:
    """Gives a user a password; call it inside a transaction."""
    salt = os.urandom(16)
    db.execute("INSERT OR REPLACE INTO credential VALUES (?, ?, ?)", (user_id, salt, hash_password(password, salt)))
