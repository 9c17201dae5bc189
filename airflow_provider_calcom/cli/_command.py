"""What commands are made of: a parser whose help ends with an example to copy, and checks of paths."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import Any

from airflow_provider_calcom._storage import UnusablePath, fault_of_path, folder_path
from airflow_provider_calcom.attendance.errors import AttendanceError

_WIDTH = 80


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], *, help: str, about: str, example: str
) -> argparse.ArgumentParser:
    """Add a command, and return its parser, which needs only its options.

    The parsed arguments have ``run``, and ``usage_error``, which ends the process with status 2 as argparse does.

    :param commands: what ``add_subparsers`` returned.
    :param run: runs the command with its parsed arguments.
    :param help: a phrase for the list of commands.
    :param about: a few sentences for the help of the command.
    :param example: command lines, one a line.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=textwrap.fill(about, _WIDTH),
        epilog=f"example:\n{textwrap.indent(example, '  ')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, usage_error=command.error)
    return command


def checked_path(option: str, path: str) -> Any:
    """Return a path that can be opened.

    :param option: names it in errors.
    :param path: a path here, or a URL of an object store.
    :raises AttendanceError: if it is not one.
    """
    if (fault := fault_of_path(path)) is not None:
        raise AttendanceError(f"{option} must be a path, but is {fault}. Correct it")
    try:
        return folder_path(path)
    except UnusablePath as error:
        raise AttendanceError(f"{option}: {error}") from None
