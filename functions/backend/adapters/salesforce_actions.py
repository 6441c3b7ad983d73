"""Invocable actions and Apex REST: their requests, and what their answers say.

Sources: Actions Developer Guide, "Invoking Actions" (`inputs`, `isSuccess`, `outputValues`, `errors`); a Flow that
fails answers 400 with the list of results, one that is not there 404 NOT_FOUND (sfdx-mass-action-scheduler#15, #141);
Apex Developer Guide, "RestResponse Class": Apex REST chooses status and body itself, and answers 500 APEX_ERROR for an
exception that it does not catch, whose changes are undone (Apex Developer Guide, "Apex Transactions"); an address that
no class has answers 404 NOT_FOUND (restforce#418).
"""

import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from backend.adapters.salesforce_answers import API_OFF, LIMITED, NOT_PERMITTED, NOW_NOT, error_code, refuse
from backend.adapters.salesforce_http import Answer
from backend.adapters.salesforce_session import Request
from backend.failures import ActionGone, Busy, LimitReached, OutcomeUnknown
from backend.records.actions import ANSWER, ApexRest, Target
from contract.errors import Reason, RefusedRequest
from contract.values import FieldValue

_MAX_WORDS = 500  # characters of a refusal
_TAG = re.compile(r"<[^<>]*>")
_THROWN = re.compile(r"An Apex error occurred: [\w.]+: ")  # stands before what an action's own Apex has thrown
_FORBIDDEN = {*NOT_PERMITTED, "FORBIDDEN"}
_NOT_THERE = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
# Codes in an answer of Apex REST that come from Salesforce and not from the class.
_SALESFORCES = {*_FORBIDDEN, *_NOT_THERE, *LIMITED, *NOW_NOT, *API_OFF, "APEX_ERROR"}


def request_of(base: str, target: Target, record_id: str, inputs: Mapping[str, FieldValue]) -> Request:
    """The request that runs an action; `base` is the path of the API's version. What is empty is left out."""
    sent = {name: value for name, value in inputs.items() if value is not None}
    if isinstance(target, ApexRest):
        path = "/services/apexrest" + target.path.replace("{id}", record_id)
        return Request(target.method, path, body=sent, writes=True, aside=True, custom=True)
    return Request("POST", base + target.path, body={"inputs": [sent]}, writes=True, aside=True)


def outcome_of(target: Target, answer: Answer) -> Mapping[str, object]:
    """The values of an action's answer. Raises CallErrors, as `Org.run_action` says."""
    body = answer.json()
    if isinstance(target, ApexRest):
        return _apex_rest(answer, body)
    result = _first(body)
    if not isinstance(result.get("isSuccess"), bool):
        _refused(answer.status, body)
    if not result["isSuccess"]:
        _said_no(_first(result.get("errors")), "statusCode")
    values = result.get("outputValues")
    return cast(dict[str, object], values) if isinstance(values, dict) else {}


def _apex_rest(answer: Answer, body: object) -> Mapping[str, object]:
    if 200 <= answer.status < 300:
        if isinstance(body, str | bool | int | float):
            return {ANSWER: body}
        return cast(dict[str, object], body) if isinstance(body, dict) else {}
    if error_code(body) in _SALESFORCES or not 400 <= answer.status < 500:
        _refused(answer.status, body)
    raise RefusedRequest(Reason.ACTION_REFUSED, _words(_own_words(answer, body)))


def _refused(status: int, body: object) -> NoReturn:
    """Raises what an answer means that is Salesforce's own, and not the action's."""
    code = error_code(body)
    if 200 <= status < 300:
        raise OutcomeUnknown(writes=True)  # it answered, and nobody understands what
    if code == "APEX_ERROR":
        raise RefusedRequest(Reason.ACTION_FAILED)
    if code in _NOT_THERE:
        raise ActionGone(Reason.ACTION_MISSING)
    if code in _FORBIDDEN or (status == 403 and code not in LIMITED):
        raise ActionGone(Reason.NOT_PERMITTED)
    if status == 400:
        _said_no(_first(body), "errorCode")
    refuse(status, body, writes=True, aside=True)


def _said_no(error: Mapping[str, Any], of: str) -> NoReturn:
    """Raises what the error of an action means; its code is at `of`."""
    code = str(error.get(of) or "")
    if code in LIMITED:
        raise LimitReached
    if code in NOW_NOT:
        raise Busy
    if code in NOT_PERMITTED:
        raise RefusedRequest(Reason.NOT_PERMITTED)
    raise RefusedRequest(Reason.ACTION_REFUSED, _words(error.get("message")), {"code": code})


def _first(body: object) -> Mapping[str, Any]:
    first: object = cast(list[object], body)[0] if isinstance(body, list) and body else None
    return cast(dict[str, Any], first) if isinstance(first, dict) else {}


def _own_words(answer: Answer, body: object) -> object:
    """What a class's own refusal says: a text, or what stands under `message` or `error`."""
    if isinstance(body, str):
        return body
    named = cast(dict[str, object], body) if isinstance(body, dict) else _first(body)
    for name in ("message", "error"):
        said = named.get(name)
        if isinstance(said, str):
            return said
        if isinstance(said, dict):
            return cast(dict[str, object], said).get("message")
    is_text = body is None and answer.headers.get("Content-Type", "").startswith("text/plain")
    return answer.body.decode("utf-8", "replace") if is_text else None


def _words(message: object) -> str | None:
    """A refusal as people read it: its first paragraph, without markup; None when it says nothing."""
    if not isinstance(message, str):
        return None
    text = _THROWN.sub("", _TAG.sub(" ", message), count=1).strip().split("\n\n")[0]
    return " ".join(text.split())[:_MAX_WORDS] or None
