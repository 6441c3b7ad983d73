"""What a flow can know after a request to Salesforce, or to the store, failed. Flows decide by these classes, never by
their reasons, which are for the app.

OrgUnavailable
├── NotSent          no connection came about: nothing has arrived, sending again is safe
│   └── NotSigned      the backend could not sign what proves who it is: nothing was sent
├── SendAgain        Salesforce has refused the token; what was sent cannot be sent again from here
├── OutcomeUnknown   it may have arrived, and nothing says whether it was carried out
├── Busy             Salesforce answered that it does not do it now
├── LimitReached     Salesforce answered that the org's, or the user's, allowance is used up
│   └── BudgetReached  what the settings leave a user, or this app, of it is used up: nothing was sent
└── StoreUnavailable Firestore did not answer, or refused to: Salesforce has nothing to do with it
ConnectionLost
├── GrantRefused     Salesforce answered that it does not know the refresh token (any more)
└── Tampered         what is stored was changed from outside, or nobody has sealed it: nothing was sent
SignInFailed
└── CodeRefused      Salesforce answered that it does not know the authorization code (any more)
RefusedRequest
├── ShapeRefused     Salesforce does not know a field or an object (any more), or not for this user
└── ActionGone       the org does not have an action (any more), or not for this user

This is the only place that gives what the transport knows a reason of the contract.
"""

from contract.errors import ConnectionLost, OrgUnavailable, Reason, RefusedRequest, SignInFailed


class NotSent(OrgUnavailable):
    """Nothing has reached Salesforce. `timed_out`: the call's time was over before it could be sent."""

    def __init__(self, *, timed_out: bool = False) -> None:
        super().__init__(Reason.ORG_TIMEOUT if timed_out else Reason.ORG_UNREACHABLE)


class NotSigned(NotSent):
    """Nothing was sent, because the key with which the backend proves to Salesforce who it is could not be used now. To
    the app it is the backend's store that does not answer.
    """

    def __init__(self) -> None:
        OrgUnavailable.__init__(self, Reason.STORE_UNAVAILABLE)


class SendAgain(OrgUnavailable):
    """Salesforce did nothing, for want of another token or proof, which is there now; the bytes of the file went by and
    are not here any more."""

    def __init__(self) -> None:
        super().__init__(Reason.SEND_AGAIN)


class OutcomeUnknown(OrgUnavailable):
    """The request may have reached Salesforce, and no answer came.

    `writes`: it was to change something. `timed_out`: Salesforce was slow; otherwise the connection broke off.
    """

    def __init__(self, *, writes: bool, timed_out: bool = False) -> None:
        super().__init__(
            Reason.OUTCOME_UNKNOWN if writes else Reason.ORG_TIMEOUT if timed_out else Reason.ORG_UNREACHABLE
        )


class Busy(OrgUnavailable):
    """Salesforce answered, and did not do it now."""

    def __init__(self) -> None:
        super().__init__(Reason.ORG_BUSY)


class LimitReached(OrgUnavailable):
    """Salesforce answered that the allowance is used up, the org's or the user's."""

    def __init__(self) -> None:
        super().__init__(Reason.ORG_LIMIT)


class BudgetReached(LimitReached):
    """The backend sent nothing, because the budget of the settings is used up: the user's (`of_user`) or this app's
    share of the org's. It may go on after `seconds`.
    """

    def __init__(self, seconds: int, *, of_user: bool) -> None:
        OrgUnavailable.__init__(
            self, Reason.USER_LIMIT if of_user else Reason.ORG_LIMIT, details={"retryAfter": seconds}
        )


class StoreUnavailable(OrgUnavailable):
    """The backend's own store did not answer in time, or refused to."""

    def __init__(self) -> None:
        super().__init__(Reason.STORE_UNAVAILABLE)


class GrantRefused(ConnectionLost):
    """Salesforce does not take the refresh token, and does not say why."""

    def __init__(self) -> None:
        super().__init__(Reason.ACCESS_REVOKED)


class Tampered(ConnectionLost):
    """What is stored of a connection is not what this backend has sealed for it."""

    def __init__(self) -> None:
        super().__init__(Reason.CONNECTION_TAMPERED)


class CodeRefused(SignInFailed):
    """Salesforce does not know the authorization code (any more)."""

    def __init__(self) -> None:
        super().__init__(Reason.CODE_REJECTED)


class ShapeRefused(RefusedRequest):
    """Salesforce does not know a field or an object of the request: the describe is out of date, or the caller made the
    name up.
    """


class ActionGone(RefusedRequest):
    """The org does not have an action that the layout declares, or not for this user: its button is out of date."""


def forget_frames(failure: BaseException) -> None:
    """Takes from a failure that nobody raises again, and from those before it, through which calls it came: a task that
    keeps its failure would keep with those frames all that they held, a whole request among it, until the garbage
    collector comes.
    """
    known, left = set[int](), [failure]
    while left:
        one = left.pop()
        if id(one) not in known:
            known.add(id(one))
            one.__traceback__ = None
            left += [before for before in (one.__context__, one.__cause__) if before is not None]
