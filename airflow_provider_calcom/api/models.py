"""The shapes of Cal.com's responses that this package reads. Keys are Cal.com's own; others are left as they are."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import Any, TypedDict

Params = tuple[tuple[str, str], ...]
"""Query parameters in order."""

_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

Booking = dict[str, Any]
"""One booking as Cal.com sends it at ``cal-api-version`` 2024-08-13: ``uid``, ``status``, ``start``, ``end``,
``absentHost``, ``attendees`` (``email``, ``displayEmail``, ``absent``), ``hosts``, ``location`` and more.

A plain dict and not a TypedDict, because it goes on to users and XCom whole, with fields that newer servers add.
"""


class Me(TypedDict, total=False):
    """The user that a key belongs to."""

    id: int
    username: str
    email: str
    name: str | None
    timeZone: str
    organizationId: int | None


class AttendeeMark(TypedDict):
    """One entry of a mark-absent call: an address as the booking spells it, and the flag it is to have."""

    email: str
    absent: bool


@dataclass(frozen=True)
class BookingReading:
    """A booking and when it was read.

    :param booking: the booking.
    :param server_time: the server's clock (its ``Date`` header, whole seconds UTC, as a Unix time), or None.
    :param request_id: Cal.com's ``X-Request-Id`` of the response, or None.
    """

    booking: Booking = field(repr=False)
    server_time: float | None
    request_id: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of a list of bookings.

    :param bookings: its items.
    :param total: ``totalItems`` of the envelope; None on servers without ``pagination`` and on cursor pages.
    :param next_cursor: where the next page begins, on cursor pages.
    :param server_time: the server's clock (its ``Date`` header, whole seconds UTC, as a Unix time), or None.
    """

    bookings: list[Booking] = field(repr=False)
    total: int | None = None
    next_cursor: str | None = None
    server_time: float | None = None


def normalize_email(address: str) -> str:
    """Return what an address is compared by; Cal.com itself compares byte by byte.

    Only ASCII letters are lowered, so that no look-alike becomes another address (the Kelvin sign's lower case is a k).
    """
    stripped = address.strip()
    return stripped.lower() if stripped.isascii() else stripped.translate(_TO_LOWER)
