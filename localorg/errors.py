"""What the org refuses, in Salesforce's own words.

ApiError    REST: an array of {message, errorCode, fields} with a status
OAuthError  token endpoint: {error, error_description} with status 400
"""

from collections.abc import Sequence


class ApiError(Exception):
    """A refused REST request: `status` is the HTTP status, `code` Salesforce's errorCode."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, object]]:
        row: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            row["fields"] = list(self.fields)
        return [row]


class OAuthError(Exception):
    """A refused OAuth request (RFC 6749 section 5.2 with Salesforce's codes and texts)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    return ApiError(404, "NOT_FOUND", message)


def no_access() -> ApiError:
    return ApiError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id")


def no_such_column(column: str, sobject: str) -> ApiError:
    return ApiError(400, "INVALID_FIELD", f"No such column '{column}' on sobject of type {sobject}")
