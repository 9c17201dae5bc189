"""What the browser meets: a whole Airflow with this provider, two users, and the sandbox as its Cal.com."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_calcom.sandbox.practice import demo_world
from airflow_provider_calcom.sandbox.running import RunningSandbox, running_sandbox
from tests.conftest import EXAMPLE_DAGS
from tests.e2e.standalone import Standalone, running_standalone, wait_until

# The user's role is its name, in the words of Airflow's SimpleAuthManager.
PASSWORDS = {"admin": "admin-of-the-tests", "viewer": "viewer-of-the-tests"}
KEY = "cal_demo_owner"
EXAMPLES = 5
SAMPLE_REPORT = EXAMPLE_DAGS / "data" / "zoom_participants.json"


@dataclass(frozen=True)
class Stack:
    """What runs for the tests.

    :param airflow: with the example DAGs, and without a connection ``calcom_default``.
    :param sandbox: with the day of bookings that the examples judge.
    :param folder: everything that they write is below.
    :param absent_at_first: booking uid and address of each attendee who had the flag before anything ran.
    """

    airflow: Standalone
    sandbox: RunningSandbox
    folder: Path
    absent_at_first: frozenset[tuple[str, str]]

    @property
    def plans(self) -> Path:
        """Folder of the plans, which Airflow's plugin is configured with."""
        return self.folder / "plans"

    @property
    def ledger(self) -> Path:
        """Folder of the ledger, which Airflow's plugin is configured with."""
        return self.folder / "ledger"

    def absent(self) -> set[tuple[str, str]]:
        """Return the booking uid and address of each attendee with a no-show flag in Cal.com."""
        return absent_in(self.sandbox)

    def addresses(self) -> set[str]:
        """Return the addresses of all attendees."""
        return {
            attendee.email for booking in self.sandbox.state.world.bookings.values() for attendee in booking.attendees
        }

    def mark_absent_calls(self) -> Counter[str]:
        """Return the number of mark-absent calls of each booking."""
        calls = list(self.sandbox.state.calls)
        return Counter(call["path"].split("/")[-2] for call in calls if call["path"].endswith("/mark-absent"))


def absent_in(sandbox: RunningSandbox) -> set[tuple[str, str]]:
    """Return the booking uid and address of each attendee with a no-show flag in a sandbox."""
    return {
        (uid, attendee.email)
        for uid, booking in sandbox.state.world.bookings.items()
        for attendee in booking.attendees
        if attendee.absent
    }


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Run Airflow and the sandbox until the block ends.

    :param folder: an empty one, for everything that they write.
    """
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS), encoding="utf-8")
    environment = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{name}" for name in PASSWORDS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CALCOM_NO_SHOWS__PLAN_FOLDERS": str(folder / "plans"),
        "AIRFLOW__CALCOM_NO_SHOWS__LEDGER_FOLDERS": str(folder / "ledger"),
    }
    with (
        running_sandbox(world=demo_world(), server="2026-07") as sandbox,
        running_standalone(folder, EXAMPLE_DAGS, environment, login=("admin", PASSWORDS["admin"])) as airflow,
    ):
        wait_until(lambda: airflow.get("/dags")["total_entries"] >= EXAMPLES, 180, "the DAGs", 1.0)
        yield Stack(airflow, sandbox, folder, frozenset(absent_in(sandbox)))
