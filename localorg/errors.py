"""The errors that the org answers with, in Salesforce's words.

ApiError    REST: an array of {message, errorCode, fields} with a status
OAuthError  token endpoint: {error, error_description} with status 400
"""

from collections.abc import Mapping, Sequence


class ApiError(Exception):
    """A refused REST request. `status` is the HTTP status, `code` Salesforce's errorCode.

    `fields` are the names of the fields that the error is about; None leaves them out of the answer. `headers` go with
    the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.headers = dict(headers or {})

    def body(self) -> list[dict[str, object]]:
        """The answer's JSON body."""
        row: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            row["fields"] = list(self.fields)
        return [row]


class OAuthError(Exception):
    """A refused OAuth request (RFC 6749 section 5.2, with Salesforce's codes and texts)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    """The error 404 NOT_FOUND, to be raised."""
    return ApiError(404, "NOT_FOUND", message)


def no_access() -> ApiError:
    """The error 403 INSUFFICIENT_ACCESS, to be raised."""
    return ApiError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id")


def no_such_column(column: str, sobject: str) -> ApiError:
    """The error 400 INVALID_FIELD for a field that the object does not have, to be raised."""
    return ApiError(400, "INVALID_FIELD", f"No such column '{column}' on sobject of type {sobject}")


def converted_lead() -> ApiError:
    """The error 400 CANNOT_UPDATE_CONVERTED_LEAD for a lead that was converted, to be raised.

    Source of the words: Gravity-Forms-Salesforce#342.
    """
    return ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
