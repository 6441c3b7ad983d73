"""The only place where things are wired."""

# firebase-admin has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import asyncio
import logging
import random
import secrets
from datetime import UTC, datetime
from typing import Any

import firebase_admin
import structlog
from google.cloud.firestore import AsyncClient

from backend.adapters.cipher import TinkCipher
from backend.adapters.firebase_auth import FirebaseAuth
from backend.adapters.firestore import FirestoreConnections, FirestoreCreations
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.adapters.salesforce_rest import SalesforceRest
from backend.calls import Calls
from backend.core.records import Records
from backend.core.sign_in import SignInFlow
from backend.core.vault import Vault
from backend.settings import Settings
from contract.calls import SignInOptions


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def make_calls(settings: Settings) -> Calls:
    """Wires the backend; call it inside the event loop that will serve, which Firestore's client binds to."""
    clock, http = SystemClock(), Http()
    cipher = TinkCipher(settings.keyset)
    oauth = SalesforceOAuth(http, settings.consumer_key, settings.consumer_secret, local=settings.emulated)
    firestore = AsyncClient(project=settings.project_id)
    store = FirestoreConnections(firestore)
    vault = Vault(store, cipher, oauth, clock, random.random, owner=secrets.token_hex(8))
    admin_options: dict[str, Any] = {"projectId": settings.project_id}
    if settings.signing_account is not None:
        admin_options["serviceAccountId"] = settings.signing_account
    firebase = FirebaseAuth(firebase_admin.initialize_app(options=admin_options, name=secrets.token_hex(4)))
    options = SignInOptions(settings.consumer_key, settings.scope, settings.login_hosts, settings.firebase)
    sign_in = SignInFlow(vault, oauth, firebase, options=options, redirect_uris=settings.redirect_uris)
    records = Records(SalesforceRest(http, vault, settings.api_version, clock, random.random), clock, FirestoreCreations(firestore))
    return Calls(sign_in, records, firebase)


def configure_log(*, readable: bool) -> None:
    """One line a call: JSON that Cloud Logging understands, or words on a laptop."""
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    last: Any = structlog.dev.ConsoleRenderer(colors=False) if readable else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, _severity, structlog.processors.TimeStamper(fmt="iso", utc=True), last],
        cache_logger_on_first_use=True,
    )


def _severity(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["severity"] = str(event.pop("level", "info")).upper()
    event["message"] = event.pop("event")
    return event
