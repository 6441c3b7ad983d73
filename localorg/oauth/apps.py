"""External Client Apps: their settings, and the scopes that they may ask for."""

from dataclasses import dataclass

from localorg.org import Org

POLICIES = ("until-revoked", "immediate", "idle", "fixed")  # of refresh tokens, as an app's OAuth policies name them


@dataclass(frozen=True, slots=True)
class App:
    """The settings of an External Client App.

    `refresh_policy` is one of POLICIES, with `refresh_seconds` where it needs a time. `session_seconds` is how long an
    access token may be idle; None takes the org's setting. `client_credentials_user` is the username that the client
    credentials flow runs as, "" where the flow is off; `certificate` the X.509 certificate (PEM) that the app's
    assertions are signed by, "" without one. `preauthorized` says that an administrator has approved the app for
    everyone, `device_flow` that devices may use it, `secret_accepted` that its consumer secret still is good for
    anything, `jwt_tokens` that its access tokens are JSON Web Tokens. `dpop` is one of POSTURES.
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
    secret_accepted: bool
    dpop: str
    jwt_tokens: bool


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
        bool(row["secret_accepted"]),
        row["dpop"],
        bool(row["jwt_tokens"]),
    )


def allowed_scope(app: App, requested: str) -> str | None:
    """The scopes that an app gets when it asks for these, by name; all of its own when it names none.

    None when it asks for one that it does not have.
    """
    asked = requested.split()
    if not set(asked) <= {*app.scopes, "offline_access", "refresh_token"}:
        return None
    return " ".join(sorted({"refresh_token" if s == "offline_access" else s for s in asked or app.scopes}))
