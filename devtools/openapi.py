"""Writes docs/openapi.json from the contract, so that clients in other languages can be generated.

Requests are described as strictly as the backend reads them. Answers are described openly: a later release may add
fields and words, which a generated client must accept.
"""

import inspect
import json
import tomllib
import types
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from contract.calls import ANSWER_SECONDS, CALLS, MAX_BODY, MAX_PUBLIC_BODY, Call, FieldValue, Limits
from contract.codec import camel, is_optional
from contract.errors import CallError
from contract.files import BYTES, DATA_HEADER, MAX_FILE
from devtools.paths import ROOT

FILE = ROOT / "docs/openapi.json"
_PLAIN = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
}
_ABOUT = f"""Firebase callable functions, one path for each call: the request is wrapped in `data`, the answer in
`result`, a failure in `error`. A call is answered within {ANSWER_SECONDS:.0f} seconds. Fields that are
empty are left out. What fails, and what to do about each reason: docs/errors.md."""
_FIELD_VALUE = """The value of a field as Salesforce's REST API writes it: a date is `2026-11-24`, a date-time
`2026-11-24T08:00:00.000+0000` (one that is sent may have any offset), several picklist values are separated by `;`,
an empty field is null."""
_APP_CHECK = (
    "A token of Firebase App Check; needed where the backend asks for them, which getSignInOptions tells in appCheck."
)


def describe() -> dict[str, Any]:
    """The OpenAPI 3.1 description of all calls."""
    schemas = _Schemas()
    paths = {f"/{call.function}/{call.name}": {"post": _operation(call, schemas)} for call in CALLS}
    version = tomllib.loads((ROOT / "functions/contract/pyproject.toml").read_text())["project"]["version"]
    app_check = {
        "name": "X-Firebase-AppCheck",
        "in": "header",
        "required": False,
        "description": _APP_CHECK,
        "schema": {"type": "string"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Salesforce Sample App",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{project}.web.app",
                "description": "A deployed project",
                "variables": {"project": {"default": "your-project-id", "description": "The Firebase project's id"}},
            },
            {"url": "http://127.0.0.1:5000", "description": "make run"},
        ],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({"Error": _error(), **schemas.made}.items())),
            "parameters": {"appCheck": app_check},
            "securitySchemes": {"firebaseIdToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(call: Call[Any, Any], schemas: "_Schemas") -> dict[str, Any]:
    if call.file == "up":
        return _upload(call, schemas)
    if call.file == "down":
        answer = {"description": "The file.", "content": {BYTES: {}}}
    else:
        result = {"type": "object", "properties": {"result": schemas.of(call.answer)}, "required": ["result"]}
        answer = _content(result, "The result.")
    body = {"type": "object", "properties": {"data": schemas.of(call.request, sent=True)}, "required": ["data"]}
    most = MAX_PUBLIC_BODY if call.public else MAX_BODY
    return _described(call, [], {"required": True, **_content(body, f"At most {most // 1024} KB.")}, answer)


def _upload(call: Call[Any, Any], schemas: "_Schemas") -> dict[str, Any]:
    """A call whose body is a file: its request is in a header, percent-encoded, for a header holds no other letters."""
    request = {
        "name": DATA_HEADER,
        "in": "header",
        "required": True,
        "description": "The request as JSON, percent-encoded.",
        "content": {"application/json": {"schema": schemas.of(call.request, sent=True)}},
    }
    result = {"type": "object", "properties": {"result": schemas.of(call.answer)}, "required": ["result"]}
    about = f"The file, of at most {MAX_FILE // 2**20} MB, with a Content-Length."
    body = {"required": True, "description": about, "content": {BYTES: {}}}
    return _described(call, [request], body, _content(result, "The result."))


def _described(
    call: Call[Any, Any], parameters: list[dict[str, Any]], body: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    if call.attested:
        parameters = [*parameters, {"$ref": "#/components/parameters/appCheck"}]
    return {
        "operationId": call.name,
        "summary": call.summary,
        "tags": [call.function],
        "security": [] if call.public else [{"firebaseIdToken": []}],
        **({"parameters": parameters} if parameters else {}),
        "requestBody": body,
        "responses": {
            "200": answer,
            "default": _content({"$ref": "#/components/schemas/Error"}, "The call failed; details.reason says why."),
        },
    }


class _Schemas:
    """The named schemas. Each is made at its first use; one that is both sent and answered has a second one ending in
    `Request`.
    """

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self._answered = {shape for call in CALLS for shape in _shapes(call.answer)}

    def of(self, shape: Any, *, sent: bool = False) -> dict[str, Any]:
        """The schema of a type of the contract, as a reference when it has a name. `sent` makes it that of a
        request.
        """
        origin, arguments = get_origin(shape), get_args(shape)
        if origin is Annotated:
            return _limited(self.of(arguments[0], sent=sent), arguments[1])
        if shape == FieldValue:
            return self._named(
                "FieldValue", lambda: {"description": _FIELD_VALUE, "type": ["string", "boolean", "number", "null"]}
            )
        if is_dataclass(shape) and isinstance(shape, type):
            name = f"{shape.__name__}Request" if sent and shape in self._answered else shape.__name__
            return self._named(name, lambda: self._object(shape, sent))
        if origin is Literal:
            return {"type": "string", "enum": list(arguments)} if sent else _open(arguments)
        if origin in (Union, types.UnionType) and str in arguments and get_origin(arguments[0]) is Literal:
            return _open(get_args(arguments[0]))
        if origin in (Union, types.UnionType):
            options = [self.of(option, sent=sent) for option in arguments]
            return {"anyOf": options}
        if origin in (list, tuple):
            return {"type": "array", "items": self.of(arguments[0], sent=sent)}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1], sent=sent)}
        return dict(_PLAIN[shape])

    def _named(self, name: str, make: Any) -> dict[str, Any]:
        if name not in self.made:
            self.made[name] = {}  # in case the schema refers to itself
            self.made[name] = make()
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, shape: type, sent: bool) -> dict[str, Any]:
        hints = get_type_hints(shape, include_extras=True)
        described = inspect.getdoc(shape) or ""
        properties = {}
        for f in fields(shape):  # pyright: ignore[reportArgumentType]  a dataclass
            properties[camel(f.name)] = self.of(hints[f.name], sent=sent)
        return {
            "type": "object",
            **({} if described.startswith(f"{shape.__name__}(") else {"description": described}),
            "properties": properties,
            "required": [camel(f.name) for f in fields(shape) if not is_optional(f)],  # pyright: ignore[reportArgumentType]
            **({"additionalProperties": False} if sent else {}),
        }


def _shapes(shape: Any) -> set[type]:
    """A dataclass and all dataclasses that it contains."""
    if is_dataclass(shape) and isinstance(shape, type):
        return {shape}.union(*(_shapes(hint) for hint in get_type_hints(shape).values()))
    return set().union(*(_shapes(inner) for inner in get_args(shape)))


def _limited(schema: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The schema with these limits, on the text or number in it."""
    if "anyOf" in schema:
        first, *others = schema["anyOf"]
        return {"anyOf": [_limited(first, limits), *others]}
    words = {
        "minimum": limits.minimum,
        "maximum": limits.maximum,
        "minLength": limits.min_length,
        "maxLength": limits.max_length,
        "pattern": None if limits.pattern is None else f"^{limits.pattern}$",
        "format": limits.format,
    }
    return {**schema, **{word: value for word, value in words.items() if value is not None}}


def _open(words: Any) -> dict[str, Any]:
    """A text that is one of these words today; a later release may add words."""
    return {"type": "string", "description": f"Today one of: {', '.join(words)}.", "examples": list(words)}


def _error() -> dict[str, Any]:
    reasons = sorted(reason.value for family in CallError.__subclasses__() for reason in family.reasons)
    statuses = sorted({status for family in CallError.__subclasses__() for status, _ in family.reasons.values()})
    wait = {
        "type": "integer",
        "description": "Seconds after which it may be tried again; the header Retry-After says the same.",
    }
    named = {"type": "array", "items": {"type": "string"}, "description": "The fields that the failure is about."}
    details = {
        "type": "object",
        "properties": {"reason": _open(reasons), "retryAfter": wait, "fields": named},
        "required": ["reason"],
    }
    inner = {
        "status": _open(statuses),
        "message": {"type": "string", "description": "For the person in front of the app."},
        "details": details,
    }
    return {
        "type": "object",
        "properties": {"error": {"type": "object", "properties": inner, "required": list(inner)}},
        "required": ["error"],
    }


def _content(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def text() -> str:
    """The content of docs/openapi.json."""
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Writes docs/openapi.json."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text())
    print(f"✓ {FILE.relative_to(ROOT)}")
