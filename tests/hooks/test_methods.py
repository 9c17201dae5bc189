"""Every method of CalComHook against the sandbox, and its documentation."""

from __future__ import annotations

import inspect
import json
import logging
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.support import BUILDS, SandboxDriver

each_build = pytest.mark.parametrize("build", BUILDS)
UID = "sandbox-yesterday-5"
BOB, CAROL, DAVE = "bob@example.org", "carol@example.org", "dave+cal@example.org"
FOREIGN = "sandbox-of-other"
OTHER_MEMBERS = {"get_conn", "get_async_conn", "test_connection", "get_ui_field_behaviour"}
OTHER_MEMBERS |= {"get_connection_form_widgets", "run_mark_request"}
PUBLIC = {name: method for name, method in vars(CalComHook).items() if not name.startswith("_") and callable(method)}
AUTHORS = sorted(PUBLIC.keys() - OTHER_MEMBERS)
TAKE_A_UID = [name for name in AUTHORS if "booking_uid" in inspect.signature(PUBLIC[name]).parameters]
TAKE_A_UID.remove("booking_page")  # sends nothing


@pytest.fixture
def hook(calcom: SandboxDriver) -> Iterator[CalComHook]:
    """Yield a hook of the sandbox."""
    with CalComHook() as hook:
        yield hook


def json_of(value: Any) -> Any:
    """Return the value, which must be JSON."""
    assert json.loads(json.dumps(value)) == value
    return value


# What the methods do.


@each_build
def test_get_me(hook: CalComHook) -> None:
    """The key's user."""
    assert json_of(hook.get_me())["username"] == "owner"


@each_build
def test_list_and_iterate_bookings(hook: CalComHook) -> None:
    """Both return the same bookings with the same filters."""
    span: dict[str, Any] = {"after_start": "2026-11-18T09:00:00Z", "before_start": "2026-11-18T11:00:00Z"}
    span["status"] = ["past"]
    found = json_of(hook.list_bookings(**span, event_type_ids=[1]))
    assert {one["uid"] for one in found} == {f"sandbox-yesterday-{number}" for number in (2, 3, 4)}
    assert {one["uid"] for one in hook.iterate_bookings(**span, event_type_ids=[1], page_size=1)} == {
        one["uid"] for one in found
    }


def test_iterating_is_lazy(hook: CalComHook, calcom: SandboxDriver) -> None:
    """A caller that stops early saves the calls for the other pages."""
    first = next(hook.iterate_bookings(page_size=2))
    first_calls = len(calcom.calls())
    assert first["start"] <= hook.list_bookings(page_size=2)[-1]["start"]
    assert first_calls < len(calcom.calls()) - first_calls


@each_build
def test_get_booking(hook: CalComHook) -> None:
    """One booking by its uid; a missing booking and a series are different errors."""
    assert json_of(hook.get_booking(booking_uid=UID))["uid"] == UID
    with pytest.raises(errors.BookingNotFound):
        hook.get_booking(booking_uid="no-such-booking")
    with pytest.raises(errors.BookingNotMarkable, match="series"):
        hook.get_booking(booking_uid="sandbox-series")


def test_get_bookings(hook: CalComHook) -> None:
    """In the order of the uids, each once; what can't be read fails, or is left out."""
    uids = ["sandbox-today-3", UID, "sandbox-tomorrow-1", "sandbox-today-4", UID]
    assert [one["uid"] for one in json_of(hook.get_bookings(booking_uids=uids))] == uids[:4]
    assert hook.get_bookings(booking_uids=[]) == []
    with pytest.raises(errors.BookingNotFound):
        hook.get_bookings(booking_uids=[UID, "no-such-booking"])
    assert [one["uid"] for one in hook.get_bookings(booking_uids=[UID, "no-such-booking"], skip_missing=True)] == [UID]
    with pytest.raises(errors.InvalidArgument, match=r"booking_uids\[1\]"):
        hook.get_bookings(booking_uids=[UID, "a b"])


@each_build
def test_get_booking_series(hook: CalComHook) -> None:
    """All occurrences of a series, in order; of a single booking a list of one."""
    series = json_of(hook.get_booking_series(booking_uid="sandbox-series"))
    assert [one["uid"] for one in series] == [f"sandbox-series-{number}" for number in (1, 2, 3, 4)]
    assert [one["uid"] for one in hook.get_booking_series(booking_uid=UID)] == [UID]


@each_build
def test_get_booking_by_seat(hook: CalComHook, build: str) -> None:
    """The booking of a seat, if the server has that route."""
    seat = hook.get_booking(booking_uid="sandbox-seated")["attendees"][1]["seatUid"]
    if build == "2026-07":
        assert json_of(hook.get_booking_by_seat(seat_uid=seat))["uid"] == "sandbox-seated"
    else:
        with pytest.raises(errors.ApiVersionNotServed):
            hook.get_booking_by_seat(seat_uid=seat)


@each_build
def test_get_attendees(hook: CalComHook, build: str) -> None:
    """Attendees with their ids, if the server has that route."""
    if build == "2026-07":
        assert [row["email"] for row in json_of(hook.get_attendees(booking_uid=UID))] == [BOB, CAROL, DAVE]
    else:
        with pytest.raises(errors.ApiVersionNotServed):
            hook.get_attendees(booking_uid=UID)


@each_build
def test_mark_absent(hook: CalComHook, calcom: SandboxDriver) -> None:
    """The hook marks as the operator does: once, and checked."""
    assert json_of(hook.mark_absent(booking_uid=UID, attendees=[BOB], dry_run=True))["calls"] == 0
    assert json_of(hook.mark_absent(booking_uid=UID, attendees=[BOB], host_absent=True))["calls"] == 1
    assert json_of(hook.mark_absent(booking_uid=UID, attendees=[BOB], host_absent=True))["calls"] == 0
    assert calcom.flags(UID) == (True, {BOB: True, CAROL: False, DAVE: False})
    assert len(calcom.marks()) == 1
    with pytest.raises(errors.UnknownAttendee):
        hook.mark_absent(booking_uid=UID, attendees=["nobody@example.net"])
    with pytest.raises(errors.BookingNotMarkable):
        hook.mark_absent(booking_uid="sandbox-cancelled", attendees=[CAROL])
    assert hook.mark_absent(booking_uid="sandbox-cancelled", attendees=[CAROL], allowed_statuses=["cancelled"])["calls"]


@pytest.mark.parametrize(
    ("method", "arguments", "path", "data"),
    [
        ("get_conferencing_sessions", {}, "conferencing-sessions", [{"id": "s1", "participants": []}]),
        ("get_references", {"reference_type": "google_calendar"}, "references", [{"type": "google_calendar"}]),
        ("get_references", {}, "references", []),
        ("get_recordings", {}, "recordings", [{"id": "r1"}]),
        ("get_transcripts", {}, "transcripts", ["https://transcripts.example/1"]),
    ],
)
def test_routes_that_the_sandbox_lacks(
    hook: CalComHook, calcom: SandboxDriver, method: str, arguments: dict[str, Any], path: str, data: Any
) -> None:
    """Reads of Cal Video and of references: the call goes to the documented route, and its data are returned."""
    body = {"status": "success", "data": data}
    calcom.fault("GET", f"/v2/bookings/{UID}/{path}", "status", status=200, body=body)
    assert json_of(getattr(hook, method)(booking_uid=UID, **arguments)) == data
    path_called = calcom.calls()[-1]["path"]
    assert path_called == f"/v2/bookings/{UID}/{path}" + ("?type=google_calendar" if arguments else "")


@each_build
def test_confirm_and_decline(hook: CalComHook) -> None:
    """A pending booking becomes accepted; then it can't be declined any more."""
    assert json_of(hook.confirm_booking(booking_uid="sandbox-pending"))["status"] == "accepted"
    with pytest.raises(errors.RequestRefused):
        hook.decline_booking(booking_uid="sandbox-pending", reason="too late")


def test_decline(hook: CalComHook) -> None:
    """Declining returns the rejected booking."""
    assert json_of(hook.decline_booking(booking_uid="sandbox-pending", reason="no"))["status"] == "rejected"


@each_build
def test_cancel(hook: CalComHook) -> None:
    """Cancelling returns the booking with the reason; a second time is refused."""
    cancelled = json_of(hook.cancel_booking(booking_uid="sandbox-tomorrow-1", reason="ill"))
    assert (cancelled["status"], cancelled["cancellationReason"]) == ("cancelled", "ill")
    with pytest.raises(errors.RequestRefused):
        hook.cancel_booking(booking_uid="sandbox-tomorrow-1")


@pytest.mark.parametrize("start", ["2026-12-01T10:00:00Z", "2026-12-01T11:00:00+01:00"])
def test_reschedule(hook: CalComHook, start: str) -> None:
    """Moving returns the new booking, with a new uid, at the requested time whatever its offset."""
    moved = json_of(hook.reschedule_booking(booking_uid=UID, start=start, reason="clash", rescheduled_by=BOB))
    assert moved["uid"] != UID
    assert (moved["start"], moved["rescheduledFromUid"]) == ("2026-12-01T10:00:00.000Z", UID)
    assert hook.get_booking(booking_uid=UID)["status"] == "cancelled"


def test_a_foreign_booking_is_neither_cancelled_nor_moved(hook: CalComHook, calcom: SandboxDriver) -> None:
    """Cal.com itself lets any key do both; nothing is sent without ``allow_foreign_booking``."""
    calls = (
        lambda **given: hook.cancel_booking(booking_uid=FOREIGN, reason="ill", **given),
        lambda **given: hook.reschedule_booking(booking_uid=FOREIGN, start="2026-12-01T10:00:00Z", **given),
    )
    for call in calls:
        for given in ({}, {"allow_foreign_booking": "False"}):  # as templates render it
            with pytest.raises(errors.BookingNotMarkable, match="allow_foreign_booking"):
                call(**given)
        with pytest.raises(errors.InvalidArgument, match="allow_foreign_booking"):
            call(allow_foreign_booking="None")
    assert calcom.writes() == []
    for call in calls:
        with suppress(errors.CalComError):
            call(allow_foreign_booking=True)
    assert len(calcom.writes()) == 2


def test_reschedule_without_an_offset(hook: CalComHook, calcom: SandboxDriver) -> None:
    """A start without an offset is ambiguous, and is rejected before any call."""
    with pytest.raises(errors.InvalidArgument, match="start"):
        hook.reschedule_booking(booking_uid=UID, start="2026-12-01T10:00:00")
    assert calcom.calls() == []


@pytest.mark.parametrize("build", ["2025-08", "2025-12"])
@pytest.mark.parametrize("user_id", [None, 2])
def test_reassign(hook: CalComHook, user_id: int | None) -> None:
    """A round-robin booking goes to the next host, or to a named one."""
    given = json_of(hook.reassign_booking(booking_uid="sandbox-team", user_id=user_id, reason="holiday"))
    assert (given["bookingUid"], given["reassignedTo"]["id"]) == ("sandbox-team", 2)


@each_build
def test_webhooks(hook: CalComHook) -> None:
    """Create, list, read, change and delete a webhook; the same URL twice is a conflict."""
    made = json_of(
        hook.create_webhook(subscriber_url="https://ears.example", triggers=["BOOKING_NO_SHOW_UPDATED"], secret="s")
    )
    with pytest.raises(errors.Conflict):
        hook.create_webhook(subscriber_url="https://ears.example", triggers=["BOOKING_CREATED"])
    assert [one["id"] for one in json_of(hook.list_webhooks())] == [made["id"]]
    assert json_of(hook.get_webhook(webhook_id=made["id"]))["subscriberUrl"] == "https://ears.example"
    assert json_of(hook.update_webhook(webhook_id=made["id"], active=False))["active"] is False
    hook.delete_webhook(webhook_id=made["id"])
    assert hook.list_webhooks() == []
    with pytest.raises(errors.NotFound):
        hook.get_webhook(webhook_id=made["id"])


def test_more_webhooks_than_a_page(hook: CalComHook, calcom: SandboxDriver) -> None:
    """The list of webhooks has no count: after a full page the next one is read too."""
    webhooks = [{"id": f"webhook-{number}"} for number in range(251)]
    for page in (webhooks[:250], webhooks[250:]):
        body = {"status": "success", "data": page}
        calcom.fault("GET", "/v2/webhooks", "status", status=200, body=body)
    assert hook.list_webhooks() == webhooks
    assert [call["path"].split("&skip=")[1] for call in calcom.calls()] == ["0", "250"]


def test_the_bookings_page(calcom: SandboxDriver, connect: Callable[..., None]) -> None:
    """The URL of a booking's page is known for Cal.com itself, and unknown for a self-hosted server."""
    assert CalComHook().booking_page(booking_uid=UID) is None
    connect(password="cal_x")
    assert CalComHook().booking_page(booking_uid=UID) == f"https://app.cal.com/booking/{UID}"
    connect(password="cal_x", extra={"region": "eu"})
    assert CalComHook().booking_page(booking_uid=UID) == f"https://app.cal.eu/booking/{UID}"


def test_an_invalid_uid_is_never_sent(hook: CalComHook, calcom: SandboxDriver) -> None:
    """No method puts a string into a path that could lead to another route."""
    for method in TAKE_A_UID:
        needed: dict[str, Any] = {"start": "2026-12-01T10:00:00Z"} if method == "reschedule_booking" else {}
        needed |= {"attendees": [BOB]} if method == "mark_absent" else {}
        for uid in ("../me", None):
            with pytest.raises(errors.InvalidArgument, match="booking_uid"):
                getattr(hook, method)(booking_uid=uid, **needed)
    assert calcom.calls() == []


def test_errors_of_the_hook_keep_their_classes(hook: CalComHook) -> None:
    """A ``@task`` function catches the client's own classes; only operators turn them into failures for Airflow."""
    with pytest.raises(errors.BookingNotFound) as raised:
        hook.mark_absent(booking_uid="no-such-booking", attendees=[BOB])
    assert type(raised.value) is errors.BookingNotFound
    assert (raised.value.status, raised.value.method) == (404, "GET")


def test_the_key_is_in_no_log(hook: CalComHook, caplog: pytest.LogCaptureFixture) -> None:
    """The key is not logged, not even at DEBUG, by us or by httpx."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "airflow_provider_calcom"):
        caplog.set_level(logging.DEBUG, logger=name)
    hook.mark_absent(booking_uid=UID, attendees=[BOB])
    assert f"POST /bookings/{UID}/mark-absent: 200" in caplog.text
    assert "cal_sandbox_owner" not in caplog.text


# How the methods are documented.


def test_every_parameter_is_documented() -> None:
    """Each public method has a docstring with ``:param x:`` for each of its parameters, and none for others."""
    for name in PUBLIC:
        method = inspect.unwrap(getattr(CalComHook, name))
        text = inspect.getdoc(method) or ""
        assert text.strip(), name
        parameters = [one for one in inspect.signature(method).parameters if one not in ("self", "cls")]
        assert re.findall(r"^:param (\w+):", text, re.MULTILINE) == parameters, name


def test_methods_for_dag_authors_are_keyword_only_and_typed() -> None:
    """Arguments are keyword-only, and have types that resolve at run time: schemas of tools are built from them."""
    for name in AUTHORS:
        method = PUBLIC[name]
        hints = typing.get_type_hints(method)
        assert "return" in hints, name
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            assert parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD), (name, parameter)
            assert parameter.name in hints, (name, parameter)


def test_list_and_iterate_take_the_same_filters(hook: CalComHook, calcom: SandboxDriver) -> None:
    """An unknown filter is an error that names it, also for ``iterate_bookings``, which passes filters on."""
    for method in (hook.list_bookings, hook.iterate_bookings):
        with pytest.raises(TypeError, match="stauts"):
            method(stauts="past")  # type: ignore[call-arg]
    assert calcom.calls() == []
