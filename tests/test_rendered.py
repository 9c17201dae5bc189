"""What templates render is parsed as what it was before."""

from __future__ import annotations

import pytest

from airflow_provider_calcom import _rendered


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        (True, True), (False, False), (None, None), ("True", True), ("true", True), (" FALSE ", False),
        ("None", None), ("null", None), ("", None), (" ", None),
    ],
)  # fmt: skip
def test_optional_flag(given: object, flag: bool | None) -> None:
    """A flag is True, False or None, also as the string that a template makes of them."""
    assert _rendered.optional_flag(given) is flag


@pytest.mark.parametrize("given", [None, "None", "", "yes", 1])
def test_a_flag_is_not_guessed(given: object) -> None:
    """A template that found nothing is not False."""
    with pytest.raises(ValueError, match=r"^must be True or False, but is"):
        _rendered.flag(given)


@pytest.mark.parametrize(
    ("given", "value"),
    [("[1, 2]", [1, 2]), ("{'a': None}", {"a": None}), ('{"a": null}', {"a": None}), ("a [b]", "a [b]"), (5, 5)],
)
def test_value(given: object, value: object) -> None:
    """The string of a list or object is parsed, any other value is left unchanged."""
    assert _rendered.value(given) == value


@pytest.mark.parametrize("given", ["None", " ", "null", "[1, 2", "{'a': 1, 'a': 2}x", '{"a": 1, "a": 2}'])
def test_a_value_that_cant_be_parsed(given: str) -> None:
    """Neither nothing nor a damaged list is treated as a value, and the text does not show it."""
    with pytest.raises(ValueError, match=r"^is "):
        _rendered.value(given)


def test_count_and_choice() -> None:
    """Integers and words are checked, and the text goes on after the parameter's name."""
    assert (_rendered.count(" 7 ", at_least=1), _rendered.count(None, at_least=1)) == (7, None)
    assert _rendered.choice("skip", "fail", "skip") == "skip"
    for given in ("x", True, 0, 65, 1.5):
        with pytest.raises(ValueError, match=r"^must be an integer from 1 to 64, but is"):
            _rendered.count(given, at_least=1, at_most=64)
    with pytest.raises(ValueError, match=r"^must be 'fail' or 'skip', but is"):
        _rendered.choice(["skip"], "fail", "skip")
