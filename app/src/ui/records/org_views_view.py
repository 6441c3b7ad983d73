"""The selector above a list: the app's own beginnings, then the org's list views."""

from collections.abc import Awaitable, Callable

import flet as ft

from ui.records.list_view_model import ListViewModel
from ui.shared import parts, theme
from ui.shared.live import use
from ui.shared.text_box import SearchBox
from ui.shared.words import _


def selector(model: ListViewModel, choose: Callable[[], None]) -> ft.Control:
    """A button that says what the list shows; `choose` opens what there is to choose."""
    name = ft.Text(
        shown(model), theme_style=ft.TextThemeStyle.TITLE_MEDIUM, color=ft.Colors.ON_SURFACE, no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS, expand=True, expand_loose=True,
    )  # fmt: skip
    arrow = parts.named_icon(ft.Icons.ARROW_DROP_DOWN, _("Choose a list view"))
    button = ft.TextButton(
        content=ft.Row([name, arrow], spacing=4, tight=True), height=theme.TARGET, on_click=choose,
        style=ft.ButtonStyle(padding=ft.Padding.only(left=12, right=8)),
    )  # fmt: skip
    return ft.Row([ft.Container(button, expand=True, expand_loose=True)])


def shown(model: ListViewModel) -> str:
    """What the list shows, in words."""
    if model.views.chosen is not None:
        return model.views.chosen.label
    return _("Mine and open") if model.shows_preset else _("All")


def dialog(model: ListViewModel, close: Callable[[], None]) -> ft.AlertDialog:
    """The dialog in which one chooses what the list shows."""
    return ft.AlertDialog(
        title=ft.Text(_("List views")),
        content=ft.Container(Choices(model, close), width=480, height=480),
        actions=[ft.TextButton(_("Cancel"), height=theme.TARGET, on_click=close)],
        on_dismiss=close,
    )


@ft.component
def Choices(model: ListViewModel, close: Callable[[], None]) -> ft.Control:
    views = model.views
    use(views)
    ft.use_effect(model.look_at_views, [])

    def line(words: str, chosen: bool, choose: Callable[[], Awaitable[None]]) -> ft.Control:
        async def tapped() -> None:
            close()
            await choose()

        said = ft.Icon(ft.Icons.CHECK, semantics_label=_("chosen"), color=ft.Colors.PRIMARY) if chosen else None
        return ft.ListTile(
            title=ft.Text(words, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS),
            trailing=said, selected=chosen, min_height=56, on_click=tapped,
        )  # fmt: skip

    lines: list[ft.Control] = []
    if not views.text.strip():
        if model.shape.preset is not None:
            lines.append(line(_("Mine and open"), model.shows_preset, model.reset))
        shows_all = views.chosen is None and not model.shows_preset
        lines += [line(_("All"), shows_all, model.choose_all), ft.Divider(height=8)]
    for view in views.listed:
        is_chosen = views.chosen is not None and views.chosen.id == view.id
        lines.append(line(view.label, is_chosen, lambda view=view: model.choose_view(view)))
    if views.problem is not None:
        lines.append(parts.trouble(views.problem, model.look_at_views))
    elif views.loading:
        lines.append(parts.skeleton_tiles(4))
    elif not views.listed:
        lines.append(parts.faint(_("Nothing found.") if views.text else _("Your Salesforce has no list views here.")))
    elif views.is_cut:
        lines.append(parts.faint(_("There are more in Salesforce.")))
    search = [SearchBox(_("Search in list views"), lambda: views.text, views.type)] if views.many else []
    return ft.Column([*search, ft.ListView(lines, expand=True)], expand=True, spacing=12)
