"""What users without View All Data keep to where a sub-query reads ActivityHistories or OpenActivities.

Source: Object Reference, OpenActivity, Usage: one parent record, no WHERE, a LIMIT of 500 or fewer, and one order.
deejay-hub/timeline-lwc, issues 159 and 194, show Salesforce's words. Of the limits 499 and 500, both of which are said,
500 is taken.
"""

from localorg.data.access import ADMINISTRATOR, profile_of
from localorg.soql.names import Asked
from localorg.soql.tree import Path, Query

_MOST = 500
_ORDERS = {"ActivityHistory": True, "OpenActivity": False}  # whether ActivityDate is descending


def check(asked: Asked, child: str, sub: Query, parents: int) -> None:
    """Raises SoqlError MALFORMED_QUERY for a sub-query that an ordinary user may not make of `parents` records."""
    if child not in _ORDERS or profile_of(asked.org, asked.person.user_id) == ADMINISTRATOR:
        return
    descending = _ORDERS[child]
    name = sub.sobject.text
    said = (
        f"There is an implementation restriction on {name}. When you query this relationship, security evaluation is"
        " implemented for users who don't have administrator permissions, and "
    )
    order = [(o.by.text, o.descending) if isinstance(o.by, Path) else ("", False) for o in sub.order_by]
    wanted = [("ActivityDate", descending), ("LastModifiedDate", True)]
    if parents > 1:
        said += "you must query a single parent record"
    elif sub.where is not None:
        said += "no other filters may be applied to the aggregate query"
    elif [(text.lower(), down) for text, down in order] != [(text.lower(), down) for text, down in wanted]:
        said += (
            f"you must use a specific sort order: ActivityDate {'DESC' if descending else 'ASC'}, LastModifiedDate DESC"
        )
    elif sub.limit is None or sub.limit > _MOST:
        said += f"you must specify a limit of {_MOST} rows or fewer"
    else:
        return
    raise asked.error("MALFORMED_QUERY", sub.sobject.start, said)
