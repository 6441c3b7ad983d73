"""What every REST request has: who asks, in which version, and what that person can see."""

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
    """One request of a user; `person` is who asks."""

    session: Session
    version: str
    schema: Schema
    person: Person


def call_of(org: Org, request: Request) -> Call:
    session = require_session(org, request)
    version = _version(org, request)
    return Call(session, version, schema_for(org, session.user_id), person(org, session.user_id))


def named(call: Call, request: Request) -> SObject:
    """The object that the path names; raises ApiError when there is none for this user."""
    source = call.schema.sobject(str(request.path_params["sobject"]))
    if source is None:
        raise not_found()
    return source


def attributes(source: SObject, version: str, identifier: str) -> dict[str, str]:
    """What stands at the head of every record."""
    return {"type": source.name, "url": f"/services/data/v{version}/sobjects/{source.name}/{identifier}"}


def http_date(request: Request, header: str, *, strict: bool) -> float | None:
    """A date of a conditional request; one that is none is refused when `strict`, else not there."""
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
    """Paths with a record's id, and no other word in its place."""

    regex = "[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("record", _RecordId())


def _version(org: Org, request: Request) -> str:
    text = str(request.path_params["version"])
    match = re.fullmatch(r"(\d{1,3})\.0", text)
    if match is not None:
        org.limits.check_version(int(match[1]))
    if match is None or not FIRST_VERSION <= int(match[1]) <= LAST_VERSION:
        raise not_found()
    return text
