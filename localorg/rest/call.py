"""What every REST request has: who asks, in which version, and what that person can see."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from localorg.data.access import Schema, schema_for
from localorg.errors import not_found
from localorg.oauth.grants import Session
from localorg.oauth.session import require_session
from localorg.org import Org

FIRST_VERSION, LAST_VERSION = 29, 68


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a user; `zone` is their time zone."""

    session: Session
    version: str
    schema: Schema
    zone: str


def call_of(org: Org, request: Request) -> Call:
    session = require_session(org, request)
    version = _version(request)
    zone = org.db.execute("SELECT TimeZoneSidKey FROM User WHERE Id = ?", (session.user_id,)).fetchone()
    return Call(session, version, schema_for(org, session.user_id), str(zone[0] or "UTC"))


def _version(request: Request) -> str:
    text = str(request.path_params["version"])
    match = re.fullmatch(r"(\d{1,3})\.0", text)
    if match is None or not FIRST_VERSION <= int(match[1]) <= LAST_VERSION:
        raise not_found()
    return text
