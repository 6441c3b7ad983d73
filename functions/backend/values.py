"""Values and narrow interfaces that all flows share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

import msgspec

from contract.calls import FieldValue


class Secret:
    """A token or secret whose text shows only where `reveal` is called."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """The text itself."""
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
        """The uid of two ids of 18 characters."""
        return cls(f"{org_id}_{user_id}")

    @property
    def org_id(self) -> str:
        """The part before the underscore."""
        return self.partition("_")[0]

    @property
    def user_id(self) -> str:
        """The part after the underscore; "" when there is none."""
        return self.partition("_")[2]


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a user, and the device on which they signed in (its random id, a claim of the Firebase ID token)."""

    uid: Uid
    device: str


class Visitor(msgspec.Struct, frozen=True):
    """Who makes a call without a session. `peer` is the address that the connection came from, `address` the caller's:
    the same, unless a proxy that is believed said another. `attestation` is the fingerprint of the call's App Check
    token, None without one.
    """

    address: str
    peer: str
    attestation: str | None = None


class WrittenRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Record of a list: the same attributes and the same JSON, made and written by msgspec in a third of the time."""

    id: str
    fields: Mapping[str, FieldValue]
    version: str | None = None


class Attachment(msgspec.Struct, frozen=True):
    """A text of the data calls that lives and dies with a connection, and the time at which it was true."""

    text: bytes
    at: datetime


CLOCK_SKEW_SECONDS = 60  # by which Google's clock may differ from this one; the most that firebase-admin takes


class Clock(Protocol):
    """Time, handed in so that a test can stop it."""

    def now(self) -> datetime:
        """The time of now, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits so many seconds of this clock."""
        ...


class Cipher(Protocol):
    """Encrypts texts (seals) and decrypts them (unseals); a sealed text opens only with the uid, field and generation
    that it was sealed with.
    """

    def seal_bytes(self, text: bytes, *, uid: str, field: str) -> bytes:
        """Seals bytes that have no generation."""
        ...

    def unseal_bytes(self, sealed: bytes, *, uid: str, field: str) -> bytes | None:
        """What `seal_bytes` sealed; None when the key is gone, or it was sealed for another uid or field."""
        ...

    def seal(self, text: Secret, *, uid: str, field: str, generation: int) -> bytes:
        """Seals a token, or another secret, of one generation of a connection."""
        ...

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        """What `seal` sealed. Raises ConnectionLost: tokens-unreadable when its key is one that was dropped, otherwise
        connection-tampered: it was changed, or sealed for another uid, field or generation, or by nobody.
        """
        ...
