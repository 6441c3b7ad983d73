"""Salesforce records as the app sees them: fetched, and kept on the shelf."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

from contract.actions import ActionDone, RunAction
from contract.activities import AskedDay, CallLogged, CompleteTask, LogCall, TaskDone
from contract.boards import Board, GetBoard
from contract.calls import (
    ADD_FAVORITE,
    COMPLETE_TASK,
    CONVERT_LEAD,
    CREATE_RECORD,
    DELETE_RECORD,
    FIND_OWNERS,
    GET_BOARD,
    GET_CONVERSION,
    GET_DASHBOARD,
    GET_FAVORITES,
    GET_FILE,
    GET_LIST_VIEWS,
    GET_OBJECTS,
    GET_PICKLISTS,
    GET_PROFILE,
    GET_RECORD,
    GET_SIGN_IN_OPTIONS,
    LIST_FILES,
    LIST_RECORDS,
    LOG_CALL,
    REMOVE_FAVORITE,
    RUN_ACTION,
    SEARCH,
    UPDATE_RECORD,
    UPLOAD_FILE,
    CreateRecord,
    Dashboard,
    DeleteRecord,
    Empty,
    FieldValue,
    FindOwners,
    GetDashboard,
    GetPicklists,
    GetRecord,
    Hits,
    ListRecords,
    Objects,
    Owners,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    Search,
    SobjectShape,
    UpdateRecord,
)
from contract.codec import encode
from contract.conversion import Conversion, Converted, ConvertLead, GetConversion
from contract.errors import Reason, RefusedRequest
from contract.favorites import AddFavorite, Favorite, Favorites, RemoveFavorite
from contract.files import GetFile, ListFiles, RecordFiles, UploadFile
from contract.list_views import GetListViews, ListView, ListViews
from contract.picklists import Picklists
from data.repositories.calls import Calls
from data.repositories.shelf import Fetch, Shelf

T = TypeVar("T")
_VISITS, _MAX_VISITS = "visits", 10
_SEARCHES, _MAX_SEARCHES = "searches", 8
_CALL = "called"
_FAVORITES = "favorites"


@dataclass(frozen=True, slots=True)
class Visited:
    """A record that the person has opened, with the fields that say which one it is."""

    sobject: str
    id: str
    fields: dict[str, FieldValue]


@dataclass(frozen=True, slots=True)
class ListChoice:
    """What the list of an object shows on this device: one of the org's list views, `all` records, or (neither) what
    the app begins with; and the list views that were used last, the newest first."""

    view: ListView | None = None
    all: bool = False
    recent: tuple[ListView, ...] = ()


class RecordsRepository:
    """Every method that calls the backend raises the contract's CallErrors, and AnotherUser when the user has changed
    meanwhile.

    `saved` is called with the object and id of each record that was created or changed, and with the record where the
    answer had it; `deleted` with the object and id of each that was deleted."""

    def __init__(self, calls: Calls, shelf: Shelf) -> None:
        self._call = calls
        self._shelf = shelf
        self._tells_days = True
        self.saved: Callable[[str, str, Record | None], None] = lambda _sobject, _id, _record: None
        self.deleted: Callable[[str, str], None] = lambda _sobject, _id: None

    # What can be shown at once and fetched behind

    def objects(self) -> Fetch[Objects]:
        """All objects that the user may see."""
        return Fetch(self._shelf, "objects", Objects, lambda: self._call(GET_OBJECTS, Empty()))

    def dashboard(self, day: Callable[[], AskedDay | None] = lambda: None) -> Fetch[Dashboard]:
        """What home shows, with the person's day as `day` gives it when it is fetched."""
        return Fetch(self._shelf, "dashboard", Dashboard, lambda: self._dashboard(day()))

    async def _dashboard(self, day: AskedDay | None) -> Dashboard:
        if day is not None and self._tells_days:
            try:
                return await self._call(GET_DASHBOARD, GetDashboard(day))
            except RefusedRequest as refused:
                if refused.reason is not Reason.MALFORMED_REQUEST:
                    raise
                self._tells_days = False  # a backend from before days
        return await self._call(GET_DASHBOARD, GetDashboard())

    def profile(self) -> Fetch[Profile]:
        """The user as Salesforce has them."""
        return Fetch(self._shelf, "profile", Profile, lambda: self._call(GET_PROFILE, Empty()))

    def page(self, request: ListRecords) -> Fetch[RecordPage]:
        """One page of a list."""
        asked = sha256(json.dumps(encode(request), sort_keys=True).encode()).hexdigest()[:16]
        return Fetch(
            self._shelf, f"list/{request.sobject}/{asked}", RecordPage, lambda: self._call(LIST_RECORDS, request)
        )

    def board(self, request: GetBoard) -> Fetch[Board]:
        """An object's records by their stage, or more of one stage."""
        asked = sha256(json.dumps(encode(request), sort_keys=True).encode()).hexdigest()[:16]
        return Fetch(self._shelf, f"board/{request.sobject}/{asked}", Board, lambda: self._call(GET_BOARD, request))

    def detail(self, shape: SobjectShape, record_id: str) -> Fetch[RecordDetail]:
        """A record, with all related lists of its object, and its activities where it has them."""
        request = GetRecord(shape.sobject, record_id, tuple(r.name for r in shape.related), shape.timeline or None)
        return Fetch(self._shelf, _key(shape.sobject, record_id), RecordDetail, lambda: self._call(GET_RECORD, request))

    async def fresh(self, sobject: str, record_id: str) -> Record:
        """A record as it is in Salesforce now, without its related lists."""
        return (await self._call(GET_RECORD, GetRecord(sobject, record_id))).record

    def picklists(self, sobject: str, record_type: str) -> Fetch[Picklists]:
        """What the picklists of a record type (its id) hold."""
        request = GetPicklists(sobject, record_type)
        return Fetch(
            self._shelf, f"picklists/{sobject}/{record_type}", Picklists, lambda: self._call(GET_PICKLISTS, request)
        )

    def files(self, sobject: str, record_id: str) -> Fetch[RecordFiles]:
        """The files of a record."""
        request = ListFiles(sobject, record_id)
        return Fetch(self._shelf, f"files/{sobject}/{record_id}", RecordFiles, lambda: self._call(LIST_FILES, request))

    async def file(self, version: str) -> bytes:
        """The bytes of a file, by the id of its version; nothing of it is kept on this device."""
        return await self._call.download(GET_FILE, GetFile(version))

    def list_views(self, sobject: str) -> Fetch[ListViews]:
        """The org's list views of an object."""
        return Fetch(
            self._shelf, f"list-views/{sobject}", ListViews, lambda: self._call(GET_LIST_VIEWS, GetListViews(sobject))
        )

    def favorites(self) -> Fetch[Favorites]:
        """The records that the user has starred."""
        return Fetch(self._shelf, _FAVORITES, Favorites, lambda: self._call(GET_FAVORITES, Empty()))

    # What changes something

    async def add_favorite(self, sobject: str, record_id: str, name: str) -> Favorite:
        """Stars a record."""
        return await self._call(ADD_FAVORITE, AddFavorite(sobject, record_id, name))

    async def remove_favorite(self, favorite: str) -> None:
        """Takes a star away, by the favorite's own id."""
        await self._call(REMOVE_FAVORITE, RemoveFavorite(favorite))

    async def keep_favorites(self, favorites: Favorites) -> None:
        """Keeps on this device what is starred now."""
        await self._shelf.put(_FAVORITES, favorites)

    async def search(self, text: str) -> Hits:
        """The records in which the text occurs."""
        return await self._call(SEARCH, Search(text))

    async def find_owners(self, sobject: str, text: str) -> Owners:
        """Queues and users in whose names the text occurs, to whom a record of the object may be given."""
        return await self._call(FIND_OWNERS, FindOwners(sobject, text or None))

    async def create(
        self, sobject: str, fields: dict[str, FieldValue], key: str, *, allow_duplicates: bool = False
    ) -> str:
        """Makes a record under an idempotency key. Returns its id; the same key again makes no second record. With
        `allow_duplicates` also one that may be there already, where the org lets it be."""
        created = await self._call(CREATE_RECORD, CreateRecord(sobject, fields, key, allow_duplicates or None))
        if created.record is not None:
            await self._shelf.put(_key(sobject, created.id), RecordDetail(created.record))
        self.saved(sobject, created.id, created.record)
        return created.id

    async def update(
        self,
        sobject: str,
        record_id: str,
        fields: dict[str, FieldValue],
        version: str | None,
        *,
        allow_duplicates: bool = False,
    ) -> Record:
        """Changes fields of a record. With a `version`, only if nobody has saved since; without one, whatever others
        have saved. Returns the record as it is afterwards. `allow_duplicates` as for `create`."""
        request = UpdateRecord(sobject, record_id, fields, version, allow_duplicates or None)
        record = (await self._call(UPDATE_RECORD, request)).record
        kept = await self._shelf.get(_key(sobject, record_id), RecordDetail)
        before = RecordDetail(record) if kept is None else kept.value
        await self._shelf.put(_key(sobject, record_id), replace(before, record=record))
        self.saved(sobject, record_id, record)
        return record

    async def delete(self, sobject: str, record_id: str) -> None:
        """Deletes a record in Salesforce, and from this device."""
        await self._call(DELETE_RECORD, DeleteRecord(sobject, record_id))
        self.deleted(sobject, record_id)
        await self.forget(sobject, record_id)

    async def add_file(
        self, sobject: str, record_id: str, name: str, content: bytes, key: str, progress: Callable[[float], None]
    ) -> None:
        """Adds a file to a record under an idempotency key; `progress` is told which share of it has been sent."""
        await self._call.upload(UPLOAD_FILE, UploadFile(sobject, record_id, name, key), content, progress)

    async def run_action(
        self, sobject: str, record_id: str, action: str, answers: dict[str, FieldValue], key: str
    ) -> ActionDone:
        """Runs an action on a record under an idempotency key; the same key again runs it no second time."""
        return await self._call(RUN_ACTION, RunAction(sobject, record_id, action, answers, key))

    async def complete(self, sobject: str, task_id: str, undone: TaskDone | None = None) -> TaskDone:
        """Completes a task; with what that has `undone`, gives it back the status that it had before."""
        back = (None, None) if undone is None else (undone.before, undone.version)
        done = await self._call(COMPLETE_TASK, CompleteTask(task_id, *back))
        self.saved(sobject, task_id, Record(done.id, done.fields, done.version))
        return done

    async def log_call(self, asked: LogCall) -> CallLogged:
        """Keeps in Salesforce that one has called, and what follows; the same key again keeps nothing more."""
        return await self._call(LOG_CALL, asked)

    async def kept_call(self, shape: type[T]) -> T | None:
        """The call that was begun last on this device and is not logged yet, as `keep_call` was given it."""
        kept = await self._shelf.get(_CALL, shape)
        return None if kept is None else kept.value

    async def keep_call(self, called: object) -> None:
        """Keeps a call on this device until it is logged."""
        await self._shelf.put(_CALL, called)

    async def forget_user(self, uid: str, *, comes_back: bool) -> None:
        """Removes what this device keeps for a user. Of one who `comes_back`, because their session has ended by
        itself, the call stays that is not logged yet: what was entered of it is nowhere else.
        """
        await self._shelf.clear(uid, frozenset({_CALL}) if comes_back else frozenset())

    async def forget_call(self) -> None:
        """Removes the call from this device."""
        await self._shelf.remove(_CALL)

    async def kept(self, sobject: str, record_id: str) -> Record | None:
        """A record as this device has it; None when it has not."""
        seen = await self._shelf.get(_key(sobject, record_id), RecordDetail)
        return None if seen is None else seen.value.record

    async def reach(self) -> None:
        """Asks the backend for what costs Salesforce nothing, to know whether it can be reached."""
        await self._call(GET_SIGN_IN_OPTIONS, Empty())

    async def conversion(self, asked: GetConversion) -> Conversion:
        """What may be chosen when a record is converted."""
        return await self._call(GET_CONVERSION, asked)

    async def convert(self, request: ConvertLead) -> Converted:
        """Converts a record; the same key again converts it no second time. What the device keeps of it, and of what it
        became, is fetched anew."""
        done = await self._call(CONVERT_LEAD, request)
        changed = ((request.sobject, request.id), *((one.sobject, one.id) for one in done.into))
        for sobject, record_id in changed:
            await self._shelf.remove(_key(sobject, record_id))
            self.saved(sobject, record_id, None)
        return done

    async def forget(self, sobject: str, record_id: str) -> None:
        """Removes from this device what it keeps of a record that no longer exists in Salesforce."""
        await self._shelf.remove(_key(sobject, record_id))
        await self._shelf.remove(f"files/{sobject}/{record_id}")
        await self._shelf.remove(f"{_VISITS}/{record_id}")

    # What the person did, on this device only

    async def visited(self) -> tuple[Visited, ...]:
        """The records that were opened last, the newest first."""
        return tuple(await self._shelf.all(_VISITS, Visited))

    async def visit(self, visited: Visited) -> None:
        """Notes that the person has opened a record; the last ones are kept."""
        await self._shelf.put(f"{_VISITS}/{visited.id}", visited, folder_size=_MAX_VISITS)

    async def list_choice(self, sobject: str) -> ListChoice | None:
        """What the list of an object shows on this device; None when nothing was chosen."""
        kept = await self._shelf.get(f"list-choice/{sobject}", ListChoice)
        return None if kept is None else kept.value

    async def keep_list_choice(self, sobject: str, choice: ListChoice) -> None:
        """Keeps what the list of an object shows."""
        await self._shelf.put(f"list-choice/{sobject}", choice)

    async def searches(self) -> tuple[str, ...]:
        """The texts that were searched for last, the newest first."""
        return tuple(await self._shelf.all(_SEARCHES, str))

    async def note_search(self, text: str) -> None:
        """Notes a text that the person has searched for; the last ones are kept."""
        await self._shelf.put(f"{_SEARCHES}/{text.casefold()}", text, folder_size=_MAX_SEARCHES)


def _key(sobject: str, record_id: str) -> str:
    return f"record/{sobject}/{record_id}"
