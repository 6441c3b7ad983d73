"""Rules on the fields of collection groups: what a deployment puts onto documents of every collection of a name.

Expiry and exemptions from indexing count for each collection with that id, wherever it stands, also below documents of
others: "A TTL policy … applies to all documents in the collection group" (https://firebase.google.com/docs/firestore/ttl),
"collection ID … all collections and subcollections" (https://firebase.google.com/docs/firestore/query-data/index-overview).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from devtools.deploy.inventory import Database, Inventory
from devtools.deploy.wanted import COLLECTIONS
from devtools.paths import ROOT


@dataclass(frozen=True, slots=True)
class Coming:
    """Rules that come to databases in use, a line each. `asked`: those that need a yes, for others have collections
    there.
    """

    rules: Sequence[str] = ()
    asked: Sequence[str] = ()


def coming(found: Inventory, *, settled: bool) -> Coming:
    """`settled`: functions of this app stand, so that the collections of its names are its own. Raises DeployError."""
    rules, asked = list[str](), list[str]()
    for name, database in found.databases.items():
        if database.collections:
            new = [f"{rule} in the database {name}" for rule in _rules(name, database)]
            others = not settled or set(database.collections) - set(COLLECTIONS)
            rules += new
            asked += new if others else []
    return Coming(rules, asked)


def _rules(name: str, database: Database) -> Iterator[str]:
    """Those of `firestore.indexes.json` that the database has not, or has otherwise."""
    here = {tuple(field["name"].split("/")[-3::2]): field for field in database.fields}
    for rule in _wanted(name):
        group, path = rule["collectionGroup"], rule["fieldPath"]
        there = here.get((group, path))
        if rule.get("ttl") and not (there or {}).get("ttlConfig"):
            yield f"expiry: documents of every collection “{group}”, at any depth, are deleted once {path} has passed,"
        if there is None or _indexed(there):
            yield f"no index of {path}, in every collection “{group}” at any depth,"


def _wanted(name: str) -> list[Any]:
    config = json.loads((ROOT / "firebase.json").read_text())["firestore"]
    files = [one["indexes"] for one in config if one["database"] == name and "indexes" in one]
    return [rule for file in files for rule in json.loads((ROOT / file).read_text())["fieldOverrides"]]


def _indexed(field: Any) -> bool:
    config = field.get("indexConfig", {})
    return bool(config.get("usesAncestorConfig") or config.get("indexes"))
