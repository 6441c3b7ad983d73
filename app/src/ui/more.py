"""All that the navigation has no room for on a phone."""

import flet as ft

from ui.app import App
from ui.places import Place
from ui.shared import parts
from ui.shared.words import _


@ft.component
def More(app: App) -> ft.Control:
    objects = app.objects.value.objects if app.objects.value else ()

    def line(words: str, icon: ft.IconData, place: Place) -> ft.Control:
        async def go() -> None:
            await app.go(place)

        return parts.tile(words, "", go, icon=icon)

    lists = [line(o.label_plural, parts.icon_of(o.icon), Place("list", o.sobject)) for o in objects]
    return parts.content(
        parts.card(None, *lists),
        parts.card(
            None,
            line(_("Search"), ft.Icons.SEARCH, Place("search")),
            line(_("Profile"), ft.Icons.PERSON_OUTLINE, Place("profile")),
            line(_("Where am I signed in?"), ft.Icons.DEVICES, Place("access")),
            line(_("Settings"), ft.Icons.TUNE, Place("settings")),
        ),
        width=640,
    )
