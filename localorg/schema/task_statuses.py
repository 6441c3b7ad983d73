"""The statuses of tasks, and which of them close one: those of every org, or the own ones of an org of the shape
`task-statuses`.

Source: Object Reference, TaskStatus: several values may represent a closed task; IsClosed of a task follows its Status.
"""

from dataclasses import replace

from localorg.schema.sobjects import SObject

USUAL = ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")
_OWN = ("Planned", "Waiting", "Done", "Dropped")
CLOSED = frozenset({"Completed", "Done", "Dropped"})  # no status of one org means something else in the other


def shaped(one: SObject) -> SObject:
    """The object with the statuses that it has in an org of this shape."""
    if one.name != "Task":
        return one
    fields = (replace(f, picklist=_OWN, default=_OWN[0]) if f.name == "Status" else f for f in one.fields)
    return replace(one, fields=tuple(fields))
