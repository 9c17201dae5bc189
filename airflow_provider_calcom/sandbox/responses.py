"""Answers, and the error shapes of the real server."""

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
class Answer:
    """What a handler answers: `body` is anything JSON can hold, or text where `text` is set."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: bool = False


class ApiError(Exception):
    """An answer other than 2xx. With `details` None it has the standard details of its status."""

    def __init__(self, status: int, message: str, code: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.code = code or CODES[status]
        self.details = details or {"message": message, "error": REASONS.get(status), "statusCode": status}

    def answer(self, path: str, timestamp: str) -> Answer:
        """The envelope all ordinary errors come in; those of the web application's handlers have no details in it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.code != "TRPCError":
            error["details"] = self.details
        body = {"status": "error", "timestamp": timestamp, "path": path, "error": error}
        return Answer(body, self.status)


class BareError(ApiError):
    """An error that real servers answer without an envelope: crashes and bodies that are too large."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message, "bare")

    def answer(self, path: str, timestamp: str) -> Answer:
        """Only the status and the message."""
        return Answer({"statusCode": self.status, "message": self.message}, self.status)


def invalid(errors: list[dict[str, Any]]) -> ApiError:
    """The answer to input that breaks the rules; `errors` is a tree as class-validator makes it."""
    return ApiError(400, "Bad Request Exception", details={"errors": errors})
