"""POST mark-absent."""

from typing import Any

import pytest

from tests.sandbox.conftest import OWNER, Client

BOB = "bob@example.org"
UID = "sandbox-yesterday-1"
GROUP = "sandbox-yesterday-5"
FOREIGN = "sandbox-of-other"
GHOST = "ghost@example.org"


def _message(response: Any) -> str:
    return str(response.json()["error"]["message"])


def test_marks_the_host_and_shows_it(client: Client) -> None:
    """A true host is written; the status is 200, not 201."""
    response = client.mark(UID, {"host": True})
    assert (response.status_code, response.json()["data"]["absentHost"]) == (200, True)


def test_a_second_mark_changes_nothing_and_succeeds(newest: Client) -> None:
    """Marking again gives 200 and leaves the flags as they are."""
    body = {"attendees": [{"email": BOB, "absent": True}]}
    assert [newest.mark(UID, body).status_code for _ in range(2)] == [200, 200]
    assert newest.flags(UID) == (False, {BOB: True})


def test_host_false_unmarks_only_on_the_newest_build(client: Client, build: str) -> None:
    """The older builds write only a true host; the newest writes any value, null too."""
    client.mark(UID, {"host": True})
    assert client.mark(UID, {"host": False}).json()["data"]["absentHost"] is (build != "2026-07")
    client.mark(UID, {"host": None})
    assert client.flags(UID)[0] is (None if build == "2026-07" else True)


def test_an_unknown_address_leaves_a_partial_write(client: Client, build: str) -> None:
    """The known address is written on every build; builds of 2025 then respond 500 and skip the host."""
    rows = [{"email": GHOST, "absent": True}, {"email": BOB, "absent": True}]
    response = client.mark(UID, {"host": True, "attendees": rows})
    new = build >= "2026"
    assert response.status_code == (200 if new else 500)
    assert client.flags(UID) == (new, {BOB: True})
    if not new:
        assert response.json() == {"statusCode": 500, "message": "Failed to update no-show status"}


def test_addresses_match_exactly(client: Client, build: str) -> None:
    """Another case is another address."""
    for email in ("BOB@example.org", "Bob@Example.org"):
        response = client.mark(UID, {"attendees": [{"email": email, "absent": True}]})
        assert response.status_code == (200 if build >= "2026" else 500)
    assert client.flags(UID)[1] == {BOB: False}


def test_the_last_item_of_a_repeated_address_counts(newest: Client) -> None:
    """Items are written in order."""
    rows = [{"email": BOB, "absent": absent} for absent in (True, True, False)]
    assert newest.mark(UID, {"attendees": rows}).status_code == 200
    assert newest.flags(UID)[1] == {BOB: False}


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"host": "true"}, "isBoolean"),
        ({"attendees": []}, "arrayMinSize"),
        ({"attendees": {"email": BOB, "absent": True}}, "isArray"),
        ({"attendees": [{"email": BOB}]}, "isBoolean"),
        ({"attendees": [{"email": BOB, "absent": None}]}, "isBoolean"),
        ({"attendees": [{"absent": True}]}, "isEmail"),
        ({"attendees": [{"email": f" {BOB}", "absent": True}]}, "isEmail"),
        ({"attendees": [{"email": f"{BOB}.", "absent": True}]}, "isEmail"),
        ({"attendees": [{"email": "bob@localhost", "absent": True}]}, "isEmail"),
        ({"attendees": [BOB]}, "nestedValidation"),
        ({"attendees": [{"email": BOB, "name": "Bob", "timeZone": "UTC", "language": "de"}]}, "isBoolean"),
    ],
)
def test_an_invalid_body_writes_nothing(newest: Client, body: Any, rule: str) -> None:
    """400 with class-validator's rule in its tree of errors."""
    response = newest.mark(UID, {"host": True, **body})
    assert (response.status_code, _message(response)) == (400, "Bad Request Exception")
    assert rule in response.text
    assert newest.flags(UID) == (False, {BOB: False})


@pytest.mark.parametrize(
    "options",
    [
        {"json": {}},
        {"json": {"hosts": True, "Host": True, "absentHost": True}},
        {"json": [{"email": BOB, "absent": True}]},
        {"json": {"attendees": None}},
        {"content": b'{"host": true}', "headers": {"Content-Type": "text/plain"}},
        {"content": b"host=true", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b'{"host": true}'},
        {},
    ],
)
def test_an_ignored_body_succeeds(newest: Client, options: Any) -> None:
    """200 with the unchanged booking."""
    assert newest.mark(UID, **options).status_code == 200
    assert newest.flags(UID) == (False, {BOB: False})


def test_unknown_keys_are_ignored(newest: Client) -> None:
    """The attendee of the public documentation passes once it has `absent`."""
    row = {"name": "Bob", "email": BOB, "timeZone": "UTC", "phoneNumber": "+491701234567", "absent": True}
    assert newest.mark(UID, {"attendees": [row], "noShowHost": True}).status_code == 200
    assert newest.flags(UID) == (False, {BOB: True})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"host": true', "Expected ',' or '}' after property value in JSON at position 13"),
        ("{host: true}", "Expected property name or '}' in JSON at position 1"),
        ("{'host': true}", "Expected property name or '}' in JSON at position 1"),
        ('{"host": true,}', "Expected double-quoted property name in JSON at position 14"),
        ('{"host": true , }', "Expected double-quoted property name in JSON at position 16"),
        ('{"attendees": [1,]}', 'Unexpected token \']\', "{"attendees": [1,]}" is not valid JSON'),
        ('{"host": tru}', 'Unexpected token \'}\', "{"host": tru}" is not valid JSON'),
        ('{"host": True}', 'Unexpected token \'T\', "{"host": True}" is not valid JSON'),
        ('{"host": ', "Unexpected end of JSON input"),
        ("not json", "Unexpected token 'n', \"not json\" is not valid JSON"),
        ("null", "Unexpected token 'n', \"null\" is not valid JSON"),
    ],
)
def test_broken_json_has_the_message_of_v8(newest: Client, text: str, message: str) -> None:
    """400 before the request is routed or counted."""
    headers = {"Content-Type": "application/json"}
    response = newest.mark(UID, content=text, headers=headers)
    assert (response.status_code, _message(response)) == (400, message)
    assert "x-ratelimit-limit-default" not in response.headers


def test_a_body_over_100_kb_is_413_without_envelope(newest: Client) -> None:
    """It has neither an envelope nor a request id."""
    response = newest.mark(UID, {"attendees": [{"email": BOB, "absent": True}] * 3000})
    assert (response.status_code, response.json()) == (413, {"statusCode": 413, "message": "request entity too large"})
    assert "x-request-id" not in response.headers


@pytest.mark.parametrize("body", [{"host": True}, {}, {"attendees": [{"email": BOB, "absent": False}]}])
def test_before_the_start_every_body_is_400(newest: Client, body: Any) -> None:
    """The message has both times; a body that changes nothing is rejected too."""
    response = newest.mark("sandbox-tomorrow-1", body)
    assert response.status_code == 400
    assert _message(response).startswith("Bookings can only be marked as absent after their scheduled start time.")
    assert _message(response).endswith("Booking start time in UTC+0: 2026-03-04T08:00:00.000Z")


@pytest.mark.parametrize(
    "uid",
    ["sandbox-in-progress", "sandbox-cancelled", "sandbox-rejected", "sandbox-pending", "sandbox-seated"],
)
def test_the_status_does_not_matter(newest: Client, uid: str) -> None:
    """Any booking that has started may be marked, host and attendees."""
    email = next(iter(newest.flags(uid)[1]))
    assert newest.mark(uid, {"host": True, "attendees": [{"email": email, "absent": True}]}).status_code == 200
    host, attendees = newest.flags(uid)
    assert (host, attendees[email]) == (True, True)


@pytest.mark.parametrize("uid", ["nosuch", "SANDBOX-YESTERDAY-1", "1", "sandbox-series", "a%20b"])
def test_other_uids_are_404(newest: Client, uid: str) -> None:
    """Unknown, in another case, a numeric id, a series; the message has the decoded uid."""
    response = newest.mark(uid, {"host": True})
    assert response.status_code == 404
    assert _message(response) == f"Booking with uid={uid.replace('%20', ' ')} not found."


def test_another_users_booking(client: Client) -> None:
    """Marking its attendees is 500; its host is marked without a check."""
    carol = "carol@example.org"
    assert client.mark(FOREIGN, {"attendees": [{"email": carol, "absent": True}]}).status_code == 500
    assert client.mark(FOREIGN, {"host": True}).status_code == 200
    assert client.flags(FOREIGN) == (True, {carol: False})


@pytest.mark.parametrize("uid", [UID, "sandbox-team"])
def test_the_open_edition_lets_anybody_mark_a_teams_bookings(client: Client, build: str, uid: str) -> None:
    """Bookings of a team, and of an organiser who is in a team, with any key; on other builds that is 500."""
    headers = {**OWNER, "Authorization": "Bearer cal_sandbox_nobody"}
    response = client.mark(uid, {"attendees": [{"email": BOB, "absent": True}]}, headers=headers)
    assert (response.status_code, client.flags(uid)[1][BOB]) == ((200, True) if build == "2026-07" else (500, False))


def test_a_seated_booking_is_returned_in_the_plain_form(newest: Client) -> None:
    """No seats in the response, though GET has them."""
    data = newest.mark("sandbox-seated", {"host": True}).json()["data"]
    assert all("seatUid" not in row for row in data["attendees"])
    assert data["bookingFieldsResponses"]["name"] == "unknown"


def test_a_managed_users_address_keeps_its_suffix(newest: Client) -> None:
    """`email` has the client's id, `displayEmail` does not; only `email` can be marked."""
    email = "mona+cm0practice0client0id0000@example.org"
    uid = "sandbox-yesterday-8"
    newest.mark(uid, {"attendees": [{"email": "mona@example.org", "absent": True}]})
    assert newest.flags(uid)[1] == {email: False}
    data = newest.mark(uid, {"attendees": [{"email": email, "absent": True}]}).json()["data"]
    assert (data["attendees"][0]["displayEmail"], data["attendees"][0]["absent"]) == ("mona@example.org", True)


def test_a_group_is_marked_row_by_row(newest: Client) -> None:
    """The other attendees keep their flags; guests are attendees."""
    rows = [{"email": "carol@example.org", "absent": True}, {"email": BOB, "absent": False}]
    newest.mark(GROUP, {"attendees": rows})
    assert newest.flags(GROUP)[1] == {BOB: False, "carol@example.org": True, "dave+cal@example.org": False}
