"""Favorites as Salesforce answers them. Source: User Interface API Developer Guide, "Manage Favorites", Favorite."""

from collections.abc import Mapping

from backend.adapters.salesforce_answers import rows_of
from backend.failures import OutcomeUnknown
from contract.favorites import Favorite


def favorites_in(body: Mapping[str, object]) -> list[Favorite]:
    """The favorites in an answer that are records. Raises Busy when it has no list of them."""
    return [one for row in rows_of(body, "favorites") if (one := _favorite(row)) is not None]


def favorite_in(body: Mapping[str, object]) -> Favorite:
    """The favorite that was made. Raises OutcomeUnknown when the answer is none."""
    made = _favorite(body)
    if made is None:
        raise OutcomeUnknown(writes=True)
    return made


def _favorite(row: Mapping[str, object]) -> Favorite | None:
    told = [row.get(name) for name in ("id", "objectType", "target")]
    if row.get("targetType") != "Record" or not all(isinstance(one, str) and one for one in told):
        return None
    favorite, sobject, target = map(str, told)
    return Favorite(favorite, sobject, target, str(row.get("name") or ""))
