"""Settings of this device: look, language, lock."""

import flet as ft

import brand
from data.repositories.settings import Theme
from ui.settings.view_model import SettingsViewModel
from ui.shared import parts, theme
from ui.shared.live import use
from ui.shared.words import LANGUAGES, _, own_name
from ui.shell import Shell


@ft.component
def SettingsPage(shell: Shell, model: SettingsViewModel) -> ft.Control:
    use(model)
    can_lock, note_lock = ft.use_state(False)

    async def look() -> None:
        note_lock(await model.can_lock())

    ft.use_effect(look, [])
    cards = [parts.card(_("Look"), _themes(model)), parts.card(_("Language"), _languages(model))]
    if can_lock:
        cards.append(
            parts.card(
                _("App lock"),
                _lock(model),
                parts.faint(_("Asks for your face, finger or code when the app is opened.")),
            )
        )
    if brand.SUPPORT:
        cards.append(parts.card(_("Help"), _help(shell)))
    return parts.content(*cards, width=640)


def _themes(model: SettingsViewModel) -> ft.Control:
    words: dict[Theme, str] = {"system": _("As this device"), "light": _("Light"), "dark": _("Dark")}

    async def choose(value: str) -> None:
        await model.choose(theme=next(t for t in words if t == value))

    return parts.radios(words.items(), model.value.theme, choose)


def _languages(model: SettingsViewModel) -> ft.Control:
    async def choose(value: str) -> None:
        await model.choose(language="" if value == "system" else value)

    choices = [("system", _("As this device")), *((language, own_name(language)) for language in LANGUAGES)]
    return parts.radios(choices, model.value.language or "system", choose)


def _help(shell: Shell) -> ft.Control:
    async def open_it() -> None:
        await shell.open_link(brand.SUPPORT)

    link = ft.TextButton(_("Get help"), icon=ft.Icons.HELP_OUTLINE, height=theme.TARGET, on_click=open_it)
    return ft.Row([link])


def _lock(model: SettingsViewModel) -> ft.Control:
    async def switched(event: ft.Event[ft.Switch]) -> None:
        await model.choose(lock=bool(event.control.value))

    return ft.Container(
        ft.Switch(label=_("Lock this app"), value=model.value.lock, on_change=switched), height=theme.TARGET
    )
