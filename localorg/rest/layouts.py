"""Page layouts and compact layouts: one for each object, with the sections of Salesforce's default layouts.

Source: REST API Developer Guide, "sObject Layouts".
"""

from dataclasses import replace

from localorg.data.record_types import MASTER_RECORD_TYPE
from localorg.schema.ids import to_18
from localorg.schema.person_accounts import IS_PERSON, PERSON_CONTACT, of_people_only
from localorg.schema.sobjects import Field, RecordType, SObject
from localorg.schema.translations import of_layout

_SYSTEM = ("CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate")
_PERSON = ("Salutation", "FirstName", "LastName")
_NOT_SHOWN = (IS_PERSON, PERSON_CONTACT)
_KEYS = ("Jigsaw", "JigsawCompanyId", "JigsawContactId")  # no default layout shows them
_HIDDEN = frozenset({"Id", "IsDeleted", "SystemModstamp", *_SYSTEM, *_PERSON, *_KEYS, *_NOT_SHOWN})


def page_layout(source: SObject, number: int = 1) -> dict[str, object]:
    """A page layout of an object, as `/describe/layouts` has it. It has only fields that the user may see. Each record
    type has one with a `number` of its own.
    """
    if source.original is not None:
        fields = tuple(f for f in source.original.fields if source.field(f.name) is not None)
        return of_layout(page_layout(replace(source.original, fields=fields), number), source.language)
    addresses = [f for f in source.fields if f.compound is not None]
    in_address = {part.name for address in addresses for part in _parts(source, address)}
    in_address |= {f.name for f in source.fields if any(a.coded and a.name == f.within for a in addresses)}
    long = [f for f in source.fields if f.type == "textarea" and f.name not in in_address]
    main = [
        f for f in source.fields if f.stored and f.name not in _HIDDEN and f.name not in in_address and f not in long
    ]
    system = [f for f in source.fields if f.name in _SYSTEM]
    sections = [
        _section(source, f"{source.label} Information", [_component(source, f) for f in main]),
        _section(source, "Address Information", [_component(source, f) for f in addresses]),
        _section(source, "Description Information", [_component(source, f) for f in long]),
        _section(source, "System Information", [_component(source, f) for f in system]),
    ]
    return {
        "buttonLayoutSection": {"detailButtons": []},
        "detailLayoutSections": [s for s in sections if s["layoutRows"]],
        "editLayoutSections": [s for s in sections[:3] if s["layoutRows"]],
        "feedView": None,
        "highlightsPanelLayoutSection": None,
        "id": to_18(f"00h{source.prefix or '000'}{number:09d}"),
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedContent": None,
        "relatedLists": [
            {
                "name": c.name,
                "label": c.name,
                "sobject": c.child,
                "field": f"{c.child}.{c.field}",
                "limitRows": 5,
                "columns": [],
                "sort": [],
            }
            for c in source.children
        ],
        "saveOptions": [],
    }


def record_types(source: SObject, version: str) -> list[dict[str, object]]:
    """The record types of an object as describe lists them for the user, the master record type last: which they may
    use, and which a new record gets; that is the master, when they may use no other.

    Source: SOAP API Developer Guide, RecordTypeInfo.
    """

    def info(identifier: str, **more: object) -> dict[str, object]:
        layout = f"/services/data/v{version}/sobjects/{source.name}/describe/layouts/{identifier}"
        return {**more, "recordTypeId": identifier, "urls": {"layout": layout}}

    own = [
        info(source.record_type_id(n), active=t.active, available=t.available, defaultRecordTypeMapping=t.default,
             developerName=t.name, master=False, name=t.label)
        for n, t in enumerate(source.record_types)
    ]  # fmt: skip
    chosen = any(t.default for t in source.record_types)
    master = info(MASTER_RECORD_TYPE, active=True, available=True, defaultRecordTypeMapping=not chosen,
                  developerName="Master", master=True, name="Master")  # fmt: skip
    return [*own, master]


def type_layout(source: SObject, identifier: str) -> dict[str, object] | None:
    """The page layout for the record type with this id (of 15 or 18 characters); None when there is no such type."""
    ids = [MASTER_RECORD_TYPE, *(source.record_type_id(n) for n in range(len(source.record_types)))]
    number = next((n for n, one in enumerate(ids) if one[:15] == identifier[:15]), None)
    if number is None:
        return None
    return page_layout(_as_laid_out(source, None if number == 0 else source.record_types[number - 1]), number + 1)


def _as_laid_out(source: SObject, record_type: RecordType | None) -> SObject:
    """The object with the fields that a layout of this record type can have (None for the master).

    Source: Salesforce Help, "Considerations for Using Person Accounts", Page Layouts.
    """
    if source.field(IS_PERSON) is None or source.name != "Account":
        return source
    person = record_type is not None and record_type.person
    left_out = {"ParentId"} if person else of_people_only(source)
    return replace(source, fields=tuple(f for f in source.fields if f.name not in left_out))


def all_layouts(source: SObject, version: str) -> dict[str, object]:
    """The body of `/describe/layouts`: the one layout; none where several record types have one each.

    Source: REST API Developer Guide, "Get Layouts and Descriptions for an Object With Multiple Record Types".
    """
    mappings = [
        r | {"layoutId": (type_layout(source, str(r["recordTypeId"])) or {})["id"], "picklistsForRecordType": None}
        for r in record_types(source, version)
    ]
    layouts = None if len(source.record_types) > 1 else [type_layout(source, MASTER_RECORD_TYPE)]
    choice = sum(t.available for t in source.record_types) > 1
    return {"layouts": layouts, "recordTypeMappings": mappings, "recordTypeSelectorRequired": [choice]}


def compact_fields(source: SObject) -> list[Field]:
    """The fields of an object's compact layout: the name and up to four others."""
    head = [f for f in source.fields if f.name == source.name_field]
    telling = [
        f for f in source.fields if f.type in ("picklist", "phone", "email", "currency", "date") and not f.system
    ]
    return [*head, *telling[:4]]


def compact_layout(source: SObject) -> dict[str, object]:
    """The compact layout of an object. Source: REST API Developer Guide, sObject CompactLayouts."""
    items = [{"editable": False, "label": f.label, "layoutComponents": [_component(source, f)], "placeholder": False,
              "required": False}
             for f in compact_fields(source)]  # fmt: skip
    return {
        "actions": [],
        "fieldItems": items,
        "id": None,
        "imageItems": [],
        "label": "System Default",
        "name": "SYSTEM",
        "objectType": source.name,
    }


def compact_layouts(source: SObject, version: str) -> dict[str, object]:
    """The body of `/describe/compactLayouts`."""
    base = f"/services/data/v{version}/sobjects/{source.name}/describe/compactLayouts"
    mappings = [
        {"available": True, "compactLayoutId": None, "compactLayoutName": "SYSTEM", "recordTypeId": r["recordTypeId"],
         "recordTypeName": r["name"],
         "urls": {"compactLayout": f"{base}/{r['recordTypeId']}"}}
        for r in record_types(source, version)
    ]  # fmt: skip
    return {
        "compactLayouts": [compact_layout(source)],
        "defaultCompactLayoutId": None,
        "recordTypeCompactLayoutMappings": mappings,
        "urls": {"primary": f"{base}/primary"},
    }


def _section(source: SObject, heading: str, components: list[dict[str, object]]) -> dict[str, object]:
    """A layout section with these components in two columns, row by row."""
    pairs = [components[n : n + 2] for n in range(0, len(components), 2)]
    rows = [
        {"layoutItems": [{"label": _caption(source, c), "layoutComponents": [c]} for c in pair], "numItems": len(pair)}
        for pair in pairs
    ]
    return {
        "collapsed": False,
        "columns": 2,
        "heading": heading,
        "layoutRows": rows,
        "rows": len(rows),
        "useHeading": True,
    }


def _caption(source: SObject, component: dict[str, object]) -> str:
    """What a page calls a field: a standard reference after whom or what it names, and not after the id that it holds
    (as in Salesforce, where the page of a contact has "Account Name" and "Contact Owner").
    """
    name, label = str(component["value"]), str(component["label"])
    if name == "OwnerId":
        return f"{source.label} Owner"
    if name in ("AccountId", "ContactId"):
        return label.replace(" ID", " Name")
    return label.removesuffix(" ID")


def _component(source: SObject, f: Field) -> dict[str, object]:
    component: dict[str, object] = {
        "type": "Field",
        "value": f.name,
        "label": f.label,
        "displayLines": 1,
        "tabOrder": 1,
        "fieldType": f.type,
    }
    parts = _parts(source, f) if f.compound is not None else _name_parts(source) if f.name == "Name" else []
    if parts:
        component["components"] = [_component(source, part) for part in parts]
    return component


def _parts(source: SObject, address: Field) -> list[Field]:
    code = "Code" if address.coded else ""
    names = [f"{address.compound}{part}" for part in ("Street", "City", f"State{code}", "PostalCode", f"Country{code}")]
    return [f for n in names if (f := source.field(n)) is not None]


def _name_parts(source: SObject) -> list[Field]:
    return [f for n in _PERSON if (f := source.field(n)) is not None]
