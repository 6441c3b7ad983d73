"""Connections and audit entries as the fields of a Firestore document, and back."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, cast

from google.cloud.firestore import DELETE_FIELD

from backend.connections.audit import Chain, Entry, Event
from backend.connections.connection import Connection, Lease, State
from backend.values import Attachment, Uid
from contract.errors import Reason


def attachment_fields(attachment: Attachment) -> dict[str, Any]:
    """An attachment, sealed, in the document of its connection; describes are all that is attached."""
    return {"describes": attachment.text, "describedAt": attachment.at}


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
        "revocationDue": connection.revocation_due,
        "staySignedIn": connection.stay_signed_in,
        "devices": dict(connection.devices),
        "deviceNames": dict(connection.device_names),
        "writeId": connection.write_id,
        **({} if connection.chain is None else chain_fields(connection.chain)),
    }


def connection_of(snapshot: Any) -> Connection:
    """The connection in a snapshot of its document; its revision is the time of the last write."""
    document = cast(Mapping[str, Any], snapshot.to_dict())
    lease = None
    if document["leaseOwner"] is not None:
        lease = Lease(str(document["leaseOwner"]), cast(datetime, document["leaseDeadline"]))
    return Connection(
        uid=Uid(snapshot.id),
        generation=document["generation"],
        sealed=document["sealed"],
        state=State(document["state"]),
        created=document["created"],
        refreshed=document["refreshed"],
        used=document["used"],
        lease=lease,
        ended_reason=None if document["endedReason"] is None else Reason(document["endedReason"]),
        stay_signed_in=document["staySignedIn"],
        devices=document["devices"],
        device_names=document.get("deviceNames", {}),
        chain=chain_of(document),
        attachment=Attachment(document["describes"], document["describedAt"]) if document.get("describes") else None,
        revision=snapshot.update_time,
        write_id=document.get("writeId", ""),
    )


def chain_fields(chain: Chain) -> dict[str, Any]:
    """The end of an audit record, for the document of whatever it records."""
    return {
        "auditSubject": chain.subject,
        "auditSequence": chain.sequence,
        "auditHash": chain.hash,
        "auditSeal": chain.seal,
    }


def chain_of(document: Mapping[str, Any]) -> Chain | None:
    """The end of the audit record in a document; None when it has none."""
    if "auditSubject" not in document:
        return None
    return Chain(document["auditSubject"], document["auditSequence"], document["auditHash"], document["auditSeal"])


def entry_fields(entry: Entry) -> dict[str, Any]:
    """The fields of an audit entry by name; `event` as its text."""
    named = {f.name: getattr(entry, f.name) for f in fields(Entry) if f.name != "write_id"}
    return named | {"event": entry.event.value, "writeId": entry.write_id}


def entry_of(document: Mapping[str, Any]) -> Entry:
    """The audit entry in a document."""
    values: Any = {f.name: document[f.name] for f in fields(Entry) if f.name != "write_id"}
    return Entry(**values | {"event": Event(document["event"]), "write_id": document.get("writeId", "")})
