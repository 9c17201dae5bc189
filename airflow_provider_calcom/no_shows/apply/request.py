"""What is to be applied, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NewType

from airflow_provider_calcom._storage import Folder
from airflow_provider_calcom.api import query
from airflow_provider_calcom.no_shows.ledger.claims import LEASE
from airflow_provider_calcom.no_shows.ledger.identities import Identities
from airflow_provider_calcom.no_shows.ledger.records import NO_TASK, TaskRun

Sha256 = NewType("Sha256", str)
"""A plan's hash: 64 hexadecimal digits in lower case."""


_OPTION = {"is_option": True}
"""Metadata of fields that users set: the field's type, and ``at_least`` and ``at_most``, say how a value is read."""


@dataclass(frozen=True)
class ApplyRequest:
    """What to apply, and how.

    The options have the names and the meaning of the parameters of ``ApplyNoShowsOperator``, which documents them.

    :param plan: the plan's folder, local or in an object store.
    :param ledger: the ledger's folder, likewise.
    :param identities: how the ledger identifies people.
    :param list_path: path of Cal.com's list that has the bookings.
    :param task: the task that writes, for the ledger.
    :param rest: seconds to wait before a booking is read, where the ledger has writes of the last hour whose result is
        not known: the server may still be processing them.
    :param grace: seconds that requests in flight may take once the run is stopped. Airflow sends SIGKILL 5 s after
        SIGTERM.
    :param lease: seconds for which the claim on the plan's bookings holds after its last renewal.
    """

    plan: Folder
    ledger: Folder
    identities: Identities = field(default_factory=Identities)
    list_path: str = query.own_bookings()
    task: TaskRun = NO_TASK
    rest: float = 40.0
    grace: float = 3.0
    lease: float = LEASE
    # More would not be faster at any rate limit that Cal.com has.
    concurrency: int = field(default=8, metadata={**_OPTION, "at_least": 1, "at_most": 64})
    dry_run: bool = field(default=False, metadata=_OPTION)
    max_changes: int | None = field(default=None, metadata={**_OPTION, "at_least": 0})
    on_error: Literal["continue", "stop"] = field(default="continue", metadata=_OPTION)
    claim_timeout: int = field(default=3600, metadata={**_OPTION, "at_least": 0})
    expected_hash: Sha256 | None = field(default=None, metadata=_OPTION)
    allow_cohosts: bool = field(default=False, metadata=_OPTION)
    allow_foreign_booking: bool = field(default=False, metadata=_OPTION)
