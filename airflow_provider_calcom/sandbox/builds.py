"""What differs between the three recorded builds of the server, as data."""

import re
from dataclasses import dataclass

_TRIGGERS = re.findall(
    r"\w+",
    """
    BOOKING_CREATED BOOKING_PAYMENT_INITIATED BOOKING_PAID BOOKING_RESCHEDULED BOOKING_REQUESTED
    BOOKING_CANCELLED BOOKING_REJECTED BOOKING_NO_SHOW_UPDATED FORM_SUBMITTED MEETING_ENDED MEETING_STARTED
    RECORDING_READY INSTANT_MEETING RECORDING_TRANSCRIPTION_GENERATED OOO_CREATED
    AFTER_HOSTS_CAL_VIDEO_NO_SHOW AFTER_GUESTS_CAL_VIDEO_NO_SHOW FORM_SUBMITTED_NO_EVENT
    """,
)


@dataclass(frozen=True)
class Build:
    """One build of the server: every field is a difference a client can notice."""

    name: str
    unknown_email_fails: bool = True
    """An address that isn't on the booking gives 500, after the known ones are written."""
    host_false_writes: bool = False
    """`host: false` un-marks and `host: null` writes null; otherwise only a true `host` is written."""
    explicit_empty: bool = True
    """Empty cancellation and rescheduling fields are in the answer as "" or null, not left out."""
    rescheduled_to: bool = True
    display_email: bool = False
    filters_by_uid: bool = True
    full_me: bool = True
    webhook_version: bool = True
    """Webhooks have a version in their full form."""
    sends_webhook_version: bool = False
    attendee_routes: bool = False
    """GET by-seat and GET attendees exist."""
    triggers: tuple[str, ...] = tuple(_TRIGGERS)


BUILDS = {
    build.name: build
    for build in (
        Build(
            "2025-08",
            explicit_empty=False,
            rescheduled_to=False,
            filters_by_uid=False,
            full_me=False,
            webhook_version=False,
        ),
        Build("2025-12", triggers=(*_TRIGGERS, "DELEGATION_CREDENTIAL_ERROR")),
        Build(
            "2026-07",
            unknown_email_fails=False,
            host_false_writes=True,
            display_email=True,
            sends_webhook_version=True,
            attendee_routes=True,
            triggers=(
                *(name for name in _TRIGGERS if name != "INSTANT_MEETING"),
                "DELEGATION_CREDENTIAL_ERROR",
                "WRONG_ASSIGNMENT_REPORT",
            ),
        ),
    )
}
