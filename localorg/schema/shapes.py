"""The objects and fields that an org has beside those of every org, by its shape."""

from collections.abc import Callable, Iterable

from localorg.schema import demo_record_types
from localorg.schema.sobjects import Schema, SObject
from localorg.schema.standard import STANDARD

# What a shape makes of each object.
_SHAPED: dict[str, Callable[[SObject], SObject]] = {"record-types": demo_record_types.shaped}


def shaped(shape: Iterable[str]) -> Schema:
    """The standard schema of an org of this shape."""
    makers = [_SHAPED[name] for name in sorted(shape) if name in _SHAPED]
    if not makers:
        return STANDARD
    objects = list(STANDARD)
    for make in makers:
        objects = [make(one) for one in objects]
    return Schema(objects)
