"""Cal Video's sessions, of Cal.com's API and of Daily's, and fetching them booking by booking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedReport, FeedUnreadable, read_feed
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_records, is_cal_video

UID = "rs9bRfQ3kXq2mC5pV7tYwZ"
GUEST = "2f1c7f1e-6f0a-4f4e-9d0b-0c9a7b1f6d2e"


def person(user: Any = "42", name: Any = "Hanna Host", joined: Any = 1756800030, **more: Any) -> dict[str, Any]:
    """A participant as Cal.com sends it."""
    return {"userId": user, "userName": name, "joinTime": joined, "duration": 1700, **more}


def session(*people: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A session as ``GET /v2/bookings/{uid}/conferencing-sessions`` sends it."""
    return {
        "id": "82b92a0b-52cf-4495-f1bf-4d58a98a99b7",
        "room": "Xk2mC5pV7tYwZ",
        "startTime": 1756800000,
        "duration": 1800,
        "ongoing": False,
        "maxParticipants": len(people),
        "participants": list(people),
        **more,
    }


def of_booking(*sessions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"booking_uid": UID, "sessions": list(sessions), **more}


def booking(location: Any = "integrations:daily", uid: Any = UID, **more: Any) -> dict[str, Any]:
    """A booking as Cal.com sends it, with what is of use here."""
    host = {"id": 42, "name": "Hanna Host", "email": "hanna@acme.example", "username": "hanna", "timeZone": "UTC"}
    return {
        "id": 1,
        "uid": uid,
        "title": "Intro",
        "status": "accepted",
        "hosts": [host],
        "attendees": [{"name": "Ada Lovelace", "email": "ada@example.com", "absent": False}],
        "location": location,
        **more,
    }


def read(source: Any, **options: Any) -> tuple[list[AttendanceRow], FeedReport]:
    reading = read_feed("cal_video", source, **options)
    return list(reading), reading.report


def the_row(source: Any, **options: Any) -> AttendanceRow:
    rows, report = read(source, **options)
    assert report.unreadable_records == 0
    (row,) = rows
    return row


# The feed.


def test_a_participant_of_a_session_is_a_presence_of_the_booking() -> None:
    """Join time and length make a presence, which is the booking's own by its uid."""
    assert the_row(of_booking(session(person(GUEST, "Ada Lovelace")))) == {
        "source": "cal_video",
        "participant": GUEST,
        "kind": "person",
        "booking_uid": UID,
        "conference_key": None,
        "email": None,
        "name": "Ada Lovelace",
        "phone": None,
        "joined_at": "2025-09-02T08:00:30.000Z",
        "left_at": "2025-09-02T08:28:50.000Z",
    }


@pytest.mark.parametrize("user", ["42", 42])
def test_a_signed_in_host_has_the_address_of_the_user_id(user: Any) -> None:
    """The API has ids alone; whose they are is in the record's hosts or the option."""
    source = of_booking(session(person(user)))
    assert the_row({**source, "hosts": {"42": "hanna@acme.example"}})["email"] == "hanna@acme.example"
    assert the_row(source, addresses={"42": "hanna@acme.example"})["email"] == "hanna@acme.example"
    assert the_row(source, addresses={"7": "other@acme.example"})["email"] is None


@pytest.mark.parametrize("user", [GUEST, None, "", "unknown"])
def test_a_guest_is_a_name_alone(user: str | None) -> None:
    """Guests have a UUID or nothing, and the name that they typed, which may be missing too."""
    row = the_row(of_booking(session(person(user, None)), hosts={"42": "hanna@acme.example"}))
    assert (row["email"], row["name"], row["kind"]) == (None, None, "person")


def test_several_sessions_of_a_room_are_all_read() -> None:
    """When all have left and somebody comes back, Daily begins another session."""
    rows, _ = read(of_booking(session(person(), person(GUEST, "Ada")), session(person(joined=1756801900))))
    assert [row["joined_at"] for row in rows] == [
        "2025-09-02T08:00:30.000Z",
        "2025-09-02T08:00:30.000Z",
        "2025-09-02T08:31:40.000Z",
    ]


@pytest.mark.parametrize(
    ("of_session", "of_person"), [({"ongoing": True}, {}), ({}, {"duration": None}), ({"ongoing": "true"}, {})]
)
def test_whose_end_is_not_known_is_still_in(of_session: dict[str, Any], of_person: dict[str, Any]) -> None:
    """While a session goes on, its lengths are so far; without a length the end is not known."""
    row = the_row(of_booking(session(person(**of_person), **of_session)))
    assert (row["joined_at"], row["left_at"]) == ("2025-09-02T08:00:30.000Z", None)


def test_a_booking_without_a_room_is_counted_as_skipped() -> None:
    """Cal.com knows no room of it, which is another thing than a room in which nobody was."""
    rows, report = read([{"booking_uid": UID, "sessions": None}, of_booking(), of_booking(session())])
    assert (rows, report.records) == ([], 3)
    assert report.skipped == {"a booking for which Cal Video has no room": 1, "a session without participants": 2}


def test_response_is_read_with_booking_uid_option() -> None:
    """What the endpoint answers for one booking needs only the uid."""
    answer = {"status": "success", "data": [session(person())]}
    assert the_row(answer, booking_uid=UID) == the_row(of_booking(session(person())))
    assert the_row(answer["data"], booking_uid=UID)["booking_uid"] == UID


def daily() -> dict[str, Any]:
    """A page of Daily's ``GET /meetings``."""
    return {
        "total_count": 1,
        "data": [
            {
                "id": "82b92a0b-52cf-4495-f1bf-4d58a98a99b7",
                "room": "room-3",
                "start_time": 1756800000,
                "duration": 1800,
                "ongoing": False,
                "max_participants": 2,
                "participants": [
                    {
                        "user_id": "42",
                        "user_name": "Hanna Host",
                        "participant_id": "11111111-2222-3333-4444-555555555555",
                        "join_time": 1756800030,
                        "duration": 1700,
                    },
                    {
                        "user_id": None,
                        "user_name": None,
                        "participant_id": "66666666-7777-8888-9999-000000000000",
                        "join_time": 1756800000,
                        "duration": 1800,
                    },
                ],
            }
        ],
    }


def test_daily_s_meetings_are_read_by_their_rooms() -> None:
    """Daily knows rooms, and not bookings; the user knows which is whose."""
    rows, _ = read(daily(), booking_uids={"room-3": UID}, addresses={"42": "hanna@acme.example"})
    assert rows[0] == {**the_row(of_booking(session(person()))), "email": "hanna@acme.example"}
    assert [(row["booking_uid"], row["name"]) for row in rows] == [(UID, "Hanna Host"), (UID, None)]
    assert read(daily())[0][0]["booking_uid"] is None


def test_rows_of_one_participant_each_are_read() -> None:
    """Daily's list of a meeting's participants, and tables with a row a participant, whose times may be times."""
    (participant, _) = daily()["data"][0]["participants"]
    expected = the_row(of_booking(session(person())))
    assert the_row({"data": [participant]}, booking_uid=UID) == expected
    landed = {**participant, "join_time": "2025-09-02 08:00:30+00:00", "room": "room-3", "ongoing": False}
    assert the_row([landed], booking_uids={"room-3": UID}) == expected
    text = {"booking_uid": UID, "sessions": json.dumps([session(person(joined="1756800030.0"))])}
    assert the_row([text]) == expected


def test_people_missing_from_the_list_are_a_doubt() -> None:
    """More were there at one time than are listed: somebody unknown was there, so that nobody is blamed."""
    rows, _ = read(of_booking(session(person(), maxParticipants=2), session(maxParticipants=1)))
    doubts = [row for row in rows if row["kind"] == "lobby"]
    assert [(row["booking_uid"], row["name"], row["joined_at"], row["left_at"]) for row in doubts] == [
        (UID, None, "2025-09-02T08:00:00.000Z", "2025-09-02T08:30:00.000Z")
    ]
    assert len(rows) == 2


def test_concurrent_participants_are_counted() -> None:
    """Somebody who comes back is listed twice, which must not hide that another one is missing."""
    twice = [person(GUEST, "Ada", 1756800000, duration=600), person(GUEST, "Ada", 1756801000, duration=600)]
    rows, _ = read(of_booking(session(*twice, maxParticipants=2)))
    assert [row["kind"] for row in rows] == ["person", "person", "lobby"]
    rows, _ = read(of_booking(session(*twice, person(), maxParticipants=2)))
    assert {row["kind"] for row in rows} == {"person"}


def test_a_session_that_lists_nobody_is_a_doubt() -> None:
    """Daily begins a session when somebody comes; without the count it is not known who."""
    for empty in (session(maxParticipants=None), session(maxParticipants=1)):
        assert the_row(of_booking(empty))["kind"] == "lobby"
    gone = {name: value for name, value in session(person()).items() if name != "participants"}
    for cut in (gone, session(participants=None)):
        with pytest.raises(FeedUnreadable, match="participants: is missing"):
            read(of_booking(cut))


def test_what_cannot_be_read_hides_nobody_behind_it() -> None:
    """A record is a whole booking: the others of it have their rows, and the fault is counted all the same."""
    broken = session(person(joined="soon"), person(GUEST, "Ada"))
    other = of_booking(session(person()), booking_uid="another-booking")
    rows, report = read([of_booking(broken, session(person())), other], max_unreadable=0.5)
    assert [row["name"] for row in rows if row["kind"] == "person"] == ["Ada", "Hanna Host", "Hanna Host"]
    assert report.unreadable_records == 1


@pytest.mark.parametrize(
    ("user", "expected"), [("42", "42"), (42, "42"), (GUEST, GUEST), (None, None), ("4q47OTmqa/w=", None)]
)
def test_a_user_or_a_guest_of_cal_com_links_rows(user: Any, expected: str | None) -> None:
    """Cal.com gives users their ids and guests a UUID; what Daily makes up of itself is not one person's."""
    assert the_row(of_booking(session(person(user))))["participant"] == expected


@pytest.mark.parametrize("ongoing", ["TRUE", " true", 1, True])
def test_who_is_in_is_read_in_any_spelling(ongoing: Any) -> None:
    """An unknown value is a fault: the lengths of a session that goes on are not ends."""
    assert the_row(of_booking(session(person(), ongoing=ongoing)))["left_at"] is None
    with pytest.raises(FeedUnreadable, match="ongoing: is neither true nor false"):
        read(of_booking(session(person(), ongoing="perhaps")))


def test_a_page_that_is_not_the_last_is_refused() -> None:
    """Daily says how many sessions there are; the error names what fetches the rest."""
    with pytest.raises(FeedUnreadable, match=r"total_count .*starting_after"):
        read({**daily(), "total_count": 2})


@pytest.mark.parametrize(
    ("broken", "column"),
    [
        (person(joined=None), "joinTime"),
        (person(joined="Ada Lovelace"), "joinTime"),
        (person(joined=1756800030000), "joinTime"),
        (person(duration=-1), "duration"),
        (person(duration="Ada Lovelace"), "duration"),
        (person(name=["Ada Lovelace"]), "userName"),
    ],
)
def test_what_cannot_be_read_is_reported_without_people_s_data(broken: dict[str, Any], column: str) -> None:
    """A broken participant is a fault with its column; milliseconds are not read as seconds."""
    with pytest.raises(FeedUnreadable) as caught:
        read([of_booking(session(broken))])
    assert caught.value.report
    (sample,) = caught.value.report.samples
    assert sample.column == column
    assert "Lovelace" not in str(caught.value)


def test_a_record_of_another_shape_is_unreadable() -> None:
    """A record without anything of a session is unreadable and not skipped."""
    with pytest.raises(FeedUnreadable, match="fits no known shape"):
        read([{"uid": UID}])


# Requesting the sessions.


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("integrations:daily", True),
        ("Cal Video", True),
        (f"https://app.cal.com/video/{UID}", True),
        (f"http://localhost:3000/video/{UID}", True),
        ("https://acme.daily.co/Xk2mC5pV7tYwZ", True),
        ("https://meet.google.com/abc-defg-hij", False),
        ("https://us02web.zoom.us/j/84512345678", False),
        ("Main street 1, Berlin", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_cal_video_is_known_by_the_location(location: Any, expected: bool) -> None:
    """Its locations are the integration's name, and links to its pages and rooms."""
    assert is_cal_video(booking(location)) is expected


def test_the_older_field_is_read_where_the_location_is_missing() -> None:
    """Older servers have the link in ``meetingUrl``; where there is a location, that decides."""
    link = f"https://app.cal.com/video/{UID}"
    assert is_cal_video(booking(None, meetingUrl=link))
    assert not is_cal_video(booking("https://meet.google.com/abc-defg-hij", meetingUrl=link))


def test_only_bookings_in_cal_video_cost_a_call() -> None:
    """Each booking is a call of its own, so that none is spent on meetings elsewhere."""
    fetched: list[str] = []

    def fetch(uid: str) -> list[dict[str, Any]]:
        fetched.append(uid)
        return []

    bookings = [
        booking(uid="elsewhere", location="https://meet.google.com/abc-defg-hij"),
        booking(uid="one"),
        booking(uid="nowhere", location=None),
        booking(uid=None),
        booking(uid="two", location="https://app.cal.com/video/two-two-two"),
    ]
    assert [record["booking_uid"] for record in cal_video_records(bookings, fetch)] == ["one", "two"]
    assert fetched == ["one", "two"]


def test_sessions_are_requested_one_booking_after_the_other() -> None:
    """Records stream: the next booking is taken when the one before has been read."""
    taken: list[str] = []

    def bookings() -> Any:
        for uid in ("one", "two"):
            taken.append(uid)
            yield booking(uid=uid)

    rows = iter(read_feed("cal_video", cal_video_records(bookings(), lambda uid: [session(person())])))
    assert next(rows)["booking_uid"] == "one"
    assert taken == ["one"]


def test_hosts_are_resolved_from_the_booking() -> None:
    """The booking names its hosts with ids and addresses, which the sessions lack."""
    records = cal_video_records([booking()], lambda uid: [session(person(), person(GUEST, "Ada Lovelace"))])
    rows, _ = read(records)
    assert [(row["booking_uid"], row["email"], row["name"]) for row in rows] == [
        (UID, "hanna@acme.example", "Hanna Host"),
        (UID, None, "Ada Lovelace"),
    ]


@pytest.mark.parametrize(
    "hosts",
    [
        [{"id": "unknown", "name": "unknown", "email": "unknown", "username": "unknown", "timeZone": "unknown"}],
        [{"id": 42, "name": "Hanna", "email": None}],
        [{"name": "Hanna", "email": "hanna@acme.example"}],
        ["hanna@acme.example"],
        [],
        None,
    ],
)
def test_a_host_whose_user_is_gone_resolves_nobody(hosts: Any) -> None:
    """Of a deleted user Cal.com says ``unknown``; that is nobody's id."""
    records = list(cal_video_records([booking(hosts=hosts)], lambda uid: [session(person("unknown", "Ada"), person())]))
    rows, _ = read(records)
    assert [row["email"] for row in rows] == [None, None]


def test_a_booking_without_a_room_is_skipped_and_others_are_read() -> None:
    """None represents the server's 404; it is counted, and the next booking is fetched."""
    answers: dict[str, list[dict[str, Any]] | None] = {"one": None, "two": [session(person())]}
    rows, report = read(cal_video_records([booking(uid="one"), booking(uid="two")], answers.__getitem__))
    assert [row["booking_uid"] for row in rows] == ["two"]
    assert report.skipped == {"a booking for which Cal Video has no room": 1}


def test_what_the_fetch_raises_passes_through() -> None:
    """A refused or failed call ends the reading: bookings that were not fetched would look empty."""

    def fetch(uid: str) -> list[dict[str, Any]]:
        raise PermissionError(uid)

    with pytest.raises(PermissionError):
        read(cal_video_records([booking()], fetch))
