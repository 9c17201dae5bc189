"""Attendance feeds: what vendors say of who came, as canonical attendance rows.

>>> reading = read_feed("zoom", {"participants": [...]}, conference_key="845 1234 5678")
>>> rows = list(reading)
>>> reading.report.as_dict()
"""

from __future__ import annotations

from airflow_provider_calcom.attendance.errors import FeedError, InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._feed import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds._reader import FeedReading, read_feed
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._registry import Feed, feed_named, feed_names, register_feed
from airflow_provider_calcom.attendance.feeds._report import FeedReport, FeedUnreadable, Unreadable
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, UnreadableFile
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

__all__ = [
    "OF_EVERY_FEED",
    "AttendanceRow",
    "Feed",
    "FeedError",
    "FeedOptions",
    "FeedReading",
    "FeedReport",
    "FeedUnreadable",
    "InvalidFeedOption",
    "Record",
    "RecordFeed",
    "SkippedRecord",
    "Unreadable",
    "UnreadableField",
    "UnreadableFile",
    "feed_named",
    "feed_names",
    "read_feed",
    "register_feed",
]
