"""The sections of a plan's report that are text: what would settle the doubts, the policy and the inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_calcom.attendance.explain.reasons import shown
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.reports import words
from airflow_provider_calcom.reports.data import booking_url
from airflow_provider_calcom.reports.head import numbered
from airflow_provider_calcom.reports.load import PlanData
from airflow_provider_calcom.reports.masking import Masks

_SAFE_SUGGESTIONS = ("attendance_until", "trust_internal_accounts")
"""Kinds of suggestions that name nobody."""


def suggestions(plan: PlanData, masks: Masks) -> dict[str, Any] | None:
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
        "Each number was found by running the rules again with this one change. Nothing changes until you edit the"
        " policy."
    )
    return {
        "intro": intro,
        "groups": [one for one in groups if one["entries"]],
        "open": [one for one in groups if not one["entries"]],
    }


def _suggestion(one: Mapping[str, Any], template: str | None, masks: Masks) -> dict[str, Any]:
    kind = str(one.get("kind"))
    names_nobody = kind in _SAFE_SUGGESTIONS or not masks.is_on
    fragment = one.get("policy") if names_nobody else None
    becomes = [f"{count:,} {name}" for name, count in one.get("becomes", {}).items() if count]
    settles, whole = int(one["settles"]), int(one["of"])
    text = (
        str(one["text"])
        if names_nobody
        else f"{words.SUGGESTIONS.get(kind, kind)}. suggestions.json beside the plan names it."
    )
    return {
        "settles": settles,
        "of": whole,
        "share": settles / whole if whole else 0.0,
        "becomes": f"{' and '.join(becomes)} then" if becomes else "",
        "text": shown(text),
        "policy": json.dumps(fragment, ensure_ascii=False, indent=2) if fragment else None,
        "bookings": [
            {"uid": shown(uid), "href": template.replace("{uid}", quote(uid, safe="")) if template else None}
            for uid in one.get("bookings", [])
        ],
    }


def foot(plan: PlanData, masks: Masks) -> dict[str, Any]:
    """Return policy, inputs and the plan's own facts for the template."""
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
        f"{numbered(summary['judged_bookings'], 'booking')} could be judged. The attendance data has"
        f" {numbered(summary['attendance_rows'], 'row')}; {summary['matched_rows']:,} of"
        f" {summary['rows_of_people']:,} rows of people in these meetings belong to somebody known."
    )
    if summary["attended_bookings"]:
        text += f" {numbered(summary['attended_bookings'], 'booking')} that the key's user only attends are left out."
    return text


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
