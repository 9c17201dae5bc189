"""The documentation: examples run and print what it says, tables are those of the code, links lead somewhere.

What a page shows is taken at its word. A ``python`` block runs, all of a page in one namespace and one folder, and
prints the ``text`` block right behind it, or nothing. A line of a ``shell`` block that begins with ``calcom-no-shows``
runs likewise. A block behind a line that begins with a file's name is that file.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gzip
import inspect
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance import plan, worklist
from airflow_provider_calcom.attendance.explain.reasons import HOSTS_SENTENCES, SENTENCES
from airflow_provider_calcom.attendance.feeds import FeedOptions, FeedUnreadable, feed_names, read_feed
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.cli import no_shows as command
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, judge
from airflow_provider_calcom.no_shows.ledger.records import LedgerRecord
from benchmarks.plans import write_plan_by_hand
from tests.dag_runs import dag_of, xcoms
from tests.operators.applying import change
from tests.pages import blocks
from tests.support import SandboxDriver

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
ATTENDANCE = DOCS / "explanation" / "rules.md"
APPLYING, FEEDS, PLANS = (DOCS / "reference" / f"{name}.md" for name in ("ledger", "feeds", "plan-files"))
BENCHMARK = DOCS / "explanation" / "attendance-benchmark.md"
PAGES = [README, *sorted(DOCS.glob("**/*.md"))]
RUNNING_PAGES = [README, APPLYING, ATTENDANCE, FEEDS, PLANS]
COMMAND = "calcom-no-shows"


def files(page: Path) -> dict[str, str]:
    """Give the files that a page shows."""
    named = ((re.match(r"`([\w.-]+\.(?:jsonl?|csv))`", block.before), block) for block in blocks(page))
    return {name[1]: block.text for name, block in named if name and block.language == "json"}


def rows(page: Path, heading: str = "") -> dict[str, list[str]]:
    """Give the rows of a page's tables below a heading, by each name in code that stands in their first cell."""
    text = page.read_text(encoding="utf-8")
    if heading:
        text = re.split(rf"^{re.escape(heading)}$", text, flags=re.MULTILINE)[1]
        text = re.split(rf"^#{{1,{heading.index(' ')}}} ", text, flags=re.MULTILINE)[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("| "):
            cells = cells_of(line)
            for name in re.findall(r"`([^`]+)`", cells[0]):
                assert name not in found, f"{page.name} has {name} in two rows"
                found[name] = cells
    return found


def rows_by_words(page: Path, heading: str) -> dict[str, str]:
    """Give the second cell of each row of a section, by the first."""
    section = page.read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n## ")[0]
    lines = [cells_of(line) for line in section.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1] for cells in lines}


def cells_of(line: str) -> list[str]:
    """Give the cells of a table's row."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


def ids(page: Path) -> str:
    return page.name


# Examples.


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_python_compiles(page: Path) -> None:
    """No page shows Python that Python does not take."""
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, f"{page.name}, line {block.line}", "exec")


@pytest.mark.parametrize("page", RUNNING_PAGES, ids=ids)
def test_examples_print_what_the_page_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies a page's examples, in their order, sees what the page shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base, "_added", {})
    # The other pages go on with the files of this one.
    for name, text in (files(ATTENDANCE) | files(page)).items():
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
    """A command without its output would not be run, so that nothing would hold it."""
    shown = [block for page in RUNNING_PAGES for block in blocks(page) if block.text.startswith(COMMAND)]
    assert len(shown) >= 3
    assert all(block.output for block in shown)


@pytest.mark.usefixtures("airflow_db")
def test_the_plan_of_the_readme(calcom: SandboxDriver, connect: Callable[..., None], tmp_path: Path) -> None:
    """However its run is started, the README's example plans what the README says: Carol, and nobody else."""
    from airflow_provider_calcom.sandbox.practice import demo_world

    calcom.admin("world", {"world": demo_world()})
    (example,) = [block.text for block in blocks(README) if "PlanNoShowsOperator(" in block.text]
    text = example.replace("\nplan_no_shows()\n", "\ndag = plan_no_shows()\n").replace("/tmp/no-shows", str(tmp_path))
    connect(host=calcom.url, password="cal_demo_owner")
    for options in ({}, {"logical_date": None}):
        result = xcoms(dag_of("readme_plan", text).test(**options), "plan")[-1]
        assert [change.email for change in plan.read_plan(result["plan_path"])] == ["carol@example.org"]
        assert result["outcomes"]["present"] == {"name": 1}
        assert set(result["outcomes"]["undetermined"]) == {"no_evidence"}
    assert calcom.writes() == []
    assert {path.name for path in Path(result["plan_path"]).iterdir()} <= first_cells(README)


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
    """The DAG of the page takes a plan's folder from its parameters, and is a dry run until it is told otherwise."""
    namespace: dict[str, Any] = {"__name__": "an_example"}
    (example,) = [block.text for block in blocks(PLANS) if "ApplyNoShowsOperator" in block.text]
    exec(example, namespace)
    dag = namespace["apply_no_shows"]()
    folder = write_plan_by_hand(tmp_path / "plan", [change("sandbox-yesterday-1", "bob@example.org")])
    for dry_run, marks in ((dag.params["dry_run"], 0), (False, 1)):
        task = copy.copy(dag.get_task("apply"))
        task.ledger_path = str(tmp_path / "ledger")
        task.render_template_fields({"params": {"plan": str(folder), "dry_run": dry_run}})
        task.execute({})
        assert len(calcom.marks()) == marks


def test_applying_tells_parameters_outcomes_and_keys() -> None:
    """The page has every parameter with its default, every outcome, and every key of the ledger."""
    from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator

    table = rows(APPLYING, "## The operator")
    parameters = inspect.signature(ApplyNoShowsOperator.__init__).parameters
    assert {name: cells[1] for name, cells in table.items()} == {
        name: "" if one.default is inspect.Parameter.empty else shown_default(one.default)
        for name, one in parameters.items()
        if name not in ("self", "kwargs")
    }
    assert set(rows(APPLYING, "## Outcomes")) == {*worklist.OUTCOMES, worklist.WOULD_APPLY}
    assert set(rows(APPLYING, "## The ledger")) == LedgerRecord.__required_keys__


NAIVE = ("attendance.jsonl", "2026-11-18T09:00:20Z", "2026-11-18 09:00:20")
WRONG: dict[str, tuple[tuple[str, str, str] | None, list[str]]] = {
    "a time without a zone": (NAIVE, []),
    "a kind that there is not": (("attendance.jsonl", '"person"', '"human"'), []),
    "a column is missing": (("attendance.jsonl", '"email"', '"mail"'), []),
    "a booking twice": (("bookings.jsonl", "", ""), []),
    "an end before its start": (("bookings.jsonl", "T09:30", "T08:30"), []),
    "a file that was cut": (("attendance.jsonl", "", ""), []),
    "a packed file that was cut": (("attendance.jsonl", "", ""), []),
    "no such file": (None, ["--attendance", "bad.jsonl"]),
    "a field that there is not": (None, ["--policy", '{"setle": 1}']),
    "a value that can't be": (None, ["--policy", '{"settle": -1}']),
    "too little memory": (None, ["--memory-limit", "1MB"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_the_page_says(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever meets an error finds it on the page, word for word."""
    monkeypatch.chdir(tmp_path)
    given = {name: text for name, text in files(ATTENDANCE).items() if name != "policy.json"}
    change, options = WRONG[what]
    arguments = {f"--{Path(name).stem}": name for name in given}
    if change:
        name, old, new = change
        given["bad.jsonl"] = given[name].replace(old, new) if old else given[name] * 2
        arguments[f"--{Path(name).stem}"] = "bad.jsonl"
    if options[:1] == ["--policy"]:
        given["policy.json"], options = options[1], ["--policy", "policy.json"]
    for name, text in given.items():
        Path(name).write_text(text[:100] if name == "bad.jsonl" and what.endswith("cut") else text, encoding="utf-8")
    if "packed" in what:
        packed = gzip.compress(Path("bad.jsonl").read_bytes())
        Path("bad.jsonl.gz").write_bytes(packed[: len(packed) // 2])
        arguments["--attendance"] = "bad.jsonl.gz"
    line = [part for pair in arguments.items() for part in pair]
    assert command.main(["decide", *line, *options, "--out", "out.jsonl"]) == 1
    shown = rows_by_words(ATTENDANCE, "## When the input is wrong")[what].strip("`")
    pattern = re.escape(f"{COMMAND}: {shown}\n").replace(re.escape("..."), ".*")
    assert re.fullmatch(pattern, capsys.readouterr().err), shown


def test_all_errors_of_the_page_are_tried() -> None:
    """The page tells of no error that the test above does not make."""
    assert set(rows_by_words(ATTENDANCE, "## When the input is wrong")) - {"what"} == set(WRONG)


# Tables.


def shown_default(default: Any) -> str:
    """Write a default as the pages have it: as JSON, which is how users give it."""
    return f"`{json.dumps(list(default) if isinstance(default, tuple) else default)}`"


def defaults(made: type) -> Iterator[tuple[str, str]]:
    for entry in fields(made):
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        yield entry.name, shown_default(default)


@pytest.mark.parametrize(
    ("page", "heading", "made"),
    [
        (ATTENDANCE, "## The policy", AttendancePolicy),
        (PLANS, "## Guard rails", GuardRails),
        (FEEDS, "## Options", FeedOptions),
    ],
    ids=["policy", "guard rails", "feed options"],
)
def test_every_field_stands_in_its_table_with_its_default(page: Path, heading: str, made: type) -> None:
    """A field that is added, renamed or given another default can't be forgotten in the docs."""
    table = rows(page, heading)
    assert {name: cells[1] for name, cells in table.items()} == dict(defaults(made))


def test_the_readme_has_the_guard_rails() -> None:
    """The README's short table has every guard rail that can refuse a plan, with its default and sample."""
    text = README.read_text(encoding="utf-8")
    table = rows(README, "## Plan no-shows from attendance")
    known = dict(defaults(GuardRails))
    assert {name: table[name][1] for name in rail_names()} == {name: known[name] for name in rail_names()}
    for name in ("min_sample", "min_matched_sample"):
        assert re.search(rf"from {known[name].strip('`')} (people|rows) \(`{name}`\) on", text)


def rail_names() -> list[str]:
    class _Figures:
        outcomes: dict[str, dict[str, int]] = {}
        judged_bookings = attendance_rows = rows_of_people = matched_rows = 0

    return [result.name for result in judge(GuardRails(), _Figures(), 0)]  # type: ignore[arg-type]


def test_every_parameter_of_the_operator_stands_in_its_table() -> None:
    """PlanNoShowsOperator has no parameter that the docs don't tell, and none of another default."""
    from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator

    table = rows(ATTENDANCE, "## The operator")
    parameters = inspect.signature(PlanNoShowsOperator.__init__).parameters
    known = {
        name: "" if one.default is inspect.Parameter.empty else shown_default(one.default)
        for name, one in parameters.items()
        if name not in ("self", "kwargs")
    }
    assert {name: cells[1] for name, cells in table.items()} == known


def test_the_tables_have_their_columns() -> None:
    """Whoever writes one of the three tables by the docs writes all its columns."""
    text = ATTENDANCE.read_text(encoding="utf-8")
    section = text.split("## The three tables")[1].split("\n## ")[0]
    for table in TABLES:
        below = section.split(f"**`{table.name}`**")[1].split("\n\n**`")[0]
        names = " ".join(cells_of(line)[0] for line in below.splitlines() if line.startswith("| "))
        assert re.findall(r"`(\w+)`", names) == [column.name for column in table.columns]
        for column in table.columns:
            assert all(f"`{choice}`" in below for choice in column.choices)


def test_every_reason_stands_with_its_rule() -> None:
    """A reason that a user finds in a decision or a plan is in the table of the rules, at its number."""
    section = ATTENDANCE.read_text(encoding="utf-8").split("## How a decision falls")[1].split("\n## ")[0]
    lines = [cells_of(line) for line in section.splitlines() if line.startswith("| ")]
    numbers = {
        reason: int(cells[0]) for cells in lines if cells[0].isdigit() for reason in re.findall("`(\\w+)`", cells[3])
    }
    assert numbers == {reason: rule for reason, (rule, _) in SENTENCES.items()}
    of_hosts = {reason for cells in lines if len(cells) == 3 for reason in re.findall("`(\\w+)`", cells[2])}
    of_both = {reason for reason, (rule, _) in SENTENCES.items() if rule in (8, 9, 11)}
    assert of_hosts == {*filter(None, HOSTS_SENTENCES), *of_both}


def test_plans_files_and_reasons() -> None:
    """Every file of a plan, every reason for holding somebody back and every key of a change is told."""
    table = first_cells(PLANS)
    assert {plan.PLAN, plan.REFUSED_CHANGES, plan.HELD_BACK, plan.DECISIONS, plan.SUMMARY} <= table
    assert set(plan._HELD_BACK) == set(rows(PLANS, "## Held back"))
    assert set(plan._KEYS) <= table
    assert {plan.PLAN, plan.HELD_BACK, plan.DECISIONS, plan.SUMMARY} <= first_cells(README)


def first_cells(page: Path) -> set[str]:
    """Give the names in code that stand in the first cells of a page's tables."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return {name for line in lines if line.startswith("| ") for name in re.findall(r"`([^`]+)`", cells_of(line)[0])}


def test_every_feed_has_a_section() -> None:
    """Each feed has a section with an entry for the operator, an example in Python, and what it is known by."""
    headings = re.findall(r"^## `(\w+)`$", FEEDS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(feed_names())
    for name in headings:
        section = FEEDS.read_text(encoding="utf-8").split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        assert f'"feed": "{name}"' in section
        assert f'read_feed("{name}"' in section


def test_the_operator_takes_no_unreadable_record(tmp_path: Path) -> None:
    """As the docs tell, one record in fifty that can't be read is too much for the operator, though not for Python."""
    from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator

    good = {"email": "ann@example.org", "joined_at": "2026-11-18T09:00:20Z"}
    feed = [*[good] * 49, {**good, "joined_at": "soon"}]
    assert len(list(read_feed("canonical", feed))) == 49
    options = {"bookings": [], "attendance": {"feed": "canonical", "rows": feed}, "plan_path": str(tmp_path / "plan")}
    with pytest.raises(FeedUnreadable, match="1 of 50 records"):
        PlanNoShowsOperator(task_id="plan", **options).execute({})
    options["attendance"]["options"] = {"max_unreadable": 0.05}
    assert PlanNoShowsOperator(task_id="plan", **options).execute({})["state"] == "ready"
    assert rows(FEEDS, "## Options")["max_unreadable"][2].endswith("in the operator `0`")


def test_every_option_of_the_command_is_told() -> None:
    """The page has all options of both commands."""
    (commands,) = [action for action in command.parser()._actions if isinstance(action, argparse._SubParsersAction)]
    options = {
        option
        for one in commands.choices.values()
        for action in one._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    section = ATTENDANCE.read_text(encoding="utf-8").split("## The command line")[1].split("\n## ")[0]
    assert {option for option in options if option not in section} == set()


def test_the_figures_of_the_readme_are_those_of_the_benchmark() -> None:
    """The README's precision and known limits are the published ones: a new run can't leave them behind."""
    said = README.read_text(encoding="utf-8").split("**How often it is right.**")[1].split("**On the command line**")[0]
    benchmark = BENCHMARK.read_text(encoding="utf-8")
    lines = [cells_of(line) for line in benchmark.splitlines() if line.startswith("| ")]
    rules, everything, join = (
        next(cells for cells in lines if cells[0].startswith(first))
        for first in (
            "**the rules, where the feed tells the truth**",
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


# Links.


def anchors(page: Path) -> set[str]:
    """Give the anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project, and to a section of a page, finds it."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def test_the_pages_are_linked_from_the_readme() -> None:
    """Nobody has to find a page by looking through folders."""
    text = README.read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page is not README and f"(docs/{page.relative_to(DOCS)}" not in text] == []
