"""What a window of its own shows before the app: its title, and how to go on where the keyring is locked."""

import flet as ft

import brand
from data.services.device import Body
from ui.shared import theme
from ui.shared.words import _, use_language

WIDTH, HEIGHT = 1280, 720  # a record stands beside its list, and a small laptop has the room
LEAST_WIDTH, LEAST_HEIGHT = 360, 480
_DESKTOPS = (ft.PagePlatform.LINUX, ft.PagePlatform.MACOS, ft.PagePlatform.WINDOWS)


def show(page: ft.Page, languages: list[str]) -> None:
    """Shows the window, which begins hidden (`ft.AppView.FLET_APP_HIDDEN`), because Flet's client has a title of its
    own until the app gives it one. `languages` are the device's. Nothing to do in a browser and on a phone."""
    if page.web or page.platform not in _DESKTOPS:
        return
    theme.apply(page, "system", use_language(languages))
    page.title = brand.NAME
    window = page.window
    window.width, window.height = WIDTH, HEIGHT
    window.min_width, window.min_height = LEAST_WIDTH, LEAST_HEIGHT
    window.visible = True
    page.update()


async def opened(page: ft.Page, device: Body) -> None:
    """Waits until the device can keep things. Where the person has to unlock their keyring for that, the window says so
    and offers to go on without it."""

    def waiting() -> None:
        words = _("Your keyring is locked. Unlock it to stay signed in: your desktop asks for its password.")
        # For a person who sent the desktop's question away.
        unlock = ft.FilledButton(_("Unlock"), height=theme.TARGET, on_click=device.ask_again)
        without = ft.TextButton(_("Go on without it"), height=theme.TARGET, on_click=device.go_without)
        buttons = ft.Row([unlock, without], wrap=True, spacing=8)
        column = ft.Column([ft.Text(words), buttons], tight=True, spacing=24)
        page.views = [ft.View(controls=[ft.SafeArea(ft.Container(column, width=400))], padding=32)]
        page.update()

    await device.opened(waiting)
