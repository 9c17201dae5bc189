"""What Airflow records as the host of a task: the workers are on one machine here, and would share its name."""

from __future__ import annotations

import os

VARIABLE = "DISTRIBUTED_MACHINE"


def machine_name() -> str:
    """Return the name of the machine that this process belongs to."""
    return os.environ[VARIABLE]
