"""Answers about sessions that are kept: how long they count, and files that are damaged, foreign or not writable."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.no_shows.cal_video.kept import (
    Answer,
    KeptAnswers,
    SessionsFolderUnusable,
    unfinished_sessions,
)
from tests.operators.planning import memory_storage

END = datetime(2026, 11, 18, 8, 30, tzinfo=UTC)
SETTLE = timedelta(hours=2)
HOUR = timedelta(hours=1)
PERSON: dict[str, Any] = {"userId": None, "userName": "Zoë \ud800", "joinTime": 1, "duration": 2}
HELD: dict[str, Any] = {"id": "s", "ongoing": False, "participants": [PERSON]}


def answer(sessions: Any, fetched_at: datetime = END + 3 * HOUR) -> Answer:
    return Answer("b1", fetched_at, sessions, "https://cal.example")


@pytest.mark.parametrize(
    ("sessions", "fetched", "now", "is_final"),
    [
        ([HELD], 2, 3, True),
        ([HELD], 1.99, 3, False),  # people may have come after that
        ([HELD], 2, 1000, True),
        ([HELD, HELD | {"ongoing": True}], 2, 3, False),
        (None, 2, 1000, True),  # there never was a room
        ([], 3, 23, True),  # nobody was seen: once more after a day, as the provider of the rooms may have failed
        ([], 3, 24, False),
        ([], 24, 1000, True),
        ([], 1, 3, False),
    ],
)
def test_how_long_an_answer_counts(sessions: Any, fetched: float, now: float, is_final: bool) -> None:
    """Only what was fetched after the booking was settled, and can't change any more; hours are after its end."""
    kept = answer(sessions, END + fetched * HOUR)
    assert kept.is_final(END, SETTLE, END + now * HOUR) == is_final


def test_answers_are_kept_for_their_owner(tmp_path: Path) -> None:
    """Each is a file of its own with the mode of files with people's data, and is read back as it was."""
    kept = KeptAnswers(tmp_path / "a" / "sessions")
    for sessions in ([HELD], [], None):
        kept.write(answer(sessions))
        found = kept.read("b1")
        assert found is not None
        assert found.fetched_at == END + 3 * HOUR
        assert found.sessions == ([HELD | {"participants": [PERSON | {"userName": "Zoë ?"}]}] if sessions else sessions)
    path = tmp_path / "a" / "sessions" / "b1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert kept.read("b2") is None
    assert "Zo" not in repr(found)
    kept.remove()
    assert not path.parent.exists()


def test_answers_in_an_object_store() -> None:
    """They are written, read and removed there in the same way."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    with memory_storage() as bucket:
        kept = unfinished_sessions(ObjectStoragePath(f"{bucket}/plan"))
        assert kept.read("b1") is None
        kept.write(answer([]))
        found = kept.read("b1")
        assert found is not None
        assert found.sessions == []
        kept.remove()
        assert kept.read("b1") is None


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[" * 100_000, "[]", "null", "{}", '{"format": 2}'),
        '{"format": 1, "server": "s", "booking_uid": "B1", "fetched_at": "2026-11-18T12:00:00Z", "sessions": []}',
        '{"format": 1, "server": "s", "booking_uid": "b1", "fetched_at": "noon", "sessions": []}',
        '{"format": 1, "server": "s", "booking_uid": "b1", "fetched_at": "2026-11-18T12:00:00Z", "sessions": [5]}',
        '{"format": 1, "server": "s", "booking_uid": "b1", "fetched_at": "2026-11-18T12:00:00Z", "sessions": {}}',
        '{"format": 1, "server": "s", "booking_uid": "b1", "fetched_at": "2026-11-18T12:00:00Z"}',
    ],
)
def test_a_file_that_is_not_an_answer_is_none(tmp_path: Path, content: str) -> None:
    """Damaged, cut or foreign: the sessions are fetched again, and never taken to be of nobody."""
    (tmp_path / "b1.json").write_text(content, encoding="utf-8")
    assert KeptAnswers(tmp_path).read("b1") is None


def test_a_folder_that_can_not_be_used(tmp_path: Path) -> None:
    """The error names the parameter; nothing is requested of Cal.com that could not be kept."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    kept = KeptAnswers(tmp_path / "file")
    with pytest.raises(SessionsFolderUnusable, match="sessions_path: "):
        kept.read("b1")
    with pytest.raises(SessionsFolderUnusable, match="sessions_path: "):
        kept.write(answer([]))
