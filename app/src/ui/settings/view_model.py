"""What the person chose on this device: look, language, lock; and whether the app is locked now."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from data.services.storage import StorageRefused, from_text, to_text
from ui.shared.state import State
from ui.shared.words import _, use_language

_KEY = "settings"
Theme = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person chose on this device; `language` is "" for the device's own."""

    theme: Theme = "system"
    language: str = ""
    lock: bool = False


class LockingDevice(Protocol):
    """A device that keeps settings, and may ask for a face or a finger."""

    async def look(self, key: str) -> str | None: ...

    async def write(self, key: str, value: str) -> None: ...

    async def can_lock(self) -> bool: ...

    async def unlock(self, why: str) -> bool: ...


class SettingsViewModel(State):
    """`chosen` is called after each choice, before anything is painted. `languages` are the device's, as BCP 47 tags."""

    def __init__(self, device: LockingDevice, languages: list[str]) -> None:
        super().__init__()
        self._device = device
        self._languages = languages
        self.value = Settings()
        self.locked = False
        self.chosen: Callable[[], None] = lambda: None

    async def read(self) -> bool:
        """Takes up what was chosen before. False when the device does not tell what that was."""
        known = True
        try:
            self.value = await self._kept()
        except StorageRefused:
            self.value, known = Settings(), False
        self._do()
        return known

    async def lock(self, *, known: bool) -> None:
        """Locks the app where the person wants that; where nobody knows (`known`) whether they do, wherever it can be locked."""
        self.locked = self.value.lock if known else await self._device.can_lock()

    async def unlock(self) -> None:
        """Opens the app again, when the person is who they were."""
        if await self._device.unlock(_("Unlock Salesforce Sample")):
            self.locked = False
            self.changed()

    async def can_lock(self) -> bool:
        """Whether this device can ask for a face or a finger."""
        return await self._device.can_lock()

    async def choose(self, *, theme: Theme | None = None, language: str | None = None, lock: bool | None = None) -> None:
        """Does what the person chose, and keeps it where the device does."""
        given: dict[str, Any] = {"theme": theme, "language": language, "lock": lock}
        given = {name: value for name, value in given.items() if value is not None}
        self.value = replace(self.value, **given)
        self._do()
        self.changed()
        try:
            kept = await self._kept()  # another window may have changed something else
        except StorageRefused:
            kept = self.value
        try:
            await self._device.write(_KEY, to_text(replace(kept, **given)))
        except StorageRefused:
            return

    def _do(self) -> None:
        use_language([self.value.language] if self.value.language else self._languages)
        self.chosen()

    async def _kept(self) -> Settings:
        """Raises StorageRefused."""
        return from_text(Settings, await self._device.look(_KEY)) or Settings()
