"""The keyboard's way through a place."""

import flet as ft


def group(control: ft.Control) -> ft.Control:
    """A part of the screen through which Tab goes as a whole, before it goes to what stands beside it.

    Flutter's order is by what stands higher, whatever it belongs to, so that without this Tab jumps between the rail, a
    list and a record. Flutter's remedy is FocusTraversalGroup; of Flet's controls only a group of radio buttons has
    one. It needs no radio buttons; app/web/start/values.js takes its role away from those without any.
    """
    return ft.RadioGroup(content=control)
