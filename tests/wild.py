"""Values that nobody means, and what every failure must be: an error of ours that names what to fix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from hypothesis import settings
from hypothesis import strategies as st

from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.errors import ProviderError
from tests.profiles import examples

LONGEST_TEXT = 1_200


def limits(fast: int) -> settings:
    """Return how often a property is tried: ``fast`` times in every run, thirty times as often in the deep profile."""
    return settings(max_examples=examples(fast, 30 * fast))


class Comparing:
    """Something that can't be compared, as an array of numbers can't be asked whether it is true."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


class Deep(list[Any]):
    """A list that is nested too deeply to be walked, shown short in a failing test."""

    def __init__(self) -> None:
        nested: list[Any] = []
        for _ in range(3_000):
            nested = [nested]
        super().__init__(nested)


ODD_TEXTS = (
    *("", " ", "None", "null", "nan", "\ud800", "a\x00b", "a\nb", "x" * 5_000, "[", '{"a":', "[" * 9_000, "9" * 5_000),
    *("1e400", "True", "-1", "://", "http://[", "bogus://x/y", "file://\x00", "~nobody-is-called-so/x", "[1]", "{}"),
    *("ann@example.org", "2026-11-18T08:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
)
ANY_TEXT = st.text(max_size=6) | st.sampled_from(ODD_TEXTS)
ANY_NUMBER = st.integers(-2, 2) | st.sampled_from([-(10**400), 2**63, 1e308, float("inf"), float("nan"), 0.5])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | ANY_NUMBER | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
ANY_OBJECT = st.sampled_from(
    [b"bytes", b"", (), (1,), {1, 2}, {1: 2}, {None: None}, {"\ud800": 1}, Comparing(), [Comparing()], Deep(), int,
     range(2), datetime(2026, 1, 1), datetime(1, 1, 1, tzinfo=timezone.utc), date(2026, 1, 1), Decimal("NaN"), 1j,
     Path("a\x00b"), Path("\ud800"), Path("x" * 300)]
)  # fmt: skip
# Python refuses to write a number of so many digits.
ANYTHING = ANY_JSON | ANY_OBJECT | st.just(5_000).map(lambda digits: 10**digits)


def outcome(
    call: Callable[[], Any], *, names: tuple[str, ...] = (), in_task: bool = True
) -> CalComError | AttendanceError | None:
    """Run a call, and hold that it succeeds or fails with an error of ours.

    :param names: one of them must stand in the text, unless Cal.com could not be reached: then all was taken.
    :param in_task: whether Airflow must be told by the class that another try is useless.
    :returns: the error, or None.
    """
    error = _error_of(call)
    if error is None:
        return None
    text = str(error)
    assert text.isprintable(), f"{text!r} would break a log's line"
    assert len(text) <= LONGEST_TEXT, f"{len(text)} characters are not for people"
    assert "ann@example.org" not in text, "an address is nobody's business"
    assert not in_task or isinstance(error, AirflowFailException) != error.retryable
    if names and type(error).__name__ != "NotConnected":
        assert any(name in text for name in names), f"{text!r} names none of {names}"
    return error


def _error_of(call: Callable[[], Any]) -> CalComError | AttendanceError | None:
    try:
        call()
    except AirflowSkipException:
        return None
    except ProviderError as error:
        return error
    return None
