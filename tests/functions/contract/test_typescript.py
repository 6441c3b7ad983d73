"""What docs/clients/salesforceSample.ts makes of the description, shape by shape.

That it compiles and works is tried in tests/integration/test_own_clients.py.
"""

from typing import Any

from devtools import openapi, typescript

API = openapi.describe()


def made(**schemas: Any) -> str:
    return typescript.text({**API, "paths": {}, "components": {"schemas": schemas}})


def test_every_call_is_a_method_and_every_shape_a_type() -> None:
    code = typescript.text()
    for path, operation in API["paths"].items():
        assert f'("{path}", data, ' in code
        assert f"  {operation['post']['operationId']}(data: " in code
    assert code.count("\nexport interface ") + code.count("\nexport type ") == len(API["components"]["schemas"]) + 1


def test_a_call_without_a_session_sends_no_id_token_and_one_without_app_check_no_proof() -> None:
    code = typescript.text()
    assert '"/auth/getSignInOptions", data, true, false' in code
    assert '"/auth/signIn", data, true, true' in code
    assert '"/api/getProfile", data, false, true' in code


def test_a_shape_is_an_interface_whose_optional_fields_may_be_left_out() -> None:
    text = {"type": "string"}
    shape = {"type": "object", "properties": {"a": text, "b-c": {"type": "integer"}}, "required": ["a"]}
    assert 'export interface Thing {\n  a: string;\n  "b-c"?: number;\n}\n' in made(Thing=shape)


def test_a_list_of_one_of_several_is_bracketed_and_a_limit_is_told() -> None:
    several = {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]}
    shape = {"type": "object", "properties": {"a": {"type": "array", "items": several}, "b": several}}
    code = made(Thing=shape)
    assert "  a?: (string | null)[];\n  /** maxLength 9 */\n  b?: string | null;\n" in code


def test_what_typescript_has_itself_gets_another_name() -> None:
    record = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/Record"}}}
    assert "export interface SalesforceRecord {\n  a?: SalesforceRecord;\n}" in made(Record=record)


def test_a_comment_cannot_be_ended_by_what_it_says() -> None:
    ends = {"description": "ends */ here", "type": "object", "properties": {"a": {"type": "boolean"}}}
    assert "/** ends *∕ here */" in made(Thing=ends)
