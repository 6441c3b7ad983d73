"""What a handler, an effect or a task lets through becomes a notice, and the app lives on: on Flet's own session,
without a window.
"""

import ast
import asyncio
import gc
import importlib.util
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import flet as ft
import msgpack
import pytest
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page  # pyright: ignore[reportPrivateUsage]
from flet.messaging.connection import Connection
from flet.messaging.protocol import Message, MessageAction, configure_encode_object_for_msgpack
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

from contract.errors import CallError, NotFound, Reason
from tests.app.world import MemoryBackend, World
from tests.device import Drawer
from ui.frame import Frame, Window
from ui.shared.guard import watch
from ui.shared.live import keyed, use
from ui.shared.state import State
from ui.shared.words import use_language
from ui.table import ENTRIES, Table

PLACES = (*(e.address.format(sobject="Account", record_id="001A") for e in ENTRIES), "/records/Nothing")
_encode = configure_encode_object_for_msgpack(BaseControl)
WENT_WRONG = "Something went wrong. Please try again."


class NoWindow(Connection):
    """What would go to Flutter."""

    def __init__(self) -> None:
        super().__init__()
        self.loop, self.pubsubhub = asyncio.get_running_loop(), PubSubHub()
        self.crashed: list[object] = []
        self.invoked: Callable[[str, object], None] = lambda _method, _arguments: None
        self.invoked_of = 0  # the control of which `invoked` hears

    def send_message(self, message: Message) -> None:
        msgpack.packb([message.action, message.body], default=_encode)  # Flet compares with what it has sent
        if message.action == MessageAction.SESSION_CRASHED:
            self.crashed.append(message.body)
        elif message.action == MessageAction.INVOKE_METHOD:
            self.invoked_of = message.body.control_id
            self.invoked(message.body.name, message.body.args)


class Screen:
    """The app in a Flet session. Flutter never answers, so whatever waits for that waits."""

    def __init__(self, world: World, width: int) -> None:
        self.app = world.app
        self.window = NoWindow()
        self.titles: list[str] = []
        self.session = Session(self.window)
        _context_page.set(self.session.page)  # pyright: ignore[reportArgumentType]
        msgpack.packb(self.session.get_page_patch(), default=_encode)  # what a new window is sent

        async def push(_address: str) -> None:
            return

        self.session.page.render_views(Frame, self.app, Table(), Window(width, "/", push, self.titles.append))
        watch(self.session, self.app.notices.failed)

    async def show(self, address: str) -> None:
        await self.app.show(address)
        await self.app.settle()
        await self.painted()

    async def painted(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def controls(self) -> list[BaseControl]:
        return list({id(c): c for c in within(self.session.page.views)}.values())

    def handlers(self) -> list[tuple[BaseControl, str]]:
        """Each control with the name of each event that a view listens to."""
        return [
            (control, field.name.removeprefix("on_"))
            for control in self.controls()
            for field in fields(control)
            if field.name.startswith("on_") and getattr(control, field.name, None) is not None
        ]

    async def tap(self, control: BaseControl, event: str) -> None:
        await self.session.dispatch_event(control._i, event, None)  # pyright: ignore[reportPrivateUsage]

    async def close(self) -> None:
        self.session.close()
        await self.painted()


def within(value: object) -> Iterator[BaseControl]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from within(one)
    elif isinstance(value, BaseControl):
        yield value
        for field in fields(value):
            if not field.name.startswith("on_") and field.name not in ("fn", "args", "kwargs", "_parent", "_state"):
                yield from within(getattr(value, field.name, None))


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Flet's trees are circles; Python 3.11 cannot bear them to be collected while it parses. And the language is as
    before, which whoever taps everything has changed."""
    yield
    use_language(["en-US"])
    gc.collect()


@pytest.fixture
def width() -> int:
    """A phone's."""
    return 390


@pytest.fixture
async def screen(width: int) -> AsyncIterator[Screen]:
    world = World()
    world.backend.add("001A", Name="Alder Energy", Phone="1", AnnualRevenue=1.0)
    await world.start()
    made = Screen(world, width)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("width", "error"),
    [(390, NotFound(Reason.RECORD_NOT_FOUND)), (1280, RuntimeError("secret"))],
    ids=["phone", "desktop"],
)
async def test_an_error_in_any_handler_of_any_place_is_a_notice(
    screen: Screen, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails() -> None:
        raise error

    said = error.message if isinstance(error, CallError) else WENT_WRONG
    events: set[str] = set()
    for place in PLACES:
        await screen.show(place)
        handlers = screen.handlers()
        assert handlers or place == "/sign-in", place
        for control, event in handlers:
            screen.app.notices.all = ()
            control._values[f"on_{event}"] = fails  # a painted control takes no other way  # pyright: ignore[reportPrivateUsage]
            await screen.tap(control, event)
            assert screen.app.notices.newest is not None, (place, control, event)
            assert screen.app.notices.newest.text == said
            events.add(event)
    assert screen.window.crashed == []
    assert {"click", "change"} <= events
    assert "secret" not in "".join(capsys.readouterr())
    await screen.show("/settings")
    assert any(isinstance(c, ft.RadioGroup) for c in screen.controls()), "it is painted on"


async def test_whatever_a_tap_meets_behind_the_app_lives_on(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every handler as it is, on a device and a backend that fail in a way that nobody has thought of."""

    async def broken(*_: object, **_named: object) -> object:
        raise ValueError("nobody has thought of this")

    for place in PLACES:
        await screen.show(place)
        for control, event in screen.handlers():
            with monkeypatch.context() as broke:
                broke.setattr(MemoryBackend, "call", broken)
                for name in ("write", "remove", "open_link", "copy", "open_sign_in"):
                    broke.setattr(Drawer, name, broken)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await screen.tap(control, event)
                        await screen.app.settle()
        if screen.app.session.user is None:
            break
    assert screen.window.crashed == []
    await screen.show("/settings")
    assert screen.controls()


class Counted(State):
    """`fails` while it is painted."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False


@ft.component
def Part(state: Counted) -> ft.Control:
    use(state)
    if state.fails:
        raise ValueError("secret")
    return ft.Text("painted")


@ft.component
def Whole(state: Counted) -> list[ft.View]:
    return [ft.View(controls=[keyed("part", Part, state), ft.Text("beside it")])]


async def test_a_place_that_cannot_be_painted_says_so_and_what_is_around_it_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    state, window = Counted(), NoWindow()
    session = Session(window)
    _context_page.set(session.page)  # pyright: ignore[reportArgumentType]
    msgpack.packb(session.get_page_patch(), default=_encode)
    session.page.render_views(Whole, state)

    async def texts() -> list[str]:
        await asyncio.sleep(0.01)
        return [c.value for c in within(session.page.views) if isinstance(c, ft.Text)]

    assert await texts() == ["painted", "beside it"]
    state.fails = True
    state.changed()
    assert await texts() == [WENT_WRONG, "beside it"]
    state.fails = False
    state.changed()
    assert await texts() == ["painted", "beside it"]
    said = "".join(capsys.readouterr())
    assert "ValueError" in said
    assert "secret" not in said
    session.close()
    await asyncio.sleep(0.01)


async def test_an_answer_for_a_control_that_is_gone_ends_nothing() -> None:
    """In a browser Flet's own reader of messages would end with it (flet 1.0.5, `PyodideConnection.receive_loop`)."""
    session = Session(NoWindow())
    with pytest.raises(RuntimeError):
        session.handle_invoke_method_results(987_654, "a call", None, None)
    watch(session, lambda _error: None)
    session.handle_invoke_method_results(987_654, "a call", None, None)
    session.close()
    await asyncio.sleep(0)


async def test_an_error_in_a_task_behind_is_a_notice() -> None:
    world = World()
    app = await world.start()

    async def fails() -> None:
        raise NotFound(Reason.RECORD_NOT_FOUND)

    app._background.begin(fails())  # pyright: ignore[reportPrivateUsage]
    await app.settle()
    assert app.notices.newest is not None
    assert app.notices.newest.text == "This record does not exist, or you may not see it."


async def test_a_window_of_its_own_offers_to_load_the_app_again_when_it_cannot_start(repository: Path) -> None:
    """What a page in the browser does before Flutter is there."""
    spec = importlib.util.spec_from_file_location("app_main", repository / "app/src/main.py")
    assert spec is not None
    assert spec.loader is not None
    entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    starts: list[int] = []

    def fails() -> None:
        starts.append(len(starts))
        raise ValueError("secret")

    vars(entry)["make_http"] = fails
    session = Session(NoWindow())
    _context_page.set(session.page)  # pyright: ignore[reportArgumentType]
    msgpack.packb(session.get_page_patch(), default=_encode)
    await entry.main(session.page)
    shown = list(within(session.page.views))
    assert any(isinstance(c, ft.Text) and str(c.value).startswith("The app could not start.") for c in shown)
    (again,) = (c for c in shown if isinstance(c, ft.FilledButton))
    await session.dispatch_event(again._i, "click", None)  # pyright: ignore[reportPrivateUsage]
    assert starts == [0, 1]
    session.close()
    await asyncio.sleep(0.01)


def test_a_method_that_a_view_hands_to_flet_takes_nothing(repository: Path) -> None:
    """Flet hands the event to a handler that takes anything at all, also by keyword only."""
    ui = repository / "app/src/ui"
    handed = {name for view in ui.rglob("*view.py") for name in re.findall(r"on_\w+=model\.(\w+)", view.read_text())}
    assert "save" in handed
    for model in ui.rglob("*view_model.py"):
        for node in ast.walk(ast.parse(model.read_text())):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.name in handed:
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg]
                assert [a.arg for a in arguments if a is not None] == ["self"], f"{model.name}: {node.name}"
