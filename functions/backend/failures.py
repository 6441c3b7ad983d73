"""What a flow can know after a request to Salesforce failed. Flows decide by these classes; their reasons are for
people.

OrgUnavailable
├── NotSent          no connection came about: nothing has arrived, sending again is safe
├── OutcomeUnknown   it may have arrived, and nothing says whether it was carried out
├── Busy             Salesforce answered that it does not do it now
└── LimitReached     Salesforce answered that the org's, or the user's, allowance is used up
│   └── BudgetReached  what the settings leave a user, or this app, of it is used up: nothing was sent
ConnectionLost
└── GrantRefused     Salesforce answered that it does not know the refresh token (any more)
SignInFailed
└── CodeRefused      Salesforce answered that it does not know the authorization code (any more)
RefusedRequest
└── ShapeRefused     Salesforce does not know a field or an object (any more), or not for this user

This is the only place that gives what the transport knows a reason of the contract.
"""

from contract.errors import ConnectionLost, OrgUnavailable, Reason, RefusedRequest, SignInFailed


class NotSent(OrgUnavailable):
    """`timed_out`: the call's time was over before it could be sent."""

    def __init__(self, *, timed_out: bool = False) -> None:
        super().__init__(Reason.ORG_TIMEOUT if timed_out else Reason.ORG_UNREACHABLE)


class OutcomeUnknown(OrgUnavailable):
    """`writes`: the request was to change something.

    Without an answer, `timed_out` tells a slow org from a cut connection.
    """

    def __init__(self, *, writes: bool, timed_out: bool = False) -> None:
        super().__init__(
            Reason.OUTCOME_UNKNOWN if writes else Reason.ORG_TIMEOUT if timed_out else Reason.ORG_UNREACHABLE
        )


class Busy(OrgUnavailable):
    def __init__(self) -> None:
        super().__init__(Reason.ORG_BUSY)


class LimitReached(OrgUnavailable):
    def __init__(self) -> None:
        super().__init__(Reason.ORG_LIMIT)


class BudgetReached(LimitReached):
    """`seconds`: after this time it may go on."""

    def __init__(self, seconds: int, *, of_user: bool) -> None:
        OrgUnavailable.__init__(
            self, Reason.USER_LIMIT if of_user else Reason.ORG_LIMIT, details={"retryAfter": seconds}
        )


class GrantRefused(ConnectionLost):
    def __init__(self) -> None:
        super().__init__(Reason.ACCESS_REVOKED)


class CodeRefused(SignInFailed):
    def __init__(self) -> None:
        super().__init__(Reason.CODE_REJECTED)


class ShapeRefused(RefusedRequest):
    """Salesforce does not know a field or an object that was asked for: the describe is out of date, or the caller made
    it up.
    """
