"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from tests.api.support import Both


@pytest.fixture(autouse=True)
def _no_waiting_between_attempts() -> Iterator[None]:
    """Never really wait between attempts; their number stays that of the settings."""
    with stamina.set_testing(True, attempts=20, cap=True):
        yield


@pytest.fixture
def both(request: pytest.FixtureRequest) -> Both:
    """The sync client; in tests marked with ``IN_BOTH`` the sync and the async client in turn."""
    return Both(getattr(request, "param", "sync"))
