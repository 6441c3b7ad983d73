"""Writes docs/openapi.json from the contract, so that clients of other makes can be generated."""

import json
import tomllib
import types
from dataclasses import is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from contract.calls import CALLS
from contract.codec import is_optional, wire_fields
from contract.errors import CallError
from devtools.paths import ROOT

FILE = ROOT / "docs/openapi.json"
_PLAIN = {str: {"type": "string"}, bool: {"type": "boolean"}, int: {"type": "integer"}, float: {"type": "number"}, type(None): {"type": "null"}}


def describe() -> dict[str, Any]:
    """The OpenAPI 3.1 description of all calls."""
    schemas: dict[str, Any] = {"Error": _error()}
    paths: dict[str, Any] = {}
    for call in CALLS:
        answers = {
            "200": _content({"type": "object", "properties": {"result": _schema(call.answer, schemas)}, "required": ["result"]}, "The result."),
            "default": _content({"$ref": "#/components/schemas/Error"}, "The call failed; details.reason says why."),
        }
        body = {"type": "object", "properties": {"data": _schema(call.request, schemas)}, "required": ["data"]}
        paths[f"/{call.function}/{call.name}"] = {
            "post": {
                "operationId": call.name,
                "tags": [call.function],
                "security": [] if call.public else [{"firebaseIdToken": []}],
                "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                "responses": answers,
            }
        }
    version = tomllib.loads((ROOT / "functions/contract/pyproject.toml").read_text())["project"]["version"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Salesforce Sample App", "version": version, "description": "Firebase callable functions, one path for each call."},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"firebaseIdToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schema(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    origin = get_origin(shape)
    if is_dataclass(shape) and isinstance(shape, type):
        if shape.__name__ not in schemas:
            schemas[shape.__name__] = {}  # claims the name while it describes itself
            fields = wire_fields(shape)
            schemas[shape.__name__] = {
                "type": "object",
                "description": (shape.__doc__ or "").strip() if not (shape.__doc__ or "").startswith(shape.__name__ + "(") else "",
                "properties": {name: _schema(hint, schemas) for name, (_, hint) in fields.items()},
                "required": [name for name, (f, _) in fields.items() if not is_optional(f)],
                "additionalProperties": False,
            }
        return {"$ref": f"#/components/schemas/{shape.__name__}"}
    if origin is Literal:
        return {"enum": list(get_args(shape))}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(option, schemas) for option in get_args(shape)]}
    if origin in (list, tuple):
        return {"type": "array", "items": _schema(get_args(shape)[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(shape)[1], schemas)}
    return dict(_PLAIN[shape])


def _error() -> dict[str, Any]:
    reasons = sorted(reason.value for family in CallError.__subclasses__() for reason in family.reasons)
    statuses = sorted({status for family in CallError.__subclasses__() for status, _ in family.reasons.values()})
    details = {"type": "object", "properties": {"reason": {"enum": reasons}}, "required": ["reason"]}
    inner = {"status": {"enum": statuses}, "message": {"type": "string"}, "details": details}
    return {"type": "object", "properties": {"error": {"type": "object", "properties": inner, "required": list(inner)}}, "required": ["error"]}


def _content(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def text() -> str:
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Writes the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text())
    print(f"✓ {FILE.relative_to(ROOT)}")
