"""How the org takes proofs of possession: its `ProofRules` over the control API, and as words of the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace

from starlette.requests import Request
from starlette.responses import Response

from localorg.control.local import wrong
from localorg.org import Org
from localorg.settings import ProofRules
from localorg.web import Json, json_object


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(word.title() for word in more)


_NAMES = {_camel(f.name): f.name for f in fields(ProofRules)}


def as_json(rules: ProofRules) -> dict[str, object]:
    """The rules with the names that the control API gives them."""
    return {_camel(name): value for name, value in asdict(rules).items()}


def changed(rules: ProofRules, changes: Mapping[str, object]) -> ProofRules:
    """The rules with these changes, by the names of `as_json`. Raises ValueError for what there is not."""
    for name, value in changes.items():
        if name not in _NAMES or type(value) is not type(getattr(rules, _NAMES[name])):
            kinds = ", ".join(f"{n}: {type(v).__name__}" for n, v in as_json(rules).items())
            raise ValueError(f"proofs take {kinds}")
    return replace(rules, **{_NAMES[name]: value for name, value in changes.items()})


def from_words(words: Sequence[str]) -> ProofRules:
    """The rules that words such as `resourceNonce=401` and `replay=false` say. Raises ValueError."""
    usual, said = as_json(ProofRules()), dict[str, object]()
    for word in words:
        name, _, value = word.partition("=")
        if isinstance(usual.get(name), bool) and value in ("true", "false"):
            said[name] = value == "true"
        else:
            said[name] = int(value) if isinstance(usual.get(name), int) and value.isdecimal() else value
    return changed(ProofRules(), said)


async def as_they_are(org: Org, _request: Request) -> Response:
    """The rules as JSON."""
    return Json(as_json(org.proofs.rules))


async def change(org: Org, request: Request) -> Response:
    """Changes some of the rules. Raises ApiError 400 for what there is not."""
    try:
        org.proofs.rules = changed(org.proofs.rules, await json_object(request, any_type=True))
    except ValueError as refused:
        raise wrong(str(refused)) from None
    return Json(as_json(org.proofs.rules))
