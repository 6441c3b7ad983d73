"""What a place is called: in the title of the window and where the keyboard begins. No Flet in here."""

import brand
from contract.calls import SobjectShape
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import values
from ui.shared.state import State
from ui.shared.words import _


def window_title(words: str) -> str:
    """The title of a window that shows what is called `words`; the app's name alone for ""."""
    name = brand.NAME
    return f"{words} – {name}" if words else name


def words_of(place: Place, screen: State | None, shape: SobjectShape) -> str:
    """What a place of an object shows: the list, or the record by its name once it is loaded."""
    if place.name in ("list", "board"):
        return shape.label_plural
    if place.name == "new":
        return _("New {object}", object=shape.label)
    if isinstance(screen, RecordViewModel):
        return screen.title or shape.label
    if isinstance(screen, FormViewModel) and screen.draft is not None:
        return _("Change {title}", title=values.name(shape, screen.draft.seen) or shape.label)
    return shape.label
