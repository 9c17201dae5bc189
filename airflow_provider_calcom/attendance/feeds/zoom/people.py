"""Who a participant of Zoom is: address, name, telephone, and the id that stays with a person."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_calcom.attendance.feeds._people import (
    both_names,
    one_name,
    person_beside_bot,
    phone_in_name,
    plain,
)
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds.zoom.columns import ZoomColumns

_PAIRED = {"name": "useremail", "username": "email"}
"""The report and past meetings call name and address ``name`` and ``user_email``, the dashboard ``user_name`` and
``email``. Where a table has both, the address is the one of the name's pair."""


def participant_of(record: Record, at: str = "") -> str | None:
    """Return the id that one person has in all rows, or None.

    ``registrant_id`` is that of a registration, whose link one device at a time can use; ``participant_user_id`` that
    of the account which was signed in ("the id value in the Get a user API response", and blank for others). Not
    taken are ``user_id`` and ``participant_uuid``, which change when somebody joins again; ``id``, which Zoom is going
    to remove and which in tables is often something else, as the host's; and ``customer_key``, which is the account's
    own. A Zoom Room is an account that everybody in the room shares: it has none.

    :param record: of a participant.
    :param at: where in the record the participant is, with a dot at the end.
    """
    return record.text(f"{at}registrant_id") or record.text(f"{at}participant_user_id")


def is_zoom_room(record: Record) -> bool:
    """Return whether a participant of the dashboard is a room rather than a person."""
    device = record.text("device")
    if device is not None:
        return "zoomroom" in plain(device)
    return bool(record.number("in_room_participants"))


def email_of(record: Record, columns: ZoomColumns) -> str | None:
    """Return the participant's address, from a column that is known to be the participant's, or else None."""
    own = _email_of_columns(record, columns)
    if (own is not None and "@" in own) or not columns.has_registrant:
        return own
    return record.text("registrant.email") or own


def _email_of_columns(record: Record, columns: ZoomColumns) -> str | None:
    if len(columns.emails) < 2:
        return record.text(*columns.emails)
    named = [plain(name) for name in columns.names if record.text(name)]
    pair = _PAIRED.get(named[0]) if len(named) == 1 else None
    paired = [name for name in columns.emails if plain(name) == pair]
    others = [name for name in columns.emails if plain(name) not in _PAIRED.values()]
    if len(paired) == 1 and not others:
        return record.text(paired[0])
    return _the_one(record, columns.emails)


def name_of(record: Record, columns: ZoomColumns) -> tuple[str | None, bool]:
    """Return the participant's name, and whether it proves no presence.

    Of two names of one person it is both, where each may be somebody's.
    """
    shown = _shown_name(record, columns)
    original = None
    if shown and columns.is_export:
        shown, original = both_names(shown)
    elif shown:
        original = record.text("original_name") if columns.has_original else None
    found, registered = one_name(shown, original), _registered_name(record, columns)
    for first, second in ((shown, original), (found, registered)):
        person = person_beside_bot(first, second) if first and second else None
        if person is not None:
            return person, True
    return one_name(found, registered), False


def _shown_name(record: Record, columns: ZoomColumns) -> str | None:
    if len(columns.names) < 2:
        return record.text(*columns.names)
    return _the_one(record, columns.names, or_null=True)


def _registered_name(record: Record, columns: ZoomColumns) -> str | None:
    """Return the name from a registration; First Name elsewhere than in a webinar's report may be a host's."""
    if not columns.attended and not columns.has_registrant:
        return None
    at = "" if columns.attended else "registrant."
    whole = [name for name in (record.text(f"{at}first_name"), record.text(f"{at}last_name")) if name]
    return record.text("registrant.name") or " ".join(whole) or None


def phone_of(record: Record, columns: ZoomColumns) -> str | None:
    """Return the participant's telephone: a complete number before one that is partly starred out."""
    shown = _shown_name(record, columns)
    return best_phone(
        record.text("phone_number"),
        *(call.text("call_number") for call in record.records("audio_call")),
        record.text("registrant.phone") if columns.has_registrant else None,
        record.text("phone") if columns.attended else None,
        shown,
        *(both_names(shown) if shown else ()),
    )


def best_phone(first: str | None, *others: str | None) -> str | None:
    """Return the first complete number, or else the first.

    :param first: a telephone.
    :param others: telephones, or names that may be telephones.
    """
    found = [first, *(phone_in_name(other) for other in others)]
    numbers = [number for number in found if number]
    return next((number for number in numbers if "*" not in number), next(iter(numbers), None))


def _the_one(record: Record, columns: Iterable[str], *, or_null: bool = False) -> str | None:
    """Return what all of these columns say, or None where they differ: each may be somebody else's.

    :param or_null: whether one that is null agrees with any, as in a table of two responses of the API. A blank one
        does not, because the API blanks what it hides.
    """
    said = [name for name in columns if not (or_null and record.value(name) is None)]
    texts = [record.text(name) for name in said]
    same = len({(text or "").casefold() for text in texts}) == 1
    return texts[0] if same else None
