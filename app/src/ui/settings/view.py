"""Settings of this device: look, language, lock."""

from collections.abc import Awaitable, Callable

import flet as ft

from data.repositories.settings import Theme
from ui.shared import parts, theme
from ui.shared.live import use
from ui.shared.state import State
from ui.shared.words import LANGUAGES, _
from ui.shell import Shell


@ft.component
def SettingsPage(shell: Shell, _model: State) -> ft.Control:
    use(shell.settings)
    can_lock, note_lock = ft.use_state(False)

    async def look() -> None:
        note_lock(await shell.settings.can_lock())

    ft.use_effect(look, [])
    cards = [parts.card(_("Look"), _themes(shell)), parts.card(_("Language"), _languages(shell))]
    if can_lock:
        cards.append(parts.card(_("App lock"), _lock(shell), parts.faint(_("Asks for your face, finger or code when the app is opened."))))
    return parts.content(*cards, width=640)


def _themes(shell: Shell) -> ft.Control:
    words: dict[Theme, str] = {"system": _("As this device"), "light": _("Light"), "dark": _("Dark")}

    async def choose(event: ft.Event[ft.RadioGroup]) -> None:
        await shell.settings.choose(theme=next(t for t in words if t == event.control.value))

    return _radios(list(words.items()), shell.settings.value.theme, choose)


def _languages(shell: Shell) -> ft.Control:
    async def choose(event: ft.Event[ft.RadioGroup]) -> None:
        chosen = str(event.control.value)
        await shell.settings.choose(language="" if chosen == "system" else chosen)

    return _radios([("system", _("As this device")), *LANGUAGES.items()], shell.settings.value.language or "system", choose)


def _radios(choices: list[tuple[str, str]], chosen: str, choose: Callable[[ft.Event[ft.RadioGroup]], Awaitable[None]]) -> ft.Control:
    radios = [ft.Container(ft.Radio(value=value, label=words), height=theme.TARGET) for value, words in choices]
    return ft.RadioGroup(ft.Column([*radios], spacing=0, tight=True), value=chosen, on_change=choose)


def _lock(shell: Shell) -> ft.Control:
    async def switched(event: ft.Event[ft.Switch]) -> None:
        await shell.settings.choose(lock=bool(event.control.value))

    return ft.Container(ft.Switch(label=_("Lock this app"), value=shell.settings.value.lock, on_change=switched), height=theme.TARGET)
