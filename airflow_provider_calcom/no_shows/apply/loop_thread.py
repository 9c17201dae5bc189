"""An event loop beside the task, which can be asked to stop while it is in the middle of something."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress

_FIRST_TOLD = 5.0
_TOLD_EACH = 30.0
_LONGEST_END = 10.0
"""Seconds until the progress is told, between two times, and for which a stop waits for the end."""

_GLANCE = 0.02
"""Seconds between two looks whether the loop has ended. Locks and events of threads would do without, but the thread
that waits may hold them when a signal's handler, which runs in the same thread, calls :meth:`LoopThread.stop`."""


class LoopThread:
    """Runs a coroutine on an event loop in a thread of its own.

    Airflow ends a task by raising an exception wherever its main thread happens to be. On the loop that would cut calls
    off whose outcome nobody then knows.
    """

    def __init__(self) -> None:
        self._halt: Callable[[], object] | None = None
        self._is_stopped = False
        self._has_ended = False
        self._crash: BaseException | None = None

    def run(self, main: Callable[[], Coroutine[None, None, None]], tell: Callable[[float], None]) -> None:
        """Run a coroutine to its end, and raise what it raised.

        :param main: makes the coroutine.
        :param tell: is called in the waiting thread after 5 s and each 30 s from then on, with the seconds so far.
        """
        thread = threading.Thread(target=self._run, args=(main,), name="calcom-apply", daemon=True)
        thread.start()
        self._wait(tell)
        thread.join()
        if self._crash is not None:
            raise self._crash

    def on_stop(self, halt: Callable[[], object]) -> None:
        """Say, on the loop, what is to be called there when :meth:`stop` is."""
        loop = asyncio.get_running_loop()
        self._halt = lambda: loop.call_soon_threadsafe(halt)
        if self._is_stopped:
            halt()

    def stop(self) -> None:
        """Ask the coroutine to end, and wait for that for 10 s. May be called from a signal's handler."""
        self._is_stopped = True
        if self._halt is None:
            return
        with suppress(RuntimeError):  # the loop has just ended
            self._halt()
        deadline = time.monotonic() + _LONGEST_END
        while not self._has_ended and time.monotonic() < deadline:
            time.sleep(_GLANCE)

    def _run(self, main: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            self._crash = error
        finally:
            self._has_ended = True

    def _wait(self, tell: Callable[[float], None]) -> None:
        began = time.monotonic()
        due = began + _FIRST_TOLD
        try:
            while not self._has_ended:
                time.sleep(_GLANCE)
                if time.monotonic() >= due:
                    due = time.monotonic() + _TOLD_EACH
                    tell(time.monotonic() - began)
        except BaseException:
            self.stop()
            raise
