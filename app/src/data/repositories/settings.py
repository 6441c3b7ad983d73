"""What the person chose on this device: look, language, lock."""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from data.services.device import Device
from data.services.storage import StorageRefused, from_text, to_text

_KEY = "settings"
Theme = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person chose on this device; `language` is "" for the device's own, `boards` are the objects whose
    records they look at on a board."""

    theme: Theme = "system"
    language: str = ""
    lock: bool = False
    boards: tuple[str, ...] = ()


class SettingsRepository:
    """Reads and keeps the settings of this device. One for each window; other windows write the same settings."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def read(self) -> Settings | None:
        """The settings as they were kept, the defaults when there are none. None when the device does not answer, or
        what it has cannot be read."""
        try:
            return await self._kept()
        except StorageRefused:
            return None

    async def keep(self, now: Settings, chosen: dict[str, Any]) -> None:
        """Keeps the fields of Settings in `chosen`. The other fields stay as the device has them, where another window
        may have changed them; they are those of `now` when it does not answer. A device that refuses is no error."""
        kept = await self.read() or now
        try:
            await self._device.write(_KEY, to_text(replace(kept, **chosen)))
        except StorageRefused:
            return

    async def _kept(self) -> Settings | None:
        """The settings as they are kept, each read by itself: one that only a newer version understands does not lose
        the others. None for a text that holds no settings. Raises StorageRefused."""
        text = await self._device.look(_KEY)
        if not text:
            return Settings()
        each = from_text(dict[str, object], text)
        if each is None:
            return None
        settings = Settings()
        for name in (field.name for field in fields(Settings) if field.name in each):
            read = from_text(Settings, to_text({name: each[name]}))
            if read is not None:
                settings = replace(settings, **{name: getattr(read, name)})
        return settings
