"""The run of a task, and its progress in Airflow's task state store for the task's next attempt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_calcom.links import FAILED_RESULT
from airflow_provider_calcom.no_shows.ledger.records import NO_TASK, TaskRun

log = logging.getLogger(__name__)

_KEY = "calcom_apply"


def task_run(context: Mapping[str, Any]) -> TaskRun:
    """Return the run of a task.

    :param context: the task's; an empty one is of no task.
    """
    task_instance: Any = context.get("ti")
    if task_instance is None:
        return NO_TASK
    return TaskRun(
        dag_id=str(task_instance.dag_id),
        run_id=str(task_instance.run_id),
        task_id=str(task_instance.task_id),
        map_index=_integer(task_instance.map_index),
        try_number=_integer(task_instance.try_number),
    )


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def keep_failed_result(context: Mapping[str, Any], result: Callable[[], Any]) -> None:
    """Keep the result of a task that fails as an XCom of its own, for notifications of the task or its DAG.

    Without it such a message would have no figures: Airflow stores only what a task returns.

    :param context: the task's.
    :param result: returns the result, or None if there is none. Its errors are logged only: the task has its own.
    """
    task_instance = context.get("ti")
    if task_instance is None:
        return
    try:
        if (found := result()) is not None:
            task_instance.xcom_push(key=FAILED_RESULT, value=found)
    except Exception as error:
        log.warning("The failed task's result can't be kept for notifications (%s)", type(error).__name__)


class TaskState:
    """The progress that attempts of one task leave for the next one to log.

    It is for the log only, in Airflow 3.3's store. What is done is known from the ledger and the bookings: a cleared
    task is a later attempt too, and a person may have changed flags since.

    :param context: the task's.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")

    def log_earlier_attempt(self, plan: str) -> None:
        """Log the progress of an earlier attempt with a plan, if there was one.

        :param plan: the plan's hash.
        """
        if self._store is None:
            return
        try:
            found = self._store.get(_KEY)
        except Exception as error:
            self._disable(error)
            return
        if isinstance(found, Mapping) and found.get("plan") == plan:
            log.info(
                "An earlier attempt of this task applied this plan up to change %s of %s",
                found.get("done"),
                found.get("total"),
            )

    def save(self, plan: str, done: int, total: int) -> None:
        """Save the progress of this attempt.

        :param plan: the plan's hash.
        :param done: changes whose outcome is known.
        :param total: changes of the plan.
        """
        if self._store is None:
            return
        try:
            self._store.set(_KEY, {"plan": plan, "done": done, "total": total})
        except Exception as error:
            self._disable(error)

    def _disable(self, error: Exception) -> None:
        log.warning("Airflow's task state store can't be used (%s); the run continues without it", type(error).__name__)
        self._store = None
