"""The ids of the records that were changed or deleted in a span of time.

Source: REST API Developer Guide, sObject Get Updated and sObject Get Deleted.
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.clock import to_datetime
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import call_of
from localorg.web import Json, limit_header, route

_DAY = 86400.0
UPDATED_DAYS, DELETED_DAYS = 30, 15  # how far back one may ask


def routes(org: Org) -> list[BaseRoute]:
    """The routes of `updated` and `deleted`."""
    one = "/services/data/v{version}/sobjects/{sobject}"
    return [
        route(org, f"{one}/{which}{slash}", f"rest.{which}", endpoint, ["GET"])
        for which, endpoint in (("updated", _updated), ("deleted", _deleted))
        for slash in ("", "/")
    ]


async def _updated(org: Org, request: Request) -> Response:
    name, start, end = _asked(org, request, UPDATED_DAYS)
    rows = org.db.execute(
        f'SELECT Id FROM "{name}" WHERE IsDeleted = 0 AND SystemModstamp >= ? AND SystemModstamp < ? ORDER BY'
        " SystemModstamp, Id",
        (start, end),
    ).fetchall()
    return Json({"ids": [r["Id"] for r in rows], "latestDateCovered": end}, headers=limit_header(org))


async def _deleted(org: Org, request: Request) -> Response:
    name, start, end = _asked(org, request, DELETED_DAYS)
    rows = org.db.execute(
        f'SELECT Id, SystemModstamp FROM "{name}" WHERE IsDeleted = 1 AND SystemModstamp >= ? AND SystemModstamp < ?'
        " ORDER BY SystemModstamp, Id",
        (start, end),
    ).fetchall()
    body = {
        "deletedRecords": [{"id": r["Id"], "deletedDate": r["SystemModstamp"]} for r in rows],
        "earliestDateAvailable": to_datetime(org.clock.now() - DELETED_DAYS * _DAY),
        "latestDateCovered": end,
    }
    return Json(body, headers=limit_header(org))


def _asked(org: Org, request: Request, days: int) -> tuple[str, str, str]:
    """The object, and the first and last moment of the span; seconds are ignored, as in Salesforce. Raises ApiError."""
    call = call_of(org, request)
    source = call.schema.sobject(str(request.path_params["sobject"]))
    if source is None:
        raise not_found()
    start, end = (_minute(request, name) for name in ("start", "end"))
    if start < org.clock.now() - days * _DAY:
        raise ApiError(400, "INVALID_REPLICATION_DATE", f"startDate cannot be more than {days} days ago")
    if end - start < 60:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    return source.name, to_datetime(start), to_datetime(end)


def _minute(request: Request, name: str) -> float:
    text = request.query_params.get(name, "").replace(" ", "+")  # many clients do not encode the plus sign
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, "INVALID_REPLICATION_DATE", f"{name} is a dateTime such as 2026-11-25T10:00:00Z") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.replace(second=0, microsecond=0).timestamp()
