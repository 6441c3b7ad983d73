"""List views as Salesforce answers them. Source: REST API Developer Guide, "List Views for an Object" and "List View
Describe".
"""

from collections.abc import Mapping
from typing import Any, cast

from backend.adapters.salesforce_answers import rows_of
from backend.failures import Busy
from contract.list_views import ListView


def views_in(body: Mapping[str, object]) -> list[ListView]:
    """The list views in an answer that can be asked for as SOQL. Raises Busy when it has no list of them."""
    return [
        ListView(str(row["id"]), str(row.get("label") or row.get("developerName") or row["id"]))
        for row in rows_of(body, "listviews")
        if isinstance(row.get("id"), str) and row.get("soqlCompatible") is not False
    ]


def query_in(body: Mapping[str, object]) -> str:
    """The query of a described list view. Raises Busy when it has none."""
    query = body.get("query")
    if not isinstance(query, str):
        raise Busy
    return query


def next_of(body: Mapping[str, object], below: str) -> str | None:
    """The address of what follows an answer, None after the last. Raises Busy for one that is not `below` a path."""
    address = cast(Any, body.get("nextRecordsUrl"))
    if body.get("done") is not False and not address:
        return None
    if not isinstance(address, str) or not address.startswith(below):
        raise Busy
    return address
