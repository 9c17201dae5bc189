"""Measure what our operators add to ``import airflow.sdk``, because DAG files are parsed every few seconds.

Fresh interpreters take turns. Each measures the import of the operators after that of the operator base class, which
every DAG file imports anyway.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile

RUNS = 9
PROBE = """
import time
import airflow.sdk
airflow.sdk.BaseOperator, airflow.sdk.DAG
begin = time.perf_counter()
import airflow_provider_calcom.operators.{module}
print(time.perf_counter() - begin)
"""
BASE = """
import time
begin = time.perf_counter()
import airflow.sdk
airflow.sdk.BaseOperator, airflow.sdk.DAG
print(time.perf_counter() - begin)
"""


def seconds(code: str, home: str) -> float:
    """Run a probe in a fresh interpreter, and return the number that it printed last."""
    environment = {"AIRFLOW_HOME": home, "PATH": "/usr/bin:/bin"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return float(run.stdout.split()[-1])


def main() -> int:
    """Print the medians; 1 if a module adds 30 ms or more."""
    # Not approval: a DAG file that imports it needs Airflow's own operator, which its base class is.
    modules = ("no_shows", "bookings")
    with tempfile.TemporaryDirectory() as home:
        seconds(BASE, home)
        base: list[float] = []
        added: dict[str, list[float]] = {module: [] for module in modules}
        for _ in range(RUNS):
            base.append(seconds(BASE, home))
            for module in modules:
                added[module].append(seconds(PROBE.format(module=module), home))
    of_base = statistics.median(base)
    print(f"import airflow.sdk with BaseOperator and DAG: {of_base * 1000:.0f} ms (median of {RUNS})")
    worst = 0.0
    for module, times in added.items():
        median = statistics.median(times)
        worst = max(worst, median)
        print(f"airflow_provider_calcom.operators.{module} adds {median * 1000:.1f} ms, {median / of_base:.2%} of it")
    print(f"bench-import: at most {worst * 1000:.1f} ms added, must be under 30 ms")
    return int(worst >= 0.03)


if __name__ == "__main__":
    sys.exit(main())
