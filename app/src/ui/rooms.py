"""What the app has for its places, and what it needs of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from data.repositories.wiring import Repositories
from ui.places import Place
from ui.settings.view_model import SettingsViewModel
from ui.shared.catalogue import Catalogue
from ui.shared.deletions import Deletions
from ui.shared.notices import Notices
from ui.shared.refusals import Refusals
from ui.shared.state import State


@dataclass(frozen=True, slots=True)
class Rooms:
    """From what the state of a place is made.

    `finish_sign_in` takes the address that Salesforce sent back to; `saved` is called after a form was saved, with the
    object, the record's id, and what to say; `now` gives seconds since the epoch.
    """

    data: Repositories
    catalogue: Catalogue
    deletions: Deletions
    settings: SettingsViewModel
    now: Callable[[], float]
    finish_sign_in: Callable[[str], Awaitable[None]]
    saved: Callable[[str, str, str], Awaitable[None]]
    notices: Notices
    refusals: Refusals = field(default_factory=Refusals)


class Places(Protocol):
    """All places there are."""

    def place(self, route: str) -> Place:
        """The place of an address; home for an address of none."""
        ...

    def address(self, place: Place) -> str:
        """The address of a place, which begins with a slash."""
        ...

    def make(self, rooms: Rooms, place: Place) -> State | None:
        """The state of a place; None for a place of an object that is not in the catalogue."""
        ...
