"""The PostgreSQL server of these tests."""

from __future__ import annotations

from tests.attendance.postgres import postgres

__all__ = ["postgres"]
