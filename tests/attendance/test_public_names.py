"""What users import from the package itself."""

from __future__ import annotations

import pytest

from airflow_provider_calcom import attendance
from airflow_provider_calcom.attendance import engine, feeds, policy


def test_public_names_are_those_of_their_modules() -> None:
    """Each is imported when it is first used, and an unknown name is an AttributeError like any module's."""
    assert {name: getattr(attendance, name) for name in attendance.__all__} == {
        "AttendancePolicy": policy.AttendancePolicy,
        "decide": engine.decide,
        "deciding": engine.deciding,
        "read_feed": feeds.read_feed,
    }
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        attendance.nothing  # noqa: B018
