"""Fetching the sessions of bookings, one call each, and what is done where Cal.com does not respond with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import plain
from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.api.arguments import checked_uid
from airflow_provider_calcom.api.errors import (
    AccessRefused,
    CalComError,
    InvalidValue,
    NotConnected,
    PermissionDenied,
    RateLimited,
    TransportError,
)
from airflow_provider_calcom.api.sessions import Sessions, SessionsPace, read_sessions
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_records
from airflow_provider_calcom.no_shows.cal_video.kept import Answer, KeptAnswers
from airflow_provider_calcom.no_shows.plan_request import FeedEntry, Unfetched

if TYPE_CHECKING:
    from airflow_provider_calcom.api.client import CalComClient
    from airflow_provider_calcom.attendance.policy import AttendancePolicy

log = logging.getLogger(__name__)

_MOST_FAULTS = 3
"""After this number of failures in a row the server is taken to be down, and no further booking is tried."""

_SHOWN = 20
"""How many uids a line of the log has at most."""


@dataclass
class SessionFetcher:
    """Fetches the sessions of bookings, or takes them from the answers that are kept.

    :param fetch: returns the sessions of a booking uid from Cal.com, paced.
    :param now: the server's clock.
    :param kept: where answers are kept.
    :param server: base URL of Cal.com; answers of another server do not count.
    :param settle: how long after its end a booking is judged.
    :param unfetched: ``fail`` raises, once all others were fetched, if sessions can't be fetched at the moment;
        ``undetermined`` goes on without them. Without those that Cal.com refuses for good, both go on.
    :ivar missing: the bookings whose sessions could not be fetched: of these nobody may be called absent.
    :ivar calls: for how many bookings Cal.com was called, and of how many it returned sessions: ``fetched``.
    :ivar reused: how many answers were kept from before.
    """

    fetch: Callable[[str], Sessions]
    now: Callable[[], datetime]
    kept: KeptAnswers
    server: str
    settle: timedelta
    unfetched: Unfetched = "fail"
    missing: list[Mapping[str, Any]] = field(default_factory=list)
    calls: int = 0
    fetched: int = 0
    reused: int = 0
    _first_refusal: CalComError | None = None
    _first_fault: CalComError | None = None
    _faults_in_a_row: int = 0

    def records(self, bookings: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the records of the feed ``cal_video``, each as it was fetched.

        :param bookings: with ``uid``, ``end``, ``location``, ``meetingUrl`` and ``hosts`` as Cal.com sends them.
        :raises CalComError: if the connection can't be used, if Cal.com refuses the sessions of all bookings, or by
            ``unfetched``. What was fetched before is kept.
        """
        try:
            for booking in bookings:
                answer = self._answer(booking)
                if answer is None:
                    self.missing.append(booking)
                else:
                    yield from cal_video_records([booking], lambda _, found=answer.sessions: found)  # type: ignore[misc]
        finally:
            self._log()
        failed = self._first_fault if self.unfetched == "fail" else None
        if not self.fetched and not self.reused:
            failed = failed or self._first_refusal  # most likely the key is not an admin's
        if failed is not None:
            raise failed

    def _answer(self, booking: Mapping[str, Any]) -> Answer | None:
        """Return the answer about a booking, or None where Cal.com has none."""
        uid = checked_uid(booking["uid"])
        now = self.now()
        answer = self.kept.read(uid)
        if answer is not None and self._counts(answer, booking, now):
            self.reused += 1
            return answer
        self.calls += 1
        try:
            answer = Answer(uid, now, self.fetch(uid), self.server)
        except CalComError as error:
            self._note(error)
            return None
        self._faults_in_a_row = 0
        self.fetched += 1
        self.kept.write(answer)
        return answer

    def _counts(self, answer: Answer, booking: Mapping[str, Any], now: datetime) -> bool:
        try:
            end = parse_timestamp(booking["end"])
        except ValueError:
            return False  # without an offset, which only the policy's zone gives it
        return answer.server == self.server and answer.is_final(end, self.settle, now)

    def _note(self, error: CalComError) -> None:
        """Note why a booking has no answer.

        :raises CalComError: if no other booking would have one either.
        """
        is_of_connection = isinstance(error, AccessRefused) and not isinstance(error, PermissionDenied)
        if is_of_connection or isinstance(error, (InvalidValue, NotConnected, RateLimited)):
            raise error
        if not isinstance(error, TransportError):
            self._first_refusal = self._first_refusal or error
            return
        self._first_fault = self._first_fault or error
        self._faults_in_a_row += 1
        if self._faults_in_a_row >= _MOST_FAULTS:
            raise error

    def _log(self) -> None:
        log.info(
            "Cal Video: called Cal.com for the sessions of %d bookings, fetched those of %d, and had those of %d",
            self.calls,
            self.fetched,
            self.reused,
        )
        if self.missing:
            log.warning(
                "Cal Video: the sessions of %d bookings could not be fetched. Nobody of them is called absent, and the"
                " next run requests their sessions again: %s",
                len(self.missing),
                plain(_shown([booking["uid"] for booking in self.missing])),
            )


def _shown(uids: Sequence[str]) -> str:
    more = f" and {len(uids) - _SHOWN} more" if len(uids) > _SHOWN else ""
    return ", ".join(uids[:_SHOWN]) + more


def session_fetcher(
    entry: FeedEntry, client: CalComClient, policy: AttendancePolicy, *, otherwise: KeptAnswers
) -> SessionFetcher:
    """Return what fetches the sessions of bookings for a feed, paced.

    :param entry: the feed as the operator's parameter has it.
    :param client: of Cal.com.
    :param policy: of the plan.
    :param otherwise: where answers are kept if the feed does not say it.
    """
    pace = SessionsPace()
    return SessionFetcher(
        fetch=lambda uid: client.run(read_sessions(uid, pace)),
        now=lambda: datetime.fromtimestamp(client.server_time, UTC),
        kept=otherwise if entry.sessions_path is None else KeptAnswers(entry.sessions_path),
        server=client.settings.base_url,
        settle=timedelta(seconds=max(policy.settle, policy.overrun)),
        unfetched=entry.unfetched,
    )


def unknown_attendance(booking: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row that keeps everybody of a booking from being called absent: somebody unknown may have been there.

    Its kind is ``lobby``, which does not show that the meeting took place. A missing row would not do: where
    another feed, or ``assume_held``, shows that it took place, its people would be called absent.

    :param booking: one whose sessions could not be fetched.
    """
    return {
        "source": "cal_video",
        "participant": None,
        "kind": "lobby",
        "booking_uid": booking["uid"],
        "conference_key": None,
        "email": None,
        "name": None,
        "phone": None,
        "joined_at": booking["start"],
        "left_at": booking["end"],
    }
