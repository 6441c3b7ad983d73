"""Which of the declared actions an org has for a user: asked for beside describes, and kept with them.

It costs a request for each action, so it is asked with the first describe, once in each hour of use, and when
Salesforce has refused something that the user was offered. Only the hour is kept, so that users with the same
permissions go on sharing one describe in memory.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from backend.records.layouts import LAYOUTS, Layout
from backend.records.org import Described, Org
from backend.values import Uid
from contract.actions import ActionShape
from contract.errors import OrgUnavailable

Answers = Mapping[str, Described | None]  # what Salesforce said of each object; None: it is hidden from the user
Offered = Mapping[str, tuple[str, ...]]  # the names of an object's actions that the org has


class Offers:
    """Asks an org for actions. One for each process."""

    def __init__(self, org: Org, warn: Callable[[str], object]) -> None:
        self._org = org
        self._warn = warn
        self._told: set[str] = set()  # the objects of which a wrong declaration was told

    def due(self, kept: Answers, looked_at: Iterable[str], now: datetime, *, anew: bool) -> tuple[str, ...]:
        """Those of the objects looked at whose actions are to be asked for: not for one that is known to be hidden."""

        def is_due(name: str) -> bool:
            if name not in LAYOUTS or not LAYOUTS[name].actions:
                return False
            before = kept.get(name)
            if before is None:
                return name not in kept
            return anew or before.actions_hour != _hour(now)

        return tuple(name for name in looked_at if is_due(name))

    async def ask(self, uid: Uid, sobjects: Iterable[str]) -> Offered:
        """The actions of each object that the org has for the user; an object is left out when that cannot be told."""
        sobjects = tuple(sobjects)
        told = await asyncio.gather(*(self._ask(uid, name) for name in sobjects))
        return {name: names for name, names in zip(sobjects, told, strict=True) if names is not None}

    async def _ask(self, uid: Uid, sobject: str) -> tuple[str, ...] | None:
        actions = LAYOUTS[sobject].actions
        try:
            has = await asyncio.gather(*(self._org.has_action(uid, action.target) for action in actions.values()))
        except OrgUnavailable:
            return None
        return tuple(name for name, is_there in zip(actions, has, strict=True) if is_there)

    def kept(self, new: Answers, before: Answers, offered: Offered, now: datetime) -> dict[str, Described | None]:
        """The describes with what is offered of each object's actions: as told now, else as it was before."""

        def completed(name: str, described: Described) -> Described:
            if name in offered:
                return replace(described, actions=offered[name], actions_hour=_hour(now))
            old = before.get(name)
            return described if old is None else replace(described, actions=old.actions, actions_hour=old.actions_hour)

        for name, described in new.items():
            if described is not None and name in LAYOUTS and name not in self._told:
                self._tell(name, described)
        return {name: None if d is None else completed(name, d) for name, d in new.items()}

    def _tell(self, sobject: str, described: Described) -> None:
        """Logs which fields that an object's actions need are not there, as one line."""
        missing = [
            f"{sobject}.{name}: the org has no field {needed}, or this user may not see it"
            for name, action in LAYOUTS[sobject].actions.items()
            for needed in action.fields
            if not described.shows(needed)
        ]
        if missing:
            self._told.add(sobject)
            self._warn("; ".join(missing))


def offered_shapes(layout: Layout, described: Described) -> tuple[ActionShape, ...]:
    """The actions that the app shows to this user: those that the org has for them, whose fields they may see."""
    return tuple(
        action.shape(name)
        for name, action in layout.actions.items()
        if name in described.actions
        and (described.editable or not action.needs_edit)
        and all(map(described.shows, action.fields))
    )


def _hour(now: datetime) -> int:
    return int(now.timestamp() // 3600)
