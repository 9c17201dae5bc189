"""The event loop beside the task: it can be stopped from anywhere, and its exceptions are raised."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from airflow_provider_calcom.no_shows.apply.loop_thread import LoopThread
from airflow_provider_calcom.no_shows.apply.result import Progress


@pytest.fixture
def ended() -> list[str]:
    """The events of the run, in order."""
    return []


@pytest.fixture
def loop(ended: list[str]) -> LoopThread:
    return LoopThread()


async def until_stopped(loop: LoopThread, ended: list[str]) -> None:
    """Wait to be stopped, and then finish the work in flight."""
    stopped = asyncio.Event()
    loop.on_stop(stopped.set)
    ended.append("begun")
    await stopped.wait()
    await asyncio.sleep(0.05)
    ended.append("ended")


def ignore(seconds: float) -> None:
    """Ignore the progress."""


@pytest.fixture
def handler(loop: LoopThread) -> Iterator[list[str]]:
    """Stops the loop on SIGTERM, as Airflow does; has an entry for each time that the handler returned."""
    returned: list[str] = []

    def stop(*_: object) -> None:
        loop.stop()
        returned.append("returned")

    before = signal.signal(signal.SIGTERM, stop)
    yield returned
    signal.signal(signal.SIGTERM, before)


def test_a_signal_ends_it(loop: LoopThread, ended: list[str], handler: list[str]) -> None:
    """Also in the thread that waits for it; when the handler returns, the work in flight has ended."""
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    loop.run(lambda: until_stopped(loop, ended), ignore)
    assert ended == ["begun", "ended"]
    assert len(handler) == 1


def test_an_exception_in_the_waiting_thread_ends_it(loop: LoopThread, ended: list[str]) -> None:
    """A task's timeout raises one; it propagates once the loop has ended."""

    def time_out(*_: object) -> None:
        raise TimeoutError("the task's time is over")

    before = signal.signal(signal.SIGALRM, time_out)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError, match="the task's time"):
            loop.run(lambda: until_stopped(loop, ended), ignore)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended == ["begun", "ended"]


def test_a_stop_before_it_began(loop: LoopThread, ended: list[str]) -> None:
    """A stop that comes before the loop runs still stops it."""
    loop.stop()
    loop.run(lambda: until_stopped(loop, ended), ignore)
    assert ended == ["begun", "ended"]
    loop.stop()


def test_exceptions_are_raised(loop: LoopThread) -> None:
    """In the thread that waits."""

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(fail, ignore)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(0, 100, 0.0, 0, None), "0 of 100 changes (0%), 0.0 a second, time left unknown"),
        (Progress(50, 100, 10.0, 40, None), "50 of 100 changes (50%), 5.0 a second, 10 s left"),
        (
            Progress(200, 2000, 100.0, 190, 0.957),
            "200 of 2,000 changes (10%), 2.0 a second, 96% of the rate limit, 15 min left",
        ),
        (
            Progress(600, 100_000, 300.0, 1, 1.0),
            "600 of 100,000 changes (1%), 2.0 a second, 100% of the rate limit, 13 h 48 min left",
        ),
    ],
)
def test_progress_as_text(progress: Progress, text: str) -> None:
    """Done, rate, share of the limit, and time left."""
    assert str(progress) == text
