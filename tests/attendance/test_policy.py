"""The policy: every field from keywords, a dict or JSON, and words that name the field that can't be used."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidPolicy
from airflow_provider_calcom.attendance.policy import SEPARATORS, AttendancePolicy, lower, whole_microseconds
from airflow_provider_calcom.attendance.policy_tables import policy_tables

NOW = datetime(2026, 1, 5, 10, 0, 0, 123_456, UTC)
DURATIONS = ("early_join", "overrun", "min_presence", "open_limit", "settle", "host_min_presence", "moved_within")
FLAGS = (
    "require_host_present", "assume_held", "traces_are_doubt", "judge_hosts", "fold_plus_tags", "fold_gmail_dots",
    "trust_internal_accounts",
)  # fmt: skip
UNTIL = "2026-01-05T11:00:00Z"
GIVEN: dict[str, Any] = {
    "as_of": "2026-01-05T10:00:00.123Z",
    "attendance_until": "2026-01-05T11:00:00.000+01:00",
    **{name: 10.5 + place for place, name in enumerate(DURATIONS)},
    **{name: place % 2 == 0 for place, name in enumerate(FLAGS)},
    "internal_domains": ["acme.example", " Eu.Acme.example "],
    "internal_emails": ["ann@acme.example", "no address"],
    "aliases": {"bob@home.example": "bob@work.example"},
    "bot_names": ["Otter.AI"],
}


def by_keywords(given: dict[str, Any]) -> AttendancePolicy:
    return AttendancePolicy(**given)


def by_json(given: dict[str, Any]) -> AttendancePolicy:
    return AttendancePolicy.of(json.dumps(given))


@pytest.mark.parametrize("make", [by_keywords, by_json, AttendancePolicy.of])
def test_every_field_from_keywords_a_dict_and_json(make: Callable[[dict[str, Any]], AttendancePolicy]) -> None:
    """All three make the same policy, which JSON can carry."""
    assert set(GIVEN) == {field.name for field in fields(AttendancePolicy)}
    policy = make(GIVEN)
    expected = GIVEN | {"attendance_until": "2026-01-05T10:00:00.000Z", "bot_names": ["Otter.AI"]}
    assert policy.as_dict() == expected
    assert AttendancePolicy.of(json.dumps(policy.as_dict())) == policy
    assert AttendancePolicy.of(policy) is policy


@pytest.mark.parametrize("make", [by_keywords, by_json, AttendancePolicy.of])
def test_ends_of_single_sources(make: Callable[[dict[str, Any]], AttendancePolicy]) -> None:
    """attendance_until may be an object of sources: their names are cleaned, case counts, and JSON can carry it."""
    ends = {" zoom\n": "2026-01-05T12:00:00+01:00", "Zoom": "2026-01-05T10:00:00.000001Z", "cal_video": UNTIL}
    policy = make({"attendance_until": ends})
    assert policy.as_dict()["attendance_until"] == {
        "zoom": "2026-01-05T11:00:00.000Z",
        "Zoom": "2026-01-05T10:00:00.000001Z",
        "cal_video": "2026-01-05T11:00:00.000Z",
    }
    assert AttendancePolicy.of(json.dumps(policy.as_dict())) == policy
    assert make({"attendance_until": {}}).as_dict()["attendance_until"] == {}


def test_defaults_are_those_of_the_rules() -> None:
    """Section 2 of the rules has them; nothing, an empty object and null give them."""
    policy = AttendancePolicy()
    assert [getattr(policy, name) for name in DURATIONS] == [900, 900, 1, 14_400, 7_200, 300, 43_200]
    assert [getattr(policy, name) for name in FLAGS] == [True, False, True, False, False, False, False]
    assert (policy.as_of, policy.attendance_until, policy.aliases) == (None, None, {})
    assert (policy.internal_domains, policy.internal_emails) == ((), ())
    assert len(policy.bot_names) == 10
    sources: list[Any] = [None, {}, "{}", "null", " \ufeff{}".strip()]
    for source in sources:
        assert AttendancePolicy.of(source) == policy


def test_the_time_of_the_run_is_cut_to_milliseconds() -> None:
    """So that the plan's text of it makes the same plan again; a given time stays as it is."""
    assert AttendancePolicy().at(NOW).as_dict()["as_of"] == "2026-01-05T10:00:00.123Z"
    given = AttendancePolicy(as_of="2026-01-05T09:00:00.000001Z")
    assert given.at(NOW) is given
    assert given.as_dict()["as_of"] == "2026-01-05T09:00:00.000001Z"


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [(0, 0), (0.1, 100_000), (1e-6, 1), (7200, 7_200_000_000), (timedelta(days=1), 86_400_000_000)],
)
def test_durations_are_kept_to_the_microsecond(value: Any, microseconds: int) -> None:
    """As whole or broken seconds, or a timedelta."""
    assert whole_microseconds(AttendancePolicy(settle=value).settle) == microseconds


NO_SECONDS: list[Any] = [True, None, "900", [900], {}, Decimal(900), 1j]
NO_MAPPINGS: list[Any] = [[], "x", 5, None]
NO_TIMESTAMPS: list[Any] = [5, "", "now", True, float("nan"), []]
NO_RANGE = [
    float("nan"),
    -1,
    -0.001,
    float("inf"),
    -float("inf"),
    10**10,
    10**400,
    10**5000,
    1e308,
    timedelta(seconds=-1),
]
NO_FLAGS = [0, 1, "true", None, "[]"]
NO_TEXTS = ["acme.example", b"x", {"a": "b"}, 5, None, True]
WRONG = [
    *((name, value, f"{name} must be a number of seconds, but is ") for name in DURATIONS for value in NO_SECONDS),
    *((name, value, f"{name} must be from 0 to ") for name in DURATIONS for value in NO_RANGE),
    ("min_presence", 0, "min_presence must be a microsecond or more"),
    ("min_presence", 1e-9, "min_presence must be a microsecond or more"),
    *((name, value, f"{name} must be true or false, but is {value!r}") for name in FLAGS for value in NO_FLAGS),
    *(
        (name, value, f"{name} must be a list of strings, but is ")
        for name in ("internal_domains", "internal_emails", "bot_names")
        for value in NO_TEXTS
    ),
    *(
        (name, ["x", value], f"{name}[1] {words}")
        for name in ("internal_domains", "internal_emails", "bot_names")
        for value, words in (
            (5, "must be a string"),
            (None, "must be a string"),
            ("a\0", "contains a NUL"),
            ("\ud800", "contains an unpaired"),
        )
    ),
    ("internal_domains", ["x", "@acme.example"], "internal_domains[1] must be a domain such as example.org"),
    ("internal_domains", [".acme.example"], "internal_domains[0] must be a domain such as example.org"),
    *(("aliases", value, "aliases must be {secondary address: main address}") for value in NO_MAPPINGS),
    ("aliases", {"a@x": 5}, "aliases, the value of entry 1, must be a string"),
    ("aliases", {5: "a@x"}, "aliases, entry 1, must be a string"),
    ("aliases", {"a@x": " "}, "aliases, entry 1, has no main address"),
    ("aliases", {"a@x": "b@x", "A@X ": "c@x"}, "aliases, entry 2, has a second main address"),
    ("aliases", {"a\ud800@x": "b@x"}, "aliases, entry 1, contains an unpaired surrogate"),
    *(
        (name, value, f"{name} must be a timestamp such as 2026-")
        for name in ("as_of", "attendance_until")
        for value in NO_TIMESTAMPS
    ),
    ("as_of", "2026-01-05T10:00:00", "as_of is the naive time '2026-01-05T10:00:00': add Z"),
    ("as_of", datetime(2026, 1, 5), "as_of is the naive time "),
    ("attendance_until", "9999-12-31T23:59:59-01:00", "attendance_until must lie in the years 1 to 9999"),
    ("attendance_until", {"zoom": None}, "attendance_until['zoom'] must be a timestamp, but is null. Leave the source"),
    (
        "attendance_until",
        {" \u00a0": UNTIL},
        "attendance_until, entry 1, does not name a source. Use one that the feed's rows",
    ),
    (
        "attendance_until",
        {"zoom": UNTIL, "\tzoom ": UNTIL},
        "attendance_until, entry 2, names the source 'zoom' a second",
    ),
    ("attendance_until", {5: UNTIL}, "attendance_until, entry 1, must be a string"),
    ("attendance_until", {"zo\0m": UNTIL}, "attendance_until, entry 1, contains a NUL"),
    ("attendance_until", {"zoom": {"teams": UNTIL}}, "attendance_until['zoom'] must be a timestamp such as 2026-"),
    (
        "attendance_until",
        {"zoom": "2026-01-05T10:00:00"},
        "attendance_until['zoom'] is the naive time '2026-01-05T10:00:",
    ),
    ("as_of", {"zoom": UNTIL}, "as_of must be a timestamp such as 2026-"),
]


@pytest.mark.parametrize(
    ("name", "value", "words"), WRONG, ids=[f"{name}-{place}" for place, (name, *_) in enumerate(WRONG)]
)
def test_a_wrong_value_names_its_field(name: str, value: Any, words: str) -> None:
    """In one short line, with what is wanted."""
    for make in (by_keywords, AttendancePolicy.of):
        with pytest.raises(InvalidPolicy) as caught:
            make({name: value})
        message = str(caught.value)
        assert message.startswith(words)
        assert len(message) < 300
        assert "\n" not in message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "The policy is not JSON: "),
        ("policy.json", "The policy is not JSON: "),
        ('{"settle": 1', "The policy is not JSON: "),
        ('{"settle": 1}}', "The policy is not JSON: "),
        ("[]", "A policy must be an object of fields, but is a list of 0"),
        ("5", "A policy must be an object of fields, but is 5"),
        (b"{}", "A policy must be an object of fields, but is a bytes of 2"),
        ([], "A policy must be an object of fields, but is a list of 0"),
        ('{"settle": 1, "settle": 1}', "The policy has 'settle' twice in one object"),
        (
            '{"aliases": {"a@x": "b", "a@x": "c"}}',
            "The policy has a string of 3 characters twice in one object",
        ),
        ('{"settl": 1}', "'settl' is not a field of the policy. Its fields: aliases, as_of, assume_held, "),
        ({5: 1}, "5 is not a field of the policy"),
        ({"ann@acme.example": 1}, "a string of 16 characters is not a field of the policy"),
        ({"\ud800": 1}, "a string of 1 characters is not a field of the policy"),
        ('{"settle": NaN}', "settle must be from 0 to "),
        ('{"settle": Infinity}', "settle must be from 0 to "),
        ('{"settle": 1e400}', "settle must be from 0 to "),
        ('{"settle": -1}', "settle must be from 0 to "),
        ('{"settle": ' + "9" * 5000 + "}", "The policy is not JSON: "),
        ('{"aliases": ' + "[" * 100_000, "The policy is "),
        ('{"as_of": "\\ud800"}', "as_of must be a timestamp"),
    ],
)
def test_a_policy_that_is_none(source: Any, words: str) -> None:
    """What is not an object of known fields is reported as such, without the addresses in it."""
    with pytest.raises(InvalidPolicy) as caught:
        AttendancePolicy.of(source)
    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) < 500
    assert isinstance(caught.value, AttendanceError)


def test_messages_show_no_address() -> None:
    """A policy's lists hold those of internals."""
    secret = "ann.secret@acme.example"
    for field in fields(AttendancePolicy):
        for value in (secret, [secret, 5], {secret: 5}, {secret: "b@x", secret.upper(): "c@x"}):
            message = ""
            try:
                AttendancePolicy.of({field.name: value})
            except InvalidPolicy as error:
                message = str(error)
            assert "secret" not in message.lower()


def test_blank_entries_mean_nothing() -> None:
    """As the rules have it."""
    blank: dict[str, Any] = {"internal_domains": ["", " \u00a0"], "internal_emails": ["\t"], "bot_names": [" "]}
    policy = AttendancePolicy(**blank)
    assert (policy.internal_domains, policy.internal_emails, policy.bot_names) == ((), (), ())


def test_lower_case_is_that_of_databases() -> None:
    """Letter by letter: Python alone makes two letters of one, and another of a Greek letter at a word's end."""
    assert lower("OTTER.AI \u0130 \u039f\u0394\u039f\u03a3") == "otter.ai i \u03bf\u03b4\u03bf\u03c3"


def test_bot_names_stay_as_they_are_given() -> None:
    """The rules fold them as they fold display names: anyone who reads the policy in a plan finds his own spelling."""
    names: Any = ["Otter.AI", " \u0130 "]
    assert AttendancePolicy(bot_names=names).bot_names == tuple(names)


def test_tables_of_a_policy() -> None:
    """Values are rows, instants and durations whole microseconds, and an alias is there once however it is spelled."""
    aliases = {"A@x.example ": "B@x.example", "a@X.example": " b@x.example"}
    policy = replace(AttendancePolicy.of(GIVEN | {"aliases": aliases}), bot_names=("a", "a"))
    tables = {table.name: table for table in policy_tables(policy)}
    assert set(tables) == {"policy", "aliases", "internal_domains", "internal_emails", "bot_names", "source_ends"}
    values = dict(zip(tables["policy"].columns, tables["policy"].rows[0], strict=True))
    assert values["as_of"] == 1_767_607_200_123_000
    assert values["early_join"] == 10_500_000
    assert values["judge_hosts"] is GIVEN["judge_hosts"]
    assert values["attendance_until"] == 1_767_607_200_000_000
    assert tables["source_ends"].rows == ()
    assert tables["aliases"].rows == (("a@x.example", "b@x.example"),)
    assert tables["bot_names"].rows == (("a",),)


def test_tables_of_single_sources() -> None:
    """The ends of sources are rows, and then no instant counts for all of them."""
    tables = {table.name: table for table in policy_tables(AttendancePolicy(attendance_until={"zoom ": UNTIL}))}
    assert tables["source_ends"].rows == (("zoom", 1_767_610_800_000_000),)
    values = dict(zip(tables["policy"].columns, tables["policy"].rows[0], strict=True))
    assert values["attendance_until"] is None


@pytest.mark.parametrize(
    ("signs", "folded"),
    [
        ("latin_signs", "folded_latin_signs"),
        ("common_signs", "folded_common_signs"),
        ("all_signs", "folded_signs"),
    ],
)
def test_no_sign_is_folded_twice(signs: str, folded: str) -> None:
    """BigQuery's translate() refuses a sign that stands twice in its list; a sign without a partner is dropped."""
    table = policy_tables(AttendancePolicy())[0]
    values = dict(zip(table.columns, table.rows[0], strict=True))
    assert len(set(values[signs])) == len(values[signs])
    assert len(values[folded]) <= len(values[signs])
    assert set(values["white_space"]) == set(" \t\n\r\v\f\xa0")
    # What is dropped are the combining marks; folding is for letters in lower case, and one pass is enough.
    assert set(values[signs][len(values[folded]) :]) <= set(map(chr, range(0x300, 0x370)))
    assert set(values[folded]) - set(" '") <= set("abcdefghijklmnopqrstuvwxyz")


def test_letters_are_folded_as_unicode_takes_them_apart() -> None:
    """All letters of two blocks whose canonical form begins with a to z, four that have none, and no others."""
    table = policy_tables(AttendancePolicy())[0]
    values = dict(zip(table.columns, table.rows[0], strict=True))
    pairs = dict(zip(values["all_signs"], values["folded_signs"], strict=False))
    letters = {sign: plain for sign, plain in pairs.items() if plain not in " '"}
    wanted = {"\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u0131": "i"}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        first = unicodedata.normalize("NFD", chr(code))[0]
        if "a" <= first <= "z":
            wanted[chr(code)] = first
    assert letters == wanted
    assert {sign for sign, plain in pairs.items() if plain == " "} == set(SEPARATORS + " \t\n\r\v\f\xa0")
