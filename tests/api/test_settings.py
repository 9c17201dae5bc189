"""The fields of a connection are checked once, and an error names the field."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api.arguments import checked_api_version
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidConnection
from airflow_provider_calcom.api.settings import (
    REGIONS,
    ClientSettings,
    RetryLimits,
    settings_from_connection,
)

KEY = "cal_live_0123456789abcdef"
TOKEN = "acmelive0Zz9Yy8Xx7Ww6"


def connection(**fields):
    return settings_from_connection(**{"password": KEY, **fields})


BASE_URLS: list[tuple[dict[str, Any], str]] = [
    ({}, "https://api.cal.com/v2"),
    ({"host": ""}, "https://api.cal.com/v2"),
    ({"host": "  "}, "https://api.cal.com/v2"),
    ({"host": None, "extra": {"region": None}}, "https://api.cal.com/v2"),
    ({"extra": {"region": ""}}, "https://api.cal.com/v2"),
    ({"extra": {"region": "us"}}, "https://api.cal.com/v2"),
    ({"extra": {"region": "eu"}}, "https://api.cal.eu/v2"),
    ({"host": "api.cal.com"}, "https://api.cal.com/v2"),
    ({"host": " API.Cal.com "}, "https://api.cal.com/v2"),
    ({"host": "api.cal.com/v2"}, "https://api.cal.com/v2"),
    ({"host": "api.cal.com/v2/"}, "https://api.cal.com/v2"),
    ({"host": "https://api.cal.com"}, "https://api.cal.com/v2"),
    ({"host": "HTTPS://api.cal.com/"}, "https://api.cal.com/v2"),
    ({"host": "https://api.cal.com/v2/"}, "https://api.cal.com/v2"),
    ({"host": "https://api.cal.com:443/v2"}, "https://api.cal.com/v2"),
    ({"host": "api.cal.com", "port": 443}, "https://api.cal.com/v2"),
    ({"host": "api.cal.com", "scheme": "https"}, "https://api.cal.com/v2"),
    ({"host": "api.cal.eu", "extra": {"region": "eu"}}, "https://api.cal.eu/v2"),
    ({"host": "cal.example.com", "extra": {"region": "eu"}}, "https://cal.example.com/v2"),
    ({"host": "cal.example.com/api"}, "https://cal.example.com/api/v2"),
    ({"host": "cal.example.com/api/v2///"}, "https://cal.example.com/api/v2"),
    ({"host": "cal.example.com:8443"}, "https://cal.example.com:8443/v2"),
    ({"host": "cal.example.com", "port": 8443}, "https://cal.example.com:8443/v2"),
    ({"host": "cal.example.com:8443", "port": 8443}, "https://cal.example.com:8443/v2"),
    ({"host": "cal.example.com:8443/x", "port": None}, "https://cal.example.com:8443/x/v2"),
    ({"host": "cal.example.com", "port": 0}, "https://cal.example.com/v2"),
    ({"host": "cal.example.com:8443", "port": 0}, "https://cal.example.com:8443/v2"),
    ({"host": "cal.example.com:0"}, "https://cal.example.com/v2"),
    ({"host": "localhost"}, "http://localhost/v2"),
    ({"host": "localhost:5555"}, "http://localhost:5555/v2"),
    ({"host": "localhost", "port": 5555}, "http://localhost:5555/v2"),
    ({"host": "localhost", "scheme": "https"}, "https://localhost/v2"),
    ({"host": "api.localhost:3000"}, "http://api.localhost:3000/v2"),
    ({"host": "127.0.0.1:5555"}, "http://127.0.0.1:5555/v2"),
    ({"host": "127.8.9.1"}, "http://127.8.9.1/v2"),
    ({"host": "[::1]"}, "http://[::1]/v2"),
    ({"host": "[::1]:5555"}, "http://[::1]:5555/v2"),
    ({"host": "http://[::1]:5555/v2"}, "http://[::1]:5555/v2"),
    ({"host": "http://localhost:80"}, "http://localhost/v2"),
    ({"host": "http://127.0.0.1", "scheme": "http"}, "http://127.0.0.1/v2"),
    ({"host": "http://cal.internal", "extra": {"allow_http": True}}, "http://cal.internal/v2"),
    ({"host": "cal.internal", "scheme": "http", "extra": {"allow_http": "true"}}, "http://cal.internal/v2"),
    ({"host": "cal.internal", "scheme": "HTTP", "extra": {"allow_http": " True "}}, "http://cal.internal/v2"),
    ({"host": "[2001:db8::1]:8443"}, "https://[2001:db8::1]:8443/v2"),
    ({"host": "cal.example.com", "scheme": "v2"}, "https://cal.example.com/v2"),
    ({"host": "cal.example.com", "scheme": "api/v2"}, "https://cal.example.com/api/v2"),
    ({"host": "cal.example.com", "scheme": "/api/v2/"}, "https://cal.example.com/api/v2"),
    ({"host": "cal.example.com", "scheme": "a/b"}, "https://cal.example.com/a/b/v2"),
    ({"host": "cal.example.com", "scheme": "https/api/v2"}, "https://cal.example.com/api/v2"),
    ({"host": "cal.example.com/api/v2", "scheme": "api/v2"}, "https://cal.example.com/api/v2"),
    ({"host": "127.0.0.1:3000", "scheme": "api/v2"}, "http://127.0.0.1:3000/api/v2"),
    ({"host": "cal.example.com", "port": "8443"}, "https://cal.example.com:8443/v2"),
]  # fmt: skip


def test_base_url(subtests):
    """Any way to write a host has one base URL that ends in /v2, https unless it is this machine."""
    for fields, base_url in BASE_URLS:
        with subtests.test(fields=fields):
            assert connection(**fields).base_url == base_url


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"host": "http://cal.example.com"}, "host cal.example.com"),
    ({"host": "cal.example.com", "scheme": "http"}, "http://"),
    ({"host": "http://api.cal.com", "extra": {"allow_http": False}}, "allow_http"),
    ({"host": "http://api.cal.com", "extra": {"allow_http": "no"}}, "allow_http"),
    ({"host": "http://127.0.0.1.example.com"}, "http://"),
    ({"host": "http://localhost.example.com"}, "http://"),
    ({"host": "http://notlocalhost"}, "http://"),
    ({"host": "http://[2001:db8::1]"}, "http://"),
    ({"host": "http://0.0.0.0"}, "http://"),
    ({"host": "https://user:pass@cal.example.com"}, "host has a user"),
    ({"host": "user@cal.example.com"}, "host has a user"),
    ({"host": "https://cal.example.com?x=1"}, "host must be"),
    ({"host": "cal.example.com/v2#x"}, "host must be"),
    ({"host": "ftp://cal.example.com"}, "host must be"),
    ({"host": "file:///etc/passwd"}, "host must be"),
    ({"host": "javascript://x"}, "host must be"),
    ({"host": "://x"}, "host must be"),
    ({"host": "https://"}, "host must be"),
    ({"host": "/v2"}, "host must be"),
    ({"host": "https://[::1"}, "host must be"),
    ({"host": "[::1"}, "host must be"),
    ({"host": "[::1]x"}, "host"),
    ({"host": "exa\u2100mple.com"}, "host must be"),
    ({"host": "[fe80::1%25eth0]"}, "host"),
    ({"host": "cal.example.com/../admin"}, "host must be"),
    ({"host": "cal.example.com/a/.."}, "host must be"),
    ({"host": "cal.example.com/%2e%2e"}, "host must be"),
    ({"host": "cal example.com"}, "host must be"),
    ({"host": "cal.example.com\\evil"}, "host must be"),
    ({"host": "cal.example.com/a b"}, "host must be"),
    ({"host": "cal.example.com;x"}, "host must be"),
    ({"host": "a,b"}, "host must be"),
    ({"host": "https:/cal.example.com"}, "host must be"),
    ({"host": "cal.example.com:"}, "host must be"),
    ({"host": "cal.example.com:abc"}, "port"),
    ({"host": "cal.example.com:70000"}, "port"),
    ({"host": "cal.example.com:-1"}, "port"),
    ({"host": "cal.example.com:8443", "port": 8444}, "port is 8444"),
    ({"host": "cal.example.com", "port": 70000}, "port must be"),
    ({"host": "cal.example.com", "port": -1}, "port must be"),
    ({"host": "cal.example.com", "scheme": "ftp"}, "schema must be"),
    ({"host": "cal.example.com", "scheme": "api"}, "must end in /v2"),
    ({"host": "cal.example.com", "scheme": "a/../v2"}, "schema"),
    ({"host": "cal.example.com", "scheme": "a?b/v2"}, "schema"),
    ({"host": "cal.example.com", "scheme": "api\n/v2"}, "schema"),
    ({"host": "cal.example.com/x", "scheme": "api/v2"}, "Keep one of them"),
    ({"host": "cal.exa\nmple.com"}, "line break"),
    ({"host": "cal.example.com\n"}, "line break"),
    ({"host": "https://cal.example.com\r\nX-Evil: 1"}, "line break"),
    ({"host": "cal\t.example.com"}, "line break"),
    ({"host": "cal.example.com\x00"}, "line break"),
    ({"host": "cal.example\u200b.com"}, "line break"),
    ({"host": 5}, "host must be a string"),
    ({"host": ["cal.example.com"]}, "host must be a string"),
    ({"host": "cal.example.com", "scheme": 5}, "schema must be a string"),
    ({"host": "cal.example.com", "port": "x"}, "port must be"),
    ({"host": "cal.example.com", "port": True}, "port must be"),
    ({"host": "cal.example.com", "port": 80.5}, "port must be"),
    ({"password": 5}, "password must be a string"),
    ({"extra": {"region": "USA"}}, "region must be us or eu"),
    ({"extra": {"region": "de"}}, "region must be us or eu"),
    ({"extra": {"region": ["eu"]}}, "region must be us or eu"),
    ({"extra": {"region": {"eu": 1}}}, "region must be us or eu"),
    ({"extra": {"region": 1}}, "region must be us or eu"),
    ({"host": "api.cal.com", "extra": {"region": "eu"}}, "region eu"),
    ({"host": "https://api.cal.eu/v2", "extra": {"region": "us"}}, "region us"),
]


def test_a_host_that_cant_be_used_is_refused_by_name(subtests):
    """A host, port, schema or region that can't be used is refused before any call, and the text names the field."""
    for fields, named in UNUSABLE:
        with subtests.test(fields=fields):
            with pytest.raises(InvalidConnection, match=r"The connection|The port in the connection") as caught:
                connection(**fields)
            assert named in str(caught.value)


@pytest.mark.parametrize(
    "host", ["bücher.example", "xn--bcher-kva.example", "☃☃.example", "cal.exämple", "例え.jp", "é-.x"]
)
def test_a_host_beyond_ascii_is_refused_or_can_be_called(host):
    """A host with other letters is either refused by name or one that httpx can really send to."""
    with contextlib.suppress(InvalidConnection):
        assert httpx.URL(connection(host=host).base_url).raw_host.isascii()


@pytest.mark.parametrize(
    "host",
    [
        f"https://api.cal.com/v2?token={KEY}",
        f"https://api.cal.com/v2#{KEY}",
        f"api.cal.com/{KEY} ",
        f"https://{KEY}:x@api.cal.com",
        f"ftp://{KEY}",
        TOKEN,
        f"https://{TOKEN}.example.com",
        f"http://{TOKEN}",
    ],
)
def test_a_secret_in_the_host_is_not_shown(host):
    """A secret's value is never part of an error text, also where it was put into the wrong field."""
    shown = ""
    with contextlib.suppress(InvalidConnection):
        try:
            connection(host=host, password=TOKEN)
        except InvalidConnection as error:
            shown = str(error)
            raise
    assert KEY not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize("field", ["host", "scheme", "port", "region", "api_version", "timeout"])
def test_a_key_in_another_field_is_not_shown(field):
    """Whatever field a key is pasted into: the error names the field, and not the key."""
    fields = {field: TOKEN} if field in ("host", "scheme", "port") else {"extra": {field: TOKEN}}
    with pytest.raises(InvalidConnection) as caught:
        connection(**{"password": TOKEN if field == "host" else KEY, "host": "cal.example.com", **fields})
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    [KEY, f" {KEY} ", f"{KEY}\n", f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY} ", f" Bearer {KEY}\r\n"],
)
def test_the_key_is_the_same_however_it_was_pasted(password):
    """A key may have white space around it and Bearer before it."""
    settings = settings_from_connection(password=password)
    assert settings.api_key == KEY
    assert settings.auth_headers == {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("key", ["rig-at-valid", "eyJhbGciOi.eyJzdWIi.c2ln", "acme_0123", "bearer_like_key"])
def test_any_other_bearer_token_is_taken(key):
    """Access tokens and keys with the prefix of a self-hosted server are taken as they are."""
    assert settings_from_connection(password=key).api_key == key


@pytest.mark.parametrize(
    "password", ["cal_live 0123", "cal_\tlive", "cal_live_ä", "cal_\x00", "Bearer a b", "cal_\u200blive"]
)
def test_a_key_with_odd_characters_is_refused_unseen(password):
    """A key with white space or other characters that no key has is refused, and its value is not shown."""
    with pytest.raises(InvalidConnection, match="password") as caught:
        settings_from_connection(password=password)
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    ("password", "extra"),
    [
        (None, None),
        ("", {}),
        ("  ", None),
        ("Bearer", {"client_id": None, "client_secret": ""}),
        ("bearer ", None),
        ("Bearer\n", {}),
    ],
)
def test_no_credentials(password, extra):
    """Without a key and a platform client the connection is refused, with where to put them."""
    with pytest.raises(InvalidConnection, match=r"no credentials.*password"):
        settings_from_connection(password=password, extra=extra)


CLIENT = {"client_id": "the-client", "client_secret": "the-secret"}


def test_platform_client():
    """A platform client's id and secret go into its two headers, and no Authorization does."""
    settings = settings_from_connection(extra=CLIENT)
    assert settings.auth_headers == {"x-cal-client-id": "the-client", "x-cal-secret-key": "the-secret"}
    assert settings.secrets == ("the-secret",)


def test_both_credentials_are_one_too_many():
    """A key together with a platform client is refused, because it would not be clear who we are."""
    with pytest.raises(InvalidConnection, match="both a password") as caught:
        settings_from_connection(password=KEY, extra=CLIENT)
    assert KEY not in str(caught.value)
    assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"client_id": "the-client"}, "client_secret"),
        ({"client_id": "the-client", "client_secret": ""}, "client_secret"),
        ({"client_secret": "the-secret"}, "client_id"),
        ({"client_id": None, "client_secret": "the-secret"}, "client_id"),
        ({"client_id": 5, "client_secret": "the-secret"}, "client_id"),
        ({"client_id": "the-client", "client_secret": "the secret"}, "client_secret"),
        ({"client_id": "the-client", "client_secret": ["the-secret"]}, "client_secret"),
        ({"client_id": "the-client", "client_secret": "the-secret\n"}, "client_secret"),
    ],
)
def test_half_a_platform_client_is_refused(extra, named):
    """A platform client needs both its fields; the text names the one at fault and shows no secret."""
    with pytest.raises(InvalidConnection, match=f"extra field {named}") as caught:
        settings_from_connection(extra=extra)
    assert "the-secret" not in str(caught.value)
    assert "the secret" not in str(caught.value)


BAD_VERSIONS = [
    "2024-8-13", "20240813", "2024-13-01", "2024-02-30", "latest", "v2", " 2024-08-13", "2024-08-13 ", "2024-08-13\n",
    '"2024-08-13"', "\uff12024-08-13", "2024-08-13T00:00:00Z", 20240813, True, ["2024-08-13"], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("value", [*BAD_VERSIONS, "", None])
def test_a_version_that_is_not_a_date_is_refused(value):
    """Cal.com takes an unknown version for its oldest in silence, so only a date as YYYY-MM-DD is let through."""
    with pytest.raises(InvalidArgument, match="my_version must be a date as YYYY-MM-DD"):
        checked_api_version(value, "my_version")


@pytest.mark.parametrize("value", BAD_VERSIONS)
def test_a_connections_version_that_is_not_a_date_is_refused(value):
    """A connection's api_version is checked as any other, and the text names the extra field."""
    with pytest.raises(InvalidConnection, match="extra field api_version must be a date"):
        connection(extra={"api_version": value})


@pytest.mark.parametrize(("value", "version"), [(None, None), ("", None), ("2026-02-25", "2026-02-25")])
def test_a_connections_version(value, version):
    """A connection may name a version; an empty field leaves each call its own."""
    assert connection(extra={"api_version": value}).api_version == version


@pytest.mark.parametrize(
    ("extra", "timeout", "limits"),
    [
        (None, 30.0, RetryLimits(5, 180.0)),
        ({"timeout": None, "max_attempts": None, "max_retry_seconds": None}, 30.0, RetryLimits(5, 180.0)),
        ({"timeout": "", "max_attempts": "", "max_retry_seconds": ""}, 30.0, RetryLimits(5, 180.0)),
        ({"timeout": 5, "max_attempts": 1, "max_retry_seconds": 0}, 5.0, RetryLimits(1, 0.0)),
        ({"timeout": "7.5", "max_attempts": "3", "max_retry_seconds": "60"}, 7.5, RetryLimits(3, 60.0)),
        ({"timeout": 0.1, "max_attempts": 20, "max_retry_seconds": 3600}, 0.1, RetryLimits(20, 3600.0)),
        ({"timeout": 600}, 600.0, RetryLimits()),
    ],
)
def test_numbers(extra, timeout, limits):
    """Time-out and retry limits may be numbers or texts of numbers; Airflow's form writes an unused field as null."""
    settings = connection(extra=extra)
    assert (settings.timeout, settings.retry_limits) == (timeout, limits)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("timeout", [0, 0.09, 601, -1, "x", "nan", "inf", True, False, [], {}, float("nan"), 10**400]),
        ("max_attempts", [0, 21, -1, "many", True, [1], float("inf"), 10**400]),
        ("max_retry_seconds", [-1, 3601, "x", True, {"a": 1}, 10**400]),
    ],
)
def test_numbers_out_of_range_are_refused(name, values):
    """A number that is none or out of range is refused, and the text names the field and the range."""
    for value in values:
        with pytest.raises(InvalidConnection, match=f"extra field {name} must be a number from"):
            connection(extra={name: value})


def test_secrets_are_not_in_the_repr():
    """Neither the key nor a platform client's secret is part of the settings' repr."""
    shown = repr(connection()) + repr(settings_from_connection(extra=CLIENT))
    assert KEY not in shown
    assert "the-secret" not in shown


@pytest.mark.parametrize(
    ("base_url", "region"),
    [*((url, name) for name, url in REGIONS.items()), ("https://cal.example.com/v2", "self-hosted")],
)
def test_region(base_url, region):
    """A client knows whether it talks to one of Cal.com's regions or to a server of one's own."""
    assert ClientSettings(base_url=base_url, api_key=KEY).region == region


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        ({}, "https://app.cal.com/booking/uid1"),
        ({"extra": {"region": "eu"}}, "https://app.cal.eu/booking/uid1"),
        ({"host": "https://api.acme.example"}, None),
        ({"host": "https://api.acme.example", "extra": {"web_url": "https://cal.acme.example/"}},
         "https://cal.acme.example/booking/uid1"),
    ],
)  # fmt: skip
def test_a_bookings_page_is_where_people_open_it(fields, page):
    """The link leads to the region's web app or to ``web_url``, and is missing where neither is known."""
    assert connection(**fields).booking_page("uid1") == page


@pytest.mark.parametrize("address", ["cal acme", "javascript://x", "https://a:b@c.example", "https://x/?y", 5])
def test_a_web_url_that_is_none_is_refused_by_name(address):
    """``web_url`` ends up in Airflow's pages, so that only a plain http(s) address is taken."""
    with pytest.raises(InvalidConnection, match="web_url"):
        connection(extra={"web_url": address})


KEY_IN_THE_WRONG_FIELD = "cal_live_0123456789abcdef"


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "cal.example.com", "scheme": KEY_IN_THE_WRONG_FIELD},
        {"host": KEY_IN_THE_WRONG_FIELD},
        *({"extra": {name: KEY_IN_THE_WRONG_FIELD}} for name in ("region", "api_version", "timeout")),
    ],
)
def test_a_key_in_the_wrong_field_is_not_shown(fields):
    """A key that was pasted into another field is refused there, and not repeated."""
    with pytest.raises(InvalidConnection) as caught:
        connection(**fields)
    assert KEY_IN_THE_WRONG_FIELD not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "api.cal.com", "scheme": "v2"}, "https://api.cal.com/v2"),
        ({"host": "cal.example.com", "scheme": "v2/"}, "https://cal.example.com/v2"),
        ({"host": "::1", "port": 5555}, "http://[::1]:5555/v2"),
    ],
)
def test_what_airflow_makes_of_a_uri_works(fields, url):
    """Airflow takes ``calcom://:key@host/v2`` for a schema of ``v2``, and the brackets off an IPv6 address."""
    assert connection(**fields).base_url == url


@pytest.mark.parametrize("host", ["https://xn--a", "https://" + "a" * 64 + ".example"])
def test_a_host_name_that_no_client_can_call_is_refused(host):
    """A name that only fails at the first call is refused with the connection."""
    with pytest.raises(InvalidConnection, match="host"):
        connection(host=host)
