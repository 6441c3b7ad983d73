"""The profile page: who is signed in, who else is on this device, and where to go from here."""

import flet as ft

from ui.places import Place
from ui.profile.view_model import ProfileViewModel
from ui.shared import parts
from ui.shared.live import use
from ui.shared.words import _
from ui.shell import Shell


@ft.component
def Profile(shell: Shell, model: ProfileViewModel) -> ft.Control:
    use(model)
    live, user = model.profile, shell.session.user
    name = user.name if user else ""
    title = live.value.title if live.value and live.value.title else ""
    who = ft.Column(
        [parts.avatar(name, 36), parts.big_heading(name), parts.faint(title)],
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        spacing=4,
    )
    if live.value is not None:
        body = [
            *parts.age_line(live.age, problem=live.problem is not None),
            parts.card(None, *(_line(*line) for line in model.lines)),
        ]
    elif live.problem is not None:
        body = [parts.trouble(live.problem, model.load)]
    else:
        body = [parts.skeleton_cards(300)]
    return parts.content(
        ft.Row([who], alignment=ft.MainAxisAlignment.CENTER), *body, _people(shell), _onward(shell), width=640
    )


def _people(shell: Shell) -> ft.Control:
    """Who else is signed in on this device."""
    tiles: list[ft.Control] = []
    for other in shell.session.others:

        async def switch(uid: str = other.uid) -> None:
            await shell.handover.switch(uid)

        tiles.append(parts.tile(other.name, other.username, switch))

    async def add() -> None:
        await shell.handover.add_user()

    tiles.append(
        parts.tile(
            _("Sign in with another user"),
            _("Both stay signed in on this device"),
            add,
            icon=ft.Icons.PERSON_ADD_OUTLINED,
            wraps=True,
        )
    )
    return parts.card(_("People on this device"), *tiles)


def _onward(shell: Shell) -> ft.Control:
    async def settings() -> None:
        await shell.go(Place("settings"))

    async def access() -> None:
        await shell.go(Place("access"))

    return parts.card(
        None,
        parts.tile(_("Settings"), _("Look, language"), settings, icon=ft.Icons.TUNE, wraps=True),
        parts.tile(
            _("Where am I signed in?"), _("Devices, history, sign out"), access, icon=ft.Icons.DEVICES, wraps=True
        ),
    )


def _line(label: str, value: str) -> ft.Control:
    name = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.MergeSemantics(ft.Column([name, ft.Text(value)], spacing=0, tight=True))
