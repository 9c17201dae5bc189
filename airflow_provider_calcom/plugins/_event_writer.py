"""A bounded queue of deliveries, and the thread that registers them: those of one asset together, once a second.

A delivery that finds nothing before it is registered at once. Others within the next second become one event: that
costs one transaction instead of hundreds, and Airflow up to 3.3.2 leaves events that follow each other faster.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from queue import Full
from typing import Literal

from airflow_provider_calcom.plugins._asset_events import SECONDS_BETWEEN_EVENTS, Delivery, Registered

MOST_WAITING = 5_000
"""Deliveries that wait at once; a delivery takes some 700 bytes. More are refused."""
MOST_OF_AN_EVENT = 1_000
"""Deliveries in one event, of which each takes some 50 bytes in Airflow's database."""
MOST_ATTEMPTS = 6
"""Attempts to register a delivery that was accepted already: over half a minute, each after twice the time."""

_LOOK_AGAIN = 0.5
"""Seconds after which the thread looks whether the process ends; then nothing is waited for any more."""

Result = Literal["registered", "repeated", "unused"]
Register = Callable[[str, str, Sequence[Delivery]], Registered]

log = logging.getLogger(__name__)


@dataclass
class Waiting:
    """A delivery that waits.

    :param result: the result to come. Who stops waiting cancels this; the delivery is registered all the same.
    :param attempts: how often registering it has failed.
    """

    delivery: Delivery
    result: Future[Result] = field(default_factory=Future)
    attempts: int = 0


@dataclass
class _Asset:
    """The deliveries of one asset that wait, and when the next event of it may be registered, on the clock."""

    trigger: str
    waiting: list[Waiting] = field(default_factory=list)
    due: float = 0.0


class EventWriter:
    """Registers deliveries in one thread. Where Python ends the process, it first registers what waits.

    :param register: registers one event for deliveries of one asset; called with its URI, and the trigger.
    :param forget: called with the digest of a delivery that was accepted and then not registered.
    :param clock: monotonic clock, in seconds.
    """

    def __init__(
        self, register: Register, forget: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._register = register
        self._forget = forget
        self._clock = clock
        self._assets: dict[str, _Asset] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._is_failing = False
        self._is_running = False

    def add(self, uri: str, trigger: str, delivery: Delivery) -> tuple[Future[Result], float]:
        """Let a delivery wait; return its result to come, and the seconds until it will be tried at the earliest.

        :raises queue.Full: if too many wait.
        """
        with self._changed:
            if self._number >= MOST_WAITING:
                raise Full
            if not self._is_running:
                # Not a daemon: Python waits for it at the end of the process.
                threading.Thread(target=self._run, name="calcom-webhooks", daemon=False).start()
                self._is_running = True
            asset = self._assets.setdefault(uri, _Asset(trigger))
            asset.waiting.append(waiting := Waiting(delivery))
            self._number += 1
            self._changed.notify()
            return waiting.result, max(0.0, asset.due - self._clock())

    @property
    def is_at_work(self) -> bool:
        """Return whether deliveries wait or are being registered, and the last attempt did not fail."""
        return self._is_running and not self._is_failing

    def _run(self) -> None:
        """Register what waits, until nothing does."""
        while (found := self._next()) is not None:
            self._write(*found)

    def _next(self) -> tuple[str, str, list[Waiting]] | None:
        """Wait for the deliveries that are due first, and take them from the queue. None if there are none."""
        with self._changed:
            while True:
                now = self._clock()
                self._assets = {uri: one for uri, one in self._assets.items() if one.waiting or one.due > now}
                uri = min(
                    (uri for uri, one in self._assets.items() if one.waiting),
                    key=lambda uri: self._assets[uri].due,
                    default=None,
                )
                if uri is None:
                    self._is_running = False
                    return None
                asset = self._assets[uri]
                if asset.due <= now or _is_ending():
                    taken, asset.waiting = asset.waiting[:MOST_OF_AN_EVENT], asset.waiting[MOST_OF_AN_EVENT:]
                    self._number -= len(taken)
                    return uri, asset.trigger, taken
                self._changed.wait(min(asset.due - now, _LOOK_AGAIN))

    def _write(self, uri: str, trigger: str, taken: list[Waiting]) -> None:
        try:
            done = self._register(uri, trigger, [one.delivery for one in taken])
        except Exception as error:
            self._is_failing = True
            self._on_failure(uri, trigger, taken, error)
            return
        self._is_failing = False
        if done.wait:
            if _is_ending():
                time.sleep(done.wait)
            self._put_back(uri, trigger, taken, done.wait)
            return
        if done.is_used and len(done.repeated) < len(taken):
            self._set_due(uri, trigger, SECONDS_BETWEEN_EVENTS)
        unused = 0
        for one in taken:
            digest = one.delivery.digest
            result: Result = "unused" if not done.is_used else "repeated" if digest in done.repeated else "registered"
            if not _set_result(one, result) and result == "unused":
                self._forget(digest)
                unused += 1
        if unused:
            log.warning("%d accepted deliveries were not registered: no DAG uses the asset %s", unused, uri)

    def _on_failure(self, uri: str, trigger: str, taken: list[Waiting], error: Exception) -> None:
        """Refuse the deliveries that are still waited for. The others were accepted, so that they are tried again."""
        left = []
        lost = 0
        for one in taken:
            one.attempts += 1
            if _set_error(one, error):
                continue
            if one.attempts < MOST_ATTEMPTS and not _is_ending():
                left.append(one)
            else:
                self._forget(one.delivery.digest)
                lost += 1
        if lost:
            log.error("%d accepted deliveries could not be registered (%s): %s", lost, type(error).__name__, uri)
        if left:
            self._put_back(uri, trigger, left, 2.0 ** (min(one.attempts for one in left) - 1))

    def _put_back(self, uri: str, trigger: str, taken: list[Waiting], seconds: float) -> None:
        with self._changed:
            asset = self._assets.setdefault(uri, _Asset(trigger))
            asset.waiting[:0] = taken
            asset.due = self._clock() + seconds
            self._number += len(taken)

    def _set_due(self, uri: str, trigger: str, seconds: float) -> None:
        with self._changed:
            self._assets.setdefault(uri, _Asset(trigger)).due = self._clock() + seconds


def _is_ending() -> bool:
    """Return whether the process ends: Python then waits for this thread."""
    return not threading.main_thread().is_alive()


def _set_result(one: Waiting, result: Result) -> bool:
    """Return whether somebody still waited for the result."""
    try:
        one.result.set_result(result)
    except InvalidStateError:
        return False
    return True


def _set_error(one: Waiting, error: Exception) -> bool:
    try:
        one.result.set_exception(error)
    except InvalidStateError:
        return False
    return True
