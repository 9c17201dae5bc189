"""Rows that come twice, as when a loader appended overlapping windows or two reports tell of the same session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from airflow_provider_calcom.attendance.feeds._report import REPEATED, FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow

REMEMBERED = 100_000
"""Rows that are remembered, in about 15 MB. A repeat that comes later passes, and changes no decision: presence is a
union."""


def once(rows: Iterable[AttendanceRow], report: FeedReport, remembered: int = REMEMBERED) -> Iterator[AttendanceRow]:
    """Give rows without those that are wholly equal to an earlier one.

    A row is known by all that it says and not by the vendor's id of the session: of two rows with one id that differ,
    dropping one could lose a presence. People who are not named are all kept, because two of them may be two people.

    :param rows: what a feed made.
    :param report: counts each repeat as skipped.
    :param remembered: how many of the last different rows are compared with.
    """
    seen: dict[bytes, None] = {}
    for row in rows:
        if row["kind"] == "person" and not (row["email"] or row["name"] or row["phone"] or row["participant"]):
            yield row
            continue
        digest = hashlib.blake2b(repr(tuple(row.values())).encode(), digest_size=16).digest()
        if digest in seen:
            report.skip(REPEATED)
            continue
        seen[digest] = None
        if len(seen) > remembered:
            del seen[next(iter(seen))]
        yield row
