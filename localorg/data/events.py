"""The times of an event: start, end, and duration, of which two give the third.

Source: Object Reference, Event: ActivityDateTime and StartDateTime (and ActivityDate for whole days) must match or one
of them be null; the end of an event of whole days is the midnight that begins its last day.
"""

from collections.abc import Mapping

from localorg.clock import from_datetime, to_datetime
from localorg.errors import ApiError

_DAY = 1440


def times(changes: Mapping[str, object], before: Mapping[str, object]) -> dict[str, object]:
    """All the times of an event after a change, by field name; `before` is empty for a new one. Raises ApiError."""
    whole_days = bool(changes.get("IsAllDayEvent", before.get("IsAllDayEvent")))
    start = _start(changes, whole_days=whole_days) or before.get("StartDateTime")
    end, minutes = changes.get("EndDateTime"), changes.get("DurationInMinutes")
    if end is None and minutes is None:
        minutes = before.get("DurationInMinutes")
    missing = ["DurationInMinutes"] if end is None and minutes is None else []
    missing += ["ActivityDate" if whole_days else "ActivityDateTime"] if start is None else []
    if missing:
        raise ApiError(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    begins, extra = from_datetime(str(start)), _DAY if whole_days else 0
    length = float(str(minutes)) if end is None else (from_datetime(str(end)) - begins) / 60 + extra
    if not 0 <= length <= 366 * _DAY:
        raise _contradiction("the event ends before it starts, or lasts longer than a year", "EndDateTime")
    if end is not None and minutes is not None and float(str(minutes)) != length:
        raise _contradiction("DurationInMinutes and EndDateTime contradict each other", "DurationInMinutes")
    try:
        ends = end if end is not None else to_datetime(begins + 60 * max(0.0, length - extra))
    except ValueError:
        raise _contradiction("the event ends after the year 9999", "DurationInMinutes") from None
    return {
        "StartDateTime": start,
        "ActivityDateTime": start,
        "ActivityDate": str(start)[:10],
        "EndDateTime": ends,
        "DurationInMinutes": length,
    }


def _start(changes: Mapping[str, object], *, whole_days: bool) -> object:
    given = [changes[n] for n in ("StartDateTime", "ActivityDateTime") if changes.get(n) is not None]
    if whole_days:
        given = [f"{str(moment)[:10]}T00:00:00.000+0000" for moment in given]
        if changes.get("ActivityDate") is not None:
            given.append(f"{changes['ActivityDate']}T00:00:00.000+0000")
    if len(set(given)) > 1:
        raise _contradiction("StartDateTime and the activity's date contradict each other", "StartDateTime")
    return given[0] if given else None


def _contradiction(message: str, field: str) -> ApiError:
    return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, [field])
