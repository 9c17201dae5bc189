"""Operators that read bookings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.operators._base import CalComOperator

if TYPE_CHECKING:
    from pathlib import Path

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

    Without ``output_path`` the bookings are the result, and go to XCom; with it they are written there as JSON lines as
    they arrive, and the result is ``{"path", "bookings"}`` with their number.

    Instants are ISO 8601 with ``Z`` or an offset, or dates (the beginning of that day in ``zone``); bounds are
    inclusive but for ``before_start``.

    :param status: any of ``upcoming``, ``recurring``, ``past``, ``cancelled``, ``unconfirmed``. ``past`` includes
        meetings that were never accepted: look at each booking's ``status``. (templated)
    :param after_start: bookings that start then or later. (templated)
    :param before_start: bookings that start earlier than then. (templated)
    :param before_end: bookings that end then or earlier. (templated)
    :param after_created: bookings made then or later; ``before_created``, ``after_updated`` and ``before_updated``
        likewise. (templated)
    :param zone: the time zone that dates without a time of day are days of, such as ``Europe/Berlin``; None for UTC.
        (templated)
    :param data_interval: only bookings that start within the run's data interval, its end excluded. Airflow 3 makes
        none for a plain cron ``schedule``, unless ``[scheduler] create_cron_data_intervals`` is set or the schedule is
        a ``CronDataIntervalTimetable``; nor has a run one that was started by hand, by the API or by an asset.
    :param attendee_email: exactly as the booking spells it. (templated)
    :param attendee_name: exactly as the booking spells it. (templated)
    :param event_type_ids: only bookings of these event types. (templated)
    :param organization_id: list an organisation's bookings in place of one's own. (templated)
    :param team_id: list a team's bookings; with ``organization_id``, of a team in it. (templated)
    :param user_id: with ``organization_id``: list this member's bookings. (templated)
    :param output_path: a file for JSON lines: a path or URL of Airflow's object storage. An older file is replaced once
        the new one is whole. (templated)
    :param storage_conn_id: the object storage's connection, where ``output_path`` needs one. (templated)
    :param max_bookings: without ``output_path``, how many bookings may go to XCom.
    :param page_size: bookings to ask for at a time, 1 to 250.
    :param calcom_conn_id: id of a connection of type ``calcom``. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD) in place of the connection's and the list's own.
        (templated)

    :raises InvalidArgument: naming the parameter that can't be used, ``data_interval`` where the run has none, or
        ``output_path`` where more than ``max_bookings`` bookings are found.
    :raises ListingIncomplete: if Cal.com's pages go on disagreeing when read again.
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
        with self.hook as hook:
            self._check_output()
            filters = self._filters(context)
            bookings = hook.iterate_bookings(page_size=self.page_size, **filters)
            if self.output_path is None:
                result = list(self._few(bookings))
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
        from airflow_provider_calcom.api.errors import InvalidArgument
        from airflow_provider_calcom.hooks.calcom import conn_id_of
        from airflow_provider_calcom.operators._readers import is_path

        path, most = self.output_path, self.max_bookings
        name = None if path is None else str(path).strip() if is_path(path) else ""
        if name is not None and (name in ("", "None", "null", ".", "..") or name.endswith("/")):
            raise InvalidArgument(f"output_path must name a file, but is {describe(path)}")
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise InvalidArgument(f"max_bookings must be a number of bookings, but is {describe(most)}")
        conn_id_of("storage_conn_id", self.storage_conn_id)

    def _write(self, bookings: Iterable[dict[str, Any]]) -> int:
        from airflow_provider_calcom.operators._paths import Storage, written_output

        path = Storage(self.storage_conn_id).path("output_path", self.output_path)
        with written_output("output_path", path) as part:
            return _write_lines(part, bookings)

    @staticmethod
    def _span(filters: dict[str, Any]) -> str:
        """Say which bookings were asked for, without the filters that may be addresses."""
        from airflow_provider_calcom._redact import redact

        asked = (
            f"{name} {redact(str(value))}"
            for name, value in filters.items()
            if value is not None and "attendee" not in name
        )
        return ", ".join(asked) or "all"

    def _interval(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom.api.errors import InvalidArgument

        if self.after_start is not None or self.before_start is not None:
            raise InvalidArgument("data_interval=True sets after_start and before_start; give one or the other")
        return self._data_interval(context, "data_interval=True")

    def _few(self, bookings: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        from airflow_provider_calcom.api.errors import InvalidArgument

        for number, booking in enumerate(bookings, start=1):
            if number > self.max_bookings:
                raise InvalidArgument(
                    f"More than {self.max_bookings:,} bookings fit, which is too much for XCom. Set output_path to have"
                    " them written to a file, list a shorter span, or raise max_bookings"
                )
            yield booking


def _write_lines(path: Path, bookings: Iterable[dict[str, Any]]) -> int:
    written = 0
    # Half a character, as where a name was cut, becomes a question mark: no file could hold it.
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for booking in bookings:
            file.write(json.dumps(booking, ensure_ascii=False) + "\n")
            written += 1
    return written
