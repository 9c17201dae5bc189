"""Counters of calls, updated as calls come in, so that a benchmark can poll them at a constant cost."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

KINDS = ("list", "get", "mark", "other")
_MARK = re.compile(r"/(?:api/)?v2/bookings/([^/]+)/mark-absent/?", re.IGNORECASE)
_GET = re.compile(r"/(?:api/)?v2/bookings/[^/]+/?", re.IGNORECASE)
_LIST = re.compile(r"/(?:api/)?v2/bookings/?", re.IGNORECASE)


@dataclass
class Counts:
    """Calls of the API by kind, and the bookings that mark-absent calls wrote."""

    calls: Counter[str] = field(default_factory=Counter)
    too_many: int = 0
    marks_by_booking: Counter[str] = field(default_factory=Counter)
    marks_that_wrote: int = 0
    most_marks: int = 0

    def count_call(self, method: str, path: str) -> None:
        """Count a call as it comes in, whatever its response."""
        if method == "POST" and _MARK.fullmatch(path):
            kind = "mark"
        elif method == "GET" and _LIST.fullmatch(path):
            kind = "list"
        elif method == "GET" and _GET.fullmatch(path):
            kind = "get"
        else:
            kind = "other"
        self.calls[kind] += 1

    def count_write(self, path: str) -> None:
        """Count a mark-absent call that wrote a flag, unchanged values included."""
        mark = _MARK.fullmatch(path)
        if mark:
            uid = unquote(mark[1])
            self.marks_by_booking[uid] += 1
            self.marks_that_wrote += 1
            self.most_marks = max(self.most_marks, self.marks_by_booking[uid])

    def count_response(self, status: int | None) -> None:
        """Count a response by the status that the client gets; None where it gets none."""
        self.too_many += status == 429

    def describe(self) -> dict[str, Any]:
        """Return the content of `GET /_sandbox/counts`, without the deliveries."""
        return {
            "calls": {kind: self.calls[kind] for kind in KINDS},
            "too_many": self.too_many,
            "marks_that_wrote": self.marks_that_wrote,
            "bookings_marked": len(self.marks_by_booking),
            "most_marks_of_one_booking": self.most_marks,
        }
