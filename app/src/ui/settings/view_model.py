"""What the person chose on this device, and whether the app is locked now."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import brand
from data.repositories.settings import Settings, SettingsRepository, Theme
from ui.shared.guard import report
from ui.shared.state import State
from ui.shared.words import _, use_language


class LockingDevice(Protocol):
    """A device that may be able to ask for a face, a finger or a code."""

    async def can_lock(self) -> bool:
        """Whether it can ask."""
        ...

    async def unlock(self, why: str) -> bool:
        """Asks, and returns whether it is the person; they read `why`."""
        ...


class SettingsViewModel(State):
    """`value` is what the person chose, `locked` whether the app is locked now. `chosen` is called after each choice,
    before anything is painted. `languages` are the device's, as BCP 47 tags."""

    def __init__(self, settings: SettingsRepository, device: LockingDevice, languages: list[str]) -> None:
        super().__init__()
        self._settings = settings
        self._device = device
        self._languages = languages
        self.value = Settings()
        self.locked = False
        self.chosen: Callable[[], None] = lambda: None

    async def read(self) -> bool:
        """Takes up what the person chose before. Returns False when the device does not say what that was."""
        kept = await self._settings.read()
        self.value = kept or Settings()
        self._do()
        return kept is not None

    async def lock(self, *, certain: bool) -> None:
        """Locks the app if the person wants that. Where that is not `certain`, because the device did not say, it locks
        the app on every device that can unlock it again."""
        if not certain:
            try:
                self.value = replace(self.value, lock=await self._device.can_lock())
            except Exception as error:  # whatever a platform raises: what may be locked is
                report(error)
                self.value = replace(self.value, lock=True)
        self.locked = self.value.lock

    async def unlock(self) -> None:
        """Asks for a face, a finger or a code, and opens the app when it is the person."""
        if await self._device.unlock(_("Unlock {app}", app=brand.NAME)):
            self.locked = False
            self.changed()

    async def can_lock(self) -> bool:
        """Whether this device can ask for a face, a finger or a code."""
        return await self._device.can_lock()

    async def choose(
        self, *, theme: Theme | None = None, language: str | None = None, lock: bool | None = None
    ) -> None:
        """Applies what the person chose, and keeps it on the device; None leaves a setting as it is."""
        given: dict[str, Any] = {"theme": theme, "language": language, "lock": lock}
        given = {name: value for name, value in given.items() if value is not None}
        self.value = replace(self.value, **given)
        self._do()
        self.changed()
        await self._settings.keep(self.value, given)

    async def show_as_board(self, sobject: str, *, wanted: bool) -> None:
        """Keeps whether the person looks at an object's records on a board."""
        others = tuple(name for name in self.value.boards if name != sobject)
        given: dict[str, Any] = {"boards": (*others, sobject) if wanted else others}
        self.value = replace(self.value, **given)
        await self._settings.keep(self.value, given)

    def _do(self) -> None:
        use_language([self.value.language] if self.value.language else self._languages)
        self.chosen()
