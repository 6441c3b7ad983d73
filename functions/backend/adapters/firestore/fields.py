"""Connections and audit entries as the fields of a Firestore document, and back."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from google.cloud.firestore import DELETE_FIELD

from backend.adapters.old_records import OldRecords
from backend.connections.audit import Chain, Entry, Event
from backend.connections.connection import Connection, Lease, State, ended
from backend.values import Attachment, Uid
from contract.errors import Reason

T = TypeVar("T")
W = TypeVar("W", bound=StrEnum)
_MOST = 2**53  # more than anything is counted to, and less than what Firestore cannot hold
_SUBJECT = re.compile(r"[A-Za-z0-9 -]{1,64}")  # it becomes a document's name
_MISSING = object()


def attachment_fields(attachment: Attachment) -> dict[str, Any]:
    """An attachment, sealed, in the document of its connection; describes are all that is attached."""
    return {"describes": attachment.text, "describedAt": attachment.at}


# What was in a document before a connection was sealed as one; whatever is written takes it away.
NO_OLD_FIELDS = dict.fromkeys(
    ("loginHost", "instanceUrl", "scope", "accessToken", "refreshToken", "revocationDue"), DELETE_FIELD
)
NO_ATTACHMENT = {"describes": DELETE_FIELD, "describedAt": DELETE_FIELD}


def connection_fields(connection: Connection) -> dict[str, Any]:
    """A connection without its attachment, which is written by itself."""
    lease = connection.lease
    return {
        "orgId": connection.uid.org_id,
        "generation": connection.generation,
        "sealed": connection.sealed,
        "state": connection.state.value,
        "created": connection.created,
        "refreshed": connection.refreshed,
        "used": connection.used,
        "leaseOwner": None if lease is None else lease.owner,
        "leaseDeadline": None if lease is None else lease.deadline,
        "endedReason": None if connection.ended_reason is None else connection.ended_reason.value,
        "staySignedIn": connection.stay_signed_in,
        "devices": dict(connection.devices),
        "deviceNames": dict(connection.device_names),
        "writeId": connection.write_id,
        **({} if connection.chain is None else chain_fields(connection.chain)),
    }


def connection_of(snapshot: Any, old: OldRecords | None = None) -> Connection:
    """The connection in a snapshot of its document; its revision is the time of the last write.

    A document that this backend cannot have written, because a field is missing or holds something else, is one that
    was changed from outside: a connection that has ended, with what of it can still be read. So is one in the old
    layout, unless `old` reads it.
    """
    document = cast(Mapping[str, Any], snapshot.to_dict())
    outdated, sealed = "sealed" not in document and "refreshToken" in document, None
    if outdated:
        sealed = None if old is None else old.sealed(Uid(snapshot.id), document)
        document = {"deviceNames": dict[str, str](), **document, "sealed": sealed or b""}
    kept = _Fields(document, snapshot.update_time)
    owner, ended_reason = kept.optional("leaseOwner", str), kept.optional("endedReason", str)
    connection = Connection(
        uid=Uid(snapshot.id),
        generation=kept.count("generation"),
        sealed=kept.one("sealed", bytes, b""),
        state=kept.word("state", State, State.NEEDS_SIGN_IN),
        created=kept.time("created"),
        refreshed=kept.time("refreshed"),
        used=kept.time("used"),
        lease=None if owner is None else Lease(owner, kept.time("leaseDeadline")),
        ended_reason=None if ended_reason is None else kept.word("endedReason", Reason, Reason.CONNECTION_TAMPERED),
        stay_signed_in=kept.one("staySignedIn", bool, False),
        devices=kept.texts("devices", datetime),
        device_names=kept.texts("deviceNames", str),
        chain=kept.chain(),
        attachment=attachment_of(document),
        revision=snapshot.update_time,
        write_id=str(document.get("writeId", "")),
    )
    if not kept.are_whole:
        return ended(connection, Reason.CONNECTION_TAMPERED)
    if outdated and sealed is None and not connection.has_ended:
        return ended(connection, Reason.CONNECTION_OUTDATED)
    return connection


class _Fields:
    """The fields of a document, each as what it has to be; `are_whole` once one was not, or was missing, is False."""

    def __init__(self, document: Mapping[str, Any], written: datetime) -> None:
        self._document = document
        self._written = written
        self.are_whole = True

    def one(self, name: str, kind: type[T], otherwise: T) -> T:
        """A field of this very type."""
        value = self._document.get(name)
        return value if type(value) is kind else self._flaw(otherwise)

    def optional(self, name: str, kind: type[T]) -> T | None:
        """A field of this type, or None; it must be there."""
        value = self._document.get(name, _MISSING)
        return value if value is None or type(value) is kind else self._flaw(None)

    def count(self, name: str) -> int:
        """A number from 1 that can be counted on."""
        value = self._document.get(name)
        return value if type(value) is int and 0 < value < _MOST else self._flaw(1)

    def time(self, name: str) -> datetime:
        """A time that can be reckoned with."""
        value = self._document.get(name)
        return value if isinstance(value, datetime) and 2000 < value.year < 3000 else self._flaw(self._written)

    def word(self, name: str, words: type[W], otherwise: W) -> W:
        """One of these words."""
        try:
            return words(self._document.get(name))
        except ValueError:
            return self._flaw(otherwise)

    def texts(self, name: str, kind: type[T]) -> Mapping[str, T]:
        """Values of this type by texts."""
        value = self._document.get(name)
        entries = cast(Mapping[Any, Any], value) if isinstance(value, Mapping) else self._flaw(dict[Any, Any]())
        good = {k: v for k, v in entries.items() if isinstance(k, str) and isinstance(v, kind)}
        return good if len(good) == len(entries) else self._flaw(good)

    def chain(self) -> Chain | None:
        """The end of an audit record; none when there is none."""
        chain = chain_of(self._document)
        return self._flaw(None) if chain is None and "auditSubject" in self._document else chain

    def _flaw(self, otherwise: T) -> T:
        self.are_whole = False
        return otherwise


def attachment_of(document: Mapping[str, Any]) -> Attachment | None:
    """The sealed attachment in the document of a connection; None when there is none to be read."""
    text, at = document.get("describes"), document.get("describedAt")
    return Attachment(text, at) if isinstance(text, bytes) and text and isinstance(at, datetime) else None


def targets_of(document: Mapping[str, Any]) -> frozenset[str] | None:
    """Whom a document of blocks names; None when somebody has made something else of it."""
    targets = document.get("targets")
    if isinstance(targets, list) and all(isinstance(t, str) for t in cast(list[object], targets)):
        return frozenset(cast(list[str], targets))
    return None


def chain_fields(chain: Chain) -> dict[str, Any]:
    """The end of an audit record, for the document of whatever it records."""
    return {
        "auditSubject": chain.subject,
        "auditSequence": chain.sequence,
        "auditHash": chain.hash,
        "auditSeal": chain.seal,
    }


def chain_of(document: Mapping[str, Any]) -> Chain | None:
    """The end of the audit record in a document; None when it has none, or what cannot be one."""
    subject, sequence, newest, seal = (document.get(f"audit{name}") for name in ("Subject", "Sequence", "Hash", "Seal"))
    named = isinstance(subject, str) and _SUBJECT.fullmatch(subject)
    counted = type(sequence) is int and 0 < sequence < _MOST
    if named and counted and isinstance(newest, str) and isinstance(seal, bytes):
        return Chain(cast(str, subject), cast(int, sequence), newest, seal)
    return None


def entry_fields(entry: Entry) -> dict[str, Any]:
    """The fields of an audit entry by name; `event` as its text."""
    named = {name: getattr(entry, name) for name in Entry.__struct_fields__ if name != "write_id"}
    return named | {"event": entry.event.value, "writeId": entry.write_id}


def entry_of(document: Mapping[str, Any]) -> Entry | None:
    """The audit entry in a document; None when somebody has made something else of it."""
    values = {name: document.get(name) for name in Entry.__struct_fields__ if name != "write_id"}
    if not all(isinstance(values[name], kind) for name, kind in _ENTRY.items()):
        return None
    try:
        event = Event(cast(str, values["event"]))
    except ValueError:
        return None
    return Entry(**cast(Any, values | {"event": event, "write_id": str(document.get("writeId", ""))}))


_ENTRY = {"subject": str, "sequence": int, "at": datetime, "event": str, "by": str, "generation": int, "reason": str,
          "previous": str}  # fmt: skip
