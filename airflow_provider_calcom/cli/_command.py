"""How a command is added to the parser: its help ends with an example to copy."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import Any

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
