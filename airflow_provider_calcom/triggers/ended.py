"""Trigger for Airflow's ``AssetWatcher``: an event of an asset for bookings that have ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import TriggerEvent

from airflow_provider_calcom._rendered import count
from airflow_provider_calcom._timestamps import format_timestamp
from airflow_provider_calcom.api.arguments import checked_seconds, parse_argument
from airflow_provider_calcom.api.ended import Cursor
from airflow_provider_calcom.api.errors import InvalidEnvironment
from airflow_provider_calcom.api.query import list_path

if TYPE_CHECKING:
    from airflow_provider_calcom.triggers._polls import Poll

try:
    from airflow.triggers.base import BaseEventTrigger

    _CAN_WATCH = True
except ImportError:  # before Airflow 3.0
    from airflow.triggers.base import BaseTrigger as BaseEventTrigger  # type: ignore[assignment]

    _CAN_WATCH = False

CURSOR = "calcom_ended_bookings"
"""The key of the cursor in the asset's state."""

_DAY = 86_400.0
_LONGEST = 30 * _DAY
_SHORTEST_INTERVAL = 5.0
_AT_ONCE = 500
_MOST_BOOKINGS = 5_000
_AT_A_TIME = timedelta(days=1)
"""How much of a long absence one poll catches up with: else it would have to read weeks."""

_UNTIL_STORED = 10.0
"""Seconds after an event before the cursor is stored. The triggerer hands events over once a second; were it killed
before, with the cursor stored, the event would be lost."""

log = logging.getLogger(__name__)


class EndedBookingsTrigger(BaseEventTrigger):
    """Report accepted bookings that have ended, and whose attendance can have arrived, as events of an asset.

    Each poll emits one event at most, with all bookings that are new since the last one::

        {"bookings": [{"uid": ..., "start": ..., "end": ...}, ...], "until": ...}

    without addresses, in the order of their ends. ``until`` is the time up to which bookings have ended. A poll that
    finds nothing emits nothing.

    From Airflow 3.3 on, which bookings were reported is kept in the asset's state, so that no booking is lost or
    comes twice over a restart of the triggerer, unless it is killed within seconds after an event: then that event's
    bookings come again. Before 3.3 nothing is kept, and after each restart bookings that ended within ``catch_up``
    come again. What consumes the events must compare before it writes, as planning and applying do.

    :param settle: seconds after the end before a booking is reported. Defaults to 7,200, as the policy's field of that
        name.
    :param poll_interval: seconds between two polls, 5 or more. Defaults to 300.
    :param catch_up: where nothing is stored, as at the first start: bookings are reported that settled within this
        number of seconds before. Defaults to 86,400, a day.
    :param overlap: seconds for which a booking that should have been reported is still looked for, because it was made,
        moved or accepted late. 60 or more. Defaults to 21,600, six hours.
    :param max_bookings: bookings in one event; the others are in the events of the next polls. 1 to 5,000. Defaults to
        500.
    :param calcom_conn_id: id of the connection, which is read when the trigger runs.
    :param api_version: a ``cal-api-version`` date, or None.
    :param organization_id: the list that the bookings are read from, as are ``team_id`` and ``user_id``.
    :raises InvalidArgument: naming the parameter.
    :raises InvalidEnvironment: before Airflow 3.0, which has no watchers.
    :cvar default_sleep: waits for some seconds; tests replace it.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)

    def __init__(
        self,
        *,
        settle: float = 7_200.0,
        poll_interval: float = 300.0,
        catch_up: float = _DAY,
        overlap: float = 21_600.0,
        max_bookings: int = _AT_ONCE,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        organization_id: int | str | None = None,
        team_id: int | str | None = None,
        user_id: int | str | None = None,
    ) -> None:
        if not _CAN_WATCH:
            raise InvalidEnvironment(
                "EndedBookingsTrigger needs Airflow 3.0 or newer, which has AssetWatcher. Upgrade Airflow, or wait for"
                " bookings by BookingEndedSensor"
            )
        super().__init__()  # type: ignore[no-untyped-call]
        self.settle = checked_seconds("settle", settle, least=0, most=_LONGEST)
        self.poll_interval = checked_seconds("poll_interval", poll_interval, least=_SHORTEST_INTERVAL, most=_DAY)
        self.catch_up = checked_seconds("catch_up", catch_up, least=0, most=_LONGEST)
        self.overlap = checked_seconds("overlap", overlap, least=60, most=_LONGEST)
        most = parse_argument("max_bookings", count, max_bookings, at_least=1, at_most=_MOST_BOOKINGS)
        self.max_bookings = most or _AT_ONCE
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self.organization_id = organization_id
        self.team_id = team_id
        self.user_id = user_id
        list_path(organization_id, team_id, user_id)
        self._stored: Cursor | None = None
        self._reported: set[str] = set()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments: plain data, without anything of the connection but its id."""
        names = ("settle", "poll_interval", "catch_up", "overlap", "max_bookings", *_OF_STREAM)
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    # One loop of polls for all triggers that read the same list. Airflow 3.3 calls these, and run() does before.

    def shared_stream_key(self) -> Hashable:
        """Return what triggers have in common that share polls. The triggerer of Airflow 3.3 and newer reads it."""
        return (__name__, *(getattr(self, name) for name in ("poll_interval", *_OF_STREAM)))

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncGenerator[Poll]:
        """Yield polls for ever.

        :param kwargs: those of any trigger with the same key.
        """
        from airflow_provider_calcom.triggers._polls import Polls

        path = list_path(kwargs["organization_id"], kwargs["team_id"], kwargs["user_id"])
        polls = Polls(kwargs["calcom_conn_id"], kwargs["api_version"], path, kwargs["poll_interval"])
        async with aclosing(polls.run()) as stream:
            async for poll in stream:
                yield poll

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Poll]) -> AsyncGenerator[TriggerEvent]:
        """Yield the events of this trigger.

        :param shared_stream: polls.
        """
        cursor: Cursor | None = None
        async for poll in shared_stream:
            settled = poll.now - timedelta(seconds=self.settle)
            cursor = cursor or await self._first_cursor(settled)
            if cursor is None:
                continue
            overlap = timedelta(seconds=self.overlap)
            until = min(settled, cursor.since + overlap + _AT_A_TIME)
            # After the clock was set back nothing can be new.
            found = await poll.ended(cursor.since, until) if until > cursor.since else None
            if found is None:
                continue
            batch, cursor = cursor.take(found, until=until, overlap=overlap, most=self.max_bookings)
            if batch:
                yield _event([one.shown() for one in batch], until)
                await type(self).default_sleep(_UNTIL_STORED)
            await self._store(cursor)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the events of this trigger, with polls of its own: before Airflow 3.3."""
        polls = self.open_shared_stream(self.serialize()[1])
        async with aclosing(polls), aclosing(self.filter_shared_stream(polls)) as events:
            async for event in events:
                yield event

    # The cursor.

    async def _first_cursor(self, settled: datetime) -> Cursor | None:
        """Return the stored cursor, or where there is none, one to begin with; None if it can't be found out now."""
        beginning = Cursor(settled - timedelta(seconds=self.catch_up), {})
        store = getattr(self, "asset_state_store", None)
        if store is None:
            return beginning
        try:
            stored = await store.aget(CURSOR)
        except ValueError:  # of several assets
            self._report(
                "Several assets share this trigger, so that its state can't be kept: give each other parameters"
            )
            self.asset_state_store = None
            return beginning
        except Exception as error:
            self._report("The state of the asset can't be read, so nothing is reported yet", error)
            return None
        try:
            return beginning if stored is None else Cursor.of(stored)
        except ValueError:
            self._report("The state of the asset is not as this version writes it, so it is not used")
            return beginning

    async def _store(self, cursor: Cursor) -> None:
        store = getattr(self, "asset_state_store", None)
        if store is None or cursor == self._stored:
            return
        try:
            await store.aset(CURSOR, cursor.stored())
        except Exception as error:
            self._report("The state of the asset can't be written. A restart now would report bookings again", error)
        else:
            self._stored = cursor
            self._reported.clear()

    def _report(self, text: str, error: Exception | None = None) -> None:
        """Log a fault of the store, once until it works."""
        if text not in self._reported:
            self._reported.add(text)
            log.warning("%s (%s)", text, type(error).__name__ if error else "logged once")


_OF_STREAM = ("calcom_conn_id", "api_version", "organization_id", "team_id", "user_id")


def _event(bookings: list[Any], until: datetime) -> TriggerEvent:
    return TriggerEvent({"bookings": bookings, "until": format_timestamp(until)})  # type: ignore[no-untyped-call]
