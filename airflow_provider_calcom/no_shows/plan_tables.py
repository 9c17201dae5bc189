"""The tables of a plan that say who its decisions are about, and why: ``bookings.parquet`` and ``evidence.parquet``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._storage import atomic_write
from airflow_provider_calcom.attendance.engine import load_policy
from airflow_provider_calcom.attendance.explain.collect import Options, choose, gather
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.schema import WHITE_SPACE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from airflow_provider_calcom.attendance.engine import Decided

log = logging.getLogger(__name__)

MOST_BOOKINGS = 20_000
"""Bookings whose evidence a plan has at most."""

MOST_ATTENDANCE = 2_000_000
"""Rows of attendance up to which a plan has evidence: it takes about as long as the decisions did."""

_MOST_IDLE_ROWS = 5
_NEARBY = 3_600_000_000
"""Microseconds around the window: in a room of many bookings, those of a day would be most of the evidence."""
_DETAILS = "{booking_uid: 'VARCHAR', event_type: 'VARCHAR', host_email: 'VARCHAR', host_name: 'VARCHAR'}"
# Where there is no more of a booking than its decisions, such as on a SQL server, that is what the table has.
_NO_BOOKINGS = """(
    SELECT NULL::VARCHAR AS booking_uid, NULL::BIGINT AS start_at, NULL::BIGINT AS end_at, NULL::VARCHAR AS status
    WHERE FALSE
)"""
_NO_DETAILS = """(
    SELECT
        NULL::VARCHAR AS booking_uid, NULL::VARCHAR AS event_type, NULL::VARCHAR AS host_email,
        NULL::VARCHAR AS host_name
    WHERE FALSE
)"""
_HOSTS_OF_PEOPLE = """(
    SELECT
        booking_uid, NULL::VARCHAR AS event_type, coalesce(match_email, email) AS host_email, name AS host_name
    FROM people
    WHERE role = 'host' AND email IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY booking_uid ORDER BY email, match_email, name) = 1
)"""
_BOOKINGS = """
SELECT
    decided.booking_uid,
    make_timestamptz(decided.start_at) AS start_at,
    make_timestamptz(bookings.end_at) AS end_at,
    bookings.status,
    decided.excluded_as,
    details.event_type,
    {host_email} AS host_email,
    {host_name} AS host_name
FROM (
    SELECT
        booking_uid,
        min(start_at) AS start_at,
        min(reason) FILTER (reason IN ('not_accepted', 'rescheduled', 'not_settled')) AS excluded_as
    FROM decided
    GROUP BY booking_uid
) AS decided
LEFT JOIN {bookings} AS bookings ON bookings.booking_uid = decided.booking_uid
LEFT JOIN booking_details AS details ON details.booking_uid = decided.booking_uid
LEFT JOIN hashed_hosts AS hashed ON hashed.address = details.host_email
ORDER BY decided.booking_uid"""

# Those with a change or somebody held back come first, then those with somebody undetermined.
_CHOSEN = """
SELECT bookings.booking
FROM bookings
INNER JOIN (
    SELECT
        decided.booking_uid,
        min(
            CASE
                WHEN wanted.booking_uid IS NOT NULL THEN 0
                WHEN decided.outcome = 'undetermined' THEN 1
                WHEN decided.outcome <> 'excluded' THEN 2
                ELSE 3
            END
        ) AS urgency
    FROM decided
    LEFT JOIN (SELECT DISTINCT booking_uid FROM wanted) AS wanted ON wanted.booking_uid = decided.booking_uid
    GROUP BY decided.booking_uid
) AS urgencies ON urgencies.booking_uid = bookings.booking_uid
ORDER BY urgencies.urgency, bookings.start_at, bookings.booking_uid
LIMIT ?"""


def write_bookings(decided: Decided, path: Any, *, details: Path | None, hashed: Callable[[str], str] | None) -> None:
    """Write one row for each booking with a decision.

    :param decided: the decisions.
    :param path: the file, here or in an object store.
    :param details: event type and host of each booking, as JSON lines; None where only its people are known.
    :param hashed: returns the hash by which an address is named; None for plain addresses.
    """
    connection = decided.connection
    has = {name: _has_table(connection, name) for name in ("bookings", "people")}
    if details is not None:
        source, parameters = f"read_json(?, format = 'newline_delimited', columns = {_DETAILS})", [str(details)]
    else:
        source, parameters = _HOSTS_OF_PEOPLE if has["people"] else _NO_DETAILS, []
    connection.execute(f"CREATE OR REPLACE TEMP TABLE booking_details AS SELECT * FROM {source}", parameters)
    _load_hashed_hosts(connection, hashed)
    query = _BOOKINGS.format(
        bookings="bookings" if has["bookings"] else _NO_BOOKINGS,
        host_email="details.host_email" if hashed is None else "hashed.hash",
        host_name="details.host_name" if hashed is None else "CAST(NULL AS VARCHAR)",
    )
    with atomic_write(path) as part:
        connection.execute(f"COPY ({query}) TO ? (FORMAT parquet)", [str(part)])


def _has_table(connection: DuckDBPyConnection, name: str) -> bool:
    query = "SELECT count(*) > 0 FROM information_schema.tables WHERE table_name = ?"
    (has,) = connection.execute(query, [name]).fetchone() or (False,)
    return bool(has)


def _load_hashed_hosts(connection: DuckDBPyConnection, hashed: Callable[[str], str] | None) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE hashed_hosts (address VARCHAR, hash VARCHAR)")
    if hashed is not None:
        found = connection.execute("SELECT DISTINCT host_email FROM booking_details WHERE host_email IS NOT NULL")
        addresses = [address for (address,) in found.fetchall() if address.strip(WHITE_SPACE)]
        hashes = [hashed(address) for address in addresses]
        connection.execute("INSERT INTO hashed_hosts SELECT unnest(?), unnest(?)", [addresses, hashes])


def write_evidence(
    decided: Decided, path: Any, *, hashed: Callable[[str], str] | None, most_bookings: int = MOST_BOOKINGS
) -> int:
    """Write the facts behind the decisions of some bookings, and return of how many.

    The rules run a second time for it, on the chosen bookings. What fails there does not cost the plan.

    :param decided: the decisions, and beside them the changes that :mod:`.diff` computed. Without them, as on a SQL
        server, there is no evidence.
    :param path: the file, here or in an object store.
    :param hashed: returns the hash by which an address is named; names and numbers are left out then. None for plain
        addresses.
    :param most_bookings: how many bookings; those with a change or a doubt come first.
    """
    import duckdb

    if not decided.is_embedded:
        return 0
    if decided.figures.attendance_rows > MOST_ATTENDANCE:
        log.info(
            "The plan has no evidence, because attendance has more than %s rows. Plan fewer days at a time to have it",
            f"{MOST_ATTENDANCE:,}",
        )
        return 0
    try:
        chosen = [booking for (booking,) in decided.connection.execute(_CHOSEN, [most_bookings]).fetchall()]
        with atomic_write(path) as part:
            _copy_evidence(decided, chosen, part, hashed)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        # Without DuckDB's text, which may quote a cell.
        log.warning(
            "The plan has no evidence, which its report shows beside each change (%s). Its changes are complete",
            type(error).__name__,
        )
        return 0
    return len(chosen)


def _copy_evidence(decided: Decided, chosen: list[int], part: Path, hashed: Callable[[str], str] | None) -> None:
    options = Options(numbers_of_files=False, most_idle_rows=_MOST_IDLE_ROWS, nearby=_NEARBY, hashed=hashed)
    with decided.another_session() as session:
        load_policy(session, policy_tables(decided.policy))
        choose(session, chosen)
        session.execute(f"COPY ({gather(session, options)}) TO ? (FORMAT parquet, COMPRESSION zstd)", [str(part)])
