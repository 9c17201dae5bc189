"""Provides these tests a PostgreSQL server."""

from __future__ import annotations

from tests.attendance.postgres import postgres

__all__ = ["postgres"]
