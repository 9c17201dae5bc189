"""The command `calcom-no-shows`: try a policy on files without a DAG, compact a ledger, and forget a person."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_calcom._redact import hide
from airflow_provider_calcom._storage import UnusablePath, fault_of_path, folder_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli import decide, explain, forget, ledger
from airflow_provider_calcom.errors import ProviderError

_COMMANDS = (decide, explain, ledger, forget)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("calcom-no-shows", description=__doc__)
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
        _check_paths(given)
        given.run(given)
    except (ProviderError, OSError) as error:
        print(f"calcom-no-shows: {hide(' '.join(str(error).split()))}", file=sys.stderr)
        return 1
    return 0


_PATHS = {
    **{name: f"--{name.replace('_', '-')}" for name in ("bookings", "people", "attendance", "policy", "out", "plans")},
    "spill_directory": "--spill-directory",
    "ledger": "--ledger",
    "folder": "FOLDER",
}


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
