"""What the reports say: one place for each word on a reason, an outcome, a guard rail or a state.

Every text is short, in plain English, and without a name or an address in it.
"""

from __future__ import annotations

from typing import NamedTuple

REASONS = {
    "not_seen": "Not seen in a meeting that was held",
    "email": "Came, known by address",
    "phone": "Came, known by phone number",
    "name": "Came, known by name",
    "host_seen": "The host came",
    "trace": "Left a trace, too little to count",
    "feed_incomplete": "Attendance data ends too early",
    "no_evidence": "Nothing shows that the meeting was held",
    "host_not_seen": "The host was not seen",
    "unknown_participant": "Somebody unknown was there",
    "named_with_another": "May have shared somebody's device",
    "name_elsewhere": "Their name was in another meeting",
    "seen_at_another_time": "Seen in this room at another time",
    "duplicate_email": "Two attendees with one address",
    "no_guest_seen": "Neither host nor attendee was seen",
    "internal": "Internal address",
    "not_accepted": "Booking not accepted",
    "rescheduled": "Booking was moved",
    "not_settled": "Too early to decide",
}
"""The reasons of the rules."""

HELD_BACK = {
    "no_address": "No address, which Cal.com needs",
    "contradictory": "Twice in the booking, with different decisions",
    "host_present": "The host came but is marked: un-mark in Cal.com",
    "human_override": "A person changed the mark by hand",
    "correction_off": "Came but is marked, and corrections are off",
    "not_ours": "Came but is marked, and the mark is not ours",
}
"""Why a flag stays although it differs from the decision."""

OUTCOMES = {
    "applied": "Applied",
    "would_apply": "Would be applied",
    "already": "Was already set",
    "unknown_attendee": "No longer in the booking",
    "not_permitted": "Not permitted",
    "not_started": "Booking starts later now",
    "moved": "Booking was moved since",
    "gone": "Booking is gone",
    "human_override": "A person changed it since",
    "failed": "Failed",
}
"""The outcome of a change, once the plan was applied."""

TONES = {
    "applied": "good",
    "would_apply": "good",
    "already": "good",
    "failed": "bad",
    "not_permitted": "bad",
}
"""How an outcome is coloured; others are neutral."""

DECISIONS = {
    "present": ("Came", "seen in the meeting"),
    "absent": ("Absent", "not seen, and nothing speaks for them"),
    "undetermined": ("Undetermined", "in doubt, so not marked"),
    "excluded": ("Not judged", "internal, cancelled, or too recent"),
}
"""The outcomes of the rules: a word, and what it means."""

MEANS = {
    "email": "by address",
    "phone": "by phone number",
    "name": "by name",
    "unknown": "unknown",
    "internal": "internal address",
    "bot": "bot",
    "lobby": "waiting room",
    "check_in": "check-in",
    "other": "other meeting",
}
"""How a participant was identified, as the legend of a picture has it."""

SUGGESTIONS = {
    "alias": "Add an alias: somebody joins with a second address",
    "internal_email": "Add an internal address",
    "internal_domain": "Add an internal domain",
    "bot_name": "Add the name of a bot",
    "attendance_until": "State up to when the attendance data is complete",
    "trust_internal_accounts": "Trust accounts with an internal address",
    "conference_key": "Give the bookings their meeting's key",
}
"""The kinds of suggestions, which never change a decision by themselves."""


class RailWords(NamedTuple):
    """A guard rail in words.

    :param title: what it compares.
    :param why: what it protects from.
    :param is_share: whether figure and limit are shares, shown as per cent.
    :param sample: what the figure was made of, in the plural.
    """

    title: str
    why: str
    is_share: bool
    sample: str


RAILS = {
    "max_absent_share": RailWords(
        "Absent among those decided", "Many absent people point to a broken feed", True, "people"
    ),
    "max_changes": RailWords("Changes in the plan", "This limit is your own", False, ""),
    "min_matched_share": RailWords(
        "Participants identified", "Few matches point to a wrong feed or policy", True, "participant rows"
    ),
    "allow_empty_feed": RailWords("Rows of attendance", "Without any, everybody would look absent", False, "bookings"),
    "allow_nobody_present": RailWords(
        "People who came", "If nobody came at all, the feed is more likely broken", False, "absent people"
    ),
}

STATES = {
    "awaiting": ("Awaiting approval", "wait"),
    "rejected": ("Rejected by a guard rail", "bad"),
    "dry_run": ("Dry run", "wait"),
    "applied": ("Applied", "good"),
    "partly": ("Partly failed", "bad"),
    "nothing": ("Nothing to change", "good"),
}
"""The states of a plan: a word, and its tone."""
