"""What a callback's context shows of a run: its name, whether it failed, and the results of its tasks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_calcom.configuration import airflow_version
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.links import FAILED_RESULT

log = logging.getLogger(__name__)

_APPLY, _PLAN = "ApplyNoShowsOperator", "PlanNoShowsOperator"
_RESULT = "return_value"
_FAILED_STATES = ("failed", "up_for_retry")


def has_failed(context: Any) -> bool:
    """Return whether a callback is of a task or a run that failed.

    :param context: of the callback.
    """
    if _is_of_dag(context):
        return bool(context.get("reason") != "success")
    # DAG.test of Airflow 3.0 has no exception in the context.
    return context.get("exception") is not None or getattr(context.get("ti"), "state", None) in _FAILED_STATES


def about_run(context: Any) -> Iterator[str]:
    """Yield lines on a task's error, and on DAG, task and run.

    :param context: of the callback.
    """
    error = None if _is_of_dag(context) else context.get("exception")
    if isinstance(error, ProviderError):
        yield f"{type(error).__name__}: {error}"
    elif error is not None:  # its text may have anything in it
        yield f"The task failed ({type(error).__name__ if isinstance(error, BaseException) else 'error'}): see its log"
    elif has_failed(context):
        of_dag = f"The run failed ({_plain(context.get('reason'))})"
        yield of_dag if _is_of_dag(context) else "The task failed: see its log"
    names = [f"DAG {_plain(getattr(context.get('dag'), 'dag_id', None))}"]
    task_instance = context.get("ti")
    if task_instance is not None and not _is_of_dag(context):  # the context of a DAG has an arbitrary task
        names.append(f"task {_plain(task_instance.task_id)}{_index(task_instance)}")
    yield ", ".join([*names, f"run {_plain(context.get('run_id'))}"])


def results_of(context: Any, *, plan_task_id: str | None, apply_task_id: str | None) -> list[Mapping[str, Any]]:
    """Return the results that a message is about: of applying, or else of planning. None may be found.

    :param context: of the callback.
    :param plan_task_id: the task that makes the plan, or None.
    :param apply_task_id: the task that applies it, or None.
    """
    try:
        for task_ids in _tasks(context, plan_task_id, apply_task_id):
            if results := [result for task_id in task_ids for result in _pulled(context, task_id)]:
                return results
    except Exception as error:
        # A message without figures is better than none, whatever is wrong with the database, or with the DAG.
        log.warning("The results of the run can't be read (%s), so the message is without them", type(error).__name__)
    return []


def _tasks(context: Any, plan_task_id: str | None, apply_task_id: str | None) -> list[list[str]]:
    """Return the tasks whose results may be reported, the preferred ones first."""
    if plan_task_id or apply_task_id:
        return [[task_id] for task_id in (apply_task_id, plan_task_id) if task_id]
    if not _is_of_dag(context):
        return [[context["ti"].task_id]]
    tasks = context["dag"].tasks
    return [[task.task_id for task in tasks if task.task_type == kind] for kind in (_APPLY, _PLAN)]


def _pulled(context: Any, task_id: str) -> Iterator[Mapping[str, Any]]:
    """Yield the results of a task, several of a mapped one: of an attempt that succeeded, or else that failed."""
    task_instance = context.get("ti")
    if task_instance is None or _is_unable_to_pull(context):
        return
    is_own = not _is_of_dag(context) and task_instance.task_id == task_id
    where: dict[str, Any] = {"map_indexes": task_instance.map_index} if is_own else {}
    keys = (FAILED_RESULT,) if is_own and has_failed(context) else (_RESULT, FAILED_RESULT)
    for key in keys[:1] if is_own else keys:
        yield from _mappings(task_instance.xcom_pull(task_ids=task_id, key=key, **where))


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, Iterable) and not isinstance(value, str):
        yield from (one for one in value if isinstance(one, Mapping))


def _is_of_dag(context: Any) -> bool:
    """Return whether a callback is a DAG's: only these have a reason."""
    return "reason" in context


def _is_unable_to_pull(context: Any) -> bool:
    """Return whether this process can't read XCom: Airflow 3.0's DAG processor rejects it."""
    return _is_of_dag(context) and airflow_version() == (3, 0)


def _index(task_instance: Any) -> str:
    index = task_instance.map_index
    return f" [{index}]" if isinstance(index, int) and index >= 0 else ""


def _plain(name: Any) -> str:
    """Return an id on one line, without the signs that Slack and others act on; addresses are hidden later."""
    text = " ".join(str(name).split())[:250]
    return "".join(sign for sign in text if sign.isprintable() and sign not in "<>&*`|")
