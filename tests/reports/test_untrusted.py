"""A guest chooses their name and address: whatever it is, it is text on the page and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_calcom.reports import write_overview, write_report
from airflow_provider_calcom.reports.assets import embedded
from airflow_provider_calcom.reports.data import booking_url
from tests.reports.pages import Page
from tests.reports.plans import Day, apply_outcomes, edit_summary, person, plan_of

SCRIPT = "</script><script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
OVERRIDE = "Ann \u202egro.elpmaxe@nna\u202c"
TEMPLATE = "{{ 7 * 7 }}${7*7}"
SEPARATOR = "line\u2028separator"
COMMENT = "<!--<script>"


def hostile_day() -> Day:
    """Return a day on which everybody has such a name."""
    day = Day()
    names = (SCRIPT, IMAGE, OVERRIDE, TEMPLATE, SEPARATOR, COMMENT)
    for number, name in enumerate(names):
        uid = f"b{number}\"><script>'" if number == 0 else f"b{number}"
        guest = person(f"<b>{number}</b>\"'&@example.org", name)
        day.booking(
            uid,
            f"{8 + number:02d}:00",
            f"{8 + number:02d}:30",
            "olivia",
            guest,
            person(f"x{number}@example.org", f"{name} Two"),
        )
        for row in day.people[-3:-2]:
            row["name"] = name
        day.seen(uid, name, "olivia@clinic.example", f"{8 + number:02d}:00", f"{8 + number:02d}:30", source=name)
        if number % 2:
            day.seen(uid, IMAGE + SCRIPT, None, f"{8 + number:02d}:01", f"{8 + number:02d}:30")
    return day


def hostile_plan(folder: Path) -> Path:
    plan_of(hostile_day().tables(), folder, policy={"bot_names": [SCRIPT], "internal_emails": [f"{IMAGE}@x.test"]})
    apply_outcomes(folder, lambda _: ("failed", SCRIPT))
    suggestion = {"reason": "unknown_participant", "kind": "bot_name", "settles": 1, "of": 2, "becomes": {"absent": 1}}
    suggestion |= {
        "policy": {"bot_names": [SCRIPT]},
        "text": f"A bot: {SCRIPT}{IMAGE}",
        "bookings": [SCRIPT, "../../evil?x#y"],
    }
    found = {"undetermined": {"unknown_participant": 2, IMAGE: 1}, "skipped": None, "suggestions": [suggestion]}
    (folder / "suggestions.json").write_text(json.dumps(found))
    return folder


def test_names_are_text(tmp_path: Path) -> None:
    """No name, address, source, uid, policy or suggestion makes an element or ends a script."""
    plain = Page.at(write_report(plan_of(ordinary_day().tables(), tmp_path / "plain")))
    page = Page.at(write_report(hostile_plan(tmp_path / "plan")))
    kinds = [one.attributes.get("type") for one in page.elements_of("script")]
    assert kinds == [one.attributes.get("type") for one in plain.elements_of("script")]
    assert not page.elements_of("img")
    assert not page.elements_of("b")
    assert {row["name"] for row in page.rows("changes") + page.rows("undetermined")} >= {SCRIPT, IMAGE, TEMPLATE}
    (data,) = (one.text for one in page.elements if one.attributes.get("id") == "data")
    assert not set("<>&\u2028\u2029") & set(data)


def ordinary_day() -> Day:
    day = Day()
    day.booking("b1", "08:00", "08:30", "olivia", person("ann@example.org", "Ann Ames"))
    day.seen("b1", "Olivia Owner", "olivia@clinic.example", "08:00", "08:30")
    return day


def test_direction_cannot_be_overridden(tmp_path: Path) -> None:
    """Characters that turn or hide text are replaced, in tables and pictures."""
    page = Page.at(write_report(hostile_plan(tmp_path / "plan")))
    strings = page.everything()
    assert not {sign for sign in strings if "\u202a" <= sign <= "\u202e" or "\u2066" <= sign <= "\u2069"}
    assert "\\u202e" not in strings
    assert "Ann \ufffdgro.elpmaxe@nna\ufffd" in strings


@pytest.mark.parametrize(
    "template",
    ["javascript:alert(1)//{uid}", "data:text/html,{uid}", "//evil.example/{uid}", "https://app.cal.com/", 7, None],
)
def test_only_links_of_the_web(template: object) -> None:
    """A template of any other scheme, or without the uid, makes no links."""
    assert booking_url(template) is None
    assert booking_url("https://app.cal.com/booking/{uid}") == "https://app.cal.com/booking/{uid}"


def test_uids_are_quoted_in_links(tmp_path: Path) -> None:
    """A uid stays one segment of the link's path."""
    page = Page.at(write_report(hostile_plan(tmp_path / "plan")))
    links = [one.attributes["href"] for one in page.elements_of("a") if one.attributes["href"].startswith("http")]
    assert "https://app.cal.com/booking/..%2F..%2Fevil%3Fx%23y" in links
    assert not [one for one in links if set("<>\"'?#") & set(one)]


def test_an_unsafe_template_makes_no_link(tmp_path: Path) -> None:
    """The page has the uid as text where the summary's template is not one of the web."""
    folder = hostile_plan(tmp_path / "plan")
    edit_summary(folder, booking_url="javascript:alert('{uid}')")
    page = Page.at(write_report(folder))
    assert page.data["bookingUrl"] is None
    assert not [one for one in page.elements_of("a") if "javascript" in one.attributes["href"]]


def test_embedded_json_is_the_same_json() -> None:
    """Escaping changes the text, not the value."""
    value = {"a": SCRIPT, "b": [SEPARATOR, COMMENT, "&amp;"]}
    assert json.loads(embedded(value)) == value


def test_an_overview_shows_names_as_text(tmp_path: Path) -> None:
    """The overview escapes as the report does."""
    folder = hostile_plan(tmp_path / SCRIPT.replace("/", "_"))
    page = Page.at(write_overview([folder], tmp_path / "overview.html"))
    assert len(page.elements_of("script")) == 4
    assert page.data["plans"][0]["name"] == folder.name
