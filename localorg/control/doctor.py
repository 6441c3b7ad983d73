"""The last requests to an org and what was wrong with them, as text for a terminal."""

import time
from typing import cast

from localorg.control.client import control


def report(url: str) -> list[str]:
    """The last requests to the org at `url` as lines of text, the oldest first. Raises OSError when it cannot be
    reached.
    """
    requests = cast(list[dict[str, object]], control(url, "requests", None))
    lines: list[str] = []
    refused = 0
    for seen in requests:
        at = time.strftime("%H:%M:%S", time.localtime(cast(float, seen["at"])))
        request = f"{seen['method']} {seen['path']}"
        lines.append(f"{at}  {seen['status']}  {request}  {seen['milliseconds']} ms  {seen['client']}".rstrip())
        reasons = cast(list[dict[str, str]], seen["reasons"])
        refused += bool(reasons)
        for reason in reasons:
            first, *more = reason["message"].splitlines() or [""]
            lines += [f"          {reason['code']}: {first}", *(f"          {line}" for line in more)]
            if reason["advice"]:
                lines.append(f"          → {reason['advice']}")
    if not requests:
        return [f"Nobody has asked {url} for anything yet."]
    return [*lines, f"{len(requests)} requests, {refused} of them with something that was refused"]
