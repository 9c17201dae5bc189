"""The report of one plan: who is changed and why, for a person who decides on it."""

from __future__ import annotations

from typing import Any

from airflow_provider_calcom import __version__
from airflow_provider_calcom._storage import Folder, atomic_write, folder_path
from airflow_provider_calcom.no_shows.evidence import read_evidence
from airflow_provider_calcom.no_shows.plan_files import REPORT, writing
from airflow_provider_calcom.reports.assets import render
from airflow_provider_calcom.reports.data import report_data
from airflow_provider_calcom.reports.head import head, numbered, rails
from airflow_provider_calcom.reports.load import PlanData, load_plan
from airflow_provider_calcom.reports.masking import Masks
from airflow_provider_calcom.reports.pictures import Pictures, draw
from airflow_provider_calcom.reports.sections import foot, suggestions

_SCRIPTS = ("core.js", "table.js", "picture.js", "charts.js", "report.js")


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
        report_data(plan, pictures, masks),
        blocks=pictures.blocks,
        **head(plan),
        **rails(plan),
        **foot(plan, masks),
        notes=_notes(plan, pictures),
        suggestions=suggestions(plan, masks),
        has_charts=bool(plan.charts.days or plan.charts.lateness),
        version=__version__,
        contains_addresses=not mask_addresses and plan.summary["addresses"] == "plain",
    )


def _notes(plan: PlanData, pictures: Pictures) -> list[str]:
    """Return what this report lacks."""
    notes = []
    for table, name in (
        (plan.changes, "changes"),
        (plan.held_back, "people held back"),
        (plan.undetermined, "undetermined people"),
    ):
        if len(table.rows) < table.total:
            notes.append(
                f"The report lists {len(table.rows):,} of {table.total:,} {name}. The plan's files have them all."
            )
    if (plan.changes.rows or plan.held_back.rows or plan.undetermined.rows) and not pictures.blocks:
        return [*notes, "This plan has no evidence of single bookings, so its rows can't be opened."]
    left_out = pictures.left_out + plan.summary.get("evidence", {"left_out": 0})["left_out"]
    if left_out:
        notes.append(
            f"The pictures of {numbered(left_out, 'booking')} are left out, because the report would get too large."
            " calcom-no-shows explain shows each of them."
        )
    return notes
