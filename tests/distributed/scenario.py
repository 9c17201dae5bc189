"""What happens: one plan is applied by two workers at once, the windows by both, and one worker is lost amid them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.distributed.dags import BACKFILL, SAME_PLAN
from tests.distributed.machines import Shared, start_worker
from tests.distributed.object_store import BUCKET
from tests.distributed.processes import Processes
from tests.distributed.world import DAYS, FIRST_DAY, World
from tests.e2e.standalone import AirflowApi

RUN = "distributed"
DAYS_OF_ONE_PLAN = 4
LOST, REPLACEMENT = "worker-1", "worker-3"
_ENDS_WITHIN = 1500.0
_MEASURED_EACH = 5.0
_RUNNING, _ENDED = ("running",), ("success", "failed")


@dataclass
class Figures:
    """What is printed besides the account.

    :param seconds: by the name of a phase.
    :param seconds_of_runs: from the first run's start to the last one's end.
    :param memory: the highest bytes of each process.
    :param killed: processes of the lost worker.
    :param marks_at_kill: bookings that were marked until then.
    :param tasks_lost: that ran on it.
    :param seconds_to_notice: from the kill until Airflow had registered the loss of all of them.
    :param seconds_to_retry: from the kill to the first start of one of these tasks elsewhere.
    :param two_runs: the results of the two runs of one plan.
    :param failed: runs that did not end in success.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    seconds_in_all: float = 0.0
    seconds_of_runs: float = 0.0
    memory: dict[str, int] = field(default_factory=dict)
    killed: int = 0
    marks_at_kill: int = 0
    tasks_lost: int = 0
    seconds_to_notice: float = 0.0
    seconds_to_retry: float = 0.0
    two_runs: str = ""
    failed: list[str] = field(default_factory=list)


class Scenario:
    """Runs it once.

    :param airflow: healthy, with two workers that are starting.
    """

    def __init__(self, world: World, processes: Processes, shared: Shared, airflow: AirflowApi) -> None:
        self._world = world
        self._processes = processes
        self._shared = shared
        self._airflow = airflow
        self._figures = Figures()
        self._measured_at = 0.0

    def run(self) -> Figures:
        """Run it, and return the figures."""
        figures, begun = self._figures, time.monotonic()
        self._apply_one_plan_twice()
        figures.seconds["until both runs of one plan were at work"] = time.monotonic() - begun
        self._start_backfill()
        wanted = len(self._world.bookings_to_mark) // 2
        self._wait(lambda: self._marks() >= wanted or self._have_ended(), "Half of the marks")
        figures.seconds["until half of the changes"] = time.monotonic() - begun
        self._lose_worker()
        self._wait(self._have_ended, "The end of the runs")
        figures.seconds_of_runs = time.monotonic() - begun
        figures.two_runs = self._results_of_two()
        figures.failed = [f"{dag}: {state}" for dag, state in self._states().items() if state != "success"]
        for line in figures.failed:
            print(f"run not successful: {line}")
        return figures

    def _apply_one_plan_twice(self) -> None:
        end = FIRST_DAY + timedelta(days=DAYS_OF_ONE_PLAN)
        days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS_OF_ONE_PLAN)]
        self._airflow.trigger(
            SAME_PLAN,
            RUN,
            first_day=f"{FIRST_DAY}",
            end=f"{end}",
            report=[f"s3://{BUCKET}/zoom/{day}.json" for day in days],
            **self._places,
        )
        self._wait(lambda: self._both_have_started(), "The start of both runs of one plan")

    def _both_have_started(self) -> bool:
        rows = [row for row in self._tasks(SAME_PLAN) if row["task_id"].startswith("apply")]
        return len(rows) == 2 and all(row["start_date"] for row in rows)

    def _start_backfill(self) -> None:
        self._airflow.trigger(
            BACKFILL,
            RUN,
            first_day=f"{FIRST_DAY + timedelta(days=DAYS_OF_ONE_PLAN)}",
            last_day=f"{FIRST_DAY + timedelta(days=DAYS - 1)}",
            days=1,
            report=f"s3://{BUCKET}/zoom",
            internal_domains=["clinic.example"],
            dry_run=False,
            **self._places,
        )

    @property
    def _places(self) -> dict[str, str]:
        return {"plans": f"s3://{BUCKET}/plans", "ledger": f"s3://{BUCKET}/ledger"}

    def _lose_worker(self) -> None:
        """Kill a worker with its tasks while one of them applies, and start another one on a new machine."""
        self._wait(lambda: self._running_on(LOST, "apply") or self._have_ended(), "A task that applies", each=0.2)
        lost = self._running_on(LOST)
        self._figures.marks_at_kill = self._marks()
        self._figures.killed = self._processes.kill(LOST)
        self._figures.tasks_lost = len(lost)
        killed_at = time.monotonic()
        start_worker(self._processes, self._shared, REPLACEMENT, LOST)
        tries = {(row["dag_id"], row["task_id"], row["map_index"]): row["try_number"] for row in lost}

        def runs_again() -> bool:
            return any(
                row["try_number"] > tries.get((row["dag_id"], row["task_id"], row["map_index"]), row["try_number"])
                and row["state"] in (*_RUNNING, *_ENDED)
                for dag in (SAME_PLAN, BACKFILL)
                for row in self._tasks(dag)
            )

        def is_noticed() -> bool:
            return not self._running_on(LOST)

        if lost:
            self._wait(is_noticed, "Airflow's notice that tasks are lost")
            self._figures.seconds_to_notice = time.monotonic() - killed_at
            self._wait(runs_again, "The retry of a lost task")
            self._figures.seconds_to_retry = time.monotonic() - killed_at

    def _running_on(self, machine: str, prefix: str = "") -> list[dict[str, Any]]:
        rows = [row for dag in (SAME_PLAN, BACKFILL) for row in self._tasks(dag)]
        return [
            row
            for row in rows
            if row["hostname"] == machine and row["state"] in _RUNNING and row["task_id"].startswith(prefix)
        ]

    def _tasks(self, dag: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._airflow.get(f"/dags/{dag}/dagRuns/{RUN}/taskInstances?limit=200")[
            "task_instances"
        ]
        return rows

    def _states(self) -> dict[str, str]:
        return {dag: self._airflow.get(f"/dags/{dag}/dagRuns/{RUN}")["state"] for dag in (SAME_PLAN, BACKFILL)}

    def _have_ended(self) -> bool:
        return all(state in _ENDED for state in self._states().values())

    def _marks(self) -> int:
        return int(self._shared.sandbox.read("counts")["bookings_marked"])

    def _results_of_two(self) -> str:
        """Return what the two runs of one plan did: how often each was tried, and the counts of its last try."""
        parts = []
        for row in sorted(self._tasks(SAME_PLAN), key=lambda one: str(one["task_id"])):
            if not row["task_id"].startswith("apply"):
                continue
            path = f"/dags/{SAME_PLAN}/dagRuns/{RUN}/taskInstances/{row['task_id']}/xcomEntries/return_value"
            counts = self._airflow.get(path)["value"]["outcomes"] if row["state"] == "success" else {}
            shown = ", ".join(f"{name} {number}" for name, number in counts.items() if number) or "nothing"
            parts.append(f"{row['task_id']} {row['state']} at try {row['try_number']} ({shown})")
        return "; ".join(parts)

    def _wait(self, is_so: Callable[[], Any], what: str, each: float = 1.0) -> None:
        """Poll until something is so, and measure the memory meanwhile."""
        deadline = time.monotonic() + _ENDS_WITHIN
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not happen within {_ENDS_WITHIN:.0f} s")
            self._processes.check()
            if time.monotonic() > self._measured_at + _MEASURED_EACH:
                self._measured_at = time.monotonic()
                for name, size in self._processes.memory().items():
                    self._figures.memory[name] = max(size, self._figures.memory.get(name, 0))
            time.sleep(each)
