"""Measure how often the decisions are right in a labelled world, by quirk, by feed and in total.

``python -m benchmarks.attendance.run`` makes a world, reads its feeds with the package, decides with the package under
the default policy, and compares with the labels, for several seeds. Exits with 1 if somebody who came is marked absent
where the feed is truthful, naming the quirks, or if too few absences or presences are found there.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_calcom._timestamps import parse_timestamp
from benchmarks.attendance.generate import labels, make_world
from benchmarks.attendance.quirks import BLIND, HIDDEN, QUIRKS, TRUE
from benchmarks.attendance.vendors import FEEDS, attendance_of, raw_feeds
from benchmarks.attendance.world import POLICY, Row

REPORT = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "attendance-benchmark.md"
BOOKINGS, SEEDS = 20_000, (1, 2, 3, 4, 5)
MIN_RECALL_OF_ABSENCES, MIN_RECALL_OF_PRESENCES, MAX_UNDETERMINED = 0.73, 0.865, 0.15
MARGIN, OPEN = 900, 14_400
ORDINARY = "nothing out of the ordinary"
Decide = Callable[[list[Row], list[Row], list[Any], Row], Iterable[Any]]


@dataclass(frozen=True)
class Case:
    """One attendee who was judged: what is true, and what was decided.

    :param feed_is: ``blind`` or ``hidden`` if one of the booking's quirks is, else ``true``.
    :param plain: what :func:`decide_plainly` says.
    """

    seed: int
    booking_uid: str
    feed: str
    quirks: tuple[str, ...]
    feed_is: str
    came: bool
    outcome: str
    reason: str
    plain: str


@dataclass(frozen=True)
class Figures:
    """Counts of some cases. Shares are None if there are no cases."""

    bookings: int
    attendees: int
    truly_absent: int
    marked: int
    wrong: int
    seen: int
    undetermined: int

    @property
    def precision(self) -> float | None:
        return share(self.marked - self.wrong, self.marked)

    @property
    def recall_of_absences(self) -> float | None:
        return share(self.marked - self.wrong, self.truly_absent)

    @property
    def recall_of_presences(self) -> float | None:
        return share(self.seen, self.attendees - self.truly_absent)

    @property
    def share_undetermined(self) -> float | None:
        return share(self.undetermined, self.attendees)


def share(part: int, whole: int) -> float | None:
    """Return a share, or None of nothing."""
    return part / whole if whole else None


def figures_of(cases: Iterable[Case], outcome: Callable[[Case], str] = lambda case: case.outcome) -> Figures:
    """Count cases.

    :param outcome: whose decision is counted.
    """
    cases = list(cases)
    counts = Counter((outcome(case), case.came) for case in cases)
    return Figures(
        bookings=len({(case.seed, case.booking_uid) for case in cases}),
        attendees=len(cases),
        truly_absent=sum(not case.came for case in cases),
        marked=counts["absent", True] + counts["absent", False],
        wrong=counts["absent", True],
        seen=counts["present", True],
        undetermined=counts["undetermined", True] + counts["undetermined", False],
    )


# Deciding


def decide_with_package(bookings: list[Row], people: list[Row], attendance: list[Any], policy: Row) -> Iterable[Any]:
    """Decide as users do."""
    from airflow_provider_calcom.attendance.engine import decide

    return decide(bookings, people, attendance, policy)


def decide_with_oracle(bookings: list[Row], people: list[Row], attendance: list[Any], policy: Row) -> Iterable[Any]:
    """Decide with the rules in plain Python, which the tests hold the package against."""
    from tests.attendance.reference import decide

    return decide(bookings, people, attendance, policy)


def decide_plainly(bookings: list[Row], people: list[Row], attendance: list[Any]) -> dict[tuple[str, str], str]:
    """Decide by meeting and address alone, as a short query does: no row with the address means absent."""
    stays: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for row in attendance:
        begin, end = (
            parse_timestamp(row[name]).timestamp() if row[name] else None for name in ("joined_at", "left_at")
        )
        begin = end if begin is None else begin
        for meeting in {row["booking_uid"], row["conference_key"]} - {None}:
            if row["kind"] in ("person", "check_in") and row["email"] and begin is not None:
                length = 0 if row["kind"] == "check_in" else OPEN
                stays[meeting, row["email"].lower()].append((begin, begin + length if end is None else end))
    by_uid, decided = {booking["booking_uid"]: booking for booking in bookings}, {}
    for person in people:
        booking = by_uid[person["booking_uid"]]
        first = parse_timestamp(booking["start_at"]).timestamp() - MARGIN
        last = parse_timestamp(booking["end_at"]).timestamp() + MARGIN
        keys = [(key, person["match_email"].lower()) for key in (person["booking_uid"], booking["conference_key"])]
        came = any(begin <= last and end >= first for key in keys for begin, end in stays.get(key, ()))
        decided[person["booking_uid"], person["email"]] = "present" if came else "absent"
    return decided


def cases_of(bookings: int, seed: int, decide: Decide = decide_with_package) -> list[Case]:
    """Make a world, decide, and join the decisions with the labels; who is not judged is left out."""
    world = make_world(bookings, seed)
    tables, attendance = world.tables(), attendance_of(raw_feeds(world))
    plainly = decide_plainly(*tables, attendance)
    truth = {(label["booking_uid"], label["email"]): label for label in labels(world)}
    cases = []
    for decision in decide(*tables, attendance, POLICY):
        person = decision["booking_uid"], decision["email"]
        label = truth[person]
        if decision["outcome"] != "excluded":
            cases.append(
                Case(
                    seed=seed,
                    booking_uid=person[0],
                    feed=label["feed"],
                    quirks=tuple(label["quirks"]),
                    feed_is=worst(label["quirks"]),
                    came=label["came"],
                    outcome=decision["outcome"],
                    reason=decision["reason"],
                    plain=plainly[person],
                )
            )
    return cases


def worst(quirks: Iterable[str]) -> str:
    """Return what the feed of a booking with these quirks is: BLIND, HIDDEN or TRUE."""
    kinds = {QUIRKS[name].feed_is for name in quirks}
    return next((kind for kind in (BLIND, HIDDEN) if kind in kinds), TRUE)


# The tables


COLUMNS = (
    "bookings",
    "attendees",
    "truly absent",
    "marked absent",
    "wrongly",
    "precision",
    "recall of absences",
    "recall of presences",
    "undetermined",
)


def table(title: str, lines: Iterable[tuple[str, Figures]]) -> Iterator[str]:
    """Return a table in Markdown."""
    yield f"| {title} | {' | '.join(COLUMNS)} |"
    yield "|---|" + "---:|" * len(COLUMNS)
    for text, one in lines:
        counts = (one.bookings, one.attendees, one.truly_absent, one.marked, one.wrong)
        shares = (one.recall_of_absences, one.recall_of_presences, one.share_undetermined)
        cells = [*(f"{count:,}" for count in counts), shown_precision(one.precision), *map(percent, shares)]
        yield f"| {text} | {' | '.join(cells)} |"


def shown_precision(value: float | None) -> str:
    """Show a precision cut, not rounded: 1.000 is said of nothing less."""
    return "-" if value is None else f"{int(value * 1000) / 1000:.3f}"


def percent(value: float | None) -> str:
    """Show a share."""
    return "-" if value is None else f"{value:.1%}"


def by_quirk(cases: list[Case], kind: str) -> list[tuple[str, Figures]]:
    """Return the figures of each quirk of a kind, of bookings that have no quirk of a worse kind."""
    lines = []
    for quirk in QUIRKS.values():
        if quirk.feed_is == kind:
            found = (case for case in cases if quirk.name in case.quirks and case.feed_is == kind)
            lines.append((f"**{quirk.name}**: {quirk.text}", figures_of(found)))
    return lines


def by_feed(cases: list[Case]) -> list[tuple[str, Figures]]:
    """Return the figures of each feed, where it is truthful."""
    return [
        (feed, figures_of(case for case in cases if case.feed == feed and case.feed_is == TRUE))
        for feed in sorted(FEEDS)
    ]


def overall(cases: list[Case]) -> list[tuple[str, Figures]]:
    """Return the figures over all, and those of the plain query beside them."""
    true = [case for case in cases if case.feed_is == TRUE]
    hidden = [case for case in cases if case.feed_is in (TRUE, HIDDEN)]
    return [
        ("**the rules, where the feed is truthful**", figures_of(true)),
        ("the rules, also where it is under another name, room or hour", figures_of(hidden)),
        ("meeting and address alone, same bookings", figures_of(true, lambda case: case.plain)),
        ("the rules, all bookings, also those of the last table", figures_of(cases)),
        ("meeting and address alone, all bookings", figures_of(cases, lambda case: case.plain)),
    ]


def reasons(cases: list[Case]) -> Iterator[str]:
    """Count why attendees were left undetermined, where the feed is truthful."""
    true = [case for case in cases if case.feed_is == TRUE]
    counts = Counter((case.reason, case.came) for case in true if case.outcome == "undetermined")
    yield "| undetermined because | had come | had not |"
    yield "|---|---:|---:|"
    for reason in sorted({reason for reason, _ in counts}, key=lambda one: -counts[one, True] - counts[one, False]):
        yield f"| `{reason}` | {counts[reason, True]:,} | {counts[reason, False]:,} |"


def false_presences(cases: list[Case]) -> Iterator[str]:
    """Yield the lines on false presences."""
    true = [case for case in cases if case.feed_is == TRUE and case.outcome == "present"]
    wrong = sum(not case.came for case in true)
    yield f"The other error, `present` of somebody who did not come, was made {wrong:,} times in {len(true):,}: mostly"
    yield "of guests with two bookings in a row in one room who came to one of them, and where a stay whose end was"
    yield "never reported reaches into the next booking. It leaves a no-show unmarked."


def report(cases: list[Case], command: str) -> str:
    """Return the page."""
    ordinary = figures_of(case for case in cases if not case.quirks)
    lines = [
        "# Attendance benchmark: how often the decisions are right",
        "",
        *promise(cases),
        "",
        f"Made by `{command}`,",
        "under the default policy with `internal_domains` of the hosts' company.",
        "",
        *HONEST_WORDS,
        "",
        "## Over all",
        "",
        *table("decided by", overall(cases)),
        "",
        *false_presences(cases),
        "",
        "## By quirk, where the feed is truthful",
        "",
        *table("quirk", [(ORDINARY, ordinary), *by_quirk(cases, TRUE)]),
        "",
        "## By feed, where it is truthful",
        "",
        *table("feed", by_feed(cases)),
        "",
        *reasons(cases),
        "",
        "## By quirk, where the truth is under another name, room or hour",
        "",
        "Here a doubt is the most that can be found, and nobody who came is marked.",
        "",
        *table("quirk", by_quirk(cases, HIDDEN)),
        "",
        "## Known limits: where the feed is wrong or incomplete",
        "",
        "No rule can distinguish these from an absence, unless the vendor counts people beside naming them, as Cal",
        "Video and Teams do.",
        "",
        *table("quirk", by_quirk(cases, BLIND)),
    ]
    return "\n".join(lines) + "\n"


HONEST_WORDS = (
    "## What a simulated world can show",
    "",
    "The bookings, the people and the feeds are invented, with quirks that vendors document or that are seen in public",
    "issues. The feeds are written in the vendors' own shapes and read by this package. So the tables show that feeds",
    "and rules together hold against what we could think of, and at what cost. They do **not** show how common a quirk",
    "is with you, nor quirks that nobody thought of. Half of the bookings have a quirk, and each quirk comes about as",
    "often as the others, which is far worse than an ordinary week: the figures over all are no forecast.",
    "",
    "Nothing is quite clean: clocks are off by up to a second everywhere, two guests in five show no address, one",
    "attendee in seven does not come, and hosts whose guests stay away give up after some minutes. Somebody *came* who",
    "turned up for the meeting in its room or its lobby, or wherever it was held instead.",
)


def promise(cases: list[Case]) -> Iterator[str]:
    """Yield the lines on the promise, and how far it was kept."""
    kept = figures_of(case for case in cases if case.feed_is != BLIND)
    yield "A false no-show is the costly error, so **precision of `absent` is the promise: 1.0 where the feed is"
    yield "truthful**. The price is recall: any doubt ends in `undetermined`, and nothing is written."
    yield ""
    marked = f"Of {kept.marked:,} who were marked absent on truthful feeds"
    if kept.wrong == 0 and kept.marked:
        yield f"{marked}, none had come. By the rule of three that says, at 95 %,"
        yield f"that fewer than {3 / kept.marked:.2%} of the marks are wrong in a world such as this."
    else:
        yield f"{marked}, **{kept.wrong:,} had come**."


def broken(cases: list[Case]) -> list[str]:
    """Return the quirks of truthful feeds in which somebody who came is marked."""
    wrong = [case for case in cases if case.feed_is != BLIND and case.outcome == "absent" and case.came]
    return sorted({name for case in wrong for name in case.quirks or (ORDINARY,)})


def missed(kept: Figures) -> list[str]:
    """Return the figures that are worse than they must be; a figure of nothing is."""
    wanted = {
        f"recall of absences >= {MIN_RECALL_OF_ABSENCES:.1%}": (kept.recall_of_absences or 0) >= MIN_RECALL_OF_ABSENCES,
        f"recall of presences >= {MIN_RECALL_OF_PRESENCES:.1%}": (kept.recall_of_presences or 0)
        >= MIN_RECALL_OF_PRESENCES,
        f"undetermined <= {MAX_UNDETERMINED:.1%}": kept.attendees > 0
        and kept.undetermined <= MAX_UNDETERMINED * kept.attendees,
    }
    return [figure for figure, is_met in wanted.items() if not is_met]


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, default=BOOKINGS, help="of each seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--oracle", action="store_true", help="decide with the tests' plain Python instead")
    parser.add_argument(
        "--write",
        nargs="?",
        type=Path,
        const=REPORT,
        metavar="FILE",
        help=f"write {REPORT.name}, or FILE",
    )
    options = parser.parse_args()
    decide = decide_with_oracle if options.oracle else decide_with_package
    cases = [case for seed in options.seeds for case in cases_of(options.bookings, seed, decide)]
    seeds = " ".join(map(str, options.seeds))
    text = report(cases, f"python -m benchmarks.attendance.run --bookings {options.bookings} --seeds {seeds}")
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    honest = figures_of(case for case in cases if case.feed_is != BLIND)
    kept = figures_of(case for case in cases if case.feed_is == TRUE)
    print(
        f"bench-attendance: {honest.marked} marked where the feed is truthful, {honest.wrong} of them wrongly;"
        f" recall of absences {percent(kept.recall_of_absences)}, of presences {percent(kept.recall_of_presences)},"
        f" undetermined {percent(kept.share_undetermined)}"
    )
    failed = broken(cases)
    if failed:
        print(f"bench-attendance: people who came are marked in {', '.join(failed)}")
    for figure in missed(kept):
        print(f"bench-attendance: not met: {figure}")
    return int(bool(failed or missed(kept)))


if __name__ == "__main__":
    sys.exit(main())
