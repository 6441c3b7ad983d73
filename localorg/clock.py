"""The org's clock, and the text form of a Salesforce dateTime."""

import time
from datetime import UTC, datetime


class Clock:
    """The org's time. It is the machine's time until `advance` moves it forward."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Moves the clock forward by this many seconds."""
        self._offset += seconds

    def reset(self) -> None:
        """Goes back to the machine's time."""
        self._offset = 0.0

    def stamp(self) -> str:
        """Now as a Salesforce dateTime, such as `2026-11-23T15:47:51.000+0000`."""
        return to_datetime(self.now())


def to_datetime(seconds: float) -> str:
    """Seconds since the epoch as a Salesforce dateTime."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def from_datetime(text: str) -> float:
    """A Salesforce dateTime as seconds since the epoch."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
