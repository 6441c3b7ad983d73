"""What people typed and did not save yet: kept on the device until it is saved or thrown away, over reload, sign-out and a crash."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import cast

from contract.calls import FieldValue
from contract.codec import DecodeError, decode, encode
from data.services.device import Device, StorageRefused

WRITE_AFTER = 0.3  # seconds of rest after the last key


@dataclass(frozen=True, slots=True)
class Draft:
    """A form that was begun: what the record was like then (`seen`, `version`), and what was entered since, as it stands in the form.

    `record_id` is "" for a new record; `names` are the names of the records that were chosen in look-up fields.
    """

    sobject: str
    record_id: str
    seen: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    version: str | None = None
    entered: dict[str, str] = field(default_factory=dict[str, str])
    names: dict[str, str] = field(default_factory=dict[str, str])


class Drafts:
    """One for each app; `open` chooses the user. `refused` tells that the device does not keep them."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._uid: str | None = None
        self._drafts: dict[str, Draft] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        self.refused = False

    async def open(self, uid: str | None) -> None:
        """Whose drafts they are from now on; what was still to be written is written first."""
        await self.settle()
        self._uid, self._drafts = uid, {}
        if uid is None:
            return
        try:
            names = cast(list[object], json.loads(await self._device.read(f"drafts/{uid}") or "[]"))
        except ValueError:
            names = []
        for name in names:
            try:
                text = await self._device.read(f"draft/{uid}/{name}")
                self._drafts[str(name)] = decode(Draft, json.loads(text or ""), lenient=True)
            except (ValueError, DecodeError):
                continue

    def get(self, sobject: str, record_id: str) -> Draft | None:
        return self._drafts.get(_key(sobject, record_id))

    def all(self) -> tuple[Draft, ...]:
        return tuple(self._drafts.values())

    def put(self, draft: Draft) -> None:
        """Keeps a draft; it is on the device WRITE_AFTER seconds after the last change."""
        key = _key(draft.sobject, draft.record_id)
        self._drafts[key] = draft
        self._write_soon(key)

    def drop(self, sobject: str, record_id: str) -> None:
        """Forgets a draft: it was saved or thrown away."""
        key = _key(sobject, record_id)
        if self._drafts.pop(key, None) is not None:
            self._write_soon(key)

    async def settle(self) -> None:
        """Waits until everything is written."""
        while self._writing:
            await asyncio.wait(list(self._writing.values()))

    def _write_soon(self, key: str) -> None:
        if self._uid is not None and key not in self._writing:
            self._writing[key] = asyncio.create_task(self._write(self._uid, key))

    async def _write(self, uid: str, key: str) -> None:
        try:
            await asyncio.sleep(WRITE_AFTER)
        finally:
            self._writing.pop(key, None)  # what changes from here on is written by another task
        draft, names = self._drafts.get(key), list(self._drafts)
        try:
            if draft is None:
                await self._device.remove(f"draft/{uid}/{key}")
            else:
                await self._device.write(f"draft/{uid}/{key}", json.dumps(encode(draft)))
            await self._device.write(f"drafts/{uid}", json.dumps(names))
            self.refused = False
        except StorageRefused:
            self.refused = True

    async def clear(self) -> None:
        """Forgets all drafts of the user, after an erasure."""
        for draft in self.all():
            self.drop(draft.sobject, draft.record_id)
        await self.settle()
        await self._device.remove(f"drafts/{self._uid}")


def _key(sobject: str, record_id: str) -> str:
    return f"{sobject}/{record_id or 'new'}"
