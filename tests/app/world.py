"""The app without a screen, on a backend in memory that answers as the contract says: versions, conflicts, pages,
rights.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from contract import calls
from contract.calls import (
    Access,
    AddressShape,
    Call,
    ConnectionStatus,
    Created,
    CreateRecord,
    Dashboard,
    Empty,
    FieldShape,
    FieldValue,
    Filter,
    FirebaseProject,
    Hit,
    Hits,
    ListRecords,
    LoginHost,
    Objects,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    RelatedList,
    Section,
    SignInOptions,
    SobjectShape,
    Sort,
    StageTotal,
    Updated,
    UpdateRecord,
    User,
)
from contract.errors import CallError, ChangedMeanwhile, NotFound, OrgUnavailable, Reason, RefusedRequest
from contract.favorites import AddFavorite, Favorite, Favorites, RemoveFavorite
from contract.list_views import GetListViews, ListView, ListViews
from contract.picklists import Picklists
from contract.sign_in import BeginSignIn, Begun
from data.repositories.wiring import make_repositories
from data.services.backend import Backend
from data.services.firebase_auth import FirebaseAuth, FirebaseTokens
from tests.device import Beside, Drawer
from ui.app import App
from ui.table import Table

Q = TypeVar("Q")
A = TypeVar("A")
SAM = User("00D_005", "Sam Sales", "sam@x.example", "sam@x.example", "00D", "005")
ADA = User("00D_006", "Ada Admin", "ada@x.example", "ada@x.example", "00D", "006")
FIREBASE = FirebaseProject("key", "https://identity", "https://token")
HOSTS = (LoginHost("login.salesforce.com", "Production"), LoginHost("*.my.salesforce.com", "My Domain"))

ACCOUNT = SobjectShape(
    sobject="Account",
    label="Account",
    label_plural="Accounts",
    key_prefix="001",
    fields=(
        FieldShape("Name", "Account Name", "string", True, True, True, 255),
        FieldShape("AnnualRevenue", "Annual Revenue", "currency", False, True, True),
        FieldShape(
            "Industry", "Industry", "picklist", False, True, True, 0, ("Media", "Energy"), labels={"Media": "Medien"}
        ),
        FieldShape("Phone", "Phone", "phone", False, True, True, 40),
        FieldShape("Website", "Website", "url", False, True, True, 255),
        FieldShape("BillingStreet", "Billing Street", "textarea", False, True, True, 255),
        FieldShape("BillingCity", "Billing City", "string", False, True, True, 40),
        FieldShape("Active__c", "Active", "boolean", False, True, True),
        FieldShape("Since__c", "Customer since", "date", False, True, True),
        FieldShape(
            "ParentId",
            "Parent Account ID",
            "reference",
            False,
            True,
            True,
            18,
            refers_to=("Account",),
            relationship="Parent",
            caption="Parent Account",
        ),
        FieldShape("CreatedDate", "Created Date", "datetime", False, False, False),
    ),
    listed=("Name", "Industry", "Phone"),
    filters=("Industry",),
    sorts=("Name", "Industry"),
    sort=Sort("Name"),
    sections=(
        Section(
            "Account Information",
            ("Name", "AnnualRevenue", "Industry", "Phone", "Website", "Active__c", "Since__c", "ParentId"),
        ),
        Section("Address", ("BillingStreet", "BillingCity")),
        Section("System", ("CreatedDate",)),
    ),
    related=(RelatedList("Contacts", "Contact", "Contacts", "AccountId"),),
    addresses=(AddressShape("Billing Address", street="BillingStreet", city="BillingCity"),),
    creatable=True,
    editable=True,
    deletable=True,
)
CONTACT = SobjectShape(
    "Contact", "Contact", "Contacts", (FieldShape("LastName", "Last Name", "string", True, True, True, 80),),
    sections=(Section("", ("LastName",)),),
    listed=("Name",), stand_ins=("LastName",), creatable=True, editable=True, key_prefix="003",
)  # fmt: skip


class MemoryBackend(Backend):
    """Records in memory; the object of each is told by what its id begins with, as in Salesforce.

    `fails` is raised by the next call of that name, `holds` keeps an answer back until it is set.
    """

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.asked: list[tuple[str, Any]] = []
        self.fails: dict[str, CallError] = {}
        self.allowed_duplicates: list[bool] = []  # of each record that was created
        self.holds: dict[str, asyncio.Event] = {}
        self.offline: CallError | None = None
        self.loses: set[str] = set()  # calls whose next answer is lost on the way, after they were carried out
        self.keys: dict[str, tuple[str, CreateRecord]] = {}
        self.objects = Objects((ACCOUNT, CONTACT), "https://acme.my.salesforce.com")
        self.picklists: dict[str, Picklists] = {}  # by the id of the record type
        self.signs_in = SAM
        self.now = 0
        self.views: dict[str, dict[str, tuple[str, Filter]]] = {}  # of an object, by id: the name, and what it shows
        self.view_sort = Sort("Name", True)
        self.starred: dict[str, Favorite] = {}

    def add(self, record_id: str, by: str = "Ada Admin", **fields: FieldValue) -> Record:
        self.now += 1
        trace = {"LastModifiedBy.Name": by, "LastModifiedDate": f"2026-11-25T10:00:{self.now % 60:02d}.000+0000"}
        record = self.records[record_id] = Record(record_id, {**fields, **trace}, f"v{self.now}")
        return record

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        self.asked.append((call.name, request))
        held = self.holds.get(call.name)
        if held is not None:
            await held.wait()
        if self.offline is not None:
            raise self.offline
        if call.name in self.fails:
            raise self.fails.pop(call.name)
        answer: Callable[[Any], object] = getattr(self, f"_{call.name}")
        answered = answer(request)
        if call.name in self.loses:
            self.loses.discard(call.name)
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        return cast(A, answered)

    async def upload(
        self, call: Call[Q, A], request: Q, content: bytes, id_token: str, progress: Callable[[float], None]
    ) -> A:
        for sent in (0.25, 0.5, 1.0):
            progress(sent)
        self.content = content
        return await self.call(call, request, id_token)

    async def download(self, call: Call[Q, bytes], request: Q, id_token: str) -> bytes:
        return await self.call(call, request, id_token)

    def _getSignInOptions(self, _: Empty) -> SignInOptions:
        return SignInOptions("key", "api", HOSTS, FIREBASE)

    def _getObjects(self, _: Empty) -> Objects:
        return self.objects

    def _getPicklists(self, request: calls.GetPicklists) -> Picklists:
        if request.record_type not in self.picklists:
            raise RefusedRequest(Reason.RECORD_TYPE_NOT_AVAILABLE)
        return self.picklists[request.record_type]

    def _getDashboard(self, _: Empty) -> Dashboard:
        return Dashboard((StageTotal("New", 1, 50.0), StageTotal("Won", 2, 100.0)), ())

    def _getProfile(self, _: Empty) -> Profile:
        return Profile(SAM, title="Account Executive", time_zone="Europe/Berlin")

    def _getAccess(self, _: Empty) -> Access:
        status = ConnectionStatus(
            "fresh", 1, "2026-11-25T10:00:00+00:00", "2026-11-25T10:00:00+00:00", "login.salesforce.com", 1, False
        )
        return Access(status, (), ())

    def _beginSignIn(self, request: BeginSignIn) -> Begun:
        return Begun(f"key for {request.code_challenge}", f"sealed for {request.code_challenge}")

    def _signIn(self, _: object) -> calls.SignedIn:
        return calls.SignedIn("custom", self.signs_in)

    def _eraseMe(self, _: Empty) -> calls.Erased:
        return calls.Erased("receipt", "2026-11-25T10:00:00+00:00", True)

    def _signOut(self, _: object) -> Empty:
        return Empty()

    def _search(self, request: calls.Search) -> Hits:
        matching = [(o.sobject, r) for o in self.objects.objects for r in self._records_of(o.sobject, request.text)]
        return Hits(tuple(Hit(sobject, record) for sobject, record in matching))

    def _listRecords(self, request: ListRecords) -> RecordPage:
        filters, brought = request.filters, None
        if request.list_view is not None:
            if request.list_view not in self.views.get(request.sobject, {}):
                raise RefusedRequest(Reason.LIST_VIEW_NOT_AVAILABLE)
            filters = (*filters, self.views[request.sobject][request.list_view][1])
            brought = self.view_sort if request.sort is None else None
            request = replace(request, sort=request.sort or self.view_sort)
        records = [
            r for r in self._records_of(request.sobject, request.search or "") if all(_passes(r, f) for f in filters)
        ]
        records.sort(key=lambda r: r.id)
        if request.sort is not None:
            shape, sort = self._shape(request.sobject), request.sort
            field = next((f for f in shape.fields if f.name == sort.field), None)
            filled = [r for r in records if r.fields.get(sort.field) is not None]
            filled.sort(key=lambda r: _rank(field, r.fields[sort.field]), reverse=sort.descending)
            # What is empty stands last either way.
            records = [
                *filled,
                *(r for r in records if r.fields.get(sort.field) is None),
            ]
        start = int(request.cursor or 0)
        end = start + request.limit
        return RecordPage(tuple(records[start:end]), str(end) if end < len(records) else None, sort=brought)

    def _getListViews(self, request: GetListViews) -> ListViews:
        views = self.views.get(request.sobject, {})
        return ListViews(tuple(ListView(view, label) for view, (label, _filter) in views.items()))

    def _getFavorites(self, _: Empty) -> Favorites:
        return Favorites(tuple(self.starred.values()))

    def _addFavorite(self, request: AddFavorite) -> Favorite:
        favorite = Favorite(f"0MV{request.id}", request.sobject, request.id, request.name)
        self.starred[favorite.id] = favorite
        return favorite

    def _removeFavorite(self, request: RemoveFavorite) -> Empty:
        self.starred.pop(request.favorite, None)
        return Empty()

    def _records_of(self, sobject: str, text: str) -> list[Record]:
        """The records of an object that have the text in their name."""
        prefix = self._shape(sobject).key_prefix
        return [
            r
            for r in self.records.values()
            if r.id.startswith(prefix) and text.lower() in str(r.fields.get("Name")).lower()
        ]

    def _shape(self, sobject: str) -> SobjectShape:
        shape = next((o for o in self.objects.objects if o.sobject == sobject), None)
        if shape is None:
            raise RefusedRequest(Reason.UNKNOWN_OBJECT)
        return shape

    def _getRecord(self, request: calls.GetRecord) -> RecordDetail:
        return RecordDetail(self._find(request.id))

    def _createRecord(self, request: CreateRecord) -> Created:
        self.allowed_duplicates.append(bool(request.allow_duplicates))
        key = request.idempotency_key or ""
        if key not in self.keys:
            self.keys[key] = f"{self._shape(request.sobject).key_prefix}{len(self.records)}", request
            return Created(self.keys[key][0], self.add(self.keys[key][0], by="Sam Sales", **request.fields))
        record_id, first = self.keys[key]
        if request != first:
            raise RefusedRequest(Reason.IDEMPOTENCY_KEY_REUSED)
        return Created(record_id)

    def _updateRecord(self, request: UpdateRecord) -> Updated:
        current = self._find(request.id)
        if request.version is not None and request.version != current.version:
            theirs = {"id": current.id, "fields": current.fields, "version": current.version}
            raise ChangedMeanwhile(Reason.RECORD_CHANGED, details={"theirs": theirs, "yours": {}})
        return Updated(self.add(request.id, by="Sam Sales", **{**current.fields, **request.fields}))

    def _deleteRecord(self, request: calls.DeleteRecord) -> Empty:
        self._find(request.id)
        del self.records[request.id]
        return Empty()

    def _find(self, record_id: str) -> Record:
        if record_id not in self.records:
            raise NotFound(Reason.RECORD_NOT_FOUND)
        return self.records[record_id]


def _passes(record: Record, wanted: Filter) -> bool:
    assert wanted.operator == "eq", "the app's lists ask for nothing else"
    return record.fields.get(wanted.field) == wanted.value


def _rank(field: FieldShape | None, value: FieldValue) -> tuple[float, str]:
    """What comes before what: numbers by size, a picklist's values as they are listed, texts without regard to case."""
    if field is not None and value in field.picklist:
        return field.picklist.index(str(value)), ""
    return (0, value.casefold()) if isinstance(value, str) else (value or 0, "")


class MemoryFirebase(FirebaseAuth):
    """Firebase Authentication that says yes; `holds` keeps a renewal back until it is set."""

    def __init__(self) -> None:
        self.holds: asyncio.Event | None = None

    async def sign_in(self, project: FirebaseProject, custom_token: str) -> FirebaseTokens:
        return FirebaseTokens("id", "refresh", 1e12)

    async def renew(self, project: FirebaseProject, refresh_token: str) -> FirebaseTokens:
        if self.holds is not None:
            await self.holds.wait()
        return FirebaseTokens("id", "refresh", 1e12)


class World:
    """One app on one device; `again` is the same device after a reload, `beside` another window on it."""

    def __init__(
        self,
        backend: MemoryBackend | None = None,
        device: Drawer | None = None,
        languages: tuple[str, ...] = ("en-US",),
        windows: Beside | None = None,
    ) -> None:
        self.backend = backend or MemoryBackend()
        self.device = device or Drawer()
        self.time = 1_000_000.0
        self.windows = windows or Beside()
        self.firebase = MemoryFirebase()
        self.data = make_repositories(self.backend, self.firebase, self.device, self.windows, self.now)
        self.session = self.data.session
        self.shelf, self.drafts, self.records = self.data.shelf, self.data.drafts, self.data.records
        self.app = App(self.data, Table(), self.device, list(languages), self.now, self._sleep)
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self.time

    async def _sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.time + seconds, woken))
        await woken.wait()

    async def pass_time(self, seconds: float) -> None:
        """That many seconds later: what was due by then is done."""
        await _turns()
        self.time += seconds
        for at, woken in self._sleepers:
            if at <= self.time:
                woken.set()
        await _turns()
        await self.app.settle()

    @property
    def route(self) -> str:
        return self.app.route

    async def sign_in(self, user: User = SAM, host: str = "login.salesforce.com") -> None:
        """As if that person had signed in on this device a moment ago."""
        self.backend.signs_in = user
        options = await self.data.sign_in.options()
        await self.data.sign_in.begin(options, LoginHost(host, host))
        state = self.device.pending()["state"]
        await self.data.sign_in.finish(f"/oauth/callback?code=c&state={state}")
        self.backend.asked.clear()

    async def start(self, route: str = "/", *, user: User | None = SAM) -> App:
        if user is not None:
            refuses, self.device.refuses = self.device.refuses, False
            await self.sign_in(user)
            self.device.refuses = refuses
        await self.app.start(route)
        await self.app.settle()
        return self.app

    def again(self, languages: tuple[str, ...] = ("en-US",)) -> "World":
        self.windows.close()
        return World(self.backend, self.device, languages, Beside(self.windows))

    def beside(self) -> "World":
        return World(self.backend, Drawer(self.device.kept), windows=Beside(self.windows))


async def _turns() -> None:
    """Lets what has been begun go on until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


def changed(record: Record, **fields: FieldValue) -> Record:
    return replace(record, fields={**record.fields, **fields})
