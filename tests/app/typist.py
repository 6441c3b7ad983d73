"""Flutter's side of a text field, with a person who types: what Python sends arrives late, and so does what was typed.

It does with Flet's own messages what Flet does in Dart (flet-dev/flet, packages/flet/lib/src/models/control.dart and
controls/textfield.dart): a key changes the field at once and is told as a property and as an event; a patch that has a
value in it sets the field to that.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgpack
from flet.controls.base_control import BaseControl
from flet.messaging.protocol import Message, MessageAction, configure_encode_object_for_msgpack
from flet.messaging.session import Session

from tests.app.test_guard import NoWindow

_encode = configure_encode_object_for_msgpack(BaseControl)
Tree = dict[Any, Any]


class Flutter(NoWindow):
    """A window with text fields in it. `begin` takes the session whose connection it is."""

    def __init__(self) -> None:
        super().__init__()
        self._to_flutter: deque[tuple[int, list[Any] | str]] = deque()  # a patch of a control, or a call of a method
        self._to_python: deque[tuple[str, int, str]] = deque()
        self._page: Tree = {}
        self.focused = 0  # the control to which Python has given the focus last
        self._session: Session | None = None

    def begin(self, session: Session) -> None:
        self._session = session
        self._page = _sent(session.get_page_patch())

    def send_message(self, message: Message) -> None:
        super().send_message(message)
        body = message.body
        if message.action == MessageAction.PATCH_CONTROL:
            self._to_flutter.append((body.id, _sent(body.patch)))
        elif message.action == MessageAction.INVOKE_METHOD:
            self._to_flutter.append((body.control_id, body.call_id))

    def field(self, label: str) -> Tree:
        """The text field with this label, as it is on the screen."""
        (found,) = [c for c in _controls(self._page) if c["_c"] == "TextField" and c.get("label") == label]
        return found

    def key(self, label: str, text: str) -> None:
        """The person has made it this text."""
        field = self.field(label)
        field["value"] = text
        self._to_python.append(("value", field["_i"], text))
        self._to_python.append(("change", field["_i"], text))

    def enter(self, label: str) -> None:
        """The person presses Enter in the text field with this label."""
        field = self.field(label)
        self._to_python.append(("submit", field["_i"], field.get("value", "")))

    def _buttons(self, name: str) -> list[Tree]:
        return [c for c in _controls(self._page) if name in (_named(c.get("icon")), c.get("tooltip"))]

    def tap(self, name: str) -> None:
        """The person taps the button with this name."""
        (button,) = self._buttons(name)
        self._to_python.append(("click", button["_i"], ""))

    def has(self, name: str) -> bool:
        """Whether there is a button with this name."""
        return bool(self._buttons(name))

    def tell(self) -> bool:
        """Python gets the next of what was typed. Returns whether there was any."""
        if not self._to_python:
            return False
        assert self._session is not None
        what, control, text = self._to_python.popleft()
        if what == "value":
            self._session.apply_patch(control, {"value": text})
        elif what == "done":
            self._session.handle_invoke_method_results(control, text, None, None)
        else:
            task = asyncio.get_running_loop().create_task(self._session.dispatch_event(control, what, text))
            _TASKS.add(task)
            task.add_done_callback(_TASKS.discard)
        return True

    def hear(self) -> bool:
        """The screen gets the next of what Python has sent. Returns whether there was any."""
        if not self._to_flutter:
            return False
        control, sent = self._to_flutter.popleft()
        if isinstance(sent, str):
            self.focused = control
            self._to_python.append(("done", control, sent))
        else:
            _apply(next(c for c in _controls(self._page) if c["_i"] == control), sent)
        return True

    async def rest(self) -> None:
        """Everything arrives, in both directions."""
        more = True
        while more:
            for _ in range(5):
                await asyncio.sleep(0)
            more = self.tell() or self.hear()


_TASKS: set[asyncio.Task[None]] = set()


def _sent(value: object) -> Any:
    """What comes out at the other end."""
    return msgpack.unpackb(msgpack.packb(value, default=_encode), strict_map_key=False)


def _named(icon: object) -> object:
    return icon.get("semantics_label") if isinstance(icon, dict) else None


def _controls(value: object) -> Iterator[Tree]:
    if isinstance(value, dict):
        if "_c" in value:
            yield value
        for inner in value.values():
            yield from _controls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _controls(inner)


def _apply(control: Tree, patch: list[Any]) -> None:
    """`Control.applyPatch`: a tree of numbered nodes, then operations on them (0 replaces, 1 adds, 2 removes, 3
    moves)."""
    nodes: dict[int, Any] = {}

    def number(node: list[Any], at: Any) -> None:
        nodes[node[0]] = at
        for name, inner in (node[1] if len(node) > 1 else {}).items():
            number(inner, at[name])

    number(patch[0], control)
    for kind, node, key, *rest in patch[1:]:
        target = nodes[node]
        if kind == 3:  # from a list and index to a list and index
            nodes[rest[0]].insert(rest[1], target.pop(key))
        elif kind == 2:
            del target[key]
        elif kind == 1 and isinstance(target, list):
            target.insert(key, rest[0])
        else:
            target[key] = rest[0]
