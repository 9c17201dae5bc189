"""No-show flags: what was requested, what really changes, and whether it happened."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.api.changes import changes_for, host_test, is_hosted_by, is_ours
from airflow_provider_calcom.api.mark_request import (
    MarkRequest,
    RequestedMark,
    parse_attendees,
)
from airflow_provider_calcom.api.marking import MarkOutcome, mark_no_shows, write_changes
from tests.api.fakes import FakeCalCom
from tests.api.support import ADDRESS, BUILDS, Both, Handler, all_texts, recordings, success

START = datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp()
ANN, BOB, GUEST, COHOST = "Ann@Example.org", "bob+cal@example.org", "guest@example.net", "hans@host.example"
ORGANISER = {"id": 7, "name": "Olivia", "email": "olivia@host.example", "username": "olivia", "timeZone": "UTC"}


def row(email: str, absent: bool = False, **fields: Any) -> dict[str, Any]:
    return {"name": "Somebody", "email": email, "timeZone": "UTC", "language": "en", "absent": absent, **fields}


def a_booking(*attendees: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A team's booking: Ann booked, Bob is a guest, Hans is a co-host."""
    return {
        "id": 1,
        "uid": "uid1",
        "status": "accepted",
        "start": "2026-11-20T09:00:00.000Z",
        "end": "2026-11-20T09:30:00.000Z",
        "absentHost": False,
        "hosts": [ORGANISER],
        "attendees": list(attendees) or [row(ANN), row(BOB), row(GUEST), row(COHOST)],
        "guests": [BOB, GUEST],
        "bookingFieldsResponses": {"name": "Ann", "email": "ann@example.org", "guests": [BOB, GUEST]},
        **fields,
    }


def a_request(*attendees: Any, **fields: Any) -> MarkRequest:
    return MarkRequest(fields.pop("booking_uid", "uid1"), tuple(parse_attendees(attendees)), **fields)


def a_server(*attendees: dict[str, Any], booking: dict[str, Any] | None = None, **options: Any) -> FakeCalCom:
    return FakeCalCom(booking or a_booking(*attendees), **{"now": START + 600, **options})


# What was requested.


@pytest.mark.parametrize(
    ("value", "requested"),
    [
        ([], []),
        ((), []),
        ("[]", []),
        ([ANN], [(ANN, True)]),
        ((ANN, BOB), [(ANN, True), (BOB, True)]),
        ({ANN}, [(ANN, True)]),
        ((address for address in (ANN, BOB)), [(ANN, True), (BOB, True)]),
        ([f"  {ANN}\n"], [(ANN, True)]),
        ([{"email": ANN}], [(ANN, True)]),
        ([{"email": ANN, "absent": True}], [(ANN, True)]),
        ([{"email": f" {ANN} ", "absent": False}], [(ANN, False)]),
        ([ANN, {"email": BOB, "absent": False}], [(ANN, True), (BOB, False)]),
        ([row(ANN, False, displayEmail=ANN, phoneNumber="+49")], [(ANN, False)]),
        ([row(ANN, True, seatUid="s", bookingFieldsResponses={}, metadata={})], [(ANN, True)]),
        ([{"email": ANN, "id": 1, "bookingId": 2, "locale": "en", "absent": True}], [(ANN, True)]),
        (ANN, [(ANN, True)]),
        (f"  {ANN} ", [(ANN, True)]),
        (json.dumps(ANN), [(ANN, True)]),
        (json.dumps([ANN, BOB]), [(ANN, True), (BOB, True)]),
        (json.dumps([{"email": ANN, "absent": False}]), [(ANN, False)]),
        (repr([ANN, BOB]), [(ANN, True), (BOB, True)]),
        (repr((ANN,)), [(ANN, True)]),
        (repr([{"email": ANN, "absent": False}]), [(ANN, False)]),
        (repr([row(ANN, True)]), [(ANN, True)]),
        (["o'neil@example.org"], [("o'neil@example.org", True)]),
        (["Ünï@exämple.org"], [("Ünï@exämple.org", True)]),
        (["a@b"], [("a@b", True)]),
    ],
)
def test_attendees_in_any_form(value, requested):
    """Addresses, objects, Cal.com's own rows, and texts of all these, with the flag that they say or absent."""
    assert [(parsed.email, parsed.absent) for parsed in parse_attendees(value)] == requested


def test_wishes_know_their_places():
    """Each parsed entry keeps the place of its entry, by which errors name it."""
    assert [parsed.index for parsed in parse_attendees([ANN, BOB, GUEST])] == [0, 1, 2]


@pytest.mark.parametrize(
    ("entry", "is_row"),
    [(ANN, False), ({"email": ANN, "absent": False}, False), ({"email": ANN, "name": "Ann"}, False), (row(ANN), True)],
)
def test_a_bookings_own_row_is_distinguished(entry, is_row):
    """A row as the booking has it is distinguished, because its absent is the flag that the attendee has."""
    (parsed,) = parse_attendees([entry])
    assert parsed.is_booking_row is is_row


@pytest.mark.parametrize(
    ("fields", "is_empty"),
    [({}, True), ({"host_absent": False}, False), ({"host_absent": True}, False), ({"attendees": [ANN]}, False)],
)
def test_an_empty_request(fields, is_empty):
    """An empty list of attendees, without the host, requests nothing."""
    fields = {"attendees": [], **fields}
    assert MarkRequest.parse(booking_uid="uid1", **fields).is_empty is is_empty


def test_rows_that_are_not_absent_are_counted():
    """A booking's own rows with absent: false are counted: perhaps they were meant as a list of the absent."""
    request = MarkRequest.parse(booking_uid="uid1", attendees=[row(ANN), row(BOB, True), GUEST, row(COHOST)])
    assert request.ambiguous_rows == 2


def test_a_request_of_texts():
    """What a template makes of the parameters is read as what it was."""
    assert MarkRequest.parse(
        booking_uid=" uid1 ", attendees=repr([ANN]), host_absent="True", on_unknown_attendee="skip",
        allowed_statuses=["accepted", "pending"], allow_cohosts="True", allow_foreign_booking="false", dry_run="False",
    ) == MarkRequest(
        "uid1", (RequestedMark(0, ANN, True),), True, "skip", ("accepted", "pending"),
        allow_cohosts=True, allow_foreign_booking=False, dry_run=False,
    )  # fmt: skip


@pytest.mark.parametrize("attendees", [None, "None", "null", " none "])
@pytest.mark.parametrize("host_absent", [None, "None", ""])
def test_a_request_for_nothing_at_all_is_refused(attendees, host_absent):
    """Without attendees and host_absent there is nothing to mark; most likely XCom held nothing."""
    with pytest.raises(errors.InvalidArgument, match=r"Neither attendees nor host_absent is given.*XCom"):
        MarkRequest.parse(booking_uid="uid1", attendees=attendees, host_absent=host_absent)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"booking_uid": "a/b"}, "booking_uid"),
        ({"booking_uid": None}, "booking_uid"),
        ({"attendees": ["nobody"]}, "attendees[0]"),
        ({"host_absent": "yes"}, "host_absent"),
        ({"on_unknown_attendee": "ignore"}, "on_unknown_attendee"),
        ({"on_unknown_attendee": None}, "on_unknown_attendee"),
        ({"allowed_statuses": "accepted"}, "allowed_statuses"),
        ({"allowed_statuses": 5}, "allowed_statuses"),
        ({"allowed_statuses": ["ACCEPTED"]}, "allowed_statuses"),
        ({"allowed_statuses": ["accepted", None]}, "allowed_statuses"),
        ({"allow_cohosts": "yes"}, "allow_cohosts"),
        ({"allow_foreign_booking": 1}, "allow_foreign_booking"),
        ({"dry_run": "no"}, "dry_run"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(fields, named):
    """A parameter that can't be used is refused before any call, and the text names it."""
    with pytest.raises(errors.InvalidArgument) as caught:
        MarkRequest.parse(**{"booking_uid": "uid1", "attendees": [ANN], **fields})
    assert named in str(caught.value)


def test_the_result_is_json():
    """What a task returns is the outcome as JSON, and says None of a host where the booking was not read."""
    outcome = MarkOutcome("uid1", [ANN], [BOB], [], [], True, 1)
    assert json.loads(json.dumps(asdict(outcome))) == vars(outcome)
    server = a_server()
    nothing = Both("sync").run(server, mark_no_shows(MarkRequest("uid1")))
    assert (nothing.absent_host, nothing.calls, nothing.marked) == (None, 0, [])
    assert server.calls == []


UNREADABLE_ATTENDEES = [
    (["nobody"], "attendees[0] is not a mail address"),
    ([ANN, "nobody"], "attendees[1] is not a mail address"),
    ([ANN, ""], "attendees[1] is not a mail address"),
    ([" "], "attendees[0] is not a mail address"),
    (["a@b@c"], "attendees[0] is not a mail address"),
    (["@example.org"], "attendees[0] is not a mail address"),
    (["ann@"], "attendees[0] is not a mail address"),
    ([f"Ann <{ANN}>"], "attendees[0] is not a mail address"),
    ([f"{ANN}, {BOB}"], "attendees[0] is not a mail address"),
    ([f"{ANN} {BOB}"], "attendees[0] is not a mail address"),
    (["x" * 400 + ANN], "attendees[0] is not a mail address"),
    ([5], "attendees[0] must be an address or an object with one, but is a int"),
    ([ANN, None], "attendees[1] must be an address"),
    ([True], "attendees[0] must be an address"),
    ([b"ann@example.org"], "attendees[0] must be an address"),
    ([[ANN]], "attendees[0] must be an address or an object with one, but is a list"),
    ([ANN, BOB, (GUEST,)], "attendees[2] must be an address"),
    ([{"email": ANN, "noShow": True}], "attendees[0] has the key 'noShow'"),
    ([{"email": ANN, "Absent": True}], "attendees[0] has the key 'Absent'"),
    ([{"email": ANN, "absent ": True}], "attendees[0] has the key 'absent '"),
    ([{"email": ANN, 5: True}], "attendees[0] has the key '5'"),
    ([{ANN: True}], "attendees[0] has the key"),
    ([{"email": ANN, f"{BOB}": 1}], "attendees[0] has the key"),
    ([{}], "attendees[0].email must be an address"),
    ([{"absent": True}], "attendees[0].email must be an address"),
    ([{"email": None}], "attendees[0].email must be an address"),
    ([{"email": [ANN]}], "attendees[0].email must be an address"),
    ([{"email": "nobody"}], "attendees[0].email is not a mail address"),
    ([{"email": ANN, "absent": "true"}], "attendees[0].absent must be true or false"),
    ([{"email": ANN, "absent": 1}], "attendees[0].absent must be true or false, but is 1"),
    ([{"email": ANN, "absent": 0}], "attendees[0].absent must be true or false"),
    ([{"email": ANN, "absent": None}], "attendees[0].absent must be true or false"),
    ([BOB, {"email": ANN, "absent": BOB}], "attendees[1].absent must be true or false"),
    ([ANN, ANN], "attendees[1] repeats attendees[0]"),
    ([ANN, BOB, "ANN@example.ORG "], "attendees[2] repeats attendees[0]"),
    ([ANN, {"email": ANN, "absent": False}], "attendees[1] contradicts attendees[0]"),
    (["[email protected]"], "attendees[0] is what a web page shows instead of an address"),
    (["[email\u00a0protected]"], "attendees[0] is what"),
    ([{"email": "[email protected]", "absent": True}], "attendees[0].email is what"),
    ({"email": ANN}, "attendees must be a list of addresses or attendee objects"),
    (json.dumps({"email": ANN}), "attendees must be a list"),
    (ANN.encode(), "attendees must be a list"),
    (5, "attendees must be a list"),
    (None, "attendees must be a list"),
    (True, "attendees must be a list"),
    ("None", "attendees must be a list"),
    ("null", "attendees must be a list"),
    ("5", "attendees must be a list"),
    ("", "attendees is a string of 0 characters that is neither a JSON list nor one address"),
    ("  ", "neither a JSON list nor one address"),
    ("[email protected]", "neither a JSON list nor one address"),
    (f"{ANN}, {BOB}", "neither a JSON list nor one address"),
    (f"['{ANN}'", "neither a JSON list nor one address"),
    (f"[{ANN}]", "neither a JSON list nor one address"),
    (f"{{{{ {ANN} }}}}", "attendees"),
    (f"__import__('os').system('{ANN}')", "neither a JSON list nor one address"),
    (f"['{ANN}', open('x')]", "neither a JSON list nor one address"),
    ("[" * 500_000, "neither a JSON list nor one address"),
    ("\\'" * 400_000, "neither a JSON list nor one address"),  # would take hours if each quote were tried
    ("x" + "\\'" * 400_000, "neither a JSON list nor one address"),
    ("['" + "\\'" * 400_000, "neither a JSON list nor one address"),
    ("()" * 100_000, "neither a JSON list nor one address"),
    ("[] " * 100_000, "neither a JSON list nor one address"),
    ("1 " * 100_000, "neither a JSON list nor one address"),
    ("-" * 500_000 + "1", "neither a JSON list nor one address"),
    ("(" * 500_000 + ")" * 499_000, "neither a JSON list nor one address"),
    ("x" * 10_000_000, "attendees is a string of 10,000,000 characters; 1,000,000 are allowed"),
    ([f"a{number}@example.org" for number in range(2_001)], "attendees has more than 2,000 entries"),
    (range(10**12), "attendees has more than 2,000 entries"),
    (json.dumps([f"a{number}@x.org" for number in range(2_001)]), "attendees has more than 2,000 entries"),
]


def test_attendees_that_cant_be_read(subtests):
    """A list or an entry that can't be read is refused, the entry by its index and never by its address."""
    for value, named in UNREADABLE_ATTENDEES:
        with subtests.test(value=repr(value)[:40]):
            with pytest.raises(errors.InvalidArgument) as caught:
                parse_attendees(value)
            assert named in str(caught.value)
            assert not ADDRESS.search(all_texts(caught.value))
            assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["1+" * 300_000 + "1", "-" * 900_000 + "1", "{1:" * 200_000])
def test_no_text_can_end_the_process(text):
    """A very deep text is refused as any other; no text can crash the interpreter, which would kill a whole worker."""
    code = (
        "import sys; from airflow_provider_calcom.api import errors, mark_request\n"
        "try: mark_request.parse_attendees(sys.stdin.read())\n"
        "except errors.InvalidArgument: print('refused')"
    )
    ended = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "refused")


def test_errors_name_the_parameter():
    """The text names the parameter as the caller knows it."""
    with pytest.raises(errors.InvalidArgument, match=r"^absent_emails\[0\]"):
        parse_attendees(["nobody"], "absent_emails")


@pytest.mark.parametrize("build", BUILDS)
def test_every_recorded_attendee_is_a_wish(build):
    """Each attendee object that the real server gives for a booking can be given back as it is."""
    seen = 0
    for recording in recordings(build):
        body = recording["response"].get("json")
        data = body.get("data") if isinstance(body, dict) else None
        items: list[Any] = data if isinstance(data, list) else [data]
        for item in items:
            for attendee in item.get("attendees") or () if isinstance(item, dict) and "start" in item else ():
                (parsed,) = parse_attendees([attendee])
                assert parsed == RequestedMark(0, attendee["email"], attendee["absent"], is_booking_row=True)
                seen += 1
    assert seen > 100


@pytest.mark.parametrize("value", ["yes", "1", 1, 0, 1.0, [], {}, [True], b"true", "absent", "x" * 1000])
def test_a_flag_that_cant_be_read(value):
    """Anything but True and False is refused, and the text names the parameter."""
    with pytest.raises(errors.InvalidArgument, match=r"^host_absent must be True or False") as caught:
        MarkRequest.parse(booking_uid="uid1", host_absent=value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["host_absent", "booking_uid", "dry_run", "on_unknown_attendee"])
def test_an_address_in_the_wrong_parameter_is_not_shown(name):
    """An address that was given for another parameter is in no error text either."""
    with pytest.raises(errors.InvalidArgument) as caught:
        MarkRequest.parse(**{"booking_uid": "uid1", "attendees": [ANN], name: ANN})
    assert ANN not in str(caught.value)


def test_an_option_that_there_is_not():
    """A misspelt option fails as any misspelt keyword does."""
    with pytest.raises(TypeError, match=r"allow_cohost$"):
        MarkRequest.parse(booking_uid="uid1", attendees=[ANN], allow_cohost=True)


# What really changes.


def marks(booking: dict[str, Any], *attendees: Any, **fields: Any) -> list[tuple[str, bool]]:
    return [(mark["email"], mark["absent"]) for mark in changes_for(booking, a_request(*attendees, **fields)).marks]


@pytest.mark.parametrize(
    ("stored", "requested", "sent"),
    [
        ([row(ANN)], ANN, ANN),
        ([row(ANN)], "ann@example.org", ANN),
        ([row("ann@example.org")], ANN, "ann@example.org"),
        ([row(ANN)], f" {ANN} ", ANN),
        ([row(ANN), row("ann@example.org")], "ann@example.org", "ann@example.org"),
        ([row("ann+clxyz@example.org", displayEmail=ANN)], ANN, "ann+clxyz@example.org"),
        ([row("ann+clxyz@example.org", displayEmail=ANN)], "ann@EXAMPLE.org", "ann+clxyz@example.org"),
        ([row("ann+clxyz@example.org", displayEmail=ANN)], "ann+clxyz@example.org", "ann+clxyz@example.org"),
        ([row(ANN), row("x@example.org", displayEmail=ANN)], ANN, ANN),
        ([row(ANN, displayEmail=None)], ANN, ANN),
    ],
)
def test_the_stored_spelling_is_sent(stored, requested, sent):
    """An attendee is found in any case, by displayEmail too, and sent exactly as the booking spells it."""
    assert marks(a_booking(*stored), requested) == [(sent, True)]


@pytest.mark.parametrize("requested", ["nn@example.org", "ann@example.com", "ann+clxyz@example.org", "somebody@x.org"])
def test_nobody_is_found_by_half_an_address(requested):
    """An entry that fits nobody is unknown: by default nothing is sent, and the text has its index only."""
    with pytest.raises(errors.UnknownAttendee, match=r"attendees\[1\] \(1 of 2 entries\)") as caught:
        changes_for(a_booking(row(ANN), row(BOB)), a_request(BOB, requested))
    assert not ADDRESS.search(str(caught.value))
    changes = changes_for(a_booking(row(ANN), row(BOB)), a_request(BOB, requested, on_unknown_attendee="skip"))
    assert changes.unknown == (requested,)
    assert [mark["email"] for mark in changes.marks] == [BOB]


def test_many_unknown_entries_are_reported_shortly():
    """The text names the first ten of many unknown entries."""
    with pytest.raises(errors.UnknownAttendee, match=r"attendees\[9\] \(500 of 500 entries\)") as caught:
        changes_for(a_booking(), a_request(*(f"x{number}@y.org" for number in range(500))))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("stored", "requested"),
    [
        ([row(ANN), row(ANN)], [ANN]),
        ([row(ANN, seatUid="s1"), row(ANN, seatUid="s2")], [ANN]),
        ([row(ANN), row("ann@example.org")], ["ANN@EXAMPLE.ORG"]),
        ([row(ANN, True), row(ANN, False)], [ANN]),
        ([row("a+1@x.org", displayEmail="a@x.org"), row("a+2@x.org", displayEmail="a@x.org")], ["a@x.org"]),
        ([row("a+1@x.org", displayEmail="a@x.org")], ["a@x.org", "a+1@x.org"]),
    ],
)
def test_an_ambiguous_entry_is_refused(stored, requested):
    """An entry that fits several rows, or two entries that fit one, are refused: Cal.com would mark one of them."""
    with pytest.raises(errors.AmbiguousAttendee, match=r"attendees\[0\]") as caught:
        changes_for(a_booking(*stored), a_request(*requested))
    assert not ADDRESS.search(str(caught.value))


def test_rows_that_need_no_change_are_not_ambiguous():
    """Several rows that all have the wanted flag need no call, so nothing is ambiguous."""
    changes = changes_for(a_booking(row(ANN, True), row(ANN, True)), a_request(ANN))
    assert not changes
    assert changes.unchanged == (ANN,)


@pytest.mark.parametrize("absent", [True, False])
def test_only_what_differs_is_a_change(absent):
    """Attendees who have their flag already are left out."""
    booking = a_booking(row(ANN, absent), row(BOB, not absent))
    requested = [{"email": ANN, "absent": absent}, {"email": BOB, "absent": absent}]
    assert marks(booking, *requested) == [(BOB, absent)]


OUTSIDER = "anna@freelance.example"
GONE = {"id": "unknown", "name": "unknown", "email": "unknown"}
SUFFIX = "+cm0practice0client0id0000"
SMS = "4915123456789@sms.cal.com"
BY_PHONE = {"name": "Ann", "attendeePhoneNumber": "+4915123456789", "guests": []}
IN_TWO_NAMES = {"name": {"firstName": "Ann", "lastName": "Ames"}, "email": ANN, "guests": []}
UNKNOWN = {"name": "unknown", "email": "unknown", "guests": [], "rescheduledReason": "unknown"}

COHOSTS = [
    ("the co-host of a team", a_booking(), COHOST, True),
    ("a co-host in another case", a_booking(row("HANS@Host.example")), "hans@host.example", True),
    ("the organiser listed as attendee", a_booking(row("Olivia@host.example")), "Olivia@host.example", True),
    (
        "the organiser by displayEmail",
        a_booking(row("o@x.example"), hosts=[ORGANISER | {"displayEmail": "O@x.example"}]),
        "o@x.example", True,
    ),
    ("who booked", a_booking(), ANN, False),
    ("a guest", a_booking(), BOB, False),
    ("a guest of another domain", a_booking(), GUEST, False),
    (
        "who booked, from the organiser's company",
        a_booking(row(COHOST), bookingFieldsResponses={"email": "Hans@HOST.example"}, guests=[]),
        COHOST, False,
    ),
    (
        "a guest from the organiser's company",
        a_booking(row(ANN), row(COHOST), guests=[COHOST], bookingFieldsResponses={"email": ANN}),
        COHOST, False,
    ),
    (
        "a guest named only in the responses",
        a_booking(row(ANN), row(COHOST), guests=None, bookingFieldsResponses={"email": ANN, "guests": [COHOST]}),
        COHOST, False,
    ),
    (
        "a seat of the organiser's company",
        a_booking(row(COHOST, seatUid="s1"), bookingFieldsResponses={}),
        COHOST, False,
    ),
    (
        "a seat beside who booked",
        a_booking(row(ANN, seatUid="s0"), row(COHOST, seatUid="s1")),
        COHOST, False,
    ),
    (
        "who booked with the organiser's freemail",
        a_booking(
            row("ann@gmail.com"), hosts=[ORGANISER | {"email": "olivia@gmail.com"}],
            bookingFieldsResponses={"email": "ann@gmail.com"}, guests=[],
        ),
        "ann@gmail.com", False,
    ),
    (
        "a managed user who booked a managed organiser",
        a_booking(
            row("ann+clxyz@acme.example", displayEmail="ann@acme.example"),
            hosts=[ORGANISER | {"email": "olivia+clxyz@acme.example", "displayEmail": "olivia@acme.example"}],
            bookingFieldsResponses={"email": "ann@acme.example"}, guests=[],
        ),
        "ann+clxyz@acme.example", False,
    ),
    ("a booking without responses", a_booking(row(COHOST), bookingFieldsResponses=None), COHOST, False),
    ("a co-host where the organiser is gone", a_booking(hosts=[]), COHOST, True),
    ("who booked where the organiser is gone", a_booking(hosts=[GONE]), ANN, False),
    ("a co-host of another domain", a_booking(row(ANN), row(OUTSIDER)), OUTSIDER, True),
    ("a co-host beside who booked twice", a_booking(row(ANN), row(ANN.upper()), row(OUTSIDER)), OUTSIDER, True),
    ("a guest in another case", a_booking(row(ANN), row(GUEST.upper())), GUEST, False),
    (
        "a guest who was added later",
        a_booking(row(ANN), row(OUTSIDER), guests=[], bookingFieldsResponses={"email": ANN, "guests": [OUTSIDER]}),
        OUTSIDER, False,
    ),
    (
        "a guest whom a platform manages, on a server without displayEmail",
        a_booking(row(ANN), row(f"gus{SUFFIX}@acme.example"), guests=["gus@acme.example"]),
        f"gus{SUFFIX}@acme.example", False,
    ),
    (
        "who booked and is managed, on a server without displayEmail",
        a_booking(row(f"ann{SUFFIX}@example.org"), row(OUTSIDER)),
        f"ann{SUFFIX}@example.org", False,
    ),
    (
        "a co-host whom a platform manages, like who booked",
        a_booking(row(f"ann{SUFFIX}@example.org"), row(f"otto{SUFFIX}@acme.example")),
        f"otto{SUFFIX}@acme.example", True,
    ),
    ("who booked by telephone", a_booking(row(SMS), row(OUTSIDER), bookingFieldsResponses=BY_PHONE), SMS, False),
    ("a co-host of who booked so", a_booking(row(SMS), row(OUTSIDER), bookingFieldsResponses=BY_PHONE), OUTSIDER, True),
    (
        "who booked with an address and a number",
        a_booking(
            row("new@example.org", phoneNumber="+49 151 23456789"), row(OUTSIDER),
            bookingFieldsResponses=BY_PHONE | {"email": "old@example.org"},
        ),
        "new@example.org", False,
    ),
    (
        "a number for reminders is not who booked",
        a_booking(
            row(ANN), row(OUTSIDER, phoneNumber="+4915123456789"),
            bookingFieldsResponses={"email": ANN, "smsReminderNumber": "+4915123456789"},
        ),
        OUTSIDER, True,
    ),
    (
        "who booked under an address that is on the booking no more",
        a_booking(row("new@example.org", name="Ann  Ames"), row(OUTSIDER), bookingFieldsResponses=IN_TWO_NAMES),
        "new@example.org", False,
    ),
    (
        "a co-host beside them",
        a_booking(row("new@example.org", name="Ann Ames"), row(OUTSIDER), bookingFieldsResponses=IN_TWO_NAMES),
        OUTSIDER, True,
    ),
    (
        "a co-host who has the name of who booked",
        a_booking(row(ANN, name="Ann Ames"), row(OUTSIDER, name="Ann Ames"), bookingFieldsResponses=IN_TWO_NAMES),
        OUTSIDER, True,
    ),
    ("somebody of a booking whose booker is not on it", a_booking(row(OUTSIDER), row(BOB)), OUTSIDER, False),
    ("a co-host of such a booking", a_booking(row(OUTSIDER), row(COHOST)), COHOST, True),
    ("a seat without its seat's uid", a_booking(row(OUTSIDER), bookingFieldsResponses=UNKNOWN), OUTSIDER, False),
    ("such a seat of the organiser's company", a_booking(row(COHOST), bookingFieldsResponses=UNKNOWN), COHOST, True),
    (
        "a seat of another domain beside who booked",
        a_booking(row(ANN, seatUid="s0"), row(OUTSIDER, seatUid="s1")),
        OUTSIDER, False,
    ),
    (
        "guests of another shape",
        a_booking(row(ANN), row(OUTSIDER), guests=[None, {"email": OUTSIDER}]),
        OUTSIDER, True,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("booking", "email", "is_host"), [case[1:] for case in COHOSTS], ids=[case[0] for case in COHOSTS]
)
def test_cohosts_are_distinguished(booking, email, is_host):
    """A co-host among the attendees is refused unless allowed; who booked, guests and seats never are."""
    attendee = next(row for row in booking["attendees"] if row["email"].lower() == email.lower())
    assert host_test(booking)(attendee) is is_host
    if is_host:
        with pytest.raises(errors.CoHostRefused, match=r"attendees\[0\]") as caught:
            changes_for(booking, a_request(email))
        assert not ADDRESS.search(str(caught.value))
    assert marks(booking, email, allow_cohosts=True) == [(attendee["email"], True)]


def test_a_cohost_who_needs_no_change_does_not_matter():
    """A co-host who has the wanted flag already is not refused."""
    assert not changes_for(a_booking(row(COHOST, True)), a_request(COHOST))


@pytest.mark.parametrize("build", BUILDS)
def test_cohosts_of_the_recorded_bookings(build):
    """On the real server's bookings only hosts are treated as co-hosts: no booker, no guest and no seat is."""
    for recording in recordings(build):
        body = recording["response"].get("json")
        data = body.get("data") if isinstance(body, dict) else None
        items: list[Any] = data if isinstance(data, list) else [data]
        for item in items:
            for attendee in item.get("attendees") or () if isinstance(item, dict) and "start" in item else ():
                if host_test(item)(attendee):
                    domains = {host["email"].rpartition("@")[2] for host in item["hosts"]}
                    assert attendee["email"].rpartition("@")[2] in domains
                    assert attendee["email"] != item["bookingFieldsResponses"].get("email")


# Making it so.


def error_of(both, server: Handler, request: MarkRequest, error_class: type, **options: Any) -> errors.CalComError:
    with pytest.raises(errors.CalComError) as caught:
        both.run(server, mark_no_shows(request, **options))
    assert type(caught.value) is error_class
    assert not ADDRESS.search(all_texts(caught.value))
    return caught.value


def flags(server: FakeCalCom) -> dict[str, bool]:
    return {row["email"]: row["absent"] for row in server.booking["attendees"]}


@pytest.mark.parametrize("build", ["2025", "2026"])
def test_one_call_for_host_and_attendees(both, build):
    """Host and attendees go into one call, with stored spellings and only what differs, and the outcome says it all."""
    server = a_server(row(ANN), row(BOB, True), row(GUEST, True), build=build)
    requested = ["ann@example.org", {"email": BOB, "absent": False}, GUEST, "who@example.org"]
    outcome = both.run(server, mark_no_shows(a_request(*requested, host_absent=True, on_unknown_attendee="skip")))
    assert server.writes == [
        {"host": True, "attendees": [{"email": ANN, "absent": True}, {"email": BOB, "absent": False}]}
    ]
    assert outcome == MarkOutcome(
        booking_uid="uid1", marked=[ANN], unmarked=[BOB], unchanged=[GUEST], unknown=["who@example.org"],
        absent_host=True, calls=1,
    )  # fmt: skip
    assert flags(server) == {ANN: True, BOB: False, GUEST: True}
    assert server.booking["absentHost"] is True


@pytest.mark.parametrize(
    ("request_fields", "body"),
    [
        ({"host_absent": True}, {"host": True}),
        ({"attendees": (RequestedMark(0, ANN, True),)}, {"attendees": [{"email": ANN, "absent": True}]}),
        (
            {"attendees": (RequestedMark(0, ANN, True),), "host_absent": False},
            {"attendees": [{"email": ANN, "absent": True}]},
        ),
    ],
)
def test_what_is_not_wanted_is_not_in_the_body(both, request_fields, body):
    """A host alone is sent without attendees and attendees without a host: an empty list is never sent."""
    server = a_server()
    both.run(server, mark_no_shows(MarkRequest("uid1", **request_fields)))
    assert server.writes == [body]


@pytest.mark.parametrize("status", ["accepted", "cancelled"])
@pytest.mark.parametrize(
    "requested",
    [
        {"host_absent": True},
        {"attendees": (RequestedMark(0, ANN, True),)},
        {"attendees": (RequestedMark(0, ANN, True), RequestedMark(1, BOB, False)), "host_absent": True},
        {"attendees": (RequestedMark(0, "x@y.org", True),), "on_unknown_attendee": "skip"},
    ],
)
def test_nothing_to_do_is_one_reading_call(both, status, requested):
    """Where nothing differs nothing is written, whatever the status, the owner and the start of the booking."""
    booking = a_booking(row(ANN, True), row(BOB, False), status=status, absentHost=True)
    server = a_server(booking=booking, now=START - 86_400, listed=False, user_id=99)
    outcome = both.run(server, mark_no_shows(MarkRequest("uid1", **requested)))
    assert server.calls == ["GET /v2/bookings/uid1"]
    assert (outcome.calls, outcome.marked, outcome.unmarked, outcome.absent_host) == (0, [], [], True)


@pytest.mark.parametrize("status", ["cancelled", "rejected", "pending", "awaiting_host", "new"])
def test_only_accepted_bookings_by_default(both, status):
    """A booking of another status is refused unless its status is allowed, although Cal.com would mark people."""
    server = a_server(booking=a_booking(status=status))
    error = error_of(both, server, a_request(ANN), errors.BookingNotMarkable)
    assert f"'{status}' to allowed_statuses" in str(error)
    assert server.writes == []
    both.run(server, mark_no_shows(a_request(ANN, allowed_statuses=("accepted", status))))
    assert flags(server)[ANN] is True


@pytest.mark.parametrize(("seconds", "started"), [(-3600, False), (-2, False), (0, True), (1, True), (86_400, True)])
@pytest.mark.parametrize("dates", [True, False])
def test_a_booking_that_has_not_started(both, seconds, started, dates):
    """Before the start by the server's clock, or by ours where it sends none, nothing is written."""
    server = a_server(now=START + seconds, dates=dates)
    request = a_request(ANN)
    # A clock of ours that is wrong does not matter where the server sends its own.
    clock = (lambda: START + seconds) if not dates else (lambda: 0.0 if started else 4e9)
    if started:
        both.run(server, mark_no_shows(request, wall_clock=clock))
        assert flags(server)[ANN] is True
    else:
        error = error_of(both, server, request, errors.BookingNotStarted, wall_clock=clock)
        assert "2026-11-20T09:00:00.000Z" in str(error)
        assert error.retryable
        assert server.writes == []


def test_a_host_is_never_unmarked(both):
    """host_absent=False on a marked host is refused, because servers differ in what they make of it."""
    server = a_server(booking=a_booking(absentHost=True))
    error_of(both, server, a_request(ANN, host_absent=False), errors.HostUnmarkRefused)
    assert server.writes == []


@pytest.mark.parametrize(
    ("options", "allowed", "refused"),
    [
        ({"user_id": 7, "listed": False}, False, False),
        ({"user_id": 99, "listed": True}, False, False),
        ({"user_id": 99, "listed": False}, False, True),
        ({"user_id": 99, "listed": False}, True, False),
    ],
)
def test_the_host_of_a_foreign_booking_is_not_marked(both, options, allowed, refused):
    """A booking that the key's user neither hosts nor can list is refused for the host, unless that is allowed."""
    server = a_server(**options)
    request = a_request(host_absent=True, allow_foreign_booking=allowed)
    if refused:
        error_of(both, server, request, errors.BookingNotMarkable)
        assert server.writes == []
    else:
        both.run(server, mark_no_shows(request))
        assert server.booking["absentHost"] is True


def test_attendees_of_a_foreign_booking_are_guarded_as_the_host_is(both):
    """The open edition lets any key mark attendees of most bookings, so whose booking it is counts for them, too."""
    server = a_server(user_id=99, listed=False)
    error_of(both, server, a_request(ANN), errors.BookingNotMarkable)
    assert server.writes == []
    both.run(server, mark_no_shows(a_request(ANN, allow_foreign_booking=True)))
    assert len(server.writes) == 1


def test_a_cohost_may_mark_attendees_and_who_booked_may_not(both):
    """Both are among the attendees of a booking on the list; its form shows which of them they are.

    A co-host of another mail domain than the organiser's is a doubt, and may not either.
    """

    def handler(server: FakeCalCom, email: str) -> Handler:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v2/me":
                return httpx.Response(200, json=success({"id": 99, "email": email.title()}))
            return server(request)

        return answer

    def a_team(member, **form):
        booking = a_booking(row(ANN), row(member), bookingFieldsResponses={"email": ANN, "guests": []} | form)
        return a_server(booking=booking, user_id=99)

    assert both.run(handler(a_team(COHOST), COHOST), mark_no_shows(a_request(ANN))).marked == [ANN]
    me = "me@elsewhere.example"
    for form in ({"email": me, "guests": [ANN]}, {"guests": [me]}, {}):
        server = a_team(me, **form)
        error_of(both, handler(server, me), a_request(ANN), errors.BookingNotMarkable)
        assert server.writes == []


@pytest.mark.parametrize("own", [None, "unknown", True, "7", [7]])
def test_an_id_that_is_not_a_number_makes_no_host(own):
    """Cal.com writes unknown for the id of each organiser whose account is gone, so equal texts are not one person."""
    booking = a_booking(hosts=[{"id": own, "email": "gone@example.org"}])
    assert not is_hosted_by(booking, {"id": own, "email": "me@example.org"})
    assert not is_ours(booking, {"id": own, "email": "me@example.org"}, is_listed=False)


def test_a_managed_user_who_attends_is_known_with_and_without_the_platforms_suffix():
    """Cal.com writes the platform's id into the address of an attendee, and perhaps not into that of the user."""
    managed = f"me+c{'a1' * 12}@example.org"
    for here, there in ((managed, "me@example.org"), ("me@example.org", managed)):
        booking = a_booking(row(ANN), row(here))
        assert not is_ours(booking, {"id": 99, "email": there}, is_listed=True)


def test_dry_run(both):
    """A dry run finds out everything and writes nothing."""
    server = a_server(row(ANN), row(BOB, True))
    requested = [ANN, {"email": BOB, "absent": False}]
    outcome = both.run(server, mark_no_shows(a_request(*requested, host_absent=True, dry_run=True)))
    assert server.writes == []
    assert (outcome.marked, outcome.unmarked, outcome.absent_host, outcome.calls) == ([ANN], [BOB], True, 0)


@pytest.mark.parametrize("fault", ["cancelled", "unstarted", "foreign", "unknown"])
def test_a_dry_run_refuses_as_a_real_one(both, fault):
    """A dry run is refused where the real one would be."""
    server = {
        "cancelled": lambda: a_server(booking=a_booking(status="cancelled")),
        "unstarted": lambda: a_server(now=START - 60),
        "foreign": lambda: a_server(user_id=99, listed=False),
        "unknown": lambda: a_server(row(BOB)),
    }[fault]()
    with pytest.raises(errors.CalComError):
        both.run(server, mark_no_shows(a_request(ANN, host_absent=True, dry_run=True)))
    assert server.writes == []


@pytest.mark.parametrize(
    ("faults", "sent", "slept"),
    [
        (["lost"], 2, [1.0]),
        (["committed"], 1, [1.0]),
        (["dropped"], 1, [1.0]),
        (["lost", "lost"], 3, [1.0, 2.0]),
        (["lost", "committed"], 2, [1.0, 2.0]),
        (["lost", "lost", "dropped"], 3, [1.0, 2.0, 4.0]),
    ],
)
def test_an_unknown_outcome_is_looked_at_before_anything_is_sent_again(both, faults, sent, slept):
    """After an unknown outcome the booking is read, and only what it does not show is sent again."""
    server = a_server(row(ANN), row(BOB), faults=faults)
    pauses: list[float] = []
    outcome = both.run(server, mark_no_shows(a_request(ANN, BOB, host_absent=True)), pauses=pauses)
    assert len(server.writes) == sent == outcome.calls
    assert pauses == slept
    assert flags(server) == {ANN: True, BOB: True}
    assert (outcome.marked, outcome.absent_host) == ([ANN, BOB], True)


def test_an_outcome_that_stays_unknown(both):
    """After three calls of unknown outcome the last error is raised, with what the booking does not show."""
    server = a_server(row(ANN), row(BOB), faults=["lost"] * 9)
    error = error_of(both, server, a_request(ANN, BOB), errors.OutcomeUnknown)
    assert len(server.writes) == 3
    assert "After 3 calls 2 of 2 changes don't show" in str(error)


def test_only_what_still_differs_is_sent_again(both):
    """What the booking shows after an unknown outcome is not sent a second time."""
    server = a_server(row(ANN), row(BOB), faults=["lost"])
    real = server._mark

    def half_done(body: dict[str, Any]) -> httpx.Response:
        if not server.writes:
            server.booking["attendees"][0]["absent"] = True
        return real(body)

    server._mark = half_done  # type: ignore[method-assign]
    both.run(server, mark_no_shows(a_request(ANN, BOB, host_absent=True)))
    assert server.writes[1:] == [{"host": True, "attendees": [{"email": BOB, "absent": True}]}]


@pytest.mark.parametrize("fault", [httpx.ConnectError("gone"), httpx.ReadTimeout("gone"), 503])
def test_an_unknown_outcome_that_cant_be_looked_at_stays_unknown(both, fault):
    """Where the booking can't be read after a write of unknown outcome, the error says that it may have been done."""
    server = a_server(row(ANN), faults=["dropped"])
    server.read_fault = fault
    error_of(both, server, a_request(ANN), errors.OutcomeUnknown)


def test_a_refused_update_is_reported_with_what_was_written(both):
    """Cal.com's 500 is raised with how many of the changes the booking shows all the same."""
    server = a_server(row(ANN), row(BOB))
    real = server._change

    def without_bob(body: dict[str, Any]) -> bool:
        server.booking["attendees"] = [row for row in server.booking["attendees"] if row["email"] != BOB]
        return real(body)

    server._change = without_bob  # type: ignore[method-assign]
    error = error_of(both, server, a_request(ANN, BOB), errors.NoShowUpdateFailed)
    assert "of 2 changes it shows 1 as written and 1 not" in str(error)
    assert len(server.writes) == 1


def test_hidden_attendees_are_named(both):
    """Cal.com hides the attendees of a booking with seats from most keys; the entries may be quite right."""
    error = error_of(both, a_server(booking=a_booking(attendees=[])), a_request(ANN), errors.UnknownAttendee)
    assert "hides the attendees of a booking with seats" in str(error)
    assert "Correct them" not in str(error)


def test_a_user_who_may_not_mark(both):
    """Without the right to mark attendees Cal.com's 500 is reported as such, after one call."""
    server = a_server(may_mark=False)
    error = error_of(both, server, a_request(ANN), errors.NoShowUpdateFailed)
    assert "it shows 0 as written and 1 not" in str(error)
    assert not error.retryable
    assert len(server.writes) == 1


@pytest.mark.parametrize("host_absent", [None, True])
def test_a_failed_update_whose_booking_shows_the_changes_is_carried_out(both, host_absent):
    """Cal.com answers its 500 also where it fails after the write: what the booking shows was done, with one call."""
    server = a_server(faults=["failed after"])
    outcome = both.run(server, mark_no_shows(a_request(ANN, host_absent=host_absent)))
    assert (outcome.marked, outcome.absent_host, outcome.calls) == ([ANN], host_absent is True, 1)
    assert len(server.writes) == 1


@pytest.mark.parametrize("fault", [httpx.ConnectError("gone"), httpx.ReadTimeout("gone"), 500, 403, 429])
@pytest.mark.parametrize("may_mark", [True, False])
def test_a_failed_update_whose_booking_cant_be_read_is_unknown(both, may_mark, fault):
    """Where the booking can't be read after Cal.com's 500, nobody knows whether it refused; the next try reads it."""
    server = a_server(may_mark=may_mark, faults=["failed after"] if may_mark else [])
    server.read_fault = fault
    error = error_of(both, server, a_request(ANN), errors.OutcomeUnknown)
    assert error.retryable
    assert "Run the task again later: it reads the booking first" in str(error)
    assert "can't help" not in str(error), "it would contradict what was just said"
    assert len(server.writes) == 1


def test_a_failed_update_is_written_down_with_the_request_id(both):
    """Cal.com's support finds the call by the id that its 500 had, whatever the booking shows."""
    for server in (a_server(faults=["failed after"]), a_server(may_mark=False)):
        written = both.run(server, write_changes("uid1", changes_for(server.booking, a_request(ANN))))
        assert written.request_id == "id-of-500"
        assert written.failure_is_definitive


@pytest.mark.parametrize(("host_absent", "count"), [(None, "1 of 1"), (True, "2 of 2")])
def test_a_200_that_changed_nothing(both, host_absent, count):
    """A 200 whose booking does not show the change is not a success."""
    server = a_server(faults=["ignored"])
    error = error_of(both, server, a_request(ANN, host_absent=host_absent), errors.ChangeNotVerified)
    assert count in str(error)
    assert len(server.writes) == 1


def test_an_attendee_who_left_is_not_verified(both):
    """On servers of 2026 an address that left the booking meanwhile is skipped with 200, which is not a success."""
    server = a_server(row(ANN), row(BOB), build="2026")
    real = server._mark

    def without_bob(body: dict[str, Any]) -> httpx.Response:
        server.booking["attendees"] = server.booking["attendees"][:1]
        return real(body)

    server._mark = without_bob  # type: ignore[method-assign]
    error = error_of(both, server, a_request(ANN, BOB), errors.ChangeNotVerified)
    assert "1 of 2 changes" in str(error)


def test_another_booking_than_requested(both):
    """An answer with another uid is refused before anything is written."""
    server = a_server()

    def other(request: httpx.Request) -> httpx.Response:
        server.calls.append(request.url.path)
        return httpx.Response(200, json={"status": "success", "data": a_booking(uid="other")})

    with pytest.raises(
        errors.BookingNotMarkable, match="booking_uid is uid1, but the server responded with booking other"
    ):
        both.run(other, mark_no_shows(a_request(ANN)))
    assert len(server.calls) == 1


@pytest.mark.parametrize("uid", [" uid1", "uid1\n"])
def test_white_space_around_the_uid_does_not_matter(both, uid):
    """A uid with white space around it, as templates leave it, is the same booking."""
    server = a_server()
    both.run(server, mark_no_shows(a_request(ANN, booking_uid=uid)))
    assert flags(server)[ANN] is True


def test_an_unknown_booking(both):
    """A uid that the server does not know is reported as such."""
    error_of(both, a_server(), a_request(ANN, booking_uid="nosuch"), errors.BookingNotFound)


def test_a_booking_without_an_end(both):
    """A booking without an end, as no server has sent yet, does not crash when its owner is looked for."""
    booking = a_booking()
    del booking["end"]
    both.run(a_server(booking=booking, user_id=99), mark_no_shows(a_request(host_absent=True)))


@pytest.mark.parametrize(
    "me",
    [
        httpx.Response(403, json={"error": {"message": "insufficient_scope: PROFILE_READ"}}),
        httpx.Response(200, json=success({"id": 99})),
        httpx.Response(200, json=success({"id": 99, "email": None})),
    ],
)
def test_the_list_alone_makes_no_owner(both, me):
    """Cal.com also lists what a user only attends, so a key whose user is not known marks nobody by default."""
    server = a_server(user_id=99)

    def without_me(request: httpx.Request) -> httpx.Response:
        return me if request.url.path == "/v2/me" else server(request)

    for request in (a_request(host_absent=True), a_request(ANN)):
        error = error_of(both, without_me, request, errors.BookingNotMarkable)
        assert "allow_foreign_booking=True" in str(error)
    assert server.writes == []
    both.run(without_me, mark_no_shows(a_request(host_absent=True, allow_foreign_booking=True)))
    assert server.booking["absentHost"] is True


# Answers that are late, or of something else.


def slow_server(seconds: float, **options: Any) -> tuple[Any, list[float], FakeCalCom]:
    """A server that carries out the first call ``seconds`` after the client stopped waiting for it."""
    server = a_server(**options)
    pauses: list[float] = []
    waiting: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and not waiting:
            waiting.append(request)
            raise httpx.ReadTimeout("too slow", request=request)
        if waiting and sum(pauses) >= seconds and not server.writes:
            server(waiting[0])
        return server(request)

    return handler, pauses, server


@pytest.mark.parametrize("seconds", [0, 1.5, 4, 11, 36])
def test_a_slow_call_is_waited_for_and_not_sent_again(both, seconds):
    """A server that is still at work when we stop waiting is given time, so that nobody is notified twice."""
    handler, pauses, server = slow_server(seconds)
    outcome = both.run(handler, mark_no_shows(a_request(ANN)), pauses=pauses)
    assert (outcome.marked, outcome.calls, len(server.writes)) == ([ANN], 1, 1)


@pytest.mark.parametrize("status", [504, 524])
def test_a_gateway_that_stopped_waiting_is_treated_as_a_slow_call(both, status):
    """504 and 524 say that the gateway stopped waiting, not that Cal.com did."""
    server = a_server()
    pauses: list[float] = []

    def handler(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        return httpx.Response(status, text="<html>") if request.method == "POST" else answer

    both.run(handler, mark_no_shows(a_request(ANN)), pauses=pauses)
    assert pauses[:1] == [2.0]


def answering_writes_with(server: FakeCalCom, change) -> Any:
    """The server, with the answers to its writes changed after they were carried out."""

    def handler(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        return httpx.Response(200, json=change(answer.json())) if request.method == "POST" else answer

    return handler


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body | {"data": body["data"] | {"uid": "other"}},
        lambda body: body | {"data": [body["data"], body["data"]]},
        lambda body: body | {"data": {"startTime": body["data"]["start"]}},
        lambda body: body | {"data": None},
        lambda body: {"status": "error"},
    ],
    ids=["another booking", "a list", "the oldest shape", "nothing", "an error in a 200"],
)
def test_a_response_of_another_kind_is_read_again(both, change):
    """An answer to a write that is not the booking proves nothing; the booking is read, and not written again."""
    server = a_server()
    outcome = both.run(answering_writes_with(server, change), mark_no_shows(a_request(ANN)))
    assert (outcome.marked, len(server.writes)) == ([ANN], 1)


def test_another_booking_at_the_second_look_proves_nothing(both):
    """After a lost call, another booking that shows the flags is not treated as ours."""
    server = a_server(faults=["lost"])
    marked = a_booking(row(ANN, True)) | {"uid": "other"}

    def handler(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        return httpx.Response(200, json=success(marked)) if server.writes and request.method == "GET" else answer

    error_of(both, handler, a_request(ANN), errors.OutcomeUnknown)
    assert len(server.writes) == 1


def test_a_failure_after_an_unknown_outcome_reports_both(both):
    """Where the second call fails for good, the error still says that the first one may have been carried out."""
    server = a_server(faults=["lost"])

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and server.writes:
            return httpx.Response(403, json={"error": {"message": "insufficient_scope"}})
        return server(request)

    error = error_of(both, handler, a_request(ANN), errors.OutcomeUnknown)
    assert "scopes" in str(error)
    assert "outcome is unknown" in str(error)


def test_who_only_attends_may_not_mark_the_host(both):
    """A booking in which the key's user is an attendee is on its list, and still not its own."""
    server = a_server(booking=a_booking(row(ANN), row("me@elsewhere.example")), user_id=99)

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/me":
            return httpx.Response(200, json=success({"id": 99, "email": "Me@elsewhere.example"}))
        return server(request)

    error = error_of(both, handler, a_request(host_absent=True), errors.BookingNotMarkable)
    assert "allow_foreign_booking" in str(error)
    assert server.writes == []


def test_a_look_alike_is_somebody_else():
    """Only ASCII letters are folded: the Kelvin sign is not a k, although its lower case is."""
    assert not changes_for(
        a_booking(row("mark@x.example")), a_request("mar\u212a@x.example", on_unknown_attendee="skip")
    )


@pytest.mark.parametrize(
    "text",
    [
        '[{"email": "a@x.example", "absent": false, "absent": true}]',
        '[{"email": "a@x.example", "email": "b@x.example"}]',
    ],
)
def test_a_string_that_contradicts_itself_is_refused(text):
    """A key that stands twice in one object would silently decide who is marked."""
    with pytest.raises(errors.InvalidArgument, match="attendees"):
        parse_attendees(text)
