"""Record types: what their picklists hold, and which values of dependent picklists go together."""

from collections.abc import Mapping

from backend.records.describe import Describes
from backend.records.org import RECORD_TYPE, Described
from backend.values import Uid
from contract.calls import FieldValue
from contract.errors import NotFound, Reason, RefusedRequest
from contract.picklists import Picklists


async def picklists_of(describes: Describes, uid: Uid, sobject: str, record_type: str) -> Picklists:
    """What the picklists of a record type (its id) hold; no fields where Salesforce does not say.

    Raises RefusedRequest(record-type-not-available) for a type that there is not, or none that Salesforce tells of.
    """
    try:
        return Picklists(dict(await describes.picklists(uid, sobject, record_type)))
    except (NotFound, RefusedRequest):
        described = await describes.get(uid, sobject)
        if all(record_type[:15] != t.id[:15] for t in described.record_types):
            raise RefusedRequest(Reason.RECORD_TYPE_NOT_AVAILABLE, details={"fields": [RECORD_TYPE]}) from None
        return Picklists({})  # Salesforce's User Interface API does not know every object


def check_dependencies(described: Described, fields: Mapping[str, FieldValue]) -> None:
    """Raises RefusedRequest(value-not-in-picklist) where a value of a dependent picklist does not go with that of its
    controlling field, both given: Salesforce's own pages offer no such pair, its API takes it. Values that the picklist
    does not have are Salesforce's to judge.
    """
    wrong: list[str] = []
    for name, value in fields.items():
        shape = described.fields[name].shape
        if not shape.controller or shape.controller not in fields or value in (None, ""):
            continue
        given = fields[shape.controller]
        chosen = str(given).lower() if isinstance(given, bool) else str(given or "")
        if any(v in shape.valid_for and chosen not in shape.valid_for[v] for v in str(value).split(";")):
            wrong.append(name)
    if wrong:
        raise RefusedRequest(Reason.VALUE_NOT_IN_PICKLIST, details={"fields": wrong})
