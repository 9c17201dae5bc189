"""The columns of a flat record of Zoom that are about the participant.

Another person's address is worse than none: the export of all meetings has the host's name and address in each row,
and so have tables that were joined with users. A value is taken only from a column that is known to be the
participant's; where two could be, from neither. The option ``columns`` decides it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from airflow_provider_calcom.attendance.feeds._columns import zone_in_name
from airflow_provider_calcom.attendance.feeds._people import plain
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds.options import FeedOptions, Fields
from airflow_provider_calcom.attendance.feeds.zoom.words import MEANINGS, WORDS

# How loaders call a second column of one name: "User Email_1", ".1", "_duplicated_0", " (2)", "...10", "_right".
_COPY = re.compile(r"(?P<name>.+?)(?P<mark>duplicated|duplicate|dup|copy|right|left|x|y)?(?P<number>\d{0,3})")
_MEANING_OF_FIELD = {
    "name": "name",
    "email": "email",
    "joined_at": "join_time",
    "left_at": "leave_time",
    "duration": "duration",
    "in_waiting_room": "waiting",
    "attended": "attended",
    "meeting_id": "meeting_id",
    "meeting_uuid": "meeting_uuid",
}
_MORE_WORDS = {
    "name": (*WORDS["original_name"], *WORDS["participant_name"]),
    "email": (*WORDS["shared_email"], *WORDS["participant_email"]),
}
FIELDS: Fields = {field: (*WORDS[meaning], *_MORE_WORDS.get(field, ())) for field, meaning in _MEANING_OF_FIELD.items()}
"""What the option ``columns`` may name, each with the names that Zoom has for it."""

_REPEATABLE = ("name", "email", "shared_email", "join_time", "leave_time", "duration")


@dataclass(frozen=True)
class ZoomColumns:
    """The participant's columns, as the record spells them; an empty tuple where there are none.

    :param is_export: whether the record is of the portal's export, whose names hold two names.
    :param names: with a name. Where there are several, they may be different people's.
    :param emails: with an address, likewise.
    :param joined: with the time of joining.
    :param left: with the time of leaving.
    :param durations: with the length.
    :param meeting_ids: with the meeting's number.
    :param meeting_uuids: with its uuid.
    :param perhaps_ids: with the meeting's number, or a number that a table has for its rows.
    :param has_registrant: whether the record has columns of a registration.
    :param has_original: whether a column of its own has the name before it was changed.
    :param has_device: whether the record has columns of the device.
    :param is_whole: whether the record is of a person rather than of one stay.
    """

    is_export: bool
    names: tuple[str, ...]
    emails: tuple[str, ...]
    joined: tuple[str, ...]
    left: tuple[str, ...]
    durations: tuple[str, ...]
    waiting: tuple[str, ...]
    attended: tuple[str, ...]
    meeting_ids: tuple[str, ...]
    meeting_uuids: tuple[str, ...]
    perhaps_ids: tuple[str, ...]
    has_registrant: bool
    has_device: bool
    has_original: bool
    is_whole: bool


@dataclass(frozen=True)
class _Column:
    name: str
    at: int
    meaning: str
    is_zoned: bool
    copy: int | None
    """Its place among the columns of one name: -1 the first, then by number; None where it has no number."""


def own_meanings(options: FeedOptions) -> dict[str, str]:
    """Return what the option ``columns`` says that columns mean, by their plain names."""
    own = {meaning: options.own_column(field) for field, meaning in _MEANING_OF_FIELD.items()}
    return {plain(column): meaning for meaning, column in own.items() if column is not None}


def columns_of(record: Record) -> ZoomColumns:
    """Return the participant's columns of a record."""
    own = tuple(own_meanings(record.options).items()) if record.options.columns else ()
    return _columns(tuple(map(str, record.columns)), own)


@lru_cache(maxsize=1024)
def _columns(names: tuple[str, ...], own: tuple[tuple[str, str], ...]) -> ZoomColumns:
    fields = dict(own)
    given = {fields[plain(name)]: name for name in names if plain(name) in fields}
    known = [column for at, name in enumerate(names) if (column := _column(name, at)) and name not in given.values()]
    is_export = any(column.meaning == "original_name" for column in known) or _has_two_names(given.get("name"))
    beside = tuple(name for name in names if plain(name) in ("meeting", "webinar"))

    def those(meaning: str) -> tuple[str, ...]:
        if meaning in given:
            return (given[meaning],)
        return tuple(column.name for column in known if column.meaning == meaning)

    return ZoomColumns(
        is_export=is_export,
        names=(given["name"],) if "name" in given else _names(known),
        emails=(given["email"],) if "email" in given else _emails(known, is_export),
        joined=(given["join_time"],) if "join_time" in given else _times(known, "join_time"),
        left=(given["leave_time"],) if "leave_time" in given else _times(known, "leave_time"),
        durations=(given["duration"],) if "duration" in given else _durations(known),
        waiting=those("waiting"),
        attended=those("attended"),
        meeting_ids=(*those("meeting_id"), *(f"{name}.id" for name in beside)),
        meeting_uuids=(*those("meeting_uuid"), *(f"{name}.uuid" for name in beside)),
        # The newer export of all meetings calls the meeting's number ID. A participant's id is another thing.
        perhaps_ids=(*those("page_id"), *(those("id") if is_export and those("topic") else ())),
        has_registrant=any(plain(name).startswith("registrant") for name in names),
        has_original=any(plain(name) == "originalname" for name in names),
        has_device=any(plain(name) in ("device", "inroomparticipants") for name in names),
        is_whole=bool(those("total_duration")) and not those("join_time"),
    )


def _has_two_names(column: str | None) -> bool:
    return column is not None and re.search(r"[(\uff08].+[)\uff09]", column) is not None


def _column(name: str, at: int) -> _Column | None:
    zoned = zone_in_name(name)
    text = plain(zoned.name if zoned else name)
    meaning = _meaning(text)
    if meaning is not None:
        return _Column(name, at, meaning, zoned is not None, -1)
    found = _COPY.fullmatch(text)
    meaning = _meaning(found["name"]) if found else None
    if found is None or meaning not in _REPEATABLE:
        return None
    return _Column(name, at, meaning, zoned is not None, int(found["number"]) if found["number"] else None)


def meaning_of(name: str) -> str | None:
    """Return what a column means by its name, or None; of a second column of one name, nothing."""
    zoned = zone_in_name(name)
    return _meaning(plain(zoned.name if zoned else name))


def _meaning(text: str) -> str | None:
    return MEANINGS.get(text)


def _those(known: list[_Column], *meanings: str) -> tuple[str, ...]:
    return tuple(column.name for column in known if column.meaning in meanings)


def _names(known: list[_Column]) -> tuple[str, ...]:
    """Return the columns of the name.

    Beside the export's own name, User Name is the host's; and beside two addresses, one of which says that it is the
    participant's, a name that does not say so is of the other.
    """
    own = _those(known, "original_name") or _those(known, "participant_name")
    is_others = _those(known, "participant_email") and _those(known, "email", "shared_email")
    return own or (() if is_others else _those(known, "name"))


def _emails(known: list[_Column], is_export: bool) -> tuple[str, ...]:
    own = _those(known, "participant_email")
    if own or (_those(known, "participant_name") and _those(known, "name")):
        return own  # the address is of the same as the name beside the participant's
    candidates = [column for column in known if column.meaning in ("email", "shared_email")]
    if not is_export or len(candidates) < 1:
        return tuple(column.name for column in candidates)
    placed = _between_name_and_time(known, candidates)
    if placed is not None:
        return (placed.name,)
    if len(candidates) == 1:
        # Were the host's columns beside it, it could be the host's, of which a loader kept the first only.
        is_shared = candidates[0].meaning == "shared_email"
        beside = any(column.meaning in ("topic", "of_meeting", "name", "meeting_id") for column in known)
        return () if is_shared and beside else (candidates[0].name,)
    return _later_of_two(candidates)


def _between_name_and_time(known: list[_Column], candidates: list[_Column]) -> _Column | None:
    """Return the address that stands where the export has the participant's, or None in a table in another order."""
    meanings = {column.at: column.meaning for column in known}
    found = [
        column
        for column in candidates
        if meanings.get(column.at - 1) == "original_name" and meanings.get(column.at + 1) == "join_time"
    ]
    return found[0] if len(found) == 1 else None


def _times(known: list[_Column], meaning: str) -> tuple[str, ...]:
    """Return the columns of a time. Where one of them is in UTC by its name, the local one beside it is not needed."""
    found = [column for column in known if column.meaning == meaning]
    zoned = [column for column in found if column.is_zoned]
    return tuple(column.name for column in zoned or found)


def _durations(known: list[_Column]) -> tuple[str, ...]:
    """Return the column of a stay's length. The export of all meetings has that of the meeting before it."""
    found = [column for column in known if column.meaning == "duration"]
    return tuple(column.name for column in found) if len(found) < 2 else _later_of_two(found)


def _later_of_two(candidates: list[_Column]) -> tuple[str, ...]:
    """Return the second of two columns of one name: the export has the host's first, and loaders number by place."""
    numbers = [column.copy for column in candidates]
    if len(candidates) != 2 or None in numbers or numbers[0] == numbers[1]:
        return ()
    if any(column.meaning == "email" for column in candidates):
        return ()
    return (max(candidates, key=lambda column: column.copy or 0).name,)
