"""Deliveries of webhooks: which are verified, and what their events become."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_calcom.api import webhooks
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidDelivery
from airflow_provider_calcom.api.webhooks import UNSIGNED, parse_event, verify_signature
from tests.api.support import RECORDINGS

SECRET = "made-up secret"
ANN = "ann@example.org"
START, END = datetime(2026, 11, 18, 10, tzinfo=UTC), datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
TIMES = {"startTime": "2026-11-18T10:00:00.000Z", "endTime": "2026-11-18T10:30:00.000Z"}
CAL_VIDEO = {
    "title": "Ann and Ben",
    "bookingId": 7,
    "bookingUid": "uid1",
    **TIMES,
    "attendees": [{"id": 1, "email": ANN, "name": "Ann", "noShow": True}],
    "participants": [],
    "message": f"{ANN} did not join",
}


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(trigger: str, payload: dict[str, Any], **more: Any) -> bytes:
    wrapper = {"triggerEvent": trigger, "createdAt": "2026-11-18T11:00:00.000Z", "payload": payload}
    return json.dumps({**wrapper, **more}).encode()


def recorded_deliveries() -> list[tuple[bytes, str, str]]:
    """Return body, signature header and the webhook's secret of all recorded deliveries."""
    found = []
    for path in sorted(RECORDINGS.glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for delivery in row.get("deliveries") or ():
                headers = {name.lower(): value for name, value in delivery["headers"]}
                found.append((delivery["body_text"].encode(), headers["x-cal-signature-256"], row["secret"]))
    return found


DELIVERIES = recorded_deliveries()
SIGNED = [one for one in DELIVERIES if one[1] != UNSIGNED]


def test_every_recorded_delivery_verifies_and_parses() -> None:
    """What the real server signed is verified, what it sent unsigned is not, and both are parsed."""
    assert (len(DELIVERIES), len(SIGNED)) == (33, 15)
    for body, header, secret in DELIVERIES:
        assert verify_signature(body, header, [secret]) is (header != UNSIGNED)
        parsed = parse_event(body)
        payload = json.loads(body)["payload"]
        assert isinstance(parsed, webhooks.NoShowUpdated)
        assert (parsed.booking_uid, parsed.booking_id) == (payload["bookingUid"], payload["bookingId"])
        assert [(one.email, one.no_show) for one in parsed.attendees] == [
            (row["email"], row["noShow"]) for row in payload["attendees"]
        ]
        assert parsed.created_at is not None
        assert "@" not in repr(parsed)


def test_no_altered_copy_verifies() -> None:
    """A thousand copies of recorded deliveries with one other byte, in the body or in the header, are not verified."""
    chance = random.Random(13)
    for _ in range(1000):
        body, header, secret = chance.choice(SIGNED)
        parts = [body, header.encode()]
        which = chance.randrange(2)
        altered = bytearray(parts[which])
        altered[chance.randrange(len(altered))] ^= chance.randrange(1, 256)
        parts[which] = bytes(altered)
        assert not verify_signature(parts[0], parts[1].decode("latin-1"), [secret, "another"])


def test_no_position_of_a_delivery_can_be_altered() -> None:
    """Each byte of a body, and each byte of a header, counts; so does a byte more or less at either end."""
    body, header, secret = SIGNED[0]
    for position in range(len(body)):
        altered = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
        assert not verify_signature(altered, header, [secret])
    for position in range(len(header)):
        altered_header = header[:position] + chr(ord(header[position]) ^ 1) + header[position + 1 :]
        assert not verify_signature(body, altered_header, [secret])
    for altered in (body[1:], body[:-1], b" " + body, body + b" ", body + b"\0", b""):
        assert not verify_signature(altered, header, [secret])


def test_any_of_several_secrets_verifies() -> None:
    """During a rotation deliveries with the old and with the new secret are verified; afterwards the old is not."""
    body = b"{}"
    assert verify_signature(body, signed(body, "old"), ["old", "new"])
    assert verify_signature(body, signed(body, "new"), ["old", "new"])
    assert not verify_signature(body, signed(body, "old"), ["new"])
    assert verify_signature(body, signed(body, "schlüssel 🔑"), ["schlüssel 🔑"])


@pytest.mark.parametrize("secrets", [[], [""], ["", " \n"], [None]], ids=["none", "empty", "blank", "unset"])
def test_nothing_is_verified_without_a_secret(secrets: Any) -> None:
    """Anybody could sign with an empty secret."""
    body = b"{}"
    for key in ("", " \n"):
        assert not verify_signature(body, signed(body, key), secrets)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda right: None,
        lambda right: "",
        lambda right: UNSIGNED,
        lambda right: right[:-1],
        lambda right: right + "0",
        lambda right: right + "\n",
        lambda right: f" {right}",
        lambda right: right.upper(),
        lambda right: f"sha256={right}",
        lambda right: right[:-1] + "\uff10",
        lambda right: right[:-1] + "\udc80",
    ],
    ids=["missing", "empty", "literal", "short", "long", "newline", "space", "upper", "prefix", "wide", "surrogate"],
)
def test_a_header_in_another_form_is_unsigned(spelling: Any) -> None:
    """Only 64 lower-case hexadecimal digits are a signature, and nothing that a sender can send raises."""
    body = b'{"a": 1}'
    assert verify_signature(body, signed(body), [SECRET])
    assert not verify_signature(body, spelling(signed(body)), [SECRET])


@pytest.mark.parametrize(
    ("body", "header", "secrets", "name"),
    [
        ("{}", "00", ["key"], "body"),
        (b"{}", b"00", ["key"], "header"),
        (b"{}", "00", "top-key", "secrets"),
        (b"{}", "00", [b"top-key"], r"secrets\[0\]"),
    ],
)
def test_a_receiver_that_passes_the_wrong_type_is_refused(body: Any, header: Any, secrets: Any, name: str) -> None:
    """A string of secrets would make each of its letters a secret, so that anybody could sign; no value is quoted."""
    with pytest.raises(InvalidArgument, match=f"^{name} must be") as raised:
        verify_signature(body, header, secrets)
    assert "top" not in str(raised.value)


def test_flat_deliveries_of_meetings() -> None:
    """MEETING_STARTED and MEETING_ENDED have the booking's columns at the top; their createdAt is the booking's."""
    columns = {"id": 7, "uid": "uid1", "title": "Ann and Ben", "createdAt": "2026-11-01T00:00:00.000Z", **TIMES}
    for trigger, kind in (("MEETING_STARTED", webhooks.MeetingStarted), ("MEETING_ENDED", webhooks.MeetingEnded)):
        parsed = parse_event(json.dumps({"triggerEvent": trigger, **columns}).encode())
        assert isinstance(parsed, kind)
        assert (parsed.trigger, parsed.booking_uid, parsed.booking_id) == (trigger, "uid1", 7)
        assert (parsed.start, parsed.end, parsed.created_at) == (START, END, None)
        assert "Ann" not in repr(parsed)


def test_no_shows_of_cal_video() -> None:
    """Both kinds have the booking and the flags; the host's event has the host's address, which no repr shows."""
    hosts = parse_event(event("AFTER_HOSTS_CAL_VIDEO_NO_SHOW", {**CAL_VIDEO, "hostEmail": "host@example.com"}))
    assert isinstance(hosts, webhooks.HostsNoShow)
    assert (hosts.booking_uid, hosts.start, hosts.end) == ("uid1", START, END)
    assert hosts.host_email == "host@example.com"
    unmarked = [{"email": ANN, "noShow": None}]
    guests = parse_event(event("AFTER_GUESTS_CAL_VIDEO_NO_SHOW", {**CAL_VIDEO, "attendees": unmarked}))
    assert isinstance(guests, webhooks.GuestsNoShow)
    assert [(one.email, one.no_show) for one in guests.attendees] == [(ANN, False)]
    assert "@" not in repr(hosts) + repr(guests)


def test_cancelled_and_rescheduled() -> None:
    """A rescheduled event names the new booking and the one that was moved; free text is in no repr."""
    whole = {"uid": "uid2", "bookingId": 8, **TIMES, "attendees": [{"email": ANN}]}
    cancelled = parse_event(event("BOOKING_CANCELLED", {**whole, "cancellationReason": "Ann is ill"}))
    assert isinstance(cancelled, webhooks.CancellationEvent)
    assert (cancelled.booking_uid, cancelled.reason) == ("uid2", "Ann is ill")
    old = {"rescheduleUid": "uid1", "rescheduleStartTime": "2026-11-17T10:00:00Z"}
    moved = parse_event(event("BOOKING_RESCHEDULED", {**whole, **old}))
    assert isinstance(moved, webhooks.RescheduleEvent)
    assert (moved.booking_uid, moved.rescheduled_from) == ("uid2", "uid1")
    assert moved.previous_start == datetime(2026, 11, 17, 10, tzinfo=UTC)
    assert "Ann" not in repr(cancelled) + repr(moved)


def test_unknown_events_are_kept() -> None:
    """A trigger that Cal.com adds later is an event with its name and its fields, in whatever shape it comes."""
    wrapped = parse_event(event("BOOKING_TELEPORTED", {"where": ANN}))
    assert (type(wrapped), wrapped.trigger) == (webhooks.WebhookEvent, "BOOKING_TELEPORTED")
    assert wrapped.data == {"where": ANN}
    assert wrapped.created_at == datetime(2026, 11, 18, 11, tzinfo=UTC)
    flat = parse_event(json.dumps({"triggerEvent": "PING", "createdAt": 5}).encode())
    assert (flat.trigger, flat.created_at, flat.data["createdAt"]) == ("PING", None, 5)
    assert ANN not in repr(wrapped)


NO_SHOW = {"bookingUid": "uid1", "bookingId": 7, "attendees": [{"email": ANN, "noShow": True}]}


def no_show(**changes: Any) -> bytes:
    return event("BOOKING_NO_SHOW_UPDATED", {**NO_SHOW, **changes})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (f'{{"{ANN}": '.encode(), "body"),
        (event("PING", {}).decode().encode("utf-16"), "body"),
        (b"\xef\xbb\xbf" + event("PING", {}), "body"),
        (b'{"triggerEvent": "PING", "at": NaN}', "body"),
        (b'{"triggerEvent": "PING", "at": ' + b"9" * 5000 + b"}", "body"),
        (b"[" * 100_000, "body"),
        (b'"' + ANN.encode() + b'"', "body"),
        (b'{"content": "A new event"}', "triggerEvent"),
        (json.dumps({"triggerEvent": f"{ANN}\n"}).encode(), "triggerEvent"),
        (json.dumps({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", **NO_SHOW}).encode(), "payload"),
        (event("BOOKING_NO_SHOW_UPDATED", NO_SHOW, createdAt=ANN), "createdAt"),
        (no_show(bookingUid=f"../{ANN}"), "payload.bookingUid"),
        (no_show(bookingId=True), "payload.bookingId"),
        (no_show(attendees=None), "payload.attendees"),
        (no_show(attendees=[ANN]), r"payload.attendees\[0\]"),
        (no_show(attendees=[{"email": ANN, "noShow": "false"}]), r"payload.attendees\[0\].noShow"),
        (no_show(attendees=[{"email": ANN}]), r"payload.attendees\[0\].noShow"),
        (no_show(attendees=[{"noShow": True}]), r"payload.attendees\[0\].email"),
        (json.dumps({"triggerEvent": "MEETING_ENDED", "uid": "uid1", **TIMES, "endTime": "10:30"}).encode(), "endTime"),
        (event("MEETING_ENDED", {"uid": "uid1", **TIMES}), "uid"),
        (event("BOOKING_CANCELLED", {"uid": "uid1", **TIMES, "startTime": "2026-11-18T10:00:00"}), "payload.startTime"),
        (event("AFTER_HOSTS_CAL_VIDEO_NO_SHOW", {**CAL_VIDEO, "hostEmail": [ANN]}), "payload.hostEmail"),
    ],
)
def test_other_shapes_are_refused_without_a_value(body: bytes, field: str) -> None:
    """One class of error names the field, and neither it nor its causes have anything of the delivery."""
    with pytest.raises(InvalidDelivery, match=rf"{field}( | .* )must be") as raised:
        parse_event(body)
    assert raised.value.retryable is False
    shown = "".join(traceback.format_exception_only(raised.value))
    assert raised.value.__context__ is None
    assert "example" not in shown
