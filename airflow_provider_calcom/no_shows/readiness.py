"""The data of attendance has arrived: files that no longer grow, and feeds that are complete up to a moment."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_calcom._storage import is_here
from airflow_provider_calcom.attendance.engine import deciding
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.tables.sources import LabelledFile
from airflow_provider_calcom.no_shows.completeness import with_fetched_ends
from airflow_provider_calcom.no_shows.input_files import files_if_any
from airflow_provider_calcom.no_shows.inputs import FeedInput, FeedReader
from airflow_provider_calcom.no_shows.plan_request import FeedEntry

CLOCKS_DIFFER = 7_200.0
"""Seconds by which the clock of a storage may differ from ours."""


@dataclass(frozen=True)
class FileState:
    """A file at one look.

    :param path: its path or URL.
    :param size: its bytes.
    :param changed_at: when it was last changed by its storage, a Unix time; None where that is not known.
    """

    path: str
    size: int
    changed_at: float | None


def look_at(name: str, path: Any) -> tuple[FileState, ...]:
    """Return the files of a path, as they are now; none where there are none yet.

    :param name: the parameter, for errors.
    :param path: a file, a folder, or a pattern with ``*``, here or in an object store.
    :raises InvalidInput: if a file can't be read.
    :raises InputNotReached: if the storage failed.
    """
    found = []
    for one in files_if_any(name, path):
        try:
            found.append(_state(one))
        except FileNotFoundError:
            continue  # moved away since it was found
    return tuple(found)


def _state(path: Any) -> FileState:
    stat = path.stat()
    changed: list[Any] = [getattr(stat, "st_mtime", None)]
    if is_here(path):
        # A copy may keep the time of its original; this one it can't.
        changed.append(stat.st_ctime)
    times = [float(one) for one in changed if isinstance(one, (int, float)) and one > 0]
    return FileState(str(path), int(stat.st_size), max(times, default=None))


class GrowingFiles:
    """Finds out by several looks at files when they no longer change.

    :param stable_for: seconds for which they must not change.
    :param trusts_times: whether the files' own times count as the looks of this process do: where a process looks only
        once. Otherwise only those of files that are older than clocks can differ, such as yesterday's.
    :param clock: monotonic clock, in seconds.
    :param wall_clock: Unix time.
    """

    def __init__(
        self,
        stable_for: float,
        *,
        trusts_times: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._stable_for = stable_for
        self._oldest = stable_for + (0.0 if trusts_times else CLOCKS_DIFFER)
        self._clock = clock
        self._wall_clock = wall_clock
        self._files: tuple[FileState, ...] = ()
        self._since = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds after which the files are stable if they do not change; None where there are none yet."""
        return self._since + self._stable_for - self._clock() if _are_written(self._files) else None

    def are_stable(self, files: tuple[FileState, ...]) -> bool:
        """Return whether files have not changed for long enough. An empty file counts as not written yet.

        :param files: what :func:`look_at` returned now.
        """
        if files != self._files:
            self._files, self._since = files, self._clock()
        if not _are_written(files):
            return False
        times = [one.changed_at for one in files]
        is_old = all(one is not None and self._wall_clock() - one >= self._oldest for one in times)
        return is_old or self._clock() - self._since >= self._stable_for


def _are_written(files: tuple[FileState, ...]) -> bool:
    return bool(files) and all(one.size for one in files)


def complete_until(feeds: Sequence[FeedEntry], policy: AttendancePolicy, *, now: datetime) -> datetime | None:
    """Return up to when feeds are complete, as a plan made now would find; None where one of them has no rows.

    :param feeds: a feed that is fetched from Cal.com is complete up to now, and is not fetched.
    :param policy: its ``attendance_until`` counts, as in a plan.
    :param now: the time of the request.
    :raises InputMissing: if a file is not there.
    :raises AttendanceError: as for a plan.
    """
    with tempfile.TemporaryDirectory(prefix="calcom-ready-") as name:
        reader = FeedReader(Path(name))
        read = [
            FeedInput(entry.feed, Path(name), (), is_fetched=True) if entry.is_fetched else reader.read(number, entry)
            for number, entry in enumerate(feeds)
        ]
        policy = with_fetched_ends(policy.at(now), read, now)
        files = [
            LabelledFile(one.path, f"feed {number} ({one.feed})")
            for number, one in enumerate(read)
            if not one.is_fetched
        ]
        with deciding([], [], files, policy) as decided:
            end = decided.figures.complete_until
    return None if end is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=end)
