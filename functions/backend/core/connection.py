"""What the vault keeps of one Salesforce user's grant to this app, and what a call needs of it."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to refresh one connection until `deadline`."""

    owner: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as it is stored: tokens sealed. `revision` is the store's own mark of this state of the document."""

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
    lease: Lease | None = None
    ended_reason: Reason | None = None
    revision: object = None


class Contended(Exception):
    """Someone else wrote the document first; read again."""


class ConnectionStore(Protocol):
    """Where connections are kept, whole documents only. Every write is fenced."""

    async def read(self, uid: str) -> Connection | None: ...

    async def write(self, connection: Connection) -> Connection:
        """Writes over exactly the revision that `connection` was read at (None: there must be none yet).

        Returns the connection with its new revision. Raises Contended.
        """
        ...

    async def delete(self, connection: Connection) -> None:
        """Deletes exactly the revision that was read. Raises Contended."""
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
