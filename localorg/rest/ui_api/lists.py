"""List views and related lists in the User Interface API, with pages of their records.

Source: User Interface API Developer Guide, "List Views", "Related Lists".
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data.record_types import MASTER_RECORD_TYPE
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of, named
from localorg.rest.listviews import ListView, find_view, views
from localorg.rest.ui_api.answer import answer
from localorg.rest.ui_api.records import as_record, find_record, path_exists, paths_of, read_rows
from localorg.soql import run
from localorg.web import route

_PAGE, _MOST = 50, 2000


def routes(org: Org) -> list[BaseRoute]:
    """The routes of list views and related lists."""
    ui = "/services/data/v{version}/ui-api"
    return [
        route(org, ui + "/list-ui/{sobject_or_view}", "rest.ui", _lists, ["GET"]),
        route(org, ui + "/list-ui/{sobject}/{view}", "rest.ui", _list, ["GET"]),
        route(org, ui + "/list-info/{sobject_or_view}", "rest.ui", _list_info, ["GET"]),
        route(org, ui + "/list-info/{sobject}/{view}", "rest.ui", _list_info, ["GET"]),
        route(org, ui + "/list-records/{sobject_or_view}", "rest.ui", _list_records, ["GET"]),
        route(org, ui + "/list-records/{sobject}/{view}", "rest.ui", _list_records, ["GET"]),
        route(org, ui + "/related-list-info/{sobject}", "rest.ui", _related_lists, ["GET"]),
        route(org, ui + "/related-list-records/{id}/{relationship}", "rest.ui", _related, ["GET"]),
    ]


async def _lists(org: Org, request: Request) -> Response:
    """The list views of an object; when the path has a list's id instead, that list with its records."""
    call = call_of(org, request)
    source = call.schema.sobject(str(request.path_params["sobject_or_view"]))
    if source is None:
        return await _list(org, request)
    base = f"/services/data/v{call.version}/ui-api/list-ui"
    lists = [{"apiName": v.name, "id": v.id, "label": v.label, "listUiUrl": f"{base}/{v.id}"} for v in views(source)]
    body: dict[str, object] = {
        "count": len(lists), "currentPageToken": "0", "currentPageUrl": f"{base}/{source.name}?pageSize=20&pageToken=0",
        "lists": lists,
        "nextPageToken": None, "nextPageUrl": None, "objectApiName": source.name, "pageSize": 20,
        "previousPageToken": None, "previousPageUrl": None,
        "queryString": request.query_params.get("q"), "recentListsOnly": False,
    }  # fmt: skip
    return answer(org, body)


def _view(call: Call, request: Request) -> ListView:
    if "sobject" in request.path_params:
        return find_view(named(call, request), str(request.path_params["view"]))
    wanted = str(request.path_params["sobject_or_view"])
    for source in call.schema:
        for view in views(source):
            if view.id[:15] == wanted[:15]:
                return view
    raise not_found()


async def _list(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    view = _view(call, request)
    return answer(org, {"info": _view_info(view), "records": _page_of(org, call, view, request)})


async def _list_info(org: Org, request: Request) -> Response:
    return answer(org, _view_info(_view(call_of(org, request), request)))


async def _list_records(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return answer(org, _page_of(org, call, _view(call, request), request))


def _view_info(view: ListView) -> dict[str, object]:
    return {
        "cloneable": False, "createable": False, "deletable": False,
        "displayColumns": [{"fieldApiName": f.name, "label": f.label, "sortable": f.sortable} for f in view.columns],
        "filterLogicString": None,
        "filteredByInfo": [{"fieldApiName": n, "label": n, "operandLabels": [v], "operator": "Equals"} for n, _,
                           v in view.conditions],
        "label": view.label,
        "listReference": {"id": view.id, "listViewApiName": view.name, "objectApiName": view.source.name,
                          "type": "listView"},
        "orderedByInfo": [{"fieldApiName": view.order, "isAscending": True, "label": view.order}],
        "updateable": False, "userPreferences": {"columnWidths": {}, "columnWrap": {}}, "visibility": "Public",
    }  # fmt: skip


def _page_of(org: Org, call: Call, view: ListView, request: Request) -> dict[str, object]:
    size, start = _paging(request)
    text = f"{view.query} LIMIT {size + 1} OFFSET {start}"
    matches = run(org, call.schema, text, person=call.person, version=call.version).records
    base = f"/services/data/v{call.version}/ui-api/list-records/{view.id}"
    rows = [as_record(org, call, view.source, r) for r in matches[:size]]
    return _page(base, rows, size, start, more=len(matches) > size) | {"sortBy": [view.order]}


def _page(base: str, rows: list[dict[str, object]], size: int, start: int, *, more: bool) -> dict[str, object]:
    after, before = start + size if more else None, max(0, start - size) if start else None

    def url(at: int | None) -> str | None:
        return None if at is None else f"{base}?pageSize={size}&pageToken={at}"

    return {
        "count": len(rows), "currentPageToken": str(start), "currentPageUrl": url(start),
        "nextPageToken": None if after is None else str(after),
        "nextPageUrl": url(after), "pageSize": size, "previousPageToken": None if before is None else str(before),
        "previousPageUrl": url(before),
        "records": rows,
    }  # fmt: skip


def _paging(request: Request) -> tuple[int, int]:
    size, token = request.query_params.get("pageSize", str(_PAGE)), request.query_params.get("pageToken", "0")
    if not size.isdecimal() or not 1 <= int(size) <= _MOST or not token.isdecimal() or int(token) > _MOST:
        raise ApiError(
            400, "INVALID_REQUEST", f"pageSize is a number from 1 to {_MOST}, pageToken one that an answer gave"
        )
    return int(size), int(token)


# Related lists


async def _related_lists(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    base = f"/services/data/v{call.version}/ui-api/related-list-info/{source.name}"
    lists: list[dict[str, object]] = []
    for c in source.children:
        child = call.schema.sobject(c.child)
        if child is not None:
            related: dict[str, object] = {
                "entityLabel": child.label, "entityLabelPlural": child.plural, "fieldApiName": c.field,
                "keyPrefix": child.prefix,
                "label": child.plural, "objectApiName": child.name, "relatedListId": c.name,
                "relatedListInfoUrl": f"{base}/{c.name}",
                "themeInfo": None,
            }  # fmt: skip
            lists.append(related)
    body: dict[str, object] = {
        "parentObjectApiName": source.name,
        "parentRecordTypeId": MASTER_RECORD_TYPE,
        "relatedLists": lists,
    }
    return answer(org, body)


async def _related(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    parent, identifier = find_record(org, call, str(request.path_params["id"]))
    relation = parent.child(str(request.path_params["relationship"]))
    child = None if relation is None else call.schema.sobject(relation.child)
    if relation is None or child is None:
        raise not_found()
    size, start = _paging(request)
    wanted = paths_of(child, request.query_params.get("fields", ""), strict=True)
    wanted += [
        p
        for p in paths_of(child, request.query_params.get("optionalFields", ""), strict=False)
        if path_exists(call, child, p)
    ]
    matches = read_rows(
        org, call, child, wanted or [child.name_field], f"{relation.field} = '{identifier}'", size + 1, start
    )
    base = f"/services/data/v{call.version}/ui-api/related-list-records/{identifier}/{relation.name}"
    reference = {"inContextOfRecordId": identifier, "parentObjectApiName": parent.name, "recordTypeId": None,
                 "relatedListId": relation.name,
                 "type": "relatedList"}  # fmt: skip
    body = _page(base, [as_record(org, call, child, r) for r in matches[:size]], size, start, more=len(matches) > size)
    return answer(org, body | {"listReference": reference, "sortBy": [child.sort_field]})
