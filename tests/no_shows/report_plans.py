"""Small plan folders with evidence, of all outcomes and reasons, for tests of what is made of a plan.

:func:`write_world_plans` writes random worlds, with odd names, spellings and times. A plan of ordinary meetings, of any
number of bookings, is :func:`benchmarks.report_plans.write_report_plan`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from airflow_provider_calcom.attendance.engine import Resources, deciding
from airflow_provider_calcom.no_shows.plan import Origin, write_plan
from tests.attendance.worlds import random_tables

WORLDS = (25, 15, 4)
"""Seeds of worlds of 30 bookings which reach every reason of the rules between them."""

PASSING = {"max_absent_share": 1, "min_matched_share": 0, "allow_empty_feed": True, "allow_nobody_present": True}
"""Guard rails that no figure fails."""


def write_world_plans(folder: Path, **options: Any) -> list[Path]:
    """Write one plan for each of the worlds, and return their folders.

    :param options: of ``write_plan``.
    """
    return [write_world_plan(folder / f"world-{seed}", seed, **options) for seed in WORLDS]


def write_world_plan(folder: Path, seed: int, *, bookings: int = 30, judge_hosts: bool = True, **options: Any) -> Path:
    """Write the plan of one world, and return its folder."""
    tables, policy = random_tables(seed, bookings)
    settings: dict[str, Any] = {"rails": PASSING, "correct": "all"}
    settings["origin"] = Origin(booking_url="https://app.cal.com/booking/{uid}")
    resources = Resources(threads=1)
    with deciding(*tables, policy | {"judge_hosts": judge_hosts}, resources=resources) as decided:
        write_plan(decided, folder, **settings | options)
    return folder


def hashed(address: str) -> str:
    """Return a name that shows nothing of an address, in the form of a ledger's hash."""
    return f"{0:08x}-{sum(address.strip().lower().encode()) * 7919:064x}"


def is_hashed(name: str) -> bool:
    """Return whether a name is one of :func:`hashed`."""
    return re.fullmatch("0{8}-[0-9a-f]{64}", name) is not None
