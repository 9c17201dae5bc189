"""Former public names: each works until 1.0, and warns once in a process of what to write instead."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

REMOVED_IN = "1.0"

_PACKAGE = "airflow_provider_calcom"

RENAMED: dict[str, dict[str, str]] = {
    "api.errors": {"redacted": "api.errors.redact"},
    "attendance.errors": {"OutOfRoom": "attendance.errors.OutOfMemory"},
    "attendance.explain": {"Verdict": "attendance.explain.PersonExplanation"},  # word: quoted
    "attendance.ledger": {
        "Addresses": "no_shows.ledger.identities.Identities",
        "Compacted": "no_shows.ledger.compaction.Compacted",
        "LastWrites": "no_shows.ledger.reader.LastWriteLookup",
        "LedgerWriter": "no_shows.ledger.writer.LedgerWriter",
        "NO_TASK": "no_shows.ledger.records.NO_TASK",
        "PastWrite": "no_shows.ledger.reader.PastWrite",
        "Settled": "no_shows.ledger.writer.WriteOutcome",
        "TaskRun": "no_shows.ledger.records.TaskRun",
        "compact": "no_shows.ledger.compaction.compact",
    },
    "attendance.plan": {
        "Change": "no_shows.plan.Change",
        "DamagedPlan": "no_shows.plan.CorruptPlan",
        "InvalidPlanOption": "no_shows.plan.InvalidPlanOption",
        "PlanNotRead": "no_shows.plan.PlanNotRead",
        "PlanNotWritten": "no_shows.plan.PlanNotWritten",
        "Summary": "no_shows.plan.Summary",
        "plan_hash": "no_shows.plan.plan_hash",
        "read_plan": "no_shows.plan.read_plan",
        "read_summary": "no_shows.plan.read_summary",
        "rendered": "no_shows.plan.format_plan",
        "verify_plan": "no_shows.plan.verify_plan",
        "write_plan": "no_shows.plan.write_plan",
    },
    "attendance.sql.backend": {"SqlPlace": "attendance.sql.backend.SqlBackend"},
    "hooks.sql": {"sql_place": "hooks.sql.sql_backend"},
    "no_shows.apply.application": {"PlanIsAnother": "no_shows.apply.application.PlanHashMismatch"},
    "no_shows.guard_rails": {"InvalidRails": "no_shows.guard_rails.InvalidGuardRails"},
    "no_shows.ledger.identities": {"LedgerSecretWrong": "no_shows.ledger.identities.LedgerSecretMismatch"},
    "no_shows.plan": {"DamagedPlan": "no_shows.plan.CorruptPlan"},
    "no_shows.plan_files": {"DamagedPlan": "no_shows.plan_files.CorruptPlan"},
}
"""Former names by the module that they are imported from, each with what it is called now; all below the package."""

_warned: set[str] = set()


def former_names(module: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__``, which finds its former names in :data:`RENAMED`.

    The module assigns it only if not ``TYPE_CHECKING``: with it, type checkers would accept any name.

    :param module: the module's ``__name__``.
    """
    renamed = RENAMED[module.removeprefix(f"{_PACKAGE}.")]

    def find(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place, _, current = f"{_PACKAGE}.{renamed[name]}".rpartition(".")
        _warn_once(f"{module}.{name}", f"{place}.{current}")
        return getattr(import_module(place), current)

    return find


class FormerAttribute:
    """Descriptor of a class attribute's former name; it reads the attribute of the present name.

    :param current: the present name.
    """

    def __init__(self, current: str) -> None:
        self._current = current

    def __set_name__(self, owner: type, name: str) -> None:
        self._former = f"{owner.__module__}.{owner.__name__}.{name}"

    def __get__(self, instance: object, owner: type) -> Any:
        _warn_once(self._former, f"{self._former.rpartition('.')[0]}.{self._current}")
        return getattr(owner if instance is None else instance, self._current)


def _warn_once(former: str, current: str) -> None:
    """Warn of a former name, at the line that uses it. Twice would be noise: some imports look a name up twice."""
    if former not in _warned:
        _warned.add(former)
        text = f"{former} is deprecated and will be removed in {REMOVED_IN}. Use {current} instead"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
