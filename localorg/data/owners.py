"""Who may own a record, and the queues of an org of the shape `queues`.

Sources: Object Reference, Group, QueueSobject, GroupMember (a queue is a Group whose Type is Queue, with the objects
that it takes); SOAP API Developer Guide, StatusCode (INACTIVE_OWNER_OR_USER, TRANSFER_REQUIRES_READ); Salesforce Help,
"Transfer Records" and "Organization-Wide Sharing Defaults".
"""

from collections.abc import Callable, Mapping

from localorg.data.access import ADMINISTRATOR, profile_of, schema_for
from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.sobjects import SObject

SHAPE = "queues"
# Public Read/Write/Transfer from the beginning; other objects are Public Read/Write.
_TRANSFERABLE = frozenset({"Case", "Lead"})
_QUEUES = (("Support", "Case"), ("Inbound Leads", "Lead"))
_EVERY = 3  # of the demo records, every third is in its queue


def check(org: Org, sobject: SObject, owner: str, identifier: str | None) -> None:
    """Raises ApiError when a record may not be given to this owner. `identifier` is the record, None for a new one; an
    owner who stays is not looked at."""
    table = org.objects.of_id(owner)
    if identifier is not None:
        row = org.db.execute(f'SELECT OwnerId FROM "{sobject.name}" WHERE Id = ?', (identifier,)).fetchone()
        if row is not None and row["OwnerId"] == owner:
            return
    if table is org.objects["Group"]:
        _check_queue(org, sobject, owner)
    elif table is org.objects["User"]:
        _check_user(org, sobject, owner)


def _check_queue(org: Org, sobject: SObject, owner: str) -> None:
    taken = "SELECT 1 FROM QueueSobject WHERE QueueId = ? AND SobjectType = ? AND IsDeleted = 0"
    queue = "SELECT 1 FROM \"Group\" WHERE Id = ? AND Type = 'Queue'"
    if (
        org.db.execute(queue, (owner,)).fetchone() is None
        or org.db.execute(taken, (owner, sobject.name)).fetchone() is None
    ):
        raise ApiError(400, "INVALID_OPERATION", "Queue not associated with this SObject type", ["OwnerId"])


def _check_user(org: Org, sobject: SObject, owner: str) -> None:
    if not org.db.execute("SELECT IsActive FROM User WHERE Id = ?", (owner,)).fetchone()["IsActive"]:
        said = f"operation performed with inactive user [{owner}] as owner of {sobject.label.lower()}"
        raise ApiError(400, "INACTIVE_OWNER_OR_USER", said, [])
    if schema_for(org, owner).sobject(sobject.name) is None:
        raise ApiError(400, "TRANSFER_REQUIRES_READ", "The new owner must have read permission", ["OwnerId"])


def check_transfer(
    org: Org, sobject: SObject, current: Mapping[str, object], row: Mapping[str, object], user_id: str
) -> None:
    """Raises ApiError when a user gives away what is not theirs: in an org of the shape `queues`, only administrators
    have Transfer Record. `current` is the record, `row` what is to be changed in it."""
    if SHAPE not in org.settings.shape or sobject.name in _TRANSFERABLE or current.get("OwnerId") is None:
        return
    if row.get("OwnerId", current["OwnerId"]) == current["OwnerId"] or current["OwnerId"] == user_id:
        return
    if profile_of(org, user_id) != ADMINISTRATOR:
        raise ApiError(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])


def seed_queues(add: Callable[[str, dict[str, object]], str], members: list[str]) -> dict[str, str]:
    """Adds the demo queues with these users as members. `add` makes a record and returns its id. Returns the queues'
    ids by the object that they take."""
    queues = dict[str, str]()
    for name, sobject in _QUEUES:
        queue = add("Group", {"Name": name, "DeveloperName": name.replace(" ", "_"), "Type": "Queue"})
        add("QueueSobject", {"QueueId": queue, "SobjectType": sobject})
        for member in members:
            add("GroupMember", {"GroupId": queue, "UserOrGroupId": member})
        queues[sobject] = queue
    return queues


def fill_queues(org: Org, queues: Mapping[str, str]) -> None:
    """Gives some of the demo records to the queues of their objects."""
    open_ones = {"Case": "IsClosed = 0", "Lead": "IsConverted = 0"}
    with org.write() as db:
        for sobject, queue in queues.items():
            ids = db.execute(f'SELECT Id FROM "{sobject}" WHERE {open_ones[sobject]} ORDER BY Id').fetchall()
            db.executemany(
                f'UPDATE "{sobject}" SET OwnerId = ? WHERE Id = ?', [(queue, str(r["Id"])) for r in ids[::_EVERY]]
            )
