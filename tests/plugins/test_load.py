"""The receiver under load, in a uvicorn process with Airflow's database: two seconds of ``make bench-receiver``."""

from __future__ import annotations

from benchmarks.receiver import is_ok, measure, table


def test_a_mix_of_deliveries_is_answered_rightly() -> None:
    """Nothing is accepted wrongly, lost or registered twice, memory stays bounded, and the log has no address."""
    measured = measure(rate=300, seconds=2)
    assert is_ok(measured), "\n".join(table(measured))
    assert sum(sum(counts.values()) for counts in measured.outcome.statuses.values()) >= 600
    assert measured.outcome.accepted
    assert measured.lines >= 600
