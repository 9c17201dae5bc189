"""Files downloaded from Microsoft Teams that are cut, spelled in other ways, or of a rarer kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedReport, FeedUnreadable, read_feed
from tests.attendance.feeds.workbook import write_workbook

SUMMARY = """\
1. Summary
Meeting title\tConsult
Attended participants\t3
Start time\t11/18/26, 9:00:00 AM
End time\t11/18/26, 10:30:00 AM
Meeting duration\t1h 30m
"""
PARTICIPANTS = """\
Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tParticipant ID (UPN)\tRole
Olivia Owner\t11/18/26, 9:00:00 AM\t11/18/26, 10:30:00 AM\t1h 30m\tolivia@clinic.example\t\tOrganizer
Ann Archer\t11/18/26, 9:01:10 AM\t11/18/26, 10:29:00 AM\t57m 15s\tann@example.org\t\tAttendee
Bob Baker (Guest)\t11/18/26, 9:02:00 AM\t11/18/26, 9:03:00 AM\t1m\t\t\tAttendee
"""
ACTIVITIES = """\
Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole
Olivia Owner\t11/18/26, 9:00:00 AM\t11/18/26, 10:30:00 AM\t1h 30m\tolivia@clinic.example\tOrganizer
Ann Archer\t11/18/26, 9:01:10 AM\t11/18/26, 9:29:25 AM\t28m 15s\tann@example.org\tAttendee
Ann Archer\t11/18/26, 10:00:00 AM\t11/18/26, 10:29:00 AM\t29m\tann@example.org\tAttendee
Bob Baker (Guest)\t11/18/26, 9:02:00 AM\t11/18/26, 9:03:00 AM\t1m\t\tAttendee
"""
ENGAGEMENT = """\

4. Meeting Engagement
Name\tEngagement Type\tTime
Ann Archer\tApplause\t11/18/26, 9:05:00 AM
"""
HERE: dict[str, Any] = {"zone": "UTC", "date_format": "month_first", "conference_key": "19:x@thread.v2"}


def report_of(second: str = "2. Participants", third: str = "3. In-Meeting Activities", summary: str = SUMMARY) -> str:
    """A report with these titles."""
    return f"{summary}\n{second}\n{PARTICIPANTS}\n{third}\n{ACTIVITIES}{ENGAGEMENT}"


def written(folder: Path, text: str, name: str = "report.csv") -> Path:
    """A file as Teams writes it."""
    path = folder / name
    path.write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    return path


def read(source: Any, **options: Any) -> tuple[list[AttendanceRow], FeedReport]:
    reading = read_feed("teams", source, **{"max_unreadable": 0, **HERE, **options})
    return list(reading), reading.report


def brief(rows: list[AttendanceRow]) -> list[tuple[str, str | None, str]]:
    return [(row["kind"], row["name"], (row["joined_at"] or "-" * 24)[11:19]) for row in rows]


WHOLE = [
    ("person", "Olivia Owner", "09:00:00"),
    ("person", "Ann Archer", "09:01:10"),
    ("person", "Ann Archer", "10:00:00"),
    ("person", "Bob Baker", "09:02:00"),
]


@pytest.mark.parametrize(
    ("second", "third"),
    [
        ("2.Participants", "3.In-Meeting Activities"),
        ("2) Participants", "3) Activities"),
        ("2．参加者", "3．会議でのアクティビティ"),  # noqa: RUF001
        ("②参加者", "③アクティビティ"),
        ("2 - Uczestnicy", "3 - Działania"),
        ("2. Участники", "3. Действия"),
        ("2 Participants", "3 Activities"),
        ("Section 2: Participants", "Section 3: Activities"),
        ("Participants", "In-Meeting Activities"),
        ("Uczestnicy", "Działania podczas spotkania"),
        ("参加者", "アクティビティ"),
        ("\ufeff2. Participants\t\t\t", "3. In-Meeting Activities\t\t\t"),
        ("", ""),
    ],
)
def test_sections_are_found_whatever_their_title_is(tmp_path: Path, second: str, third: str) -> None:
    """By number in any spelling, or by the header that follows a title without one, or where a title is missing."""
    rows, report = read(written(tmp_path, report_of(second, third)))
    assert brief(rows) == WHOLE
    assert report.unreadable_records == 0


def test_a_missing_header_is_a_fault(tmp_path: Path) -> None:
    """The first of the lines is not treated as a header, and not shown."""
    header = ACTIVITIES.splitlines(True)[0]
    with pytest.raises(FeedUnreadable) as caught:
        read(written(tmp_path, report_of().replace(header, "")))
    assert "Olivia" not in str(caught.value)


@pytest.mark.parametrize("summary", ["", "Summary\nMeeting title\tConsult\n", "Consult\n", "1．概要\n件名\tConsult\n"])  # noqa: RUF001
def test_a_summary_may_be_of_any_shape(tmp_path: Path, summary: str) -> None:
    """Also missing, or with a title that has no number."""
    assert brief(read(written(tmp_path, report_of(summary=summary)))[0]) == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        SUMMARY,
        f"{SUMMARY}\n3. In-Meeting Activities\n",
        f"{SUMMARY}\n2. Participants\n",
        "1. Yhteenveto\nKokouksen otsikko\tAnn Archer\n",
        "Nimi\tAika\nAnn Archer\tx\n",
    ],
)
def test_a_file_without_a_list_of_participants_is_refused(tmp_path: Path, text: str) -> None:
    """It is not read as a meeting to which nobody came; and its lines, which may hold names, are not shown."""
    with pytest.raises(FeedUnreadable) as caught:
        read(written(tmp_path, text), max_unreadable=1)
    assert "Archer" not in str(caught.value)


def test_a_list_that_is_shorter_than_the_summary_counts_is_refused(tmp_path: Path) -> None:
    """It was cut, unless people may choose not to be named: then somebody unknown was there."""
    cut = written(tmp_path, f"{SUMMARY}\n2. Participants\n" + "".join(PARTICIPANTS.splitlines(True)[:-1]))
    with pytest.raises(FeedUnreadable, match=r"counts 3 people and it lists 2.*unnamed_participants"):
        read(cut, max_unreadable=1)
    rows, _ = read(cut, unnamed_participants=True)
    assert [row["kind"] for row in rows] == ["lobby", "person", "person"]
    assert (rows[0]["name"], rows[0]["joined_at"]) == (None, "2026-11-18T09:00:00.000Z")


def test_fewer_names_than_counted_leave_a_doubt(tmp_path: Path) -> None:
    """In the report of 2021 a line is a stay: two of one name, and somebody who is missing, look the same."""
    text = (
        "Meeting Summary\nTotal Number of Participants\t2\nMeeting Title\tDemo\n"
        "Meeting Start Time\t11/18/2026, 9:00:00 AM\nMeeting End Time\t11/18/2026, 9:30:00 AM\n\n"
        "Full Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole\n"
        "Ann Archer\t11/18/2026, 9:01:00 AM\t11/18/2026, 9:02:00 AM\t1m\t\tAttendee\n"
        "Ann Archer\t11/18/2026, 9:03:00 AM\t11/18/2026, 9:30:00 AM\t27m\t\tAttendee\n"
    )
    assert [row["kind"] for row in read(written(tmp_path, text))[0]] == ["person", "person", "lobby"]
    rows, _ = read(written(tmp_path, text.replace("Participants\t2", "Participants\t1")))
    assert [row["kind"] for row in rows] == ["person", "person"]


def test_a_file_may_have_no_line_end_at_its_end(tmp_path: Path) -> None:
    """Some programs write none; each of the two tables has its own width."""
    assert brief(read(written(tmp_path, f"{SUMMARY}\n2. Participants\n{PARTICIPANTS}\n{ACTIVITIES[:-1]}"))[0]) == WHOLE


def test_concatenated_reports_keep_their_own_summaries(tmp_path: Path) -> None:
    """Each has its own count, which the other's people don't fill up."""
    other = report_of().replace("11/18/26", "11/19/26").replace("Bob Baker (Guest)", "Cy Cole (Guest)")
    rows, _ = read(written(tmp_path, f"{report_of()}\n{other}"))
    assert brief(rows) == [*WHOLE, *WHOLE[:-1], ("person", "Cy Cole", "09:02:00")]
    with pytest.raises(FeedUnreadable, match="counts 4 people"):
        read(written(tmp_path, f"{report_of()}\n{other}".replace("participants\t3", "participants\t4")))


@pytest.mark.parametrize("cut", [4, 20, 40, 60])
def test_a_file_that_ends_within_its_last_line_is_refused(tmp_path: Path, cut: int) -> None:
    """A last line without its end has fewer cells, or less in its last one, than the lines before."""
    text = "Name\tJoin Time\tLeave Time\tRole\n" + "".join(
        f"{name}\t11/18/26, 9:00:10 AM\t11/18/26, 9:29:00 AM\tAttendee\n" for name in ("Ann Archer", "Bob Baker")
    )
    with pytest.raises(FeedUnreadable, match="cut"):
        read(written(tmp_path, text[:-cut]), max_unreadable=1)
    assert len(read(written(tmp_path, text[:-1]))[0]) == 2


def test_a_cut_time_is_unreadable(tmp_path: Path) -> None:
    """``9:29:00`` of ``9:29:00 PM`` can be read, as another time."""
    text = "Full Name\tUser Action\tTimestamp\nAnn\tJoined\t11/18/2026, 9:00:20 PM\nAnn\tLeft\t11/18/2026, 9:29:35 PM\n"
    for cut in (2, 3, 4, 6):
        with pytest.raises(FeedUnreadable, match=r"cut|can't be read"):
            read(written(tmp_path, text[:-cut]))


@pytest.mark.parametrize("missing", [1, 2])
def test_a_stay_that_is_missing_from_the_activities_leaves_a_doubt(tmp_path: Path, missing: int) -> None:
    """First join, last leave or the duration of the list reveal a stay that the activities lack."""
    stays = [line for line in ACTIVITIES.splitlines() if line.startswith("Ann")]
    rows, report = read(written(tmp_path, report_of().replace(f"{stays[missing - 1]}\n", "")))
    doubt = [row for row in rows if row["kind"] == "lobby"]
    assert [(row["email"], row["joined_at"]) for row in doubt] == [("ann@example.org", "2026-11-18T09:01:10.000Z")]
    assert report.notes == {"participants of whom not all stays are there": 1}


@pytest.mark.parametrize("missing", [1, 2])
def test_without_a_duration_the_ends_show_a_missing_stay(tmp_path: Path, missing: int) -> None:
    """Somebody's stays reach from the first join to the last leave."""
    stays = [line for line in ACTIVITIES.splitlines() if line.startswith("Ann")]
    text = report_of().replace(f"{stays[missing - 1]}\n", "").replace("57m 15s", "")
    rows, _ = read(written(tmp_path, text))
    assert [row["kind"] for row in rows if row["name"] == "Ann Archer"] == ["person", "lobby"]


def test_a_stay_without_an_end_covers_what_follows(tmp_path: Path) -> None:
    """It is open, so that nothing is missing behind it."""
    text = report_of().replace("11/18/26, 9:29:25 AM\t28m 15s\tann", "\t\tann")
    rows, _ = read(written(tmp_path, text))
    assert [(row["kind"], row["left_at"]) for row in rows if row["name"] == "Ann Archer"] == [
        ("person", None),
        ("person", "2026-11-18T10:29:00.000Z"),
    ]


def test_two_guests_of_one_name_are_both_there(tmp_path: Path) -> None:
    """The activities of one are not those of the other."""
    guest = "Ann (Guest)\t11/18/26, 9:{}:00 AM\t11/18/26, 9:{}:00 AM\t1m\t\t"
    second = guest.format(40, 41)
    text = report_of().replace("Participants\t3", "Participants\t5").replace("Bob Baker (Guest)\t", "Ann (Guest)\t")
    head, title, rest = text.partition("3. In-Meeting")
    rows, _ = read(written(tmp_path, f"{head.rstrip()}\n{second}\t\n{guest.format(50, 51)}\t\n\n{title}{rest}"))
    assert [row["kind"] for row in rows if row["name"] == "Ann"] == ["person", "lobby", "lobby", "lobby"]


def test_a_first_join_without_a_last_leave_is_open(tmp_path: Path) -> None:
    """The duration leaves out the gaps, so neither the last leaving nor the first joining follows from it."""
    text = f"{SUMMARY}\n2. Participants\n{PARTICIPANTS}"
    rows, _ = read(written(tmp_path, text.replace("\t11/18/26, 10:29:00 AM\t57m 15s", "\t\t57m 15s")))
    assert [(row["kind"], row["left_at"]) for row in rows if row["name"] == "Ann Archer"] == [("person", None)]
    rows, _ = read(written(tmp_path, text.replace("Ann Archer\t11/18/26, 9:01:10 AM", "Ann Archer\t")))
    (ann,) = [row for row in rows if row["name"] == "Ann Archer"]
    assert (ann["kind"], ann["joined_at"]) == ("lobby", "2026-11-18T09:00:00.000Z")


LIVE = """\
Session Id,Participant Id,Full Name,UserAgent,{when},Action,Role
s1,p1,Olivia Owner,Chrome,11/18/2026 8:58:00 AM,Joined,Producer
s2,p2,Ann Archer,Edge,11/18/2026 9:01:00 AM,Joined,Attendee
s3,,,Edge,11/18/2026 9:02:00 AM,Joined,Attendee
s4,p2,Ann Archer,Edge,11/18/2026 9:05:00 AM,Joined,Attendee
s4,p2,Ann Archer,Edge,11/18/2026 9:06:00 AM,Left,Attendee
s2,p2,Ann Archer,Edge,11/18/2026 9:30:00 AM,Left,Attendee
s3,,,Edge,11/18/2026 9:31:00 AM,Left,Attendee
s1,p1,Olivia Owner,Chrome,11/18/2026 9:32:00 AM,Left,Producer
"""


@pytest.mark.parametrize("when", ["UTC Event Timestamp", "UtcEventTimestamp", "utc_event_timestamp"])
def test_the_report_of_a_live_event_is_read(tmp_path: Path, when: str) -> None:
    """Joining and leaving are paired by session; times are UTC, as the column says, whatever the zone is."""
    path = tmp_path / "AttendeeReport.csv"
    path.write_text(LIVE.format(when=when), encoding="utf-8")
    rows, _ = read(path, zone="Asia/Tokyo")
    assert [(row["name"], (row["joined_at"] or "")[11:16], (row["left_at"] or "")[11:16]) for row in rows] == [
        ("Ann Archer", "09:05", "09:06"),
        ("Ann Archer", "09:01", "09:30"),
        (None, "09:02", "09:31"),
        ("Olivia Owner", "08:58", "09:32"),
    ]
    assert {row["participant"] for row in rows} == {None}


@pytest.mark.parametrize(
    "name", ["First Join (UTC)", "First Join UTC", "UTC First Join", "first_join_utc", "FirstJoinUtc"]
)
def test_a_column_of_utc_needs_no_zone(name: str) -> None:
    """And only that column is UTC: the other's times are in the option's zone."""
    line = {"Name": "Ann", name: "2026-11-18 09:00:00", "Last Leave": "2026-11-18 18:30:00"}
    rows, _ = read([line], zone="Asia/Tokyo")
    assert [(row["joined_at"], row["left_at"]) for row in rows] == [
        ("2026-11-18T09:00:00.000Z", "2026-11-18T09:30:00.000Z")
    ]


def test_a_beginning_follows_from_an_end_and_a_duration() -> None:
    """As an end does from a beginning."""
    for times in (("2026-11-18 09:00:00", ""), ("", "2026-11-18 09:30:00")):
        line = {"Name": "Ann", "Join Time": times[0], "Leave Time": times[1], "Duration": "30m"}
        rows, _ = read([line])
        assert [(row["joined_at"], row["left_at"]) for row in rows] == [
            ("2026-11-18T09:00:00.000Z", "2026-11-18T09:30:00.000Z")
        ]


def test_a_workbook_is_read_as_the_file_is(tmp_path: Path) -> None:
    """As saved by Excel."""
    lines = [line.split("\t") for line in report_of().splitlines()]
    rows, _ = read(write_workbook(tmp_path / "report.xlsx", {"Report": lines}))
    assert brief(rows) == WHOLE


def test_files_of_several_meetings_are_kept_apart(tmp_path: Path) -> None:
    """A guest of one, without activities, is not the guest of the same name of the other."""
    other = report_of().replace("11/18/26", "11/19/26")
    short = f"{SUMMARY}\n2. Participants\n{PARTICIPANTS}"
    rows, _ = read([written(tmp_path, short, "1.csv"), written(tmp_path, other, "2.csv")])
    assert brief(rows) == [*(one for one in WHOLE if one[2] != "10:00:00"), *WHOLE]


def test_two_columns_of_one_meaning_are_taken_where_they_agree() -> None:
    """Of two names or addresses that differ, neither is taken; of two times, the record is a fault."""
    line = {"Name": "Ann", "Full Name": "Ann", "Join Time": "2026-11-18 09:00", "E-mail": "a@x.example"}
    rows, _ = read([{**line, "Email Address": "b@x.example"}])
    assert [(row["name"], row["email"]) for row in rows] == [("Ann", None)]
    with pytest.raises(FeedUnreadable, match="means the same"):
        read([{**line, "Joined": "2026-11-18 09:10"}])


def test_the_option_columns_names_columns_of_any_language(tmp_path: Path) -> None:
    """Also where one is called as the product calls another; a name that is not read is an error."""
    text = "Nimi\tLeft\tRight\nAnn Archer\t2026-11-18 09:00\t2026-11-18 09:30\n"
    columns = {"name": "Nimi", "joined_at": "Left", "left_at": "Right"}
    rows, _ = read(written(tmp_path, text), columns=columns)
    assert [(row["name"], row["joined_at"], row["left_at"]) for row in rows] == [
        ("Ann Archer", "2026-11-18T09:00:00.000Z", "2026-11-18T09:30:00.000Z")
    ]
    with pytest.raises(ValueError, match="names 'nimi'"):
        read(written(tmp_path, text), columns={"nimi": "Nimi"})


def test_an_error_shows_columns_and_no_data(tmp_path: Path) -> None:
    """A line of data where a header should be is not shown."""
    with pytest.raises(FeedUnreadable, match="Imię, Wejście, Wyjście"):
        read(written(tmp_path, "Imię\tWejście\tWyjście\nAnn\t2026-11-18 09:00\t2026-11-18 09:30\n"))
    with pytest.raises(FeedUnreadable) as caught:
        read(written(tmp_path, "Ann Archer\tann@example.org\t2026-11-18 09:00\nBob\tbob@x.example\tx\n"))
    assert "Archer" not in str(caught.value)
    assert "ann@" not in str(caught.value)


def test_first_join_and_join_time_without_leave_time_are_unreadable(tmp_path: Path) -> None:
    """The last leaving bears another name there, and would be read as a joining, to which the length is added."""
    text = report_of().replace("Last Leave", "Join Time")
    with pytest.raises(FeedUnreadable, match="columns are neither those of"):
        read(written(tmp_path, text))
