"""Settings of this device: look, language, lock."""

from collections.abc import Awaitable, Callable

import flet as ft

from ui.app import App, Theme
from ui.shared import parts, theme
from ui.shared.words import LANGUAGES, _


@ft.component
def SettingsPage(app: App) -> ft.Control:
    can_lock, note_lock = ft.use_state(False)

    async def look() -> None:
        note_lock(await app.can_lock())

    ft.use_effect(look, [])
    cards = [parts.card(_("Look"), _themes(app)), parts.card(_("Language"), _languages(app))]
    if can_lock:
        cards.append(parts.card(_("App lock"), _lock(app), parts.faint(_("Asks for your face, finger or code when the app is opened."))))
    return parts.content(*cards, width=640)


def _themes(app: App) -> ft.Control:
    words: dict[Theme, str] = {"system": _("As this device"), "light": _("Light"), "dark": _("Dark")}

    async def choose(event: ft.Event[ft.RadioGroup]) -> None:
        await app.choose(theme=next(t for t in words if t == event.control.value))

    return _radios(list(words.items()), app.settings.theme, choose)


def _languages(app: App) -> ft.Control:
    async def choose(event: ft.Event[ft.RadioGroup]) -> None:
        chosen = str(event.control.value)
        await app.choose(language="" if chosen == "system" else chosen)

    return _radios([("system", _("As this device")), *LANGUAGES.items()], app.settings.language or "system", choose)


def _radios(choices: list[tuple[str, str]], chosen: str, choose: Callable[[ft.Event[ft.RadioGroup]], Awaitable[None]]) -> ft.Control:
    radios = [ft.Container(ft.Radio(value=value, label=words), height=theme.TARGET) for value, words in choices]
    return ft.RadioGroup(ft.Column([*radios], spacing=0, tight=True), value=chosen, on_change=choose)


def _lock(app: App) -> ft.Control:
    async def switched(event: ft.Event[ft.Switch]) -> None:
        await app.choose(lock=bool(event.control.value))

    return ft.Container(ft.Switch(label=_("Lock this app"), value=app.settings.lock, on_change=switched), height=theme.TARGET)
