"""EnsureWebhookOperator against the sandbox: what it writes, what it survives, and what it never shows."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.api.webhooks import verify_signature
from airflow_provider_calcom.operators.webhooks import EnsureWebhookOperator
from tests.operators.marking import BOB, OF_BOB, mark
from tests.support import BUILDS, KEY, SandboxDriver, ends_the_task

URL = "https://gateway.example/calcom"
TRIGGERS = ["BOOKING_NO_SHOW_UPDATED", "BOOKING_CANCELLED"]
SECRET = "made-up-webhook-secret"

each_build = pytest.mark.parametrize("build", BUILDS)


@pytest.fixture
def rotate(calcom: SandboxDriver, connect: Callable[..., None]) -> Callable[[Any], None]:
    """Return a function that sets the secret in the connection."""

    def set_secret(secret: Any) -> None:
        connect(host=calcom.url, password=KEY, extra=json.dumps({"webhook_secret": secret, "max_attempts": 1}))

    return set_secret


@pytest.fixture
def server(calcom: SandboxDriver, rotate: Callable[[Any], None]) -> SandboxDriver:
    """Return a sandbox whose connection has the secret."""
    rotate(SECRET)
    return calcom


def respond_that_no_variable_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Respond as the supervisor of a task does, which Airflow 3.0 needs to know that a variable does not exist."""
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse

    supervisor = SimpleNamespace(send=lambda message: ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)


def operator(**options: Any) -> EnsureWebhookOperator:
    return EnsureWebhookOperator(task_id="webhook", **{"subscriber_url": URL, "triggers": TRIGGERS, **options})


def ensure(**options: Any) -> dict[str, Any]:
    """Run the operator as a task would."""
    result: dict[str, Any] = operator(**options).execute({})
    return result


def webhooks(server: SandboxDriver) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.admin("state")["webhooks"]
    return found


def create(server: SandboxDriver, **fields: Any) -> None:
    """Create a webhook behind the operator's back."""
    body = {"subscriberUrl": URL, "triggers": TRIGGERS, "active": True, "secret": SECRET, **fields}
    headers = {"Authorization": f"Bearer {KEY}"}
    server._http.post("/v2/webhooks", json=body, headers=headers).raise_for_status()


@each_build
def test_a_second_run_writes_nothing(server: SandboxDriver) -> None:
    """The first run creates the webhook, the second one changes nothing, and deliveries are signed."""
    made = ensure()
    assert (made["action"], made["triggers"]) == ("created", sorted(TRIGGERS))
    assert ensure(triggers=[*reversed(TRIGGERS), TRIGGERS[0]]) == {**made, "action": "unchanged"}
    assert [call["method"] for call in server.writes()] == ["POST"]
    (webhook,) = webhooks(server)
    assert webhook["id"] == made["webhook_id"]
    assert {name: webhook[name] for name in ("subscriberUrl", "triggers", "active", "secret", "payloadTemplate")} == {
        "subscriberUrl": URL,
        "triggers": TRIGGERS,
        "active": True,
        "secret": SECRET,
        "payloadTemplate": None,
    }
    mark(OF_BOB, [BOB])
    (delivery,) = server.deliveries()
    assert verify_signature(delivery["body"].encode(), delivery["headers"]["X-Cal-Signature-256"], [SECRET])


@each_build
@pytest.mark.parametrize(
    ("before", "options", "sent"),
    [
        ({"triggers": TRIGGERS[:1]}, {}, {"triggers": TRIGGERS}),
        ({"secret": "an-old-secret"}, {}, {"secret": SECRET}),
        ({"secret": None}, {}, {"secret": SECRET}),
        ({"active": False}, {}, {"active": True}),
        ({}, {"active": False}, {"active": False}),
        ({"payloadTemplate": '{"a": 1}'}, {}, {"payloadTemplate": None}),
        ({}, {"payload_template": "{{title}}"}, {"payloadTemplate": "{{title}}"}),
    ],
    ids=["triggers", "rotated", "unsigned", "silent", "silence", "template", "own template"],
)
def test_an_existing_webhook_is_updated(server: SandboxDriver, before: Any, options: Any, sent: Any) -> None:
    """One call updates it, and it is then as wanted."""
    create(server, **before)
    before_calls = len(server.writes())
    result = ensure(**options)
    assert result["action"] == "updated"
    assert [call["method"] for call in server.writes()[before_calls:]] == ["PATCH"]
    (webhook,) = webhooks(server)
    assert {name: webhook[name] for name in sent} == sent
    assert ensure(**options) == {**result, "action": "unchanged"}


@each_build
def test_absent_removes_the_webhook_of_the_url(server: SandboxDriver) -> None:
    """Only the webhook of the URL is removed, without its secret or triggers; a second run changes nothing."""
    create(server, subscriberUrl="https://other.example")
    made = ensure()
    options = {"state": "absent", "triggers": None, "secret_variable": "not read"}
    assert ensure(**options) == {"webhook_id": made["webhook_id"], "action": "removed", "triggers": []}
    assert ensure(**options) == {"webhook_id": None, "action": "unchanged", "triggers": []}
    assert [one["subscriberUrl"] for one in webhooks(server)] == ["https://other.example"]


def test_a_dry_run_writes_nothing(server: SandboxDriver) -> None:
    """It reports what a run would do, also from a rendered string."""
    assert ensure(dry_run="True") == {"webhook_id": None, "action": "created", "triggers": sorted(TRIGGERS)}
    made = ensure()
    assert ensure(dry_run=True, active=False) == {**made, "action": "updated"}
    assert ensure(dry_run=True)["action"] == "unchanged"
    assert ensure(dry_run=True, state="absent") == {**made, "action": "removed", "triggers": []}
    assert [call["method"] for call in server.writes()] == ["POST"]


FAULTS = ("drop_before", "drop_after", "status", "html", "truncated")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_unknown_outcome_is_read_before_it_is_sent_again(server: SandboxDriver, fault: str, when: str) -> None:
    """A lost response or a 5xx to any write ends with the webhook as wanted, once, and without a needless write."""
    was_executed = when == "after" and fault != "drop_before"
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("POST", {}, "created"),
        ("PATCH", {"active": False}, "updated"),
        ("DELETE", {"state": "absent"}, "removed"),
    ]
    for method, options, action in steps:
        before = len(server.writes())
        server.fault(method, "/v2/webhooks*", fault, when=when)
        assert ensure(**options)["action"] == action
        assert len(server.writes()) - before == (1 if was_executed else 2)
        assert len(webhooks(server)) == (0 if method == "DELETE" else 1)


def test_a_server_that_may_be_at_work_is_left_alone(server: SandboxDriver, pauses: list[float]) -> None:
    """After a gateway's timeout the webhooks are read later than after another error."""
    server.fault("POST", "/v2/webhooks", "html", status=524, when="before")
    server.fault("POST", "/v2/webhooks", "status", status=502, when="before")
    assert ensure()["action"] == "created"
    assert pauses == [10.0, 2.0]


def test_an_outcome_that_stays_unknown(server: SandboxDriver) -> None:
    """After three such writes the task fails, and Airflow may retry it."""
    server.fault("POST", "/v2/webhooks", "status", status=500, when="before", times=None)
    with pytest.raises(errors.OutcomeUnknown) as raised:
        ensure()
    assert not ends_the_task(raised.value)
    assert len(server.writes()) == 3
    server.start_over()


def test_a_webhook_that_somebody_else_creates_meanwhile(server: SandboxDriver) -> None:
    """A 409 is read again: the webhook that exists is updated instead."""
    create(server, secret="another")
    server.fault("GET", "/v2/webhooks", "status", status=200, body={"status": "success", "data": []})
    assert ensure()["action"] == "updated"
    assert [call["method"] for call in server.writes()][-2:] == ["POST", "PATCH"]
    assert [one["secret"] for one in webhooks(server)] == [SECRET]


def test_a_webhook_that_somebody_else_removes_meanwhile(server: SandboxDriver) -> None:
    """A 404 is read again: an update becomes a create, and a removal is done."""
    create(server, active=False)
    missing = {"status": 404, "body": {"statusCode": 404, "message": "Webhook (1) not found"}, "when": "before"}
    server.fault("PATCH", "/v2/webhooks/*", "status", **missing)
    listed = {"status": "success", "data": webhooks(server)}
    server._http.delete(f"/v2/webhooks/{webhooks(server)[0]['id']}", headers={"Authorization": f"Bearer {KEY}"})
    server.fault("GET", "/v2/webhooks", "status", status=200, body=listed)
    assert ensure()["action"] == "created"
    server.fault("GET", "/v2/webhooks", "status", status=200, body={**listed, "data": webhooks(server)})
    server._http.delete(f"/v2/webhooks/{webhooks(server)[0]['id']}", headers={"Authorization": f"Bearer {KEY}"})
    assert ensure(state="absent")["action"] == "unchanged"


@pytest.mark.parametrize(
    ("listed", "options", "kind"),
    [
        ([], {}, errors.Conflict),
        ([{"id": 1, "subscriberUrl": URL}, {"id": 2, "subscriberUrl": URL}], {}, errors.Conflict),
        ([{"subscriberUrl": URL}], {}, errors.UnexpectedAnswer),
    ],
    ids=["conflict that is not listed", "two webhooks", "no id"],
)
def test_a_list_that_can_not_be_used(server: SandboxDriver, listed: Any, options: Any, kind: Any) -> None:
    """What the flow can't settle fails with one error, after at most one write."""
    create(server)
    before = len(server.writes())
    body = {"status": "success", "data": listed}
    server.fault("GET", "/v2/webhooks", "status", status=200, body=body, times=2)
    with pytest.raises(kind):
        ensure(**options)
    assert len(server.writes()) - before <= 1
    server.start_over()


@pytest.mark.parametrize("fault", [{"secret": None}, {"active": True}])
def test_a_200_is_not_trusted(server: SandboxDriver, fault: dict[str, Any]) -> None:
    """Cal.com's success without the change is an error that names the fields, and is not sent again."""
    create(server, active=True, secret="another")
    server.fault("PATCH", "/v2/webhooks/*", "status", status=200, body={"status": "success", "data": {}}, when="before")
    before = len(server.writes())
    with pytest.raises(errors.ChangeNotVerified, match=r"updated \(active, secret\)") as raised:
        ensure(active=False)
    assert len(server.writes()) - before == 1
    assert SECRET not in str(raised.value)


def test_the_secret_of_a_connection_or_a_variable(
    server: SandboxDriver, rotate: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from the connection to Cal.com, from another connection's password, or from a variable."""
    monkeypatch.setenv("AIRFLOW_CONN_HOOKS", json.dumps({"conn_type": "generic", "password": "of-connection"}))
    monkeypatch.setenv("AIRFLOW_VAR_HOOK_KEY", "of-variable")
    for options, secret in (
        ({}, SECRET),
        ({"secret_conn_id": "hooks"}, "of-connection"),
        ({"secret_variable": "hook_key"}, "of-variable"),
    ):
        ensure(**options)
        assert [one["secret"] for one in webhooks(server)] == [secret]
    rotate("rotated-secret")
    assert ensure()["action"] == "updated"
    assert [one["secret"] for one in webhooks(server)] == ["rotated-secret"]


@pytest.mark.parametrize(
    ("secret", "options", "words"),
    [
        ("", {}, "webhook_secret must be the secret"),
        (None, {}, "webhook_secret must be the secret"),
        (7, {}, "webhook_secret must be a string"),
        (" padded-key ", {}, "webhook_secret must be a string without white space"),
        (SECRET, {"secret_conn_id": "calcom_default", "secret_variable": "x"}, "both set"),
        (SECRET, {"secret_variable": "padded"}, "secret_variable: the variable's value must be a secret without"),
        (SECRET, {"secret_variable": "no_such_variable"}, "secret_variable: the variable's value"),
        (SECRET, {"secret_variable": "{{ var.value.key }}\n"}, "secret_variable must be the name"),
        (SECRET, {"secret_conn_id": "no_such_connection"}, "secret_conn_id: there is no Airflow connection"),
        (SECRET, {"secret_conn_id": ""}, "secret_conn_id must be the id"),
    ],
)
def test_without_a_secret_nothing_is_sent(
    calcom: SandboxDriver,
    rotate: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
    secret: Any,
    options: dict[str, Any],
    words: str,
) -> None:
    """An unsigned webhook is never made: nobody could trust its deliveries."""
    monkeypatch.setenv("AIRFLOW_VAR_PADDED", "padded-key\n")
    if "secret_variable" in options and airflow_version.startswith("3.0."):
        respond_that_no_variable_exists(monkeypatch)
    rotate(secret)
    with pytest.raises(errors.InvalidValue, match=words) as raised:
        ensure(**options)
    assert ends_the_task(raised.value)
    assert "padded" not in str(raised.value)
    assert calcom.calls() == []


def test_the_secret_is_nowhere(
    server: SandboxDriver, rotate: Callable[[Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    """No log line, result, rendered field, repr or error has the secret or the URL's token, whatever Cal.com echoes."""
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t of two@words and more"
    rotate(secret)
    task = operator(subscriber_url=f"{URL}?token=of-the-gateway", payload_template="{{title}}")
    task.render_template_fields({})
    assert task.payload_template == "{{title}}"
    echo = {"statusCode": 400, "message": f"secret {secret}, url {URL}?token=of-the-gateway"}
    server.fault("POST", "/v2/webhooks", "status", status=400, body=echo, when="before")
    with pytest.raises(errors.RequestRefused) as raised:
        task.execute({})
    result = task.execute({})
    fields = [getattr(task, name) for name in (*task.template_fields, "secret_conn_id", "secret_variable")]
    shown = f"{caplog.text} {result} {raised.value!r} {raised.value} {fields} {vars(task)!r}"
    assert "s3cr3t" not in shown
    assert "and more" not in shown
    assert "of-the-gateway" not in f"{caplog.text} {result} {raised.value!r}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subscriber_url": "gateway.example"}, "subscriber_url must be a URL"),
        ({"subscriber_url": "https://user:pass@gateway.example"}, "subscriber_url must be a URL"),
        ({"subscriber_url": None}, "subscriber_url must be a URL"),
        ({"triggers": []}, "triggers must be a list of at least one"),
        ({"triggers": None}, "triggers must be a list of at least one"),
        ({"triggers": "None"}, "triggers is 'None'"),
        ({"triggers": "BOOKING_CANCELLED,MEETING_ENDED"}, r"triggers\[0\] must be the name"),
        ({"triggers": [7]}, r"triggers\[0\] must be the name"),
        ({"state": "gone"}, "state must be 'present' or 'absent'"),
        ({"active": "None"}, "active must be True or False"),
        ({"payload_template": " "}, "payload_template must be a text"),
        ({"dry_run": "None"}, "dry_run must be True or False"),
        ({"no_show_after": 0}, "no_show_after must be whole minutes from 1 to 1,440"),
        ({"no_show_after": 1.5}, "no_show_after must be whole minutes"),
        ({"no_show_after": True}, "no_show_after must be whole minutes"),
        ({"no_show_after": "soon"}, "no_show_after must be whole minutes"),
        ({"no_show_after": "None"}, "no_show_after is 'None'"),
        ({"no_show_after": timedelta(seconds=90)}, "no_show_after must be whole minutes"),
        ({"event_type_id": "x"}, "event_type_id must be the positive number"),
        ({"team_id": 1}, "team_id needs event_type_id"),
        ({"organization_id": 1, "event_type_id": 1}, "organization_id can't be combined"),
    ],
)
def test_wrong_parameters_are_refused_before_any_call(server: SandboxDriver, options: Any, words: str) -> None:
    """The error names the parameter, and Airflow does not retry it."""
    with pytest.raises(errors.InvalidArgument, match=words) as raised:
        ensure(**options)
    assert ends_the_task(raised.value)
    assert server.calls() == []


@each_build
def test_the_time_of_cal_videos_events(server: SandboxDriver, build: str) -> None:
    """It is set, and set again after somebody changed it; a server that ignores it is named as the cause."""
    options = {"triggers": ["AFTER_GUESTS_CAL_VIDEO_NO_SHOW"], "no_show_after": timedelta(minutes=5)}
    if build != "2026-07":
        with pytest.raises(errors.ChangeNotVerified, match=r"\(time, timeUnit\).* leave no_show_after out"):
            ensure(**options)
        return
    made = ensure(**options)
    assert made["action"] == "created"
    assert ensure(**{**options, "no_show_after": "5"}) == {**made, "action": "unchanged"}
    assert ensure(**{**options, "no_show_after": 10}) == {**made, "action": "updated"}
    assert ensure(triggers=options["triggers"]) == {**made, "action": "unchanged"}
    assert [call["method"] for call in server.writes()] == ["POST", "PATCH"]
    whole = server._http.get(f"/v2/webhooks/{made['webhook_id']}", headers={"Authorization": f"Bearer {KEY}"}).json()
    assert (whole["data"]["time"], whole["data"]["timeUnit"]) == (10, "MINUTE")


def test_rendered_strings_are_parsed(server: SandboxDriver) -> None:
    """Templates render strings: of a list of triggers, or of the name of one."""
    assert ensure(triggers=str(TRIGGERS))["triggers"] == sorted(TRIGGERS)
    assert ensure(triggers="MEETING_ENDED")["triggers"] == ["MEETING_ENDED"]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"event_type_id": "9"}, "/v2/event-types/9/webhooks"),
        ({"event_type_id": 9, "team_id": 6}, "/v2/teams/6/event-types/9/webhooks"),
        ({"organization_id": 3}, "/v2/organizations/3/webhooks"),
    ],
)
def test_webhooks_of_others_than_the_user(server: SandboxDriver, options: dict[str, Any], path: str) -> None:
    """Each scope has its own route, which every call uses; a server without it is named as the cause."""
    with pytest.raises(errors.ApiVersionNotServed, match="has no webhooks of organisations"):
        ensure(**options)
    assert [call["path"].partition("?")[0] for call in server.calls()] == [path]
