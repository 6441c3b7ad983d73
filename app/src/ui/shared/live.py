"""The one bridge between state and screen: a component that uses a state is painted anew when the state changes."""

from collections.abc import Callable

import flet as ft

from ui.shared.state import State


def keyed(key: str, component: Callable[..., ft.Control], *arguments: object) -> ft.Control:
    """A component that stays itself as long as its key does, wherever it stands among others."""
    return component(*arguments, key=key)


def use(state: State) -> None:
    """Call it in a component, on every render."""
    _count, repaint = ft.use_state(0)

    def again() -> None:
        repaint(lambda count: count + 1)

    ends, _ends = ft.use_state(lambda: list[Callable[[], None]]())

    def listen() -> None:
        ends.append(state.listen(again))

    def stop() -> None:
        while ends:
            ends.pop()()

    ft.use_effect(listen, [state], stop)
