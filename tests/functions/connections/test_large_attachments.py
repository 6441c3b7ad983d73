"""An attachment that is too large for the store's documents: this process has it, and no call fails for it."""

from backend.connections.vault import MAX_ATTACHMENT
from backend.values import Attachment
from tests.functions.one_process import UID, Backend


async def test_it_is_kept_by_this_process_only() -> None:
    here = Backend()
    await here.sign_in()
    await here.renewal.get(UID)
    small = Attachment(b"x" * 1000, here.clock.now())
    await here.vault.attach(UID, small)
    stored = (await here.stored()).attachment
    large = Attachment(b"y" * (MAX_ATTACHMENT + 1), here.clock.now())
    await here.vault.attach(UID, large)
    assert (await here.stored()).attachment == stored
    assert await here.vault.attachment(UID) == large
    assert MAX_ATTACHMENT < 2**20 - 100_000, "a document of Firestore has at most a mebibyte"
