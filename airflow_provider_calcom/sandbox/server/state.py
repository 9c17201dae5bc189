"""The state of one sandbox: its build, clock, world, counters and logs."""

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import Clock, iso
from airflow_provider_calcom.sandbox.server.call_counts import Counts
from airflow_provider_calcom.sandbox.server.fault_injection import Fault
from airflow_provider_calcom.sandbox.throttle import Limit, Throttle
from airflow_provider_calcom.sandbox.webhooks.payloads import meeting_columns, subscriber_id
from airflow_provider_calcom.sandbox.webhooks.subscriptions import Send, Webhooks, post_once
from airflow_provider_calcom.sandbox.world import Json, World, load_world


@dataclass
class Sandbox:
    """The whole state of a sandbox.

    :param source: the world file's content that :meth:`reset` loads again.
    :param latency: seconds by which each response of the API is delayed; a change applies from the next call on.
    """

    build: Build
    source: Json
    clock: Clock
    default_limit: Limit
    send: Send = post_once
    new_id: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))
    latency: float = 0.0
    world: World = field(init=False)
    throttle: Throttle = field(init=False)
    webhooks: Webhooks = field(init=False)
    faults: list[Fault] = field(init=False)
    calls: list[Json] = field(init=False)
    counts: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self, source: Json | None = None) -> None:
        """Start over, from another world if one is given; the clock keeps running, and the latency stays."""
        self.world = load_world(source or self.source)
        self.source = source or self.source
        self.throttle, self.faults, self.calls, self.counts = Throttle(), [], [], Counts()
        self.webhooks = Webhooks(self.build, self.new_id, self.send)

    def move_clock(self, now: datetime | None, advance: float) -> None:
        """Set and then advance the clock, and send the webhooks of meetings that start or end in between.

        The server's cron job sends each once, and none that is more than a day late. Time that passes by itself sends
        nothing here.
        """
        begin = self.clock.now()
        if now is not None:
            self.clock.set(now)
        self.clock.advance(advance)
        end = self.clock.now()
        if not self.webhooks.rows:
            return
        begin = max(begin, end - timedelta(days=1))
        for trigger, moment in (("MEETING_STARTED", "start"), ("MEETING_ENDED", "end")):
            for booking in self.world.bookings.values():
                if booking.status == "accepted" and begin < getattr(booking, moment) <= end:
                    owner = subscriber_id(self.build, booking)
                    self.webhooks.deliver(trigger, meeting_columns(booking), owner, end, flat=True)

    def describe(self) -> Json:
        """Return the content of `GET /_sandbox/state`: every booking with its flags, and the webhooks."""
        bookings = [
            {
                "uid": booking.uid,
                "status": booking.status,
                "start": iso(booking.start),
                "end": iso(booking.end),
                "absentHost": booking.absent_host,
                "attendees": [{"email": row.email, "absent": row.absent} for row in booking.attendees],
            }
            for booking in self.world.bookings.values()
        ]
        hooks = [hook.show() for hook in self.webhooks.rows.values()]
        return {"server": self.build.name, "now": iso(self.clock.now()), "bookings": bookings, "webhooks": hooks}

    def count(self) -> Json:
        """Return the content of `GET /_sandbox/counts`; its cost does not grow with the number of calls."""
        return {**self.counts.describe(), "deliveries": len(self.webhooks.deliveries)}

    def change_key(self, value: str, expired: bool = False, removed: bool = False) -> None:
        """Expire, renew or remove a key until the next reset; raise ValueError for an unknown key."""
        if not isinstance(expired, bool) or not isinstance(removed, bool):
            raise ValueError("expired and removed must be true or false")
        if value not in self.world.keys:
            raise ValueError("there is no such key")  # without the value: API keys never appear in messages
        if removed:
            del self.world.keys[value]
        else:
            self.world.keys[value] = replace(self.world.keys[value], expired=expired)

    def set_latency(self, seconds: float) -> None:
        """Delay responses from the next call on; raise ValueError for a negative or infinite number of seconds."""
        if not 0 <= seconds < math.inf:
            raise ValueError("seconds must be a number from 0 on")
        self.latency = seconds

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Return the first fault for this route and count it down; it is removed after its last call."""
        fault = next((one for one in self.faults if one.covers(method, path)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
        return fault
