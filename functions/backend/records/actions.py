"""What a layout says of an action: a button on a record that runs Apex or a Flow in Salesforce, as the user.

The client names an action and a record; what is asked of Salesforce for it stands here, and nothing that is not here
can be asked. Wrong declarations are refused when the backend starts, with a ValueError that names the object and the
action and says what is wrong (`check_actions`).

Sources: Actions Developer Guide, "Apex Actions", "Flow Actions"; Apex Developer Guide, "Exposing Apex Classes as REST
Web Services".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import Literal, cast

import msgspec

from contract.actions import ActionShape, Choice, Question, Words
from contract.values import FieldValue

Text = str | Mapping[str, str]  # in English, or by language
ID = "Id"  # where a record's id is wanted and not one of its fields
ANSWER = "answer"  # what the one value is called that a method of Apex REST returns, a text or number or yes or no
KINDS = ("custom/flow", "custom/apex", "standard")
METHODS = ("POST", "PUT", "PATCH")
ASKED = ("text", "number", "date", "yes-no", "choice")  # how something is asked
Value = FieldValue | tuple[FieldValue, ...] | list[FieldValue] | set[FieldValue] | frozenset[FieldValue]
_USUAL: Mapping[str, str] = {"recordId": ID}  # what an invocable action is sent unless said otherwise
_NAME = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*", re.ASCII)
_PATH = re.compile(r"(/(\{id\}|[\w.~-]+))+/?", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_REST = "/services/apexrest"


class Invocable(msgspec.Struct, frozen=True):
    """An invocable action: of a `kind` of KINDS, by the name that Setup shows, of a class its own and not its method's;
    one of a package begins with its namespace (`ns__Name`).
    """

    kind: str
    name: str

    @property
    def path(self) -> str:
        """Its address below the API's version."""
        return f"/actions/{self.kind}/{self.name}"


class ApexRest(msgspec.Struct, frozen=True):
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
    if method in METHODS and f"{address}/".startswith(f"{_REST}/"):
        raise ValueError(f"{text!r}: the address is said without {_REST}, as in POST /address/{{id}}")
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
        if self.choices:
            object.__setattr__(self, "kind", "choice")

    def check(self) -> None:
        """Raises ValueError for a wrong declaration."""
        _named(self.name, "an input")
        _check_text(self.label, f"{self.name}: label")
        if not any(words(self.label).values()):
            raise ValueError(f"{self.name}: a question needs a label")
        if self.kind not in ASKED:
            raise ValueError(f"{self.name}: kind {self.kind!r} is none of {', '.join(ASKED)}")
        _check_type(self.required, bool, f"{self.name}: required is True or False")
        if isinstance(self.lines, bool) or not isinstance(_any(self.lines), int) or self.lines < 1:
            raise ValueError(f"{self.name}: lines is a number from 1")
        _check_type(self.choices, Mapping, f"{self.name}: choices are {{value: label}}")
        if self.kind == "choice" and not self.choices:
            raise ValueError(f"{self.name}: a choice needs its choices")
        for value, label in self.choices.items():
            _check_type(value, str, f"{self.name}: the value of a choice is a text, {value!r} is none")
            _check_text(label, f"{self.name}: choice {value!r}")

    @property
    def question(self) -> Question:
        """It as the app asks it."""
        choices = tuple(Choice(value, words(label)) for value, label in self.choices.items())
        return Question(self.name, words(self.label), self.kind, self.required, self.lines, choices)


@dataclass(frozen=True, slots=True)
class Action:
    """A button on a record.

    `runs` is what it runs, as `target` reads it; `sends` which input gets which field of the record (`Id` for its id;
    unless said otherwise `recordId` gets that, and Apex REST nothing), `asks` what the person is asked before,
    `confirm` a sentence that they have to agree to. It shows while each field of `shown_when` has one of the values
    there, and with `needs_edit` only to those who may change such records; the backend looks at the record again
    before it runs anything.

    `says` is what is said afterwards, with {name} for a value of the answer; `opens` the value that is the id of a
    record to go to, `refused_by` the one that says why it was refused, empty when it was not. `reads_again` is false
    for what changes nothing on the page. `icon` is a word of Material's; `in_menu` puts it into the record's menu.
    """

    runs: str
    label: Text
    icon: str = "bolt"
    sends: Mapping[str, str] = field(default_factory=lambda: _USUAL)
    asks: tuple[Ask, ...] = ()
    confirm: Text = ""
    shown_when: Mapping[str, Value] = field(default_factory=dict[str, Value])
    needs_edit: bool = False
    says: Text = ""
    opens: str = ""
    refused_by: str = ""
    reads_again: bool = True
    in_menu: bool = False
    wrong: str = field(init=False, default="")  # what is wrong with the declaration
    _shape: ActionShape = field(init=False, repr=False, compare=False, default=ActionShape("", {}))

    def __post_init__(self) -> None:
        if self.sends is _USUAL and self.runs.__class__ is str and self.runs.startswith(METHODS):
            object.__setattr__(self, "sends", {})  # the parameters of a method are its own, and others are refused
        try:
            self._check()
            object.__setattr__(self, "_shape", self._made())
        except ValueError as wrong:
            object.__setattr__(self, "wrong", str(wrong))

    def _check(self) -> None:
        """Raises ValueError for a wrong declaration."""
        _check_type(self.runs, str, "what an action runs is a text")
        _ = self.target
        _check_type(self.sends, Mapping, "sends is {input: field of the record}")
        _check_type(self.asks, tuple | list, "asks are several, each an Ask: (Ask(…),)")
        for ask in self.asks:
            _check_type(ask, Ask, f"{ask!r} is no Ask")
            ask.check()
        named = [*self.sends, *(ask.name for ask in self.asks)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: an input is sent once, from the record or from what is asked")
        for name, from_field in self.sends.items():
            _named(name, "an input")
            _check_field(from_field, "sends")
        _check_text(self.label, "label")
        _check_text(self.confirm, "confirm")
        _check_text(self.says, "says", filled=True)
        if not any(words(self.label).values()):
            raise ValueError("an action needs a label")
        _check_type(self.shown_when, Mapping, "shown_when is {field of the record: value, or several in brackets}")
        for name, wanted in self.shown_when.items():
            _check_field(name, "shown_when")
            values = _several(wanted)
            if not values or not all(v is None or isinstance(_any(v), str | bool | int | float) for v in values):
                raise ValueError(f"shown_when: {name}: {wanted!r} is no value, and not several in brackets")
        for name, value in (("opens", self.opens), ("refused_by", self.refused_by)):
            if value != "":
                _named(value, f"a value of the answer, as {name} needs it")
        if not isinstance(_any(self.icon), str) or _NAME.fullmatch(self.icon) is None:
            raise ValueError(f"icon: {self.icon!r} is no name of an icon, such as credit_score")
        for name in ("needs_edit", "reads_again", "in_menu"):
            _check_type(getattr(self, name), bool, f"{name} is True or False")

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
        """The values of the answer that its words name."""
        return frozenset(name for text in words(self.says).values() for name in _places(text))

    def allows(self, field_name: str, value: FieldValue) -> bool:
        """Whether it may run on a record with this value in a field of `shown_when`."""
        return value in _several(self.shown_when[field_name])

    def shape(self, name: str) -> ActionShape:
        """It as the app shows it."""
        return replace(self._shape, name=name)

    def _made(self) -> ActionShape:
        return ActionShape(
            "",
            words(self.label),
            self.icon,
            {field_name: _several(wanted) for field_name, wanted in self.shown_when.items()},
            words(self.confirm),
            tuple(ask.question for ask in self.asks),
            words(self.says),
            self.reads_again,
            self.in_menu,
        )


def check_actions(sobject: str, actions: Mapping[str, Action]) -> None:
    """Raises ValueError for the first of an object's actions that is declared wrongly."""
    for name, action in actions.items():
        if not isinstance(_any(action), Action):
            raise ValueError(f"{sobject}.{name}: is no Action")
        if action.wrong:
            raise ValueError(f"{sobject}.{name}: {action.wrong}")


def words(text: Text) -> Words:
    """A text by language; nothing for no text."""
    if isinstance(text, str):
        return {"en": text} if text else {}
    return dict(text)


def _several(wanted: Value) -> tuple[FieldValue, ...]:
    if isinstance(wanted, set | frozenset):
        return tuple(sorted(wanted, key=str))
    return tuple(wanted) if isinstance(wanted, tuple | list) else (wanted,)


def _any(value: object) -> object:
    """A value whose type is not to be believed: what is declared is written by hand."""
    return value


def _check_type(value: object, wanted: object, said: str) -> None:
    if not isinstance(value, cast(type, wanted)):
        raise ValueError(said)


def _named(name: object, what: str) -> None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not the name of {what}")


def _check_field(name: object, where: str) -> None:
    if not isinstance(name, str) or _FIELD.fullmatch(name) is None:
        raise ValueError(f"{where}: {name!r} is not the name of a field")


def _check_text(text: object, where: str, *, filled: bool = False) -> None:
    """`filled` says whether values of the answer may stand in it."""
    if not isinstance(text, str | Mapping):
        raise ValueError(f"{where}: {text!r} is neither a text nor {{language: text}}")
    for language, said in words(cast(Text, text)).items():
        if not isinstance(_any(language), str) or _LANGUAGE.fullmatch(language) is None:
            raise ValueError(f"{where}: {language!r} is no code of a language, such as en or de-AT")
        _check_type(said, str, f"{where}: {said!r} is no text")
        if filled:
            _places(said)
        elif "{" in said or "}" in said:
            raise ValueError(f"{where}: {said!r}: braces can be filled in says only")


def _places(text: str) -> set[str]:
    """The values of the answer that stand in a text. Raises ValueError for one with anything else in braces."""
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as wrong:
        raise ValueError(f"{text!r}: {wrong}; braces hold the name of one value of the answer") from None
    names = [(name, form, conversion) for _before, name, form, conversion in parsed if name is not None]
    for name, form, conversion in names:
        if _NAME.fullmatch(name) is None or form or conversion:
            raise ValueError(f"{text!r}: braces hold the name of one value of the answer")
    return {name for name, _form, _conversion in names}
