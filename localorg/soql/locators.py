"""Query locators: they hold all that the next page of a query needs, so that the org stores nothing."""

import base64
import json
import re
from typing import cast


def make_locator(text: str, offset: int, batch: int, *, deleted: bool) -> str:
    """The locator of the page that begins at row `offset`: the part of `nextRecordsUrl` after `/query/`."""
    packed = base64.urlsafe_b64encode(json.dumps([text, batch, deleted]).encode()).decode().rstrip("=")
    return f"01g{packed}-{offset}"


def read_locator(locator: str) -> tuple[str, int, int, bool]:
    """The query text, offset, batch size, and whether deleted rows count, of a locator. Raises ValueError."""
    match = re.fullmatch(r"01g([A-Za-z0-9_-]+)-(\d{1,9})", locator)
    if match is None:
        raise ValueError("not a query locator")
    packed = match[1] + "=" * (-len(match[1]) % 4)
    value: object = json.loads(base64.urlsafe_b64decode(packed))
    if not isinstance(value, list) or [type(v) for v in cast(list[object], value)] != [str, int, bool]:
        raise ValueError("not a query locator")
    text, batch, deleted = cast(tuple[str, int, bool], tuple(cast(list[object], value)))
    return text, int(match[2]), max(1, batch), deleted
