"""From an Airflow connection of any form to a client, and the messages of ``test_connection``."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_calcom.api import client, endpoints, errors
from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient
from airflow_provider_calcom.hooks import ConnectionMissing
from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.support import BUILDS, KEY, SandboxDriver

US, EU = "https://api.cal.com/v2", "https://api.cal.eu/v2"
each_build = pytest.mark.parametrize("build", BUILDS)
Connect = Callable[..., None]


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({"password": "cal_x"}, US),
        ({"password": "cal_x", "host": ""}, US),
        ({"password": "cal_x", "host": None, "port": None, "login": None, "schema": None, "extra": None}, US),
        ({"password": "cal_x", "host": "", "port": 0, "extra": ""}, US),
        ({"password": "cal_x", "extra": {"region": "eu"}}, EU),
        ({"password": "cal_x", "extra": '{"region": "eu"}'}, EU),
        ({"password": "Bearer cal_x", "host": "api.cal.eu"}, EU),
        ({"password": "cal_x", "host": "https://cal.example.com/api"}, "https://cal.example.com/api/v2"),
        ({"password": "cal_x", "host": "cal.example.com", "port": 8443}, "https://cal.example.com:8443/v2"),
        ({"password": "cal_x", "host": "https://cal.example.com/v2/", "port": 0}, "https://cal.example.com/v2"),
        ({"password": "cal_x", "host": "cal.example.com", "port": 443}, "https://cal.example.com/v2"),
        ({"password": "cal_x", "host": "127.0.0.1", "port": 5555}, "http://127.0.0.1:5555/v2"),
        ({"password": "cal_x", "host": "localhost", "schema": "https"}, "https://localhost/v2"),
        (
            {"password": "cal_x", "host": "http://cal.intern:3000", "extra": {"allow_http": True}},
            "http://cal.intern:3000/v2",
        ),
        ({"extra": {"client_id": "abc", "client_secret": "def"}}, US),
        (
            {
                "password": "cal_x",
                "extra": dict.fromkeys(
                    ("region", "api_version", "timeout", "client_id", "client_secret", "allow_http", "web_url")
                ),
            },
            US,
        ),
    ],
)
def test_json_connections(connect: Connect, fields: dict[str, Any], base_url: str) -> None:
    """Every form in which Airflow's web form, CLI and API store a connection leads to the right base URL."""
    connect(**fields)
    settings = CalComHook().settings
    assert settings.base_url == base_url
    assert settings.auth_headers in (
        {"Authorization": "Bearer cal_x"},
        {"x-cal-client-id": "abc", "x-cal-secret-key": "def"},
    )
    assert settings.timeout == 30


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("calcom://:cal_x@", US),
        ("calcom://:cal_x@/?region=eu", EU),
        ("calcom://:cal_x@127.0.0.1:5555", "http://127.0.0.1:5555/v2"),
        ("calcom://:cal_x@cal.example.com:8443/https", "https://cal.example.com:8443/v2"),
        ("calcom://:cal_x@https%3A%2F%2Fcal.example.com%2Fapi", "https://cal.example.com/api/v2"),
        ("calcom://:cal_x@cal.example.com/v2", "https://cal.example.com/v2"),
        ("calcom://:cal_x@cal.example.com:8443/api/v2", "https://cal.example.com:8443/api/v2"),
        ("calcom://:cal_x@https%3A%2F%2Fcal.example.com/api/v2", "https://cal.example.com/api/v2"),
        ("calcom://:cal_x@[::1]:3000/api/v2", "http://[::1]:3000/api/v2"),
        ("calcom://:cal_x@?__extra__=%7B%22region%22%3A+%22eu%22%2C+%22timeout%22%3A+null%7D", EU),
    ],
)
def test_uri_connections(connect: Connect, uri: str, base_url: str) -> None:
    """A connection as a URI means the same as one as JSON."""
    connect(uri)
    settings = CalComHook().settings
    assert (settings.base_url, settings.api_key) == (base_url, "cal_x")


def test_a_uri_connection_reaches_the_sandbox(calcom: SandboxDriver, connect: Connect) -> None:
    """A URI with a local host and port needs nothing else."""
    connect(f"calcom://:{KEY}@{calcom.url.removeprefix('http://')}")
    assert CalComHook().get_me()["username"] == "owner"


def test_a_hook_that_is_dropped_closes_its_sockets(calcom: SandboxDriver) -> None:
    """``CalComHook().get_me()`` leaves nothing open, so there is no ResourceWarning, which pytest makes an error."""
    CalComHook().get_me()
    gc.collect()


def test_extra_fields_as_strings(connect: Connect) -> None:
    """A URI and old forms store numbers and booleans as strings."""
    connect(
        password="cal_x", host="http://cal.intern", extra={"allow_http": "true", "timeout": "5", "max_attempts": "2"}
    )
    settings = CalComHook().settings
    assert (settings.timeout, settings.retry_limits.attempts) == (5.0, 2)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        # What each field may be is tested in tests/api/test_settings.py. Airflow 3.1 reads such an extra itself.
        ({"extra": "{not json"}, "extra|or it can't be read"),
        ({"extra": "[1, 2]"}, "extra|or it can't be read"),
        ({"extra": {"region": "asia"}}, "region"),
        ({"password": None}, "password"),
        ({"password": "cal_secret part"}, "password"),
        ({"host": "https://me:cal_secret@cal.example.com"}, "host"),
        ({"host": "cal.example.com", "port": 70000}, "port"),
        ({"host": "cal.example.com", "schema": "ftp"}, "schema"),
    ],
)
def test_invalid_connections(connect: Connect, fields: dict[str, Any], names: str) -> None:
    """An invalid field is named, before any call, in ``test_connection`` too, and no secret is shown."""
    connect(**{"password": "cal_secret", **fields})
    with pytest.raises(errors.InvalidConnection, match=names) as raised:
        CalComHook().get_conn()
    assert CalComHook().test_connection() == (False, str(raised.value))
    assert "cal_secret" not in f"{raised.value!r}"


def test_a_missing_connection() -> None:
    """The error names the id of a connection that does not exist."""
    with pytest.raises(ConnectionMissing, match="calcom_elsewhere"):
        CalComHook("calcom_elsewhere").get_conn()


def test_airflow_makes_the_hook(calcom: SandboxDriver) -> None:
    """Airflow's form and CLI make a hook from the connection's id alone, and find its class by the type."""
    hook = CalComHook(**{CalComHook.conn_name_attr: CalComHook.default_conn_name})
    assert hook.get_me()["username"] == "owner"
    found = BaseHook.get_connection("calcom_default").get_hook()
    assert isinstance(found, CalComHook)
    assert found.calcom_conn_id == "calcom_default"


def test_one_client_for_each_hook(calcom: SandboxDriver) -> None:
    """A hook keeps its client, so that its connections are reused."""
    hook = CalComHook()
    assert isinstance(hook.get_conn(), CalComClient)
    assert hook.get_conn() is hook.get_conn()


def test_an_api_version_for_the_hook(calcom: SandboxDriver, connect: Connect) -> None:
    """The hook's version overrides the connection's; an invalid one is named."""
    connect(host=calcom.url, password=KEY, extra={"api_version": "2024-04-15"})
    with pytest.raises(errors.ApiVersionNotServed):
        CalComHook().list_bookings()
    assert CalComHook(api_version="2024-08-13").list_bookings()
    with pytest.raises(errors.InvalidArgument, match="api_version"):
        CalComHook(api_version="").list_bookings()


def test_the_async_client(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within an event loop the connection is read in a thread, and the client returns the same as the sync one."""
    readers: list[int] = []
    read = CalComHook.get_connection

    def recorded(cls: type[CalComHook], conn_id: str) -> Any:
        readers.append(threading.get_ident())
        return read(conn_id)

    monkeypatch.setattr(CalComHook, "get_connection", classmethod(recorded))

    async def run() -> tuple[Any, list[str]]:
        async with await CalComHook().get_async_conn() as opened:
            assert isinstance(opened, AsyncCalComClient)
            return await opened.call(endpoints.me()), [one["uid"] async for one in opened.list_bookings(page_size=7)]

    me, uids = asyncio.run(run())
    assert readers
    assert threading.get_ident() not in readers
    assert me == CalComHook().get_me()
    assert sorted(uids) == sorted(one["uid"] for one in CalComHook().list_bookings())


# Testing a connection.


@each_build
def test_a_valid_connection(calcom: SandboxDriver) -> None:
    """The message names the user and the server, so that a key of the wrong account is noticed."""
    good, text = CalComHook().test_connection()
    assert good
    assert all(part in text for part in ("owner", "user id 1", "self-hosted", calcom.url))


@pytest.mark.parametrize(
    ("key", "says"),
    [("cal_wrong_key", "does not know"), ("tok_wrong_key", "does not know"), ("cal_sandbox_expired", "expired")],
)
def test_an_invalid_key(calcom: SandboxDriver, connect: Connect, key: str, says: str) -> None:
    """The message distinguishes a wrong from an expired key, and does not show the key."""
    connect(host=calcom.url, password=key)
    good, text = CalComHook().test_connection()
    assert not good
    assert says in text
    assert key not in text
    assert "set region to" not in text, "a self-hosted server has no other region"


Hosted = Callable[..., list[httpx.Request]]


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> Hosted:
    """Return a function that sets the responses of a made-up hosted Cal.com, and returns its requests."""

    def serve(status: int, me: Any) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        def respond(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            is_me = request.url.path == "/v2/me"
            return httpx.Response(status, json=me if is_me else {"status": "success", "data": []})

        transport = httpx.MockTransport(respond)
        monkeypatch.setattr(client, "CalComClient", partial(CalComClient, transport=transport))
        return requests

    return serve


@pytest.mark.parametrize(("region", "other"), [("us", "eu"), ("eu", "us"), (None, "eu")])
def test_a_key_of_another_region(connect: Connect, hosted: Hosted, region: str | None, other: str) -> None:
    """The message names the region that was requested and the other one, in which the key may be known."""
    connect(password="cal_live_secret", extra={"region": region})
    hosted(401, {"status": "error", "error": {"code": "Unauthorized", "message": "Invalid API Key"}})
    good, text = CalComHook().test_connection()
    assert not good
    assert f"uses the region {region or 'us'}" in text
    assert f"set its region to {other}" in text
    assert "cal_live_secret" not in text


def test_a_valid_hosted_connection(connect: Connect, hosted: Hosted) -> None:
    """The message names the region."""
    connect(password="cal_live_secret", extra={"region": "eu"})
    hosted(200, {"status": "success", "data": {"id": 4, "username": "ann"}})
    good, text = CalComHook().test_connection()
    assert good
    assert all(part in text for part in ("eu", EU, "ann", "user id 4"))


@each_build
@pytest.mark.parametrize("version", ["2024-04-15"])
def test_a_version_with_other_bookings(calcom: SandboxDriver, connect: Connect, version: str) -> None:
    """``/me`` is served at any version, but no operator works with one whose bookings have another shape."""
    connect(host=calcom.url, password=KEY, extra={"api_version": version})
    good, text = CalComHook().test_connection()
    assert not good
    assert "api_version" in text
    assert "2024-08-13" in text


@pytest.mark.parametrize("version", [None, "2024-08-13", "2026-02-25", "2026-05-01"])
def test_valid_versions(connect: Connect, hosted: Hosted, version: str | None) -> None:
    """One booking is requested with the parameter of that version's list."""
    connect(password=KEY, extra={"api_version": version})
    requests = hosted(200, {"status": "success", "data": {"id": 4}})
    assert CalComHook().test_connection()[0]
    size = {"limit": "1"} if version == "2026-05-01" else {"take": "1"}
    assert [dict(request.url.params) for request in requests] == [{}, size]


def test_a_server_that_is_not_there(connect: Connect, pauses: list[float]) -> None:
    """A server that is not reached is reported as such, not as a wrong key."""
    connect(host="http://127.0.0.1:9", password=KEY)
    good, text = CalComHook().test_connection()
    assert not good
    assert "No connection could be made to http://127.0.0.1:9/v2" in text


def test_something_else_than_cal_com(calcom: SandboxDriver) -> None:
    """A web page or another service behind the host is reported."""
    for fault in ({"fault": "html", "status": 200}, {"fault": "status", "status": 200, "body": {"hello": 1}}):
        calcom.admin("faults", {"method": "GET", "path": "/v2/me", **fault})
        good, text = CalComHook().test_connection()
        assert not good
        assert "host" in text


# The key.


@pytest.mark.parametrize("stored", ["cal_masked_key_1", "Bearer cal_masked_key_2"])
def test_the_key_is_masked_and_not_in_any_repr(connect: Connect, stored: str) -> None:
    """Airflow masks the key in task logs, also without the ``Bearer`` that it is stored with."""
    connect(password=stored)
    hook = CalComHook()
    key = stored.removeprefix("Bearer ")
    shown = f"{hook!r} {hook.settings!r} {hook.get_conn()!r} {hook.settings}"
    assert key not in shown
    assert key not in redact(f"the key is {key}!")


def test_a_client_secret_is_masked(connect: Connect) -> None:
    """The platform's secret is masked like the key."""
    connect(extra={"client_id": "abc", "client_secret": "platform-secret-9"})
    assert "platform-secret-9" not in repr(CalComHook().settings)
    assert "platform-secret-9" not in redact("it is platform-secret-9")


def redact(text: str) -> str:
    """Return a string as Airflow's logs show it."""
    for module in ("airflow.sdk._shared.secrets_masker", "airflow.sdk.execution_time.secrets_masker"):
        with suppress(ImportError):
            return str(import_module(module).redact(text))
    return str(import_module("airflow.utils.log.secrets_masker").redact(text))


def test_the_readme_form_of_the_connection(calcom: SandboxDriver, connect: Connect) -> None:
    """The connection that the sandbox prints for copying works unchanged."""
    connect(json.dumps({"conn_type": "calcom", "host": calcom.url, "password": KEY}))
    assert CalComHook().test_connection()[0]
