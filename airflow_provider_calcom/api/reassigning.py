"""Giving a booking to another host, and checking that it has that host: some servers say 200 and do nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.errors import CalComError, NotReassigned, OutcomeUnknown
from airflow_provider_calcom.api.flows import Flow
from airflow_provider_calcom.api.models import Booking


def reassign(booking_uid: str, user_id: int | str | None = None, reason: str | None = None) -> Flow[dict[str, Any]]:
    """Give a round-robin booking to another host, and return Cal.com's ``{bookingUid, reassignedTo}``.

    :param booking_uid: uid of a booking.
    :param user_id: the new host; None for whoever is next.
    :param reason: with ``user_id``: why.
    :raises NotReassigned: if the answer or the booking, read afterwards, does not have the new host.
    :raises OutcomeUnknown: if the booking can't be read afterwards.
    """
    if user_id is None:
        endpoint = endpoints.reassign_booking(booking_uid)
        before = _people_of((yield endpoints.get_booking(booking_uid)))
    else:
        endpoint = endpoints.reassign_booking_to_user(booking_uid, user_id, reason)
        before = None
    result: dict[str, Any] = yield endpoint
    host = result.get("reassignedTo")
    host = host if isinstance(host, Mapping) else {}
    if user_id is not None and str(host.get("id")) != str(endpoints.checked_id(user_id, "user_id")):
        raise _not_reassigned(booking_uid)
    after = _people_of((yield from _read_after(booking_uid)))
    # A host of a team's booking who is not its organiser is listed among the attendees.
    has_host = bool({str(host.get("id")), str(host.get("email"))} & after)
    if not has_host or after == before:
        raise _not_reassigned(booking_uid)
    return result


def _people_of(booking: Booking) -> set[str]:
    hosts, attendees = booking.get("hosts") or (), booking["attendees"]
    return {str(host.get(key)) for host in hosts for key in ("id", "email")} | {row["email"] for row in attendees}


def _read_after(booking_uid: str) -> Flow[Booking]:
    try:
        booking: Booking = yield endpoints.get_booking(booking_uid)
    except CalComError as error:
        raise OutcomeUnknown(
            f"Cal.com accepted the reassignment of booking {booking_uid}, which could not be read afterwards"
            f" ({type(error).__name__}), so it is not known who its host is. Look at the booking in Cal.com",
            error.failure,
        ) from error
    return booking


def _not_reassigned(booking_uid: str) -> NotReassigned:
    return NotReassigned(
        f"Cal.com accepted the reassignment of booking {booking_uid}, but the booking has not got the new host. The"
        " open edition of Cal.com does not reassign bookings by its API: do it in Cal.com"
    )
