"""All that the navigation has no room for on a phone."""

import flet as ft

from ui.more.view_model import MoreViewModel
from ui.places import Place
from ui.shared import parts
from ui.shell import Shell


@ft.component
def More(shell: Shell, model: MoreViewModel) -> ft.Control:
    def line(words: str, icon: ft.IconData, place: Place) -> ft.Control:
        async def go() -> None:
            await shell.go(place)

        return parts.tile(words, "", go, icon=icon, wraps=True)

    lists = [line(s.label_plural, parts.icon_of(s.icon), Place("list", s.sobject)) for s in shell.catalogue.shapes]
    links = [line(link.title, link.icon, link.place) for link in model.links()]
    return parts.content(parts.card(None, *lists), parts.card(None, *links), width=640)
