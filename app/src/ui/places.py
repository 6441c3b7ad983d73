"""Places of the app and their addresses; which places there are says ui/table.py."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode


@dataclass(frozen=True, slots=True)
class Given:
    """A reference with which a new record begins, to the record with the id `value`. The address has no `name`: else
    whoever makes up a link could choose what people read, and logs of addresses would hold it."""

    field: str
    value: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What an address shows: the kind of place (`name`), its object and record where it has them, and the values with
    which a new record begins (`given`)."""

    name: str
    sobject: str = ""
    record_id: str = ""
    given: tuple[Given, ...] = ()


HOME = Place("home")
SIGN_IN = Place("sign-in")


class Addresses:
    """The addresses of places, from (name, address) pairs such as ("list", "/records/{sobject}"). Of two that fit, the
    first counts; `of` gives the first of a name."""

    def __init__(self, addresses: Iterable[tuple[str, str]]) -> None:
        self._all = [(name, address.strip("/").split("/")) for name, address in addresses]

    def of(self, place: Place) -> str:
        """The address of a place."""
        of_place = {"{sobject}": place.sobject, "{record_id}": place.record_id}
        parts = next(parts for name, parts in self._all if name == place.name)
        path = "/" + "/".join(quote(of_place[part], safe="") if part in of_place else part for part in parts)
        return path + (f"?{urlencode([(g.field, g.value) for g in place.given])}" if place.given else "")

    def place(self, route: str) -> Place:
        """The place of an address; an unknown one is home."""
        path, _, query = route.partition("?")
        asked = [unquote(part) for part in path.strip("/").split("/")]
        for name, parts in self._all:
            values = dict(zip(parts, asked, strict=False))
            if len(parts) == len(asked) and all(
                part == value or (part[:1] == "{" and value) for part, value in values.items()
            ):
                given = tuple(Given(*pair) for pair in parse_qsl(query)) if name == "new" else ()
                return Place(name, values.get("{sobject}", ""), values.get("{record_id}", ""), given)
        return HOME
