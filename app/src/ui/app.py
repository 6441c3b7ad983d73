"""The app as a whole, without a screen: where it is, who uses it, what it says at its foot, what is deleted in a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from contract.calls import Objects, Record, SobjectShape
from contract.errors import CallError
from data.repositories.calls import AnotherUser
from data.repositories.wiring import Repositories
from data.services.device import Device
from data.services.storage import StorageRefused, from_text, to_text
from ui.access.view_model import AccessViewModel
from ui.home.view_model import HomeViewModel
from ui.places import HOME, SIGN_IN, Place, place_of
from ui.profile.view_model import ProfileViewModel
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.search.view_model import SearchViewModel
from ui.shared.guard import report
from ui.shared.state import Live, Screen, State
from ui.shared.words import _, use_language
from ui.sign_in.view_model import SignInViewModel

UNDO_SECONDS = 10.0
NOTICE_SECONDS = 5.0
MAX_PLACES = 40  # places that are kept as they were left
_SETTINGS = "settings"
Theme = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person chose on this device; `language` is "" for the device's own."""

    theme: Theme = "system"
    language: str = ""
    lock: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A short message at the foot of the screen, perhaps with a way back."""

    text: str
    action: str = ""
    run: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class _Deletion:
    """A record that is about to go: `pause` is the time in which it can be taken back, `work` what follows."""

    pause: asyncio.Task[None]
    work: asyncio.Task[None]


class AppDevice(Device, Protocol):
    """A device with a screen."""

    async def open_link(self, url: str) -> None: ...

    async def copy(self, text: str) -> None: ...

    def keep_picture(self, uid: str) -> None: ...

    def forget_picture(self) -> None: ...

    async def can_lock(self) -> bool: ...

    async def unlock(self, why: str) -> bool: ...


class App(State):
    """One for each window. `route` is the address of what is shown, which the window takes over once it is painted."""

    def __init__(
        self,
        data: Repositories,
        device: AppDevice,
        languages: list[str],
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self.session = data.session
        self.records = data.records
        self.drafts = data.drafts
        self.network = data.network
        self._sign_in = data.sign_in
        self._access = data.access
        self._shelf = data.shelf
        self.settings = Settings()
        self.route = ""
        self.place = SIGN_IN
        self.screen: State | None = None
        self.notices: tuple[Notice, ...] = ()
        self.finishing = False
        self.put_off = False
        self.adding = False
        self.locked = False
        self.on_settings: Callable[[], None] = lambda: None
        self.objects = Live(data.records.objects(), now)
        self._stands = asyncio.Event()
        self._now = now
        self._sleep = sleep
        self._device = device
        self._languages = languages
        self._models: dict[str, State] = {}
        self._deleting: dict[str, _Deletion] = {}
        self._endings: set[asyncio.Task[None]] = set()  # of notices
        self._tasks: set[asyncio.Task[None]] = set()
        data.network.changed = self.changed
        data.records.saved, data.records.deleted = self._record_saved, self._record_deleted
        data.drafts.changed = self.changed
        data.session.ended_by_itself = self._ended
        data.session.followed = self._followed
        data.sign_in.put_off = self._put_off

    # Beginning

    async def start(self, route: str) -> None:
        """Takes up where the last visit ended, and shows what the address names."""
        known = await self._read_settings()
        await self.session.restore()
        await self._take_over()
        if self.session.user is not None:  # where nobody knows whether it is to be locked, it is
            self.locked = self.settings.lock if known else await self._device.can_lock()
        await self.show(route)

    async def _take_over(self) -> None:
        """Everything is another user's from now on."""
        uid = None if self.session.user is None else self.session.user.uid
        await self._shelf.open(uid)
        await self.drafts.open(uid)
        self._models.clear()
        self.objects = Live(self.records.objects(), self._now)
        self.objects.listen(self._objects_changed)
        if uid is not None:
            self._spawn(self.objects.load())

    # Places

    async def go(self, place: Place) -> None:
        """Moves to another place; the way back leads here again."""
        await self.show(place.path)

    async def show(self, route: str) -> None:
        """Shows what an address names, as it was left, and loads behind."""
        self.route, place = route, place_of(route)
        if place.name == "callback":
            if self.session.user is None or await self._sign_in.is_pending(route):
                await self._finish(route)
                return
            place = HOME  # the back button: that sign-in is over
        self.adding = self.adding and place == SIGN_IN and self.session.user is not None
        if place.name != "sign-in":
            self.session.route = route
        elif self.session.user is not None and not self.adding:
            place = HOME
        if self.session.user is None:
            place = SIGN_IN
        self.place = place
        self.screen = self._model(place)
        self.changed()
        if isinstance(self.screen, Screen):
            await self.screen.load()
        if isinstance(self.screen, HomeViewModel) and self.session.user is not None and self.screen.dashboard.problem is None:
            self._device.keep_picture(self.session.user.uid)

    def changed(self) -> None:
        super().changed()
        self._look()

    def _look(self) -> None:
        """Whether the place shows more than a skeleton."""
        if self.screen is not None and not self.finishing and (not isinstance(self.screen, Screen) or self.screen.stands):
            self._stands.set()

    async def first_sight(self, seconds: float) -> None:
        """Waits until there is something to see, but no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                await self._stands.wait()
        except TimeoutError:
            return

    async def again(self) -> None:
        """Loads the place that is shown once more."""
        self._spawn(self.objects.load())
        if isinstance(self.screen, Screen):
            await self.screen.load()

    def list_of(self, sobject: str) -> ListViewModel | None:
        """The list that stands beside a record; it is loaded when nobody has been there yet, or when it is stale."""
        if self.shape(sobject) is None:
            return None
        beside = cast(ListViewModel, self._kept(Place("list", sobject)))
        if beside.stale and beside is not self.screen and not beside.loading and beside.problem is None:
            self._spawn(beside.load())
        return beside

    def shape(self, sobject: str) -> SobjectShape | None:
        """An object as the user may see it; None when they may not, or it is not known yet."""
        objects = self.objects.value or Objects((), "")
        return next((o for o in objects.objects if o.sobject == sobject), None)

    def shape_of_id(self, record_id: str) -> SobjectShape | None:
        """The object of a record, by what its id begins with; None when the user may not see it or it is not one of the app's."""
        objects = self.objects.value or Objects((), "")
        return next((o for o in objects.objects if o.key_prefix and record_id.startswith(o.key_prefix)), None)

    def salesforce_page(self, sobject: str, record_id: str) -> str:
        """The record on Salesforce's own pages."""
        site = "" if self.objects.value is None else self.objects.value.site
        return f"{site}/lightning/r/{sobject}/{record_id}/view"

    def _model(self, place: Place) -> State | None:
        """The state of a place; None while the object that it shows is not known."""
        if place.sobject and self.shape(place.sobject) is None:
            return None
        return self._kept(place)

    def _kept(self, place: Place) -> State:
        key = place.path
        model = self._models.pop(key, None)
        if model is None:
            model = self._make(place)
            model.listen(self._look)
        self._models[key] = model
        while len(self._models) > MAX_PLACES:
            del self._models[next(iter(self._models))]
        return model

    def _make(self, place: Place) -> State:
        shape = self.shape(place.sobject)
        match place.name:
            case "list" if shape:
                return ListViewModel(self.records, shape, self.is_deleted, self._now)
            case "record" if shape:
                return RecordViewModel(self.records, self.drafts, shape, place.record_id, self._now)
            case "new" | "edit" if shape:
                return FormViewModel(self.records, self.drafts, shape, place.record_id, dict(place.given), self._saved)
            case "search":
                return SearchViewModel(self.records)
            case "profile":
                return ProfileViewModel(self.records)
            case "access":
                return AccessViewModel(self._access)
            case "sign-in":
                return SignInViewModel(self.session, self._sign_in, self._finish)
            case "home":
                return HomeViewModel(self.records, self.drafts, self._now)
            case _:
                return State()

    def _objects_changed(self) -> None:
        """A place that waited for the objects is made; one whose object the user may not see stays empty."""
        if self.screen is None and self.session.user is not None and self.shape(self.place.sobject) is not None:
            self._spawn(self.show(self.session.route))
        self.changed()

    # Signing in and out

    def _put_off(self) -> None:
        self.put_off = True
        self.changed()

    async def _finish(self, url: str) -> None:
        self.finishing, self.put_off = True, False
        self.changed()
        try:
            route = await self._sign_in.finish(url)
        except CallError as failed:
            self.session.failed, route = failed, SIGN_IN.path
        else:
            await self._take_over()
        self.finishing = False
        await self.show(route)

    async def add_user(self) -> None:
        """Another user signs in on this device; whoever uses the app stays signed in."""
        self.adding = True
        await self.go(SIGN_IN)

    async def switch(self, uid: str) -> None:
        """Another user who is signed in on this device takes over."""
        await self.finish_deletions()
        await self.session.switch(uid)
        await self._take_over()
        await self.go(HOME)

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """Ends the session; what was shown goes, what was typed and not saved stays for this user. Raises CallErrors."""
        await self.finish_deletions()
        user = self.session.user
        await self._access.sign_out(everywhere=everywhere)
        await self._left(user.uid if user else None)

    async def erase(self) -> None:
        """Ends the session, and nothing of the user is left, here or in the backend. Raises CallErrors."""
        await self.finish_deletions()
        user = self.session.user
        await self._access.erase()
        await self.drafts.clear()
        await self._left(user.uid if user else None)

    async def _left(self, uid: str | None) -> None:
        if uid is not None:
            await self._shelf.clear(uid)
            self._device.forget_picture()
        await self._take_over()
        await self.go(SIGN_IN)

    def _ended(self, uid: str) -> None:
        """The session ended by itself, in the middle of whatever it was."""
        self._spawn(self._left(uid))

    def _followed(self, is_new: bool) -> None:
        """Another window has signed somebody in or out."""
        if is_new:
            self._spawn(self._arrive())
        self.changed()

    async def _arrive(self) -> None:
        await self._take_over()
        await self.show(self.session.route)

    # Settings

    async def choose(self, *, theme: Theme | None = None, language: str | None = None, lock: bool | None = None) -> None:
        """Keeps what the person chose, and does it."""
        chosen: dict[str, Any] = {"theme": theme, "language": language, "lock": lock}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        self.settings = replace(self.settings, **chosen)
        use_language([self.settings.language] if self.settings.language else self._languages)
        self._models.clear()
        self.on_settings()
        self.changed()
        try:
            kept = await self._kept_settings()  # another window may have changed something else
        except StorageRefused:
            kept = self.settings
        try:
            await self._device.write(_SETTINGS, to_text(replace(kept, **chosen)))
        except StorageRefused:
            return

    async def _kept_settings(self) -> Settings:
        """Raises StorageRefused."""
        return from_text(Settings, await self._device.look(_SETTINGS)) or Settings()

    async def _read_settings(self) -> bool:
        """Whether they are those that the person chose: the device did say what it keeps."""
        known = True
        try:
            self.settings = await self._kept_settings()
        except StorageRefused:
            self.settings, known = Settings(), False
        use_language([self.settings.language] if self.settings.language else self._languages)
        self.on_settings()
        return known

    async def unlock(self) -> None:
        """Opens the app again, when the person is who they were."""
        if await self._device.unlock(_("Unlock Salesforce Sample")):
            self.locked = False
            self.changed()

    async def can_lock(self) -> bool:
        """Whether this device can ask for a face or a finger."""
        return await self._device.can_lock()

    # Beyond the app

    async def open_link(self, url: str) -> None:
        """Opens a web page, a map, a phone or mail program."""
        await self._device.open_link(url)

    async def copy(self, text: str) -> None:
        """Puts a text on the clipboard."""
        await self._device.copy(text)
        self.say(Notice(_("Copied.")))

    # Deleting, with a way back

    def is_deleted(self, record_id: str) -> bool:
        """Whether the record is about to go."""
        return record_id in self._deleting

    async def delete(self, sobject: str, record_id: str, title: str) -> None:
        """Deletes a record in UNDO_SECONDS; until then it is only hidden, and comes back when the person wants it."""

        async def delete() -> None:
            await asyncio.wait([pause])
            self._end(notice)
            try:
                await self.records.delete(sobject, record_id)
                self.drafts.drop(sobject, record_id)
            except CallError as failed:
                self.say(Notice(_("{title} was not deleted: {why}", title=title, why=_(failed.message))))
            except AnotherUser:
                return
            finally:
                self._deleting.pop(record_id, None)
                self._list_changed(sobject)
                self.changed()

        async def undo() -> None:
            if pause.done():
                return  # too late: it is being deleted
            del self._deleting[record_id]
            work.cancel()
            pause.cancel()
            self._end(notice)
            self._list_changed(sobject)
            await self.go(Place("record", sobject, record_id))

        if record_id in self._deleting:
            return
        notice = Notice(_("{title} is deleted.", title=title), _("Undo"), undo)
        pause, work = asyncio.create_task(self._sleep(UNDO_SECONDS)), asyncio.create_task(delete())
        self._deleting[record_id] = _Deletion(pause, work)
        self._show(notice)
        self._list_changed(sobject)
        await self.go(Place("list", sobject))

    async def finish_deletions(self) -> None:
        """Deletes at once what waits: nobody will be there to undo it."""
        for deletion in list(self._deleting.values()):
            deletion.pause.cancel()
            await deletion.work

    # Lists follow what is saved and deleted

    def _record_saved(self, sobject: str, record_id: str, record: Record | None) -> None:
        listed = self._models.get(Place("list", sobject).path)
        if isinstance(listed, ListViewModel):
            listed.note_saved(record_id, record)

    def _record_deleted(self, sobject: str, record_id: str) -> None:
        listed = self._models.get(Place("list", sobject).path)
        if isinstance(listed, ListViewModel):
            listed.note_deleted(record_id)

    def _list_changed(self, sobject: str) -> None:
        """What the list of an object hides has changed; when it is the place that is shown, it is loaded if it is stale."""
        listed = self._models.get(Place("list", sobject).path)
        if isinstance(listed, ListViewModel):
            listed.changed()
            if listed.stale and listed is self.screen:
                self._spawn(listed.load())

    # Notices

    @property
    def notice(self) -> Notice | None:
        """The newest."""
        return self.notices[-1] if self.notices else None

    def say(self, notice: Notice) -> None:
        """Shows a message for a while, in place of the one before it; a way back that is still open stays."""
        self._show(notice)
        ending = asyncio.create_task(self._end_later(notice))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _end_later(self, notice: Notice) -> None:
        await self._sleep(NOTICE_SECONDS)
        self._end(notice)

    def _show(self, notice: Notice) -> None:
        self.notices = (*(n for n in self.notices if n.run is not None), notice)
        self.changed()

    def _end(self, notice: Notice) -> None:
        if any(n is notice for n in self.notices):
            self.notices = tuple(n for n in self.notices if n is not notice)
            self.changed()

    def failed(self, error: BaseException) -> None:
        """Says that something went wrong which nobody has caught; the app lives on."""
        if isinstance(error, AnotherUser):
            return
        if not isinstance(error, CallError):
            report(error)
        text = _(error.message) if isinstance(error, CallError) else _("Something went wrong. Please try again.")
        if self.notice is None or self.notice.text != text:  # said once, even when saying it is what goes wrong
            self.say(Notice(text))

    async def _saved(self, sobject: str, record_id: str, said: str) -> None:
        """A form was saved."""
        self.say(Notice(said))
        for path in [p for p in self._models if p.startswith((f"/records/{sobject}/{record_id}", f"/records/{sobject}/new"))]:
            del self._models[path]
        await self.go(Place("record", sobject, record_id))

    # Parts

    async def settle(self) -> None:
        """Waits until nothing is done behind any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self.failed(error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
