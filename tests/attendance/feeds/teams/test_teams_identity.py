"""Who a record of Microsoft Graph is about: addresses, names, telephones, applications, and the id of an account."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedUnreadable, read_feed

ACCOUNT = "dc17674c-81d9-4adb-bfb2-8f6a442e4623"
USER = "#microsoft.graph.communicationsUserIdentity"


def row_of(identity: Any, *, options: dict[str, Any] | None = None, **more: Any) -> AttendanceRow:
    """The row of one attendance record without an ``emailAddress``."""
    stay = {"joinDateTime": "2026-11-18T09:01:25Z", "leaveDateTime": "2026-11-18T09:29:45Z", "durationInSeconds": 1700}
    record = {
        "id": "2",
        "emailAddress": None,
        "totalAttendanceInSeconds": 1700,
        "identity": identity,
        "attendanceIntervals": [stay],
        **more,
    }
    (row,) = read_feed("teams", [record], max_unreadable=0, conference_key="19:x@thread.v2", **(options or {}))
    return row


@pytest.mark.parametrize(
    "identity",
    [
        {"@odata.type": "#microsoft.graph.communicationsGuestIdentity", "email": "ann@example.org"},
        {"userPrincipalName": "ann@example.org"},
        {"userPrincipalName": "ann_example.org#EXT#@contoso.onmicrosoft.com"},
        {"user": {"email": "ann@example.org"}},
        {"user": {"email": "ann@example.org", "userPrincipalName": "archer@example.org"}},
        {"guest": {"email": "ann@example.org", "displayName": "Ann"}},
        {"communicationsGuestUser": {"email": "ann@example.org"}},
        {"acsUser": {"id": "8:acs:1", "email": "ann@example.org"}},
        {"user": None, "guest": {"mail": "ann@example.org"}},
        {"user": {"email": "ann@example.org"}, "guest": {"email": "ANN@example.org"}},
    ],
)
def test_an_address_is_found_in_the_identity(identity: dict[str, Any]) -> None:
    """Where ``emailAddress`` is empty, an address or account name within the identity is the person's."""
    assert (row_of(identity)["email"] or "").lower() == "ann@example.org"


def test_the_record_s_own_address_goes_first() -> None:
    """``emailAddress`` is documented as the person's; what is not an address is ignored."""
    assert row_of({"email": "b@x.example"}, emailAddress="a@x.example")["email"] == "a@x.example"
    assert row_of({"email": "b@x.example"}, emailAddress="Ann Archer")["email"] == "b@x.example"
    assert row_of({"displayName": "Ann"}, userPrincipalName="c@x.example")["email"] == "c@x.example"


def test_an_email_beside_graphs_own_address_is_somebody_elses() -> None:
    """As in a table of records that was joined with the meetings' organisers; alone it is the participant's."""
    assert row_of({"displayName": "Ann"}, email="olivia@clinic.example")["email"] is None
    flat = {"displayName": "Ann", "email": "ann@example.org", "joinDateTime": "2026-11-18T09:01:25Z"}
    assert [row["email"] for row in read_feed("teams", [flat])] == ["ann@example.org"]


def test_of_two_people_in_one_identity_neither_is_taken() -> None:
    """Two that differ are two people: taking one would give one's presence to the other."""
    both = {
        "user": {"email": "ann@example.org", "displayName": "Ann"},
        "guest": {"email": "bob@example.org", "displayName": "Bob"},
    }
    row = row_of(both)
    assert (row["kind"], row["email"], row["name"]) == ("person", None, None)


def test_addresses_of_the_option_are_found_by_the_ids_of_the_record() -> None:
    """An account's id, also that within an identity set, or a registration's."""
    options = {"addresses": {ACCOUNT: "ann@example.org", "r1": "bob@example.org"}}
    assert row_of({"id": ACCOUNT}, options=options)["email"] == "ann@example.org"
    assert row_of({"user": {"id": ACCOUNT}}, options=options)["email"] == "ann@example.org"
    assert row_of({"id": None}, options=options, registrationId="r1")["email"] == "bob@example.org"
    assert row_of({"id": ACCOUNT}, options=options, registrationId="r1")["email"] is None


@pytest.mark.parametrize(
    ("identity", "phone", "name"),
    [
        ({"phone": {"id": "+15551230000", "displayName": "Ann"}}, "+15551230000", "Ann"),
        ({"phone": {"id": "4:+15551230000", "displayName": "+1 555-123-0000"}}, "+15551230000", None),
        ({"phone": {"displayName": "+1 555 123 0000 (Unverified)"}}, "+1 555 123 0000", None),
        (
            {"@odata.type": "#microsoft.graph.communicationsPhoneIdentity", "id": "+15551230000", "displayName": None},
            "+15551230000",
            None,
        ),
        ({"phone": {"id": ACCOUNT, "displayName": "Ann"}}, None, "Ann"),
        ({"displayName": "1555***0000"}, "1555***0000", None),
        ({"displayName": "Room 12345678"}, None, "Room 12345678"),
    ],
)
def test_telephones(identity: dict[str, Any], phone: str | None, name: str | None) -> None:
    """A phone identity's id is its number; a display name that is a number is one; other ids are none."""
    row = row_of(identity)
    assert (row["kind"], row["phone"], row["name"]) == ("person", phone, name)


@pytest.mark.parametrize(
    ("identity", "participant"),
    [
        ({"@odata.type": USER, "id": ACCOUNT, "displayName": "Ann"}, ACCOUNT),
        ({"@odata.type": USER, "id": ACCOUNT.upper(), "displayName": "Ann"}, ACCOUNT),
        ({"id": ACCOUNT, "displayName": "Ann", "tenantId": None}, ACCOUNT),
        ({"user": {"id": ACCOUNT}}, ACCOUNT),
        ({"id": ACCOUNT, "displayName": "Ann"}, None),
        ({"@odata.type": USER, "id": None, "displayName": "Ann"}, None),
        ({"@odata.type": USER, "id": "2", "displayName": "Ann"}, None),
        ({"@odata.type": USER, "id": "00000000-0000-0000-0000-000000000000", "displayName": "Ann"}, None),
        ({"@odata.type": USER, "id": ACCOUNT, "displayName": "Ann (Guest)"}, None),
        ({"@odata.type": "#microsoft.graph.communicationsGuestIdentity", "id": ACCOUNT}, None),
        ({"@odata.type": "#microsoft.graph.azureCommunicationServicesUserIdentity", "id": ACCOUNT}, None),
        ({"guest": {"id": ACCOUNT}}, None),
        ({"phone": {"id": "+15551230000"}}, None),
        (None, None),
    ],
)
def test_only_the_id_of_an_account_links_a_person_s_rows(identity: Any, participant: str | None) -> None:
    """A wrong link takes an unknown guest for somebody known; so only the documented object id of a user is one."""
    assert row_of(identity)["participant"] == participant


def test_a_webinar_s_registration_links_a_person_s_rows() -> None:
    """It is documented as one registrant's; an account's id goes first."""
    assert row_of({"displayName": "Ann"}, registrationId="r1")["participant"] == "r1"
    assert row_of({"@odata.type": USER, "id": ACCOUNT}, registrationId="r1")["participant"] == ACCOUNT


@pytest.mark.parametrize(
    ("identity", "kind"),
    [
        ({"application": {"id": "a1", "displayName": "Recorder"}}, "bot"),
        ({"applicationInstance": {"displayName": "Recorder"}}, "bot"),
        ({"@odata.type": "#microsoft.graph.teamworkApplicationIdentity", "displayName": "Recorder"}, "bot"),
        ({"application": {"displayName": "Teams"}, "user": {"displayName": "Ann"}}, "person"),
        ({"application": None, "user": {"displayName": "Ann"}}, "person"),
        ({"@odata.type": "#microsoft.graph.azureCommunicationServicesUserIdentity", "displayName": "Ann"}, "person"),
    ],
)
def test_a_person_is_not_treated_as_an_application(identity: dict[str, Any], kind: str) -> None:
    """A bot counts for nobody: beside a person's identity, an application is what that person used."""
    assert row_of(identity)["kind"] == kind
    assert row_of(identity, emailAddress="ann@example.org")["kind"] == "person"


def test_an_identity_of_another_type_is_a_fault_without_its_text() -> None:
    """A value of a type that it can't have is not passed over: it may be the only one that names the person."""
    with pytest.raises(FeedUnreadable) as caught:
        row_of({"displayName": ["Ann Archer"]})
    assert "Archer" not in str(caught.value)


@pytest.mark.parametrize(
    "identity",
    [
        {"application": "Ann Archer"},
        {"application": {"id": "+15551230000", "displayName": "+1 555 123 0000"}},
        {"displayName": "Ann Archer (Guest)", "application": {"displayName": "Teams"}},
    ],
)
def test_what_is_in_the_place_of_an_application_may_be_somebody(identity: dict[str, Any]) -> None:
    """A string, a telephone and a guest are not applications, which count for nobody."""
    assert row_of(identity)["kind"] == "person"


@pytest.mark.parametrize("blank", [None, ""])
def test_a_record_may_have_a_blank_column_of_its_report(blank: Any) -> None:
    """As in a table of both; with records in it, whose the stays are is not known."""
    assert row_of({"displayName": "Ann"}, attendanceRecords=blank)["name"] == "Ann"
    empty: list[list[Any]] = [[], [{}]]
    for records in empty:
        with pytest.raises(FeedUnreadable, match="attendanceRecords"):
            row_of({"displayName": "Ann"}, attendanceRecords=records)
