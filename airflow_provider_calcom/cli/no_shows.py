"""The command `calcom-no-shows`: try a policy on files without Airflow, and look after plans and ledgers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_calcom._storage import UnusablePath, fault_of_path, folder_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli import bookings, decide, explain, forget, ledger, report, trial
from airflow_provider_calcom.cli._output import error_line, notes_on_standard_error
from airflow_provider_calcom.errors import ProviderError

_COMMANDS = (bookings, trial, report, explain, decide, forget, ledger)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("calcom-no-shows", description="Find out who missed a booking, without Airflow.")
    commands = made.add_subparsers(dest="command", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: those of the command line, or None for the process's own.
    :return: 0, or 1 with the error on standard error.
    """
    given = parser().parse_args(arguments)
    try:
        with notes_on_standard_error():
            _check_paths(given)
            given.run(given)
    except (ProviderError, OSError) as error:
        print(f"calcom-no-shows: {error_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


_INTERRUPTED = 130
_PATHS = {
    **dict.fromkeys(("folder", "plan_folders"), "FOLDER"),
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("bookings", "people", "attendance", "policy", "guard_rails", "feed_options", "plan", "plans", "ledger"),
            *("out", "spill_directory"),
        )
    },
}
"""Arguments that are paths, and how errors name them."""


def _check_paths(arguments: argparse.Namespace) -> None:
    for name, option in _PATHS.items():
        value = getattr(arguments, name, None)
        for path in value if isinstance(value, list) else [value]:
            if path is None:
                continue
            if (fault := fault_of_path(path)) is not None:
                raise AttendanceError(f"{option} must be a path, but is {fault}. Correct it")
            try:
                folder_path(path)
            except UnusablePath as error:
                raise AttendanceError(f"{option}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
