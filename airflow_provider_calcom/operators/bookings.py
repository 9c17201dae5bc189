"""Operators that read bookings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.operators._base import CalComOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


_FILTERS = (
    "status",
    "after_start",
    "before_start",
    "before_end",
    "after_created",
    "before_created",
    "after_updated",
    "before_updated",
    "zone",
    "attendee_email",
    "attendee_name",
    "event_type_ids",
    "organization_id",
    "team_id",
    "user_id",
)


class ListBookingsOperator(CalComOperator):
    """List bookings completely, each once, ordered by start.

    Timestamps are ISO 8601 with ``Z`` or an offset, or dates, which mean the beginning of that day in ``zone``. Bounds
    are inclusive, except ``before_start``. A filter that is None is not applied.

    :param status: any of ``upcoming``, ``recurring``, ``past``, ``cancelled``, ``unconfirmed``. ``past`` includes
        meetings that were never accepted: check each booking's ``status``. Defaults to all. (templated)
    :param after_start: only bookings that start at this time or later. (templated)
    :param before_start: only bookings that start before this time. (templated)
    :param before_end: only bookings that end at this time or earlier. (templated)
    :param after_created: only bookings created at this time or later. (templated)
    :param before_created: only bookings created at this time or earlier. (templated)
    :param after_updated: only bookings changed at this time or later. (templated)
    :param before_updated: only bookings changed at this time or earlier. (templated)
    :param zone: the time zone of dates, such as ``Europe/Berlin``. Defaults to UTC. (templated)
    :param data_interval: list only bookings that start within the run's data interval, its end excluded. Defaults to
        False. Airflow 3 makes no data interval for a plain cron ``schedule``, unless
        ``[scheduler] create_cron_data_intervals`` is set or the schedule is a ``CronDataIntervalTimetable``, and none
        for runs that are started by hand, by the API or by an asset.
    :param attendee_email: only bookings with this attendee, spelled exactly as in the booking. (templated)
    :param attendee_name: only bookings with an attendee of this name, spelled exactly as in the booking. (templated)
    :param event_type_ids: only bookings of these event types. (templated)
    :param organization_id: list the bookings of this organisation. Defaults to the bookings of the key's user.
        (templated)
    :param team_id: list the bookings of this team; with ``organization_id``, of a team in the organisation. (templated)
    :param user_id: list the bookings of this member of ``organization_id``. (templated)
    :param output_path: a file for the bookings as JSON lines: a path, or a URL of Airflow's object storage. An existing
        file is replaced when the new file is complete. Defaults to None: the bookings go to XCom. (templated)
    :param storage_conn_id: id of the object storage's connection, if ``output_path`` needs one. (templated)
    :param max_bookings: the most bookings that may go to XCom. Used only without ``output_path``. Defaults to 5,000.
    :param page_size: bookings to request per call, 1 to 250. Defaults to 100.
    :param calcom_conn_id: id of a connection of type ``calcom``. Defaults to ``calcom_default``. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD). Defaults to the connection's, or else to the version
        that lists of bookings need. (templated)

    Returns the bookings, or with ``output_path`` a dict ``{"path", "bookings"}`` of the path and the number of
    bookings.

    :raises InvalidArgument: naming the invalid parameter, ``data_interval`` if the run has none, or ``output_path`` if
        there are more than ``max_bookings`` bookings.
    :raises ListingIncomplete: if Cal.com's pages still contradict each other after they were read again.
    """

    template_fields: Sequence[str] = (
        *_FILTERS,
        "output_path",
        "storage_conn_id",
        "calcom_conn_id",
        "api_version",
    )
    ui_color = "#e5e7eb"

    def __init__(
        self,
        *,
        status: Sequence[str] | str | None = None,
        after_start: str | None = None,
        before_start: str | None = None,
        before_end: str | None = None,
        after_created: str | None = None,
        before_created: str | None = None,
        after_updated: str | None = None,
        before_updated: str | None = None,
        zone: str | None = None,
        data_interval: bool = False,
        attendee_email: str | None = None,
        attendee_name: str | None = None,
        event_type_ids: Sequence[int] | None = None,
        organization_id: int | str | None = None,
        team_id: int | str | None = None,
        user_id: int | str | None = None,
        output_path: str | None = None,
        storage_conn_id: str | None = None,
        max_bookings: int = 5_000,
        page_size: int = 100,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.status = status
        self.after_start = after_start
        self.before_start = before_start
        self.before_end = before_end
        self.after_created = after_created
        self.before_created = before_created
        self.after_updated = after_updated
        self.before_updated = before_updated
        self.zone = zone
        self.data_interval = data_interval
        self.attendee_email = attendee_email
        self.attendee_name = attendee_name
        self.event_type_ids = event_type_ids
        self.organization_id = organization_id
        self.team_id = team_id
        self.user_id = user_id
        self.output_path = output_path
        self.storage_conn_id = storage_conn_id
        self.max_bookings = max_bookings
        self.page_size = page_size
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self._remember_filters(_FILTERS)

    def _execute(self, context: Context) -> list[dict[str, Any]] | dict[str, Any]:
        from airflow_provider_calcom._redact import shown_path

        with self.hook as hook:
            self._check_output()
            filters = self._filters(context)
            bookings = hook.iterate_bookings(page_size=self.page_size, **filters)
            if self.output_path is None:
                result = list(self._at_most_max_bookings(bookings))
                self.log.info("%d bookings, %s", len(result), self._span(filters))
                return result
            written = self._write(bookings)
        self.log.info("%d bookings written to %s, %s", written, shown_path(self.output_path), self._span(filters))
        return {"path": str(self.output_path), "bookings": written}

    def _filters(self, context: Context) -> dict[str, Any]:
        filters = self._given_filters(_FILTERS)
        return {**filters, **self._interval(context)} if self.data_interval else filters

    def _check_output(self) -> None:
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom._storage import is_path
        from airflow_provider_calcom.api.errors import InvalidArgument
        from airflow_provider_calcom.hooks import conn_id_of

        path, most = self.output_path, self.max_bookings
        name = None if path is None else str(path).strip() if is_path(path) else ""
        if name is not None and (name in ("", "None", "null", ".", "..") or name.endswith("/")):
            raise InvalidArgument(f"output_path must name a file, but is {describe(path)}")
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise InvalidArgument(f"max_bookings must be a number of bookings, but is {describe(most)}")
        conn_id_of("storage_conn_id", self.storage_conn_id)

    def _write(self, bookings: Iterable[dict[str, Any]]) -> int:
        from airflow_provider_calcom.no_shows.booking_files import write_bookings
        from airflow_provider_calcom.operators._paths import Storage, written_output

        path = Storage(self.storage_conn_id).path("output_path", self.output_path)
        with written_output("output_path", path) as part:
            return write_bookings(part, bookings)

    @staticmethod
    def _span(filters: dict[str, Any]) -> str:
        """Return the filters for the log, without those that may be addresses."""
        from airflow_provider_calcom._redact import redact

        shown = (
            f"{name} {redact(str(value))}"
            for name, value in filters.items()
            if value is not None and "attendee" not in name
        )
        return ", ".join(shown) or "all"

    def _interval(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom.api.errors import InvalidArgument

        if self.after_start is not None or self.before_start is not None:
            raise InvalidArgument(
                "data_interval=True sets after_start and before_start, but one of them is set too. Leave out"
                " data_interval, or both bounds"
            )
        return self._data_interval(context, "data_interval=True")

    def _at_most_max_bookings(self, bookings: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        from airflow_provider_calcom.api.errors import InvalidArgument

        for number, booking in enumerate(bookings, start=1):
            if number > self.max_bookings:
                raise InvalidArgument(
                    f"More than max_bookings, {self.max_bookings:,}, bookings were found, which is too much for XCom."
                    " Set output_path to write them to a file, list a shorter span, or raise max_bookings"
                )
            yield booking
