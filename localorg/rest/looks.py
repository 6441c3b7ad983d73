"""What a client draws of the org beside the records: tabs, colors and icons, layouts by name and of approvals.

Sources: REST API Developer Guide, Tabs, Themes, sObject Approval Layouts (no layouts: an empty list), sObject Named
Layouts. This org serves none of the icons that it names, has no approvals, and one named layout: UserAlt.
"""

from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.clock import from_datetime
from localorg.data.access import shape_changed
from localorg.errors import not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of, http_date, named
from localorg.rest.layouts import all_layouts
from localorg.schema.sobjects import SObject
from localorg.web import Json, base_url, limit_header, route

_COLORS = ("5867E8", "A094ED", "FF538A", "FF5D2D", "FFA8B6", "3BA755", "CB65FF")


def routes(org: Org) -> list[BaseRoute]:
    """The routes of these resources."""
    v = "/services/data/v{version}"
    describe = v + "/sobjects/{sobject}/describe"
    return [
        route(org, v + "/tabs", "rest.tabs", _tabs, ["GET"]),
        route(org, v + "/tabs/", "rest.tabs", _tabs, ["GET"]),
        route(org, v + "/theme", "rest.theme", _theme, ["GET"]),
        route(org, v + "/theme/", "rest.theme", _theme, ["GET"]),
        route(org, describe + "/approvalLayouts", "rest.layouts", _approval_layouts, ["GET"]),
        route(org, describe + "/approvalLayouts/", "rest.layouts", _approval_layouts, ["GET"]),
        route(org, describe + "/namedLayouts/{name}", "rest.layouts", _named_layouts, ["GET"]),
    ]


def _with_tabs(call: Call) -> list[SObject]:
    return [o for o in call.schema if o.field("OwnerId") is not None and o.name != "ContentVersion" and not o.view]


async def _tabs(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    base = base_url(request)
    tabs: list[dict[str, object]] = []
    for n, one in enumerate(_with_tabs(call)):
        icons = _icons(base, one)
        tabs.append(
            {
                "colors": _colors(n),
                "custom": one.custom,
                "iconUrl": icons[0]["url"],
                "icons": icons,
                "label": one.plural,
                "miniIconUrl": icons[1]["url"],
                "name": one.name if one.custom else f"standard-{one.name}",
                "sobjectName": one.name,
                "url": f"{base}/{one.prefix}/o",
            }
        )
    return Json(tabs, headers=limit_header(org))


async def _theme(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    made = from_datetime(shape_changed(org, call.session.user_id))
    since = http_date(request, "if-modified-since", strict=False)
    if since is not None and int(made) <= since:
        return Response(status_code=304, headers=limit_header(org))
    items = [
        {"colors": _colors(n), "icons": _icons(base_url(request), one), "name": one.name}
        for n, one in enumerate(_with_tabs(call))
    ]
    return Json({"themeItems": items}, headers=limit_header(org) | {"Last-Modified": formatdate(made, usegmt=True)})


def _colors(number: int) -> list[dict[str, str]]:
    color = _COLORS[number % len(_COLORS)]
    return [{"color": color, "context": "primary", "theme": theme} for theme in ("theme4", "theme3")]


def _icons(base: str, one: SObject) -> list[dict[str, object]]:
    word = "custom" if one.custom else one.name.lower()
    files = (
        (f"{word}32.png", 32, "theme3"),
        (f"{word}16.png", 16, "theme3"),
        (f"t4v35/standard/{word}.svg", 0, "theme4"),
        (f"t4v35/standard/{word}_60.png", 60, "theme4"),
        (f"t4v35/standard/{word}_120.png", 120, "theme4"),
    )
    return [
        {
            "contentType": "image/svg+xml" if file.endswith("svg") else "image/png",
            "height": size,
            "theme": theme,
            "url": f"{base}/img/icon/{file}",
            "width": size,
        }
        for file, size, theme in files
    ]


async def _approval_layouts(org: Org, request: Request) -> Response:
    named(call_of(org, request), request)
    return Json({"approvalLayouts": list[object]()}, headers=limit_header(org))


async def _named_layouts(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    if (source.name, str(request.path_params["name"]).lower()) != ("User", "useralt"):
        raise not_found()
    return Json(all_layouts(source, call.version), headers=limit_header(org))
