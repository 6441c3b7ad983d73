"""Playing an action by its answers: which one fits, what it changes, what it says."""

import re
from collections.abc import Mapping
from typing import cast

from localorg.data import records
from localorg.data.values import field_value
from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.played import PlayedAction, PlayedAnswer
from localorg.schema.sobjects import Schema

_BRACES = re.compile(r"\{([^{}]*)\}")


class Thrown(Exception):
    """An exception of Apex that nobody catches, in its own words. What the action had changed is undone."""


class Scene:
    """One run of an action: its inputs, and the ids of what it has created. `schema` is what the user sees, but Apex
    and Flows that run without sharing see everything, so records are read and changed as the org has them.
    """

    def __init__(self, org: Org, user_id: str, inputs: Mapping[str, object]) -> None:
        self._org = org
        self._user = user_id
        self._schema: Schema = org.objects
        self._names: dict[str, object] = {"user": user_id, "today": org.clock.stamp()[:10], **inputs}

    def answer(self, action: PlayedAction) -> tuple[PlayedAnswer, object] | None:
        """The first answer that fits, carried out, with the values that it answers; None when none fits.

        Raises Thrown, and leaves everything as it was.
        """
        fitting = next((a for a in action.answers if self._fits(a)), None)
        if fitting is None:
            return None
        if fitting.throws:
            raise Thrown(str(self.filled(fitting.throws)))
        if fitting.refuses:
            return fitting, self.filled(fitting.refuses)
        try:
            with self._org.write():
                for step in fitting.steps:
                    fields = cast(Mapping[str, object], self.filled(step.fields))
                    if step.sobject:
                        made = records.create(self._org, self._schema[step.sobject], fields, self._user)
                        if step.named:
                            self._names[step.named] = made
                    else:
                        self._update(str(self.filled(step.record)), fields)
        except ApiError as refused:
            what = "Update" if not fitting.steps or fitting.steps[0].record else "Insert"
            said = f"{refused.code}, {refused.message}: [{', '.join(refused.fields or ())}]"
            raise Thrown(f"System.DmlException: {what} failed. First exception on row 0; first error: {said}") from None
        return fitting, self.filled(fitting.values)

    def _update(self, identifier: str, fields: Mapping[str, object]) -> None:
        source = self._schema.of_id(identifier)
        if source is None:
            raise ApiError(400, "MALFORMED_ID", f"Id: id value of incorrect type: {identifier}", ["Id"])
        records.update(self._org, source, identifier, fields, self._user)

    def _fits(self, answer: PlayedAnswer) -> bool:
        return all(self._value(path) in wanted for path, wanted in answer.when.items())

    def filled(self, value: object) -> object:
        """A value with its placeholders filled in; a text that is only one of them becomes what that stands for."""
        if isinstance(value, str):
            whole = _BRACES.fullmatch(value)
            if whole is not None:
                return self._value(whole[1])
            return _BRACES.sub(lambda found: _written(self._value(found[1])), value)
        if isinstance(value, Mapping):
            return {name: self.filled(inner) for name, inner in cast(Mapping[str, object], value).items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in cast(list[object], value)]
        return value

    def _value(self, path: str) -> object:
        """An input, or with `.Field` a field of the record whose id it is; None when there is no such thing."""
        name, dot, field = path.partition(".")
        value = self._names.get(name)
        if not dot:
            return value
        source = self._schema.of_id(str(value or ""))
        shape = None if source is None else source.field(field)
        if source is None or shape is None:
            return None
        try:
            return field_value(records.read(self._org, source, str(value)), shape)
        except ApiError:
            return None


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
