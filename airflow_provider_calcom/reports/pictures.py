"""The picture that decides a booking: its facts and sentences as compact JSON, in compressed blocks.

A page inflates a block when somebody expands a row of one of its bookings, so it opens fast however many there are.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_calcom.attendance.explain.model import ExplainedRow, Explanation, PersonExplanation
from airflow_provider_calcom.attendance.explain.reasons import complete, exclusion, host_side, key, shown, with_reasons
from airflow_provider_calcom.reports.masking import masked_explanation

IN_A_BLOCK = 50
"""Bookings of a block."""
MOST_BYTES = 6 * 2**20
"""Bytes of all blocks of a page, as text. The pictures of further bookings are left out."""

_NOT_EXPECTED = ("internal", "unknown_participant", "bot")


@dataclass
class Pictures:
    """The pictures of a page.

    :param blocks: Base64 of gzip of JSON: a list of :data:`IN_A_BLOCK` pictures, fewer in the last one.
    :param numbers: the number of each booking's picture, from 0.
    :param left_out: bookings whose pictures did not fit.
    """

    blocks: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    _persons: dict[tuple[str, str, str | None], tuple[int, str | None, str]] = field(default_factory=dict)

    def person(self, booking_uid: str, role: str, email: str | None) -> tuple[int, str | None, str] | None:
        """Return number, name and short reason of a person in a booking's picture, or None without a picture.

        :param email: as the plan has it, also where the picture masks it.
        """
        return self._persons.get((booking_uid, role, email))


def draw(explanations: Iterable[Explanation], *, mask_addresses: bool) -> Pictures:
    """Collect the pictures of bookings.

    :param explanations: the bookings, without sentences.
    :param mask_addresses: whether to mask addresses, names and phone numbers.
    """
    pictures = Pictures()
    size = 0
    for batch in _batches(explanations):
        if size >= MOST_BYTES:
            pictures.left_out += len(batch)
            continue
        block = _compressed([_picture(one, pictures, mask_addresses) for one in batch])
        size += len(block)
        pictures.blocks.append(block)
    return pictures


def _batches(explanations: Iterable[Explanation]) -> Iterator[list[Explanation]]:
    batch: list[Explanation] = []
    for one in explanations:
        batch.append(one)
        if len(batch) == IN_A_BLOCK:
            yield batch
            batch = []
    if batch:
        yield batch


def _compressed(pictures: list[dict[str, Any]]) -> str:
    text = json.dumps(pictures, ensure_ascii=False, separators=(",", ":"))
    # No time of the run in it: the same plan gives the same bytes.
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), compresslevel=6, mtime=0)).decode()


def _picture(plain: Explanation, pictures: Pictures, mask_addresses: bool) -> dict[str, Any]:
    """Return the picture of a booking, and note its number and its people."""
    explanation = with_reasons(masked_explanation(plain) if mask_addresses else plain)
    booking = explanation.booking
    pictures.numbers[booking.booking_uid] = len(pictures.numbers)
    for known, person in zip(plain.people, explanation.people, strict=True):
        found = (person.person, shown(person.name) or None, _in_short(explanation, person))
        pictures._persons.setdefault((booking.booking_uid, known.role, known.email), found)
    came = explanation.host_side.came
    return {
        "uid": shown(booking.booking_uid),
        "start": _milliseconds(booking.start_at),
        "end": _milliseconds(booking.end_at),
        "opens": _milliseconds(booking.window_start),
        "closes": _milliseconds(booking.window_end),
        "feed": complete(explanation),
        "host": None if came is None else f"{'came' if came else 'did not come'}: {host_side(explanation)}",
        "excluded": exclusion(explanation, booking.excluded_as) if booking.excluded_as else None,
        "people": [_person(one) for one in explanation.people],
        "rows": [_row(one) for one in explanation.rows],
        "more": max(0, sum(explanation.rows_in_all.values()) - len(explanation.rows)),
    }


def _person(person: PersonExplanation) -> dict[str, Any]:
    return {
        "n": person.person,
        "role": person.role,
        "name": shown(person.name) or None,
        "email": shown(person.email) or None,
        "outcome": person.outcome,
        "reason": person.reason,
        "rule": person.rule,
        "why": _sentence(person.why),
        "before": person.rule_before,
        "notBefore": _sentence(person.why_not_before),
    }


def _row(row: ExplainedRow) -> dict[str, Any]:
    facts = {
        "n": row.number,
        "kind": row.kind,
        "how": _how(row),
        "place": row.place,
        "source": row.source and shown(row.source),
        "name": row.name and shown(row.name),
        "email": row.email and shown(row.email),
        "phone": row.phone and shown(row.phone),
        "begins": _milliseconds(row.begins),
        "ends": _milliseconds(row.ends),
        "open": row.left_at is None and row.kind != "check_in",
        "of": () if row.whose in _NOT_EXPECTED else row.counts_for or row.trace_of,
        "counts": row.counts_for,
        "host": row.is_host_side,
        "held": row.is_evidence,
        "doubts": sorted({*row.trace_of, *row.named_with, *row.named_elsewhere, *row.at_another_time}),
        "unknown": row.is_company,
        "key": None if row.place == "meeting" else key(row),
    }
    return {name: fact for name, fact in facts.items() if fact or fact == 0 and fact is not False}


def _how(row: ExplainedRow) -> str:
    """Return how the participant was identified: a key of ``words.MEANS``."""
    if row.kind == "bot" or row.whose == "bot":
        return "bot"
    if row.kind in ("lobby", "check_in"):
        return row.kind
    if row.place != "meeting":
        return "other"
    return "unknown" if row.whose in ("unknown_participant", None) else row.whose


def _in_short(explanation: Explanation, person: PersonExplanation) -> str:
    """Return the reason in a few words with the figure that a reader looks for first, or an empty string."""
    if person.outcome == "present" and person.role == "attendee":
        return f"Came for {duration(person.presence_seconds)}"
    if person.reason != "not_seen" or person.role != "attendee":
        return ""
    seen = f"Was there for {duration(person.presence_seconds)} only" if person.presence_seconds else "Never joined"
    side = explanation.host_side
    if side.came and side.checked_in:
        return f"{seen}; the host checked in"
    if side.came:
        return f"{seen}; the host was there for {duration(side.seconds_of_core)}"
    return f"{seen}; the meeting was held"


def duration(seconds: float) -> str:
    """Format a duration for a reader: to the second below two minutes, else to the minute."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _milliseconds(count: int) -> float | int:
    return count // 1000 if count % 1000 == 0 else count / 1000
