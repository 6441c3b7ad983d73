"""The flows of one process, joined over whatever stores, Salesforce, clock and chance they are given: wiring.py hands
in the real ones, tests others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import msgspec
import structlog

from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_rest import SalesforceRest
from backend.adapters.salesforce_session import SalesforceSession
from backend.connections.blocks import BlockList
from backend.connections.credentials import RememberedCredentials
from backend.connections.lifecycle import FirebaseUsers, Lifecycle
from backend.connections.renewal import Renewal, TokenEndpoint
from backend.connections.revocation import RevocationEndpoint
from backend.connections.store import RecordingStore
from backend.connections.vault import Vault
from backend.records.allowance import Allowance
from backend.records.changes import Changes
from backend.records.creations import Creations, CreationStore
from backend.records.currencies import Currencies
from backend.records.describe import Describes
from backend.records.files import Files
from backend.records.queries import Queries
from backend.values import Cipher, Clock

_log = structlog.get_logger("records")


class TokenEndpoints(TokenEndpoint, RevocationEndpoint, Protocol):
    """Salesforce's OAuth endpoints, seen from a connection that is there."""


class Process(msgspec.Struct, frozen=True):
    """What one process of the backend consists of, but for sign-in and the endpoint."""

    remembered: RememberedCredentials
    vault: Vault
    renewal: Renewal
    blocks: BlockList
    lifecycle: Lifecycle
    rest: SalesforceRest
    queries: Queries
    changes: Changes
    files: Files


def assemble(
    store: RecordingStore,
    creations: CreationStore,
    allowance: Allowance,
    oauth: TokenEndpoints,
    http: Http,
    firebase: FirebaseUsers,
    cipher: Cipher,
    clock: Clock,
    chance: Callable[[], float],
    *,
    owner: str,
    api_version: str,
    keep_alive: timedelta,
    delete_unused: timedelta,
    local: bool,
) -> Process:
    """One process. `chance` gives numbers from 0 to 1, `owner` is the name under which it holds leases; `local` also
    allows a local org over http.
    """
    remembered = RememberedCredentials(clock)
    vault = Vault(store, cipher, oauth, clock, remembered)
    renewal = Renewal(vault, oauth, clock, chance, owner)
    blocks = BlockList(store, clock)
    lifecycle = Lifecycle(
        vault, renewal, store, firebase, blocks, clock, keep_alive=keep_alive, delete_unused=delete_unused
    )
    rest = SalesforceRest(SalesforceSession(http, renewal, allowance, clock, chance, local=local), api_version)
    describes = Describes(rest, vault, clock, may_look=allowance.is_ample, warn=_warn)
    queries = Queries(rest, describes, Currencies(rest, clock, may_look=allowance.is_ample))
    once = Creations(creations, cipher)
    changes, files = Changes(rest, describes, once), Files(rest, describes, once)
    return Process(remembered, vault, renewal, blocks, lifecycle, rest, queries, changes, files)


def _warn(said: str) -> None:
    _log.warning(said)
