"""Our classes do not override Airflow's own attributes."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseSensorOperator

from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, MarkAbsentOperator, PlanNoShowsOperator
from airflow_provider_calcom.operators.webhooks import EnsureWebhookOperator
from airflow_provider_calcom.sensors._base import CalComSensor
from airflow_provider_calcom.sensors.attendance import AttendanceReadySensor
from airflow_provider_calcom.sensors.bookings import BookingEndedSensor

MEANT_TO_BE_REPLACED = {
    *(
        "execute",
        "on_kill",
        "poke",
        "_do_render_template_fields",
        "template_fields",
        "template_fields_renderers",
        "ui_color",
        "ui_fgcolor",
        "operator_extra_links",
    ),
    *("conn_name_attr", "default_conn_name", "conn_type", "hook_name", "get_conn", "test_connection"),
    *("get_ui_field_behaviour", "get_connection_form_widgets"),
}


@pytest.mark.parametrize(
    ("ours", "base"),
    [
        (MarkAbsentOperator, BaseOperator),
        (PlanNoShowsOperator, BaseOperator),
        (ApplyNoShowsOperator, BaseOperator),
        (ListBookingsOperator, BaseOperator),
        (CalComSensor, BaseSensorOperator),
        (AttendanceReadySensor, BaseSensorOperator),
        (BookingEndedSensor, BaseSensorOperator),
        (EnsureWebhookOperator, BaseOperator),
        (CalComHook, BaseHook),
    ],
)
def test_no_attribute_of_airflow_is_hidden(ours: type, base: type) -> None:
    """A method with the name of a private attribute of Airflow breaks Airflow: ``_log`` is its logger in 2.x."""
    own = {name for name in vars(ours) if not name.startswith(("__", "_abc_", "_BaseOperator__"))}
    assert own & set(dir(base)) <= MEANT_TO_BE_REPLACED
