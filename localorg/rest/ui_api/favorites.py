"""Favorites in the User Interface API: what a user has starred, each user their own.

Sources: User Interface API Developer Guide, "Manage Favorites", "Create a Favorite", "Get Favorites", "Delete a
Favorite" (200); Favorite Input and Favorite. What a second favorite of the same target is answered with the guide does
not say: here with the first.
"""

import sqlite3

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of
from localorg.rest.listviews import views
from localorg.rest.ui_api.answer import answer, tagged
from localorg.rest.ui_api.records import find_record
from localorg.schema.ids import make_id
from localorg.web import Json, json_object, limit_header, route

_TABLE = """CREATE TABLE IF NOT EXISTS favorite (
    number INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT, target TEXT, target_type TEXT, object TEXT, name TEXT,
    subtitle TEXT, accessed TEXT, times INTEGER DEFAULT 0
)"""
_PREFIX = "0MV"
_KINDS = ("ListView", "ObjectHome", "Record", "Tab")


def routes(org: Org) -> list[BaseRoute]:
    """The routes of favorites; a batch of them is refused."""
    ui = "/services/data/v{version}/ui-api"
    return [
        route(org, ui + "/favorites", "rest.favorites", _all, ["GET"]),
        route(org, ui + "/favorites", "rest.favorites", _create, ["POST"]),
        route(org, ui + "/favorites/{favorite:record}", "rest.favorites", _one, ["GET"]),
        route(org, ui + "/favorites/{favorite:record}", "rest.favorites", _delete, ["DELETE"]),
    ]


async def _all(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    rows = _db(org).execute("SELECT * FROM favorite WHERE user_id = ? ORDER BY number", (call.session.user_id,))
    return answer(org, {"favorites": [tagged(_written(row, n)) for n, row in enumerate(rows.fetchall(), 1)]})


async def _one(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return answer(org, _written(_chosen(org, call, request), 1))


async def _create(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body = await json_object(request, any_type=True)
    target, kind, name = (body.get(key) for key in ("target", "targetType", "name"))
    if not isinstance(target, str) or kind not in _KINDS or not isinstance(name, str | None):
        raise ApiError(400, "INVALID_REQUEST", f"target and a targetType ({', '.join(_KINDS)}) are needed")
    target, sobject, subtitle = _target(org, call, target, str(kind))
    mine = (call.session.user_id, target)
    with org.write():
        db = _db(org)
        if db.execute("SELECT 1 FROM favorite WHERE user_id = ? AND target = ?", mine).fetchone() is None:
            db.execute(
                "INSERT INTO favorite (user_id, target, target_type, object, name, subtitle, accessed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*mine, kind, sobject, name or target, subtitle, org.clock.stamp()),
            )
    row = _db(org).execute("SELECT * FROM favorite WHERE user_id = ? AND target = ?", mine).fetchone()
    return answer(org, _written(row, 1), 201)


async def _delete(org: Org, request: Request) -> Response:
    row = _chosen(org, call_of(org, request), request)
    with org.write() as db:
        db.execute("DELETE FROM favorite WHERE number = ?", (row["number"],))
    return Json({}, headers=limit_header(org))


def _db(org: Org) -> sqlite3.Connection:
    """The database with the table, which a snapshot of an older version lacks."""
    org.db.execute(_TABLE)
    return org.db


def _target(org: Org, call: Call, target: str, kind: str) -> tuple[str, str, str]:
    """What is starred, as an id of 18 characters or a name, its object, and the line below its name. Raises ApiError
    404.
    """
    if kind == "Record":
        source, identifier = find_record(org, call, target)
        return identifier, source.name, source.label
    if kind == "ListView":
        for source in call.schema:
            for view in views(source):
                if view.id[:15] == target[:15]:
                    return view.id, source.name, source.plural
        raise not_found()
    return target, target.removeprefix("standard-"), ""


def _chosen(org: Org, call: Call, request: Request) -> sqlite3.Row:
    wanted = str(request.path_params["favorite"])[:15]
    rows = _db(org).execute("SELECT * FROM favorite WHERE user_id = ?", (call.session.user_id,)).fetchall()
    found = next((row for row in rows if _id(row)[:15] == wanted), None)
    if found is None:
        raise not_found()
    return found


def _id(row: sqlite3.Row) -> str:
    return make_id(_PREFIX, int(row["number"]))


def _written(row: sqlite3.Row, order: int) -> dict[str, object]:
    return {
        "accessCount": row["times"], "iconColor": "FCB95B", "iconUrl": None, "id": _id(row),
        "lastAccessDate": row["accessed"], "name": row["name"], "objectType": row["object"], "sortOrder": order,
        "subtitle": row["subtitle"], "target": row["target"], "targetType": row["target_type"],
    }  # fmt: skip
