"""NoShowNotifier: one message for a plan or an apply, whatever notifier sends it, and whatever the run left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.configuration import airflow_version
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.notifications.no_shows import NoShowNotifier
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator
from tests.dag_runs import dag_of
from tests.notifications.recorder import SENT, MailLike, PayloadLike, SlackLike
from tests.operators.applying import apply
from tests.operators.marking import BOB, CAROL
from tests.operators.planning import DAY, WHOLE, fed, plan, report
from tests.plugins.plans import make_plan
from tests.support import SandboxDriver

SLACK, MAIL = "tests.notifications.recorder.SlackLike", "tests.notifications.recorder.MailLike"
OF_BOB, OF_CAROL = ("sandbox-yesterday-1", BOB), ("sandbox-yesterday-2", CAROL)
RUN = "manual__2026-11-19T12:00:00+00:00"


@dataclass
class Instance:
    """A task instance as callbacks see it, with the XComs of its run."""

    task_id: str = "plan"
    map_index: int = -1
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    dag_id: str = "clinic"
    run_id: str = RUN
    try_number: int = 1
    state: str = "success"

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value", map_indexes: Any = None) -> Any:
        return self.xcoms.get((task_ids, key))


@pytest.fixture(autouse=True)
def sent() -> Iterator[list[dict[str, Any]]]:
    SENT.clear()
    yield SENT
    SENT.clear()


def context_of(instance: Instance | None, **others: Any) -> Any:
    """Return the context of a callback in a DAG with a plan and an apply."""
    with DAG("clinic", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PlanNoShowsOperator(task_id="plan", attendance="a", plan_path="p")
        ApplyNoShowsOperator(task_id="apply", plan="p")
    found = {"dag": dag, "run_id": RUN, "ti": instance, **others}
    return {name: value for name, value in found.items() if value is not None}


def planned(calcom: SandboxDriver, folder: Path, **options: Any) -> Instance:
    """Run the operator that plans, and return its task instance with what Airflow stores of it."""
    instance = Instance()
    instance.xcom_push("return_value", plan(folder, context={"ti": instance}, **options))
    return instance


def with_plan(folder: Path, *, everybody_came: bool = False) -> Instance:
    """Return the task instance of a plan that was made before, which is faster."""
    made = PlanNoShowsOperator(task_id="plan", attendance="a", plan_path=str(folder))
    result = made._counts(make_plan(folder, everybody_came=everybody_came))
    return Instance(xcoms={("plan", "return_value"): result})


reads_results_of_dags = pytest.mark.skipif(
    airflow_version() == (3, 0), reason="the callbacks of DAGs can't read results on Airflow 3.0"
)


# What the message has.


def test_a_plan(calcom: SandboxDriver, tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    """Counts, guard rails, DAG, task and run are in it, and no address."""
    instance = planned(calcom, tmp_path, attendance=fed(report(calcom, OF_BOB)))
    NoShowNotifier(SlackLike(channel="#ops"))(context_of(instance))
    (one,) = sent
    assert one["channel"] == "#ops"
    lines = one["text"].splitlines()
    assert lines[:2] == ["No-shows: the plan is ready", "In 1 booking: mark 1 attendee absent."]
    assert lines[2].startswith("Guard rails: ")
    assert lines[-1] == f"DAG clinic, task plan, run {RUN}"
    assert "@" not in one["text"]


@reads_results_of_dags
def test_a_rejected_plan(calcom: SandboxDriver, tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    """The task failed without a result for Airflow, but the message has the counts, and which guard rail failed."""
    instance = Instance()
    with pytest.raises(PlanRefused) as raised:
        plan(
            tmp_path,
            context={"ti": instance},
            attendance=fed(report(calcom, OF_BOB, OF_CAROL)),
            guard_rails={"max_changes": 1},
        )
    NoShowNotifier(SlackLike(), only_when="problems")(context_of(instance, exception=raised.value))
    NoShowNotifier(SlackLike())(context_of(Instance("apply", xcoms=instance.xcoms), reason="task_failure"))
    of_task, of_dag = (one["text"] for one in sent)
    for text in (of_task, of_dag):
        assert text.startswith("No-shows: rejected by a guard rail\nIn 2 bookings: mark 2 attendees absent.")
        assert "Guard rails failed: max_changes: the plan has 2 changes (limit: at most 1)" in text
        assert "@" not in text
    assert of_dag.endswith(f"\nThe run failed (task_failure)\nDAG clinic, run {RUN}")


@reads_results_of_dags
def test_applied_changes(calcom: SandboxDriver, tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    """After a run the message is about what was applied, not about its plan."""
    plans = planned(calcom, tmp_path / "plan", attendance=fed(report(calcom, OF_BOB)))
    xcoms = {**plans.xcoms, ("apply", "return_value"): apply(tmp_path / "plan")}
    NoShowNotifier(SlackLike())(context_of(Instance("plan", xcoms=xcoms), reason="success"))
    assert sent[0]["text"].splitlines()[:3] == [
        "No-shows: applied",
        "1 change in 1 booking: applied 1",
        "Mark-absent calls: 1",
    ]


def test_failed_changes(calcom: SandboxDriver, tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    """The message counts what was applied and what failed, and has the reason."""
    planned(calcom, tmp_path / "plan", attendance=fed(report(calcom, OF_BOB, OF_CAROL)))
    calcom.fault_on_mark("status", status=400, body={"message": f"no {BOB}"}, when="before", times=1)
    instance = Instance("apply")
    with pytest.raises(ChangesFailed) as raised:
        apply(tmp_path / "plan", context={"ti": instance}, concurrency=1)
    NoShowNotifier(SlackLike(), only_when="problems")(context_of(instance, exception=raised.value))
    text = sent[0]["text"]
    assert "No-shows: partly failed\n2 changes in 2 bookings: applied 1, failed 1\n" in text
    assert "ChangesFailed: 1 of 2 changes failed" in text
    assert "@" not in text


@pytest.mark.parametrize(
    ("others", "title", "line"),
    [
        ({"exception": InvalidArgument("plan_path is None")}, "failed without a result", "InvalidArgument: plan_path"),
        ({"exception": ValueError("bob@example.org")}, "failed without a result", "The task failed (ValueError)"),
        ({"ti": Instance(state="failed")}, "failed without a result", "The task failed: see its log"),
        ({"reason": "timed_out"}, "failed without a result", "The run failed (timed_out)"),
        ({}, "no result", "DAG clinic"),
    ],
    ids=["our error", "another error", "no error", "a run", "nothing failed"],
)
def test_no_result(sent: list[dict[str, Any]], others: dict[str, Any], title: str, line: str) -> None:
    """Without a result there is a message all the same, and a foreign error's text is not in it."""
    NoShowNotifier(SlackLike())(context_of(Instance(), **others))
    text = sent[0]["text"]
    assert text.startswith(f"No-shows: {title}\n")
    assert line in text
    assert "@" not in text


class Broken(Instance):
    """A task instance whose XComs can't be read."""

    def xcom_pull(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("bob@example.org")


USELESS: tuple[Any, ...] = ("text", [1], {"calls": 1}, {"state": []})


@pytest.mark.parametrize(
    "instance",
    [Broken(), None, *(Instance(xcoms={("plan", "return_value"): value}) for value in USELESS)],
    ids=["no database", "no task", "text", "list", "half a result", "another result"],
)
def test_a_result_that_can_not_be_used(
    sent: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, instance: Instance | None
) -> None:
    """A callback raises nothing for lack of a result."""
    others = {} if instance else {"reason": "success"}
    NoShowNotifier(SlackLike())(context_of(instance, **others))
    assert sent[0]["text"].startswith("No-shows: no result\n")
    assert "@" not in caplog.text


@reads_results_of_dags
def test_a_mapped_task(tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    """There is one message for all of its results, however many there are."""
    result = with_plan(tmp_path).xcoms["plan", "return_value"]
    instance = Instance("plan", 3, {("plan", "return_value"): [result] * 12})
    NoShowNotifier(SlackLike(), plan_task_id="plan")(context_of(instance, reason="success"))
    text = sent[0]["text"]
    assert text.startswith("No-shows: 12 results, 0 with a problem\n")
    assert text.count("mark 1 attendee absent") == 5
    assert "and 7 more results" in text


def test_the_link(tmp_path: Path, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is absolute, since a message is read outside Airflow, and only there if the server's address is known."""
    instance = with_plan(tmp_path / "2026-11-18")
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__PLAN_FOLDERS", str(tmp_path))
    monkeypatch.setattr("airflow.__version__", "3.3.2")
    notifier = NoShowNotifier(MAIL, {"to": "ops"})
    notifier(context_of(instance))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    notifier(context_of(instance))
    NoShowNotifier(MAIL, {"to": "ops"}, base_url="https://other.example")(context_of(instance))
    monkeypatch.setattr("airflow.__version__", "2.11.2")
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__REPORT_BASE_URL", "https://files.example/")
    notifier(context_of(instance))
    none, configured, given, files = (one["html_content"] for one in sent)
    assert "href" not in none
    assert '<a href="https://airflow.example/calcom-no-shows/report?plan=' in configured
    assert '<a href="https://other.example/calcom-no-shows/report?plan=' in given
    assert '<a href="https://files.example/2026-11-18/report.html">' in files


@pytest.mark.parametrize(
    ("only_when", "counts"), [("always", [1, 1, 1]), ("changes", [0, 1, 1]), ("problems", [0, 0, 1])]
)
def test_only_when(tmp_path: Path, sent: list[dict[str, Any]], only_when: Any, counts: list[int]) -> None:
    """A plan without changes, one with changes, and a task that failed."""
    nothing = with_plan(tmp_path / "none", everybody_came=True)
    changes = with_plan(tmp_path / "some")
    notifier = NoShowNotifier(SlackLike(), only_when=only_when)
    found = []
    for context in (
        context_of(nothing),
        context_of(changes),
        context_of(Instance(), exception=InvalidArgument("plan_path is None")),
    ):
        sent.clear()
        notifier(context)
        found.append(len(sent))
    assert found == counts


# What sends it.


def test_a_second_call_sends_the_second_message(sent: list[dict[str, Any]]) -> None:
    """Airflow's notifiers render their fields in place; the DAG's own object stays as it was."""
    notifier = NoShowNotifier(SlackLike())
    for run in ("first", "second"):
        notifier({**context_of(Instance()), "run_id": run})
    assert ["first" in one["text"] for one in sent] == [True, False]
    assert notifier.notifier._notifier.text == "This is a default message"  # type: ignore[union-attr]


def test_the_id_of_a_run_is_shown_as_text(sent: list[dict[str, Any]]) -> None:
    """It may be anything: it is not rendered, mentions nobody in Slack, and an address in it is hidden."""
    NoShowNotifier(SlackLike())({**context_of(Instance()), "run_id": f"{{{{ 7 + 191 }}}} <!here> {BOB}"})
    assert sent[0]["text"].endswith("run {{ 7 + 191 }} !here <address>")


def test_mail_by_its_import_path(sent: list[dict[str, Any]]) -> None:
    """The class is imported when it sends; required fields are filled, and a subject of the DAG's stays."""
    NoShowNotifier(MAIL, {"to": "ops@acme.example"})(context_of(Instance()))
    NoShowNotifier(MailLike, {"to": "ops@acme.example", "subject": "Clinic {{ run_id }}"})(context_of(Instance()))
    first, second = sent
    assert (first["subject"], first["to"]) == ("No-shows: no result", "ops@acme.example")
    assert first["html_content"] == f"DAG clinic, task plan, run {RUN}"
    assert second["subject"] == f"Clinic {RUN}"


def test_own_templates(sent: list[dict[str, Any]]) -> None:
    """A template of the DAG's that has the message stays, also within an object."""
    NoShowNotifier(SlackLike(text="Clinic: {{ no_shows.title }}"))(context_of(Instance()))
    NoShowNotifier(PayloadLike(payload={"message": "{{ no_shows.title }}"}))(context_of(Instance()))
    NoShowNotifier(PayloadLike(payload={}), fields={"payload": "text"})(context_of(Instance()))
    texts = [one.get("text") or one["payload"] for one in sent]
    assert texts[:2] == ["Clinic: No-shows: no result", {"message": "No-shows: no result"}]
    assert texts[2].startswith("No-shows: no result\nDAG clinic")


def test_a_function() -> None:
    """A callable gets the message in the context, which is as it was afterwards."""
    found: list[str] = []
    context = context_of(Instance())
    NoShowNotifier(lambda given: found.append(given["no_shows"].title))(context)
    assert found == ["No-shows: no result"]
    assert "no_shows" not in context


def test_an_import_path_is_not_imported_when_the_dag_is_parsed() -> None:
    """A DAG file loads where the provider of the other notifier is missing; the error comes when it would send."""
    notifier = NoShowNotifier("airflow.providers.not_installed.notifications.x.XNotifier", {"text": "x"})
    with pytest.raises(ImportError, match="not_installed"):
        notifier.notify(context_of(Instance()))  # Airflow 2.11 only logs what a call of the notifier itself raises


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"notifier": 5}, "notifier must be"),
        ({"notifier": "SlackNotifier"}, "notifier must be"),
        ({"notifier": SlackLike(), "notifier_kwargs": {"text": "x"}}, "notifier_kwargs is set"),
        ({"notifier": PayloadLike(payload={})}, "fields must name"),
        ({"notifier": SLACK, "fields": {"text": "everything"}}, "fields: a part"),
        ({"notifier": SLACK, "fields": "text"}, "fields must be a dict"),
        ({"notifier": SLACK, "only_when": "never"}, "only_when must be"),
        ({"notifier": SLACK, "base_url": "airflow.example"}, "base_url must begin"),
    ],
    ids=lambda given: "" if isinstance(given, dict) else given,
)
def test_invalid_parameters(given: dict[str, Any], text: str) -> None:
    """They are reported when the DAG is parsed, naming the parameter."""
    with pytest.raises(InvalidArgument, match=text):
        NoShowNotifier(**given)


DAG_FILE = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_calcom.notifications.no_shows import NoShowNotifier
from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator

notifier = NoShowNotifier({slack!r})
options = {options!r}
with DAG("notifying", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    PlanNoShowsOperator(task_id="plan", plan_path={plan!r}, on_success_callback=notifier, **options)
    PlanNoShowsOperator(
        task_id="rejected", plan_path={rejected!r}, guard_rails={{"max_changes": 0}}, on_failure_callback=notifier,
        **options,
    )
"""


@pytest.mark.e2e
@pytest.mark.usefixtures("airflow_db")
def test_callbacks_of_tasks(calcom: SandboxDriver, tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    """Airflow itself calls the notifier, whose results come from its XCom."""
    options = {"attendance": fed(report(calcom, OF_BOB)), "policy": WHOLE, **DAY}
    folders = {name: str(tmp_path / name) for name in ("plan", "rejected")}
    dag_of("notifying", DAG_FILE.format(slack=SLACK, options=options, **folders)).test()
    titles = {one["text"].splitlines()[0] for one in sent}
    assert titles == {"No-shows: the plan is ready", "No-shows: rejected by a guard rail"}
