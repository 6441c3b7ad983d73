"""Reads files of answers: what the org's invocable actions and its Apex REST answer, and what they change.

docs/localorg.md describes the form. A file that has another one is refused with a DataError that names the place.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from localorg.data.seed import PROFILES
from localorg.metadata import DataError
from localorg.schema.played import TYPES, Input, Played, PlayedAction, PlayedAnswer, Step, Value
from localorg.schema.sobjects import Schema

_KINDS = ("custom/flow", "custom/apex", "standard")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_ADDRESS = re.compile(r"(/[\w.~-]+)+(/\*)?", re.ASCII)
_BRACES = re.compile(r"\{([^{}]*)\}")
_ALWAYS = ("user", "today")  # what placeholders may name beside inputs and created records
REST = "rest"  # what the * of an address of Apex REST stands for


def read_actions(paths: Sequence[Path], schema: Schema) -> Played:
    """The actions of all files; `schema` is the org's, which their records have to fit. Raises DataError."""
    invocable: dict[tuple[str, str], PlayedAction] = {}
    apex_rest: dict[tuple[str, str], PlayedAction] = {}
    for path in paths:
        try:
            content: object = json.loads(path.read_bytes(), object_pairs_hook=_once)
        except OSError as wrong:
            raise DataError(f"{path}: {wrong.strerror or wrong}") from None
        except json.JSONDecodeError as wrong:
            raise DataError(f"{path}: line {wrong.lineno}: is not JSON: {wrong.msg}") from None
        except _Twice as twice:
            raise DataError(f"{path}: {str(twice)!r} stands there twice") from None
        except (UnicodeDecodeError, RecursionError) as wrong:
            raise DataError(f"{path}: is not JSON: {str(wrong)[:120]}") from None
        top = _object(content, str(path), ("invocable", "apexrest"))
        for key, value in _object(top.get("invocable", {}), f"{path}: invocable").items():
            kind, _, name = key.rpartition("/")
            where = f"{path}: {key}"
            if kind not in _KINDS or _NAME.fullmatch(name) is None:
                raise DataError(f"{where}: an invocable action is called {', '.join(k + '/NAME' for k in _KINDS)}")
            if any((kind, name.lower()) == (k, n.lower()) for k, n in invocable):
                raise DataError(f"{where}: is there already")  # Salesforce's names are the same in any case
            invocable[kind, name] = _Reading(where, schema, of_class=False).action(kind, name, value)
        for key, value in _object(top.get("apexrest", {}), f"{path}: apexrest").items():
            method, _, address = key.partition(" ")
            where = f"{path}: {key}"
            if method not in _METHODS or _ADDRESS.fullmatch(address) is None:
                raise DataError(f"{where}: Apex REST is called by method and address, such as POST /credit/*")
            if (method, address) in apex_rest:
                raise DataError(f"{where}: is there already")
            apex_rest[method, address] = _Reading(where, schema, of_class=True).action(method, address, value)
    return Played(tuple(invocable.values()), tuple(apex_rest.values()))


class _Reading:
    """Reads one action; `where` names it in errors, `of_class` is whether it is Apex REST."""

    def __init__(self, where: str, schema: Schema, *, of_class: bool) -> None:
        self._where = where
        self._schema = schema
        self._of_class = of_class
        self._ids: set[str] = set()
        self._names: set[str] = set()
        self._outputs: frozenset[str] = frozenset()

    def action(self, kind: str, name: str, value: object) -> PlayedAction:
        """The action. Raises DataError."""
        known = ("label", "description", "inputs", "outputs", "profiles", "answers")
        said = _object(value, self._where, known)
        inputs = tuple(self._input(n, v) for n, v in _object(said.get("inputs", {}), f"{self._where}: inputs").items())
        outputs = _object(said.get("outputs", {}), f"{self._where}: outputs")
        self._names = {i.name for i in inputs} | set(_ALWAYS) | ({REST} if self._of_class else set[str]())
        declared = {n: _one_of(t, TYPES, f"{self._where}: outputs: {n}") for n, t in outputs.items()}
        self._outputs = frozenset(declared)
        answers = _list(said.get("answers", []), f"{self._where}: answers")
        if not answers:
            raise DataError(f"{self._where}: an action has at least one of answers")
        return PlayedAction(
            kind,
            name,
            _text(said.get("label", name.replace("_", " ")), f"{self._where}: label"),
            inputs,
            tuple(self._answer(n, a) for n, a in enumerate(answers, 1)),
            self._profiles(said.get("profiles", [])),
            declared,
            _text(said.get("description", ""), f"{self._where}: description"),
        )

    def _profiles(self, value: object) -> frozenset[str]:
        where = f"{self._where}: profiles"
        profiles = [_text(profile, where) for profile in _list(value, where)]
        for profile in profiles:
            if profile not in PROFILES:
                known = ", ".join(PROFILES)
                raise DataError(f"{where}: no user of this org has the profile {profile!r}; there are {known}")
        return frozenset(profiles)

    def _input(self, name: str, value: object) -> Input:
        where = f"{self._where}: inputs: {name}"
        if _NAME.fullmatch(name) is None:
            raise DataError(f"{where}: is not the name of an input")
        said = {"type": value} if isinstance(value, str) else _object(value, where, ("type", "label", "required"))
        required = said.get("required", False)
        if not isinstance(required, bool):
            raise DataError(f"{where}: required is true or false")
        kind = _one_of(said.get("type", "STRING"), TYPES, f"{where}: type")
        return Input(name, kind, _text(said.get("label", name), f"{where}: label"), required)

    def _answer(self, number: int, value: object) -> PlayedAnswer:
        where = f"{self._where}: answer {number}"
        told = ("body", "status") if self._of_class else ("outputs",)
        said = _object(value, where, ("when", "does", "refuses", "code", "throws", *told))
        ways = [name for name in ("refuses", "throws", *told[:1]) if name in said]
        if len(ways) > 1 or (len(ways) == 1 and ways[0] in ("refuses", "throws") and "does" in said):
            raise DataError(f"{where}: either refuses, or throws, or does something and answers")
        status = said.get("status", 200 if "refuses" not in said else 400)
        if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
            raise DataError(f"{where}: status is a number from 200 to 599")
        when = {
            self._path(path, f"{where}: when"): _values(wanted, f"{where}: when: {path}")
            for path, wanted in _object(said.get("when", {}), f"{where}: when").items()
        }
        names = set(self._names)
        steps = tuple(
            self._step(s, f"{where}: does {n}", names)
            for n, s in enumerate(_list(said.get("does", []), f"{where}: does"), 1)
        )
        values: object = said.get(told[0])
        if not self._of_class and values is not None:
            values = _object(values, f"{where}: outputs")
            unknown = sorted(values.keys() - self._outputs) if self._outputs else []
            if unknown:
                known = ", ".join(sorted(self._outputs))
                raise DataError(f"{where}: outputs: {unknown[0]} is not declared; there are {known}")
        texts = {n: _text(said.get(n, ""), f"{where}: {n}") for n in ("refuses", "code", "throws")}
        self._check([values, texts["refuses"], texts["throws"]], where, names)
        return PlayedAnswer(when, steps, values, status, **texts)

    def _step(self, value: object, where: str, names: set[str]) -> Step:
        said = _object(value, where, ("create", "update", "fields", "as"))
        fields = _object(said.get("fields", {}), f"{where}: fields")
        self._check(fields, where, names)
        if ("create" in said) == ("update" in said):
            raise DataError(f"{where}: either creates a record of an object, or updates the one with an id")
        if "update" in said:
            record = _text(said["update"], f"{where}: update")
            self._check(record, where, names)
            return Step(fields, record=record)
        source = self._schema.sobject(_text(said["create"], f"{where}: create"))
        if source is None:
            raise DataError(f"{where}: {said['create']} is no object of this org")
        unknown = [name for name in fields if source.field(name) is None]
        if unknown:
            raise DataError(f"{where}: {source.name} has no field {unknown[0]}")
        named = _text(said.get("as", ""), f"{where}: as")
        if named:
            names.add(named)
        return Step(fields, sobject=source.name, named=named)

    def _path(self, path: str, where: str) -> str:
        self._check("{" + path + "}", where, self._names)
        return path

    def _check(self, value: object, where: str, names: Iterable[str]) -> None:
        """Raises DataError for a placeholder that nothing will ever fill."""
        for text in _texts(value):
            for inside in _BRACES.findall(text):
                name, dot, field = inside.partition(".")
                if name not in names or (dot and _NAME.fullmatch(field) is None):
                    known = ", ".join(sorted(names))
                    raise DataError(f"{where}: {{{inside}}} names nothing; there are {known}")


class _Twice(Exception):
    """A key that an object has twice."""


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """The object of a JSON text. Raises _Twice: the first of two would be lost without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _value in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return found


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast(Mapping[str, object], value).values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast(list[object], value):
            yield from _texts(inner)


def _object(value: object, where: str, known: Sequence[str] = ()) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: is a JSON object")
    named = cast(dict[str, object], value)
    unknown = [name for name in named if known and name not in known]
    if unknown:
        raise DataError(f"{where}: does not know {unknown[0]!r}; it knows {', '.join(known)}")
    return named


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise DataError(f"{where}: is a list")
    return cast(list[object], value)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: is a text")
    return value


def _one_of(value: object, known: Sequence[str], where: str) -> str:
    if value not in known:
        raise DataError(f"{where}: is one of {', '.join(known)}")
    return str(value)


def _values(value: object, where: str) -> tuple[Value, ...]:
    several = cast(list[object], value) if isinstance(value, list) else [value]
    if not all(one is None or isinstance(one, str | bool | int | float) for one in several):
        raise DataError(f"{where}: is a value, or a list of values")
    return tuple(cast(list[Value], several))
