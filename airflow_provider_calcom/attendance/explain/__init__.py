"""Why the rules decide as they do on a booking: its window, everyone's rows in it, and the rule that applied.

Nothing is decided here. The rules run on the chosen bookings, and their intermediate results are read from their steps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom.attendance.engine import Policy, Resources, duckdb_session, load_policy, loaded
from airflow_provider_calcom.attendance.explain.collect import Options, booking_number, choose, gather
from airflow_provider_calcom.attendance.explain.model import ExplainedRow, Explanation, PersonExplanation
from airflow_provider_calcom.attendance.explain.reasons import with_reasons
from airflow_provider_calcom.attendance.explain.render import page
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.schema import BOOKINGS, NUMBERED_ATTENDANCE, PEOPLE
from airflow_provider_calcom.attendance.tables.sources import Source

_USUAL = Resources()

__all__ = ["ExplainedRow", "Explanation", "PersonExplanation", "explain", "page"]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)


def explain(
    bookings: Source,
    people: Source,
    attendance: Source,
    policy: Policy = None,
    *,
    booking_uid: str,
    zone: str | None = None,
    resources: Resources = _USUAL,
) -> Explanation:
    """Decide on one booking, and explain why; :func:`page` formats the result.

    Parameters and errors are those of :func:`~airflow_provider_calcom.attendance.engine.decide`, without ``backend``.

    :param booking_uid: which booking.
    :raises InvalidInput: also if no booking has the uid.
    """
    judged_by = AttendancePolicy.of(policy).at(datetime.now(UTC))
    inputs = {BOOKINGS: bookings, PEOPLE: people, NUMBERED_ATTENDANCE: attendance}
    with (
        duckdb_session(resources, zone) as (connection, folder),
        loaded(connection, folder, inputs, takes_naive_times=zone is not None) as files,
    ):
        load_policy(connection, policy_tables(judged_by))
        choose(connection, [booking_number(connection, booking_uid)])
        ((_, facts),) = connection.execute(gather(connection, Options())).fetchall()
        return with_reasons(Explanation.of(facts, judged_by, files))
