"""The one bridge between state and screen: a component that uses a state is painted anew when the state changes."""

from collections.abc import Callable
from contextvars import copy_context
from functools import cache, wraps
from weakref import WeakKeyDictionary, ref

import flet as ft

from ui.shared import quick_walk
from ui.shared.guard import report
from ui.shared.state import State
from ui.shared.words import _

quick_walk.install()

_kept: WeakKeyDictionary[State, dict[str, tuple[object, ft.Control]]] = WeakKeyDictionary()


def kept(state: State, key: str, basis: object, make: Callable[[], ft.Control]) -> ft.Control:
    """The control that was painted before for a state under `key`, as long as its `basis` is equal; else a new one from
    `make`. For what is painted often and changes seldom: Flet passes over a control that is the same as before, and a
    place that was seen before is not built anew. There may be no component in it, and it stands in one place at a time.
    What is kept goes with its state, so a key is a place in what the state shows, such as a row's number.
    """
    made = _kept.setdefault(state, {})
    before = made.get(key)
    if before is not None and before[0] == basis:
        return before[1]
    control = make()
    made[key] = basis, control
    return control


def keyed(key: str, component: Callable[..., ft.Control], *arguments: object) -> ft.Control:
    """A component with a key: it stays the same one wherever it moves among others. When it cannot be painted, it says
    so and the rest of the page is painted."""
    return _guarded(component)(*arguments, key=key)


@cache
def _guarded(component: Callable[..., ft.Control]) -> Callable[..., ft.Control]:
    """The same component; when it cannot be painted it says so instead."""
    paint: Callable[..., ft.Control] = vars(component)["__component_impl__"]

    @ft.component
    @wraps(paint)
    def guarded(*arguments: object) -> ft.Control:
        try:
            return paint(*arguments)
        except Exception as error:
            report(error)
            return ft.Container(ft.Text(_("Something went wrong. Please try again.")), padding=32)

    return guarded


def use(state: State) -> None:
    """Has the component painted anew whenever the state changes. To be called at each painting."""
    _count, repaint = ft.use_state(0)
    here = copy_context()

    def again() -> None:
        try:
            repaint(lambda count: count + 1)
        except RuntimeError:  # what has changed it knows no page, such as a callback of the browser's
            here.copy().run(repaint, lambda count: count + 1)

    follow(state, again)


def follow(state: State | None, call: Callable[[], None]) -> None:
    """Has a function called whenever the state changes, while the component is there. To be called at each painting."""
    ends, _ends = ft.use_state(lambda: list[Callable[[], None]]())

    def listen() -> None:
        if state is not None:
            ends.append(state.listen(call))

    def stop() -> None:
        while ends:
            ends.pop()()

    # By a weak reference: Flet keeps what an effect depended on before.
    ft.use_effect(listen, [None if state is None else ref(state)], stop)
