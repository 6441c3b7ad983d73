"""Whom an administrator has blocked, and the audit record of that, in a database of their own: IAM gives access to
databases and not to collections, and the functions must not be able to write this one.
"""

from collections.abc import Mapping
from typing import Any, cast

from google.cloud.firestore import AsyncClient

from backend.adapters.firestore.audit import commit, write_to
from backend.adapters.firestore.fields import chain_fields, chain_of, targets_of
from backend.adapters.firestore.requests import answered
from backend.adapters.firestore.shared import BLOCKS, span
from backend.connections.audit import Entry
from backend.connections.blocks import EVERYONE
from backend.connections.store import Blocks


class FirestoreBlocks:
    """One document with all blocks. `client` is of the database that the setting BLOCKS_DATABASE names."""

    def __init__(self, client: AsyncClient) -> None:
        self.client: Any = client
        self._document: Any = self.client.collection(BLOCKS).document("current")

    async def read(self) -> Blocks:
        """Whom an administrator has blocked."""
        with span("read", BLOCKS):
            snapshot = await answered(self._document.get)
        if not snapshot.exists:
            return Blocks()
        document = cast(Mapping[str, Any], snapshot.to_dict())
        write_id = str(document.get("writeId", ""))
        targets = targets_of(document)
        blocked = frozenset({EVERYONE}) if targets is None else targets
        return Blocks(blocked, chain_of(document), snapshot.update_time, write_id, is_whole=targets is not None)

    async def write(self, blocks: Blocks, entry: Entry | None) -> None:
        """Writes over exactly the revision that was read. Raises Contended, ChainBroken, Unanswered."""
        chain = {} if blocks.chain is None else chain_fields(blocks.chain)
        fields = {"targets": sorted(blocks.targets), "writeId": blocks.write_id, **chain}
        work = write_to(self.client, self._document, blocks.revision, fields)
        await commit(self.client, self._document, blocks.revision, work, entry)
