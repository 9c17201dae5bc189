"""The documentation: examples run and print what the pages show, tables match the code, links resolve.

A ``python`` block runs, all of a page in one namespace and one folder, and prints the ``text`` block right after it, or
nothing. A line of a ``shell`` block that begins with ``calcom-no-shows`` and has such an output runs likewise. A block
after a line that begins with a file's name is that file.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import gzip
import importlib
import inspect
import io
import json
import pkgutil
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.execution_time import macros

import airflow_provider_calcom
from airflow_provider_calcom.api import errors as api_errors
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.attendance.engine import Figures
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.attendance.explain.reasons import HOSTS_SENTENCES, SENTENCES
from airflow_provider_calcom.attendance.feeds import FeedError, FeedOptions, FeedUnreadable, _registry, read_feed
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.cli import no_shows as command
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.get_provider_info import get_provider_info
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.no_shows import diff, plan_files
from airflow_provider_calcom.no_shows.apply import worklist
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, evaluate
from airflow_provider_calcom.no_shows.ledger.records import LedgerRecord
from airflow_provider_calcom.notifications.no_shows import NoShowNotifier
from airflow_provider_calcom.operators.approval import ApproveNoShowsOperator
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, MarkAbsentOperator, PlanNoShowsOperator
from airflow_provider_calcom.operators.webhooks import EnsureWebhookOperator
from airflow_provider_calcom.sandbox.practice import demo_world, practice_world
from airflow_provider_calcom.sensors.attendance import AttendanceReadySensor
from airflow_provider_calcom.sensors.bookings import BookingEndedSensor
from airflow_provider_calcom.triggers.ended import EndedBookingsTrigger
from benchmarks.plans import write_plan_by_hand
from tests.operators.applying import change
from tests.pages import blocks
from tests.support import KEY, NOW, SandboxDriver

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
TUTORIAL, FILES = (DOCS / "tutorial" / f"{name}.md" for name in ("plan-and-apply", "decide-on-files"))
MARKING, SANDBOX = (DOCS / "how-to" / f"{name}.md" for name in ("mark-attendees", "test-against-the-sandbox"))
TROUBLESHOOTING, GUIDES = DOCS / "how-to" / "troubleshoot.md", DOCS / "how-to" / "feeds"
RULES, ACCURACY, BENCHMARK = (
    DOCS / "explanation" / f"{name}.md" for name in ("rules", "accuracy", "attendance-benchmark")
)
OPERATORS, SENSORS, NOTIFICATIONS, HOOK, ERRORS, CONNECTION, FEEDS, TABLES_PAGE, POLICY, PLANS, LEDGER, COMMANDS = (
    DOCS / "reference" / f"{name}.md"
    for name in (
        "operators",
        "sensors",
        "notifications",
        "hook",
        "errors",
        "connection",
        "feeds",
        "attendance-tables",
        "policy",
        "plan-files",
        "ledger",
        "command-line",
    )
)
PAGES = [README, *sorted(DOCS.glob("**/*.md"))]
# The examples of an agent need a provider that only `make test-agents` installs; tests/agents runs them.
FOR_AGENTS = DOCS / "how-to" / "use-from-an-agent.md"
RUNNING_PAGES = [
    page for page in PAGES if any(block.language == "python" for block in blocks(page)) and page != FOR_AGENTS
]
COMMAND = "calcom-no-shows"


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows, by name."""
    named = ((re.match(r"`([\w.-]+\.(?:jsonl?|csv))`", block.before), block) for block in blocks(page))
    return {name[1]: block.text for name, block in named if name and block.language in ("json", "csv")}


def rows(page: Path, heading: str = "") -> dict[str, list[str]]:
    """Return the rows of the first table below a heading, or of all tables of a page, by the names in first cells."""
    text = page.read_text(encoding="utf-8")
    if heading:
        text = re.split(rf"^{re.escape(heading)}$", text, flags=re.MULTILINE)[1]
        text = text[text.index("\n| ") :].strip().split("\n\n")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("| "):
            cells = cells_of(line)
            for name in re.findall(r"`([^`]+)`", cells[0]):
                assert name not in found, f"{page.name} has {name} in two rows"
                found[name] = cells
    return found


def rows_by_words(page: Path, heading: str) -> dict[str, str]:
    """Return the second cell of each row of a section, by the first."""
    section = page.read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n## ")[0]
    lines = [cells_of(line) for line in section.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1] for cells in lines}


def cells_of(line: str) -> list[str]:
    """Return the cells of a table's row."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


def ids(page: Path) -> str:
    return page.name


# Examples.


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_python_compiles(page: Path) -> None:
    """Every Python block of the documentation compiles."""
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, f"{page.name}, line {block.line}", "exec")


@pytest.mark.parametrize("page", RUNNING_PAGES, ids=ids)
def test_examples_print_what_the_page_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples of a page, run in their order, print what the page shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_registry, "_added", {})
    # The other pages use the files of the tutorial.
    for name, text in (files(FILES) | files(page)).items():
        Path(name).write_text(text, encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "an_example"}
    ran = 0
    for block in blocks(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if block.language == "python":
                exec(compile(block.text, f"{page.name}, line {block.line}", "exec"), namespace)
            elif block.language == "shell" and block.text.startswith(COMMAND) and block.output:
                for line in block.text.splitlines():
                    assert command.main(shlex.split(line)[1:]) == 0, printed.getvalue()
            else:
                continue
        ran += 1
        assert printed.getvalue() == block.output, f"{page.name}, line {block.line}"
    assert ran, "the page has examples"


def test_commands_have_their_output() -> None:
    """A command without its output would not be run, so that no test would check it."""
    shown = [block for page in PAGES for block in blocks(page) if block.text.startswith(COMMAND)]
    assert len(shown) >= 3
    assert all(block.output for block in shown)


def test_the_plan_of_the_tutorial(calcom: SandboxDriver, connect: Callable[..., None], tmp_path: Path) -> None:
    """The tutorial's plan has the change of Carol and no other. ``make test-readme`` runs its DAG by Airflow."""
    calcom.admin("world", {"world": demo_world()})
    connect(host=calcom.url, password="cal_demo_owner")
    namespace: dict[str, Any] = {"__name__": "an_example"}
    exec(example(TUTORIAL, "PlanNoShowsOperator(").replace("/tmp/no-shows", str(tmp_path)), namespace)
    dag = namespace["plan_no_shows"]()
    task = copy.copy(dag.get_task("plan"))
    task.render_template_fields({"params": dict(dag.params), "macros": macros})
    result = task.execute({})
    assert [change.email for change in plan_files.read_plan(result["plan_path"])] == ["carol@example.org"]
    assert result["outcomes"]["present"] == {"name": 1}
    assert set(result["outcomes"]["undetermined"]) == {"no_evidence"}
    assert calcom.writes() == []
    assert {path.name for path in Path(result["plan_path"]).iterdir()} <= first_cells(TUTORIAL)


def example(page: Path, containing: str) -> str:
    """Return the one Python block of a page that contains a string."""
    (text,) = [block.text for block in blocks(page) if block.language == "python" and containing in block.text]
    return text


def test_the_object_of_cal_coms_page_is_marked(calcom: SandboxDriver, connect: Callable[..., None]) -> None:
    """The attendee object of Cal.com's public mark-absent page works as input, and the page shows the real result."""
    john = {"name": "John Doe", "email": "john.doe@example.com"}
    attendee = john | {"timeZone": "America/New_York", "language": "it", "phoneNumber": "+919876543210"}
    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == "sandbox-yesterday-1")
    booking |= {"uid": "booking_uid_123", "attendees": [attendee], "responses": john}
    calcom.admin("world", {"world": world})
    connect(host=calcom.url, password=KEY)
    namespace: dict[str, Any] = {}
    exec(
        example(MARKING, "John Doe").replace("MarkAbsentOperator(\n", "operator = MarkAbsentOperator(\n", 1),
        {"MarkAbsentOperator": MarkAbsentOperator},
        namespace,
    )
    (shown,) = [json.loads(block.text) for block in blocks(MARKING) if block.language == "json"]
    result = namespace["operator"].execute({})
    assert result == shown
    again = namespace["operator"].execute({})
    assert (again["unchanged"], again["calls"]) == (shown["marked"], 0)
    assert len(calcom.marks()) == 1


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_examples_run_without_a_logical_date(page: Path) -> None:
    """No example uses what Airflow 3 lacks in runs by hand, the API or an asset, nor reads the clock for it."""
    for block in blocks(page):
        if block.language == "python":
            for template in re.findall(r"\{\{+(.+?)\}\}", block.text):
                safe = template.replace("logical_date | default(dag_run.run_after) | ds", "")
                where = f"{page.name}, line {block.line}: {template}"
                assert not re.search(
                    r"(?<!\.)\b(ds|ts|ds_nodash|ts_nodash|logical_date|data_interval\w*)\b|utcnow|run_after", safe
                ), where


def test_a_plan_is_applied_as_the_page_says(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The tutorial's DAG takes a plan's folder from its parameters, and is a dry run by default."""
    namespace: dict[str, Any] = {"__name__": "an_example"}
    exec(example(TUTORIAL, "ApplyNoShowsOperator("), namespace)
    dag = namespace["apply_no_shows"]()
    folder = write_plan_by_hand(tmp_path / "plan", [change("sandbox-yesterday-1", "bob@example.org")])
    for dry_run, marks in ((dag.params["dry_run"], 0), (False, 1)):
        task = copy.copy(dag.get_task("apply"))
        task.ledger_path = str(tmp_path / "ledger")
        task.render_template_fields({"params": {"plan": str(folder), "dry_run": dry_run}})
        task.execute({})
        assert len(calcom.marks()) == marks


NAIVE = ("attendance.jsonl", "2026-11-18T09:00:20Z", "2026-11-18 09:00:20")
WRONG: dict[str, tuple[tuple[str, str, str] | None, list[str]]] = {
    "a timestamp without a zone": (NAIVE, []),
    "an unknown kind": (("attendance.jsonl", '"person"', '"human"'), []),
    "a column is missing": (("attendance.jsonl", '"email"', '"mail"'), []),
    "a duplicate booking": (("bookings.jsonl", "", ""), []),
    "an end before its start": (("bookings.jsonl", "T09:30", "T08:30"), []),
    "a truncated file": (("attendance.jsonl", "", ""), []),
    "a truncated gzip file": (("attendance.jsonl", "", ""), []),
    "a missing file": (None, ["--attendance", "bad.jsonl"]),
    "an unknown policy field": (None, ["--policy", '{"setle": 1}']),
    "a value out of range": (None, ["--policy", '{"settle": -1}']),
    "too little memory": (None, ["--memory-limit", "1MB"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_the_page_says(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page has each error message word for word."""
    monkeypatch.chdir(tmp_path)
    tables = [f"{table.name}.jsonl" for table in TABLES]
    given = {name: text for name, text in files(FILES).items() if name in tables}
    change, options = WRONG[what]
    arguments = {f"--{Path(name).stem}": name for name in given}
    if change:
        name, old, new = change
        given["bad.jsonl"] = given[name].replace(old, new) if old else given[name] * 2
        arguments[f"--{Path(name).stem}"] = "bad.jsonl"
    if options[:1] == ["--policy"]:
        given["policy.json"], options = options[1], ["--policy", "policy.json"]
    for name, text in given.items():
        Path(name).write_text(text[:100] if name == "bad.jsonl" and "truncated" in what else text, encoding="utf-8")
    if "gzip" in what:
        packed = gzip.compress(Path("bad.jsonl").read_bytes())
        Path("bad.jsonl.gz").write_bytes(packed[: len(packed) // 2])
        arguments["--attendance"] = "bad.jsonl.gz"
    line = [part for pair in arguments.items() for part in pair]
    assert command.main(["decide", *line, *options, "--out", "out.jsonl"]) == 1
    shown = rows_by_words(TABLES_PAGE, "## When the input is wrong")[what].strip("`")
    pattern = re.escape(f"{COMMAND}: {shown}\n").replace(re.escape("..."), ".*")
    assert re.fullmatch(pattern, capsys.readouterr().err), shown


def test_all_errors_of_the_page_are_provoked() -> None:
    """The page has no error that the test above does not provoke."""
    assert set(rows_by_words(TABLES_PAGE, "## When the input is wrong")) - {"what"} == set(WRONG)


# Tables.


def shown_default(default: Any) -> str:
    """Return a default as the pages have it: as JSON, which is how users write it."""
    return f"`{json.dumps(list(default) if isinstance(default, tuple) else default)}`"


def defaults(made: type) -> Iterator[tuple[str, str]]:
    for entry in fields(made):
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        yield entry.name, shown_default(default)


@pytest.mark.parametrize(
    ("page", "heading", "made"),
    [
        (POLICY, "## Fields", AttendancePolicy),
        (PLANS, "## Guard rails", GuardRails),
        (FEEDS, "## Options", FeedOptions),
    ],
    ids=["policy", "guard rails", "feed options"],
)
def test_fields_are_in_their_table_with_their_default(page: Path, heading: str, made: type) -> None:
    """A field that is added, renamed or gets another default can't be forgotten in the docs."""
    table = rows(page, heading)
    assert {name: cells[1] for name, cells in table.items()} == dict(defaults(made))


@pytest.mark.parametrize(
    ("page", "heading", "made"),
    [
        (OPERATORS, "## MarkAbsentOperator", MarkAbsentOperator),
        (OPERATORS, "## PlanNoShowsOperator", PlanNoShowsOperator),
        (OPERATORS, "## ApplyNoShowsOperator", ApplyNoShowsOperator),
        (OPERATORS, "## ApproveNoShowsOperator", ApproveNoShowsOperator),
        (OPERATORS, "## ListBookingsOperator", ListBookingsOperator),
        (OPERATORS, "## EnsureWebhookOperator", EnsureWebhookOperator),
        (SENSORS, "## BookingEndedSensor", BookingEndedSensor),
        (SENSORS, "## AttendanceReadySensor", AttendanceReadySensor),
        (SENSORS, "## EndedBookingsTrigger", EndedBookingsTrigger),
        (NOTIFICATIONS, "## NoShowNotifier", NoShowNotifier),
        (HOOK, "# CalComHook", CalComHook),
    ],
    ids=["mark", "plan", "apply", "approve", "list", "webhook", "ended", "ready", "watcher", "notifier", "hook"],
)
def test_parameters_are_in_their_table_with_their_default(page: Path, heading: str, made: type) -> None:
    """A parameter that is added, renamed or gets another default can't be forgotten in the docs."""
    known = {
        name: "" if one.default is inspect.Parameter.empty else shown_default(one.default)
        for name, one in inspect.signature(made).parameters.items()
        if name not in ("self", "kwargs")
    }
    assert {name: cells[1] for name, cells in rows(page, heading).items()} == known


def test_methods_of_the_hook_are_in_the_table() -> None:
    """Every method of the hook that DAG authors may call is in the table."""
    public = {name for name, one in vars(CalComHook).items() if inspect.isfunction(one) and not name.startswith("_")}
    inherited = {"get_ui_field_behaviour", "get_connection_form_widgets"}
    assert set(rows(HOOK, "## Methods")) == public - inherited


def test_errors_are_in_the_table() -> None:
    """Every error class is in the table, with whether Airflow retries it."""
    retried = {name: cells[1] for name, cells in rows(ERRORS).items() if name[0].isupper()}
    known = {
        kind.__name__: "depends" if kind.__name__ == "ChangesFailed" else "yes" if kind.retryable else "no"
        for kind in raised_errors()
    }
    assert retried == known


def test_every_error_is_found_by_its_text() -> None:
    """Troubleshooting has each error class once, with a text that the package still writes."""
    texts = texts_of_the_package()
    shown: list[str] = []
    for line in TROUBLESHOOTING.read_text(encoding="utf-8").splitlines():
        cells = cells_of(line) if line.startswith("| ") else []
        classes = re.findall(r"`([A-Z]\w+)`", cells[1]) if cells else []
        shown += classes
        for text in re.findall(r"`([^`]+)`", cells[0]) if classes else ():
            for part in (one.strip(" :") for one in text.split("...")):
                assert any(part in known for known in texts), f"no error of {classes} has: {part}"
    assert sorted(shown) == sorted(kind.__name__ for kind in raised_errors())


def texts_of_the_package() -> set[str]:
    """Return all strings in the package's source, each with ``...`` where a value is put in."""
    found = set()
    for path in sorted((ROOT / "airflow_provider_calcom").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.add("".join(str(one.value) if isinstance(one, ast.Constant) else "..." for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    # storage_errors() puts in what can't be done.
    return found | {text.replace("can't be ...", f"can't be {done}") for text in found for done in ("read", "written")}


def raised_errors() -> list[type[Any]]:
    """Return the error classes that a user can meet."""
    import_all_modules()
    groups = (
        api_errors.InvalidValue,
        api_errors.TransportError,
        api_errors.Refused,
        api_errors.AccessRefused,
        api_errors.ChangeRejected,
    )
    never_raised = (CalComError, AttendanceError, FeedError, *groups)
    return [kind for kind in subclasses(ProviderError) if kind not in never_raised]


def import_all_modules() -> None:
    """Import every module of the package, so that all subclasses are known."""
    for module in pkgutil.walk_packages(airflow_provider_calcom.__path__, "airflow_provider_calcom."):
        if "example_dags" not in module.name and "sandbox" not in module.name:
            importlib.import_module(module.name)


def subclasses(of: type[Any]) -> Iterator[type[Any]]:
    """Return all subclasses that are defined in the package, without those made at run time."""
    for kind in of.__subclasses__():
        if kind.__module__.startswith("airflow_provider_calcom") and not issubclass(kind, AirflowFailException):
            yield kind
            yield from subclasses(kind)


def test_outcomes_and_ledger_keys_are_in_their_tables() -> None:
    """Every outcome of a change and every key of the ledger is documented."""
    assert set(rows(OPERATORS, "### Outcomes")) == {*worklist.OUTCOMES, worklist.WOULD_APPLY}
    assert set(rows(LEDGER, "## Keys")) == LedgerRecord.__required_keys__


def test_connection_fields_are_in_the_table() -> None:
    """Every extra field of the connection's form is documented."""
    (connection,) = get_provider_info()["connection-types"]
    assert set(connection["conn-fields"]) <= set(rows(CONNECTION))


def test_guard_rails_are_in_the_table() -> None:
    """Every guard rail that can reject a plan is documented."""
    figures = Figures(
        outcomes={}, judged_bookings=0, attendance_rows=0, rows_of_people=0, matched_rows=0, complete_until=None
    )
    names = {result.name for result in evaluate(GuardRails(), figures, 0)}
    assert names <= set(rows(PLANS, "## Guard rails"))


def test_the_tables_have_their_columns() -> None:
    """The documentation of the three tables has all their columns and choices."""
    text = TABLES_PAGE.read_text(encoding="utf-8")
    section = text.split("## The three tables")[1].split("\n## ")[0]
    for table in TABLES:
        below = section.split(f"**`{table.name}`**")[1].split("\n\n**`")[0]
        names = " ".join(cells_of(line)[0] for line in below.splitlines() if line.startswith("| "))
        assert re.findall(r"`(\w+)`", names) == [column.name for column in table.columns]
        for column in table.columns:
            assert all(f"`{choice}`" in below for choice in column.choices)


def test_reasons_are_documented_with_their_rule() -> None:
    """A reason that a user finds in a decision or a plan is in the table of the rules, at its number."""
    section = RULES.read_text(encoding="utf-8").split("## How a decision is made")[1].split("\n## ")[0]
    lines = [cells_of(line) for line in section.splitlines() if line.startswith("| ")]
    numbers = {
        reason: int(cells[0]) for cells in lines if cells[0].isdigit() for reason in re.findall("`(\\w+)`", cells[3])
    }
    assert numbers == {reason: rule for reason, (rule, _) in SENTENCES.items()}
    of_hosts = {reason for cells in lines if len(cells) == 3 for reason in re.findall("`(\\w+)`", cells[2])}
    of_both = {reason for reason, (rule, _) in SENTENCES.items() if rule in (8, 9, 11)}
    assert of_hosts == {*filter(None, HOSTS_SENTENCES), *of_both}


def test_plans_files_and_reasons() -> None:
    """Every file of a plan, every reason for holding somebody back and every key of a change is documented."""
    table = first_cells(PLANS)
    assert {
        plan_files.PLAN,
        plan_files.REFUSED_CHANGES,
        plan_files.HELD_BACK,
        plan_files.DECISIONS,
        plan_files.SUMMARY,
    } <= table
    assert set(diff.HELD_BACK) == set(rows(PLANS, "## Held back"))
    assert set(plan_files._KEYS) <= table
    assert {plan_files.PLAN, plan_files.HELD_BACK, plan_files.DECISIONS, plan_files.SUMMARY} <= first_cells(TUTORIAL)


def first_cells(page: Path) -> set[str]:
    """Return the names in code in the first cells of a page's tables."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return {name for line in lines if line.startswith("| ") for name in re.findall(r"`([^`]+)`", cells_of(line)[0])}


def test_every_feed_has_a_section() -> None:
    """Each feed has a section with an entry for the operator and an example in Python."""
    headings = re.findall(r"^## `(\w+)`$", FEEDS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(_registry.BUILT_IN)
    for name in headings:
        section = FEEDS.read_text(encoding="utf-8").split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        assert f'"feed": "{name}"' in section
        assert f'read_feed("{name}"' in section


@pytest.mark.parametrize("feed", _registry.BUILT_IN)
def test_every_feed_has_a_guide(feed: str) -> None:
    """A guide says how to get a vendor's data, who may, what it lacks, and has an example of both uses that runs."""
    name = {"canonical": "own-table"}.get(feed, feed.replace("_", "-"))
    text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Get the data", "Permissions and licence", "Plan with it", "What it lacks"]
    assert f'"feed": "{feed}"' in text
    assert f'read_feed("{feed}"' in text
    assert "PlanNoShowsOperator(" in text


def test_the_operator_accepts_no_unreadable_record(tmp_path: Path) -> None:
    """One unreadable record in fifty is too much for the operator, and not for ``read_feed``, as documented."""
    good = {"email": "ann@example.org", "joined_at": "2026-11-18T09:00:20Z"}
    feed = [*[good] * 49, {**good, "joined_at": "soon"}]
    assert len(list(read_feed("canonical", feed))) == 49
    attendance: dict[str, Any] = {"feed": "canonical", "rows": feed}
    options: dict[str, Any] = {"bookings": [], "attendance": attendance, "plan_path": str(tmp_path / "plan")}
    with pytest.raises(FeedUnreadable, match="1 of 50 records"):
        PlanNoShowsOperator(task_id="plan", **options).execute({})
    attendance["options"] = {"max_unreadable": 0.05}
    assert PlanNoShowsOperator(task_id="plan", **options).execute({})["state"] == "ready"
    assert rows(FEEDS, "## Options")["max_unreadable"][2].endswith("in the operator `0`")


def test_options_of_the_command_are_documented() -> None:
    """The page has all options of all commands."""
    (commands,) = [action for action in command.parser()._actions if isinstance(action, argparse._SubParsersAction)]
    options = {
        option
        for one in commands.choices.values()
        for action in one._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    text = COMMANDS.read_text(encoding="utf-8")
    assert {option for option in options if option not in text} == set()


def test_accuracy_has_the_figures_of_the_benchmark() -> None:
    """Precision and known limits are those of the benchmark: a new run can't leave them behind."""
    said = ACCURACY.read_text(encoding="utf-8")
    benchmark = BENCHMARK.read_text(encoding="utf-8")
    lines = [cells_of(line) for line in benchmark.splitlines() if line.startswith("| ")]
    rules, everything, join = (
        next(cells for cells in lines if cells[0].startswith(first))
        for first in (
            "**the rules, where the feed is truthful**",
            "the rules, all bookings",
            "meeting and address alone, all bookings",
        )
    )
    marked, wrongly, precision, recall = rules[4:8]
    assert (wrongly, precision) == ("0", "1.000")
    for figure in (marked, recall.replace("%", " %"), everything[6], join[6]):
        assert figure in said
    limits = [line for line in benchmark.split("## Known limits")[1].splitlines() if line.startswith("| **")]
    assert len(limits) == said.count("\n- ") > 0


# Links and language.


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_resolve(page: Path) -> None:
    """Every relative link and picture of a page finds its file, and every anchor its heading."""
    text = prose(page)
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"src(?:set)?=\"([^\"]+)\"", text):
        if re.match(r"\w+://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        assert linked.is_relative_to(ROOT), f"{page.name}: {target}"
        assert not anchor or linked.suffix != ".md" or anchor in anchors(linked), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES[1:], ids=ids)
def test_links_stay_within_the_documentation(page: Path) -> None:
    """The wheel has the pages and not what is beside them; only the list of examples links their source."""
    for target in re.findall(r"\]\(([^)#\s]+)", prose(page)):
        linked = (page.parent / target).resolve()
        is_example = page.name == "example-dags.md" and linked.parent.name == "dags_examples"
        assert "://" in target or linked.is_relative_to(DOCS) or is_example, f"{page.name}: {target}"


def test_the_index_and_the_site_have_every_page() -> None:
    """Every page can be reached from the index and in the site's navigation, and the index from the README."""
    index = DOCS / "index.md"
    pages = {str(page.relative_to(DOCS)) for page in PAGES if page not in (README, index)}
    linked = re.findall(r"\]\(([^)#\s]+\.md)", index.read_text(encoding="utf-8"))
    assert pages <= set(linked)
    navigation = re.findall(r"- file: (\S+)$", (DOCS / "_toc.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(f"{name}.md" for name in navigation if name != "api/index") == sorted(pages)
    assert "(docs/index.md" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_page_begins_with_a_title_and_a_sentence(page: Path) -> None:
    """The site takes a page's title and description from them, so they must be text."""
    title, _, rest = page.read_text(encoding="utf-8").partition("\n")
    assert title.startswith("# ")
    assert re.match(r"\n[A-Z\[`*]", rest), page.name


def test_the_reference_of_python_has_what_examples_import() -> None:
    """A module that an example imports from is in the generated reference, and each module there exists."""
    tree = ast.parse((DOCS / "conf.py").read_text(encoding="utf-8"))
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "API_MODULES"
    ]
    modules = ast.literal_eval(value)
    for name in modules:
        importlib.import_module(name)
    text = "\n".join(block.text for page in PAGES for block in blocks(page) if block.language == "python")
    imported = set(re.findall(r"^ *from (airflow_provider_calcom[\w.]*) import", text, re.MULTILINE))
    assert imported <= set(modules)
