"""A database for the length of one run, on disk, so that memory does not grow with what is put into it."""

from __future__ import annotations

import sqlite3


def scratch_database(tables: str) -> sqlite3.Connection:
    """Make one; SQLite removes its file when it is closed, or when the process ends in any other way.

    :param tables: SQL that makes its tables.
    """
    # An empty name is a temporary file. It may be used by one thread at a time, not only by the one that made it.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; {tables}")
    return database
