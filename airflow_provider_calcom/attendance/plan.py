"""Former module of what is in :mod:`airflow_provider_calcom.no_shows.plan`, until 1.0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_calcom._deprecated import former_names

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)
