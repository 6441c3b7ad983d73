"""Authorization codes, grants, tokens, and sessions, and the rules of the authorization server. No HTTP here.

Sources: Salesforce Help "OAuth 2.0 Web Server Flow", "OAuth 2.0 Refresh Token Flow"; RFC 6749; RFC 7636.
"""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from localorg.data.passwords import hash_password
from localorg.errors import OAuthError
from localorg.org import Org

BROWSER_SESSION_SECONDS = 12 * 3600
FRONT_DOOR_SECONDS = 60
MAX_GRANTS = (
    5  # approvals per user and app; the sixth drops the oldest (Salesforce Help, "Manage OAuth Access Policies")
)
EXPIRED = "expired access/refresh token"


@dataclass(frozen=True, slots=True)
class App:
    """The settings of an External Client App.

    `refresh_policy` is one of POLICIES, with `refresh_seconds` where it needs a time. `session_seconds` is how long an
    access token may be idle; None takes the org's setting. `client_credentials_user` is the username that the client
    credentials flow runs as, "" where the flow is off; `certificate` the X.509 certificate (PEM) that the app's
    assertions are signed by, "" without one. `preauthorized` says that an administrator has approved the app for
    everyone, `device_flow` that devices may use it.
    """

    consumer_key: str
    consumer_secret: str
    name: str
    callbacks: tuple[str, ...]
    scopes: tuple[str, ...]
    pkce_required: bool
    secret_required: bool
    rotation: bool
    refresh_policy: str
    refresh_seconds: int
    session_seconds: int | None
    client_credentials_user: str
    certificate: str
    preauthorized: bool
    device_flow: bool


@dataclass(frozen=True, slots=True)
class Session:
    """The user, app, and scope of an access token.

    `generation` counts the token pairs of the grant; `issued` and `expires` are seconds since the epoch.
    """

    user_id: str
    consumer_key: str
    scope: str
    grant_id: int
    generation: int
    issued: float
    expires: float


@dataclass(frozen=True, slots=True, repr=False)
class TokenResponse:
    """The values of a token endpoint's answer. `refresh_token` is None when no new one is issued."""

    access_token: str
    refresh_token: str | None
    scope: str
    user_id: str
    issued: float
    nonce: str | None = None


POLICIES = ("until-revoked", "immediate", "idle", "fixed")  # of refresh tokens, as an app's OAuth policies name them


def find_app(org: Org, consumer_key: str) -> App | None:
    """The app with this consumer key, None when there is none."""
    row = org.db.execute("SELECT * FROM app WHERE consumer_key = ?", (consumer_key,)).fetchone()
    if row is None:
        return None
    return App(
        row["consumer_key"],
        row["consumer_secret"],
        row["name"],
        tuple(row["callbacks"].split("\n")),
        tuple(row["scopes"].split()),
        bool(row["pkce_required"]),
        bool(row["secret_required"]),
        bool(row["rotation"]),
        row["refresh_policy"],
        row["refresh_seconds"],
        row["session_seconds"],
        row["client_credentials_user"],
        row["certificate"],
        bool(row["preauthorized"]),
        bool(row["device_flow"]),
    )


def allowed_scope(app: App, requested: str) -> str | None:
    """The scopes that an app gets when it asks for these, by name; all of its own when it names none.

    None when it asks for one that it does not have.
    """
    asked = requested.split()
    if not set(asked) <= {*app.scopes, "offline_access", "refresh_token"}:
        return None
    return " ".join(sorted({"refresh_token" if s == "offline_access" else s for s in asked or app.scopes}))


# The browser's side


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
            (_hash(sid), user_id, org.clock.now() + BROWSER_SESSION_SECONDS),
        )
    return sid


def browser_user(org: Org, sid: str) -> str | None:
    """The id of the user whose session cookie this is, None when the session has expired or never was."""
    row = org.db.execute(
        "SELECT user_id FROM browser_session WHERE id_hash = ? AND expires > ?", (_hash(sid), org.clock.now())
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


def issue_code(
    org: Org, app: App, user_id: str, redirect_uri: str, scope: str, challenge: str | None, nonce: str | None = None
) -> str:
    """A new authorization code. It can be used once, within `code_seconds` of the org's settings."""
    code = "aPrx" + secrets.token_urlsafe(48) + "=="
    expires = org.clock.now() + org.settings.code_seconds
    with org.write() as db:
        db.execute(
            "INSERT INTO code VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (_hash(code), app.consumer_key, user_id, redirect_uri, scope, challenge, nonce, expires),
        )
    return code


# The token endpoint


def exchange_code(org: Org, app: App, code: str, redirect_uri: str, verifier: str | None) -> TokenResponse:
    """Exchanges an authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.6). Raises OAuthError.

    Using a code a second time revokes the grant of its first use (RFC 6749 section 4.1.2).
    """
    row = org.db.execute("SELECT * FROM code WHERE code_hash = ?", (_hash(code),)).fetchone()
    if row is None or row["consumer_key"] != app.consumer_key:
        raise OAuthError("invalid_grant", "invalid authorization code")
    if row["grant_id"] is not None:
        with org.write() as db:
            _revoke_grant(db, int(row["grant_id"]))
        raise OAuthError("invalid_grant", "expired authorization code")
    if row["expires"] <= org.clock.now():
        raise OAuthError("invalid_grant", "expired authorization code")
    if row["redirect_uri"] != redirect_uri:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if row["challenge"] is not None:
        if not verifier:
            raise OAuthError("invalid_grant", "missing required code verifier")
        if not hmac.compare_digest(challenge_of(verifier), str(row["challenge"])):
            raise OAuthError("invalid_grant", "invalid code verifier")
    with org.write() as db:
        grant_id, tokens = begin_grant(org, app, str(row["user_id"]), str(row["scope"]), nonce=row["nonce"])
        db.execute("UPDATE code SET grant_id = ? WHERE code_hash = ?", (grant_id, _hash(code)))
    return tokens


def begin_grant(
    org: Org, app: App, user_id: str, scope: str, *, nonce: str | None = None, approved: bool = True
) -> tuple[int, TokenResponse]:
    """A new grant of these scopes, and its first tokens. A grant that a person has approved drops the oldest of six."""
    now = org.clock.now()
    with org.write() as db:
        grants = db.execute(
            "SELECT id FROM oauth_grant WHERE consumer_key = ? AND user_id = ? AND revoked = 0 AND approved = 1"
            " ORDER BY id DESC",
            (app.consumer_key, user_id),
        ).fetchall()
        for old in grants[MAX_GRANTS - 1 :] if approved else ():
            _revoke_grant(db, int(old["id"]))
        grant_id = db.execute(
            "INSERT INTO oauth_grant (consumer_key, user_id, scope, generation, created, last_used, approved)"
            " VALUES (?, ?, ?, 1, ?, ?, ?)",
            (app.consumer_key, user_id, scope, now, now, approved),
        ).lastrowid
        assert grant_id is not None
        refresh = _new_refresh_token(db, grant_id, 1) if "refresh_token" in scope.split() else None
        access = _new_session(org, db, grant_id, user_id, app.consumer_key, scope, 1)
    return grant_id, TokenResponse(access, refresh, scope, user_id, now, nonce)


def run_as_app(org: Org, app: App) -> TokenResponse:
    """The access token of the client credentials flow, for the user that the app runs as. Raises OAuthError.

    The app's scopes but web, full, and refresh_token (simple-salesforce#662). Errors: pozil/pub-sub-api-node-client#58.
    """
    if not app.client_credentials_user:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    user_id = _active_user(org, app.client_credentials_user)
    if user_id is None:
        raise OAuthError("invalid_grant", "inactive user")
    scope = _without(app.scopes, "web", "full", "refresh_token", "offline_access")
    return begin_grant(org, app, user_id, scope, approved=False)[1]


def run_as_named(org: Org, app: App, username: str) -> TokenResponse:
    """The access token for the user whom an app's assertion names. Raises OAuthError unless the user, or for everyone
    an administrator, has approved the app.
    """
    user_id = _active_user(org, username)
    row = org.db.execute(
        "SELECT scope FROM approval WHERE consumer_key = ? AND user_id = ?", (app.consumer_key, user_id)
    ).fetchone()
    scopes = app.scopes if app.preauthorized else () if row is None else tuple(str(row["scope"]).split())
    if user_id is None or not scopes:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return begin_grant(org, app, user_id, _without(scopes, "refresh_token", "offline_access"), approved=False)[1]


def _active_user(org: Org, username: str) -> str | None:
    row = org.db.execute("SELECT Id FROM User WHERE Username = ? AND IsActive = 1", (username,)).fetchone()
    return None if row is None else str(row["Id"])


def _without(scopes: Iterable[str], *left_out: str) -> str:
    return " ".join(sorted(s for s in scopes if s not in left_out))


def refresh(org: Org, app: App, refresh_token: str) -> TokenResponse:
    """Exchanges a refresh token for a new access token, under rotation also for a new refresh token. Raises OAuthError.

    Using a refresh token that was rotated out revokes its grant and all access tokens (Salesforce Help 005316711).
    """
    row = org.db.execute(
        "SELECT t.generation AS token_generation, g.* FROM refresh_token t JOIN oauth_grant g ON g.id = t.grant_id"
        " WHERE t.token_hash = ?",
        (_hash(refresh_token),),
    ).fetchone()
    if row is None or row["consumer_key"] != app.consumer_key or row["revoked"]:
        raise OAuthError("invalid_grant", EXPIRED)
    if _has_lapsed(app, row["created"], row["last_used"], org.clock.now()):
        with org.write() as db:
            _revoke_grant(db, int(row["id"]))
        raise OAuthError("invalid_grant", EXPIRED)
    if org.db.execute("SELECT 1 FROM User WHERE Id = ? AND IsActive = 1", (row["user_id"],)).fetchone() is None:
        raise OAuthError("invalid_grant", "inactive user")
    if app.rotation and row["token_generation"] != row["generation"]:
        with org.write() as db:
            _revoke_grant(db, int(row["id"]))
        raise OAuthError("invalid_grant", EXPIRED)
    generation = int(row["generation"]) + 1
    now = org.clock.now()
    with org.write() as db:
        db.execute("UPDATE oauth_grant SET generation = ?, last_used = ? WHERE id = ?", (generation, now, row["id"]))
        rotated = _new_refresh_token(db, int(row["id"]), generation) if app.rotation else None
        access = _new_session(
            org, db, int(row["id"]), str(row["user_id"]), app.consumer_key, str(row["scope"]), generation
        )
    return TokenResponse(access, rotated, str(row["scope"]), str(row["user_id"]), now)


def _has_lapsed(app: App, created: float, last_used: float, now: float) -> bool:
    """Whether a refresh token has outlived the app's policy (Salesforce Help, "Manage OAuth Access Policies")."""
    match app.refresh_policy:
        case "immediate":
            return True
        case "idle":
            return now - last_used > app.refresh_seconds
        case "fixed":
            return now - created > app.refresh_seconds
        case _:
            return False


def introspect(org: Org, app: App, token: str) -> dict[str, object]:
    """The RFC 7662 answer about a token: its properties, or only `active: false` when it is not a live token of this
    app.
    """
    key = _hash(token)
    row = org.db.execute(
        "SELECT s.*, u.Username FROM session s JOIN User u ON u.Id = s.user_id WHERE token_hash = ?", (key,)
    ).fetchone()
    if row is not None and row["consumer_key"] == app.consumer_key and row["expires"] > org.clock.now():
        return {
            "active": True,
            "scope": row["scope"],
            "client_id": app.consumer_key,
            "username": row["Username"],
            "sub": row["user_id"],
            "token_type": "access_token",
            "exp": int(row["expires"]),
            "iat": int(row["issued"]),
            "nbf": int(row["issued"]),
        }
    grant = org.db.execute(
        "SELECT g.*, u.Username FROM refresh_token t JOIN oauth_grant g ON g.id = t.grant_id AND (g.generation ="
        " t.generation OR NOT ?) JOIN User u ON u.Id = g.user_id WHERE t.token_hash = ? AND g.revoked = 0",
        (app.rotation, key),
    ).fetchone()
    if grant is None or grant["consumer_key"] != app.consumer_key:
        return {"active": False}
    issued = int(grant["last_used"])
    return {"active": True, "scope": grant["scope"], "client_id": app.consumer_key, "username": grant["Username"],
            "sub": grant["user_id"],
            "token_type": "refresh_token", "iat": issued, "nbf": issued}  # fmt: skip


def web_session(org: Org, session: Session) -> str:
    """A further session of the same grant, as a hybrid app gets for its web pages. It ends with the grant."""
    with org.write() as db:
        return _new_session(
            org, db, session.grant_id, session.user_id, session.consumer_key, session.scope, session.generation
        )


def issue_front_door(org: Org, user_id: str) -> str:
    """A code that signs a user in in a browser. It can be used once, within FRONT_DOOR_SECONDS."""
    code = secrets.token_urlsafe(48)
    with org.write() as db:
        db.execute("DELETE FROM front_door WHERE expires <= ?", (org.clock.now(),))
        db.execute(
            "INSERT INTO front_door VALUES (?, ?, ?)", (_hash(code), user_id, org.clock.now() + FRONT_DOOR_SECONDS)
        )
    return code


def take_front_door(org: Org, code: str) -> str | None:
    """The id of the active user whom this code signs in, once. None when it was used, has expired, or never was."""
    with org.write() as db:
        row = db.execute(
            "DELETE FROM front_door WHERE code_hash = ? RETURNING user_id, expires", (_hash(code),)
        ).fetchone()
    if row is None or row["expires"] <= org.clock.now():
        return None
    active = org.db.execute("SELECT 1 FROM User WHERE Id = ? AND IsActive = 1", (row["user_id"],)).fetchone()
    return str(row["user_id"]) if active is not None else None


def rotate_out(org: Org, user_id: str) -> int:
    """Makes a user's refresh tokens old, as if somebody else had refreshed with them: using them again is a reuse.

    Returns how many grants it changed.
    """
    with org.write() as db:
        return db.execute(
            "UPDATE oauth_grant SET generation = generation + 1 WHERE user_id = ? AND revoked = 0", (user_id,)
        ).rowcount


def token_key(token: str) -> str:
    """The hash of a token, under which it is stored and remembered."""
    return _hash(token)


# Sessions


def find_session(org: Org, access_token: str) -> Session | None:
    """The session of an access token; using it extends its idle time. None when it has expired or does not exist."""
    now = org.clock.now()
    key = _hash(access_token)
    row = org.db.execute("SELECT * FROM session WHERE token_hash = ?", (key,)).fetchone()
    if row is None or row["expires"] <= now:
        return None
    seconds = _session_seconds(org, str(row["consumer_key"]))
    expires = now + seconds
    if expires - row["expires"] > seconds / 2:
        with org.write() as db:
            db.execute("UPDATE session SET expires = ? WHERE token_hash = ?", (expires, key))
    return Session(
        row["user_id"],
        row["consumer_key"],
        row["scope"],
        row["grant_id"],
        row["generation"],
        row["issued"],
        row["expires"],
    )


def revoke(org: Org, token: str) -> bool:
    """Revokes a refresh token with all its access tokens, or one access token (RFC 7009). Returns false for an unknown
    token.
    """
    key = _hash(token)
    with org.write() as db:
        row = db.execute(
            "SELECT g.id FROM refresh_token t JOIN oauth_grant g ON g.id = t.grant_id WHERE t.token_hash = ? AND"
            " g.revoked = 0",
            (key,),
        ).fetchone()
        if row is not None:
            _revoke_grant(db, int(row["id"]))
            return True
        return db.execute("DELETE FROM session WHERE token_hash = ?", (key,)).rowcount > 0


def expire_sessions(org: Org, user_id: str) -> int:
    """Ends a user's access tokens now; refresh tokens stay valid. Returns how many ended."""
    with org.write() as db:
        return db.execute("DELETE FROM session WHERE user_id = ?", (user_id,)).rowcount


def revoke_user(org: Org, user_id: str) -> int:
    """Revokes all grants and consents of a user, as an administrator can in Setup. Returns how many grants."""
    with org.write() as db:
        grants = db.execute("SELECT id FROM oauth_grant WHERE user_id = ? AND revoked = 0", (user_id,)).fetchall()
        for row in grants:
            _revoke_grant(db, int(row["id"]))
        db.execute("DELETE FROM approval WHERE user_id = ?", (user_id,))
    return len(grants)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _revoke_grant(db: sqlite3.Connection, grant_id: int) -> None:
    db.execute("UPDATE oauth_grant SET revoked = 1 WHERE id = ?", (grant_id,))
    db.execute("DELETE FROM session WHERE grant_id = ?", (grant_id,))


def _new_refresh_token(db: sqlite3.Connection, grant_id: int, generation: int) -> str:
    token = "5Aep861" + secrets.token_urlsafe(60)
    db.execute("INSERT INTO refresh_token VALUES (?, ?, ?)", (_hash(token), grant_id, generation))
    return token


def _new_session(
    org: Org, db: sqlite3.Connection, grant_id: int, user_id: str, consumer_key: str, scope: str, generation: int
) -> str:
    token = f"{org.org_id[:15]}!{secrets.token_urlsafe(72).replace('-', '.')}"
    now = org.clock.now()
    db.execute(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            _hash(token),
            grant_id,
            user_id,
            consumer_key,
            scope,
            generation,
            now,
            now + _session_seconds(org, consumer_key),
        ),
    )
    return token


def _session_seconds(org: Org, consumer_key: str) -> int:
    row = org.db.execute("SELECT session_seconds FROM app WHERE consumer_key = ?", (consumer_key,)).fetchone()
    return int(row["session_seconds"] or org.settings.session_seconds)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
