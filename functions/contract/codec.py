"""One strict decoder between JSON and the contract's dataclasses; field names are camelCase on the wire."""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from operator import attrgetter
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
_PLAIN = (str, bool, int, float)
_EXACT = 2**53 - 1  # up to here a double holds every whole number
_SCALARS = frozenset((*_PLAIN, type(None)))
_Decoder = Callable[[object, bool], object]


class DecodeError(ValueError):
    """A value does not have the shape that the contract says; the text names the place, never the value."""


def camel(name: str) -> str:
    """`login_host` as it is written on the wire: `loginHost`."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def decode(shape: type[T], value: object, *, at: str = "data", lenient: bool = False) -> T:
    """Decodes a JSON value into `shape`.

    `lenient` passes over unknown fields: an app reads answers of a newer backend. Raises DecodeError.
    """
    try:
        return cast(T, _decoder(shape)(value, lenient))
    except _Wrong as wrong:
        raise DecodeError(f"{at}{''.join(reversed(wrong.place))}: {wrong.what}") from None


def encode(value: object, *, leave: type | None = None) -> Any:
    """A contract value as plain JSON types; fields that are None are left out. Lists of the type `leave` stay as they
    are, for who writes those otherwise.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict:
        named = cast(dict[str, object], value)
        is_plain = _SCALARS.issuperset(map(type, named.values()))
        return named if is_plain else {k: encode(v, leave=leave) for k, v in named.items()}
    if kind is tuple or kind is list:
        items = cast(list[object], value)
        return items if items and type(items[0]) is leave else [encode(v, leave=leave) for v in items]
    parts = _parts(kind)
    if parts is not None:
        get, wires = parts
        made: dict[str, object] = {}
        for wire, inner in zip(wires, get(value), strict=True):
            if inner is not None:
                made[wire] = inner if type(inner) in _SCALARS else encode(inner, leave=leave)
        return made
    if isinstance(value, Mapping):
        return {k: encode(v, leave=leave) for k, v in cast(Mapping[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [encode(v, leave=leave) for v in cast(list[object], value)]
    return value


@cache
def _parts(kind: type) -> tuple[Callable[[object], tuple[object, ...]], tuple[str, ...]] | None:
    """What reads the fields of a dataclass (or of a Struct of msgspec), and their names on the wire; None for another
    type.
    """
    struct: tuple[str, ...] | None = getattr(kind, "__struct_fields__", None)
    if struct is None and not is_dataclass(kind):
        return None
    names = [f.name for f in fields(kind)] if struct is None else struct

    def one_by_one(value: object) -> tuple[object, ...]:  # attrgetter makes no tuple of a single one
        return tuple(getattr(value, name) for name in names)

    return attrgetter(*names) if len(names) > 1 else one_by_one, tuple(map(camel, names))


@cache
def wire_fields(shape: type) -> dict[str, tuple[Field[Any], Any]]:
    """The fields of a contract dataclass by wire name, each with its resolved type."""
    hints = get_type_hints(shape)
    return {camel(f.name): (f, hints[f.name]) for f in fields(shape)}


def is_optional(field: Field[Any]) -> bool:
    """Whether a field may be left out on the wire."""
    return field.default is not MISSING or field.default_factory is not MISSING


class _Wrong(Exception):
    """A value has not the shape; whoever decodes what is around it adds to the place, innermost first."""

    def __init__(self, what: str, *place: str) -> None:
        super().__init__()
        self.what = what
        self.place = list(place)


@cache
def _decoder(shape: Any) -> _Decoder:
    """What decodes a value of this shape: found once, because looking at types is slow."""
    origin, arguments = get_origin(shape), get_args(shape)
    if is_dataclass(shape):
        return partial(_decode_object, cast(type, shape))
    if origin in (Union, types.UnionType):
        return partial(_decode_union, arguments, frozenset(arguments) & _SCALARS)
    if origin is Literal:
        return partial(_decode_literal, arguments)
    if origin in (list, tuple):
        return partial(_decode_items, origin, arguments[0])
    if origin in (dict, Mapping):
        return partial(_decode_mapping, arguments[1])
    return partial(_decode_plain, shape)


def _decode_literal(allowed: tuple[Any, ...], value: object, _lenient: bool) -> object:
    if value not in allowed:
        raise _Wrong(f"one of {', '.join(map(str, allowed))} expected")
    return value


def _decode_items(into: type, inner: Any, value: object, lenient: bool) -> object:
    if not isinstance(value, list):
        raise _Wrong("a list expected")
    decode_it, items = _decoder(inner), list[object]()
    try:
        for item in cast(list[object], value):
            items.append(decode_it(item, lenient))
    except _Wrong as wrong:
        wrong.place.append(f"[{len(items)}]")
        raise
    return tuple(items) if into is tuple else items


def _decode_mapping(inner: Any, value: object, lenient: bool) -> object:
    if not isinstance(value, dict):
        raise _Wrong("an object expected")
    decode_it, name, made = _decoder(inner), "", dict[str, object]()
    try:
        for name, item in cast(dict[str, object], value).items():
            made[name] = decode_it(item, lenient)
    except _Wrong as wrong:
        wrong.place.append(f".{name}")
        raise
    return made


def _decode_plain(shape: Any, value: object, _lenient: bool) -> object:
    # A bool is an int in Python, not on the wire.
    if type(value) is shape and shape in _PLAIN:
        return value
    if shape is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if shape is int and isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)  # Swift and JavaScript write a whole double as 25.0
    if shape in _PLAIN and isinstance(value, shape) and not isinstance(value, bool):
        return value
    if shape is object:
        return value
    names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    raise _Wrong(f"{names.get(shape, 'another type')} expected")


def _decode_union(options: tuple[Any, ...], exact: frozenset[type], value: object, lenient: bool) -> object:
    if type(value) in exact:  # 1234.0 stays what it is where a whole number is allowed too
        return value
    others = [option for option in options if option is not type(None)]
    for option in others:
        try:
            return _decoder(option)(value, lenient)
        except _Wrong:
            if len(others) == 1:
                raise
    raise _Wrong("no allowed type fits")


def _decode_object(shape: type, value: object, lenient: bool) -> object:
    if not isinstance(value, dict):
        raise _Wrong("an object expected")
    given = cast(dict[str, object], value)
    allowed, required = _plan(shape)
    if not lenient and not given.keys() <= allowed.keys():
        unknown = next(k for k in given if k not in allowed)
        raise _Wrong(f"unknown field {unknown[:40]!r}; known are {', '.join(allowed) or 'none'}")
    if not given.keys() >= required:
        raise _Wrong("missing", f".{next(wire for wire in allowed if wire in required and wire not in given)}")
    made: dict[str, object] = {}
    for wire, inner in given.items():
        if wire not in allowed or (inner is None and wire not in required):
            continue
        name, decode_it = allowed[wire]
        try:
            made[name] = decode_it(inner, lenient)
        except _Wrong as wrong:
            wrong.place.append(f".{wire}")
            raise
    return shape(**made)


@cache
def _plan(shape: type) -> tuple[dict[str, tuple[str, _Decoder]], frozenset[str]]:
    """For each field of a dataclass by wire name its attribute and what decodes it; and those that may not be left
    out.
    """
    named = wire_fields(shape)
    plan = {wire: (field.name, _decoder(hint)) for wire, (field, hint) in named.items()}
    return plan, frozenset(wire for wire, (field, _) in named.items() if not is_optional(field))
