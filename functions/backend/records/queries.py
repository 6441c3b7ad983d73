"""The data calls that read: lists, records, search, describe, dashboard, profile."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import cast

from backend.records import activities, days, owners, soql
from backend.records.action_offers import offered_shapes
from backend.records.addresses import addresses_of, codes_of
from backend.records.boards import Boards, board_shape
from backend.records.currencies import Currencies, Several, amount_literal
from backend.records.describe import Describes, Shapes, field_of, object_of
from backend.records.layouts import LAYOUTS, Layout, layout_of
from backend.records.list_views import list_views_of
from backend.records.org import CURRENCY, RECORD_TYPE, Described, DescribedField, Org, People, Row, ViewQuery
from backend.records.pages import Listed, order_by, page_of
from backend.records.people import FLAG, of_businesses, of_people, related_lists, required
from backend.records.record_types import picklists_of
from backend.records.rows import field_value, readable, related_rows, select, to_record, to_records
from backend.values import Caller, Uid
from contract.activities import AskedDay
from contract.boards import Board, GetBoard
from contract.calls import (
    LAST_CHANGED_AT,
    MAX_PAGE,
    MAX_SEARCH,
    MIN_SEARCH,
    Dashboard,
    Describe,
    Empty,
    FieldShape,
    Filter,
    FindOwners,
    GetDashboard,
    GetPicklists,
    GetRecord,
    Hit,
    Hits,
    ListRecords,
    Objects,
    Owners,
    PersonShape,
    Preset,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    RelatedList,
    Search,
    Section,
    SobjectShape,
    Sort,
    StageTotal,
    User,
)
from contract.errors import NotFound, Reason, RefusedRequest
from contract.favorites import Favorites
from contract.list_views import GetListViews, ListViews
from contract.picklists import Picklists

RELATED_ROWS = 50
MAX_QUERIES = 5  # in one composite request
HOME_ROWS = 5
_EVERYTHING, _NO_CURRENCIES = ViewQuery(), Several()
_PARTS = {"pipeline": "pipeline", "closing": "closing", "tasks": "tasks", "newest": "newestAccounts"}  # of home
_OPERATORS = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Queries:
    """The calls that read records and what describes them. One for each process. Every call raises CallErrors."""

    def __init__(self, org: Org, describes: Describes, currencies: Currencies) -> None:
        self._org = org
        self._describes = describes
        self._boards = Boards(org, describes, currencies, _board_conditions, _board_sorting)
        self._currencies = currencies

    async def list_records(self, caller: Caller, request: ListRecords) -> RecordPage:
        """One page of a list, sorted; the cursor goes on where the page ends, whatever was added meanwhile."""
        if not 1 <= request.limit <= MAX_PAGE:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, f"limit is a number from 1 to {MAX_PAGE}")
        layout_of(request.sobject)
        return await self._describes.read(
            caller.uid, (request.sobject,), lambda shapes: self._list(caller.uid, request, shapes)
        )

    async def _list(self, uid: Uid, request: ListRecords, shapes: Shapes) -> RecordPage:
        layout, described = layout_of(request.sobject), object_of(shapes, request.sobject)
        view, own = _EVERYTHING, None
        if request.list_view is not None:
            view = await self._describes.list_view(uid, request.sobject, soql.record_id(request.list_view))
            own = view.sort if view.sort is not None and _sorts(described, view.sort.field) else None
        sort = request.sort or own or _sorting(request.sobject, described)
        sorted_by = field_of(described, sort.field)
        if not sorted_by.sortable:
            raise RefusedRequest(Reason.INVALID_VALUE, f"{sort.field} cannot be sorted by.")
        several = await self._currencies.several(uid) if _has_several(described, request) else _NO_CURRENCIES
        conditions = [_filter(described, f, uid, several) for f in request.filters]
        conditions += [view.condition] if view.condition else []
        ask, find = partial(self._org.query, uid), ""
        if request.search and request.search.strip():
            text = request.search.strip()
            if _needs_sosl(layout, described, text):
                ask, find = partial(self._found, uid), soql.search_term(text)
                conditions += _in_scope(view.scope, described, uid)
            else:
                conditions.append(_search(layout, described, text))
        fields = readable(layout.listed, described)
        selected = select(readable(dict.fromkeys((*fields, sort.field)), described))
        listed = Listed(selected, request.sobject, tuple(conditions), sort, sorted_by.shape.type, find, view.scope)
        rows, cursor = await page_of(ask, listed, request.limit, request.cursor)
        return RecordPage(
            records=to_records(rows, fields),
            cursor=cursor,
            total=len(rows) if request.cursor is None and cursor is None else None,
            sort=sort if request.list_view is not None and request.sort is None else None,
        )

    async def _found(self, uid: Uid, text: str) -> Sequence[Sequence[Row]]:
        """The rows that a SOSL text finds, as a query answers them."""
        return [await self._org.search(uid, text)]

    async def get_board(self, caller: Caller, request: GetBoard) -> Board:
        """The records of an object by stage; with a stage in the request, more of one."""
        return await self._boards.get_board(caller, request)

    async def get_record(self, caller: Caller, request: GetRecord) -> RecordDetail:
        """A record with all that the app shows of it, and the children asked for, in one request to Salesforce."""
        layout = layout_of(request.sobject)
        for name in request.related:
            if name not in layout.related:
                names = ", ".join(layout.related) or "none"
                raise RefusedRequest(
                    Reason.UNKNOWN_FIELD, f"{request.sobject} has no related list of that name; known are: {names}"
                )
        children = [layout.related[name].sobject for name in request.related]
        if request.timeline and layout.timeline:
            children += activities.OBJECTS
        if layout.conversion is not None:
            children += layout.conversion.objects
        work = partial(self._record, caller.uid, request)
        return await self._describes.read(caller.uid, (request.sobject,), work, beside=children)

    async def _record(self, uid: Uid, request: GetRecord, shapes: Shapes) -> RecordDetail:
        layout, described = layout_of(request.sobject), object_of(shapes, request.sobject)
        became = () if layout.conversion is None else layout.conversion.names(shapes)
        fields = readable((*layout.read, *became), described)
        parts = [select(fields)]
        related: dict[str, tuple[str, ...]] = {}
        for name in dict.fromkeys(request.related):
            listed = layout.related[name]
            if listed.sobject in shapes:  # of children that the user may not see, the list stays empty
                child = shapes[listed.sobject]
                related[name] = readable(LAYOUTS[listed.sobject].listed, child)
                order = order_by(listed.sorting if _sorts(child, listed.sort) else _sorting(listed.sobject, child))
                parts.append(f"(SELECT {select(related[name])} FROM {name} ORDER BY {order} LIMIT {RELATED_ROWS})")
        with_timeline = bool(request.timeline) and layout.timeline
        if with_timeline:
            parts += activities.timeline_parts(shapes)
        record_id = soql.record_id(request.id)
        (rows,) = await self._org.query(
            uid, f"SELECT {', '.join(parts)} FROM {request.sobject} WHERE Id = '{record_id}' LIMIT 1"
        )
        if not rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        record = to_record(rows[0], fields)
        children = {
            name: to_records(related_rows(rows[0], name), related[name]) if name in related else ()
            for name in request.related
        }
        timeline = activities.timeline_of(rows[0], record.id) if with_timeline else None
        return RecordDetail(record, children, timeline)

    async def search(self, caller: Caller, request: Search) -> Hits:
        """Records of several objects in which the words occur, in one request to Salesforce."""
        if not 1 <= request.limit <= MAX_PAGE:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, f"limit is a number from 1 to {MAX_PAGE}")
        term = soql.search_term(request.text)
        for name in request.sobjects:
            layout_of(name)
        named, work = tuple(dict.fromkeys(request.sobjects)), partial(self._search, caller.uid, request, term)
        return await self._describes.read(caller.uid, named, work, beside=() if named else LAYOUTS)

    async def _search(self, uid: Uid, request: Search, term: str, shapes: Shapes) -> Hits:
        for named in request.sobjects:
            object_of(shapes, named)
        fields = {s: readable(LAYOUTS[s].listed, d) for s, d in shapes.items()}
        if not fields:
            raise RefusedRequest(Reason.NOT_PERMITTED)
        if sum(c.isalnum() for c in request.text) == 1:
            return await self._search_one_letter(uid, request, shapes, fields)
        returning = ", ".join(
            f"{s}({select(fields[s])} ORDER BY {order_by(_sorting(s, shapes[s]))} LIMIT {request.limit})"
            for s in fields
        )
        rows = await self._org.search(uid, f"FIND {{{term}}} IN ALL FIELDS RETURNING {returning}")
        hits: dict[str, list[Hit]] = {s: [] for s in fields}
        for row in rows:
            name = str(cast(Row, row.get("attributes") or {}).get("type"))
            if name in hits:
                hits[name].append(Hit(name, to_record(row, fields[name])))
        return Hits(tuple(hit for of_object in hits.values() for hit in of_object))

    async def _search_one_letter(
        self, uid: Uid, request: Search, shapes: Shapes, fields: Mapping[str, tuple[str, ...]]
    ) -> Hits:
        """SOSL refuses a term of one letter, so the fields of a list's search are compared, by SOQL."""
        texts = {
            s: f"SELECT {select(fields[s])} FROM {s} WHERE {_search(LAYOUTS[s], described, request.text.strip())}"
            f" ORDER BY {order_by(_sorting(s, described))} LIMIT {request.limit}"
            for s, described in shapes.items()
            if _searched(LAYOUTS[s], described)
        }
        names = list(texts)
        parts = [names[n : n + MAX_QUERIES] for n in range(0, len(names), MAX_QUERIES)]
        answers = await asyncio.gather(*(self._org.query(uid, *(texts[s] for s in part)) for part in parts))
        rows = dict(zip(names, chain.from_iterable(answers), strict=True))
        return Hits(tuple(Hit(s, to_record(row, fields[s])) for s in names for row in rows[s]))

    async def get_list_views(self, caller: Caller, request: GetListViews) -> ListViews:
        """The org's list views of an object: one request to Salesforce, more where it answers in pages."""
        layout_of(request.sobject)
        return await list_views_of(self._org, caller.uid, request.sobject)

    async def get_favorites(self, caller: Caller, _: Empty) -> Favorites:
        """The records that the user has starred, in one request to Salesforce."""
        starred = await self._org.favorites(caller.uid)
        return Favorites(tuple(one for one in starred if one.sobject in LAYOUTS))

    async def find_owners(self, caller: Caller, request: FindOwners) -> Owners:
        """Queues and users to whom a record of an object may be given, in one request to Salesforce."""
        layout_of(request.sobject)
        work = partial(owners.find, self._org, caller.uid, request)
        return await self._describes.read(caller.uid, (request.sobject,), work)

    async def describe(self, caller: Caller, request: Describe) -> SobjectShape:
        """The fields of an sObject that the app shows, as this user may see and change them."""
        layout = layout_of(request.sobject)
        children = [child.sobject for child in layout.related.values()]
        if layout.conversion is not None:
            children += layout.conversion.objects

        async def work(shapes: Shapes) -> SobjectShape:
            return _shape_of(request.sobject, await self._money(caller.uid, shapes), shapes)

        beside = (*children, "Task", *activities.OBJECTS)
        return await self._describes.read(caller.uid, (request.sobject,), work, beside=beside)

    async def get_objects(self, caller: Caller, _: Empty) -> Objects:
        """All objects that the app shows, as this user may see and use them; no request to Salesforce while describes
        are kept and hide none.
        """

        async def shape_all(shapes: Shapes) -> tuple[SobjectShape, ...]:
            money = await self._money(caller.uid, shapes)
            return tuple(_shape_of(sobject, money, shapes) for sobject in LAYOUTS if sobject in shapes)

        beside = (*activities.OBJECTS, activities.EVENT)  # so that no later call has to ask for them
        objects = await self._describes.read(caller.uid, tuple(LAYOUTS), shape_all, beside=beside)
        return Objects(objects, await self._org.site(caller.uid))

    async def get_picklists(self, caller: Caller, request: GetPicklists) -> Picklists:
        """What the picklists of a record type hold: one request to Salesforce, none while they are kept."""
        layout_of(request.sobject)
        return await picklists_of(self._describes, caller.uid, request.sobject, soql.record_id(request.record_type))

    async def _money(self, uid: Uid, shapes: Shapes) -> str | Several:
        """The only currency of the org ("" when it is not known), or its currencies when records have their own."""
        if any(CURRENCY in described.fields for described in shapes.values()):
            return await self._currencies.several(uid)
        return await self._currencies.of(uid)

    async def get_dashboard(self, caller: Caller, request: Empty) -> Dashboard:
        """The open pipeline by stage, the newest accounts, and the user's day, or else what closes this month and their
        open tasks: one request to Salesforce.
        """
        day = request.day if isinstance(request, GetDashboard) else None
        if day is not None:
            days.check(day)
        work = partial(self._dashboard, caller.uid, day)
        beside = ("Opportunity", "Account", "Task", *(() if day is None else days.BESIDE))
        return await self._describes.read(caller.uid, (), work, beside=beside)

    async def _dashboard(self, uid: Uid, day: AskedDay | None, shapes: Shapes) -> Dashboard:
        fields = {
            name: readable((*LAYOUTS[name].listed, "CreatedDate"), d) for name, d in shapes.items() if name in LAYOUTS
        }
        queries: dict[str, str] = {}
        order: list[str] = []
        labels: Mapping[str, str] = {}
        currency = ""
        if "Opportunity" in shapes:
            opportunity = shapes["Opportunity"]
            amount = ", SUM(Amount) amount" if opportunity.shows("Amount") else ""  # not everyone may see amounts
            if opportunity.shows("StageName"):
                order = list(opportunity.fields["StageName"].shape.picklist)
                labels = opportunity.fields["StageName"].shape.labels
                if amount and CURRENCY in opportunity.fields:
                    currency = (await self._currencies.several(uid)).corporate  # in which SUM answers
                queries["pipeline"] = (
                    f"SELECT StageName stage, COUNT(Id) number{amount} FROM Opportunity WHERE IsClosed = false GROUP BY"
                    " StageName"
                )
            if _sorts(opportunity, "CloseDate"):
                queries["closing"] = (
                    f"SELECT {select(fields['Opportunity'])} FROM Opportunity WHERE IsClosed = false AND CloseDate ="
                    f" THIS_MONTH ORDER BY CloseDate ASC, Id ASC LIMIT {HOME_ROWS}"
                )
        if "Task" in shapes:
            mine = f"IsClosed = false AND OwnerId = '{soql.record_id(uid.user_id)}'"
            first = order_by(_sorting("Task", shapes["Task"]))
            queries["tasks"] = (
                f"SELECT {select(fields['Task'])} FROM Task WHERE {mine} ORDER BY {first} LIMIT {HOME_ROWS}"
            )
        if "Account" in shapes:
            queries["newest"] = (
                f"SELECT {select(fields['Account'])} FROM Account ORDER BY CreatedDate DESC LIMIT {HOME_ROWS}"
            )
        hidden = tuple(part for name, part in _PARTS.items() if name not in queries)
        if day is not None:  # in their place: a composite request has no more than MAX_QUERIES
            queries = {name: text for name, text in queries.items() if name not in ("closing", "tasks")}
            queries |= days.queries(uid, shapes, day)
        rows = dict(zip(queries, await self._org.query(uid, *queries.values()), strict=True)) if queries else {}

        def records(name: str, sobject: str) -> tuple[Record, ...]:
            return to_records(rows.get(name, ()), fields.get(sobject, ()))

        totals = [
            StageTotal(
                str(r["stage"]),
                int(cast(float, r["number"])),
                float(cast("float | None", r.get("amount")) or 0),
                labels.get(str(r["stage"]), ""),
            )
            for r in rows.get("pipeline", ())
        ]
        totals.sort(key=lambda t: (order.index(t.stage) if t.stage in order else len(order), t.stage))
        return Dashboard(
            tuple(totals),
            records("newest", "Account"),
            records("closing", "Opportunity"),
            records("tasks", "Task"),
            pipeline_of="Opportunity" if "Opportunity" in shapes else "",
            hidden=hidden,
            currency=currency,
            day=None if day is None else days.day_of(rows, shapes, day),
        )

    async def get_profile(self, caller: Caller, _: Empty) -> Profile:
        """The signed-in user as Salesforce knows them."""
        uid = caller.uid
        fields = (
            "Name, Email, Username, Title, CompanyName, Department, Phone, MobilePhone, TimeZoneSidKey, Profile.Name"
        )
        (rows,) = await self._org.query(
            uid, f"SELECT {fields} FROM User WHERE Id = '{soql.record_id(uid.user_id)}' LIMIT 1"
        )
        if not rows:
            raise NotFound(Reason.RECORD_NOT_FOUND)

        def text(path: str) -> str | None:
            value = field_value(rows[0], path)
            return None if value is None else str(value)

        return Profile(
            user=User(
                str(uid), text("Name") or "", text("Email") or "", text("Username") or "", uid.org_id, uid.user_id
            ),
            title=text("Title"),
            company_name=text("CompanyName"),
            department=text("Department"),
            phone=text("Phone"),
            mobile_phone=text("MobilePhone"),
            profile_name=text("Profile.Name"),
            time_zone=text("TimeZoneSidKey"),
        )


def _shape_of(sobject: str, money: str | Several, shapes: Shapes) -> SobjectShape:
    """What the app needs to know of an object to show it: its own layout, with the words, types and rights of
    Salesforce's describe.
    """
    layout, described = LAYOUTS[sobject], object_of(shapes, sobject)
    visible = described.fields

    codes = codes_of(described)
    texts = {code: text for text, code in codes.items()}

    def completed(shape: FieldShape) -> FieldShape:
        if shape.name in codes:
            return replace(shape, editable=False, creatable=False)
        if shape.name in texts:  # "Billing Country", and not "Billing Country Code": one chooses by the names
            return replace(shape, label=visible[texts[shape.name]].shape.label)
        if shape.type == "reference":
            return replace(shape, caption=_caption(shape, described, shapes))
        if shape.name == CURRENCY:  # Salesforce refuses a record without one
            return replace(shape, required=True, decimals=dict(money.decimals) if isinstance(money, Several) else {})
        if shape.type != "currency":
            return shape
        if CURRENCY in visible:
            return replace(shape, currency_field=CURRENCY)
        return replace(shape, currency=money) if isinstance(money, str) else shape

    def if_visible(name: str) -> str:
        return name if name in visible else ""

    def fields_of(names: tuple[str, ...], is_so: Callable[[DescribedField], bool] = lambda _: True) -> tuple[str, ...]:
        return tuple(n for n in names if described.shows(n) and (n not in visible or is_so(visible[n])))

    related = tuple(
        RelatedList(name, child.sobject, shapes[child.sobject].label_plural, child.field)
        for name, child in layout.related.items()
        if child.sobject in shapes
    )
    return SobjectShape(
        sobject=described.name,
        label=described.label,
        label_plural=described.label_plural,
        fields=tuple(
            completed(visible[n].shape)
            for n in dict.fromkeys((*readable(layout.detailed, described), *layout.filters))
            if n in visible
        ),
        title=layout.title,
        icon=layout.icon,
        listed=fields_of(layout.listed),
        filters=fields_of(layout.filters, lambda f: f.filterable),
        preset=_preset(layout, described),
        sorts=tuple(
            n
            for n in fields_of(
                tuple(dict.fromkeys((*layout.listed, LAST_CHANGED_AT))),
                lambda f: f.sortable and f.shape.type != "reference",
            )
            if n in visible
        ),
        sort=_sorting(sobject, described),
        sections=_sections(described, described.sections, of_businesses(layout.detailed, described)),
        related=related,
        creatable=described.creatable,
        editable=described.editable,
        deletable=described.deletable,
        key_prefix=described.key_prefix,
        stand_ins=fields_of(layout.stand_ins),
        amount=if_visible(layout.amount),
        date=if_visible(layout.date),
        addresses=addresses_of(layout, described),
        record_type=if_visible(RECORD_TYPE),
        record_types=described.record_types,
        persons=None if described.people is None else _persons(layout, described, described.people),
        owner=if_visible(layout.owner),
        actions=offered_shapes(layout, described),
        done=layout.done if layout.done in visible and _may_set(described, "Status") else "",
        timeline=layout.timeline and activities.visible(shapes),
        calls=layout.timeline and "Task" in shapes and shapes["Task"].creatable,
        board=board_shape(layout, described),
        conversion=None if layout.conversion is None else layout.conversion.shape(described, shapes),
    )


def _may_set(described: Described, name: str) -> bool:
    """Whether the user may change a field of records that are there."""
    return described.editable and name in described.fields and described.fields[name].shape.editable


def _caption(reference: FieldShape, described: Described, shapes: Shapes) -> str:
    """What people read over a reference. Salesforce's label of a standard one names the id that it holds, in the user's
    language ("Account ID", "Account-ID", "取引先 ID"), so the words are the user's page layout's ("Account Name").

    A reference that is not on it is called as the object to which it points where it is named after it (`AccountId`
    has the relationship `Account`), else by its own label, which is right for custom ones. Source: SOAP API Developer
    Guide, DescribeLayoutItem and DescribeSObjectResult.
    """
    target = shapes.get(reference.relationship or "")
    own = reference.label if target is None or reference.refers_to != (target.name,) else target.label
    return described.captions.get(reference.name, own)


def _sections(described: Described, laid_out: tuple[Section, ...], names: Iterable[str]) -> tuple[Section, ...]:
    """Salesforce's groups, of those fields in `names` that the app shows; what Salesforce's page layout leaves out
    comes last. What follows a code is not among them.
    """
    codes = codes_of(described)
    shows = [n for n in readable(names, described) if n in described.fields and n not in codes]
    sections = [
        Section(s.heading, tuple(dict.fromkeys(n for n in (codes.get(n, n) for n in s.fields) if n in shows)))
        for s in laid_out
    ]
    grouped = {n for s in sections for n in s.fields}
    rest = tuple(n for n in shows if n not in grouped)
    return (*(s for s in sections if s.fields), *((Section("", rest),) if rest else ()))


def _persons(layout: Layout, described: Described, people: People) -> PersonShape:
    """What the app needs to know of those records of an object that are people."""
    sections = _sections(described, people.sections or described.sections, of_people(layout.detailed))
    return PersonShape(FLAG, people.record_types, sections, required(described), related=related_lists(layout.related))


def _sorts(described: Described, name: str) -> bool:
    """Whether the user may see a field and Salesforce sorts by it; an encrypted one is not sorted by."""
    return name in described.fields and described.fields[name].sortable


def _sorting(sobject: str, described: Described) -> Sort:
    """By what a list is sorted until somebody chooses: its layout's field, or else the first of its fields that will
    do.
    """
    layout = LAYOUTS[sobject]
    if _sorts(described, layout.sort):
        return layout.sorting
    others = (n for n in layout.listed if _sorts(described, n) and described.fields[n].shape.type != "reference")
    return Sort(next(others, "Id"))


def _preset(layout: Layout, described: Described) -> Preset | None:
    """How a list begins, as far as the user may see its fields."""
    begins, fields = layout.preset, described.fields
    if begins is None:
        return None
    filters = tuple(Filter(n, "eq", v) for n, v in begins.filters.items() if n in fields and fields[n].filterable)
    return Preset(filters, Sort(begins.sort, begins.descending) if _sorts(described, begins.sort) else None)


def _board_sorting(sobject: str, described: Described) -> Sort:
    """The order of a board's columns until somebody chooses another: that with which the list begins."""
    preset = _preset(LAYOUTS[sobject], described)
    return (preset.sort if preset is not None else None) or _sorting(sobject, described)


def _board_conditions(described: Described, request: GetBoard, uid: Uid, several: Several) -> list[str]:
    conditions = [_filter(described, f, uid, several) for f in request.filters]
    text = (request.search or "").strip()
    return [*conditions, _search(LAYOUTS[request.sobject], described, text)] if text else conditions


def _has_several(described: Described, request: ListRecords) -> bool:
    """Whether a list compares amounts in several currencies."""
    fields = [field_of(described, f.field) for f in request.filters]
    return CURRENCY in described.fields and any(f.shape.type == "currency" for f in fields)


def _filter(described: Described, condition: Filter, uid: Uid, several: Several) -> str:
    field = field_of(described, condition.field)
    in_several = CURRENCY in described.fields and field.shape.type == "currency"
    if condition.currency is not None and not in_several:
        raise RefusedRequest(Reason.INVALID_VALUE, f"{condition.field} is not in several currencies.")
    if not (field.filterable if condition.operator in ("eq", "ne") else field.comparable):
        raise RefusedRequest(Reason.INVALID_VALUE, f"{condition.field} cannot be filtered by.")
    if condition.operator == "contains":
        if not isinstance(condition.value, str) or field.shape.type not in soql.TEXT:
            raise RefusedRequest(Reason.INVALID_VALUE, "contains needs a text and a text field.")
        return f"{condition.field} LIKE {soql.like_anywhere(condition.value)}"
    if condition.value is None and condition.operator not in ("eq", "ne"):
        raise RefusedRequest(Reason.INVALID_VALUE, "An empty value can only be compared with eq and ne.")
    if in_several and condition.value is not None:
        active = described.fields[CURRENCY].shape.picklist
        literal = amount_literal(several, active, condition.value, condition.currency)
        return f"{condition.field} {_OPERATORS[condition.operator]} {literal}"
    value = uid.user_id if condition.value == "me" and "User" in field.shape.refers_to else condition.value
    return f"{condition.field} {_OPERATORS[condition.operator]} {soql.literal(field.shape.type, value)}"


def _in_scope(scope: str, described: Described, uid: Uid) -> list[str]:
    """The scope of a list view as a condition, which SOSL needs. Raises RefusedRequest for one that is none."""
    if not scope:
        return []
    if scope == "mine" and "OwnerId" in described.fields:
        return [f"OwnerId = '{soql.record_id(uid.user_id)}'"]
    raise RefusedRequest(Reason.INVALID_VALUE, "This list view cannot be searched.")


def _searched(layout: Layout, described: Described) -> list[str]:
    """The fields in which a list's search looks, of those that the user may see and Salesforce compares."""
    return [f for f in layout.searched if f in described.fields and described.fields[f].comparable]


def _needs_sosl(layout: Layout, described: Described, text: str) -> bool:
    """Whether a list's search looks in fields that only SOSL compares, because they are encrypted. It takes no single
    letter; that is looked for in the others, if there are any.

    Source: Salesforce Help, "General Shield Platform Encryption Considerations".
    """
    encrypted = [f for f in layout.searched if f in described.fields and not described.fields[f].comparable]
    one_letter = sum(c.isalnum() for c in text) < MIN_SEARCH
    return bool(encrypted) and not (one_letter and _searched(layout, described))


def _search(layout: Layout, described: Described, text: str) -> str:
    if len(text) > MAX_SEARCH:
        raise RefusedRequest(Reason.INVALID_VALUE, f"A search text has at most {MAX_SEARCH} characters.")
    fields = _searched(layout, described)
    if not fields:
        raise RefusedRequest(Reason.INVALID_VALUE, f"{described.label_plural} cannot be searched here.")
    return " OR ".join(f"{f} LIKE {soql.like_anywhere(text)}" for f in fields)
