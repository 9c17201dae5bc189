"""Google Meet's audit log and its REST API, in the shapes that Google and loaders give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedReport, FeedUnreadable, read_feed
from airflow_provider_calcom.attendance.feeds._events import once

LEFT = "2026-01-15T10:30:41.830Z"
CODE = "WKTIMXIVUK"
KEY = "google_meet:wktimxivuk"


def call_ended(*, time: str = LEFT, **parameters: Any) -> dict[str, Any]:
    """An activity as ``activities.list`` sends it; a parameter that is None is left out, as Google does."""
    given: dict[str, Any] = {
        "video_send_seconds": 0,
        "identifier_type": "email_address",
        "endpoint_id": "boq_hlane_7JrhhxcAFHh",
        "device_type": "web",
        "calendar_event_id": "dfh4be7vg6u1cg1bcjtel0qdu8",
        "network_transport_protocol": "udp",
        "duration_seconds": 1800,
        "identifier": "ada@example.com",
        "organizer_email": "host@acme.example",
        "display_name": "Ada Lovelace",
        "conference_id": "M72LdSgb9FV57mAVzdLaDxIWOAkIAjIAGAgIigIgBAg",
        "product_type": "meet",
        "meeting_code": CODE,
        "is_external": True,
        **parameters,
    }
    return {
        "kind": "admin#reports#activity",
        "etag": '"BvGfkzKoKVD0NM7VdXdzkXDD/tU8rVgHXNqt64N25FmvgjAK9qhc"',
        "id": {
            "uniqueQualifier": "2934178519347955099",
            "applicationName": "meet",
            "customerId": "C03lvel11",
            "time": time,
        },
        "actor": {"key": "HANGOUTS_EXTERNAL_OR_ANONYMOUS", "callerType": "KEY"},
        "events": [
            {"type": "call", "name": "call_ended", "parameters": [_parameter(name, given[name]) for name in given]}
        ],
    }


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {"name": name}
    if isinstance(value, bool):
        return {"name": name, "boolValue": value}
    return {"name": name, "intValue": str(value)} if isinstance(value, int) else {"name": name, "value": value}


def participant(user: dict[str, Any], *sessions: tuple[str, str | None], **more: Any) -> dict[str, Any]:
    """A participant of the REST API with its sessions nested."""
    name = "conferenceRecords/0aaa-1bbb/participants/113"
    return {
        "name": name,
        "earliestStartTime": "2026-01-15T10:00:00.123456Z",
        "latestEndTime": "2026-01-15T10:30:00Z",
        **user,
        "participantSessions": [
            {"name": f"{name}/participantSessions/{at}", "startTime": start, **({"endTime": end} if end else {})}
            for at, (start, end) in enumerate(sessions)
        ],
        **more,
    }


def read(source: Any, **options: Any) -> tuple[list[AttendanceRow], FeedReport]:
    reading = read_feed("google_meet", source, **options)
    return list(reading), reading.report


def the_row(source: Any, **options: Any) -> AttendanceRow:
    rows, report = read(source, **options)
    assert report.unreadable_records == 0
    (row,) = rows
    return row


ADA = {"signedinUser": {"user": "users/105001", "displayName": "Ada Lovelace"}}
WHOLE = ("2026-01-15T10:00:00Z", "2026-01-15T10:30:00Z")


# The audit log.


def test_a_call_lasts_from_its_duration_before_the_activity_s_time() -> None:
    """One ended call is one presence; the log gives its end and its length."""
    assert the_row(call_ended()) == {
        "source": "google_meet",
        "participant": "ada@example.com",
        "kind": "person",
        "booking_uid": None,
        "conference_key": KEY,
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "phone": None,
        "joined_at": "2026-01-15T10:00:41.830Z",
        "left_at": "2026-01-15T10:30:41.830Z",
    }


def test_a_page_of_the_api_is_read_as_it_comes() -> None:
    """What ``activities.list`` answers can be handed over whole, and so can a list of its pages."""
    page = {"kind": "admin#reports#activities", "etag": '"x"', "items": [call_ended()]}
    other = {"kind": "admin#reports#activities", "items": [call_ended(endpoint_id="b", identifier="bob@example.com")]}
    rows, report = read([page, other, {"kind": "admin#reports#activities", "etag": '"no items"', "items": []}])
    assert [row["email"] for row in rows] == ["ada@example.com", "bob@example.com"]
    assert report.records == 2


@pytest.mark.parametrize("code", ["wkt-imxi-vuk", "wktimxivuk", "WKTIMXIVUK", "WKT-IMXI-VUK"])
def test_a_meeting_code_has_one_key_however_it_is_written(code: str) -> None:
    """The log writes codes with and without dashes and in capitals; links write them small and with dashes."""
    assert the_row(call_ended(meeting_code=code))["conference_key"] == KEY


def test_the_occurrences_of_a_recurring_meeting_share_the_code() -> None:
    """Its code is the same each week; the times distinguish the occurrences, and no presence is lost."""
    weekly = [call_ended(), call_ended(time="2026-01-22T10:30:41.830Z", endpoint_id="boq_2")]
    rows, _ = read(weekly)
    assert [(row["conference_key"], row["left_at"]) for row in rows] == [
        (KEY, "2026-01-15T10:30:41.830Z"),
        (KEY, "2026-01-22T10:30:41.830Z"),
    ]


def test_the_calendar_event_names_the_booking() -> None:
    """With the calendar events of the bookings known, a row is the booking's own; others keep the code alone."""
    uids = {"dfh4be7vg6u1cg1bcjtel0qdu8": "bk_1", "series_20260122T100000Z": "bk_2"}
    assert the_row(call_ended(), booking_uids=uids)["booking_uid"] == "bk_1"
    occurrence = call_ended(calendar_event_id="series_20260122T100000Z")
    assert the_row(occurrence, booking_uids=uids)["booking_uid"] == "bk_2"
    assert the_row(call_ended(calendar_event_id="series_20260129T100000Z"), booking_uids=uids)["booking_uid"] is None


def test_a_rejoin_is_another_endpoint_and_another_presence() -> None:
    """Who loses the connection and comes back has two rows with the gap between."""
    first = call_ended(time="2026-01-15T10:10:00Z", duration_seconds=600, endpoint_id="a")
    second = call_ended(time="2026-01-15T10:30:00Z", duration_seconds=300, endpoint_id="b")
    rows, _ = read([second, first])
    assert [(row["joined_at"], row["left_at"]) for row in rows] == [
        ("2026-01-15T10:25:00.000Z", "2026-01-15T10:30:00.000Z"),
        ("2026-01-15T10:00:00.000Z", "2026-01-15T10:10:00.000Z"),
    ]


def test_the_same_activity_twice_is_one_presence() -> None:
    """Overlapping loads bring activities again; they are counted as skipped and not given again."""
    rows, report = read([call_ended(), call_ended(identifier="bob@example.com"), call_ended()])
    assert [row["email"] for row in rows] == ["ada@example.com", "bob@example.com"]
    assert report.skipped == {"repeats another row": 1}


def test_repeats_are_remembered_in_bounded_memory() -> None:
    """Only the latest rows are compared; a repeat from further back passes, which changes no presence."""
    rows = [the_row(call_ended(identifier=f"{name}@example.com")) for name in ("a", "b", "a", "b", "c", "a")]
    report = FeedReport(feed="google_meet")
    assert [row["email"] for row in once(rows, report, remembered=2)] == [
        f"{name}@example.com" for name in ("a", "b", "c", "a")
    ]
    assert report.skipped == {"repeats another row": 2}


def test_a_telephone_is_known_by_its_number() -> None:
    """Somebody who dialled in has no address, but a number."""
    row = the_row(
        call_ended(identifier_type="phone_number", identifier="+4930901820", device_type="pstn_in", display_name=None)
    )
    assert (row["email"], row["name"], row["phone"]) == (None, None, "+4930901820")


def test_a_room_s_device_is_a_name_alone() -> None:
    """The id of a device is nobody's address or number."""
    row = the_row(
        call_ended(identifier_type="device_id", identifier="3f8a-11", device_type="chromebox", display_name="Room 4")
    )
    assert (row["kind"], row["email"], row["phone"], row["name"]) == ("person", None, None, "Room 4")


def test_an_outsider_without_identifier_is_a_name_alone() -> None:
    """Google gives no identifier of people outside of the domain in meetings of others."""
    row = the_row(call_ended(identifier=None, identifier_type=None))
    assert (row["email"], row["phone"], row["name"]) == (None, None, "Ada Lovelace")


def test_a_call_without_duration_leaves_its_end() -> None:
    """Without a length the beginning is unknown; the end stays as a trace of the person."""
    row = the_row(call_ended(duration_seconds=None))
    assert (row["joined_at"], row["left_at"]) == (None, "2026-01-15T10:30:41.830Z")


def test_other_events_are_left_out_and_others_of_the_activity_read() -> None:
    """An activity may hold several events; only ended calls are presences, and the others are counted."""
    ended = call_ended()
    ended["events"] += [
        {"type": "conference_action", "name": "presentation_started", "parameters": []},
        *call_ended(identifier="bob@example.com")["events"],
    ]
    abuse = call_ended()
    abuse["events"][0]["name"] = "abuse_report_submitted"
    rows, report = read([ended, abuse])
    assert [row["email"] for row in rows] == ["ada@example.com", "bob@example.com"]
    assert report.skipped == {"an event of Meet without a presence": 1}


def event(name: str, **parameters: Any) -> dict[str, Any]:
    """An activity with another event than that of an ended call."""
    activity = call_ended(**parameters)
    activity["events"][0].update(type="conference_action", name=name)
    return activity


@pytest.mark.parametrize("name", ["endpoint_arrived", "", "Ada Lovelace", None, 7])
def test_an_event_that_is_not_known_is_unreadable(name: Any) -> None:
    """Only events that Google documents as other than presences are left out; a new one may be somebody's presence."""
    with pytest.raises(FeedUnreadable, match="fetch call_ended alone") as caught:
        read([call_ended(), event(name)])
    assert "Lovelace" not in str(caught.value)
    with pytest.raises(FeedUnreadable, match="events: is empty"):
        read([{**call_ended(), "events": []}])


def test_who_watched_or_knocked_in_vain_is_a_doubt() -> None:
    """They were not in the call, but came for it; who knocked is the event's target, not its actor."""
    row = the_row(event("livestream_watched"))
    assert (row["kind"], row["email"], row["joined_at"]) == ("lobby", "ada@example.com", "2026-01-15T10:00:41.830Z")
    row = the_row(event("knocking_denied", identifier="host@acme.example", target_display_names="Ada Lovelace"))
    assert (row["kind"], row["email"], row["name"], row["joined_at"]) == ("lobby", None, "Ada Lovelace", None)


def test_events_of_other_applications_are_left_out() -> None:
    """A load of all applications has their activities, too; only a call is Meet's own."""
    login = event("login_success")
    login["id"]["applicationName"] = "login"
    rows, report = read([login, call_ended()])
    assert len(rows) == 1
    assert report.skipped == {"an event of another application than Meet": 1}


def test_a_page_without_items_is_a_day_without_calls() -> None:
    """Google leaves out the list where there is nothing in it; another list may hold what is missing."""
    empty = {"kind": "admin#reports#activities", "etag": '"x"'}
    assert read([empty])[1].skipped == {"a page of the log without activities": 1}
    with pytest.raises(FeedUnreadable, match="fits no known shape"):
        read([{**empty, "activities": [call_ended()]}])


def test_sessions_of_which_another_page_follows_are_refused() -> None:
    """A participant's sessions come in pages of their own, whose token stays where they were put as they came."""
    with pytest.raises(FeedUnreadable, match="column nextPageToken: says that more sessions"):
        read([participant(ADA, WHOLE, nextPageToken="x")])
    assert the_row(participant(ADA, WHOLE, nextPageToken=""))


@pytest.mark.parametrize(("code", "reason"), [(None, "is missing"), ("zz", "is not a meeting code")])
def test_a_call_of_no_meeting_is_unreadable(code: str | None, reason: str) -> None:
    """Google documents the code for every call; a row without it would be nobody's in its meeting."""
    with pytest.raises(FeedUnreadable, match=f"meeting_code: {reason}"):
        read([call_ended(meeting_code=code)])
    assert the_row(call_ended(meeting_code=code), conference_key=CODE)["conference_key"] == KEY
    _, report = read([call_ended(meeting_code=None, product_type="classic_hangouts"), call_ended()])
    assert report.skipped == {"a call of classic Hangouts": 1}


def test_a_parameter_with_two_values_is_unreadable() -> None:
    """With two addresses it is not known which is the participant's."""
    activity = call_ended()
    activity["events"][0]["parameters"].append({"name": "identifier", "value": "host@acme.example"})
    with pytest.raises(FeedUnreadable, match="identifier: comes twice with different values"):
        read([activity])


@pytest.mark.parametrize(
    ("identifier", "kind", "expected"),
    [
        ("Ada@Example.com", "email_address", ("Ada@Example.com", None, "ada@example.com")),
        ("ada@example.com", None, ("ada@example.com", None, "ada@example.com")),
        ("ad***@e***.com", "email_address", (None, None, None)),
        ("ada@example.com", "device_id", (None, None, None)),
        ("+4930901820", "phone_number", (None, "+4930901820", None)),
        ("+1 ***-***-**12", "phone_number", (None, "+1 ***-***-**12", None)),
        ("3f8a11", None, (None, None, None)),
        ("493090182011", None, (None, None, None)),
    ],
)
def test_an_identifier_is_what_its_type_says(
    identifier: str, kind: str | None, expected: tuple[str | None, str | None, str | None]
) -> None:
    """An account links its rows; devices and telephones are of several people, and what is hidden is of nobody."""
    row = the_row(call_ended(identifier=identifier, identifier_type=kind))
    assert (row["email"], row["phone"], row["participant"]) == expected


CONSOLE = (
    "Date,Event Name,Event Description,Meeting Code,Participant Identifier,Organizer Email,Duration,Participant Name\n"
    '"{date}",{event},The endpoint left,{code},{identifier},host@acme.example,1800,Ada Lovelace\n'
)


@pytest.mark.parametrize(
    ("date", "options"),
    [
        ("15 Jan 2026, 11:30:00 CET", {"zone": "Europe/Rome"}),
        ("15 Jan 2026, 11:30:00 GMT+1", {}),
        ("Jan 15, 2026, 10:30:00 AM UTC", {}),
        ("2026-01-15T11:30:00+01:00", {}),
        ("15 Jan 2026, 11:30:00", {"zone": "Europe/Rome"}),
    ],
)
def test_the_console_s_download_is_read(tmp_path: Path, date: str, options: dict[str, str]) -> None:
    """Its times are in the administrator's zone; the organizer's address is not the participant's."""
    path = tmp_path / "meet.csv"
    path.write_text(CONSOLE.format(date=date, event="Endpoint left", code=CODE, identifier=""))
    row = the_row(path, **options)
    assert (row["name"], row["email"], row["conference_key"]) == ("Ada Lovelace", None, KEY)
    assert (row["joined_at"], row["left_at"]) == ("2026-01-15T10:00:00.000Z", "2026-01-15T10:30:00.000Z")


def test_the_console_s_zone_must_be_the_option_s(tmp_path: Path) -> None:
    """Letters alone name no zone, and those of another one are a wrong option."""
    path = tmp_path / "meet.csv"
    path.write_text(CONSOLE.format(date="15 Jan 2026, 11:30:00 CET", event="Endpoint left", code=CODE, identifier=""))
    for options in ({}, {"zone": "America/New_York"}):
        with pytest.raises(FeedUnreadable, match=r"Date: .*zone"):
            read(path, **options)


def test_the_console_s_events_are_distinguished(tmp_path: Path) -> None:
    """They have names for people, in English and Italian, where the API has its own."""
    path = tmp_path / "meet.csv"
    lines = CONSOLE.format(date="2026-01-15T10:30:00Z", event="Hand raised", code=CODE, identifier="a@example.com")
    left = lines.partition("\n")[2].replace("Hand raised", "L'endpoint ha abbandonato la chiamata")
    path.write_text(lines + left)
    rows, report = read(path)
    assert len(rows) == 1
    assert report.skipped == {"an event of Meet without a presence": 1}
    path.write_text(lines.replace("Hand raised", "Somebody arrived"))
    with pytest.raises(FeedUnreadable, match="column Event Name: is not a known event of Meet"):
        read(path)


def test_parameters_of_other_forms_are_passed_over() -> None:
    """Lists and nested messages are none of the parameters that a presence is made of, and do no harm."""
    activity = call_ended()
    nested = [{"parameter": [{"name": "identifier", "value": "mallory@example.com"}]}]
    activity["events"][0]["parameters"][:0] = [
        {"name": "streams", "multiMessageValue": nested},
        {"name": "labels", "multiValue": ["a", "b"]},
        {"name": "sizes", "multiIntValue": ["1"]},
        {"name": "one", "messageValue": nested[0]},
    ]
    assert the_row(activity)["email"] == "ada@example.com"


def test_an_activity_that_a_loader_landed_as_text_is_read() -> None:
    """Warehouses without nested types hold ``id`` and ``events`` as JSON text; Airbyte adds ``time``."""
    activity = call_ended()
    landed = {**activity, "id": json.dumps(activity["id"]), "events": json.dumps(activity["events"]), "time": LEFT}
    assert the_row(landed) == the_row(activity)
    assert the_row({"_airbyte_data": landed}) == the_row(activity)


def test_a_row_of_the_export_to_bigquery_is_read() -> None:
    """The table ``activity`` has the parameters in a record ``meet``, and the end in microseconds."""
    row: dict[str, Any] = {
        "time_usec": 1768473041830000,
        "email": "HANGOUTS_EXTERNAL_OR_ANONYMOUS",
        "event_type": "call",
        "event_name": "call_ended",
        "record_type": "meet",
        "unique_identifier": "2934178519347955099",
        "meet": {
            "calendar_event_id": "dfh4be7vg6u1cg1bcjtel0qdu8",
            "conference_id": "M72",
            "device_type": "web",
            "display_name": "Ada Lovelace",
            "duration_seconds": 1800,
            "endpoint_id": "boq_hlane_7JrhhxcAFHh",
            "identifier": "ada@example.com",
            "identifier_type": "email_address",
            "is_external": True,
            "meeting_code": "WKTIMXIVUK",
            "organizer_email": "host@acme.example",
        },
    }
    expected = the_row(call_ended())
    assert the_row(row) == expected
    flat = {**{name: row[name] for name in row if name != "meet"}, **{f"meet.{k}": v for k, v in row["meet"].items()}}
    assert the_row(flat) == expected
    assert the_row({name.replace(".", "_"): str(value) for name, value in flat.items()}) == expected
    rows, report = read([{**row, "record_type": "login", "event_name": "login_success", "meet": None}])
    assert (rows, report.skipped) == ([], {"an event of another application than Meet": 1})


def test_a_table_with_a_column_a_parameter_is_read() -> None:
    """SQL over the log's parameters gives plain columns; their times may be of the database's own type."""
    row = {
        "id_time": "2026-01-15 10:30:41.83 UTC",
        "identifier": "ada@example.com",
        "identifier_type": "email_address",
        "display_name": "Ada Lovelace",
        "duration_seconds": "1800",
        "meeting_code": "wkt-imxi-vuk",
    }
    assert the_row(row) == the_row(call_ended())


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"duration_seconds": -5}, "duration_seconds"),
        ({"duration_seconds": "ada@example.com"}, "duration_seconds"),
        ({"duration_seconds": 10**18}, "duration_seconds"),
        ({"time": "yesterday by Ada"}, "id.time"),
        ({"time": None}, "id.time"),
    ],
)
def test_what_cannot_be_read_is_reported_without_people_s_data(change: dict[str, Any], column: str) -> None:
    """A broken activity is a fault with its place; neither names nor addresses come into its text."""
    with pytest.raises(FeedUnreadable) as caught:
        read([call_ended(**change)])
    assert caught.value.report
    (sample,) = caught.value.report.samples
    assert (sample.row, sample.column) == (1, column)
    assert not any(text in str(caught.value) for text in ("Ada", "ada@", "example.com"))


# The REST API.


def test_each_session_is_a_presence() -> None:
    """The sessions count, not the participant's first and last times, which hide the gap between."""
    stays = [("2026-01-15T10:00:00.123456Z", "2026-01-15T10:05:00Z"), ("2026-01-15T10:29:00Z", "2026-01-15T10:30:00Z")]
    rows, report = read({"participants": [participant(ADA, *stays)], "nextPageToken": "", "totalSize": 1})
    assert [(row["joined_at"], row["left_at"]) for row in rows] == [
        ("2026-01-15T10:00:00.123456Z", "2026-01-15T10:05:00.000Z"),
        ("2026-01-15T10:29:00.000Z", "2026-01-15T10:30:00.000Z"),
    ]
    assert not any("hide the gaps" in note for note in report.notes)


def test_a_participant_in_the_call_has_no_end() -> None:
    """A session's end is unset until it ends; on a second device (companion mode) there is a second session."""
    rows, _ = read([participant(ADA, ("2026-01-15T10:00:00Z", None), ("2026-01-15T10:01:00Z", None))])
    assert [row["left_at"] for row in rows] == [None, None]


@pytest.mark.parametrize("sessions", [{}, {"participantSessions": []}, {"participantSessions": None}])
def test_first_and_last_time_stand_in_for_sessions_and_are_noted(sessions: dict[str, Any]) -> None:
    """Without sessions a participant is still seen, and the report says that gaps are hidden."""
    rows, report = read([{**participant(ADA), **sessions}]) if sessions else read([_without_sessions()])
    (row,) = rows
    assert (row["joined_at"], row["left_at"]) == ("2026-01-15T10:00:00.123456Z", "2026-01-15T10:30:00.000Z")
    assert report.notes["a participant without all of its sessions, so that its own times hide the gaps between"] == 1


@pytest.mark.parametrize("there", [0, 1])
def test_a_session_that_is_missing_shows_in_the_first_and_last_time(there: int) -> None:
    """Sessions come in pages of their own; of those that were cut the participant's own times are left."""
    stays = [("2026-01-15T10:00:00.123456Z", "2026-01-15T10:05:00Z"), ("2026-01-15T10:29:00Z", "2026-01-15T10:30:00Z")]
    rows, report = read([participant(ADA, stays[there])])
    assert (rows[0]["joined_at"], rows[0]["left_at"]) == ("2026-01-15T10:00:00.123456Z", "2026-01-15T10:30:00.000Z")
    assert len(rows) == 2
    assert any("hide the gaps" in note for note in report.notes)


@pytest.mark.parametrize(
    ("code", "reason"), [("", "is missing"), (None, "is missing"), ("Zoe", "is not a meeting code")]
)
def test_a_row_whose_code_is_empty_or_broken_is_unreadable(code: str | None, reason: str) -> None:
    """It would be of no meeting, beside others that are; what the API sends has no such field at all."""
    row = {**_without_sessions(), "space_meeting_code": code}
    with pytest.raises(FeedUnreadable, match=f"column space_meeting_code: {reason}"):
        read([row])
    assert the_row([row], conference_key=CODE)["conference_key"] == KEY


def _without_sessions() -> dict[str, Any]:
    whole = participant(ADA)
    del whole["participantSessions"]
    return whole


@pytest.mark.parametrize("known", ["users/105001", "105001"])
def test_a_user_s_address_comes_from_the_option(known: str) -> None:
    """The API knows people as ``users/...``; their addresses can be given with and without that word."""
    assert the_row(participant(ADA, WHOLE), addresses={known: "ada@example.com"})["email"] == "ada@example.com"
    row = the_row(participant(ADA, WHOLE), addresses={"users/9": "bob@example.com"})
    assert (row["email"], row["name"]) == (None, "Ada Lovelace")


def test_a_guest_is_a_name_and_a_caller_a_hidden_number() -> None:
    """Neither has an account: the one typed a name, and of the other a part of the number is shown."""
    guest = the_row(participant({"anonymousUser": {"displayName": "Ada "}}, WHOLE))
    assert (guest["email"], guest["name"], guest["phone"]) == (None, "Ada", None)
    caller = the_row(participant({"phoneUser": {"displayName": "+1 ***-***-**12"}}, WHOLE))
    assert (caller["email"], caller["name"], caller["phone"]) == (None, None, "+1 ***-***-**12")


def test_a_room_is_signed_in_by_its_name() -> None:
    """A room's robot account is a signed-in user whose name the administrator gave; nobody's address is made of it."""
    room = {"signedinUser": {"user": "users/900", "displayName": "Altostrat Room"}}
    assert the_row(participant(room, WHOLE))["email"] is None


def test_a_participant_of_a_new_kind_is_somebody_unknown() -> None:
    """Whom Google may add to the union is not dropped: somebody was there, which blames nobody."""
    row = the_row(participant({}, WHOLE))
    assert (row["email"], row["name"], row["joined_at"]) == (None, None, "2026-01-15T10:00:00.000Z")


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({"space": {"name": "spaces/jQCFfuBOdN5z", "meetingCode": "wkt-imxi-vuk"}}, {}),
        ({"space": "spaces/jQCFfuBOdN5z"}, {"conference_keys": {"spaces/jQCFfuBOdN5z": "wkt-imxi-vuk"}}),
        ({"space": {"name": "spaces/jQCFfuBOdN5z"}}, {"conference_keys": {"jQCFfuBOdN5z": "wkt-imxi-vuk"}}),
        ({}, {"conference_keys": {"conferenceRecords/0aaa-1bbb": "https://meet.google.com/wkt-imxi-vuk"}}),
        ({}, {"conference_keys": {"0aaa-1bbb": "WKTIMXIVUK"}}),
        ({}, {"conference_key": "wkt-imxi-vuk"}),
        ({"space": "spaces/another"}, {"conference_key": "wktimxivuk"}),
    ],
)
def test_the_meeting_is_found_by_its_space_its_conference_or_the_option(
    more: dict[str, Any], options: dict[str, Any]
) -> None:
    """Participants don't say their meeting's code; the nested space does, or the user."""
    assert the_row(participant(ADA, WHOLE, **more), **options)["conference_key"] == KEY


def test_a_conference_with_its_participants_gives_them_its_space() -> None:
    """A conference record with its participants put into it is read like a page, and they inherit the space."""
    conference = {
        "name": "conferenceRecords/0aaa-1bbb",
        "startTime": "2026-01-15T10:00:00Z",
        "endTime": "2026-01-15T10:30:00Z",
        "expireTime": "2026-02-14T10:30:00Z",
        "space": {"name": "spaces/jQCFfuBOdN5z", "meetingCode": "wkt-imxi-vuk"},
        "participants": [participant(ADA, WHOLE)],
    }
    assert the_row(conference)["conference_key"] == KEY


def test_a_session_joined_with_its_participant_is_a_presence() -> None:
    """SQL gives a row a session, with the user beside it in whichever spelling."""
    row = {
        "name": "conferenceRecords/0aaa-1bbb/participants/113/participantSessions/1",
        "start_time": "2026-01-15T10:00:00Z",
        "end_time": "2026-01-15T10:30:00Z",
        "signedin_user__user": "users/105001",
        "signedin_user__display_name": "Ada Lovelace",
    }
    expected = the_row(participant(ADA, WHOLE))
    assert the_row(row) == expected


def test_a_session_alone_and_a_conference_alone_are_distinguished() -> None:
    """A session without its participant would be nobody's, as the error says; a conference alone is left out."""
    session = {
        "name": "conferenceRecords/0/participants/1/participantSessions/2",
        "startTime": "2026-01-15T10:00:00Z",
        "endTime": "2026-01-15T10:30:00Z",
    }
    with pytest.raises(FeedUnreadable, match="put it into the participant's list participantSessions"):
        read([session])
    rows, report = read([{"name": "conferenceRecords/0", "startTime": "2026-01-15T10:00:00Z", "space": "spaces/a"}])
    assert (rows, report.skipped) == ([], {"a conference without its participants": 1})
    with pytest.raises(FeedUnreadable, match="fits no known shape"):
        read([{"email": "ada@example.com", "joined": "2026-01-15T10:00:00Z"}])
    with pytest.raises(FeedUnreadable, match="fits no known shape"):
        read(
            [{"name": "conferenceRecords/0", "startTime": "2026-01-15T10:00:00Z", "people": [participant(ADA, WHOLE)]}]
        )


def test_only_a_user_s_account_links_rows() -> None:
    """Google calls the id of a signed-in user unique; that of who is not signed in is one of a joining."""
    assert the_row(participant(ADA, WHOLE))["participant"] == "users/105001"
    for user in ({"anonymousUser": {"displayName": "Ada"}}, {"phoneUser": {"displayName": "+1 ***"}}, {}):
        assert the_row(participant(user, WHOLE))["participant"] is None


def test_a_session_without_times_is_unreadable() -> None:
    """A session has a beginning; one with neither time would be a presence at no time."""
    broken = participant(ADA, WHOLE)
    del broken["participantSessions"][0]["startTime"], broken["participantSessions"][0]["endTime"]
    with pytest.raises(FeedUnreadable, match="startTime"):
        read([broken])
