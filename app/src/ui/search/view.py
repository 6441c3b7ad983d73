"""Search over everything."""

import flet as ft

from contract.calls import Hit
from ui.places import Place
from ui.search.view_model import SearchViewModel
from ui.shared import parts, values
from ui.shared.live import use
from ui.shared.text_box import SearchBox
from ui.shared.words import _
from ui.shell import Shell


@ft.component
def Search(shell: Shell, model: SearchViewModel) -> ft.Control:
    use(model)

    label = _("Search everything")
    rows: list[ft.Control] = [SearchBox(label, lambda: model.text, model.type, model.enter, autofocus=True)]
    if model.problem is not None:
        rows.append(parts.trouble(model.problem, model.again))
    elif model.hits is None and model.loading:
        rows.append(parts.skeleton_tiles())
    elif model.hits is None:
        rows += _recent(model)
    elif not model.hits:
        rows.append(ft.Container(parts.faint(_("Nothing found.")), alignment=ft.Alignment.CENTER, padding=32))
    else:
        rows += _hits(shell, model, model.hits)
    return parts.content(*rows)


def _recent(model: SearchViewModel) -> list[ft.Control]:
    if not model.recent:
        return [
            ft.Container(
                parts.faint(_("Names, companies, e-mail addresses, phone numbers …")),
                alignment=ft.Alignment.CENTER,
                padding=ft.Padding.symmetric(vertical=32),
            )
        ]

    def line(text: str) -> ft.Control:
        async def again() -> None:
            await model.search_for(text)

        return parts.tile(text, "", again, icon=ft.Icons.HISTORY)

    return [parts.card(_("Searched last"), *(line(t) for t in model.recent))]


def _hits(shell: Shell, model: SearchViewModel, hits: tuple[Hit, ...]) -> list[ft.Control]:
    cards: list[ft.Control] = []
    for sobject in dict.fromkeys(hit.sobject for hit in hits):
        shape = shell.catalogue.shape(sobject)
        if shape is not None:
            cards.append(
                parts.card(shape.label_plural, *(_line(shell, model, hit) for hit in hits if hit.sobject == sobject))
            )
    return cards


def _line(shell: Shell, model: SearchViewModel, hit: Hit) -> ft.Control:
    shape = shell.catalogue.shape(hit.sobject)

    async def open_record() -> None:
        await model.keep_text()
        await shell.go(Place("record", hit.sobject, hit.record.id))

    summary = values.joined(*values.summary(shape, hit.record)) if shape else ""
    return parts.tile(values.title(shape, hit.record), summary, open_record)
