"""The field that people type into.

What is typed stands in the field at once, and Python hears of it later. A value that Python wrote back would be older
by then: it would take the last letters away, and end what an input method composes (Japanese, Korean, a dead key). So a
field is written only where the state behind it holds something else than what was typed last.
"""

from dataclasses import field
from typing import Literal

import flet as ft
from flet.controls.base_control import BaseControl


@ft.control("TextField")
class TextBox(ft.TextField):
    """A text field. `value` is what the state behind it holds now; `on_change` has to take over what was typed, or the
    field is set back to that at the next painting."""

    # What was heard of the field last, or written into it: while the state holds the same, nobody else has changed it.
    _heard: str = field(default="", init=False, repr=False, compare=False, metadata={"skip": True})

    def init(self) -> None:
        self._heard = self.value

    def before_event(self, e: ft.ControlEvent) -> Literal[True]:
        if e.name == "change":
            self._heard = self.value
        return super().before_event(e)

    def _migrate_state(self, other: BaseControl) -> None:
        """Takes the place of the same field as it was painted before."""
        super()._migrate_state(other)
        if isinstance(other, TextBox) and self.value == other._heard:
            self.value = other.value  # what stands in the field, of which the state may not have heard yet
            self._heard = other._heard
