"""Values with other fields, whatever they are made of: dataclasses of the contract, Structs of the backend."""

import dataclasses
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")


def replace(value: T, /, **fields: Any) -> T:
    """The value with these fields in place of its own."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **fields)
    return cast(T, dataclasses.replace(cast(Any, value), **fields))
