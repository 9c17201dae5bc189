"""Guard rails: which figure meets which limit, and what can't be a limit."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Figures
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, InvalidGuardRails, RailResult, evaluate


def figures(**changed: Any) -> Figures:
    found: dict[str, Any] = {
        "outcomes": {"absent": {"not_seen": 10}, "present": {"email": 10, "name": 10}},
        "judged_bookings": 5,
        "attendance_rows": 40,
        "rows_of_people": 40,
        "matched_rows": 40,
        "complete_until": None,
    }
    return Figures(**found | changed)


def result(name: str, rails: GuardRails | None = None, changes: int = 10, **changed: Any) -> RailResult:
    return next(
        result for result in evaluate(rails or GuardRails(), figures(**changed), changes) if result.name == name
    )


@pytest.mark.parametrize(
    ("absent", "present", "tripped"),
    [(10, 10, False), (11, 9, True), (19, 0, False), (20, 0, True), (0, 0, False), (0, 20, False)],
)
def test_the_share_of_the_absent(absent: int, present: int, tripped: bool) -> None:
    """Just half passes, one more trips; under 20 people say nothing."""
    found = result("max_absent_share", outcomes={"absent": {"not_seen": absent}, "present": {"email": present}})
    assert found.is_tripped is tripped
    assert found.is_judged is (absent + present >= 20)
    assert found.sample == absent + present


def test_only_absent_and_present_are_decided() -> None:
    """The undetermined and the excluded make neither the share smaller nor the sample larger."""
    outcomes = {"absent": {"not_seen": 11}, "present": {"email": 4, "phone": 4, "name": 1}}
    others = {"undetermined": {"trace": 500}, "excluded": {"internal": 500}}
    assert result("max_absent_share", outcomes=outcomes | others).figure == 11 / 20


@pytest.mark.parametrize(("matched", "rows", "tripped"), [(6, 20, False), (5, 20, True), (0, 19, False), (0, 0, False)])
def test_the_share_of_matched_rows(matched: int, rows: int, tripped: bool) -> None:
    """Just three in ten pass, one less trips; under 20 rows say nothing."""
    found = result("min_matched_share", matched_rows=matched, rows_of_people=rows)
    assert (found.is_tripped, found.is_judged) == (tripped, rows >= 20)


@pytest.mark.parametrize(("limit", "tripped"), [(None, False), (10, False), (9, True), (0, True)])
def test_the_number_of_changes(limit: int | None, tripped: bool) -> None:
    """As many as the limit pass, and without one any number."""
    assert result("max_changes", GuardRails(max_changes=limit), changes=10).is_tripped is tripped


@pytest.mark.parametrize(("rows", "bookings", "tripped"), [(0, 1, True), (0, 0, False), (1, 1, False)])
def test_an_empty_feed(rows: int, bookings: int, tripped: bool) -> None:
    """No rows refuse a plan as soon as one booking is to be judged, unless that is allowed."""
    found = result("allow_empty_feed", attendance_rows=rows, judged_bookings=bookings)
    assert found.is_tripped is tripped
    allowing = GuardRails(allow_empty_feed=True)
    assert not result("allow_empty_feed", allowing, attendance_rows=rows, judged_bookings=bookings).is_tripped


@pytest.mark.parametrize(
    ("absent", "present", "tripped"), [(5, 0, True), (19, 0, True), (4, 0, False), (5, 1, False), (0, 0, False)]
)
def test_a_day_on_which_nobody_was_seen(absent: int, present: int, tripped: bool) -> None:
    """Five absent people and nobody present refuse a plan of any size, unless that is allowed."""
    outcomes = {"absent": {"not_seen": absent}, "present": {"name": present}, "undetermined": {"trace": 9}}
    found = result("allow_nobody_present", outcomes=outcomes)
    assert (found.is_tripped, found.is_judged, found.sample) == (tripped, absent >= 5, absent)
    allowing = GuardRails(allow_nobody_present=True)
    assert not result("allow_nobody_present", allowing, outcomes=outcomes).is_tripped


def test_samples_and_limits_can_be_moved() -> None:
    """Each limit and each sample size is the user's."""
    absent: dict[str, Any] = {"outcomes": {"absent": {"not_seen": 1}, "present": {"email": 3}}}
    assert result("max_absent_share", GuardRails(max_absent_share=0.2, min_sample=4), **absent).is_tripped
    assert not result("max_absent_share", GuardRails(max_absent_share=0.2, min_sample=5), **absent).is_judged
    rows: dict[str, Any] = {"matched_rows": 1, "rows_of_people": 2}
    assert result("min_matched_share", GuardRails(min_matched_share=0.6, min_matched_sample=2), **rows).is_tripped
    assert not result("min_matched_share", GuardRails(min_matched_share=0.6, min_matched_sample=3), **rows).is_judged


def test_each_rail_has_figure_and_limit() -> None:
    """The words of a rail hold its field's name, what was found and what was allowed."""
    tripped = evaluate(
        GuardRails(max_changes=9),
        figures(
            outcomes={"absent": {"not_seen": 30}},
            attendance_rows=0,
            rows_of_people=30,
            matched_rows=1,
            judged_bookings=7,
        ),
        1_234_567,
    )
    assert [result.describe() for result in tripped] == [
        "max_absent_share: a share of 1 of 30 decided people is absent (limit: at most 0.5)",
        "max_changes: the plan has 1234567 changes (limit: at most 9)",
        "min_matched_share: a share of 0.0333333 of 30 meeting rows matches a person (limit: at least 0.3)",
        "allow_empty_feed: attendance has 0 rows for 7 bookings (limit: at least 1)",
        "allow_nobody_present: 0 people are present beside 30 absent ones (limit: at least 1)",
    ]
    assert all(result.is_tripped for result in tripped)
    assert result("max_changes").describe() == "max_changes: the plan has 10 changes (no limit)"
    assert result("min_matched_share", rows_of_people=0, matched_rows=0).describe().endswith(", evaluated from 20 on)")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (name, value)
            for name in ("max_absent_share", "min_matched_share")
            for value in (-0.1, 1.01, 50, True, "0.5")
        ],
        *[(name, float("nan")) for name in ("max_absent_share", "min_matched_share")],
        *[(name, value) for name in ("min_sample", "min_matched_sample") for value in (0, -1, 1.5, True, None, "20")],
        *[("max_changes", value) for value in (-1, 1.5, True, "9")],
        *[(name, value) for name in ("allow_empty_feed", "allow_nobody_present") for value in (1, None, "true")],
    ],
)
def test_invalid_limits(field: str, value: Any) -> None:
    """The error names the field and what came."""
    with pytest.raises(InvalidGuardRails, match=f"^{field} must be .* but is {value!r}"):
        GuardRails(**{field: value})


def test_rails_are_made_of_what_a_user_gives() -> None:
    """A dict, JSON, guard rails or nothing; what is left out has its default."""
    given = GuardRails(max_changes=5)
    assert GuardRails.of({"max_changes": 5}) == GuardRails.of('{"max_changes": 5}') == GuardRails.of(given) == given
    assert GuardRails.of(None) == GuardRails.of({}) == GuardRails()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_change": 5}, "'max_change' .*The fields: max_absent_share, .*max_changes"),
        ("{", "not JSON"),
        ("[1]", "must be an object"),
        (5, "must be an object"),
    ],
)
def test_invalid_guard_rails(given: Any, words: str) -> None:
    """A mistyped field would otherwise leave a rail where it is, in silence."""
    with pytest.raises(InvalidGuardRails, match=words):
        GuardRails.of(given)


def test_a_limit_that_is_set_twice() -> None:
    """JSON with a limit twice contradicts itself: neither of the two is taken."""
    with pytest.raises(InvalidGuardRails, match="key twice"):
        GuardRails.of('{"max_changes": 5, "max_changes": 900}')
