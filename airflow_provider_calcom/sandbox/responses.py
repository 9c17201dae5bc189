"""Responses of the API, and the shapes of the real server's errors."""

from dataclasses import dataclass, field
from typing import Any

REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
CODES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
}


@dataclass
class ApiResponse:
    """The response of a handler: `body` is any JSON value, or a string to send as it is where `text` is set."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: bool = False


class ApiError(Exception):
    """A response other than 2xx; without `details` it has the standard details of its status."""

    def __init__(self, status: int, message: str, code: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.code = code or CODES[status]
        self.details = details or {"message": message, "error": REASONS.get(status), "statusCode": status}

    def response(self, path: str, timestamp: str) -> ApiResponse:
        """Return the envelope of ordinary errors; errors of the web application's handlers have no details in it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.code != "TRPCError":
            error["details"] = self.details
        body = {"status": "error", "timestamp": timestamp, "path": path, "error": error}
        return ApiResponse(body, self.status)


class BareError(ApiError):
    """An error that the real server sends without an envelope: crashes and bodies that are too large."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message, "bare")

    def response(self, path: str, timestamp: str) -> ApiResponse:
        """Return only the status and the message."""
        return ApiResponse({"statusCode": self.status, "message": self.message}, self.status)


def invalid(errors: list[dict[str, Any]]) -> ApiError:
    """Return the error for invalid input.

    :param errors: a tree as class-validator builds it.
    """
    return ApiError(400, "Bad Request Exception", details={"errors": errors})
