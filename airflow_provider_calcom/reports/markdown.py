"""A plan's changes as a Markdown table, for Airflow's approval page and for messages.

Names, addresses and uids are whatever somebody typed. They are shown as code, in which Markdown has no links, images,
HTML or emphasis, and which is not searched for bare addresses to make links of; escaping each sign with a backslash was
rejected, because Markdown as GitHub has it makes a link of ``www.`` and of an address all the same.
"""

from __future__ import annotations

import heapq
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_provider_calcom._storage import Folder, folder_path, local_copy
from airflow_provider_calcom.no_shows.guard_rails import RailResult
from airflow_provider_calcom.no_shows.plan_files import BOOKINGS, Change, Summary, read_plan, read_summary, reading
from airflow_provider_calcom.reports.masking import masked, masked_name
from airflow_provider_calcom.reports.words import HELD_BACK, REASONS

LIMIT = 25
"""Changes that a person reads before approving; the report has all."""

_COLUMNS = ("Booking", "Start (UTC)", "Host", "Who", "Change", "Why")
_LONGEST_CELL = 60
_PLAIN_NAME = re.compile(r"[^\W\d_]+\.?(?: [^\W\d_]+\.?)*")


def changes_table(folder: Folder, *, limit: int = LIMIT, mask_addresses: bool = True) -> str:
    """Return who would be marked and why, as a Markdown table of at most ``limit`` changes.

    :param folder: the plan's folder.
    :param limit: changes that are shown; below the table is how many there are beside them.
    :param mask_addresses: mask addresses and names.
    :return: the table, also of a rejected plan; a sentence if the plan has no changes.
    :raises CorruptPlan: if the plan's files are missing or not as they were written.
    :raises PlanNotRead: if they can't be opened.
    """
    summary = read_summary(folder)
    total = summary["changes"]["total"]
    if not total:
        return "The plan has no changes."
    found = read_plan(folder, even_refused=True, summary=summary)  # to its end: only then its hash is checked
    changes = heapq.nsmallest(limit, found, key=lambda change: (change.start_at, change.booking_uid, change.email))
    hosts = _hosts(folder, [change.booking_uid for change in changes])
    columns = [column for column in _COLUMNS if hosts or column != "Host"]
    lines = [_row(columns), _row(["---"] * len(columns))] if changes else []
    for change in changes:
        cells = _cells(change, hosts, summary, mask_addresses)
        lines.append(_row([cells[column] for column in columns]))
    if more := total - len(changes):
        lines += ["", f"and {_counted(more, 'more change')}"]
    return "\n".join(lines)


def approval_text(folder: Folder, *, limit: int = LIMIT, mask_addresses: bool = True, report: str | None = None) -> str:
    """Return what a person has to know to approve a plan, as Markdown.

    :param folder: the plan's folder.
    :param limit: changes that are shown.
    :param mask_addresses: mask addresses and names.
    :param report: URL of the plan's report, or None.

    Errors are those of :func:`changes_table`.
    """
    summary = read_summary(folder)
    parts = [headline(summary), changes_table(folder, limit=limit, mask_addresses=mask_addresses)]
    if report:
        parts.append(
            f"**[Open the report]({_destination(report)})**: each change with its picture, and all the others."
        )
    parts.append("\n".join(f"- {line}" for line in (rails(summary), *left_alone(summary), _identity(folder, summary))))
    return "\n\n".join(parts)


def headline(summary: Summary | Mapping[str, Any]) -> str:
    """Return how many changes a plan has, in one sentence.

    :param summary: the plan's, or the result of its task.
    """
    count = Counter(summary["changes"])
    parts = [
        f"mark {_counted(count['mark_attendees'], 'attendee')} absent" if count["mark_attendees"] else "",
        f"mark {_counted(count['mark_hosts'], 'host')} absent" if count["mark_hosts"] else "",
        f"un-mark {_counted(count['unmark_attendees'], 'attendee')}" if count["unmark_attendees"] else "",
    ]
    what = ", ".join(filter(None, parts)) or "no changes"
    return f"In {_counted(count['bookings'], 'booking')}: **{what}**."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _cells(change: Change, hosts: Mapping[str, str], summary: Summary, mask: bool) -> dict[str, str]:
    who = masked(change.email) if mask else change.email
    host = hosts.get(change.booking_uid, "")
    return {
        "Booking": _booking(change.booking_uid, summary.get("booking_url")),
        "Start (UTC)": f"{change.start_at[:10]} {change.start_at[11:16]}",
        "Host": name_cell(_masked_host(host) if mask and host else host),
        "Who": f"{code(who)}{' (host)' if change.role == 'host' else ''}",
        "Change": "not marked \u2192 **absent**" if change.will_be_absent else "absent \u2192 **not marked**",
        "Why": _why(change),
    }


def _masked_host(host: str) -> str:
    return masked(host) if "@" in host else masked_name(host)


def _why(change: Change) -> str:
    why = REASONS.get(change.reason, change.reason.replace("_", " "))
    return (
        f"{why} ({change.presence_seconds:.0f} s there)" if change.will_be_absent and change.presence_seconds else why
    )


def _booking(uid: str, template: Any) -> str:
    if not isinstance(template, str) or "{uid}" not in template:
        return code(uid)
    return f"[{code(uid)}]({_destination(template.replace('{uid}', quote(uid, safe='', errors='replace')))})"


def _destination(url: str) -> str:
    """Return a URL as the destination of a link, which nothing in it can end."""
    return quote(url, safe="/:?#@!$&'*+,;=%-._~", errors="replace")


def code(text: str) -> str:
    """Return text that somebody typed as code within a table: one line without anything that Markdown acts on.

    A backtick becomes an apostrophe and a backslash a slash, because within code nothing can be escaped but the bar
    between two cells. What is invisible or turns the direction of writing is left out.
    """
    signs = (sign for sign in " ".join(text.split()) if unicodedata.category(sign)[0] != "C")
    shown = "".join(signs).replace("`", "'").replace("\\", "/").strip()
    if len(shown) > _LONGEST_CELL:
        shown = f"{shown[: _LONGEST_CELL - 1]}\u2026"
    return f"`{shown.replace('|', chr(92) + '|')}`" if shown else ""


def name_cell(text: str) -> str:
    """Return a name as it is if it is letters in words, which mean nothing in Markdown, and else as code."""
    return text if len(text) <= _LONGEST_CELL and _PLAIN_NAME.fullmatch(text) else code(text)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def rails(summary: Summary | Mapping[str, Any]) -> str:
    """Return in one line what the guard rails found.

    :param summary: the plan's, or the result of its task.
    """
    results = [RailResult(**fields) for fields in summary["guard_rails"]]
    failed = [result.describe() for result in results if result.is_tripped]
    if failed:
        return f"Guard rails **failed**: {'; '.join(failed)}"
    passed = sum(result.is_judged for result in results)
    return f"Guard rails: {passed} passed, {len(results) - passed} not evaluated"


def left_alone(summary: Summary | Mapping[str, Any]) -> list[str]:
    """Return a line on people in doubt, and one on flags that stay, if there are any.

    :param summary: the plan's, or the result of its task.
    """
    undetermined = sum(summary["outcomes"].get("undetermined", {}).values())
    lines = [f"In doubt, not marked: {undetermined:,}"] if undetermined else []
    held_back = [
        f"{HELD_BACK.get(reason, reason)}: {count:,}" for reason, count in summary["held_back"].items() if count
    ]
    return lines + ([f"Held back, their flags stay: {'; '.join(held_back)}"] if held_back else [])


def _identity(folder: Folder, summary: Summary) -> str:
    return f"Plan {code(str(folder_path(folder)))}, sha256 `{summary['sha256'][:12]}\u2026`"


def _hosts(folder: Folder, uids: Sequence[str]) -> dict[str, str]:
    """Return the hosts of bookings by uid: the name, or else the address.

    None are known of an older plan, or where DuckDB, which reads the file, is not installed.
    """
    path = folder_path(folder) / BOOKINGS
    try:
        import duckdb

        with tempfile.TemporaryDirectory() as copies, reading(path), duckdb.connect() as connection:
            found = connection.execute(_HOSTS, [str(local_copy(path, Path(copies))), list(uids)]).fetchall()
    except (ImportError, FileNotFoundError):
        return {}
    return dict(found)


_HOSTS = """
SELECT booking_uid, any_value(coalesce(nullif(trim(host_name), ''), host_email))
FROM read_parquet(?)
WHERE list_contains(?::VARCHAR[], booking_uid)
GROUP BY booking_uid
"""
