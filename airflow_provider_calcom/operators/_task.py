"""What an applying task leaves of its progress in Airflow's task state store, and tells of an earlier try."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

_KEY = "calcom_apply"


class TaskState:
    """What tries of one task leave for the next to log.

    Airflow 3.3 has a store for it. What is done stands in the ledger and on the bookings alone: a cleared task is a
    later try, too, and a person may have changed flags since.

    :param context: the task's.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")

    def log_earlier_try(self, plan: str) -> None:
        """Log how far an earlier try came with a plan, where there was one.

        :param plan: the plan's hash.
        """
        if self._store is None:
            return
        try:
            found = self._store.get(_KEY)
        except Exception as error:
            self._without_store(error)
            return
        if isinstance(found, Mapping) and found.get("plan") == plan:
            log.info(
                "An earlier try of this task began this plan, and came to %s of %s",
                found.get("done"),
                found.get("total"),
            )

    def note(self, plan: str, done: int, total: int) -> None:
        """Leave how far this try has come.

        :param plan: hash of the plan's changes.
        :param done: changes of which it is known what became.
        :param total: changes of the plan.
        """
        if self._store is None:
            return
        try:
            self._store.set(_KEY, {"plan": plan, "done": done, "total": total})
        except Exception as error:
            self._without_store(error)

    def _without_store(self, error: Exception) -> None:
        """Go on without it: it is for the log alone."""
        log.warning(
            "Airflow's task state store can't be used (%s); the ledger carries the run alone", type(error).__name__
        )
        self._store = None
