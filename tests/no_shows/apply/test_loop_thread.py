"""The loop beside the task: it ends when it is asked to, from wherever, and raises what went wrong on it."""

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
    """What happened, in its order."""
    return []


@pytest.fixture
def loop(ended: list[str]) -> LoopThread:
    return LoopThread()


async def until_stopped(loop: LoopThread, ended: list[str]) -> None:
    """Wait to be stopped, and then end what is under way."""
    stopped = asyncio.Event()
    loop.on_stop(stopped.set)
    ended.append("begun")
    await stopped.wait()
    await asyncio.sleep(0.05)
    ended.append("ended")


def ignore(seconds: float) -> None:
    """Tell nobody."""


@pytest.fixture
def handler(loop: LoopThread, ended: list[str]) -> Iterator[None]:
    """Stop the loop on SIGTERM, as Airflow does, and record when the handler returns."""

    def stop(*_: object) -> None:
        loop.stop()
        ended.append("handled")

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("handler")
def test_a_signal_ends_it(loop: LoopThread, ended: list[str]) -> None:
    """In the very thread that waits for it; when the handler returns, what was under way has ended."""
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    loop.run(lambda: until_stopped(loop, ended), ignore)
    assert ended == ["begun", "ended", "handled"]


def test_an_exception_in_the_waiting_thread_ends_it(loop: LoopThread, ended: list[str]) -> None:
    """As a task's time-out raises one; it goes on its way once the loop has ended."""

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
    """It is not forgotten."""
    loop.stop()
    loop.run(lambda: until_stopped(loop, ended), ignore)
    assert ended == ["begun", "ended"]
    loop.stop()


def test_what_went_wrong_is_raised(loop: LoopThread) -> None:
    """In the thread that waits."""

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(fail, ignore)


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        (Progress(0, 100, 0.0, 0, None), "0 of 100 changes, 0.0 a second, time left not known"),
        (Progress(50, 100, 10.0, 40, None), "50 of 100 changes, 5.0 a second, 10 s left"),
        (
            Progress(200, 2000, 100.0, 190, 0.957),
            "200 of 2000 changes, 2.0 a second, 96% of the rate limit used, 15 min left",
        ),
        (
            Progress(600, 100_000, 300.0, 1, 1.0),
            "600 of 100000 changes, 2.0 a second, 100% of the rate limit used, 13 h 48 min left",
        ),
    ],
)
def test_progress_in_words(progress: Progress, told: str) -> None:
    """Done, rate, share of the limit, and time left."""
    assert str(progress) == told
