"""What a DAG author gave to ``ApplyNoShowsOperator``, read as it was meant and checked before anything is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.hooks.calcom import CalComHook, conn_id_of, list_path
from airflow_provider_calcom.no_shows.apply.application import ApplyRequest
from airflow_provider_calcom.no_shows.ledger import NO_TASK, TaskRun
from airflow_provider_calcom.operators._paths import Storage, ledger_folder
from airflow_provider_calcom.operators._plan_parameters import identities
from airflow_provider_calcom.operators._readers import are_hashed, check_found, flag_of, is_path, value_of

MOST_AT_ONCE = 64
"""Bookings that may be written at once; more would not be faster at any limit that Cal.com has."""

_HASH = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("ledger_path", "storage_conn_id", "organization_id", "team_id", "user_id")


@dataclass(frozen=True)
class ApplyParameters:
    """What ``ApplyNoShowsOperator`` was asked for, unchecked; its docstring tells each parameter."""

    plan: Any
    ledger_path: Any = None
    ledger_addresses: Any = "plain"
    concurrency: Any = 8
    dry_run: Any = False
    max_changes: Any = None
    on_error: Any = "continue"
    expected_hash: Any = None
    organization_id: Any = None
    team_id: Any = None
    user_id: Any = None
    allow_cohosts: Any = False
    allow_foreign_booking: Any = False
    storage_conn_id: Any = None

    def request(self, hook: CalComHook, task: TaskRun) -> ApplyRequest:
        """Check what was asked for, before anything is called.

        :param hook: of the connection, which keeps the ledger's secret.
        :param task: who asks.
        :raises InvalidArgument: naming the parameter.
        :raises LedgerSecretWrong: if people are to be named by hashes, and there is no secret.
        """
        for name in _TEXTS:
            check_found(name, getattr(self, name))
        if self.ledger_path is not None and not is_path(self.ledger_path):
            raise InvalidArgument(f"ledger_path must be a folder, but is a {type(self.ledger_path).__name__}")
        conn_id_of("storage_conn_id", self.storage_conn_id)
        conn_id_of("calcom_conn_id", hook.calcom_conn_id)
        storage = Storage(self.storage_conn_id)
        folder, its_hash = plan_of(self.plan)
        return ApplyRequest(
            plan=storage.path("plan", folder),
            ledger=ledger_folder(self.ledger_path, conn_id=hook.calcom_conn_id, storage=storage),
            addresses=identities(hook, hashed=are_hashed(self.ledger_addresses)),
            expected_hash=_only(hash_of("expected_hash", self.expected_hash), its_hash),
            max_changes=count_of("max_changes", self.max_changes, at_least=0),
            concurrency=count_of("concurrency", self.concurrency, at_least=1, at_most=MOST_AT_ONCE) or 8,
            dry_run=_dry_run_of(self.dry_run),
            on_error=on_error_of(self.on_error),
            allow_cohosts=flag_of("allow_cohosts", self.allow_cohosts),
            allow_foreign_booking=flag_of("allow_foreign_booking", self.allow_foreign_booking),
            path=list_path(self.organization_id, self.team_id, self.user_id),
            task=task,
        )


def _dry_run_of(given: Any) -> bool:
    """Read ``dry_run``. A template that found nothing is refused: it must not begin to write."""
    check_found("dry_run", given)
    return flag_of("dry_run", given)


def plan_of(given: Any) -> tuple[Any, str | None]:
    """Read the parameter ``plan``: a folder, or what ``PlanNoShowsOperator`` returned, which tells the hash, too.

    :return: the folder, and the hash or None.
    :raises InvalidArgument: naming what is wrong with it.
    """
    if given is None:
        raise InvalidArgument("plan is None. If it comes from XCom, the task that should have made the plan made none")
    value = value_of("plan", given)
    if isinstance(value, Mapping):
        if not is_path(value.get("plan_path")):
            raise InvalidArgument(
                "plan is an object without plan_path. Give what PlanNoShowsOperator returned, or a path"
            )
        return value_of("plan['plan_path']", value["plan_path"]), hash_of("plan['sha256']", value.get("sha256"))
    if not is_path(value):
        raise InvalidArgument(f"plan must be the folder of a plan, but is a {type(value).__name__}")
    return value, None


def _only(expected_hash: str | None, its_hash: str | None) -> str | None:
    """Give the hash that the plan must have, if both that are known are the same.

    :raises InvalidArgument: if not.
    """
    if expected_hash and its_hash and expected_hash != its_hash:
        raise InvalidArgument(
            f"expected_hash is {expected_hash}, but the plan that was made has {its_hash}. Leave expected_hash out, or"
            " make the plan that was approved again"
        )
    return expected_hash or its_hash


def hash_of(name: str, given: Any) -> str | None:
    """Read a plan's hash, 64 hexadecimal digits.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it. A cut one is refused, too: what was approved must be told exactly.
    """
    if given is None:
        return None
    check_found(name, given)
    text = given.strip().lower() if isinstance(given, str) else ""
    if not _HASH.fullmatch(text):
        raise InvalidArgument(
            f"{name} must be a plan's sha256, 64 digits as in its summary.json, but is {describe(given)}"
        )
    return text


def count_of(name: str, given: Any, *, at_least: int, at_most: int | None = None) -> int | None:
    """Read a whole number, also from a text of digits; None stays.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    if given is None:
        return None
    check_found(name, given)
    number = int(given) if isinstance(given, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", given) else given
    if isinstance(number, bool) or not isinstance(number, int) or number < at_least or number > (at_most or number):
        limits = f"from {at_least} to {at_most}" if at_most else f"of at least {at_least}"
        raise InvalidArgument(f"{name} must be a whole number {limits}, but is {describe(given)}")
    return number


def on_error_of(given: Any) -> Literal["continue", "stop"]:
    """Read the parameter ``on_error``.

    :raises InvalidArgument: for another word.
    """
    if isinstance(given, str) and given == "continue":
        return "continue"
    if isinstance(given, str) and given == "stop":
        return "stop"
    raise InvalidArgument(f"on_error must be 'continue' or 'stop', but is {describe(given)}")


def task_run(context: Mapping[str, Any]) -> TaskRun:
    """Say which run of which task a context is of.

    :param context: the task's; an empty one is of no task.
    """
    task_instance: Any = context.get("ti")
    if task_instance is None:
        return NO_TASK
    return TaskRun(
        dag_id=str(task_instance.dag_id),
        run_id=str(task_instance.run_id),
        task_id=str(task_instance.task_id),
        map_index=_whole(task_instance.map_index),
        try_number=_whole(task_instance.try_number),
    )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
