"""The example DAGs, and the demo's bookings that they run on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType

import pytest

from tests.conftest import EXAMPLE_DAGS, ROOT
from tests.support import SandboxDriver

DEMO = ROOT / "demo"


@pytest.fixture
def demo(calcom: SandboxDriver, connect: Callable[..., None]) -> SandboxDriver:
    """Return a sandbox with the demo's day of bookings, and a connection with a ``web_url``."""
    calcom.admin("world", {"world": json.loads((DEMO / "world.json").read_text(encoding="utf-8"))})
    connect(host=calcom.url, password="cal_demo_owner", extra={"web_url": "https://cal.example.com"})
    return calcom


@pytest.fixture(scope="module")
def example() -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports an example by its module's name, as Airflow does."""
    sys.path.insert(0, str(EXAMPLE_DAGS))
    yield import_module
    sys.path.remove(str(EXAMPLE_DAGS))
