"""Run the rules on the bookings to explain, and take the facts from the results of their steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.explain.model import SOMEBODY
from airflow_provider_calcom.attendance.rules import Rules, Step, read_rules, the_rules
from airflow_provider_calcom.attendance.schema import WHITE_SPACE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A column for each SELECT of a step, which the explanation adds to it ("" adds none): the number of the attendance row
# of which the step's row was made. So each step passes the number on to the next. The steps' results do not change.
_PASSED_ALONG = {
    "presences": ("timed.feed_row", "raw.feed_row", "feed_row"),
    "rows_by_conference": ("rows.feed_row",),
    "rows_by_booking_uid": ("rows.feed_row",),
    "meeting_rows": ("feed_row", ""),
    "person_rows": ("rows.feed_row",),
    "named_rows": ("rows.feed_row", "rows.feed_row", "rows.feed_row", ""),
    "stints": ("feed_row", "rows.feed_row", "rows.feed_row"),
    "open_rows": ("rows.feed_row", "", "", ""),
    "host_stints": ("rows.feed_row",),
    "booked_handles": ("feed_row", "feed_row", "feed_row"),
    "rows_by_name": ("feed_row",),
    "names_used_twice": ("rows.feed_row",),
    "owned_rows": ("rows.feed_row", ""),
    "words_in_rows": ("rows.feed_row",),
    "rows_elsewhere": ("rows.feed_row",),
    "stray_rows": ("rows.feed_row",),
    "stray_handles": ("feed_row", "feed_row", "feed_row"),
    "own_stray_rows": ("rows.feed_row",),
    "orphan_rows": ("rows.feed_row", "", "", "", ""),
    "outcomes": ("persons.person",),
}
# Steps whose results are also needed by attendance row: {name: (the step, the columns to add to its SELECTs)}.
_BY_ROW = {
    "trace_rows": ("traces", ("rows.feed_row", "rows.feed_row", "rows.feed_row", "booked_handles.feed_row")),
    "row_facts": ("meeting_facts", ("rows.feed_row",)),
    "company_rows": ("unknown_company", ("rows.feed_row", "feed_row")),
    "shared_name_rows": ("named_with_others", ("rows.feed_row", "rows.feed_row")),
    "rows_of_name_elsewhere": ("named_elsewhere", ("rows.feed_row",)),
    "rows_at_other_times": ("seen_at_other_times", ("rows.feed_row", "rows.feed_row")),
}


def booking_number(connection: DuckDBPyConnection, booking_uid: str) -> int:
    """Return the number that the rules know a booking by.

    :raises InvalidInput: if no booking has the uid.
    """
    uid = booking_uid.strip(WHITE_SPACE)
    found = connection.execute("SELECT booking FROM bookings WHERE booking_uid = ?", [uid]).fetchone()
    if found is None:
        (count,) = connection.execute("SELECT count(*) FROM bookings").fetchone() or (0,)
        there_are = "There is 1 booking" if count == 1 else f"There are {count} bookings"
        raise InvalidInput(f"--booking: no booking has the uid {describe(booking_uid)}. {there_are}")
    return int(found[0])


def choose(connection: DuckDBPyConnection, bookings: Sequence[int]) -> None:
    """Select the bookings to explain. The others stay, because a decision may depend on them.

    :param bookings: their numbers.
    """
    connection.execute(
        "CREATE TEMP TABLE chosen AS"
        " SELECT booking, row_number() OVER (ORDER BY start_at, booking_uid) AS place"
        " FROM bookings WHERE booking IN (SELECT unnest(?))",
        [list(bookings)],
    )


@dataclass(frozen=True)
class Options:
    """What an explanation has of people and rows.

    :param numbers_of_files: whether people and rows have the numbers of their rows in the files. Otherwise they are
        numbered within the booking, and the numbers do not depend on the order of the files' rows.
    :param most_rows: how many rows a booking has at most.
    :param most_idle_rows: how many of them may make no difference to any decision, and not be of the meeting.
    :param nearby: how far from the window rows of the conference are looked for, in microseconds, besides those that
        make a difference.
    :param hashed: returns the hash by which an address is named. Names and telephone numbers are left out then. None
        for plain addresses.
    """

    numbers_of_files: bool = True
    most_rows: int = 200
    most_idle_rows: int = 200
    nearby: int = 86_400_000_000
    hashed: Callable[[str], str] | None = None


def gather(connection: DuckDBPyConnection, options: Options) -> str:
    """Run the rules on the chosen bookings, and return a SELECT of their facts.

    :param connection: has the tables of the rules, those of the policy, and ``chosen``.
    :return: SQL whose rows are ``booking_uid`` and ``facts``, JSON for :meth:`~.model.Explanation.of`, by start and
        uid.
    """
    connection.execute(
        "CREATE TEMP TABLE options AS"
        " SELECT ? AS numbers_of_files, ? AS most_rows, ? AS most_idle_rows, CAST(? AS BIGINT) AS nearby,"
        " ? AS are_hashed, ? AS somebody",
        [
            *(options.numbers_of_files, options.most_rows, options.most_idle_rows, options.nearby),
            *(options.hashed is not None, SOMEBODY),
        ],
    )
    rules = _rules_by_row()
    freed = rules.last_uses([rules.decisions, _ADDRESSES])
    for step in rules.steps:
        if step.is_kept:
            connection.execute(f"CREATE TEMP TABLE {step.name} AS {rules.with_parts(step.body)}")
            for name in freed.get(step.name, ()):
                connection.execute(f"DROP TABLE {name}")
    connection.execute("CREATE TEMP TABLE hashes (address VARCHAR, hash VARCHAR)")
    if options.hashed is not None:
        _load_hashes(connection, options.hashed)
    return rules.with_parts(rules.decisions)


_ADDRESSES = """SELECT email FROM found_rows WHERE email <> '' UNION SELECT email FROM found_people WHERE email <> ''"""


def _load_hashes(connection: DuckDBPyConnection, hashed: Callable[[str], str]) -> None:
    addresses = [address for (address,) in connection.execute(_ADDRESSES).fetchall() if address.strip(WHITE_SPACE)]
    hashes = [hashed(address) for address in addresses]
    connection.execute("INSERT INTO hashes SELECT unnest(?), unnest(?)", [addresses, hashes])


@cache
def _rules_by_row() -> Rules:
    """Return the rules for the chosen bookings, with the rows' numbers passed along, and the steps of the facts.

    ``judged`` and ``untraced`` leave out what no decision needs, such as whether the host came to a meeting to which
    all attendees came. An explanation shows that, too.
    """
    bodies = {step.name: step.body for step in the_rules().steps}
    changed = {name: _passing(bodies[name], columns) for name, columns in _PASSED_ALONG.items()}
    for name in ("meetings", "expected", "persons_to_judge"):
        changed[name] = (
            f"SELECT found.* FROM ({bodies[name]}) AS found INNER JOIN chosen ON chosen.booking = found.booking"
        )
    changed |= {
        "judged": "SELECT * FROM expected",
        "untraced": "SELECT booking, person, is_host, name FROM expected",
    }
    # The rows of a booking without expected people are shown, too.
    open_bookings = "SELECT DISTINCT booking FROM untraced"
    changed["open_rows"] = changed["open_rows"].replace(open_bookings, "SELECT booking FROM meetings")
    steps = [replace(step, body=changed.get(step.name, step.body)) for step in the_rules().steps]
    for name, (step, columns) in _BY_ROW.items():
        body = _passing(bodies[step], columns).replace("GROUP BY rows.booking", "GROUP BY ALL")
        steps.append(Step(name, body, False))
    facts = read_rules(Path(__file__).with_name("facts.sql"))
    return Rules((*steps, *facts.steps), facts.decisions)


def _passing(body: str, columns: Sequence[str]) -> str:
    before, *selects = re.split(r"\bSELECT\b", body)
    parts = (
        re.sub(r"^( DISTINCT)?", rf"\1 {column}," if column else r"\1", rest, count=1)
        for column, rest in zip(columns, selects, strict=True)
    )
    return before + "".join(f"SELECT{part}" for part in parts)
