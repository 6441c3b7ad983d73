"""Salesforce's REST API as one user: one request for each thing that a call needs, several parts in one composite.

Source: REST API Developer Guide ("Composite", "Conditional Requests").
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from math import ceil
from typing import Any, cast
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace

from backend.adapters.salesforce_actions import outcome_of, request_of
from backend.adapters.salesforce_answers import Composite, Part, body_of, only_row, refuse, rows_of
from backend.adapters.salesforce_conversion import conversion_request, converted
from backend.adapters.salesforce_describe import PageLayout, described, page_layout_of, sections_of, stages_of
from backend.adapters.salesforce_favorites import favorite_in, favorites_in
from backend.adapters.salesforce_files import in_parts, title_of
from backend.adapters.salesforce_http import UNREADABLE, Answer
from backend.adapters.salesforce_list_views import next_of, query_in, views_in
from backend.adapters.salesforce_parts import has_reference, one_by_one
from backend.adapters.salesforce_picklists import picklists_of
from backend.adapters.salesforce_session import Request, SalesforceSession
from backend.adapters.salesforce_tasks import CLOSING, closing_status, created_at_once, ids_of_collection, ids_of_parts
from backend.failures import Busy, OutcomeUnknown
from backend.records import soql
from backend.records.actions import ApexRest, Target
from backend.records.org import Described, People, PreconditionFailed, Row, Undescribed
from backend.transfer import Incoming, Sink
from backend.values import Uid
from contract.calls import FieldValue
from contract.conversion import ConvertLead
from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from contract.favorites import Favorite
from contract.list_views import MAX_LIST_VIEWS, ListView, ListViews
from contract.picklists import Picklist

MAX_PARTS = 25  # of one composite, five of them queries
MAX_ADDRESS = 16_384  # bytes of an address; source: REST API Developer Guide, Status Codes, 414
MAX_FOLLOWED = 20  # pages of one answer; the app asks for a few hundred records
_PERSON_CONTACT = "PersonContactId"  # the objects that have it have records that are people
# The object that says what the stages of another one mean. Source: Object Reference, OpportunityStage.
_STAGES = {"Opportunity": "SELECT ApiName, IsClosed, IsWon FROM OpportunityStage"}
_MAX_DESCRIBED = (MAX_PARTS - 1 - len(_STAGES)) // 2  # objects of one request, with their layouts and stages
_MASTER_RECORD_TYPE = "012000000000000AAA"  # in every org: the layout of records without a record type


class SalesforceRest:
    """The Org of records/org.py and the FileOrg of records/files.py, which describe the methods, over Salesforce's REST
    API. One for each process. Every method raises CallErrors.
    """

    def __init__(self, session: SalesforceSession, api_version: str) -> None:
        self._session = session
        self._base = f"/services/data/v{api_version}"
        self._query = f"{self._base}/query"
        self._soap = f"/services/Soap/u/{api_version}"

    async def query(self, uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        """All records of each SOQL text, in one request unless Salesforce answers with fewer than were asked for, as it
        may where a record has much data. Source: SOQL and SOSL Reference, Statements Returning Many Results.
        """
        if len(texts) == 1:
            answer = await self._send(uid, Request("GET", self._query, query={"q": texts[0]}))
            return [await self._whole(uid, answer.object())]
        parts = await self._composite(uid, [self._query_part(f"query{n}", text) for n, text in enumerate(texts)])
        return [await self._whole(uid, body_of(part)) for part in parts]

    async def _whole(self, uid: Uid, body: Mapping[str, object]) -> Sequence[Row]:
        """The rows of a query's answer, with those of the pages that follow it. Raises Busy when there is no end."""
        rows = rows_of(body, "records")
        for _page in range(MAX_FOLLOWED):
            if body.get("done") is not False:
                return rows
            address = body.get("nextRecordsUrl")
            if not isinstance(address, str) or not address.startswith(f"{self._base}/query/"):
                raise Busy
            body = (await self._send(uid, Request("GET", address))).object()
            rows = [*rows, *rows_of(body, "records")]
        raise Busy

    async def search(self, uid: Uid, text: str) -> Sequence[Row]:
        """The records that a SOSL text finds."""
        answer = await self._send(uid, Request("GET", f"{self._base}/search", query={"q": text}))
        return rows_of(answer.object(), "searchRecords")

    async def describe(
        self, uid: Uid, sobjects: Mapping[str, str | None], language: str = ""
    ) -> Mapping[str, Described | Undescribed]:
        """Each object, by name; _MAX_DESCRIBED of them in a request. Those without a stamp come with their page layouts
        and what their stages mean.

        A describe counts as unchanged while nobody has changed it in Setup; that a user has chosen another language
        does not change it. So the same request reads the user's language.
        """
        answers, now = await self._described(uid, sobjects)
        if language and now and now != language and any(stamp is not None for stamp in sobjects.values()):
            answers, now = await self._described(uid, dict.fromkeys(sobjects))
        spoken = now or language  # it stays as it was when it is not told
        return {n: replace(one, language=spoken) if isinstance(one, Described) else one for n, one in answers.items()}

    async def _described(
        self, uid: Uid, sobjects: Mapping[str, str | None]
    ) -> tuple[dict[str, Described | Undescribed], str]:
        """Each object, by name, and the user's language, "" when it cannot be read."""
        answers: dict[str, Described | Undescribed] = {}
        language = ""
        speaks = f"SELECT LanguageLocaleKey FROM User WHERE Id = '{soql.record_id(uid.user_id)}'"  # noqa: S608  checked
        names = list(sobjects)
        for first in range(0, len(names), _MAX_DESCRIBED):
            batch = names[first : first + _MAX_DESCRIBED]
            asked = [
                _conditional(self._part("GET", f"/sobjects/{quote(name, safe='')}/describe", name), sobjects[name])
                for name in batch
            ]
            # A page layout is asked for with the first describe only: it is large, and has no stamp to ask again with.
            laid_out = [name for name in batch if sobjects[name] is None]
            asked += [
                self._part(
                    "GET", f"/sobjects/{quote(n, safe='')}/describe/layouts/{_MASTER_RECORD_TYPE}", f"{n}_layout"
                )
                for n in laid_out
            ]
            staged = [name for name in laid_out if name in _STAGES]
            asked += [self._query_part(f"{n}_stages", _STAGES[n]) for n in staged]
            if first == 0:
                asked.append(self._query_part("language", speaks))
            answered = await self._composite(uid, asked)
            if first == 0:
                language = str((only_row(answered.pop()) or {}).get("LanguageLocaleKey") or "")
            beside, last = answered[len(batch) : len(batch) + len(laid_out)], answered[len(batch) + len(laid_out) :]
            layouts = {name: page_layout_of(part) for name, part in zip(laid_out, beside, strict=True)}
            stages = {name: stages_of(part) for name, part in zip(staged, last, strict=True)}
            for name, part in zip(batch, answered[: len(batch)], strict=True):
                answers[name] = described(part, layouts.get(name, PageLayout()), stages.get(name, {}))
        for name, one in answers.items():
            if isinstance(one, Described) and _PERSON_CONTACT in one.fields:
                try:
                    answers[name] = replace(one, people=await self._people(uid, name))
                except (RefusedRequest, NotFound, OrgUnavailable):
                    answers[name] = replace(one, modified=None)  # so that it is asked again
        return answers, language

    async def _people(self, uid: Uid, sobject: str) -> People:
        """Which record types of an object are of people, and the page layout of the first: describe does not tell. One
        request, in orgs that have people only.

        Source: Object Reference, RecordType, IsPersonType.
        """
        which = f"SELECT Id FROM RecordType WHERE SobjectType = '{sobject}' AND IsPersonType = true AND IsActive = true"  # noqa: S608
        layout = f"/sobjects/{quote(sobject, safe='')}/describe/layouts/@{{types.records[0].Id}}"
        types, laid_out = await self._composite(
            uid, [self._query_part("types", which), self._part("GET", layout, "layout")]
        )
        rows = rows_of(body_of(types), "records")
        return People(tuple(str(row["Id"]) for row in rows if "Id" in row), sections_of(page_layout_of(laid_out)))

    async def picklists(self, uid: Uid, sobject: str, record_type: str) -> Mapping[str, Picklist]:
        """What the picklists hold for a record type; a request of its own, because a composite one takes no address of
        the User Interface API. Source: REST API Developer Guide, "Send Multiple Requests Using Composite".
        """
        path = f"/ui-api/object-info/{quote(sobject, safe='')}/picklist-values/{quote(record_type, safe='')}"
        return picklists_of((await self._send(uid, Request("GET", self._base + path, aside=True))).body)

    async def list_views(self, uid: Uid, sobject: str) -> ListViews:
        """One request, unless Salesforce answers in several pages."""
        below = address = f"{self._base}/sobjects/{quote(sobject, safe='')}/listviews"
        views: list[ListView] = []
        for _page in range(MAX_FOLLOWED):
            body = (await self._send(uid, Request("GET", address, aside=True))).object()
            views += views_in(body)
            following = next_of(body, below)
            if following is None or len(views) >= MAX_LIST_VIEWS:
                return ListViews(tuple(views[:MAX_LIST_VIEWS]), following is None and len(views) <= MAX_LIST_VIEWS)
            address = following
        return ListViews(tuple(views[:MAX_LIST_VIEWS]), False)

    async def list_view(self, uid: Uid, sobject: str, view_id: str) -> str:
        """The query that Salesforce runs for a list view."""
        path = f"{self._base}/sobjects/{quote(sobject, safe='')}/listviews/{quote(view_id, safe='')}/describe"
        return query_in((await self._send(uid, Request("GET", path, aside=True))).object())

    async def favorites(self, uid: Uid) -> Sequence[Favorite]:
        """The records that the user has starred."""
        return favorites_in(
            (await self._send(uid, Request("GET", f"{self._base}/ui-api/favorites", aside=True))).object()
        )

    async def add_favorite(self, uid: Uid, record_id: str, name: str) -> Favorite:
        """Stars a record."""
        body = {"name": name, "target": record_id, "targetType": "Record"}
        path = f"{self._base}/ui-api/favorites"
        return favorite_in((await self._send(uid, Request("POST", path, body=body, writes=True, aside=True))).object())

    async def remove_favorite(self, uid: Uid, favorite: str) -> None:
        """Takes a star away."""
        path = f"{self._base}/ui-api/favorites/{quote(favorite, safe='')}"
        await self._send(uid, Request("DELETE", path, writes=True, aside=True))

    async def create(
        self,
        uid: Uid,
        sobject: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        *,
        allow_duplicates: bool = False,
    ) -> tuple[str, Row | None]:
        """The new record's id, and the record with the `selected` fields, None when it cannot be read back.

        Raises OutcomeUnknown when Salesforce does not send the id.
        """
        read_back = f"SELECT {selected} FROM {sobject} WHERE Id = '@{{made.id}}' LIMIT 1"  # noqa: S608  both from our own layouts
        made, current = await self._composite(
            uid,
            [
                self._part("POST", f"/sobjects/{sobject}", "made", fields) | _headers(allow_duplicates),
                self._query_part("current", read_back, refers=True),
            ],
            writes=True,
        )
        record_id = body_of(made, writes=True).get("id")
        if not isinstance(record_id, str):
            raise OutcomeUnknown(writes=True)
        return record_id, only_row(current)

    async def update(
        self,
        uid: Uid,
        sobject: str,
        record_id: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        unchanged_since: datetime | None,
        *,
        allow_duplicates: bool = False,
    ) -> Row | None:
        """Changes a record, and returns it with the `selected` fields; None when it cannot be read back.

        Raises PreconditionFailed when somebody has changed it after `unchanged_since` (UTC, to the millisecond; None:
        changes it anyway). To find that out the request first queries for the record with exactly that SystemModstamp
        and changes what the query returned, so nothing is changed when it returned nothing. If-Unmodified-Since, which
        counts in whole seconds, covers the moment between the two.
        """
        is_record = f"FROM {sobject} WHERE Id = '{record_id}'"
        parts: list[dict[str, object]] = []
        if unchanged_since is None:
            saved = self._part("PATCH", f"/sobjects/{sobject}/{record_id}", "saved", fields)
            parts.append(saved | _headers(allow_duplicates))
        else:
            state = unchanged_since.astimezone(UTC).isoformat(timespec="milliseconds")
            whole = datetime.fromtimestamp(ceil(unchanged_since.timestamp()) + 1, UTC)
            saved = self._part("PATCH", f"/sobjects/{sobject}/@{{seen.records[0].Id}}", "saved", fields)
            parts.append(self._query_part("seen", f"SELECT Id {is_record} AND SystemModstamp = {state} LIMIT 1"))
            unmodified = {"If-Unmodified-Since": format_datetime(whole, usegmt=True)}
            parts.append(saved | _headers(allow_duplicates, **unmodified))
        parts.append(self._query_part("current", f"SELECT {selected} {is_record} LIMIT 1"))
        *seen, saved_part, current = await self._composite(uid, parts, writes=True)
        row = only_row(current)
        if saved_part.http_status_code == 412 or (seen and not rows_of(body_of(seen[0]), "records")):
            raise PreconditionFailed(row)
        body_of(saved_part, writes=True)
        return row

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None:
        """Deletes a record. Raises NotFound when it is gone."""
        await self._send(uid, Request("DELETE", f"{self._base}/sobjects/{sobject}/{record_id}", writes=True))

    async def upload(self, uid: Uid, record_id: str, name: str, file: Incoming) -> str:
        """Adds a file to a record, as the second part of a request in two."""
        fields = {"Title": title_of(name), "PathOnClient": name, "FirstPublishLocationId": record_id}
        path = f"{self._base}/sobjects/ContentVersion"
        answer = await self._send(uid, Request("POST", path, writes=True, upload=in_parts(fields, file)))
        made = answer.json()
        version = cast(dict[str, Any], made).get("id") if isinstance(made, dict) else None
        if not isinstance(version, str):
            raise OutcomeUnknown(writes=True)
        return version

    async def download(self, uid: Uid, version: str, sink: Sink) -> None:
        """Hands the bytes of a version to `sink`, as they are: packed ones would have another size."""
        path = f"{self._base}/sobjects/ContentVersion/{version}/VersionData"
        await self._send(uid, Request("GET", path, sink=sink, headers={"Accept-Encoding": "identity", "Accept": "*/*"}))

    async def complete(self, uid: Uid, task_id: str, selected: str) -> tuple[Row | None, str | None]:
        """Completes a task that is open; see Org. The change refers to what two queries before it return: where the
        task is not open, or not there, it is not carried out.
        """
        is_task = f"FROM Task WHERE Id = '{task_id}'"
        changed = {"Status": "@{closed.records[0].ApiName}"}
        parts = [
            self._query_part("closed", CLOSING),
            self._query_part("open", f"SELECT Id, Status {is_task} AND IsClosed = false LIMIT 1"),
            self._part("PATCH", "/sobjects/Task/@{open.records[0].Id}", "saved", changed),
            self._query_part("current", f"SELECT {selected} {is_task} LIMIT 1"),
        ]
        closed, was_open, saved, current = await self._composite(uid, parts, writes=True, refers=True)
        before = only_row(was_open)
        if before is None:
            body_of(was_open)
            body_of(current)
            return only_row(current), None
        closing_status(closed)
        body_of(saved, writes=True)
        return only_row(current), str(before.get("Status") or "")

    async def log(self, uid: Uid, *tasks: Mapping[str, FieldValue]) -> Sequence[str]:
        """Creates tasks, all or none, the first one completed; see Org. One request, or two where what was typed reads
        as a reference to another part.
        """
        if any(map(has_reference, tasks)):
            (rows,) = await self.query(uid, CLOSING)
            body = created_at_once(tasks, rows)
            request = Request("POST", f"{self._base}/composite/sobjects", body=body, writes=True)
            return ids_of_collection((await self._send(uid, request)).json())
        parts = [self._query_part("closed", CLOSING)]
        for n, fields in enumerate(tasks):
            status = {} if n else {"Status": "@{closed.records[0].ApiName}"}
            parts.append(self._part("POST", "/sobjects/Task", f"task{n}", {**fields, **status}))
        answered = await self._composite(uid, parts, writes=True, refers=True, all_or_none=True)
        return ids_of_parts(answered)

    async def has_action(self, uid: Uid, target: Target) -> bool:
        """Whether Salesforce describes an action to this user. Source: Actions Developer Guide, "Apex Actions": who
        has no access to the class gets an error. A composite request takes no address of actions.
        """
        if isinstance(target, ApexRest):
            return True
        try:
            await self._send(uid, Request("GET", self._base + target.path, aside=True))
        except (RefusedRequest, NotFound):
            return False
        return True

    async def run_action(
        self, uid: Uid, target: Target, record_id: str, inputs: Mapping[str, FieldValue]
    ) -> Mapping[str, object]:
        """The values of an action's answer; see Org."""
        request = request_of(self._base, target, record_id, inputs)
        return outcome_of(target, await self._session.send(uid, request))

    async def convert(self, uid: Uid, wanted: ConvertLead) -> tuple[str, str, str]:
        """What a lead became; see Org. The REST API has no such call."""
        return converted(await self._session.send(uid, conversion_request(self._soap, wanted)))

    async def currency(self, uid: Uid) -> str:
        """The ISO 4217 code of the org's only currency; "" when it has several, or does not say.

        Source: Connect REST API, Organization and Features: `defaultCurrencyIsoCode` counts where `multiCurrency` is
        false.
        """
        answer = await self._send(uid, Request("GET", f"{self._base}/connect/organization", aside=True))
        features = answer.object().get("features")
        named = cast(dict[str, Any], features) if isinstance(features, dict) else {}
        return "" if named.get("multiCurrency") else str(named.get("defaultCurrencyIsoCode") or "")

    async def site(self, uid: Uid) -> str:
        """The address of the user's org, for links to Salesforce's own pages; no request."""
        return await self._session.site(uid)

    # Parts

    async def _send(self, uid: Uid, request: Request) -> Answer:
        if request.query is not None and _is_too_long(request.path, request.query):
            raise _too_long()
        answer = await self._session.send(uid, request)
        if answer.status >= 300:
            if answer.status in (414, 431):
                raise _too_long()
            refuse(answer.status, answer.json(), writes=request.writes, aside=request.aside)
        return answer

    async def _composite(
        self,
        uid: Uid,
        parts: Sequence[Mapping[str, object]],
        *,
        writes: bool = False,
        refers: bool = False,
        all_or_none: bool = False,
    ) -> list[Part]:
        """The answers to several parts, sent in one request and carried out one after another; a part that fails stops
        those that refer to it and, but for `all_or_none`, no others. What reads as a reference in a body is one only
        where it `refers`. Raises OutcomeUnknown or Busy when parts of the answer are missing.
        """
        if not refers and any(has_reference(part.get("body")) for part in parts):
            return await one_by_one(partial(self._session.send, uid), parts)
        body = {"allOrNone": all_or_none, "collateSubrequests": False, "compositeRequest": parts}
        answer = await self._send(uid, Request("POST", f"{self._base}/composite", body=body, writes=writes))
        try:
            answered = msgspec.json.decode(answer.body, type=Composite).composite_response
        except UNREADABLE:
            answered = []
        if len(answered) != len(parts):
            raise OutcomeUnknown(writes=True) if writes else Busy()
        return answered

    def _part(self, method: str, path: str, name: str, body: object = None) -> dict[str, object]:
        part: dict[str, object] = {"method": method, "url": self._base + path, "referenceId": name}
        return part if body is None else part | {"body": body}

    def _query_part(self, name: str, text: str, *, refers: bool = False) -> dict[str, object]:
        """A SOQL query as a part. What reads in it as a reference to another part, such as `@{made.id}`, is one only
        where it `refers`: a user may have typed it.
        """
        return self._part("GET", "/query?" + urlencode({"q": text}, safe="@{}" if refers else ""), name)


def _is_too_long(path: str, query: Mapping[str, str]) -> bool:
    """Whether an address has more than MAX_ADDRESS bytes."""
    most = sum(len(name) + 2 + len(text) * (3 if text.isascii() else 12) for name, text in query.items())
    return len(path) + most > MAX_ADDRESS and len(path) + 1 + len(urlencode(query)) > MAX_ADDRESS


def _too_long() -> RefusedRequest:
    return RefusedRequest(Reason.INVALID_VALUE, "What is asked for is too long for Salesforce.")


def _headers(allow_duplicates: bool, **more: str) -> dict[str, object]:
    """The headers of a part that writes. Source: REST API Developer Guide, Duplicate Rule Header."""
    headers = more | ({"Sforce-Duplicate-Rule-Header": "allowSave=true"} if allow_duplicates else {})
    return {"httpHeaders": headers} if headers else {}


def _conditional(part: dict[str, object], since: str | None) -> dict[str, object]:
    return part if since is None else part | {"httpHeaders": {"If-Modified-Since": since}}
