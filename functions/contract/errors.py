"""Every way in which a call can fail, one class for each way in which the app reacts.

CallError
├── RefusedRequest     the request itself is wrong, or the user may not do this: show the message
├── NotFound           the record is not there (any more): leave the page
├── ChangedMeanwhile   someone else saved first: show both versions
├── MayBeDuplicate     there may be such a record already: show which, offer to save anyway
├── SignInFailed       sign-in did not work: show why, offer to try again
├── SessionInvalid     the Firebase session is over: go to the sign-in page
├── ConnectionLost     Salesforce no longer accepts this user's grant: say why, offer to sign in again
├── OrgUnavailable     Salesforce, or our own store, is busy or out of reach: offer to try again
└── Misconfigured      the backend is set up wrongly: tell the administrator

`reason` is a stable word for programs; `message` is for the person in front of the app.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Stable words in `details.reason`; docs/errors.md says what to do about each."""

    MALFORMED_REQUEST = "malformed-request"
    REQUEST_TOO_LARGE = "request-too-large"
    NOT_THE_APP = "not-the-app"
    FOREIGN_ORIGIN = "foreign-origin"
    UNKNOWN_CALL = "unknown-call"
    UNKNOWN_OBJECT = "unknown-object"
    UNKNOWN_FIELD = "unknown-field"
    FIELD_NOT_EDITABLE = "field-not-editable"
    INVALID_VALUE = "invalid-value"
    VALUE_NOT_IN_PICKLIST = "value-not-in-picklist"
    RECORD_TYPE_NOT_AVAILABLE = "record-type-not-available"
    INVALID_CURSOR = "invalid-cursor"
    LIST_TOO_LONG = "list-too-long"
    LIST_VIEW_NOT_AVAILABLE = "list-view-not-available"
    IDEMPOTENCY_KEY_REUSED = "idempotency-key-reused"
    NOT_PERMITTED = "not-permitted"
    UNKNOWN_ACTION = "unknown-action"
    ACTION_NOT_AVAILABLE = "action-not-available"
    ACTION_MISSING = "action-missing"
    ACTION_REFUSED = "action-refused"
    ACTION_FAILED = "action-failed"
    RECORD_NOT_FOUND = "record-not-found"
    RECORD_CHANGED = "record-changed"
    MAY_BE_DUPLICATE = "may-be-duplicate"
    LOGIN_HOST_NOT_ALLOWED = "login-host-not-allowed"
    REDIRECT_URI_NOT_ALLOWED = "redirect-uri-not-allowed"
    CODE_REJECTED = "code-rejected"
    CODE_REJECTED_IN_PRODUCTION = "code-rejected-in-production"
    VERIFIER_REJECTED = "verifier-rejected"
    SIGN_IN_BLOCKED = "sign-in-blocked"
    SIGN_IN_DENIED = "sign-in-denied"
    OTHER_ORG = "other-org"
    NO_REFRESH_TOKEN = "no-refresh-token"
    SIGN_IN_EXPIRED = "sign-in-expired"
    BINDING_REQUIRED = "binding-required"
    TOO_MANY_SIGN_INS = "too-many-sign-ins"
    ID_TOKEN_MISSING = "id-token-missing"
    ID_TOKEN_INVALID = "id-token-invalid"
    ID_TOKEN_EXPIRED = "id-token-expired"
    SIGNED_OUT = "signed-out"
    NOT_CONNECTED = "not-connected"
    ACCESS_REVOKED = "access-revoked"
    ACCESS_STOPPED = "access-stopped"
    IDLE_TOO_LONG = "idle-too-long"
    USER_INACTIVE = "user-inactive"
    APP_BLOCKED = "app-blocked"
    APP_NOT_INSTALLED = "app-not-installed"
    IP_RESTRICTED = "ip-restricted"
    API_NOT_ENABLED = "api-not-enabled"
    ORG_POLICY = "org-policy"
    TOKENS_UNREADABLE = "tokens-unreadable"
    CONNECTION_TAMPERED = "connection-tampered"
    CONNECTION_OUTDATED = "connection-outdated"
    REFRESH_LOST = "refresh-lost"
    ORG_UNREACHABLE = "org-unreachable"
    ORG_BUSY = "org-busy"
    ORG_LIMIT = "org-limit"
    USER_LIMIT = "user-limit"
    ORG_TIMEOUT = "org-timeout"
    OUTCOME_UNKNOWN = "outcome-unknown"
    STORE_UNAVAILABLE = "store-unavailable"
    SEND_AGAIN = "send-again"
    MISCONFIGURED = "misconfigured"
    INTERNAL = "internal"


class CallError(Exception):
    """A call that failed. `status` is the word of Firebase's callable protocol, `message` a sentence for the user
    without token, code or secret, `details` what else the app needs, by its name on the wire.
    """

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {}

    def __init__(self, reason: Reason, message: str | None = None, details: Mapping[str, object] | None = None) -> None:
        self.status, default = self.reasons[reason]
        self.reason = reason
        self.message = message or default
        self.details: dict[str, object] = dict(details or {})
        super().__init__(f"{reason}: {self.message}")


class RefusedRequest(CallError):
    """The request itself is wrong, or the user may not do this: the app shows the message."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.MALFORMED_REQUEST: ("INVALID_ARGUMENT", "The request does not have the right form."),
        Reason.REQUEST_TOO_LARGE: ("INVALID_ARGUMENT", "The request is larger than 1 MB."),
        Reason.NOT_THE_APP: (
            "UNAUTHENTICATED",
            "This app could not prove that it is genuine. Close it and open it again.",
        ),
        Reason.FOREIGN_ORIGIN: (
            "PERMISSION_DENIED",
            "Nobody can sign in from this page's address. Open the app at its own address.",
        ),
        Reason.UNKNOWN_CALL: ("NOT_FOUND", "There is no such call."),
        Reason.UNKNOWN_OBJECT: ("INVALID_ARGUMENT", "This app does not show such records."),
        Reason.UNKNOWN_FIELD: ("INVALID_ARGUMENT", "There is no such field, or you may not see it."),
        Reason.FIELD_NOT_EDITABLE: ("INVALID_ARGUMENT", "This field cannot be changed."),
        Reason.INVALID_VALUE: ("INVALID_ARGUMENT", "Salesforce does not accept this value."),
        Reason.VALUE_NOT_IN_PICKLIST: ("INVALID_ARGUMENT", "This value cannot be chosen here. Please choose another."),
        Reason.RECORD_TYPE_NOT_AVAILABLE: (
            "INVALID_ARGUMENT",
            "You cannot use this record type in Salesforce. Please choose another.",
        ),
        Reason.INVALID_CURSOR: ("INVALID_ARGUMENT", "The list has changed. Start again from its beginning."),
        Reason.LIST_TOO_LONG: (
            "INVALID_ARGUMENT",
            ("This list goes no further in this order. Search, filter, or sort by a date to see more."),
        ),
        Reason.LIST_VIEW_NOT_AVAILABLE: (
            "FAILED_PRECONDITION",
            "This list view cannot be shown here. Please choose another.",
        ),
        Reason.IDEMPOTENCY_KEY_REUSED: (
            "INVALID_ARGUMENT",
            "This was sent before with other values and may have been saved. Look for it before you save again.",
        ),
        Reason.NOT_PERMITTED: ("PERMISSION_DENIED", "You do not have permission for this in Salesforce."),
        Reason.UNKNOWN_ACTION: ("INVALID_ARGUMENT", "This app has no such action."),
        Reason.ACTION_NOT_AVAILABLE: (
            "FAILED_PRECONDITION",
            "This cannot be done with the record as it is now. Someone may have changed it.",
        ),
        Reason.ACTION_MISSING: (
            "FAILED_PRECONDITION",
            "Your company's Salesforce does not have this action. Please tell your administrator.",
        ),
        Reason.ACTION_REFUSED: ("FAILED_PRECONDITION", "Salesforce did not do this."),
        Reason.ACTION_FAILED: (
            "FAILED_PRECONDITION",
            "This action does not work in Salesforce at the moment. Please tell your administrator.",
        ),
    }


class NotFound(CallError):
    """The record does not exist (any more): the app leaves its page."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.RECORD_NOT_FOUND: ("NOT_FOUND", "This record does not exist, or you may not see it.")
    }


class ChangedMeanwhile(CallError):
    """Somebody else saved first: the app shows both versions."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.RECORD_CHANGED: ("ABORTED", "Someone else changed this record in the meantime.")
    }


class MayBeDuplicate(CallError):
    """`details.records` are those that are like it, each with `sobject`, `id` and, where the user may see it, `name`;
    `details.allowSave` says whether the org lets it be saved nevertheless.
    """

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.MAY_BE_DUPLICATE: ("FAILED_PRECONDITION", "There may be such a record in Salesforce already.")
    }


class SignInFailed(CallError):
    """The sign-in did not work: the app shows why, and offers to try again."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.LOGIN_HOST_NOT_ALLOWED: ("INVALID_ARGUMENT", "This app does not sign in through that address."),
        Reason.REDIRECT_URI_NOT_ALLOWED: ("INVALID_ARGUMENT", "This app is not known under that address."),
        Reason.CODE_REJECTED: (
            "UNAUTHENTICATED",
            "The sign-in took too long or was used before. Please sign in again.",
        ),
        Reason.CODE_REJECTED_IN_PRODUCTION: (
            "UNAUTHENTICATED",
            (
                "Salesforce did not accept this sign-in. If you used a sandbox, choose Sandbox on the first page and"
                " sign in again. If not, sign in again."
            ),
        ),
        Reason.VERIFIER_REJECTED: ("UNAUTHENTICATED", "The sign-in was started somewhere else. Please sign in again."),
        Reason.SIGN_IN_BLOCKED: ("PERMISSION_DENIED", "Your Salesforce administrator does not allow this app for you."),
        Reason.SIGN_IN_DENIED: ("PERMISSION_DENIED", "You did not allow this app. Sign in again whenever you like."),
        Reason.OTHER_ORG: (
            "PERMISSION_DENIED",
            "This app is not set up for that company's Salesforce. Sign in at your own company's address.",
        ),
        Reason.NO_REFRESH_TOKEN: (
            "FAILED_PRECONDITION",
            "Salesforce did not allow this app to stay signed in. Ask your administrator to allow it.",
        ),
        Reason.SIGN_IN_EXPIRED: ("UNAUTHENTICATED", "The sign-in took too long. Please sign in again."),
        Reason.BINDING_REQUIRED: (
            "FAILED_PRECONDITION",
            (
                "Salesforce did not tie this sign-in to this app, so it was not used. Load the app again and sign in"
                " once more. If that does not help, ask your administrator to look at DPoP in this app's OAuth"
                " settings: Setup, External Client App Manager."
            ),
        ),
        Reason.TOO_MANY_SIGN_INS: (
            "RESOURCE_EXHAUSTED",
            "Too many sign-ins have failed just now. Please try again in a minute.",
        ),
    }


class SessionInvalid(CallError):
    """The Firebase session is over: the app goes to the sign-in page."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.ID_TOKEN_MISSING: ("UNAUTHENTICATED", "Please sign in."),
        Reason.ID_TOKEN_INVALID: ("UNAUTHENTICATED", "Please sign in again."),
        Reason.ID_TOKEN_EXPIRED: ("UNAUTHENTICATED", "Your session has expired. Please sign in again."),
        Reason.SIGNED_OUT: ("UNAUTHENTICATED", "This device is signed out. Please sign in again."),
    }


class ConnectionLost(CallError):
    """Salesforce does not accept this user's grant any more: the app says why, and offers to sign in again."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.NOT_CONNECTED: ("FAILED_PRECONDITION", "You are signed out. Please sign in again."),
        Reason.ACCESS_REVOKED: (
            "FAILED_PRECONDITION",
            (
                "Salesforce has ended this app's access: an administrator revoked it, or you signed in on more than"
                " five devices. Please sign in again."
            ),
        ),
        Reason.ACCESS_STOPPED: (
            "FAILED_PRECONDITION",
            "Your administrator has stopped this app's access. Ask them when you may sign in again.",
        ),
        Reason.IDLE_TOO_LONG: (
            "FAILED_PRECONDITION",
            "You have not used this app for 30 days, so Salesforce signed you out. Please sign in again.",
        ),
        Reason.USER_INACTIVE: ("FAILED_PRECONDITION", "Your Salesforce user is not active. Ask your administrator."),
        Reason.APP_BLOCKED: (
            "FAILED_PRECONDITION",
            (
                "Your company's Salesforce blocks this app. Ask your administrator to unblock it: Setup, Connected"
                " Apps OAuth Usage."
            ),
        ),
        Reason.APP_NOT_INSTALLED: (
            "FAILED_PRECONDITION",
            (
                "This app is not installed in your company's Salesforce. Ask your administrator to install it: Setup,"
                " Connected Apps OAuth Usage."
            ),
        ),
        Reason.IP_RESTRICTED: (
            "FAILED_PRECONDITION",
            (
                "Your company's Salesforce takes this app from some networks only. Ask your administrator to relax"
                " its IP restrictions."
            ),
        ),
        Reason.API_NOT_ENABLED: (
            "FAILED_PRECONDITION",
            (
                "Your Salesforce user may not be used by apps. Ask your administrator for the permission API Enabled:"
                " Setup, Permission Sets, System Permissions."
            ),
        ),
        Reason.ORG_POLICY: (
            "FAILED_PRECONDITION",
            "Your company's Salesforce does not allow this app. Ask your administrator.",
        ),
        Reason.REFRESH_LOST: (
            "FAILED_PRECONDITION",
            "The connection to Salesforce has ended. Sign in again to go on; what you saved is kept.",
        ),
        Reason.TOKENS_UNREADABLE: (
            "FAILED_PRECONDITION",
            "The saved sign-in cannot be opened any more. Please sign in again.",
        ),
        Reason.CONNECTION_OUTDATED: (
            "FAILED_PRECONDITION",
            "Your saved sign-in is from an older version of this app. Please sign in again.",
        ),
        Reason.CONNECTION_TAMPERED: (
            "FAILED_PRECONDITION",
            "Your saved sign-in was changed from outside, so it is not used. Please sign in again.",
        ),
    }


class OrgUnavailable(CallError):
    """Salesforce, or the backend's own store, is busy or out of reach: the app offers to try again."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.ORG_UNREACHABLE: ("UNAVAILABLE", "Salesforce cannot be reached right now. Please try again."),
        Reason.ORG_BUSY: ("UNAVAILABLE", "Salesforce is busy right now. Please try again."),
        Reason.ORG_LIMIT: (
            "RESOURCE_EXHAUSTED",
            "Your company has used up its Salesforce requests for now. Please try again later.",
        ),
        Reason.USER_LIMIT: (
            "RESOURCE_EXHAUSTED",
            "You have used up your Salesforce requests for today. You can go on tomorrow.",
        ),
        Reason.ORG_TIMEOUT: ("DEADLINE_EXCEEDED", "Salesforce took too long to answer. Please try again."),
        Reason.OUTCOME_UNKNOWN: (
            "UNAVAILABLE",
            "Salesforce did not confirm the change. Look at the record before you try again.",
        ),
        Reason.STORE_UNAVAILABLE: (
            "UNAVAILABLE",
            "This app's own service is not available right now. Please try again in a moment.",
        ),
        Reason.SEND_AGAIN: ("UNAVAILABLE", "The file was not saved. Please send it again."),
    }


class Misconfigured(CallError):
    """The backend is set up wrongly: the app names the administrator."""

    reasons: ClassVar[Mapping[Reason, tuple[str, str]]] = {
        Reason.MISCONFIGURED: ("INTERNAL", "The app is not set up correctly. Please tell your administrator."),
        Reason.INTERNAL: ("INTERNAL", "Something went wrong on our side. Please try again."),
    }


_FAMILIES: tuple[type[CallError], ...] = (
    RefusedRequest,
    NotFound,
    ChangedMeanwhile,
    MayBeDuplicate,
    SignInFailed,
    SessionInvalid,
    ConnectionLost,
    OrgUnavailable,
    Misconfigured,
)
_BY_REASON: dict[str, type[CallError]] = {reason: family for family in _FAMILIES for reason in family.reasons}


def from_wire(reason: object, message: str, details: Mapping[str, object]) -> CallError:
    """The error that an answer's `details.reason` names; an unknown reason (a newer backend) is Misconfigured."""
    family = _BY_REASON.get(reason) if isinstance(reason, str) else None
    if family is None:
        return Misconfigured(Reason.INTERNAL, message, details)
    return family(Reason(str(reason)), message or None, details)
