"""The day, the circle and the sheet after a call as they are painted, on Flet's own session."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import flet as ft
import pytest

from contract.activities import Activity, Day, Deal, Party, Timeline
from contract.calls import GetRecord, RecordDetail
from tests.app.test_activities import ActiveBackend
from tests.app.test_guard import Screen
from tests.app.test_owner_views import controls, tap_words, texts
from tests.app.world import World
from ui.shared.calling import LEFT_WITHIN

CHLOE = Party("0031", "Chloé Dubois", "+44 20 7946 0001", "chloe@acme.example")


class DayBackend(ActiveBackend):
    def __init__(self, now: float) -> None:
        super().__init__()
        today = datetime.fromtimestamp(now, UTC).astimezone().date()
        late = (today - timedelta(days=2)).isoformat()
        task = Activity(self.a_task(), "Task", "Send quote", day=late, kind="Task", who=CHLOE)
        meeting = Activity("00U1", "Event", "Demo", False, day=today.isoformat(), all_day=True, who=CHLOE)
        deal = Deal("0061", "Acme rollout", "Proposal", 5000.0, closes=today.isoformat(), customer=CHLOE)
        self.day = Day(today.isoformat(), (task,), (meeting,), (deal,), (deal,))
        self.add("0011", Name="Acme", Phone="+44 20 7946 0000")
        self.timeline = Timeline((task,), (replace(task, id="00T2", subject="Called", is_open=False, kind="Call"),))

    def _getRecord(self, request: GetRecord) -> RecordDetail:
        return replace(super()._getRecord(request), timeline=self.timeline if request.timeline else None)


def named(screen: Screen, name: str) -> ft.IconButton:
    (button,) = [c for c in controls(screen) if isinstance(c, ft.IconButton) and c.tooltip == name]
    return button


@pytest.mark.parametrize("width", [390, 1280])
async def test_home_begins_with_the_day_and_a_circle_completes(width: int) -> None:
    world = World(DayBackend(1_000_000.0))
    await world.start()
    screen = Screen(world, width)
    await screen.painted()
    seen = texts(screen)
    assert {"Overdue · 1", "Events · 1", "Closing this week", "Without a next step", "Chloé Dubois"} <= set(seen)
    await screen.tap(named(screen, "Complete: Send quote"), "click")
    await screen.painted()
    assert world.backend.records["00T1"].fields["IsClosed"] is True
    assert "Send quote is completed." in texts(screen)
    assert not [c for c in controls(screen) if getattr(c, "tooltip", "") == "Complete: Send quote"]
    await tap_words(screen, "Undo")
    await screen.painted()
    assert world.backend.records["00T1"].fields["IsClosed"] is False
    named(screen, "Complete: Send quote")
    assert screen.window.crashed == []
    await screen.close()


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_record_tells_its_activities_and_a_call_from_it_is_asked_about(width: int) -> None:
    backend = DayBackend(1_000_000.0)
    world = World(backend)
    await world.start()
    screen = Screen(world, width)
    await screen.painted()
    await screen.show("/records/Account/0011")
    assert {"Activities", "Upcoming", "Past", "Called"} <= set(texts(screen))
    named(screen, "Complete: Send quote")
    await tap_words(screen, "Call")
    await world.pass_time(LEFT_WITHIN)
    await screen.painted()
    assert "How was the call with Acme?" in texts(screen)
    for words in ("Reached", "Tomorrow", "Save"):
        await tap_words(screen, words)
        await screen.painted()
    (sent,) = backend.logged.values()
    assert (sent.records, sent.result, sent.follow_up is not None) == (("0011",), "Reached", True)
    assert not [c for c in controls(screen) if isinstance(c, ft.AlertDialog) and c.open]
    assert screen.window.crashed == []
    await screen.close()
