"""Why the rules decide as they do on one booking: its window, everyone's rows in it, and the rule that fired.

Nothing is decided here. The rules run on the one booking, and what they found on the way is read from their own steps.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.columns import ATTENDANCE, BOOKINGS, PEOPLE
from airflow_provider_calcom.attendance.engine import Policy, Resources, load, load_policy, room, workshop
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.instants import instant_text, microseconds
from airflow_provider_calcom.attendance.loading import LoadedFile
from airflow_provider_calcom.attendance.policy import WHITE_SPACE, AttendancePolicy, whole_microseconds
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.rules import Rules, Step, the_rules
from airflow_provider_calcom.attendance.sources import Source

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ROWS = 200
WIDTH = 100

_USUAL = Resources()
_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400_000_000
# Attendees' reasons and the numbers of their rules; of them 1 to 3, 8, 9 and 11 are also hosts'.
_RULES = {
    "not_accepted": 1,
    "rescheduled": 2,
    "not_settled": 3,
    "internal": 4,
    "duplicate_email": 5,
    "email": 6,
    "phone": 6,
    "name": 6,
    "trace": 7,
    "feed_incomplete": 8,
    "no_evidence": 9,
    "host_not_seen": 10,
    "unknown_participant": 11,
    "not_seen": 12,
}
_SHARED = ("feed_incomplete", "no_evidence", "unknown_participant")
_WHOSE = {1: "email", 2: "phone", 3: "name", 4: "colleague", 5: "machine", 6: "unknown_participant"}
_PLACES = {1: "meeting", 2: "elsewhere", 3: "outside_window"}
_MEANS = {"email": "e-mail", "phone": "phone", "name": "name"}

# ----------------------------------------------------------------------------------------------------------------------
# What is told
# ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExplainedRow:
    """One row of attendance. Instants are microseconds since 1970.

    :param number: its number over all files of attendance; ``file`` and ``row_in_file`` say where it stands.
    :param begins: when it begins as the rules take it; ``ends`` likewise. ``joined_at`` and ``left_at`` are the feed's.
    :param place: ``meeting`` for a row of the meeting; ``elsewhere`` for one in the window that bears somebody's
        address or number, be it loose or another meeting's; ``outside_window`` for one of the booking's uid or
        conference.
    :param whose: of a row of the meeting: email, phone, name, colleague, machine or unknown_participant.
    :param people: whose it is, or whose address or number it bears: their :attr:`Verdict.person`.
    :param counts_for: for whose presence it counts.
    :param trace_of: who left it as a trace.
    :param is_evidence: whether it shows that the meeting was held.
    :param is_host_side: whether it counts for the host side.
    :param is_colleague: whether it bears an internal address, and is not a machine's.
    """

    number: int
    file: str
    row_in_file: int
    source: str | None
    kind: str
    booking_uid: str | None
    conference_key: str | None
    email: str | None
    name: str | None
    phone: str | None
    joined_at: int | None
    left_at: int | None
    begins: int
    ends: int
    place: str
    whose: str | None
    people: tuple[int, ...]
    counts_for: tuple[int, ...]
    trace_of: tuple[int, ...]
    is_evidence: bool
    is_host_side: bool
    is_colleague: bool


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one person, and why. Instants and ``presence`` are microseconds.

    :param person: the number of the row over all files of people.
    :param outcome: as :class:`~airflow_provider_calcom.attendance.engine.Decision` has it; None, like the reason, for
        a host when hosts are not judged.
    :param rule: the rule's number, or None for those that only hosts have.
    :param why: the rule in a sentence, with the figures that decided it.
    """

    person: int
    role: str
    email: str | None
    name: str | None
    currently_absent: bool
    is_colleague: bool
    outcome: str | None
    reason: str | None
    presence: int
    first_joined_at: int | None
    last_left_at: int | None
    rule: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Explanation:
    """All there is to say of one booking. Instants and durations are microseconds.

    :param policy: ``as_of`` filled in.
    :param complete_until: up to where the feed is complete, or None where nothing is.
    :param feed_rows: rows of the whole feed.
    :param host_covered: how much of the core the host side was there.
    :param host_needed: how much of it is asked for.
    :param host_checked_in: whether one of the host side checked in within the core, which is enough.
    :param host_came: whether the host side came; None where rules 1 to 3 exclude the booking.
    :param rows: the rows that matter, in order, at most as many as were asked for.
    :param rows_in_all: how many there are: ``{place: rows}``.
    :param verdicts: one for each expected person.
    :param files: the files of attendance.
    """

    booking_uid: str
    status: str | None
    start_at: int
    end_at: int
    rescheduled_to_uid: str | None
    conference_key: str | None
    window_start: int
    window_end: int
    excluded_as: str | None
    policy: AttendancePolicy
    complete_until: int | None
    feed_rows: int
    host_covered: int
    host_needed: int
    host_checked_in: bool
    host_came: bool | None
    rows: list[ExplainedRow]
    rows_in_all: dict[str, int]
    verdicts: list[Verdict]
    files: list[LoadedFile]

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as JSON can carry it: instants as ISO 8601, cut to milliseconds, durations as seconds."""
        return {
            "booking": {
                **_with_texts(
                    self,
                    ("booking_uid", "status", "start_at", "end_at", "rescheduled_to_uid", "conference_key"),
                ),
                **_with_texts(self, ("window_start", "window_end", "excluded_as")),
            },
            "policy": self.policy.as_dict(),
            "feed": {"rows": self.feed_rows, "complete_until": _iso(self.complete_until)},
            "host_side": {
                "came": self.host_came,
                "seconds_of_core": self.host_covered / 1e6,
                "needed_seconds": self.host_needed / 1e6,
                "checked_in": self.host_checked_in,
            },
            "people": [_verdict_dict(verdict) for verdict in self.verdicts],
            "rows": [_with_texts(row, ExplainedRow.__dataclass_fields__) for row in self.rows],
            "rows_in_all": self.rows_in_all,
        }

    def text(self) -> str:
        """Give all of it as lines of at most :data:`WIDTH` columns."""
        return "\n".join(line.rstrip() for line in _page(self)) + "\n"


_INSTANTS = ("start_at", "end_at", "window_start", "window_end", "joined_at", "left_at", "begins", "ends")


def _with_texts(record: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: _iso(getattr(record, name)) if name in _INSTANTS else getattr(record, name) for name in names}


def _verdict_dict(verdict: Verdict) -> dict[str, Any]:
    told = {name: getattr(verdict, name) for name in ("person", "role", "email", "name", "outcome", "reason", "rule")}
    return told | {
        "why": verdict.why,
        "presence_seconds": verdict.presence / 1e6,
        "first_joined_at": _iso(verdict.first_joined_at),
        "last_left_at": _iso(verdict.last_left_at),
        "currently_absent": verdict.currently_absent,
    }


def _iso(count: int | None) -> str | None:
    return None if count is None else instant_text(_within_years(count))


def _within_years(count: int) -> int:
    """Keep what a datetime can't hold at its ends: a window may reach beyond the year 9999."""
    return max(-62_135_596_800_000_000, min(count, 253_402_300_799_999_999))


# ----------------------------------------------------------------------------------------------------------------------
# Running the rules on one booking
# ----------------------------------------------------------------------------------------------------------------------


def explain(
    bookings: Source,
    people: Source,
    attendance: Source,
    policy: Policy = None,
    *,
    booking_uid: str,
    zone: str | None = None,
    resources: Resources = _USUAL,
    now: datetime | None = None,
    most_rows: int = MOST_ROWS,
) -> Explanation:
    """Decide on one booking, and tell why.

    Parameters and errors are those of :func:`~airflow_provider_calcom.attendance.engine.decide`, but that there is no
    ``place``; and:

    :param booking_uid: which booking.
    :param most_rows: how many rows of attendance to give at most; those that decided come first.
    :raises InvalidInput: also where no booking has the uid.
    """
    judged_by = AttendancePolicy.of(policy).at(now or datetime.now(timezone.utc))
    inputs = {BOOKINGS: bookings, PEOPLE: people, ATTENDANCE: attendance}
    with workshop(resources, zone) as (connection, folder), room(resources):
        files = load(connection, folder, inputs, takes_naive_times=zone is not None)
        load_policy(connection, policy_tables(judged_by))
        _choose(connection, booking_uid)
        _run(connection, [file for file in files if file.table == ATTENDANCE.name])
        return _read(connection, files, judged_by, most_rows)


# What each SELECT of a step gives besides its own columns, so that the steps pass along the number of the row of
# attendance or of people that a row of theirs stands for. It changes nothing in what they find.
_PASSED_ALONG: dict[str, tuple[str, ...]] = {
    "presences": ("timed.feed_row", "feed_row"),
    "rows_by_conference": ("rows.feed_row",),
    "rows_by_booking_uid": ("rows.feed_row",),
    "meeting_rows": ("known.feed_row",),
    "person_rows": ("rows.feed_row",),
    "stints": ("feed_row", "rows.feed_row", "rows.feed_row"),
    "host_stints": ("rows.feed_row",),
    "booked_handles": ("feed_row", "feed_row", "feed_row"),
    "outcomes": ("persons.person",),
}


@cache
def _numbered_rules() -> Rules:
    """Give the rules with the rows' numbers passed along, and three steps to ask about single rows.

    ``untraced`` spares the search for what no decision needs, such as whether the host of a meeting came to which all
    attendees came. Who wants to know why wants to know that too.
    """
    steps = []
    for step in the_rules().steps:
        if step.name == "untraced":
            step = replace(step, body="    SELECT booking, person, name FROM expected\n")
        steps.append(replace(step, body=_passing(step.body, _PASSED_ALONG.get(step.name))))
        if step.name == "traces":
            columns = ("rows.feed_row", "rows.feed_row", "booked_handles.feed_row")
            steps.append(Step("trace_rows", _passing(step.body, columns), False))
        if step.name == "meeting_facts":
            body = step.body.replace("GROUP BY booking", "GROUP BY feed_row, booking")
            steps.append(Step("row_facts", _passing(body, ("feed_row",)), False))
    return Rules(tuple(steps), the_rules().decisions)


def _passing(body: str, columns: Sequence[str] | None) -> str:
    if columns is None:
        return body
    before, *selects = re.split(r"\bSELECT\b", body)
    pairs = zip(columns, selects, strict=True)
    return before + "".join(f"SELECT {column}, {select}" for column, select in pairs)


def _choose(connection: DuckDBPyConnection, booking_uid: str) -> None:
    """Leave only the one booking and its people."""
    count = _all(connection, "SELECT count(*) AS bookings FROM bookings")[0]["bookings"]
    for table in (BOOKINGS, PEOPLE):
        connection.execute(
            f"CREATE TEMP TABLE chosen_{table.name} AS SELECT * FROM {table.name} WHERE booking_uid = ?",
            [booking_uid.strip(WHITE_SPACE)],
        )
    if not _all(connection, "SELECT booking FROM chosen_bookings"):
        raise InvalidInput(
            f"--booking: no booking has the uid {booking_uid!r:.100}. There"
            f" {'is 1 booking' if count == 1 else f'are {count} bookings'}"
        )
    for table in (BOOKINGS, PEOPLE):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {table.name} AS SELECT * FROM chosen_{table.name}")


def _run(connection: DuckDBPyConnection, files: Sequence[LoadedFile]) -> None:
    """Make the tables of all steps, and leave them."""
    rules = _numbered_rules()
    kept = {step.name: step for step in rules.steps if step.is_kept}
    first = ("conferences", "sifted_bookings", "feed")
    for name in first:
        _make(connection, rules, kept[name])
    _choose_rows(connection, files)
    for name, step in kept.items():
        if name not in first:
            _make(connection, rules, step)


def _make(connection: DuckDBPyConnection, rules: Rules, step: Step) -> None:
    connection.execute(f"CREATE TEMP TABLE {step.name} AS {rules.with_parts(step.body)}")


def _choose_rows(connection: DuckDBPyConnection, files: Sequence[LoadedFile]) -> None:
    """Number the rows of attendance, and leave those that can matter, with a day to spare: the rules do the rest."""
    columns = ", ".join(column.name for column in ATTENDANCE.columns)
    parts = [
        f"SELECT {columns}, row_number() OVER () + {_rows_before(files, place)} AS feed_row"
        f" FROM {ATTENDANCE.name}_{place}"
        for place in range(len(files))
    ]
    numbered = " UNION ALL ".join(parts) or f"SELECT {columns}, 0 AS feed_row FROM {ATTENDANCE.name}"
    connection.execute("SET preserve_insertion_order = true")  # only then rows are counted as they lie in the files
    connection.execute(f"""
CREATE TEMP TABLE chosen_attendance AS
SELECT rows.*
FROM ({numbered}) AS rows
CROSS JOIN sifted_bookings AS chosen
WHERE chosen.excluded_as IS NULL AND (
    rows.booking_uid = chosen.booking_uid
    OR (
        coalesce(rows.joined_at, rows.left_at) <= chosen.window_end + {_DAY}
        AND (
            rows.left_at IS NULL
            OR rows.left_at >= chosen.window_start - {_DAY}
            OR rows.joined_at >= chosen.window_start - {_DAY}
        )
    )
)""")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("CREATE OR REPLACE TEMP VIEW attendance AS SELECT * FROM chosen_attendance")


def _rows_before(files: Sequence[LoadedFile], place: int) -> int:
    return sum(file.rows for file in files[:place])


# ----------------------------------------------------------------------------------------------------------------------
# Reading what the steps found
# ----------------------------------------------------------------------------------------------------------------------

_BOOKING = """
SELECT
    bookings.*, sifted_bookings.window_start, sifted_bookings.window_end, sifted_bookings.excluded_as,
    feed.feed_rows, feed.complete_until,
    coalesce(host_sides.covered, 0) AS host_covered,
    coalesce(host_sides.has_check_in, 0) = 1 AS host_checked_in,
    hosts_that_came.booking IS NOT NULL AS host_came
FROM bookings
INNER JOIN sifted_bookings ON sifted_bookings.booking = bookings.booking
CROSS JOIN feed
LEFT JOIN host_sides ON host_sides.booking = bookings.booking
LEFT JOIN hosts_that_came ON hosts_that_came.booking = bookings.booking"""

_VERDICTS = """
SELECT
    people.person, people.role, people.email, people.name, people.absent AS currently_absent,
    persons.is_internal AS is_colleague,
    outcomes.outcome, outcomes.reason, coalesce(outcomes.presence, 0) AS presence,
    outcomes.first_joined AS first_joined_at, outcomes.last_left AS last_left_at
FROM people
INNER JOIN persons ON persons.person = people.person
LEFT JOIN outcomes ON outcomes.person = people.person
ORDER BY people.role DESC, people.email NULLS FIRST, people.person"""

# Places by number, as _PLACES has them. Of those outside the window the nearest come first.
_FOUND_ROWS = """
SELECT
    rows.feed_row, rows.starts, rows.ends,
    CASE WHEN meeting_rows.feed_row IS NOT NULL THEN 1 WHEN borne.feed_row IS NOT NULL THEN 2 ELSE 3 END AS place,
    greatest(0, meetings.window_start - rows.ends, rows.starts - meetings.window_end) AS distance,
    meeting_rows.whose,
    coalesce(row_facts.has_evidence, 0) = 1 AS is_evidence,
    coalesce(row_facts.has_internal, 0) = 1 AS is_colleague,
    host_rows.feed_row IS NOT NULL AS is_host_side
FROM presences AS rows
CROSS JOIN meetings
LEFT JOIN meeting_rows ON meeting_rows.feed_row = rows.feed_row
LEFT JOIN row_facts ON row_facts.feed_row = rows.feed_row
LEFT JOIN (SELECT DISTINCT feed_row FROM host_stints) AS host_rows ON host_rows.feed_row = rows.feed_row
LEFT JOIN (SELECT DISTINCT feed_row FROM person_rows) AS borne ON borne.feed_row = rows.feed_row
WHERE meeting_rows.feed_row IS NOT NULL
    OR borne.feed_row IS NOT NULL
    OR rows.booking = meetings.booking
    OR (rows.booking IS NULL AND rows.conference = meetings.conference)"""

# Whose a row is, was settled; here only the people behind the address, number or name are looked up.
_LINKS = """
SELECT rows.feed_row, handles.person, 'people' AS link
FROM meeting_rows AS rows
INNER JOIN presences ON presences.feed_row = rows.feed_row
INNER JOIN person_handles AS handles
    ON handles.handle = CASE rows.whose WHEN 1 THEN presences.address WHEN 2 THEN presences.phone END
UNION SELECT rows.feed_row, bearers.person, 'people'
FROM meeting_rows AS rows
INNER JOIN bearers ON bearers.bearer = rows.bearer
WHERE rows.whose = 3
UNION SELECT rows.feed_row, rows.person, 'people'
FROM person_rows AS rows
LEFT JOIN meeting_rows ON meeting_rows.feed_row = rows.feed_row
WHERE meeting_rows.feed_row IS NULL
UNION SELECT feed_row, person, 'counts_for' FROM stints
UNION SELECT feed_row, person, 'trace_of' FROM trace_rows"""

# The rows that a reason is read from come first: the first unknown participant's, the first colleague's, and
# everyone's first trace.
_SHOWN_ROWS = """
SELECT found_rows.*, cited.feed_row IS NOT NULL AS is_cited
FROM found_rows
LEFT JOIN (
    SELECT DISTINCT feed_row
    FROM (
        SELECT feed_row, place, starts, whose AS cited_for FROM found_rows WHERE whose = 6
        UNION ALL
        SELECT feed_row, place, starts, 4 FROM found_rows WHERE is_colleague
        UNION ALL
        SELECT links.feed_row, found_rows.place, found_rows.starts, -links.person
        FROM links
        INNER JOIN found_rows ON found_rows.feed_row = links.feed_row
        WHERE links.link = 'trace_of'
    )
    QUALIFY row_number() OVER (PARTITION BY cited_for ORDER BY place, starts, feed_row) = 1
) AS cited ON cited.feed_row = found_rows.feed_row
ORDER BY
    is_cited DESC, found_rows.place, CASE WHEN found_rows.place = 3 THEN found_rows.distance ELSE 0 END,
    found_rows.starts, found_rows.ends, found_rows.feed_row
LIMIT ?"""

_ROWS = """
SELECT
    shown_rows.*, attendance.source, attendance.kind, attendance.booking_uid, attendance.conference_key,
    attendance.email, attendance.name, attendance.phone, attendance.joined_at, attendance.left_at
FROM shown_rows
INNER JOIN attendance ON attendance.feed_row = shown_rows.feed_row
ORDER BY shown_rows.place, shown_rows.starts, shown_rows.ends, shown_rows.feed_row"""


def _read(
    connection: DuckDBPyConnection, files: Sequence[LoadedFile], policy: AttendancePolicy, most_rows: int
) -> Explanation:
    rules = _numbered_rules()
    feed_files = [file for file in files if file.table == ATTENDANCE.name]
    (booking,) = _all(connection, rules.with_parts(_BOOKING))
    booking.pop("booking")
    host_came = booking.pop("host_came")
    connection.execute(f"CREATE TEMP TABLE found_rows AS {rules.with_parts(_FOUND_ROWS)}")
    counts = _all(connection, "SELECT place, count(*) AS rows FROM found_rows GROUP BY place ORDER BY place")
    explanation = Explanation(
        **booking,
        host_came=host_came if booking["excluded_as"] is None else None,
        host_needed=_host_needed(policy, booking["end_at"] - booking["start_at"]),
        policy=policy,
        rows=_rows(connection, feed_files, most_rows),
        rows_in_all={_PLACES[count["place"]]: count["rows"] for count in counts},
        verdicts=[Verdict(**found) for found in _all(connection, rules.with_parts(_VERDICTS))],
        files=feed_files,
    )
    return replace(explanation, verdicts=[_explained(explanation, verdict) for verdict in explanation.verdicts])


def _rows(connection: DuckDBPyConnection, files: Sequence[LoadedFile], most_rows: int) -> list[ExplainedRow]:
    connection.execute(f"CREATE TEMP TABLE links AS {_numbered_rules().with_parts(_LINKS)}")
    connection.execute(f"CREATE TEMP TABLE shown_rows AS {_SHOWN_ROWS}", [most_rows])
    links: dict[tuple[int, str], list[int]] = {}
    for link in _all(connection, "SELECT links.* FROM links SEMI JOIN shown_rows USING (feed_row) ORDER BY person"):
        links.setdefault((link["feed_row"], link["link"]), []).append(link["person"])
    rows = []
    for found in _all(connection, _ROWS):
        number = found.pop("feed_row")
        file, row_in_file = _place_of(number, files)
        linked = {name: tuple(links.get((number, name), ())) for name in ("people", "counts_for", "trace_of")}
        found |= {"place": _PLACES[found["place"]], "whose": _WHOSE.get(found["whose"])}
        found |= {"begins": found.pop("starts"), "number": number, "file": file, "row_in_file": row_in_file}
        del found["distance"], found["is_cited"]
        rows.append(ExplainedRow(**(found | linked)))
    return rows


def _place_of(number: int, files: Sequence[LoadedFile]) -> tuple[str, int]:
    for file in files:
        if number <= file.rows:
            return file.name, number
        number -= file.rows
    raise LookupError(f"no file has the row {number}")


def _host_needed(policy: AttendancePolicy, core: int) -> int:
    """Say what the rules ask of the host side: a figure to be shown beside the one that they compared with it."""
    least, wanted = whole_microseconds(policy.min_presence), whole_microseconds(policy.host_min_presence)
    return max(min(wanted, -(-core // 2)), least)


def _all(connection: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


# ----------------------------------------------------------------------------------------------------------------------
# Reasons in plain words
# ----------------------------------------------------------------------------------------------------------------------


def _explained(explanation: Explanation, verdict: Verdict) -> Verdict:
    if verdict.reason is None:
        return replace(verdict, why="hosts are not judged (judge_hosts is false)")
    if verdict.reason in _SENTENCES_OF_BOOKINGS:
        why = _SENTENCES_OF_BOOKINGS[verdict.reason](explanation)
        return replace(verdict, rule=_RULES[verdict.reason], why=why)
    is_host = verdict.role == "host"
    rule = None if is_host and verdict.reason not in _SHARED else _RULES[verdict.reason]
    sentences = _SENTENCES_OF_HOSTS if rule is None else _SENTENCES
    return replace(verdict, rule=rule, why=sentences[verdict.reason](explanation, verdict))


def _not_accepted(told: Explanation) -> str:
    return f"the booking's status is {_shown(told.status) or 'empty'}, and only accepted bookings are judged"


def _rescheduled(told: Explanation) -> str:
    return f"the booking was moved: {_shown(told.rescheduled_to_uid)} took its place"


def _not_settled(told: Explanation) -> str:
    settle = whole_microseconds(told.policy.settle)
    return (
        f"the booking is judged only from {_moment(told.end_at + settle)} on, {_seconds(settle)} (settle) after its"
        f" end, and this is {_as_of(told)}"
    )


def _internal(told: Explanation, verdict: Verdict) -> str:
    if verdict.is_colleague:
        return "the address is a colleague's (internal_domains or internal_emails)"
    return "the address is that of a host of this booking"


def _duplicate_email(told: Explanation, verdict: Verdict) -> str:
    return "another attendee of this booking has the same address, and one can't be told from the other"


def _came(told: Explanation, verdict: Verdict) -> str:
    return (
        f"the person came: {_seconds(verdict.presence)} in the window, known by {_MEANS[str(verdict.reason)]}, and"
        f" {_min_presence(told)} would do (min_presence)"
    )


def _left_trace(told: Explanation, verdict: Verdict) -> str:
    return f"the person did not come ({_too_short(told, verdict)}), but left a trace: {_trace(told, [verdict.person])}"


def _feed_incomplete(told: Explanation, verdict: Verdict) -> str:
    if told.complete_until is None:
        return f"nothing says how far the feed is complete: it has no instant up to {_as_of(told)}"
    return f"the feed is complete only up to {_complete_until(told)}; the window ends at {_moment(told.window_end)}"


def _no_evidence(told: Explanation, verdict: Verdict) -> str:
    count = told.rows_in_all.get("meeting", 0)
    if not count:
        return "the feed has no row of this meeting, so that nothing shows that it was held"
    return f"{_counted(count, 'row')} of the meeting, and nothing shows that somebody was there within the core"


def _host_not_seen(told: Explanation, verdict: Verdict) -> str:
    return f"the host side did not come ({_host_figures(told)}), and an attendee is not blamed for that"


def _unknown_participant(told: Explanation, verdict: Verdict) -> str:
    who = "one of the hosts" if verdict.role == "host" else "the person"
    return f"an unknown participant may be {who}: {_cited_first(told, _unknown_rows(told))}"


def _not_seen(told: Explanation, verdict: Verdict) -> str:
    policy = told.policy
    if policy.assume_held:
        held = "the feed lists everyone who came (assume_held)"
    elif policy.require_host_present:
        held = f"the meeting was held; the host side came ({_host_figures(told)})"
    else:
        held = "the meeting was held (require_host_present is false, so nobody asked for the host)"
    traces = any(verdict.person in row.trace_of for row in told.rows)
    doubt = "; a trace is no doubt (traces_are_doubt is false)" if traces else ""
    return f"the person did not come ({_too_short(told, verdict)}); {held}; {_no_doubt(told)}{doubt}"


def _host_seen(told: Explanation, verdict: Verdict) -> str:
    return f"the host side came ({_host_figures(told)})"


def _host_left_trace(told: Explanation, verdict: Verdict) -> str:
    hosts = [other.person for other in told.verdicts if other.role == "host"]
    trace = _trace(told, hosts)
    if trace:
        return f"the host side did not come ({_host_figures(told)}), but a host left a trace: {trace}"
    colleague = _cited_first(told, [row for row in told.rows if row.is_colleague])
    return f"the host side did not come ({_host_figures(told)}), but a row bears a colleague's address: {colleague}"


def _host_not_there(told: Explanation, verdict: Verdict) -> str:
    return f"the host side did not come ({_host_figures(told)}), and an attendee did; {_no_doubt(told)}"


def _no_guest_seen(told: Explanation, verdict: Verdict) -> str:
    return f"the host side did not come ({_host_figures(told)}), and no attendee came either"


_SENTENCES_OF_BOOKINGS = {"not_accepted": _not_accepted, "rescheduled": _rescheduled, "not_settled": _not_settled}
_SENTENCES = {
    "internal": _internal,
    "duplicate_email": _duplicate_email,
    **dict.fromkeys(_MEANS, _came),
    "trace": _left_trace,
    "feed_incomplete": _feed_incomplete,
    "no_evidence": _no_evidence,
    "host_not_seen": _host_not_seen,
    "unknown_participant": _unknown_participant,
    "not_seen": _not_seen,
}
_SENTENCES_OF_HOSTS = {
    "host_seen": _host_seen,
    "trace": _host_left_trace,
    "not_seen": _host_not_there,
    "no_guest_seen": _no_guest_seen,
}


def _too_short(told: Explanation, verdict: Verdict) -> str:
    return f"{_seconds(verdict.presence)} in the window, min_presence is {_min_presence(told)}"


def _min_presence(told: Explanation) -> str:
    return _seconds(whole_microseconds(told.policy.min_presence))


def _host_figures(told: Explanation) -> str:
    if told.host_checked_in:
        return "a check-in within the core"
    return (
        f"there for {_seconds(told.host_covered)} of the core's {_seconds(told.end_at - told.start_at)}, needed"
        f" {_seconds(told.host_needed)}"
    )


def _no_doubt(told: Explanation) -> str:
    return f"the feed is complete up to {_complete_until(told)}; no participant is unknown"


def _complete_until(told: Explanation) -> str:
    if told.complete_until is None:
        return "nowhere"
    until = _count(told.policy.attendance_until)
    source = "the feed's latest instant" if until is None else "attendance_until"
    if until is not None and until > told.complete_until:
        source = "as_of, before attendance_until"
    return f"{_moment(told.complete_until)} ({source})"


def _as_of(told: Explanation) -> str:
    return _moment(_count(told.policy.as_of) or 0)


def _count(moment: datetime | str | None) -> int | None:
    """Give an instant of the policy, which are datetimes there by now, or None."""
    return microseconds(moment) if isinstance(moment, datetime) else None


def _trace(told: Explanation, people: Sequence[int]) -> str:
    return _cited_first(told, [row for row in told.rows if set(people) & set(row.trace_of)])


def _unknown_rows(told: Explanation) -> list[ExplainedRow]:
    return [row for row in told.rows if row.whose == "unknown_participant"]


def _cited_first(told: Explanation, rows: Sequence[ExplainedRow]) -> str:
    """Name the first of some rows, which stand in the order of their places and beginnings."""
    if not rows:
        return ""
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    if sum(told.rows_in_all.values()) > len(told.rows):
        more = " and perhaps more"  # not all rows were read
    return _cited(told, rows[0]) + more


def _cited(told: Explanation, row: ExplainedRow) -> str:
    what = ", ".join(part for part in (_bearer(row), row.kind, _shown(row.source)) if part)
    where = "in this meeting" if row.place == "meeting" else _key(row)
    if row.place == "outside_window":
        where = "with this booking's uid, outside the window"
    return f"row #{row.number} ({what}, {_moment(row.begins)} - {_ending(row, _moment)}, {where})"


def _bearer(row: ExplainedRow) -> str:
    parts = (_shown(row.name), _shown(row.email), _shown(row.phone))
    return " ".join(part for part in parts if part) or "without a name"


def _key(row: ExplainedRow) -> str:
    if row.booking_uid is not None:
        return f"under the booking uid {_shown(row.booking_uid)}"
    if row.conference_key is not None:
        return f"under the conference key {_shown(row.conference_key)}"
    return "without a meeting's key"


def _ending(row: ExplainedRow, shown: Callable[[int], str]) -> str:
    return "open" if row.left_at is None and row.kind != "check_in" else shown(row.ends)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _seconds(count: int) -> str:
    whole, micros = divmod(count, 1_000_000)
    return f"{whole}.{micros:06d}".rstrip("0").rstrip(".") + " s"


def _moment(count: int) -> str:
    text = (_EPOCH + timedelta(microseconds=_within_years(count))).isoformat(" ")
    return text.rstrip("0") if "." in text else text


# ----------------------------------------------------------------------------------------------------------------------
# The page
# ----------------------------------------------------------------------------------------------------------------------

_SIGNS = {"person": "#", "check_in": "+", "lobby": "w", "bot": "b"}
# What stands beside the bar of a row: number, marks, kind and source, with their widths.
_NUMBER, _MARKS, _KIND, _SOURCE = 10, 4, 8, 11


def _page(told: Explanation) -> Iterator[str]:
    yield from _head(told)
    yield ""
    if told.excluded_as is not None:
        why = _SENTENCES_OF_BOOKINGS[told.excluded_as](told)
        rule = f"Rule {_RULES[told.excluded_as]} excludes the booking"
        yield from _wrapped(f"{rule}: {why}. Its rows are not looked at.", "", "")
    else:
        yield from _timeline(told)
    yield ""
    yield from _decisions(told)


def _head(told: Explanation) -> Iterator[str]:
    policy = told.policy
    facts = {
        "Booking": f"{_shown(told.booking_uid)}, {_shown(told.status) or 'without a status'}",
        "Conference": _shown(told.conference_key) or "unknown",
        "Core": f"{_moment(told.start_at)} - {_moment(told.end_at)} UTC",
        "Window": f"{_moment(told.window_start)} - {_moment(told.window_end)} UTC"
        f" (early_join {_seconds(whole_microseconds(policy.early_join))},"
        f" overrun {_seconds(whole_microseconds(policy.overrun))})",
        "Judged": f"as of {_as_of(told)} UTC",
        "Feed": f"{_counted(told.feed_rows, 'row')}, complete up to {_complete_until(told)}",
    }
    if told.host_came is not None:
        facts["Host side"] = f"{'came' if told.host_came else 'did not come'}: {_host_figures(told)}"
    for name, fact in facts.items():
        yield from _wrapped(fact, f"{name:<12}", " " * 12)


def _decisions(told: Explanation) -> Iterator[str]:
    yield "Decisions"
    if not told.verdicts:
        yield "  nobody is expected at this booking"
    for place, verdict in enumerate(told.verdicts):
        if place:
            yield ""
        outcome = "not judged" if verdict.outcome is None else f"{verdict.outcome:<12} {verdict.reason}"
        yield f"  {verdict.role:<8}  {_padded(_person(verdict), 40)}  {outcome}"
        rule = f"rule {verdict.rule}: " if verdict.rule else "hosts' rules: " if verdict.reason else ""
        flag = ". Cal.com's flag says absent" if verdict.currently_absent else ""
        yield from _wrapped(rule + verdict.why + flag, " " * 12, " " * 12)


def _person(verdict: Verdict) -> str:
    return _shown(verdict.email) or _shown(verdict.name) or "(no address)"


class _Scale:
    """The window as a row of signs.

    :param width: how many.
    """

    def __init__(self, told: Explanation, width: int) -> None:
        self._told = told
        self._width = width

    def _part(self, begins: int, ends: int) -> tuple[int, int]:
        """Give the first and the last sign that an interval has a part of; an instant has one."""
        opens, span = self._told.window_start, self._told.window_end - self._told.window_start
        if not span:
            return 0, self._width - 1
        first = min((begins - opens) * self._width // span, self._width - 1)
        return first, max(first, -((opens - ends) * self._width // span) - 1)

    def bar(self, begins: int, ends: int, sign: str) -> str:
        """Mark what an interval within the window has a part of."""
        first, last = self._part(begins, ends)
        return "." * first + sign * (last - first + 1) + "." * (self._width - 1 - last)

    def axis(self) -> str:
        """Draw the core within the window."""
        first, last = self._part(self._told.start_at, self._told.end_at)
        signs = ["=" if first <= cell <= last else "-" for cell in range(self._width)]
        for cell in (0, first, last, self._width - 1):
            signs[cell] = "|"
        return "".join(signs)

    def labels(self, shown: Callable[[int], str]) -> str:
        """Write the times of the window's ends and, where there is room, of the core's over the axis."""
        told = self._told
        signs = [" "] * self._width
        first, last = self._part(told.start_at, told.end_at)
        ending = self._width - len(shown(told.window_end))
        places = ((0, told.window_start), (ending, told.window_end), (first, told.start_at), (last, told.end_at))
        for place, moment in places:
            text = shown(moment)
            around = signs[max(0, place - 1) : place + len(text) + 1]
            if place >= 0 and place + len(text) <= self._width and set(around) == {" "}:
                signs[place : place + len(text)] = text
        return "".join(signs)


def _timeline(told: Explanation) -> Iterator[str]:
    in_window = [row for row in told.rows if row.place != "outside_window"]
    times = max([len(_times(told, row)) for row in in_window], default=0)
    scale = _Scale(told, WIDTH - _NUMBER - times - _MARKS - _KIND - _SOURCE - 5)
    people = {verdict.person: verdict for verdict in told.verdicts}
    before = " " * (_NUMBER + 1)
    yield "Signs       # person  + check-in  w waiting room  b machine"
    yield "Marks       p counts for presence  h counts for the host side  e shows the meeting was held  t trace"
    yield ""
    yield before + scale.labels(lambda moment: _clock(told, moment).removesuffix(":00"))
    yield before + scale.axis()
    yield ""
    yield from _group(told, "meeting", "Rows of the meeting", people, scale, times)
    if told.rows_in_all.get("elsewhere"):
        yield ""
        title = "Rows of these people that are loose or of another meeting"
        yield from _group(told, "elsewhere", title, people, scale, times)
    if told.rows_in_all.get("outside_window"):
        yield from _outside(told)
    yield from _files(told)


def _group(
    told: Explanation,
    place: str,
    title: str,
    people: Mapping[int, Verdict],
    scale: _Scale,
    times: int,
) -> Iterator[str]:
    rows = [row for row in told.rows if row.place == place]
    yield title if told.rows_in_all.get(place) else f"{title}: none"
    heading = None
    for rank, row in sorted(((_rank(row, people), row) for row in rows), key=lambda pair: pair[0]):
        if rank[:-1] != heading:
            heading = rank[:-1]
            yield "  " + _cut(_owner(row, people), WIDTH - 2)
        bar = scale.bar(max(row.begins, told.window_start), min(row.ends, told.window_end), _SIGNS[row.kind])
        yield (
            f"{'#' + str(row.number):>{_NUMBER}} {bar} {_times(told, row):<{times}} {_marks(row)} {row.kind:<{_KIND}}"
            f" {_cut(_shown(row.source), _SOURCE)}"
        )
    yield from _more(told, place, len(rows))


def _rank(row: ExplainedRow, people: Mapping[int, Verdict]) -> tuple[Any, ...]:
    """Order rows by whose they are: hosts, attendees, colleagues, unknown participants, machines; then by time."""
    owners = [people[person] for person in row.people]
    roles = 0 if any(owner.role == "host" for owner in owners) else 1
    classes = {"colleague": 2, "unknown_participant": 3, "machine": 4}
    return (classes.get(str(row.whose), roles), _owner(row, people), (row.begins, row.ends, row.number))


def _owner(row: ExplainedRow, people: Mapping[int, Verdict]) -> str:
    if row.people:
        owners = ", ".join(f"{_person(people[one])} ({people[one].role})" for one in row.people)
        how = f", by {_MEANS.get(str(row.whose), '')}" if row.place == "meeting" else f", {_key(row)}"
        return owners + how
    who = {"colleague": "a colleague", "machine": "a machine"}.get(str(row.whose), "unknown participant")
    return f"{_bearer(row)} ({who})"


def _outside(told: Explanation) -> Iterator[str]:
    yield ""
    yield "Rows with this booking's uid or conference, outside its window"
    rows = [row for row in told.rows if row.place == "outside_window"]
    for row in rows:
        times = f"{_moment(row.begins)[:19]} - {_ending(row, lambda moment: _moment(moment)[:19])}"
        line = f"{'#' + str(row.number):>{_NUMBER}} {times:<41} {_marks(row)} {row.kind:<{_KIND}}"
        yield _cut(f"{line} {_padded(_shown(row.source), _SOURCE)} {_bearer(row)}", WIDTH)
    yield from _more(told, "outside_window", len(rows))


def _more(told: Explanation, place: str, shown: int) -> Iterator[str]:
    left_out = told.rows_in_all.get(place, 0) - shown
    if left_out > 0:
        yield f"  ... and {left_out} more"


def _files(told: Explanation) -> Iterator[str]:
    """Say which numbers are which file's, where there are several."""
    used = {row.file for row in told.rows}
    if len(told.files) < 2 or not used:
        return
    yield ""
    shown = [place for place, file in enumerate(told.files) if file.name in used]
    for place in shown[:20]:
        file, before = told.files[place], _rows_before(told.files, place)
        yield from _wrapped(f"#{before + 1} to #{before + file.rows} are {_shown(file.name)}", "  ", "  ")
    if len(shown) > 20:
        yield f"  ... and {len(shown) - 20} more files"


def _marks(row: ExplainedRow) -> str:
    marks = {"p": row.counts_for, "h": row.is_host_side, "e": row.is_evidence, "t": row.trace_of}
    return "".join(sign if holds else "-" for sign, holds in marks.items())


def _times(told: Explanation, row: ExplainedRow) -> str:
    if row.kind == "check_in":
        return _clock(told, row.begins)
    return f"{_clock(told, row.begins)} - {_ending(row, lambda moment: _clock(told, moment))}"


def _clock(told: Explanation, moment: int) -> str:
    """Tell a time to the second, and the day where it is not that of the booking's start."""
    text = _moment(moment)[:19]
    return text if moment // _DAY != told.start_at // _DAY else text[11:]


# ----------------------------------------------------------------------------------------------------------------------
# Text of others on a terminal
# ----------------------------------------------------------------------------------------------------------------------


def _shown(text: str | None) -> str:
    """Take out what could move the cursor or the eye: names are whatever a participant typed."""
    signs = (sign if sign.isprintable() else " " if sign.isspace() else "\ufffd" for sign in text or "")
    return " ".join("".join(signs).split())


def _cells(text: str) -> int:
    """Count the columns that a text fills on a terminal."""
    return sum(
        0 if unicodedata.category(sign) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def _cut(text: str, width: int) -> str:
    if _cells(text) <= width:
        return text
    while _cells(text) > width - 3:
        text = text[: -max(1, (_cells(text) - width) // 2)]
    return text + "..."


def _padded(text: str, width: int) -> str:
    text = _cut(text, width)
    return text + " " * (width - _cells(text))


def _wrapped(text: str, first: str, rest: str) -> Iterator[str]:
    line = first
    started = False
    for word in re.split(r" (?!s\b)", text):
        word = _cut(word, WIDTH - len(rest))
        if started and _cells(line) + 1 + _cells(word) > WIDTH:
            yield line
            line, started = rest, False
        line += f" {word}" if started else word
        started = True
    yield line
