"""The app's addresses: which place an address shows, and the address of a place."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode

from data.services.device import CALLBACK_PATH

Name = Literal["home", "more", "list", "record", "edit", "new", "search", "profile", "access", "settings", "sign-in", "callback"]
_PLAIN: dict[str, Name] = {
    "": "home",
    "/more": "more",
    "/search": "search",
    "/profile": "profile",
    "/access": "access",
    "/settings": "settings",
    "/sign-in": "sign-in",
    CALLBACK_PATH: "callback",
    "/callback": "callback",  # what is left of a custom scheme's address on some systems
}


@dataclass(frozen=True, slots=True)
class Place:
    """What an address shows. `given` are the values with which a new record begins."""

    name: Name
    sobject: str = ""
    record_id: str = ""
    given: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The address."""
        base = f"/records/{quote(self.sobject)}"
        match self.name:
            case "list":
                return base
            case "record":
                return f"{base}/{self.record_id}"
            case "edit":
                return f"{base}/{self.record_id}/edit"
            case "new":
                return f"{base}/new" + (f"?{urlencode(self.given)}" if self.given else "")
            case _:
                return next(path for path, name in _PLAIN.items() if name == self.name) or "/"


HOME = Place("home")
SIGN_IN = Place("sign-in")


def place_of(route: str) -> Place:
    """The place of an address; an unknown one is home."""
    path, _, query = route.partition("?")
    path = path.rstrip("/")
    if path in _PLAIN:
        return Place(_PLAIN[path])
    match [unquote(part) for part in path.split("/")]:
        case ["", "records", sobject]:
            return Place("list", sobject)
        case ["", "records", sobject, "new"]:
            return Place("new", sobject, given=tuple(parse_qsl(query)))
        case ["", "records", sobject, record_id]:
            return Place("record", sobject, record_id)
        case ["", "records", sobject, record_id, "edit"]:
            return Place("edit", sobject, record_id)
        case _:
            return HOME
