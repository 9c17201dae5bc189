"""Webex's participants as the API and the site's reports give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import FeedUnreadable, read_feed

LINK = "https://acme.webex.com/acme/j.php?MTID=m0123456789abcdef0123456789abcdef"
KEY = "webex:mtid/m0123456789abcdef0123456789abcdef"
UNKNOWN = "1970-01-01T00:00:00.000Z"

DEVICE = {
    "correlationId": "8ccced6c-b812-4dff-a5dd-4c5c28f8d47d",
    "deviceType": "mac",
    "audioType": "voip",
    "joinedTime": "2026-01-15T10:00:03.000Z",
    "leftTime": "2026-01-15T10:10:00.000Z",
    "durationSecond": 597,
    "callType": "callIn",
    "phoneNumber": "",
}
PARTICIPANT: dict[str, Any] = {
    "id": "560d7b784f5143e3be2fc3064a5c4999_3c2e2338-e950-43bf-b588-573773ee43d1",
    "host": False,
    "coHost": False,
    "spaceModerator": False,
    "email": "amy@example.com",
    "displayName": "Amy Adams",
    "invitee": True,
    "muted": False,
    "video": "off",
    "state": "end",
    "joinedTime": "2026-01-15T10:00:03.000Z",
    "leftTime": "2026-01-15T10:30:00.000Z",
    "siteUrl": "acme.webex.com",
    "meetingId": "3a688f62840346e8b87dde2b50703511_I_197977258267247872",
    "hostEmail": "olivia@clinic.example",
    "devices": [DEVICE, {**DEVICE, "joinedTime": "2026-01-15T10:20:00.000Z", "leftTime": "2026-01-15T10:30:00.000Z"}],
}
ATTENDEE = {
    "meetingId": "089b137c3cf34b578896941e2d49dfe8_I_146987372776523573",
    "meetingNumber": "25551234567",
    "meetingTitle": "Intake",
    "displayName": "Amy Adams",
    "email": "amy@example.com",
    "joinedTime": "2026-01-15T18:00:03+08:00",
    "leftTime": "2026-01-15T18:30:00+08:00",
    "duration": 30,
    "participantType": "ATTENDEE",
    "ipAddress": "172.16.244.151",
    "clientAgent": "WINDOWS,IE",
    "company": "ExampleCompany",
    "phoneNumber": "6505550100",
    "city": "San Jose",
    "state": "CA",
    "country": "US",
    "registered": False,
    "invited": True,
}


def rows_of(source: Any, **options: Any) -> list[Any]:
    return list(read_feed("webex", source, **options))


def test_each_device_is_a_presence() -> None:
    """A participant's own first and last time hide the gap between two stays."""
    rows = rows_of({"items": [PARTICIPANT]}, conference_key=LINK)
    assert [(row["joined_at"], row["left_at"]) for row in rows] == [
        ("2026-01-15T10:00:03.000Z", "2026-01-15T10:10:00.000Z"),
        ("2026-01-15T10:20:00.000Z", "2026-01-15T10:30:00.000Z"),
    ]
    assert rows[0] == {
        "source": "webex",
        "participant": PARTICIPANT["id"],
        "kind": "person",
        "booking_uid": None,
        "conference_key": KEY,
        "email": "amy@example.com",
        "name": "Amy Adams",
        "phone": None,
        "joined_at": "2026-01-15T10:00:03.000Z",
        "left_at": "2026-01-15T10:10:00.000Z",
    }


def test_a_participant_without_devices_has_its_own_times() -> None:
    """Loaders drop nested lists; then the first and last time are what there is."""
    plain = {name: value for name, value in PARTICIPANT.items() if name != "devices"}
    for record in (plain, {**PARTICIPANT, "devices": []}, {**PARTICIPANT, "devices": None}):
        (row,) = rows_of([record])
        assert (row["joined_at"], row["left_at"]) == ("2026-01-15T10:00:03.000Z", "2026-01-15T10:30:00.000Z")


def test_missing_device_shows_in_participants_times() -> None:
    """A participant was there from the first time of a device to the last; of a cut list its own times count."""
    for device in PARTICIPANT["devices"]:
        rows = rows_of([{**PARTICIPANT, "devices": [device]}])
        assert (rows[1]["joined_at"], rows[1]["left_at"]) == ("2026-01-15T10:00:03.000Z", "2026-01-15T10:30:00.000Z")


def test_times_that_are_not_known_yet_are_null() -> None:
    """Webex writes them as 1970 or leaves them out while the meeting goes on."""
    (row,) = rows_of([{**PARTICIPANT, "devices": [{**DEVICE, "leftTime": UNKNOWN}]}])
    assert (row["joined_at"], row["left_at"]) == ("2026-01-15T10:00:03.000Z", None)
    (row,) = rows_of([{**PARTICIPANT, "devices": [{**DEVICE, "joinedTime": UNKNOWN, "leftTime": UNKNOWN}]}])
    assert (row["joined_at"], row["left_at"]) == ("2026-01-15T10:00:03.000Z", "2026-01-15T10:30:00.000Z")


def test_who_is_listed_without_times_is_a_doubt_or_unreadable() -> None:
    """Webex fills in times when the meeting has ended; until then somebody was there, and nobody knows when."""
    listed = {**PARTICIPANT, "devices": [], "joinedTime": UNKNOWN, "leftTime": UNKNOWN}
    with pytest.raises(FeedUnreadable, match="fetch the participants again when the meeting has ended"):
        rows_of([listed])
    (row,) = rows_of([{**listed, "meetingStartTime": "2026-01-15T10:00:00Z"}])
    assert (row["kind"], row["joined_at"], row["left_at"]) == ("lobby", "2026-01-15T10:00:00.000Z", None)


def test_a_device_without_times_leaves_the_participants_own() -> None:
    """The one device that is known may not be the one that was there at the booking's time."""
    (known, whole) = rows_of([{**PARTICIPANT, "devices": [DEVICE, {**DEVICE, "joinedTime": None, "leftTime": None}]}])
    assert (known["left_at"], whole["left_at"]) == ("2026-01-15T10:10:00.000Z", "2026-01-15T10:30:00.000Z")


def test_who_waits_is_in_the_lobby() -> None:
    """The state says so."""
    assert {row["kind"] for row in rows_of([{**PARTICIPANT, "state": "lobby"}])} == {"lobby"}
    assert {row["kind"] for row in rows_of([{**PARTICIPANT, "state": "breakoutSession"}])} == {"person"}


def test_telephones() -> None:
    """A person who called in is known by the device's number."""
    called = {**DEVICE, "audioType": "pstn", "callType": "callIn", "phoneNumber": "+16505550100"}
    (row, _) = rows_of([{**PARTICIPANT, "email": "", "displayName": "Call-in User_1", "devices": [called]}])
    assert (row["phone"], row["email"], row["name"]) == ("+16505550100", None, "Call-in User_1")
    (row,) = rows_of([{**PARTICIPANT, "displayName": "+1650*****00", "devices": []}])
    assert row["phone"] == "+1650*****00"


def test_the_attendee_report() -> None:
    """It has the meeting's number, times in the request's zone, and a state that is California."""
    (row,) = rows_of({"items": [ATTENDEE]})
    assert row == {
        "source": "webex",
        "participant": None,
        "kind": "person",
        "booking_uid": None,
        "conference_key": "webex:25551234567",
        "email": "amy@example.com",
        "name": "Amy Adams",
        "phone": "6505550100",
        "joined_at": "2026-01-15T10:00:03.000Z",
        "left_at": "2026-01-15T10:30:00.000Z",
    }


def test_the_join_link_names_the_meeting() -> None:
    """Cal.com's location is the meeting's webLink, so it comes before the number; it is put beside the items."""
    rows = rows_of([{"webLink": LINK, "items": [ATTENDEE, PARTICIPANT]}])
    assert {row["conference_key"] for row in rows} == {KEY}


def test_the_apis_own_id_can_be_looked_up() -> None:
    """It is in no link, so by itself it leaves the row without a key."""
    assert {row["conference_key"] for row in rows_of([PARTICIPANT])} == {None}
    known: dict[str, Any] = {"conference_keys": {PARTICIPANT["meetingId"]: LINK}}
    assert {row["conference_key"] for row in rows_of([PARTICIPANT], **known)} == {KEY}
    (row, _) = rows_of([PARTICIPANT], booking_uids={PARTICIPANT["meetingId"]: "uid1"})
    assert row["booking_uid"] == "uid1"


@pytest.mark.parametrize(
    "landed",
    [
        {name.upper(): value for name, value in PARTICIPANT.items() if name != "devices"},
        {"joined_time": "2026-01-15T10:00:03Z", "left_time": "2026-01-15T10:30:00Z", "email": "amy@example.com"},
    ],
)
def test_columns_as_loaders_land_them(landed: dict[str, Any]) -> None:
    """In the case and spelling of the warehouse."""
    assert rows_of([landed])[0]["joined_at"] == "2026-01-15T10:00:03.000Z"


REPORT = (
    "Event Name\tEvent Start Time\tEvent End Time\tName\tAttendee Email\tJoin Time\tLeave Time\tAttendance Duration"
    "\tConnection Type\n"
    'Intake\t"=""2026-01-15 10:00:00"""\t"=""2026-01-15 10:30:00"""\tAmy Adams\tamy@example.com'
    '\t"=""2026-01-15 10:00:03"""\t"=""2026-01-15 10:30:00"""\t30 mins\tDesktop\n'
)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_the_report_of_the_site(tmp_path: Path, encoding: str) -> None:
    """Tab separated UTF-16 with times as formulas, in the site's zone and without the meeting's number."""
    path = tmp_path / "report.csv"
    path.write_text(REPORT, encoding=encoding)
    (row,) = rows_of(path, zone="Europe/Berlin", conference_key=LINK)
    assert (row["email"], row["name"], row["conference_key"]) == ("amy@example.com", "Amy Adams", KEY)
    assert (row["joined_at"], row["left_at"]) == ("2026-01-15T09:00:03.000Z", "2026-01-15T09:30:00.000Z")


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"email": "amy@example.com"}, "lacks joinedTime"),
        ({"joinedTime": "2026-01-15T10:00:03Z"}, "lacks email"),
        (
            {"message": "The requested resource could not be found.", "errors": [], "trackingId": "x"},
            "lacks joinedTime",
        ),
        ({**PARTICIPANT, "devices": "mac"}, "column devices: is not a list"),
        ({**PARTICIPANT, "devices": ["mac"]}, "column devices: has an entry that is not an object"),
    ],
)
def test_another_shape_names_the_missing_column(record: dict[str, Any], named: str) -> None:
    """An error response of the API is not treated as an empty meeting."""
    with pytest.raises(FeedUnreadable, match=named):
        rows_of([record])


# Anybody who may be a person is read, or reported.


@pytest.mark.parametrize("state", ["waiting", "CA", "Lobby ", 1])
def test_a_state_that_is_not_known_is_unreadable(state: Any) -> None:
    """It may be one of another waiting room; the state of a report's attendee is where the person lives."""
    record = {**PARTICIPANT, "state": state}
    if state == "Lobby ":
        assert {row["kind"] for row in rows_of([record])} == {"lobby"}
        return
    with pytest.raises(FeedUnreadable, match="column state: is not lobby"):
        rows_of([record])
    assert rows_of([{**ATTENDEE, "state": state}])[0]["kind"] == "person"


def test_the_attendees_address_goes_before_any_other() -> None:
    """Beside a column that is the attendee's by its name, Email may be the host's, also where the former is blank."""
    host = {
        "Email": "olivia@clinic.example",
        "Attendee Email": "amy@example.com",
        "Host Email": "olivia@clinic.example",
    }
    record = {"Name": "Amy Adams", "Join Time": "2026-01-15T10:00:03Z", **host}
    assert rows_of([record])[0]["email"] == "amy@example.com"
    assert rows_of([{**record, "Attendee Email": ""}])[0]["email"] is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({**ATTENDEE, "joinedTime": UNKNOWN}, ("2026-01-15T10:00:00.000Z", "2026-01-15T10:30:00.000Z")),
        ({**ATTENDEE, "leftTime": None}, ("2026-01-15T10:00:03.000Z", "2026-01-15T10:30:03.000Z")),
        (
            {**PARTICIPANT, "leftTime": None, "devices": [{**DEVICE, "joinedTime": None}]},
            ("2026-01-15T10:00:03.000Z", "2026-01-15T10:10:00.000Z"),
        ),
        ({**PARTICIPANT, "devices": [{**DEVICE, "leftTime": None}]}, ("2026-01-15T10:00:03.000Z", None)),
    ],
)
def test_a_time_follows_from_the_other_and_the_duration(record: Any, expected: tuple[str, str | None]) -> None:
    """Reports count minutes, and devices seconds; of who is still in, the seconds are those so far."""
    (row,) = rows_of([record])
    assert (row["joined_at"], row["left_at"]) == expected


def test_a_time_of_no_meeting_is_unreadable() -> None:
    """Only the beginning of 1970 represents a time that is not known yet; another wrong year is a fault."""
    with pytest.raises(FeedUnreadable, match="impossible year"):
        rows_of([{**ATTENDEE, "joinedTime": "0001-01-01T00:00:00Z"}])


@pytest.mark.parametrize("number", [None, "the usual"])
def test_an_attendee_of_no_meeting_is_unreadable(number: str | None) -> None:
    """The report has the meeting's number in each record; without it a name would count for nobody."""
    with pytest.raises(FeedUnreadable, match="meetingNumber: is missing, or no number"):
        rows_of([{**ATTENDEE, "meetingNumber": number}])
    assert rows_of([{**ATTENDEE, "meetingNumber": number}], conference_key=LINK)[0]["conference_key"] == KEY


@pytest.mark.parametrize("own", [PARTICIPANT["meetingId"], "17", 17, None])
def test_only_a_participants_id_links_rows(own: Any) -> None:
    """A table's own id, or the meeting's, would make one person of all."""
    (row,) = rows_of([{**PARTICIPANT, "id": own, "devices": []}])
    assert row["participant"] is None


def test_a_page_with_a_link_to_the_next_is_refused() -> None:
    """Webex says in the header Link that more follows, which those who keep answers put beside the body."""
    page = {"headers": {"Link": '<https://webexapis.com/v1/x?cursor=1>; rel="next"'}, "body": {"items": [PARTICIPANT]}}
    with pytest.raises(FeedUnreadable, match="another page follows"):
        rows_of(page)
    assert rows_of([page, {"headers": {}, "body": {"items": [PARTICIPANT]}}])


PORTUGUESE = (
    "Nome da reunião\tData de início da reunião\tNome de exibição\tNome\tSobrenome\tE-mail do convidado"
    "\tHora da entrada\tHora da saída\n"
    "Consulta\t2026-01-15 10:00:00\tAmy Adams\tAmy\tAdams\tamy@example.com\t2026-01-15 10:00:03"
    "\t2026-01-15 10:30:00\n"
)


def test_of_two_columns_that_may_be_the_time_neither_is_taken() -> None:
    """The same time twice is one."""
    for other in ("2026-01-15T10:00:03Z", "2026-01-15T11:00:03+01:00"):
        assert len(rows_of([{**ATTENDEE, "joinedTime": other, "Join Time": "2026-01-15T10:00:03Z"}])) == 1
    with pytest.raises(FeedUnreadable, match="joinedTime and Join Time differ"):
        rows_of([{**ATTENDEE, "Join Time": "2026-01-15T10:00:04Z"}])


def test_of_two_names_both_are_kept() -> None:
    """A device is nobody's name; of two names each may be somebody's who is expected."""
    record = {**PARTICIPANT, "devices": [], "First Name": "Amy", "Last Name": "Adams"}
    for shown, name in (("Amy Adams", "Amy Adams"), ("iPhone", "Amy Adams"), ("Ben Best", "Ben Best (Amy Adams)")):
        assert rows_of([{**record, "displayName": shown}])[0]["name"] == name


@pytest.mark.parametrize("columns", [None, {"joined_at": "Beginn", "left_at": "Ende", "email": "Mail", "name": "Wer"}])
def test_reports_of_other_languages(tmp_path: Path, columns: dict[str, str] | None) -> None:
    """Portuguese is known; of others the option names the columns."""
    text = PORTUGUESE
    if columns:
        known = {
            "joined_at": "Hora da entrada",
            "left_at": "Hora da saída",
            "email": "E-mail do convidado",
            "name": "Nome de exibição",
        }
        for field, column in columns.items():
            text = text.replace(known[field], column)
    path = tmp_path / "report.csv"
    path.write_text(text, encoding="utf-16")
    (row,) = rows_of(path, zone="UTC", conference_key=LINK, **({"columns": columns} if columns else {}))
    assert (row["name"], row["email"], row["joined_at"]) == ("Amy Adams", "amy@example.com", "2026-01-15T10:00:03.000Z")
