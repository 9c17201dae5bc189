"""The Markdown table of a plan's changes: whom it shows, and that nothing in it acts but our own links."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.no_shows.plan_files import CorruptPlan, read_plan
from airflow_provider_calcom.reports.markdown import approval_text, changes_table, code, name_cell
from benchmarks.plans import write_plan_by_hand
from tests.operators.applying import change
from tests.reports.plans import clinic_day, edit_summary, plan_of

HOSTILE = [
    "a|b|c",
    r"a\|b\\|c",
    "`code` ``",
    "[x](https://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "<img src=https://evil.example/p.png>",
    "<script>alert(1)</script>",
    "www.evil.example",
    "https://evil.example/x",
    "mailto:a@evil.example",
    "**bold** _it_ ~~gone~~",
    "# heading\n\n- list\n| a | b |\n|---|---|",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; &#64;",
    "a\u202eb\u200bc\x1b[2J\x00",
    "\ud800 cut",
    "   ",
    "n" * 500,
]


def rendered(text: str) -> tuple[list[list[str]], set[str], list[str]]:
    """Return the cells of all tables as plain text, all tags, and the targets of all links."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    rows: list[list[str]] = []
    tags, links = set(), []
    for token in tokens:
        tags.add(token.tag)
        if token.type == "tr_open":
            rows.append([])
        if token.type != "inline":
            continue
        inner = token.children or []
        tags |= {child.tag or child.type for child in inner}
        links += [str(child.attrs["href"]) for child in inner if child.type == "link_open"]
        if rows:
            rows[-1].append("".join(child.content for child in inner))
    return rows, tags - {"", "text"}, links


def hostile_plan(folder: Path, addresses: Iterable[str]) -> Path:
    changes = [change(f"b{number:03}", address) for number, address in enumerate(addresses)]
    return write_plan_by_hand(folder, changes)


def test_who_and_why(tmp_path: Path) -> None:
    """One row for each change, by start: booking, start, person, the flag from and to, and the reason in words."""
    folder = plan_of(clinic_day().tables(), tmp_path, correct="all")
    rows, _, _ = rendered(changes_table(folder, mask_addresses=False))
    head, *cells = [[cell for column, cell in zip(rows[0], row, strict=True) if column != "Host"] for row in rows]
    assert head == ["Booking", "Start (UTC)", "Who", "Change", "Why"]
    assert len(cells) == len(list(read_plan(folder)))
    assert cells[0] == [
        "bk-bob",
        "2026-11-18 08:00",
        "bob@example.org",
        "not marked \u2192 absent",
        "Not seen in a meeting that was held",
    ]
    assert [row[1] for row in cells] == sorted(row[1] for row in cells)
    assert ["bk-was-marked", "2026-11-18 16:30", "rosa@example.org", "absent \u2192 not marked"] in [
        row[:4] for row in cells
    ]


def test_addresses_are_masked_by_default(tmp_path: Path) -> None:
    """Neither table nor text has an address or a name, unless they are requested."""
    folder = plan_of(clinic_day().tables(), tmp_path)
    for text in (changes_table(folder), approval_text(folder)):
        assert "b***@example.org" in text
        for personal in ("bob@", "Bob", "Barker", "olivia@", "Olivia", "Owner"):
            assert personal not in text
    assert "bob@example.org" in approval_text(folder, mask_addresses=False)


def test_no_more_than_the_limit(tmp_path: Path) -> None:
    """Below the table is how many changes there are beside it; without changes there is no table."""
    folder = hostile_plan(tmp_path, [f"p{number}@client.example" for number in range(30)])
    assert len(rendered(changes_table(folder))[0]) == 1 + 25
    assert changes_table(folder).endswith("and 5 more changes")
    assert changes_table(folder, limit=29).endswith("and 1 more change")
    assert "more" not in changes_table(folder, limit=30)
    assert changes_table(hostile_plan(tmp_path / "empty", [])) == "The plan has no changes."


@pytest.mark.parametrize("mask", [True, False])
def test_what_somebody_typed_is_never_markdown(tmp_path: Path, mask: bool) -> None:
    """Each address is one cell of code in its row: no link, image, HTML, emphasis, heading or further cell."""
    folder = hostile_plan(tmp_path, [address for address in HOSTILE if "\ud800" not in address])
    edit_summary(folder, booking_url="https://app.cal.com/booking/{uid}")
    rows, tags, links = rendered(changes_table(folder, mask_addresses=mask))
    assert len(rows) == 1 + len(list(read_plan(folder)))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "a", "code", "code_inline", "strong"}
    assert sorted(links) == [f"https://app.cal.com/booking/b{number:03}" for number in range(len(rows) - 1)]
    texts = [text for text in changes_table(folder, mask_addresses=mask).splitlines() if "www.evil" in text]
    assert mask or texts == [text for text in texts if "`www.evil.example`" in text]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_of_code_shows_a_text_of_one_line(text: str) -> None:
    """What remains is visible and at most 60 characters long; only what can't be shown as code is replaced."""
    rows, tags, _ = rendered(f"| a |\n|---|\n| {code(text)} |")
    (shown,) = rows[1]
    assert len(shown) <= 60
    assert shown.isprintable()
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "code", "code_inline"}
    if text.isprintable() and len(text) <= 60:
        assert shown == text.replace("`", "'").replace("\\", "/").strip()


def test_a_host_is_plain_text_where_that_is_safe(clinic: Path) -> None:
    """Initials read better than code; a name with any other sign stays code."""
    assert "| O. O. |" in changes_table(clinic)
    assert "| Olivia Owner |" in changes_table(clinic, mask_addresses=False)
    for name in ("www.evil.example", "a_b_", "1. x", "<b>", "*x*", "x|y", "http://x", "Ann\nB", ""):
        assert name_cell(name) == code(name)


def test_a_hostile_uid_stays_in_its_link(tmp_path: Path) -> None:
    """A booking uid, which a file of bookings may bring, can't end the link that it is part of."""
    uids = ["x) [y](https://evil.example", "a|b", "<i>", "../../settings?x=1#y"]
    folder = write_plan_by_hand(tmp_path, [change(uid, "p@client.example") for uid in uids])
    edit_summary(folder, booking_url="https://app.cal.com/booking/{uid}")
    rows, tags, links = rendered(changes_table(folder))
    assert len(rows) == 5
    assert "em" not in tags
    assert len(links) == 4
    assert all(link.startswith("https://app.cal.com/booking/") and link.count("/") == 4 for link in links)


def test_the_text_of_an_approval(tmp_path: Path) -> None:
    """Counts first, then who and why, the report, guard rails, and what is left unchanged."""
    folder = plan_of(clinic_day().tables(), tmp_path)
    text = approval_text(folder, report="calcom-no-shows/report?plan=plans-1/a b)c")
    assert text.startswith("In ")
    assert "attendees absent**" in text.splitlines()[0]
    links = rendered(text)[2]
    assert [link for link in links if "report" in link] == ["calcom-no-shows/report?plan=plans-1/a%20b%29c"]
    assert "- Guard rails: 2 passed, 3 not evaluated" in text
    assert "- In doubt, not marked: " in text
    assert "- Held back, their flags stay: " in text
    assert "report" not in approval_text(folder).lower()


def test_a_rejected_plan_is_shown_with_the_guard_rail_that_failed(tmp_path: Path) -> None:
    """Its changes are shown, too: to see what is wrong with the feed."""
    folder = plan_of(clinic_day().tables(), tmp_path, rails={"max_changes": 1, "allow_nobody_present": True})
    assert "Guard rails **failed**: max_changes: the plan has" in approval_text(folder)
    assert "bk-bob" in approval_text(folder)
    with pytest.raises(PlanRefused):
        read_plan(folder)


def test_a_plan_that_was_edited_is_not_shown(tmp_path: Path) -> None:
    """What a person approves is the plan, or nothing."""
    folder = hostile_plan(tmp_path, ["ann@client.example", "bob@client.example"])
    path = folder / "plan.jsonl"
    path.write_text(path.read_text().replace("ann@", "zoe@"))
    with pytest.raises(CorruptPlan):
        changes_table(folder, limit=1)
