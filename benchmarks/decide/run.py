"""Time ``calcom-no-shows decide`` beside the plain query that it replaces; exits with 1 if a limit is broken.

Every run is a process of its own. The sides take turns within each round, so that what else the machine does falls on
all of them; a figure is the median of its runs. ``--write`` puts the tables into the page of the documentation, too.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
DATA = ROOT / ".build" / "bench-decide"
SPILL = DATA / "spill"
REPORT = ROOT / "docs" / "explanation" / "benchmarks-decide.md"
SETS = {
    "scheduled": "hosts with 500 bookings, a conference key of its own for each",
    "shared-rooms": "the same, a tenth of the bookings in personal rooms and under recurring keys",
    "busy-hosts": "hosts with 5,000 bookings, 5 % of the bookings without a conference key",
}
SIDES = {
    "ours": "`calcom-no-shows decide`: all the rules",
    "plain": "conference key and address alone, in DuckDB",
    "polars": "the same in Polars",
    "python": "all the rules in plain Python, on the day alone",
}
WIDE, NARROW, THREADS = "4GB", "1GB", "2"
PATIENCE_SECONDS, FOR_EVER = 900, float("inf")
MAX_OF_PLAIN_WIDE, MAX_OF_PLAIN_NARROW, MAX_PEAK_GB, MAX_GROWTH, MAX_DAY_SECONDS = 5, 10, 1.3, 13, 3


@dataclass(frozen=True)
class Job:
    """One side on one set under one memory limit."""

    side: str
    data: str
    limit: str = ""

    @property
    def out(self) -> Path:
        ending = "jsonl" if self.side == "python" else "parquet"
        return DATA / "out" / f"{self.side}-{self.data}-{self.limit}.{ending}"

    def command(self) -> list[str]:
        folder, out = DATA / self.data, str(self.out)
        if self.side == "plain":
            return [str(HERE / "plain.py"), "duckdb", str(folder), out, self.limit, str(SPILL)]
        if self.side == "polars":
            return [str(HERE / "plain.py"), "polars", str(folder), out]
        if self.side == "python":
            return ["-m", "benchmarks.decide.plain_python", str(folder), out]
        command = ["-m", "airflow_provider_calcom.cli.no_shows", "decide"]
        for table in ("bookings", "people", "attendance"):
            command += [f"--{table}", f"{folder}/{table}.parquet"]
        command += ["--policy", f"{folder}/policy.json", "--out", out]
        return [*command, "--memory-limit", self.limit, "--threads", THREADS, "--spill-directory", str(SPILL)]


@dataclass(frozen=True)
class Run:
    """The time and memory that one process took."""

    seconds: float
    cpu_seconds: float
    peak_gb: float

    @property
    def ended(self) -> bool:
        return self.seconds < FOR_EVER


@dataclass(frozen=True)
class Measure:
    """A figure, and its limit if it has one."""

    text: str
    figure: float
    limit: float | None = None
    unit: str = ""

    @property
    def ok(self) -> bool:
        return self.limit is None or self.figure <= self.limit

    def row(self) -> str:
        limit = "" if self.limit is None else f"<= {self.limit:g}{self.unit}"
        result = "" if self.limit is None else "ok" if self.ok else "**broken**"
        return f"| {self.text} | {self.figure:.4g}{self.unit} | {limit} | {result} |"


Runs = dict[Job, list[Run]]


def timed(job: Job) -> Run:
    """Run a job in a fresh process; one that fails or does not end took for ever."""
    job.out.parent.mkdir(exist_ok=True)
    job.out.unlink(missing_ok=True)
    shutil.rmtree(SPILL, ignore_errors=True)
    SPILL.mkdir()
    environment = {**os.environ, "POLARS_MAX_THREADS": THREADS}
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, *job.command()], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    timer = threading.Timer(PATIENCE_SECONDS, process.kill)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not job.out.exists():
        seconds = FOR_EVER
    run = Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)
    name = f"{job.side} on {job.data} {job.limit}".strip()
    print(f"{name}: {run.seconds:.2f} s, {run.cpu_seconds:.2f} s of CPU, {run.peak_gb:.2f} GB", file=sys.stderr)
    return run


def make_data(sets: list[str], sizes: list[int]) -> None:
    """Make what is not there yet."""
    for kind in sets:
        for size in sizes:
            subprocess.run([sys.executable, HERE / "generate.py", kind, str(size), DATA / f"{kind}-{size}"], check=True)
    source = DATA / f"{sets[0]}-{sizes[0]}"
    subprocess.run([sys.executable, HERE / "generate.py", "day", source, DATA / "day"], check=True)


def jobs(sets: list[str], size: int, first: bool) -> Iterator[Job]:
    """Return the jobs of one round; the slow sides that no limit is about run in the first only."""
    for kind in sets:
        large, small = f"{kind}-{size}", f"{kind}-{size // 10}"
        for limit in (WIDE, NARROW):
            yield Job("ours", small, WIDE)
            yield Job("plain", large, limit)
            yield Job("ours", large, limit)
        if first:
            yield Job("polars", large)
    yield from [Job("ours", "day", WIDE)] * 3
    if first:
        yield Job("plain", "day", WIDE)
        yield Job("python", "day")


def measures_of(runs: Runs, sets: list[str], size: int) -> Iterator[Measure]:
    """Return what must hold, as far as both sides of it ran."""

    def seconds(job: Job) -> float:
        return statistics.median(run.seconds for run in runs[job])

    for kind in sets:
        large, small = f"{kind}-{size}", Job("ours", f"{kind}-{size // 10}", WIDE)
        ours, ours_narrow = Job("ours", large, WIDE), Job("ours", large, NARROW)
        plain, plain_narrow = Job("plain", large, WIDE), Job("plain", large, NARROW)
        if ours not in runs:
            continue
        if plain in runs:
            wide = seconds(ours) / seconds(plain)
            narrow = seconds(ours_narrow) / seconds(plain_narrow)
            mixed = seconds(ours_narrow) / seconds(plain)
            yield Measure(f"{kind}: ours / plain, both at {WIDE}", wide, MAX_OF_PLAIN_WIDE)
            yield Measure(f"{kind}: ours / plain, both at {NARROW}", narrow, MAX_OF_PLAIN_NARROW)
            yield Measure(f"{kind}: ours at {NARROW} / plain at {WIDE}", mixed)
        peak = max(run.peak_gb if run.ended else FOR_EVER for run in runs[ours_narrow])
        yield Measure(f"{kind}: peak RSS of ours at {NARROW}", peak, MAX_PEAK_GB, " GB")
        growth = seconds(ours) / seconds(small)
        yield Measure(f"{kind}: ours, {size:,} bookings / {size // 10:,}", growth, MAX_GROWTH)
    day = Job("ours", "day", WIDE)
    if day in runs:
        yield Measure("a day, with the start of the process", seconds(day), MAX_DAY_SECONDS, " s")


def agreements(runs: Runs, sets: list[str], size: int) -> Iterator[Measure]:
    """Compare what the sides decided: nobody whom the plain query saw may be absent, and plain Python says the same."""
    import duckdb

    duckdb.sql("SET TimeZone = 'UTC'")

    def count(query: str) -> int:
        return int(duckdb.execute(query).fetchall()[0][0])

    for kind in sets:
        ours, plain = (Job(side, f"{kind}-{size}", WIDE) for side in ("ours", "plain"))
        if ours.out.exists() and plain.out.exists() and {ours, plain} <= set(runs):
            wrong = count(
                f"SELECT count(*) FROM '{ours.out}' AS ours JOIN '{plain.out}' AS plain USING (booking_uid, email) "
                "WHERE ours.outcome = 'absent' AND plain.outcome = 'present'"
            )
            yield Measure(f"{kind}: seen by the plain query, absent for ours", wrong, 0)
    ours, python = Job("ours", "day", WIDE), Job("python", "day")
    if ours.out.exists() and python.out.exists() and {ours, python} <= set(runs):
        instants = (f"epoch_ms({column}::TIMESTAMPTZ)" for column in ("first_joined_at", "last_left_at"))
        seconds = "round(presence_seconds::DOUBLE, 3)"
        columns = f"booking_uid, role, email, outcome, reason, {seconds}, {', '.join(instants)}, currently_absent"
        a, b = f"SELECT {columns} FROM '{ours.out}'", f"SELECT {columns} FROM '{python.out}'"
        differing = count(f"SELECT count(*) FROM (({a} EXCEPT ALL {b}) UNION ALL ({b} EXCEPT ALL {a}))")
        yield Measure("a day: decisions that differ from plain Python's", differing, 0)


def data_table(sets: list[str], sizes: list[int]) -> Iterator[str]:
    """Describe the sets."""
    import duckdb

    yield "| set | bookings | people | attendance rows | what it is |"
    yield "|---|---|---|---|---|"
    about = {f"{kind}-{size}": SETS[kind] for kind in sets for size in sizes}
    for name, text in {**about, "day": f"one day of {sets[0]}-{sizes[0]}"}.items():
        counts = (
            duckdb.execute(f"SELECT count(*) FROM '{DATA}/{name}/{table}.parquet'").fetchall()[0][0]
            for table in ("bookings", "people", "attendance")
        )
        yield f"| {name} | {' | '.join(f'{number:,}' for number in counts)} | {text} |"


def runs_table(runs: Runs) -> Iterator[str]:
    """List the medians."""
    yield "| side | set | memory limit | runs | wall s | CPU s | peak RSS GB |"
    yield "|---|---|---|---|---|---|---|"
    for job, done in runs.items():
        wall, cpu = (statistics.median(getattr(run, name) for run in done) for name in ("seconds", "cpu_seconds"))
        peak = max(run.peak_gb for run in done)
        yield f"| {job.side} | {job.data} | {job.limit or '-'} | {len(done)} | {wall:.2f} | {cpu:.2f} | {peak:.2f} |"


def steps_table(kind: str, size: int) -> list[str]:
    """Measure what each part of the rules costs on a set, in a run of its own."""
    command = [sys.executable, "-m", "benchmarks.decide.steps", str(DATA / f"{kind}-{size}"), WIDE, THREADS, str(SPILL)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [f"What each part costs on {kind}-{size} at {WIDE}, in one run:", "", *done.stdout.splitlines()]


def outcomes_table(runs: Runs) -> Iterator[str]:
    """Count the reasons of our decisions on the sets that were decided at the wide limit."""
    import duckdb

    yield "| set | outcome | reason | share |"
    yield "|---|---|---|---|"
    for job in runs:
        if job.side == "ours" and job.limit == WIDE and job.out.exists():
            counted = f"""SELECT outcome, reason, count(*) / sum(count(*)) OVER () AS part
                FROM '{job.out}' GROUP BY ALL ORDER BY part DESC"""
            for outcome, reason, share in duckdb.execute(counted).fetchall():
                yield f"| {job.data} | {outcome} | {reason} | {share:.2%} |"


def report(runs: Runs, measures: list[Measure], sets: list[str], sizes: list[int]) -> str:
    """Return the tables as Markdown."""
    from importlib.metadata import version

    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    engines = f"DuckDB {version('duckdb')}, Polars {version('polars')}"
    lines = [
        "# What the decision costs",
        "",
        f"`make bench-decide` on {machine}, {engines}.",
        f"{THREADS} threads, Parquet in and out, every run a fresh process, medians. Other work on the machine adds to",
        "all seconds, so the ratios count.",
        "",
        *(f"- {side}: {text}" for side, text in SIDES.items()),
        "",
        "| measure | figure | limit | |",
        "|---|---|---|---|",
        *(measure.row() for measure in measures),
        "",
        *runs_table(runs),
        "",
        *data_table(sets, sizes),
    ]
    if any(job.side == "ours" for job in runs):
        lines += ["", *steps_table(sets[0], sizes[0]), "", *outcomes_table(runs)]
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", default=",".join(SIDES), help="which sides to run, with commas")
    parser.add_argument("--sets", default=",".join(SETS), help="which sets, with commas")
    parser.add_argument("--bookings", type=int, default=1_000_000, help="of a large set; a small one has a tenth")
    parser.add_argument("--repeats", type=int, default=1, help="rounds")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)} as well")
    return parser.parse_args()


def main() -> int:
    """Make the data, run the rounds, print the tables."""
    options = arguments()
    sets, sides = options.sets.split(","), options.sides.split(",")
    sizes = [options.bookings, options.bookings // 10]
    make_data(sets, sizes)
    runs: Runs = defaultdict(list)
    for turn in range(options.repeats):
        for job in jobs(sets, options.bookings, first=turn == 0):
            if job.side in sides:
                runs[job].append(timed(job))
    measures = [*measures_of(runs, sets, options.bookings), *agreements(runs, sets, options.bookings)]
    text = report(runs, measures, sets, sizes)
    print(text)
    if options.write:
        REPORT.write_text(text, encoding="utf-8")
    failed = sum(not run.ended for done in runs.values() for run in done)
    broken = [measure.text for measure in measures if not measure.ok]
    print(f"bench-decide: {len(broken)} of {len(measures)} measures broken, {failed} runs failed")
    return int(bool(broken or failed))


if __name__ == "__main__":
    sys.exit(main())
