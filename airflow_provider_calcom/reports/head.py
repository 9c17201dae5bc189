"""The head of a plan's report: what would change or has changed, the counts, and the guard rails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from airflow_provider_calcom._timestamps import format_microseconds
from airflow_provider_calcom.no_shows.guard_rails import RAILS
from airflow_provider_calcom.reports import words
from airflow_provider_calcom.reports.load import PlanData


def head(plan: PlanData) -> dict[str, Any]:
    """Return what the template shows in the head, but the guard rails."""
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
        "headline": {"title": title, "lead": f"{lead}{_also_absent(plan)}"},
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
    requested = plan.summary.get("period")
    first, last = (requested["after_start"], requested["before_start"]) if requested else (None, None)
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
            f"{failed:,} of {numbered(counts['total'], 'change')} could not be written.",
            f"{_all_of(done.get('applied', 0), counts['total'])} written to Cal.com. Running the task again is safe: it"
            " reads first, and makes no change twice.",
        )
    would = _changes_in_words(counts, "would be")
    if plan.state == "rejected":
        names = [str(rail["name"]) for rail in plan.summary["guard_rails"] if rail["is_tripped"]]
        which = "A guard rail" if len(names) < 2 else f"{len(names)} guard rails"
        return f"{would}.", f"{which} rejected this plan as a whole. Nothing is written, and it can't be applied."
    if plan.state == "dry_run":
        return (
            f"{would}.",
            f"A dry run: nothing is written. {_all_of(done.get('would_apply', 0), counts['total'])} ready to be"
            " written.",
        )
    return f"{would}.", "Nothing is written yet."


def _of_nothing(plan: PlanData) -> str:
    held_back = plan.held_back.total
    if held_back:
        differ = "differs from the decision and stays" if held_back == 1 else "differ from the decision and stay"
        return f"{numbered(held_back, 'mark')} in Cal.com {differ} unchanged."
    return "Every mark in Cal.com is as it should be, as far as the attendance data shows."


def _also_absent(plan: PlanData) -> str:
    """Return why more people are absent than there are changes, or nothing."""
    held_back = sum(row.will_be_absent is True for row in plan.held_back.rows)
    parts = [f"{plan.marked_before:,} marked before this plan"] * bool(plan.marked_before)
    parts += [f"{held_back:,} held back"] * bool(held_back)
    return f" Also absent: {', '.join(parts)}." if parts else ""


def _all_of(part: int, total: int) -> str:
    if part == total:
        return f"{'The change is' if total == 1 else f'All {total:,} changes are'}"
    return f"{part:,} of {numbered(total, 'change')} {'is' if part == 1 else 'are'}"


def _changes_in_words(counts: Mapping[str, int], be: str) -> str:
    """Return the changes as a sentence without its end."""
    attendees, hosts, unmarked = counts["mark_attendees"], counts["mark_hosts"], counts["unmark_attendees"]

    def verb(people: int) -> str:
        return "was" if be == "were" and people == 1 else be

    people = [numbered(attendees, "attendee")] * bool(attendees) + [numbered(hosts, "host")] * bool(hosts)
    parts = [f"{' and '.join(people)} {verb(attendees + hosts)} marked absent"] if people else []
    if unmarked:
        parts.append(f"{numbered(unmarked, 'mark')} {'' if people else f'{verb(unmarked)} '}removed")
    where = f" in {numbered(counts['bookings'], 'booking')}"
    return f"{', and '.join(parts)}{',' if len(parts) > 1 else ''}{where}"


def numbered(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where that is right."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _intro(plan: PlanData) -> str:
    if not plan.changes.total:
        return "No change is needed."
    opened = "Open a row to see what the attendance data shows"
    if len(plan.changes.rows) < plan.changes.total:
        return f"The first {len(plan.changes.rows):,} of {plan.changes.total:,} changes. {opened}."
    return f"{opened}, and the rule that decided."


def rails(plan: PlanData) -> dict[str, Any]:
    """Return the guard rails for the template, and those that failed."""
    found = [_rail(one) for one in plan.summary["guard_rails"]]
    counts = Counter(one["tone"] for one in found)
    tones = (("bad", "failed"), ("good", "passed"), ("off", "not evaluated"))
    return {
        "rails": found,
        "failed": [one for one in found if one["tone"] == "bad"],
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
        "status": _status(result),
        "tone": "bad" if is_tripped else "good" if is_judged else "off",
    }


def _status(result: Mapping[str, Any]) -> str:
    if result["is_tripped"]:
        return "failed"
    if result["is_judged"]:
        return "passed"
    is_too_small = result["limit"] is not None and result["judged_from"] is not None
    return f"not evaluated: fewer than {result['judged_from']:,}" if is_too_small else ""
