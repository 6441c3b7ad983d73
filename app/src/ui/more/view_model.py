"""Where one can go from a phone's page of all that its bar has no room for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ui.places import Place
from ui.shared.state import State


@dataclass(frozen=True, slots=True)
class Link:
    """A place with its title and its icon (Flet's)."""

    title: str
    icon: Any
    place: Place


class MoreViewModel(State):
    """`links` is called at each painting, because the titles are in the person's language."""

    def __init__(self, links: Callable[[], list[Link]]) -> None:
        super().__init__()
        self.links = links
