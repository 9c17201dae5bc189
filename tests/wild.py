"""Random values for parameters, and the check of their result: success, or an error of ours that names the fix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from hypothesis import settings
from hypothesis import strategies as st

from airflow_provider_calcom.errors import ProviderError
from tests.profiles import examples

LONGEST_MESSAGE = 1_200


def limits(fast: int) -> settings:
    """Return settings with the number of examples: ``fast`` in every run, sixty times as many in the deep profile."""
    return settings(max_examples=examples(fast, 60 * fast))


class Comparing:
    """A value that can't be compared, like a NumPy array, which has no truth value."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


class Deep(list[Any]):
    """A list that is nested too deeply for recursion. A failing test shows it in short."""

    def __init__(self) -> None:
        nested: list[Any] = []
        for _ in range(3_000):
            nested = [nested]
        super().__init__(nested)


ODD_TEXTS = (
    *("", " ", "None", "null", "nan", "\ud800", "a\x00b", "a\nb", "x" * 5_000, "[", '{"a":', "[" * 9_000, "9" * 5_000),
    *("1e400", "True", "-1", "://", "http://[", "bogus://x/y", "file://\x00", "~no-such-user/x", "[1]", "{}"),
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
     range(2), datetime(2026, 1, 1), datetime(1, 1, 1, tzinfo=UTC), date(2026, 1, 1), Decimal("NaN"), 1j,
     Path("a\x00b"), Path("\ud800"), Path("x" * 300)]
)  # fmt: skip
# Python refuses to format an integer of that many digits.
ANYTHING = ANY_JSON | ANY_OBJECT | st.just(5_000).map(lambda digits: 10**digits)


def outcome(call: Callable[[], Any], *, names: tuple[str, ...] = (), in_task: bool = True) -> ProviderError | None:
    """Run a call, and assert that it succeeds or raises an error of ours.

    :param names: the message must contain one of them, unless Cal.com could not be reached: then all was accepted.
    :param in_task: whether an error that is not retryable must be an ``AirflowFailException``.
    :return: the error, or None.
    """
    error = _error_of(call)
    if error is None:
        return None
    text = str(error)
    assert text.isprintable(), f"{text!r} would break a log's line"
    assert len(text) <= LONGEST_MESSAGE, f"{len(text)} characters are too many to read"
    assert "ann@example.org" not in text, "errors must not show addresses"
    assert not in_task or isinstance(error, AirflowFailException) != error.retryable
    if names and type(error).__name__ != "NotConnected":
        assert any(name in text for name in names), f"{text!r} names none of {names}"
    return error


def _error_of(call: Callable[[], Any]) -> ProviderError | None:
    try:
        call()
    except AirflowSkipException:
        return None
    except ProviderError as error:
        return error
    return None
