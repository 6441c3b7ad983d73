"""What is saved on this device and not in Salesforce yet: each edit, why it is not there, and what can be done."""

from contract.errors import MayBeDuplicate, Reason
from data.repositories.drafts import Draft, new_id
from data.repositories.queue import Edit, is_temporary
from data.repositories.wiring import Repositories
from ui.places import Place
from ui.shared.catalogue import Catalogue
from ui.shared.state import Screen
from ui.shared.words import _

_ALIKE = MayBeDuplicate(Reason.MAY_BE_DUPLICATE).message


class WaitingViewModel(Screen):
    """`discarding` is the id of the edit of which the page asks whether it is to be thrown away, "" for none; `refused`
    whether it could not be, because it is being sent."""

    def __init__(self, data: Repositories, catalogue: Catalogue) -> None:
        super().__init__()
        self._data = data
        self._catalogue = catalogue
        self.discarding = ""
        self.refused = False

    async def load(self) -> None:
        await self._data.queue.look()
        self._data.sending.begin()
        self.changed()

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What waits, in the order in which it is sent."""
        return self._data.queue.all()

    @property
    def sending(self) -> bool:
        """Whether this window sends just now."""
        return self._data.sending.active

    def what(self, edit: Edit) -> str:
        """What the person did, in words."""
        shape = self._catalogue.shape(edit.sobject)
        label = edit.sobject if shape is None else shape.label
        match edit.kind:
            case "create":
                return _("New {object}: {title}", object=label, title=edit.title or label)
            case "complete":
                return _("Complete: {title}", title=edit.title or label)
            case "delete":
                return _("Delete {title}", title=edit.title or label)
            case _:
                return _("Change to {title}", title=edit.title or label)

    def why(self, edit: Edit) -> str:
        """Why it is not in Salesforce yet, in words."""
        match edit.state:
            case "conflict" if edit.kind == "delete":
                return _("Someone has changed it since. Look at it before you delete it.")
            case "conflict":
                return _("Someone else has changed the same fields.")
            case "refused":
                return _(edit.why) if edit.why else _("Salesforce did not accept this.")
            case "unsure":
                return _("This was sent before, and nobody can tell whether it was saved. Look whether it is there.")
            case "gone":
                return _("The record is not there any more.")
            case "old":
                return _("This has been waiting for more than a month. Send it only if it is still right.")
            case _ if self._data.network.offline:
                return _("Sent when you are online again.")
            case _:
                return _("Sent in a moment.")

    def can_be_retried(self, edit: Edit) -> bool:
        """Whether sending it again as it is may help."""
        return edit.state in ("waiting", "refused", "old")

    def retry_words(self, edit: Edit) -> str:
        """What the button says that has it sent over what stands against it; "" where there is none."""
        if edit.state == "conflict" and edit.kind == "delete":
            return _("Delete anyway")
        if edit.state == "unsure":
            return _("Save as new")
        return _("Save anyway") if edit.state == "refused" and edit.why == _ALIKE else ""

    async def retry(self, edit: Edit) -> None:
        """Sends it again."""
        await self._data.queue.retry(edit.id)

    async def insist(self, edit: Edit) -> None:
        """Sends it although something stands against it: the person has looked."""
        await self._data.queue.retry(edit.id, anyway=True)

    def ask_to_discard(self, edit: Edit | None) -> None:
        """Asks whether an edit is to be thrown away; None stops asking."""
        self.discarding, self.refused = "" if edit is None else edit.id, False
        self.changed()

    async def discard(self, edit: Edit) -> None:
        """Throws an edit away."""
        self.refused = not await self._data.queue.discard(edit.id)
        self.discarding = ""
        self._data.sending.begin()
        self.changed()

    async def open(self, edit: Edit) -> Place:
        """Where the edit can be seen and changed. What asks whose value shall stay is taken over into a form, and asks
        there."""
        record_id = self._data.queue.real(edit.record_id)
        if edit.state == "unsure":
            return Place("list", edit.sobject)
        if edit.state == "conflict" and edit.kind == "change" and not is_temporary(record_id):
            await self._decide(edit.id, record_id)
            return Place("edit", edit.sobject, record_id)
        if edit.state == "refused" and edit.kind in ("create", "change"):
            return Place("edit", edit.sobject, record_id)
        return Place("record", edit.sobject, record_id)

    async def _decide(self, edit_id: str, record_id: str) -> None:
        async with self._data.queue.alone(edit_id) as edit:
            if edit is None or edit.state != "conflict":
                return  # another window has it
            kept = await self._data.records.kept(edit.sobject, record_id)
            seen = {**({} if kept is None else kept.fields), **edit.seen}
            draft = self._data.drafts.put(
                Draft(
                    new_id(),
                    edit.sobject,
                    record_id,
                    seen,
                    edit.version,
                    dict(edit.fields),
                    names=dict(edit.names),
                    asks=True,
                )
            )
            self._data.drafts.want(draft.id)
            await self._data.drafts.settle()
            if not self._data.drafts.refused:  # else a crash would lose both
                await self._data.queue.drop(edit)
