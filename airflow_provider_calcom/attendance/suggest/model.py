"""Suggestions as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal[
    "alias",
    "internal_email",
    "internal_domain",
    "bot_name",
    "attendance_until",
    "trust_internal_accounts",
    "conference_key",
]


@dataclass(frozen=True)
class Suggestion:
    """One change of the policy or of the data, and what the rules decide with it.

    :param reason: of the undetermined people that are counted.
    :param kind: what is to be changed.
    :param settles: people who are undetermined for this reason now, and would not be undetermined with the change.
    :param of: people who are undetermined for this reason now.
    :param becomes: what the settled people would be: ``{outcome: people}``.
    :param policy: fields of the policy with their new values, entries that they have now included: with these fields
        replaced, the rules decide as ``becomes`` says. None where the change is not one of the policy, or where the
        plan must not name people.
    :param text: the change in a sentence or two, and what must be true before it is made.
    :param bookings: uids of the first bookings with somebody who would be settled, at most 5.
    """

    reason: str
    kind: Kind
    settles: int
    of: int
    becomes: dict[str, int]
    policy: dict[str, Any] | None = field(repr=False)
    text: str = field(repr=False)
    bookings: list[str]


@dataclass(frozen=True)
class Suggestions:
    """What would settle the doubts. Nothing here changes a decision by itself.

    :param undetermined: ``{reason: people}``.
    :param suggestions: by reason, the most frequent reason first; of a reason, the one that settles most first.
    :param skipped: why no suggestions were computed, in a sentence, or None.
    """

    undetermined: dict[str, int]
    suggestions: tuple[Suggestion, ...] = ()
    skipped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "undetermined": self.undetermined,
            "skipped": self.skipped,
            "suggestions": [asdict(one) for one in self.suggestions],
        }


@dataclass(frozen=True)
class Candidate:
    """A change to try: some policy fields, or the conference keys of some bookings.

    :param kind: as in :class:`Suggestion`.
    :param fact: what was found, as the beginning of the suggestion's text; names nobody.
    :param check: what the user must be sure of, as a sentence; names nobody.
    :param detail: what the plan shows only if it names people, as a sentence.
    :param fields: ``{field of the policy: its new value}``.
    :param keys: ``{number of a booking: its new conference key}``.
    :param parts: how many changes it unites.
    """

    kind: Kind
    fact: str
    check: str
    detail: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    keys: Mapping[int, str] = field(default_factory=dict, repr=False)
    parts: int = 1


@dataclass(frozen=True)
class Effect:
    """What the rules decide otherwise with a candidate.

    :param settled: ``{reason before: {outcome afterwards: people}}`` of those who are no longer undetermined.
    :param bookings: ``{reason before: uids}``.
    :param lost: people who were present, and would not be.
    """

    settled: dict[str, dict[str, int]]
    bookings: dict[str, list[str]]
    lost: int

    def settled_of(self, reason: str) -> int:
        """Return how many people with a reason are no longer undetermined."""
        return sum(self.settled.get(reason, {}).values())
