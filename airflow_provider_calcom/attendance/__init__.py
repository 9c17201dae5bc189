"""Who came to a booking: feeds, rules and their explanation. Knows nothing of Airflow, HTTP or plans.

What a user needs is here: :func:`decide` and :func:`deciding`, :class:`AttendancePolicy` and :func:`read_feed`. Each is
imported when it is first used, because feeds and rules have libraries of their own. :func:`explain` is in the package
of that name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.engine import decide, deciding
    from airflow_provider_calcom.attendance.feeds import read_feed
    from airflow_provider_calcom.attendance.policy import AttendancePolicy

__all__ = ["AttendancePolicy", "decide", "deciding", "read_feed"]

_MODULES = {"AttendancePolicy": "policy", "decide": "engine", "deciding": "engine", "read_feed": "feeds"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
