"""Templates: Airflow renders the fields that the DAG file sets, and never what a task returned.

``make test-matrix`` runs this on every minor version of Airflow, because each resolves mapped tasks in its own way.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

import pytest

from tests.dag_runs import dag_of, xcoms
from tests.operators.marking import BOB, OF_BOB
from tests.support import SandboxDriver

# Names that guests may type: an invalid template, one that reads the key, one that reaches Python, a comment.
READS_THE_KEY = "{{conn.calcom_default.password}}@example.org"
NAMES = ["Max {#1} Mustermann", READS_THE_KEY, "{{ lipsum.__globals__ }}", "{% if", "{{ 1 / 0 }}"]
ROW = {"name": NAMES[0], "responses": {"name": NAMES, "guests": [{"name": READS_THE_KEY}]}}
DAY = "2026-11-18"
AIRFLOW_3 = version("apache-airflow").startswith("3")

DAG = """
from airflow.providers.common.compat.sdk import dag, task
from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator, PlanNoShowsOperator

FIELDS = ("attendance", "policy", "bookings", "people", "after_start", "plan_path", "zone")


class Shown(PlanNoShowsOperator):
    # Returns its fields as they are when it runs.
    def execute(self, context):
        return {{name: getattr(self, name) for name in FIELDS if getattr(self, name) is not None}}


@dag(
    schedule=None,
    dag_id="templates_{native}",
    render_template_as_native_obj={native},
    params={{"day": "{day}", "yes": True}},
    default_args={{"zone": "{{{{ params.day }}}}"}},
)
def made():
    @task(multiple_outputs=True)
    def row():
        return {row!r}

    @task
    def each():
        feed = {{"rows": [{row!r}]}}
        return [{{"attendance": feed, "policy": [{names!r}], "bookings": [{row!r}], "people": {key!r}}}]

    @task
    def absent():
        attendees = [{{"email": {bob!r}, "name": {names[0]!r}}}, {{"email": {key!r}}}]
        return [{{"booking_uid": {uid!r}, "attendees": attendees}}]

    row, each, path = row(), each(), "/plans/{{{{ params.day }}}}"
    shared = {{"plan_path": path, "after_start": "{{{{ params.day }}}}"}}
    Shown.partial(task_id="from_a_task", **shared).expand_kwargs(each)
    Shown.partial(task_id="expanded", attendance=row, policy={{"row": row}}, **shared).expand(bookings=each)
    Shown.partial(task_id="written").expand_kwargs(
        [{{**shared, "attendance": ["{{{{ params.day }}}}", row], "policy": row, "bookings": {{"path": path}}}}]
    )
    Shown.partial(task_id="listed", attendance="a", after_start=row["name"]).expand(plan_path=[path], bookings=[row])
    pulled = "{{{{ ti.xcom_pull(task_ids='row') }}}}"
    Shown(task_id="plain", attendance={{"rows": [row]}}, policy=row, bookings=pulled, **shared)
    MarkAbsentOperator.partial(
        task_id="mark", on_unknown_attendee="skip", dry_run="{{{{ params.yes }}}}"
    ).expand_kwargs(absent())


dag = made()
"""


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.e2e
@pytest.mark.every_version
@pytest.mark.usefixtures("airflow_db")
def test_data_is_never_a_template(calcom: SandboxDriver, native: bool) -> None:
    """Mapped or not, strings of the DAG file are rendered once; results of tasks stay unchanged at any depth."""
    text = DAG.format(native=native, day=DAY, row=ROW, names=NAMES, key=READS_THE_KEY, bob=BOB, uid=OF_BOB)
    run = dag_of(f"templates_{native}", text).test()
    rendered = {"after_start": DAY, "plan_path": f"/plans/{DAY}", "zone": DAY}
    each = {"attendance": {"rows": [ROW]}, "policy": [NAMES], "bookings": [ROW], "people": READS_THE_KEY}
    assert xcoms(run, "from_a_task") == {0: {**each, **rendered}}
    assert xcoms(run, "expanded") == {0: {"attendance": ROW, "policy": {"row": ROW}, "bookings": each, **rendered}}
    written = {"attendance": [DAY, ROW], "policy": ROW, "bookings": {"path": f"/plans/{DAY}"}, **rendered}
    assert xcoms(run, "written") == {0: written}
    listed = {"attendance": "a", "bookings": ROW, **rendered, "after_start": NAMES[0]}
    assert xcoms(run, "listed") == {0: listed}
    pulled = ROW if native else str(ROW)
    assert xcoms(run, "plain") == {-1: {"attendance": {"rows": [ROW]}, "policy": ROW, "bookings": pulled, **rendered}}
    marked = xcoms(run, "mark")[0]
    assert (marked["marked"], marked["unknown"], marked["calls"]) == ([BOB], [READS_THE_KEY], 0)


DAY_OF_A_RUN = """
from airflow.providers.common.compat.sdk import dag
from airflow_provider_calcom.operators.bookings import ListBookingsOperator


class Shown(ListBookingsOperator):
    def execute(self, context):
        return self.after_start


@dag(schedule=None, dag_id="day_of_a_run")
def made():
    Shown(task_id="shown", after_start="{{ logical_date | default(dag_run.run_after) | ds }}")


dag = made()
"""


@pytest.mark.e2e
@pytest.mark.every_version
@pytest.mark.usefixtures("airflow_db")
def test_the_day_of_a_run_is_there_however_it_was_started() -> None:
    """The documented template renders the run's logical date, or today's date in a run without one."""
    dag = dag_of("day_of_a_run", DAY_OF_A_RUN)
    name = "logical_date" if AIRFLOW_3 else "execution_date"
    assert xcoms(dag.test(**{name: datetime(2026, 11, 10, tzinfo=UTC)}), "shown") == {-1: "2026-11-10"}
    if AIRFLOW_3:
        before = datetime.now(UTC)
        (day,) = xcoms(dag.test(logical_date=None), "shown").values()
        assert day in {f"{moment:%Y-%m-%d}" for moment in (before, datetime.now(UTC))}
