"""How a try of an applying task learns of earlier ones: from Airflow's task state store, or by its number."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

_KEY = "calcom_apply"


class TaskState:
    """What tries of one task leave for the next.

    Airflow 3.3 has a store for it. Elsewhere the ledger carries it alone: which changes are done stands there, with the
    task that did them.

    :param context: the task's.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")
        self._try_number = getattr(context.get("ti"), "try_number", 1)

    def has_begun(self, plan: str) -> bool:
        """Tell whether an earlier try began to apply a plan, and say in the log how far it came.

        :param plan: hash of the plan's changes.
        """
        if self._store is None:
            return isinstance(self._try_number, int) and self._try_number > 1
        try:
            found = self._store.get(_KEY)
        except Exception as error:
            self._without_store(error)
            return True
        if not isinstance(found, Mapping) or found.get("plan") != plan:
            return False
        log.info(
            "An earlier try of this task began this plan, and came to %s of %s", found.get("done"), found.get("total")
        )
        return True

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
        """Go on without it: it saves reading, and no more."""
        log.warning(
            "Airflow's task state store can't be used (%s); the ledger carries the run alone", type(error).__name__
        )
        self._store = None
