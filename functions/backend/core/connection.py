"""What the vault keeps of one Salesforce user's grant to this app, and what a call needs of it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from contract.errors import Reason


class Secret:
    """A token or secret whose text shows only where `reveal` is called."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a call to Salesforce needs. `generation` grows with every token pair that is stored."""

    uid: str
    access_token: Secret
    instance_url: str
    generation: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """A newer credential; `refreshed` when Salesforce made it for this very renewal, not for an earlier one."""

    credential: Credential
    refreshed: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What Salesforce's token endpoint answered; `refresh_token` is None when the one in use stays valid."""

    access_token: Secret
    refresh_token: Secret | None
    instance_url: str
    scope: str
    org_id: str
    user_id: str


class State(StrEnum):
    """What is true of a connection."""

    FRESH = "fresh"  # the stored tokens are the newest that Salesforce gave
    REFRESHING = "refreshing"  # someone holds the lease; the refresh token has not been sent yet
    SENDING = "sending"  # the lease holder may have sent the refresh token; its answer is not stored yet
    SENT_UNKNOWN = "sent-unknown"  # it was sent and no answer came: only Salesforce knows whether it is still good
    NEEDS_SIGN_IN = "needs-sign-in"  # Salesforce refused the refresh token for good; `ended_reason` says why
    REVOKED = "revoked"  # ended from this side by an administrator; a refresh token is left only until Salesforce has revoked it


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to refresh one connection until `deadline`."""

    owner: str
    deadline: datetime


class Event(StrEnum):
    """What the audit record tells."""

    SIGN_IN = "sign-in"
    REFRESH = "refresh"
    REFUSAL = "refusal"  # Salesforce refused the grant for good
    REVOCATION = "revocation"  # signed out, or not used for long
    ERASURE = "erasure"
    KILL = "kill"
    LIFT = "lift"  # a kill was taken back


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit record. `by` is user, backend, schedule or an administrator's name; `previous` the hash before."""

    subject: str
    sequence: int
    at: datetime
    event: Event
    by: str
    generation: int
    reason: str
    previous: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The end of a subject's audit record: its newest hash, plain and sealed."""

    subject: str
    sequence: int
    hash: str
    seal: bytes


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as it is stored: tokens sealed. `revision` is the store's own mark of this state of the document.

    `created` is the last sign-in, `refreshed` the last time that the refresh token was used, `used` a day of the last call;
    `sessions` are the devices that are signed in, by the time of their sign-in.
    """

    uid: str
    org_id: str
    user_id: str
    login_host: str
    instance_url: str
    scope: str
    generation: int
    access_token: bytes
    refresh_token: bytes
    state: State
    created: datetime
    refreshed: datetime
    used: datetime
    lease: Lease | None = None
    ended_reason: Reason | None = None
    stay_signed_in: bool = False
    sessions: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    chain: Chain | None = None
    revision: object = None


@dataclass(frozen=True, slots=True)
class Sought:
    """Which connections to find; what is None does not matter. `revocation_due`: revoked here, not yet at Salesforce."""

    org_id: str | None = None
    stay_signed_in: bool | None = None
    refreshed_before: datetime | None = None
    used_before: datetime | None = None
    revocation_due: bool | None = None

    def covers(self, connection: Connection) -> bool:
        return (
            self.org_id in (None, connection.org_id)
            and self.stay_signed_in in (None, connection.stay_signed_in)
            and (self.refreshed_before is None or connection.refreshed < self.refreshed_before)
            and (self.used_before is None or connection.used < self.used_before)
            and self.revocation_due in (None, revocation_due(connection))
        )


def revocation_due(connection: Connection) -> bool:
    """Whether Salesforce still has to be told that an administrator ended the connection."""
    return connection.state is State.REVOKED and bool(connection.refresh_token)


class Contended(Exception):
    """Someone else wrote the document first; read again."""


class ChainBroken(Exception):
    """The audit record is longer than its end says, as after a restore of an older document: go on with a new record."""


class ConnectionStore(Protocol):
    """Where connections are kept, whole documents only. Every write is fenced; an audit entry is written with it or not at all."""

    async def read(self, uid: str) -> Connection | None: ...

    async def write(self, connection: Connection, entry: Entry | None = None) -> Connection:
        """Writes over exactly the revision that `connection` was read at (None: there must be none yet).

        Returns the connection with its new revision. Raises Contended, ChainBroken.
        """
        ...

    async def delete(self, connection: Connection, entry: Entry) -> None:
        """Deletes exactly the revision that was read, and closes its chain at `connection.chain`. Raises Contended, ChainBroken."""
        ...

    def find(self, sought: Sought) -> AsyncIterator[Connection]:
        """All that are sought, as they are when their turn comes."""
        ...

    async def erase(self, uid: str) -> None:
        """Forgets which chains belong to a user, and all else that is kept beside the connection."""
        ...


class Cipher(Protocol):
    """Seals tokens, bound to the connection, field and generation that they belong to."""

    def seal(self, token: Secret, *, uid: str, field: str, generation: int) -> bytes: ...

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        """Raises ConnectionLost(tokens-unreadable) when the key is lost or the ciphertext belongs elsewhere."""
        ...


class Clock(Protocol):
    """Time, handed in so that a test can hold it."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...
