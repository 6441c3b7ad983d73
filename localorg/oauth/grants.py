"""Authorization codes, grants, tokens, and sessions, and the rules of the authorization server. No HTTP here.

Sources: Salesforce Help "OAuth 2.0 Web Server Flow", "OAuth 2.0 Refresh Token Flow"; RFC 6749; RFC 7636; RFC 9449. A
`jkt` is the thumbprint of the key that a code, grant or token is bound to; None where it is bound to none.
"""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from localorg.errors import OAuthError
from localorg.oauth.apps import App
from localorg.org import Org

MAX_GRANTS = (
    5  # approvals per user and app; the sixth drops the oldest (Salesforce Help, "Manage OAuth Access Policies")
)
EXPIRED = "expired access/refresh token"
_JWT = "eyJ"  # how a JSON Web Token begins


@dataclass(frozen=True, slots=True)
class Session:
    """The user, app, and scope of an access token.

    `generation` counts the token pairs of the grant; `issued` and `expires` are seconds since the epoch. `jkt` is what
    the token is bound to, `dpop` what its app asks of proofs now, one of POSTURES.
    """

    user_id: str
    consumer_key: str
    scope: str
    grant_id: int
    generation: int
    issued: float
    expires: float
    jkt: str | None
    dpop: str


@dataclass(frozen=True, slots=True, repr=False)
class TokenResponse:
    """The values of a token endpoint's answer. `refresh_token` is None when no new one is issued; `bound` says that the
    access token is bound to a key.
    """

    access_token: str
    refresh_token: str | None
    scope: str
    user_id: str
    issued: float
    nonce: str | None = None
    bound: bool = False


def issue_code(
    org: Org,
    app: App,
    user_id: str,
    redirect_uri: str,
    scope: str,
    challenge: str | None,
    nonce: str | None = None,
    jkt: str | None = None,
) -> str:
    """A new authorization code. It can be used once, within `code_seconds` of the org's settings."""
    code = "aPrx" + secrets.token_urlsafe(48) + "=="
    expires = org.clock.now() + org.settings.code_seconds
    with org.write() as db:
        db.execute(
            "INSERT INTO code VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (_hash(code), app.consumer_key, user_id, redirect_uri, scope, challenge, nonce, jkt, expires),
        )
    return code


# The token endpoint


def exchange_code(
    org: Org, app: App, code: str, redirect_uri: str, verifier: str | None, jkt: str | None = None
) -> TokenResponse:
    """Exchanges an authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.6). Raises OAuthError.

    `jkt` is of the key that the request proves to hold. Using a code a second time revokes the grant of its first use
    (RFC 6749 section 4.1.2). A refused try with another key, or without one, does not use the code up: the standards
    leave that open, and so nobody who only saw a code takes it from the person it belongs to.
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
    _check_binding(app, row["jkt"], jkt)
    with org.write() as db:
        grant_id, tokens = begin_grant(org, app, str(row["user_id"]), str(row["scope"]), nonce=row["nonce"], jkt=jkt)
        db.execute("UPDATE code SET grant_id = ? WHERE code_hash = ?", (grant_id, _hash(code)))
    return tokens


def _check_binding(app: App, bound_to: str | None, proven: str | None) -> None:
    """Raises OAuthError when a code or refresh token that is bound to one key is used with another, or with none."""
    if proven is None and (bound_to is not None or app.dpop == "required"):
        raise OAuthError("invalid_dpop_proof", "missing required DPoP proof")
    if bound_to is not None and proven != bound_to:
        raise OAuthError("invalid_dpop_proof", "the DPoP proof is of another key")


def begin_grant(
    org: Org,
    app: App,
    user_id: str,
    scope: str,
    *,
    nonce: str | None = None,
    approved: bool = True,
    jkt: str | None = None,
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
            "INSERT INTO oauth_grant (consumer_key, user_id, scope, generation, created, last_used, approved, jkt)"
            " VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
            (app.consumer_key, user_id, scope, now, now, approved, jkt),
        ).lastrowid
        assert grant_id is not None
        refresh = _new_refresh_token(db, grant_id, 1) if "refresh_token" in scope.split() else None
        access = _new_session(org, db, grant_id, user_id, app.consumer_key, scope, 1, jkt)
    return grant_id, TokenResponse(access, refresh, scope, user_id, now, nonce, jkt is not None)


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


def refresh(org: Org, app: App, refresh_token: str, jkt: str | None = None) -> TokenResponse:
    """Exchanges a refresh token for a new access token, under rotation also for a new refresh token. Raises OAuthError.

    `jkt` is of the key that the request proves to hold; a refusal because of it changes nothing.
    Using a refresh token that was rotated out revokes its grant and all access tokens (Salesforce Help 005316711).
    """
    row = org.db.execute(
        "SELECT t.generation AS token_generation, g.* FROM refresh_token t JOIN oauth_grant g ON g.id = t.grant_id"
        " WHERE t.token_hash = ?",
        (_hash(refresh_token),),
    ).fetchone()
    if row is None or row["consumer_key"] != app.consumer_key or row["revoked"]:
        raise OAuthError("invalid_grant", EXPIRED)
    jkt = _refreshed_key(org, app, row["jkt"], jkt)
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
        db.execute(
            "UPDATE oauth_grant SET generation = ?, last_used = ?, jkt = coalesce(jkt, ?) WHERE id = ?",
            (generation, now, jkt, row["id"]),
        )
        rotated = _new_refresh_token(db, int(row["id"]), generation) if app.rotation else None
        access = _new_session(
            org, db, int(row["id"]), str(row["user_id"]), app.consumer_key, str(row["scope"]), generation, jkt
        )
    return TokenResponse(access, rotated, str(row["scope"]), str(row["user_id"]), now, bound=jkt is not None)


def _refreshed_key(org: Org, app: App, bound_to: str | None, proven: str | None) -> str | None:
    """What a refreshed access token is bound to, by the org's rules for proofs. Raises OAuthError."""
    rules = org.proofs.rules
    if bound_to is None and proven is not None and rules.bearer_refresh != "bound":
        if rules.bearer_refresh == "refused":
            raise OAuthError("invalid_dpop_proof", "the refresh token is not bound to a key")
        proven = None
    any_key = rules.refresh_key == "any" and app.secret_required and proven is not None
    _check_binding(app, proven if any_key else bound_to, proven)
    return proven


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
    app. A bound one has `cnf` and, as an access token, the type DPoP (RFC 9449 section 6.2; Salesforce does not say).
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
            "token_type": "access_token" if row["jkt"] is None else "DPoP",
            "exp": int(row["expires"]),
            "iat": int(row["issued"]),
            "nbf": int(row["issued"]),
            **_confirmation(row["jkt"]),
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
            "token_type": "refresh_token", "iat": issued, "nbf": issued, **_confirmation(grant["jkt"])}  # fmt: skip


def _confirmation(jkt: str | None) -> dict[str, object]:
    return {} if jkt is None else {"cnf": {"jkt": jkt}}


def web_session(org: Org, session: Session) -> str:
    """A further session of the same grant, as a hybrid app gets for its web pages. It ends with the grant.

    It is a cookie, so it is not bound to a key.
    """
    with org.write() as db:
        return _new_session(
            org, db, session.grant_id, session.user_id, session.consumer_key, session.scope, session.generation
        )


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
    """The session of an access token; None when it has expired or does not exist."""
    row = org.db.execute(
        "SELECT s.*, a.dpop FROM session s JOIN app a ON a.consumer_key = s.consumer_key WHERE s.token_hash = ?",
        (_hash(access_token),),
    ).fetchone()
    if row is None or row["expires"] <= org.clock.now():
        return None
    return Session(
        row["user_id"],
        row["consumer_key"],
        row["scope"],
        row["grant_id"],
        row["generation"],
        row["issued"],
        row["expires"],
        row["jkt"],
        row["dpop"],
    )


def extend(org: Org, access_token: str, session: Session) -> None:
    """Using an access token extends its idle time; the life of a JSON Web Token is fixed."""
    if access_token.startswith(_JWT):
        return
    seconds = _session_seconds(org, session.consumer_key)
    expires = org.clock.now() + seconds
    if expires - session.expires > seconds / 2:
        with org.write() as db:
            db.execute("UPDATE session SET expires = ? WHERE token_hash = ?", (expires, _hash(access_token)))


def key_of(org: Org, token: str) -> str | None:
    """The thumbprint of the key that an access or refresh token is bound to; None for another token, or an unknown."""
    row = org.db.execute(
        "SELECT jkt FROM session WHERE token_hash = ?1 UNION ALL SELECT g.jkt FROM refresh_token t"
        " JOIN oauth_grant g ON g.id = t.grant_id WHERE t.token_hash = ?1",
        (_hash(token),),
    ).fetchone()
    return None if row is None else row["jkt"]


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
    org: Org,
    db: sqlite3.Connection,
    grant_id: int,
    user_id: str,
    consumer_key: str,
    scope: str,
    generation: int,
    jkt: str | None = None,
) -> str:
    token = f"{org.org_id[:15]}!{secrets.token_urlsafe(72).replace('-', '.')}"
    now = org.clock.now()
    db.execute(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            _hash(token),
            grant_id,
            user_id,
            consumer_key,
            scope,
            generation,
            now,
            now + _session_seconds(org, consumer_key),
            jkt,
        ),
    )
    return token


def _session_seconds(org: Org, consumer_key: str) -> int:
    row = org.db.execute("SELECT session_seconds FROM app WHERE consumer_key = ?", (consumer_key,)).fetchone()
    return int(row["session_seconds"] or org.settings.session_seconds)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
