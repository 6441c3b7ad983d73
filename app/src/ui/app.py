"""The app as a whole, without a screen: where it is, and who uses it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, cast

from contract.calls import Record, SobjectShape
from contract.errors import CallError
from data.repositories.wiring import Repositories
from data.services.device import Device
from ui.home.view_model import HomeViewModel
from ui.places import HOME, SIGN_IN, Place
from ui.records.deletions import Deletions
from ui.records.list_view_model import ListViewModel
from ui.settings.view_model import SettingsViewModel
from ui.shared.catalogue import Catalogue
from ui.shared.notices import Notice, Notices
from ui.shared.state import Screen, State
from ui.shared.words import _

MAX_PLACES = 40  # places that are kept as they were left


class AppDevice(Device, Protocol):
    """A device with a screen."""

    async def open_link(self, url: str) -> None: ...

    async def copy(self, text: str) -> None: ...

    def keep_picture(self, uid: str) -> None: ...

    def forget_picture(self) -> None: ...

    async def can_lock(self) -> bool: ...

    async def unlock(self, why: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """From what the state of a place is made. `finish_sign_in` takes the way back from Salesforce; `saved` follows a
    form that was saved, with the object, the record's id, and what is to be said."""

    data: Repositories
    catalogue: Catalogue
    deletions: Deletions
    settings: SettingsViewModel
    now: Callable[[], float]
    finish_sign_in: Callable[[str], Awaitable[None]]
    saved: Callable[[str, str, str], Awaitable[None]]


class Places(Protocol):
    """All places there are."""

    def place(self, route: str) -> Place:
        """The place of an address; an unknown one is home."""
        ...

    def address(self, place: Place) -> str: ...

    def make(self, rooms: Rooms, place: Place) -> State | None:
        """The state of a place; None while the object that it shows is not known."""
        ...


class App(State):
    """One for each window. `route` is the address of what is shown, which the window takes over once it is painted."""

    def __init__(
        self,
        data: Repositories,
        places: Places,
        device: AppDevice,
        languages: list[str],
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._data = data
        self._places = places
        self._device = device
        self.session, self.records, self.drafts, self.network = data.session, data.records, data.drafts, data.network
        self.catalogue = Catalogue(data.records, now)
        self.settings = SettingsViewModel(data.settings, device, languages)
        self.notices = Notices(sleep)
        self.deletions = Deletions(data.records, data.drafts, self.notices, sleep)
        self._rooms = Rooms(data, self.catalogue, self.deletions, self.settings, now, self._finish, self._saved)
        self.route = self._asked = ""
        self._begun = False
        self.place = SIGN_IN
        self.screen: State | None = None
        self.finishing = False
        self.put_off = False
        self.adding = False
        self.on_settings: Callable[[], None] = lambda: None
        self._first_sight = asyncio.Event()
        self._models: dict[Place, State] = {}
        self._shapes: dict[str, SobjectShape] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.catalogue.listen(self._catalogue_changed)
        self.settings.listen(self.changed)
        self.settings.chosen = self._chosen
        self.notices.listen(self.changed)
        self.deletions.changed = self._list_changed
        data.network.changed = self.changed
        data.records.saved, data.records.deleted = self._record_saved, self._record_deleted
        data.drafts.changed = self.changed
        data.session.ended_by_itself = self._ended
        data.session.followed = self._followed
        data.sign_in.put_off = self._put_off

    # Beginning

    async def start(self, route: str) -> None:
        """Takes up where the last visit ended, and shows what the address names."""
        self._asked = route
        known = await self.settings.read()
        await self.session.restore()
        await self._take_over()
        if self.session.user is not None or self.session.others:
            await self.settings.lock(known=known)
        self._begun = True
        await self.show(self._asked)

    async def _take_over(self) -> None:
        """Everything is another user's from now on."""
        self.deletions.drop()
        user = self.session.user
        uid = None if user is None else user.uid
        await self._data.shelf.open(uid)
        await self.drafts.open(uid)
        if self.session.user != user:  # yet another one, meanwhile
            await self._take_over()
            return
        self._models.clear()
        self.catalogue.begin()
        if uid is not None:
            self._spawn(self.catalogue.load())

    # Places

    async def go(self, place: Place) -> None:
        """Moves to another place; the way back leads here again."""
        await self._show(self._places.address(place), place)

    async def show(self, route: str) -> None:
        """Shows what an address names, as it was left, and loads behind."""
        await self._show(route, self._places.place(route))

    async def _show(self, route: str, place: Place) -> None:
        if not self._begun:  # whether the app is locked is not decided yet
            self._asked = route
            return
        self.route = route
        if place.name == "callback":
            if self.session.user is None or await self._data.sign_in.is_pending(route):
                await self._finish(route)
                return
            place = HOME  # the back button: that sign-in is over, and its address holds a code
            self.route = route = self._places.address(HOME)
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
        shown, user = self.screen, self.session.user
        if (
            isinstance(shown, HomeViewModel)
            and user is not None
            and shown.dashboard.value is not None
            and shown.dashboard.problem is None
        ):
            self._device.keep_picture(user.uid)

    def changed(self) -> None:
        super().changed()
        self._look()

    def _look(self) -> None:
        """Whether the place shows more than a skeleton."""
        if (
            self.screen is not None
            and not self.finishing
            and (not isinstance(self.screen, Screen) or self.screen.has_content)
        ):
            self._first_sight.set()

    async def first_sight(self, seconds: float) -> None:
        """Waits until there is something to see, but no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                await self._first_sight.wait()
        except TimeoutError:
            return

    async def again(self) -> None:
        """Loads the place that is shown once more."""
        self._spawn(self.catalogue.load())
        if isinstance(self.screen, Screen):
            await self.screen.load()

    def list_of(self, sobject: str) -> ListViewModel | None:
        """The list that stands beside a record; it is loaded when nobody has been there yet, or when it is stale."""
        beside = cast(ListViewModel | None, self._model(Place("list", sobject)))
        if (
            beside is not None
            and beside.stale
            and beside is not self.screen
            and not beside.loading
            and beside.problem is None
        ):
            self._spawn(beside.load())
        return beside

    def _model(self, place: Place) -> State | None:
        """The state of a place, as it was left; None while the object that it shows is not known."""
        model = self._models.pop(place, None)
        if model is None:
            model = self._places.make(self._rooms, place)
            if model is None:
                return None
            if model is not self.settings:  # which is one for the whole app, and heard already
                model.listen(self._look)
        self._models[place] = model
        while len(self._models) > MAX_PLACES:
            del self._models[next(iter(self._models))]
        return model

    def _catalogue_changed(self) -> None:
        """A place that waited for the objects is made; one whose object the user may not see stays empty. Where an
        object has another shape than before, its places are made anew, but for a form that is shown."""
        before, self._shapes = self._shapes, {shape.sobject: shape for shape in self.catalogue.shapes}
        other = {name for name, shape in before.items() if self._shapes and self._shapes.get(name) != shape}
        shown = self.place if self.place.name in ("new", "edit") else None
        for place in [p for p in self._models if p.sobject in other and p != shown]:
            del self._models[place]
        is_awaited = self.screen is None and self.catalogue.shape(self.place.sobject) is not None
        if self.session.user is not None and (is_awaited or (self.place.sobject in other and shown is None)):
            self._spawn(self._show(self.route, self.place))
        self.changed()

    def _chosen(self) -> None:
        """Every place is made anew, in the language that the person chose."""
        self._models.clear()
        self.on_settings()

    # Signing in and out

    def _put_off(self) -> None:
        self.put_off = True
        self.changed()

    async def _finish(self, url: str) -> None:
        self.finishing, self.put_off = True, False
        self.changed()
        try:
            route = await self._data.sign_in.finish(url)
        except CallError as failed:
            self.session.failed, route = failed, self._places.address(SIGN_IN)
        else:
            await self._take_over()
        finally:
            self.finishing = False
        await self.show(route)

    async def add_user(self) -> None:
        """Another user signs in on this device; whoever uses the app stays signed in."""
        await self.deletions.finish()
        self.adding = True
        await self.go(SIGN_IN)

    async def switch(self, uid: str) -> None:
        """Another user who is signed in on this device takes over."""
        await self.deletions.finish()
        await self.session.switch(uid)
        await self._take_over()
        await self.go(HOME)

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """Ends the session; what was shown goes, what was typed and not saved stays for this user.

        Raises CallErrors.
        """
        await self.deletions.finish()
        user = self.session.user
        await self._data.access.sign_out(everywhere=everywhere)
        await self._left(user.uid if user else None)

    async def erase(self) -> None:
        """Ends the session, and nothing of the user is left, here or in the backend. Raises CallErrors."""
        await self.deletions.finish()
        user = self.session.user
        await self._data.access.erase()
        await self.drafts.clear()
        await self._left(user.uid if user else None)

    async def _left(self, uid: str | None) -> None:
        if uid is not None:
            await self._data.shelf.clear(uid)
            self._device.forget_picture()
        if self.session.ended is None:
            self.session.route = self._places.address(HOME)  # where one was is nobody else's affair
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

    # Beyond the app

    async def open_link(self, url: str) -> None:
        """Opens a web page, a map, a phone or mail program."""
        await self._device.open_link(url)

    async def copy(self, text: str) -> None:
        """Puts a text on the clipboard."""
        await self._device.copy(text)
        self.notices.say(Notice(_("Copied.")))

    # Records that are saved and deleted

    def is_deleted(self, record_id: str) -> bool:
        """Whether the record is about to go."""
        return self.deletions.is_deleted(record_id)

    async def delete(self, sobject: str, record_id: str, title: str) -> None:
        """Deletes a record after a while in which it can be taken back, and goes to its list."""
        if not self.deletions.is_deleted(record_id):
            self.deletions.delete(sobject, record_id, title, lambda: self.go(Place("record", sobject, record_id)))
            await self.go(Place("list", sobject))

    async def _saved(self, sobject: str, record_id: str, said: str) -> None:
        """A form was saved: where it is still shown, its record follows it."""
        self.notices.say(Notice(said))
        shows_it = self.place.sobject == sobject and (
            self.place.name == "new" or self.place == Place("edit", sobject, record_id)
        )
        for place in [
            p for p in self._models if p.sobject == sobject and (p.name == "new" or p.record_id == record_id)
        ]:
            del self._models[place]
        if shows_it:
            await self.go(Place("record", sobject, record_id))

    def _record_saved(self, sobject: str, record_id: str, record: Record | None) -> None:
        listed = self._listed(sobject)
        if listed is not None:
            listed.note_saved(record_id, record)

    def _record_deleted(self, sobject: str, record_id: str) -> None:
        listed = self._listed(sobject)
        if listed is not None:
            listed.note_deleted(record_id)

    def _list_changed(self, sobject: str) -> None:
        """What the list of an object hides has changed; when it is the place that is shown, it is loaded if it is
        stale.
        """
        listed = self._listed(sobject)
        if listed is not None:
            listed.changed()
            if listed.stale and listed is self.screen:
                self._spawn(listed.load())
        self.changed()

    def _listed(self, sobject: str) -> ListViewModel | None:
        """The list of an object, where somebody has been there."""
        return cast(ListViewModel | None, self._models.get(Place("list", sobject)))

    # Work behind

    async def settle(self) -> None:
        """Waits until nothing is done behind any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self.notices.failed(error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
