"""Running an action on a record: the declaration is looked up, what it needs of the record is read, it runs once."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import partial

from backend.failures import ActionGone
from backend.records import soql
from backend.records.actions import ID, Action
from backend.records.creations import Creations, plain
from backend.records.describe import Describes, Shapes, field_of, object_of
from backend.records.layouts import layout_of
from backend.records.org import Org, Row
from backend.records.rows import field_value, select
from backend.values import Caller, Uid
from contract.actions import MAX_ANSWER, ActionDone, Question, RunAction
from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from contract.values import RECORD_ID, FieldValue

_MAX_TEXT = 1000  # characters of a value that is told
_RECORD_ID = re.compile(RECORD_ID)


class ActionRuns:
    """The call that runs actions. One for each process. It raises CallErrors."""

    def __init__(self, org: Org, describes: Describes, creations: Creations) -> None:
        self._org = org
        self._describes = describes
        self._creations = creations

    async def run_action(self, caller: Caller, request: RunAction) -> ActionDone:
        """Runs an action on a record: two requests to Salesforce, one where it needs nothing of the record but its id.

        It is never sent a second time when its answer was lost; a token that Salesforce has refused is renewed, because
        then nothing ran. Whether the user may run it, Salesforce decides.
        """
        action = layout_of(request.sobject).actions.get(request.action)
        if action is None:
            raise RefusedRequest(Reason.UNKNOWN_ACTION)
        record_id = soql.record_id(request.id)
        answers = {q.name: v for a in action.asks if (v := _answer(q := a.question, request.answers)) is not None}
        unknown = request.answers.keys() - {ask.name for ask in action.asks}
        if unknown:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, f"answers: the action asks nothing called {min(unknown)!r}")
        run = partial(self._run, caller.uid, request.sobject, record_id, action, answers)
        if request.idempotency_key is None:
            return await run()
        content = ["action", request.sobject, record_id, request.action, plain(answers)]
        return await self._creations.one(
            caller.uid,
            request.idempotency_key,
            content,
            run,
            kept=lambda done: done.opens or "",
            again=lambda opens: ActionDone(opens=opens or None, repeated=True),
        )

    async def _run(
        self, uid: Uid, sobject: str, record_id: str, action: Action, answers: Mapping[str, FieldValue]
    ) -> ActionDone:
        row = await self._seen(uid, sobject, record_id, action)
        sent = {name: record_id if f == ID else field_value(row, f) for name, f in action.sends.items()}
        try:
            answer = await self._org.run_action(uid, action.target, record_id, plain({**sent, **answers}))
        except ActionGone:
            with suppress(OrgUnavailable):  # so that its button goes
                await self._describes.refused(uid, sobject)
            raise
        refusal = _told(answer, action.refused_by)
        if refusal not in (None, "", False):
            raise RefusedRequest(Reason.ACTION_REFUSED, refusal if isinstance(refusal, str) else None)
        opens = _told(answer, action.opens)
        return ActionDone(
            {name: value for name in sorted(action.named) if (value := _told(answer, name)) is not None},
            opens if isinstance(opens, str) and _RECORD_ID.fullmatch(opens) else None,
        )

    async def _seen(self, uid: Uid, sobject: str, record_id: str, action: Action) -> Row:
        """What the action needs of the record. Raises NotFound, and RefusedRequest(action-not-available) for a record
        on which it may not run.
        """
        if not action.fields:
            return {}

        async def read(shapes: Shapes) -> Row:
            described = object_of(shapes, sobject)
            for name in action.fields:
                if not described.shows(name):
                    field_of(described, name)  # raises
            text = f"SELECT {select(action.fields)} FROM {sobject} WHERE Id = '{record_id}' LIMIT 1"
            (rows,) = await self._org.query(uid, text)
            if not rows:
                raise NotFound(Reason.RECORD_NOT_FOUND)
            return rows[0]

        row = await self._describes.read(uid, (sobject,), read)
        if not all(action.allows(name, field_value(row, name)) for name in action.shown_when):
            raise RefusedRequest(Reason.ACTION_NOT_AVAILABLE)
        return row


def _answer(question: Question, answers: Mapping[str, FieldValue]) -> FieldValue:
    """The answer to a question, None for none. Raises RefusedRequest(invalid-value) for one that is none."""
    value = answers.get(question.name)
    if value is None or value == "":
        if question.required:
            raise _wrong(question, "is needed")
        return None
    match question.kind:
        case "yes-no":
            fits = isinstance(value, bool)
        case "number":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case "date":
            fits = isinstance(value, str) and _is_date(value)
        case "choice":
            fits = value in {choice.value for choice in question.choices}
        case _:
            fits = isinstance(value, str) and len(value) <= MAX_ANSWER
    if not fits:
        raise _wrong(question, "is no such value")
    return value


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _wrong(question: Question, what: str) -> RefusedRequest:
    return RefusedRequest(Reason.INVALID_VALUE, f"{question.name} {what}", {"fields": [question.name]})


def _told(answer: Mapping[str, object], name: str) -> FieldValue:
    """A plain value of an answer; None for anything else."""
    value = answer.get(name) if name else None
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    return value if isinstance(value, bool | int | float) else None
