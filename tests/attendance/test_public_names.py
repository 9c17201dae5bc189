"""What users import from the package itself."""

from __future__ import annotations

import pytest

from airflow_provider_calcom import attendance
from airflow_provider_calcom.attendance import engine, errors, explain, feeds, policy
from airflow_provider_calcom.attendance.sql import backend


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


def test_old_names_still_work() -> None:
    """Code that catches or constructs the classes by their names of 0.1 does not break."""
    assert errors.OutOfRoom is errors.OutOfMemory
    assert backend.SqlPlace is backend.SqlBackend
    assert explain.Verdict is explain.PersonExplanation  # word: quoted
