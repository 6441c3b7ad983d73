"""The demo data looks alive on whatever day the org is made: home is asked, with the queries that the backend sends."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from backend.records.layouts import LAYOUTS
from backend.records.org import Described, DescribedField, Row, Undescribed
from backend.values import Caller, Uid
from contract.calls import Dashboard, Empty, FieldShape
from localorg import OrgSettings
from localorg.clock import to_datetime
from localorg.data.access import Person, schema_for
from localorg.data.seed import seed
from localorg.org import Org
from localorg.provision import open_org
from localorg.schema.standard import STAGES
from localorg.schema.text import COLLATION
from localorg.soql.run import run
from tests.functions.records.an_org import AnOrg

ZONE = ZoneInfo("Europe/Berlin")  # of the demo users
OPEN_STAGES = [stage for stage, _ in STAGES if not stage.startswith("Closed")]


class InProcess(AnOrg):
    """The records of a local org, read by its own SOQL and without HTTP."""

    def __init__(self, org: Org) -> None:
        super().__init__()
        self._org = org
        self._user = str(org.db.execute("SELECT Id FROM User WHERE Username = 'sales@localorg.test'").fetchone()[0])
        self._schema = schema_for(org, self._user)

    async def query(self, uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        person = Person(self._user, str(ZONE))
        return [
            cast(Sequence[Row], run(self._org, self._schema, text, person=person, version="66.0").records)
            for text in texts
        ]

    async def describe(
        self, uid: Uid, sobjects: Mapping[str, str | None], language: str = ""
    ) -> Mapping[str, Described | Undescribed]:
        return {sobject: self._of(sobject) for sobject in sobjects}

    def _of(self, sobject: str) -> Described:
        names = {"CreatedDate", "Amount", *(field for field in LAYOUTS[sobject].listed if "." not in field)}
        picklists = {"StageName": tuple(stage for stage, _ in STAGES)}
        shapes = (
            FieldShape(name, name, "string", False, True, True, picklist=picklists.get(name, ())) for name in names
        )
        return Described(
            sobject, sobject, f"{sobject}s", {shape.name: DescribedField(shape, True, True) for shape in shapes}
        )

    def home(self) -> Dashboard:
        return asyncio.run(
            self.queries.get_dashboard(Caller(Uid.of("00D000000000001AAA", self._user), "phone"), Empty())
        )


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    org = open_org(OrgSettings(accounts=25))
    yield org
    org.close()


def made_at(org: Org, moment: datetime) -> InProcess:
    """The org, as if it had been made at that moment."""
    for row in org.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        org.db.execute(f'DELETE FROM "{row["name"]}"')
    org.clock.reset()
    org.clock.advance(moment.timestamp() - org.clock.now())
    seed(org)
    return InProcess(org)


def looks_alive(home: Dashboard, today: date) -> None:
    closing = [date.fromisoformat(str(deal.fields["CloseDate"])) for deal in home.closing]
    assert len(closing) >= 3
    assert all(today <= day and (day.year, day.month) == (today.year, today.month) for day in closing)
    due = [(date.fromisoformat(str(task.fields["ActivityDate"])) - today).days for task in home.tasks]
    assert len(due) == 5
    assert sum(days < 0 for days in due) in (1, 2)
    assert min(due) >= -4
    assert due.count(0) >= 1
    assert max(due) <= 2
    assert [total.stage for total in home.pipeline] == OPEN_STAGES
    newest = datetime.fromisoformat(str(home.newest_accounts[0].fields["CreatedDate"]))
    assert (today - newest.date()).days <= 45


@pytest.mark.parametrize("year", [2028])
def test_home_is_alive_on_every_day_of_the_year(org: Org, year: int) -> None:
    """And 2028 has a 29th of February."""
    day = datetime(year, 1, 1, 12, tzinfo=ZONE)
    while day.year == year:
        looks_alive(made_at(org, day).home(), day.date())
        day += timedelta(days=1)


@pytest.mark.parametrize(
    "moment", ["2026-12-31T23:59:58", "2027-01-01T00:00:02", "2027-03-31T23:30:00", "2027-07-01T00:30:00"]
)
def test_home_is_alive_around_midnight_where_the_user_is(org: Org, moment: str) -> None:
    there = datetime.fromisoformat(moment).replace(tzinfo=ZONE)
    looks_alive(made_at(org, there).home(), there.date())


def test_the_same_day_makes_the_same_records(org: Org) -> None:
    moment = datetime(2027, 2, 28, 9, tzinfo=UTC)
    first, again = (
        [dump for dump in made_at(org, moment)._org.db.iterdump() if '"Opportunity"' in dump] for _ in range(2)
    )
    assert first
    assert len(first) == len(again)
    assert [line[:200] for line in first] == [line[:200] for line in again]


def test_an_org_of_weeks_ago_says_so_when_it_is_served(tmp_path: Path) -> None:
    open_org(OrgSettings(accounts=1, data=tmp_path)).close()
    with sqlite3.connect(tmp_path / "org.sqlite3") as db:
        db.create_collation(COLLATION, lambda one, other: (one > other) - (one < other))
        db.execute("UPDATE Organization SET CreatedDate = ?", (to_datetime(time.time() - 34 * 86_400),))
    with subprocess.Popen(
        [sys.executable, "-m", "localorg.cli", "serve", "--data", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        said = serving.stdout.readline()
        serving.terminate()
    assert said == "note: the demo records were made 34 days ago, so their tasks are overdue; a reset makes new ones\n"
