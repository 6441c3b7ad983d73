"""Page layouts and compact layouts: one for each object, with the sections of Salesforce's default layouts.

Source: REST API Developer Guide, "sObject Layouts".
"""

from localorg.schema.sobjects import Field, SObject
from localorg.schema.translations import of_layout

MASTER_RECORD_TYPE = "012000000000000AAA"
_SYSTEM = ("CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate")
_PERSON = ("Salutation", "FirstName", "LastName")
_KEYS = ("Jigsaw", "JigsawCompanyId", "JigsawContactId")  # no default layout shows them
_HIDDEN = frozenset({"Id", "IsDeleted", "SystemModstamp", *_SYSTEM, *_PERSON, *_KEYS})


def page_layout(source: SObject) -> dict[str, object]:
    """The page layout of an object, as `/describe/layouts` has it. It has only fields that the user may see."""
    if source.original is not None:
        return of_layout(page_layout(source.original), source.language)
    addresses = [f for f in source.fields if f.compound is not None]
    in_address = {part.name for address in addresses for part in _parts(source, address)}
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
        "id": "00h" + source.prefix + "000000001AAA",
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


def record_types(source: SObject) -> list[dict[str, object]]:
    """The record types of an object as describe lists them, the master record type last.

    The first record type is the default; the master is, when there is no other.
    """
    own: list[dict[str, object]] = [
        {"active": True, "available": True, "defaultRecordTypeMapping": n == 0, "developerName": name, "master": False,
         "name": label,
         "recordTypeId": source.record_type_id(n)}
        for n, (name, label) in enumerate(source.record_types)
    ]  # fmt: skip
    master: dict[str, object] = {
        "active": True, "available": True, "defaultRecordTypeMapping": not own, "developerName": "Master",
        "master": True, "name": "Master",
        "recordTypeId": MASTER_RECORD_TYPE,
    }  # fmt: skip
    return [*own, master]


def all_layouts(source: SObject) -> dict[str, object]:
    """The body of `/describe/layouts`: the one layout, for every record type."""
    layout = page_layout(source)
    mappings = [r | {"layoutId": layout["id"], "picklistsForRecordType": None} for r in record_types(source)]
    return {"layouts": [layout], "recordTypeMappings": mappings, "recordTypeSelectorRequired": [len(mappings) > 2]}


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
        for r in record_types(source)
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
    names = [f"{address.compound}{part}" for part in ("Street", "City", "State", "PostalCode", "Country")]
    return [f for n in names if (f := source.field(n)) is not None]


def _name_parts(source: SObject) -> list[Field]:
    return [f for n in _PERSON if (f := source.field(n)) is not None]
