"""The floor: who was absent by conference key and address alone, without any of the doubts, in DuckDB and in Polars.

``python benchmarks/decide/plain.py duckdb SET_FOLDER OUT.parquet MEMORY_LIMIT SPILL_FOLDER``, or ``polars SET_FOLDER
OUT.parquet``. An attendee of an accepted booking is present with a second of presence in the booking's window, else
absent. The decisions are not sorted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polars import LazyFrame

THREADS = 2
PERSON = ["booking_uid", "email"]
MARGIN_SECONDS, OPEN_SECONDS = 900, 14400
QUERY = f"""
COPY (
    WITH judged AS (
        SELECT booking_uid, email, lower(match_email) AS address, conference_key,
            start_at - INTERVAL {MARGIN_SECONDS} SECONDS AS begins, end_at + INTERVAL {MARGIN_SECONDS} SECONDS AS ends
        FROM read_parquet($folder || '/bookings.parquet') AS bookings
        JOIN read_parquet($folder || '/people.parquet') AS people USING (booking_uid)
        WHERE status = 'accepted' AND rescheduled_to_uid IS NULL AND role = 'attendee'
    ), seen AS (
        SELECT conference_key, lower(email) AS address, joined_at,
            coalesce(left_at, joined_at + INTERVAL {OPEN_SECONDS} SECONDS) AS left_at
        FROM read_parquet($folder || '/attendance.parquet')
        WHERE kind = 'person' AND email IS NOT NULL AND conference_key IS NOT NULL
    ), stints AS (
        SELECT booking_uid, email, greatest(joined_at, begins) AS enters, least(left_at, ends) AS leaves
        FROM judged JOIN seen USING (conference_key, address)
        WHERE joined_at <= ends AND left_at >= begins
    ), covered AS (
        SELECT booking_uid, email, enters, leaves, max(leaves) OVER (
            PARTITION BY booking_uid, email ORDER BY enters ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
        FROM stints
    ), presence AS (
        SELECT booking_uid, email, min(enters) AS first_joined_at, max(leaves) AS last_left_at,
            sum(greatest(0, epoch_us(leaves) - greatest(epoch_us(enters), coalesce(epoch_us(reached), 0)))) / 1e6
                AS presence_seconds
        FROM covered
        GROUP BY booking_uid, email
    )
    SELECT booking_uid, email, CASE WHEN presence_seconds >= 1 THEN 'present' ELSE 'absent' END AS outcome,
        coalesce(presence_seconds, 0) AS presence_seconds, first_joined_at, last_left_at
    FROM judged LEFT JOIN presence USING (booking_uid, email)
) TO $out (FORMAT parquet)
"""


def run_duckdb(folder: str, out: str, memory_limit: str, spill: str) -> None:
    """Run the query in DuckDB."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": memory_limit,
        "temp_directory": spill,
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute(QUERY.replace("$folder", f"'{folder}'").replace("$out", f"'{out}'"))


def run_polars(folder: str, out: str) -> None:
    """Run the same in Polars, which streams what it can; POLARS_MAX_THREADS is the caller's to set."""
    import polars as pl

    judged = judged_in_polars(folder)
    stints = (
        judged.join(seen_in_polars(folder), on=["conference_key", "address"])
        .filter(pl.col("joined_at") <= pl.col("ends"), pl.col("left_at") >= pl.col("begins"))
        .select(*PERSON, enters=pl.max_horizontal("joined_at", "begins"), leaves=pl.min_horizontal("left_at", "ends"))
    )
    decided = judged.join(presence_in_polars(stints), on=PERSON, how="left").select(
        *PERSON,
        pl.when(pl.col("presence_seconds") >= 1).then(pl.lit("present")).otherwise(pl.lit("absent")).alias("outcome"),
        pl.col("presence_seconds").fill_null(0.0),
        "first_joined_at",
        "last_left_at",
    )
    decided.sink_parquet(out, engine="streaming")


def judged_in_polars(folder: str) -> LazyFrame:
    """Return the attendees of accepted bookings, with their window."""
    import polars as pl

    bookings, people = pl.scan_parquet(f"{folder}/bookings.parquet"), pl.scan_parquet(f"{folder}/people.parquet")
    return (
        bookings.filter(pl.col("status") == "accepted", pl.col("rescheduled_to_uid").is_null())
        .join(people.filter(pl.col("role") == "attendee"), on="booking_uid")
        .select(
            *PERSON,
            "conference_key",
            address=pl.col("match_email").str.to_lowercase(),
            begins=pl.col("start_at") - pl.duration(seconds=MARGIN_SECONDS),
            ends=pl.col("end_at") + pl.duration(seconds=MARGIN_SECONDS),
        )
    )


def seen_in_polars(folder: str) -> LazyFrame:
    """Return the attendance that has both a conference key and an address."""
    import polars as pl

    attendance = pl.scan_parquet(f"{folder}/attendance.parquet")
    known = (pl.col("kind") == "person") & pl.col("email").is_not_null() & pl.col("conference_key").is_not_null()
    return attendance.filter(known).select(
        "conference_key",
        "joined_at",
        address=pl.col("email").str.to_lowercase(),
        left_at=pl.col("left_at").fill_null(pl.col("joined_at") + pl.duration(seconds=OPEN_SECONDS)),
    )


def presence_in_polars(stints: LazyFrame) -> LazyFrame:
    """Add up each person's stints; one that overlaps those before counts from where they reach."""
    import polars as pl

    reached = pl.col("leaves").cum_max().shift().over(PERSON)
    adds = pl.max_horizontal(pl.col("leaves") - pl.max_horizontal("enters", reached), pl.duration(seconds=0))
    return (
        stints.sort(*PERSON, "enters")
        .with_columns(adds=adds)
        .group_by(PERSON)
        .agg(
            presence_seconds=pl.col("adds").sum().dt.total_microseconds() / 1e6,
            first_joined_at=pl.col("enters").min(),
            last_left_at=pl.col("leaves").max(),
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "duckdb":
        run_duckdb(*sys.argv[2:6])
    else:
        run_polars(*sys.argv[2:4])
