"""The only place where things are wired."""

# firebase-admin has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import asyncio
import logging
import random
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import firebase_admin
import structlog
from google.cloud.firestore import AsyncClient

from backend.adapters.cipher import TinkCipher, kms_key
from backend.adapters.firebase_auth import FirebaseAuth
from backend.adapters.firestore import FirestoreCodes, FirestoreConnections, FirestoreCreations
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.adapters.salesforce_rest import SalesforceRest
from backend.calls import Calls
from backend.core.audit import Audit
from backend.core.connection import Connection, Event
from backend.core.lifecycle import Lifecycle
from backend.core.records import Records
from backend.core.sign_in import SignInFlow
from backend.core.stops import KillSwitch
from backend.core.vault import Vault
from backend.settings import Settings
from contract.calls import SignInOptions

_log = structlog.get_logger("connections")


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Backend:
    """The wired backend: what the functions answer with, and what an administrator's commands work on."""

    calls: Calls
    lifecycle: Lifecycle
    switch: KillSwitch
    vault: Vault
    store: FirestoreConnections
    audit: Audit
    http: Http

    async def close(self) -> None:
        """Ends the connections to Salesforce; a server keeps them for as long as it lives."""
        await self.http.close()


def open_cipher(settings: Settings) -> TinkCipher:
    """The cipher of the settings' keyset, once for a process: it may ask Cloud KMS, so not in the event loop. Raises KeysetError."""
    return TinkCipher(settings.keyset, kms_key(settings.keyset_kms_key) if settings.keyset_kms_key else None)


def make_backend(settings: Settings, cipher: TinkCipher) -> Backend:
    """Wires the backend; call it inside the event loop that will serve, which Firestore's client binds to."""
    clock, http = SystemClock(), Http()
    audit = Audit(cipher, _new_id)
    oauth = SalesforceOAuth(http, settings.consumer_key, settings.consumer_secret, local=settings.emulated)
    firestore = AsyncClient(project=settings.project_id)
    store = FirestoreConnections(firestore)
    vault = Vault(store, cipher, oauth, clock, random.random, _new_id(), audit, _notice)
    switch = KillSwitch(store, audit, clock)
    admin_options: dict[str, Any] = {"projectId": settings.project_id}
    if settings.signing_account is not None:
        admin_options["serviceAccountId"] = settings.signing_account
    firebase = FirebaseAuth(firebase_admin.initialize_app(options=admin_options, name=_new_id()))
    keep_alive, delete_unused = timedelta(days=settings.keep_alive_days), timedelta(days=settings.delete_unused_days)
    lifecycle = Lifecycle(vault, store, firebase, switch, clock, keep_alive=keep_alive, delete_unused=delete_unused)
    options = SignInOptions(settings.consumer_key, settings.scope, settings.login_hosts, settings.firebase)
    sign_in = SignInFlow(
        vault, oauth, firebase, switch, FirestoreCodes(firestore), new_id=_new_id, options=options, redirect_uris=settings.redirect_uris
    )
    records = Records(SalesforceRest(http, vault, settings.api_version, clock, random.random), clock, FirestoreCreations(firestore))
    return Backend(Calls(sign_in, lifecycle, records, firebase, switch, vault), lifecycle, switch, vault, store, audit, http)


def _new_id() -> str:
    return secrets.token_hex(16)


def _notice(connection: Connection, event: Event | None) -> None:
    """A line for every state that a connection comes into."""
    reason = None if connection.ended_reason is None else connection.ended_reason.value
    _log.info(
        "connection",
        uid=connection.uid,
        state=connection.state.value,
        generation=connection.generation,
        recorded=None if event is None else event.value,
        reason=reason,
    )


def configure_log(*, readable: bool) -> None:
    """One line a call: JSON that Cloud Logging understands, or words on a laptop."""
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    last: Any = structlog.dev.ConsoleRenderer(colors=False) if readable else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, _severity, structlog.processors.TimeStamper(fmt="iso", utc=True), last],
        cache_logger_on_first_use=True,
    )


def configure_quiet_log() -> None:
    """Warnings only: a command tells by itself what it did."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _severity(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["severity"] = str(event.pop("level", "info")).upper()
    event["message"] = event.pop("event")
    return event
