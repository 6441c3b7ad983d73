"""Which flow answers which call. The functions do not start when a call of the contract has no line here."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from backend.connections.lifecycle import Lifecycle
from backend.records.changes import Changes
from backend.records.files import Files
from backend.records.queries import Queries
from backend.sign_in.flow import SignInFlow
from backend.transfer import Incoming, Outgoing
from backend.values import Caller, Visitor
from contract import calls
from contract.calls import Call

Q = TypeVar("Q")
A = TypeVar("A")


class Route(msgspec.Struct, frozen=True):
    """A call and the work that answers it; a public call is a visitor's, any other one a caller's."""

    call: Call[Any, Any]
    work: Callable[[Any, Any], Awaitable[object]]


def public(call: Call[Q, A], work: Callable[[Visitor, Q], Awaitable[A]]) -> Route:
    """A call that anybody may make."""
    assert call.public
    return Route(call, work)


def signed_in(call: Call[Q, A], work: Callable[[Caller, Q], Awaitable[A]]) -> Route:
    """A call that only a signed-in device may make."""
    assert not call.public
    return Route(call, work)


def receiving(call: Call[Q, A], work: Callable[[Caller, Q, Incoming], Awaitable[A]]) -> Route:
    """A call of a signed-in device that brings a file."""
    assert call.file == "up"
    return Route(call, lambda caller, brought: work(caller, *brought))


def sending(call: Call[Q, bytes], work: Callable[[Caller, Q], Awaitable[Outgoing]]) -> Route:
    """A call of a signed-in device that is answered with a file."""
    assert call.file == "down"
    return Route(call, work)


def routes(
    sign_in: SignInFlow, lifecycle: Lifecycle, queries: Queries, changes: Changes, files: Files
) -> tuple[Route, ...]:
    """Every call of the contract with its work."""
    return (
        public(calls.GET_SIGN_IN_OPTIONS, sign_in.options),
        public(calls.BEGIN_SIGN_IN, sign_in.begin),
        public(calls.SIGN_IN, sign_in.sign_in),
        signed_in(calls.SIGN_OUT, lifecycle.sign_out),
        signed_in(calls.ERASE_ME, lifecycle.erase_me),
        signed_in(calls.GET_CONNECTION, lifecycle.get_connection),
        signed_in(calls.GET_ACCESS, lifecycle.get_access),
        signed_in(calls.UPDATE_CONNECTION, lifecycle.update_connection),
        signed_in(calls.GET_PROFILE, queries.get_profile),
        signed_in(calls.GET_DASHBOARD, queries.get_dashboard),
        signed_in(calls.DESCRIBE, queries.describe),
        signed_in(calls.GET_OBJECTS, queries.get_objects),
        signed_in(calls.GET_PICKLISTS, queries.get_picklists),
        signed_in(calls.LIST_RECORDS, queries.list_records),
        signed_in(calls.GET_LIST_VIEWS, queries.get_list_views),
        signed_in(calls.GET_BOARD, queries.get_board),
        signed_in(calls.FIND_OWNERS, queries.find_owners),
        signed_in(calls.SEARCH, queries.search),
        signed_in(calls.GET_RECORD, queries.get_record),
        signed_in(calls.CREATE_RECORD, changes.create_record),
        signed_in(calls.UPDATE_RECORD, changes.update_record),
        signed_in(calls.DELETE_RECORD, changes.delete_record),
        signed_in(calls.RUN_ACTION, changes.run_action),
        signed_in(calls.LIST_FILES, files.list_files),
        receiving(calls.UPLOAD_FILE, files.upload_file),
        sending(calls.GET_FILE, files.get_file),
        signed_in(calls.COMPLETE_TASK, changes.complete_task),
        signed_in(calls.LOG_CALL, changes.log_call),
        signed_in(calls.GET_FAVORITES, queries.get_favorites),
        signed_in(calls.ADD_FAVORITE, changes.add_favorite),
        signed_in(calls.REMOVE_FAVORITE, changes.remove_favorite),
        signed_in(calls.GET_CONVERSION, changes.get_conversion),
        signed_in(calls.CONVERT_LEAD, changes.convert_lead),
    )
