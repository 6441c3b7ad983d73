"""Calls the control API of a running org. Standard library only."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping


def control(url: str, what: str, body: Mapping[str, object] | None) -> object:
    """Sends one control request to the org at `url` and returns its JSON answer.

    `what` is the path below `/localorg/control/`. With a `body` it is a POST, without one a GET. Raises LookupError
    when the org has no such thing, ValueError when it refuses the body, OSError when it cannot be reached.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/localorg/control/{what}", data, {"Content-Type": "application/json"})  # noqa: S310  an org on this machine
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        message = str(json.load(refused)[0]["message"])
        raise (LookupError if refused.code == 404 else ValueError)(message) from None
