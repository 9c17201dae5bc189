"""Microsoft Teams' attendance reports: of Graph, and the files that organisers download."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedReport, FeedUnreadable, read_feed
from airflow_provider_calcom.attendance.feeds._durations import seconds_of
from airflow_provider_calcom.attendance.feeds.teams.words import without_guest_mark

THREAD = "19:meeting_YmJmOGFjNWYtNjU5Zi00YTkwLWJjMzQ@thread.v2"
KEY = f"teams:{THREAD}"
JOIN_URL = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_YmJmOGFjNWYtNjU5Zi00YTkwLWJjMzQ%40thread.v2/0"
    "?context=%7b%22Tid%22%3a%22f750db26-d9ce-4a1a-8ee9-fa349759aa9c%22%7d"
)
MEETING_ID = base64.b64encode(f"1*15869cdf-91ce-410a-bc19-48f3f1de750c*0**{THREAD}".encode()).decode()


def read(source: Any, **options: Any) -> tuple[list[AttendanceRow], FeedReport]:
    reading = read_feed("teams", source, **options)
    return list(reading), reading.report


def the_row(source: Any, **options: Any) -> AttendanceRow:
    rows, report = read(source, **options)
    assert report.unreadable_records == 0
    (row,) = rows
    return row


def stays(rows: list[AttendanceRow]) -> list[tuple[str | None, str | None]]:
    return [(row["joined_at"], row["left_at"]) for row in rows]


# Microsoft Graph.


def interval(joined: str | None, left: str | None, seconds: int) -> dict[str, Any]:
    return {"joinDateTime": joined, "leaveDateTime": left, "durationInSeconds": seconds}


def attended(*intervals: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An attendance record as Graph sends it."""
    return {
        "id": "dc17674c-81d9-4adb-bfb2-8f6a442e4623",
        "emailAddress": "frederick.cormier@contoso.com",
        "totalAttendanceInSeconds": sum(one["durationInSeconds"] for one in intervals),
        "role": "Presenter",
        "registrationId": None,
        "identity": {
            "@odata.type": "#microsoft.graph.communicationsUserIdentity",
            "id": "dc17674c-81d9-4adb-bfb2-8f6a442e4623",
            "displayName": "Frederick Cormier",
            "tenantId": None,
        },
        "attendanceIntervals": list(intervals),
        **more,
    }


def attendance_report(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A report with its records, as ``$expand=attendanceRecords`` gives it."""
    return {
        "id": "c9b6db1c-d5eb-427d-a5c0-20088d9b22d7",
        "totalParticipantCount": len(records),
        "meetingStartDateTime": "2021-03-16T18:59:46.598956Z",
        "meetingEndDateTime": "2021-03-16T19:25:40.7218491Z",
        "attendanceRecords": list(records),
        **more,
    }


FIRST = interval("2021-03-16T18:59:52.2782182Z", "2021-03-16T19:06:47.7218491Z", 415)
SECOND = interval("2021-03-16T19:09:23.9834702Z", "2021-03-16T19:16:31.1381195Z", 427)
LACKING = interval(None, None, 0)


def test_each_interval_is_a_presence() -> None:
    """A record has an interval a stay; the gap between them is nobody's presence."""
    rows, _ = read(attendance_report(attended(FIRST, SECOND)), conference_key=JOIN_URL)
    assert rows[0] == {
        "source": "teams",
        "participant": "dc17674c-81d9-4adb-bfb2-8f6a442e4623",
        "kind": "person",
        "booking_uid": None,
        "conference_key": KEY,
        "email": "frederick.cormier@contoso.com",
        "name": "Frederick Cormier",
        "phone": None,
        "joined_at": "2021-03-16T18:59:52.278218Z",
        "left_at": "2021-03-16T19:06:47.721849Z",
    }
    assert stays(rows[1:]) == [("2021-03-16T19:09:23.983470Z", "2021-03-16T19:16:31.138119Z")]


def test_all_forms_of_graph_s_answers_are_read() -> None:
    """A report, a page of reports, a page of records, a meeting with its reports, and rows of one interval."""
    record = attended(FIRST)
    expected = the_row(attendance_report(record))
    page = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(x)", "value": [record]}
    flat = {
        "email_address": "frederick.cormier@contoso.com",
        "identity__display_name": "Frederick Cormier",
        "identity__id": "dc17674c-81d9-4adb-bfb2-8f6a442e4623",
        "identity__tenant_id": None,
        "join_date_time": FIRST["joinDateTime"],
        "leave_date_time": FIRST["leaveDateTime"],
        "duration_in_seconds": 415,
    }
    assert the_row({"value": [attendance_report(record)]}) == expected
    assert the_row(page) == expected
    assert the_row([record]) == expected
    assert the_row({"subject": "Demo", "attendanceReports": [attendance_report(record)]}) == expected
    assert the_row([flat]) == expected


@pytest.mark.parametrize(
    ("beside", "options"),
    [
        ({"joinWebUrl": JOIN_URL}, {}),
        ({"joinUrl": JOIN_URL}, {}),
        ({"chatInfo": {"threadId": THREAD, "messageId": "0", "replyChainMessageId": None}}, {}),
        ({"meetingId": MEETING_ID}, {}),
        (
            {
                "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('1')/onlineMeetings('{MEETING_ID}')/x"
            },
            {},
        ),
        ({"meetingId": "m1"}, {"conference_keys": {"m1": JOIN_URL}}),
        ({}, {"conference_keys": {"c9b6db1c-d5eb-427d-a5c0-20088d9b22d7": THREAD}}),
        ({}, {"conference_key": THREAD}),
        ({}, {"conference_key": JOIN_URL}),
        ({}, {"conference_key": MEETING_ID}),
    ],
)
def test_the_meeting_is_found_in_what_stands_beside_the_records(beside: dict[str, Any], options: Any) -> None:
    """A join URL, a thread, or the meeting's id, which holds the thread; or the user names it."""
    assert the_row({**beside, "value": [attendance_report(attended(FIRST))]}, **options)["conference_key"] == KEY
    assert the_row(attendance_report(attended(FIRST), **beside), **options)["conference_key"] == KEY


def test_a_meeting_that_nothing_names_has_no_key() -> None:
    """What can't be read as a meeting has no key, so nothing is matched by chance."""
    odd = {"meetingId": "!!", "joinWebUrl": "https://example.com/x", "@odata.context": "onlineMeetings('AAAA')"}
    assert the_row(attendance_report(attended(FIRST), **odd))["conference_key"] is None


def test_the_options_know_the_meeting_better_than_the_record() -> None:
    """Also where the record names it: a booking's link may name the same meeting in another way."""
    named = attendance_report(attended(FIRST), joinWebUrl=JOIN_URL, meetingId="m1")
    short = "https://teams.microsoft.com/meet/123456789012"
    given: list[dict[str, Any]] = [
        {"conference_key": short},
        *({"conference_keys": {one: short}} for one in (named["id"], "m1", JOIN_URL, THREAD, MEETING_ID)),
    ]
    for options in given:
        assert the_row(named, **options)["conference_key"] == "teams:123456789012"


def test_the_numbered_meeting_of_a_short_link_has_its_number_as_key() -> None:
    """Newer links hold the meeting's number, and so does its ``joinMeetingIdSettings``."""
    report = attendance_report(
        attended(FIRST), joinMeetingIdSettings={"joinMeetingId": "123 456 789 012", "passcode": "x"}
    )
    assert the_row(report)["conference_key"] == "teams:123456789012"


def test_nobody_who_is_listed_without_times_is_left_out() -> None:
    """Graph sends null times with 0 seconds where data are lacking: that nobody was there, it never says."""
    rows, report = read(
        attendance_report(
            attended(LACKING, emailAddress="a@x.example"),
            attended(emailAddress="b@x.example"),
            attended(LACKING, FIRST, emailAddress="c@x.example"),
        )
    )
    assert [(row["kind"], row["email"]) for row in rows] == [
        ("lobby", "a@x.example"),
        ("lobby", "b@x.example"),
        ("person", "c@x.example"),
        ("lobby", "c@x.example"),
    ]
    assert report.skipped == {}


def test_one_missing_time_is_made_up_from_the_duration_or_left_open() -> None:
    """A missing end follows from the length; a leave without one is open, a join a doubt from the report's start."""
    half = [
        interval("2021-03-16T19:00:00Z", None, 60),
        interval("2021-03-16T19:00:00Z", None, 0),
        interval(None, "2021-03-16T19:05:00Z", 60),
        interval(None, "2021-03-16T19:01:00Z", 0),
    ]
    rows, _ = read(attendance_report(attended(*half)))
    assert stays(rows) == [
        ("2021-03-16T19:00:00.000Z", "2021-03-16T19:01:00.000Z"),
        ("2021-03-16T19:00:00.000Z", None),
        ("2021-03-16T19:04:00.000Z", "2021-03-16T19:05:00.000Z"),
        ("2021-03-16T18:59:46.598956Z", "2021-03-16T19:25:40.721849Z"),
    ]


def test_who_was_seen_but_not_when_is_a_doubt() -> None:
    """Seconds without times are somebody who was there: given as waiting, which neither proves nor blames."""
    row = the_row(attendance_report(attended(LACKING, totalAttendanceInSeconds=300), joinWebUrl=JOIN_URL))
    assert (row["kind"], row["email"], row["conference_key"]) == ("lobby", "frederick.cormier@contoso.com", KEY)
    assert stays([row]) == [("2021-03-16T18:59:46.598956Z", "2021-03-16T19:25:40.721849Z")]
    with pytest.raises(FeedUnreadable, match="no report says when"):
        read([attended(LACKING, totalAttendanceInSeconds=300)])


def test_intervals_that_are_shorter_than_the_total_leave_a_doubt() -> None:
    """The total reveals a stay that is missing."""
    rows, _ = read(attendance_report(attended(FIRST, totalAttendanceInSeconds=842)))
    assert [row["kind"] for row in rows] == ["person", "lobby"]
    assert [row["kind"] for row in read(attendance_report(attended(FIRST, SECOND)))[0]] == ["person", "person"]


def test_report_with_fewer_records_than_counted_is_refused() -> None:
    """It was cut, unless the user says that people may choose not to be named: then somebody unknown was there."""
    short = attendance_report(attended(FIRST), totalParticipantCount=2)
    with pytest.raises(FeedUnreadable, match=r"@odata\.nextLink"):
        read(short, max_unreadable=1)
    rows, report = read(short, unnamed_participants=True)
    assert [(row["kind"], row["name"], row["email"]) for row in rows] == [
        ("person", "Frederick Cormier", "frederick.cormier@contoso.com"),
        ("lobby", None, None),
    ]
    assert report.notes["people whom a report counts, but doesn't name"] == 1


def test_a_flat_table_with_the_count_of_its_reports_is_checked_by_it() -> None:
    """As SQL makes of reports: each row has what its report says, too, also when the meeting was."""
    row = {
        "report_id": "r1",
        "total_participant_count": 2,
        "meeting_start_date_time": "2021-03-16T18:59:46Z",
        "meeting_end_date_time": "2021-03-16T19:25:40Z",
    }
    rows = [{**row, "email_address": "a@x.example", **FIRST}, {**row, "email_address": "b@x.example", **LACKING}]
    assert [(one["kind"], one["email"]) for one in read(rows)[0]] == [
        ("person", "a@x.example"),
        ("lobby", "b@x.example"),
    ]
    with pytest.raises(FeedUnreadable, match="totalParticipantCount"):
        read(rows[:1])


def test_an_expanded_report_needs_the_pages_that_it_says_follow() -> None:
    """A link to more records is refused without them; pages that are handed over together are one answer."""
    first = attendance_report(attended(FIRST), totalParticipantCount=2)
    first["attendanceRecords@odata.nextLink"] = "https://graph.microsoft.com/v1.0/x?$skiptoken=1"
    with pytest.raises(FeedUnreadable, match=r"attendanceRecords@odata\.nextLink"):
        read(first, max_unreadable=1)
    rows, _ = read([first, {"value": [attended(SECOND, emailAddress="ada@example.com")]}])
    assert [row["email"] for row in rows] == ["frederick.cormier@contoso.com", "ada@example.com"]


def test_people_of_other_organisations_and_guests_may_lack_anything() -> None:
    """An address is null for guests, the identity for people of other organisations."""
    guest = attended(FIRST, emailAddress=None, identity={"id": None, "displayName": "Ada Lovelace (Guest)"})
    outside = attended(FIRST, emailAddress="ext@vendor.example", identity=None)
    nobody = attended(FIRST, emailAddress="", identity={"displayName": ""})
    rows, _ = read(attendance_report(guest, outside, nobody))
    assert [(row["email"], row["name"]) for row in rows] == [
        (None, "Ada Lovelace"),
        ("ext@vendor.example", None),
        (None, None),
    ]


def test_addresses_come_from_the_option_where_graph_has_none() -> None:
    """The user may know the addresses of the ids of Entra."""
    row = the_row(
        attendance_report(attended(FIRST, emailAddress=None)),
        addresses={"dc17674c-81d9-4adb-bfb2-8f6a442e4623": "fred@contoso.com"},
    )
    assert row["email"] == "fred@contoso.com"


def test_guest_account_name_becomes_the_address() -> None:
    """Guests of the organisation have account names that hold their address."""
    row = the_row([attended(FIRST, emailAddress="ada_love_example.com#EXT#@contoso.onmicrosoft.com")])
    assert row["email"] == "ada_love@example.com"


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"user": {"id": "u1", "displayName": "Ada"}}, ("person", "Ada", None)),
        ({"guest": {"id": "g1", "displayName": "Ada (Unverified)"}}, ("person", "Ada", None)),
        ({"phone": {"id": "+4930901820", "displayName": "Ada"}}, ("person", "Ada", "+4930901820")),
        ({"application": {"id": "a1", "displayName": "Recorder"}}, ("bot", "Recorder", None)),
        (
            {"@odata.type": "#microsoft.graph.teamworkApplicationIdentity", "displayName": "Recorder"},
            ("bot", "Recorder", None),
        ),
        ({"displayName": "+49 30 901820"}, ("person", None, "+49 30 901820")),
        ({"displayName": "1425***4567"}, ("person", None, "1425***4567")),
        ({"displayName": "Room 1234567"}, ("person", "Room 1234567", None)),
    ],
)
def test_identities_of_each_kind(identity: dict[str, Any], expected: tuple[str, str | None, str | None]) -> None:
    """People, guests, telephones and applications are distinguished; a name of digits is a telephone's."""
    row = the_row([attended(FIRST, emailAddress=None, identity=identity)])
    assert (row["kind"], row["name"], row["phone"]) == expected


def test_several_reports_of_a_meeting_are_one_union() -> None:
    """The organiser's coming back makes another report; a row of both is returned once."""
    rows, report = read({"value": [attendance_report(attended(FIRST, SECOND)), attendance_report(attended(SECOND))]})
    assert len(rows) == 2
    assert report.skipped == {"repeats another row": 1}


def test_a_channel_s_other_meetings_come_along() -> None:
    """All meetings of a channel share its thread; each keeps its own times, and the rules take those of the booking."""
    other = interval("2021-03-17T09:00:00Z", "2021-03-17T09:30:00Z", 1800)
    page = {
        "chatInfo": {"threadId": "19:abc@thread.tacv2"},
        "value": [attendance_report(attended(FIRST), id="r1"), attendance_report(attended(other), id="r2")],
    }
    rows, _ = read(page)
    assert {row["conference_key"] for row in rows} == {"teams:19:abc@thread.tacv2"}
    assert [row["joined_at"] for row in rows] == ["2021-03-16T18:59:52.278218Z", "2021-03-17T09:00:00.000Z"]


def test_reports_without_records_are_reported_with_the_fix() -> None:
    """A list of reports never has records; read as nobody there, it would make everybody absent."""
    bare = attendance_report()
    del bare["attendanceRecords"]
    with pytest.raises(FeedUnreadable, match=r"\$expand=attendanceRecords"):
        read({"value": [bare]})


@pytest.mark.parametrize(
    "broken",
    [
        attendance_report(attended(interval("Ada Lovelace", None, 5))),
        attendance_report(attended(interval("2021-03-16T19:00:00Z", None, -5))),
        attendance_report(attendanceRecords="Ada Lovelace"),
        attendance_report(attended(attendanceIntervals="Ada Lovelace")),
        {"Ada": "Lovelace"},
    ],
)
def test_what_cannot_be_read_is_reported_without_people_s_data(broken: dict[str, Any]) -> None:
    """A broken record is a fault; the text of its values is not repeated."""
    with pytest.raises(FeedUnreadable) as caught:
        read([broken])
    assert "Lovelace" not in str(caught.value)


# Downloaded files.

REPORT = """\
1. Summary
Meeting title\tPricing, live
Attended participants\t4
Start time\t11/26/25, 3:58:54 PM
End time\t11/26/25, 4:31:08 PM
Meeting duration\t32m 14s
Average attendance time\t21m 13s

2. Participants
Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tParticipant ID (UPN)\tRole
"Host, Hanna"\t11/26/25, 3:58:55 PM\t11/26/25, 4:31:08 PM\t32m 13s\thanna@acme.example\thanna@acme.example\tOrganizer
Ada Lovelace\t11/26/25, 4:00:00 PM\t11/26/25, 4:30:00 PM\t6m\tada@example.com\tada@example.com\tAttendee
Bob (Guest)\t11/26/25, 4:05:00 PM\t11/26/25, 4:06:00 PM\t1m\t\t\tAttendee
Cy (External)\t11/26/25, 4:07:00 PM\t11/26/25, 4:08:00 PM\t1m\t\tcy@partner.example\tAttendee
Dee Ray\t11/26/25, 4:10:00 PM\t11/26/25, 4:20:00 PM\t10m\tdee@example.com\tdee@example.com\tAttendee

3. In-Meeting Activities
Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole
"Host, Hanna"\t11/26/25, 3:58:55 PM\t11/26/25, 4:31:08 PM\t32m 13s\thanna@acme.example\tOrganizer
Ada Lovelace\t11/26/25, 4:00:00 PM\t11/26/25, 4:05:00 PM\t5m\tada@example.com\tAttendee
Ada Lovelace\t11/26/25, 4:29:00 PM\t11/26/25, 4:30:00 PM\t1m\tada@example.com\tAttendee
Bob (Guest)\t11/26/25, 4:05:00 PM\t11/26/25, 4:06:00 PM\t1m\t\tAttendee
Cy (External)\t11/26/25, 4:07:00 PM\t\t1m\t\tAttendee

4. Meeting Engagement
Name\tEngagement Type\tTime
Ada Lovelace\tReaction sent "applause"\t11/26/25, 4:01:00 PM
"""

LIST = """\
Full Name\tUser Action\tTimestamp
So Okada\tJoined\t7/4/2020, 9:52:19 AM
Naen Hajita\tJoined before\t7/4/2020, 9:52:19 AM
Naen Hajita\tLeft\t7/4/2020, 10:19:35 AM
Naen Hajita\tJoined\t7/4/2020, 10:21:44 AM
Bowge Syr\tJoined before\t7/4/2020, 9:52:19 AM
Bowge Syr\tLeft\t7/4/2020, 9:58:50 AM
"""

US = {"zone": "America/New_York", "date_format": "month_first"}


def read_text(
    folder: Path, text: str, encoding: str = "utf-16", **options: Any
) -> tuple[list[AttendanceRow], FeedReport]:
    path = folder / "meetingAttendanceReport.csv"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return read(path, **options)


def brief(rows: list[AttendanceRow]) -> list[tuple[str | None, str | None, str, str]]:
    """Name, address, and the minutes and seconds of both times."""
    return [
        (row["name"], row["email"], (row["joined_at"] or "-" * 24)[11:19], (row["left_at"] or "-" * 24)[11:19])
        for row in rows
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_stays_come_from_the_activities_and_else_from_first_and_last(tmp_path: Path, encoding: str) -> None:
    """A person's activities have the gaps that first join and last leave hide; who has none is not lost."""
    rows, report = read_text(tmp_path, REPORT, encoding, **US, conference_key=JOIN_URL)
    assert brief(rows) == [
        ("Host, Hanna", "hanna@acme.example", "20:58:55", "21:31:08"),
        ("Ada Lovelace", "ada@example.com", "21:00:00", "21:05:00"),
        ("Ada Lovelace", "ada@example.com", "21:29:00", "21:30:00"),
        ("Bob", None, "21:05:00", "21:06:00"),
        ("Cy", "cy@partner.example", "21:07:00", "21:08:00"),
        ("Dee Ray", "dee@example.com", "21:10:00", "21:20:00"),
    ]
    assert {(row["conference_key"], row["kind"]) for row in rows} == {(KEY, "person")}
    assert (report.skipped, report.notes) == ({}, {})


def test_a_report_without_activities_gives_first_and_last_times(tmp_path: Path) -> None:
    """Where the activities are missing, the participants are what there is."""
    rows, _ = read_text(tmp_path, REPORT.partition("3. In-Meeting")[0], **US)
    assert brief(rows)[1] == ("Ada Lovelace", "ada@example.com", "21:00:00", "21:30:00")
    assert len(rows) == 5


def test_a_list_of_joins_and_leaves_is_paired(tmp_path: Path) -> None:
    """The older list has a line an event; who was there when it was downloaded is still in."""
    rows, _ = read_text(tmp_path, LIST, zone="Asia/Tokyo", date_format="month_first")
    assert sorted(brief(rows), key=str) == [
        ("Bowge Syr", None, "00:52:19", "00:58:50"),
        ("Naen Hajita", None, "00:52:19", "01:19:35"),
        ("Naen Hajita", None, "01:21:44", "--------"),
        ("So Okada", None, "00:52:19", "--------"),
    ]


def test_a_comma_separated_list_is_read(tmp_path: Path) -> None:
    """Saved by a spreadsheet, the list has commas and quotes."""
    text = (
        "Full Name,User Action,Timestamp\n"
        'Kray Thorn,Joined before,"11/4/2020, 9:50:12 AM"\nKray Thorn,Left,"11/4/2020, 10:06:45 AM"\n'
    )
    rows, _ = read_text(tmp_path, text, "utf-8", **US)
    assert brief(rows) == [("Kray Thorn", None, "14:50:12", "15:06:45")]


def test_two_devices_of_one_name_are_two_stays() -> None:
    """Joined twice and left twice is paired in order; a leave without a join is a doubt from the list's start on."""
    events = [("Joined", "9:00"), ("Joined", "9:05"), ("Left", "9:10"), ("Left", "9:20"), ("Left", "9:30")]
    lines = [{"Full Name": "Ada", "User Action": what, "Timestamp": f"2020-07-04 {at}:00"} for what, at in events]
    rows, _ = read(lines, zone="UTC")
    assert brief(rows) == [
        ("Ada", None, "09:00:00", "09:10:00"),
        ("Ada", None, "09:05:00", "09:20:00"),
        ("Ada", None, "09:00:00", "09:30:00"),
    ]
    assert [row["kind"] for row in rows] == ["person", "person", "lobby"]


def test_the_report_of_2021_is_read(tmp_path: Path) -> None:
    """Its summary has no numbers, and its table a line a stay."""
    text = """\
Meeting Summary
Total Number of Participants\t2
Meeting Title\tDemo
Meeting Start Time\t15/11/2021, 09:30:17
Meeting End Time\t15/11/2021, 09:41:47
Meeting Id\t0f2b0c3e-5a1c-4c8e-9d61-000000000000

Full Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole\tParticipant ID (UPN)
JANSSENS JAN (EXT)\t15/11/2021, 09:30:47\t15/11/2021, 09:41:46\t10m 59s\tjan@un.example\tOrganizer\tjan@un.example
Ada Lovelace\t15/11/2021, 09:31:00\t\t1h 2m 3s\t\tAttendee\tada@example.com
"""
    rows, _ = read_text(tmp_path, text, zone="Europe/Brussels")
    assert brief(rows) == [
        ("JANSSENS JAN (EXT)", "jan@un.example", "08:30:47", "08:41:46"),
        ("Ada Lovelace", "ada@example.com", "08:31:00", "09:33:03"),
    ]


def test_times_need_a_zone_and_an_order(tmp_path: Path) -> None:
    """A file's times are the organiser's, in the organiser's order of day and month: neither is guessed."""
    with pytest.raises(FeedUnreadable, match="option zone"):
        read_text(tmp_path, REPORT, date_format="month_first")
    with pytest.raises(FeedUnreadable, match="date_format"):
        read_text(tmp_path, REPORT, zone="America/New_York")
    with pytest.raises(FeedUnreadable, match="day/month or month/day"):
        read_text(tmp_path, LIST, zone="Asia/Tokyo")


def test_columns_marked_as_utc_need_no_zone(tmp_path: Path) -> None:
    """Some exports say so in the header, and then the zone of the option is not theirs."""
    header = "Name\tFirst Join (UTC)\tLast Leave (UTC)\tIn-Meeting Duration\tEmail\tRole"
    line = "Ada\t2025-11-26 16:00:00\t2025-11-26 16:30:00\t30m\tada@example.com\tAttendee"
    rows, _ = read_text(tmp_path, f"{header}\n{line}\n", zone="Asia/Tokyo")
    assert brief(rows) == [("Ada", "ada@example.com", "16:00:00", "16:30:00")]


def test_an_hour_that_came_twice_is_read_as_the_longer_stay(tmp_path: Path) -> None:
    """When the clocks went back, a join is the earlier and a leave the later of two: nobody is shortened."""
    header = "Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole"
    line = "Ada\t2025-11-02 01:10:00\t2025-11-02 01:20:00\t10m\tada@example.com\tAttendee"
    rows, _ = read_text(tmp_path, f"{header}\n{line}\n", zone="America/New_York")
    assert brief(rows) == [("Ada", "ada@example.com", "05:10:00", "06:20:00")]


def test_a_webinar_s_registration_address_is_used(tmp_path: Path) -> None:
    """Who came without an account is known by the address of the registration."""
    text = REPORT.replace("\tEmail\tParticipant ID (UPN)", "\tEmail\tRegistration Email").replace(
        "4:08:00 PM\t1m\t\tcy@partner.example", "4:08:00 PM\t1m\t\tcy@registered.example"
    )
    rows, _ = read_text(tmp_path, text.replace("Attended participants", "Registered participants\t9\nAttended"), **US)
    assert ("Cy", "cy@registered.example", "21:07:00", "21:08:00") in brief(rows)
    assert {row["kind"] for row in rows} == {"person"}


def test_people_whom_the_summary_counts_apart_are_a_doubt(tmp_path: Path) -> None:
    """A second count in the summary is of people who are not named: somebody unknown was there."""
    text = REPORT.replace("Attended participants\t4\n", "Attended participants\t4\nUnidentified participants\t1\n")
    rows, report = read_text(tmp_path, text, **US, booking_uid="bk_1")
    (doubt,) = [row for row in rows if row["kind"] == "lobby"]
    assert (doubt["name"], doubt["email"], doubt["booking_uid"]) == (None, None, "bk_1")
    assert stays([doubt]) == [("2025-11-26T20:58:54.000Z", "2025-11-26T21:31:08.000Z")]
    assert report.notes["people whom a report counts, but doesn't name"] == 1
    rows, report = read_text(
        tmp_path, text.replace("Unidentified participants\t1", "Unidentified participants\t0"), **US
    )
    assert (len(rows), report.notes["people whom a report counts, but doesn't name"]) == (6, 0)


def test_a_participant_without_times_is_a_doubt(tmp_path: Path) -> None:
    """Listed, but without times: that person was there at some time of the meeting."""
    text = REPORT.replace("Dee Ray\t11/26/25, 4:10:00 PM\t11/26/25, 4:20:00 PM\t10m", "Dee Ray\t\t\t")
    rows, _ = read_text(tmp_path, text, **US)
    assert (rows[-1]["kind"], rows[-1]["email"]) == ("lobby", "dee@example.com")
    assert stays(rows[-1:]) == [("2025-11-26T20:58:54.000Z", "2025-11-26T21:31:08.000Z")]
    lines = [{"Name": "Dee", "First Join": "", "Last Leave": None, "Email": "dee@example.com"}]
    with pytest.raises(FeedUnreadable, match="says when"):
        read(lines, **US)


@pytest.mark.parametrize(
    ("header", "guest"),
    [
        ("Name\tErster Beitritt\tLetztes Verlassen\tDauer der Besprechung\tE-Mail\tTeilnehmer-ID (UPN)\tRolle", "Gast"),
        ("Nom\tPremière connexion\tDernière déconnexion\tDurée de la réunion\tE-mail\tID (UPN)\tRôle", "Invité"),
        (
            "Nombre\tPrimera entrada\tÚltima salida\tDuración de la reunión\tCorreo electrónico\tId. (UPN)\tRol",
            "Invitado",
        ),
        (
            "Nome\tPrimeira Entrada\tÚltima Saída\tDuração da Reunião\tEmail\tID do participante (UPN)\tFunção",
            "Convidado",
        ),
        ("Nome\tPrimo accesso\tUltima uscita\tDurata riunione\tEmail\tID partecipante (UPN)\tRuolo", "Ospite"),
        ("Naam\tEerste deelname\tLaatste vertrek\tDuur van de vergadering\tE-mail\tDeelnemer-id (UPN)\tRol", "Gast"),
    ],
)
def test_headers_of_other_languages(tmp_path: Path, header: str, guest: str) -> None:
    """The participants' columns are known in seven languages, and so is the mark of a guest."""
    line = f"Ada Lovelace ({guest})\t26.11.2025, 16:00:00\t26.11.2025, 16:30:00\t30 Min.\t\tada@example.com\tx"
    rows, _ = read_text(tmp_path, f"1. Resumo\nx\ty\n\n2. Participantes\n{header}\n{line}\n", zone="UTC")
    assert brief(rows) == [("Ada Lovelace", "ada@example.com", "16:00:00", "16:30:00")]


@pytest.mark.parametrize(
    "header",
    [
        "Name\tBeitrittszeit\tVerlassenszeit\tDauer\tE-Mail\tRolle",
        "Nom complet\tHeure d'arrivée\tHeure de départ\tDurée\tE-mail\tRôle",
        "Nombre completo\tHora de unión\tHora de salida\tDuración\tCorreo electrónico\tRol",
        "Nome Completo\tHorário de Entrada\tHorário de Saída\tDuração\tEmail\tFunção",
        "Nome completo\tOra di ingresso\tOra di uscita\tDurata\tEmail\tRuolo",
        "Volledige naam\tTijd van deelname\tTijd van vertrek\tDuur\tE-mail\tRol",
    ],
)
def test_activities_of_other_languages(tmp_path: Path, header: str) -> None:
    """The columns of a line a stay are known in seven languages."""
    line = "Ada\t2025-11-26 16:00:00\t2025-11-26 16:30:00\t30m\tada@example.com\tx"
    rows, _ = read_text(tmp_path, f"{header}\n{line}\n", zone="UTC")
    assert brief(rows) == [("Ada", "ada@example.com", "16:00:00", "16:30:00")]


@pytest.mark.parametrize(
    ("header", "joined", "left"),
    [
        ("Vollständiger Name\tBenutzeraktion\tZeitstempel", "Beigetreten", "Verlassen"),
        ("Nom complet\tAction de l'utilisateur\tHorodatage", "A rejoint", "A quitté"),
        ("Nombre completo\tAcción del usuario\tMarca de tiempo", "Se unió antes", "Salió"),
        ("Nome Completo\tAção do usuário\tCarimbo de data/hora", "Ingressou", "Saiu"),
        ("Nome completo\tAzione utente\tTimestamp", "Ha partecipato", "Ha abbandonato"),
        ("Volledige naam\tGebruikersactie\tTijdstempel", "Deelgenomen", "Verlaten"),
    ],
)
def test_lists_of_other_languages(tmp_path: Path, header: str, joined: str, left: str) -> None:
    """Joining and leaving are known in seven languages, also without their accents."""
    text = f"{header}\nAda\t{joined}\t2020-07-04 09:00:00\nAda\t{left}\t2020-07-04 09:30:00\n"
    rows, _ = read_text(tmp_path, text, zone="UTC")
    assert brief(rows) == [("Ada", None, "09:00:00", "09:30:00")]


def test_unknown_columns_are_shown_and_can_be_named(tmp_path: Path) -> None:
    """A language that is not known is refused with the columns that there are, and the option reads them."""
    text = """\
1. Yhteenveto
Kokouksen otsikko\tDemo

2. Osallistujat
Nimi\tEnsimmäinen liittyminen\tViimeinen poistuminen\tKesto\tSähköposti\tRooli
Ada\t22.7.2026 7.05.12\t22.7.2026 7.20.41\t15 min 29 s\tada@example.com\tEsittäjä

3. Toiminta
Nimi\tLiittymisaika\tPoistumisaika\tKesto\tSähköposti\tRooli
Ada\t22.7.2026 7.05.12\t22.7.2026 7.20.41\t15 min 29 s\tada@example.com\tEsittäjä
"""
    with pytest.raises(FeedUnreadable, match="Ensimmäinen liittyminen, Viimeinen poistuminen") as caught:
        read_text(tmp_path, text, zone="Europe/Helsinki")
    assert "option columns" in str(caught.value)
    assert "ada@example.com" not in str(caught.value)
    names = {
        "name": "Nimi",
        "email": "Sähköposti",
        "first_join": "Ensimmäinen liittyminen",
        "last_leave": "Viimeinen poistuminen",
        "joined_at": "Liittymisaika",
        "left_at": "Poistumisaika",
    }
    options: dict[str, Any] = {"zone": "Europe/Helsinki", "date_format": "%d.%m.%Y %H.%M.%S", "columns": names}
    rows, _ = read_text(tmp_path, text, **options)
    assert brief(rows) == [("Ada", "ada@example.com", "04:05:12", "04:20:41")]


def test_an_unknown_action_is_a_fault_without_its_text(tmp_path: Path) -> None:
    """An unknown word is not guessed to be a joining or a leaving; it may be a name in a shifted column."""
    with pytest.raises(FeedUnreadable, match="neither joined nor left") as caught:
        read_text(tmp_path, LIST.replace("\tLeft\t", "\tOkada\t"), zone="UTC", date_format="month_first")
    assert "Okada" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h 2m 3s", 3723),
        ("59 Min. 0 Sek.", 3540),
        ("1 Std. 5 Min.", 3900),
        ("1 h 30 min", 5400),
        ("2 u 1 min 1 s", 7261),
        ("45m", 2700),
        ("", None),
        ("x", None),
        ("3 weeks", None),
        ("1:02:03", None),
    ],
)
def test_durations_are_read_with_the_units_of_languages(text: str, seconds: int | None) -> None:
    """Hours, minutes and seconds are known by how their words begin; anything else is not a duration."""
    assert seconds_of(text) == seconds


def test_only_the_marks_of_teams_are_taken_from_a_name() -> None:
    """What a person wrote into their own name stays, because the booking may have it so."""
    assert without_guest_mark("Ada Lovelace (Guest) (Unverified)") == "Ada Lovelace"
    assert without_guest_mark("JANSSENS JAN (EXT)") == "JANSSENS JAN (EXT)"
    assert without_guest_mark("(Guest)") is None
    assert without_guest_mark(None) is None
