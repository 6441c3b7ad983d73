"""Where am I signed in: the access, the devices, the history, and the ways out."""

import flet as ft

from contract.calls import Access, ConnectionStatus, SignedInDevice
from contract.errors import from_wire
from ui.access.view_model import AccessViewModel, history_words, is_healthy, state_words
from ui.shared import parts, theme, values
from ui.shared.live import use
from ui.shared.words import _, n_
from ui.shell import Shell


@ft.component
def AccessPage(shell: Shell, model: AccessViewModel) -> ft.Control:
    use(model)
    live = model.access
    if live.value is None:
        body = (
            [parts.trouble(live.problem, model.load)]
            if live.problem is not None
            else [parts.skeleton_cards(160, 200, 240)]
        )
    else:
        aged = parts.age_line(live.age, problem=live.problem is not None)
        body = [*aged, _state(model, live.value), _devices(shell, model, live.value), _history(live.value)]
    problem = [parts.note(_(model.problem.message))] if model.problem is not None else []
    return parts.content(*problem, *body, *_leaving(shell, model), width=720)


def _state(model: AccessViewModel, access: Access) -> ft.Control:
    connection = access.connection
    icon = _shield(connection)
    lines = [
        ft.Row([icon, ft.Text(state_words(connection.state), weight=ft.FontWeight.W_600, expand=True)], spacing=12)
    ]
    why = [parts.faint(_(from_wire(connection.ended_reason, "", {}).message))] if connection.ended_reason else []
    since = _("Signed in at {host} on {day}; renewed {renewed}.", host=connection.login_host,
              day=values.day(connection.signed_in_at),
              renewed=values.time_of(connection.refreshed_at))  # fmt: skip

    async def stay(event: ft.Event[ft.Switch]) -> None:
        await model.stay_signed_in(bool(event.control.value))

    switch = ft.Switch(value=connection.stay_signed_in, on_change=stay, disabled=model.busy)
    words = ft.Text(_("Keep me signed in while I'm away"), expand=True)
    wish = ft.MergeSemantics(
        ft.Container(ft.Row([switch, words], spacing=12), padding=ft.Padding.symmetric(vertical=4))
    )
    hint = parts.faint(_("Otherwise Salesforce signs you out after a month without this app."))
    return parts.card(_("This app and your Salesforce"), *lines, *why, parts.faint(since), wish, hint)


def _shield(connection: ConnectionStatus) -> ft.Icon:
    if connection.ended_reason is not None:
        return ft.Icon(ft.Icons.GPP_BAD_OUTLINED, color=ft.Colors.ERROR)
    if is_healthy(connection.state):
        return ft.Icon(ft.Icons.VERIFIED_USER_OUTLINED, color=ft.Colors.PRIMARY)
    return ft.Icon(ft.Icons.GPP_MAYBE_OUTLINED, color=ft.Colors.ON_SURFACE_VARIANT)


def _devices(shell: Shell, model: AccessViewModel, access: Access) -> ft.Control:
    def line(device: SignedInDevice) -> ft.Control:
        name = device.name or _("A device without a name")
        since = _("Since {day}", day=values.time_of(device.signed_in_at))
        if device.current:
            return parts.tile(name, values.joined(_("This device"), since), icon=ft.Icons.SMARTPHONE, wraps=True)

        async def end() -> None:
            await model.end(device)

        button = ft.TextButton(
            _("Sign out"),
            tooltip=_("Sign out {device}", device=name),
            height=theme.TARGET,
            disabled=model.busy,
            on_click=end,
        )
        return ft.Row(
            [ft.Container(parts.tile(name, since, icon=ft.Icons.DEVICES_OTHER, wraps=True), expand=True), button]
        )

    async def everywhere() -> None:
        if await model.ask_to_leave(shell.handover.waits, everywhere=True):
            await model.leave(lambda: shell.handover.sign_out(everywhere=True))

    buttons: list[ft.Control] = []
    if len(access.devices) > 1:
        buttons.append(
            ft.OutlinedButton(
                _("Sign out on all devices"),
                icon=ft.Icons.DEVICES,
                height=theme.TARGET,
                disabled=model.busy,
                on_click=everywhere,
            )
        )
    return parts.card(_("Devices"), *(line(d) for d in access.devices), *buttons)


def _history(access: Access) -> ft.Control:
    rows = [
        ft.Row(
            [ft.Text(history_words(line), expand=True), parts.faint(values.time_of(line.at), size=13)],
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
        for line in access.history
    ]
    return parts.card(_("What happened"), *(rows or [parts.faint(_("Nothing yet."))]))


def _leaving(shell: Shell, model: AccessViewModel) -> list[ft.Control]:
    async def sign_out() -> None:
        if await model.ask_to_leave(shell.handover.waits, everywhere=False):
            await model.leave(shell.handover.sign_out)

    async def erase() -> None:
        await model.leave(shell.handover.erase)

    async def ask() -> None:
        model.ask_to_erase(True)

    async def keep() -> None:
        model.ask_to_erase(False)

    if model.asks_to_leave:
        return [_waiting_question(shell, model)]
    if model.asks_to_erase:
        yes = ft.FilledButton(
            _("Erase"),
            height=theme.TARGET,
            bgcolor=ft.Colors.ERROR,
            color=ft.Colors.ON_ERROR,
            disabled=model.busy,
            on_click=erase,
        )
        no = ft.TextButton(_("Cancel"), height=theme.TARGET, disabled=model.busy, on_click=keep)
        text = ft.Text(
            _("This app forgets you and loses its access to your Salesforce. Nothing in Salesforce itself is changed.")
        )
        return [parts.card(_("Erase your data from this app?"), text, ft.Row([yes, no]))]
    return [
        ft.OutlinedButton(
            _("Sign out"), icon=ft.Icons.LOGOUT, height=theme.TARGET, disabled=model.busy, on_click=sign_out
        ),
        ft.TextButton(
            _("Erase my data"), icon=ft.Icons.DELETE_OUTLINE, height=theme.TARGET, disabled=model.busy, on_click=ask
        ),
    ]


def _waiting_question(shell: Shell, model: AccessViewModel) -> ft.Control:
    """What becomes of what waits to be sent, when somebody wants to sign out."""

    async def leave(*, discards: bool) -> None:
        await model.leave(lambda: shell.handover.sign_out(everywhere=model.everywhere, discards=discards))

    async def send() -> None:
        if await model.send_first():
            await leave(discards=False)

    async def discard() -> None:
        await leave(discards=True)

    async def stay() -> None:
        model.stay()

    words = n_(
        "{count} change is on this device only. Send it before you sign out?",
        "{count} changes are on this device only. Send them before you sign out?",
        model.waiting,
    )
    actions: list[ft.Control] = [
        ft.FilledButton(_("Send first"), height=theme.TARGET, disabled=model.busy, on_click=send),
        ft.OutlinedButton(_("Discard and sign out"), height=theme.TARGET, disabled=model.busy, on_click=discard),
        ft.TextButton(_("Stay signed in"), height=theme.TARGET, disabled=model.busy, on_click=stay),
    ]
    return parts.note(words, kind="question", actions=actions)
