"""Forget a person: replace their address in plans and ledger by a keyed hash.

By the hash the rules still know that a mark is our own. Each file is replaced as a whole, so that after an interruption
the same call continues: files that are done are found done. Where a plan has the person's name and telephone number
beside the address, in its evidence and for a host, these are taken out. Its report and its suggestions are removed.
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
from airflow_provider_calcom._storage import UNFINISHED, Folder, as_json, atomic_write, folder_path, is_here, local_copy
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput
from airflow_provider_calcom.attendance.explain.model import SOMEBODY
from airflow_provider_calcom.no_shows.ledger.identities import Identities
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying, LedgerRecord
from airflow_provider_calcom.no_shows.ledger.segments import (
    SUFFIX,
    list_segments,
    read_records,
    repair_segment,
    try_lock,
)
from airflow_provider_calcom.no_shows.plan_files import (
    DECISIONS,
    EVIDENCE,
    PLAN,
    REFUSED_CHANGES,
    REPORT,
    SUGGESTIONS,
    SUMMARY,
    CorruptPlan,
    plan_hash,
    report_hash,
)

# What may precede an address: any character that can't be a part of a longer one, such as the = of a query, quotes and
# slashes, or a percent-encoded character. An apostrophe after a letter belongs to the address, as in o'neil@.
_BEFORE = r"(?:(?<=%[0-9A-Fa-f]{2})|(?<!(?u:[\w.!#$%*+^~-]))(?<!(?u:\w)'))"
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_GZIP = b"\x1f\x8b"
_CHANGES_FILES = {name: name for name in (PLAN, REFUSED_CHANGES)}
_CLIENT_SUFFIX = r"(?:\+c[a-z0-9]{24})?"
"""What a platform appends to the local part of its managed users' addresses."""


class NotForgotten(AttendanceError):
    """An address is still in a file after it was forgotten, because a run wrote it meanwhile. Run the command again."""

    retryable = True


@dataclass
class Forgotten:
    """Files in which a person was found.

    :param places: number of occurrences, by the path of the file.
    """

    places: dict[str, int] = field(default_factory=dict)

    def add(self, path: Any, times: int) -> None:
        """Count the occurrences in a file."""
        if times:
            self.places[str(path)] = self.places.get(str(path), 0) + times


def forget(
    address: str, *, plans: Sequence[Folder], ledger: Folder | None, identities: Identities, check_only: bool = False
) -> Forgotten:
    """Replace an address by its keyed hash, in plans and in a ledger.

    No run may write them meanwhile. A plan that names the person has another hash afterwards, so it must be approved
    again before it can be applied.

    :param address: the person's; its case does not matter, nor what a platform appends to it.
    :param plans: folders of plans, or folders that contain them.
    :param ledger: the ledger's folder, or None.
    :param identities: has the secret of the hashes.
    :param check_only: change nothing, and return the files that have the address.
    :return: the files that had it.
    :raises InvalidInput: if it is not an address, or a folder does not exist.
    :raises LedgerSecretMismatch: if there is no secret, or the ledger's hashes were made with another one.
    :raises AlreadyApplying: if a run is writing the ledger.
    :raises NotForgotten: if the address is found again afterwards.
    """
    person = _Person(address, identities)
    folders = [folder for place in plans for folder in _plan_folders(place)]
    found = Forgotten()
    if not check_only:
        for folder in folders:
            _forget_in_plan(folder, person, found)
        if ledger is not None:
            _forget_in_ledger(ledger, person, found)
    remaining = Forgotten()
    for folder in folders:
        _search_plan(folder, person, remaining)
    if ledger is not None:
        _search_ledger(ledger, person, remaining)
    if check_only:
        return remaining
    if remaining.places:
        raise NotForgotten(
            f"{', '.join(map(shown_path, remaining.places))}: still has the address. If a run wrote it meanwhile, let"
            " all runs end, and run the command again. Links, and files that do not belong to a plan or ledger, are not"
            " changed: remove the address there by hand"
        )
    return found


# Links of a row to the people that it may be of; one of named_with is somebody else's.
_LINKS_TO_PEOPLE = ("counts_for", "trace_of", "named_elsewhere", "at_another_time")


def _folded(name: str | None) -> str:
    return " ".join((name or "").casefold().split())


_ENCODED = {sign: f"%{ord(sign):02X}" for sign in "._-~"}
"""Characters that :func:`quote` does not encode, and other libraries do."""


def _pattern_of(text: str) -> str:
    """Return a pattern that finds a part of an address as it is, or with percent-encoded characters."""
    return "".join(
        sign
        if sign.isalnum() and sign.isascii()
        else f"(?:{re.escape(sign)}|{_ENCODED.get(sign) or quote(sign, safe='')})"
        for sign in text
    )


def _decoded(found: str) -> str:
    return unquote(found) if "@" not in found else found


class _Person:
    """Finds an address in strings, however it is spelled, and replaces it by its hash."""

    def __init__(self, address: str, identities: Identities) -> None:
        address = address.strip()
        if not _ADDRESS.fullmatch(address):
            raise InvalidInput(
                f"ADDRESS must be an e-mail address, but is a string of {len(address)} characters. Write the address"
                " alone, without a name, brackets or mailto:"
            )
        local, _, domain = address.partition("@")
        self._pattern = re.compile(
            rf"{_BEFORE}{_pattern_of(local)}{_CLIENT_SUFFIX}(?:@|%40){_pattern_of(domain)}(?!(?u:[\w-])|\.(?u:\w))",
            re.IGNORECASE | re.ASCII,
        )
        self._identities = identities
        # The words of the domain, as its dots may be percent-encoded.
        self._words = [word.encode().lower() for word in domain.split(".")]
        identities.hashed(address)  # raises without a secret, before anything is written

    def replaced(self, text: str) -> tuple[str, int]:
        """Return a string with the hash, and the number of replacements."""
        return self._pattern.subn(lambda found: self._identities.hashed(_decoded(found[0])), text)

    def replaced_in(self, value: Any) -> tuple[Any, int]:
        """Return a JSON value with the hash in all its strings, and the number of replacements."""
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
        """Return a line of JSON with the hash; a line that is not JSON is treated as a string."""
        folded = line.lower()
        if b"\\u" not in line and b"%" not in line and not all(word in folded for word in self._words):
            return line, 0
        try:
            value, times = self.replaced_in(json.loads(line))
        except (ValueError, RecursionError):
            times = 0
        if times:
            return as_json(value).encode(errors="replace") + b"\n", times
        # If an object has a key twice, the parsed value lacks the first one.
        text, times = self.replaced(line.decode(errors="surrogateescape"))
        return text.encode(errors="surrogateescape"), times

    def replaced_in_facts(self, text: str) -> tuple[str, int]:
        """Return facts of a plan's evidence without the person, and the number of addresses that were replaced.

        :param text: the JSON of one booking's facts. A string that is not JSON is treated as text.
        """
        if not self.replaced(text)[1]:
            return text, 0
        try:
            facts = json.loads(text)
            self._take_names_out(facts)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return self.replaced(text)
        changed, times = self.replaced_in(facts)
        return as_json(changed), times

    def _take_names_out(self, facts: dict[str, Any]) -> None:
        """Remove names and numbers from the person's entries, and from the rows that are linked to them."""
        people = [person for person in facts["people"] if self._is_theirs(person)]
        numbers = {person["person"] for person in people}
        names = {_folded(person.pop("name")) for person in people if person.get("name")}
        for row in facts["rows"]:
            linked = {number for link in _LINKS_TO_PEOPLE for number in row.get(link, ())}
            is_theirs = self._is_theirs(row) or not numbers.isdisjoint(linked) or _folded(row.get("name")) in names
            for name in ("phone", "participant") if is_theirs else ():
                row.pop(name, None)
            if row.get("name") and (is_theirs or not numbers.isdisjoint(row.get("named_with", ()))):
                row["name"] = SOMEBODY

    def _is_theirs(self, entry: dict[str, Any]) -> bool:
        return bool(self.replaced(entry.get("email") or "")[1])

    def replaced_in_record(self, record: LedgerRecord) -> tuple[Mapping[str, Any], int]:
        """Return a record of a ledger that names the person by the hash, and the number of replacements."""
        if record["email_hash"] is not None:
            self._identities.check_hash(record["email_hash"])
        changed, times = self.replaced_in(dict(record))
        if record["email"] is not None and changed["email"] != record["email"]:
            changed |= {"email": None, "email_hash": changed["email"]}
        return changed, times


# Plans.


def _plan_folders(place: Folder) -> Iterator[Any]:
    """Yield the folders of plans: a folder itself, or those in it."""
    path = folder_path(place)
    if not path.is_dir():
        raise InvalidInput(f"--plans: {shown_path(path)} does not exist, or is not a folder")
    entries = list(path.iterdir())
    if any(entry.name in (SUMMARY, PLAN, REFUSED_CHANGES, DECISIONS) or entry.suffix == SUFFIX for entry in entries):
        yield path
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith(UNFINISHED) and not (is_here(entry) and entry.is_symlink()):
            yield from _plan_folders(entry)


def _kind_of(path: Any) -> str:
    """Return the kind of a file of a plan's folder: ``lines``, ``json``, ``parquet``, or ``other``."""
    name = str(path.name)
    if (is_here(path) and path.is_symlink()) or name.startswith("."):
        return "other"
    return {SUFFIX: "lines", ".json": "json", ".parquet": "parquet"}.get(path.suffix, "other")


def _files_of(folder: Any) -> list[Any]:
    return sorted((one for one in folder.iterdir() if one.is_file()), key=lambda one: str(one.name))


def _forget_in_plan(folder: Any, person: _Person, found: Forgotten) -> None:
    _remove_unfinished(folder, found)
    _remove_made_files(folder, person, found)
    _forget_in_summary(folder, person, found)
    for path in _files_of(folder):
        kind = _kind_of(path)
        if kind == "lines" or (kind == "json" and path.name != SUMMARY):
            found.add(path, _forget_in_lines(path, person))
        elif kind == "parquet":
            found.add(path, _forget_in_parquet(path, person))


def _remove_made_files(folder: Any, person: _Person, found: Forgotten) -> None:
    """Remove what was made of a plan that has the person, before its files are changed.

    The command ``report`` makes the report again. Its person can't be searched for: addresses may be masked in it.
    """
    made = [folder / name for name in (REPORT, SUGGESTIONS) if (folder / name).is_file()]
    of_plan = Forgotten()
    if made:
        _search_plan(folder, person, of_plan)
    for path in made if of_plan.places else ():
        path.unlink()
        found.add(path, 1)


def _remove_unfinished(folder: Any, found: Forgotten) -> None:
    """Remove the unfinished files of runs that were killed."""
    for one in list(folder.iterdir()) if is_here(folder) else ():
        if one.name.startswith(UNFINISHED) and not one.is_symlink():
            shutil.rmtree(one)
            found.add(one, 1)
        elif one.name.startswith(".") and one.name.endswith(".part"):
            one.unlink()
            found.add(one, 1)


def _forget_in_summary(folder: Any, person: _Person, found: Forgotten) -> None:
    """Write the summary with the hash that the changes will have.

    It is written before the changes. An interruption between the two leaves a plan that can't be applied, and the next
    call finds by the hash that the changes are those that were to be written.
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
    """Return the summary with the new hash of its changes. A plan that was damaged before stays damaged."""
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
        here = str(local_copy(path, Path(folder)))
        # With one thread the rows keep their order.
        connection.execute("SET threads = 1")
        names = _names_in_parquet(connection, here, person)
        if names:
            connection.execute(
                "CREATE TEMP TABLE names AS SELECT unnest(?) AS text, unnest(?) AS name",
                [list(names), list(names.values())],
            )
            # A look-up for each column, as a string may be in several.
            columns = _string_columns(connection, here)
            replaced = ", ".join(
                f"coalesce((SELECT name FROM names WHERE text = {column}), {column}) AS {column}"
                for column in columns
                if column != _HOST_NAME
            )
            if _HOST_NAME in columns:
                replaced += f", CASE WHEN host_email NOT IN (SELECT text FROM names) THEN host_name END AS {_HOST_NAME}"
            with atomic_write(path) as part:
                # Numbered, because versions of DuckDB order the unnamed parameters of a COPY differently.
                query = f"SELECT * REPLACE ({replaced}) FROM read_parquet($1)"
                connection.execute(f"COPY ({query}) TO $2 (FORMAT parquet)", [here, str(part)])
    return len(names)


_HOST_NAME = '"host_name"'
"""A column of bookings.parquet, which stays only where ``host_email`` beside it is somebody else's."""


def _string_columns(connection: Any, here: str) -> list[str]:
    """Return the quoted names of a Parquet file's string columns."""
    rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [here]).fetchall()
    return ['"' + row[0].replace('"', '""') + '"' for row in rows if row[1] == "VARCHAR"]


def _names_in_parquet(connection: Any, here: str, person: _Person) -> dict[str, str]:
    """Return the replacement of each string of a Parquet file that has the address."""
    import duckdb

    names = {}
    replaced = person.replaced_in_facts if Path(here).name == EVIDENCE else person.replaced
    try:
        for column in _string_columns(connection, here):
            has_at = f"contains({column}, '@') OR contains({column}, '%40')"
            found = connection.execute(f"SELECT DISTINCT {column} FROM read_parquet(?) WHERE {has_at}", [here])
            while batch := found.fetchmany(10_000):
                for (text,) in batch:
                    name, times = replaced(text)
                    if times:
                        names[text] = name
    except duckdb.Error as error:
        kind = type(error).__name__
    else:
        return names
    raise CorruptPlan(
        f"--plans: {shown_path(here)} is not a readable Parquet file ({kind}). Remove it, and run again: its content"
        " is not known"
    )


def _search_plan(folder: Any, person: _Person, found: Forgotten) -> None:
    import duckdb

    for path in _files_of(folder):
        if path.name.endswith(".parquet"):
            with tempfile.TemporaryDirectory() as copies, duckdb.connect() as connection:
                found.add(path, len(_names_in_parquet(connection, str(local_copy(path, Path(copies))), person)))
        else:
            found.add(path, sum(person.replaced_in_line(line)[1] for line in _lines(path)))


# The ledger.


def _forget_in_ledger(ledger: Folder, person: _Person, found: Forgotten) -> None:
    place = folder_path(ledger)
    if not place.is_dir():
        raise InvalidInput(f"--ledger: {shown_path(place)} does not exist, or is not a folder")
    _remove_unfinished(place, found)
    with ExitStack() as stack:
        segments = list_segments(place)
        for segment in segments if is_here(place) else ():
            repair_segment(segment)
            _lock(segment, stack)
        for segment in segments:
            times = sum(person.replaced_in_record(record)[1] for record in read_records(segment))
            if times:
                with atomic_write(segment) as target, target.open("wb") as file:
                    for record in read_records(segment):
                        changed, _ = person.replaced_in_record(record)
                        file.write(as_json(changed).encode(errors="replace") + b"\n")
            found.add(segment, times)


def _lock(segment: Any, stack: ExitStack) -> None:
    file: IO[bytes] = stack.enter_context(segment.open("rb"))
    if not try_lock(file):
        raise AlreadyApplying(
            f"--ledger: a run is writing {shown_path(segment)}. Nothing was changed there. Let it end, and run again"
        )


def _search_ledger(ledger: Folder, person: _Person, found: Forgotten) -> None:
    segments = list_segments(ledger)
    for segment in segments:
        found.add(segment, sum(person.replaced_in_record(record)[1] for record in read_records(segment)))
    # Other files may be copies of segments, or whole ledgers if the folder above them was given by mistake.
    known = {str(segment) for segment in segments}
    for path in _files_below(folder_path(ledger)):
        if str(path) not in known:
            found.add(path, sum(person.replaced_in_line(line)[1] for line in _lines(path)))


def _files_below(folder: Any) -> Iterator[Any]:
    for entry in folder.iterdir():
        if entry.is_file():
            yield entry
        elif entry.is_dir() and not (is_here(entry) and entry.is_symlink()):
            yield from _files_below(entry)
