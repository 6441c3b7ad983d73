"""How an org is set up, and the app and password that every org has."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_CALLBACKS = ("http://127.0.0.1:5000/oauth/callback", "http://127.0.0.1:5999/callback")
SITE = "customers"  # the path of the org's site of Experience Cloud
CONSUMER_KEY = "LOCAL_EXTERNAL_CLIENT_APP"
CONSUMER_SECRET = "local-consumer-secret"  # the demo app's; it opens nothing but this org
PASSWORD = "localorg1"


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """How an org is set up. `data` is the folder of its SQLite file, None keeps it in memory.

    `session_seconds` is the idle time after which an access token expires; `code_seconds` the life of an
    authorization code (Salesforce: 15 minutes), `currency` the ISO 4217 code of the org's only currency,
    `schema` are folders or files with custom objects and `load` files with records for a new org.
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
