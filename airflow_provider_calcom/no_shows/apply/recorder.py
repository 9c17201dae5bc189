"""Record a run in the ledger: intents before their calls, outcomes in batches after them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from airflow_provider_calcom.no_shows.ledger.records import LedgerNotWritten
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change

log = logging.getLogger(__name__)

_BATCH = 250
_MAX_DELAY = 1.0
"""Outcomes, and seconds, after which a batch is recorded. A crash before that loses only what we know of the outcomes:
the next run reads the bookings again."""

_CLOCK_TOLERANCE = 60.0
"""Seconds by which clocks may differ without a warning."""


class Recorder:
    """Records the writes of one run.

    :param ledger: open.
    :param latest_sequence: that of the ledger's latest record.
    :param wall_clock: the worker's clock, as a Unix time.
    :param server_clock: Cal.com's clock, as a Unix time.
    """

    def __init__(
        self,
        ledger: LedgerWriter,
        latest_sequence: int,
        *,
        wall_clock: Callable[[], float],
        server_clock: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._latest_sequence = latest_sequence
        self._wall_clock = wall_clock
        self._server_clock = server_clock
        # Two batches must not be appended to one segment at the same time.
        self._lock = asyncio.Lock()
        self._pending: list[WriteOutcome] = []
        self._flushed_at = time.monotonic()
        self._has_begun = False

    async def record_intents(self, changes: Sequence[Change], recovered: Sequence[WriteOutcome]) -> list[str]:
        """Record that changes are about to be sent, and return the id of each write.

        :param changes: with addresses as the bookings spell them.
        :param recovered: results of earlier writes, which are recorded first. If the run were killed between the two in
            another order, two writes of one flag would be open, and the next run would count both as applied.
        """
        self._begin()
        if not changes:
            self._pending += recovered
            return []
        async with self._lock:
            if recovered:
                await asyncio.to_thread(self._ledger.record_outcomes, recovered)
            return await asyncio.to_thread(self._ledger.record_intents, changes)

    def add(self, outcome: WriteOutcome) -> None:
        """Add an outcome to the next batch."""
        self._pending.append(outcome)

    async def flush_if_due(self) -> None:
        """Record the batch if it is large or old enough."""
        is_old = time.monotonic() - self._flushed_at >= _MAX_DELAY
        if len(self._pending) >= _BATCH or (is_old and self._pending):
            await self.flush()

    async def flush(self) -> None:
        """Record the batch.

        :raises LedgerNotWritten: if it can't be recorded; then it is kept for the next call.
        """
        async with self._lock:
            batch, self._pending = self._pending, []
            self._flushed_at = time.monotonic()
            try:
                await asyncio.to_thread(self._ledger.record_outcomes, batch)
            except LedgerNotWritten:
                # The disk may have room again at the end of the run.
                self._pending = batch + self._pending
                raise

    async def finish(self) -> None:
        """Record what is left, and check that all of it is still there.

        :raises LedgerNotWritten: if not.
        """
        await self.flush()
        await asyncio.to_thread(self._ledger.check)

    def _begin(self) -> None:
        """Order the records of this run after all that the ledger has, and warn of clocks that differ."""
        if self._has_begun:
            return
        self._has_begun = True
        self._ledger.continue_after(self._latest_sequence, self._server_clock)
        now, server = self._wall_clock(), self._server_clock()
        ahead = now - server
        if abs(ahead) > _CLOCK_TOLERANCE:
            word = "ahead of" if ahead > 0 else "behind"
            log.warning("The worker's clock is %.0f s %s Cal.com's. Set the clock", abs(ahead), word)
        too_late = self._latest_sequence / 1e6 - min(now, server)
        if too_late > _CLOCK_TOLERANCE:
            log.warning(
                "The ledger's latest record is %.0f s ahead of now: the clock of the worker that wrote it was ahead, or"
                " this worker's clock was set back. Writes are ordered by their sequence, not by that time",
                too_late,
            )
