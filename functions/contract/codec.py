"""One strict decoder between JSON and the contract's dataclasses; field names are camelCase on the wire."""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
_PLAIN = (str, bool, int, float)
_EXACT = 2**53 - 1  # up to here a double holds every whole number
_SCALARS = frozenset((*_PLAIN, type(None)))


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
    return cast(T, _decode(shape, value, at, lenient))


def encode(value: object) -> Any:
    """A contract value as plain JSON types; fields that are None are left out."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    names = _wire_names(kind)
    if names is not None:
        named = ((wire, getattr(value, name)) for name, wire in names)
        return {wire: inner if type(inner) in _SCALARS else encode(inner) for wire, inner in named if inner is not None}
    if isinstance(value, Mapping):
        named = cast(Mapping[str, object], value)
        return named if _SCALARS.issuperset(map(type, named.values())) else {k: encode(v) for k, v in named.items()}
    if isinstance(value, list | tuple):
        return [encode(v) for v in cast(list[object], value)]
    return value


@cache
def _wire_names(kind: type) -> tuple[tuple[str, str], ...] | None:
    """The attributes of a dataclass with their names on the wire; None for another type."""
    return tuple((f.name, camel(f.name)) for f in fields(kind)) if is_dataclass(kind) else None


@cache
def wire_fields(shape: type) -> dict[str, tuple[Field[Any], Any]]:
    """The fields of a contract dataclass by wire name, each with its resolved type."""
    hints = get_type_hints(shape)
    return {camel(f.name): (f, hints[f.name]) for f in fields(shape)}


def is_optional(field: Field[Any]) -> bool:
    """Whether a field may be left out on the wire."""
    return field.default is not MISSING or field.default_factory is not MISSING


def _decode(shape: Any, value: object, at: str, lenient: bool) -> object:
    return _decoder(shape)(value, at, lenient)


@cache
def _decoder(shape: Any) -> Callable[[object, str, bool], object]:
    """What decodes a value of this shape: found once, because looking at types is slow."""
    origin, arguments = get_origin(shape), get_args(shape)
    if is_dataclass(shape):
        return partial(_decode_object, cast(type, shape))
    if origin in (Union, types.UnionType):
        return partial(_decode_union, arguments)
    if origin is Literal:
        return partial(_decode_literal, arguments)
    if origin in (list, tuple):
        return partial(_decode_items, origin, arguments[0])
    if origin in (dict, Mapping):
        return partial(_decode_mapping, arguments[1])
    return partial(_decode_plain, shape)


def _decode_literal(allowed: tuple[Any, ...], value: object, at: str, _lenient: bool) -> object:
    if value not in allowed:
        raise DecodeError(f"{at}: one of {', '.join(map(str, allowed))} expected")
    return value


def _decode_items(into: type, inner: Any, value: object, at: str, lenient: bool) -> object:
    if not isinstance(value, list):
        raise DecodeError(f"{at}: a list expected")
    items = [_decode(inner, v, f"{at}[{i}]", lenient) for i, v in enumerate(cast(list[object], value))]
    return tuple(items) if into is tuple else items


def _decode_mapping(inner: Any, value: object, at: str, lenient: bool) -> object:
    if not isinstance(value, dict):
        raise DecodeError(f"{at}: an object expected")
    return {k: _decode(inner, v, f"{at}.{k}", lenient) for k, v in cast(dict[str, object], value).items()}


def _decode_plain(shape: Any, value: object, at: str, _lenient: bool) -> object:
    if shape is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if shape is int and isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)  # Swift and JavaScript write a whole double as 25.0
    # A bool is an int in Python, not on the wire.
    if shape in _PLAIN and isinstance(value, shape) and (shape is bool or not isinstance(value, bool)):
        return value
    if shape is object:
        return value
    names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    raise DecodeError(f"{at}: {names.get(shape, 'another type')} expected")


def _decode_union(options: tuple[Any, ...], value: object, at: str, lenient: bool) -> object:
    if value is None and type(None) in options:
        return None
    if float in options and isinstance(value, float):
        return value  # 1234.0 stays what it is where both are allowed
    for option in options:
        if option is not type(None):
            try:
                return _decode(option, value, at, lenient)
            except DecodeError:
                if len([o for o in options if o is not type(None)]) == 1:
                    raise
    raise DecodeError(f"{at}: no allowed type fits")


def _decode_object(shape: type, value: object, at: str, lenient: bool) -> object:
    if not isinstance(value, dict):
        raise DecodeError(f"{at}: an object expected")
    given = cast(dict[str, object], value)
    allowed = wire_fields(shape)
    if not lenient and not given.keys() <= allowed.keys():
        unknown = next(k for k in given if k not in allowed)
        raise DecodeError(f"{at}: unknown field {unknown[:40]!r}; known are {', '.join(allowed) or 'none'}")
    made: dict[str, object] = {}
    for name, (f, hint) in allowed.items():
        if name in given and not (given[name] is None and is_optional(f)):
            made[f.name] = _decode(hint, given[name], f"{at}.{name}", lenient)
        elif not is_optional(f):
            raise DecodeError(f"{at}.{name}: missing")
    return shape(**made)
