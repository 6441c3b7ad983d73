"""What the window is called: a browser's tab, its history, and a window of its own. No Flet in here."""

from contract.calls import SobjectShape
from ui.app import App
from ui.records.form_view_model import FormViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import values
from ui.shared.words import _
from ui.table import Table


def title_of(app: App, table: Table) -> str:
    """What the window is called where one is; nothing but the app's name while nobody may see a place."""
    name = _("Salesforce Sample")
    if app.session.user is None or app.settings.locked or app.handover.finishing or app.place.name == "sign-in":
        return name
    words = words_of(app, table)
    return f"{words} – {name}" if words else name


def words_of(app: App, table: Table) -> str:
    """What the place where one is shows; "" while its object is not loaded."""
    shape = app.catalogue.shape(app.place.sobject)
    return table.entry(app.place).title() if shape is None else _of_object(app, shape)


def _of_object(app: App, shape: SobjectShape) -> str:
    if app.place.name == "list":
        return shape.label_plural
    if app.place.name == "new":
        return _("New {object}", object=shape.label)
    screen = app.screen
    if isinstance(screen, RecordViewModel):
        return screen.title or shape.label
    if isinstance(screen, FormViewModel) and screen.draft is not None:
        return _("Change {title}", title=values.name(shape, screen.draft.seen) or shape.label)
    return shape.label
