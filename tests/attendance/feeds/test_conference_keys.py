"""The keys by which a booking's location and a feed's meeting id are found to be the same meeting."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._links import LONGEST_LOCATION
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_key
from airflow_provider_calcom.attendance.feeds.conference_keys import conference_key
from airflow_provider_calcom.attendance.feeds.google_meet.keys import meet_key
from airflow_provider_calcom.attendance.feeds.teams.keys import teams_key
from airflow_provider_calcom.attendance.feeds.webex import webex_key
from airflow_provider_calcom.attendance.feeds.zoom.keys import zoom_key

THREAD = "19:meeting_NjM0YzJkZWYtMTIzNC00@thread.v2"
THREAD_LINK = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_NjM0YzJkZWYtMTIzNC00%40thread.v2/0"
    "?context=%7b%22Tid%22%3a%2272f988bf%22%2c%22Oid%22%3a%22d2a5%22%7d"
)


@pytest.mark.parametrize(
    ("location", "key"),
    [
        ("https://zoom.us/j/84512345678", "zoom:84512345678"),
        ("https://us02web.zoom.us/j/84512345678?pwd=QXpXbm9lTk5hc2Q#success", "zoom:84512345678"),
        ("https://acme.zoom.us/w/84512345678?tk=abc", "zoom:84512345678"),
        ("https://acme.zoomgov.com/j/1612345678", "zoom:1612345678"),
        ("https://app.zoom.us/wc/84512345678/join?fromPWA=1", "zoom:84512345678"),
        ("https://app.zoom.us/wc/join/84512345678", "zoom:84512345678"),
        ("https://zoom.us/j/845-1234-5678", "zoom:84512345678"),
        ("HTTPS://ZOOM.US/j/84512345678", "zoom:84512345678"),
        ("https://zoom.us./j/84512345678/", "zoom:84512345678"),
        ("https://acme.zoom.us/my/Jane.Doe?pwd=abc", "zoom:my/jane.doe"),
        ("https://meet.google.com/abc-defg-hij", "google_meet:abcdefghij"),
        ("https://meet.google.com/ABC-DEFG-HIJ?authuser=0&hs=122", "google_meet:abcdefghij"),
        ("https://meet.google.com/lookup/Daily_Standup", "google_meet:lookup/daily_standup"),
        ("https://tel.meet/abc-defg-hij?pin=123", "google_meet:abcdefghij"),
        (THREAD_LINK, f"teams:{THREAD}"),
        (f"https://teams.microsoft.com/l/meetup-join/{THREAD}/0", f"teams:{THREAD}"),
        (THREAD_LINK.replace("%", "%25"), f"teams:{THREAD}"),
        (
            "https://teams.microsoft.com/l/meetup-join/19%3aabc1%40thread.tacv2/1621500000000?context=x",
            "teams:19:abc1@thread.tacv2/1621500000000",
        ),
        ("https://teams.microsoft.com/meet/2412345678901?p=AbCdEf", "teams:2412345678901"),
        ("https://teams.live.com/meet/9312345678901?p=AbCdEf", "teams:9312345678901"),
        ("https://acme.webex.com/acme/j.php?MTID=m0123456789ABCDEF", "webex:mtid/m0123456789abcdef"),
        ("https://acme.webex.com/meet/Jane.Doe", "webex:acme.webex.com/meet/jane.doe"),
        ("https://acme.webex.com/join/jane.doe", "webex:acme.webex.com/meet/jane.doe"),
        ("https://acme.webex.com/meet/25551234567", "webex:25551234567"),
        ("https://app.cal.com/video/6vTfTE3x3pY4sX2aNkDkqL", "cal_video:6vTfTE3x3pY4sX2aNkDkqL"),
        ("https://cal.example.org/video/6vTfTE3x3pY4sX2aNkDkqL", "cal_video:6vTfTE3x3pY4sX2aNkDkqL"),
    ],
)
def test_each_vendors_links_have_a_key(location: str, key: str) -> None:
    """A join link leads to the key of its meeting, whatever password, host name or language comes with it."""
    assert conference_key(location) == key


@pytest.mark.parametrize(
    "location",
    [
        "zoom.us/j/84512345678",
        "Join Zoom: https://zoom.us/j/84512345678.",
        "Room 5 (or <https://zoom.us/j/84512345678?pwd=1>, if you must)",
        "https://zoom.us/j/84512345678 / https://zoom.us/j/84512345678?pwd=1",
    ],
)
def test_a_link_is_found_in_other_text(location: str) -> None:
    """People write links into sentences, and without the scheme."""
    assert conference_key(location) == "zoom:84512345678"


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        " \n",
        7,
        {"type": "integration"},
        "integrations:daily",
        "integrations:zoom",
        "+1 650 555 0100",
        "845 1234 5678",
        "321 Example St, City, Country",
        "https://meet.example.com/room",
        "https://[::1",
        "https://",
        "https://zoom.us",
        "https://zoom.us/j/",
        "https://zoom.us/j/123",
        "https://zoom.us/j/84512345678x",
        "https://zoom.us/meeting/register/tJEkcu",
        "https://meet.google.com/new",
        "https://teams.microsoft.com/l/channel/19%3aabc%40thread.tacv2/General",
        "https://acme.webex.com/acme/j.php",
        "https://app.cal.com/jane/30min",
        "\0\ud800",
        "https://zoom.us/j/" + "8" * 5000,
        "a." * 1_000_000,
    ],
)
def test_location_without_meeting_has_no_key(location: object) -> None:
    """Odd text never raises and never makes a key that another meeting might have too."""
    assert conference_key(location) is None


@pytest.mark.parametrize(
    "location",
    [
        "https://zoom.us.evil.example/j/84512345678",
        "https://evilzoom.us/j/84512345678",
        "https://zoom.us@evil.example/j/84512345678",
        "https://evil.example\\@zoom.us/j/84512345678",
        "https://evil.example/zoom.us/j/84512345678",
        "https://evil.example/?next=https://zoom.us/j/84512345678",
        "https://meet.google.com.evil.example/abc-defg-hij",
        "https://teams.microsoft.com.evil.example/meet/2412345678901",
        "https://webex.com.evil.example/meet/jane",
    ],
)
def test_look_alike_hosts_are_not_believed(location: str) -> None:
    """A host that only looks like a vendor's is another host."""
    assert conference_key(location) is None


def test_links_to_two_meetings_have_no_key() -> None:
    """Which of the two was held is not guessed: the wrong key would take people's presence away."""
    assert conference_key("https://zoom.us/j/84512345678 or https://zoom.us/j/94512345678") is None


def test_a_location_as_long_as_allowed_is_read() -> None:
    """The limit is far beyond real locations and only keeps a huge text cheap."""
    link = "https://zoom.us/j/84512345678"
    assert conference_key(link + " " * (LONGEST_LOCATION - len(link))) == "zoom:84512345678"
    assert conference_key(link + " " * LONGEST_LOCATION) is None


@pytest.mark.parametrize(
    ("key_of", "meeting", "key"),
    [
        (zoom_key, 84512345678, "zoom:84512345678"),
        (zoom_key, "845 1234 5678", "zoom:84512345678"),
        (zoom_key, "845-1234-5678", "zoom:84512345678"),
        (zoom_key, "https://zoom.us/j/84512345678?pwd=1", "zoom:84512345678"),
        (zoom_key, "my/jane.doe", "zoom:my/jane.doe"),
        (meet_key, "ABC-DEFG-HIJ", "google_meet:abcdefghij"),
        (meet_key, "abcdefghij", "google_meet:abcdefghij"),
        (meet_key, "https://meet.google.com/abc-defg-hij", "google_meet:abcdefghij"),
        (teams_key, THREAD, f"teams:{THREAD}"),
        (teams_key, THREAD_LINK, f"teams:{THREAD}"),
        (teams_key, "241 234 567 890 1", "teams:2412345678901"),
        (webex_key, 25551234567, "webex:25551234567"),
        (webex_key, "2555 123 4567", "webex:25551234567"),
        (webex_key, "https://acme.webex.com/acme/j.php?MTID=m0123456789abcdef", "webex:mtid/m0123456789abcdef"),
        (webex_key, "https://acme.webex.com/meet/jane", "webex:acme.webex.com/meet/jane"),
        (cal_video_key, "6vTfTE3x3pY4sX2aNkDkqL", "cal_video:6vTfTE3x3pY4sX2aNkDkqL"),
        (cal_video_key, "https://app.cal.com/video/6vTfTE3x3pY4sX2aNkDkqL", "cal_video:6vTfTE3x3pY4sX2aNkDkqL"),
    ],
)
def test_a_feeds_id_has_the_same_key_as_the_link(
    key_of: Callable[[object], str | None], meeting: object, key: str
) -> None:
    """Both sides are normalised by the same functions; a key given to them stays as it is."""
    assert key_of(meeting) == key
    assert key_of(key) == key


@pytest.mark.parametrize("key_of", [zoom_key, meet_key, teams_key, webex_key, cal_video_key])
@pytest.mark.parametrize(
    "meeting", [None, "", "?", True, 1.5, "abc", "https://example.com/j/84512345678", "x" * 10_000]
)
def test_another_id_than_the_vendors_has_no_key(key_of: Callable[[object], str | None], meeting: object) -> None:
    """A feed's odd id makes the row's key null, which leaves the row to be matched by its address."""
    assert key_of(meeting) is None


def test_webex_ids_of_the_api_have_no_key() -> None:
    """The API's meetingId is in no link, so a key of it would part every row from its booking."""
    assert webex_key("3a688f62840346e8b87dde2b50703511_I_197977258267247872") is None


def test_equal_numbers_of_two_vendors_are_two_meetings() -> None:
    """Keys begin with their vendor."""
    assert len({zoom_key("84512345678"), teams_key("84512345678"), webex_key("84512345678")}) == 3


def test_own_patterns_come_first() -> None:
    """A group's text is the key; a group named after a vendor is read as that vendor's meeting id."""
    own = [r"rooms\.acme\.example/(\w+)", r"video\.acme\.example/j/(?P<zoom>\d+)"]
    assert conference_key("https://rooms.acme.example/blue?x=1", patterns=own) == "blue"
    assert conference_key("https://video.acme.example/j/84512345678", patterns=own) == "zoom:84512345678"
    assert conference_key("https://zoom.us/j/84512345678", patterns=own) == "zoom:84512345678"
    assert conference_key("https://zoom.us/j/84512345678", patterns=[r"zoom\.us/j/(\d{4})"]) == "8451"


def test_a_pattern_whose_group_did_not_take_part_does_not_match() -> None:
    """An optional group that found nothing leaves the location to what comes after."""
    assert conference_key("https://zoom.us/j/84512345678", patterns=["zoom(x)?"]) == "zoom:84512345678"


@pytest.mark.parametrize(
    ("patterns", "named"),
    [
        (["(ok)", "rooms/("], "rooms/("),
        (["rooms"], "rooms"),
        (["(a)(b)"], r"\(a\)\(b\)"),
        (["(?P<skype>a)"], "skype"),
        ("(a)", "list of strings"),
        ([None], "list of strings"),
    ],
)
def test_a_bad_pattern_is_named(patterns: list[str], named: str) -> None:
    """It is an error also where the location would not need it, so that a DAG fails on its first booking."""
    with pytest.raises(InvalidFeedOption, match=named.replace("rooms/(", r"rooms/\(")):
        conference_key("https://zoom.us/j/84512345678", patterns=patterns)
