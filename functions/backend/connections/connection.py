"""A connection: one Salesforce user's grant to this app, as it is stored, and every step from one state to the next.

The functions below are the only ones that build a connection's next state. They are pure: the grant comes in sealed,
time and leases are handed in.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from backend.connections.audit import Chain
from backend.values import Attachment, Secret, Uid
from contract.errors import ConnectionLost, Reason

MAX_DEVICES = 20  # of one user; the one that signed in longest ago makes room


class State(StrEnum):
    """What is true of a connection."""

    FRESH = "fresh"  # the stored tokens are the newest that Salesforce gave
    REFRESHING = "refreshing"  # someone holds the lease; the refresh token has not been sent yet
    SENDING = "sending"  # the lease holder may have sent the refresh token; its answer is not stored yet
    SENT_UNKNOWN = "sent-unknown"  # it was sent and no answer came: only Salesforce knows whether it is still good
    # Salesforce refused the refresh token, or this user's every call, for good; `ended_reason` says why
    NEEDS_SIGN_IN = "needs-sign-in"
    REVOKED = "revoked"  # ended by an administrator's block


class TokenResponse(msgspec.Struct, frozen=True):
    """What Salesforce's token endpoint answered; `refresh_token` is None when the one in use stays valid, `bound` says
    that the tokens are good only with the key of the request (token_type DPoP, RFC 9449 section 5).
    """

    access_token: Secret
    refresh_token: Secret | None
    instance_url: str
    scope: str
    uid: Uid
    bound: bool = False


class Grant(msgspec.Struct, frozen=True):
    """What Salesforce granted, and everything that decides where a secret goes: sealed as one, so that whoever can only
    write to the store changes none of it. `key` is the private key that the tokens are bound to (DPoP), as text; None:
    they are Bearer tokens. The login host has no scheme, the instance URL has one.
    """

    login_host: str
    instance_url: str
    scope: str
    access_token: Secret
    refresh_token: Secret
    key: Secret | None = None

    @classmethod
    def of(cls, response: TokenResponse, login_host: str, key: Secret | None = None) -> "Grant":
        """The grant of a new sign-in. Raises ValueError for a response without refresh token."""
        if response.refresh_token is None:
            raise ValueError("a sign-in without refresh token is not kept")
        return cls(
            login_host, response.instance_url, response.scope, response.access_token, response.refresh_token, key
        )

    def refreshed(self, response: TokenResponse) -> "Grant":
        """The grant after a refresh; without rotation the refresh token stays. Without a key when Salesforce no longer
        binds it.
        """
        return replace(
            self,
            instance_url=response.instance_url,
            access_token=response.access_token,
            refresh_token=response.refresh_token or self.refresh_token,
            key=self.key if response.bound else None,
        )

    @property
    def is_live(self) -> bool:
        """Whether there is something to revoke."""
        return bool(self.refresh_token.reveal())

    def without_tokens(self) -> "Grant":
        """What stays in a connection whose grant was given up: where it was."""
        return replace(self, access_token=Secret(""), refresh_token=Secret(""), key=None)

    def to_text(self) -> Secret:
        """As it is sealed."""
        fields = {"loginHost": self.login_host, "instanceUrl": self.instance_url, "scope": self.scope,
                  "accessToken": self.access_token.reveal(), "refreshToken": self.refresh_token.reveal(),
                  "key": None if self.key is None else self.key.reveal()}  # fmt: skip
        return Secret(json.dumps(fields, separators=(",", ":")))

    @classmethod
    def from_text(cls, text: Secret) -> "Grant":
        """What `to_text` made."""
        fields: dict[str, Any] = json.loads(text.reveal())
        key = fields.get("key")
        return cls(
            fields["loginHost"],
            fields["instanceUrl"],
            fields["scope"],
            Secret(fields["accessToken"]),
            Secret(fields["refreshToken"]),
            None if key is None else Secret(key),
        )


class Credential(msgspec.Struct, frozen=True):
    """What a request to Salesforce needs; `instance_url` is such as https://acme.my.salesforce.com. `created` is the
    sign-in that it comes from; `generation` grows with every token pair that is stored since, and says nothing of
    another sign-in's. `key` as in a Grant.
    """

    uid: Uid
    access_token: Secret
    instance_url: str
    created: datetime
    generation: int
    key: Secret | None = None

    def is_newer_than(self, other: "Credential") -> bool:
        """Whether it is a later one of the same sign-in."""
        return self.created == other.created and self.generation > other.generation


class Device(msgspec.Struct, frozen=True):
    """A device at its sign-in: its random id, and a name such as "Chrome, Windows"; "" when it sent none."""

    id: str
    name: str = ""

    @classmethod
    def called(cls, device_id: str, name: str | None) -> "Device":
        """The device with a name that an app sent (None: none): its white space joined, cut to 60 characters."""
        return cls(device_id, " ".join("".join(c if c.isprintable() else " " for c in name or "").split())[:60])


class Lease(msgspec.Struct, frozen=True):
    """The right to refresh one connection until `deadline`; `owner` is the process that holds it."""

    owner: str
    deadline: datetime


class Connection(msgspec.Struct, frozen=True):
    """A connection as it is stored. `sealed` is its Grant, for this uid and generation; `revision` is the store's own
    mark of this state of the document, `write_id` the id of the write that made it, `chain` the end of its audit
    record.

    `created` is the last sign-in, `refreshed` the last time that the refresh token was used, `used` a day of the last
    call; `devices` are those that are signed in, each with the time of its sign-in, `device_names` what they call
    themselves; `attachment` is what the data calls keep with it, its text sealed.
    """

    uid: Uid
    generation: int
    sealed: bytes
    state: State
    created: datetime
    refreshed: datetime
    used: datetime
    lease: Lease | None = None
    ended_reason: Reason | None = None
    stay_signed_in: bool = False
    devices: Mapping[str, datetime] = msgspec.field(default_factory=dict[str, datetime])
    device_names: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    chain: Chain | None = None
    attachment: Attachment | None = None
    revision: object = None
    write_id: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether only a new sign-in helps."""
        return self.state in (State.NEEDS_SIGN_IN, State.REVOKED)

    def is_same_grant(self, other: "Connection | Credential") -> bool:
        """Whether both have the same sign-in (`created`) and the same token pair (`generation`)."""
        return self.created == other.created and self.generation == other.generation


# Sign-in and devices


def next_generation(before: Connection | None) -> int:
    """The generation of the token pair that a new sign-in brings."""
    return 1 if before is None else before.generation + 1


def signed_in(uid: Uid, before: Connection | None, sealed: bytes, *, device: Device, at: datetime) -> Connection:
    """A new sign-in in place of the connection `before` (None: there was none), from which it takes over the other
    devices (but for a blocked one's), the choice to stay signed in, the audit record and the attachment.
    """
    devices = (
        {}
        if before is None or before.state is State.REVOKED
        else dict(sorted(before.devices.items(), key=lambda d: d[1])[-(MAX_DEVICES - 1) :])
    )
    names = {} if before is None else {d: name for d, name in before.device_names.items() if d in devices}
    return Connection(
        uid=uid,
        generation=next_generation(before),
        sealed=sealed,
        state=State.FRESH,
        created=at,
        refreshed=at,
        used=at,
        stay_signed_in=before is not None and before.stay_signed_in,
        devices={**devices, device.id: at},
        device_names={**names, device.id: device.name} if device.name else names,
        chain=None if before is None else before.chain,
        attachment=None if before is None else before.attachment,
        revision=None if before is None else before.revision,
    )


def without_device(connection: Connection, device: str) -> Connection:
    """The connection without one device; others stay signed in."""
    return replace(
        connection,
        devices={d: at for d, at in connection.devices.items() if d != device},
        device_names={d: name for d, name in connection.device_names.items() if d != device},
    )


def staying_signed_in(connection: Connection, wanted: bool) -> Connection:
    """The connection with the user's choice whether the grant is kept alive while they do not use the app."""
    return replace(connection, stay_signed_in=wanted)


def used_today(connection: Connection, at: datetime) -> Connection:
    """The connection with the time of its last use, which is written once a day."""
    return replace(connection, used=at)


def attached(connection: Connection, attachment: Attachment) -> Connection:
    """The connection with another attachment, whose text is sealed."""
    return replace(connection, attachment=attachment)


def resealed(connection: Connection, sealed: bytes) -> Connection:
    """The same grant, sealed with another key."""
    return replace(connection, sealed=sealed)


# Renewal, in the order in which it goes


def lease_taken(connection: Connection, lease: Lease) -> Connection:
    """The connection with a new lease, in place of none or of a dead holder's. If that holder may have sent the refresh
    token, the state is `sent-unknown`, otherwise `refreshing`.
    """
    sent = connection.state in (State.SENDING, State.SENT_UNKNOWN)
    return replace(connection, state=State.SENT_UNKNOWN if sent else State.REFRESHING, lease=lease)


def sending(connection: Connection, lease: Lease) -> Connection:
    """The connection as it is written before the refresh token leaves this process."""
    return replace(connection, state=State.SENDING, lease=lease)


def not_sent(connection: Connection) -> Connection:
    """The connection without its lease; the refresh token is good, because it was not sent or Salesforce did nothing
    with it.
    """
    return replace(connection, state=State.FRESH, lease=None)


def sent_unknown(connection: Connection) -> Connection:
    """The connection without its lease; whether Salesforce has used up the refresh token nothing says."""
    return replace(connection, state=State.SENT_UNKNOWN, lease=None)


def lease_returned(connection: Connection) -> Connection:
    """The connection without its lease; the state stays, because Salesforce could not be asked."""
    return replace(connection, lease=None)


def renewed(connection: Connection, sealed: bytes, at: datetime) -> Connection:
    """The connection with what Salesforce gave, `sealed` for the next generation. If another instance has ended it
    because it took this answer for lost, that is taken back; see `may_be_renewed`.
    """
    return replace(
        connection,
        generation=connection.generation + 1,
        sealed=sealed,
        state=State.FRESH,
        lease=None,
        ended_reason=None,
        refreshed=at,
    )


def may_be_renewed(connection: Connection, held: Connection) -> bool:
    """Whether the answer to the refresh of `held` belongs into the connection as it is now: it is of the same grant,
    and has not ended but for the very reason that this answer was taken for lost.
    """
    return connection.is_same_grant(held) and (
        not connection.has_ended or connection.ended_reason is Reason.REFRESH_LOST
    )


# Ends


def ended(connection: Connection, reason: Reason) -> Connection:
    """The connection after Salesforce has refused its grant, or its user's every call, for good."""
    return replace(connection, state=State.NEEDS_SIGN_IN, ended_reason=reason, lease=None)


def blocked(connection: Connection) -> Connection:
    """The connection of a user whom an administrator has blocked. The devices stay, so that they are told why; a new
    sign-in takes over none of them.
    """
    return replace(connection, state=State.REVOKED, ended_reason=Reason.ACCESS_STOPPED, lease=None)


def lost(connection: Connection | None) -> ConnectionLost:
    """The error for a connection that has ended, with its reason and its state; not-connected for None."""
    if connection is None:
        return ConnectionLost(Reason.NOT_CONNECTED)
    return ConnectionLost(connection.ended_reason or Reason.ACCESS_REVOKED, details={"state": connection.state.value})
