"""Answers of Cal.com about the sessions of bookings, kept in a folder: one file for each booking.

One file each, and not segments of many answers: an answer is on the disk before the next call, a run that is killed
loses the one call under way, tasks that share the folder replace files whole, and a run opens only the files of the
bookings that it needs. The files have the names that people typed, so they are for their owner alone. Any of them may
be deleted at any time: it is fetched again if it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_calcom._storage import as_json, atomic_write, folder_path, is_here, make_folder, storage_errors
from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp
from airflow_provider_calcom.api.sessions import Sessions
from airflow_provider_calcom.attendance.errors import AttendanceError

_UNFINISHED = "cal-video-sessions"
"""Folder in that of a plan, with fetched sessions until the plan is written, where the feed names no other."""

_FORMAT = 1
_EMPTY_IS_FINAL_AFTER = timedelta(days=1)
"""How long after a booking's end an empty list counts for good. Cal.com responds with one, too, while the provider of
the rooms fails, and the sessions may be there the next day."""


class SessionsNotKept(AttendanceError):
    """Fetched sessions can't be written or read now: the disk is full, or the storage failed. The task tries again."""

    retryable = True


class SessionsFolderUnusable(SessionsNotKept):
    """The folder for fetched sessions can't be used, and a retry would fail too. Fix its rights, or name another."""

    retryable = False


@dataclass(frozen=True)
class Answer:
    """What Cal.com responded about one booking.

    :param booking_uid: the booking.
    :param fetched_at: when it was requested, by the server's clock.
    :param sessions: the sessions; empty if nobody was seen in the room, None if there was never one.
    :param server: base URL of the server: a copy of it, for tests, may have the same uids and no sessions.
    """

    booking_uid: str
    fetched_at: datetime
    sessions: Sessions = field(repr=False)
    server: str

    def is_final(self, end: datetime, settle: timedelta, now: datetime) -> bool:
        """Return whether another call is not expected to show anything else.

        :param end: the booking's end.
        :param settle: how long after it a booking is judged.
        :param now: the server's clock.
        """
        if self.fetched_at < end + settle:
            return False
        if self.sessions is None:
            return True
        if not self.sessions:
            return self.fetched_at >= end + _EMPTY_IS_FINAL_AFTER or now < end + _EMPTY_IS_FINAL_AFTER
        return not any(session.get("ongoing") for session in self.sessions)


class KeptAnswers:
    """The folder of answers.

    :param folder: local or in an object store. It need not exist.
    """

    def __init__(self, folder: Any) -> None:
        self._folder = folder
        self._is_made = False

    def read(self, booking_uid: str) -> Answer | None:
        """Return the answer about a booking, or None where there is none, or its file is damaged.

        :param booking_uid: a checked uid, which can be the name of a file.
        :raises SessionsNotKept: if the file can't be read.
        """
        with self._errors("read"), suppress(FileNotFoundError):
            return _answer(self._path(booking_uid).read_bytes(), booking_uid)
        return None

    def write(self, answer: Answer) -> None:
        """Write an answer, and replace an older one about the same booking.

        :raises SessionsNotKept: if it can't be written.
        """
        content = {
            "format": _FORMAT,
            "server": answer.server,
            "booking_uid": answer.booking_uid,
            "fetched_at": format_timestamp(answer.fetched_at),
            "sessions": answer.sessions,
        }
        with self._errors("written"):
            if not self._is_made:
                make_folder(self._folder)
                self._is_made = True
            with atomic_write(self._path(answer.booking_uid)) as part:
                # An unpaired surrogate, as in a name that was cut, becomes a question mark: UTF-8 can't encode it.
                part.write_bytes(as_json(content).encode(errors="replace") + b"\n")

    def remove(self) -> None:
        """Remove all answers and the folder. What can't be removed stays."""
        with suppress(Exception):  # libraries of object stores have their own errors
            for path in list(self._folder.iterdir()):
                path.unlink()
            if is_here(self._folder):
                self._folder.rmdir()

    def _path(self, booking_uid: str) -> Any:
        return self._folder / f"{booking_uid}.json"

    def _errors(self, action: Any) -> AbstractContextManager[None]:
        return storage_errors(
            "sessions_path",
            self._folder,
            lasting=SessionsFolderUnusable,
            passing=SessionsNotKept,
            action=action,
            fix="Let the worker's user read and write there, or name another folder",
            unchanged=(FileNotFoundError,),
        )


def unfinished_sessions(plan: Any) -> KeptAnswers:
    """Return the answers that a plan's folder has while the plan is not written.

    :param plan: folder of the plan.
    """
    return KeptAnswers(folder_path(plan) / _UNFINISHED)


def _answer(content: bytes, booking_uid: str) -> Answer | None:
    """Parse the file of an answer. Of anything else None is returned: then the sessions are fetched again."""
    try:
        found = json.loads(content)
        known = isinstance(found, Mapping) and found["format"] == _FORMAT and found["booking_uid"] == booking_uid
        if not known or not _are_sessions(found["sessions"]):
            return None
        return Answer(booking_uid, parse_timestamp(found["fetched_at"]), found["sessions"], found["server"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _are_sessions(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, Mapping) for one in value))
