"""Actions that an org plays by a file of answers: invocable actions and Apex REST."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | bool | int | float | None
TYPES = ("STRING", "ID", "BOOLEAN", "INTEGER", "DOUBLE", "DATE", "DATETIME")


@dataclass(frozen=True, slots=True)
class Input:
    """What an action takes; `type` is one of TYPES."""

    name: str
    type: str = "STRING"
    label: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A record that an answer changes (its id is `record`) or creates (of `sobject`); a created one's id is then called
    `named`. Texts may hold placeholders.
    """

    fields: Mapping[str, object]
    record: str = ""
    sobject: str = ""
    named: str = ""


@dataclass(frozen=True, slots=True)
class PlayedAnswer:
    """What an action answers where each of `when` fits: an input's value, or that of a field of the record whose id the
    input is (`recordId.Status`), is one of these.

    It does its `steps` and answers `values` with `status`; or `refuses` with a text and a `code`; or `throws`, as Apex
    does with an exception that nobody catches.
    """

    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict[str, tuple[Value, ...]])
    steps: tuple[Step, ...] = ()
    values: object = None
    status: int = 200
    refuses: str = ""
    code: str = ""
    throws: str = ""


@dataclass(frozen=True, slots=True)
class PlayedAction:
    """An action. `kind` is `custom/flow`, `custom/apex` or `standard`, or the method of a class of Apex REST, whose
    `name` is its address; `profiles` are those that may run it, none for all.
    """

    kind: str
    name: str
    label: str
    inputs: tuple[Input, ...]
    answers: tuple[PlayedAnswer, ...]
    profiles: frozenset[str] = frozenset()
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    description: str = ""


@dataclass(frozen=True, slots=True)
class Played:
    """All actions of an org."""

    invocable: tuple[PlayedAction, ...] = ()
    apex_rest: tuple[PlayedAction, ...] = ()
