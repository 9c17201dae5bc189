"""Google Meet's attendance reports, as organizers get them by mail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedReport, FeedUnreadable, read_feed

TIMES_OF_DAY = (
    "First name,Last name,Email,Duration,Time joined,Time exited\n"
    "Ada,Lovelace,ada@example.com,58 min,18:02,19:00\n"
    "Grace,Hopper,,1 hr 2 min,5:58 PM,7:00 PM\n"
)
WITH_BLOCK = (
    "Meeting title,Date,Start time,End time\n"
    "Consult,2026-01-15,23:30,00:30\n"
    "\n"
    "Name,Email,Duration,Time joined,Time exited\n"
    "Ada Lovelace,ada@example.com,59m,23:31:05,0:30:02\n"
    "Grace Hopper,grace@example.com,25m,0:05:00,0:30:00\n"
)
DATED = (
    "Name,Email,Duration,Time joined,Time exited\n"
    "Ada Lovelace,ada@example.com,42m,2026-01-15 11:01:14,2026-01-15 11:43:08\n"
)
OPTIONS = {"zone": "Europe/Berlin", "conference_key": "abc-defg-hij"}


def read(folder: Path, text: str, file: str = "report.csv", **options: Any) -> tuple[list[AttendanceRow], FeedReport]:
    path = folder / file
    path.write_text(text, encoding="utf-8")
    reading = read_feed("google_meet", path, max_unreadable=0, **{**OPTIONS, **options})
    return list(reading), reading.report


def times(rows: list[AttendanceRow]) -> list[tuple[str | None, str | None]]:
    return [(row["joined_at"], row["left_at"]) for row in rows]


def test_a_report_with_dates_is_read_as_it_is(tmp_path: Path) -> None:
    """Its times are in the organizer's zone, and it names no meeting."""
    rows, _ = read(tmp_path, DATED)
    assert rows == [
        {
            "source": "google_meet",
            "participant": None,
            "kind": "person",
            "booking_uid": None,
            "conference_key": "google_meet:abcdefghij",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "phone": None,
            "joined_at": "2026-01-15T10:01:14.000Z",
            "left_at": "2026-01-15T10:43:08.000Z",
        }
    ]


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("report.csv", {"date": "2026-01-15"}),
        ("2026-01-15 18:00 Consult - Attendance Report.csv", {}),
        ("2026-01-16 18_00 Consult - Attendance Report.csv", {"date": "2026-01-15"}),
    ],
)
def test_times_of_day_get_the_date_of_the_option_or_the_file_s_name(
    tmp_path: Path, file: str, options: dict[str, str]
) -> None:
    """Google writes the meeting's date into the file's name; the option goes before it."""
    rows, _ = read(tmp_path, TIMES_OF_DAY, file, **options)
    assert [(row["name"], row["email"]) for row in rows] == [
        ("Ada Lovelace", "ada@example.com"),
        ("Grace Hopper", None),
    ]
    assert times(rows) == [
        ("2026-01-15T17:02:00.000Z", "2026-01-15T18:00:00.000Z"),
        ("2026-01-15T16:58:00.000Z", "2026-01-15T18:00:00.000Z"),
    ]


@pytest.mark.parametrize("file", ["report.csv", "2026-01-15 moved to 2026-01-16.csv"])
def test_without_a_date_the_error_names_the_option(tmp_path: Path, file: str) -> None:
    """A day is not guessed, also not of two."""
    with pytest.raises(FeedUnreadable, match="Time joined: is a time of day without a date; set the option date"):
        read(tmp_path, TIMES_OF_DAY, file)


def test_the_block_in_front_has_the_date_and_the_start(tmp_path: Path) -> None:
    """A meeting may go on past midnight: who came after it came on the next day."""
    rows, _ = read(tmp_path, WITH_BLOCK)
    assert times(rows) == [
        ("2026-01-15T22:31:05.000Z", "2026-01-15T23:30:02.000Z"),
        ("2026-01-15T23:05:00.000Z", "2026-01-15T23:30:00.000Z"),
    ]


def test_times_around_midnight_need_the_start(tmp_path: Path) -> None:
    """Without it a row may be a whole day from where it belongs, so that it would be nobody's presence."""
    text = WITH_BLOCK.split("\n\n")[1]
    with pytest.raises(FeedUnreadable, match="may be of the day before or after"):
        read(tmp_path, text, date="2026-01-15")
    rows, _ = read(tmp_path, text, "2026-01-15 23:30 Consult.csv")
    assert rows[1]["joined_at"] == "2026-01-15T23:05:00.000Z"


def test_a_beginning_follows_from_the_end_and_the_duration(tmp_path: Path) -> None:
    """And an end from the beginning; with neither the row can't be read."""
    text = DATED.replace("2026-01-15 11:01:14", "")
    assert times(read(tmp_path, text)[0]) == [("2026-01-15T10:01:08.000Z", "2026-01-15T10:43:08.000Z")]
    text = DATED.replace("2026-01-15 11:43:08", "")
    assert times(read(tmp_path, text)[0]) == [("2026-01-15T10:01:14.000Z", "2026-01-15T10:43:14.000Z")]
    with pytest.raises(FeedUnreadable, match="Time joined: is missing"):
        read(tmp_path, DATED.replace("2026-01-15 11:01:14,2026-01-15 11:43:08", ","))


def test_of_two_names_both_are_kept(tmp_path: Path) -> None:
    """The name that is shown may be another's than the account's; each of them may be somebody's who is expected."""
    text = (
        TIMES_OF_DAY.replace("First name", "Name,First name")
        .replace("Ada,", "Grace Hopper,Ada,")
        .replace("Grace,", ",Grace,")
    )
    rows, _ = read(tmp_path, text, date="2026-01-15")
    assert [row["name"] for row in rows] == ["Grace Hopper (Ada Lovelace)", "Grace Hopper"]


def test_of_two_columns_that_may_be_the_exit_neither_is_taken(tmp_path: Path) -> None:
    """They are known in several languages, and one of them may be something else here."""
    text = DATED.replace("Email", "Hora a la que salió").replace("ada@example.com", "2026-01-15 11:20:00")
    with pytest.raises(FeedUnreadable, match="Time exited and Hora a la que salió differ"):
        read(tmp_path, text)


def test_two_columns_of_one_name_are_an_unreadable_row(tmp_path: Path) -> None:
    """Whichever of them is read, and the time of the first row is read before the others."""
    text = TIMES_OF_DAY.replace("Email", "Time joined")
    with pytest.raises(FeedUnreadable, match="is in the record more than once"):
        read(tmp_path, text, date="2026-01-15")


def test_two_rows_that_name_nobody_are_two(tmp_path: Path) -> None:
    """They may be of two people, so that the second repeats nothing."""
    line = ",,42m,2026-01-15 11:01:14,2026-01-15 11:43:08\n"
    assert len(read(tmp_path, DATED + line + line)[0]) == 3


def test_gaps_are_noted(tmp_path: Path) -> None:
    """A row has the first and the last time of a person, and a duration without the gaps between."""
    assert read(tmp_path, DATED)[1].notes == {}
    (note,) = read(tmp_path, DATED.replace("42m", "12m"))[1].notes
    assert "hide the gaps" in note


@pytest.mark.parametrize(
    "header",
    [
        "Nombre,Apellido,Correo electrónico,Duración,Hora a la que se unió,Hora a la que salió",
        "Nome,Sobrenome,E-mail,Duração,Horário de entrada,Horário de saída",
    ],
)
def test_reports_in_spanish_and_portuguese(tmp_path: Path, header: str) -> None:
    """Their columns are known from public programs; a title may come first."""
    text = f"Relatório de participação\n{header}\n{TIMES_OF_DAY.partition(chr(10))[2]}"
    rows, _ = read(tmp_path, text, date="2026-01-15")
    assert [(row["name"], row["email"]) for row in rows] == [
        ("Ada Lovelace", "ada@example.com"),
        ("Grace Hopper", None),
    ]


def test_reports_in_other_languages_by_the_option(tmp_path: Path) -> None:
    """The option names the columns, and the words for the halves of the day."""
    text = "Vorname,Nachname,Mail,Dauer,Kam,Ging\nAda,Lovelace,ada@example.com,58 min,nachm. 6:02,nachm. 7:00\n"
    columns = {"first_name": "Vorname", "last_name": "Nachname", "email": "Mail", "joined_at": "Kam", "left_at": "Ging"}
    (row,), _ = read(tmp_path, text, date="2026-01-15", columns=columns, pm_words=["nachm."])
    assert (row["name"], row["email"], row["joined_at"]) == (
        "Ada Lovelace",
        "ada@example.com",
        "2026-01-15T17:02:00.000Z",
    )


def test_a_telephone_participant_is_a_number(tmp_path: Path) -> None:
    """A name of digits is the number of a telephone."""
    (row,), _ = read(tmp_path, DATED.replace("Ada Lovelace,ada@example.com", "+49 30 901820,"))
    assert (row["phone"], row["email"]) == ("+49 30 901820", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Meeting title,Date,Start time,End time\nConsult,2026-01-15,23:30,00:30\n", "no table of participants"),
        ("Name,Email,Duration\nAda Lovelace,ada@example.com,32:14\n", "fits no known shape"),
        (DATED.replace("2026-01-15 11:01:14", "Ada"), "Time joined: is not a time"),
    ],
)
def test_an_incomplete_report_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A report without times says that somebody was there, and not when."""
    with pytest.raises(FeedUnreadable, match=message) as caught:
        read(tmp_path, text)
    assert "Lovelace" not in str(caught.value)
