"""Pages of an API: the records in them, and whether all pages are there.

A page that says that more follow, and whose rest does not come, is a feed that was cut: anybody on the missing page
would look absent. So all pages of a source are read together, be they in a list, in lines of a file, or in several
files, and the source is refused if one is missing. Where pages say how many records there are in all, it is those that
must be there; otherwise the last page must be one that no page follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from airflow_provider_calcom.attendance.feeds._columns import folded_name, parsed
from airflow_provider_calcom.attendance.feeds._files.wrappers import wrapped
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shape_of

_DEEPEST = 10
_LINK = re.compile(r"\brel\s*=\s*\"?'?next\b", re.IGNORECASE)
_CONTEXT = "@odata.context"

NEXT_PAGE: Mapping[str, str] = {
    "next_page_token": "next_page_token (the value of this field)",
    "nextPageToken": "pageToken (the value of this field)",
    "@odata.nextLink": "$skiptoken (this field is the whole URL of the next page)",
    "next_cursor": "cursor (the value of this field)",
    "next_page": "page (this field names the next)",
    "next": "the next page's address or cursor, which this field is",
    "Link": "the URL that is marked rel=next in it",
    "has_more": "the parameter that requests the next page",
    "has_next_page": "the parameter that requests the next page",
}
"""{field of a page: the parameter that fetches the next one}, of the vendors' APIs and of the usual wrappers."""

TOTALS: Mapping[str, str] = {
    "total_records": "next_page_token",
    "totalSize": "pageToken",
    "@odata.count": "$skiptoken",
}
"""{field of a page with the number of records of all pages: the parameter that fetches the rest}."""

_NESTED = ("paging", "pagination", "links", "_links", "pageInfo", "headers")


class Shape:
    """What pages of a feed look like; the parameters are members of :class:`Feed <._registry.Feed>`."""

    def __init__(
        self,
        keys: tuple[str, ...],
        fields: Mapping[str, str] | tuple[str, ...],
        own_links: tuple[str, ...],
        next_page: Mapping[str, str],
        totals: Mapping[str, str],
    ) -> None:
        self.keys = keys
        self.fields = dict(fields) if isinstance(fields, Mapping) else {name: name for name in fields}
        self.own_links = own_links
        self.next_page = _by_name({**NEXT_PAGE, **next_page})
        self.totals = _by_name({**TOTALS, **totals})


def _by_name(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters by the very names of the fields, and by their folded ones, for other spellings."""
    return {**{folded_name(field): parameter for field, parameter in parameters.items()}, **parameters}


@dataclass
class _Response:
    """All pages of one request, as far as they came.

    :param records: how many there are.
    :param total: how many the pages say that there are in all, or 0 where they don't.
    :param of_rest: the field and the parameter of the total.
    :param ends: how many pages had no next one.
    :param next: the field and the parameter of the last page's next one, or None where it has none.
    :param file: the last page's file.
    :param row: the last page's row.
    """

    records: int = field(default=0, repr=False)
    total: int = 0
    of_rest: tuple[str, str] | None = None
    ends: int = 0
    next: tuple[str, str] | None = None
    file: str | None = None
    row: int | None = None

    def missing(self) -> str | None:
        """Return what is missing, and what fetches it; or None."""
        if self.of_rest and self.records < self.total * max(1, self.ends):
            field, parameter = self.of_rest
            wanted = self.total * max(1, self.ends)
            counts = f"{field} says that there are {wanted} records, and {self.records} came"
            return f"{counts}. Fetch the rest with {parameter}"
        if self.next and not (self.of_rest and self.ends):
            field, parameter = self.next
            return f"{field} says that another page follows, which did not come. Fetch it with {parameter}"
        return None


class Pages:
    """Splits documents into records, and checks that no page is missing.

    :param shape: of the feed's pages.
    :param report: is aborted where a page is missing.
    """

    def __init__(self, shape: Shape, report: FeedReport) -> None:
        self._shape = shape
        self._report = report
        self._responses: dict[str, _Response] = {}
        self._row: int | None = None

    def records(self, document: Any, row: int | None = None) -> Iterator[Mapping[str, Any] | UnreadableField]:
        """Return the records of a document: of a list, of a page of an API, or the one that it is.

        :param document: as it came.
        :param row: the row that it is in, for errors.
        """
        self._row = row
        return self._records(document, {}, 0)

    def check(self) -> None:
        """Check, at the end, that no page is missing.

        :raises FeedUnreadable: naming the first page whose next one did not come.
        """
        for response in self._responses.values():
            missing = response.missing()
            if missing:
                self._report.file = response.file
                self._report.row = 0
                self._report.abort(
                    f"the page is not the last one: {missing}, and give all pages together, in one list or as several"
                    " files",
                    response.row,
                )

    def _records(
        self, document: Any, around: Mapping[Any, Any], depth: int
    ) -> Iterator[Mapping[str, Any] | UnreadableField]:
        if isinstance(document, (list, tuple)) and depth < _DEEPEST:
            if around:
                self._note_page(around, {}, len(document))
            for one in document:
                yield from self._records(one, {}, depth + 1)
        elif not isinstance(document, Mapping) or depth >= _DEEPEST:
            yield UnreadableField(None, "the record is not an object", shape_of(document))
        elif (inner := wrapped(document)) and not (inner[0] in self._shape.keys and _is_list(inner[1])):
            if isinstance(inner[1], UnreadableField):
                yield inner[1]
            else:
                yield from self._records(inner[1], {**document, inner[0]: None}, depth + 1)
        else:
            yield from self._of_object(document, around, depth)

    def _of_object(
        self, document: Mapping[Any, Any], around: Mapping[Any, Any], depth: int
    ) -> Iterator[Mapping[str, Any] | UnreadableField]:
        key = next((key for key in self._shape.keys if _is_list(document.get(key))), None)
        if key is None:
            self._note_expanded(document)
            yield document
            return
        listed = parsed(document[key])
        self._note_page(document, around, len(listed))
        inherited = {column: document[name] for name, column in self._shape.fields.items() if name in document}
        # A list among a page's records is not a record: an empty one would be a record that is lost without a fault.
        listed = [None if isinstance(one, (list, tuple)) else one for one in listed]
        for record in self._records(listed, {}, depth + 1):
            if isinstance(record, UnreadableField):
                yield record
            else:
                yield {**record, **{name: of for name, of in inherited.items() if record.get(name) is None}}

    def _note_page(self, page: Mapping[Any, Any], around: Mapping[Any, Any], count: int) -> None:
        """Note what a page says of others. A page without a next one is kept only where it ends what was begun."""
        following = self._next_of(page) or self._next_of(around)
        total = self._total_of(page)
        request = json.dumps(
            [page.get(name) for name in (*self._shape.fields, _CONTEXT)] + [total and total[0]], default=str
        )
        if not following and not total and request not in self._responses:
            return
        response = self._responses.setdefault(request, _Response())
        response.records += count
        response.ends += following is None
        response.next, response.file, response.row = following, self._report.file, self._row
        if total:
            response.total, response.of_rest = total[0], total[1:]

    def _note_expanded(self, record: Mapping[Any, Any]) -> None:
        """Note a list within a record of OData that goes on elsewhere: ``attendanceRecords@odata.nextLink``."""
        for name in _next_links(tuple(record)):
            if record[name] and name not in self._shape.own_links:
                response = self._responses.setdefault(f"expanded {len(self._responses)}", _Response())
                response.next = (str(name), "$skiptoken (it is the whole URL), put its records into the same list")
                response.file, response.row = self._report.file, self._row

    def _next_of(self, page: Mapping[Any, Any], depth: int = 0) -> tuple[str, str] | None:
        for name, value in page.items():
            parameter = self._shape.next_page.get(name) or self._shape.next_page.get(folded_name(str(name)))
            if parameter and _is_filled(value) and (folded_name(str(name)) != "link" or _LINK.search(str(value))):
                return str(name), parameter
        for name in _NESTED if depth == 0 else ():
            inner = parsed(page.get(name))
            found = self._next_of(inner, 1) if isinstance(inner, Mapping) else None
            if found:
                return f"{name}.{found[0]}", found[1]
        number, count = page.get("page_number"), page.get("page_count")
        if str(number).isdecimal() and str(count).isdecimal() and int(str(number)) < int(str(count)):
            return "page_count", "page_number"
        return None

    def _total_of(self, page: Mapping[Any, Any]) -> tuple[int, str, str] | None:
        for name, value in page.items():
            parameter = self._shape.totals.get(name) or self._shape.totals.get(folded_name(str(name)))
            if parameter and str(value).isdecimal() and int(value) > 0:
                return int(value), str(name), parameter
        return None


@lru_cache(maxsize=1024)
def _next_links(columns: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(column for column in columns if str(column).endswith("@odata.nextLink"))


def _is_list(value: Any) -> bool:
    return isinstance(parsed(value), (list, tuple))


def _is_filled(value: Any) -> bool:
    return value not in (None, "", False, 0) and value == value and str(value).lower() not in ("false", "null", "none")
