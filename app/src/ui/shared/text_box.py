"""The field that people type into, and the one to search in.

What is typed stands in the field at once, and Python hears of it later. A value that Python wrote back would be older
by then: it would take the last letters away, and end what an input method composes (Japanese, Korean, a dead key). So a
field is written only where the state behind it holds something else than what was typed last.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import field

import flet as ft
from flet.controls.base_control import BaseControl

from ui.shared import parts, theme
from ui.shared.words import _

_ANSWERS_WITHIN = 5.0  # seconds in which Flutter tells that it has done something


def _is_an_edit(before: str, after: str) -> bool:
    """Whether a key at the end of a text makes it another, rather than a first letter in an empty field."""
    return after != before and (after.startswith(before) or (len(after) > 1 and after == before[:-1]))


@ft.control("TextField")
class TextBox(ft.TextField):
    """A text field. `value` is what the state behind it holds now; `on_change` has to take over what was typed, or the
    field is set back to that at the next painting."""

    # What was heard of the field last, or written into it: while the state holds the same, nobody else has changed it.
    _heard: str = field(default="", init=False, repr=False, compare=False, metadata={"skip": True})
    _listens: bool = field(default=True, init=False, repr=False, compare=False, metadata={"skip": True})
    # What Flutter told last; and whether that, told while it did not listen, was typed after the field was made empty.
    _told: str = field(default="", init=False, repr=False, compare=False, metadata={"skip": True})
    _anew: bool = field(default=False, init=False, repr=False, compare=False, metadata={"skip": True})

    def init(self) -> None:
        self._heard = self._told = self.value

    def before_event(self, e: ft.ControlEvent) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  Flet's own returns nothing but True
        if e.name == "change":
            before, self._told = self._told, str(e.data)
            if not self._listens:
                self._anew = self._anew or not _is_an_edit(before, self._told)
                return False
            self._heard = self.value
        return super().before_event(e)

    def _migrate_state(self, other: BaseControl) -> None:
        """Takes the place of the same field as it was painted before."""
        super()._migrate_state(other)
        if isinstance(other, TextBox):
            self._listens, self._anew = other._listens, other._anew
            if self.value == other._heard:
                self.value = other.value  # what stands in the field, of which the state may not have heard yet
                self._heard, self._told = other._heard, other._told
            elif not self._listens:
                self._told = other._told

    def stop_listening(self) -> None:
        """Takes over nothing until `listen_again`: what is typed until then is added to what is about to go."""
        self._listens, self._anew = False, False

    def listen_again(self) -> str:
        """Takes over again what is typed, after the field was made empty on the screen. Returns what was typed
        since."""
        since = self.value if self._anew else ""
        self._listens = True
        if self.value != since:
            self.page.session.apply_patch(self._i, {"value": since})  # Python's side only
        self._heard = since
        return since


@ft.component
def SearchBox(
    label: str,
    read: Callable[[], str],
    typed: Callable[[str], Awaitable[None]],
    entered: Callable[[], None] | None = None,
    autofocus: bool = False,
) -> ft.Control:
    """A field to search in, with a button that empties it and gives it the focus back. `read` returns what is searched
    for, `typed` takes over another text at once and may then take its time, `entered`, at the Enter key, has it
    hurry."""
    box, _box = ft.use_state(lambda: ft.Ref[TextBox]())
    _times, paint = ft.use_state(0)
    emptied, empty = ft.use_state(0)  # how often
    filled = bool(read())

    async def heard(event: ft.Event[ft.TextField]) -> None:
        if bool(event.control.value) != filled:
            paint(lambda times: times + 1)  # with or without the button
        await typed(event.control.value)

    async def clear() -> None:
        if box.current is not None:
            box.current.stop_listening()
            empty(lambda times: times + 1)
        await typed("")

    async def go_on_typing() -> None:
        if not emptied or box.current is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await box.current.focus()  # answered after the field was made empty
        if (since := box.current.listen_again()) != "":
            await typed(since)

    ft.use_effect(go_on_typing, [emptied])
    # Without a tooltip, which takes the focus out of the field when it goes.
    button = ft.IconButton(
        parts.named_icon(ft.Icons.CLOSE, _("Clear search")), on_click=clear,
        size_constraints=ft.BoxConstraints(min_width=theme.TARGET, min_height=theme.TARGET),
    )  # fmt: skip
    search = TextBox(
        ref=box, label=label, value=read(), autofocus=autofocus, autocorrect=False, on_change=heard, on_submit=entered,
        prefix_icon=ft.Icons.SEARCH, border=ft.OutlineInputBorder(border_radius=28),
        content_padding=ft.Padding.symmetric(horizontal=16, vertical=12),
        suffix_icon=button if filled else None,
        label_style=ft.TextStyle(overflow=ft.TextOverflow.ELLIPSIS),  # else it breaks anywhere where it has no room
    )  # fmt: skip
    return parts.field(search)
