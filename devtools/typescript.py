"""Writes docs/clients/salesforceSample.ts: the calls of docs/openapi.json as a TypeScript client without dependencies.

One file that a reader copies into their project; it uses `fetch`, which browsers, Node and React Native have.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from contract.files import BYTES, DATA_HEADER, FILE_APP_SECONDS
from devtools import openapi
from devtools.paths import ROOT

FILE = ROOT / "docs/clients/salesforceSample.ts"
_WIDTH = 110
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_PLAIN = {"string": "string", "boolean": "boolean", "integer": "number", "number": "number", "null": "null"}
Schema = Mapping[str, Any]

_HEAD = """// Made by `make openapi` from functions/contract of Salesforce Sample App {version}; do not edit.
// Copy it into your project: docs/write-your-own-client.md says how it is used. Apache-2.0.

"""
_CLIENT = """
/** A call that failed, by the backend's own answer. `reason` is stable: docs/errors.md says what to do about each. */
export class CallError extends Error {
  override name = "CallError";
  constructor(
    readonly status: string,
    readonly reason: string,
    message: string,
    /** Everything that the backend says of it; which keys there are depends on the reason. */
    readonly details: Record<string, unknown>,
  ) {
    super(message);
  }

  /** Seconds after which it may be tried again. */
  get retryAfter(): number | undefined {
    return typeof this.details.retryAfter === "number" ? this.details.retryAfter : undefined;
  }

  /** The fields that the failure is about. */
  get fields(): string[] {
    return Array.isArray(this.details.fields) ? this.details.fields : [];
  }
}

/** No answer came, or none that is the backend's: whether a change was made is not known. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

export interface ClientOptions {
  /** Firebase's ID token of who is signed in, for calls that need one: `() => auth.currentUser!.getIdToken()`. */
  idToken?: () => Promise<string> | string;
  /** A token of Firebase App Check, where the backend asks for them (`appCheck` of `getSignInOptions`). */
  appCheckToken?: () => Promise<string> | string;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
  /** Milliseconds until a call is given up; the backend answers within {limit}. */
  patience?: number;
}

export class SalesforceSample {
  private readonly base: string;

  /** `base` is the site's address, such as `https://your-project-id.web.app` or `http://127.0.0.1:5000`. */
  constructor(base: string, private readonly options: ClientOptions = {}) {
    this.base = base.replace(/\\/+$/, "");
  }
{methods}
  private async call<T>(path: string, data: object, isPublic: boolean, isAttested: boolean, file?: Blob): Promise<T> {
    const got = await this.send(path, data, isPublic, isAttested, file);
    return this.result<T>(path, got.status, await got.json().catch(() => null));
  }

  private async file(path: string, data: object, isPublic: boolean, isAttested: boolean): Promise<Blob> {
    const got = await this.send(path, data, isPublic, isAttested, undefined, {filePatience});
    if (got.ok) return got.blob().catch(() => { throw new NoAnswer(`${path} broke off`); });
    return this.result<never>(path, got.status, await got.json().catch(() => null));
  }

  private async send(
    path: string, data: object, isPublic: boolean, isAttested: boolean, file?: Blob,
    patience = file ? {filePatience} : {patience},
  ): Promise<Response> {
    const headers: Record<string, string> = { "Content-Type": file ? "application/octet-stream" : "application/json" };
    if (file) headers["X-Callable-Data"] = encodeURIComponent(JSON.stringify(data));
    if (!isPublic) {
      if (!this.options.idToken) throw new Error(`${path} needs the option idToken`);
      headers.Authorization = `Bearer ${await this.options.idToken()}`;
    }
    if (isAttested && this.options.appCheckToken) headers["X-Firebase-AppCheck"] = await this.options.appCheckToken();
    const send = this.options.fetch ?? fetch;
    try {
      const signal = AbortSignal.timeout(this.options.patience ?? patience);
      const body = file ?? JSON.stringify({ data });
      return await send(this.base + path, { method: "POST", headers, body, signal });
    } catch {
      throw new NoAnswer(`${path} was not answered`);
    }
  }

  private result<T>(path: string, status: number, answer: unknown): T {
    if (answer === null) throw new NoAnswer(`${path} answered ${status} without JSON`);
    const { result, error } = answer as { result?: T; error?: ErrorAnswer["error"] };
    if (error) throw new CallError(error.status, error.details?.reason ?? "", error.message, error.details ?? {});
    if (result === undefined) throw new NoAnswer(`${path} answered ${status} without a result`);
    return result;
  }
}
"""


def text(api: Mapping[str, Any] | None = None) -> str:
    """The content of the file, for the description that `openapi.describe` makes."""
    api = openapi.describe() if api is None else api
    shapes = "\n".join(_declaration(_named(name), schema) for name, schema in api["components"]["schemas"].items())
    methods = "".join(_method(path, operation["post"]) for path, operation in api["paths"].items())
    limit = openapi.ANSWER_SECONDS
    client = _CLIENT.replace("{methods}", methods).replace("{limit}", f"{limit:.0f} seconds")
    client = client.replace("{patience}", f"{(limit + 5) * 1000:_.0f}")
    client = client.replace("{filePatience}", f"{FILE_APP_SECONDS * 1000:_.0f}")
    return _HEAD.replace("{version}", api["info"]["version"]) + shapes + client


def write() -> None:
    """Writes docs/clients/salesforceSample.ts."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text())
    print(f"✓ {FILE.relative_to(ROOT)}")


def _declaration(name: str, schema: Schema) -> str:
    if schema.get("type") != "object":
        return f"{_comment(schema, '')}export type {name} = {_type(schema)};\n"
    if not schema["properties"]:
        return f"{_comment(schema, '')}export type {name} = Record<string, never>;\n"
    required = schema.get("required", ())
    lines = [
        f"{_comment(each, '  ')}  {_key(field)}{'' if field in required else '?'}: {_type(each)};\n"
        for field, each in schema["properties"].items()
    ]
    return f"{_comment(schema, '')}export interface {name} {{\n{''.join(lines)}}}\n"


def _type(schema: Schema) -> str:
    """A schema as a type of TypeScript."""
    if "$ref" in schema:
        return _named(schema["$ref"].rsplit("/", 1)[-1])
    if "anyOf" in schema:
        return _either(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return _either(f'"{word}"' for word in schema["enum"])
    kind = schema["type"]
    if isinstance(kind, list):
        return _either(_PLAIN[each] for each in kind)
    if kind == "array":
        inner = _type(schema["items"])
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if kind == "object":
        if "additionalProperties" in schema and "properties" not in schema:
            return f"Record<string, {_type(schema['additionalProperties'])}>"
        required = schema.get("required", ())
        inner = "; ".join(
            f"{_key(name)}{'' if name in required else '?'}: {_type(each)}"
            for name, each in schema["properties"].items()
        )
        return f"{{ {inner} }}"
    return _PLAIN[kind]


def _named(name: str) -> str:
    """The name of a schema, or another where TypeScript has a type or class of that name itself."""
    return {"Error": "ErrorAnswer", "Record": "SalesforceRecord"}.get(name, name)


def _either(options: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(options))


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else f'"{name}"'


def _method(path: str, operation: Mapping[str, Any]) -> str:
    sent = operation["requestBody"]["content"]
    got = operation["responses"]["200"]["content"]
    brings, gives = BYTES in sent, BYTES in got
    if brings:
        header = next(each for each in operation["parameters"] if each.get("name") == DATA_HEADER)
        asked = _type(header["content"]["application/json"]["schema"])
    else:
        asked = _type(sent["application/json"]["schema"]["properties"]["data"])
    answered = "Blob" if gives else _type(got["application/json"]["schema"]["properties"]["result"])
    data = f"data: {asked}" if asked != "EmptyRequest" else "data: EmptyRequest = {}"
    flags = f"{_word(not operation['security'])}, {_word('parameters' in operation)}"
    more, rest = (", file: Blob", ", file") if brings else ("", "")
    return (
        f"\n{_comment({'description': operation['summary']}, '  ')}"
        f"  {operation['operationId']}({data}{more}): Promise<{answered}> {{\n"
        f'    return this.{"file" if gives else "call"}("{path}", data, {flags}{rest});\n  }}\n'
    )


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _comment(schema: Schema, indent: str) -> str:
    """What the schema says about itself, and within which limits, as a comment."""
    limits = [f"{word} {schema[word]}" for word in _LIMITS if word in schema]
    inner = next((option for option in schema.get("anyOf", ()) if any(word in option for word in _LIMITS)), {})
    limits += [f"{word} {inner[word]}" for word in _LIMITS if word in inner]
    said = " ".join(schema.get("description", "").split())
    words = " · ".join(part for part in (said, ", ".join(limits)) if part).replace("*/", "*∕")
    if not words:
        return ""
    lines, line = [], ""
    for word in words.split():
        if line and len(indent) + len(line) + len(word) > _WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    lines.append(line)
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {each}\n" for each in lines) + f"{indent} */\n"


_LIMITS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format")
