"""The answers of the User Interface API."""

import hashlib

import msgspec
from starlette.responses import Response

from localorg.org import Org
from localorg.web import Json, limit_header


def answer(org: Org, body: dict[str, object], status: int = 200) -> Response:
    """`body` as a JSON answer with an `eTag`, a hash of its content, which every answer of this API has."""
    return Json(tagged(body), status, headers=limit_header(org))


def tagged(body: dict[str, object]) -> dict[str, object]:
    """`body` with its `eTag`."""
    tag = hashlib.md5(msgspec.json.encode(body), usedforsecurity=False).hexdigest()
    return {"eTag": tag} | body
