"""What the person chose on this device: look, language, lock."""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from data.services.device import Device
from data.services.storage import StorageRefused, from_text, to_text

_KEY = "settings"
Theme = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person chose on this device; `language` is "" for the device's own."""

    theme: Theme = "system"
    language: str = ""
    lock: bool = False


class SettingsRepository:
    """One for each window; other windows write the same settings."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def read(self) -> Settings | None:
        """What was chosen before; None when the device does not tell what that was, or not in a form that can be
        read.
        """
        try:
            return await self._kept()
        except StorageRefused:
            return None

    async def keep(self, now: Settings, chosen: dict[str, Any]) -> None:
        """Keeps what was `chosen` (fields of Settings) over what is kept, which another window may have changed; over
        `now` where the device does not tell that. A device that keeps nothing keeps nobody from working."""
        kept = await self.read() or now
        try:
            await self._device.write(_KEY, to_text(replace(kept, **chosen)))
        except StorageRefused:
            return

    async def _kept(self) -> Settings | None:
        """Each of them by itself: one that only a newer version knows takes no other along.

        None for a text that is none of ours.
        """
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
