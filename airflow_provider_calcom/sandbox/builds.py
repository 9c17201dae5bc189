"""Differences between builds of the server, as data: three recorded builds, and one known by its OpenAPI document."""

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
    """One build of the server: every field is a difference that a client can notice."""

    name: str
    unknown_email_fails: bool = True
    """An address that is not on the booking gives 500, after the known addresses are written."""
    host_false_writes: bool = False
    """`host: false` un-marks and `host: null` writes null; otherwise only a true `host` is written."""
    explicit_empty: bool = True
    """Empty cancellation and rescheduling fields are in the response as "" or null, not left out."""
    rescheduled_to: bool = True
    display_email: bool = False
    filters_by_uid: bool = True
    full_me: bool = True
    webhook_version: bool = True
    """The full form of a webhook includes its version."""
    webhook_times: bool = False
    """Webhooks take `time` and `timeUnit`, which only the full form shows."""
    sends_webhook_version: bool = False
    versions: tuple[str, ...] = ("2024-08-13",)
    """The values of `cal-api-version` that serve the bookings; any other selects the legacy routes."""
    routes: frozenset[str] = frozenset()
    """Route groups of some builds only: `seats`, `attendees`, `sessions`, `team lists` and `organisations`."""
    guards_bookings: bool = True
    """Recordings and transcripts need access to the booking."""
    permits_everybody: bool = False
    """The open-source edition: its permission checks are stubs, and reassigning does nothing."""
    hosts_must_attend: bool = False
    """A host of the event type has access only to bookings that list them."""
    admins_handle_members: bool = False
    """Owners and admins of a team have access to its members' personal bookings."""
    host_needs_reason: str = ""
    """The error message for a cancellation by the organiser without a reason; empty where no reason is needed."""
    keeps_past: bool = True
    """A booking that has ended cannot be cancelled."""
    checks_webhook_urls: bool = False
    ics_name: str = "Cal.com"
    """The domain in the iCalendar ids that the server generates."""
    marks_managed_users: bool = False
    """Responses to calls that create a booking include whether a platform manages the organiser."""
    triggers: tuple[str, ...] = tuple(_TRIGGERS)


_NEEDS_REASON = "Cancellation reason is required when you are the host"
_NEWEST_TRIGGERS = (
    *(name for name in _TRIGGERS if name != "INSTANT_MEETING"),
    "DELEGATION_CREDENTIAL_ERROR",
    "WRONG_ASSIGNMENT_REPORT",
)

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
            routes=frozenset({"organisations"}),
            guards_bookings=False,
            host_needs_reason=_NEEDS_REASON,
            keeps_past=False,
        ),
        Build(
            "2025-12",
            routes=frozenset({"organisations", "sessions"}),
            host_needs_reason=_NEEDS_REASON,
            triggers=(*_TRIGGERS, "DELEGATION_CREDENTIAL_ERROR"),
        ),
        Build(
            "2026-03",
            unknown_email_fails=False,
            display_email=True,
            sends_webhook_version=True,
            versions=("2024-08-13", "2026-02-25"),
            routes=frozenset({"seats", "attendees", "sessions", "team lists", "organisations"}),
            hosts_must_attend=True,
            admins_handle_members=True,
            host_needs_reason="Cancellation reason is required",
            checks_webhook_urls=True,
            marks_managed_users=True,
            triggers=_NEWEST_TRIGGERS,
        ),
        Build(
            "2026-07",
            unknown_email_fails=False,
            webhook_times=True,
            host_false_writes=True,
            display_email=True,
            sends_webhook_version=True,
            routes=frozenset({"seats", "attendees", "sessions"}),
            permits_everybody=True,
            hosts_must_attend=True,
            checks_webhook_urls=True,
            ics_name="Cal.diy",
            marks_managed_users=True,
            triggers=_NEWEST_TRIGGERS,
        ),
    )
}
