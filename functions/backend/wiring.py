"""Puts the backend together from the settings: the only place that chooses the real stores, Salesforce and clock."""

# firebase-admin has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import asyncio
import hashlib
import hmac
import random
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import firebase_admin
import msgspec
import structlog
from google.cloud.firestore import AsyncClient

from backend import telemetry
from backend.adapters.app_check import AppCheck, AppCheckGate
from backend.adapters.cipher import TinkCipher, kms_key
from backend.adapters.client_authentication import (
    ClientAuthentication,
    ConsumerSecret,
    KmsSigner,
    PemSigner,
    PrivateKeyJwt,
    Signer,
)
from backend.adapters.dpop import Keys
from backend.adapters.firebase_auth import FirebaseAuth
from backend.adapters.firestore.attempts import FirestoreAttempts
from backend.adapters.firestore.codes import FirestoreCodes
from backend.adapters.firestore.creations import FirestoreCreations
from backend.adapters.firestore.documents import FirestoreDocuments
from backend.adapters.firestore.usage import FirestoreUsage
from backend.adapters.old_records import OldRecords
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.assembly import assemble
from backend.connections.audit import Audit, Event
from backend.connections.blocks import BlockList
from backend.connections.connection import Connection, Grant
from backend.connections.lifecycle import Lifecycle
from backend.connections.store import Criteria, RecordingStore
from backend.connections.vault import Vault, unsealed
from backend.cors import AllowedOrigins
from backend.endpoint import Endpoint
from backend.records.allowance import AMPLE, Allowance, OrgUsage
from backend.routes import routes
from backend.settings import Settings
from backend.sign_in.attempts import Attempts, Cause
from backend.sign_in.begin import Beginnings
from backend.sign_in.flow import SignInFlow
from backend.technical_user import TechnicalUser
from backend.values import Clock, Uid
from backend.visitors import Proxies
from contract.calls import SignInOptions
from contract.errors import ConnectionLost, Reason

_log = structlog.get_logger("connections")


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Backend(msgspec.Struct, frozen=True):
    """The wired backend: what the functions answer with, and what an administrator's commands work on."""

    endpoint: Endpoint
    lifecycle: Lifecycle
    blocks: BlockList
    vault: Vault
    store: RecordingStore
    usage: FirestoreUsage
    http: Http
    technical_user: TechnicalUser | None = None

    async def close(self) -> None:
        """Closes the HTTP connections to Salesforce; a server keeps them for as long as it lives."""
        await self.http.close()


def open_cipher(settings: Settings) -> TinkCipher:
    """The cipher of the settings' keyset, once for a process: it may ask Cloud KMS, so not in the event loop.

    Raises KeysetError.
    """
    return TinkCipher(settings.keyset, kms_key(settings.keyset_kms_key) if settings.keyset_kms_key else None)


async def connections(settings: Settings, cipher: TinkCipher) -> AsyncIterator[tuple[Connection, Grant | None]]:
    """All connections as they are stored, each with its grant; None for one that nobody can unseal."""
    async for connection in FirestoreDocuments(AsyncClient(project=settings.project_id)).find(Criteria()):
        try:
            yield connection, unsealed(connection, cipher)
        except ConnectionLost:
            yield connection, None


def make_backend(settings: Settings, cipher: TinkCipher) -> Backend:
    """Wires the backend; call it inside the event loop that will serve, which Firestore's client binds to."""
    clock, http = SystemClock(), Http()
    salesforce = SalesforceOAuth(http, client_authentication(settings, clock), local=settings.emulated)
    firestore = AsyncClient(project=settings.project_id)
    old = OldRecords(cipher, settings.login_hosts) if settings.read_old_records else None
    documents = FirestoreDocuments(firestore, _blocks_client(settings), old)
    audit = Audit(cipher, _new_id)
    store = RecordingStore(documents, audit, clock, _log_connection, _log_broken, _log_tampered)
    firebase = FirebaseAuth(_firebase_app(settings))
    usage = FirestoreUsage(firestore)
    allowance = Allowance(
        usage,
        clock,
        user_requests=settings.user_daily_requests,
        org_percent=settings.org_budget_percent,
        notice=_log_allowance,
    )
    process = assemble(
        store, FirestoreCreations(firestore), allowance, salesforce, http, firebase, cipher, clock, random.random,
        owner=_new_id(), api_version=settings.api_version,
        keep_alive=timedelta(days=settings.keep_alive_days), delete_unused=timedelta(days=settings.delete_unused_days),
        local=settings.emulated,
    )  # fmt: skip

    options = SignInOptions(
        settings.consumer_key, settings.scope, settings.login_hosts, settings.firebase, settings.app_check_client
    )
    codes, redirect_uris = FirestoreCodes(firestore), settings.redirect_uris
    attempts = _attempts(settings, firestore, clock)
    sign_in = SignInFlow(
        process.vault,
        salesforce,
        firebase,
        process.blocks,
        codes,
        attempts,
        Beginnings(Keys(), cipher, clock, settings.dpop),
        new_id=_new_id,
        options=options,
        redirect_uris=redirect_uris,
    )

    apps = frozenset(settings.app_check_apps)
    app_check = AppCheck(settings.project_id, apps, settings.app_check_keys_url) if apps else None
    gate, origins = (
        AppCheckGate(app_check, required=settings.app_check_required),
        AllowedOrigins(settings.allowed_origins, settings.own_origins),
    )
    work = routes(sign_in, process.lifecycle, process.queries, process.changes, process.files)
    proxies = Proxies(settings.trusted_proxies)
    endpoint = Endpoint(work, firebase, process.blocks, process.vault, gate, origins, proxies)
    technical_user = (
        TechnicalUser(Uid(settings.technical_user), process.queries.get_profile, clock)
        if settings.technical_user is not None
        else None
    )
    return Backend(endpoint, process.lifecycle, process.blocks, process.vault, store, usage, http, technical_user)


def signer(settings: Settings) -> Signer | None:
    """The client key with which the backend signs; None without one."""
    if settings.client_key_kms is not None:
        return KmsSigner(settings.client_key_kms)
    return None if settings.client_key is None else PemSigner(settings.client_key)


def client_authentication(settings: Settings, clock: Clock) -> ClientAuthentication:
    """How the backend proves to Salesforce that it is the app: with a client key by an assertion, even when there is a
    consumer secret too, which should go then.
    """
    key, secret = signer(settings), settings.consumer_secret
    if key is None:
        assert secret is not None, "settings with neither are refused"
        return ConsumerSecret(settings.consumer_key, secret)
    if secret is not None:
        _log.warning("consumer secret is not needed", advice="the client key signs: docs/deploy.md says what to do")
    return PrivateKeyJwt(settings.consumer_key, key, clock, audience=settings.client_audience)


def _blocks_client(settings: Settings) -> AsyncClient | None:
    """A client of the database that the blocks are in; None when it is the one of everything else."""
    database = settings.blocks_database
    return None if database == "(default)" else AsyncClient(project=settings.project_id, database=database)


def _attempts(settings: Settings, firestore: AsyncClient, clock: SystemClock) -> Attempts:
    # All instances have it, and Firestore has not.
    secret = hashlib.sha256(b"attempts" + settings.keyset.reveal().encode()).digest()

    def fingerprint(text: str) -> str:
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:16]

    def refused(cause: Cause) -> None:
        telemetry.count("sign_ins.put_off")
        _log.warning("sign-ins refused", reason=Reason.TOO_MANY_SIGN_INS.value, cause=cause)

    return Attempts(
        FirestoreAttempts(firestore),
        clock,
        per_address=settings.failed_sign_ins,
        fingerprint=fingerprint,
        notice=refused,
    )


def _firebase_app(settings: Settings) -> firebase_admin.App:
    options: dict[str, Any] = {"projectId": settings.project_id}
    if settings.signing_account is not None:
        options["serviceAccountId"] = settings.signing_account
    return firebase_admin.initialize_app(options=options, name=_new_id())


def _new_id() -> str:
    return secrets.token_hex(16)


def _log_connection(connection: Connection, event: Event | None) -> None:
    """One line for each change of a connection, with the state that it is in now."""
    reason = None if connection.ended_reason is None else connection.ended_reason.value
    _log.info(
        "connection",
        uid=str(connection.uid),
        state=connection.state.value,
        generation=connection.generation,
        recorded=None if event is None else event.value,
        reason=reason,
    )


def _log_broken(subject: str) -> None:
    telemetry.count("audit.failures")
    _log.error("audit record broken", subject=subject)


def _log_tampered(uid: Uid) -> None:
    telemetry.count("connections.tampered")
    _log.error("connection tampered", uid=str(uid))


def _log_allowance(usage: OrgUsage) -> None:
    """One line for each hundredth of an org's daily allowance."""
    telemetry.set_gauge("salesforce.allowance.used", usage.used, org=usage.org_id)
    telemetry.set_gauge("salesforce.allowance.limit", usage.limit, org=usage.org_id)
    log = _log.warning if usage.percent >= 100 * AMPLE else _log.info
    log("allowance", org=usage.org_id, used=usage.used, limit=usage.limit, percent=usage.percent)
