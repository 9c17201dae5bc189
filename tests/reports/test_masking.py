"""Who must not see addresses sees none, and a report never has more than its plan."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from airflow_provider_calcom.reports import write_overview, write_report
from airflow_provider_calcom.reports.masking import masked, masked_name, masked_phone, masked_text
from tests.reports.pages import Page
from tests.reports.plans import Day, apply_outcomes, person, plan_of

CANARIES = (
    *("canaryann", "canarybob", "canaryhost", "canaryguest", "canaryalias", "canaryinternal"),
    *("Canarylee", "Canaryray", "Canaryowner", "Canarynick", "Canarybot", "4915112345678", "5112345678"),
)
"""Words of each local part, name and number in the plan."""


def secret_day() -> Day:
    """Return a day whose every name, address and number is a canary."""
    day = Day()
    ann = person("canaryann@example.org", "Ann Canarylee", phone="+4915112345678")
    bob = person("canarybob@example.org", "Bob Canaryray")
    day.booking("b1", "08:00", "08:30", "canaryhost", ann, bob)
    day.booking("b2", "09:00", "09:30", "canaryhost", bob | {"absent": True})
    day.booking("b3", "10:00", "10:30", "canaryhost", ann)
    for row in day.people:
        if row["role"] == "host":
            row["name"] = "Olivia Canaryowner"
    for uid, clock in (("b1", "08"), ("b2", "09"), ("b3", "10")):
        day.seen(uid, "Olivia Canaryowner", "canaryhost@clinic.example", f"{clock}:00", f"{clock}:30")
    day.seen("b1", None, None, "08:01", "08:30", phone="+4915112345678")
    day.seen("b1", "Otter.ai Canarybot", None, "08:01", "08:30")
    day.seen("b2", "Bob Canaryray", "canarybob@example.org", "09:01", "09:30")
    day.seen("b3", "Canarynick", "canaryguest@home.example", "10:00", "10:30")
    return day


SUGGESTION = {
    "reason": "unknown_participant",
    "kind": "alias",
    "settles": 1,
    "of": 1,
    "becomes": {"present": 1},
    "policy": {"aliases": {"canaryguest@home.example": "canaryann@example.org"}},
    "text": "Canarynick (canaryguest@home.example) and Ann Canarylee appear together.",
    "bookings": ["b3"],
}


def secret_plan(folder: Path) -> Path:
    policy = {
        "aliases": {"canaryalias@home.example": "canaryann@example.org"},
        "internal_emails": ["canaryinternal@x.test"],
    }
    plan_of(secret_day().tables(), folder, policy=policy, correct="all")
    found = {"undetermined": {"unknown_participant": 1}, "skipped": None, "suggestions": [SUGGESTION]}
    (folder / "suggestions.json").write_text(json.dumps(found))
    apply_outcomes(folder, lambda _: ("failed", "no such attendee: canarybob@example.org"))
    return folder


def leaks(page: Page) -> list[str]:
    everything = page.everything().lower()
    return [one for one in CANARIES if one.lower() in everything]


def test_a_masked_report_names_nobody(tmp_path: Path) -> None:
    """No local part, name or number is in it: not in tables, pictures, sentences, suggestions or the policy."""
    folder = secret_plan(tmp_path / "plan")
    assert set(leaks(Page.at(write_report(folder)))) == set(CANARIES)
    page = Page.at(write_report(folder, mask_addresses=True))
    assert leaks(page) == []
    assert {row["email"] for row in page.rows("changes")} == {"c***@example.org"}
    (bob,) = (row for row in page.rows("changes") if row["to"])
    assert (bob["name"], bob["host"]) == ("B. C.", "O. C.")
    assert {one.get("name") for one in page.picture(bob)["rows"]} == {"O. C.", "O. A. C.", None}
    assert "c***@example.org" in bob["detail"]


def test_a_masked_report_keeps_what_names_nobody(tmp_path: Path) -> None:
    """Suggestions keep their numbers, and the fragment is in the plan's folder."""
    page = Page.at(write_report(secret_plan(tmp_path / "plan"), mask_addresses=True))
    (text,) = page.texts("suggestion")
    assert "settles 1 of 1" in text
    assert "suggestions.json beside the plan names it" in text


def test_a_masked_overview_names_nobody(tmp_path: Path) -> None:
    """Repeat no-shows and hosts are masked as well."""
    folder = secret_plan(tmp_path / "plan")
    path = write_overview([folder], tmp_path / "overview.html", mask_addresses=True)
    assert leaks(Page.at(path)) == []


def test_hashed_plans_stay_hashed(tmp_path: Path) -> None:
    """A plan that names people by hashes has no names and numbers, so its report has none either."""

    def hashed(address: str) -> str:
        return f"0123abcd-{hashlib.sha256(address.lower().encode()).hexdigest()}"

    folder = plan_of(secret_day().tables(), tmp_path / "plan", hashed=hashed, correct="all")
    for mask_addresses in (False, True):
        page = Page.at(write_report(folder, mask_addresses=mask_addresses))
        assert leaks(page) == []
        (bob,) = (row for row in page.rows("changes") if row["to"])
        assert (bob["email"], bob["name"]) == (hashed("canarybob@example.org"), None)
        assert bob["picture"] is not None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ann@example.org", "a***@example.org"),
        (" Ann.Lee@Example.org ", "A***@Example.org"),
        ("a@b@example.org", "a***@example.org"),
        ("@example.org", "****@example.org"),
        ("Ann Lee", "A. L."),
        ("+49 151", "***"),
        ("0123abcd-" + "f" * 64, "0123abcd-" + "f" * 64),
    ],
)
def test_masked_addresses(address: str, shown: str) -> None:
    """An address keeps its first letter and its domain; anything else is masked as a name; a hash stays."""
    assert masked(address) == shown


def test_masked_names_and_numbers() -> None:
    """Names become three initials at most; numbers keep two digits; addresses in a text are found."""
    assert masked_name("ann-marie van der Lee") == "A. M. V."
    assert masked_name("李 雷") == "李. 雷."
    assert masked_name("\u202e12") == "***"
    assert masked_phone("+49 151 2345678") == "***78"
    assert masked_phone("123") == "***"
    assert masked_text("see <ann@example.org>, (bob@x.test)") == "see <a***@example.org>, (b***@x.test)"
