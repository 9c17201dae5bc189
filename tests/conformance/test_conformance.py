"""The sandbox answers as the recorded servers did."""

import json
from pathlib import Path

import pytest

from tests.conformance.recordings import SERVERS, recordings_in
from tests.conformance.replay import replay_server

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
FOLDERS = ("2026-11-22", "2026-11-29")


@pytest.mark.parametrize(("folder", "server"), [*((FOLDERS[0], server) for server in SERVERS), (FOLDERS[1], "2026-07")])
def test_every_recorded_answer_comes_out_the_same(folder: str, server: str) -> None:
    """Status, limits, body and flags of each replayed row are as the real server had them."""
    (replay,) = replay_server([RECORDINGS / folder], server)
    assert replay.results
    assert [(row.n, row.name, wrong) for row, wrong in replay.results if wrong] == []


def test_folders_of_one_world_are_one_recording(tmp_path: Path) -> None:
    """Whatever their order; a folder without a world belongs to the one with the keys that its rows were sent with."""
    for name, key in (("a", "cal_a"), ("b", "cal_b"), ("b2", "cal_b"), ("rest", None)):
        (tmp_path / name).mkdir()
        if key:
            (tmp_path / name / "world.json").write_text(json.dumps({"keys": [{"key": key}]}))
    (tmp_path / "rest" / "2026-07.jsonl").write_text('{"headers": {"Authorization": "Bearer cal_b"}}')
    groups = recordings_in([tmp_path / name for name in ("rest", "a", "b", "b2")])
    assert [[path.name for path in group] for group in groups] == [["a"], ["b", "b2", "rest"]]
