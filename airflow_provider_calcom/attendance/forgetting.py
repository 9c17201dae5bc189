"""Forgetting a person: their address leaves plans and ledger, and a keyed hash of it stays.

The hash tells the rules that a mark is our own. Each file is written anew as a whole, so that whoever is killed on the
way runs it again: what is done is found done.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput
from airflow_provider_calcom.attendance.folders import UNFINISHED, Folder, as_json, folder_path, is_here, written_whole
from airflow_provider_calcom.attendance.ledger.addresses import Addresses
from airflow_provider_calcom.attendance.ledger.parts import SUFFIX, locked, parts_of, records_of, repair
from airflow_provider_calcom.attendance.ledger.records import AlreadyApplying, LedgerRecord
from airflow_provider_calcom.attendance.plan import DECISIONS, PLAN, REFUSED_CHANGES, SUMMARY, plan_hash

_LOCAL_PART = r"(?u:[\w.!#$%&'*+/=?^`{|}~-])"
_CHANGES_FILES = {name: name for name in (PLAN, REFUSED_CHANGES)}
_CLIENT_SUFFIX = r"(?:\+c[a-z0-9]{24})?"
"""What a platform puts into the addresses of its managed users."""


class NotForgotten(AttendanceError):
    """An address still stands in a file after it was to be forgotten: somebody wrote it meanwhile. Run it again."""

    may_heal = True


@dataclass
class Forgotten:
    """Where a person was found.

    :param places: how often, by the path of the file.
    """

    places: dict[str, int] = field(default_factory=dict)

    def add(self, path: Any, times: int) -> None:
        """Count what was found in a file."""
        if times:
            self.places[str(path)] = self.places.get(str(path), 0) + times


def forget(
    address: str, *, plans: Sequence[Folder], ledger: Folder | None, addresses: Addresses, only_looks: bool = False
) -> Forgotten:
    """Put the keyed hash of an address in the place of the address, in plans and in a ledger.

    No run may write them meanwhile. A plan that names the person has another hash afterwards, so that it must be
    approved again if it is still to be applied.

    :param address: whom to forget; case does not matter, nor what a platform adds to the address.
    :param plans: folders of plans, or folders that hold them.
    :param ledger: the ledger's folder, or None.
    :param addresses: has the secret of the hashes.
    :param only_looks: change nothing, and return where the address stands.
    :return: where it stood.
    :raises InvalidInput: if it is no address, or a folder is not there.
    :raises LedgerSecretWrong: if there is no secret, or the ledger's hashes were made with another one.
    :raises AlreadyApplying: if a run is writing the ledger.
    :raises NotForgotten: if the address is found again afterwards.
    """
    person = _Person(address, addresses)
    folders = [folder for place in plans for folder in _plan_folders(place)]
    found = Forgotten()
    if not only_looks:
        for folder in folders:
            _forget_in_plan(folder, person, found)
        if ledger is not None:
            _forget_in_ledger(ledger, person, found)
    left = Forgotten()
    for folder in folders:
        _look_into_plan(folder, person, left)
    if ledger is not None:
        _look_into_ledger(ledger, person, left)
    if only_looks:
        return left
    if left.places:
        raise NotForgotten(
            f"{', '.join(map(shown_path, left.places))}: the address stands there again. Let all runs end, and run it"
            f" again"
        )
    return found


class _Person:
    """Finds an address in texts, however it is spelled, and puts its hash in its place."""

    def __init__(self, address: str, addresses: Addresses) -> None:
        local, at, domain = address.strip().rpartition("@")
        if not local or not domain or re.search(r"\s", local + domain):
            raise InvalidInput(f"ADDRESS is no mail address (a text of {len(address)} characters)")
        self._addresses = addresses
        self._pattern = re.compile(
            rf"(?<!{_LOCAL_PART}){re.escape(local)}{_CLIENT_SUFFIX}{at}{re.escape(domain)}(?!(?u:[\w-])|\.(?u:\w))",
            re.IGNORECASE | re.ASCII,
        )
        self._domain = domain.encode().lower()
        addresses.hashed(address)  # raises without a secret, before anything is written

    def replaced(self, text: str) -> tuple[str, int]:
        """Return a text with the hash, and how often that was put in."""
        return self._pattern.subn(lambda found: self._addresses.hashed(found[0]), text)

    def replaced_in(self, value: Any) -> tuple[Any, int]:
        """Return a value of JSON with the hash in all its texts, and how often that was put in."""
        if isinstance(value, str):
            return self.replaced(value)
        if isinstance(value, list):
            pairs = [self.replaced_in(one) for one in value]
            return [one for one, _ in pairs], sum(times for _, times in pairs)
        if isinstance(value, dict):
            changed, number = {}, 0
            for key, one in value.items():
                (name, in_name), (replaced, in_value) = self.replaced(str(key)), self.replaced_in(one)
                changed[name] = replaced
                number += in_name + in_value
            return changed, number
        return value, 0

    def replaced_in_line(self, line: bytes) -> tuple[bytes, int]:
        """Return a line of JSON with the hash; one that is no JSON is taken as text."""
        if self._domain not in line.lower() and b"\\u" not in line:
            return line, 0
        try:
            value, times = self.replaced_in(json.loads(line))
        except (ValueError, RecursionError):
            text, times = self.replaced(line.decode(errors="surrogateescape"))
            return text.encode(errors="surrogateescape"), times
        return (as_json(value).encode(errors="replace") + b"\n", times) if times else (line, 0)

    def replaced_in_record(self, record: LedgerRecord) -> tuple[Mapping[str, Any], int]:
        """Return a record of a ledger that names the person by the hash."""
        if record["email_hash"] is not None:
            self._addresses.check(record["email_hash"])
        changed, times = self.replaced_in(dict(record))
        if record["email"] is not None and changed["email"] != record["email"]:
            changed |= {"email": None, "email_hash": changed["email"]}
        return changed, times


# Plans.


def _plan_folders(place: Folder) -> Iterator[Any]:
    """Return the folders of plans that are a folder, or lie in it."""
    path = folder_path(place)
    if not path.is_dir():
        raise InvalidInput(f"--plans: {shown_path(path)} is no folder that is there")
    entries = list(path.iterdir())
    if any(entry.name in (SUMMARY, PLAN, REFUSED_CHANGES, DECISIONS) or entry.suffix == SUFFIX for entry in entries):
        yield path
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith(UNFINISHED) and not (is_here(entry) and entry.is_symlink()):
            yield from _plan_folders(entry)


def _files_of(folder: Any) -> list[Any]:
    return sorted((one for one in folder.iterdir() if one.is_file()), key=lambda one: str(one.name))


def _forget_in_plan(folder: Any, person: _Person, found: Forgotten) -> None:
    _remove_unfinished(folder, found)
    _forget_in_summary(folder, person, found)
    for path in _files_of(folder):
        if path.name.endswith(SUFFIX):
            found.add(path, _forget_in_lines(path, person))
        elif path.name.endswith(".parquet"):
            found.add(path, _forget_in_parquet(path, person))


def _remove_unfinished(folder: Any, found: Forgotten) -> None:
    """Remove what a run that was killed left of a file before it took its place."""
    for one in list(folder.iterdir()) if is_here(folder) else ():
        if one.name.startswith(UNFINISHED) and not one.is_symlink():
            shutil.rmtree(one)
            found.add(one, 1)
        elif one.name.startswith(".") and one.name.endswith(".part"):
            one.unlink()
            found.add(one, 1)


def _forget_in_summary(folder: Any, person: _Person, found: Forgotten) -> None:
    """Write the summary with the hash that the changes will have.

    Before the changes: whoever is killed between the two leaves a plan that nobody can apply, and finds by the hash,
    when run again, that the changes are those that were to be written.
    """
    path = folder / SUMMARY
    if not path.is_file():
        return
    try:
        summary = json.loads(path.read_bytes())
        changes = folder / _CHANGES_FILES[summary["changes_file"]]
    except (ValueError, RecursionError, KeyError, TypeError):
        found.add(path, _forget_in_lines(path, person))
        return
    changed, times = person.replaced_in(summary)
    if changes.is_file():
        changed = _with_hash(summary, changed, *_hashes_of(changes, person))
    if changed != summary:
        with written_whole(path) as part:
            part.write_bytes(json.dumps(changed, ensure_ascii=False, indent=2).encode() + b"\n")
    found.add(path, times)


def _with_hash(summary: dict[str, Any], changed: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    """Return the summary for changes that have another hash now. A plan that was damaged before stays damaged."""
    if summary.get("format") == 1:
        return changed | ({"sha256": after} if summary.get("sha256") == before else {})
    try:
        is_whole = summary["sha256"] == plan_hash(summary) and summary["changes_sha256"] in (before, after)
    except KeyError:
        return changed
    if not is_whole or before == after:
        return changed
    changed = changed | {"changes_sha256": after}
    return changed | {"sha256": plan_hash(changed)}


def _hashes_of(path: Any, person: _Person) -> tuple[str, str]:
    before, after = hashlib.sha256(), hashlib.sha256()
    for line in _lines(path):
        before.update(line)
        after.update(person.replaced_in_line(line)[0])
    return before.hexdigest(), after.hexdigest()


def _lines(path: Any) -> Iterator[bytes]:
    with path.open("rb") as file:
        # Files of Airflow 2.11's object storage can't be iterated.
        yield from iter(file.readline, b"")


def _forget_in_lines(path: Any, person: _Person) -> int:
    times = sum(person.replaced_in_line(line)[1] for line in _lines(path))
    if times:
        with written_whole(path) as part, part.open("wb") as file:
            for line in _lines(path):
                file.write(person.replaced_in_line(line)[0])
    return times


def _forget_in_parquet(path: Any, person: _Person) -> int:
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        here = str(_copied(path, Path(folder)))
        names = _names_in_parquet(connection, here, person)
        if names:
            cases = " ".join(["WHEN ? THEN ?"] * len(names))
            query = f"SELECT * REPLACE (CASE email {cases} ELSE email END AS email) FROM read_parquet(?)"
            values = [value for pair in names.items() for value in pair]
            with written_whole(path) as part:
                connection.execute(f"COPY ({query}) TO ? (FORMAT parquet)", [*values, here, str(part)])
    return len(names)


def _names_in_parquet(connection: Any, here: str, person: _Person) -> dict[str, str]:
    columns = [row[0] for row in connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [here]).fetchall()]
    if "email" not in columns:
        return {}
    found = connection.execute("SELECT DISTINCT email FROM read_parquet(?) WHERE email LIKE '%@%'", [here])
    names = {}
    while batch := found.fetchmany(10_000):
        for (email,) in batch:
            name, times = person.replaced(email)
            if times:
                names[email] = name
    return names


def _copied(path: Any, folder: Path) -> Path:
    if is_here(path):
        return Path(path)
    copy = folder / "decisions.parquet"
    with path.open("rb") as source, copy.open("wb") as sink:
        shutil.copyfileobj(source, sink, 2**20)
    return copy


def _look_into_plan(folder: Any, person: _Person, found: Forgotten) -> None:
    import duckdb

    for path in _files_of(folder):
        if path.name.endswith((SUFFIX, ".json")):
            found.add(path, sum(person.replaced_in_line(line)[1] for line in _lines(path)))
        elif path.name.endswith(".parquet"):
            with tempfile.TemporaryDirectory() as copies, duckdb.connect() as connection:
                found.add(path, len(_names_in_parquet(connection, str(_copied(path, Path(copies))), person)))


# The ledger.


def _forget_in_ledger(ledger: Folder, person: _Person, found: Forgotten) -> None:
    place = folder_path(ledger)
    if not place.is_dir():
        raise InvalidInput(f"--ledger: {shown_path(place)} is no folder that is there")
    _remove_unfinished(place, found)
    with ExitStack() as stack:
        parts = parts_of(place)
        for part in parts if is_here(place) else ():
            repair(part)
            _hold(part, stack)
        for part in parts:
            times = sum(person.replaced_in_record(record)[1] for record in records_of(part))
            if times:
                with written_whole(part) as target, target.open("wb") as file:
                    for record in records_of(part):
                        changed, _ = person.replaced_in_record(record)
                        file.write(as_json(changed).encode(errors="replace") + b"\n")
            found.add(part, times)


def _hold(part: Any, stack: ExitStack) -> None:
    file: IO[bytes] = stack.enter_context(part.open("rb"))
    if not locked(file):
        raise AlreadyApplying(
            f"--ledger: a run is writing {shown_path(part)}. Nothing was forgotten there. Let it end, and run again"
        )


def _look_into_ledger(ledger: Folder, person: _Person, found: Forgotten) -> None:
    for part in parts_of(ledger):
        found.add(part, sum(person.replaced_in_record(record)[1] for record in records_of(part)))
