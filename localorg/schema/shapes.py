"""The objects and fields that an org has beside those of every org, by its shape."""

from collections.abc import Callable, Iterable

from localorg.schema import demo_record_types, encrypted_names, person_accounts, state_country, task_statuses
from localorg.schema.sobjects import Schema, SObject
from localorg.schema.standard import STANDARD

# What a shape makes of each object, one after another: what is encrypted may be of a shape before.
_SHAPED: dict[str, Callable[[SObject], SObject]] = {
    "record-types": demo_record_types.shaped,
    "person-accounts": person_accounts.shaped,
    "state-country": state_country.shaped,
    "task-statuses": task_statuses.shaped,
    "encrypted-names": encrypted_names.shaped,
}


def shaped(shape: Iterable[str]) -> Schema:
    """The standard schema of an org of this shape."""
    wanted = frozenset(shape)
    makers = [make for name, make in _SHAPED.items() if name in wanted]
    if not makers:
        return STANDARD
    objects = list(STANDARD)
    for make in makers:
        objects = [make(one) for one in objects]
    return Schema(objects)
