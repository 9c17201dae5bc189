"""One connection to a SQL server: statements with parameters, and errors in words that a user can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from airflow_provider_calcom._redact import redact_sql
from airflow_provider_calcom.attendance.errors import AttendanceError

Row = tuple[Any, ...]

_NAMED = "%(name)s"


class SqlFailed(AttendanceError):
    """The server of a SQL connection refused what it was told. Mend the name, the right or the value that it names."""


class SqlUnavailable(SqlFailed):
    """A SQL connection can't be opened, was lost, or a statement met a limit of time or room. Try again later."""

    retryable: ClassVar[bool] = True


class Server:
    """An open connection.

    :param name: what errors call it.
    :param placeholder: of a parameter: ``%s``, ``?`` or ``%(name)s``.
    :param secrets: texts that no error shows, such as the password.
    """

    def __init__(self, connection: Any, name: str, placeholder: str, secrets: Sequence[str] = ()) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._name = name
        self._placeholder = placeholder
        self._secrets = secrets

    def placeholders(self, number: int, first: int = 0) -> str:
        """Give the marks of some parameters, with commas between them.

        :param first: how many stand before them.
        """
        if self._placeholder != _NAMED:
            return ", ".join([self._placeholder] * number)
        return ", ".join(f"%(p{place})s" for place in range(first, first + number))

    def fixed(self, sql: str) -> str:
        """Give SQL as it must be written where there are parameters: some drivers see one in each ``%``."""
        return sql.replace("%", "%%") if self._placeholder.startswith("%") else sql

    def run(self, sql: str, parameters: Sequence[Any] = (), *, doing: str) -> None:
        """Run a statement to its end.

        :param doing: what an error says was being done.
        :raises SqlFailed: in the server's words.
        """
        self._execute(sql, parameters, doing)
        with self._words(doing):
            # Some servers answer with a row of their own, and Trino works only while somebody reads.
            if self._cursor.description:
                self._cursor.fetchall()

    def rows(self, sql: str, *, doing: str) -> list[Row]:
        """Give all rows of a SELECT."""
        return [row for batch in self.batches(sql, doing=doing) for row in batch]

    def batches(self, sql: str, *, doing: str, size: int = 10_000) -> Iterator[list[Row]]:
        """Give the rows of a SELECT, some at a time."""
        self._execute(sql, (), doing)
        while True:
            with self._words(doing):
                batch = self._cursor.fetchmany(size)
            if not batch:
                return
            yield [_plain(row) for row in batch]

    def columns(self, sql: str, *, doing: str) -> list[str]:
        """Give the names of the columns of a SELECT."""
        self._execute(sql, (), doing)
        with self._words(doing):
            names = [str(column[0]) for column in self._cursor.description or ()]
            self._cursor.fetchall()
        return names

    def close(self) -> None:
        """Close the connection; one that is lost already is closed, too."""
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
        with in_words(f"{self._name}, {doing}", self._secrets):
            yield


@contextmanager
def opened(connect: Callable[[], Any], name: str, placeholder: str, secrets: Sequence[str] = ()) -> Iterator[Server]:
    """Open a connection for as long as the block lasts. Nothing is committed.

    :raises SqlUnavailable: if it can't be opened.
    """
    with in_words(f"{name} can't be opened", secrets, SqlUnavailable):
        server = Server(connect(), name, placeholder, secrets)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def in_words(before: str, secrets: Sequence[str], kind: type[SqlFailed] | None = None) -> Iterator[None]:
    """Say a driver's error, whatever class it has, in one line: drivers quote statements and values in theirs.

    :param before: what stands before the driver's words.
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
    """Tell a lost connection or a limit, which are operational errors by PEP 249, from a wrong name or value."""
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _plain(row: Any) -> Row:
    """Give a row as a tuple: a connection's extras may ask the driver for dicts."""
    return tuple(row.values()) if isinstance(row, Mapping) else tuple(row)
