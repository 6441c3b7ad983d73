"""The org's time, and how Salesforce writes a dateTime."""

import time
from datetime import UTC, datetime


class Clock:
    """The org's time in seconds since the epoch; tests move it forward."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds

    def reset(self) -> None:
        """Back to the time of this machine."""
        self._offset = 0.0

    def stamp(self) -> str:
        """Now as a Salesforce dateTime, such as `2026-11-23T15:47:51.000+0000`."""
        return to_datetime(self.now())


def to_datetime(seconds: float) -> str:
    """Seconds since the epoch as a Salesforce dateTime."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def from_datetime(text: str) -> float:
    """A Salesforce dateTime as seconds since the epoch."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
