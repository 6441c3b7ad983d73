"""Parts that several places share."""

from collections.abc import Awaitable, Callable, Iterable

import flet as ft

from contract.errors import CallError, Misconfigured, NotFound, OrgUnavailable
from ui.shared import theme
from ui.shared.values import age as age_words
from ui.shared.values import initials
from ui.shared.words import _

Action = Callable[[], Awaitable[None]]


def content(
    *controls: ft.Control, spacing: int = 16, width: int = theme.CONTENT_WIDTH, ref: ft.Ref[ft.Column] | None = None
) -> ft.Control:
    """A place's content: centred, and no wider than `width` pixels; `ref` is for whoever scrolls it."""
    column = ft.Column(list(controls), spacing=spacing, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    inner = ft.Container(column, width=width, padding=16, alignment=ft.Alignment.TOP_CENTER)
    rows = ft.Row([ft.Container(inner, expand=True, alignment=ft.Alignment.TOP_CENTER)])
    return ft.Column([rows], scroll=ft.ScrollMode.AUTO, expand=True, ref=ref)


def card(title: str | None, *controls: ft.Control, action: ft.Control | None = None) -> ft.Control:
    """A group with a title (None for none), and perhaps an `action` beside it."""
    heading: list[ft.Control] = []
    if title:
        heading.append(ft.Row([ft.Container(heading_text(title), expand=True), *([action] if action else [])]))
    inner = ft.Column([*heading, *controls], spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.Container(inner, padding=16, border_radius=16, bgcolor=ft.Colors.SURFACE_CONTAINER_LOW)


def columns(items: list[tuple[ft.Control, bool]], count: int, *, spacing: int = 4) -> ft.Control:
    """Controls in `count` columns, row by row. Each comes with whether it needs a row of its own."""
    rows: list[ft.Control] = []
    waiting: list[ft.Control] = []

    def close(*controls: ft.Control) -> None:
        if controls:
            cells = [ft.Container(c, expand=True) for c in controls]
            rows.append(ft.Row([*cells], spacing=16, vertical_alignment=ft.CrossAxisAlignment.START))
        waiting.clear()

    for control, alone in items:
        if alone:
            close(*waiting)
            close(control)
        else:
            waiting.append(control)
            if len(waiting) == count:
                close(*waiting)
    if waiting:
        close(*waiting, *(ft.Container() for _empty in range(count - len(waiting))))
    return ft.Column(rows, spacing=spacing, tight=True)


def heading_text(text: str) -> ft.Control:
    """The title of a card, a heading for assistive technology too."""
    return ft.Semantics(
        content=ft.Text(text, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, weight=ft.FontWeight.W_600), header=True
    )


def big_heading(text: str) -> ft.Control:
    """The title of a page, a heading for assistive technology too."""
    return ft.Semantics(content=ft.Text(text, theme_style=ft.TextThemeStyle.HEADLINE_SMALL), header=True)


def faint(text: str, *, size: int | None = None) -> ft.Control:
    """Text that matters less."""
    return ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, size=size)


def avatar(name: str, radius: int = 20) -> ft.Control:
    """A circle with one or two letters of a name. It is not read out, because the name is beside it."""
    color = theme.AVATARS[sum(map(ord, name)) % len(theme.AVATARS)]
    circle = ft.CircleAvatar(
        content=ft.Text(initials(name), size=radius * 0.7, color="#FFFFFF"), bgcolor=color, radius=radius
    )
    return ft.Semantics(content=circle, exclude_semantics=True)


def tile(
    title: str,
    subtitle: str,
    on_click: Action | None = None,
    trailing: str = "",
    *,
    icon: ft.IconData | None = None,
    selected: bool = False,
    key: str | None = None,
    wraps: bool = False,
    leading: ft.Control | None = None,
    buttons: list[ft.Control] | None = None,
    color: ft.ColorValue | None = None,
) -> ft.Control:
    """One line of a list: a title over a subtitle, with `trailing` at its end, for which the subtitle may go on in a
    second line. It is made of few controls, because every control adds to the time in which a long list is painted.
    Where it `wraps`, nothing of its words is cut. `leading` stands in place of the circle with its letters, `buttons`
    at its end: beside what opens the line, or a tap on them would open it. `color` is that of the subtitle."""
    lines, overflow = (None, ft.TextOverflow.CLIP) if wraps else (1, ft.TextOverflow.ELLIPSIS)
    below = 2 if lines and trailing else lines
    pictured = avatar(title) if icon is None else ft.Icon(icon, color=ft.Colors.ON_SURFACE_VARIANT)
    beside = leading is not None or bool(buttons)
    line = ft.ListTile(
        key=None if beside else key,
        title=ft.Text(title, max_lines=lines, overflow=overflow),
        subtitle=ft.Text(subtitle, max_lines=below, overflow=overflow, color=color) if subtitle else None,
        leading=None if leading is not None else pictured,
        trailing=_trailing(trailing),
        selected=selected,
        min_height=56,
        on_click=on_click,
    )
    if not beside:
        return line
    before = [] if leading is None else [leading]
    return ft.Row([*before, ft.Container(line, expand=True), *(buttons or [])], spacing=0, key=key)


def _trailing(text: str) -> ft.Control | None:
    return ft.Text(text, theme_style=ft.TextThemeStyle.LABEL_LARGE) if text else None


def field(control: ft.TextField) -> ft.Control:
    """A text field whose text assistive technology reads in the browser before anybody was in it
    (app/web/start/values.js).
    """
    return ft.Semantics(content=control, identifier=_read_out(control.value))


def _read_out(text: str) -> str:
    return f"value:{text}"


def choice(control: ft.Dropdown) -> ft.Control:
    """A drop-down over the whole width; Flutter gives assistive technology neither a name of its own nor what is
    chosen.
    """
    control.expand = True
    chosen = next((o.text or "" for o in control.options if control.value and o.key == control.value), "")
    name = f"{control.label}: {chosen}" if chosen and not control.editable else str(control.label)
    return ft.Semantics(
        content=ft.Row([control]),
        label=name,
        container=True,
        identifier=_read_out(chosen) if control.editable else None,
    )


def radios(
    choices: Iterable[tuple[str, str]],
    chosen: str | None,
    choose: Callable[[str], Awaitable[None]],
    color: str | None = None,
) -> ft.Control:
    """One of several values, each with its words, which wrap where they are long; a radio's own label is cut off."""

    async def picked(event: ft.Event[ft.RadioGroup]) -> None:
        await choose(str(event.control.value))

    def line(value: str, words: str) -> ft.Control:
        async def tapped() -> None:
            await choose(value)

        text = ft.Container(ft.Text(words, color=color), padding=ft.Padding.symmetric(vertical=14))  # 48 with a line
        # Assistive technology hears and taps the two as one, so the words have no tap of their own for it.
        said = ft.GestureDetector(text, expand=True, on_tap=tapped, exclude_from_semantics=True)
        return ft.MergeSemantics(ft.Row([ft.Radio(value=value), said], spacing=0))

    lines = [line(value, words) for value, words in choices]
    return ft.RadioGroup(ft.Column(lines, spacing=0, tight=True), value=chosen, on_change=picked)


def menu(icon: ft.IconData, name: str, items: list[ft.PopupMenuItem]) -> ft.Control:
    """A picture that opens a menu; `name` is what is read out."""
    picture = ft.Container(
        named_icon(icon, name), width=theme.TARGET, height=theme.TARGET, alignment=ft.Alignment.CENTER
    )
    return ft.PopupMenuButton(items=items, content=picture, tooltip="")


def icon_button(icon: ft.IconData, name: str, action: Action) -> ft.IconButton:
    """A button that is only a picture; `name` is what is read out."""
    return ft.IconButton(
        named_icon(icon, name),
        tooltip=name,
        on_click=action,
        size_constraints=ft.BoxConstraints(min_width=48, min_height=48),
    )


def named_icon(icon: ft.IconData, name: str) -> ft.Icon:
    """A picture that says what it does: in the browser a tooltip alone is not read out."""
    return ft.Icon(icon, semantics_label=name)


def icon_of(name: str) -> ft.IconData:
    """The icon with this Material name; the icon of a list when there is none of that name."""
    return getattr(ft.Icons, name.upper(), None) or ft.Icons.LIST_ALT


# While nothing is there yet


def skeleton_line(width: int, height: int = 14) -> ft.Control:
    """A grey line, as wide and high as a text will be (pixels)."""
    return ft.Container(width=width, height=height, border_radius=7, bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST)


def skeleton_tiles(count: int = 8) -> ft.Control:
    """The shape of a list that is on its way."""
    circle = ft.Container(width=40, height=40, border_radius=20, bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST)
    rows = [
        ft.Container(
            ft.Row(
                [circle, ft.Column([skeleton_line(180), skeleton_line(120, 12)], spacing=8, tight=True)], spacing=16
            ),
            height=64,
            padding=8,
        )
        for _n in range(count)
    ]
    return on_its_way(ft.Column([*rows], spacing=0, tight=True))


def skeleton_cards(*heights: int) -> ft.Control:
    """The shape of cards that are on their way."""
    cards = [
        ft.Container(
            ft.Column([skeleton_line(160, 18), skeleton_line(240), skeleton_line(200)], spacing=16),
            height=height, padding=16, border_radius=16, bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
        )
        for height in heights
    ]  # fmt: skip
    return on_its_way(ft.Column([*cards], spacing=16, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))


def on_its_way(shape: ft.Control) -> ft.Control:
    """The shape of something that is loading, read out as "Loading …"."""
    return ft.Semantics(content=shape, label=_("Loading …"), exclude_semantics=True, live_region=True)


# What went wrong, and what is old


def trouble(error: CallError, again: Action | None = None) -> ft.Control:
    """What went wrong in words, with a button to try `again` where that may help."""
    can_retry = again is not None and isinstance(error, OrgUnavailable | Misconfigured)
    button: list[ft.Control] = []
    if can_retry:
        button.append(ft.FilledTonalButton(_("Try again"), icon=ft.Icons.REFRESH, height=48, on_click=again))
    text = ft.Semantics(content=ft.Text(_(error.message), text_align=ft.TextAlign.CENTER), live_region=True)
    if isinstance(error, OrgUnavailable):
        picture = ft.Icons.CLOUD_OFF
    else:
        picture = ft.Icons.SEARCH_OFF if isinstance(error, NotFound) else ft.Icons.INFO_OUTLINE
    icon = ft.Icon(picture, size=32, color=ft.Colors.ON_SURFACE_VARIANT)
    column = ft.Column([icon, text, *button], horizontal_alignment=ft.CrossAxisAlignment.CENTER, tight=True)
    return ft.Container(column, alignment=ft.Alignment.CENTER, padding=32)


def note(text: str, *, kind: str = "error", actions: list[ft.Control] | None = None) -> ft.Control:
    """A coloured box with a message: `error`, `calm` or `question`."""
    behind, letters = {
        "error": (ft.Colors.ERROR_CONTAINER, ft.Colors.ON_ERROR_CONTAINER),
        "calm": (ft.Colors.SECONDARY_CONTAINER, ft.Colors.ON_SECONDARY_CONTAINER),
        "question": (ft.Colors.TERTIARY_CONTAINER, ft.Colors.ON_TERTIARY_CONTAINER),
    }[kind]
    said = ft.Semantics(content=ft.Text(text, color=letters), live_region=True)
    rows: list[ft.Control] = [said]
    if actions:
        rows.append(ft.Row(actions, wrap=True))
    return ft.Container(ft.Column(rows, tight=True, spacing=8), bgcolor=behind, border_radius=12, padding=12)


def age_line(seconds: float | None, *, problem: bool) -> list[ft.Control]:
    """A line that says how old the page is; none for an age of None."""
    if seconds is None:
        return []
    words = _("As of {age}.", age=age_words(seconds))
    icon = ft.Icon(ft.Icons.HISTORY if problem else ft.Icons.SYNC, size=16, color=ft.Colors.ON_SURFACE_VARIANT)
    return [ft.Row([icon, faint(words, size=13)], spacing=8)]
