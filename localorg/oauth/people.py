"""People at a browser: passwords, sessions of the pages, consents, and the front door. No HTTP here."""

import hmac
import secrets

from localorg.data.passwords import hash_password
from localorg.oauth.apps import App
from localorg.oauth.grants import token_key
from localorg.org import Org

BROWSER_SESSION_SECONDS = 12 * 3600
FRONT_DOOR_SECONDS = 60


def check_password(org: Org, username: str, password: str) -> str | None:
    """The id of the active user with this name and password, None when there is none."""
    row = org.db.execute(
        "SELECT u.Id, c.salt, c.password_hash FROM User u JOIN credential c ON c.user_id = u.Id WHERE u.Username = ?"
        " AND u.IsActive = 1",
        (username,),
    ).fetchone()
    salt, expected = (row["salt"], row["password_hash"]) if row is not None else (b"", b"")
    matches = hmac.compare_digest(hash_password(password[:1000], salt), expected)
    return str(row["Id"]) if row is not None and matches else None


def start_browser_session(org: Org, user_id: str) -> str:
    """Signs a user in in a browser. Returns the value of the session cookie."""
    sid = secrets.token_urlsafe(32)
    with org.write() as db:
        db.execute(
            "INSERT INTO browser_session VALUES (?, ?, ?)",
            (token_key(sid), user_id, org.clock.now() + BROWSER_SESSION_SECONDS),
        )
    return sid


def browser_user(org: Org, sid: str) -> str | None:
    """The id of the user whose session cookie this is, None when the session has expired or never was."""
    row = org.db.execute(
        "SELECT user_id FROM browser_session WHERE id_hash = ? AND expires > ?", (token_key(sid), org.clock.now())
    ).fetchone()
    return None if row is None else str(row["user_id"])


def is_approved(org: Org, app: App, user_id: str, scope: str) -> bool:
    """Whether the user has already allowed the app all of these scopes, or an administrator has for everyone."""
    if app.preauthorized:
        return True
    row = org.db.execute(
        "SELECT scope FROM approval WHERE consumer_key = ? AND user_id = ?", (app.consumer_key, user_id)
    ).fetchone()
    return row is not None and set(scope.split()) <= set(str(row["scope"]).split())


def approve(org: Org, app: App, user_id: str, scope: str) -> None:
    """Stores the user's consent."""
    with org.write() as db:
        db.execute("INSERT OR REPLACE INTO approval VALUES (?, ?, ?)", (app.consumer_key, user_id, scope))


def issue_front_door(org: Org, user_id: str) -> str:
    """A code that signs a user in in a browser. It can be used once, within FRONT_DOOR_SECONDS."""
    code = secrets.token_urlsafe(48)
    with org.write() as db:
        db.execute("DELETE FROM front_door WHERE expires <= ?", (org.clock.now(),))
        db.execute(
            "INSERT INTO front_door VALUES (?, ?, ?)", (token_key(code), user_id, org.clock.now() + FRONT_DOOR_SECONDS)
        )
    return code


def take_front_door(org: Org, code: str) -> str | None:
    """The id of the active user whom this code signs in, once. None when it was used, has expired, or never was."""
    with org.write() as db:
        row = db.execute(
            "DELETE FROM front_door WHERE code_hash = ? RETURNING user_id, expires", (token_key(code),)
        ).fetchone()
    if row is None or row["expires"] <= org.clock.now():
        return None
    active = org.db.execute("SELECT 1 FROM User WHERE Id = ? AND IsActive = 1", (row["user_id"],)).fetchone()
    return str(row["user_id"]) if active is not None else None
