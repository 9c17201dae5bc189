"""What the steps' tables hold of the doubts: unknown participants, expected people, and who was never seen.

Bookings, addresses and names are the steps' numbers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.suggest.simulate import Simulation

# Rows of meetings that raise a doubt by who they may be. Some rows without an owner turn out to be somebody's by a
# longer name or by their participant.
_STRANGERS = """
SELECT DISTINCT rows.booking, rows.address, rows.name, rows.whose = 4 AS is_internal
FROM meeting_rows AS rows
LEFT JOIN (SELECT DISTINCT booking, name FROM held_names) AS held
    ON held.booking = rows.booking AND held.name = rows.name
LEFT JOIN (SELECT DISTINCT booking, participant FROM lent_owners) AS lent
    ON lent.booking = rows.booking AND lent.participant = rows.participant
LEFT JOIN known_internals ON known_internals.address = rows.address
WHERE rows.row_kind > 0
    AND held.booking IS NULL
    AND CASE rows.whose
        WHEN 4 THEN rows.name_kind < 2 AND known_internals.address IS NULL
        ELSE rows.whose = 6 AND lent.booking IS NULL
    END"""

# Everyone of whom a meeting, or another one at its time, has a row.
_SEEN = """
SELECT DISTINCT coalesce(persons.match_address, persons.address) AS known_as
FROM (
    SELECT owners.person
    FROM (
        SELECT booking, whose AS how, owner FROM meeting_rows WHERE row_kind > 0 AND whose <= 3
        UNION
        SELECT rows.booking, 3 AS how, held_names.bearer
        FROM meeting_rows AS rows
        INNER JOIN held_names ON held_names.booking = rows.booking AND held_names.name = rows.name
        WHERE rows.row_kind > 0 AND rows.whose IN (4, 6)
        UNION
        SELECT rows.booking, lent_owners.how, lent_owners.owner
        FROM meeting_rows AS rows
        INNER JOIN lent_owners ON lent_owners.booking = rows.booking AND lent_owners.participant = rows.participant
        WHERE rows.row_kind > 0 AND rows.whose = 6
    ) AS owned
    INNER JOIN owners ON owners.booking = owned.booking AND owners.how = owned.how AND owners.owner = owned.owner
    UNION
    SELECT person FROM person_rows WHERE row_kind > 0
    UNION
    SELECT person FROM traces
) AS found
INNER JOIN persons ON persons.person = found.person"""

# People are the same if Cal.com shows the same address of them.
_PEOPLE = """
SELECT DISTINCT booking, coalesce(match_address, address) AS known_as, is_host
FROM persons
WHERE excluded_as IS NULL AND coalesce(match_address, address) IS NOT NULL AND (is_host OR NOT is_internal)"""

_BOOKED = """
SELECT address, is_host FROM persons WHERE address IS NOT NULL
UNION
SELECT match_address, is_host FROM persons WHERE match_address IS NOT NULL"""

_DOUBTFUL = """
SELECT persons.booking, count(*) AS persons
FROM reasons
INNER JOIN persons ON persons.person = reasons.person
WHERE reasons.outcome = 'undetermined'
GROUP BY persons.booking"""

_ADDRESSES = """
SELECT DISTINCT addresses.address, lower_addresses.address AS spelling, email_keys.email_key, email_keys.domain
FROM addresses
INNER JOIN email_keys ON email_keys.spelling = addresses.spelling
INNER JOIN lower_addresses ON lower_addresses.spelling = addresses.spelling
ORDER BY addresses.address, lower_addresses.address"""

_NAMES = """
SELECT spelled_names.name, min(spelled_names.spelling) AS spelling
FROM spelled_names
WHERE spelled_names.name IN (SELECT unnest(CAST(? AS INTEGER[])))
    AND spelled_names.name NOT IN (SELECT name FROM persons WHERE name IS NOT NULL)
GROUP BY spelled_names.name"""

_HELD = "SELECT DISTINCT booking FROM meeting_rows WHERE row_kind > 1 AND name_kind < 2"


@dataclass(frozen=True)
class Address:
    """An address of the tables.

    :param spellings: in lower case; several if the policy folds tags or dots, or has aliases.
    :param key: what the rules make of them.
    :param domain: of the key.
    """

    spellings: tuple[str, ...] = field(repr=False)
    key: str = field(repr=False)
    domain: str


@dataclass(frozen=True)
class Meetings:
    """The meetings of one unknown participant.

    :param bookings: their numbers.
    :param names: that it had there.
    """

    bookings: set[int] = field(default_factory=set)
    names: set[int] = field(default_factory=set, repr=False)


@dataclass(frozen=True)
class Doubts:
    """What is known of the doubts.

    :param by_address: meetings of unknown participants by address; ``accounts``: of participants with an internal
        address that may be a guest's; ``by_name``: of unknown participants by name.
    :param attendees: ``{booking: attendees}``, and ``hosts`` likewise.
    :param seen: people who were seen in some meeting.
    :param held: bookings with somebody in the meeting.
    :param persons: ``{booking: undetermined people}``.
    :param addresses: of everyone in the tables.
    :param names: ``{name: spelling}`` of unknown participants, without names of expected people.
    :param guests: addresses of attendees of any booking; ``all_hosts`` likewise.
    """

    by_address: Mapping[int, Meetings]
    accounts: Mapping[int, Meetings]
    by_name: Mapping[int, Meetings]
    attendees: Mapping[int, Set[int]]
    hosts: Mapping[int, Set[int]]
    seen: Set[int]
    held: Set[int]
    persons: Mapping[int, int]
    addresses: Mapping[int, Address]
    names: Mapping[int, str]
    guests: Set[int]
    all_hosts: Set[int]

    def in_doubt(self, bookings: Iterable[int]) -> int:
        """Return how many undetermined people bookings have: no change of these bookings settles more."""
        return sum(self.persons.get(booking, 0) for booking in bookings)

    def attendees_of(self, bookings: Iterable[int]) -> int:
        """Return how many different attendees bookings have."""
        return len({attendee for booking in bookings for attendee in self.attendees.get(booking, ())})

    def most_of_an_attendee(self, bookings: Iterable[int]) -> int:
        """Return at how many of the bookings the attendee is expected who is expected at most of them."""
        counts = Counter(attendee for booking in bookings for attendee in self.attendees.get(booking, ()))
        return max(counts.values(), default=0)


def collect_doubts(simulation: Simulation) -> Doubts:
    """Read the tables of a simulation."""
    by_address: dict[int, Meetings] = defaultdict(Meetings)
    accounts: dict[int, Meetings] = defaultdict(Meetings)
    by_name: dict[int, Meetings] = defaultdict(Meetings)
    for booking, address, name, is_internal in simulation.query(_STRANGERS):
        found = []
        if address is not None:
            found.append((accounts if is_internal else by_address)[address])
        if name is not None and not is_internal:
            found.append(by_name[name])
        for meetings in found:
            meetings.bookings.add(booking)
            meetings.names.update({name} - {None})
    people: dict[bool, dict[int, set[int]]] = {False: defaultdict(set), True: defaultdict(set)}
    for booking, known_as, is_host in simulation.query(_PEOPLE):
        people[is_host][booking].add(known_as)
    booked: dict[bool, set[int]] = {False: set(), True: set()}
    for address, is_host in simulation.query(_BOOKED):
        booked[is_host].add(address)
    return Doubts(
        by_address=by_address,
        accounts=accounts,
        by_name=by_name,
        attendees=people[False],
        hosts=people[True],
        seen={known_as for (known_as,) in simulation.query(_SEEN)},
        held={booking for (booking,) in simulation.query(_HELD)},
        persons=dict(simulation.query(_DOUBTFUL)),
        addresses=_addresses(simulation),
        names=dict(simulation.query(_NAMES, [list(by_name)])),
        guests=booked[False],
        all_hosts=booked[True],
    )


def _addresses(simulation: Simulation) -> dict[int, Address]:
    spellings: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    for number, spelling, key, domain in simulation.query(_ADDRESSES):
        spellings[number, key, domain].append(spelling)
    return {number: Address(tuple(found), key, domain) for (number, key, domain), found in spellings.items()}
