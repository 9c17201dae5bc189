"""Build wheel and sdist twice under different circumstances, and compare the bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

IGNORED = shutil.ignore_patterns(
    ".git", ".build", "dist", "build", "*.egg-info", "__pycache__", "*.pyc", ".*_cache", ".hypothesis", ".venv"
)
# 2020-02-02, hatchling's own choice where the variable is not set: anyone's build has the same bytes, without git too.
EPOCH = "1580601600"


class NotReproducible(Exception):
    """Two builds of the same source differ; the text names the file."""


@dataclass(frozen=True)
class Circumstances:
    """What must not show in a build.

    :param folder: name of the folder of the source.
    :param umask: of the process that copies and builds.
    :param is_reversed: whether files are created in reversed order.
    :param modified_at: Unix time of all files.
    :param environment: variables.
    """

    folder: str
    umask: int
    is_reversed: bool
    modified_at: int
    environment: Mapping[str, str]


FIRST = Circumstances("first", 0o022, False, 1_700_000_000, {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"})
SECOND = Circumstances(
    "second-of-another-length", 0o077, True, 1_800_000_000, {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "2"}
)


def build_twice(source: Path, work: Path) -> list[Path]:
    """Build sdist and wheel twice, and the wheel once more from the sdist; return the paths of the first two.

    :param source: the root of the project.
    :param work: an empty folder.
    :raises NotReproducible: naming the first file whose bytes differ.
    """
    first, second = (
        build(copy_source(source, work, one), one, "sdist", "wheel", folder=work / one.folder / "dist")
        for one in (FIRST, SECOND)
    )
    for one, other in zip(first, second, strict=True):
        compare(one, other)
    sdist, wheel = first
    unpacked = work / "unpacked"
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (root,) = unpacked.iterdir()
    (again,) = build(root, FIRST, "wheel", folder=work / "again")
    compare(wheel, again)
    return first


def copy_source(source: Path, work: Path, under: Circumstances) -> Path:
    """Copy the source with the order, times and rights of files that are given."""
    target = work / under.folder / "source"
    paths = sorted(path.relative_to(source) for path in walk(source))
    before = os.umask(under.umask)
    try:
        for path in reversed(paths) if under.is_reversed else paths:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, target / path)
            os.utime(target / path, (under.modified_at, under.modified_at))
    finally:
        os.umask(before)
    return target


def walk(source: Path) -> list[Path]:
    """Return the files of a source, without what is built or cached in it."""
    found = []
    for folder, folders, names in os.walk(source):
        ignored = IGNORED(folder, [*folders, *names])
        folders[:] = [name for name in folders if name not in ignored]
        found += [Path(folder, name) for name in names if name not in ignored]
    return [path for path in found if not path.is_symlink()]


def build(root: Path, under: Circumstances, *targets: str, folder: Path) -> list[Path]:
    """Build ``sdist`` or ``wheel`` or both into new folders, and return the paths in the order of the targets."""
    before = os.umask(under.umask)
    made = []
    try:
        for target in targets:
            run = subprocess.run(
                [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder / target)],
                cwd=root,
                env={**os.environ, **under.environment, "SOURCE_DATE_EPOCH": EPOCH},
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode:
                raise RuntimeError(f"hatchling could not build the {target}: {run.stderr.strip()}")
            made += list((folder / target).iterdir())
    finally:
        os.umask(before)
    return made


def compare(one: Path, other: Path) -> None:
    """Raise :class:`NotReproducible` unless two files have the same name and bytes."""
    if one.name != other.name or one.read_bytes() != other.read_bytes():
        raise NotReproducible(f"{one.name} differs between two builds: compare {one} and {other}")
