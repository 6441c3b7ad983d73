"""Flet's walk over what comes to the screen and what leaves it, without the fields that nobody has set.

To find the controls in a control, Flet (1.0.5, `flet.controls.object_patch`) reads each of its fields, some sixty, and
most of the time between a tap and its answer went there. What was set is in a control's `_values`, its lists and the
like in `_structural_fields`; nothing else holds a control. The outcome is that of Flet's own walk, in the same order:
tests/app/test_quick_walk.py compares the two, and fails for another version of Flet.
"""

import dataclasses
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flet.controls.base_control import BaseControl
from flet.controls.object_patch import (
    DiffBuilder,
    ObjectPatchException,
    _control_setattr,  # pyright: ignore[reportPrivateUsage]
)

_Within = Callable[[Any], Iterable[Any]]
_PLAIN = frozenset({"_i", "_c"})  # a number and a name
_SENT = ("__prev_lists", "__prev_dicts", "__prev_classes")


class _Kind:
    """What a class of values is to the walk. `within` gives what is to be looked at in a value, in the order of its
    fields; it is None where there is nothing to look at."""

    __slots__ = ("is_control", "is_dataclass", "within")

    def __init__(self, cls: type) -> None:
        self.is_control = issubclass(cls, BaseControl)
        self.is_dataclass = dataclasses.is_dataclass(cls)
        self.within: _Within | None = None
        if self.is_dataclass:
            self.within = _within_fields(cls)
        elif issubclass(cls, list):
            self.within = iter
        elif issubclass(cls, dict):
            self.within = dict[Any, Any].values


class _Kinds(dict[type, _Kind]):
    def __missing__(self, cls: type) -> _Kind:
        kind = self[cls] = _Kind(cls)
        return kind


_KINDS = _Kinds()


def _within_fields(cls: type) -> _Within:
    order = {f.name: n for n, f in enumerate(dataclasses.fields(cls)) if not f.metadata.get("skip", False)}
    kept_apart: frozenset[str] | None = vars(cls).get("_structural_fields")  # a class without is read whole
    is_sparse = kept_apart is not None
    read = tuple(name for name in order if name not in _PLAIN and (kept_apart is None or name in kept_apart))

    def within(item: Any) -> Iterable[Any]:
        found = [(order[name], value) for name in read if _KINDS[type(value := getattr(item, name))].within is not None]
        if is_sparse:
            for name, value in item._values.items():
                if _KINDS[type(value)].within is not None:
                    found.append((order[name], value))
        if len(found) > 1:
            found.sort(key=_place)
        return [value for _n, value in found]

    return within


def _place(field: tuple[int, Any]) -> int:
    return field[0]


def _configure(item: Any, parent: Any, frozen: bool, found: list[BaseControl], *, inside: bool = True) -> None:
    """Makes something new ready for the screen. Its controls are added to `found`, each before those in it."""
    kind = _KINDS[type(item)]
    if kind.within is None:
        return
    if not kind.is_dataclass:
        for value in kind.within(item):
            _configure(value, parent, frozen, found)
        return
    if parent is None:
        before = getattr(item, "_parent", None)
        parent = before() if before else None
    if parent:
        if parent is item:
            raise ObjectPatchException(f"Parent is the same as item: {item}")
        item._parent = weakref.ref(parent)
    if hasattr(item, "_frozen"):
        frozen = item._frozen
    elif frozen:
        item._frozen = frozen
    cls = type(item)
    if getattr(cls, "__flet_control_cls__", None) is None:
        cls.__flet_control_cls__ = BaseControl
    if kind.is_control:
        if inside:
            item.build()
            item._before_update_safe()  # here a component is painted
            object.__setattr__(item, "_initialized", True)
        found.append(item)
        parent = item
    if inside:
        for value in kind.within(item):
            _configure(value, parent, frozen, found)
    if not frozen:
        dirty = getattr(item, "_dirty", None)
        if dirty is not None:
            dirty.clear()
        else:
            if cls.__setattr__ is not _control_setattr:
                setattr(cls, "__setattr__", _control_setattr)  # noqa: B010  a method of another class, to the type checker
            object.__setattr__(item, "__changes", {})


def _remove(item: Any, found: list[BaseControl], *, inside: bool) -> None:
    """Adds the controls in something that leaves the screen to `found`, each after those in it."""
    kind = _KINDS[type(item)]
    if kind.is_control:
        if hasattr(item, "__prev_lists"):
            for name in _SENT:
                for value in getattr(item, name, {}).values():
                    _remove(value, found, inside=inside)
        elif inside and kind.within is not None:
            for value in kind.within(item):
                _remove(value, found, inside=inside)
        found.append(item)
    elif kind.within is not None and not kind.is_dataclass:
        for value in kind.within(item):
            _remove(value, found, inside=inside)


def _configure_dataclass(
    _builder: DiffBuilder, item: Any, parent: Any, frozen: bool, configure_setattr_only: bool = False
) -> Iterator[BaseControl]:
    found: list[BaseControl] = []
    _configure(item, parent, frozen, found, inside=not configure_setattr_only)
    return iter(found)


def _removed_controls(_builder: DiffBuilder, item: Any, recurse: bool) -> Iterator[BaseControl]:
    found: list[BaseControl] = []
    _remove(item, found, inside=recurse)
    return iter(found)


_Walks = dict[str, Callable[..., Iterator[BaseControl]]]
QUICK: _Walks = {"_configure_dataclass": _configure_dataclass, "_removed_controls": _removed_controls}
FLETS_OWN: _Walks = {name: getattr(DiffBuilder, name) for name in QUICK}


def install() -> None:
    """Gives Flet the quick walk in place of its own, for this process."""
    for name, walk in QUICK.items():
        setattr(DiffBuilder, name, walk)
