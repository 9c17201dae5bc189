"""An event loop in a thread of its own, which can be stopped at any moment."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress

_FIRST_REPORT = 5.0
_REPORT_INTERVAL = 30.0
_STOP_TIMEOUT = 10.0
"""Seconds until progress is first reported, between two reports, and for which a stop waits for the end."""

_POLL_INTERVAL = 0.02
"""Seconds between two checks whether the loop has ended. We poll instead of waiting for a lock or an event of threads:
the waiting thread may hold its lock when a signal handler, which runs in the same thread, calls
:meth:`LoopThread.stop`."""


class LoopThread:
    """Runs a coroutine on an event loop in a thread of its own.

    Airflow ends a task by raising an exception in its main thread, wherever that is. If the loop ran there, calls would
    be cut off whose outcome is not known then.
    """

    def __init__(self) -> None:
        self._halt: Callable[[], object] | None = None
        self._is_stopped = False
        self._has_ended = False
        self._error: BaseException | None = None

    def run(self, main: Callable[[], Coroutine[None, None, None]], on_progress: Callable[[float], None]) -> None:
        """Run a coroutine to its end, and raise its exception if there is one.

        :param main: makes the coroutine.
        :param on_progress: is called in the waiting thread after 5 s and every 30 s from then on, with the seconds
            since the beginning.
        """
        thread = threading.Thread(target=self._run, args=(main,), name="calcom-apply", daemon=True)
        thread.start()
        self._wait(on_progress)
        thread.join()
        if self._error is not None:
            raise self._error

    def on_stop(self, halt: Callable[[], object]) -> None:
        """Set what :meth:`stop` calls on the loop. To be called on the loop."""
        loop = asyncio.get_running_loop()
        self._halt = lambda: loop.call_soon_threadsafe(halt)
        if self._is_stopped:
            halt()

    def stop(self) -> None:
        """Request that the coroutine ends, and wait for that for 10 s. May be called from a signal handler."""
        self._is_stopped = True
        if self._halt is None:
            return
        with suppress(RuntimeError):  # the loop has just ended
            self._halt()
        deadline = time.monotonic() + _STOP_TIMEOUT
        while not self._has_ended and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL)

    def _run(self, main: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            self._error = error
        finally:
            self._has_ended = True

    def _wait(self, on_progress: Callable[[float], None]) -> None:
        began = time.monotonic()
        due = began + _FIRST_REPORT
        try:
            while not self._has_ended:
                time.sleep(_POLL_INTERVAL)
                if time.monotonic() >= due:
                    due = time.monotonic() + _REPORT_INTERVAL
                    on_progress(time.monotonic() - began)
        except BaseException:
            self.stop()
            raise
