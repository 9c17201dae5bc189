"""How both clients reach Cal.com: with certificates, through a proxy or not, and by how many connections."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
from dataclasses import replace

import httpx
import pytest

from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.settings import ClientSettings, RetryLimits
from airflow_provider_calcom.api.transport import ConnectionPool, transport_options
from tests.api.support import IN_BOTH, KEY, all_texts, answering, success
from tests.raw_server import raw_server
from tests.support import stranger

READ = endpoints.Endpoint("GET", "/me", lambda answer: answer.body["status"])
INTERN = ClientSettings(base_url="http://cal.invalid/v2", api_key=KEY, retry_limits=RetryLimits(1))
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_as_many_transports_as_calls_at_once():
    """One is lent to one call at a time, and lent again when that is over, also by an error."""
    connections = ConnectionPool(None, INTERN)
    with connections.acquire() as first, connections.acquire() as second:
        assert first is not second
    with connections.acquire() as again:
        assert again is first
    with pytest.raises(ZeroDivisionError), connections.acquire():
        raise ZeroDivisionError
    with connections.acquire() as again:
        assert again is first
    asyncio.run(connections.close())


def test_closing_ends_the_connections():
    """A client that is closed leaves no connection open, though it could be used again."""

    async def use() -> None:
        ended = asyncio.Event()

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"status":"success"}')
            await reader.read()
            ended.set()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
        async with AsyncCalComClient(replace(INTERN, base_url=url)) as client:
            assert await client.call(READ) == "success"
            assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), 5)
        server.close()

    asyncio.run(use())


def test_cookies_are_not_kept(both):
    """What a server or its edge sets is not sent back: nothing of Cal.com's API needs it."""

    def flow():
        yield READ
        return (yield READ)

    server = answering(httpx.Response(200, json=success({}), headers={"Set-Cookie": "session=1; Path=/"}))
    both.run(server, flow())
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


@pytest.mark.parametrize("connections", [None, 1])
def test_no_connection_is_used_that_the_server_may_just_be_closing(connections):
    """Node closes what was idle for 5 s; a write that met the closing would have an unknown outcome."""
    limits = transport_options(INTERN, connections)["limits"]
    assert (limits.max_connections, limits.keepalive_expiry) == (connections, 4.0)


@pytest.mark.parametrize(("url", "verifies"), [("https://cal.example.com/v2", True), ("http://127.0.0.1/v2", False)])
def test_certificates_are_looked_at(url, verifies):
    """Always where there is any to look at."""
    verify = transport_options(ClientSettings(base_url=url, api_key="cal_x"))["verify"]
    assert (verify and (verify.verify_mode, verify.check_hostname)) == (verifies and (ssl.CERT_REQUIRED, True))


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("has_scheme", [True, False])
@IN_BOTH
def test_the_proxy_of_the_environment_is_used(both, monkeypatch, name, has_scheme):
    """As everything in the deployment does, with or without ``http://`` before it."""
    with stranger() as (url, seen):
        monkeypatch.setenv(name, url if has_scheme else url.removeprefix("http://"))
        assert both.call(None, READ, INTERN) == "success"
        assert [headers["Host"] for headers in seen] == ["cal.invalid"]


@pytest.mark.parametrize("without", ["cal.invalid", ".invalid", "other.test, cal.invalid", "*"])
def test_no_proxy_is_obeyed(both, monkeypatch, without):
    """Hosts that are named as reached without one are."""
    with stranger() as (url, seen):
        monkeypatch.setenv("ALL_PROXY", url)
        monkeypatch.setenv("NO_PROXY", without)
        assert isinstance(both.error(None, READ, INTERN), errors.NotConnected)
        assert seen == []


def test_a_proxy_that_opens_no_tunnel_gets_no_key(both, monkeypatch):
    """https:// goes through a tunnel or not at all."""
    with stranger() as (url, seen):
        monkeypatch.setenv("HTTPS_PROXY", url)
        error = both.error(None, READ, replace(INTERN, base_url="https://cal.invalid/v2"))
    assert isinstance(error, errors.NotConnected)
    assert "ProxyError" in str(error)
    assert seen == []


def test_no_proxy_gets_the_key_of_a_server_on_this_machine(both, monkeypatch):
    """The environment's proxy is for other machines: an http:// address of this one is reached without it."""
    with stranger() as (url, seen), stranger() as (proxy, of_proxy):
        monkeypatch.setenv("ALL_PROXY", proxy)
        assert both.call(None, READ, replace(INTERN, base_url=f"{url}/v2")) == "success"
        assert (len(seen), of_proxy) == (1, [])


# Each of these is what somebody typed into a variable; the password in it is in no error.
BAD_PROXIES = [
    "foo://user:canary-pw@proxy.test:3128", "http://user:canary-pw@:3128", "http://user:canary-pw@proxy.test:abc",
    "http://user:canary-pw@proxy.test:70000", "http://user:canary-pw@proxy .test:3128", "://canary-pw", "http://",
    "http://user:canary-pw@[::1", "http://user:canary-pw@a..b:3128", "http://user:canary-pw@pr\u00f6xy.test",
    "socks9://user:canary-pw@proxy.test", "http://user:canary-pw@proxy.test:3128\nx", "http://user:canary-pw@-:0",
    "http://user:canary-pw@" + "a" * 64 + ".test:1",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_PROXIES)
def test_a_proxy_that_cant_be_one_is_named(both, monkeypatch, value):
    """A variable that names no proxy ends in an error of ours that names it, is not retryable and hides its value."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    error = both.error(None, READ, replace(INTERN, base_url="https://cal.invalid/v2"))
    assert isinstance(error, errors.InvalidEnvironment)
    assert "HTTPS_PROXY" in str(error)
    assert not error.retryable
    assert "canary-pw" not in all_texts(error) + repr(error)


def test_a_socks_proxy_says_which_package_it_needs(both, monkeypatch):
    """Without the package, httpx raises an ImportError, which would not name the setting."""
    if importlib.util.find_spec("socksio"):
        pytest.skip("the package socksio is installed")
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.test:1080")
    error = both.error(None, READ, INTERN)
    assert isinstance(error, errors.InvalidEnvironment)
    assert "socksio" in str(error)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_cant_be_read_are_named(both, monkeypatch, tmp_path, name):
    """A variable that names no certificates ends in an error of ours; without any, no server can be trusted."""
    monkeypatch.setenv(name, str(tmp_path / "none.pem"))
    error = both.error(None, READ, replace(INTERN, base_url="https://cal.invalid/v2"))
    assert isinstance(error, errors.InvalidEnvironment | errors.NotConnected)
    if name == "SSL_CERT_FILE":
        assert name in str(error)


@pytest.mark.parametrize("url", ["https://cal.invalid/v2", "http://cal.invalid/v2"])
@IN_BOTH
def test_a_proxy_that_wants_a_password_is_reported(both, monkeypatch, url):
    """A proxy's 407 names the variables, for a tunnel and for a plain call alike; no other try can help."""
    answer = b"HTTP/1.1 407 canary-pw person@victim.example\r\nContent-Length: 0\r\n\r\n"
    with raw_server(answer) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.replace("http://", "http://user:canary-pw@"))
        error = both.error(None, READ, replace(INTERN, base_url=url))
    assert isinstance(error, errors.InvalidEnvironment)
    assert "HTTPS_PROXY" in str(error)
    assert "canary-pw" not in all_texts(error)
    assert "victim" not in all_texts(error)


def test_a_proxys_words_are_not_shown(both, monkeypatch):
    """A proxy may repeat what was sent to it; of its refusal only the status is shown."""
    with raw_server(b"HTTP/1.1 503 dXNlcjpjYW5hcnktcHc= canary-pw\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.replace("http://", "http://user:canary-pw@"))
        error = both.error(None, READ, replace(INTERN, base_url="https://cal.invalid/v2", retry_limits=RetryLimits(1)))
    assert isinstance(error, errors.NotConnected)
    assert "(ProxyError: 503)" in str(error)
    assert "canary-pw" not in all_texts(error)
