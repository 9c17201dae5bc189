"""Trigger that waits until bookings have started or ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_calcom.api.errors import AccessRefused
from airflow_provider_calcom.api.query import list_path
from airflow_provider_calcom.api.waiting import (
    BookingWait,
    KnownBooking,
    Moment,
    OnCancelled,
    OnRescheduled,
    WaitOptions,
)
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.triggers._events import done, failed
from airflow_provider_calcom.triggers._shared import SharedReader, shared_reader, shared_settings

SHORTEST_SLEEP = 5.0
"""Seconds before the first read, and between two. Airflow marks a task failed whose trigger fires at once
(apache/airflow#71580, #72716)."""

_ROUNDING = 1.0
"""Seconds by which the clock of a ``Date`` header may be behind the server's own."""


class BookingsTrigger(BaseTrigger):
    """Sleep until bookings have started or ended by the server's clock, read them, and sleep on if they were moved.

    It fires once, with ``{"status": "done", "bookings": ...}`` or with an error. All triggers of one connection in one
    triggerer share one client. After a restart of the triggerer it begins with what was known when the task deferred.

    :param bookings: requested uids, with what is known of each, or None.
    :param moment: ``start`` or ``end``.
    :param grace: seconds after it.
    :param on_cancelled: see :class:`~airflow_provider_calcom.api.waiting.WaitOptions`, as for ``on_rescheduled``.
    :param recheck_interval: seconds after which the bookings are read again at the latest.
    :param calcom_conn_id: id of the connection, which is read when the trigger runs.
    :param api_version: a ``cal-api-version`` date, or None.
    :param organization_id: the list that the bookings are read from, as are ``team_id`` and ``user_id``.
    :cvar default_sleep: waits for some seconds; tests replace it.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)

    def __init__(
        self,
        *,
        bookings: Mapping[str, KnownBooking | None],
        moment: Moment = "end",
        grace: float = 0.0,
        on_cancelled: OnCancelled = "fail",
        on_rescheduled: OnRescheduled = "follow",
        recheck_interval: float = 21_600.0,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        organization_id: int | str | None = None,
        team_id: int | str | None = None,
        user_id: int | str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bookings = dict(bookings)
        self.moment = moment
        self.grace = grace
        self.on_cancelled = on_cancelled
        self.on_rescheduled = on_rescheduled
        self.recheck_interval = recheck_interval
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self.organization_id = organization_id
        self.team_id = team_id
        self.user_id = user_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments: plain data, without anything of the connection but its id."""
        names = (
            *("bookings", "moment", "grace", "on_cancelled", "on_rescheduled", "recheck_interval"),
            *("calcom_conn_id", "api_version", "organization_id", "team_id", "user_id"),
        )
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event. The shared client is released before it, also where the trigger is cancelled."""
        try:
            payload = await self._wait()
        except ProviderError as error:
            payload = failed(error)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        options = WaitOptions(self.moment, self.grace, self.on_cancelled, self.on_rescheduled)
        wait = BookingWait(self.bookings, options)
        path = list_path(self.organization_id, self.team_id, self.user_id)
        settings = await shared_settings(self._hook())
        while True:
            try:
                async with shared_reader(self.calcom_conn_id, settings, path) as reader:
                    await self._wait_with(reader, wait)
            except AccessRefused:
                # The key may have been replaced while the trigger slept, perhaps for weeks.
                renewed = await shared_settings(self._hook(), renewed=True)
                if renewed == settings:
                    raise
                settings = renewed
            else:
                return done(bookings=wait.result())

    def _hook(self) -> CalComHook:
        """Return a new hook: one that was used keeps what it read of the connection."""
        return CalComHook(calcom_conn_id=self.calcom_conn_id, api_version=self.api_version)

    async def _wait_with(self, reader: SharedReader, wait: BookingWait) -> None:
        while True:
            moment = wait.next_moment or 0.0
            seconds = moment + _ROUNDING - await reader.server_time()
            await type(self).default_sleep(max(SHORTEST_SLEEP, min(seconds, self.recheck_interval)))
            wait.begin()
            while wanted := wait.to_read():
                wait.note(await reader.read(wanted))
            if wait.is_over(await reader.server_time()):
                return
