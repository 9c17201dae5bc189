"""No address, name, key or password in an error, its causes, a repr, or a line of the log at INFO or above.

All private data here contain the word canary, or are at ``victim.example``. The client's own errors are raised in
``tests/api/test_privacy.py``, all others here. ``tests/redaction_rules.py`` checks the source.
"""

from __future__ import annotations

import csv
import dataclasses
import errno
import importlib
import inspect
import json
import logging
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

import airflow_provider_calcom
from airflow_provider_calcom._redact import describe, hide, plain, redact, redact_sql, shown_columns, shown_path
from airflow_provider_calcom._rendered import RepeatedKey
from airflow_provider_calcom._storage import MODE_VARIABLE, InvalidFileMode, UnusablePath, file_mode, folder_path
from airflow_provider_calcom.api import errors as api_errors
from airflow_provider_calcom.api.errors import CalComError, InvalidArgument
from airflow_provider_calcom.attendance import errors as attendance_errors
from airflow_provider_calcom.attendance.engine import Resources, check_resources, duckdb_session, loaded
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.attendance.feeds import FeedUnreadable, read_feed
from airflow_provider_calcom.attendance.feeds import errors as feed_errors
from airflow_provider_calcom.attendance.feeds._files.workbooks import BadWorkbook
from airflow_provider_calcom.attendance.feeds._registry import BUILT_IN
from airflow_provider_calcom.attendance.feeds._times import BadTime
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.schema import TABLES, Table
from airflow_provider_calcom.attendance.sql.connection import SqlFailed, SqlUnavailable, wrap_driver_errors
from airflow_provider_calcom.cli.no_shows import main
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.hooks import ConnectionMissing, connection_of
from airflow_provider_calcom.hooks.sql import SqlConnectionMissing
from airflow_provider_calcom.no_shows.apply.application import ApplyStopped, PlanHashMismatch, TooManyChanges
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.no_shows.apply.runner import FailureEndsRun
from airflow_provider_calcom.no_shows.cal_video.kept import (
    Answer,
    KeptAnswers,
    SessionsFolderUnusable,
    SessionsNotKept,
)
from airflow_provider_calcom.no_shows.diff import LastWrite
from airflow_provider_calcom.no_shows.forgetting import NotForgotten, forget
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, InvalidGuardRails
from airflow_provider_calcom.no_shows.input_files import InputMissing, InputNotReached, files_of
from airflow_provider_calcom.no_shows.ledger import records as ledger_errors
from airflow_provider_calcom.no_shows.ledger.claims import Claimed, Claims, digests
from airflow_provider_calcom.no_shows.ledger.identities import Identities, LedgerSecretMismatch
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption
from airflow_provider_calcom.no_shows.plan_files import (
    Change,
    CorruptPlan,
    PlanFolderUnusable,
    PlanNotReached,
    PlanNotRead,
    PlanNotWritten,
    verify_plan,
    writing,
)
from airflow_provider_calcom.operators._base import CalComOperator
from airflow_provider_calcom.operators._paths import OutputNotWritten, OutputUnusable, written_output
from airflow_provider_calcom.operators._plan_parameters import correct_of
from airflow_provider_calcom.operators.approval import ApprovalUnavailable
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, MarkAbsentOperator, PlanNoShowsOperator
from airflow_provider_calcom.plugins._plan_folders import PlanNotFound
from airflow_provider_calcom.retries import RetryPolicyUnavailable
from benchmarks.plans import write_plan_by_hand
from tests import redaction_rules
from tests.api.test_privacy import EVERY_CLASS, everything_of
from tests.attendance.feeds.workbook import write_workbook
from tests.operators.applying import change
from tests.operators.planning import DAY, WHOLE, table_rows

ADDRESS = "canary.person@victim.example"
ENCODED = "canary.person%40victim.example"
NAME = "Canary Person"
KEY = "cal_live_canary4f9a77bb1c2d55aa"
TOKEN = "Bearer canaryT0ken-4f9a77bb1c2d"
PROXY = "http://canary-user:canary-pw-77@proxy.example:8080"
SPELLINGS = (
    *(ADDRESS, ADDRESS.upper(), ENCODED, "canary.person%2540victim.example", f"mailto:{ADDRESS}", f"<{ADDRESS}>"),
    *("canary.person\uff20victim.example", "canary.person&#64;victim.example", "canary.person\\u0040victim.example"),
    *('"canary person"@victim.example', "canary(home)@victim.example", f"https://x.example/u?email={ENCODED}"),
    *(KEY, TOKEN, PROXY, "password='canary-pw-77'", f"/data/{ADDRESS}/plan", f"{NAME} <{ADDRESS}>"),
)
FEW: tuple[Any, ...] = (ADDRESS, NAME, KEY, {ADDRESS: NAME}, [ADDRESS, 5])
PRIVATE: tuple[Any, ...] = (
    *(ADDRESS, ENCODED, NAME, "Person, Canary", KEY, TOKEN, PROXY, f"{ADDRESS}\n{NAME}"),
    *({ADDRESS: NAME}, {NAME: 1}, [ADDRESS], [{ADDRESS: NAME}], (NAME,), ADDRESS.encode(), {NAME}),
    *(json.dumps({ADDRESS: NAME}), json.dumps([ADDRESS]), f"['{ADDRESS}']"),
)


def is_clean(text: str) -> bool:
    """Return whether a string has nothing private."""
    return "canary" not in text.lower() and "victim" not in text.lower()


Leaks = Callable[[BaseException], None]


@pytest.fixture
def leaks(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Leaks:
    """Return a function that fails if something private is in an error, or was logged at INFO or printed."""
    caplog.set_level(logging.INFO)

    def check(error: BaseException) -> None:
        printed = capfd.readouterr()
        logged = [f"{record.getMessage()} {record.args}" for record in caplog.records]
        everything = [everything_of(error), printed.out, printed.err, *logged]
        found = [text for text in everything if not is_clean(text)]
        assert not found, found

    return check


# The module itself.


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_hidden(spelling: str) -> None:
    """In a server's message, in one of ours, in a path or in the names of columns."""
    for text in (spelling, f"before {spelling} behind", f"before ({spelling}), {spelling}; behind"):
        assert is_clean(hide(text).replace(NAME, ""))
        assert is_clean(redact(text).replace(NAME, ""))
        assert hide(hide(text)) == hide(text)
        assert is_clean(shown_columns(["email", text]))
    assert is_clean(describe(spelling))
    assert is_clean(shown_path(f"/data/{spelling}/plan").replace(NAME, ""))


def test_what_is_not_private_stays() -> None:
    """Names of our own that begin like a key or have an @ are shown."""
    for text in ("the feed cal_video", "value@odata.nextLink", "without @ or a dot", "see cal.com", "ledger_secret"):
        assert hide(text) == text


def test_what_is_longer_than_any_path_is_cut_before_an_address() -> None:
    """Only the beginning of a megabyte is shown, and no half of an address remains at the cut."""
    for padding in range(3_970, 4_010, 3):
        assert is_clean(shown_path(f"/{'a/' * (padding // 2)}{ADDRESS}{'/' * 1_000_000}"))


def test_no_name_breaks_the_line_of_a_log() -> None:
    """A name without quotes is printable; another is escaped."""
    for name in ("\x1f", "file://\x00", "a\nb", "\u202e"):
        assert plain(name).isprintable()


SQL_WORDS = {
    f'invalid input syntax for type timestamp: "{NAME}"': "invalid input syntax",
    f"Incorrect datetime value: '{NAME}' for column `x` at row 1": "Incorrect datetime value",
    f"Value cannot be cast to timestamp: {NAME}": "cannot be cast",
    f"Timestamp '{NAME}' is not recognized": "is not recognized",
    f"Conversion failed when converting the varchar value '{NAME}' to data type int": "data type int",
    f"Duplicate entry '{ADDRESS}' for key 'x'": "for key 'x'",
    f'column "seen_at" does not exist\nLINE 1: SELECT {NAME}': 'column "seen_at" does not exist',
    f"violates a constraint\nDETAIL:  Key (email)=({ADDRESS}) exists": "violates a constraint",
    "can't connect with password=canary-pw-77 to postgresql://u:canary-pw-77@db": "can't connect",
    "login failed for 'canary secret/1' and canary%20secret%2F1": "login failed",
}


@pytest.mark.parametrize("words", SQL_WORDS)
def test_messages_of_sql_servers(words: str) -> None:
    """Quoted values are removed, names of columns stay."""
    said = redact_sql(RuntimeError(words), ["canary secret/1"])
    assert is_clean(said)
    assert SQL_WORDS[words] in said


# The source.

SHOWN_IN_LOGS = {
    ("api/client.py", "_CALL"): "a literal",
    ("api/client.py", "endpoint.method"): "of our own",
    ("api/client.py", "endpoint.path"): "made of checked uids and numbers; the query is apart",
    ("api/client.py", "response.status_code"): "a number",
    ("api/query.py", "name"): "of a filter of BookingQuery",
    ("notifications/_runs.py", "type(error).__name__"): "a class",
    ("notifications/no_shows.py", "self.only_when"): "one of three words",
    ("operators/_task.py", "type(error).__name__"): "a class",
    ("operators/_task.py", "found.get('done')"): "a number that this class wrote",
    ("operators/_task.py", "found.get('total')"): "a number that this class wrote",
    ("no_shows/apply/runner.py", "error"): "an error of ours",
    ("no_shows/apply/recorder.py", "word"): "a literal",
    ("hooks/calcom.py", "request.booking_uid"): "a checked uid",
    ("operators/webhooks.py", "'Dry run, nothing was sent. It would be: ' if dry_run else ''"): "literals",
    ("operators/webhooks.py", "outcome.action"): "a literal",
    ("operators/webhooks.py", "', '.join(outcome.triggers) or 'none'"): "names of events, checked",
    ("operators/webhooks.py", "outcome.webhook_id or 'without an id'"): "an id of Cal.com, checked",
    ("plugins/_receiver.py", "outcome"): "literals, with a trigger's name and a uid",
    ("plugins/_receiver.py", "refused"): "an error of ours",
    ("plugins/_event_writer.py", "type(error).__name__"): "a class",
    ("plugins/_event_writer.py", "uri"): "an asset's, with a connection's id and a trigger's name",
    ("no_shows/completeness.py", "begin"): "an instant",
    ("no_shows/completeness.py", "format_microseconds(requested)"): "an instant",
    ("no_shows/completeness.py", "max(early)"): "an instant",
    ("no_shows/completeness.py", "'no time at all' if first is None else format_microseconds(first)"): "an instant",
    ("no_shows/planner.py", "type(error).__name__"): "a class",
    ("no_shows/planner.py", "unread[0]"): "an error of ours",
    ("no_shows/planner.py", "format_plan(read_summary(request.plan))"): "numbers, reasons and rails of a plan of ours",
    ("no_shows/planner.py", "format_feed(number, report)"): "FeedReport hides what feeds give it",
    ("operators/bookings.py", "self._span(filters)"): "redacted where it is made",
    (
        "operators/no_shows.py",
        "'Dry run, nothing was sent. It would be for booking' if dry_run else 'Booking'",
    ): "literals",
    ("operators/no_shows.py", "result['booking_uid']"): "a checked uid",
    ("operators/no_shows.py", "format_plan(summary)"): "numbers, reasons and rails of a plan of ours",
    ("operators/no_shows.py", "progress"): "numbers",
    ("operators/_report.py", "type(error).__name__"): "a class",
    ("operators/approval.py", "type(error).__name__"): "a class",
    ("attendance/suggest/__init__.py", "kind"): "a class",
    ("no_shows/plan_tables.py", "type(error).__name__"): "a class",
    ("no_shows/plan_tables.py", "f'{MOST_ATTENDANCE:,}'"): "a number of our own",
    ("configuration.py", "SECTION"): "a literal",
    ("configuration.py", "option"): "a literal",
    ("configuration.py", "fault"): "of fault_of_path, or described",
    ("plugins/_permission.py", "SECTION"): "a literal",
    ("plugins/_app.py", "error"): "an error of ours",
    ("no_shows/apply/application.py", "format_outcomes(result, worklist)"): "numbers, outcomes and classes of errors",
    ("api/lookups.py", "error"): "an error of ours",
    ("operators/no_shows.py", "error"): "an error of ours",
    ("sensors/_base.py", "error"): "an error of ours",
    ("triggers/_polls.py", "_FAILED"): "a literal",
    ("triggers/_polls.py", "error"): "an error of ours",
    ("triggers/_polls.py", "type(error).__name__"): "a class",
    ("triggers/ended.py", "text"): "a literal",
    ("triggers/ended.py", "type(error).__name__ if error else 'logged once'"): "a class, or a literal",
    ("sensors/attendance.py", "error"): "an error of ours",
    ("sensors/attendance.py", "text"): "an instant",
    ("sensors/attendance.py", "format_timestamp(until)"): "an instant",
}
"""Values that log statements show as they are, each with the reason why that is right."""

FOREIGN_ERRORS_SHOWN = {
    ("no_shows/plan_files.py", "error"): "of parse_timestamp, in our words",
    ("attendance/policy.py", "error"): "of parse_timestamp, in our words",
}


def test_log_statements_redact_their_values() -> None:
    """A new value goes through the redaction module, or onto the list above with its reason."""
    assert {found.key for found in redaction_rules.shown_in_logs()} == set(SHOWN_IN_LOGS)


def test_no_error_shows_or_keeps_a_foreign_error() -> None:
    """Libraries quote values in their errors: these are not in our messages, and not their cause or context."""
    assert {found.key for found in redaction_rules.foreign_errors_shown()} == set(FOREIGN_ERRORS_SHOWN)
    assert list(redaction_rules.open_chains()) == []
    assert list(redaction_rules.raw_reprs()) == []


# All classes.


def of_the_package() -> Iterator[type]:
    """Yield all classes of the package but the sandbox's."""
    for module in pkgutil.walk_packages(airflow_provider_calcom.__path__, f"{airflow_provider_calcom.__name__}."):
        if ".sandbox" not in module.name:
            loaded = importlib.import_module(module.name)
            yield from (
                kind for kind in vars(loaded).values() if isinstance(kind, type) and kind.__module__ == module.name
            )


CLASSES = sorted(set(of_the_package()), key=lambda kind: (kind.__module__, kind.__name__))
ERRORS = [kind for kind in CLASSES if issubclass(kind, BaseException)]
BASES = {
    ProviderError,
    CalComError,
    api_errors.InvalidValue,
    api_errors.TransportError,
    api_errors.Refused,
    api_errors.AccessRefused,
    api_errors.ChangeRejected,
    AttendanceError,
    attendance_errors.FeedError,
}
NOT_RAISED_TO_USERS: dict[type, str] = {
    RepeatedKey: "the policy, guard rails and parameters report it without or with a described key",
    feed_errors.UnreadableField: "counted by FeedReport, whose errors are driven",
    feed_errors.UnreadableFile: "becomes a FeedUnreadable, which is driven",
    feed_errors.SkippedRecord: "counted by FeedReport",
    BadTime: "becomes an UnreadableField; its texts are literals",
    BadWorkbook: "becomes a FeedUnreadable; its texts are literals and a class",
    PlanNotFound: "becomes a 404 of the view, and has no text",
    RetryPolicyUnavailable: "its text is a literal",
    ApprovalUnavailable: "raised where its module is imported; its text is a literal",
    FailureEndsRun: "ends a run within no_shows/apply/runner.py, and has no message",
}


class Failing(CalComOperator):
    """An operator that fails."""

    def __init__(self, *, error: Exception, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def _execute(self, context: Any) -> Any:
        raise self.error


def test_no_class_shows_an_address_or_a_key(leaks: Leaks) -> None:
    """Every error of ours hides them in its message, whatever wrote it; also pickled, and as a failure for Airflow."""
    message = "; ".join((ADDRESS, ENCODED, KEY, TOKEN, PROXY))
    for kind in [kind for kind in ERRORS if issubclass(kind, ProviderError)]:
        error = kind(f"feed: it is {message}. Fix it")
        leaks(error)
        leaks(pickle.loads(pickle.dumps(error)))
        with pytest.raises(kind) as raised:
            Failing(task_id="failing", error=error).execute({})
        leaks(raised.value)


# Errors with data in them. Each entry of DRIVES takes a folder, and yields calls that raise.


def _feeds(folder: Path) -> Iterator[Callable[[], object]]:
    rows = [[NAME, "present"], [ADDRESS, NAME], [NAME, ADDRESS, "2026-11-18 09:00", KEY], [ADDRESS], [NAME, NAME]]
    feeds = tuple(BUILT_IN)
    for number, cells in enumerate(rows):
        files = list(_files_of(folder / f"rows-{number}", cells))
        records = [dict.fromkeys(cells, NAME), {"email": cells[0], "name": 7, "joined_at": NAME, "kind": NAME}]
        sources = [*files, *([record] for record in records)]
        # Each feed with some of the rows, so that each has every kind of file and of cell.
        for feed in feeds[number % 2 :: 2]:
            for source in sources:
                yield lambda source=source, feed=feed: list(read_feed(feed, source, max_unreadable=0))


def _files_of(path: Path, cells: list[str]) -> Iterator[Path]:
    """Write a line twice in each format, so that the first line is read as the header."""
    import duckdb

    for ending, delimiter in (("csv", ","), ("tsv", "\t")):
        with path.with_suffix(f".{ending}").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows([cells, cells])
        yield path.with_suffix(f".{ending}")
    yield write_workbook(path.with_suffix(".xlsx"), {NAME: [cells, cells]})
    for ending in ("json", "jsonl"):
        path.with_suffix(f".{ending}").write_text(json.dumps(dict.fromkeys(cells, NAME)) + "\n")
        yield path.with_suffix(f".{ending}")
    names = ", ".join(f"'{NAME}' AS \"{name} {place}\"" for place, name in enumerate(cells))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {names}) TO '{path}.parquet' (FORMAT parquet)")
    yield Path(f"{path}.parquet")


FEED_OPTIONS = (
    *("zone", "date_format", "date", "booking_uid", "conference_key", "addresses", "booking_uids", "conference_keys"),
    *("columns", "joined_words", "am_words", "guest_marks", "epoch", "max_unreadable", "encoding", "delimiter"),
    *("largest_line", "unnamed_participants"),
)


def _feed_options(folder: Path) -> Iterator[Callable[[], object]]:
    for value in PRIVATE:
        for option in FEED_OPTIONS:
            yield lambda option=option, value=value: list(read_feed("zoom", [], **{option: value}))
        yield lambda value=value: read_feed(str(value), [])
        yield lambda value=value: read_feed("zoom", [], **{str(value): 1})
        yield lambda value=value: list(read_feed("check_in", [{"name": "a"}], columns={"name": str(value)}))
        yield lambda value=value: list(read_feed("check_in", [{"name": "a"}], columns={str(value): "name"}))
    yield lambda: list(read_feed("zoom", folder / f"{ADDRESS}.txt"))


def _policies(_: Path) -> Iterator[Callable[[], object]]:
    for value in PRIVATE:
        for field in dataclasses.fields(AttendancePolicy):
            yield lambda field=field, value=value: AttendancePolicy.of({field.name: value})
            yield lambda field=field, value=value: AttendancePolicy.of({field.name: [value, 5]})
        yield lambda value=value: AttendancePolicy.of(value)
        yield lambda value=value: AttendancePolicy.of({str(value): 1})
        yield lambda value=value: AttendancePolicy.of(json.dumps({str(value): 1})[:-1])
        yield lambda value=value: AttendancePolicy.of({"attendance_until": {str(value): value}})
        yield lambda value=value: AttendancePolicy.of({"aliases": {str(value): 5}})
    yield lambda: AttendancePolicy.of({"aliases": {ADDRESS: "a@b", ADDRESS.upper(): "c@d"}})
    yield lambda: AttendancePolicy.of(f'{{"{ADDRESS}": 1, "{ADDRESS}": 2}}')


def _rails(_: Path) -> Iterator[Callable[[], object]]:
    for value in PRIVATE:
        for field in dataclasses.fields(GuardRails):
            yield lambda field=field, value=value: GuardRails.of({field.name: value})
        yield lambda value=value: GuardRails.of(value)
        yield lambda value=value: GuardRails.of({str(value): 1})


def _load_with_zone(zone: str) -> None:
    with duckdb_session(Resources(threads=1), zone):
        pass


def _tables(folder: Path) -> Iterator[Callable[[], object]]:
    for zone in (ADDRESS, NAME, KEY):
        yield lambda zone=zone: _load_with_zone(zone)
    bookings = TABLES[0]
    sources: list[tuple[Table, Any]] = [(bookings, source) for source in _files_of(folder / "table", [ADDRESS, NAME])]
    paths = (folder / ADDRESS / "a.csv", f"/{ADDRESS}/*.csv", folder / f"{ADDRESS}.{KEY}", ADDRESS, f"/{NAME}/a.csv")
    sources += [(bookings, source) for source in ([{ADDRESS: NAME}], *paths)]
    for table, rows in zip(TABLES, table_rows(), strict=True):
        for number, column in enumerate(rows[0]):
            sources.append((table, [{**rows[0], column: f"{NAME} <{ADDRESS}>" if number % 2 else NAME}]))
    with duckdb_session(Resources(threads=1)) as (connection, copies):

        def load(table: Table, source: Any) -> None:
            with loaded(connection, copies, {table: source}, takes_naive_times=False):
                pass

        for table, source in sources:
            yield lambda table=table, source=source: load(table, source)


def _resources(folder: Path) -> Iterator[Callable[[], object]]:
    for value in PRIVATE:
        for name in ("memory_limit", "threads", "spill_directory"):
            yield lambda name=name, value=value: check_resources(Resources(**{name: value}))
    yield lambda: check_resources(Resources(spill_directory=folder / ADDRESS))


def _plans(folder: Path) -> Iterator[Callable[[], object]]:
    good = change("b1", ADDRESS)
    for place, (name, value) in enumerate(
        (name, value) for name in good for value in (ADDRESS, NAME, KEY, {ADDRESS: 1})
    ):
        plan = write_plan_by_hand(folder / ADDRESS / f"line-{place}", [good])
        _replace_line(plan, {**good, name: value})
        yield lambda plan=plan: verify_plan(plan)
    summary = json.loads((plan / "summary.json").read_text())
    for place, name in enumerate(summary):
        plan = write_plan_by_hand(folder / ADDRESS / f"summary-{place}", [good])
        (plan / "summary.json").write_text(json.dumps({**summary, name: ADDRESS if place % 2 else {NAME: ADDRESS}}))
        yield lambda plan=plan: verify_plan(plan)
    for place, text in enumerate((ADDRESS, f'{{"{ADDRESS}": ', f'["{NAME}"]')):
        plan = write_plan_by_hand(folder / f"text-{place}", [good])
        (plan / "plan.jsonl").write_text(text + "\n" * (place > 0))
        yield lambda plan=plan: verify_plan(plan)
    yield lambda: verify_plan(folder / ADDRESS / "nowhere")


def _replace_line(plan: Path, row: dict[str, Any]) -> None:
    """Replace the line of a plan, with the hashes of the first one."""
    other = write_plan_by_hand(plan.parent / f"{plan.name}-other", [change("b1", ADDRESS)])
    (other / "plan.jsonl").write_text(json.dumps(row) + "\n")
    for path in other.iterdir():
        (plan / path.name).write_bytes(path.read_bytes())


def _refused_plan(folder: Path) -> Iterator[Callable[[], object]]:
    rails = {"state": "refused", "changes_file": "refused-changes.jsonl", "refused": [f"because of {ADDRESS}"]}
    plan = write_plan_by_hand(folder / ADDRESS, [change("b1", ADDRESS)], **rails)
    yield lambda: verify_plan(plan)


def _no_folder(folder: Path) -> Path:
    """Return a file, instead of a folder, whose name is an address."""
    folder.mkdir(exist_ok=True)
    (folder / ADDRESS).write_text("")
    return folder / ADDRESS


def _not_read(folder: Path) -> Iterator[Callable[[], object]]:
    plan = write_plan_by_hand(folder / ADDRESS, [change("b1", ADDRESS)])
    (plan / "summary.json").unlink()
    (plan / "summary.json").mkdir()
    yield lambda: verify_plan(plan)


def _failing_disk(method: str, drive: Callable[[], object]) -> Callable[[], object]:
    """Return a call during which a method of paths meets a failing disk, which a retry may not meet."""

    def fail(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", str(self))

    def driven() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, method, fail)
            drive()

    return driven


def _not_reached(folder: Path) -> Iterator[Callable[[], object]]:
    plan = write_plan_by_hand(folder / ADDRESS, [change("b1", ADDRESS)])
    yield _failing_disk("read_bytes", lambda: verify_plan(plan))


def _input_not_reached(folder: Path) -> Iterator[Callable[[], object]]:
    (folder / ADDRESS).write_text("")
    yield _failing_disk("open", lambda: files_of("bookings", folder / ADDRESS))


def _sessions_not_kept(folder: Path) -> Iterator[Callable[[], object]]:
    yield _failing_disk("read_bytes", lambda: KeptAnswers(folder / ADDRESS).read("b1"))


def _sessions_folder_unusable(folder: Path) -> Iterator[Callable[[], object]]:
    place = _no_folder(folder)
    yield lambda: KeptAnswers(place).read("b1")
    yield lambda: KeptAnswers(place).write(Answer("b1", datetime.now(UTC), [{"userName": NAME}], "s"))


def _write_to(place: Path) -> None:
    with writing(place):
        place.write_text("")


def _plan_folder_unusable(folder: Path) -> Iterator[Callable[[], object]]:
    place = _no_folder(folder)
    yield lambda: _write_to(place / "a")


def _not_written(folder: Path) -> Iterator[Callable[[], object]]:
    yield _failing_disk("write_text", lambda: _write_to(folder / ADDRESS))


def _output(place: Path) -> None:
    with written_output("output_path", place) as part:
        part.write_text("")


def _output_unusable(folder: Path) -> Iterator[Callable[[], object]]:
    place = _no_folder(folder)
    yield lambda: _output(place / "a")


def _output_not_written(folder: Path) -> Iterator[Callable[[], object]]:
    yield _failing_disk("write_text", lambda: _output(folder / ADDRESS))


def _ledger_part(folder: Path, text: str) -> Path:
    (folder / ADDRESS).mkdir(parents=True, exist_ok=True)
    (folder / ADDRESS / f"{KEY}.jsonl").write_text(text)
    return folder / ADDRESS


def _ledgers(folder: Path) -> Iterator[Callable[[], object]]:
    for text in (f"{ADDRESS}\n", f'{{"email": "{ADDRESS}"}}\n', f'["{NAME}"]\n'):
        yield lambda text=text: LastWriteLookup(_ledger_part(folder, text))


def _ledger_not_read(folder: Path) -> Iterator[Callable[[], object]]:
    place = _ledger_part(folder, "")
    (place / f"{ADDRESS}.jsonl").mkdir()
    yield lambda: LastWriteLookup(place)


def _ledger_not_reached(folder: Path) -> Iterator[Callable[[], object]]:
    place = _ledger_part(folder, "{}\n")
    yield _failing_disk("open", lambda: LastWriteLookup(place))


CHANGE = Change("b1", "attendee", ADDRESS, False, True, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")


def _ledger_folder_unusable(folder: Path) -> Iterator[Callable[[], object]]:
    yield lambda: LedgerWriter(_no_folder(folder) / "below", plan="p").record_intents([CHANGE])


def _ledger_not_written(folder: Path) -> Iterator[Callable[[], object]]:
    yield _failing_disk("mkdir", lambda: LedgerWriter(folder / ADDRESS, plan="p").record_intents([CHANGE]))


def _ledger_replaced(folder: Path) -> Iterator[Callable[[], object]]:
    def replace() -> None:
        with LedgerWriter(folder / ADDRESS, plan="p") as writer:
            writer.record_intents([CHANGE])
            for part in (folder / ADDRESS).iterdir():
                part.unlink()
            writer.record_intents([CHANGE])

    yield replace


def _applying_twice(folder: Path) -> Iterator[Callable[[], object]]:
    def twice() -> None:
        with LedgerWriter(folder / ADDRESS, plan="p") as one, LedgerWriter(folder / ADDRESS, plan="p") as other:
            one.claim()
            other.claim()

    yield twice


def _claim_lost(folder: Path) -> Iterator[Callable[[], object]]:
    def late() -> None:
        times = iter([0.0])
        claims = Claims(folder / ADDRESS, clock=lambda: next(times, 1e6))
        claims.take(Claimed(ADDRESS, ADDRESS, ADDRESS, digests([ADDRESS]))).check()

    (folder / ADDRESS).mkdir()
    yield late


def _secrets(folder: Path) -> Iterator[Callable[[], object]]:
    yield lambda: Identities("canary")
    yield lambda: Identities(None, are_hashed=True)
    hashed = Identities("canary-secret-canary", are_hashed=True).hashed(ADDRESS)
    yield lambda: Identities("canary-secret-other").check_hash(hashed)


def _forgetting(folder: Path) -> Iterator[Callable[[], object]]:
    identities = Identities("canary-secret-canary", are_hashed=True)
    plan = folder / ADDRESS
    plan.mkdir()
    (plan / "notes.txt").write_text(json.dumps({"who": ADDRESS}))  # no plan's own file, so it stays
    (plan / "summary.json").write_text("{}")
    yield lambda: forget(ADDRESS, plans=[plan], ledger=None, identities=identities)


def _forgetting_wrongly(folder: Path) -> Iterator[Callable[[], object]]:
    identities = Identities("canary-secret-canary", are_hashed=True)
    for value in (NAME, f"{NAME} <{ADDRESS}>", KEY):
        yield lambda value=value: forget(value, plans=[folder], ledger=None, identities=identities)
    yield lambda: forget(ADDRESS, plans=[folder / ADDRESS], ledger=None, identities=identities)


class OperationalError(Exception):
    """A driver's error, recognised by its name."""


def _sql(kind: type[Exception]) -> Callable[[Path], Iterator[Callable[[], object]]]:
    def drives(_: Path) -> Iterator[Callable[[], object]]:
        def fail(words: str) -> None:
            with wrap_driver_errors("connection warehouse", ["canary secret/1"]):
                raise kind(words)

        for words in SQL_WORDS:
            yield lambda words=words: fail(words)

    return drives


def _missing_inputs(folder: Path) -> Iterator[Callable[[], object]]:
    yield lambda: files_of("bookings", folder / ADDRESS)
    yield lambda: files_of("attendance[0].path", folder / KEY / "*.csv")


def _modes(_: Path) -> Iterator[Callable[[], object]]:
    def mode(value: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(MODE_VARIABLE, value)
            file_mode()

    for value in (ADDRESS, NAME, KEY):
        yield lambda value=value: mode(value)


def _paths(_: Path) -> Iterator[Callable[[], object]]:
    for scheme in ("bogus", "unknown"):
        yield lambda scheme=scheme: folder_path(f"{scheme}://bucket/{ADDRESS}/{KEY}")


def _connections(_: Path) -> Iterator[Callable[[], object]]:
    from airflow_provider_calcom.hooks.sql import query_rows, sql_backend

    for value in (ADDRESS, NAME, KEY, TOKEN):
        yield lambda value=value: sql_backend(value)
        yield lambda value=value: list(query_rows(value, "SELECT 1"))


def _missing_connections(kind: type[Exception]) -> Callable[[Path], Iterator[Callable[[], object]]]:
    def drives(_: Path) -> Iterator[Callable[[], object]]:
        for value in (ADDRESS, NAME, KEY, TOKEN):
            yield lambda value=value: connection_of("calcom_conn_id", value, missing=kind)

    return drives


def _unsupported_connections(_: Path) -> Iterator[Callable[[], object]]:
    from airflow_provider_calcom.hooks.sql import sql_backend

    def place(conn_type: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_WEB", json.dumps({"conn_type": conn_type, "host": KEY, "password": KEY}))
            sql_backend("web")

    for conn_type in ("http", ADDRESS):
        yield lambda conn_type=conn_type: place(conn_type)


def _correct(_: Path) -> Iterator[Callable[[], object]]:
    for value in PRIVATE:
        yield lambda value=value: correct_of(value)


DRIVES: dict[type[Exception], Callable[[Path], Iterator[Callable[[], object]]]] = {
    attendance_errors.InvalidPolicy: _policies,
    attendance_errors.InvalidInput: _tables,
    attendance_errors.UnsupportedConnection: _unsupported_connections,
    attendance_errors.InvalidResources: _resources,
    attendance_errors.PlanRefused: _refused_plan,
    InvalidFileMode: _modes,
    UnusablePath: _paths,
    NotForgotten: _forgetting,
    attendance_errors.InvalidFeedOption: _feed_options,
    FeedUnreadable: _feeds,
    ledger_errors.DamagedLedger: _ledgers,
    ledger_errors.LedgerNotRead: _ledger_not_read,
    ledger_errors.LedgerNotReached: _ledger_not_reached,
    ledger_errors.LedgerFolderUnusable: _ledger_folder_unusable,
    ledger_errors.LedgerNotWritten: _ledger_not_written,
    ledger_errors.LedgerReplaced: _ledger_replaced,
    ledger_errors.AlreadyApplying: _applying_twice,
    ledger_errors.ClaimLost: _claim_lost,
    LedgerSecretMismatch: _secrets,
    InvalidPlanOption: _correct,
    CorruptPlan: _plans,
    PlanNotRead: _not_read,
    PlanNotReached: _not_reached,
    PlanFolderUnusable: _plan_folder_unusable,
    PlanNotWritten: _not_written,
    OutputUnusable: _output_unusable,
    OutputNotWritten: _output_not_written,
    InputNotReached: _input_not_reached,
    SessionsNotKept: _sessions_not_kept,
    SessionsFolderUnusable: _sessions_folder_unusable,
    ConnectionMissing: _missing_connections(ConnectionMissing),
    SqlConnectionMissing: _connections,
    InvalidGuardRails: _rails,
    SqlFailed: _sql(RuntimeError),
    SqlUnavailable: _sql(OperationalError),
    InputMissing: _missing_inputs,
}
NOT_DRIVEN: dict[type, str] = {
    attendance_errors.MissingExtra: "literals; the base class hides what a library's ImportError may say",
    attendance_errors.OutOfMemory: "needs a full disk; shows a path and DuckDB's words, both redacted by rule",
    ChangesFailed: "raised below, by a run",
    PlanHashMismatch: "raised below, by a run",
    TooManyChanges: "raised below, by a run",
    ApplyStopped: "a literal",
}


def test_no_class_of_error_is_forgotten() -> None:
    """Each is raised with private data, or on a short list that says why not."""
    known = BASES | set(EVERY_CLASS) | set(DRIVES) | set(NOT_DRIVEN) | set(NOT_RAISED_TO_USERS)
    forgotten = {kind for kind in ERRORS if kind not in known and not kind.__name__.startswith("_")}
    assert not forgotten


@pytest.mark.parametrize("kind", DRIVES, ids=lambda kind: kind.__name__)
def test_every_class_of_error(kind: type[Exception], tmp_path: Path, leaks: Leaks) -> None:
    """Invalid values, damaged files, headers that are data, and paths, all with private data, are redacted."""
    raised = set()
    for drive in DRIVES[kind](tmp_path):
        try:
            drive()
        except Exception as error:
            leaks(error)
            raised.add(type(error))
    assert kind in raised
    assert all(issubclass(one, ProviderError) for one in raised), raised


def test_errors_about_a_person_to_forget(tmp_path: Path, leaks: Leaks) -> None:
    """The person to forget is not named in errors either."""
    for drive in _forgetting_wrongly(tmp_path):
        with pytest.raises(AttendanceError) as raised:
            drive()
        leaks(raised.value)


# Operators and the command.

GOOD: dict[type, dict[str, Any]] = {
    MarkAbsentOperator: {"booking_uid": "uid1", "attendees": ["a@b.test"]},
    ListBookingsOperator: {},
    # The attendance file does not exist, which is noticed after all parameters were checked.
    PlanNoShowsOperator: {"attendance": {"feed": "zoom", "path": "/nowhere"}, "policy": WHOLE, "bookings": [], **DAY},
    ApplyNoShowsOperator: {"plan": "/nowhere/plan"},
}


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.__name__)
def test_parameters_of_operators(kind: Any, tmp_path: Path, connect: Any, leaks: Leaks) -> None:
    """Any parameter may have any value. Airflow's own message about a connection's id is not ours."""
    connect(host="http://127.0.0.1:9", password="cal_live_other", extra={"max_attempts": 1, "timeout": 1})
    parameters = inspect.signature(kind.__init__).parameters
    given = {"plan_path": str(tmp_path / "plan")} if "plan_path" in parameters else {}
    for name in [name for name in parameters if name not in ("self", "kwargs", "calcom_conn_id", "output_path")]:
        for value in FEW:
            try:
                kind(task_id="t", **{**GOOD[kind], **given, name: value}).execute({})
            except ProviderError as error:
                leaks(error)


@pytest.mark.usefixtures("calcom")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ChangesFailed, {}),
        (TooManyChanges, {"max_changes": 0}),
        (PlanHashMismatch, {"expected_hash": "0" * 64}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_run_over_a_plan(kind: type[Exception], options: dict[str, Any], tmp_path: Path, leaks: Leaks) -> None:
    """Addresses in the uids and the folder of a plan are hidden, and the log still reports how the run went."""
    plan = write_plan_by_hand(tmp_path / ADDRESS, [change(ADDRESS, ADDRESS), change(KEY, ADDRESS)])
    ledger = str(tmp_path / f"{KEY}-ledger")
    with pytest.raises(kind) as raised:
        ApplyNoShowsOperator(task_id="a", plan=str(plan), ledger_path=ledger, **options).execute({})
    leaks(raised.value)


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command's error messages may go to a log of cron."""
    (tmp_path / "policy.json").write_text(json.dumps({ADDRESS: 1}))
    (tmp_path / "a.csv").write_text(f"{ADDRESS},{NAME}\n")
    tables = [
        argument for name in ("bookings", "people", "attendance") for argument in (f"--{name}", f"{tmp_path}/a.csv")
    ]
    for arguments in (
        ["decide", *tables, "--out", f"{tmp_path}/{ADDRESS}.jsonl"],
        ["decide", *tables, "--out", f"{tmp_path}/{ADDRESS}"],
        ["decide", *tables, "--out", "a.jsonl", "--policy", f"{tmp_path}/policy.json"],
        ["decide", *tables, "--out", "a.jsonl", "--policy", f"{tmp_path}/{ADDRESS}"],
        ["decide", *tables, "--out", "a.jsonl", "--zone", NAME],
        ["decide", *tables, "--bookings", f"table:{ADDRESS}", "--out", "a.jsonl", "--connection", "x"],
        ["explain", *tables, "--booking", ADDRESS],
        ["ledger", "compact", f"{tmp_path}/{ADDRESS}"],
        ["forget", ADDRESS, "--plans", f"{tmp_path}/{ADDRESS}"],
    ):
        assert main(arguments) == 1
        assert is_clean(capfd.readouterr().err)


# What is shown of values.

PRIVATE_FIELDS = {
    *(
        "address",
        "addresses",
        "aliases",
        "attendance",
        "attendees",
        "body",
        "booking",
        "bookings",
        "cells",
    ),
    *("email", "filters", "internal_emails", "marked", "marks", "options", "params", "people", "phone", "policy"),
    *("record", "records", "row", "rows", "sql", "unchanged", "unknown", "unmarked", "api_key", "client_secret"),
}
SHOWN_FIELDS = {
    ("BookingTables", "bookings"): "a path",
    ("BookingTables", "people"): "a path",
    ("Decided", "policy"): "whose own repr hides",
    ("Explanation", "policy"): "whose own repr hides",
    ("Explanation", "people"): "whose own reprs hide",
    ("Explanation", "booking"): "a booking without its people",
    ("Explanation", "rows"): "whose own reprs hide",
    ("MarkRequest", "attendees"): "whose own reprs hide",
    ("NoShowUpdated", "attendees"): "whose own reprs hide",
    ("GuestsNoShow", "attendees"): "whose own reprs hide",
    ("CalVideoNoShow", "attendees"): "whose own reprs hide",
    ("HostsNoShow", "attendees"): "whose own reprs hide",
    ("PlanInputs", "policy"): "whose own repr hides",
    ("Step", "body"): "SQL of the rules",
    ("Suggestion", "bookings"): "uids",
    ("Effect", "bookings"): "uids",
    ("Table", "rows"): "whose own reprs hide",
    ("LatestWrites", "rows"): "counts, and no people",
    ("ConfiguredFolder", "address"): "a folder of Airflow's configuration",
}


def test_reprs_hide_private_fields() -> None:
    """Reprs end up in logs, test reports and error trackers; a new private field is hidden, or listed."""
    shown = {
        (kind.__name__, field.name)
        for kind in CLASSES
        if dataclasses.is_dataclass(kind) and not issubclass(kind, BaseOperator)
        for field in dataclasses.fields(kind)
        if field.repr and field.name in PRIVATE_FIELDS and "int" not in str(field.type).split("|")[0]
    }
    assert shown == set(SHOWN_FIELDS)


def test_reprs_of_objects_with_addresses() -> None:
    """The most common ones."""
    policy = AttendancePolicy(internal_emails=(ADDRESS,), aliases={ADDRESS: "a@b"})
    values = (policy, CHANGE, LastWrite("b1", "attendee", ADDRESS, True), Identities("canary-secret-canary"))
    assert is_clean(repr(values))


def test_messages_stay_useful() -> None:
    """The message names the parameter, what was received unless it is private, and the fix."""
    with pytest.raises(InvalidArgument, match="attendance must be a path, several, rows"):
        PlanNoShowsOperator(task_id="p", plan_path="/tmp/p", attendance=5, **DAY).execute({})
    with pytest.raises(InvalidGuardRails, match=r"'max_change' is not a field of the guard rails\. The fields"):
        GuardRails.of({"max_change": 5})
