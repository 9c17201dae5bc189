"""One connection to a SQL server: statements with parameters, and errors that a user can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from airflow_provider_calcom._redact import redact_sql
from airflow_provider_calcom.attendance.errors import AttendanceError

Row = tuple[Any, ...]

_NAMED = "%(name)s"


class SqlFailed(AttendanceError):
    """The server of a SQL connection rejected a statement. Fix the name, the right or the value that it names."""


class SqlUnavailable(SqlFailed):
    """A SQL connection can't be opened, was lost, or a statement met a limit of time or space. Retry later."""

    retryable: ClassVar[bool] = True


class Server:
    """An open connection.

    :param name: what errors call it.
    :param placeholder: of a parameter: ``%s``, ``?`` or ``%(name)s``.
    :param secrets: strings that no error shows, such as the password.
    """

    def __init__(self, connection: Any, name: str, placeholder: str, secrets: Sequence[str] = ()) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._name = name
        self._placeholder = placeholder
        self._secrets = secrets

    def placeholders(self, number: int, first: int = 0) -> str:
        """Return the placeholders of some parameters, separated by commas.

        :param first: how many come before them.
        """
        if self._placeholder != _NAMED:
            return ", ".join([self._placeholder] * number)
        return ", ".join(f"%(p{place})s" for place in range(first, first + number))

    def fixed(self, sql: str) -> str:
        """Return SQL as it must be written beside parameters: some drivers see one in each ``%``."""
        return sql.replace("%", "%%") if self._placeholder.startswith("%") else sql

    def run(self, sql: str, parameters: Sequence[Any] = (), *, doing: str) -> None:
        """Run a statement to its end.

        :param doing: what an error says was attempted.
        :raises SqlFailed: with the server's message.
        """
        self._execute(sql, parameters, doing)
        with self._words(doing):
            # Some servers return a row of their own, and Trino works only while its rows are fetched.
            if self._cursor.description:
                self._cursor.fetchall()

    def rows(self, sql: str, *, doing: str) -> list[Row]:
        """Return all rows of a SELECT."""
        return [row for batch in self.batches(sql, doing=doing) for row in batch]

    def batches(self, sql: str, *, doing: str, size: int = 10_000) -> Iterator[list[Row]]:
        """Yield the rows of a SELECT in batches."""
        self._execute(sql, (), doing)
        while True:
            with self._words(doing):
                batch = self._cursor.fetchmany(size)
            if not batch:
                return
            yield [_plain(row) for row in batch]

    def columns(self, sql: str, *, doing: str) -> list[str]:
        """Return the names of the columns of a SELECT."""
        self._execute(sql, (), doing)
        with self._words(doing):
            names = [str(column[0]) for column in self._cursor.description or ()]
            self._cursor.fetchall()
        return names

    def close(self) -> None:
        """Close the connection, even if it is lost already."""
        for closable in (self._cursor, self._connection):
            with suppress(Exception):
                closable.close()

    def _execute(self, sql: str, parameters: Sequence[Any], doing: str) -> None:
        with self._words(doing):
            if not parameters:
                self._cursor.execute(sql)
            elif self._placeholder == _NAMED:
                self._cursor.execute(sql, {f"p{place}": value for place, value in enumerate(parameters)})
            else:
                self._cursor.execute(sql, list(parameters))

    @contextmanager
    def _words(self, doing: str) -> Iterator[None]:
        with wrap_driver_errors(f"{self._name}, {doing}", self._secrets):
            yield


@contextmanager
def opened(connect: Callable[[], Any], name: str, placeholder: str, secrets: Sequence[str] = ()) -> Iterator[Server]:
    """Open a connection for as long as the block lasts. Nothing is committed.

    :raises SqlUnavailable: if it can't be opened.
    """
    with wrap_driver_errors(f"{name} can't be opened", secrets, SqlUnavailable):
        server = Server(connect(), name, placeholder, secrets)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def wrap_driver_errors(before: str, secrets: Sequence[str], kind: type[SqlFailed] | None = None) -> Iterator[None]:
    """Raise a driver's error of any class as ours, in one line: drivers quote statements and values in theirs.

    :param before: the text before the driver's message.
    :param kind: the error to raise; by default it follows from the driver's.
    """
    try:
        yield
    except AttendanceError:
        raise
    except Exception as error:
        kind = kind or (SqlUnavailable if _is_retryable(error) else SqlFailed)
        raise kind(f"{before}: {redact_sql(error, secrets)}") from None


def _is_retryable(error: Exception) -> bool:
    """Return whether a connection was lost or a limit met, which are operational errors by PEP 249."""
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _plain(row: Any) -> Row:
    """Return a row as a tuple: a connection's extras may make the driver return dicts."""
    return tuple(row.values()) if isinstance(row, Mapping) else tuple(row)
