"""Records that a user has starred: their favorites in Salesforce, which Salesforce's own pages show too."""

from dataclasses import dataclass
from typing import Annotated

from contract.values import Limits, RecordId, Sobject

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Favorite:
    """A starred record. `id` is the favorite's own, by which it is removed, `record` the record's, `name` what it was
    called when it was starred, or what the user calls it now.
    """

    id: RecordId
    sobject: Sobject
    record: RecordId
    name: str


@dataclass(frozen=True, slots=True)
class Favorites:
    """The starred records of objects that the app shows and the user may see, in the user's order."""

    favorites: tuple[Favorite, ...]


@dataclass(frozen=True, slots=True)
class AddFavorite:
    """Which record to star, and what it is called."""

    sobject: Sobject
    id: RecordId
    name: Annotated[str, Limits(min_length=1, max_length=MAX_NAME)]


@dataclass(frozen=True, slots=True)
class RemoveFavorite:
    """Which favorite to remove, by its own id. One that is gone already is no error."""

    favorite: RecordId
