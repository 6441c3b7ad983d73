"""The settings of an org, and the demo app and password that every org has."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_CALLBACKS = ("http://127.0.0.1:5000/oauth/callback", "http://127.0.0.1:5999/callback")
SITE = "customers"  # the path of the org's site of Experience Cloud
CONSUMER_KEY = "LOCAL_EXTERNAL_CLIENT_APP"
CONSUMER_SECRET = "local-consumer-secret"  # of the demo app; it is of no use outside this org
PASSWORD = "localorg1"
APP_NAME = "Salesforce Sample App"  # of the demo app
# What an org may have beside what every org has.
SHAPES = frozenset({
    "duplicate-rules",
    "encrypted-names",
    "multi-currency",
    "no-api-user",
    "person-accounts",
    "queues",
    "record-types",
    "state-country",
    "task-statuses",
})  # fmt: skip


# What an app asks of proofs of possession: it does not know them, takes them, or insists on them. `allowed` is the
# default at Salesforce (Mobile SDK Development Guide, "DPoP"), `required` its setting "Require DPoP".
POSTURES = ("off", "allowed", "required")


@dataclass(frozen=True, slots=True)
class ProofRules:
    """What the org does with proofs of possession (RFC 9449) where Salesforce does not say what it does.

    `token_nonce`: whether the token, revoke and introspect endpoints ask for a nonce (they do: 400 use_dpop_nonce).
    `resource_nonce`: whether resources do, one of RESOURCE_NONCES: not at all, or with which status. `rotate_nonce`:
    whether each success brings a new one; older ones stay good for `nonce_seconds`. `window`: how many seconds `iat`
    may be off. `replay`: whether a `jti` is good once only. `refresh_key`: whether a bound refresh token takes the
    `same` key only or `any`, as RFC 9449 section 5 lets apps with a secret. `bearer_refresh`: what a proof beside a
    refresh token that is not bound does, one of BEARER_REFRESHES. `revoke_proof`: whether revoking a bound token
    takes a proof even where the token stands in the form alone. `published`: whether the discovery document says so.
    """

    token_nonce: bool = True
    resource_nonce: str = "none"
    rotate_nonce: bool = False
    nonce_seconds: int = 3600
    window: int = 60
    replay: bool = True
    refresh_key: str = "same"
    bearer_refresh: str = "ignored"
    revoke_proof: bool = False
    published: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for a value that there is not."""
        for name, known in PROOF_CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}")
        if not (0 <= self.nonce_seconds <= 10**6 and 0 <= self.window <= 10**6):
            raise ValueError("nonce_seconds and window are seconds from 0 to 1000000")


RESOURCE_NONCES = ("none", "400", "401")
BEARER_REFRESHES = ("ignored", "bound", "refused")
PROOF_CHOICES = {
    "resource_nonce": RESOURCE_NONCES,
    "refresh_key": ("same", "any"),
    "bearer_refresh": BEARER_REFRESHES,
}


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """The settings of an org.

    `data`: the folder of its SQLite file; None keeps it in memory. `seed` and `accounts`: of the demo data.
    `session_seconds`: the idle time after which an access token expires. `code_seconds`: the life of an authorization
    code. `rotation`: whether the demo app rotates refresh tokens. `currency`: ISO 4217 code of the only currency,
    or of the corporate one.
    `schema`: folders or files with custom objects. `load`: files with records for a new org. `actions`: files with
    the answers of invocable actions and Apex REST. `callbacks`: the demo
    app's redirect URIs. `app_name`: its name, which the page of consent shows. `shape`: what the org has beside what
    every org has, of SHAPES. `dpop`: what the demo app asks of proofs of possession, one of POSTURES; `proofs`: how the
    org takes them.
    """

    data: Path | None = None
    seed: int = 1
    accounts: int = 200
    session_seconds: int = 7200
    code_seconds: int = 900
    rotation: bool = True
    currency: str = "USD"
    schema: tuple[Path, ...] = ()
    load: tuple[Path, ...] = ()
    actions: tuple[Path, ...] = ()
    callbacks: tuple[str, ...] = DEFAULT_CALLBACKS
    shape: frozenset[str] = frozenset()
    app_name: str = APP_NAME
    dpop: str = "allowed"
    proofs: ProofRules = ProofRules()

    def __post_init__(self) -> None:
        """Raises ValueError for a shape or a posture that there is not."""
        if self.dpop not in POSTURES:
            raise ValueError(f"dpop is one of {', '.join(POSTURES)}")
        unknown = sorted(self.shape - SHAPES)
        if unknown:
            raise ValueError(f"there is no shape {', '.join(unknown)}; there are {', '.join(sorted(SHAPES))}")
