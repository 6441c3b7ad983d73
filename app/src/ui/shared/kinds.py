"""Objects some of whose records are people: which fields a record has, and what a chosen value is called."""

from collections.abc import Mapping
from dataclasses import replace

from contract.calls import FieldShape, FieldValue, SobjectShape


def shape_for(shape: SobjectShape, fields: Mapping[str, FieldValue]) -> SobjectShape:
    """The object as it is for a record with these fields: a person has the sections and related lists of people, and
    needs what they need."""
    if not is_person(shape, fields):
        return shape
    assert shape.persons is not None
    required, sections = shape.persons.required, shape.persons.sections
    of_people = tuple(replace(f, required=True) if f.name in required else f for f in shape.fields)
    related = tuple(r for r in shape.related if r.name in shape.persons.related)
    return replace(shape, fields=of_people, sections=sections, related=related)


def is_person(shape: SobjectShape, fields: Mapping[str, FieldValue]) -> bool:
    """Whether a record with these fields is a person, by its own word or else by its record type."""
    persons = shape.persons
    if persons is None:
        return False
    said = fields.get(persons.flag)
    return said if isinstance(said, bool) else fields.get(shape.record_type) in persons.record_types


def label_of(field: FieldShape, value: str, controlling: FieldValue = None) -> str:
    """What people read for a picklist's value, which may depend on the value of the field that controls it."""
    with_it = field.labels_with.get(str(controlling).lower() if isinstance(controlling, bool) else str(controlling), {})
    return with_it.get(value) or field.labels.get(value, value)
