"""Sensors that wait for bookings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException, conf

from airflow_provider_calcom.sensors._base import CalComSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_calcom.api.waiting import BookingWait, WaitOptions

_MOST_BOOKINGS = 5_000
_LONGEST_GRACE = 30 * 86_400.0
_SHORTEST_RECHECK = 60.0
_LONGEST_RECHECK = 30 * 86_400.0


class BookingEndedSensor(CalComSensor):
    """Wait until bookings have ended by the server's clock.

    While it is deferred it makes no calls until the latest of the ends; then it reads the bookings again, because they
    may have been moved, cancelled or rescheduled. Many bookings are read in pages of the list, not one by one.

    :param booking_uid: one uid, or a list of at most 5,000, also as a string that a template rendered from a list.
        Bookings as Cal.com sends them are taken as their uids. An empty list has ended at once. (templated)
    :param grace: seconds, or a ``timedelta``, after the end. Defaults to 0. (templated)
    :param on_cancelled: what to do if a booking is cancelled or rejected: ``fail``, ``skip`` it, or ``succeed``, which
        treats it as ended. With ``skip`` it is left out of the result, and if no booking is left, the task is skipped.
        Defaults to ``fail``.
    :param on_rescheduled: the same if a booking was rescheduled, which gives it another uid; or ``follow``: wait for
        that booking instead. Servers of August 2025 do not return the other uid: a rescheduled booking is cancelled
        there, and ``on_cancelled`` applies. Defaults to ``follow``.
    :param recheck_interval: seconds after which the bookings are read again at the latest, to notice earlier that one
        was cancelled, or moved to an earlier time. At least 60. Defaults to 21,600, six hours.
    :param organization_id: read the list of this organisation. Defaults to that of the key's user. Bookings that are
        not on the list are read one by one. (templated)
    :param team_id: read the list of this team. (templated)
    :param user_id: read the list of this member of ``organization_id``. (templated)
    :param calcom_conn_id: id of a connection of type ``calcom``. Defaults to ``calcom_default``. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD). Defaults to the connection's, or else to the version
        that each call needs. (templated)
    :param deferrable: wait in the triggerer, without a worker slot. Defaults to Airflow's ``[operators]
        default_deferrable``. Otherwise the sensor pokes as ``mode`` and ``poke_interval`` say.

    Returns ``{booking_uid: {"start", "end", "status"}}`` without addresses. A booking that was followed is under its
    own uid, with the requested one as ``followed_from``.

    :raises BookingCancelled: if a booking is cancelled or rejected.
    :raises BookingRescheduled: if a booking was rescheduled, and ``on_rescheduled`` is ``fail``.
    :raises CalComError: if a booking can't be read. Errors that are not retryable are also an ``AirflowFailException``.
    """

    template_fields: Sequence[str] = (
        "booking_uid",
        "grace",
        "organization_id",
        "team_id",
        "user_id",
        "calcom_conn_id",
        "api_version",
    )
    ui_color = "#e5e7eb"

    def __init__(
        self,
        *,
        booking_uid: str | Sequence[Any],
        grace: float | timedelta | str = 0,
        on_cancelled: Literal["fail", "skip", "succeed"] = "fail",
        on_rescheduled: Literal["fail", "skip", "succeed", "follow"] = "follow",
        recheck_interval: float = 21_600,
        organization_id: int | str | None = None,
        team_id: int | str | None = None,
        user_id: int | str | None = None,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.booking_uid = booking_uid
        self.grace = grace
        self.on_cancelled = on_cancelled
        self.on_rescheduled = on_rescheduled
        self.recheck_interval = recheck_interval
        self.organization_id = organization_id
        self.team_id = team_id
        self.user_id = user_id
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self.deferrable = deferrable
        self._wait: BookingWait | None = None
        self._next_read = 0.0
        self._remember_filters(("organization_id", "team_id", "user_id"))

    def _do_render_template_fields(self, parent: Any, *args: Any, **options: Any) -> None:
        """Render the fields, and keep the uids alone of bookings: Airflow stores and shows rendered fields.

        :param parent: the object that has the fields: this operator, or an object that is nested in a field.
        :param args: the other arguments of the base class, which differ between versions of Airflow.
        :param options: the same.
        """
        super()._do_render_template_fields(parent, *args, **options)
        if parent is self:
            from airflow_provider_calcom.operators._readers import unrendered

            value = self.booking_uid
            is_list = isinstance(value, str) and value.lstrip().startswith(("[", "{"))
            self.booking_uid = _uids_alone(unrendered(value) if is_list else value)

    def _check(self, context: Context) -> dict[str, Any] | None:
        from airflow_provider_calcom.api.query import list_path
        from airflow_provider_calcom.api.waiting import BookingWait, read_all

        options, uids, recheck = self._options(), self._uids(), self._recheck()
        path = list_path(**self._given_filters(("organization_id", "team_id", "user_id")))
        if not uids:
            return {}
        if self._wait is not None and time.monotonic() < self._next_read:
            return None  # a poke before anything can have changed
        wait = self._wait = self._wait or BookingWait(uids, options)
        with self.hook as hook:
            client = hook.get_conn()
            client.run(read_all(wait, path=path, client=client))
            now = client.server_time
        if wait.is_over(now):
            return self._result(dict(wait.result()))
        seconds = min((wait.next_moment or 0.0) - now, recheck)
        self._next_read = time.monotonic() + seconds
        self.log.info("Waiting for %d bookings; the next time to read them is in %.0f s", len(uids), seconds)
        return None

    def _trigger(self) -> BaseTrigger:
        from airflow_provider_calcom.triggers.bookings import BookingsTrigger

        options, uids = self._options(), self._uids()
        return BookingsTrigger(
            bookings=dict.fromkeys(uids) if self._wait is None else dict(self._wait.known),
            moment=options.moment,
            grace=options.grace,
            on_cancelled=options.on_cancelled,
            on_rescheduled=options.on_rescheduled,
            recheck_interval=self._recheck(),
            calcom_conn_id=self.calcom_conn_id,
            api_version=self.api_version,
            organization_id=self.organization_id,
            team_id=self.team_id,
            user_id=self.user_id,
        )

    def _result_of(self, event: Any) -> dict[str, Any] | None:
        bookings = event.get("bookings") if isinstance(event, Mapping) else None
        return self._result(dict(bookings)) if isinstance(bookings, Mapping) else None

    def _result(self, bookings: dict[str, Any]) -> dict[str, Any]:
        if not bookings:
            raise AirflowSkipException("All bookings were cancelled or rescheduled, and are skipped")
        self.log.info("%d bookings have ended", len(bookings))
        return bookings

    # Parameters.

    def _uids(self) -> list[str]:
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom.api.arguments import checked_uid
        from airflow_provider_calcom.api.errors import InvalidArgument
        from airflow_provider_calcom.operators._readers import value_of

        value = _uids_alone(value_of("booking_uid", self.booking_uid))
        if isinstance(value, str):
            value = value.split(",")
        if isinstance(value, (bytes, Mapping)) or not isinstance(value, Sequence):
            raise InvalidArgument(
                f"booking_uid must be a uid or a list of uids, but is {describe(value)}. If it comes from another task,"
                " that returned nothing"
            )
        if len(value) > _MOST_BOOKINGS:
            raise InvalidArgument(
                f"booking_uid has {len(value):,} bookings; {_MOST_BOOKINGS:,} are allowed. Map the sensor over parts"
            )
        many = len(value) > 1
        uids = (checked_uid(uid, f"booking_uid[{index}]" if many else "booking_uid") for index, uid in enumerate(value))
        return list(dict.fromkeys(uids))

    def _options(self) -> WaitOptions:
        from airflow_provider_calcom._rendered import choice
        from airflow_provider_calcom.api.arguments import checked_seconds, parse_argument
        from airflow_provider_calcom.api.waiting import OnCancelled, OnRescheduled, WaitOptions

        cancelled: OnCancelled = parse_argument("on_cancelled", choice, self.on_cancelled, "fail", "skip", "succeed")
        rescheduled: OnRescheduled = parse_argument(
            "on_rescheduled", choice, self.on_rescheduled, "fail", "skip", "succeed", "follow"
        )
        grace = checked_seconds("grace", self.grace, least=0, most=_LONGEST_GRACE)
        return WaitOptions("end", grace, cancelled, rescheduled)

    def _recheck(self) -> float:
        from airflow_provider_calcom.api.arguments import checked_seconds

        return checked_seconds(
            "recheck_interval", self.recheck_interval, least=_SHORTEST_RECHECK, most=_LONGEST_RECHECK
        )


def _uids_alone(value: Any) -> Any:
    """Return the uids of bookings, or a value without bookings as it is."""
    if isinstance(value, Mapping) and "uid" in value:
        return value["uid"]
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return [one["uid"] if isinstance(one, Mapping) and "uid" in one else one for one in value]
