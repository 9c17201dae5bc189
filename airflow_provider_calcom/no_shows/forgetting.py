"""Forgetting a person: their address leaves plans and ledger, and a keyed hash of it stays.

The hash tells the rules that a mark is our own. Each file is written anew as a whole, so that whoever is killed on the
way runs it again: what is done is found done.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import UNFINISHED, Folder, as_json, atomic_write, folder_path, is_here
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput
from airflow_provider_calcom.no_shows.ledger.identities import Addresses
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying, LedgerRecord
from airflow_provider_calcom.no_shows.ledger.segments import SUFFIX, locked, parts_of, records_of, repair
from airflow_provider_calcom.no_shows.plan import (
    DECISIONS,
    PLAN,
    REFUSED_CHANGES,
    SUMMARY,
    DamagedPlan,
    plan_hash,
    report_hash,
)

# What stands before an address and is no part of it: nothing of a longer address, but the = of a query and the quotes
# and slashes of other texts, or a percent-encoded sign. An apostrophe is a part of it behind a letter, as in o'neil@.
_BEFORE = r"(?:(?<=%[0-9A-Fa-f]{2})|(?<!(?u:[\w.!#$%*+^~-]))(?<!(?u:\w)'))"
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_GZIP = b"\x1f\x8b"
_CHANGES_FILES = {name: name for name in (PLAN, REFUSED_CHANGES)}
_CLIENT_SUFFIX = r"(?:\+c[a-z0-9]{24})?"
"""What a platform puts into the addresses of its managed users."""


class NotForgotten(AttendanceError):
    """An address still stands in a file after it was to be forgotten: somebody wrote it meanwhile. Run it again."""

    retryable = True


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
            f"{', '.join(map(shown_path, left.places))}: the address stands there. If a run wrote it meanwhile, let all"
            " runs end, and run it again. Links, and files that are none of a plan's or ledger's, are not written:"
            " remove it there by hand"
        )
    return found


_ENCODED = {sign: f"%{ord(sign):02X}" for sign in "._-~"}
"""What :func:`quote` leaves as it is, and others do not."""


def _spelled(text: str) -> str:
    """Return a pattern that finds a part of an address as it is, or with its signs percent-encoded."""
    return "".join(
        sign
        if sign.isalnum() and sign.isascii()
        else f"(?:{re.escape(sign)}|{_ENCODED.get(sign) or quote(sign, safe='')})"
        for sign in text
    )


def _decoded(found: str) -> str:
    return unquote(found) if "@" not in found else found


class _Person:
    """Finds an address in texts, however it is spelled, and puts its hash in its place."""

    def __init__(self, address: str, addresses: Addresses) -> None:
        address = address.strip()
        if not _ADDRESS.fullmatch(address):
            raise InvalidInput(
                f"ADDRESS is no mail address (a text of {len(address)} characters). Give it alone, without a name,"
                " brackets or mailto:"
            )
        local, _, domain = address.partition("@")
        self._pattern = re.compile(
            rf"{_BEFORE}{_spelled(local)}{_CLIENT_SUFFIX}(?:@|%40){_spelled(domain)}(?!(?u:[\w-])|\.(?u:\w))",
            re.IGNORECASE | re.ASCII,
        )
        self._addresses = addresses
        # Of the domain's words, as its dots may be percent-encoded.
        self._words = [word.encode().lower() for word in domain.split(".")]
        addresses.hashed(address)  # raises without a secret, before anything is written

    def replaced(self, text: str) -> tuple[str, int]:
        """Return a text with the hash, and how often that was put in."""
        return self._pattern.subn(lambda found: self._addresses.hashed(_decoded(found[0])), text)

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
        folded = line.lower()
        if b"\\u" not in line and b"%" not in line and not all(word in folded for word in self._words):
            return line, 0
        try:
            value, times = self.replaced_in(json.loads(line))
        except (ValueError, RecursionError):
            times = 0
        if times:
            return as_json(value).encode(errors="replace") + b"\n", times
        # Of a key that an object has twice, the first is not in its value.
        text, times = self.replaced(line.decode(errors="surrogateescape"))
        return text.encode(errors="surrogateescape"), times

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


def _kind_of(path: Any) -> str:
    """Return how a file of a plan's folder is read: ``lines``, ``json``, ``parquet``, or ``other`` for all others."""
    name = str(path.name)
    if (is_here(path) and path.is_symlink()) or name.startswith("."):
        return "other"
    return {SUFFIX: "lines", ".json": "json", ".parquet": "parquet"}.get(path.suffix, "other")


def _files_of(folder: Any) -> list[Any]:
    return sorted((one for one in folder.iterdir() if one.is_file()), key=lambda one: str(one.name))


def _forget_in_plan(folder: Any, person: _Person, found: Forgotten) -> None:
    _remove_unfinished(folder, found)
    _forget_in_summary(folder, person, found)
    for path in _files_of(folder):
        kind = _kind_of(path)
        if kind == "lines" or (kind == "json" and path.name != SUMMARY):
            found.add(path, _forget_in_lines(path, person))
        elif kind == "parquet":
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
    if summary.get("report_sha256") == report_hash(summary):
        changed = changed | {"report_sha256": report_hash(changed)}
    if changed != summary:
        with atomic_write(path) as part:
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
        is_packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        with gzip.open(file) if is_packed else nullcontext(file) as unpacked:
            # Files of Airflow 2.11's object storage can't be iterated.
            yield from iter(unpacked.readline, b"")


def _forget_in_lines(path: Any, person: _Person) -> int:
    times = sum(person.replaced_in_line(line)[1] for line in _lines(path))
    if times:
        with atomic_write(path) as part, part.open("wb") as file:
            for line in _lines(path):
                file.write(person.replaced_in_line(line)[0])
    return times


def _forget_in_parquet(path: Any, person: _Person) -> int:
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        here = str(_copied(path, Path(folder)))
        names = _names_in_parquet(connection, here, person)
        if names:
            connection.execute(
                "CREATE TEMP TABLE names AS SELECT unnest(?) AS text, unnest(?) AS name",
                [list(names), list(names.values())],
            )
            # A look-up for each column, as a text may be in several.
            replaced = ", ".join(
                f"coalesce((SELECT name FROM names WHERE text = {column}), {column}) AS {column}"
                for column in _columns_of_texts(connection, here)
            )
            with atomic_write(path) as part:
                # Numbered, because versions of DuckDB count the marks of a COPY in another order.
                query = f"SELECT * REPLACE ({replaced}) FROM read_parquet($1)"
                connection.execute(f"COPY ({query}) TO $2 (FORMAT parquet)", [here, str(part)])
    return len(names)


def _columns_of_texts(connection: Any, here: str) -> list[str]:
    """Return the quoted names of a Parquet file's columns of texts."""
    rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [here]).fetchall()
    return ['"' + row[0].replace('"', '""') + '"' for row in rows if row[1] == "VARCHAR"]


def _names_in_parquet(connection: Any, here: str, person: _Person) -> dict[str, str]:
    """Return what is to be put in the place of each text of a Parquet file that has the address."""
    import duckdb

    names = {}
    try:
        for column in _columns_of_texts(connection, here):
            has_sign = f"contains({column}, '@') OR contains({column}, '%40')"
            found = connection.execute(f"SELECT DISTINCT {column} FROM read_parquet(?) WHERE {has_sign}", [here])
            while batch := found.fetchmany(10_000):
                for (text,) in batch:
                    name, times = person.replaced(text)
                    if times:
                        names[text] = name
    except duckdb.Error as error:
        kind = type(error).__name__
    else:
        return names
    raise DamagedPlan(
        f"--plans: {shown_path(here)} is no Parquet file that can be read ({kind}). Remove it, and run again: what it"
        " holds is not known"
    )


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
        if path.name.endswith(".parquet"):
            with tempfile.TemporaryDirectory() as copies, duckdb.connect() as connection:
                found.add(path, len(_names_in_parquet(connection, str(_copied(path, Path(copies))), person)))
        else:
            found.add(path, sum(person.replaced_in_line(line)[1] for line in _lines(path)))


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
                with atomic_write(part) as target, target.open("wb") as file:
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
    parts = parts_of(ledger)
    for part in parts:
        found.add(part, sum(person.replaced_in_record(record)[1] for record in records_of(part)))
    # A copy of a part, or the ledgers within the folder that was named by mistake.
    known = {str(part) for part in parts}
    for path in _files_below(folder_path(ledger)):
        if str(path) not in known:
            found.add(path, sum(person.replaced_in_line(line)[1] for line in _lines(path)))


def _files_below(folder: Any) -> Iterator[Any]:
    for entry in folder.iterdir():
        if entry.is_file():
            yield entry
        elif entry.is_dir() and not (is_here(entry) and entry.is_symlink()):
            yield from _files_below(entry)
