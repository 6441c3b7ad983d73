"""Reads metadata files: a folder of Salesforce DX source, or one JSON file with the same names.

Source of the files and their elements: Metadata API Developer Guide, CustomObject, CustomField, ValidationRule,
RecordType, GlobalValueSet, PermissionSet, Profile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from xml.parsers import expat

import msgspec

from localorg.metadata import MetadataError


def misread(path: Path, line: int | None, said: str) -> MetadataError:
    """A MetadataError that names the file and line."""
    return MetadataError(f"{path}{'' if line is None else f':{line}'}: {said}")


@dataclass(slots=True)
class Element:
    """One XML element (or JSON property) of a metadata file. `line` is None in JSON files."""

    name: str
    path: Path
    line: int | None
    text: str = ""
    children: "list[Element]" = field(default_factory=list["Element"])

    def all(self, name: str) -> "list[Element]":
        """The direct children of that name."""
        return [c for c in self.children if c.name == name]

    def one(self, *names: str) -> "Element | None":
        """The first child of that name; with several names, the first child of a child and so on. None when there is
        none.
        """
        element = next((c for c in self.children if c.name == names[0]), None)
        return element if element is None or len(names) == 1 else element.one(*names[1:])

    def said(self, *names: str, otherwise: str = "") -> str:
        """The text of the element that `one` returns, `otherwise` when there is none."""
        element = self.one(*names)
        return otherwise if element is None else element.text.strip()

    def true(self, name: str) -> bool:
        """Whether the text of that child is `true`."""
        return self.said(name).lower() == "true"

    def number(self, name: str, otherwise: int) -> int:
        """The text of that child as a whole number. Raises MetadataError when it is not one."""
        text = self.said(name, otherwise=str(otherwise))
        if not text.isdecimal():
            raise self.wrong(f"{name} is a whole number, not {text[:40]!r}")
        return int(text)

    def needed(self, name: str) -> str:
        """The text of that child. Raises MetadataError when it is missing or empty."""
        text = self.said(name)
        if not text:
            raise self.wrong(f"{self.name} needs {name}")
        return text

    def wrong(self, said: str) -> MetadataError:
        """A MetadataError about this element, to be raised."""
        return misread(self.path, self.line, said)


@dataclass(slots=True)
class Source:
    """The elements of all files that were read, by API name; lists are by the name of their object."""

    objects: dict[str, Element] = field(default_factory=dict[str, Element])
    fields: dict[str, list[Element]] = field(default_factory=dict[str, list[Element]])
    rules: dict[str, list[Element]] = field(default_factory=dict[str, list[Element]])
    record_types: dict[str, list[Element]] = field(default_factory=dict[str, list[Element]])
    value_sets: dict[str, Element] = field(default_factory=dict[str, Element])
    permission_sets: dict[str, Element] = field(default_factory=dict[str, Element])
    profiles: dict[str, Element] = field(default_factory=dict[str, Element])

    def names(self) -> list[str]:
        """The names of all objects that the files describe or extend."""
        return sorted({*self.objects, *self.fields, *self.rules, *self.record_types})


def read(paths: Sequence[Path]) -> Source:
    """Reads folders of Salesforce DX source and JSON files. Raises MetadataError, also for a path without any
    metadata.
    """
    source = Source()
    for path in paths:
        if not path.exists():
            raise misread(path, None, "there is no such file or folder")
        files = [path] if path.is_file() else sorted(_files(path))
        used = sum(_take(source, file, file.relative_to(path).parts[:-1] if path.is_dir() else ()) for file in files)
        if not used:
            said = (
                "holds no objects: expected objects/NAME/NAME.object-meta.xml as in a Salesforce DX project, or a JSON"
                " file"
            )
            raise misread(path, None, said)
    return source


def _files(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.name.startswith(".") and entry.name != "node_modules":
            yield from _files(entry)
        elif entry.name.endswith("-meta.xml"):
            yield entry


def _take(source: Source, file: Path, folders: Sequence[str]) -> bool:
    """Adds one file to the source. Returns false for a kind of file that is not used here."""
    if file.suffix == ".json":
        _take_json(source, file)
        return True
    stem, _, kind = file.name.removesuffix("-meta.xml").rpartition(".")
    owner = (
        folders[folders.index("objects") + 1]
        if "objects" in folders and folders.index("objects") + 1 < len(folders)
        else ""
    )
    if not owner and file.parent.parent.name and file.parent.name in ("fields", "validationRules", "recordTypes"):
        owner = file.parent.parent.name
    match kind:
        case "object":
            source.objects[stem] = read_xml(file)
        case "field" | "validationRule" | "recordType" if owner:
            {"field": source.fields, "validationRule": source.rules, "recordType": source.record_types}[
                kind
            ].setdefault(owner, []).append(read_xml(file))
        case "globalValueSet":
            source.value_sets[stem] = read_xml(file)
        case "permissionset":
            source.permission_sets[stem] = read_xml(file)
        case "profile":
            source.profiles[stem] = read_xml(file)
        case _:
            return False
    return True


def read_xml(file: Path) -> Element:
    """The root element of an XML file. Raises MetadataError."""
    parser = expat.ParserCreate()
    root: list[Element] = []
    inside: list[Element] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        element = Element(name, file, parser.CurrentLineNumber)
        (inside[-1].children if inside else root).append(element)
        inside.append(element)

    def end(_name: str) -> None:
        inside.pop()

    def text(data: str) -> None:
        if inside:
            inside[-1].text += data

    def doctype(*_rest: object) -> None:
        raise misread(file, parser.CurrentLineNumber, "metadata files have no document type")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(file.read_bytes(), True)
    except expat.ExpatError as wrong:
        raise misread(file, wrong.lineno, f"is not XML: {expat.ErrorString(wrong.code)}") from None
    return root[0]


def _take_json(source: Source, file: Path) -> None:
    """Adds a JSON file: `{"Invoice__c": {"label": …, "fields": {"Amount__c": {"type": "Currency"}}, "validationRules":
    {…}, "recordTypes": {…}}}`.
    """
    try:
        value: object = msgspec.json.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise misread(file, None, f"is not JSON: {str(wrong)[:120]}") from None
    if not isinstance(value, dict):
        raise misread(file, None, "is not an object of API names")
    for name, properties in cast(dict[str, object], value).items():
        element = _element(str(name), properties, file)
        for part, into in (
            ("fields", source.fields),
            ("validationRules", source.rules),
            ("recordTypes", source.record_types),
        ):
            for holder in element.all(part):
                for one in holder.children:
                    one.children.append(Element("fullName", file, None, one.name))
                    into.setdefault(element.name, []).append(one)
        source.objects[element.name] = element


def _element(name: str, value: object, file: Path) -> Element:
    element = Element(name, file, None)
    if isinstance(value, dict):
        for key, inner in cast(dict[str, object], value).items():
            for one in cast(list[object], inner) if isinstance(inner, list) else [inner]:
                element.children.append(_element(str(key), one, file))
    elif isinstance(value, bool):
        element.text = str(value).lower()
    elif value is not None:
        element.text = str(value)
    return element
