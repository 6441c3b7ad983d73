"""The parts that REST requests have in common: session, API version, what the user may see, the object in the path."""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request

from localorg.data.access import Person, person, schema_for
from localorg.errors import ApiError, not_found
from localorg.oauth.grants import Session
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.schema.sobjects import Schema, SObject

FIRST_VERSION, LAST_VERSION = 29, 68


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated REST request. `version` is a text such as `68.0`, `schema` is what the user may see."""

    session: Session
    version: str
    schema: Schema
    person: Person


def call_of(org: Org, request: Request) -> Call:
    """The Call of a request. Counts it against the limits. Raises ApiError 401, 403, 404, or 410."""
    session = require_session(org, request)
    version = _version(org, request)
    return Call(session, version, schema_for(org, session.user_id), person(org, session.user_id))


def named(call: Call, request: Request) -> SObject:
    """The object that the path names. Raises ApiError 404 when it does not exist for this user."""
    source = call.schema.sobject(str(request.path_params["sobject"]))
    if source is None:
        raise not_found()
    return source


def attributes(source: SObject, version: str, identifier: str) -> dict[str, str]:
    """The `attributes` of a record in an answer: its type and URL."""
    return {"type": source.name, "url": f"/services/data/v{version}/sobjects/{source.name}/{identifier}"}


def http_date(request: Request, header: str, *, strict: bool) -> float | None:
    """The date in a header of a conditional request, in seconds since the epoch; None without the header.

    A header that is no date raises ApiError 400 when `strict`, else it is ignored.
    """
    text = request.headers.get(header)
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        if strict:
            raise ApiError(400, "INVALID_HEADER", f"Invalid value for header {header}") from None
        return None


class _RecordId(Convertor[str]):
    """The path parameter `{id:record}`: 15 or 18 letters and digits."""

    regex = "[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _ExternalField(Convertor[str]):
    """The path parameter `{field:external}`: Id, or the name of a custom field."""

    regex = "[Ii][Dd]|[A-Za-z0-9_]+__[cC]"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("record", _RecordId())
register_url_convertor("external", _ExternalField())


def _version(org: Org, request: Request) -> str:
    text = str(request.path_params["version"])
    match = re.fullmatch(r"(\d{1,3})\.0", text)
    if match is not None:
        org.limits.check_version(int(match[1]))
    if match is None or not FIRST_VERSION <= int(match[1]) <= LAST_VERSION:
        raise not_found()
    return text
