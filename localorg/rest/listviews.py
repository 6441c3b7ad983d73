"""The list views that every org begins with.

Source: REST API Developer Guide, "List Views for an Object", "List View Basic Information", "List View Describe" and
"List View Results". What the guide does not show, as orgs answer it: a describe has its id in 15 characters, its
`whereCondition` is the only condition where there is one, and the list of what was viewed has the scope `mru`. How many
list views come in one answer the guide does not say, only that `nextRecordsUrl` leads on.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of, named
from localorg.rest.layouts import compact_fields
from localorg.schema.ids import is_id, make_id, to_18
from localorg.schema.sobjects import Field, SObject
from localorg.soql import run
from localorg.web import Json, limit_header, route

MAX_ROWS = 2000
PAGE = 200  # list views of one answer
_OPERATORS = {
    "=": "equals", "!=": "notEquals", "<": "lessThan", "<=": "lessThanOrEqualTo", ">": "greaterThan",
    ">=": "greaterThanOrEqualTo", "LIKE": "like", "IN": "in", "NOT IN": "notIn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListView:
    """One list view. `scope` is a word of USING SCOPE, "" for everything; each condition is a field, an operator, and a
    SOQL value.
    """

    id: str
    name: str
    label: str
    source: SObject
    scope: str = ""
    conditions: tuple[tuple[str, str, str], ...] = ()

    @property
    def columns(self) -> list[Field]:
        """The fields that the list shows."""
        return compact_fields(self.source)

    @property
    def order(self) -> str:
        """The name of the field by which it is sorted."""
        return self.source.sort_field

    @property
    def query(self) -> str:
        """The list as a SOQL query."""
        names = [*(f.name for f in self.columns), "Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"]
        scope = f" USING SCOPE {self.scope}" if self.scope else ""
        where = " AND ".join(f"{field} {operator} {value}" for field, operator, value in self.conditions)
        chosen = f" WHERE {where}" if where else ""
        order = ", ".join(f"{n} ASC NULLS FIRST" for n in dict.fromkeys((self.order, "Id")))
        return f"SELECT {', '.join(dict.fromkeys(names))} FROM {self.source.name}{scope}{chosen} ORDER BY {order}"


_NEW = ("NewLastWeek", "New Last Week", (("CreatedDate", "=", "LAST_WEEK"),))
_MORE: dict[str, tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...]] = {
    "Account": (_NEW,),
    "Contact": (_NEW,),
    "Opportunity": (
        ("ClosingThisMonth", "Closing This Month", (("CloseDate", "=", "THIS_MONTH"), ("IsClosed", "=", "false"))),
        ("Won", "Won", (("IsWon", "=", "true"),)),
        _NEW,
    ),
    "Lead": (("AllOpenLeads", "All Open Leads", (("IsConverted", "=", "false"),)), _NEW),
    "Case": (("AllOpenCases", "All Open Cases", (("IsClosed", "=", "false"),)),),
    "Task": (("OpenTasks", "Open Tasks", (("IsClosed", "=", "false"),)),),
}


def views(source: SObject) -> list[ListView]:
    """The list views of an object."""
    if source.view:
        return []
    word, base = source.plural.replace(" ", ""), int.from_bytes(source.prefix.encode()) * 100
    lists = [ListView(make_id("00B", base), f"All{word}", f"All {source.plural}", source)]
    owned = source.field("OwnerId") is not None
    if owned:
        lists.append(ListView(make_id("00B", base + 1), f"My{word}", f"My {source.plural}", source, "mine"))
    for n, (name, label, conditions) in enumerate(_MORE.get(source.name, ())):
        lists.append(ListView(make_id("00B", base + 2 + n), name, label, source, conditions=conditions))
    if owned:
        viewed = f"RecentlyViewed{word}", f"Recently Viewed {source.plural}"
        lists.append(ListView(make_id("00B", base + 99), *viewed, source, "mru"))
    return lists


def find_view(source: SObject, wanted: str) -> ListView:
    """The list view with this id or developer name. Raises ApiError 404."""
    for view in views(source):
        if (is_id(wanted) and view.id == to_18(wanted)) or view.name.lower() == wanted.lower():
            return view
    raise not_found()


def routes(org: Org) -> list[BaseRoute]:
    """The routes of list views."""
    one = "/services/data/v{version}/sobjects/{sobject}/listviews"
    return [
        route(org, one, "rest.listviews", _all, ["GET"]),
        route(org, one + "/", "rest.listviews", _all, ["GET"]),
        route(org, one + "/{view}", "rest.listviews", _basic, ["GET"]),
        route(org, one + "/{view}/describe", "rest.listviews", _describe, ["GET"]),
        route(org, one + "/{view}/results", "rest.listviews", _results, ["GET"]),
    ]


async def _all(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    every, start = views(source), _number(request, "offset", 0)
    lists, after = [_summary(v, call) for v in every[start : start + PAGE]], start + PAGE
    following = f"/services/data/v{call.version}/sobjects/{source.name}/listviews?offset={after}"
    body = {
        "done": after >= len(every), "listviews": lists, "nextRecordsUrl": following if after < len(every) else None,
        "size": len(lists), "sobjectType": source.name,
    }  # fmt: skip
    return Json(body, headers=limit_header(org))


async def _basic(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return Json(_summary(_chosen(call, request), call), headers=limit_header(org))


async def _describe(org: Org, request: Request) -> Response:
    view = _chosen(call_of(org, request), request)
    conditions = [
        {"field": f, "operator": _OPERATORS[operator], "values": [value]} for f, operator, value in view.conditions
    ]
    condition: dict[str, object] = {"conditions": conditions, "conjunction": "and"}
    body: dict[str, object] = {
        "columns": _columns(view),
        "id": view.id[:15],
        "orderBy": [
            {"fieldNameOrPath": n, "nullsPosition": "first", "sortDirection": "ascending"}
            for n in dict.fromkeys((view.order, "Id"))
        ],
        "query": view.query,
        "relatedEntityId": None,
        "scope": view.scope or "everything",
        "scopeEntityId": None,
        "sobjectType": view.source.name,
        "whereCondition": conditions[0] if len(conditions) == 1 else condition,
    }
    return Json(body, headers=limit_header(org))


async def _results(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    view = _chosen(call, request)
    limit, offset = _number(request, "limit", 25), _number(request, "offset", 0)
    page = run(
        org, call.schema, f"{view.query} LIMIT {limit} OFFSET {offset}", person=call.person, version=call.version
    )
    columns = _columns(view)
    records = [{"columns": [{"fieldNameOrPath": c["fieldNameOrPath"],
                             "value": _written(r[str(c["fieldNameOrPath"])])} for c in columns]}
               for r in page.records]  # fmt: skip
    body: dict[str, object] = {
        "columns": columns, "developerName": view.name, "done": True, "id": view.id, "label": view.label,
        "records": records, "size": len(records),
    }  # fmt: skip
    return Json(body, headers=limit_header(org))


def _chosen(call: Call, request: Request) -> ListView:
    return find_view(named(call, request), str(request.path_params["view"]))


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdecimal() or int(text) > MAX_ROWS:
        raise ApiError(400, "INVALID_REQUEST", f"{name} is a number of at most {MAX_ROWS}")
    return int(text)


def _summary(view: ListView, call: Call) -> dict[str, object]:
    url = f"/services/data/v{call.version}/sobjects/{view.source.name}/listviews/{view.id}"
    return {
        "describeUrl": f"{url}/describe", "developerName": view.name, "id": view.id, "label": view.label,
        "resultsUrl": f"{url}/results",
        "soqlCompatible": True, "url": url,
    }  # fmt: skip


def _columns(view: ListView) -> list[dict[str, object]]:
    columns = [(f.name, f.label, f.type, False) for f in view.columns]
    hidden_too = (
        ("Id", "id"),
        ("CreatedDate", "datetime"),
        ("LastModifiedDate", "datetime"),
        ("SystemModstamp", "datetime"),
    )
    columns += [(n, n, kind, True) for n, kind in hidden_too if n not in {name for name, *_ in columns}]
    return [
        {
            "ascendingLabel": None if hidden else "Z-A", "descendingLabel": None if hidden else "A-Z",
            "fieldNameOrPath": name, "hidden": hidden,
            "label": label, "selectListItem": name, "sortDirection": "ascending" if name == view.order else None,
            "sortIndex": 0 if name == view.order else None, "sortable": not hidden, "type": kind,
        }
        for name, label, kind, hidden in columns
    ]  # fmt: skip


def _written(value: object) -> str | None:
    """A value as text, as list view results have it."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
