"""The frame around every place: bar at the foot of phones, rail beside tablets, list and record side by side on
desktops.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import flet as ft

from ui.app import App
from ui.places import HOME, Place
from ui.records.list_view import RecordList
from ui.shared import call_sheet, hands, parts, theme
from ui.shared.live import follow, keyed, use
from ui.shared.notices import Notice
from ui.shared.state import State
from ui.shared.words import _, n_
from ui.shell import Shell
from ui.table import Table
from ui.titles import window_title, words_of

_ARROW = 56  # pixels: Material's bar above is as high
_LONG = 17  # letters of a title that a phone's bar has no room for in Material's size
_LONG_TITLE, _NARROW_TITLE = 18, 12  # its size then, in two lines
_NOWHERE = -1  # the index of no destination
_IN_BAR = 3  # objects beside Home and More at the foot of a phone


class Window(State):
    """The browser's window: its width in logical pixels, its address and its title. `push` puts an address into the
    history, `entitle` changes the title."""

    def __init__(
        self,
        width: float,
        address: str,
        push: Callable[[str], Awaitable[None]],
        entitle: Callable[[str], None] = lambda _title: None,
    ) -> None:
        super().__init__()
        self.width = width
        self.title = ""
        self._address = address
        self._push = push
        self._entitle = entitle
        self._pushed: list[str] = []

    async def lead_to(self, address: str) -> None:
        """Changes the address of the window to that of the app."""
        if address != self._address:
            self._address = address
            self._pushed.append(address)
            await self._push(address)

    def leads_to(self, address: str) -> bool:
        """Whether this is the window's address by now."""
        return address == self._address

    def call(self, title: str) -> None:
        """Gives the window this title."""
        if title != self.title:
            self.title = title
            self._entitle(title)

    def is_news(self, address: str) -> bool:
        """Whether a changed address comes from the person (the back button, a link) and not from `lead_to`."""
        self._address = address
        if address not in self._pushed:
            return True
        del self._pushed[: self._pushed.index(address) + 1]
        return False

    def resize(self, width: float) -> None:
        """Takes over a new width in logical pixels; listeners hear of it when the layout changes."""
        before, self.width = self._layout, width
        if before != self._layout:
            self.changed()

    @property
    def _layout(self) -> tuple[bool, ...]:
        return self.is_narrow, self.has_rail, self.has_two_columns, self.has_two_panes

    @property
    def is_narrow(self) -> bool:
        """Whether it is narrower than any phone, as a browser's zoom of 200 % makes it."""
        return 0 < self.width < theme.NARROW

    @property
    def has_rail(self) -> bool:
        """Whether the navigation is a rail at the side; else it is a bar at the foot."""
        return self.width >= theme.RAIL

    @property
    def has_two_columns(self) -> bool:
        """Whether a place has room for two columns of fields."""
        return self.width >= theme.TWO_COLUMNS

    @property
    def has_two_panes(self) -> bool:
        """Whether a record has its list beside it."""
        return self.width >= theme.TWO_PANES


@dataclass(frozen=True, slots=True)
class Destination:
    """A place in the navigation."""

    words: str
    icon: ft.IconData
    place: Place


def destinations(app: App, table: Table, *, rail: bool) -> list[Destination]:
    """The places in the navigation: all objects on a rail, the first three in a phone's bar."""

    def to(place: Place) -> Destination:
        entry = table.entry(place)
        return Destination(entry.title(), entry.icon, place)

    shapes = app.catalogue.shapes if rail else app.catalogue.shapes[:_IN_BAR]
    lists = [Destination(s.label_plural, parts.icon_of(s.icon), Place("list", s.sobject)) for s in shapes]
    return [to(HOME), *lists, to(Place("profile" if rail else "more"))]


def chosen(places: list[Destination], place: Place) -> int | None:
    """Which of the destinations the person is at, as an index; None for the search, which belongs to none of them."""
    name = "list" if place.sobject else place.name
    at = next((i for i, d in enumerate(places) if (d.place.name, d.place.sobject) == (name, place.sobject)), None)
    return at if at is not None else None if name == "search" else len(places) - 1


def title_of(app: App, table: Table) -> str:
    """What the window is called where one is; nothing but the app's name while nobody may see a place."""
    hidden = app.session.user is None or app.settings.locked or app.handover.finishing or app.place.name == "sign-in"
    return window_title("" if hidden else _words(app, table))


def _words(app: App, table: Table) -> str:
    shape = app.catalogue.shape(app.place.sobject)
    return table.entry(app.place).title() if shape is None else words_of(app.place, app.screen, shape)


@ft.component
def Frame(app: App, table: Table, window: Window) -> list[ft.View]:
    """The whole screen: navigation, the place with its bar, messages; one view for all places."""
    use(app)
    use(window)
    place = app.place
    focus, _focus = ft.use_state(lambda: hands.Focus(lambda: _words(app, table)))
    ft.use_dialog(call_sheet.dialog(app.calling) if app.session.user is not None and not app.settings.locked else None)
    navigates = app.session.user is not None and place.name != "sign-in"

    def moved() -> None:
        if navigates:
            focus.place_changed(has_its_own=place.name == "search")
        else:
            focus.stay()

    ft.use_effect(moved, [table.address(place), navigates])

    async def lead() -> None:
        await window.lead_to(app.route)
        window.call(title_of(app, table))  # after the address: else the entry before it in the history gets the name

    # After what is shown was sent: a new address has Flutter build everything once more.
    ft.use_effect(lead, [app.route, title_of(app, table)])
    follow(app.screen, lambda: window.call(title_of(app, table)) if window.leads_to(app.route) else None)
    # One view for all places. For another route Flutter would take the bar away under a finger, and forget the tap that
    # is being made.
    view = ft.View(route="/", padding=0, spacing=0)
    if app.handover.finishing:
        words = (
            _("Many people are signing in. You are next in a moment …")
            if app.handover.put_off
            else _("Signing you in …")
        )
        view.controls = [_centre(_waiting(words))]
    elif app.settings.locked:
        unlock = ft.FilledButton(
            _("Unlock"), icon=ft.Icons.LOCK_OPEN, height=theme.TARGET, on_click=app.settings.unlock
        )
        view.controls = [_centre(unlock)]
    elif not navigates:
        view.controls = [ft.SafeArea(_place(app, table, window), expand=True), *_notices(app)]
    else:
        view.appbar = _app_bar(app, table, window, focus)
        body: list[ft.Control] = [_panes(app, table, window, focus), *_banner(app)]
        column = ft.Column(body, expand=True, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        above = app.notices.foot if place.name in ("new", "edit") and not window.is_narrow else 0
        stack = ft.Stack([column, *_notices(app, above=above)], expand=True, fit=ft.StackFit.EXPAND)
        places = destinations(app, table, rail=window.has_rail)
        if window.has_rail:
            view.controls = [
                ft.Row(
                    [hands.group(_rail(app, places, place, focus)), ft.VerticalDivider(width=1), stack],
                    expand=True,
                    spacing=0,
                )
            ]
        else:
            view.controls = [stack]
            view.navigation_bar = _bar(app, places, place, focus)
    return [view]


def _panes(app: App, table: Table, window: Window, focus: hands.Focus) -> ft.Control:
    """The place, with its list beside it where there is room. Each has a box with a key, so that the next place does
    not take over its focus and scroll position."""
    place = app.place
    is_list, is_board = place.name == "list", place.name == "board"

    def pane(content: ft.Control, *, begins: bool) -> ft.Control:
        start = [hands.ContentStart(focus)] if begins else []
        return hands.group(ft.Stack([content, *start], fit=ft.StackFit.EXPAND))

    listed = app.list_of(place.sobject) if window.has_two_panes and place.sobject and not is_board else None
    if listed is None or not is_list:
        one = ft.Container(pane(_place(app, table, window), begins=True), expand=True, key=table.address(place))
    else:
        one = _centre(parts.faint(_("Choose one on the left.")))
    if listed is None:
        return one
    name = f"list {place.sobject}"
    rows = pane(keyed(name, RecordList, app, listed, place.record_id), begins=is_list)
    beside = ft.Container(rows, width=440, key=name)
    return ft.Row([beside, ft.VerticalDivider(width=1), one], expand=True, spacing=0)


def _place(app: App, table: Table, window: Window) -> ft.Control:
    place, entry = app.place, table.entry(app.place)
    if app.screen is None:
        return _not_there(app)
    shell: Shell = app
    if place.name == "list":
        return keyed(f"list {place.sobject}", RecordList, shell, app.screen, "", window.is_narrow)
    room = [window.has_two_columns] if entry.columns else []
    if place.name in ("new", "edit"):
        room.append(window.is_narrow)
    return keyed(table.address(place), entry.view, shell, app.screen, *room)


def _not_there(app: App) -> ft.Control:
    """Instead of a place whose object is not loaded yet, or may not be seen by this person."""
    if not app.catalogue.is_loaded:
        if app.catalogue.problem is not None:
            return parts.content(parts.trouble(app.catalogue.problem, app.again))
        return parts.content(parts.skeleton_tiles())
    return parts.content(
        ft.Container(parts.faint(_("You may not see this in Salesforce.")), alignment=ft.Alignment.CENTER, padding=32)
    )


def _app_bar(app: App, table: Table, window: Window, focus: hands.Focus) -> ft.AppBar:
    place, entry = app.place, table.entry(app.place)
    shape = app.catalogue.shape(place.sobject)
    title = (
        (shape.label_plural if place.name in ("list", "board") or window.has_two_panes else shape.label)
        if shape
        else entry.title()
    )

    async def back() -> None:
        if entry.parent is not None:
            await app.go(entry.parent(place))

    async def search() -> None:
        await app.go(Place("search"))

    async def refresh() -> None:
        await app.again()

    arrow: list[ft.Control] = []
    if entry.parent is not None:
        button = parts.icon_button(ft.Icons.ARROW_BACK, _("Back"), back)
        arrow.append(ft.Container(button, width=_ARROW, height=_ARROW, alignment=ft.Alignment.CENTER))
    offers: list[tuple[ft.IconData, str, parts.Action]] = []
    if entry.refreshes:
        offers.append((ft.Icons.REFRESH, _("Refresh"), refresh))
    if entry.searches:
        offers.append((ft.Icons.SEARCH, _("Search everything"), search))
    actions: list[ft.Control] = [*_create_button(app, window)]
    if window.is_narrow and len(offers) > 1:
        items = [ft.PopupMenuItem(w, icon=i, on_click=act, height=theme.TARGET) for i, w, act in offers]
        actions.append(parts.menu(ft.Icons.MORE_VERT, _("More actions"), items))
    else:
        actions += [parts.icon_button(*offer) for offer in offers]
    size = _NARROW_TITLE if window.is_narrow else None if window.has_rail or len(title) < _LONG else _LONG_TITLE
    return ft.AppBar(
        leading=ft.Stack([*arrow, hands.SkipLink(focus)], clip_behavior=ft.ClipBehavior.NONE),
        leading_width=_ARROW if arrow else 1,
        title=hands.Title(focus, title, size),
        title_spacing=8 if window.is_narrow else None,
        center_title=False,
        automatically_imply_leading=False,
        actions=actions,
    )


def _create_button(app: App, window: Window) -> list[ft.Control]:
    """Makes a new record of the object whose list is shown. It stands in the bar above, where it covers nothing."""
    place, shape = app.place, app.catalogue.shape(app.place.sobject)
    has_list = place.name in ("list", "board") or (window.has_two_panes and place.name == "record")
    if shape is None or not shape.creatable or not has_list:
        return []

    async def new() -> None:
        await app.go(Place("new", place.sobject))

    button = parts.icon_button(ft.Icons.ADD, _("New {object}", object=shape.label), new)
    button.bgcolor, button.icon_color = ft.Colors.PRIMARY_CONTAINER, ft.Colors.ON_PRIMARY_CONTAINER
    return [button]


@ft.control("NavigationBar")
class _Bar(ft.NavigationBar):
    """Flutter's bar, which marks none of its destinations for _NOWHERE; Flet's own refuses that."""

    def before_update(self) -> None:
        super(ft.NavigationBar, self).before_update()


def _bar(app: App, places: list[Destination], place: Place, focus: hands.Focus) -> ft.NavigationBar:
    async def choose(event: ft.Event[ft.NavigationBar]) -> None:
        focus.stay()
        await app.go(places[int(event.control.selected_index or 0)].place)

    # Without a tooltip, which would say once more what stands there.
    items = [ft.NavigationBarDestination(icon=d.icon, label=d.words, tooltip="") for d in places]
    at = chosen(places, place)
    return _Bar(destinations=items, selected_index=_NOWHERE if at is None else at, on_change=choose)


def _rail(app: App, places: list[Destination], place: Place, focus: hands.Focus) -> ft.NavigationRail:
    async def choose(event: ft.Event[ft.NavigationRail]) -> None:
        focus.stay()
        await app.go(places[int(event.control.selected_index or 0)].place)

    items = [ft.NavigationRailDestination(icon=d.icon, label=d.words) for d in places]
    return ft.NavigationRail(
        destinations=items, selected_index=chosen(places, place), label_type=ft.NavigationRailLabelType.ALL,
        on_change=choose, min_width=96,
        scrollable=True,
    )  # fmt: skip


def _banner(app: App) -> list[ft.Control]:
    """A line that says that the app is offline or the connection slow."""
    network = app.network
    if not network.offline and not network.slow:
        return _waiting_line(app)
    words = _("You are offline. You see what you saw last.") if network.offline else _("The connection is slow.")
    icon = ft.Icon(
        ft.Icons.CLOUD_OFF if network.offline else ft.Icons.HOURGLASS_TOP,
        size=18,
        color=ft.Colors.ON_SECONDARY_CONTAINER,
    )
    said = ft.Semantics(content=ft.Text(words, color=ft.Colors.ON_SECONDARY_CONTAINER, size=13), live_region=True)
    row: list[ft.Control] = [icon, ft.Container(said, expand=True)]
    if network.offline:
        row.append(ft.TextButton(_("Try again"), height=theme.TARGET, on_click=app.again))
    padding = ft.Padding.symmetric(horizontal=16, vertical=4)
    line = ft.Container(ft.Row(row, spacing=8), bgcolor=ft.Colors.SECONDARY_CONTAINER, padding=padding)
    return [line, *_waiting_line(app)]


def _waiting_line(app: App) -> list[ft.Control]:
    """A line that says how many changes are on this device only, with the way to them."""
    waiting = app.queue.all()
    if not waiting or app.place.name == "waiting":
        return []

    async def show() -> None:
        await app.go(Place("waiting"))

    asking = sum(edit.state != "waiting" for edit in waiting)
    words = n_("{count} change is waiting to be sent.", "{count} changes are waiting to be sent.", len(waiting))
    if asking:
        words = n_("{count} change needs you.", "{count} changes need you.", asking)
    icon = ft.Icon(ft.Icons.CLOUD_UPLOAD_OUTLINED, size=18, color=ft.Colors.ON_SECONDARY_CONTAINER)
    said = ft.Semantics(content=ft.Text(words, color=ft.Colors.ON_SECONDARY_CONTAINER, size=13), live_region=True)
    button = ft.TextButton(_("Show"), height=theme.TARGET, on_click=show)
    row = ft.Row([icon, ft.Container(said, expand=True), button], spacing=8)
    padding = ft.Padding.symmetric(horizontal=16, vertical=4)
    return [ft.Container(row, bgcolor=ft.Colors.SECONDARY_CONTAINER, padding=padding)]


def _notices(app: App, *, above: float = 0) -> list[ft.Control]:
    """The messages at the foot, the newest lowest; `above` are pixels that stay free below them."""
    if not app.notices.all:
        return []
    column = ft.Column(
        [_notice(n) for n in app.notices.all], spacing=8, tight=True, horizontal_alignment=ft.CrossAxisAlignment.CENTER
    )
    return [ft.Container(column, bottom=16 + above, left=16, right=16)]


def _notice(notice: Notice) -> ft.Control:
    said = ft.Semantics(content=ft.Text(notice.text, color=ft.Colors.ON_INVERSE_SURFACE), live_region=True)
    row: list[ft.Control] = [ft.Container(said, expand=True)]
    if notice.run is not None:
        style = ft.ButtonStyle(color=ft.Colors.INVERSE_PRIMARY)
        row.append(ft.TextButton(notice.action, style=style, height=theme.TARGET, on_click=notice.run))
    return ft.Container(
        ft.Row(row), bgcolor=ft.Colors.INVERSE_SURFACE, border_radius=8, padding=ft.Padding.only(left=16, right=8,
            top=4, bottom=4), width=480,
        height=None if len(notice.text) > 60 else 56,
    )  # fmt: skip


def _centre(control: ft.Control) -> ft.Control:
    return ft.Container(control, expand=True, alignment=ft.Alignment.CENTER)


def _waiting(text: str) -> ft.Control:
    ring = ft.ProgressRing(width=28, height=28, semantics_label=text)
    return ft.Column([ring, parts.faint(text)], horizontal_alignment=ft.CrossAxisAlignment.CENTER, tight=True)
