"""Errors that feeds raise within the package, in words that are safe to log: never a name, and never an address.

A feed's values are people's data, and columns shift: a time column can hold a name. So a value is shown as its shape
unless it plainly is a date, and a string of the vendor's is never repeated. The functions for it are here for feeds,
and are those of :mod:`airflow_provider_calcom._redact`.
"""

from __future__ import annotations

from airflow_provider_calcom._redact import hide, shape_of, shown_columns, shown_time

__all__ = [
    "SkippedRecord",
    "UnreadableField",
    "UnreadableFile",
    "shape_of",
    "shown_columns",
    "shown_time",
]


class UnreadableFile(Exception):
    """A file is not one that the feed reads, or is not whole. For feeds: raise it in ``records_of_table``.

    :param explanation: what is wrong and how to fix it. No value of the file.
    """

    def __init__(self, explanation: str) -> None:
        self.explanation = hide(explanation)
        super().__init__(self.explanation)


class UnreadableField(Exception):
    """One record can't be read. For feeds: raise it while a record is read; it is counted, not passed on.

    :param column: the column at fault, or None where it is the record itself.
    :param reason: what is wrong with it, in words that are the same for every record with this fault: they are
        counted by it. No value, and no string of the record.
    :param value: the value made safe by :func:`shown_time` or :func:`shape_of`, or None.
    """

    def __init__(self, column: str | None, reason: str, value: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
        self.value = value


class SkippedRecord(Exception):
    """One record is left out on purpose. For feeds: raise it while a record is read; it is counted by reason.

    :param reason: why, in words that are the same for every such record.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
