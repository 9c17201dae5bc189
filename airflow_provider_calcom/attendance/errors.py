"""What can go wrong between a feed and a plan: one class for each thing that a user can do about it."""

from __future__ import annotations

from airflow_provider_calcom._redact import hide
from airflow_provider_calcom.errors import ProviderError


class AttendanceError(ProviderError):
    """Any error of this part of the package.

    :param text: what happened and the fix. An address or a key in it is not shown, whoever wrote it.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(hide(text))


class InvalidPolicy(AttendanceError):
    """A field of the attendance policy can't be used. Mend the policy; the text names the field."""


class InvalidInput(AttendanceError):
    """A table of bookings, people or attendance can't be used. Mend the data; the text names file, row and column."""


class MissingExtra(AttendanceError):
    """A library of the extra ``attendance`` is not installed. Install ``airflow-provider-calcom[attendance]``."""


class UnsupportedConnection(AttendanceError):
    """A connection's database can't run the rules. Use another connection, or leave it out and run them embedded."""


class InvalidResources(AttendanceError):
    """What the rules may use on this worker can't be used: memory, threads or folder. Fix it; the text names it."""


class OutOfRoom(AttendanceError):
    """The rules did not fit into the memory and disk that they were given. Raise the memory limit or free some disk."""


class PlanRefused(AttendanceError):
    """A guard rail tripped. Look at the report: is the feed whole? Then mend the feed, or move the rail's limit."""
