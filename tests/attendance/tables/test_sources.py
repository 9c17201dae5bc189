"""What a user may give as a table: paths of all sorts, several of them, or rows; and how they are named."""

from __future__ import annotations

import errno
import gzip
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.engine import Resources, duckdb_session, loaded
from airflow_provider_calcom.attendance.errors import InvalidInput, OutOfMemory
from airflow_provider_calcom.attendance.schema import PEOPLE
from airflow_provider_calcom.attendance.tables.sources import LabelledFile, format_of, local_files
from tests.attendance.tables.test_loader import PERSON, as_csv, jsonl, literal, parquet, read, refused

CONTENT = jsonl([PERSON])

ODD = [
    "a[1].jsonl",
    "a?.jsonl",
    "{a,b}.jsonl",
    "o'brien.jsonl",
    'say "a".jsonl',
    "a b.jsonl",
    "Zoë 日本.jsonl",
    "'; DROP TABLE people; --.jsonl",
    "$HOME.jsonl",
    "-a.jsonl",
    "~a.jsonl",
    "a%20b.jsonl",
    "a\\b.jsonl",
    "a,b.jsonl",
    "absent=true.jsonl",
    "a\nb.jsonl",
    os.fsdecode(b"\xff.jsonl"),
    "star*.jsonl",
    "x" * 200 + ".jsonl",
]


@pytest.mark.parametrize("name", ODD)
def test_names_of_files_are_only_names(name: str, tmp_path: Path) -> None:
    """No sign in a name is a pattern, SQL or another file's name, and messages stay on one line."""
    (tmp_path / name).write_bytes(CONTENT)
    (tmp_path / "star1.jsonl").write_bytes(CONTENT)
    assert len(read(PEOPLE, tmp_path / name)) == 1
    assert len(read(PEOPLE, str(tmp_path / name))) == 1
    (tmp_path / name).write_bytes(b"x\n")
    message = refused(PEOPLE, str(tmp_path / name))
    message.encode()
    assert message.endswith(", row 1: is not JSON")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_folders_with_names_of_columns(suffix: str, tmp_path: Path) -> None:
    """A folder such as role=host is not a column, as it is to those who partition data by folders."""
    (folder := tmp_path / "role=host" / "absent=true").mkdir(parents=True)
    path = folder / f"a.{suffix}"
    if suffix == "csv":
        path.write_bytes(as_csv([PERSON]))
    else:
        parquet(tmp_path / "b.parquet", {name: literal(value) for name, value in PERSON.items()}).rename(path)
    (row,) = read(PEOPLE, path)
    assert (row["role"], row["absent"]) == ("attendee", False)


def test_a_star_represents_several(tmp_path: Path) -> None:
    """In the order of names; only the star does, and a file of the very name comes first."""
    for place in "321":
        (tmp_path / f"a[x]{place}.jsonl").write_bytes(jsonl([{**PERSON, "email": place}]))
    (tmp_path / "ax1.jsonl").write_bytes(jsonl([{**PERSON, "email": "no"}]))
    (tmp_path / "b1.jsonl").write_bytes(jsonl([{**PERSON, "email": "b"}]))
    pattern = f"{tmp_path}/a[x]*.jsonl"
    source = {PEOPLE: [pattern, tmp_path / "b1.jsonl"]}
    with (
        duckdb_session(Resources()) as (connection, folder),
        loaded(connection, folder, source, takes_naive_times=False) as files,
    ):
        pass
    assert [(Path(file.name).name, file.rows) for file in files] == [
        ("a[x]1.jsonl", 1),
        ("a[x]2.jsonl", 1),
        ("a[x]3.jsonl", 1),
        ("b1.jsonl", 1),
    ]
    assert sorted(row["email"] for row in read(PEOPLE, [pattern])) == ["1", "2", "3"]
    assert refused(PEOPLE, f"{tmp_path}/c*.jsonl") == f"people: no file matches {tmp_path}/c*.jsonl"


def test_the_same_file_twice(tmp_path: Path) -> None:
    """It would make each of its people two, and everybody undetermined."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(CONTENT)
    (tmp_path / "link.jsonl").symlink_to(path)
    for source in ([path, str(path)], [f"{tmp_path}/*.jsonl"], [path, f"file://{path}"]):
        assert "is given twice" in refused(PEOPLE, source)


def test_ways_to_name_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, Path, file URL, UPath, a path from here, and ``~``."""
    upath = pytest.importorskip("upath")
    path = tmp_path / "a.jsonl"
    path.write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in (
        path,
        str(path),
        "a.jsonl",
        "~/a.jsonl",
        f"file://{path}",
        upath.UPath(path),
        upath.UPath(f"file://{path}"),
    ):
        assert len(read(PEOPLE, source)) == 1, source
        assert len(read(PEOPLE, [source])) == 1, source


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl.gz", gzip.compress(CONTENT, mtime=0)), ("a.csv", as_csv([PERSON]))]
)
def test_files_of_an_object_store(name: str, content: bytes) -> None:
    """They are fetched, unpacked on the way, by whatever knows the URL."""
    upath = pytest.importorskip("upath")
    path = upath.UPath(f"memory://people/{name}")
    path.write_bytes(content)
    assert len(read(PEOPLE, path)) == 1
    assert len(read(PEOPLE, str(path))) == 1


def test_files_that_an_object_store_does_not_give(tmp_path: Path) -> None:
    """What goes wrong there is reported with the table and the URL, without a password in it."""
    pytest.importorskip("upath")
    assert refused(PEOPLE, "memory://nosuch/a.jsonl").startswith("people: can't read memory://nosuch/a.jsonl: ")
    message = refused(PEOPLE, "nosuch://user:word@host/a.jsonl")
    assert message.startswith("people: can't read nosuch://host/a.jsonl: ")

    class Broken:
        def __str__(self) -> str:
            return "s3://bucket/a.jsonl"

        def open(self, mode: str) -> Any:
            raise RuntimeError("about Ann Secret")

    assert refused(PEOPLE, Broken()) == "people: can't read s3://bucket/a.jsonl: RuntimeError"


def test_a_pipe(tmp_path: Path) -> None:
    """``<(zcat ...)`` and its like can be read once only, which is enough."""
    os.mkfifo(pipe := tmp_path / "a.jsonl")
    writer = threading.Thread(target=pipe.write_bytes, args=(CONTENT,))
    writer.start()
    assert len(read(PEOPLE, pipe)) == 1
    writer.join()


def test_names_that_were_given_to_files(tmp_path: Path) -> None:
    """A file that was made on the way is called what it holds."""
    (tmp_path / "tmp123.jsonl").write_bytes(b"x\n")
    message = refused(PEOPLE, [LabelledFile(tmp_path / "tmp123.jsonl", "people of Cal.com")])
    assert message == "people of Cal.com, row 1: is not JSON"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nosuch.jsonl", "people: can't read {}: No such file or directory"),
        ("nosuch/a.jsonl", "people: can't read {}: No such file or directory"),
        ("folder.jsonl", "people: can't read {}: Is a directory"),
        ("x" * 300 + ".jsonl", "people: can't read {}: File name too long"),
        ("unreadable.jsonl", "people: can't read {}: Input/output error"),
        ("loop.jsonl", "people: can't read {}: Too many levels of symbolic links"),
        ("a.xlsx", "{}: the suffix must be one of .jsonl, .ndjson, .csv, .tsv, .parquet, and .gz may follow"),
        ("a", "{}: the suffix must be one of .jsonl"),
        ("a.gz", "{}: the suffix must be one of .jsonl"),
        ("", "{}: the suffix must be one of .jsonl"),
    ],
)
def test_files_that_can_not_be_read(name: str, words: str, tmp_path: Path) -> None:
    """The path and the system's reason are reported."""
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "unreadable.jsonl").symlink_to("/proc/self/mem")
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    assert words.format(shown_path(tmp_path / name)) in refused(PEOPLE, tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_file(tmp_path: Path) -> None:
    """The system's reason is reported."""
    (path := tmp_path / "a.jsonl").write_bytes(CONTENT)
    path.chmod(0)
    assert "Permission denied" in refused(PEOPLE, path)


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT"])
def test_a_full_disk(error: str) -> None:
    """Unpacking needs room, and the file is not to blame where there is none."""

    class Unreadable:
        """A file of an object store, reading which fails as a full disk does."""

        def open(self, mode: str) -> Any:
            raise OSError(getattr(errno, error), "full")

        def __str__(self) -> str:
            return "s3://bucket/a.jsonl.gz"

    with pytest.raises(OutOfMemory, match="the disk is too full"):
        read(PEOPLE, Unreadable())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "people must be rows or paths, but is a NoneType"),
        (5, "people must be rows or paths, but is a int"),
        (b"a.jsonl", "people must be rows or paths, but is a bytes"),
        (PERSON, "people must be rows or paths, but is a dict"),
        (["a.jsonl", PERSON], "people must be rows or paths, and has both, or a dict"),
        ([PERSON, "a.jsonl"], "people (rows), row 2: must be an object, but is a str"),
        ([None], "people (rows), row 1: must be an object, but is a NoneType"),
        (str([PERSON]), "people: a string of "),
        ("[]", "people: a string of 2 characters is not a path. Pass rows as a list"),
        (jsonl([PERSON]).decode(), "people: a string of "),
        ("a\0.jsonl", "people: a string of 8 characters is not a path"),
        ("x" * 5000, "people: a string of 5000 characters is not a path"),
    ],
)
def test_what_is_neither_path_nor_rows(source: Any, words: str) -> None:
    """Rows that a template made text of are reported as such, and not repeated."""
    assert words in refused(PEOPLE, source)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jsonl", ("jsonl", False)),
        ("A.NDJSON.GZ", ("jsonl", True)),
        ("s3://b/a.csv", ("csv", False)),
        ("a.b.tsv.gz", ("csv", True)),
        ("a.parquet", ("parquet", False)),
    ],
)
def test_formats_are_reported_by_suffixes(name: str, found: tuple[str, bool]) -> None:
    """In any case."""
    assert format_of(name) == found


def test_files_are_linked_where_they_need_no_change(tmp_path: Path) -> None:
    """Gigabytes are not copied."""
    (path := tmp_path / "a.jsonl").write_bytes(CONTENT)
    (folder := tmp_path / "folder").mkdir()
    (file,) = local_files(PEOPLE, path, folder)
    assert file.path.is_symlink()
    assert file.path.resolve() == path.resolve()
    with pytest.raises(InvalidInput):
        local_files(PEOPLE, tmp_path / "b.jsonl", folder)
