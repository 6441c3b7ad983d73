"""The parts of a composite as requests of their own, where what a person has typed would read as a reference.

Salesforce replaces `@{name.field}` in the addresses and in the bodies of parts, and knows no way to write it as text
(REST API Developer Guide, "Composite", "Composite Subrequest").
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from backend.adapters.salesforce_answers import Part
from backend.adapters.salesforce_http import Answer
from backend.adapters.salesforce_session import Request
from contract.errors import CallError

_BEGINS = "@{"
_REFERENCE = re.compile(r"@\{(\w+)\.([\w.\[\]]+)\}")
_NOT_ASKED = Part(400)  # for a part that refers to one without the value
_NO_ANSWER = Part(503)  # for a part after a write, which was carried out


def has_reference(body: object) -> bool:
    """Whether a text in the body of a part reads, or might read, as a reference to another part."""
    return isinstance(body, Mapping) and any(
        isinstance(value, str) and _BEGINS in value for value in cast(Mapping[str, object], body).values()
    )


async def one_by_one(send: Callable[[Request], Awaitable[Answer]], parts: Sequence[Mapping[str, object]]) -> list[Part]:
    """The answers to parts that are sent one after another, each as `send` sends it; the references in their addresses
    are resolved here. Raises what the first of them raises until one has written; after that a part without an answer
    has the status 503.
    """
    answered = dict[str, Part]()
    has_written = False
    for part in parts:
        method, address = str(part["method"]), _resolved(str(part["url"]), answered)
        if address is None:
            answered[str(part["referenceId"])] = _NOT_ASKED
            continue
        request = Request(
            method,
            address,
            body=part.get("body"),
            writes=method != "GET",
            headers=cast(Mapping[str, str] | None, part.get("httpHeaders")),
        )
        try:
            answer = await send(request)
        except CallError:
            if not has_written:
                raise
            answered[str(part["referenceId"])] = _NO_ANSWER
            continue
        has_written = has_written or request.writes
        answered[str(part["referenceId"])] = Part(answer.status, msgspec.Raw(answer.body or b"null"))
    return list(answered.values())


def _resolved(address: str, answered: Mapping[str, Part]) -> str | None:
    """The address with the values that it refers to; None when one of them is not there."""
    values = [_value(answered.get(m[1]), m[2]) for m in _REFERENCE.finditer(address)]
    if None in values:
        return None
    each = iter(values)
    return _REFERENCE.sub(lambda _: str(next(each)), address)


def _value(part: Part | None, path: str) -> str | None:
    try:
        at: Any = None if part is None or part.http_status_code >= 300 else part.decoded()
        for name, index in re.findall(r"(\w+)|\[(\d+)\]", path.replace("[", ".[")):
            at = at[int(index)] if index else at[name]
    except (TypeError, KeyError, IndexError):
        return None
    return at if isinstance(at, str) else None
