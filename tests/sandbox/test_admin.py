"""The routes under /_sandbox/, the practice world, and world files."""

from datetime import UTC, datetime, timedelta

from airflow_provider_calcom.sandbox.practice import practice_world
from airflow_provider_calcom.sandbox.throttle import Limit
from airflow_provider_calcom.sandbox.world import load_world
from tests.sandbox.conftest import NOW, Client

UID = "sandbox-yesterday-1"


def test_state_shows_the_flags(newest: Client) -> None:
    """Flags of every booking, with the clock and the build."""
    newest.mark(UID, {"host": True, "attendees": [{"email": "bob@example.org", "absent": True}]})
    state = newest.get("/_sandbox/state").json()
    shown = next(one for one in state["bookings"] if one["uid"] == UID)
    assert (shown["absentHost"], shown["attendees"]) == (True, [{"email": "bob@example.org", "absent": True}])
    assert (state["server"], state["now"][:16]) == ("2026-07", "2026-03-03T12:00")


def test_the_log_of_calls_has_key_names_and_writes(newest: Client) -> None:
    """It has the key's name, never the key, and `wrote` for each mark-absent that wrote a flag."""
    for body in ({"host": True}, {"host": True}, {}):
        newest.mark(UID, body)
    newest.get("/v2/me", headers={"Authorization": "Bearer cal_live_nosuch"})
    response = newest.get("/_sandbox/calls")
    assert [(one["key"], one["wrote"], one["status"]) for one in response.json()["calls"]] == [
        ("owner", True, 200),
        ("owner", True, 200),
        ("owner", False, 200),
        (None, False, 401),
    ]
    assert "cal_" not in response.text


def test_admin_calls_are_neither_counted_nor_limited() -> None:
    """They do not count for the rate limit and are not in the log of calls."""
    client = Client(rate_limit=(1, 60))
    for _ in range(3):
        assert client.get("/_sandbox/state").status_code == 200
    assert client.get("/v2/me").status_code == 200
    assert len(client.get("/_sandbox/calls").json()["calls"]) == 1


def test_flags_and_whole_worlds_can_be_set(newest: Client) -> None:
    """`bookings` changes some bookings, `world` replaces all, `reset` loads the first world again."""
    change = {
        "uid": UID,
        "absentHost": None,
        "status": "cancelled",
        "attendees": [{"email": "bob@example.org", "absent": True}],
    }
    assert newest.post("/_sandbox/world", json={"bookings": [change]}).status_code == 200
    assert newest.flags(UID) == (None, {"bob@example.org": True})
    newest.post("/_sandbox/reset")
    assert newest.flags(UID) == (False, {"bob@example.org": False})
    world = {**practice_world(NOW), "bookings": []}
    newest.post("/_sandbox/world", json={"world": world})
    assert newest.get("/v2/bookings").json()["data"] == []


def test_the_clock_can_be_set_and_moved(newest: Client) -> None:
    """A booking of tomorrow can be marked once the clock is past its start."""
    assert newest.mark("sandbox-tomorrow-1", {"host": True}).status_code == 400
    moved = newest.post("/_sandbox/clock", json={"now": "2026-03-04T07:00:00Z", "advance": 3601})
    assert moved.json()["now"].startswith("2026-03-04T08:00:01")
    assert newest.mark("sandbox-tomorrow-1", {"host": True}).status_code == 200


def test_a_key_can_expire_and_be_removed(newest: Client) -> None:
    """Each has the server's message; an expired key can be renewed, and reset restores a removed one."""

    def outcome() -> tuple[int, str | None]:
        response = newest.get("/v2/me")
        return response.status_code, response.json().get("error", {}).get("message")

    order = {"key": "cal_sandbox_owner"}
    newest.post("/_sandbox/keys", json={**order, "expired": True})
    assert outcome() == (401, "ApiAuthStrategy - api key - Your api key is expired")
    newest.post("/_sandbox/keys", json={**order, "expired": False})
    assert outcome()[0] == 200
    newest.post("/_sandbox/keys", json={**order, "removed": True})
    assert outcome() == (401, "CustomThrottlerGuard - Invalid API Key")
    unknown = newest.post("/_sandbox/keys", json={**order, "expired": True})
    assert (unknown.status_code, unknown.json()) == (400, {"message": "there is no such key"})
    newest.post("/_sandbox/reset")
    assert outcome()[0] == 200


def test_invalid_admin_requests(newest: Client) -> None:
    """404 for an unknown route, 400 for an invalid body."""
    assert newest.get("/_sandbox/nope").status_code == 404
    assert newest.post("/_sandbox/nope").status_code == 404
    assert newest.post("/_sandbox/clock", json={"now": "noon"}).status_code == 400
    assert newest.post("/_sandbox/keys", json={"key": "cal_sandbox_owner", "expired": "no"}).status_code == 400
    for seconds in (-1, "soon", "nan", "inf", None):
        assert newest.post("/_sandbox/latency", json={"seconds": seconds}).status_code == 400
    assert newest.post("/_sandbox/world", json={"bookings": [{"uid": "nosuch"}]}).status_code == 400


def test_the_practice_world_has_every_status_and_ties() -> None:
    """It has a few dozen bookings around now, some with the same start."""
    world = load_world(practice_world(datetime.now(UTC)))
    starts = [booking.start for booking in world.bookings.values()]
    assert 30 <= len(starts) <= 60
    assert len(set(starts)) < len(starts)
    assert {booking.status for booking in world.bookings.values()} == {"accepted", "cancelled", "rejected", "pending"}
    assert max(starts) - min(starts) > timedelta(days=2)


def test_keys_described_as_in_the_recordings() -> None:
    """Name, user and limits are parsed from the words; a limit without a block blocks for its window."""
    text = "tiered (owner's key with two limits: short 3 in 10 s, long 5 in 60 s with a block of 30 s)"
    source = practice_world(NOW)
    source["keys"] = {"other": "cal_a", "second (other's second key)": "cal_b", text: "cal_c", "expired": "cal_d"}
    keys = load_world(source).keys
    assert {key.name: (key.user.username, key.expired) for key in keys.values()} == {
        "other": ("other", False),
        "second": ("other", False),
        "tiered": ("owner", False),
        "expired": ("owner", True),
    }
    assert keys["cal_c"].limits == (Limit(3, 10, 10, "short"), Limit(5, 60, 30, "long"))
    assert keys["cal_a"].limits is None
