"""Zoom's participants as the API, webhooks, loaders and exports give them."""

from __future__ import annotations

import itertools
import json
import tracemalloc
import unicodedata
from pathlib import Path
from typing import Any, Literal

import pytest

from airflow_provider_calcom.attendance.feeds import FeedUnreadable, read_feed
from airflow_provider_calcom.attendance.feeds._events import SessionPairer

MEETING = "84512345678"
KEY = "zoom:84512345678"

REPORT = {
    "customer_key": "349589LkJyeW",
    "duration": 1767,
    "failover": False,
    "id": "30R7kT7bTIKSNUFEuH_Qlg",
    "join_time": "2026-01-15T10:00:33Z",
    "leave_time": "2026-01-15T10:30:00Z",
    "name": "Jill Chill",
    "registrant_id": "abcdefghij0-klmnopq23456",
    "status": "in_meeting",
    "user_email": "jchill@example.com",
    "user_id": "27423744",
    "bo_mtg_id": "27423744",
    "participant_user_id": "DYHrdpjrS3uaOf7dPkkg8w",
}
REPORT_PAGE = {
    "next_page_token": "",
    "page_count": 1,
    "page_size": 30,
    "total_records": 1,
    "participants": [REPORT],
}
AIRBYTE = {
    **REPORT,
    "meeting_uuid": "4444AAAiAAAAAiAiAiiAii==",
    "meeting_id": MEETING,
    "_airbyte_raw_id": "0f2ac1b4",
    "_airbyte_extracted_at": "2026-01-16 02:00:00+00",
}
DASHBOARD = {
    "id": "d52f19c548b88490b5d16fcbd38",
    "user_id": "32dsfsd4g5gd",
    "participant_uuid": "55555AAAiAAAAAiAiAiiAii",
    "user_name": "Jill Chill",
    "device": "Windows",
    "ip_address": "127.0.0.1",
    "location": "New York",
    "network_type": "Wired",
    "microphone": "Plantronics BT600",
    "data_center": "SC",
    "connection_type": "P2P",
    "join_time": "2026-01-15T10:00:33Z",
    "leave_time": "2026-01-15T10:30:00Z",
    "leave_reason": "Jill Chill left the meeting.<br>Reason: Host ended the meeting.",
    "share_application": False,
    "recording": False,
    "pc_name": "jills-pc",
    "version": "5.9.1.2581",
    "email": "jchill@example.com",
    "registrant_id": "abcdefghij0-klmnopq23456",
    "status": "in_meeting",
    "role": "attendee",
    "participant_user_id": "DYHrdpjrS3uaOf7dPkkg8w",
    "audio_call": [],
    "in_room_participants": 4,
}


def rows_of(source: Any, **options: Any) -> list[Any]:
    return list(read_feed("zoom", source, **options))


# The API.


def test_the_report_of_a_meeting() -> None:
    """An answer of the report API, whose meeting the caller names because its records don't."""
    assert rows_of(REPORT_PAGE, conference_key="845 1234 5678") == [
        {
            "source": "zoom",
            "participant": "abcdefghij0-klmnopq23456",
            "kind": "person",
            "booking_uid": None,
            "conference_key": KEY,
            "email": "jchill@example.com",
            "name": "Jill Chill",
            "phone": None,
            "joined_at": "2026-01-15T10:00:33.000Z",
            "left_at": "2026-01-15T10:30:00.000Z",
        }
    ]


def test_a_meeting_is_named_beside_its_participants() -> None:
    """For many meetings in one feed, the caller puts the id into each page."""
    pages = [{**REPORT_PAGE, "meeting_id": int(MEETING)}, {**REPORT_PAGE, "meeting_id": 91234567890}]
    assert [row["conference_key"] for row in rows_of(pages)] == [KEY, "zoom:91234567890"]
    own = {
        "meeting_id": MEETING,
        "participants": [{**REPORT, "meeting_id": None}, {**REPORT, "meeting_id": 91234567890}],
    }
    assert [row["conference_key"] for row in rows_of(own)] == [KEY, "zoom:91234567890"]


def test_pages_that_are_numbered() -> None:
    """Older answers count their pages, and have no token; the first of two is not the whole meeting."""
    first = {"page_count": 2, "page_number": 1, "page_size": 1, "meeting_id": MEETING, "participants": [REPORT]}
    with pytest.raises(FeedUnreadable, match="page_count says that another page follows"):
        rows_of([first])
    for total in ({}, {"total_records": 2}):
        assert len(rows_of([{**first, **total}, {**first, **total, "page_number": 2}])) == 2


def test_a_participants_own_id_is_not_a_meeting() -> None:
    """Without a meeting the key is null, and the row is matched by its address."""
    (row,) = rows_of([{**REPORT, "id": "84512345678"}])
    assert (row["conference_key"], row["booking_uid"]) == (None, None)


def test_airbytes_table_of_the_report() -> None:
    """Airbyte's ``report_meeting_participants`` names the meeting in each row."""
    (row,) = rows_of([AIRBYTE])
    assert (row["conference_key"], row["email"]) == (KEY, "jchill@example.com")


def test_columns_in_the_case_of_a_warehouse() -> None:
    """Snowflake shouts, and a column of ids with nulls is one of floats in a data frame."""
    shouted = {name.upper(): value for name, value in AIRBYTE.items()}
    (row,) = rows_of([{**shouted, "MEETING_ID": float(MEETING)}])
    assert (row["conference_key"], row["name"], row["joined_at"]) == (KEY, "Jill Chill", "2026-01-15T10:00:33.000Z")


def test_the_dashboard_of_a_meeting() -> None:
    """The dashboard API calls name and address otherwise; a person who is still in has no end."""
    live = {name: value for name, value in DASHBOARD.items() if name not in ("leave_time", "leave_reason")}
    left, still_in = rows_of({"participants": [DASHBOARD, live]}, conference_key=MEETING)
    assert (left["email"], left["name"], left["left_at"]) == (
        "jchill@example.com",
        "Jill Chill",
        "2026-01-15T10:30:00.000Z",
    )
    assert still_in["left_at"] is None


def test_the_participants_of_a_past_meeting() -> None:
    """``/past_meetings/{id}/participants`` has the report's names."""
    participant = {
        "id": "8b29rgg4bb",
        "name": "Ram Shekhar",
        "user_id": "123456",
        "registrant_id": "_f08HhPJS82MIVLuuFaJPg",
        "user_email": "ram@example.com",
        "join_time": "2026-01-15T10:00:33Z",
        "leave_time": "2026-01-15T10:30:00Z",
        "duration": 259,
        "failover": False,
        "status": "in_meeting",
        "internal_user": False,
    }
    assert rows_of([participant])[0]["email"] == "ram@example.com"


def test_guests_without_an_address() -> None:
    """Zoom blanks the e-mail and the ids of guests; what is left is the name, and a registrant's own address."""
    guest = {**REPORT, "user_email": "", "id": "", "participant_user_id": ""}
    registered = {**guest, "registrant_email": "jill@home.example"}
    assert [row["email"] for row in rows_of([guest, registered])] == [None, "jill@home.example"]
    assert rows_of([guest])[0]["name"] == "Jill Chill"


def test_who_waits_is_in_the_lobby() -> None:
    """A stay in the waiting room is a row of its own, of another kind than the stay in the meeting."""
    waited = {**REPORT, "status": "in_waiting_room", "user_id": "27423000"}
    assert [row["kind"] for row in rows_of([waited, REPORT])] == ["lobby", "person"]


def test_breakout_rooms_and_rejoins_are_rows_of_their_own() -> None:
    """Each is a presence; the rules unite them."""
    rows = rows_of([REPORT, {**REPORT, "bo_mtg_id": "ABC", "join_time": "2026-01-15T10:10:00Z"}, REPORT])
    assert [row["joined_at"] for row in rows] == [
        "2026-01-15T10:00:33.000Z",
        "2026-01-15T10:10:00.000Z",
        "2026-01-15T10:00:33.000Z",
    ]


@pytest.mark.parametrize(
    ("participant", "phone"),
    [
        ({"name": "16505550100"}, "16505550100"),
        ({"name": "+1 (650) 555-0100"}, "+1 (650) 555-0100"),
        ({"name": "+1 650***0100"}, "+1 650***0100"),
        ({"name": "Jill Chill", "phone_number": "8615250064084"}, "8615250064084"),
        (
            {"audio_call": [{"call_type": "call-in", "call_number": "+12055551234", "zoom_number": "+1"}]},
            "+12055551234",
        ),
        ({"audio_call": '[{"call_type": "call-in", "call_number": "+12055551234"}]'}, "+12055551234"),
        ({"name": "Jill 16505550100"}, None),
        ({"name": "2026"}, None),
    ],
)
def test_telephones(participant: dict[str, Any], phone: str | None) -> None:
    """A caller is known by the number, which Zoom gives as a name, a field, or in the dashboard's calls."""
    (row,) = rows_of([{**REPORT, **participant}])
    assert row["phone"] == phone
    assert row["name"] == participant.get("name", "Jill Chill")


def test_bots_are_not_recognised_by_their_names() -> None:
    """Zoom does not say who is a bot; names are judged by the rules."""
    (row,) = rows_of([{**REPORT, "name": "Jill's Otter Notetaker"}])
    assert (row["kind"], row["name"]) == ("person", "Jill's Otter Notetaker")


def test_ids_that_are_in_no_link_can_be_looked_up() -> None:
    """The options know a meeting by its uuid, and a booking by the meeting."""
    record = {**AIRBYTE, "meeting_id": None}
    uuid = AIRBYTE["meeting_uuid"]
    (row,) = rows_of([record], conference_keys={uuid: "845 1234 5678"}, booking_uids={uuid: "uid1"})
    assert (row["conference_key"], row["booking_uid"]) == (KEY, "uid1")
    assert rows_of([{**record, "booking_uid": "uid2"}], booking_uids={uuid: "uid1"})[0]["booking_uid"] == "uid2"


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"name": "Jill Chill", "user_email": "jill@example.com"}, "lacks join_time"),
        ({"join_time": "2026-01-15T10:00:33Z", "leave_time": None}, "lacks name"),
        ({"code": 3001, "message": "Meeting does not exist: 84512345678."}, "lacks join_time"),
        ({**REPORT, "join_time": "2026-01-15T10:00:33"}, "column join_time: has no time zone"),
    ],
)
def test_another_shape_names_the_missing_column(record: dict[str, Any], named: str) -> None:
    """An error response of the API, or a query without the times, is not treated as an empty meeting."""
    with pytest.raises(FeedUnreadable, match=named):
        rows_of([record])


# Webhooks.


def event(name: str, at: str | None = None, *, event_ts: int = 1768471233000, **participant: Any) -> dict[str, Any]:
    """A webhook as Zoom sends it; ``at`` goes where the event has its time."""
    person = {
        "user_id": "16778240",
        "user_name": "Jill Chill",
        "id": "iFxeBPYun6SAiWUzBcEkX",
        "participant_uuid": "55555AAAiAAAAAiAiAiiAii",
        "email": "jchill@example.com",
        "registrant_id": "",
        "participant_user_id": "rstuvwxyza789-cde",
        "customer_key": "349589LkJyeW",
        "phone_number": "",
        **participant,
    }
    waits = "wait" in name or name.endswith("admitted")
    time = "date_time" if waits else "leave_time" if "_left" in name else "join_time"
    if at is not None:
        person[time] = f"2026-01-15T{at}Z"
    return {
        "event": f"meeting.{name}",
        "event_ts": event_ts,
        "payload": {
            "account_id": "AAAAAABBBB",
            "object": {
                "id": MEETING,
                "uuid": "4444AAAiAAAAAiAiAiiAii==",
                "host_id": "x1yCzABCDEfg23HiJKl4mN",
                "topic": "My Meeting",
                "type": 8,
                "start_time": "2026-01-15T10:00:00Z",
                "timezone": "America/Los_Angeles",
                "duration": 60,
                "participant": person,
            },
        },
    }


def ended(at: str) -> dict[str, Any]:
    body = event("ended")
    del body["payload"]["object"]["participant"]
    body["payload"]["object"]["end_time"] = f"2026-01-15T{at}Z"
    return body


def stays(source: Any) -> list[tuple[str, str | None, str | None]]:
    """Return kind, beginning and end of each row, in the order of the clock."""
    found = [(row["kind"], *(at and at[11:19] for at in (row["joined_at"], row["left_at"]))) for row in rows_of(source)]
    return sorted(found, key=lambda stay: (stay[1] or stay[2], stay[2] or ""))


JOINED, LEFT = event("participant_joined", "10:00:33"), event("participant_left", "10:30:00")


def test_joining_and_leaving_are_one_presence() -> None:
    """The two events of a stay make one row, with all that is known of the person."""
    assert rows_of([JOINED, LEFT]) == [
        {
            "source": "zoom",
            "participant": "rstuvwxyza789-cde",
            "kind": "person",
            "booking_uid": None,
            "conference_key": KEY,
            "email": "jchill@example.com",
            "name": "Jill Chill",
            "phone": None,
            "joined_at": "2026-01-15T10:00:33.000Z",
            "left_at": "2026-01-15T10:30:00.000Z",
        }
    ]


def test_events_in_any_order_make_the_same_presences() -> None:
    """Webhooks overtake each other; rejoins keep their own ends as long as the ends do not cross."""
    first = [JOINED, LEFT]
    again = [event("participant_joined", "10:40:00"), event("participant_left", "10:50:00")]
    whole = [("person", "10:00:33", "10:30:00"), ("person", "10:40:00", "10:50:00")]
    assert stays(first + again) == whole
    assert stays(first[::-1] + again[::-1]) == whole
    assert stays([first[0], again[0], first[1], again[1]]) == whole
    assert stays([again[1], first[1], again[0], first[0]]) == whole
    assert stays(again + first) == whole


def test_repeated_events_are_dropped() -> None:
    """Zoom sends an event again when the receiver was slow; a second end would otherwise seem a second visit."""
    reading = read_feed("zoom", [JOINED, JOINED, LEFT, LEFT, {**JOINED, "event_ts": 1768471999000}])
    assert len(list(reading)) == 1
    assert reading.report.skipped == {"repeats another event": 3}


def test_an_end_that_never_came() -> None:
    """The row is open, as the rules know it."""
    assert stays([JOINED]) == [("person", "10:00:33", None)]


def test_the_end_of_the_meeting_ends_all_stays() -> None:
    """Without an event of leaving, nobody stayed beyond the meeting; a later end that comes still counts."""
    assert stays([JOINED, ended("10:45:00")]) == [("person", "10:00:33", "10:45:00")]
    assert stays([ended("10:45:00"), JOINED]) == [("person", "10:00:33", "10:45:00")]
    assert stays([JOINED, ended("10:45:00"), LEFT]) == [("person", "10:00:33", "10:30:00")]


def test_a_beginning_that_never_came() -> None:
    """The row has its end alone."""
    assert stays([LEFT]) == [("person", None, "10:30:00")]


def test_an_end_before_a_beginning_is_not_its_end() -> None:
    """A stay whose beginning was lost does not swallow the next one."""
    late = event("participant_joined", "10:40:00")
    assert stays([LEFT, late]) == [("person", None, "10:30:00"), ("person", "10:40:00", None)]


def test_people_and_instances_are_kept_apart() -> None:
    """Two people, and two instances of one recurring meeting, never lend each other an end."""
    bob: dict[str, Any] = {"participant_uuid": "BOB", "user_id": "2", "user_name": "Bob", "email": ""}
    assert stays([JOINED, event("participant_left", "10:20:00", **bob)]) == [
        ("person", "10:00:33", None),
        ("person", None, "10:20:00"),
    ]
    other = json.loads(json.dumps(LEFT))
    other["payload"]["object"]["uuid"] = "another instance"
    assert len(stays([JOINED, other])) == 2


def test_older_payloads_are_paired_by_user_id() -> None:
    """They have no participant_uuid."""
    old: dict[str, Any] = {"participant_uuid": None, "id": ""}
    pair = [event("participant_joined", "10:00:33", **old), event("participant_left", "10:30:00", **old)]
    assert stays(pair) == [("person", "10:00:33", "10:30:00")]


def test_what_one_half_lacks_is_in_the_other() -> None:
    """Zoom gives the address in some events and blanks it in others."""
    blank = event("participant_joined", "10:00:33", email="")
    assert rows_of([blank, LEFT])[0]["email"] == "jchill@example.com"
    dialled = event("participant_joined", "10:00:33", user_name="16505550100", email="")
    assert rows_of([dialled])[0]["phone"] == "16505550100"


def test_waiting_rooms_are_the_lobby() -> None:
    """Waiting, also for the host, is a stay of its own; being let in ends it."""
    events = [
        event("participant_joined_waiting_room", "09:58:00"),
        event("participant_admitted", "10:00:30"),
        event("participant_joined", "10:00:33", user_id="16778999"),
        event("participant_put_in_waiting_room", "10:10:00"),
        event("participant_left_waiting_room", "10:11:00"),
        event("participant_left", "10:30:00", user_id="16778999"),
    ]
    assert stays(events) == [
        ("lobby", "09:58:00", "10:00:30"),
        ("person", "10:00:33", "10:30:00"),
        ("lobby", "10:10:00", "10:11:00"),
    ]


def test_events_without_a_time_have_that_of_their_sending() -> None:
    """The event of waiting for the host has none."""
    events = [
        event("participant_jbh_waiting", event_ts=1768471233000),
        event("participant_jbh_waiting_left", event_ts=1768471243000),
    ]
    assert stays(events) == [("lobby", "10:00:33", "10:00:43")]


def test_joining_before_the_host_is_a_trace() -> None:
    """Where no event of joining comes beside it, before or behind, somebody was there, for no known length."""
    before = event("participant_jbh_joined")
    assert stays([before]) == [("person", "10:00:33", "10:00:33")]
    assert stays([before, JOINED, LEFT]) == stays([JOINED, LEFT, before]) == [("person", "10:00:33", "10:30:00")]
    other = event("participant_jbh_joined", participant_uuid="BOB", user_id="2", user_name="Bob Barker", email="")
    other["payload"]["object"]["participant"]["participant_user_id"] = ""
    assert [row["name"] for row in rows_of([other, JOINED, LEFT])] == ["Jill Chill", "Bob Barker"]


def test_joining_before_host_falls_back_to_meeting_start() -> None:
    """Such a table keeps event and payload alone; a person who joined so is in doubt, rather than the feed refused."""
    before = {key: value for key, value in event("participant_jbh_joined").items() if key != "event_ts"}
    assert stays([before]) == [("person", "10:00:00", "10:00:00")]
    waits = {key: value for key, value in event("participant_jbh_waiting").items() if key != "event_ts"}
    assert stays([waits]) == [("lobby", "10:00:00", None)]
    del before["payload"]["object"]["start_time"]
    assert stays([before, JOINED, LEFT]) == [("person", "10:00:33", "10:30:00")]
    with pytest.raises(FeedUnreadable, match="lacks a time"):
        rows_of([before])


@pytest.mark.parametrize(
    "name", ["sharing_started", "participant_role_changed", "participant_bind", "participant_feedback", "brand_new"]
)
def test_who_is_known_by_another_event_only_was_there(name: str) -> None:
    """A receiver may lose the event of joining, or not subscribe to it: that is a doubt, not an absence."""
    guest: dict[str, Any] = {
        "participant_uuid": "BOB",
        "user_id": "2",
        "user_name": "Bob",
        "email": "",
        "participant_user_id": "",
    }
    trace = event(name, **guest)
    assert [(row["name"], row["joined_at"] == row["left_at"]) for row in rows_of([trace])] == [("Bob", True)]
    assert len(rows_of([trace, JOINED, LEFT])) == 2
    assert len(rows_of([trace, event("participant_left", "10:30:00", **guest)])) == 1


def test_who_wrote_a_message_was_there() -> None:
    """The event has its sender in another place than a participant."""
    message = {"date_time": "2026-01-15T10:05:00Z", "sender_name": "Jill Chill", "sender_email": "jchill@example.com"}
    sent = event("chat_message_sent")
    sent["payload"]["object"] = {"id": int(MEETING), "uuid": "u", "chat_message": message}
    (row,) = rows_of([sent])
    assert (row["conference_key"], row["email"], row["joined_at"]) == (
        KEY,
        "jchill@example.com",
        "2026-01-15T10:05:00.000Z",
    )


def test_breakout_rooms_are_stays_of_their_own() -> None:
    """Leaving one does not end the stay in the meeting."""
    events = [
        JOINED,
        event("participant_joined_breakout_room", "10:05:00"),
        event("participant_left_breakout_room", "10:15:00"),
        LEFT,
    ]
    assert stays(events) == [("person", "10:00:33", "10:30:00"), ("person", "10:05:00", "10:15:00")]


def test_only_events_of_nobody_are_left_out() -> None:
    """A receiver stores all that Zoom sends; what is left out is on a closed list of events without a presence."""
    of_nobody = [
        event("started"),
        event("registration_created"),
        event("participant_phone_callout_missed"),
        {"event": "endpoint.url_validation", "payload": {}},
        {"event": "recording.completed", "payload": {"object": {}}},
    ]
    reading = read_feed("zoom", [JOINED, *of_nobody, {**JOINED, "event": "webinar.participant_joined"}, LEFT])
    assert len(list(reading)) == 1
    assert reading.report.skipped == {"an event without a presence": 5, "repeats another event": 1}


@pytest.mark.parametrize(
    "body",
    [
        {**JOINED, "event": "participant_joined"},
        {**JOINED, "event": "meeting_participant_joined"},
        {**JOINED, "event": ""},
        {**JOINED, "event": None},
        {"event": "meeting.brand_new", "payload": {"object": {"id": MEETING, "uuid": "u"}}},
        {"event": "session.user_joined", "payload": {"object": {"user": {"name": "Jill Chill"}}}},
    ],
)
def test_unknown_events_are_unreadable(body: dict[str, Any]) -> None:
    """What is not on the list may be somebody's joining under another name."""
    with pytest.raises(FeedUnreadable, match="event"):
        rows_of([body])


def test_two_guests_without_an_id_are_not_one_repeated() -> None:
    """Both are shown as iPhone and join in the same second; to drop the second would lose a guest."""
    guest: dict[str, Any] = {"participant_uuid": None, "user_id": None, "id": "", "email": "", "user_name": "iPhone"}
    pair = [event("participant_joined", "10:00:33", **guest), event("participant_left", "10:30:00", **guest)]
    assert len(rows_of([*pair, *pair])) == 2


def test_an_id_that_is_used_again_joins_no_two_people() -> None:
    """Zoom numbers participants anew in each meeting: with a lost end, the next one's end is not the first one's."""
    ann = event("participant_joined", "10:00:33", email="ann@example.org", user_name="Ann Archer")
    bob = event("participant_left", "10:30:00", email="bob@example.org", user_name="Bob Barker")
    assert [(row["name"], row["joined_at"] is None) for row in rows_of([ann, bob])] == [
        ("Bob Barker", True),
        ("Ann Archer", False),
    ]
    later = event("participant_left", "10:30:00", email="")
    later["payload"]["object"]["participant"]["leave_time"] = "2026-01-22T10:30:00Z"
    assert len(rows_of([ann, later])) == 2


def test_who_was_renamed_in_the_meeting_keeps_both_names() -> None:
    """The device's name when joining says nobody's; of two people's names, neither is dropped."""
    named: dict[str, Any] = {"email": "", "user_name": "iPhone"}
    assert rows_of([event("participant_joined", "10:00:33", **named), LEFT])[0]["name"] == "Jill Chill"
    assert rows_of([JOINED, event("participant_left", "10:30:00", user_name="Bob Barker")])[0]["name"] == (
        "Bob Barker (Jill Chill)"
    )


@pytest.mark.parametrize(
    "flat",
    [
        {
            "EVENT": "meeting.participant_joined",
            "EVENT_TS": 1768471233000,
            "PAYLOAD": json.dumps(JOINED["payload"]),
        },
        {
            "event": "meeting.participant_joined",
            "payload__object__id": MEETING,
            "payload__object__uuid": "4444AAAiAAAAAiAiAiiAii==",
            "payload__object__participant__participant_uuid": "55555AAAiAAAAAiAiAiiAii",
            "payload__object__participant__user_name": "Jill Chill",
            "payload__object__participant__join_time": "2026-01-15T10:00:33Z",
        },
    ],
)
def test_events_as_a_warehouse_has_them(flat: dict[str, Any]) -> None:
    """The payload may be JSON text, or flattened into columns."""
    assert stays([flat, LEFT]) == [("person", "10:00:33", "10:30:00")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"event": "meeting.participant_joined", "event_ts": 1768471233000}, r"payload\.object\.uuid"),
        (
            {"event": "meeting.participant_joined", "event_ts": 1, "payload": {"object": {"uuid": "u"}}},
            "participant_uuid",
        ),
        ({**event("participant_joined"), "event_ts": None}, "join_time and event_ts"),
        (event("participant_joined", "25:00:00"), "not an existing time"),
    ],
)
def test_events_with_parts_missing_are_unreadable(body: dict[str, Any], named: str) -> None:
    """The error names what the event lacks."""
    with pytest.raises(FeedUnreadable, match=named):
        rows_of([body])


def test_only_open_stays_are_held() -> None:
    """The memory for a year of events is that for the people who are in a meeting now."""

    def year() -> Any:
        for number in range(750):
            who: dict[str, Any] = {"participant_uuid": str(number)}
            yield event("participant_joined", "10:00:33", **who)
            yield event("participant_left", "10:30:00", **who)

    reading = iter(read_feed("zoom", year()))
    for _ in itertools.islice(reading, 250):
        pass
    tracemalloc.start()
    assert sum(1 for _ in reading) == 500
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Some 500 bytes of each of 1,000 events are remembered to know a repeat by; held events take twice that.
    assert peak < 750_000


def test_stays_held_too_long_are_given_up() -> None:
    """Beyond the limit the oldest is taken to stay alone, rather than growing without end."""
    from airflow_provider_calcom.attendance.feeds import FeedOptions, Record, feed_named
    from airflow_provider_calcom.attendance.feeds.zoom.events import ZoomEvents

    pairer = SessionPairer(most_open=2, remembered=2)
    feed: Any = feed_named("zoom")
    events = ZoomEvents(feed, pairer)
    given = [
        [row["name"] for row in events.rows_of(Record(body, FeedOptions()))]
        for body in (event("participant_joined", "10:00:33", participant_uuid=name, user_name=name) for name in "ABCA")
    ]
    assert given == [[], [], ["A"], ["B"]]
    assert sorted(row["name"] or "" for row in pairer.flush()) == ["A", "C"]


# Exports.

EXPORT = (
    "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest,Recording Consent,In Waiting Room\n"
    "Olivia Owner,olivia@clinic.example,01/15/2026 09:58:10 AM,01/15/2026 10:31:40 AM,34,No,,No\n"
    '"Adams, Amy (Amy)",,01/15/2026 09:59:02 AM,01/15/2026 10:00:00 AM,1,Yes,,Yes\n'
    '"Adams, Amy (Amy)",,01/15/2026 10:00:00 AM,01/15/2026 10:30:02 AM,31,Yes,Y,No\n'
)
ABOUT = (
    "Meeting ID,Topic,Start Time,End Time,User Email,Duration (Minutes),Participants,\n"
    "845 1234 5678,Intake,01/15/2026 09:58:10 AM,01/15/2026 10:31:40 AM,olivia@clinic.example,34,2,\n\n"
)


def written(folder: Path, text: str, name: str = "participants_84512345678.csv") -> Path:
    path = folder / name
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    return path


def test_the_export_of_a_meeting(tmp_path: Path) -> None:
    """Local times in the account's zone, blank addresses of guests, and the waiting room as a column."""
    rows = rows_of(written(tmp_path, EXPORT), zone="Europe/Berlin", conference_key=MEETING)
    assert [(row["kind"], row["name"], row["email"], row["joined_at"]) for row in rows] == [
        ("person", "Olivia Owner", "olivia@clinic.example", "2026-01-15T08:58:10.000Z"),
        ("lobby", "Adams, Amy", None, "2026-01-15T08:59:02.000Z"),
        ("person", "Adams, Amy", None, "2026-01-15T09:00:00.000Z"),
    ]
    assert {row["conference_key"] for row in rows} == {KEY}


def test_the_export_that_begins_with_the_meeting(tmp_path: Path) -> None:
    """The meeting's own line gives the key, and the host's address there is nobody else's."""
    rows = rows_of(written(tmp_path, ABOUT + EXPORT), zone="Europe/Berlin")
    assert [(row["conference_key"], row["email"]) for row in rows] == [
        (KEY, "olivia@clinic.example"),
        (KEY, None),
        (KEY, None),
    ]


def test_the_newer_export_that_begins_with_the_meeting(tmp_path: Path) -> None:
    """It calls the columns otherwise."""
    text = (
        "Topic,ID,Host name,Host email,Start time,End time,Participants,Duration (minutes)\n"
        "Intake,845 1234 5678,Olivia Owner,olivia@clinic.example,01/15/2026 09:58:10 AM,01/15/2026 10:31:40 AM,2,34\n"
        "\n"
        "Name (original name),Email,Join time,Leave time,Duration (minutes),Guest,In waiting room\n"
        "Amy Adams,amy@example.com,01/15/2026 10:00:00 AM,01/15/2026 10:30:02 AM,31,Yes,No\n"
    )
    (row,) = rows_of(written(tmp_path, text), zone="Europe/Berlin")
    assert (row["conference_key"], row["name"], row["email"]) == (KEY, "Amy Adams", "amy@example.com")


def test_exports_of_several_meetings_in_one_file(tmp_path: Path) -> None:
    """Each meeting's line is for the participants behind it."""
    text = ABOUT + EXPORT + "\n" + ABOUT.replace("845", "911") + EXPORT
    rows = rows_of(written(tmp_path, text), zone="Europe/Berlin")
    assert [row["conference_key"] for row in rows] == [KEY] * 3 + ["zoom:91112345678"] * 3


def test_a_table_behind_another_is_not_of_the_same_meeting(tmp_path: Path) -> None:
    """Files were put one behind another, and the second one does not say which meeting it is of."""
    with pytest.raises(FeedUnreadable, match="row 9: the record names no meeting, while others of the feed do"):
        rows_of(written(tmp_path, ABOUT + EXPORT + EXPORT), zone="UTC")


MANY = (
    "Topic,Meeting ID,User Name,User Email,Start Time,End Time,Duration (Minutes),Participants,"
    "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest,In Waiting Room\n"
    "Intake,845 1234 5678,Olivia Owner,olivia@clinic.example,15/01/2026 09:58,15/01/2026 10:31,34,2,"
    "Amy Adams,{email},15/01/2026 10:00,15/01/2026 10:30,30,Yes,No\n"
)


@pytest.mark.parametrize("email", ["amy@example.com", ""])
def test_the_export_of_all_meetings_has_the_host_in_each_row(tmp_path: Path, email: str) -> None:
    """The host's name and address are never read as the participant's, also where the latter is blank."""
    (row,) = rows_of(written(tmp_path, MANY.format(email=email)), zone="UTC")
    assert (row["name"], row["email"], row["conference_key"]) == ("Amy Adams", email or None, KEY)


@pytest.mark.parametrize(("first", "second"), [("User_Email_1", "User_Email_2"), ("User Email", "User Email.1")])
@pytest.mark.parametrize("email", ["amy@example.com", None])
def test_loaders_number_the_two_columns(first: str, second: str, email: str | None) -> None:
    """A table cannot have two columns of one name, so that the participant's address is the second."""
    record = {
        "MeetingID": "845 1234 5678",
        "User_Name": "Olivia Owner",
        first: "olivia@clinic.example",
        "NameOriginalName": "Amy Adams",
        second: email,
        "Join_Time": "15/01/2026 10:00",
        "Leave_Time": "15/01/2026 10:30",
    }
    (row,) = rows_of([record], zone="UTC")
    assert (row["name"], row["email"], row["conference_key"]) == ("Amy Adams", email, KEY)


def test_in_an_unusual_order_of_columns_neither_address_is_taken(tmp_path: Path) -> None:
    """Only the place shows whose a column of the export is: somebody may have moved them in a spreadsheet."""
    lines = [line.split(",") for line in MANY.format(email="amy@example.com").splitlines()]
    header = next(line for line in lines if line.count("User Email") == 2)
    host, own = (at for at, name in enumerate(header) if name == "User Email")
    for order in ([own, host], [host, own]):
        kept = [at for at in range(len(header)) if at not in order]
        for moved in ([*order, *kept], [*kept, *order], [order[0], *kept, order[1]]):
            text = "\n".join(",".join(line[at] for at in moved) for line in lines)
            (row,) = rows_of(written(tmp_path, text + "\n"), zone="UTC")
            assert (row["name"], row["email"]) == ("Amy Adams", None)


def test_an_export_without_a_zone_says_how_to_give_one(tmp_path: Path) -> None:
    """The file doesn't have it, so nothing is assumed."""
    with pytest.raises(
        FeedUnreadable, match=r"participants_84512345678\.csv, row 5, column Join Time: has no time zone"
    ):
        rows_of(written(tmp_path, ABOUT + EXPORT))


def test_days_and_months_that_can_be_mistaken(tmp_path: Path) -> None:
    """A file of the 3rd of April is not guessed at, and read in the account's order."""
    path = written(tmp_path, EXPORT.replace("01/15/", "03/04/"))
    with pytest.raises(FeedUnreadable, match="date_format as day_first or month_first"):
        rows_of(path, zone="UTC")
    assert rows_of(path, zone="UTC", date_format="day_first")[0]["joined_at"] == "2026-04-03T09:58:10.000Z"


def test_an_export_of_unique_users_is_refused(tmp_path: Path) -> None:
    """It has the sum of minutes and no times; the error says what to export."""
    text = "Name (Original Name),User Email,Total Duration (Minutes),Guest\nAmy Adams,amy@example.com,31,Yes\n"
    with pytest.raises(FeedUnreadable, match=r"lacks Join Time.*without unique users"):
        rows_of(written(tmp_path, text), zone="UTC")


def test_an_export_without_participants_is_refused(tmp_path: Path) -> None:
    """A file that was cut behind the meeting's line is not an empty meeting."""
    with pytest.raises(FeedUnreadable, match="no table of participants"):
        rows_of(written(tmp_path, ABOUT), zone="UTC")


def test_an_unknown_word_for_the_waiting_room_is_unreadable(tmp_path: Path) -> None:
    """In a meeting or not is not guessed."""
    with pytest.raises(FeedUnreadable, match="column In Waiting Room: is neither Yes nor No"):
        rows_of(written(tmp_path, EXPORT.replace(",No\n", ",Perhaps\n")), zone="UTC")


@pytest.mark.parametrize("cut", [1, 12, 40])
def test_an_export_that_ends_within_a_line_is_refused(tmp_path: Path, cut: int) -> None:
    """It was cut: people on the lines that are missing would look absent."""
    with pytest.raises(FeedUnreadable, match="ends within a line, so it was cut"):
        rows_of(written(tmp_path, EXPORT.rstrip("\n")[:-cut]), zone="UTC", max_unreadable=1)
    assert len(rows_of(written(tmp_path, EXPORT.rstrip("\n")), zone="UTC")) == len(EXPORT.splitlines()) - 1


# Which column is the participant's.

HOST = "olivia@clinic.example"


@pytest.mark.parametrize(
    ("columns", "name", "email"),
    [
        (
            {"user_name": "Olivia", "user_email": HOST, "participant_name": "Amy", "participant_email": "a@x.example"},
            *("Amy", "a@x.example"),
        ),
        ({"user_name": "Olivia", "user_email": HOST, "Participant Name": "Amy"}, "Amy", None),
        ({"user_name": "Olivia", "user_email": HOST, "attendee_email": "a@x.example"}, None, "a@x.example"),
        ({"Participant": "Amy", "Email": "a@x.example"}, "Amy", "a@x.example"),
    ],
)
def test_columns_that_say_that_they_are_the_participants(columns: Any, name: str | None, email: str | None) -> None:
    """Beside them, those that do not say so are the host's."""
    (row,) = rows_of([{**columns, "join_time": "2026-01-15T10:00:33Z", "meeting_id": MEETING}])
    assert (row["name"], row["email"]) == (name, email)


def test_a_table_below_another_names_its_meeting() -> None:
    """Stitch puts the keys of the meeting's table into the one of its participants."""
    (row,) = rows_of([{**REPORT, "_sdc_source_key_meeting_id": MEETING, "_sdc_level_0_id": 0}])
    assert row["conference_key"] == KEY


TIMES = {"Join Time": "15/01/2026 10:00", "Leave Time": "15/01/2026 10:30"}


def of_all_meetings(first: str, second: str, email: str | None) -> dict[str, Any]:
    """A row of the export of all meetings, as a loader landed it, with its names of the two columns User Email."""
    about = {"Topic": "Intake", "Meeting ID": "845 1234 5678", "User Name": "Olivia Owner", first: HOST}
    return {**about, "Name (Original Name)": "Amy", second: email, **TIMES, "Guest": "Yes"}


@pytest.mark.parametrize("email", ["amy@example.com", None])
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("User Email", "User Email_duplicated_0"),  # polars
        ("User Email", "User Email.1"),  # pandas
        ("User Email", "User Email_1"),  # DuckDB, Snowflake
        ("User_Email", "User_Email_1"),  # BigQuery
        ("User Email", "User Email2"),  # Excel
        ("User Email3", "User Email9"),  # Spark
        ("User Email...4", "User Email...10"),  # readr
        ("User Email", "User Email_01"),
    ],
)
def test_the_participants_address_under_the_names_that_loaders_give(
    first: str, second: str, in_order: bool, email: str | None
) -> None:
    """Its column is the second of the two, by place or by number; the host's never replaces it, also if blank."""
    record = of_all_meetings(first, second, email)
    record = record if in_order else dict(sorted(record.items()))
    (row,) = rows_of([record], zone="UTC")
    assert (row["name"], row["email"], row["conference_key"]) == ("Amy", email, KEY)


@pytest.mark.parametrize(
    "record",
    [
        # Which of the two is first is not known in another order than the export's.
        dict(sorted(of_all_meetings("User Email", "User Email_right", "amy@example.com").items())),
        # A loader kept the first of the two alone.
        {key: value for key, value in of_all_meetings("User Email", "left out", None).items() if key != "left out"},
        # A table that was joined with one of users.
        {**AIRBYTE, "user_email": "", "user_email_1": HOST},
        {**AIRBYTE, "user_email": "jill@example.com", "user_email_1": HOST},
        {**AIRBYTE, "user_email": "", "email": HOST},
        {**DASHBOARD, "email": "", "user_email": HOST},
        {**AIRBYTE, "user_email": None, "host_email": HOST},
    ],
)
def test_an_address_that_may_be_another_persons_is_not_taken(record: dict[str, Any]) -> None:
    """With two candidates, neither is: a false address would be a false absence of the guest."""
    assert [row["email"] for row in rows_of([record], zone="UTC")] == [None]


def test_the_option_columns_decides_between_two_columns() -> None:
    """What does not follow from the names, the user can say."""
    record = {**AIRBYTE, "user_email": "jill@example.com", "user_email_1": HOST}
    assert rows_of([record], columns={"email": "user_email"})[0]["email"] == "jill@example.com"


def test_tables_of_the_report_and_the_dashboard_in_one() -> None:
    """The address is the one of the name's pair; that of the other answer is null."""
    report = {**AIRBYTE, "user_name": None, "email": None}
    dashboard = {**DASHBOARD, "meeting_id": MEETING, "name": None, "user_email": None}
    assert [row["email"] for row in rows_of([report, dashboard])] == ["jchill@example.com"] * 2
    assert [row["name"] for row in rows_of([report, dashboard])] == ["Jill Chill"] * 2


def test_two_names_that_differ_are_nobodys() -> None:
    """In a table that was joined with users one of them is the host's; the row then is an unknown participant's."""
    assert rows_of([{**AIRBYTE, "user_name": "Olivia Owner"}])[0]["name"] is None
    assert rows_of([{**AIRBYTE, "name": "", "user_name": "Olivia Owner"}])[0]["name"] is None
    assert rows_of([{**AIRBYTE, "user_name": "Jill Chill"}])[0]["name"] == "Jill Chill"


# Who somebody is.


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("iPhone (Ann Archer)", "Ann Archer"),
        ("Ann Archer (iPhone)", "Ann Archer"),
        ("Galaxy S21 (Ann Archer)", "Ann Archer"),
        ("Ann's iPad (Ann Archer)", "Ann Archer"),
        ("Ann Archer (Host)", "Ann Archer"),
        ("Ann (Ann Archer)", "Ann Archer"),
        ("Archer, Ann (Ann Archer)", "Ann Archer"),
        ("Dr. Ann Archer (Ann Archer)", "Dr. Ann Archer"),
        # Each of the two may have been there, and neither may be blamed.
        ("Ann Archer (Bob Barker)", "Ann Archer (Bob Barker)"),
        ("Bob (Ann Archer)", "Bob (Ann Archer)"),
        ("Bob's iPad (Ann Archer)", "Bob's iPad (Ann Archer)"),
        ("Max (Ann Archer)", "Max (Ann Archer)"),
        ("Ann Archer's iPad (Bob Ann Lee)", "Ann Archer's iPad (Bob Ann Lee)"),
        # No second name.
        ("Ann (Annie) Archer", "Ann (Annie) Archer"),
        ("Ann Archer ()", "Ann Archer ()"),
    ],
)
def test_shown_and_original_name(tmp_path: Path, text: str, kept: str) -> None:
    """Only what can't be a person's name is left out of the two; the rules look for people in what is kept."""
    (row,) = rows_of(written(tmp_path, EXPORT.splitlines()[0] + f'\n"{text}",,{NINE},1,Yes,,No\n'), zone="UTC")
    assert (row["name"], row["kind"]) == (kept, "person")


NINE = "01/15/2026 09:59:02 AM,01/15/2026 10:00:00 AM"


@pytest.mark.parametrize("text", ["Otter.ai (Ann Archer)", "Ann Archer (Ann's Notetaker)"])
def test_a_person_who_shares_a_row_with_a_bot_is_in_doubt(tmp_path: Path, text: str) -> None:
    """The whole text would be a bot's and the person absent; the person's name alone would be a presence."""
    (row,) = rows_of(written(tmp_path, EXPORT.splitlines()[0] + f'\n"{text}",,{NINE},1,Yes,,No\n'), zone="UTC")
    assert (row["name"], row["kind"]) == ("Ann Archer", "lobby")


def test_an_answer_of_the_api_has_one_name() -> None:
    """The part in parentheses was typed by its person, or is of the device."""
    assert rows_of([{**AIRBYTE, "name": "Ann Archer (Acme)"}])[0]["name"] == "Ann Archer (Acme)"
    assert rows_of([{**AIRBYTE, "name": "iPhone", "original_name": "Ann Archer"}])[0]["name"] == "Ann Archer"


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({"registrant_email": "jill@home.example"}, {"email": "jill@home.example"}),
        ({"registrant": {"email": "jill@home.example"}}, {"email": "jill@home.example"}),
        ({"registrant_first_name": "Jill", "registrant_last_name": "Chill"}, {"name": "Jill Chill"}),
        ({"registrant": '{"first_name": "Jill", "last_name": "Chill"}'}, {"name": "Jill Chill"}),
        ({"phone_number": "+1 650***0100", "registrant_phone": "+16505550100"}, {"phone": "+16505550100"}),
        ({"name": "Jill (16505550100)"}, {"name": "Jill (16505550100)", "phone": "16505550100"}),
        ({"first_name": "Olivia", "last_name": "Owner"}, {"name": "iPhone"}),
    ],
)
def test_what_a_registration_has_of_a_guest(more: dict[str, Any], known: dict[str, str]) -> None:
    """A guest's own fields are blanked, and those of the registration are not."""
    (row,) = rows_of([{**AIRBYTE, "name": "iPhone", "user_email": "", **more}])
    assert {field: row[field] for field in known} == known


@pytest.mark.parametrize(
    ("ids", "participant"),
    [
        ({"registrant_id": "R1", "participant_user_id": "U1"}, "R1"),
        ({"registrant_id": "", "participant_user_id": "U1"}, "U1"),
        ({"registrant_id": None, "participant_user_id": ""}, None),
        ({"registrant_id": None, "participant_user_id": None, "id": "U1"}, None),
        ({"registrant_id": None, "participant_user_id": None, "participant_uuid": "P1"}, None),
        ({"registrant_id": "", "participant_user_id": "U1", "device": "Zoom Rooms"}, None),
        ({"registrant_id": "", "participant_user_id": "U1", "in_room_participants": 2}, None),
    ],
)
def test_the_id_that_stays_with_a_person(ids: dict[str, Any], participant: str | None) -> None:
    """A registration or an account; not what changes when somebody joins again, nor the account of a room."""
    assert rows_of([{**AIRBYTE, **ids}])[0]["participant"] == participant


def test_more_people_in_a_zoom_room_than_its_one_row() -> None:
    """Somebody who is not named was there, so that nobody is blamed for this meeting."""
    room = {**DASHBOARD, "device": "Zoom Rooms", "user_name": "Room 1", "email": "", "meeting_id": MEETING}
    seen, unseen = rows_of([room])
    assert (seen["kind"], seen["name"]) == ("person", "Room 1")
    assert (unseen["kind"], unseen["name"], unseen["conference_key"]) == ("lobby", None, KEY)
    assert len(rows_of([{**room, "in_room_participants": 1}])) == 1


# Times and meetings.


@pytest.mark.parametrize(
    ("times", "stay"),
    [
        ({"join_time": "", "duration": 600}, ("10:20:00", "10:30:00")),
        ({"leave_time": None, "duration": 600}, ("10:00:33", "10:10:33")),
        ({"join_time": None, "duration": None}, (None, "10:30:00")),
        (
            {"join_time": "2026-01-15 11:00:00", "Join Time (UTC)": "2026-01-15 10:00:33"},
            ("10:00:33", "10:30:00"),
        ),
    ],
)
def test_what_is_known_of_a_stay(times: dict[str, Any], stay: tuple[str | None, str]) -> None:
    """A missing beginning or end follows from the length; a column that is in UTC by its name needs no zone."""
    (row,) = rows_of([{**AIRBYTE, **times}])
    assert tuple(at and at[11:19] for at in (row["joined_at"], row["left_at"])) == stay


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"join_time": None, "leave_time": ""}, "join_time: is blank, and so is the time of leaving"),
        ({"join_time": "0001-01-01T00:00:00Z"}, "impossible year"),
        ({"joinTime": "2026-01-15T10:05:33Z"}, "more than once|several such columns"),
        ({"status": "in_somewhere"}, "neither in_meeting nor in_waiting_room"),
        ({"meeting_id": "four"}, "column meeting_id: is not a meeting number. Set the option conference_keys"),
        ({"meeting_id": "8.4512E+10"}, "is not a meeting number"),
    ],
)
def test_what_would_lose_somebody_is_unreadable(change: dict[str, Any], named: str) -> None:
    """A row without times is left out by the rules, and one of no meeting is missing in its own."""
    with pytest.raises(FeedUnreadable, match=named):
        rows_of([{**AIRBYTE, **change}])


def test_a_record_without_a_meeting_beside_others() -> None:
    """The guest in it would be missing in the meeting; where no record names one, nobody is judged by them."""
    lost = {key: value for key, value in AIRBYTE.items() if key not in ("meeting_id", "meeting_uuid")}
    with pytest.raises(FeedUnreadable, match="row 2: the record names no meeting, while others of the feed do"):
        rows_of([AIRBYTE, lost])
    assert [row["conference_key"] for row in rows_of([lost, lost])] == [None, None]
    assert [row["conference_key"] for row in rows_of([AIRBYTE, lost], conference_key=MEETING)] == [KEY, KEY]


@pytest.mark.parametrize(
    "page",
    [
        {"uuid": "u1==", "id": int(MEETING), "topic": "Intake", "participants": [REPORT]},
        {"meetings": [{"uuid": "u1==", "id": int(MEETING), "participants": [REPORT]}]},
        {"meeting": {"id": int(MEETING), "uuid": "u1=="}, "participants": [REPORT]},
        {"webinar_id": MEETING, "participants": [REPORT]},
        {"id": 17, "meeting_id": MEETING, "participants": [REPORT]},
    ],
)
def test_a_meeting_with_its_participants(page: dict[str, Any]) -> None:
    """The id beside participants is the meeting's, while the one of a participant is not."""
    assert [row["conference_key"] for row in rows_of(page)] == [KEY]


def test_a_meetings_uuid_beside_its_participants_is_looked_up() -> None:
    """Also where a program wrote it as the API wants it in a URL; an id of one's own beside it is not in the way."""
    page = {"id": 17, "uuid": "/a+b==", "participants": [REPORT]}
    assert [row["conference_key"] for row in rows_of(page, conference_keys={"%252Fa%252Bb%253D%253D": MEETING})] == [
        KEY
    ]


# Exports in other languages, with lines around, and of webinars.


@pytest.mark.parametrize(
    "text",
    [
        "Nome (nome original),E-mail,Ingressar na hora,Hora de saída,Duração (minutos),Convidado,Na sala de espera\n"
        "Amy Adams,amy@example.com,{times},30,Sim,Não\n",
        "Nombre (nombre original);E-mail del usuario;Hora para unirse;Hora para salir;Duración (minutos);Invitado\n"
        "Amy Adams;amy@example.com;{times};30;Sí\n",
        "Nombre (nombre original),Correo electrónico,Hora de entrada,Hora de salida,Duración (minutos),Invitado\n"
        "Amy Adams,amy@example.com,{times},30,Sí\n",
        "Nom (nom original),Adresse e-mail de l’utilisateur,Heure d'arrivée,Heure de départ,Durée (minutes),Invité\n"  # noqa: RUF001
        "Amy Adams,amy@example.com,{times},30,Oui\n",
        "Nome (nome originale),E-mail,Ora di ingresso,Ora di uscita,Durata (minuti),Guest,In sala d’attesa\n"  # noqa: RUF001
        "Amy Adams,amy@example.com,{times},30,Sì,No\n",
        "이름(원래 이름),사용자 이메일,참가 시간,나간 시간,기간(분),게스트\nAmy Adams,amy@example.com,{times},30,예\n",
        "Name (ursprünglicher Name);E-Mail;Beitrittszeit;Austrittszeit;Dauer (Minuten);Gast\n"
        "Amy Adams;amy@example.com;{times};30;Ja\n",
        "Имя (настоящее имя),Email,Время входа,Время выхода,Продолжительность (минуты)\n"
        "Amy Adams,amy@example.com,{times},30\n",
        "Tên (Tên gốc),Email người dùng,Thời gian vào,Thời gian ra,Thời gian (Phút)\n"
        "Amy Adams,amy@example.com,{times},30\n",
        "Nama (nama asli),Email,Waktu bergabung,Waktu keluar,Durasi (menit),Tamu\n"
        "Amy Adams,amy@example.com,{times},30,Ya\n",
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_exports_in_other_languages(tmp_path: Path, text: str, form: Literal["NFC", "NFD"]) -> None:
    """Read as they are, in either spelling of accents, and also where a loader has made records of them."""
    mark = ";" if ";" in text else ","
    times = mark.join(["15/01/2026 10:00:33", "15/01/2026 10:30:00"])
    path = written(tmp_path, unicodedata.normalize(form, text.format(times=times)))
    header, values = (line.split(mark) for line in text.format(times=times).splitlines())
    for source in (path, [dict(zip(header, values, strict=True))]):
        (row,) = rows_of(source, zone="UTC", date_format="day_first")
        assert (row["kind"], row["name"], row["email"]) == ("person", "Amy Adams", "amy@example.com")
        assert (row["joined_at"], row["left_at"]) == ("2026-01-15T10:00:33.000Z", "2026-01-15T10:30:00.000Z")


@pytest.mark.parametrize(
    ("column", "answer", "kind"),
    [
        ("En sala de espera", "Sí", "lobby"),
        ("In sala d'attesa", "Sì", "lobby"),
        ("Im Warteraum", "Ja", "lobby"),
        ("Na sala de espera", "Não", "person"),
        ("In Waiting Room", True, "lobby"),
        ("In Waiting Room", "", "person"),
    ],
)
def test_the_waiting_room_in_other_languages(column: str, answer: Any, kind: str) -> None:
    """Who only waited did not come."""
    record = {"Name (Original Name)": "Amy", **TIMES, column: answer}
    assert [row["kind"] for row in rows_of([record], zone="UTC")] == [kind]


UNKNOWN = "Nimi (algne nimi),E-post,Liitumisaeg,Lahkumisaeg\niPhone (Amy Adams),,15.01.2026 10:00,15.01.2026 10:30\n"
OWN = {"name": "Nimi (algne nimi)", "email": "E-post", "join_time": "Liitumisaeg", "left_at": "Lahkumisaeg"}


def test_an_export_in_a_language_that_is_not_known(tmp_path: Path) -> None:
    """The error shows the file's columns; the option ``columns`` names them, and lines may stand before them."""
    with pytest.raises(FeedUnreadable, match=r"The file has: Nimi \(algne nimi\), E-post, Liitumisaeg, Lahkumisaeg"):
        rows_of(written(tmp_path, UNKNOWN), zone="UTC")
    (row,) = rows_of(written(tmp_path, f"Osalejad,,,\n{UNKNOWN}"), zone="UTC", columns=OWN)
    assert (row["name"], row["left_at"]) == ("Amy Adams", "2026-01-15T10:30:00.000Z")


@pytest.mark.parametrize(
    "before",
    [
        "Meeting report,,\nTopic,Intake,\nMeeting ID:,845 1234 5678,\n,,\n",
        "sep=,\nMeeting ID,845 1234 5678\n",
        "Tópico,ID da reunião,Anfitrião,Duração (minutos)\nIntake,845 1234 5678,Olivia,30\n\n",
        "Argomento,ID,Organizzatore,Durata (minuti)\nIntake,845 1234 5678,Olivia,30\n",
        "".join(f"line {number},,\n" for number in range(40)) + "Meeting ID,845 1234 5678\n",
    ],
)
def test_lines_in_front_of_an_export(tmp_path: Path, before: str) -> None:
    """The header is the first line with its columns; the meeting's number before it is taken."""
    rows = rows_of(written(tmp_path, before + EXPORT), zone="UTC")
    assert [row["conference_key"] for row in rows] == [KEY] * 3


WEBINAR = """Attendee Report,,,,,,
Report Generated:,"Jan 16, 2026 6:26 PM",,,,,
Topic,Webinar ID,Actual Start Time,Actual Duration (minutes),# Registered,,
Intake,845 1234 5678,"Jan 15, 2026 10:00 AM",30,2,,
Host Details,,,,,,
Attended,User Name (Original Name),Email,Join Time,Leave Time,Time in Session (minutes),Is Guest
Yes,Olivia Owner,olivia@clinic.example,"Jan 15, 2026 09:58:27","Jan 15, 2026 10:31:19",33,No
Attendee Details,,,,,,
Attended,User Name (Original Name),First Name,Last Name,Email,Phone,Registration Time,Join Time,Leave Time
{amy}
No,Bob Baker,Bob,Baker,bob@example.org,,"Jan 14, 2026 10:00:00",--,--
Other Attended,,,
User Name,Join Time,Leave Time,Time in Session (minutes)
16505550100,"Jan 15, 2026 10:02:00","Jan 15, 2026 10:29:00",27
"""
AMY = 'Yes,iPhone,Amy,Adams,,,"Jan 14, 2026 10:00:00","Jan 15, 2026 10:00:33","Jan 15, 2026 10:30:00"'


@pytest.mark.parametrize("title", ["Other Attended", "Andere deelnemers"])
def test_a_webinars_report(tmp_path: Path, title: str) -> None:
    """Its sections are tables of their own; registrants who did not come are left out, by name of the reason."""
    text = WEBINAR.format(amy=AMY).replace("Other Attended", title)
    reading = read_feed("zoom", written(tmp_path, text), zone="UTC")
    assert [(row["name"], row["email"], row["phone"]) for row in reading] == [
        ("Olivia Owner", HOST, None),
        ("Amy Adams", None, None),
        ("16505550100", None, "16505550100"),
    ]
    assert reading.report.skipped == {"a registrant who did not come": 1}


@pytest.mark.parametrize(
    ("was", "becomes", "named"),
    [
        (AMY, "Yes,Amy,,,,,,--,--", "column Join Time: is not a time"),
        (AMY, "No" + AMY[3:], "says that somebody did not come"),
        (AMY, "Perhaps" + AMY[3:], "column Attended: is neither Yes nor No"),
        (AMY, ",Amy,,,,,,,", "is blank, and so is the time of leaving"),
        ("Attended,User Name (Original Name),First", "A,U,F", "in a section whose header is not known|neither Yes"),
        ("Other Attended,,,", "Otros,,,\nYes,,,", "in a section whose header is not known"),
    ],
)
def test_a_webinars_row_is_never_left_out_for_another_reason(
    tmp_path: Path, was: str, becomes: str, named: str
) -> None:
    """Only No without a time is known to be nobody's attendance."""
    text = WEBINAR.format(amy=AMY).replace(was, becomes)
    text = text.replace(",Join Time,Leave Time\n", ",J,L\n") if becomes == "A,U,F" else text
    with pytest.raises(FeedUnreadable, match=named):
        rows_of(written(tmp_path, text), zone="UTC")


def test_a_webinars_report_that_ends_behind_a_title(tmp_path: Path) -> None:
    """The section's people are missing, so the file was cut."""
    text = WEBINAR.format(amy=AMY).split("User Name,Join")[0]
    with pytest.raises(FeedUnreadable, match="ends behind a section's title"):
        rows_of(written(tmp_path, text), zone="UTC")
