"""Read the evidence of a plan: what the rules found of each booking, from which its decisions are explained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, folder_path, local_copy
from airflow_provider_calcom.attendance.errors import InvalidPolicy
from airflow_provider_calcom.attendance.explain.model import Explanation
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.plan_files import EVIDENCE, CorruptPlan, Summary, reading


def read_evidence(
    folder: Folder, summary: Summary, *, booking_uids: Sequence[str] | None = None
) -> Iterator[Explanation]:
    """Yield the explanations of a plan's bookings, without sentences, by start and uid.

    A plan has them of 20,000 bookings at most, and of none where the rules ran on a SQL server. In a plan with hashed
    addresses they have no names and no telephone numbers. ``attendance.explain.reasons.with_reasons`` adds the
    sentences.

    :param folder: where :func:`~.plan.write_plan` wrote it.
    :param summary: the plan's. One of an older version has no evidence.
    :param booking_uids: only these bookings; None for all.
    :raises CorruptPlan: if the file is missing, damaged, or of another plan.
    :raises PlanNotRead: if it can't be opened.
    """
    path = folder_path(folder) / EVIDENCE
    expected = summary.get("evidence", {"bookings": 0, "left_out": 0})["bookings"]
    if not expected:
        return
    policy = _policy(summary, path)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with reading(path):
                here = local_copy(path, Path(temporary))
        except FileNotFoundError:
            raise CorruptPlan(f"plan: {shown_path(path)} is missing. Make the plan again") from None
        with _corrupt_if_unreadable(path):
            for facts in _facts(here, expected, booking_uids):
                yield Explanation.of(facts, policy)


def _policy(summary: Summary, path: Any) -> AttendancePolicy:
    """Return the policy of the decisions. Hashes of addresses are left out: no policy can have them."""
    fields = dict(summary["policy"])
    if summary["addresses"] == "hashed":
        fields |= {"internal_emails": (), "aliases": {}}
    try:
        return AttendancePolicy.of(fields)
    except InvalidPolicy:
        raise CorruptPlan(
            f"plan: the policy in the summary beside {shown_path(path)} is not one. Make the plan again"
        ) from None


@contextmanager
def _corrupt_if_unreadable(path: Any) -> Iterator[None]:
    """Raise what is wrong with the file as one error, without DuckDB's text or a value, which may be a name."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise
    except (duckdb.Error, UnicodeDecodeError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        kind = type(error).__name__
    else:
        return
    raise CorruptPlan(f"plan: {shown_path(path)} is not the file that was written ({kind}). Make the plan again")


def _facts(here: Path, expected: int, booking_uids: Sequence[str] | None) -> Iterator[str]:
    """Yield the facts of bookings in the order of the file.

    :raises ValueError: if the file has another number of bookings.
    """
    import duckdb

    # One thread keeps the order of the rows. The file is small.
    with duckdb.connect(config={"threads": 1}) as connection:
        (count,) = connection.execute("SELECT count(facts) FROM read_parquet(?)", [str(here)]).fetchone() or (0,)
        if count != expected:
            raise ValueError
        query = "SELECT CAST(facts AS VARCHAR) FROM read_parquet(?)"
        parameters: list[Any] = [str(here)]
        if booking_uids is not None:
            query += " WHERE booking_uid IN (SELECT unnest(CAST(? AS VARCHAR[])))"
            parameters.append(list(booking_uids))
        found = connection.execute(query, parameters)
        while batch := found.fetchmany(500):
            for (facts,) in batch:
                yield facts
