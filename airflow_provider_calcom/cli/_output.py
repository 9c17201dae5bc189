"""What commands print: text and aligned tables on standard output, notes and the one line of an error on the other."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import textwrap
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import hide, shown_path
from airflow_provider_calcom._storage import atomic_write, is_here, storage_errors
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.attendance.explain.reasons import shown
from airflow_provider_calcom.attendance.explain.render import cells, cut
from airflow_provider_calcom.attendance.feeds import FeedUnreadable

_NARROWEST = 40
_NARROWEST_COLUMN = 6
_BETWEEN = "  "
# Errors of the client name the fields of an Airflow connection, which a command has options for instead.
_OF_CONNECTION = re.compile(r"(?:[Tt]he connection's |the )(?P<field>host|password)(?: \(API key\))?")
_OPTIONS = {"host": "--url", "password": "CALCOM_API_KEY"}


def print_lines(lines: Iterable[str]) -> None:
    """Print lines that end with a line end, and ignore that a reader such as `head` closed the pipe."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        for line in lines:
            sys.stdout.write(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush again at its end, and print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_text(text: str) -> None:
    """Print any text, as :func:`print_lines` does."""
    print_lines([text])


def terminal_width() -> int:
    """Return the columns of the terminal; 80 where there is none."""
    return max(shutil.get_terminal_size().columns, _NARROWEST)


def aligned(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the lines of a table, without line ends and without characters that control a terminal.

    :param rows: the cells of its rows, as many in each; the first row is the heading. What is too wide is cut, the last
        columns first. A column of integers is aligned to the right.
    :param width: columns of the terminal.
    """
    clean = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*clean, strict=True)]
    room = width - len(_BETWEEN) * (len(widths) - 1)
    for place in reversed(range(len(widths))):
        widths[place] -= max(0, min(sum(widths) - room, widths[place] - _NARROWEST_COLUMN))
    are_right = [all(map(str.isdigit, column[1:])) for column in zip(*clean, strict=True)]
    for row in clean:
        yield _BETWEEN.join(map(_padded, row, widths, are_right)).rstrip()


def _padded(text: str, width: int, is_right: bool) -> str:
    short = cut(text, width)
    space = " " * (width - cells(short))
    return space + short if is_right else short + space


def wrapped_note(text: str, width: int) -> str:
    """Return a paragraph as lines of a terminal, with a line end."""
    return textwrap.fill(shown(text), width, break_on_hyphens=False) + "\n"


def error_line(error: Exception) -> str:
    """Return an error as one line without addresses, keys and control characters."""
    return shown(hide(_text(error)))


def _text(error: Exception) -> str:
    """Return an error's text in the words of the command line, short enough to be seen whole."""
    if isinstance(error, CalComError):
        return _OF_CONNECTION.sub(lambda found: _OPTIONS[found["field"]], str(error))
    report = error.report if isinstance(error, FeedUnreadable) else None
    if report is None or not report.unreadable_records:
        return str(error)
    # Where none is allowed, reading stops at the first, so that there is not a number of them.
    counts = f" ({report.unreadable_records} of {report.records} records)" if report.max_unreadable else ""
    return f"Feed {report.feed}: {report.samples[0]}{counts}"


def print_progress(text: str) -> None:
    """Print on standard error what takes a while, if somebody watches it."""
    if sys.stderr.isatty():
        print(f"{text} ...", file=sys.stderr)


class _Notes(logging.Handler):
    """Prints warnings. An error is not printed, because it is raised, too, and is then the last line."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            print(f"note: {shown(hide(record.getMessage()))}", file=sys.stderr)


@contextmanager
def notes_on_standard_error() -> Iterator[None]:
    """Print the package's warnings as notes during the block."""
    logger, handler = logging.getLogger("airflow_provider_calcom"), _Notes()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def written_file(path: Any, option: str = "--out") -> Iterator[Path]:
    """Yield a file to write to, which replaces the one at a path when it is complete.

    :param path: a local path, or one of an object store.
    :param option: names it in errors.
    :raises AttendanceError: if it can't be written.
    """
    with (
        storage_errors(
            option,
            path,
            lasting=AttendanceError,
            passing=AttendanceError,
            action="written",
            fix="Write to another folder, or free some space",
        ),
        atomic_write(path) as part,
    ):
        yield part


def open_report(path: Any) -> None:
    """Open a report in the browser of the person at the terminal, or state that there is none.

    :param path: the report's path; one in an object store can't be opened.
    """
    is_open = is_here(path) and webbrowser.open(Path(path).resolve().as_uri())
    if not is_open:
        print(f"note: no browser was found here. Open {shown_path(path)} yourself", file=sys.stderr)
