"""The two profiles of random tests: ``fast`` in every run, ``deep`` in ``make test-deep``, which tries more."""

import os

from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("TEST_PROFILE", "fast")
IS_DEEP = PROFILE == "deep"

settings.register_profile(
    "fast", deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("deep", settings.get_profile("fast"), derandomize=False)
settings.load_profile(PROFILE)


def examples(fast: int, deep: int) -> int:
    """Return how many examples (or seeds) a test tries under the profile of this run."""
    return deep if IS_DEEP else fast
