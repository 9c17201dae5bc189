"""The report of one plan: who is changed and why, for a person who decides on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_calcom import __version__
from airflow_provider_calcom._storage import Folder, atomic_write, folder_path
from airflow_provider_calcom._timestamps import format_microseconds
from airflow_provider_calcom.attendance.explain.reasons import shown
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.evidence import read_evidence
from airflow_provider_calcom.no_shows.guard_rails import RAILS
from airflow_provider_calcom.no_shows.plan_files import REPORT, writing
from airflow_provider_calcom.reports import words
from airflow_provider_calcom.reports.assets import render
from airflow_provider_calcom.reports.load import Category, PlanData, Row, Table, load_plan
from airflow_provider_calcom.reports.masking import masked, masked_text, masked_value
from airflow_provider_calcom.reports.pictures import IN_A_BLOCK, Pictures, draw
from airflow_provider_calcom.reports.statistics import Rate

_SCRIPTS = ("core.js", "table.js", "picture.js", "charts.js", "report.js")
_COLUMNS = (
    *("uid", "start", "name", "email", "role", "host", "from", "to", "reason", "short", "heldBack", "outcome"),
    *("detail", "picture", "person"),
)
"""The cells of a row of the page's tables, in their order."""
_SAFE_SUGGESTIONS = ("attendance_until", "trust_internal_accounts")
"""Kinds of suggestions that name nobody."""


def write_report(folder: Folder, *, mask_addresses: bool = False) -> Any:
    """Write the report of a plan beside it, as ``report.html``; an older one is replaced.

    It has the outcome of every change once the plan was applied, so write it again then. It never contains more than
    the plan: addresses that the plan hashes stay hashed.

    :param folder: where the plan is, local or in an object store.
    :param mask_addresses: whether to mask addresses, names and phone numbers, as in ``a***@example.com``.
    :return: the path of the report.
    :raises CorruptPlan: if the plan's files are missing or not as they were written.
    :raises PlanNotRead: if they can't be opened.
    :raises PlanNotWritten: if the report can't be written.
    """
    place = folder_path(folder)
    page = report_page(place, mask_addresses=mask_addresses)
    path = place / REPORT
    with writing(path), atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def report_page(folder: Folder, *, mask_addresses: bool = False) -> str:
    """Return the report of a plan as HTML. Parameters and errors are those of :func:`write_report`."""
    place = folder_path(folder)
    plan = load_plan(place)
    tables = (plan.changes, plan.held_back, plan.undetermined)
    uids = list(dict.fromkeys(row.booking_uid for table in tables for row in table.rows))
    pictures = draw(read_evidence(place, plan.summary, booking_uids=uids), mask_addresses=mask_addresses)
    masks = Masks(is_on=mask_addresses)
    return render(
        "report.html",
        _SCRIPTS,
        _data(plan, pictures, masks),
        blocks=pictures.blocks,
        **_head(plan),
        **_rails(plan),
        **_foot(plan, masks),
        notes=_notes(plan, pictures),
        suggestions=_suggestions(plan, masks),
        has_charts=bool(plan.charts.days or plan.charts.lateness),
        version=__version__,
        contains_addresses=not mask_addresses and plan.summary["addresses"] == "plain",
    )


# ----------------------------------------------------------------------------------------------------------------------
# The head
# ----------------------------------------------------------------------------------------------------------------------


def _head(plan: PlanData) -> dict[str, Any]:
    word, tone = words.STATES[plan.state]
    title, lead = headline(plan)
    people = {name: sum(plan.summary["outcomes"].get(name, {}).values()) for name in words.DECISIONS}
    total = sum(people.values())
    decided, begin = [], 0.0
    for name, (decision, meaning) in words.DECISIONS.items():
        width = 100 * people[name] / total if total else 0.0
        decided.append(
            {"name": name, "word": decision, "meaning": meaning, "people": people[name], "from": begin, "width": width}
        )
        begin += width
    return {
        "badge": {"word": word, "tone": tone},
        "headline": {"title": title, "lead": lead},
        "decided": decided,
        "period": _period(plan),
        "bookings": plan.summary.get("bookings", plan.bookings),
        "attendees": plan.summary.get("attendees", plan.attendees),
        "changes": plan.changes.total,
        "held_back": plan.held_back.total,
        "undetermined": plan.undetermined.total,
        "complete_until": plan.summary["complete_until"],
        "intros": {"changes": _intro(plan)},
    }


def _period(plan: PlanData) -> tuple[str, str] | None:
    """Return the requested period, or that of the bookings where none was requested."""
    requested = plan.summary.get("period") or {}
    first, last = requested.get("after_start"), requested.get("before_start")
    if plan.first_start is not None and plan.last_start is not None:
        first, last = first or format_microseconds(plan.first_start), last or format_microseconds(plan.last_start)
    return (str(first), str(last)) if first and last else None


def headline(plan: PlanData) -> tuple[str, str]:
    """Return the plan in a sentence, and what that means for Cal.com."""
    counts = plan.summary["changes"]
    if plan.state == "nothing":
        return "Nobody would be marked absent.", _of_nothing(plan)
    done = plan.outcomes
    if plan.state == "applied":
        written = done.get("applied", 0)
        rest = [
            f"{words.OUTCOMES.get(name, name).lower()} {count:,}" for name, count in done.items() if name != "applied"
        ]
        title = f"{_changes_in_words(plan.written, 'were')}." if written else "Nothing had to be written."
        lead = f"{_all_of(written, counts['total'])} written to Cal.com."
        others = f" The others: {', '.join(rest)}." if rest else ""
        return title, lead + others
    if plan.state == "partly":
        failed = done.get("failed", 0) + done.get("not_permitted", 0)
        return (
            f"{failed:,} of {_number(counts['total'], 'change')} could not be written.",
            f"{_all_of(done.get('applied', 0), counts['total'])} written to Cal.com. Running the task again is safe: it"
            " reads first, and makes no change twice.",
        )
    would = _changes_in_words(counts, "would be")
    if plan.state == "rejected":
        names = [str(rail["name"]) for rail in plan.summary["guard_rails"] if rail["is_tripped"]]
        which = "A guard rail" if len(names) < 2 else f"{len(names)} guard rails"
        return f"{would}.", f"{which} rejected this plan as a whole. Nothing is written, and it can't be applied."
    if plan.state == "dry_run":
        return f"{would}.", f"A dry run: nothing is written. {_all_of(done.get('would_apply', 0), counts['total'])} ready to be written."
    return f"{would}.", "Nothing is written yet."


def _of_nothing(plan: PlanData) -> str:
    held_back = plan.held_back.total
    if held_back:
        return f"{_number(held_back, 'mark')} in Cal.com {'differs' if held_back == 1 else 'differ'} from the decision and stay as they are."
    return "Every mark in Cal.com is as it should be, as far as the attendance data shows."


def _all_of(part: int, total: int) -> str:
    if part == total:
        return f"{'The change is' if total == 1 else f'All {total:,} changes are'}"
    return f"{part:,} of {_number(total, 'change')} {'is' if part == 1 else 'are'}"


def _changes_in_words(counts: Mapping[str, int], be: str) -> str:
    """Return the changes as a sentence without its end."""
    attendees, hosts, unmarked = counts["mark_attendees"], counts["mark_hosts"], counts["unmark_attendees"]

    def verb(people: int) -> str:
        return "was" if be == "were" and people == 1 else be

    people = [_number(attendees, "attendee")] * bool(attendees) + [_number(hosts, "host")] * bool(hosts)
    parts = [f"{' and '.join(people)} {verb(attendees + hosts)} marked absent"] if people else []
    if unmarked:
        parts.append(f"{_number(unmarked, 'mark')} {'' if people else f'{verb(unmarked)} '}removed")
    where = f" in {_number(counts['bookings'], 'booking')}"
    return f"{', and '.join(parts)}{',' if len(parts) > 1 else ''}{where}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _intro(plan: PlanData) -> str:
    if not plan.changes.total:
        return "No change is needed."
    opened = "Open a row to see what the attendance data shows"
    if len(plan.changes.rows) < plan.changes.total:
        return f"The first {len(plan.changes.rows):,} of {plan.changes.total:,} changes. {opened}."
    return f"{opened}, and the rule that decided."


def _notes(plan: PlanData, pictures: Pictures) -> list[str]:
    """Return what this report lacks."""
    notes = []
    for table, name in ((plan.changes, "changes"), (plan.held_back, "people held back"), (plan.undetermined, "undetermined people")):
        if len(table.rows) < table.total:
            notes.append(f"The report lists {len(table.rows):,} of {table.total:,} {name}. The plan's files have them all.")
    left_out = pictures.left_out + int((plan.summary.get("evidence") or {}).get("left_out", 0))
    if left_out:
        notes.append(
            f"The pictures of {_number(left_out, 'booking')} are left out, because the report would get too large."
            " calcom-no-shows explain shows each of them."
        )
    has_rows = plan.changes.rows or plan.held_back.rows or plan.undetermined.rows
    if has_rows and not pictures.blocks:
        notes.append("This plan has no evidence of single bookings, so its rows can't be opened.")
    return notes


# ----------------------------------------------------------------------------------------------------------------------
# Guard rails
# ----------------------------------------------------------------------------------------------------------------------


def _rails(plan: PlanData) -> dict[str, Any]:
    rails = [_rail(one) for one in plan.summary["guard_rails"]]
    counts = Counter(one["tone"] for one in rails)
    tones = (("bad", "failed"), ("good", "passed"), ("off", "not evaluated"))
    return {
        "rails": rails,
        "failed": [one for one in rails if one["tone"] == "bad"],
        "rails_sum": ", ".join(f"{counts[tone]} {word}" for tone, word in tones if counts[tone]),
    }


def _rail(result: Mapping[str, Any]) -> dict[str, Any]:
    name = str(result["name"])
    rail, limit, figure = words.RAILS[name], result["limit"], result["figure"]

    def amount(value: float | None) -> str:
        if value is None:
            return "none"
        return f"{100 * value:.0f} %" if rail.is_share else f"{value:,}"

    is_judged, is_tripped = bool(result["is_judged"]), bool(result["is_tripped"])
    few = limit is not None and not is_judged and result["judged_from"] is not None
    # A bar for counts ends at twice the limit, or at the figure.
    scale = 1.0 if rail.is_share else max(2 * (limit or 0), figure or 0, 1)
    return {
        "name": name,
        "title": rail.title,
        "why": rail.why,
        "figure": amount(figure),
        "limit": "none" if limit is None else f"{RAILS[name].kind} {amount(limit)}",
        "limit_text": "no limit" if limit is None else f"{RAILS[name].kind} {amount(limit)}",
        "sample": f"{result['sample']:,} {rail.sample}" if rail.sample and result["sample"] is not None else "",
        "share": min(1.0, (figure or 0) / scale),
        "limit_share": None if limit is None else min(1.0, limit / scale),
        "status": "failed" if is_tripped else "passed" if is_judged else "too few" if few else "",
        "hint": f"Evaluated from {result['judged_from']} {rail.sample} on" if few else "",
        "tone": "bad" if is_tripped else "good" if is_judged else "off",
    }


# ----------------------------------------------------------------------------------------------------------------------
# The tables and the charts, as data
# ----------------------------------------------------------------------------------------------------------------------


class Masks:
    """Masks what is shown, or only makes it safe to show.

    :param is_on: whether addresses, names and phone numbers are masked.
    """

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on

    def address(self, text: str | None) -> str | None:
        """Return an address."""
        return None if text is None else shown(masked(text) if self.is_on else text)

    def host(self, text: str | None) -> str | None:
        """Return a host, who is known by a name or an address."""
        return self.address(text)

    def text(self, text: str | None) -> str | None:
        """Return a text that may have an address in it."""
        return None if text is None else shown(masked_text(text) if self.is_on else text)

    def value(self, value: Any) -> Any:
        """Return a JSON value that may have addresses in it."""
        return masked_value(value) if self.is_on else value

    def category(self, name: str) -> str:
        """Return the host of a chart, but "12 others" as it is."""
        return name if not self.is_on or name.endswith(" others") else shown(masked(name))


def _data(plan: PlanData, pictures: Pictures, masks: Masks) -> dict[str, Any]:
    def rows(table: Table) -> list[list[Any]]:
        return [_cells(row, pictures, masks) for row in table.rows]

    charts = plan.charts
    hosts = [replace(one, name=masks.category(one.name)) for one in charts.hosts]
    return {
        "columns": _COLUMNS,
        "changes": rows(plan.changes),
        "heldBack": rows(plan.held_back),
        "undetermined": rows(plan.undetermined),
        "bookingUrl": booking_url(plan.summary.get("booking_url")),
        "inABlock": IN_A_BLOCK,
        "charts": {
            "days": categories(charts.days),
            "eventTypes": categories(charts.event_types),
            "hosts": categories(hosts),
            "lateness": sorted(charts.lateness.items()),
        },
        "words": {
            "reasons": words.REASONS,
            "heldBack": words.HELD_BACK,
            "outcomes": words.OUTCOMES,
            "tones": words.TONES,
            "means": words.MEANS,
        },
    }


def _cells(row: Row, pictures: Pictures, masks: Masks) -> list[Any]:
    person, name, short = pictures.person(row.booking_uid, row.role, row.email) or (None, None, "")
    return [
        shown(row.booking_uid),
        None if row.start_at is None else row.start_at // 1000,
        name,
        masks.address(row.email),
        row.role,
        masks.host(row.host),
        row.was_absent,
        row.will_be_absent,
        row.reason,
        short,
        row.held_back,
        row.outcome,
        masks.text(row.detail),
        pictures.numbers.get(row.booking_uid) if person is not None else None,
        person,
    ]


def booking_url(template: Any) -> str | None:
    """Return a template of links to bookings if it is one: any other scheme could run a script."""
    is_template = isinstance(template, str) and template.startswith(("https://", "http://")) and "{uid}" in template
    return template if is_template else None


def categories(found: Iterable[Category]) -> list[dict[str, Any]]:
    """Return the categories of a chart as data."""
    return [
        {"name": shown(one.name), "noShows": _rate(one.no_shows), "undetermined": _rate(one.undetermined)}
        for one in found
    ]


def _rate(rate: Rate) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in rate._asdict().items()}


# ----------------------------------------------------------------------------------------------------------------------
# Suggestions, policy and inputs
# ----------------------------------------------------------------------------------------------------------------------


def _suggestions(plan: PlanData, masks: Masks) -> dict[str, Any] | None:
    """Return what would settle the doubts, by reason, or None where nothing is undetermined or nothing was computed."""
    found = plan.suggestions
    if found is None or not found.get("undetermined"):
        return None
    template = booking_url(plan.summary.get("booking_url"))
    groups = []
    for reason, people in sorted(found["undetermined"].items(), key=lambda one: (-one[1], one[0])):
        entries = [one for one in found.get("suggestions", []) if one.get("reason") == reason]
        groups.append(
            {
                "word": words.REASONS.get(reason, reason),
                "people": people,
                "entries": [_suggestion(one, template, masks) for one in entries],
            }
        )
    intro = found.get("skipped") or (
        "Each number was found by running the rules again with this one change. Nothing changes until you edit the policy."
    )
    return {
        "intro": intro,
        "groups": [one for one in groups if one["entries"]],
        "open": [one for one in groups if not one["entries"]],
    }


def _suggestion(one: Mapping[str, Any], template: str | None, masks: Masks) -> dict[str, Any]:
    from urllib.parse import quote

    kind = str(one.get("kind"))
    names_nobody = kind in _SAFE_SUGGESTIONS or not masks.is_on
    fragment = one.get("policy") if names_nobody else None
    becomes = [f"{count:,} {words.DECISIONS[name][0].lower()}" for name, count in one.get("becomes", {}).items() if count]
    settles, whole = int(one["settles"]), int(one["of"])
    text = str(one["text"]) if names_nobody else f"{words.SUGGESTIONS.get(kind, kind)}. suggestions.json beside the plan names it."
    return {
        "settles": settles,
        "of": whole,
        "share": settles / whole if whole else 0.0,
        "becomes": f"of these {' and '.join(becomes)}" if becomes else "",
        "text": shown(text),
        "policy": json.dumps(fragment, ensure_ascii=False, indent=2) if fragment else None,
        "bookings": [
            {"uid": shown(uid), "href": template.replace("{uid}", quote(uid, safe="")) if template else None}
            for uid in one.get("bookings", [])
        ],
    }


def _foot(plan: PlanData, masks: Masks) -> dict[str, Any]:
    summary = plan.summary
    defaults = AttendancePolicy().as_dict()
    fields = [
        {
            "name": name,
            "value": _value(masks.value(value)),
            "default": _value(defaults.get(name)),
            "is_set": name in defaults and value != defaults[name],
        }
        for name, value in summary["policy"].items()
    ]
    return {
        "policy_fields": sorted(fields, key=lambda one: not one["is_set"]),
        "policy_changed": sum(bool(one["is_set"]) for one in fields),
        "inputs": [
            {"table": one.get("table"), "file": masks.text(str(one.get("file"))), "rows": f"{one.get('rows') or 0:,}"}
            for one in summary["inputs"]
        ],
        "inputs_text": _inputs_in_words(plan),
        "plan_hash": summary["sha256"],
        "as_of": str(summary["policy"].get("as_of")),
        "correct": {"ledger": "our own", "all": "all, also those set by hand", "none": "none"}[summary["correct"]],
        "force": summary["force"],
        "addresses": "masked" if masks.is_on else summary["addresses"],
    }


def _inputs_in_words(plan: PlanData) -> str:
    summary = plan.summary
    text = (
        f"{_number(summary['judged_bookings'], 'booking')} could be judged. The attendance data has"
        f" {_number(summary['attendance_rows'], 'row')}; {summary['matched_rows']:,} of {summary['rows_of_people']:,} rows of"
        " people in these meetings belong to somebody known."
    )
    if summary["attended_bookings"]:
        text += f" {_number(summary['attended_bookings'], 'booking')} that the key's user only attends are left out."
    return text


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
