"""To whom a record may be given: queues that take its object, and active users.

Sources: Object Reference, Group and QueueSobject (a queue is a Group whose Type is Queue), User (UserType), Case (its
OwnerId may be a queue's); Salesforce Help, "Transfer Records".
"""

from collections.abc import Sequence

from backend.records import soql
from backend.records.describe import Shapes, object_of
from backend.records.layouts import LAYOUTS
from backend.records.org import Org, Row
from backend.values import Uid
from contract.calls import MAX_PAGE, MAX_SEARCH, FindOwners, Owner, Owners
from contract.errors import Reason, RefusedRequest

_QUEUES = "Group"
_OF_PEOPLE = "'Standard', 'PowerPartner'"  # no guests, portal users and processes


async def find(org: Org, uid: Uid, request: FindOwners, shapes: Shapes) -> Owners:
    """The owners whose names have the text in them; one request to Salesforce where the user may see queues and
    titles.
    """
    described = object_of(shapes, request.sobject)
    owner = described.fields.get(LAYOUTS[request.sobject].owner)
    if owner is None:
        raise RefusedRequest(Reason.UNKNOWN_FIELD, f"{described.label_plural} have no owner that you may see.")
    if not 1 <= request.limit <= MAX_PAGE:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, f"limit is a number from 1 to {MAX_PAGE}")
    text = (request.search or "").strip()
    if len(text) > MAX_SEARCH:
        raise RefusedRequest(Reason.INVALID_VALUE, f"A search text has at most {MAX_SEARCH} characters.")
    named = f" AND Name LIKE {soql.like_anywhere(text)}" if text else ""
    last = f"{named} ORDER BY Name ASC NULLS LAST, Id ASC LIMIT {request.limit}"
    users = f"SELECT Id, Name, Title FROM User WHERE IsActive = true AND UserType IN ({_OF_PEOPLE}){last}"
    taking = f"SELECT QueueId FROM QueueSobject WHERE SobjectType = {soql.quote(request.sobject)}"
    queues = f"SELECT Id, Name FROM Group WHERE Type = 'Queue' AND Id IN ({taking}){last}"
    if _QUEUES not in owner.shape.refers_to:
        queues = ""
    untitled = users.replace("Name, Title", "Name", 1)
    # Titles may be hidden by field-level security, and queues are not everybody's to see.
    *attempts, least = [(q, u) for q in dict.fromkeys((queues, "")) for u in (users, untitled)]
    for attempt in attempts:
        try:
            waiting, people = await _asked(org, uid, *attempt)
            break
        except RefusedRequest:
            continue
    else:
        waiting, people = await _asked(org, uid, *least)
    return Owners((*map(_queue, waiting), *map(_user, people)))


async def _asked(org: Org, uid: Uid, queues: str, users: str) -> tuple[Sequence[Row], Sequence[Row]]:
    if not queues:
        return (), (await org.query(uid, users))[0]
    waiting, people = await org.query(uid, queues, users)
    return waiting, people


def _user(row: Row) -> Owner:
    title = row.get("Title")
    return Owner(str(row["Id"]), str(row.get("Name") or ""), title=None if title is None else str(title))


def _queue(row: Row) -> Owner:
    return Owner(str(row["Id"]), str(row.get("Name") or ""), is_queue=True)
