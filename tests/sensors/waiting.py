"""Helpers for tests of sensors and triggers: sleeps that advance the sandbox's clock."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.sensors.bookings import BookingEndedSensor
from airflow_provider_calcom.triggers._shared import SharedReader
from airflow_provider_calcom.triggers.bookings import BookingsTrigger
from tests.support import KEY, SandboxDriver

UNDER_WAY = "sandbox-in-progress"
PAST = "sandbox-yesterday-1"
LATER = "sandbox-today-6"
TOMORROW = "sandbox-tomorrow-1"


def sensor(uid: Any, **options: Any) -> BookingEndedSensor:
    """Return the sensor of some bookings."""
    return BookingEndedSensor(task_id="wait", booking_uid=uid, **options)


def event_of(trigger: BookingsTrigger) -> Any:
    """Run a trigger as a triggerer does, from what it serialized, and return the payload of its one event."""
    path, given = trigger.serialize()
    assert path == "airflow_provider_calcom.triggers.bookings.BookingsTrigger"

    async def run() -> list[Any]:
        return [event.payload async for event in BookingsTrigger(**given).run()]

    (payload,) = asyncio.run(run())
    return payload


def sleeping(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch, **actions: Any) -> list[float]:
    """Let the sleeps of triggers advance the sandbox's clock; return them.

    :param actions: ``after_1`` is called after the first sleep, and so on.
    """
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)
        slept.append(seconds)
        calcom.admin("clock", {"advance": seconds})
        actions.get(f"after_{len(slept)}", lambda: None)()

    async def collect(seconds: float) -> None:
        await asyncio.sleep(0.01)

    monkeypatch.setattr(BookingsTrigger, "default_sleep", staticmethod(sleep))
    monkeypatch.setattr(SharedReader, "default_sleep", staticmethod(collect))
    return slept


def reschedule(calcom: SandboxDriver, uid: str, start: str) -> str:
    """Reschedule a booking as its organiser does, and return the new uid."""
    response = httpx.post(
        f"{calcom.url}/v2/bookings/{uid}/reschedule",
        json={"start": start},
        headers={"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"},
    )
    assert response.status_code == 201, response.text
    new: str = response.json()["data"]["uid"]
    return new


def reads(calcom: SandboxDriver) -> list[str]:
    """Return the paths of all reading calls."""
    return [call["path"] for call in calcom.calls() if call["method"] == "GET"]
