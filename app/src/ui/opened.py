"""The places that were opened, as they were left."""

from collections.abc import Callable
from typing import cast

from contract.calls import Record, SobjectShape
from data.repositories.records import RecordsRepository
from ui.places import Place
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared.background import Background
from ui.shared.state import State

MAX_PLACES = 40  # states that are kept; the one that was opened longest ago goes first


class Opened(State):
    """The state of each place, made when it is opened and kept until it is out of date. It changes with each of them.

    `make` makes the state of a place; None for a place of an object that is not in the catalogue. Lists follow what
    `records` saves and deletes.
    """

    def __init__(
        self, make: Callable[[Place], State | None], records: RecordsRepository, background: Background
    ) -> None:
        super().__init__()
        self._make = make
        self._background = background
        self._states: dict[Place, State] = {}
        self._shapes: dict[str, SobjectShape] = {}
        records.saved, records.deleted = self._record_saved, self._record_deleted

    def open(self, place: Place) -> State | None:
        """The state of a place, as it was left; None for a place of an object that is not in the catalogue."""
        state = self._states.pop(place, None) or self._make(place)
        if state is None:
            return None
        state.listen(self.changed)
        self._states[place] = state
        while len(self._states) > MAX_PLACES:
            del self._states[next(iter(self._states))]
        return state

    def open_list(self, sobject: str, screen: State | None) -> ListViewModel | None:
        """The list beside a record. It is loaded when it is stale, unless it is the `screen` itself, which loads on its
        own; None for an object that is not in the catalogue."""
        beside = cast(ListViewModel | None, self.open(Place("list", sobject)))
        if (
            beside is not None
            and beside.stale
            and beside is not screen
            and not beside.loading
            and beside.problem is None
        ):
            self._background.begin(beside.load())
        return beside

    def peek(self, place: Place) -> State | None:
        """The state of a place that was opened; None when it was not."""
        return self._states.get(place)

    def clear(self) -> None:
        """Forgets every state: another user, or another language."""
        self._states.clear()

    def forget_record(self, sobject: str, record_id: str) -> None:
        """Forgets the places of a record that a form has saved, and the form of a new one."""
        self._forget(lambda place: place.sobject == sobject and (place.name == "new" or place.record_id == record_id))

    def follow(self, shapes: tuple[SobjectShape, ...], form: Place | None) -> set[str]:
        """Forgets the places of objects that have another shape than before, but for the open `form`, in which
        something may be typed. Returns these objects' API names.
        """
        before, self._shapes = self._shapes, {shape.sobject: shape for shape in shapes}
        reshaped = {name for name, shape in before.items() if self._shapes and self._shapes.get(name) != shape}
        self._forget(lambda place: place.sobject in reshaped and place != form)
        return reshaped

    def _forget(self, is_out_of_date: Callable[[Place], bool]) -> None:
        self._states = {place: state for place, state in self._states.items() if not is_out_of_date(place)}

    # Lists that were opened follow what happens to their records

    def list_changed(self, sobject: str, screen: State | None) -> None:
        """A record was hidden from the list of an object, or is back in it; so it is on its board. A stale one is
        loaded if it is the `screen`.
        """
        for listed in self._lists(sobject):
            listed.changed()
            if listed.stale and listed is screen:
                self._background.begin(listed.load())

    def _record_saved(self, sobject: str, record_id: str, record: Record | None) -> None:
        for listed in self._lists(sobject):
            listed.note_saved(record_id, record)
        shown = self._states.get(Place("record", sobject, record_id))
        if isinstance(shown, RecordViewModel) and record is not None:
            shown.note_saved(record)

    def _record_deleted(self, sobject: str, record_id: str) -> None:
        for listed in self._lists(sobject):
            listed.note_deleted(record_id)

    def _lists(self, sobject: str) -> list[ListViewModel]:
        """The list and the board of an object, as far as they were opened."""
        states = (self._states.get(Place(name, sobject)) for name in ("list", "board"))
        return [cast(ListViewModel, state) for state in states if state is not None]
