"""The tables of the authorization server. `jkt` is the thumbprint of the key that something is bound to."""

OAUTH_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sequence (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS app (
  consumer_key TEXT PRIMARY KEY, consumer_secret TEXT NOT NULL, name TEXT NOT NULL, callbacks TEXT NOT NULL,
  scopes TEXT NOT NULL, pkce_required INTEGER NOT NULL, secret_required INTEGER NOT NULL, rotation INTEGER NOT NULL,
  refresh_policy TEXT NOT NULL DEFAULT 'until-revoked',
  refresh_seconds INTEGER NOT NULL DEFAULT 0, session_seconds INTEGER,
  client_credentials_user TEXT NOT NULL DEFAULT '', certificate TEXT NOT NULL DEFAULT '',
  preauthorized INTEGER NOT NULL DEFAULT 0, device_flow INTEGER NOT NULL DEFAULT 0,
  secret_accepted INTEGER NOT NULL DEFAULT 1, dpop TEXT NOT NULL DEFAULT 'allowed',
  jwt_tokens INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS credential (user_id TEXT PRIMARY KEY, salt BLOB NOT NULL, password_hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS browser_session (id_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS approval (
  consumer_key TEXT, user_id TEXT, scope TEXT NOT NULL, PRIMARY KEY (consumer_key, user_id));
CREATE TABLE IF NOT EXISTS code (
  code_hash TEXT PRIMARY KEY, consumer_key TEXT NOT NULL, user_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL, challenge TEXT, nonce TEXT, jkt TEXT, expires REAL NOT NULL, grant_id INTEGER);
CREATE TABLE IF NOT EXISTS oauth_grant (
  id INTEGER PRIMARY KEY, consumer_key TEXT NOT NULL, user_id TEXT NOT NULL, scope TEXT NOT NULL,
  generation INTEGER NOT NULL, created REAL NOT NULL, last_used REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0,
  approved INTEGER NOT NULL DEFAULT 1, jkt TEXT);
CREATE TABLE IF NOT EXISTS device (
  code_hash TEXT PRIMARY KEY, user_code TEXT NOT NULL UNIQUE, consumer_key TEXT NOT NULL, scope TEXT NOT NULL,
  expires REAL NOT NULL, polled REAL, interval INTEGER NOT NULL, user_id TEXT, denied INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS front_door (code_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS refresh_token (
  token_hash TEXT PRIMARY KEY, grant_id INTEGER NOT NULL REFERENCES oauth_grant (id), generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS session (
  token_hash TEXT PRIMARY KEY, grant_id INTEGER NOT NULL REFERENCES oauth_grant (id), user_id TEXT NOT NULL,
  consumer_key TEXT NOT NULL, scope TEXT NOT NULL, generation INTEGER NOT NULL,
  issued REAL NOT NULL, expires REAL NOT NULL, jkt TEXT);
CREATE INDEX IF NOT EXISTS session_user ON session (user_id);
CREATE INDEX IF NOT EXISTS session_grant ON session (grant_id);
"""
