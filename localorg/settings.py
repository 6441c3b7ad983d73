"""The settings of an org, and the demo app and password that every org has."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_CALLBACKS = ("http://127.0.0.1:5000/oauth/callback", "http://127.0.0.1:5999/callback")
SITE = "customers"  # the path of the org's site of Experience Cloud
CONSUMER_KEY = "LOCAL_EXTERNAL_CLIENT_APP"
CONSUMER_SECRET = "local-consumer-secret"  # of the demo app; it is of no use outside this org
PASSWORD = "localorg1"
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
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """The settings of an org.

    `data`: the folder of its SQLite file; None keeps it in memory. `seed` and `accounts`: of the demo data.
    `session_seconds`: the idle time after which an access token expires. `code_seconds`: the life of an authorization
    code. `rotation`: whether the demo app rotates refresh tokens. `currency`: ISO 4217 code of the only currency,
    or of the corporate one.
    `schema`: folders or files with custom objects. `load`: files with records for a new org. `callbacks`: the demo
    app's redirect URIs. `shape`: what the org has beside what every org has, of SHAPES.
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
    callbacks: tuple[str, ...] = DEFAULT_CALLBACKS
    shape: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises ValueError for a shape that there is not."""
        unknown = sorted(self.shape - SHAPES)
        if unknown:
            raise ValueError(f"there is no shape {', '.join(unknown)}; there are {', '.join(sorted(SHAPES))}")
