"""Errors between a feed and a plan: one class for each thing that a user can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom.errors import ProviderError


class AttendanceError(ProviderError):
    """Any error of this part of the package. Its parameter ``text`` is what happened, and the fix."""


class InvalidPolicy(AttendanceError):
    """A field of the attendance policy can't be used. Fix the policy; the message names the field."""


class InvalidInput(AttendanceError):
    """A table of bookings, people or attendance can't be used. Fix the data; the message names file, row and column."""


class MissingExtra(AttendanceError):
    """A library of the extra ``attendance`` is not installed. Install ``airflow-provider-calcom[attendance]``."""


class UnsupportedConnection(AttendanceError):
    """A connection's database can't run the rules. Use another connection, or leave it out and run them embedded."""


class InvalidResources(AttendanceError):
    """The memory, threads or folder that the rules may use are invalid. Fix the one that the message names."""


class OutOfMemory(AttendanceError):
    """The rules ran out of memory and spill space. Raise the memory limit or free some disk."""


class PlanRefused(AttendanceError):
    """A guard rail failed, so the plan is rejected. Check whether the feed is complete: fix it, or raise the limit."""


class FeedError(AttendanceError, ValueError):
    """Base of the errors of feeds; raised only as one of its subclasses."""


class InvalidFeedOption(FeedError):
    """An option of a feed, or the name of the feed, can't be used. Fix: the option that the message names."""


if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)
