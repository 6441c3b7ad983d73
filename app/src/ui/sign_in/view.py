"""The sign-in page."""

import flet as ft

import brand
from ui.places import HOME
from ui.shared import parts, theme
from ui.shared.live import use
from ui.shared.text_box import TextBox
from ui.shared.words import _
from ui.shell import Shell
from ui.sign_in.view_model import SignInViewModel


@ft.component
def SignIn(shell: Shell, model: SignInViewModel) -> ft.Control:
    use(model)
    logo = ft.Image(src=brand.LOGO, width=80, height=80, filter_quality=ft.FilterQuality.MEDIUM)
    rows: list[ft.Control] = [
        ft.Row([ft.Semantics(content=logo, exclude_semantics=True)], alignment=ft.MainAxisAlignment.CENTER),
        ft.Semantics(
            content=ft.Text(brand.NAME, theme_style=ft.TextThemeStyle.HEADLINE_MEDIUM, text_align=ft.TextAlign.CENTER),
            header=True,
        ),
        ft.Text(
            _("Your accounts, wherever you are"), text_align=ft.TextAlign.CENTER, color=ft.Colors.ON_SURFACE_VARIANT
        ),
        *_notes(shell, model),
    ]
    if model.options is not None:
        rows += _choices(shell, model)
    elif model.problem is not None:
        rows.append(parts.trouble(model.problem, model.load))
    else:
        rows.append(parts.skeleton_cards(120))
    column = ft.Column(rows, tight=True, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    centred = ft.Container(ft.Container(column, width=400, padding=16), alignment=ft.Alignment.CENTER)
    # In the middle, and scrolled where it is higher than the window. The container centres it with Flet's clients from
    # before flet-dev/flet pull request 6450, whose scrolled columns are as high as what is in them.
    whole = ft.Column([centred], scroll=ft.ScrollMode.AUTO, alignment=ft.MainAxisAlignment.CENTER,
                      horizontal_alignment=ft.CrossAxisAlignment.CENTER)  # fmt: skip
    return ft.Container(whole, expand=True, alignment=ft.Alignment.CENTER)


def _notes(shell: Shell, model: SignInViewModel) -> list[ft.Control]:
    """Why one is here, and what was done."""
    notes: list[ft.Control] = []
    session = shell.session
    again: list[ft.Control] = []
    if model.offers_again and model.options is not None:
        words = _("Try again") if session.failed is None else _("Sign in again")
        again = [ft.FilledTonalButton(words, height=theme.TARGET, disabled=model.leaving, on_click=model.again)]
    if session.failed is not None:
        notes.append(parts.note(_(session.failed.message), actions=again))
    elif model.trouble is not None:
        notes.append(parts.note(_(model.trouble.message), actions=again))
    elif model.ended is not None:
        notes.append(parts.note(_(model.ended.error.message)))
    if model.refused:
        notes.append(
            parts.note(
                _(
                    "This browser keeps nothing, so a sign-in cannot come back here. Allow this site to keep data, then"
                    " try again."
                )
            )
        )
    if model.ends_with_the_window:
        words = _(
            "Without an unlocked keyring on this computer, the app keeps nothing. You can work as usual; when you close"
            " this window you are signed out, and what you have not saved is gone."
        )
        notes.append(parts.note(words, kind="calm"))
    if model.owes_sign_out:
        notes.append(parts.note(model.owes_sign_out, kind="calm"))
    if session.erased is not None:
        words = _("This app has erased your data and given up its access to your Salesforce.")
        if not session.erased.revoked_at_salesforce:
            words = _(
                "This app has erased your data. Salesforce did not answer: remove the app under Settings › Connections"
                " in Salesforce too."
            )
        receipt = _("Receipt: {receipt}", receipt=session.erased.receipt[:12]) if session.erased.receipt else ""
        notes.append(parts.note(f"{words} {receipt}".strip(), kind="calm"))
    return notes


def _choices(shell: Shell, model: SignInViewModel) -> list[ft.Control]:
    assert model.options is not None
    assert model.chosen is not None
    rows: list[ft.Control] = []
    if model.ended is not None and model.ended.by_one_tap:
        name = model.ended.user.name
        rows.append(
            ft.FilledButton(
                _("Go on as {name}", name=name),
                icon=ft.Icons.LOGIN,
                height=52,
                disabled=model.leaving,
                on_click=model.go_on,
            )
        )
    for other in shell.session.others:

        async def switch(uid: str = other.uid) -> None:
            await shell.handover.switch(uid)

        rows.append(parts.tile(other.name, other.username, switch))
    hosts = list(model.options.login_hosts)

    def choose(event: ft.Event[ft.Dropdown]) -> None:
        model.choose(str(event.control.value))

    def typed(event: ft.Event[ft.TextField]) -> None:
        model.my_domain = event.control.value

    if len(hosts) > 1:
        options = [ft.DropdownOption(key=h.host, text=h.label) for h in hosts]
        rows.append(
            parts.choice(ft.Dropdown(label=_("Sign in at"), value=model.chosen.host, options=options, on_select=choose))
        )
    else:
        rows.append(
            ft.Text(
                _("Sign in at {host}", host=hosts[0].label),
                text_align=ft.TextAlign.CENTER,
                color=ft.Colors.ON_SURFACE_VARIANT,
            )
        )
    if model.asks_my_domain:
        hint = _("for example acme.my.salesforce.com")
        box = TextBox(
            label=_("Your company's Salesforce address"), hint_text=hint, value=model.my_domain, on_change=typed,
            error=hint if model.my_domain_wrong else None, on_submit=model.sign_in,
        )  # fmt: skip
        rows.append(parts.field(box))
    words = _("Loading …") if model.leaving else _("Sign in with Salesforce")
    rows.append(ft.FilledButton(words, icon=ft.Icons.LOGIN, height=52, disabled=model.leaving, on_click=model.sign_in))
    if shell.handover.adding:

        async def back() -> None:
            await shell.go(HOME)

        rows.append(ft.TextButton(_("Cancel"), height=theme.TARGET, on_click=back))
    promise = _("You sign in on Salesforce's own page. This app never sees your password.")
    rows.append(ft.Text(promise, size=12, text_align=ft.TextAlign.CENTER, color=ft.Colors.ON_SURFACE_VARIANT))
    return rows
