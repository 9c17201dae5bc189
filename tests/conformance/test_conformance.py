"""The sandbox answers as the recorded servers did."""

from pathlib import Path

import pytest

from tests.conformance.recordings import SERVERS
from tests.conformance.replay import replay_server

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "calcom" / "recordings"


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}")
@pytest.mark.parametrize("server", SERVERS)
def test_every_recorded_answer_comes_out_the_same(server: str) -> None:
    """Status, limits, body and flags of each replayed row are as the real server had them."""
    replay = replay_server([RECORDINGS], server)
    assert replay.results
    assert [(row.n, row.name, wrong) for row, wrong in replay.results if wrong] == []
