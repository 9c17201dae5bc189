"""Local Spark as Airflow sees it: a DB-API 2.0 connection, and its hook."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import TimestampType

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"


class DatabaseError(Exception):
    """Spark rejected a statement, or failed to run it."""


@cache
def _spark() -> SparkSession:
    """Start Spark inside this process, with its default settings but for size and folder.

    Adaptive planning between the stages of a query takes as long as all the rest where rows are few.
    """
    home = tempfile.mkdtemp(prefix="calcom-spark-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.driver.memory": "2g",
        "spark.local.dir": home,
        "spark.log.level": "ERROR",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": f"{home}/warehouse",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[2]").appName("tests").config(map=settings).getOrCreate()
    atexit.register(session.stop)
    # It logs each connection that it closes, at the very end to a stream that pytest has closed.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    return session


def connect() -> SparkConnection:
    """Return a connection with temporary views and variables of its own."""
    return SparkConnection(_spark().newSession())


class SparkConnection:
    """A session of Spark, without transactions: commit and rollback do nothing."""

    def __init__(self, session: SparkSession) -> None:
        self.session = session

    def cursor(self) -> SparkCursor:
        return SparkCursor(self.session)

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        for table in self.session.catalog.listTables():
            if table.isTemporary:
                self.session.catalog.dropTempView(table.name)


class SparkCursor:
    """A cursor that runs one statement at a time, and holds its rows.

    A ``TIMESTAMP`` has a time zone as a parameter and in rows, whatever the process's zone is.
    """

    arraysize = 1
    rowcount = -1

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.description: list[tuple[Any, ...]] | None = None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        for value in parameters:
            if isinstance(value, datetime) and value.tzinfo is None:
                raise DatabaseError(f"PySpark would take {value} for a time in the zone of the process")
        try:
            frame = self._session.sql(sql, args=list(parameters) or None)
            rows = frame.collect()
        except (PySparkException, Py4JError) as error:
            raise DatabaseError(str(error)) from error
        fields = frame.schema.fields
        self.description = [(f.name, f.dataType.simpleString(), *[None] * 4, f.nullable) for f in fields] or None
        instants = {at for at, given in enumerate(fields) if isinstance(given.dataType, TimestampType)}
        self._rows = (tuple(_aware(v) if at in instants else v for at, v in enumerate(row)) for row in rows)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.execute(sql, row)

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None:
        self._rows = iter(())


def _aware(value: datetime | None) -> datetime | None:
    # PySpark gives a time in the zone of the process, and says by `fold` which of two alike it is.
    return None if value is None else value.astimezone(UTC)


class SparkHook(DbApiHook):
    """The hook of an Airflow connection of the type ``spark_local``."""

    conn_name_attr = "spark_conn_id"
    default_conn_name = "spark_local_default"
    conn_type = "spark_local"
    hook_name = "Spark in this process"
    supports_autocommit = False
    _placeholder = "?"

    # Without it the hook uses SQLAlchemy, which does not know Spark, and then the connection's extra `dialect`.
    dialect_name = "spark"

    def get_conn(self) -> SparkConnection:
        return connect()


def load_view(
    cursor: Any, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]], rows_in_a_text: int = 5000
) -> None:
    """Create a temporary view of rows, only by SQL with parameters.

    A parameter costs about a millisecond, so each is the JSON of many rows. The view is cached: otherwise each query
    parses the JSON again. FAILFAST, because otherwise a value of another type becomes NULL.

    :param columns: names and Spark types.
    """
    fields = ", ".join(f"`{column}`: {kind}" for column, kind in columns.items())
    remaining = iter(rows)
    texts = [_json(columns, part) for part in iter(lambda: list(islice(remaining, rows_in_a_text)), [])] or ["[]"]
    cursor.execute(
        f"CACHE TABLE `{name}` AS SELECT inline(from_json(text, 'array<struct<{fields}>>', map('mode', 'FAILFAST'))) "
        f"FROM VALUES {', '.join(['(?)'] * len(texts))} AS texts(text)",
        texts,
    )


def _json(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    text = json.dumps(records, default=datetime.isoformat, allow_nan=False)
    # Spark looks for ${settings} to fill in within parameters, too, once they are in a statement that makes something.
    return text.replace("$", "\\u0024")
