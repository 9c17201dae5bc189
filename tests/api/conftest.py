"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from tests.api.support import Both


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    """Never really wait between tries; the tries themselves stay those of the settings."""
    with stamina.set_testing(True, attempts=20, cap=True):
        yield


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Both:
    """The sync and the async client in turn."""
    return Both(request.param)
