"""Sensor that waits for the data of attendance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_calcom.sensors._base import CalComSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_calcom.no_shows.readiness import GrowingFiles

_LONGEST = 30 * 86_400.0


class AttendanceReadySensor(CalComSensor):
    """Wait until the data of attendance has arrived. Set one of ``path``, ``sql`` and ``attendance``.

    :param path: files that must exist and no longer grow: a file, a folder, or a pattern with ``*``; a path, or a URL
        of Airflow's object storage. A file without content is not there yet. (templated)
    :param stable_for: seconds, or a ``timedelta``, for which no file may change, and none may be added. Defaults to 60.
        (templated)
    :param sql: a query that returns one timestamp, such as ``SELECT max(left_at) FROM attendance``, which must reach
        ``until``. (templated)
    :param conn_id: id of the SQL connection of ``sql``. (templated)
    :param attendance: feeds, as ``PlanNoShowsOperator`` takes them, which must be complete up to ``until`` as a plan
        made now would find. They are read on a worker, and the sensor does not defer. A file that is missing, or can't
        be read yet, is waited for. (templated)
    :param until: the end of the window: ISO 8601 with ``Z`` or an offset, or a date, which means the beginning of that
        day in ``zone``. Not for ``path``. Defaults to the end of the run's data interval. (templated)
    :param policy: the attendance policy for ``attendance``. (templated)
    :param zone: the time zone of dates, and of timestamps of ``sql`` without an offset. Defaults to None: dates are
        days in UTC, and such timestamps are rejected. (templated)
    :param storage_conn_id: id of the object storage's connection, if paths need one. (templated)
    :param deferrable: wait in the triggerer, without a worker slot. Defaults to Airflow's ``[operators]
        default_deferrable``. With ``attendance``, ``mode`` defaults to ``reschedule`` and ``poke_interval`` to 300
        instead.

    Returns ``{"files", "bytes"}`` for ``path``, and ``{"complete_until"}`` otherwise.

    :raises InvalidArgument: naming the invalid parameter.
    :raises AttendanceError: if the data can't be read. Errors that are not retryable are also an
        ``AirflowFailException``.
    """

    template_fields: Sequence[str] = (
        "path",
        "stable_for",
        "sql",
        "conn_id",
        "attendance",
        "until",
        "policy",
        "zone",
        "storage_conn_id",
    )
    template_fields_renderers = {"sql": "sql", "attendance": "json", "policy": "json"}
    ui_color = "#e5e7eb"

    def __init__(
        self,
        *,
        path: str | None = None,
        stable_for: float | timedelta | str = 60,
        sql: str | None = None,
        conn_id: str | None = None,
        attendance: Any = None,
        until: str | datetime | None = None,
        policy: Mapping[str, Any] | str | None = None,
        zone: str | None = None,
        storage_conn_id: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        if attendance is not None:
            kwargs = {"mode": "reschedule", "poke_interval": 300, **kwargs}
        super().__init__(**kwargs)
        self.path = path
        self.stable_for = stable_for
        self.sql = sql
        self.conn_id = conn_id
        self.attendance = attendance
        self.until = until
        self.policy = policy
        self.zone = zone
        self.storage_conn_id = storage_conn_id
        self.deferrable = deferrable
        self._until: datetime | None = None
        self._growing: GrowingFiles | None = None

    @property
    def _defers(self) -> bool:
        return self.deferrable and self.attendance is None

    def _check(self, context: Context) -> dict[str, Any] | None:
        self._check_parameters()
        if self.path is not None:
            return self._check_files()
        self._until = self._end(context)
        return self._check_query(self._until) if self.sql is not None else self._check_feeds(self._until)

    def _check_files(self) -> dict[str, Any] | None:
        from airflow_provider_calcom.hooks._storage import Storage
        from airflow_provider_calcom.no_shows.readiness import GrowingFiles, look_at
        from airflow_provider_calcom.triggers.attendance import summary_of

        if self._growing is None:
            # In this mode each look is of another process, which can't compare it with an earlier one.
            looks_once = not self._defers and self.reschedule
            self._growing = GrowingFiles(self._stable_for(), trusts_times=looks_once)
        files = look_at("path", Storage(self.storage_conn_id).path("path", self.path))
        self.log.info("%d files so far, %d bytes", len(files), sum(one.size for one in files))
        return summary_of(files) if self._growing.are_stable(files) else None

    def _check_query(self, until: datetime) -> dict[str, Any] | None:
        from airflow_provider_calcom.hooks.sql import query_timestamp

        return self._complete(query_timestamp(str(self.conn_id), str(self.sql), self._zone()), until)

    def _check_feeds(self, until: datetime) -> dict[str, Any] | None:
        from airflow_provider_calcom.api.errors import InvalidArgument
        from airflow_provider_calcom.attendance.feeds import FeedUnreadable
        from airflow_provider_calcom.hooks._storage import Storage
        from airflow_provider_calcom.no_shows.input_files import InputMissing
        from airflow_provider_calcom.no_shows.readiness import complete_until
        from airflow_provider_calcom.operators._plan_parameters import attendance_of, policy_of

        feeds = attendance_of(self.attendance, Storage(self.storage_conn_id))
        if not isinstance(feeds, list):
            raise InvalidArgument(
                "attendance is a table of the rules; the sensor takes feeds, such as {'feed': 'canonical', 'path':"
                " ...}, or sql for a table on a server"
            )
        try:
            found = complete_until(feeds, policy_of(self.policy), now=datetime.now(UTC))
        except (InputMissing, FeedUnreadable) as error:
            self.log.warning("The sensor waits, as a feed is missing or half written: %s", error)
            return None
        return self._complete(found, until)

    def _complete(self, found: datetime | None, until: datetime) -> dict[str, Any] | None:
        from airflow_provider_calcom._timestamps import format_timestamp

        text = "no time at all" if found is None else format_timestamp(found)
        self.log.info("Complete until %s, and needed until %s", text, format_timestamp(until))
        return {"complete_until": text} if found is not None and found >= until else None

    def _trigger(self) -> BaseTrigger | None:
        from airflow_provider_calcom._timestamps import format_timestamp
        from airflow_provider_calcom.triggers.attendance import FilesStableTrigger, QueryReachedTrigger

        if self.path is not None:
            return FilesStableTrigger(
                path=str(self.path),
                stable_for=self._stable_for(),
                poke_interval=self.poke_interval,
                storage_conn_id=self.storage_conn_id,
            )
        if self._until is None:
            return None
        return QueryReachedTrigger(
            sql=str(self.sql),
            conn_id=str(self.conn_id),
            until=format_timestamp(self._until),
            zone=self.zone,
            poke_interval=self.poke_interval,
        )

    def _result_of(self, event: Any) -> dict[str, Any] | None:
        result = event.get("result") if isinstance(event, Mapping) else None
        return dict(result) if isinstance(result, Mapping) else None

    # Parameters.

    def _check_parameters(self) -> None:
        from airflow_provider_calcom.api.errors import InvalidArgument
        from airflow_provider_calcom.hooks import conn_id_of
        from airflow_provider_calcom.operators._readers import check_found

        for name in ("path", "sql", "until", "zone"):
            check_found(name, getattr(self, name))
        given = [name for name in ("path", "sql", "attendance") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidArgument(f"Set one of path, sql and attendance; {' and '.join(given) or 'none'} is set")
        if (self.sql is None) != (self.conn_id is None):
            raise InvalidArgument("sql and conn_id, the connection that it runs on, go together. Set both, or neither")
        for name in ("conn_id", "storage_conn_id"):
            conn_id_of(name, getattr(self, name))
        if self.path is not None and self.until is not None:
            raise InvalidArgument(
                "until has no effect on path. Leave it out, or use attendance with the path of a feed"
            )
        self._stable_for()
        self._zone()

    def _stable_for(self) -> float:
        from airflow_provider_calcom.api.arguments import checked_seconds

        return checked_seconds("stable_for", self.stable_for, least=0, most=_LONGEST)

    def _zone(self) -> Any:
        from airflow_provider_calcom.api.query import time_zone

        return None if self.zone is None else time_zone(self.zone)

    def _end(self, context: Context) -> datetime:
        from airflow_provider_calcom._timestamps import parse_timestamp_or_date
        from airflow_provider_calcom.api.arguments import parse_argument
        from airflow_provider_calcom.api.errors import InvalidArgument
        from airflow_provider_calcom.api.query import time_zone

        until = self.until if self.until is not None else context.get("data_interval_end")
        if until is None:
            raise InvalidArgument(
                "until is not set, and this run has no data interval whose end it could be: Airflow 3 makes none for"
                " runs that are started by hand, by the API or by an asset. Set until"
            )
        return parse_argument("until", parse_timestamp_or_date, until, time_zone(self.zone))
