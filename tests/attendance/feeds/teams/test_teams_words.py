"""Teams' words in many languages, and the options that add others."""
# ruff: noqa: RUF001 - letters of other alphabets are meant

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import FeedUnreadable, read_feed
from airflow_provider_calcom.attendance.feeds.teams.words import has_guest_mark, joining_of, without_guest_mark


@pytest.mark.parametrize(
    "mark",
    [
        *("Guest", "Gast", "Invité", "Invité(e)", "Invitado", "Convidado", "Ospite", "Gość", "Gäst", "Gæst", "Gjest"),
        *("Vieras", "Host", "Hosť", "Vendég", "Invitat", "Гость", "Гість", "Гост", "Konuk", "Misafir", "אורח", "ضيف"),
        *("来宾", "來賓", "ゲスト", "게스트", "Επισκέπτης", "Khách", "Tamu", "ผู้เยี่ยมชม"),
        *("Unverified", "Nicht überprüft", "Non vérifié", "Sin verificar", "Não verificado", "Non verificato"),
        *("Niezweryfikowany", "Overifierad", "Ikke bekreftet", "Vahvistamaton", "Neověřeno", "Neverificat"),
        *("Doğrulanmamış", "Не проверено", "לא מאומת", "未验证", "未確認", "확인되지 않음", "Niet geverifieerd"),
        *("External", "Extern", "Externe", "Esterno", "Zewnętrzny", "Внешний", "外部", "외부", "Harici", "חיצוני"),
        *("GOŚĆ", "Gos\u0301c\u0301", " Guest "),
    ],
)
def test_a_guest_s_mark_is_not_part_of_the_name(mark: str) -> None:
    """In any of the languages, any case, and also in wide brackets or between marks of direction."""
    assert without_guest_mark(f"Ann Archer ({mark})") == "Ann Archer"
    assert without_guest_mark(f"Ann Archer（{mark}）") == "Ann Archer"
    assert without_guest_mark(f"Ann Archer \u200f({mark})\u200f") == "Ann Archer"
    assert has_guest_mark(f"Ann Archer ({mark})")


@pytest.mark.parametrize("name", ["Ann Archer (EXT)", "Ann (Bob)", "Ann Guest", "(Ann", "Ann)", "Ann ()", "Guest"])
def test_what_a_person_wrote_into_the_name_stays(name: str) -> None:
    """The booking may have it so."""
    assert without_guest_mark(name) == name
    assert not has_guest_mark(name)


@pytest.mark.parametrize("mark", ["vendulo", "(vendulo)", "VENDULO"])
def test_an_option_adds_marks(mark: str) -> None:
    """For reports and for answers of Graph alike."""
    stay: dict[str, Any] = {"joinDateTime": "2026-11-18T09:01:25Z", "leaveDateTime": "2026-11-18T09:29:45Z"}
    record = {"identity": {"displayName": "Ann Archer (Vendulo)"}, "attendanceIntervals": [stay]}
    line = {"Name": "Ann Archer (Vendulo)", "Join Time": "2026-11-18 09:01", "Leave Time": "2026-11-18 09:29"}
    for source in (record, line):
        (row,) = read_feed("teams", [source], guest_marks=[mark], zone="UTC", conference_key="19:x@thread.v2")
        assert row["name"] == "Ann Archer"


@pytest.mark.parametrize(
    ("joined", "left"),
    [
        ("Joined before", "Left"),
        ("Vorher beigetreten", "Verlassen"),
        ("A rejoint", "A quitté"),
        ("Dołączono", "Opuszczono"),
        ("Dołączył(a)", "Opuścił(a)"),
        ("Anslöt", "Lämnade"),
        ("Deltog", "Forlod"),
        ("Ble med", "Forlot"),
        ("Liittyi", "Poistui"),
        ("Připojil(a) se", "Odešel/Odešla"),
        ("Присоединился(-ась)", "Покинул(-а)"),
        ("Katıldı", "Ayrıldı"),
        ("KATILDI", "AYRILDI"),
        ("Csatlakozott", "Kilépett"),
        ("S-a alăturat", "A ieșit"),
        ("Приєднався", "Вийшов"),
        ("已加入", "已离开"),
        ("参加済み", "退出"),
        ("참가함", "나감"),
        ("הצטרף", "יצא"),
        ("انضم", "غادر"),
    ],
)
def test_joining_and_leaving_are_known_in_many_languages(joined: str, left: str) -> None:
    """Also with the forms of other genders, and in capitals."""
    assert (joining_of(joined), joining_of(left)) == (True, False)


@pytest.mark.parametrize("word", ["", "Ann Archer", "Joined and left", "Attendee"])
def test_a_word_that_is_neither_is_not_guessed(word: str) -> None:
    """Nor one that is both."""
    assert joining_of(word) is None


def test_options_name_the_words_for_joining_and_leaving() -> None:
    """The error names them, and what the user says goes before what is known."""
    lines = [
        {"Full Name": "Ann", "User Action": what, "Timestamp": f"2026-11-18 {at}:00"}
        for what, at in (("Vnikis", "09:00"), ("Foriris", "09:30"))
    ]
    with pytest.raises(FeedUnreadable, match="joined_words and left_words"):
        list(read_feed("teams", lines, zone="UTC"))
    (row,) = read_feed("teams", lines, zone="UTC", joined_words=["vnikis"], left_words=["foriris"])
    assert (row["joined_at"], row["left_at"]) == ("2026-11-18T09:00:00.000Z", "2026-11-18T09:30:00.000Z")
    assert joining_of("Left", joined=["left"]) is True
