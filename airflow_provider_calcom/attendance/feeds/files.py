"""Files of records, read as streams: JSON lines, JSON, CSV, Parquet, each also packed with gzip."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.tables import Placed, TableLine


def is_path(source: object) -> bool:
    """Say whether a source is the path of a file."""
    return isinstance(source, (str, os.PathLike)) or callable(getattr(source, "open", None))


def name_of(path: Any) -> str:
    """Give a file's name without its folders, for messages."""
    return str(path).replace("\\", "/").rstrip("/").rpartition("/")[2]


def records_in_file(
    path: Any, options: FeedOptions, report: FeedReport, of_table: Callable[[Iterable[TableLine]], Iterator[Placed]]
) -> Iterator[Placed]:
    raise NotImplementedError
