"""Hide addresses, names and phone numbers, so that a report can be shown to people who may not see them.

Everything is masked before any sentence is made of it: a sentence that was never given a name can't contain one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from airflow_provider_calcom.attendance.explain.model import ExplainedRow, Explanation, PersonExplanation
from airflow_provider_calcom.attendance.explain.reasons import shown
from airflow_provider_calcom.no_shows.ledger.identities import is_hash

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:\[\]{}]+@[^\s@<>\"'(),;:\[\]{}]+")


def masked(address: str) -> str:
    """Return an address with its local part hidden, as in ``a***@example.com``.

    :param address: an address; the hash of one stays, and anything else is masked as a name.
    """
    local, at, domain = address.strip().rpartition("@")
    if at:
        return f"{local[:1] or '*'}***@{domain}"
    return address if is_hash(address) else masked_name(address)


def masked_name(name: str) -> str:
    """Return a name's initials, as in ``A. L.``; of a name without letters only that there is one."""
    initials = [word[0].upper() for word in re.split(r"[\W\d_]+", name) if word]
    return ". ".join(initials[:3]) + "." if initials else "***"


def masked_phone(phone: str) -> str:
    """Return a phone number's last two digits."""
    digits = re.sub(r"\D", "", phone)
    return f"***{digits[-2:]}" if len(digits) > 4 else "***"


def masked_text(text: str) -> str:
    """Return a text with all addresses in it masked."""
    return _ADDRESS.sub(lambda found: masked(found[0]), text)


def masked_value(value: Any) -> Any:
    """Return a JSON value with all addresses in its strings and keys masked."""
    if isinstance(value, dict):
        return {masked_text(str(key)): masked_value(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked_value(one) for one in value]
    return masked_text(value) if isinstance(value, str) else value


def masked_explanation(explanation: Explanation) -> Explanation:
    """Return the facts of a booking without addresses, names and phone numbers, before sentences are made of them."""
    return replace(
        explanation,
        booking=replace(explanation.booking, conference_key=_masked_or_none(explanation.booking.conference_key)),
        people=[_masked_person(person) for person in explanation.people],
        rows=[_masked_row(row) for row in explanation.rows],
    )


def _masked_person(person: PersonExplanation) -> PersonExplanation:
    return replace(
        person,
        email=None if person.email is None else masked(person.email),
        name=None if person.name is None else masked_name(person.name),
    )


def _masked_row(row: ExplainedRow) -> ExplainedRow:
    return replace(
        row,
        participant=None,
        email=None if row.email is None else masked(row.email),
        name=None if row.name is None else masked_name(row.name),
        phone=None if row.phone is None else masked_phone(row.phone),
        conference_key=_masked_or_none(row.conference_key),
    )


def _masked_or_none(text: str | None) -> str | None:
    """Mask a meeting's key, which may be a link with the name of a personal room."""
    return None if text is None else masked_text(text)


class Masks:
    """Masks what is shown, or only makes it safe to show.

    :param is_on: whether addresses, names and phone numbers are masked.
    """

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on

    def address(self, text: str | None) -> str | None:
        """Return an address."""
        return None if text is None else shown(masked(text) if self.is_on else text)

    def host(self, text: str | None) -> str | None:
        """Return a host, who is known by a name or an address."""
        return self.address(text)

    def text(self, text: str | None) -> str | None:
        """Return a text that may have an address in it."""
        return None if text is None else shown(masked_text(text) if self.is_on else text)

    def value(self, value: Any) -> Any:
        """Return a JSON value that may have addresses in it."""
        return masked_value(value) if self.is_on else value

    def category(self, name: str) -> str:
        """Return the host of a chart, but "12 others" as it is."""
        return name if not self.is_on or name.endswith(" others") else shown(masked(name))
