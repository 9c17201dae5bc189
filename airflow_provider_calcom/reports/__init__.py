"""Reports that a person reads before and after a plan is applied: HTML in one file, complete in itself.

>>> from airflow_provider_calcom.reports import write_report, write_overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_calcom.reports.overview import write_overview as write_overview
    from airflow_provider_calcom.reports.page import write_report as write_report

__all__ = ["write_overview", "write_report"]

_MODULES = {"write_overview": "overview", "write_report": "page"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is used: a report needs libraries that nothing else does."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
