"""Rates say how sure they are."""

from __future__ import annotations

import pytest

from airflow_provider_calcom.reports.statistics import wilson


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (2, 2, 0.3424, 1.0),
        (5, 50, 0.0435, 0.2136),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_intervals(part: int, whole: int, low: float, high: float) -> None:
    """The intervals are Wilson's, as tables of them have it (Newcombe 1998 for 81 of 263)."""
    found = wilson(part, whole)
    assert (found.share, round(found.low, 4), round(found.high, 4)) == (part / whole, low, high)


def test_nobody_has_no_share() -> None:
    """Of nobody there is nothing to know: no share, and the whole range."""
    assert wilson(0, 0)[2:] == (None, 0.0, 1.0)


def test_more_than_all_is_an_error() -> None:
    """A part that is larger than its whole is a fault of the caller."""
    with pytest.raises(ValueError, match="from 0 to 2"):
        wilson(3, 2)
