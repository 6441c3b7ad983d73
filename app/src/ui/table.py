"""The one table of places. A new place is an entry in it, and a folder with its view and its state."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from contract.calls import SobjectShape
from ui.access.view import AccessPage
from ui.access.view_model import AccessViewModel
from ui.home.view import Home
from ui.home.view_model import HomeViewModel
from ui.more.view import More
from ui.more.view_model import Link, MoreViewModel
from ui.places import HOME, Addresses, Place
from ui.profile.view import Profile
from ui.profile.view_model import ProfileViewModel
from ui.records.board_view import BoardPage
from ui.records.board_view_model import BoardViewModel
from ui.records.conversion_view import ConversionPage
from ui.records.conversion_view_model import ConversionViewModel
from ui.records.form_view import RecordForm
from ui.records.form_view_model import FormViewModel
from ui.records.list_view import RecordList
from ui.records.list_view_model import ListViewModel
from ui.records.org_views_view_model import OrgViews
from ui.records.record_view import RecordPage
from ui.records.record_view_model import RecordViewModel
from ui.rooms import Rooms
from ui.search.view import Search
from ui.search.view_model import SearchViewModel
from ui.settings.view import SettingsPage
from ui.shared.state import State
from ui.shared.words import _
from ui.sign_in.view import SignIn
from ui.sign_in.view_model import SignInViewModel
from ui.waiting.view import WaitingPage
from ui.waiting.view_model import WaitingViewModel


def _plain(_rooms: Rooms, _place: Place) -> State:
    """The state of a place that has none of its own."""
    return State()


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of place.

    `address` is its path, with {sobject} and {record_id} in it. `make` makes its state, None while its object is not in
    the catalogue. `view` is the component that paints it, from shell and state; where `columns` is set also from
    whether there is room for two columns. `title` and `icon` are those of the navigation; a place of an object is
    titled by the object. `parent` is where the arrow leads; without one there is no arrow. `refreshes` and `searches`
    are whether the bar above has these buttons, `in_more` whether a phone's page of more leads there."""

    name: str
    address: str
    view: Callable[..., ft.Control]
    make: Callable[[Rooms, Place], State | None] = _plain
    title: Callable[[], str] = lambda: ""
    icon: ft.IconData = ft.Icons.HOME_OUTLINED
    parent: Callable[[Place], Place] | None = None
    columns: bool = False
    refreshes: bool = True
    searches: bool = True
    in_more: bool = False


def _of_object(make: Callable[[Rooms, Place, SobjectShape], State | None]) -> Callable[[Rooms, Place], State | None]:
    """The state of a place that shows an object or a record of it."""

    def made(rooms: Rooms, place: Place) -> State | None:
        shape = rooms.catalogue.shape(place.sobject)
        return None if shape is None else make(rooms, place, shape)

    return made


def _list(rooms: Rooms, _place: Place, shape: SobjectShape) -> State:
    views = OrgViews(rooms.data.records, shape, rooms.notices, rooms.now)
    return ListViewModel(
        rooms.data.records, shape, rooms.deletions.is_deleted, rooms.now, queue=rooms.data.queue, views=views
    )


def _board(rooms: Rooms, _place: Place, shape: SobjectShape) -> State | None:
    if shape.board is None:
        return None
    records, is_deleted = rooms.data.records, rooms.deletions.is_deleted
    return BoardViewModel(
        records, shape, is_deleted, rooms.notices, rooms.refusals, rooms.now, rooms.data.queue, rooms.data.sending
    )


def _me(rooms: Rooms) -> Callable[[], str]:
    """Gives the Salesforce user id of whoever uses the app."""
    session = rooms.data.session
    return lambda: "" if session.user is None else session.user.user_id


def _record(rooms: Rooms, place: Place, shape: SobjectShape) -> State:
    data = rooms.data
    return RecordViewModel(
        data.records, data.drafts, shape, place.record_id, rooms.notices, _me(rooms), rooms.now, data.queue,
        data.sending, rooms.refusals,
    )  # fmt: skip


def _conversion(rooms: Rooms, place: Place) -> State | None:
    shape, data = rooms.catalogue.shape(place.sobject), rooms.data
    if shape is None or shape.conversion is None:
        return None
    return ConversionViewModel(
        data.records,
        data.drafts,
        shape,
        shape.conversion,
        place.record_id,
        rooms.notices,
        _me(rooms),
        rooms.catalogue.shape,
    )


def _form(rooms: Rooms, place: Place, shape: SobjectShape) -> State:
    return FormViewModel(
        rooms.data.records,
        rooms.data.drafts,
        shape,
        place.record_id,
        place.given,
        rooms.saved,
        rooms.catalogue.shape_of_id,
        rooms.data.queue,
        lambda: rooms.data.network.offline,
        rooms.refusals,
    )


def _profile(_place: Place) -> Place:
    return Place("profile")


def _list_of(place: Place) -> Place:
    return Place("list", place.sobject)


def _record_of(place: Place) -> Place:
    return Place("record", place.sobject, place.record_id)


def _links() -> list[Link]:
    """What a phone's page of more leads to, beside the objects."""
    return [Link(entry.title(), entry.icon, Place(entry.name)) for entry in ENTRIES if entry.in_more]


ENTRIES = (
    Entry("home", "/", Home, lambda rooms, _place: HomeViewModel(rooms.data.records, rooms.data.drafts, rooms.now),
          lambda: _("Home")),
    Entry("more", "/more", More, lambda _rooms, _place: MoreViewModel(_links), lambda: _("More"), ft.Icons.MENU),
    Entry(
        "search", "/search", Search, lambda rooms, _place: SearchViewModel(rooms.data.records), lambda: _("Search"),
        ft.Icons.SEARCH,
        refreshes=False, searches=False, in_more=True,
    ),
    Entry(
        "profile", "/profile", Profile, lambda rooms, _place: ProfileViewModel(rooms.data.records),
        lambda: _("Profile"), ft.Icons.PERSON_OUTLINE,
        in_more=True,
    ),
    Entry(
        "access", "/access", AccessPage, lambda rooms, _place: AccessViewModel(rooms.data.access, rooms.data.queue,
            rooms.data.sending),
        lambda: _("Where am I signed in?"),
        ft.Icons.DEVICES, _profile, in_more=True,
    ),
    Entry(
        "settings", "/settings", SettingsPage, lambda rooms, _place: rooms.settings, lambda: _("Settings"),
        ft.Icons.TUNE, _profile,
        refreshes=False, in_more=True,
    ),
    Entry(
        "waiting", "/waiting", WaitingPage, lambda rooms, _place: WaitingViewModel(rooms.data, rooms.catalogue),
        lambda: _("Waiting to be sent"), ft.Icons.CLOUD_UPLOAD_OUTLINED, lambda _place: HOME,
        refreshes=False, in_more=True,
    ),
    Entry(
        "sign-in", "/sign-in", SignIn, lambda rooms, _place: SignInViewModel(rooms.data.session, rooms.data.sign_in,
            rooms.data.sign_outs, rooms.finish_sign_in),
    ),
    Entry("list", "/records/{sobject}", RecordList, _of_object(_list)),
    Entry("board", "/records/{sobject}/board", BoardPage, _of_object(_board), columns=True),
    Entry("new", "/records/{sobject}/new", RecordForm, _of_object(_form), parent=_list_of, columns=True,
          refreshes=False),
    Entry("record", "/records/{sobject}/{record_id}", RecordPage, _of_object(_record), parent=_list_of, columns=True),
    Entry("edit", "/records/{sobject}/{record_id}/edit", RecordForm, _of_object(_form), parent=_record_of, columns=True,
          refreshes=False),
    Entry("convert", "/records/{sobject}/{record_id}/convert", ConversionPage, _conversion, parent=_record_of,
          refreshes=False),
)  # fmt: skip
# Salesforce's way back is no place of its own; the second address is what Flet leaves of a custom scheme's.
_CALLBACKS = (("callback", "/oauth/callback"), ("callback", "/callback"))


class Table:
    """Finds the entry of a place."""

    def __init__(self, entries: tuple[Entry, ...] = ENTRIES) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._addresses = Addresses([*((entry.name, entry.address) for entry in entries), *_CALLBACKS])

    def entry(self, place: Place) -> Entry:
        """The entry of a place."""
        return self._entries[place.name]

    def place(self, route: str) -> Place:
        """The place of an address; home for an address of none."""
        return self._addresses.place(route)

    def address(self, place: Place) -> str:
        """The address of a place, which begins with a slash."""
        return self._addresses.of(place)

    def make(self, rooms: Rooms, place: Place) -> State | None:
        """The state of a place; None for a place of an object that is not in the catalogue."""
        return self.entry(place).make(rooms, place)
