"""Polls for bookings that have ended: one loop for all triggers that share a stream, which outlives every error.

A trigger that raises is started again by the triggerer within a second or two, for ever. So a poll that fails is
reported in the log, once, and the next one comes later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from airflow_provider_calcom.api.ended import Ended, list_ended
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.triggers._shared import SharedReader, shared_reader, shared_settings

_LONGEST_PAUSE = 900.0
"""Seconds between two polls during an outage, unless the interval is longer."""

_SHARED = timedelta(days=2)
"""How far back what is read is shared. A trigger that catches up with more reads for itself, a part in each poll."""

log = logging.getLogger(__name__)


class Poll:
    """One look at the list. What is read of it is shared by all triggers that use it.

    :param reader: reads the list.
    :param now: the server's clock, or this machine's where that is behind.
    :param lag: how far back the triggers read in the poll before, so that the first of them reads enough for all.
    """

    def __init__(self, reader: SharedReader, now: datetime, lag: timedelta = timedelta()) -> None:
        self.now = now
        self.error: Exception | None = None
        self.lag = timedelta()
        self._expected = lag
        self._reader = reader
        self._reading = asyncio.Lock()
        self._since, self._until = now, now
        self._found: list[Ended] = []

    async def ended(self, since: datetime, until: datetime) -> list[Ended] | None:
        """Return at least the bookings that ended after a time and not after another, or None if that failed.

        :param since: of bookings that ended then or earlier not all are returned.
        :param until: later than ``since``, and not after :attr:`now`.
        """
        async with self._reading:
            if self.error is None and not (self._since <= since and until <= self._until):
                try:
                    await self._read(since, until)
                except Exception as error:  # the loop reports it
                    self.error = error
            return self._found if self.error is None else None

    async def _read(self, since: datetime, until: datetime) -> None:
        if self.now - since <= _SHARED:
            self.lag = max(self.lag, self.now - since)
            since, until = self.now - max(self.lag, self._expected), self.now
        self._found = await self._reader.run(
            lambda path, api_version: list_ended(path=path, api_version=api_version, since=since, until=until)
        )
        self._since, self._until = since, until


class Polls:
    """A loop of polls.

    :param conn_id: id of the connection, which is read again after each error: its key may have been replaced.
    :param api_version: a ``cal-api-version`` date, or None.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    :param interval: seconds between two polls.
    :cvar default_sleep: waits for some seconds; tests replace it, as ``default_clock``, which returns a Unix time.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)
    default_clock: ClassVar[Callable[[], float]] = staticmethod(time.time)

    def __init__(self, conn_id: str, api_version: str | None, path: str, interval: float) -> None:
        self._conn_id = conn_id
        self._api_version = api_version
        self._path = path
        self._interval = interval
        self._failures = 0
        self._reported: set[type[Exception]] = set()

    async def run(self) -> AsyncGenerator[Poll]:
        """Yield polls for ever."""
        while True:
            try:
                hook = CalComHook(calcom_conn_id=self._conn_id, api_version=self._api_version)
                settings = await shared_settings(hook, renewed=self._failures > 0)
                async with shared_reader(self._conn_id, settings, self._path) as reader:
                    async for poll in self._polls_of(reader):
                        yield poll
            except Exception as error:
                self._note_failure(error)
            await type(self).default_sleep(self._pause())

    async def _polls_of(self, reader: SharedReader) -> AsyncIterator[Poll]:
        lag = timedelta()
        while True:
            # The earlier of two clocks: a wrong one makes polls late, and never reports what has not ended.
            seconds = min(await reader.server_time(), type(self).default_clock())
            poll = Poll(reader, datetime.fromtimestamp(seconds, UTC).replace(microsecond=0), lag)
            yield poll
            await type(self).default_sleep(self._interval)
            if poll.error is not None:
                raise poll.error
            self._note_success()
            lag = poll.lag

    def _pause(self) -> float:
        """Return the seconds to wait after a failure, in most cases beside the interval itself."""
        return max(self._interval, min(self._interval * 2.0**self._failures, _LONGEST_PAUSE) - self._interval)

    def _note_failure(self, error: Exception) -> None:
        """Log a failure, each kind once in an outage: a lasting one would fill the log."""
        self._failures = min(self._failures + 1, 10)
        if type(error) in self._reported:
            return
        self._reported.add(type(error))
        level = logging.WARNING if isinstance(error, ProviderError) and error.retryable else logging.ERROR
        if isinstance(error, ProviderError):
            log.log(level, "%s: %s", _FAILED, error)
        else:
            log.log(level, "%s: %s", _FAILED, type(error).__name__)

    def _note_success(self) -> None:
        if self._failures:
            log.info("Bookings that have ended are read again")
        self._failures = 0
        self._reported.clear()


_FAILED = (
    "Bookings that have ended can't be read. Nothing is lost: it is tried again at intervals of up to a quarter of an"
    " hour, or two poll intervals, and logged again only after it has worked"
)
