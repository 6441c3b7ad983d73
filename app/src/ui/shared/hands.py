"""The keyboard's way through the app: what Tab goes through together, the link that skips the navigation, and where the
focus is after a place has changed.
"""

from collections.abc import Callable

import flet as ft

from ui.shared import theme
from ui.shared.live import use
from ui.shared.state import State
from ui.shared.words import _

_MARK = 4  # pixels: no place begins higher than 8
_HIDDEN = 1  # pixel: what is 0 wide or high is not in the semantics tree


def group(control: ft.Control) -> ft.Control:
    """A part of the screen through which Tab goes as a whole, before it goes to what stands beside it.

    Flutter's order is by what stands higher, whatever it belongs to, so that without this Tab jumps between the rail, a
    list and a record. Flutter's remedy is FocusTraversalGroup; of Flet's controls only a group of radio buttons has
    one. It needs no radio buttons; app/web/start/values.js takes its role away from those without any.
    """
    return ft.RadioGroup(content=control)


class Focus(State):
    """Where the keyboard is to go on. `at_content` counts how often that was the beginning of the content, which is
    `marked` where a person asked to get there. `words` gives what the content is called."""

    def __init__(self, words: Callable[[], str]) -> None:
        super().__init__()
        self.words = words
        self.at_content = 0
        self.here = False
        self.marked = False
        self.link_is_seen = False
        self._stays = True  # at the app's beginning nobody has the focus yet

    def to_content(self, *, marked: bool = False) -> None:
        """Goes to the beginning of the content."""
        self.at_content += 1
        self.here, self.marked = True, marked
        self.changed()

    def stay(self) -> None:
        """The next change of the place leaves the focus where it is, on what changed it."""
        self._stays = True

    def place_changed(self, *, has_its_own: bool) -> None:
        """Goes to the beginning of the content, because what had the focus went with the place before; not where the
        place has a field of `its own` that takes it."""
        stays, self._stays = self._stays or has_its_own, False
        if not stays:
            self.to_content()
        elif self.here:
            self.went_on()

    def see_link(self, seen: bool) -> None:
        """The link that skips the navigation has the focus, or has it no more."""
        self.link_is_seen = seen
        self.changed()

    def went_on(self) -> None:
        """Tab was pressed at the beginning of the content."""
        self.here = self.marked = False
        self.changed()


@ft.component
def SkipLink(focus: Focus) -> ft.Control:
    """The first stop of Tab, which leads past the navigation; it is seen while it has the focus."""
    use(focus)
    seen = focus.link_is_seen

    def skip() -> None:
        focus.to_content(marked=True)

    colors = (ft.Colors.ON_PRIMARY, ft.Colors.PRIMARY) if seen else (ft.Colors.TRANSPARENT, ft.Colors.TRANSPARENT)
    return ft.Button(
        ft.Text(_("Skip to content"), no_wrap=True),
        color=colors[0],
        bgcolor=colors[1],
        elevation=0,
        left=4 if seen else 0,
        top=4 if seen else 0,
        width=None if seen else _HIDDEN,
        height=theme.TARGET if seen else _HIDDEN,
        on_focus=lambda: focus.see_link(True),
        on_blur=lambda: focus.see_link(False),
        on_click=skip,
    )


@ft.component
def Title(focus: Focus, text: str, size: int | None = None) -> ft.Control:
    """The title in the bar above, which makes room for the link that skips the navigation; in two lines where it has a
    `size` of its own. It is read out when it changes: it tells where one is now."""
    use(focus)
    words = ft.Text(
        text,
        color=ft.Colors.TRANSPARENT if focus.link_is_seen else None,
        size=size,
        max_lines=1 if size is None else 2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    return ft.Semantics(content=words, live_region=True)


@ft.component
def ContentStart(focus: Focus) -> ft.Control:
    """The beginning of a place's content, which has the focus once it was asked for, until Tab is pressed. It is no
    stop of Tab otherwise."""
    use(focus)
    _heard, hear = ft.use_state(False)
    ft.use_effect(lambda: hear(True), [])  # what was asked for while this was being put in place
    start, _start = ft.use_state(lambda: ft.Ref[ft.KeyboardListener]())

    async def take() -> None:
        if focus.here and start.current is not None:
            await start.current.focus()

    ft.use_effect(take, [focus.at_content])
    if not focus.here:
        return ft.Container(left=0, top=0)
    mark = ft.Container(width=_HIDDEN, height=_HIDDEN)
    if focus.marked:  # a line over the whole width, in the room above what begins there
        mark = ft.Container(height=_MARK, bgcolor=ft.Colors.PRIMARY)

    def pressed(event: ft.KeyDownEvent) -> None:
        if event.key == "Tab":  # a Shift before it must find the focus here
            focus.went_on()

    named = ft.Semantics(content=mark, label=focus.words(), exclude_semantics=True)
    listener = ft.KeyboardListener(named, ref=start, on_key_down=pressed)
    return ft.Container(
        ft.Semantics(content=listener, container=True), left=0, top=0, right=0 if focus.marked else None
    )
