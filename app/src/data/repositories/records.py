"""Salesforce records as the app sees them: fetched, kept on the shelf, and the session told when it has ended."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from contract.calls import (
    CREATE_RECORD,
    DELETE_RECORD,
    GET_ACCESS,
    GET_DASHBOARD,
    GET_OBJECTS,
    GET_PROFILE,
    GET_RECORD,
    LIST_RECORDS,
    SEARCH,
    UPDATE_CONNECTION,
    UPDATE_RECORD,
    Access,
    Call,
    ConnectionStatus,
    CreateRecord,
    Dashboard,
    DeleteRecord,
    Empty,
    FieldValue,
    GetRecord,
    Hits,
    ListRecords,
    Objects,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    Search,
    SobjectShape,
    UpdateConnection,
    UpdateRecord,
)
from contract.codec import encode
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason, SessionInvalid
from data.repositories.session import SessionRepository
from data.repositories.shelf import Seen, Shelf
from data.services.backend import Backend

Q = TypeVar("Q")
A = TypeVar("A")
T = TypeVar("T")
SLOW_SECONDS = 2.5  # a call that takes longer is called slow
_VISITS, _MAX_VISITS = "visits", 10
_SEARCHES, _MAX_SEARCHES = "searches", 8


class AnotherUser(Exception):
    """The answer belongs to a user who does not use the app any more."""


@dataclass(frozen=True, slots=True)
class Fetch(Generic[T]):
    """Something that can be fetched: the call of it, and under which key it stands on the shelf."""

    key: str
    shape: type[T]
    call: Callable[[], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Visited:
    """A record that the person has opened, with those of its fields that tell what it is."""

    sobject: str
    id: str
    fields: dict[str, FieldValue]


class Network:
    """How the way to the backend is; `changed` is told of each change."""

    def __init__(self) -> None:
        self.offline = False
        self.slow = False
        self.changed: Callable[[], None] = lambda: None
        self._waiting = 0

    def tell(self, *, offline: bool | None = None, slow: bool | None = None) -> None:
        before = (self.offline, self.slow)
        self.offline = self.offline if offline is None else offline
        self.slow = self.slow if slow is None else slow
        if before != (self.offline, self.slow):
            self.changed()

    async def watch(self, work: Awaitable[A]) -> A:
        """Waits for a call and notes how it went."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(SLOW_SECONDS, lambda: self.tell(slow=True))
        self._waiting += 1
        try:
            answer = await work
        except CallError as failed:
            unreachable = isinstance(failed, OrgUnavailable) and failed.reason is Reason.ORG_UNREACHABLE and failed.details.get("offline") is True
            self.tell(offline=unreachable)
            raise
        else:
            self.tell(offline=False)
            return answer
        finally:
            timer.cancel()
            self._waiting -= 1
            if self._waiting == 0:
                self.tell(slow=False)


class RecordsRepository:
    """Every method raises the contract's CallErrors, and AnotherUser when the user has changed meanwhile.

    `saved` is told the object and id of each record that was created or changed, with the record when the answer had it; `deleted` of each
    that is gone.
    """

    def __init__(self, backend: Backend, session: SessionRepository, shelf: Shelf) -> None:
        self._backend = backend
        self._session = session
        self._shelf = shelf
        self.network = Network()
        self.saved: Callable[[str, str, Record | None], None] = lambda _sobject, _id, _record: None
        self.deleted: Callable[[str, str], None] = lambda _sobject, _id: None

    # What can be shown at once and fetched behind

    def objects(self) -> Fetch[Objects]:
        return Fetch("objects", Objects, lambda: self._call(GET_OBJECTS, Empty()))

    def dashboard(self) -> Fetch[Dashboard]:
        return Fetch("dashboard", Dashboard, lambda: self._call(GET_DASHBOARD, Empty()))

    def profile(self) -> Fetch[Profile]:
        return Fetch("profile", Profile, lambda: self._call(GET_PROFILE, Empty()))

    def access(self) -> Fetch[Access]:
        return Fetch("access", Access, lambda: self._call(GET_ACCESS, Empty()))

    def page(self, request: ListRecords) -> Fetch[RecordPage]:
        asked = sha256(json.dumps(encode(request), sort_keys=True).encode()).hexdigest()[:16]
        return Fetch(f"list/{request.sobject}/{asked}", RecordPage, lambda: self._call(LIST_RECORDS, request))

    def detail(self, shape: SobjectShape, record_id: str) -> Fetch[RecordDetail]:
        request = GetRecord(shape.sobject, record_id, tuple(r.name for r in shape.related))
        return Fetch(_key(shape.sobject, record_id), RecordDetail, lambda: self._call(GET_RECORD, request))

    async def seen(self, fetch: Fetch[T]) -> Seen[T] | None:
        """What was shown of it last."""
        return await self._shelf.get(fetch.key, fetch.shape)

    async def get(self, fetch: Fetch[T]) -> T:
        """Fetches it and keeps it."""
        value = await fetch.call()
        await self._shelf.put(fetch.key, value)
        return value

    # What changes something

    async def search(self, text: str) -> Hits:
        return await self._call(SEARCH, Search(text))

    async def create(self, sobject: str, fields: dict[str, FieldValue], key: str) -> str:
        """The id of the new record; a repeat with the same key makes no second one."""
        created = await self._call(CREATE_RECORD, CreateRecord(sobject, fields, key))
        if created.record is not None:
            await self._shelf.put(_key(sobject, created.id), RecordDetail(created.record))
        self.saved(sobject, created.id, created.record)
        return created.id

    async def update(self, sobject: str, record_id: str, fields: dict[str, FieldValue], version: str | None) -> Record:
        record = (await self._call(UPDATE_RECORD, UpdateRecord(sobject, record_id, fields, version))).record
        known = await self._shelf.get(_key(sobject, record_id), RecordDetail)
        await self._shelf.put(_key(sobject, record_id), RecordDetail(record, known.value.related if known else {}))
        self.saved(sobject, record_id, record)
        return record

    async def delete(self, sobject: str, record_id: str) -> None:
        await self._call(DELETE_RECORD, DeleteRecord(sobject, record_id))
        self.deleted(sobject, record_id)
        await self.forget(sobject, record_id)

    async def forget(self, sobject: str, record_id: str) -> None:
        """A record that is not there any more."""
        await self._shelf.remove(_key(sobject, record_id))
        await self._shelf.remove(f"{_VISITS}/{record_id}")

    async def stay_signed_in(self, wanted: bool) -> ConnectionStatus:
        return await self._call(UPDATE_CONNECTION, UpdateConnection(wanted))

    # What the person did, on this device only

    async def visited(self) -> tuple[Visited, ...]:
        """The records that were opened last, the newest first."""
        return tuple(await self._shelf.all(_VISITS, Visited))

    async def visit(self, visited: Visited) -> None:
        await self._shelf.put(f"{_VISITS}/{visited.id}", visited, folder_size=_MAX_VISITS)

    async def searches(self) -> tuple[str, ...]:
        """The texts that were searched for last, the newest first."""
        return tuple(await self._shelf.all(_SEARCHES, str))

    async def note_search(self, text: str) -> None:
        await self._shelf.put(f"{_SEARCHES}/{text.casefold()}", text, folder_size=_MAX_SEARCHES)

    async def _call(self, call: Call[Q, A], request: Q) -> A:
        user = self._session.user
        try:
            answer = await self.network.watch(self._send(call, request))
        except (SessionInvalid, ConnectionLost) as ended:
            if user is not None and self._session.user == user:
                await self._session.forget(ended)
            raise
        if self._session.user != user:
            raise AnotherUser
        return answer

    async def _send(self, call: Call[Q, A], request: Q) -> A:
        return await self._backend.call(call, request, await self._session.id_token())


def _key(sobject: str, record_id: str) -> str:
    return f"record/{sobject}/{record_id}"
