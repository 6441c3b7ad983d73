"""What a view gets of the app around it."""

from typing import Protocol

from data.repositories.drafts import Drafts
from data.repositories.queue import Queue
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from ui.handover import Handover
from ui.places import Place
from ui.shared.calling import AlsoAbout, Calling
from ui.shared.catalogue import Catalogue
from ui.shared.completions import Completions
from ui.shared.notices import Notices
from ui.shared.stars import Stars


class Shell(Protocol):
    """What views may ask of the app: to go to places, to do what only the device can do, and the rooms that they
    read."""

    @property
    def session(self) -> SessionRepository:
        """Who is signed in."""
        ...

    @property
    def records(self) -> RecordsRepository:
        """Salesforce records."""
        ...

    @property
    def drafts(self) -> Drafts:
        """What was typed and is not saved yet."""
        ...

    @property
    def queue(self) -> Queue:
        """What is saved on this device and not in Salesforce yet."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The objects that the user may see."""
        ...

    @property
    def place(self) -> Place:
        """Where one is."""
        ...

    @property
    def handover(self) -> Handover:
        """Signs users in and out."""
        ...

    @property
    def notices(self) -> Notices:
        """The messages at the foot of the screen."""
        ...

    @property
    def completions(self) -> Completions:
        """Completes tasks."""
        ...

    @property
    def calling(self) -> Calling:
        """The sheet after a call."""
        ...

    @property
    def stars(self) -> Stars:
        """The records that the person has starred."""
        ...

    async def call(self, link: str, records: tuple[str, ...], name: str, also: AlsoAbout | None = None) -> None:
        """Opens the phone program with a link, and asks afterwards how the call with `name` went; `records` are the ids
        of those that it is about, and one of `also` if the person says so."""
        ...

    async def go(self, place: Place) -> None:
        """Moves to another place; the way back leads here again."""
        ...

    async def show_as_board(self, sobject: str, *, wanted: bool) -> None:
        """Shows an object's records on a board, or in a list, and keeps that for the next time."""
        ...

    async def show_stage(self, sobject: str, stage: str) -> None:
        """Shows a stage of everybody's open records."""
        ...

    async def open_link(self, url: str) -> None:
        """Opens a web page, a map, a phone or mail program."""
        ...

    async def copy(self, text: str) -> None:
        """Puts a text on the clipboard."""
        ...

    async def delete(self, sobject: str, record_id: str, title: str) -> None:
        """Hides a record, and deletes it in Salesforce after ten seconds, in which the person can take that back."""
        ...

    def is_deleted(self, record_id: str) -> bool:
        """Whether `delete` has hidden the record."""
        ...
