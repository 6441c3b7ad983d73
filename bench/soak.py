"""`make soak MINUTES=2`: four processes of the function, tokens that expire every second, kill -9 of a random process
every second.

Nobody may be signed out and no answer may be wrong. One thing cannot be mended under rotation: a process that is killed
while Salesforce's answer is on its way to it takes the only copy of the new token along. Each such case is counted
apart and has to be proved: the vault says refresh-lost, and the org gave a token that was never stored.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from bench.table import show
from devtools import ports
from devtools.clients import App, authorize, control
from devtools.fleet import Fleet
from devtools.suite import UNLIMITED, Plan, Suite

USERS = ("sales@localorg.test", "admin@localorg.test")
CALLERS = 6  # for each user
_ANSWER_SECONDS = 60.0


@dataclass
class Soak:
    """What was counted."""

    seconds: float = 0.0
    kills: int = 0
    refreshes_sent: int = 0
    generations_stored: int = 0
    died_with_the_answer: int = 0
    signed_out: int = 0
    wrong: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def rows(self) -> list[tuple[str, str]]:
        told = ", ".join(f"{n} {what}" for what, n in sorted(self.answers.items()) if what != "right")
        return [
            ("seconds", f"{self.seconds:.0f}"),
            ("processes killed", str(self.kills)),
            ("answers right", str(self.answers["right"])),
            ("answers that say that it did not work", told or "none"),
            ("answers wrong", str(len(self.wrong))),
            ("refreshes sent", str(self.refreshes_sent)),
            ("generations stored", str(self.generations_stored)),
            ("killed while Salesforce's answer was on its way", str(self.died_with_the_answer)),
            ("users signed out otherwise", str(self.signed_out)),
        ]


class Person:
    """One user with several devices' worth of calls; each caller writes to a record of its own and reads it back."""

    def __init__(self, suite: Suite, username: str) -> None:
        plan = suite.plan
        self.username = username
        self.org_url = plan.ports.url("localorg")
        self.app = App(plan.app_url, plan.ports.url("auth"), f"127.0.0.1:{plan.ports.localorg}")
        self.sign_in()
        self.signing_in = asyncio.Lock()
        self.records = [
            self.app.call("api/createRecord", {"sobject": "Account", "fields": {"Name": f"Soak {n}"}})["id"]
            for n in range(CALLERS)
        ]
        self.first_generation = self.generation()

    def sign_in(self) -> None:
        self.app.sign_in(authorize(self.org_url, self.username))

    def generation(self) -> int:
        return int(self.app.call("api/getConnection")["generation"])


async def soak(suite: Suite, seconds: float, seed: int = 1) -> Soak:
    """Runs it; the suite's own processes only sign in and look."""
    counted, rng = Soak(), random.Random(seed)
    people = [await asyncio.to_thread(Person, suite, username) for username in USERS]
    org_url = people[0].org_url
    sign_ins = 0
    with Fleet(suite.plan) as fleet:
        control(org_url, "counters/reset")
        control(org_url, "limit", {"remaining": 100_000_000})
        began = time.monotonic()
        over = began + seconds

        async def caller(client: httpx.AsyncClient, person: Person, record: str) -> None:
            written, n = {0}, 0
            while time.monotonic() < over:
                n += 1
                answer = await ask(
                    client,
                    person,
                    "updateRecord",
                    {"sobject": "Account", "id": record, "fields": {"NumberOfEmployees": n}},
                )
                written = {n} if answer is not None else written | {n}  # not told: it may have been done
                answer = await ask(client, person, "getRecord", {"sobject": "Account", "id": record})
                if answer is not None:
                    found = answer["record"]["fields"].get("NumberOfEmployees") or 0
                    if answer["record"]["id"] != record or found not in written:
                        counted.wrong.append(f"{person.username}: {found} instead of one of {sorted(written)}")

        async def ask(client: httpx.AsyncClient, person: Person, call: str, body: dict[str, Any]) -> Any:
            """The result; None when the call did not work and said so, or when its process was killed."""
            nonlocal sign_ins
            used = person.app.id_token
            try:
                url = f"{rng.choice(fleet.members).url}/{call}"
                answer = (
                    await client.post(url, json={"data": body}, headers={"Authorization": f"Bearer {used}"})
                ).json()
            except (httpx.HTTPError, ValueError):
                counted.answers["killed under way or starting"] += 1
                await asyncio.sleep(0.05)
                return None
            if "result" in answer:
                counted.answers["right"] += 1
                return answer["result"]
            reason = answer["error"]["details"]["reason"]
            counted.answers[reason] += 1
            if answer["error"]["status"] in ("FAILED_PRECONDITION", "UNAUTHENTICATED"):
                async with person.signing_in:
                    if person.app.id_token == used:
                        counted.died_with_the_answer += reason == "refresh-lost"
                        counted.signed_out += reason != "refresh-lost"
                        sign_ins += 1
                        await asyncio.to_thread(person.sign_in)
            return None

        async def expiring() -> None:
            while time.monotonic() < over:
                for person in people:
                    await asyncio.to_thread(control, org_url, "expire", {"username": person.username})
                await asyncio.sleep(1)

        async def killing() -> None:
            while time.monotonic() < over:
                await asyncio.sleep(1)
                member = rng.choice(fleet.members)
                await asyncio.to_thread(member.kill)
                member.start()
                counted.kills += 1

        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, limits=httpx.Limits(max_connections=100)) as client:
            await asyncio.gather(
                expiring(),
                killing(),
                *(caller(client, person, record) for person in people for record in person.records),
            )
        counted.seconds = time.monotonic() - began
    for person in people:  # a dead process's lease is waited for, and what it may have left behind comes out
        last = (await asyncio.to_thread(person.app.post, "api/getProfile", {})).json()
        reason = last["error"]["details"]["reason"] if "error" in last else ""
        counted.died_with_the_answer += reason == "refresh-lost"
        counted.signed_out += reason not in ("", "refresh-lost")
    counted.refreshes_sent = control(org_url, "counters").get("token.refresh_token", 0)
    counted.generations_stored = sum(p.generation() - p.first_generation for p in people) - sign_ins
    return counted


def main(minutes: str = "2") -> int:
    free = ports.free()
    with Suite(Plan(free, f"demo-soak-{free.hub}", user_requests=UNLIMITED), lambda _part, _line: None) as suite:
        counted = asyncio.run(soak(suite, 60 * float(minutes)))
    show("soak", ("what", "count"), counted.rows())
    for wrong in counted.wrong[:10]:
        print(wrong)
    return 1 if counted.wrong or counted.signed_out else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
