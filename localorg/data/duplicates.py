"""Duplicate rules, in an org of the shape `duplicate-rules`: what a new or changed record has in common with another.

Source: Salesforce Help, "Standard Duplicate Rules"; SOAP API Developer Guide, DuplicateResult, DuplicateRuleHeader. The
real rules compare roughly and weigh several fields; these compare one name or e-mail address without regard to case.
"""

from collections.abc import Mapping

from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.sobjects import SObject

SHAPE = "duplicate-rules"
# By object: which fields must be the same, and the objects in which such a record is looked for.
_RULES = {
    "Account": (("Name",), ("Account",)),
    "Contact": (("Email",), ("Contact", "Lead")),
    "Lead": (("Email",), ("Lead", "Contact")),
}


class DuplicatesDetected(ApiError):
    """A record that may be there already. `alike` are the others' ids by object."""

    def __init__(self, sobject: str, alike: Mapping[str, list[str]], version: str) -> None:
        super().__init__(400, "DUPLICATES_DETECTED", "Use one of these records?")
        self._sobject, self._alike, self._version = sobject, alike, version

    def body(self) -> list[dict[str, object]]:
        """The answer's JSON body, with `duplicateResult`."""
        results: list[dict[str, object]] = [
            {
                "entityType": name,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": [
                    {
                        "additionalInformation": [],
                        "fieldDiffs": [],
                        "matchConfidence": 100.0,
                        "record": {
                            "attributes": {
                                "type": name,
                                "url": f"/services/data/v{self._version}/sobjects/{name}/{identifier}",
                            },
                            "Id": identifier,
                        },
                    }
                    for identifier in ids
                ],
                "rule": f"Standard_{name}_Match_Rule_v1_0",
                "size": len(ids),
                "success": True,
            }
            for name, ids in self._alike.items()
        ]
        result: dict[str, object] = {
            "allowSave": True,
            "duplicateRule": f"Standard_{self._sobject}_Duplicate_Rule",
            "duplicateRuleEntityType": self._sobject,
            "errorMessage": self.message,
            "matchResults": results,
        }
        return [{"duplicateResult": result, **row} for row in super().body()]


def check(
    org: Org,
    sobject: SObject,
    values: Mapping[str, object],
    header: str,
    *,
    version: str,
    identifier: str | None = None,
) -> None:
    """Raises DuplicatesDetected for values that another record has too, unless the request's
    Sforce-Duplicate-Rule-Header says allowSave=true. `identifier` is the record that is changed, None for a new one.
    """
    rule = _RULES.get(sobject.name)
    if SHAPE not in org.settings.shape or rule is None:
        return
    if "allowsave=true" in header.replace(" ", "").lower():
        return
    fields, objects = rule
    given = {name.lower(): value for name, value in values.items()}
    wanted = [given.get(name.lower()) for name in fields]
    if not all(isinstance(value, str) and value.strip() for value in wanted):
        return
    same = " AND ".join(f'LOWER("{name}") = LOWER(?)' for name in fields)
    alike: dict[str, list[str]] = {}
    for name in objects:
        text = f'SELECT Id FROM "{name}" WHERE IsDeleted = 0 AND Id IS NOT ? AND {same} ORDER BY Id LIMIT 10'
        ids = [str(row["Id"]) for row in org.db.execute(text, (identifier, *wanted))]
        if ids:
            alike[name] = ids
    if alike:
        raise DuplicatesDetected(sobject.name, alike, version)
