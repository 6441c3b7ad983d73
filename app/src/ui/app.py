"""The app as a whole, without a screen: where one is in it, and its rooms."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from data.repositories.sending import Saved
from data.repositories.wiring import Repositories
from data.services.device import Device
from ui.handover import Handover
from ui.home.view_model import HomeViewModel
from ui.opened import Opened
from ui.places import HOME, SIGN_IN, Place
from ui.records.board_view_model import BoardViewModel
from ui.records.list_view_model import ListViewModel
from ui.rooms import Places, Rooms
from ui.settings.view_model import SettingsViewModel
from ui.shared.background import Background
from ui.shared.calling import AlsoAbout, Calling
from ui.shared.catalogue import Catalogue
from ui.shared.completions import Completions
from ui.shared.deletions import Deletions
from ui.shared.notices import Notice, Notices
from ui.shared.stars import Stars
from ui.shared.state import Screen, State
from ui.shared.words import _, n_

_STARRED = ("home", "record")  # places that show stars


class AppDevice(Device, Protocol):
    """A device with a screen."""

    async def open_link(self, url: str) -> None:
        """Opens a web page, a map, a phone or mail program."""
        ...

    async def copy(self, text: str) -> None:
        """Puts a text on the clipboard."""
        ...

    def keep_picture(self, uid: str) -> None:
        """Keeps a picture of this user's home page, for their next start of the app."""
        ...

    def forget_picture(self) -> None:
        """Removes the picture."""
        ...

    async def can_lock(self) -> bool:
        """Whether the device can ask for a face, a finger or a code."""
        ...

    async def unlock(self, why: str) -> bool:
        """Asks for a face, a finger or a code and shows `why`. Returns whether the person was recognised."""
        ...


class App(State):
    """One for each window: `place` is where one is, `screen` its state, `route` its address.

    The window takes the address over once the place is painted. `on_settings` is called after each choice in the
    settings. `languages` are BCP 47 tags, `now` gives seconds since the epoch.
    """

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
        self._places = places
        self._device = device
        self.session, self.records, self.drafts, self.network = data.session, data.records, data.drafts, data.network
        self.queue, self._sending = data.queue, data.sending
        self._sign_outs = data.sign_outs
        self.catalogue = Catalogue(data.records, now)
        self.settings = SettingsViewModel(data.settings, device, languages)
        self.notices = Notices(sleep)
        self.stars = Stars(data.records, self.notices, now)
        self.deletions = Deletions(
            data.records, data.drafts, data.queue, lambda: data.network.offline, self.notices, sleep
        )
        self._background = Background(self.notices.failed)
        self.completions = Completions(data.records, data.queue, data.sending, self.notices, sleep)
        self.calling = Calling(data.records, self.notices, now, sleep)
        sign_in_address = places.address(SIGN_IN)
        self.handover = Handover(
            data, sign_in_address, self, self.deletions, device, self._background, begin_anew=self._begin_anew
        )
        rooms = Rooms(
            data, self.catalogue, self.deletions, self.settings, now, self._finish_sign_in, self._saved, self.notices
        )
        self._opened = Opened(lambda place: places.make(rooms, place), data.records, self._background)
        self.route = self._asked = ""
        self._begun = False
        self.place = SIGN_IN
        self.screen: State | None = None
        self.on_settings: Callable[[], None] = lambda: None
        self._first_sight = asyncio.Event()
        self._skeleton_will_do = False
        for room in (self.settings, self.notices, self.handover, self.calling):
            room.listen(self.changed)
        self._opened.listen(self._look)
        self.catalogue.listen(self._catalogue_changed)
        self.settings.chosen = self._chosen
        self.deletions.changed = self._list_changed
        self.completions.changed = self._completions_changed
        self.calling.logged = lambda: self._background.begin(self._load_screen())
        data.network.changed = data.drafts.changed = self.changed
        data.queue.changed, data.sending.changed, data.sending.sent = (
            self._queue_changed,
            self._sending_changed,
            self._sent,
        )
        self._came = 0  # edits that came to Salesforce since sending began

    # Beginning

    async def start(self, route: str) -> None:
        """Takes up where the last visit ended, and shows what the address names."""
        self._asked = route
        certain, _restored = await asyncio.gather(self.settings.read(), self.handover.restore())
        self._sign_outs.begin()
        if self.session.user is not None or self.session.others:
            await self.settings.lock(certain=certain)
        self._begun = True
        await self.show(self._asked)

    async def first_sight(self, seconds: float, *, has_start_page: bool = False) -> None:
        """Waits until the place shows more than a skeleton, but no longer than that. Where one can sign in on a page
        before the app, the app's own sign-in page is waited for however long it takes: a tap would meet neither."""
        try:
            async with asyncio.timeout(seconds):
                await self._first_sight.wait()
        except TimeoutError:
            if has_start_page:
                self._skeleton_will_do = True
                self._look()
                await self._first_sight.wait()

    def started(self, starting: asyncio.Task[None]) -> None:
        """To be called when `start` has ended: after a failure there is nothing more to wait for."""
        if starting.cancelled() or starting.exception() is not None:
            self._first_sight.set()

    def changed(self) -> None:
        super().changed()
        self._look()

    def _look(self) -> None:
        finishing = self.handover.finishing
        if finishing or self.screen is None:  # no place yet
            has_content = False
        else:
            has_content = not isinstance(self.screen, Screen) or self.screen.has_content
        signs_in = self.place == SIGN_IN and self.session.ended is None and not finishing
        if has_content or (self._skeleton_will_do and self._begun and not signs_in):
            self._first_sight.set()

    # Places

    async def go(self, place: Place) -> None:
        """Moves to another place; the way back leads here again. Where the person prefers an object's board, that comes
        instead of its list."""
        if place.name == "list" and place.sobject in self.settings.value.boards and self._has_board(place.sobject):
            place = Place("board", place.sobject)
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
            await self._finish_sign_in(route)
            return
        place = self._admitted(place, route)
        self.place, self.screen = place, self._opened.open(place)
        self.changed()
        if isinstance(self.screen, Screen):
            await self.screen.load()
        if self.session.user is not None and place.name in _STARRED:
            self._background.begin(self.stars.load())
        self._keep_picture()

    def _admitted(self, place: Place, route: str) -> Place:
        """The place to show instead of one that was asked for: the sign-in page while nobody is signed in, home instead
        of a sign-in page that nobody needs, else the place itself."""
        user, handover = self.session.user, self.handover
        handover.adding = handover.adding and place == SIGN_IN and user is not None
        if place.name != "sign-in":
            self.session.route = route
        elif user is not None and not handover.adding:
            return HOME
        if place.name == "board" and self.catalogue.shape(place.sobject) and not self._has_board(place.sobject):
            place = Place("list", place.sobject)
        return place if user is not None else SIGN_IN

    def _keep_picture(self) -> None:
        """Lets the device keep a picture of home as it is now, for the next start."""
        home, user = self.screen, self.session.user
        if user is not None and isinstance(home, HomeViewModel) and home.is_complete:
            self._device.keep_picture(user.uid)

    def _has_board(self, sobject: str) -> bool:
        shape = self.catalogue.shape(sobject)
        return shape is not None and shape.board is not None

    async def again(self) -> None:
        """Loads the place once more."""
        self._background.begin(self.catalogue.load())
        if isinstance(self.screen, Screen):
            await self.screen.load()

    def list_of(self, sobject: str) -> ListViewModel | None:
        """The list beside a record; None for an object that is not in the catalogue."""
        return self._opened.open_list(sobject, self.screen)

    async def settle(self) -> None:
        """Waits until nothing is done behind any more."""
        await self._background.settle()

    async def _finish_sign_in(self, url: str) -> None:
        await self.show(await self.handover.finish(url))

    # What views ask for

    async def open_link(self, url: str) -> None:
        """Opens a web page, a map, a phone or mail program."""
        await self._device.open_link(url)

    async def call(self, link: str, records: tuple[str, ...], name: str, also: AlsoAbout | None = None) -> None:
        """Opens the phone program, and asks afterwards how the call went, where it can be kept."""
        shapes = [self.catalogue.shape_of_id(record_id) for record_id in records]
        if any(shape is not None and shape.calls for shape in shapes):
            await self.calling.begin(records, name, also)
        await self._device.open_link(link)

    def out_of_sight(self, *, hidden: bool) -> None:
        """To be called when the app goes out of sight, and when it is back."""
        if hidden:
            self.calling.left()
        else:
            self.calling.back()

    async def copy(self, text: str) -> None:
        """Puts a text on the clipboard."""
        await self._device.copy(text)
        self.notices.say(Notice(_("Copied.")))

    async def show_as_board(self, sobject: str, *, wanted: bool) -> None:
        """Shows an object's records on a board, or in a list, and keeps that for the next time."""
        await self.settings.show_as_board(sobject, wanted=wanted)
        await self.go(Place("list", sobject))

    async def show_stage(self, sobject: str, stage: str) -> None:
        """Shows a stage of everybody's open records."""
        board = self._opened.open(Place("board", sobject)) if self._has_board(sobject) else None
        if isinstance(board, BoardViewModel):
            board.begin_at(stage)
            await self.go(Place("board", sobject))

    def is_deleted(self, record_id: str) -> bool:
        """Whether the record is about to go."""
        return self.deletions.is_deleted(record_id)

    async def delete(self, sobject: str, record_id: str, title: str) -> None:
        """Deletes a record after a while in which it can be taken back, and goes to its list."""
        if not self.deletions.is_deleted(record_id):
            self.deletions.delete(sobject, record_id, title, lambda: self.go(Place("record", sobject, record_id)))
            await self.go(Place("list", sobject))

    # What the rooms report

    def _begin_anew(self) -> None:
        """Forgets everything of the user before."""
        self._opened.clear()
        self.completions.drop()
        self.calling.drop()
        self.catalogue.begin()
        self.stars.begin()
        if self.session.user is not None:
            self._background.begin(self.catalogue.load())
            self._background.begin(self.calling.take_up())

    def _completions_changed(self) -> None:
        """Every page that shows the task shows what was made of it."""
        if self.screen is not None:
            self.screen.changed()
        self.changed()

    async def _load_screen(self) -> None:
        if isinstance(self.screen, Screen):
            await self.screen.load()

    def _catalogue_changed(self) -> None:
        """A place that waited for its object is made, and one whose object has another shape is made anew; a form stays
        as it is, because something may be typed in it."""
        form = self.place if self.place.name in ("new", "edit") else None
        reshaped = self._opened.follow(self.catalogue.shapes, form)
        is_awaited = self.screen is None and self.catalogue.shape(self.place.sobject) is not None
        if self.session.user is not None and (is_awaited or (self.place.sobject in reshaped and form is None)):
            self._background.begin(self._show(self.route, self.place))
        self.changed()

    def _chosen(self) -> None:
        """Makes every place anew, in the language that the person chose."""
        self._opened.clear()
        self.on_settings()

    async def _saved(self, sobject: str, record_id: str, said: str) -> None:
        """Says what a form has saved, and shows the record if the person is still in the form."""
        self.notices.say(Notice(said))
        self._opened.forget_record(sobject, record_id)
        if self.place.sobject == sobject and (
            self.place.name == "new" or self.place == Place("edit", sobject, record_id)
        ):
            await self.go(Place("record", sobject, record_id))

    def _queue_changed(self) -> None:
        """What waits has changed: each place that shows it is painted anew, and the page of a record that was made
        meanwhile becomes that of the record."""
        real = self.queue.real(self.place.record_id)
        if self.place.name == "record" and real != self.place.record_id:
            self._background.begin(self.go(Place("record", self.place.sobject, real)))
        if self.screen is not None:
            self.screen.changed()
        beside = self._opened.peek(Place("list", self.place.sobject))
        if beside is not None and beside is not self.screen:
            beside.changed()
        self.changed()

    def _sent(self, _saved: Saved) -> None:
        self._came += 1

    def _sending_changed(self) -> None:
        if not self._sending.active and self._came:
            said = n_("{count} change was sent.", "{count} changes were sent.", self._came)
            self._came = 0
            self.notices.say(Notice(said))
        self.changed()

    def _list_changed(self, sobject: str) -> None:
        self._opened.list_changed(sobject, self.screen)
        self.changed()
