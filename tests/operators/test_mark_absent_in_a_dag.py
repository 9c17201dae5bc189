"""MarkAbsentOperator with templates and mapping, as DAGs use it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator
from tests.operators.marking import BOB, CAROL, OF_BOB, OF_THREE
from tests.support import SandboxDriver

PARAMS: dict[str, Any] = {
    "uid": OF_THREE,
    "who": [BOB, {"email": CAROL, "absent": True}],
    "one": BOB,
    "yes": True,
    "no": False,
    "nothing": None,
    "connection": "calcom_default",
    "version": "2024-08-13",
}


def rendered(native: bool = False, **given: Any) -> MarkAbsentOperator:
    """Make the operator in a DAG and render its templates with PARAMS."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=native):
        operator = MarkAbsentOperator(task_id="mark_absent", **{"booking_uid": "{{ params.uid }}", **given})
    operator.render_template_fields({"params": PARAMS})
    return operator


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize(
    "attendees",
    ["{{ params.who }}", "{{ params.who | tojson }}", ["{{ params.one }}", {"email": CAROL}]],
    ids=["list", "JSON", "list of templates"],
)
def test_uid_and_attendees_from_templates(calcom: SandboxDriver, native: bool, attendees: Any) -> None:
    """A list from a template marks the same people whether the DAG renders to text or natively."""
    result = rendered(native, attendees=attendees).execute({})
    assert (result["booking_uid"], result["marked"]) == (OF_THREE, [BOB, CAROL])


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
def test_flags_from_templates(calcom: SandboxDriver, native: bool) -> None:
    """``True``, ``False`` and ``None`` mean the same as texts; above all a dry run stays one."""
    dry = rendered(native, host_absent="{{ params.yes }}", dry_run="{{ params.yes }}").execute({})
    assert (dry["absent_host"], dry["calls"]) == (True, 0)
    assert calcom.writes() == []
    unsaid = rendered(
        native, attendees="{{ params.one }}", host_absent="{{ params.nothing }}", dry_run="{{ params.no }}"
    ).execute({})
    assert (unsaid["absent_host"], unsaid["calls"]) == (False, 1)


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
def test_nothing_from_a_template(calcom: SandboxDriver, native: bool) -> None:
    """An upstream task that returned None is an error in both renderings, not an empty list."""
    with pytest.raises(InvalidArgument, match="attendees nor host_absent"):
        rendered(native, attendees="{{ params.nothing }}").execute({})
    assert calcom.calls() == []


def test_connection_and_version_from_templates(calcom: SandboxDriver) -> None:
    """The connection's id and the API version are templates too."""
    operator = rendered(attendees=[BOB], calcom_conn_id="{{ params.connection }}", api_version="{{ params.version }}")
    assert (operator.calcom_conn_id, operator.api_version) == ("calcom_default", "2024-08-13")
    assert operator.execute({})["calls"] == 1


def test_every_template_field_is_an_attribute() -> None:
    """Airflow reads each template field as an attribute of the operator."""
    operator = MarkAbsentOperator(task_id="x", booking_uid="y")
    assert all(hasattr(operator, name) for name in operator.template_fields)
    assert {"booking_uid", "attendees", "host_absent", "is_dry_run"} <= set(operator.template_fields)


def test_mapped_over_many_bookings(calcom: SandboxDriver) -> None:
    """``partial().expand_kwargs()`` gives one operator for each booking, with the shared and its own parameters."""
    each = [{"booking_uid": OF_BOB, "attendees": [BOB]}, {"booking_uid": OF_THREE, "attendees": [CAROL]}]
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1)):
        mapped = MarkAbsentOperator.partial(
            task_id="mark_absent", on_unknown_attendee="skip", dry_run="{{ params.no }}", retries=2
        ).expand_kwargs(each)
    for given in each:
        operator = mapped.unmap(given)
        assert isinstance(operator, MarkAbsentOperator)
        assert (operator.on_unknown_attendee, operator.retries) == ("skip", 2)
        operator.render_template_fields({"params": PARAMS})
        assert operator.execute({})["marked"] == given["attendees"]
    assert (calcom.absent(OF_BOB), calcom.absent(OF_THREE)) == ({BOB}, {CAROL})
