"""Turns metadata files into an org's schema: custom objects and fields, rules, record types, permissions.

What this org does not support is left out and listed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from localorg.metadata.formula import FormulaError, compile_formula, compile_value
from localorg.metadata.source import Element, Source
from localorg.schema.activities import related
from localorg.schema.demo_record_types import RECORD_TYPE_ID
from localorg.schema.metadata import Metadata, Permissions
from localorg.schema.sobjects import Change, ChildRelationship, Field, RecordType, Rule, Schema, SObject
from localorg.schema.standard import QUEUE_OWNER, STANDARD, SYSTEM

_NAME = re.compile(r"[A-Za-z]\w*__c", re.ASCII)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Endings of names, and the kinds of objects that they mean, which this org does not have.
_OTHER_KINDS = {
    "__mdt": "custom metadata types",
    "__e": "platform events",
    "__b": "big objects",
    "__x": "external objects",
    "__kav": "articles",
}
_LEFT_OUT = {
    "Summary": "roll-up summaries are not computed", "Time": "fields with a time of day are not kept",
    "EncryptedText": "encrypted fields are not kept",
    "ExternalLookup": "there are no external objects", "IndirectLookup": "there are no external objects",
    "MetadataRelationship": "there are no custom metadata types", "File": "files are not kept",
}  # fmt: skip


def build(source: Source, prefixes: Mapping[str, str], standard: Schema = STANDARD) -> Metadata:
    """The Metadata of an org: the standard objects with everything in `source`. Raises MetadataError.

    `prefixes` are the key prefixes by object that custom objects already have; new objects get the next free ones of
    `a00`, `a01`, …
    """
    return _Builder(source, dict(prefixes), standard).build()


class _Builder:
    def __init__(self, source: Source, prefixes: dict[str, str], standard: Schema) -> None:
        self._source = source
        self._prefixes = prefixes
        self._made = Metadata(standard, standard=standard)
        self._objects: dict[str, SObject] = {o.name: o for o in standard}
        self._children: dict[str, list[ChildRelationship]] = {}

    def build(self) -> Metadata:
        """The finished Metadata."""
        named = self._source.names()
        for name in named:
            if name not in self._objects:
                self._begin(name, self._source.objects.get(name))
        for name in (n for n in named if n in self._objects):
            self._extend(name)
        for parent, children in self._children.items():
            one = self._objects[parent]
            self._objects[parent] = replace(one, children=(*one.children, *children))
        for name in (n for n in named if n in self._objects):
            self._add_rules(name)
        self._made.schema = Schema(self._objects.values())
        self._made.permission_sets = tuple(_permissions(n, e) for n, e in sorted(self._source.permission_sets.items()))
        self._made.profiles = tuple(_permissions(n, e) for n, e in sorted(self._source.profiles.items()))
        return self._made

    def _leave_out(self, what: str, why: str) -> None:
        self._made.left_out.append(f"{what}: {why}")

    # Objects

    def _begin(self, name: str, element: Element | None) -> None:
        """Adds a custom object with the fields that every object has."""
        ending = next((e for e in _OTHER_KINDS if name.endswith(e)), None)
        if ending is not None:
            self._leave_out(name, f"there are no {_OTHER_KINDS[ending]} in this org")
            return
        if not name.endswith("__c"):
            self._leave_out(name, "this org does not have the object")
            return
        if element is None:
            self._leave_out(name, f"its fields are there and not the object itself ({name}.object-meta.xml)")
            return
        if element.one("customSettingsType") is not None:
            self._leave_out(name, "custom settings are not kept")
            return
        if _NAME.fullmatch(name) is None:
            raise element.wrong(f"{name} is not the name of a custom object: letters, digits and _, then __c")
        label = element.said("label", otherwise=name.removesuffix("__c").replace("_", " "))
        self._objects[name] = SObject(
            name,
            label,
            element.said("pluralLabel", otherwise=label + "s"),
            self._prefix(name),
            (SYSTEM[0], _name_field(element, label), *SYSTEM[1:]),
        )

    def _prefix(self, name: str) -> str:
        if name not in self._prefixes:
            taken = {*self._prefixes.values(), *(o.prefix for o in self._made.standard)}
            free = (f"a{_BASE62[n // 62]}{_BASE62[n % 62]}" for n in range(62 * 62))
            self._prefixes[name] = next(p for p in free if p not in taken)
        return self._prefixes[name]

    def _extend(self, name: str) -> None:
        """Adds the custom fields and record types of an object."""
        one = self._objects[name]
        fields: list[Field] = []
        seen = {f.name.lower() for f in one.fields}
        for element in self._source.fields.get(name, []):
            field_name = element.needed("fullName")
            if not field_name.endswith("__c"):
                continue  # a standard field: nothing that a file may change about it shows in an API
            if _NAME.fullmatch(field_name) is None:
                raise element.wrong(f"{field_name} is not the name of a custom field: letters, digits and _, then __c")
            if field_name.lower() in seen:
                if one.custom:
                    raise element.wrong(f"{name}.{field_name} is there twice")
                continue  # the org has it already
            seen.add(field_name.lower())
            fields += self._field(one, field_name, element)
        owned = not one.custom or any(f.cascade for f in fields)
        types = (*one.record_types, *map(_record_type, self._source.record_types.get(name, [])))
        typed = [RECORD_TYPE_ID] if types and one.field("RecordTypeId") is None else []
        head = 2 if one.custom else len(one.fields) - len(SYSTEM) + 1
        owner = [] if owned else [QUEUE_OWNER]
        self._objects[name] = replace(
            one, fields=(*one.fields[:head], *typed, *fields, *owner, *one.fields[head:]), record_types=types
        )
        element = self._source.objects.get(name)
        if one.custom:
            self._refer("ContentVersion", "FirstPublishLocationId", name)
            self._refer("ContentDocumentLink", "LinkedEntityId", name, "ContentDocumentLinks")
        if one.custom and element is not None and element.true("enableActivities"):
            self._refer("Task", "WhatId", name, "Tasks")
            self._refer("Event", "WhatId", name, "Events")
            for one_more in related(name):
                self._refer(one_more.child, one_more.field, name, one_more.name)

    def _refer(self, child: str, field: str, parent: str, relationship: str = "") -> None:
        """Lets a polymorphic field point to one more object, which gets its child relationship."""
        one = self._objects[child]
        fields = [replace(f, others=(*f.others, parent)) if f.name == field else f for f in one.fields]
        self._objects[child] = replace(one, fields=tuple(fields))
        if relationship:
            self._children.setdefault(parent, []).append(ChildRelationship(relationship, child, field))

    # Fields

    def _field(self, owner: SObject, name: str, element: Element) -> list[Field]:
        full, kind = f"{owner.name}.{name}", element.needed("type")
        if element.said("formula"):
            self._leave_out(full, "formula fields are not computed")
            return []
        if kind in _LEFT_OUT:
            self._leave_out(full, _LEFT_OUT[kind])
            return []
        if kind not in _KINDS:
            raise (element.one("type") or element).wrong(f"{kind} is not a type of a custom field")
        label = element.said("label", otherwise=name.removesuffix("__c").replace("_", " "))
        default, computed = self._default(owner, full, element)
        base = Field(
            name, label, required=element.true("required"), external_id=element.true("externalId"),
            unique=element.true("unique"), default=default, computed_default=computed,
        )  # fmt: skip
        if kind in ("Lookup", "MasterDetail", "Hierarchy"):
            return self._reference(owner, base, kind, element)
        if kind == "Location":
            stem = name.removesuffix("__c")
            parts = [replace(base, name=f"{stem}__{n}__s", label=f"{label} ({n})", type="double", length=0,
                             required=False, within=name)
                     for n in ("Latitude", "Longitude")]  # fmt: skip
            return [*parts, replace(base, type="location", length=0, required=False, compound=stem)]
        made = _KINDS[kind](base, element)
        return [self._with_values(full, made, element) if kind in ("Picklist", "MultiselectPicklist") else made]

    def _default(self, owner: SObject, full: str, element: Element) -> tuple[object, Callable[[Change], object] | None]:
        """The default of a field: its value, or the formula that computes it. Both are None when there is none."""
        text, kind = element.said("defaultValue"), element.said("type")
        if not text:
            return (False if kind == "Checkbox" else None), None
        if text.lower() in ("true", "false") and kind == "Checkbox":
            return text.lower() == "true", None
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return (float(text) if kind in ("Number", "Currency", "Percent") else text), None
        if re.fullmatch(r"""(["'])[^"'\\]*\1""", text):
            return text[1:-1], None
        try:
            return None, compile_value(text, owner)
        except FormulaError as wrong:
            self._leave_out(f"{full}, its default", str(wrong))
            return None, None

    def _reference(self, owner: SObject, base: Field, kind: str, element: Element) -> list[Field]:
        target = "User" if kind == "Hierarchy" else element.needed("referenceTo")
        full = f"{owner.name}.{base.name}"
        if target not in self._objects:
            self._leave_out(full, f"it refers to {target}, which this org does not have")
            return []
        stem = base.name.removesuffix("__c")
        below = element.said("relationshipName")
        if below:
            self._children.setdefault(target, []).append(ChildRelationship(f"{below}__r", owner.name, base.name))
        master = kind == "MasterDetail"
        return [
            replace(
                base,
                type="reference",
                length=18,
                refers_to=target,
                relationship=f"{stem}__r",
                required=base.required or master,
                cascade=master,
            )
        ]

    def _with_values(self, full: str, made: Field, element: Element) -> Field:
        """The field with the values of its picklist: its own, or those of a global value set."""
        values = [(v.text.strip(), v.text.strip(), False, True) for v in element.all("values")]
        chosen = element.one("valueSet")
        if chosen is not None:
            named = chosen.said("valueSetName")
            holder = self._source.value_sets.get(named) if named else chosen.one("valueSetDefinition")
            if holder is None:
                self._leave_out(
                    f"{full}, its values", f"the value set {named or '?'} is not in the folder; any text is taken"
                )
                return replace(made, restricted=False)
            inside = [*holder.all("value"), *holder.all("customValue")]
            values = [
                (
                    v.needed("fullName"), v.said("label", otherwise=v.said("fullName")), v.true("default"),
                    v.said("isActive", otherwise="true").lower() == "true",
                )
                for v in inside
            ]  # fmt: skip

        default = next((v for v, _, is_default, _ in values if is_default), made.default)
        labels = tuple(label for _, label, _, _ in values)
        restricted = (chosen is not None and chosen.true("restricted")) or element.true("restricted")
        picklist = tuple(v for v, _, _, _ in values)
        controller = "" if chosen is None else chosen.said("controllingField")
        return replace(
            made, picklist=picklist, labels=labels, default=default, restricted=restricted,
            inactive=frozenset(v for v, _, _, active in values if not active), controller=controller,
            valid_for=_valid_for(chosen, picklist) if chosen is not None and controller else (),
        )  # fmt: skip

    # Rules

    def _add_rules(self, name: str) -> None:
        one = self._objects[name]
        rules: list[Rule] = []
        for element in self._source.rules.get(name, []):
            if element.said("active", otherwise="true").lower() != "true":
                continue
            rule_name = element.needed("fullName")
            try:
                refuses = compile_formula(element.needed("errorConditionFormula"), one)
            except FormulaError as wrong:
                self._leave_out(f"{name}, rule {rule_name}", str(wrong))
                continue
            rules.append(Rule(rule_name, element.needed("errorMessage"), element.said("errorDisplayField"), refuses))
        self._objects[name] = replace(one, rules=tuple(rules))


def _record_type(element: Element) -> RecordType:
    """A record type; values are percent-encoded. Source: Metadata API Developer Guide, RecordTypePicklistValue."""
    picklists: dict[str, tuple[str, ...]] = {}
    defaults: dict[str, str] = {}
    for holder in element.all("picklistValues"):
        field_name = holder.needed("picklist")
        picklists[field_name] = tuple(unquote(v.needed("fullName")) for v in holder.all("values"))
        for value in holder.all("values"):
            if value.true("default"):
                defaults[field_name] = unquote(value.needed("fullName"))
    return RecordType(
        element.needed("fullName"),
        element.said("label", otherwise=element.said("fullName")),
        element.said("description"),
        element.said("active", otherwise="true").lower() == "true",
        picklists,
        defaults,
    )


def _valid_for(value_set: Element, picklist: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """For each value of a dependent picklist, the controlling values with which it may be chosen.

    Source: Metadata API Developer Guide, ValueSettings.
    """
    by_value: dict[str, list[str]] = {}
    for setting in value_set.all("valueSettings"):
        with_ = [e.text.strip() for e in setting.all("controllingFieldValue")]
        by_value.setdefault(setting.needed("valueName"), []).extend(
            {"checked": "true", "unchecked": "false"}.get(value, value) for value in with_
        )
    return tuple(tuple(by_value.get(value, ())) for value in picklist)


def _name_field(element: Element, label: str) -> Field:
    name_element = element.one("nameField")
    field_label = f"{label} Name" if name_element is None else name_element.said("label", otherwise=f"{label} Name")
    if name_element is not None and name_element.said("type") == "AutoNumber":
        return Field(
            "Name",
            field_label,
            "string",
            80,
            calculated=True,
            number_format=name_element.said("displayFormat", otherwise="{0}"),
        )
    return Field("Name", field_label, "string", 80)


def _sized(kind: str, most: int, otherwise: int) -> Callable[[Field, Element], Field]:
    def make(base: Field, element: Element) -> Field:
        length = element.number("length", otherwise)
        if not 1 <= length <= most:
            raise element.wrong(f"length is a number from 1 to {most}")
        return replace(base, type=kind, length=length)

    return make


def _plain(kind: str, length: int = 0) -> Callable[[Field, Element], Field]:
    return lambda base, _element: replace(base, type=kind, length=length)


def _number(kind: str) -> Callable[[Field, Element], Field]:
    """A number with its digits. Source: Metadata API Developer Guide, CustomField, precision and scale."""

    def make(base: Field, element: Element) -> Field:
        if element.one("precision") is None and element.one("scale") is None:
            return replace(base, type=kind, length=0)
        precision, scale = element.number("precision", 18), element.number("scale", 0)
        if not (1 <= precision <= 18 and scale <= precision):
            raise element.wrong("precision is a number from 1 to 18, and scale is not larger")
        return replace(base, type=kind, length=0, precision=precision, scale=scale)

    return make


def _rich_text(base: Field, element: Element) -> Field:
    return replace(_sized("textarea", 131072, 32768)(base, element), rich_text=True)


def _auto_number(base: Field, element: Element) -> Field:
    return replace(
        base, type="string", length=30, calculated=True, number_format=element.said("displayFormat", otherwise="{0}")
    )


_KINDS: dict[str, Callable[[Field, Element], Field]] = {
    "Text": _sized("string", 255, 255), "TextArea": _plain("textarea", 255), "LongTextArea": _sized("textarea", 131072,
        32768),
    "Html": _rich_text, "Email": _plain("email", 80), "Phone": _plain("phone", 40),
    "Url": _plain("url", 255),
    "Checkbox": _plain("boolean"), "Number": _number("double"), "Currency": _number("currency"),
    "Percent": _number("percent"), "Date": _plain("date"),
    "DateTime": _plain("datetime"), "Picklist": _plain("picklist", 255), "MultiselectPicklist": _plain("multipicklist",
        4099),
    "AutoNumber": _auto_number, "Lookup": _plain("reference"), "MasterDetail": _plain("reference"),
    "Hierarchy": _plain("reference"),
    "Location": _plain("location"),
}  # fmt: skip


# Permissions


def _permissions(name: str, element: Element) -> Permissions:
    objects: dict[str, frozenset[str]] = {}
    for permission in element.all("objectPermissions"):
        letters = {
            "allowCreate": "c",
            "allowRead": "r",
            "allowEdit": "u",
            "allowDelete": "d",
            "modifyAllRecords": "crud",
            "viewAllRecords": "r",
        }
        objects[permission.needed("object")] = frozenset(
            "".join(letter for word, letter in letters.items() if permission.true(word))
        )
    fields: dict[str, frozenset[str]] = {}
    for permission in element.all("fieldPermissions"):
        full = permission.needed("field")
        if full.count(".") != 1:
            raise permission.wrong(f"field is Object.Field, not {full[:60]!r}")
        fields[full] = frozenset(
            letter for word, letter in (("readable", "r"), ("editable", "u")) if permission.true(word)
        )
    types = {
        visible.needed("recordType"): visible.true("default")
        for visible in element.all("recordTypeVisibilities")
        if visible.true("visible")
    }
    return Permissions(name, element.said("label", otherwise=name), objects, fields, types)
