"""The plans in the configured folders: find them, and open the one that a URL names and no other folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import is_here
from airflow_provider_calcom.configuration import LONGEST_ID, ConfiguredFolder, is_plain
from airflow_provider_calcom.no_shows.plan_files import REPORT, SUMMARY, CorruptPlan, Summary, read_summary

DEEPEST = 6
"""Levels of folders below a configured one in which plans are looked for."""
MOST_LOCAL_FOLDERS = 20_000
MOST_REMOTE_FOLDERS = 500
"""Folders that one request lists. In an object store each is a request to the store."""
_REQUESTS_AT_ONCE = 8
_LARGEST_SUMMARY = 8 * 2**20
_LARGEST_REPORT = 64 * 2**20


class PlanNotFound(Exception):
    """No plan that may be shown has this id. Why is not said: it would show what else is on the server."""


@dataclass(frozen=True)
class StoredPlan:
    """A folder with a plan.

    :param folder: the configured folder that it is in.
    :param relative: its path within that folder, empty for the folder itself.
    :param written_at: when its summary was written, as a Unix time; 0 where the storage does not have it.
    """

    folder: ConfiguredFolder
    relative: str
    written_at: float = 0.0

    @property
    def id(self) -> str:
        """What a URL names it by."""
        return f"{self.folder.slug}/{self.relative}".rstrip("/")

    @property
    def place(self) -> Any:
        """The folder as a path that has ``/`` and ``open``."""
        root = open_folder(self.folder)
        return root / self.relative if self.relative else root

    def summary(self) -> Summary:
        """Read its summary.

        :raises CorruptPlan: if there is none, or it is not one.
        """
        path = self.place / SUMMARY
        if not _is_readable(path, _LARGEST_SUMMARY):
            raise CorruptPlan(f"plan: {shown_path(path)} is missing, not a file, or too large. Make the plan again")
        return read_summary(self.place)

    def report(self) -> bytes | None:
        """Return its report as it was written, or None if there is none that can be read."""
        path = self.place / REPORT
        if not _is_readable(path, _LARGEST_REPORT):
            return None
        content: bytes = path.read_bytes()
        return content


@dataclass(frozen=True)
class FoundPlans:
    """The plans of the configured folders.

    :param plans: the latest first.
    :param unsearched: names of folders of which a part was not searched, because they have too many folders.
    :param unreadable: names of folders that could not be read.
    """

    plans: tuple[StoredPlan, ...]
    unsearched: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def find_plans(folders: Iterable[ConfiguredFolder]) -> FoundPlans:
    """Return the plans of folders. Only names and times are read, and a limited number of folders.

    :param folders: those that are configured. One that can't be read does not hide the others.
    """
    plans: list[StoredPlan] = []
    unsearched, unreadable = [], []
    for folder in folders:
        try:
            found, is_complete = _search(folder)
        except Exception:  # libraries of object stores have their own errors
            unreadable.append(folder.slug)
            continue
        plans += found
        if not is_complete:
            unsearched.append(folder.slug)
    plans.sort(key=lambda plan: (plan.written_at, plan.relative), reverse=True)
    return FoundPlans(tuple(plans), tuple(unsearched), tuple(unreadable))


def find_plan(plan_id: str, folders: Iterable[ConfiguredFolder]) -> StoredPlan:
    """Return the plan that a URL names.

    :param plan_id: ``<slug of a folder>/<path within it>``, as :attr:`StoredPlan.id` has it.
    :param folders: those that are configured.
    :raises PlanNotFound: if the id is not of that form, leads out of the folder, also through a symbolic link, or has
        no folder with a plan's summary.
    """
    slug, _, relative = plan_id.partition("/")
    folder = next((one for one in folders if one.slug == slug), None)
    if folder is None or len(plan_id) > LONGEST_ID or (relative and not is_plain(relative)):
        raise PlanNotFound
    plan = StoredPlan(folder, relative)
    if folder.is_local:
        # Strict: a link to another folder within the configured one is rejected too, as the list leaves it out.
        straight = os.path.join(os.path.realpath(folder.address), relative).rstrip("/")
        if os.path.realpath(plan.place) != straight:
            raise PlanNotFound
    try:
        plan.summary()
    except Exception:  # of any storage: its text may name what the reader must not see
        raise PlanNotFound from None
    return plan


def open_folder(folder: ConfiguredFolder) -> Any:
    """Return a configured folder as a path; for a URL one of Airflow's object storage, with its connection."""
    if folder.is_local:
        return Path(folder.address)
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(folder.address)


def _is_readable(path: Any, largest: int) -> bool:
    """Return whether a path is a file of a bearable size; a symbolic link is not."""
    try:
        if is_here(path):
            return not path.is_symlink() and path.is_file() and path.stat().st_size <= largest
        return bool(path.is_file()) and path.stat().st_size <= largest
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class _Listing:
    """What one folder has: the time of a plan's summary, None without one, and the names of its folders."""

    written_at: float | None
    folders: tuple[str, ...]


def _search(folder: ConfiguredFolder) -> tuple[list[StoredPlan], bool]:
    """Return the plans in a folder, and whether all of it was searched.

    It is searched level by level, and within a level in the order of the names from the last one: they often are dates,
    so what is left out are the oldest plans.
    """
    if folder.is_local:
        return _collect(folder, lambda paths: map(_LocalListing(folder.address), paths), MOST_LOCAL_FOLDERS)
    storage = open_folder(folder)
    storage.fs.invalidate_cache()  # object stores remember listings and sizes, here for as long as the server runs
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        return _collect(folder, lambda paths: pool.map(_RemoteListing(storage), paths), MOST_REMOTE_FOLDERS)


def _collect(
    folder: ConfiguredFolder, list_folders: Callable[[list[str]], Iterator[_Listing]], limit: int
) -> tuple[list[StoredPlan], bool]:
    plans: list[StoredPlan] = []
    level, listed = [""], 0
    for _ in range(DEEPEST + 1):
        here, level = level[: limit - listed], []
        listed += len(here)
        for relative, listing in zip(here, list_folders(here), strict=True):
            if listing.written_at is not None:
                plans.append(StoredPlan(folder, relative, listing.written_at))
            level += [f"{relative}/{name}".lstrip("/") for name in listing.folders if is_plain(name)]
        level.sort(reverse=True)
        if listed >= limit or not level:
            break
    return plans, not level


class _LocalListing:
    """Lists a folder below a local one. Symbolic links are not followed: they may lead out of it."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __call__(self, relative: str) -> _Listing:
        written_at, folders = None, []
        try:
            with os.scandir(os.path.join(self._root, relative)) as entries:
                for entry in entries:
                    if entry.name == SUMMARY and entry.is_file(follow_symlinks=False):
                        written_at = entry.stat(follow_symlinks=False).st_mtime
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
        except OSError:
            if not relative:
                raise
        return _Listing(written_at, tuple(folders))


class _RemoteListing:
    """Lists a folder below one of an object store."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def __call__(self, relative: str) -> _Listing:
        written_at, folders = None, []
        place = self._root / relative if relative else self._root
        try:
            entries = self._root.fs.ls(place.path, detail=True)
        except FileNotFoundError:
            if not relative:
                raise
            entries = []
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if entry["type"] == "directory":
                folders.append(name)
            elif name == SUMMARY:
                written_at = _time_of(entry)
        return _Listing(written_at, tuple(folders))


# The keys under which the libraries of S3, Google Cloud, Azure and fsspec itself have the time of a file.
_TIMES = ("LastModified", "updated", "last_modified", "mtime", "created")


def _time_of(entry: dict[str, Any]) -> float:
    """Return the time of a file of an object store as a Unix time, or 0 if it has none that is known."""
    given = next((entry[name] for name in _TIMES if entry.get(name) is not None), None)
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return 0.0
    if isinstance(given, datetime):
        return given.replace(tzinfo=given.tzinfo or UTC).timestamp()
    return float(given) if isinstance(given, (int, float)) else 0.0
