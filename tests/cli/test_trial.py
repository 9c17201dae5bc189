"""The command `calcom-no-shows try`: a vendor's files as they are, against bookings of the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.attendance.explain.render import cells
from airflow_provider_calcom.no_shows.plan_files import read_plan, read_summary
from tests.cli.conftest import KEY, REPORT, ROOT, Run
from tests.support import SandboxDriver

CASES = ROOT.parent / "shared" / "cases" / "feeds"
INPUT = ("--bookings", "bookings.jsonl", "--policy", "policy.json")
DEMO = ("try", *INPUT, "--feed", "zoom", str(REPORT))
MARKED = {
    ("dm11MixedCaseStored0011", "Nina.North@Example.org"),
    ("dm16BothStayedAway00016", "sam@example.org"),
    ("dm16BothStayedAway00016", "tess@example.org"),
    ("dm2NobodyButTheHost0002", "carol@example.org"),
    ("dm3GuestStayedAway00003", "erin@example.org"),
    ("dm8OnlyANoteTaker000008", "kate@example.org"),
}
"""Who is absent on the demo's day, and not yet marked."""


def planned(folder: Path | str, **options: Any) -> set[tuple[str, str]]:
    return {(change.booking_uid, change.email) for change in read_plan(folder, **options)}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was opened with."""
    addresses: list[str] = []

    def open_in_browser(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", open_in_browser)
    return addresses


def test_a_trial(day: Path, demo: SandboxDriver, run: Run, opened: list[str]) -> None:
    """It decides as a plan does, prints who would be marked, writes the report and opens it, and calls nobody."""
    demo.start_over()
    ended = run(*DEMO, "--out", "plan", "--open")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("6 people would be marked absent. 16 bookings were decided on, with 24 rows of")
    assert "carol@example.org" in ended.out or "and 2 more" in ended.out
    assert "absent             7  not_seen             Not seen in a meeting that was held\n" in ended.out
    assert "\nPlan    plan\nReport  plan/report.html\n" in ended.out
    assert planned("plan") == MARKED
    assert opened == [(day / "plan" / "report.html").as_uri()]
    assert Path("plan/report.html").stat().st_size
    assert demo.calls() == []


@pytest.mark.parametrize("form", ["response", "list", "lines"])
def test_forms_of_bookings(form: str, day: Path, demo: SandboxDriver, run: Run) -> None:
    """A response of the API, a list of its bookings, and JSON lines lead to the same plan."""
    headers = {"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"}
    response = httpx.get(f"{demo.url}/v2/bookings", params={"take": 100}, headers=headers)
    bookings = response.json()["data"]
    lines = "\n".join(map(json.dumps, bookings))
    text = {"response": response.text, "list": json.dumps(bookings, indent=1), "lines": lines}[form]
    Path("bookings.jsonl").write_text(text)
    assert run(*DEMO, "--out", "plan").code == 0
    assert planned("plan") == MARKED


def runs_of_cases() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the files of the cases that can be read, each with the run that reads it."""
    for case in sorted(CASES.glob("*/case.json")):
        for each in json.loads(case.read_text(encoding="utf-8"))["runs"]:
            if "rows" in each["want"]:
                yield case.parent / each["file"], each


def words_of(options: dict[str, Any]) -> Iterator[str]:
    """Yield options of a feed as they are typed."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from (f"{name}.{key}={one}" for key, one in value.items())
        else:
            yield f"{name}={value}"


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases/feeds is not here")
@pytest.mark.usefixtures("day")
def test_files_of_every_vendor(run: Run) -> None:
    """Every vendor's file that can be read ends in a plan, with the options that it needs."""
    failed = {}
    count = 0
    for number, (path, each) in enumerate(runs_of_cases()):
        count += 1
        # Google's report with clocks alone has its day in its name as Google writes it, or in an option.
        more = ["date=2026-11-18"] if path.name == "names.csv" else []
        words = (*words_of(each.get("options", {})), *more)
        ended = run("try", *INPUT, "--feed", each["feed"], path, *words, "--out", f"plan-{number}")
        if ended.code != 0 or not read_summary(f"plan-{number}")["attendance_rows"]:
            failed[str(path)] = ended.err or ended.out
    assert failed == {}
    assert count > 20


@pytest.mark.usefixtures("day")
def test_several_feeds_and_files(run: Run) -> None:
    """Each --feed is a feed; the files of one are taken together."""
    pages = json.loads(REPORT.read_text())
    for number, page in enumerate(pages if isinstance(pages, list) else [pages]):
        Path(f"page-{number}.json").write_text(json.dumps(page))
    files = sorted(Path().glob("page-*.json"))
    Path("meet.jsonl").write_text(
        json.dumps({"conference_key": "google_meet:abcdefghij", "email": "quin@example.org", "kind": "person",
                    "joined_at": "2026-11-18T13:30:00Z", "left_at": "2026-11-18T14:00:00Z"}) + "\n"
    )  # fmt: skip
    ended = run("try", *INPUT, "--feed", "zoom", *files, "--feed", "canonical", "meet.jsonl", "--out", "plan")
    assert ended.code == 0, ended.err
    assert planned("plan") == MARKED
    assert read_summary("plan")["outcomes"]["present"]["email"] == 7


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("width", [40, 64, 80, 200])
def test_the_table_fits_the_terminal(width: int, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of the tables runs off the screen, and there are few of them."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(*DEMO, "--out", "plan").out.split("\nPlan ")[0].splitlines()
    assert max(map(cells, lines)) <= width
    rows = [line for line in lines[lines.index("") :] if line]
    headings = 3
    assert len(rows) <= 20 + headings


@pytest.mark.usefixtures("day")
def test_a_rejected_plan(run: Run, opened: list[str]) -> None:
    """The report is written and opened all the same; the reason is the last line, and the status is 1."""
    Path("rails.json").write_text('{"max_changes": 1}')
    ended = run(*DEMO, "--out", "plan", "--guard-rails", "rails.json", "--open")
    assert ended.code == 1
    reason = "max_changes: the plan has 6 changes (limit: at most 1)"
    assert ended.err == f"calcom-no-shows: The plan is rejected by a guard rail: {reason}\n"
    assert ended.out.startswith("Rejected by a guard rail, without which 6 people would be marked absent.")
    assert len(opened) == 1
    assert Path("plan/report.html").exists()
    assert not Path("plan/plan.jsonl").exists()
    assert planned("plan", even_refused=True) == MARKED


@pytest.mark.usefixtures("day")
def test_masked_addresses(run: Run) -> None:
    """What is shown to others names nobody, in the terminal and in the report."""
    ended = run(*DEMO, "--out", "plan", "--mask-addresses")
    assert "***@example.org" in ended.out
    for text in (ended.out, Path("plan/report.html").read_text(encoding="utf-8")):
        assert [address for _, address in MARKED if address in text] == []


@pytest.mark.usefixtures("day")
def test_a_new_folder_each_time(run: Run, tmp_path: Path) -> None:
    """Without --out no plan replaces another; with it one that was applied stays."""
    for _ in range(2):
        assert run(*DEMO).code == 0
    first, second = sorted(path for path in tmp_path.iterdir() if path.name.startswith("no-shows-"))
    assert second.name == f"{first.name}-2"
    assert planned(first) == planned(second) == MARKED
    (first / "outcomes.jsonl").write_text("{}\n")
    ended = run(*DEMO, "--out", first)
    assert ended.code == 1
    assert "has a plan that was applied. Name another folder" in ended.err
    assert (first / "outcomes.jsonl").exists()


EXPORT = "Name (Original Name),User Email,Join Time,Leave Time\nCarol Chen,,{day} 08:01:00,{day} 08:29:00\n"


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("date", "options", "words"),
    [
        ("2026-11-18", ["conference_key=81299999999"], "The meeting in export.csv is not that of a booking"),
        ("2026-11-18", [], "export.csv does not say of which meeting it is"),
        (
            "2026-10-18",
            ["conference_key=81200002222"],
            "zoom:81200002222 is booked for 2026-11-18 08:00 to 08:30 UTC, and people were there from 2026-10-18 08:01"
            " to 08:29 UTC",
        ),
        ("2026-11-18", ["conference_key=81200002222"], None),
    ],
)
def test_files_that_do_not_fit_together(date: str, options: list[str], words: str | None, run: Run) -> None:
    """A feed that says nothing of the bookings is still a plan, in which nobody is absent, and it is said why."""
    Path("export.csv").write_text(EXPORT.format(day=date))
    ended = run("try", *INPUT, "--feed", "zoom", "export.csv", *options, "--zone", "UTC", "--out", "plan")
    assert ended.code == 0, ended.err
    assert planned("plan") == set()
    said = " ".join(ended.out.split())
    assert "export.csv" not in said if words is None else words in said


@pytest.mark.usefixtures("day")
def test_each_feed_is_compared_with_the_bookings(run: Run) -> None:
    """A feed that fits does not hide another one that does not."""
    Path("export.csv").write_text(EXPORT.format(day="2026-11-18"))
    other = ("--feed", "zoom", "export.csv", "conference_key=81299999999", "zone=UTC")
    said = " ".join(run(*DEMO, *other, "--out", "plan").out.split())
    assert "The meeting in export.csv is not that of a booking" in said
    assert REPORT.name not in said


@pytest.mark.usefixtures("day")
def test_a_feed_that_may_be_incomplete(run: Run) -> None:
    """The policy's field that says otherwise is named."""
    Path("policy.json").write_text(json.dumps({"as_of": "2026-11-19T06:00:00Z"}))
    said = " ".join(run(*DEMO, "--out", "plan").out.split())
    assert "by its rows it ends at 2026-11-18T15:58:00.000Z" in said
    assert '{"attendance_until": "2026-11-19T00:00:00Z"}' in said


def test_nothing_of_a_name_controls_the_terminal(day: Path, run: Run) -> None:
    """Addresses are typed by anybody who books."""
    lines = (day / "bookings.jsonl").read_text().replace("carol@example.org", "car\\u001b[31m\\u009bol@example.org")
    (day / "bookings.jsonl").write_text(lines)
    ended = run(*DEMO, "--out", "plan")
    assert [line for line in ended.out.splitlines() if not line.isprintable()] == []
    assert len(planned("plan")) == 6


@pytest.mark.usefixtures("day")
def test_cal_video_is_fetched(demo: SandboxDriver, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed cal_video needs no file, but a key, and reads only."""
    lines = [json.loads(line) for line in Path("bookings.jsonl").read_text().splitlines()]
    carol = next(line for line in lines if line["uid"] == "dm2NobodyButTheHost0002")
    carol["location"] = "integrations:daily"
    Path("bookings.jsonl").write_text(json.dumps(carol))
    command = ("try", *INPUT, "--feed", "cal_video", "--url", demo.url, "--out", "plan")
    assert "CALCOM_API_KEY is not set" in run(*command).err
    monkeypatch.setenv("CALCOM_API_KEY", KEY)
    before = len(demo.calls())
    run(*command)
    paths = [call["path"] for call in demo.calls()[before:]]
    assert "/v2/bookings/dm2NobodyButTheHost0002/conferencing-sessions" in paths
    assert demo.writes() == []


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("feed", "code", "message"),
    [
        (["zoom"], 2, "argument --feed: zoom needs a file, such as: --feed zoom export.csv"),
        (["zom", "export.csv"], 1, "There is no feed 'zom'. Known are: cal_video,"),
        (["zoom", "none.csv"], 1, "--feed: none.csv is not there (yet)"),
        (["zoom", "export.csv", "zon=UTC"], 1, "Feeds have no option 'zon'"),
        (["zoom", "export.csv", "columns=Name"], 1, "columns is a table, so give its entries as columns.KEY=VALUE"),
        (["zoom", "export.csv", "zone.x=UTC"], 1, "zone is not a table, so give it as zone=VALUE"),
        (["zoom", "export.csv"], 1, "Feed zoom: export.csv, row 2, column Join Time: has no time zone; set the option"),
        (["zoom", "export.csv", "--zone", "Middle/Earth"], 1, "--zone must be a time zone such as Europe/Berlin"),
        (["zoom", "policy.json"], 1, "Feed zoom: policy.json, row 1: the record fits no known shape"),
        (["zoom", "export.csv", "--feed-options", "none.json"], 1, "--feed-options: can't read none.json"),
        (["zoom", "export.csv", "--feed-options", "list.json"], 1, "--feed-options: list.json must be a JSON object"),
        (["zoom", "export.csv", "--feed-options", "more.json"], 1, "--feed-options has 'teams', for which there is no"),
        (["zoom", "export.csv", "--guard-rails", "policy.json"], 1, "'as_of' is not a field of the guard rails"),
        (["zoom", "export.csv", "--bookings", "none.jsonl"], 1, "--bookings: none.jsonl is not there (yet)"),
        (["zoom", "export.csv", "zone=UTC", "--bookings", "policy.json"], 1, "row 19: is not a booking as Cal.com"),
    ],
)
def test_wrong_options(feed: list[str], code: int, message: str, run: Run) -> None:
    """Each is named, in a line that can be seen whole."""
    Path("export.csv").write_text(EXPORT.format(day="2026-11-18"))
    Path("list.json").write_text("[]")
    Path("more.json").write_text('{"teams": {}}')
    ended = run("try", *INPUT, "--feed", *feed, "--out", "plan")
    assert (ended.code, ended.out) == (code, "")
    last = ended.err.splitlines()[-1]
    assert message in last
    assert not Path("plan/plan.jsonl").exists()


@pytest.mark.usefixtures("day")
def test_options_in_a_file(run: Run) -> None:
    """A file may have options that are long; those of the command line go first, and --zone last."""
    Path("export.csv").write_text(EXPORT.format(day="2026-11-18").replace("Join Time", "Beitritt"))
    options = {"columns": {"join_time": "Beitritt"}, "zone": "Asia/Tokyo", "conference_key": "81200002222"}
    Path("options.json").write_text(json.dumps({"zoom": options}))
    given = ("--feed-options", "options.json", "--zone", "America/Lima")
    present = {}
    for word in ("zone=UTC", "date_format=day_first"):
        assert run("try", *INPUT, "--feed", "zoom", "export.csv", word, *given, "--out", "plan").code == 0
        present[word] = read_summary("plan")["outcomes"].get("present")
    assert present == {"zone=UTC": {"name": 1}, "date_format=day_first": None}


def test_airflow_is_not_imported(day: Path) -> None:
    """A trial runs where Airflow is not set up, and without the client, because it needs no network."""
    code = (
        "import sys\nfrom airflow_provider_calcom.cli.no_shows import main\nstatus = main(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'httpx')])\nsys.exit(status)"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *DEMO, "--out", "plan"]
    done = subprocess.run(command, cwd=day, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"
