"""Each error answer becomes the class of its remedy, in a text that is fit for a log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.endpoints import Endpoint
from airflow_provider_calcom.api.errors import Failure
from airflow_provider_calcom.api.responses import server_message, validation_faults
from airflow_provider_calcom.api.settings import RetryLimits
from tests.api.support import ADDRESS, BUILDS, SETTINGS, all_texts, answering, recorded_answer, recordings

RECORDED = {
    errors.RequestRefused: {
        400: (
            "created-cancel-again list-after-start-bad list-after-start-offset-raw-plus list-before-end-bad"
            " list-event-type-id-bad list-skip-negative list-sort-bad list-status-PAST list-status-accepted"
            " list-status-empty list-take-negative list-take-text mark-absent-absent-number mark-absent-absent-string"
            " mark-absent-attendees-null-item mark-absent-attendees-object mark-absent-attendees-strings"
            " mark-absent-documented-shape-host mark-absent-email-with-spaces mark-absent-empty-attendees"
            " mark-absent-empty-attendees-host mark-absent-host-number mark-absent-host-object mark-absent-host-string"
            " mark-absent-missing-absent mark-absent-null-body mark-absent-second-item-bad mark-absent-string-body"
            " webhook-create-bad-trigger webhook-create-missing webhook-list-take-251"
        ),
        413: "mark-absent-payload-too-large",
    },
    errors.BookingNotStarted: {
        400: "created-mark-absent-future created-mark-absent-old-after-reschedule"
        " mark-absent-recurring-future-occurrence"
    },
    errors.ExpiredCredentials: {
        401: "mark-absent-expired-key me-expired",
        498: "oauth-expired-list oauth-expired-mark-absent oauth-expired-me",
    },
    errors.InvalidCredentials: {
        401: "get-one-bad-key list-bad-key me-bad me-bad-no-prefix me-no-auth oauth-client-credentials-mark-absent"
        " oauth-client-wrong-secret",
        403: "list-no-auth mark-absent-no-auth mark-absent-bearer-double-space mark-absent-bearer-empty"
        " mark-absent-bearer-lowercase mark-absent-non-bearer-basic oauth-client-unknown",
    },
    errors.PermissionDenied: {403: "oauth-readonly-mark-absent webhook-delete-foreign webhook-get-foreign"},
    errors.BookingNotFound: {
        404: "mark-absent-recurring-series-uid mark-absent-uid-numeric-id mark-absent-uid-wrong-case"
        " mark-absent-unknown-uid"
    },
    errors.ApiVersionNotServed: {
        404: "empty-uid mark-absent-no-auth-no-version mark-absent-version-2024-04-15 mark-absent-version-2024-06-11"
        " mark-absent-version-2024-06-14 mark-absent-version-2024-8-13 mark-absent-version-2025-01-01"
        " mark-absent-version-missing-noauth method-get-mark-absent method-put-mark-absent unknown-route"
    },
    errors.NotFound: {404: "webhook-delete-again webhook-get-unknown"},
    errors.Conflict: {409: "webhook-create-duplicate-url"},
    errors.RateLimited: {
        429: "ratelimit-121st ratelimit-122nd ratelimit-anon-over2 ratelimit-mark-absent-blocked ratelimit-tiered-6"
        " ratelimit-tiered-7"
    },
    errors.NoShowUpdateFailed: {
        500: "created-mark-absent-lowercased mark-absent-host-email-as-attendee mark-absent-mixedcase-stored-lower-sent"
        " mark-absent-nonowner-attendee mark-absent-team-plain-member-not-host mark-absent-unknown-and-known"
        " mark-absent-unknown-email mark-absent-uppercase-email mark-absent-with-webhook-unknown-email"
    },
    errors.ServerFault: {500: "db-down-get-one db-down-list db-down-me redis-down-health redis-down-me"},
}
"""Every recorded error answer: class, status, names of the recordings."""

CLASS_OF = {
    (name, status): error_class
    for error_class, by_status in RECORDED.items()
    for status, names in by_status.items()
    for name in names.split()
}

CLASSES = {
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.CalComError) and kind is not errors.CalComError
}


def test_the_table_of_retries():
    """The table at the top of errors.py has each class, and what the class says of itself."""
    table = (errors.__doc__ or "").split("=\n")[2].strip().splitlines()[:-1]
    rows = {line.split()[0]: line.split()[-3:] for line in table}
    shown = {True: "yes", False: "no"}
    own = {
        kind.__name__: [shown[kind.__dict__[name]] for name in ("retry_reads", "retry_writes", "retryable")]
        for kind in CLASSES
    }
    assert rows == own


def test_the_tree_of_errors():
    """The tree at the top of errors.py shows each class below its base."""
    bases: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").split("::\n")[1].split("Does the")[0].strip("\n").splitlines():
        if not line.strip():
            continue
        depth, name = len(line) - len(line.lstrip()), line.split()[-1]
        above = [one for one in above if one[0] < depth]
        if above:
            bases[name] = above[-1][1]
        above.append((depth, name))
    assert bases == {kind.__name__: kind.__bases__[0].__name__ for kind in {*CLASSES, errors.CalComError}}
    assert set(errors.__all__) == {*bases, "Failure", "redact"}


def test_no_write_is_resent_that_may_have_been_executed():
    """Only a call that certainly was not executed is sent again: one that met the rate limit, or no connection."""
    assert {kind for kind in CLASSES if kind.retry_writes} == {errors.RateLimited, errors.NotConnected}
    assert all(kind.retry_reads and kind.retryable for kind in CLASSES if kind.retry_writes)


SECRET = "acme_live_Zz9Yy8Xx7Ww6"


def endpoint_of(row: dict[str, Any]) -> Endpoint[Any]:
    """The recorded request as an endpoint."""
    request = row["request"]
    parts = urlsplit(request["path"])
    try:
        body = json.loads(request.get("body") or "null")
    except ValueError:
        body = None
    return Endpoint(
        request["method"],
        parts.path,
        parse=lambda answer: answer.body,
        params=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        body=body if isinstance(body, dict) and len(request["body"]) < 10_000 else None,
        writes=request["method"] != "GET",
    )


def texts_within(value: Any) -> list[str]:
    """All texts of a body, keys left out."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts_within(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts_within(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("build", BUILDS)
def test_recorded_errors_have_their_class_and_a_string_fit_for_a_log(both, build):
    """An error response of the real server becomes one class, and its text has method, path, status, request id."""
    rows = [row for row in recordings(build) if (row["response"].get("status") or 0) >= 400]
    assert len(rows) > 50
    for row in rows:
        check_recorded_error(both, row)


def check_recorded_error(both, row):
    endpoint = endpoint_of(row)
    settings = replace(SETTINGS, base_url="https://cal.test", retry_limits=RetryLimits(1))
    error = both.error(answering(recorded_answer(row)), endpoint, settings)
    assert type(error) is CLASS_OF[row["name"], row["response"]["status"]], row["name"]
    text = all_texts(error)
    assert f"{endpoint.method} {endpoint.path}: status {row['response']['status']}" in text
    assert "?" not in str(error.path)
    request_id = row["response"]["headers"].get("X-Request-Id")
    assert request_id == error.request_id
    assert request_id is None or f"request id {request_id}" in text
    assert not ADDRESS.search(text)
    token = row["request"]["headers"].get("Authorization", "").split(" ")[-1]
    assert token in ("", "Bearer") or token not in text
    if "mark-absent" in row["name"]:
        submitted = [part for part in texts_within(endpoint.body) if len(part) > 5]
        assert not [part for part in submitted if part in text]


def test_every_row_of_the_table_is_recorded():
    """The table above has no class for an answer that the real server never gave."""
    seen = {(row["name"], row["response"].get("status")) for build in BUILDS for row in recordings(build)}
    assert set(CLASS_OF) <= seen


def test_validation_text_names_the_entry_and_the_rule(both):
    """A class-validator tree is shown as ``attendees[1].absent: must be a boolean value``, and what was sent is not."""
    row = next(row for row in recordings("2025-12") if row["name"] == "mark-absent-second-item-bad")
    text = str(both.error(answering(recorded_answer(row)), endpoint_of(row)))
    assert "attendees[1].absent: must be a boolean value" in text
    assert "attendees[1].email: must be an email" in text
    assert "attendees[0]" not in text


@pytest.mark.parametrize(
    ("tree", "faults"),
    [
        ([{"property": "host", "constraints": {"is": "host must be a boolean"}}], ["host: must be a boolean"]),
        (
            [{"property": "attendees", "children": [{"property": "0", "children": [
                {"property": "absent", "children": [], "constraints": {"isBoolean": "absent must be a boolean value"}}
            ]}]}],
            ["attendees[0].absent: must be a boolean value"],
        ),
        ([{"property": "a", "constraints": {"x": "a is ann@example.org"}}], ["a: is <address>"]),
        ([{"constraints": {"x": "odd"}}], ["?: odd"]),
        ([{"property": "a", "constraints": ["no", "mapping"]}], []),
        ([None, 3, "text", {"property": "a"}], []),
        ("text", []),
        (None, []),
        ({"property": "a"}, []),
    ],
)  # fmt: skip
def test_validation_faults_of_any_tree(tree, faults):
    """A fault is given as path and rule; whatever is not a tree gives none."""
    assert validation_faults(tree) == faults


def test_a_tree_deeper_than_pythons_stack_gives_what_can_be_read():
    """A validation tree deeper than Python's stack, as newer Pythons read it from JSON, is not a RecursionError."""
    tree: list[Any] = []
    for _ in range(5_000):
        tree = [{"property": "a", "children": tree, "constraints": {"x": "a is odd"}}]
    assert "a: is odd" in validation_faults(tree)


@pytest.mark.parametrize("depth", [200, 450, 480, 5_000, 100_000])
def test_very_deep_validation_tree_is_an_error_of_ours(both, depth):
    """A validation tree as deep as JSON can be read gives an error of ours and never a RecursionError."""
    tree = '[{"property": "0", "children": ' * depth + "[]" + "}]" * depth
    body = f'{{"error": {{"details": {{"errors": {tree}}}}}}}'.encode()
    error = both.error(answering(httpx.Response(400, content=body)), endpoints.me())
    assert isinstance(error, errors.RequestRefused)


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", " "])
def test_tokens_in_a_403_are_redacted_whatever_their_prefix(both, scheme):
    """A token that a 403 repeats is never shown, also one of another key with the prefix of a self-hosted server."""
    body = {"error": {"message": f"PermissionsGuard - no oAuth client found for access token={scheme}{SECRET}"}}
    text = all_texts(both.error(answering(httpx.Response(403, json=body)), endpoints.me()))
    assert "***" in text
    assert SECRET[:8] not in text


@pytest.mark.parametrize("message", [SECRET, f"no such key: {SECRET}", f"({SECRET})", "x" * 490 + " " + SECRET])
def test_our_own_key_is_redacted_wherever_it_stands(both, message):
    """Our key is never shown when a server repeats it, not even a piece of it where a long message is cut."""
    answer = httpx.Response(400, json={"error": {"message": message}})
    text = all_texts(both.error(answering(answer), endpoints.me(), replace(SETTINGS, api_key=SECRET)))
    assert SECRET[:8] not in text


@pytest.mark.parametrize("secret", ["client_secret_value_1234"])
def test_a_platform_clients_secret_is_redacted(both, secret):
    """The secret of a platform client is never shown when a server repeats it."""
    settings = replace(SETTINGS, api_key=None, client_id="the-client", client_secret=secret)
    answer = httpx.Response(401, json={"message": f"wrong secret {secret}"})
    assert secret not in all_texts(both.error(answering(answer), endpoints.me(), settings))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Bearer abc.def", "***"),
        ("key cal_live_0123", "key ***"),
        ("jwt eyJhbGciOi.eyJzdWIi.c2ln end", "jwt *** end"),
        ("access token=Basic dXNlcjpwYXNz", "access token=***"),
        ("to ann@example.org, bob+cal@example.co.uk", "to <address>, <address>"),
        ("Ann <ann@example.org>", "Ann <<address>>"),
        ("email=ann@example.org;x", "email=<address>;x"),
        ("two\nlines\tand   spaces", "two lines and spaces"),
        ("Ünï@exämple.org", "<address>"),
        ("x" * 501, "x" * 500 + "..."),
        ("", ""),
        ("red \x1b[31m, nothing \x00, half \ud800, wide\u200b", "red [31m, nothing , half , wide"),
        ("to ann%40example.org or ann%2540example.org", "to <address> or <address>"),
        ("Cannot GET /v2/teams/1/bookings?attendeeName=Ann%20Alt", "Cannot GET /v2/teams/1/bookings?..."),
        ("by http://user:pw@proxy.test:3128/", "by http://proxy.test:3128/"),
        ("a " * 400 + "b" * 10_000_000, "a " * 250 + "..."),
        ("b" * 10_000_000, "..."),
        ("@" * 10_000, "..."),
        ("eyJ-" * 10_000, "..."),
        ("?a" * 2_000, "?a" * 250 + "..."),
    ],
)
def test_redacted(said, shown):
    """A server's words lose tokens and addresses, are one line and at most 500 characters."""
    assert redact(said) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Past", "'Past'"), ("2024-8-13", "'2024-8-13'"), ("20261120T090000Z", "'20261120T090000Z'"), (5, "5"),
        (None, "None"), (True, "True"), (10**40, "an integer of over 30 digits"), ("", "''"),
        ("Ann Alt", "a string of 7 characters"), ("ann@example.org", "a string of 15 characters"),
        ("cal_live_0123", "a string of 13 characters"), ("acmelive0Zz9Yy8Xx7", "a string of 18 characters"),
        ("x" * 81, "a string of 81 characters"), ("a\x1bb", r"'a\x1bb'"),
        ("x" * 1_000_000, "a string of 1,000,000 characters"), ({"ann@example.org": 1}, "a dict of 1"),
        (["Ann"], "a list of 1"), (b"Ann", "a bytes of 3"), (object(), "a object"),
    ],
)  # fmt: skip
def test_described(value, shown):
    """A value that came is shown where it can be nobody's name, address or key; else how long or of what kind it is."""
    assert describe(value) == shown


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"status": "error", "error": {"code": "X", "message": "inner"}, "message": "outer"}, "inner"),
        ({"statusCode": 500, "message": "Internal server error"}, "Internal server error"),
        ({"error": "invalid_grant", "error_description": "no such code"}, "no such code"),
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"message": ["one", "two"]}, "one; two"),
        ({"error": {"message": ["a", 3]}}, "a; 3"),
        ({"error": {"message": {"deep": 1}}, "message": "outer"}, "outer"),
        ({"error": {"message": "m", "details": "a string"}}, "m"),
        ({"error": {"message": "m", "details": None}}, "m"),
        ({"error": {"message": "m", "details": {"errors": []}}}, "m"),
        ({"error": None, "message": None}, ""),
        ({}, ""),
        ([], ""),
        (["text"], ""),
        ("text", ""),
        (3, ""),
        (None, ""),
    ],
)
def test_server_message_of_any_body(body, message):
    """The server's own words are found in the envelope, in a bare body and in OAuth's; elsewhere there are none."""
    assert server_message(body) == message


CONFIRM = endpoints.confirm_booking("uid1")
BAD_CLIENT = "PermissionsGuard - no oAuth client found for client id=no-such-client"
BAD_TOKEN = "PermissionsGuard - no oAuth client found for access token=Bearer abc"
NOT_YOURS = "BookingPbacGuard - user with id=7 does not have access to booking with uid=nope"
MEANINGS = {
    "a good key that may not confirm": (
        CONFIRM, 401, "TRPCError", "User is not authorized to confirm this booking",
        errors.PermissionDenied, ["The key is good"], ["does not know", "password"],
    ),
    "a good key that may not confirm, in other words": (
        CONFIRM, 401, "TRPCError", "UNAUTHORIZED", errors.PermissionDenied, ["The key is good"], ["does not know"],
    ),
    "a bad key at confirm": (
        CONFIRM, 401, "UnauthorizedException", "CustomThrottlerGuard - Invalid API Key",
        errors.InvalidCredentials, ["does not know this API key", "password"], [],
    ),
    "no such booking, or not yours": (
        endpoints.get_recordings("nope"), 403, "ForbiddenException", NOT_YOURS,
        errors.PermissionDenied, ["there is none with this uid", "booking_uid"], ["scopes"],
    ),
    "lists of teams in the open edition": (
        endpoints.bookings_page("/teams/6/bookings", ()), 404, "NotFoundException", "Cannot GET /v2/teams/6/bookings",
        errors.ApiVersionNotServed, ["open edition", "team_id", "path in the connection's host"], ["api_version"],
    ),
    "a wrong path": (
        endpoints.me(), 404, "NotFoundException", "Cannot GET /wrong/v2/me",
        errors.ApiVersionNotServed, ["path in the connection's host"], ["api_version"],
    ),
    "a wrong path or version": (
        endpoints.get_booking("uid1"), 404, "NotFoundException", "Cannot GET /v2/bookings/uid1",
        errors.ApiVersionNotServed, ["api_version", "path in the connection's host"], [],
    ),
    "a route of newer servers": (
        endpoints.get_attendees("uid1"), 404, "NotFoundException", "Cannot GET /v2/bookings/uid1/attendees",
        errors.ApiVersionNotServed, ["Servers of 2025 lack it"], [],
    ),
    "no such seat": (
        endpoints.get_booking_by_seat("nope"), 404, "NotFoundException", "Booking with seatUid=nope was not found",
        errors.BookingNotFound, ["seat_uid"], ["recurring"],
    ),
    "a token that may have expired": (
        CONFIRM, 403, "ForbiddenException", BAD_TOKEN,
        errors.InvalidCredentials, ["access token", "may have expired", "***"], ["abc"],
    ),
    "a token that may have expired, at /me": (
        endpoints.me(), 401, "UnauthorizedException", "Invalid Access Token.",
        errors.InvalidCredentials, ["may have expired"], [],
    ),
    "a header that was lost on the way": (
        CONFIRM, 403, "ForbiddenException", "PermissionsGuard - no authentication provided. Provide either ...",
        errors.InvalidCredentials, ["proxy", "Authorization header"], ["does not know"],
    ),
    "a gateway that waited too long for the request": (
        endpoints.me(), 408, "", "", errors.LastingServerFault, ["failed"], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "status", "code", "message", "error_class", "says", "says_not"), MEANINGS.values(), ids=MEANINGS
)
def test_what_a_response_means(both, endpoint, status, code, message, error_class, says, says_not):
    """One status has several meanings; the text names what can be done about the one that it has here."""
    answer = httpx.Response(status, json={"status": "error", "error": {"code": code, "message": message}})
    error = both.error(answering(answer), endpoint, replace(SETTINGS, retry_limits=RetryLimits(1)))
    assert type(error) is error_class
    assert [words for words in says if words not in str(error)] == []
    assert [words for words in says_not if words in error.explanation] == []


@pytest.mark.parametrize(
    ("status", "message"), [(403, BAD_CLIENT), (401, "ApiAuthStrategy - oAuth client - Invalid client secret")]
)
def test_a_bad_platform_client_is_named(both, status, message):
    """Who sends client_id and client_secret has no password that could be wrong."""
    settings = replace(SETTINGS, api_key=None, client_id="the-client", client_secret="the-secret-1")
    answer = httpx.Response(status, json={"error": {"code": "ForbiddenException", "message": message}})
    error = both.error(answering(answer), endpoints.me(), settings)
    assert type(error) is errors.InvalidCredentials
    assert "client_id and client_secret" in str(error)
    assert "password" not in str(error)


CLOUDFLARE = b"<!DOCTYPE html>\n<html lang='en'><head><title>524: A timeout occurred</title></head></html>"


@pytest.mark.parametrize(
    ("status", "content", "error_class", "shown"),
    [
        (524, CLOUDFLARE, errors.ServerFault, "an HTML page"),
        (502, b"Bad gateway", errors.ServerFault, "status 502 ("),
        (503, b"", errors.ServerFault, "status 503"),
        (500, b'"text"', errors.ServerFault, "status 500"),
        (500, b'{"statusCode":500,"message":"Internal server error"}', errors.ServerFault, '"Internal server error"'),
        (500, b'{"message":"Failed to update no-show status"}', errors.NoShowUpdateFailed, "Failed to update"),
        (400, b'{"error":"invalid_grant","error_description":"gone"}', errors.RequestRefused, '"gone"'),
        (400, b'["a"]', errors.RequestRefused, "status 400"),
        (422, b"{}", errors.RequestRefused, "status 422"),
        (404, b'{"message":"nothing"}', errors.NotFound, '"nothing"'),
        (404, b'{"message":"No Cal Video reference found with booking uid abc"}', errors.NotFound, "No Cal Video"),
        (401, b"", errors.InvalidCredentials, "status 401"),
        (418, b"teapot", errors.RequestRefused, "status 418"),
    ],
)
def test_error_bodies_that_are_no_envelope(both, status, content, error_class, shown):
    """HTML, bare, empty and odd bodies give the class of their status and whatever words can be shown."""
    error = both.error(answering(httpx.Response(status, content=content)), endpoints.me())
    assert type(error) is error_class
    assert shown.removesuffix(" (") in str(error)
    assert "<" not in str(error)
    assert error.status == status


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 524, 599])
def test_a_failing_server_leaves_a_write_unknown(both, status):
    """A 5xx leaves the outcome of a writing call unknown, and is a server's fault for a reading one."""
    answer = httpx.Response(status, content=CLOUDFLARE)
    assert type(both.error(answering(answer), endpoints.confirm_booking("uid1"))) is errors.OutcomeUnknown
    error = both.error(answering(answer), endpoints.me())
    assert type(error) is (errors.LastingServerFault if status in (501, 599) else errors.ServerFault)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure("GET", "/me"), "GET /me: no response"),
        (Failure("GET", "/me", status=500), "GET /me: status 500"),
        (Failure("GET", "/me", 500, "id1", "words"), 'GET /me: status 500, "words", request id id1'),
    ],
)
def test_failure_in_words(failure, text):
    """A failure says method, path, status, the server's words and the request id, as far as there are any."""
    assert str(failure) == text


@pytest.mark.parametrize("request_id", ["ä", "a\x00b", "", "x" * 300])
def test_an_odd_request_id_is_not_logged_as_it_stands(both, request_id):
    """A request id is shown only where it is printable ASCII, and at most 100 characters of it."""
    answer = httpx.Response(500, headers=[(b"X-Request-Id", request_id.encode("latin-1"))], content=b"")
    error = both.error(answering(answer), endpoints.me())
    assert error.request_id in (None, "x" * 100)


def test_an_error_without_a_call_has_no_call():
    """Errors from before any call have neither status, method, path nor request id."""
    error = errors.InvalidArgument("attendees must be a list")
    assert (error.status, error.method, error.path, error.request_id) == (None, None, None, None)
    assert str(error) == "attendees must be a list"
    assert isinstance(error, ValueError)
