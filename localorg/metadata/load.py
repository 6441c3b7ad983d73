"""Records for a new org, from CSV files or from the trees and plans of Salesforce's command-line client.

A CSV file is named after its object. Source of the JSON: Salesforce CLI Command Reference, `data import tree`
(`attributes.referenceId`, `@reference`, nested children, plans).
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec

from localorg.data import records
from localorg.errors import ApiError
from localorg.metadata import DataError
from localorg.org import Org
from localorg.schema.sobjects import Field, SObject


def load(org: Org, paths: Sequence[Path]) -> None:
    """Creates the records of all these files and folders, or none of them. Raises DataError."""
    if not paths:
        return
    user = str(org.db.execute("SELECT Id FROM User WHERE Username = 'admin@localorg.test'").fetchone()[0])
    loading = _Loading(org, user)
    with org.write():
        for path in paths:
            for file in _files(path):
                loading.take(file)


def _files(path: Path) -> list[Path]:
    """The files to load for a path: the file itself, or the plan of a folder, or without a plan all its files."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.is_file():
        return [path]
    every = sorted(f for f in path.iterdir() if f.suffix in (".csv", ".json"))
    plans = [f for f in every if "plan" in f.name.lower() and f.suffix == ".json"]
    if len(plans) > 1:
        raise DataError(f"{path}: holds several plans; name the one to load: {', '.join(f.name for f in plans)}")
    files = plans or every
    if not files:
        raise DataError(f"{path}: holds no .csv and no .json file")
    return files


@dataclass(slots=True)
class _Loading:
    org: Org
    user: str
    made: dict[str, str] = field(default_factory=dict[str, str])  # ids by reference

    def take(self, file: Path) -> None:
        """Creates the records of one file. Raises DataError."""
        if file.suffix == ".csv":
            self._csv(file)
            return
        try:
            value: object = msgspec.json.decode(file.read_bytes())
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise DataError(f"{file}: is not JSON: {str(wrong)[:120]}") from None
        if isinstance(value, list):
            self._plan(file, cast(list[object], value))
        else:
            for record in _records(value, f"{file}"):
                self._tree(record, f"{file}")

    def _plan(self, file: Path, steps: Iterable[object]) -> None:
        for step in steps:
            files = cast(dict[str, object], step).get("files") if isinstance(step, dict) else None
            if not isinstance(files, list):
                raise DataError(f"{file}: each step of a plan names its files")
            for name in cast(list[object], files):
                one = file.parent / str(name)
                if not one.is_file():
                    raise DataError(f"{file}: there is no {one}")
                self.take(one)

    def _tree(self, record: Mapping[str, object], where: str, parent: tuple[str, str] | None = None) -> None:
        attributes = record.get("attributes")
        kind = cast(dict[str, object], attributes) if isinstance(attributes, dict) else {}
        reference = str(kind.get("referenceId") or "")
        where = f"{where}, record {reference or '?'}"
        source = self._sobject(str(kind.get("type") or ""), where)
        children = {
            name: cast(object, value)
            for name, value in record.items()
            if isinstance(value, dict) and name != "attributes"
        }
        values = {
            name: self._resolved(value, where)
            for name, value in record.items()
            if name != "attributes" and name not in children
        }
        if parent is not None:
            values[parent[0]] = parent[1]
        made = self._create(source, values, where)
        if reference:
            self.made[reference] = made
        for name, below in children.items():
            relation = source.child(name)
            if relation is None:
                raise DataError(f"{where}: {source.name} has no children {name}")
            for child in _records(below, where):
                self._tree(child, where, (relation.field, made))

    def _resolved(self, value: object, where: str) -> object:
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        identifier = self.made.get(value[1:])
        if identifier is None:
            raise DataError(f"{where}: {value} refers to a record that is not there yet")
        return identifier

    def _csv(self, file: Path) -> None:
        source = self._sobject(file.stem, str(file))
        try:
            with file.open(newline="", encoding="utf-8-sig") as lines:
                rows = csv.DictReader(lines, strict=True)
                for row in rows:
                    self._row(source, row, f"{file}:{rows.line_num}")
        except UnicodeDecodeError:
            raise DataError(f"{file}: is not UTF-8") from None
        except csv.Error as wrong:
            raise DataError(f"{file}: is not CSV: {wrong}") from None

    def _row(self, source: SObject, row: Mapping[str | None, object], where: str) -> None:
        if None in row or None in row.values():
            raise DataError(f"{where}: has more or fewer cells than the first line has names")
        values: dict[str, object] = {}
        for name, cell in cast(Mapping[str, str], row).items():
            relationship, dot, key = name.partition(".")
            reference = source.parent(relationship) if dot else None
            if reference is not None:
                values[reference.name] = self._parent_id(reference, key, cell, where) if cell else None
                continue
            f = source.field(name)
            values[name] = _typed(f, cell) if f is not None else cell
        self._create(source, values, where)

    def _parent_id(self, reference: Field, key: str, cell: str, where: str) -> str:
        """The id of the one record that `reference` may point to and whose field `key` has this value. Raises
        DataError.
        """
        for target in reference.targets:
            f = self.org.objects[target].field(key)
            if f is not None and f.stored:
                rows = self.org.db.execute(
                    f'SELECT Id FROM "{target}" WHERE "{f.name}" = ? AND IsDeleted = 0', (cell,)
                ).fetchall()
                if len(rows) == 1:
                    return str(rows[0][0])
        raise DataError(f"{where}: there is not exactly one {' or '.join(reference.targets)} with {key} {cell[:60]!r}")

    def _sobject(self, name: str, where: str) -> SObject:
        source = self.org.objects.sobject(name)
        if source is None:
            raise DataError(f"{where}: {name or 'a record without a type'} is no object of this org")
        return source

    def _create(self, source: SObject, values: Mapping[str, object], where: str) -> str:
        try:
            return records.create(self.org, source, values, self.user)
        except ApiError as refused:
            raise DataError(f"{where}: {refused.code}: {refused.message}") from None


def _records(value: object, where: str) -> Iterator[Mapping[str, object]]:
    listed = cast(dict[str, object], value).get("records") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise DataError(f"{where}: is not a tree: a JSON object with records is expected")
    for record in cast(list[object], listed):
        if not isinstance(record, dict):
            raise DataError(f"{where}: a record is a JSON object")
        yield cast(dict[str, object], record)


def _typed(f: Field, cell: str) -> object:
    if f.type == "boolean":
        return {"true": True, "false": False, "1": True, "0": False, "": False}.get(cell.lower(), cell)
    return cell
