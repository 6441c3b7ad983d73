"""Values and narrow interfaces that all flows share."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol


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


class Uid(str):
    """One Salesforce user of one org, `{orgId}_{userId}`: the Firebase uid, and the name of the connection's document.

    The org belongs to it because a sandbox copy has the same user ids as production.
    """

    __slots__ = ()

    @classmethod
    def of(cls, org_id: str, user_id: str) -> "Uid":
        return cls(f"{org_id}_{user_id}")

    @property
    def org_id(self) -> str:
        return self.partition("_")[0]

    @property
    def user_id(self) -> str:
        return self.partition("_")[2]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a user, and the device on which they signed in (its random id, a claim of the Firebase ID token)."""

    uid: Uid
    device: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes a call without a session. `address` is the caller's as its proxy, or the caller itself, has told it,
    `peer` the address that the connection came from; `attestation` names the App Check token that says that it is the
    app."""

    address: str
    peer: str
    attestation: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text of the data calls that lives and dies with a connection, and when it was true."""

    text: bytes
    at: datetime


CLOCK_SKEW_SECONDS = 60  # by which Google's clock may differ from this one; the most that firebase-admin takes


class Clock(Protocol):
    """Time, handed in so that a test can hold it."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Cipher(Protocol):
    """Seals texts, bound to the document, field and generation that they belong to."""

    def seal_bytes(self, text: bytes, *, uid: str, field: str) -> bytes: ...

    def unseal_bytes(self, sealed: bytes, *, uid: str, field: str) -> bytes | None:
        """None when the key is lost or the ciphertext belongs elsewhere."""
        ...

    def seal(self, text: Secret, *, uid: str, field: str, generation: int) -> bytes: ...

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        """Raises ConnectionLost(tokens-unreadable) when the key is lost or the ciphertext belongs elsewhere."""
        ...
