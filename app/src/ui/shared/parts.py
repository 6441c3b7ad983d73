"""Parts that several places share."""

from collections.abc import Awaitable, Callable

import flet as ft

from contract.errors import CallError, Misconfigured, OrgUnavailable
from ui.shared import strings
from ui.shared.values import initials

CONTENT_WIDTH = 1040
WIDE = 840  # Material 3's "expanded" window class begins here
Action = Callable[[], Awaitable[None]]

_AVATARS = (ft.Colors.BLUE_700, ft.Colors.TEAL_700, ft.Colors.DEEP_PURPLE_500, ft.Colors.BROWN_500, ft.Colors.INDIGO_500, ft.Colors.PINK_700)


def repaint(control: ft.Control) -> None:
    """Paints a control anew; nothing when its place was left while it waited for an answer."""
    try:
        page = control.page
    except RuntimeError:  # Flet: it is on no page
        return
    page.update(control)


def announce(control: ft.Control, text: str) -> None:
    """Shows a short message over the place that the control stands in; nothing when that was left."""
    try:
        page = control.page
    except RuntimeError:
        return
    page.show_dialog(ft.SnackBar(ft.Text(text), behavior=ft.SnackBarBehavior.FLOATING))


def content(*controls: ft.Control, scroll: bool = True, spacing: int = 16) -> ft.Control:
    """A place's content: centred, no wider than is good to read."""
    column = ft.Column(
        list(controls),
        spacing=spacing,
        expand=True,
        scroll=ft.ScrollMode.AUTO if scroll else None,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return ft.Container(ft.Container(column, width=CONTENT_WIDTH, padding=16), alignment=ft.Alignment.TOP_CENTER, expand=True)


def card(title: str | None, *controls: ft.Control) -> ft.Control:
    """A titled group."""
    heading: list[ft.Control] = [] if title is None else [heading_text(title)]
    inner = ft.Column([*heading, *controls], spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.Container(inner, padding=16, border_radius=16, bgcolor=ft.Colors.SURFACE_CONTAINER_LOW)


def heading_text(text: str) -> ft.Control:
    return ft.Semantics(content=ft.Text(text, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, weight=ft.FontWeight.W_600), header=True)


def faint(text: str) -> ft.Control:
    return ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT)


def avatar(name: str, radius: int = 20) -> ft.Control:
    color = _AVATARS[sum(map(ord, name)) % len(_AVATARS)]
    return ft.CircleAvatar(content=ft.Text(initials(name), size=radius * 0.7, color=ft.Colors.WHITE), bgcolor=color, radius=radius)


def tile(title: str, subtitle: str, on_click: Action | None = None, trailing: str = "") -> ft.Control:
    """One line of a list."""

    async def clicked(_: ft.Event[ft.ListTile]) -> None:
        assert on_click is not None
        await on_click()

    return ft.ListTile(
        title=ft.Text(title, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        subtitle=ft.Text(subtitle, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS) if subtitle else None,
        leading=avatar(title),
        trailing=ft.Text(trailing, theme_style=ft.TextThemeStyle.LABEL_LARGE) if trailing else None,
        content_padding=ft.Padding.symmetric(horizontal=8),
        shape=ft.RoundedRectangleBorder(radius=12),
        on_click=clicked if on_click is not None else None,
    )


def choice(control: ft.Dropdown) -> ft.Control:
    """A drop-down over the whole width; Flutter gives it no name of its own for assistive technology."""
    control.expand = True
    return ft.Semantics(content=ft.Row([control]), label=str(control.label), container=True)


def waiting(text: str = strings.LOADING) -> ft.Control:
    ring = ft.ProgressRing(width=28, height=28, semantics_label=text)
    return ft.Container(
        ft.Column([ring, faint(text)], horizontal_alignment=ft.CrossAxisAlignment.CENTER, tight=True), alignment=ft.Alignment.CENTER, padding=32
    )


def trouble(error: CallError, again: Action | None = None) -> ft.Control:
    """What went wrong in the person's words, with a way on when there is one."""

    async def clicked(_: ft.Event[ft.Button]) -> None:
        assert again is not None
        await again()

    can_retry = again is not None and isinstance(error, OrgUnavailable | Misconfigured)
    button: list[ft.Control] = [ft.FilledTonalButton(strings.TRY_AGAIN, icon=ft.Icons.REFRESH, on_click=clicked)] if can_retry else []
    text = ft.Semantics(content=ft.Text(error.message, text_align=ft.TextAlign.CENTER), live_region=True)
    icon = ft.Icon(ft.Icons.CLOUD_OFF if isinstance(error, OrgUnavailable) else ft.Icons.INFO_OUTLINE, size=32, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Container(
        ft.Column([icon, text, *button], horizontal_alignment=ft.CrossAxisAlignment.CENTER, tight=True), alignment=ft.Alignment.CENTER, padding=32
    )
