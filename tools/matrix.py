"""Run the tests that depend on Airflow on each supported version, and compare the README's table with their results.

``python tools/matrix.py [--write] [--whole] ENVIRONMENT ...``. Each environment is a folder such as
``.build/airflow-3.3``, with one version of Airflow. They run beside each other, one on each processor. The exit status
is 1 if a test failed, or if the table in README.md is not that of this run; ``--write`` writes it there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- compatibility: made by make test-matrix -->\n", "<!-- end of compatibility -->\n"

# Each column of the table, and the tests that speak for it: a prefix of their modules. Of several the longest counts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Hook, connection form": ("tests.hooks",),
    "Operators": ("tests.operators",),
    "Sensors, triggers": ("tests.sensors", "tests.triggers"),
    "Example DAGs": ("tests.e2e",),
    "Approval": ("tests.operators.test_approval",),
    "View": ("tests.plugins.test_app", "tests.plugins.test_attacks", "tests.plugins.test_permission"),
    "Webhooks": ("tests.plugins.test_receiver", "tests.plugins.test_load"),
    "Notifier": ("tests.notifications",),
    "Retry policy": ("tests.test_retries",),
    "Other": ("tests.plugins",),
}
SHOWN = [column for column in COLUMNS if column != "Other"]


def _paths() -> Iterator[str]:
    """Yield the folders and modules of tests."""
    for prefix in (prefix for of in COLUMNS.values() for prefix in of):
        path = prefix.replace(".", "/")
        yield path if (ROOT / path).is_dir() else f"{path}.py"


# Airflow's own warnings on older versions are not ours to fix; 3.3's tests have warnings as errors in `make test`.
OPTIONS = ("-W", "default", "-p", "no:cacheprovider", "-q", "--tb=short", "--durations=15")
# Airflow 3.0 to 3.2 need seconds for each task of dag.test(): without --whole only some whole DAGs run on these.
SLOW = ("airflow-3.0", "airflow-3.1", "airflow-3.2")
# In a process of their own: on 3.2 a DAG may wait forever for its server where other tests ran before.
PARTS = {"units": "not standalone and not events and not ui and not e2e", "dags": "e2e and not standalone"}


Counts = Mapping[str, tuple[int, int, int]]
"""For each column the numbers of tests that passed, failed, and were skipped."""


@dataclass(frozen=True)
class _Part:
    counts: Counts
    status: int
    log: Path


@dataclass(frozen=True)
class Outcome:
    """What the tests of one version of Airflow found.

    :param airflow: the version.
    :param counts: of all its tests.
    :param status: 0 if all passed.
    :param seconds: wall-clock time.
    :param logs: what pytest printed where something failed.
    """

    airflow: str
    counts: Counts
    status: int
    seconds: float
    logs: Sequence[Path]

    def cell(self, column: str) -> str:
        """Return what the table says: ``-`` where this version of Airflow has no such feature, so that tests skip."""
        passed, failed, skipped = self.counts[column]
        return "**failed**" if failed else "yes" if passed > skipped else "-"

    @property
    def totals(self) -> tuple[int, int, int]:
        """Return how many tests passed, failed and were skipped in all columns."""
        passed, failed, skipped = (sum(numbers) for numbers in zip(*self.counts.values(), strict=True))
        return passed, failed, skipped


def column_of(module: str) -> str:
    """Return the column of a test.

    :param module: the module of the test, such as ``tests.hooks.test_form``.
    :raises KeyError: if no column has it.
    """
    found = [(len(prefix), column) for column, of in COLUMNS.items() for prefix in of if module.startswith(prefix)]
    if not found:
        raise KeyError(f"{module} belongs to no column of tools/matrix.py")
    return max(found)[1]


def _results(report: Path) -> Iterator[tuple[str, int]]:
    """Yield the column of each test and its result: 0 passed, 1 failed, 2 skipped."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        kinds = {child.tag for child in case}
        result = 1 if kinds & {"failure", "error"} else 2 if "skipped" in kinds else 0
        yield column_of(case.get("classname") or case.get("name") or ""), result


def counts_of(report: Path) -> dict[str, tuple[int, int, int]]:
    """Return for each column how many tests passed, failed and were skipped.

    :param report: what ``pytest --junit-xml`` wrote.
    """
    counts = {column: [0, 0, 0] for column in COLUMNS}
    for column, result in _results(report):
        counts[column][result] += 1
    return {column: (passed, failed, skipped) for column, (passed, failed, skipped) in counts.items()}


def _version(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('apache-airflow'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def run(environment: Path, *, whole: bool) -> Outcome:
    """Run the tests of one environment.

    :param whole: run all whole DAGs, on slow versions, too.
    """
    begin = time.monotonic()
    some = "" if whole or environment.name not in SLOW else " and every_version"
    ran = [_run_part(environment, part, marks + some * (part == "dags")) for part, marks in PARTS.items()]
    counts = {column: tuple(map(sum, zip(*(part.counts[column] for part in ran), strict=True))) for column in COLUMNS}
    outcome = Outcome(
        _version(_python(environment)),
        {column: (passed, failed, skipped) for column, (passed, failed, skipped) in counts.items()},
        max(part.status for part in ran),
        time.monotonic() - begin,
        [part.log for part in ran if part.status],
    )
    passed, failed, skipped = outcome.totals
    print(
        f"Airflow {outcome.airflow}: {passed} passed, {failed} failed, {skipped} skipped in {outcome.seconds:.0f} s",
        flush=True,
    )
    return outcome


def _run_part(environment: Path, part: str, marks: str) -> _Part:
    results = environment.parent / "matrix"
    results.mkdir(exist_ok=True)
    report, log = (results / f"{environment.name}-{part}.{suffix}" for suffix in ("xml", "log"))
    report.unlink(missing_ok=True)
    with log.open("w", encoding="utf-8") as output:
        status = subprocess.run(
            [_python(environment), "-m", "pytest", *OPTIONS, "-m", marks, f"--junit-xml={report}", *_paths()],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    return _Part(counts_of(report) if report.exists() else dict.fromkeys(COLUMNS, (0, 1, 0)), status, log)


def _python(environment: Path) -> Path:
    return environment.absolute() / "bin" / "python"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the README, newest version first."""
    newest_first = sorted(outcomes, key=lambda found: [int(part) for part in found.airflow.split(".")], reverse=True)
    rows = [
        ["Airflow", *SHOWN],
        ["---"] * (len(SHOWN) + 1),
        *([found.airflow, *map(found.cell, SHOWN)] for found in newest_first),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> int:
    """Run the tests, print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    parser.add_argument("--whole", action="store_true", help="run all whole DAGs, on slow versions, too")
    parser.add_argument("environments", nargs="+", type=Path, metavar="ENVIRONMENT")
    arguments = parser.parse_args()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(partial(run, whole=arguments.whole), arguments.environments))
    made = table(outcomes)
    print(made)
    failed = [found for found in outcomes if found.status]
    for found in failed:
        for log in found.logs:
            print(f"Airflow {found.airflow}, from {log}:", *log.read_text().splitlines()[-40:], sep="\n")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    if arguments.write:
        README.write_text(before + BEGIN + made + END + after, encoding="utf-8")
    elif old != made:
        print("The table in README.md is another one: make test-matrix WRITE=--write writes this one")
    return 1 if failed or (old != made and not arguments.write) else 0


if __name__ == "__main__":
    sys.exit(main())
