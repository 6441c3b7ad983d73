"""What the person chose on this device, and whether the app is locked now."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from data.repositories.settings import Settings, SettingsRepository, Theme
from ui.shared.guard import report
from ui.shared.state import State
from ui.shared.words import _, use_language


class LockingDevice(Protocol):
    """A device that may ask for a face, a finger or a code."""

    async def can_lock(self) -> bool: ...

    async def unlock(self, why: str) -> bool: ...


class SettingsViewModel(State):
    """`chosen` is called after each choice, before anything is painted.

    `languages` are the device's, as BCP 47 tags.
    """

    def __init__(self, settings: SettingsRepository, device: LockingDevice, languages: list[str]) -> None:
        super().__init__()
        self._settings = settings
        self._device = device
        self._languages = languages
        self.value = Settings()
        self.locked = False
        self.chosen: Callable[[], None] = lambda: None

    async def read(self) -> bool:
        """Takes up what was chosen before. False when the device does not tell what that was."""
        kept = await self._settings.read()
        self.value = kept or Settings()
        self._do()
        return kept is not None

    async def lock(self, *, certain: bool) -> None:
        """Locks the app where the person wants that; where it is not `certain` what they want, wherever it can be
        locked.
        """
        if not certain:
            try:
                self.value = replace(self.value, lock=await self._device.can_lock())
            except Exception as error:  # whatever a platform raises: what may be locked is
                report(error)
                self.value = replace(self.value, lock=True)
        self.locked = self.value.lock

    async def unlock(self) -> None:
        """Opens the app again, when the person is who they were."""
        if await self._device.unlock(_("Unlock Salesforce Sample")):
            self.locked = False
            self.changed()

    async def can_lock(self) -> bool:
        """Whether this device can ask for a face, a finger or a code."""
        return await self._device.can_lock()

    async def choose(
        self, *, theme: Theme | None = None, language: str | None = None, lock: bool | None = None
    ) -> None:
        """Does what the person chose, and keeps it where the device does."""
        given: dict[str, Any] = {"theme": theme, "language": language, "lock": lock}
        given = {name: value for name, value in given.items() if value is not None}
        self.value = replace(self.value, **given)
        self._do()
        self.changed()
        await self._settings.keep(self.value, given)

    def _do(self) -> None:
        use_language([self.value.language] if self.value.language else self._languages)
        self.chosen()
