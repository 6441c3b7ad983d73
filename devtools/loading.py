"""Why the functions did not load, from what firebase-tools said of it."""

import re
from collections.abc import Sequence

_ERROR = re.compile(r"\b((?:\w+\.)*[A-Z]\w*(?:Error|Exception))(?:: (.*))?$")
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
_NOT_OURS = ("site-packages", "dist-packages", "/lib/python", "<frozen", "<string>")
_OURS = re.compile(r".*/(functions/(?:.*/)?\w+\.py)$")
_LAST = 15  # lines that are shown below


def why_not_loaded(lines: Sequence[str]) -> str:
    """The error that Python ended with, with the file and line of the project's that it happened at, then the last
    lines.
    """
    last = "\n".join(lines[-_LAST:])
    at = next((n for n in range(len(lines) - 1, -1, -1) if _is_pythons(lines[n])), None)
    if at is None:
        return "the functions did not load:\n" + last
    found = _ERROR.search(lines[at])
    said = found.group(0) if found else lines[at]
    ours = [p for line in lines[:at] if (p := _PLACE.search(line)) and not any(n in p.group(1) for n in _NOT_OURS)]
    if not ours:
        return f"the functions did not load: {said}\n{last}"
    path = _OURS.sub(r"\1", ours[-1].group(1))
    return f"the functions did not load: {said}\n  ({path}, line {ours[-1].group(2)})\n{last}"


def _is_pythons(line: str) -> bool:
    """Whether it ends a traceback; firebase-tools' own FirebaseError says only that there was one."""
    found = _ERROR.search(line)
    return found is not None and found.group(1) != "FirebaseError" and "FirebaseError" not in line
