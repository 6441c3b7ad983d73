"""What a layout says of an action: a button on a record that runs Apex or a Flow in Salesforce, as the user.

The client names an action and a record; what is asked of Salesforce for it stands here, and nothing that is not here
can be asked. Wrong declarations are refused when the backend starts, with a ValueError that says what is wrong.

Sources: Actions Developer Guide, "Apex Actions", "Flow Actions"; Apex Developer Guide, "Exposing Apex Classes as REST
Web Services".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Literal

from contract.actions import ActionShape, Choice, Question, Words
from contract.values import FieldValue

Text = str | Mapping[str, str]  # in English, or by language
ID = "Id"  # where a record's id is wanted and not one of its fields
KINDS = ("custom/flow", "custom/apex", "standard")
METHODS = ("POST", "PUT", "PATCH")
_NAME = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
_PATH = re.compile(r"(/(\{id\}|[\w.~-]+))+/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Invocable:
    """An invocable action: of a `kind` of KINDS, by the name that Setup shows, of a class its own and not its method's;
    one of a package begins with its namespace (`ns__Name`).
    """

    kind: str
    name: str

    @property
    def path(self) -> str:
        """Its address below the API's version."""
        return f"/actions/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class ApexRest:
    """An Apex class with @RestResource: its urlMapping with the rest of the address, in which {id} is the record's."""

    method: str
    path: str


Target = Invocable | ApexRest


def target(text: str) -> Target:
    """What a declaration runs: `custom/flow/NAME` is an autolaunched Flow, `custom/apex/NAME` a class with an
    @InvocableMethod, `standard/NAME` what every org has, `POST /address/{id}` Apex REST below /services/apexrest.

    Raises ValueError for anything else.
    """
    method, _, address = text.partition(" ")
    if method in METHODS and _PATH.fullmatch(address) and ".." not in address:
        return ApexRest(method, address)
    kind, _, name = text.rpartition("/")
    if kind in KINDS and _NAME.fullmatch(name):
        return Invocable(kind, name)
    raise ValueError(f"{text!r}: an action runs {', '.join(f'{k}/NAME' for k in KINDS)} or POST /address/{{id}}")


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that the person is asked before an action runs; the answer goes along under `name`. `kind` is `text`
    (of so many `lines`), `number`, `date` or `yes-no`, and `choice` where there are `choices`: the values, each with
    what people read for it.
    """

    name: str
    label: Text
    kind: Literal["text", "number", "date", "yes-no", "choice"] = "text"
    required: bool = False
    lines: int = 1
    choices: Mapping[str, Text] = field(default_factory=dict[str, Text])

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is not the name of an input")
        if self.choices:
            object.__setattr__(self, "kind", "choice")
        elif self.kind == "choice":
            raise ValueError(f"{self.name}: a choice needs its choices")

    @property
    def question(self) -> Question:
        """It as the app asks it."""
        choices = tuple(Choice(value, words(label)) for value, label in self.choices.items())
        return Question(self.name, words(self.label), self.kind, self.required, self.lines, choices)


@dataclass(frozen=True, slots=True)
class Action:
    """A button on a record.

    `runs` is what it runs, as `target` reads it; `sends` which input gets which field of the record (`Id` for its id),
    `asks` what the person is asked before, `confirm` a sentence that they have to agree to. It shows while each field
    of `shown_when` has one of the values there, and with `needs_edit` only to those who may change such records; the
    backend looks at the record again before it runs anything.

    `says` is what is said afterwards, with {name} for a value of the answer; `opens` the value that is the id of a
    record to go to, `refused_by` the one that says why it was refused, empty when it was not. `reads_again` is false
    for what changes nothing on the page. `icon` is a word of Material's; `in_menu` puts it into the record's menu.
    """

    runs: str
    label: Text
    icon: str = "bolt"
    sends: Mapping[str, str] = field(default_factory=lambda: {"recordId": ID})
    asks: tuple[Ask, ...] = ()
    confirm: Text = ""
    shown_when: Mapping[str, FieldValue | tuple[FieldValue, ...]] = field(
        default_factory=dict[str, FieldValue | tuple[FieldValue, ...]]
    )
    needs_edit: bool = False
    says: Text = ""
    opens: str = ""
    refused_by: str = ""
    reads_again: bool = True
    in_menu: bool = False

    def __post_init__(self) -> None:
        _ = self.target
        named = [*self.sends, *(ask.name for ask in self.asks)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: an input is sent once, from the record or from what is asked")
        wrong = [name for name in named if _NAME.fullmatch(name) is None]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not the name of an input")
        if not any(words(self.label).values()):
            raise ValueError("an action needs a label")
        _ = self.named  # raises for texts that cannot be filled in

    @property
    def target(self) -> Target:
        """What it runs."""
        return target(self.runs)

    @property
    def fields(self) -> tuple[str, ...]:
        """The record's fields that it needs."""
        return tuple(dict.fromkeys(name for name in (*self.sends.values(), *self.shown_when) if name != ID))

    @property
    def named(self) -> frozenset[str]:
        """The values of the answer that its words name. Raises ValueError for a text with anything else in braces."""
        named: set[str] = set()
        for text in words(self.says).values():
            for _before, name, form, conversion in Formatter().parse(text):
                if name is None:
                    continue
                if _NAME.fullmatch(name) is None or form or conversion:
                    raise ValueError(f"{text!r}: braces hold the name of one value of the answer")
                named.add(name)
        return frozenset(named)

    def allows(self, field_name: str, value: FieldValue) -> bool:
        """Whether it may run on a record with this value in a field of `shown_when`."""
        return value in _several(self.shown_when[field_name])

    def shape(self, name: str) -> ActionShape:
        """It as the app shows it."""
        return ActionShape(
            name,
            words(self.label),
            self.icon,
            {field_name: _several(wanted) for field_name, wanted in self.shown_when.items()},
            words(self.confirm),
            tuple(ask.question for ask in self.asks),
            words(self.says),
            self.reads_again,
            self.in_menu,
        )


def words(text: Text) -> Words:
    """A text by language; nothing for no text."""
    if isinstance(text, str):
        return {"en": text} if text else {}
    return dict(text)


def _several(wanted: FieldValue | tuple[FieldValue, ...]) -> tuple[FieldValue, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)
