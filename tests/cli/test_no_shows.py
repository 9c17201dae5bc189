"""The command `calcom-no-shows`: what it prints where, and with which status it ends."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.engine import decide
from airflow_provider_calcom.cli.no_shows import main, parser
from tests.attendance.test_reference import ANN, COMPLETE, HOST, HOST_CAME, booking, row
from tests.attendance.worlds import random_tables

UNKNOWN = row("10:05:00", "10:50:00", name="日本 iPhone")


class Files:
    """A small world as files, and the command's arguments for them."""

    def __init__(self, folder: Path, *tables: list[Any], policy: dict[str, Any]) -> None:
        self.folder = folder
        for name, records in zip(("bookings", "people", "attendance"), tables, strict=True):
            text = "".join(json.dumps(record) + "\n" for record in records)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        (folder / "policy.json").write_text(json.dumps(policy), encoding="utf-8")

    def arguments(self, command: str, *more: str, policy: str = "policy.json", **others: str) -> list[str]:
        names = {name: f"{name}.jsonl" for name in ("bookings", "people", "attendance")} | others
        given = [part for name, file in names.items() for part in (f"--{name}", self._path(file))]
        return [command, *given, "--policy", self._path(policy), *more]

    def _path(self, name: str) -> str:
        return name if ":" in name else str(self.folder / name)

    def out(self, name: str) -> list[str]:
        return ["--out", str(self.folder / name)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """One meeting to which the host came, and somebody unknown, but not Ann."""
    return Files(tmp_path, [booking()], [ANN, HOST], [HOST_CAME, UNKNOWN], policy=COMPLETE)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """Return a function that runs the command, sees it end with status 1 and nothing printed, and gives the error."""

    def run(arguments: list[str]) -> str:
        assert main(arguments) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("calcom-no-shows: ")
        assert printed.err.count("\n") == 1
        return printed.err

    return run


# ----------------------------------------------------------------------------------------------------------------------
# decide
# ----------------------------------------------------------------------------------------------------------------------


def read(path: Path) -> list[dict[str, Any]]:
    """The decisions in a file, by DuckDB, which finds the format by the name. To give instants it would need pytz."""
    names = ("email", "reason", "presence_seconds")
    found = duckdb.execute(f"SELECT {', '.join(names)} FROM '{path}'").fetchall()
    return [dict(zip(names, values, strict=True)) for values in found]


@pytest.mark.parametrize("name", ["d.parquet", "d.jsonl.gz", "new/d.csv"])
def test_decisions_are_written_in_the_form_of_the_suffix(
    name: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each form holds the same decision; nothing goes to standard output, and the counts to standard error."""
    assert main(files.arguments("decide", *files.out(name))) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "undetermined 1: unknown_participant 1\n")
    assert read(files.folder / name) == [
        {"email": "ann@x.test", "reason": "unknown_participant", "presence_seconds": 0}
    ]
    if name.endswith(".gz"):
        with gzip.open(files.folder / name) as file:
            assert b"unknown_participant" in file.read()


def test_decides_as_the_library_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A world with everything in it gets the decisions of `decide`, with the policy of the file."""
    tables, policy = random_tables("command line", bookings=60)
    files = Files(tmp_path, *tables, policy=policy)
    options = ["--threads", "1", "--memory-limit", "512MB", "--spill-directory", str(tmp_path), "--zone", "UTC"]
    assert main(files.arguments("decide", *files.out("d.jsonl"), *options)) == 0
    lines = (tmp_path / "d.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    decisions = decide(*tables, policy)
    assert [json.loads(line) for line in lines] == decisions
    counted = sum(int(line.split(":")[0].split()[1]) for line in capsys.readouterr().err.splitlines())
    assert counted == len(decisions)


def test_several_files_of_one_table(files: Files) -> None:
    """A table may be given as several options and as a pattern."""
    (files.folder / "attendance-2.jsonl").write_text(json.dumps(row(email="ann@x.test")))
    (files.folder / "attendance-3.jsonl").write_text("")
    more = ["--attendance", str(files.folder / "attendance-*.jsonl")]
    assert main(files.arguments("decide", *files.out("d.jsonl"), *more)) == 0
    (decision,) = read(files.folder / "d.jsonl")
    assert decision["reason"] == "email"


def test_an_older_file_is_replaced(files: Files) -> None:
    """The decisions take its place as a whole, and no half of a file stays beside them."""
    (files.folder / "d.jsonl").write_text("old\n" * 1000)
    assert main(files.arguments("decide", *files.out("d.jsonl"))) == 0
    assert len(read(files.folder / "d.jsonl")) == 1
    assert not [path for path in files.folder.iterdir() if ".part" in path.name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attendance": "nosuch.jsonl"}, "attendance: can't read "),
        ({"attendance": "nosuch-*.jsonl"}, "attendance: no file matches "),
        ({"attendance": "policy.txt"}, "the suffix must be one of .jsonl, .ndjson, .csv, .tsv, .parquet"),
        ({"attendance": "people.jsonl"}, "people.jsonl: the column conference_key is missing"),
        ({"policy": "nosuch.json"}, "can't read "),
        ({"policy": "bookings.jsonl"}, "'booking_uid' is not a field of the policy. Its fields: aliases, as_of"),
        ({"policy": "people.jsonl"}, "The policy is not JSON"),
        ({"attendance": "table:rows"}, "table:NAME is a table of a connection. Name the connection with --connection"),
    ],
)
def test_bad_input_is_refused_in_one_line(changes: dict[str, str], message: str, files: Files, refused: Any) -> None:
    """Status 1, and on standard error one line that names what to fix; nothing is written."""
    assert message in refused(files.arguments("decide", *files.out("d.jsonl"), **changes))
    assert not (files.folder / "d.jsonl").exists()


def test_a_wrong_suffix_is_reported_before_the_work(files: Files, refused: Any) -> None:
    """Nobody waits for decisions that can't be written."""
    message = refused(files.arguments("decide", *files.out("d.xlsx"), bookings="nosuch.jsonl"))
    assert "d.xlsx: the suffix must be one of" in message


def test_an_output_that_can_not_be_written(files: Files, refused: Any) -> None:
    """A folder of that name, or a file where a folder should be, is reported with the option's name."""
    (files.folder / "d.jsonl").mkdir()
    assert "--out: can't write " in refused(files.arguments("decide", *files.out("d.jsonl")))
    assert "--out: can't write " in refused(files.arguments("decide", *files.out("policy.json/d.jsonl")))


def test_a_missing_spill_directory(files: Files, refused: Any) -> None:
    """It is named."""
    more = ["--spill-directory", str(files.folder / "nosuch")]
    assert "nosuch" in refused(files.arguments("decide", *files.out("d.jsonl"), *more))


def test_an_unknown_zone(files: Files, refused: Any) -> None:
    """It is named, with an example of a good one."""
    message = refused(files.arguments("decide", *files.out("d.jsonl"), "--zone", "Middle/Earth"))
    assert "zone must be a time zone such as Europe/Berlin, but is 'Middle/Earth'" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: command"),
        (["judge"], "invalid choice: 'judge'"),
        (["decide", "--out", "d.csv"], "required: --bookings"),
        (["decide", "--bookings", "b.csv", "--out", "d.csv"], "one of the arguments --attendance --feed is required"),
        (["decide", "--threads", "0"], "argument --threads: '0' is not a number of threads such as 4"),
        (["decide", "--threads", "many"], "argument --threads: 'many' is not a number of threads such as 4"),
        (["decide", "--memory-limit", "lots"], "argument --memory-limit: 'lots' is not a size such as 2GB or 512MB"),
        (["explain", "--bookings", "b.csv", "--people", "p.csv", "--attendance", "a.csv"], "required: --booking"),
        (["bookings", "--team-id", "x"], "argument --team-id: 'x' is not an id such as 7"),
        (["try", "--bookings", "b.jsonl"], "required: --feed"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and the option at fault."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bookings", "try", "report", "explain", "decide", "forget", "ledger compact"])
def test_the_help_ends_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's help shows a command line to copy, whose options the command has."""
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    _, example = capsys.readouterr().out.replace("\\\n", " ").split("\nexample:\n")
    lines = [line.split() for line in example.splitlines() if f"calcom-no-shows {command} " in line]
    assert lines
    for line in lines:
        parser().parse_args(line[1:])


# ----------------------------------------------------------------------------------------------------------------------
# explain
# ----------------------------------------------------------------------------------------------------------------------


def test_explain_prints_a_page(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The page goes to standard output, and nothing to standard error."""
    assert main(files.arguments("explain", "--booking", "b1")) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Booking     b1, accepted\n")
    assert "rule 11: somebody was there who may be the person: row #2 (日本 iPhone, person, zoom" in printed.out
    assert printed.err == ""


def test_explain_prints_json(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the same facts are one object."""
    assert main(files.arguments("explain", "--booking", "b1", "--json")) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(each["email"], each["rule"]) for each in facts["people"]] == [("host@x.test", None), ("ann@x.test", 11)]


def test_explain_does_not_know_the_booking(files: Files, refused: Any) -> None:
    """The option is named, and how many bookings there are."""
    message = refused(files.arguments("explain", "--booking", "b2"))
    assert message == "calcom-no-shows: --booking: no booking has the uid 'b2'. There is 1 booking\n"


@pytest.mark.parametrize("more", [{"more": ["--connection", "warehouse"]}, {"attendance": "table:rows"}])
def test_explain_reads_files_only(more: dict[str, Any], files: Files, refused: Any) -> None:
    """A connection is refused with the way round it, and is not looked up."""
    message = refused(files.arguments("explain", "--booking", "b1", *more.pop("more", ()), **more))
    assert "explain reads files, no tables of a connection. Export the rows of the booking's day" in message


# ----------------------------------------------------------------------------------------------------------------------
# The process
# ----------------------------------------------------------------------------------------------------------------------


def run(arguments: list[str], code: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a fresh interpreter, and some code after it."""
    text = f"import sys\nfrom airflow_provider_calcom.cli.no_shows import main\nstatus = main(sys.argv[1:])\n{code}"
    command = [sys.executable, "-c", f"{text}\nsys.exit(status)", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", **environment})


AIRFLOW = "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'httpx', 'sqlglot')])"


def test_decide_does_not_import_airflow(files: Files) -> None:
    """A policy can be tried where Airflow is not set up, and nobody waits the seconds that its import takes."""
    done = run(files.arguments("decide", *files.out("d.parquet")), AIRFLOW)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, b"[]")


def test_it_starts_fast(files: Files) -> None:
    """A tiny world is decided in a fresh interpreter with less than 1.5 s of CPU time, once in five runs at least."""
    took = []
    for _ in range(5):
        before = cpu_seconds_of_children()
        assert run(files.arguments("decide", *files.out("d.csv"))).returncode == 0
        took.append(cpu_seconds_of_children() - before)
        if took[-1] < 1.5:
            break
    assert min(took) < 1.5


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_explain_on_a_terminal_that_knows_few_signs(files: Files) -> None:
    """What it can't show becomes a question mark, not an error; and Airflow is not imported either."""
    done = run(files.arguments("explain", "--booking", "b1"), AIRFLOW, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, b"", b"[]")
    assert b"row #2 (?? iPhone, person" in done.stdout


def test_a_reader_that_has_had_enough(files: Files) -> None:
    """`explain ... | head -1` ends without a complaint."""
    arguments = files.arguments("explain", "--booking", "b1")
    command = [sys.executable, "-m", "airflow_provider_calcom.cli.no_shows", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), complaint) == (0, b"")


def test_an_interpreter_without_duckdb(files: Files) -> None:
    """The extra is named."""
    blocked = "import sys; sys.modules['duckdb'] = None; from airflow_provider_calcom.cli.no_shows import main;"
    command = [sys.executable, "-c", f"{blocked} sys.exit(main(sys.argv[1:]))"]
    done = subprocess.run(
        [*command, *files.arguments("decide", *files.out("d.csv"))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Install it with: pip install 'airflow-provider-calcom[attendance]'" in done.stderr
    assert done.stderr.count("\n") == 1
