"""Where am I signed in: this app's access to the person's Salesforce, the devices, and what happened to it."""

from collections.abc import Awaitable, Callable

from contract.calls import Access, HistoryLine, SignedInDevice
from contract.errors import CallError, Reason, from_wire
from data.repositories.access import AccessRepository
from data.repositories.calls import AnotherUser
from data.repositories.queue import Queue
from data.repositories.sending import Sending
from ui.shared.state import Live, Screen
from ui.shared.words import _


class AccessViewModel(Screen):
    """`busy` is whether something is on its way to the backend, `problem` why it failed; `asks_to_erase` whether the
    page asks if the person is sure. `asks_to_leave` is whether it asks what becomes of what waits to be sent,
    before a sign-out that may be `everywhere`, on all devices."""

    def __init__(self, access: AccessRepository, queue: Queue, sending: Sending) -> None:
        super().__init__()
        self._queue = queue
        self._sending = sending
        self.asks_to_leave = False
        self.everywhere = False
        self._access = access
        self.access = Live[Access](access.access())
        self.access.listen(self.changed)
        self.problem: CallError | None = None
        self.busy = False
        self.asks_to_erase = False

    async def load(self) -> None:
        await self.access.load()

    async def stay_signed_in(self, wanted: bool) -> None:
        """Keeps the access alive while the person is away (`wanted`), or not any more."""

        async def choose() -> None:
            await self._access.stay_signed_in(wanted)
            await self.access.load()

        await self._do(choose)

    async def end(self, device: SignedInDevice) -> None:
        """Signs out another device."""

        async def end() -> None:
            await self._access.sign_out_device(device.id)
            await self.access.load()

        await self._do(end)

    async def ask_to_leave(self, waits: Callable[[], Awaitable[bool]], *, everywhere: bool) -> bool:
        """Asks what becomes of the edits that wait to be sent, if there are any as `waits` says. Returns whether the
        person may leave at once."""
        self.asks_to_leave, self.everywhere = await waits(), everywhere
        self.changed()
        return not self.asks_to_leave

    def stay(self) -> None:
        """Stops asking: the person stays signed in."""
        self.asks_to_leave = False
        self.changed()

    async def send_first(self) -> bool:
        """Sends what waits. Returns whether nothing waits any more."""

        async def send() -> None:
            await self._sending.run()

        await self._do(send)
        return not self._queue.all()

    @property
    def waiting(self) -> int:
        """How many edits wait to be sent."""
        return len(self._queue.all())

    async def leave(self, leave: Callable[[], Awaitable[None]]) -> None:
        """Does what `leave` does, a sign-out or an erasure; what goes wrong is in `problem`."""
        await self._do(leave)

    def ask_to_erase(self, asks: bool) -> None:
        """Asks the person whether they are sure, or stops asking."""
        self.asks_to_erase = asks
        self.changed()

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        self.busy, self.problem = True, None
        self.changed()
        try:
            await work()
        except CallError as failed:
            self.problem = failed
        except AnotherUser:
            return
        finally:
            self.busy = False
            self.changed()


def is_healthy(state: str) -> bool:
    """Whether a connection in this state works, as far as the state says."""
    return state in ("fresh", "refreshing", "sending")


def state_words(state: str) -> str:
    """The state of a connection, for people."""
    match state:
        case _ if is_healthy(state):
            return _("Connected to Salesforce")
        case "sent-unknown":
            return _("Salesforce has not confirmed the last renewal")
        case "revoked":
            return _("Ended by an administrator")
        case "needs-sign-in":
            return _("Ended. Sign in again to go on.")
        case _:  # a newer service's
            return _("Unknown. Load the app again to see more.")


def history_words(line: HistoryLine) -> str:
    """A line of the audit record, for people."""
    by = "" if line.by in ("user", "backend", "schedule") else line.by
    match line.event:
        case "sign-in":
            return _("You signed in")
        case "refresh" if line.by == "schedule":
            return _("The session was kept alive while you were away")
        case "refresh":
            return _("The session was renewed")
        case "refusal":
            return _("Salesforce ended the session: {why}", why=_(_reason(line.reason)))
        case "revocation" if line.reason == "not-used":
            return _("The session ended because it was not used")
        case "revocation":
            return _("You signed out")
        case "erasure":
            return _("Your data was erased")
        case "block":
            return _("{who} stopped this app's access", who=by or _("An administrator"))
        case "unblock":
            return _("{who} allowed this app again", who=by or _("An administrator"))
        case _:  # a newer service's
            return _("Something else happened: {what}", what=line.event)


def _reason(reason: str) -> str:
    """What a reason means; an unknown one as it is."""
    return from_wire(reason, "", {}).message if reason in set(Reason) else reason
