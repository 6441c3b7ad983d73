"""Flet's walk over controls and the quick one in its place do the same, on trees of any controls."""

import asyncio
import dataclasses
import gc
import importlib
import pkgutil
import random
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import flet as ft
import msgpack
import pytest
from flet import controls
from flet.controls import base_control
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page  # pyright: ignore[reportPrivateUsage]
from flet.controls.id_counter import IdCounter
from flet.controls.object_patch import DiffBuilder, ObjectPatch
from flet.messaging.protocol import Message
from flet.messaging.session import Session

from tests.app.test_guard import NoWindow, _encode, within  # pyright: ignore[reportPrivateUsage]
from ui.shared.live import use
from ui.shared.quick_walk import FLETS_OWN, QUICK
from ui.shared.state import State

PAINTINGS = 5  # of each tree


class Recorder(NoWindow):
    """Keeps what would go to Flutter."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def send_message(self, message: Message) -> None:
        self.sent.append(
            msgpack.unpackb(msgpack.packb([message.action, message.body], default=_encode), strict_map_key=False)
        )


@dataclasses.dataclass
class Pair:
    """A value of a class that is no control and keeps nothing apart."""

    one: ft.Control | None = None
    many: list[ft.Control] = dataclasses.field(default_factory=list[ft.Control])
    word: str = ""


@ft.control("Odd")
class Odd(ft.LayoutControl):
    """Controls wherever a field may hold them."""

    pair: Pair | None = None
    named: dict[str, ft.Control] = dataclasses.field(default_factory=dict[str, ft.Control])
    nested: list[list[ft.Control]] = dataclasses.field(default_factory=list[list[ft.Control]])
    unseen: ft.Control | None = dataclasses.field(default=None, metadata={"skip": True})


class Grown(State):
    """A tree to be painted: the same for the same `seed`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.seed = 0

    def grow(self) -> None:
        self.seed = self.random.randrange(1000)
        self.changed()


@ft.component
def Leaf(word: str) -> ft.Control:
    return ft.Container(ft.Text(word), padding=8)


@ft.component
def Tree(grown: Grown) -> ft.Control:
    use(grown)
    return _branch(Trees(grown.seed, Leaf), 4)


@ft.component
def Whole(grown: Grown) -> list[ft.View]:
    return [ft.View(controls=[Tree(grown)])]


class Trees(random.Random):
    """Makes trees; components are `leaf` of those that Flet paints."""

    def __init__(self, seed: int, leaf: Callable[[str], ft.Control] = ft.Text) -> None:
        super().__init__(seed)
        self.leaf = leaf

    def __new__(cls, *_given: object) -> "Trees":
        return super().__new__(cls)


def _some(r: Trees, depth: int) -> list[ft.Control]:
    branches = [_branch(r, depth - 1) for _ in range(r.randrange(4))]
    for n, key in enumerate(r.sample("abcdef", len(branches))):
        if r.random() < 0.5:
            branches[n] = ft.Container(branches[n], key=key)
    return branches


def _branch(r: Trees, depth: int) -> ft.Control:
    if depth == 0:
        return r.choice((lambda: ft.Text(r.choice("xyz")), lambda: r.leaf(r.choice("xyz")), ft.Container))()
    return r.choice(
        (
            lambda: ft.Column(_some(r, depth), spacing=r.choice((4, 8))),
            lambda: ft.Row(_some(r, depth)),
            lambda: ft.Stack(_some(r, depth)),
            lambda: ft.ListView(_some(r, depth), padding=ft.Padding.all(r.choice((4, 8)))),
            lambda: ft.ResponsiveRow(_some(r, depth)),
            lambda: ft.Container(
                _branch(r, depth - 1), border=ft.Border.all(1, "#000000"), on_click=r.choice((None, print))
            ),
            lambda: ft.Semantics(content=_branch(r, depth - 1), label=r.choice("xyz")),
            lambda: ft.ListTile(
                title=_branch(r, depth - 1),
                subtitle=r.choice((None, ft.Text("s"))),
                leading=ft.CircleAvatar(ft.Text("l")),
            ),
            lambda: ft.FilledButton(
                "b", icon=ft.Icon(ft.Icons.ADD), style=ft.ButtonStyle(color={ft.ControlState.HOVERED: "red"})
            ),
            lambda: ft.PopupMenuButton(ft.Icon(ft.Icons.ADD), items=[ft.PopupMenuItem(r.choice("xyz")) for _ in "ab"]),
            lambda: ft.TextField(r.choice("xyz"), label=r.choice((ft.Text("l"), "l")), suffix=ft.Text("s")),
            lambda: ft.Dropdown(options=[ft.DropdownOption(k, leading_icon=ft.Icon(ft.Icons.ADD)) for k in "ab"]),
            lambda: ft.Text(
                spans=[ft.TextSpan(w, ft.TextStyle(size=r.choice((10, 12)))) for w in r.choice(("ab", "a"))]
            ),
            lambda: Odd(
                pair=Pair(_branch(r, depth - 1), _some(r, depth), r.choice("xyz")),
                named={name: _branch(r, depth - 1) for name in r.choice(("ab", "bc"))},
                nested=[_some(r, depth), _some(r, depth)],
                unseen=ft.Text("never sent"),
                data=[ft.Text("nor this")],
            ),
        )
    )()


async def _story(monkeypatch: pytest.MonkeyPatch, walks: dict[str, Any], seed: int) -> list[Any]:
    """What Flet sends, mounts and unmounts while a tree is painted again and again, and how it leaves its controls."""
    told: list[Any] = []
    from_diff = ObjectPatch.from_diff

    def noted(*given: Any, **named: Any) -> Any:
        patch, added, removed = from_diff(*given, **named)
        told.append(([_name(c) for c in added], [_name(c) for c in removed]))
        return patch, added, removed

    with monkeypatch.context() as patched:
        for name, walk in walks.items():
            patched.setattr(DiffBuilder, name, walk)
        patched.setattr(base_control, "ControlId", IdCounter(start=3))
        patched.setattr(ObjectPatch, "from_diff", noted)
        window, grown = Recorder(), Grown(seed)
        session = Session(window)
        _context_page.set(session.page)  # pyright: ignore[reportArgumentType]
        msgpack.packb(session.get_page_patch(), default=_encode)
        session.page.render_views(Whole, grown)
        for _ in range(PAINTINGS):
            grown.grow()
            await _turns()
            gc.collect()  # the index forgets a control when nothing else holds it
            told += [window.sent[:], _left(session.page.views), sorted(session.index)]
            window.sent.clear()
        # A page that is changed in place, without components.
        trees = Trees(seed)
        loose = ft.Column(_some(trees, 3))
        in_place = Session(window)
        page = in_place.page
        msgpack.packb(in_place.get_page_patch(), default=_encode)
        page.controls = [loose]
        page.update()
        for _ in range(PAINTINGS):
            new = _some(trees, 2)
            for one in new:
                one.opacity = 0.5  # before it is on the page
            loose.controls = [*loose.controls[1:], *new]
            loose.spacing = trees.choice((4, 8))
            page.update()
            told += [window.sent[:], _left(page.controls)]
            window.sent.clear()
        session.close()
        in_place.close()
        await _turns()
    return told


def _name(control: BaseControl) -> tuple[str, int]:
    return type(control).__name__, control._i  # pyright: ignore[reportPrivateUsage]


def _left(painted: object) -> list[Any]:
    """What the walk leaves on each control: its parent, and whether it may be changed."""
    return [
        (
            _name(c),
            None if c.parent is None else _name(c.parent),
            *(hasattr(c, mark) for mark in ("_frozen", "_initialized", "__prev_lists")),
            dict(c._dirty),  # pyright: ignore[reportPrivateUsage]
        )
        for c in within(painted)
    ]


async def _turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(24))
async def test_the_quick_walk_does_what_flets_own_does(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    own = await _story(monkeypatch, FLETS_OWN, seed)
    assert len(own) > PAINTINGS * 5
    assert await _story(monkeypatch, QUICK, seed) == own


def test_nothing_but_what_was_set_can_hold_a_control() -> None:
    """The walk passes over what keeps its default, so no default of Flet's may hold anything, and every field is either
    kept in `_values` or apart."""
    for module in pkgutil.walk_packages(controls.__path__, "flet.controls."):
        importlib.import_module(module.name)
    classes = [c for c in _below(object) if "_structural_fields" in vars(c) and c.__module__.startswith("flet.")]
    assert len(classes) > 250
    for cls in classes:
        kept: Any = cls
        defaults: dict[str, object] = kept._prop_defaults
        sent = {f.name for f in dataclasses.fields(kept) if not f.metadata.get("skip", False)}
        assert sent == {*defaults, *kept._structural_fields}, cls
        assert not [n for n, v in defaults.items() if dataclasses.is_dataclass(v) or isinstance(v, dict | list)], cls


def test_the_quick_walk_is_for_the_pinned_flet() -> None:
    assert version("flet") == "1.0.5", "read its object_patch.py before this number is changed"


async def test_the_app_paints_with_it() -> None:
    assert {name: vars(DiffBuilder)[name] for name in QUICK} == QUICK


def _below(cls: type) -> Iterator[type]:
    for one in type.__subclasses__(cls):
        yield one
        yield from _below(one)
