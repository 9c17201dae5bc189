"""Where Cal.com is and how we authenticate: the fields of a connection, checked once.

Nothing here knows of Airflow: the hook hands over the plain fields of its connection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.arguments import checked_api_version
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidConnection

REGIONS = {"us": "https://api.cal.com/v2", "eu": "https://api.cal.eu/v2"}
"""Cal.com's two hosted regions. A key is valid only in its own and merely looks unknown in the other."""

_WEB_APPS = {"us": "https://app.cal.com", "eu": "https://app.cal.eu"}
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?)(:.*)?")
_PATH = re.compile(r"[A-Za-z0-9._/~-]*")
_VISIBLE_ASCII = re.compile(r"[!-~]+")
_SHORTEST_KEY = 8
_DIGITS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class RetryLimits:
    """How often, and for how long, a call is sent.

    :param attempts: attempts in all, the first included.
    :param seconds: time after which no further wait begins. Where the server does not say how long to wait, a wait is
        at most 20 s.
    """

    attempts: int = 5
    seconds: float = 180.0


@dataclass(frozen=True)
class ClientSettings:
    """All that a client needs to know.

    :param base_url: origin and path up to and with ``/v2``, without a slash at the end.
    :param api_key: an API key or any other bearer token; not shown in the repr.
    :param client_id: a platform client's id, used with ``client_secret`` instead of ``api_key``.
    :param client_secret: the platform client's secret; not shown in the repr.
    :param api_version: a ``cal-api-version`` date instead of each endpoint's own, or None.
    :param timeout: seconds to connect, and between two pieces of a response.
    :param total_timeout: seconds for one whole response, so that one that drips in can't hold a task for ever.
    :param largest_answer: bytes (unpacked) of a response at which reading stops.
    :param retry_limits: how often, and for how long, a call is sent.
    :param web_url: where people open a self-hosted Cal.com, without a slash at the end, or None.
    """

    base_url: str = REGIONS["us"]
    api_key: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    api_version: str | None = None
    timeout: float = 30.0
    total_timeout: float = 120.0
    largest_answer: int = 32 * 1024 * 1024
    retry_limits: RetryLimits = RetryLimits()
    web_url: str | None = None

    @property
    def region(self) -> str:
        """``us``, ``eu`` or ``self-hosted``."""
        return next((name for name, url in REGIONS.items() if url == self.base_url), "self-hosted")

    @property
    def is_on_this_machine(self) -> bool:
        """True if the server is reached without leaving this machine."""
        return _is_loopback((urlsplit(self.base_url).hostname or "").lower())

    @property
    def auth_headers(self) -> dict[str, str]:
        """The headers that say who we are."""
        if self.client_id and self.client_secret:
            return {"x-cal-client-id": self.client_id, "x-cal-secret-key": self.client_secret}
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def booking_url(self) -> str | None:
        """Address of a booking's page in Cal.com's web app, with ``{uid}`` in it, or None where it is not known."""
        origin = self.web_url or _WEB_APPS.get(self.region)
        return f"{origin}/booking/{{uid}}" if origin else None

    def booking_page(self, booking_uid: str) -> str | None:
        """Return the address of a booking's page in Cal.com's web app, or None where it is not known."""
        template = self.booking_url
        return None if template is None else template.replace("{uid}", quote(booking_uid, safe=""))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, also when a server repeats it."""
        return tuple(secret for secret in (self.api_key, self.client_secret) if secret)


def settings_from_connection(
    *,
    host: object = None,
    scheme: object = None,
    port: object = None,
    password: object = None,
    extra: Mapping[str, Any] | None = None,
) -> ClientSettings:
    """Parse the fields of a connection, whatever they hold: JSON can put any value into any of them.

    :param host: nothing for ``region``'s host; or a host or URL, with or without ``/v2``.
    :param scheme: ``http`` or ``https``, where ``host`` has none; or a path with a slash in it, as Airflow reads
        ``calcom://:key@host/api/v2``.
    :param port: port, where ``host`` has none; 0 counts as none, because Airflow's form sends it.
    :param password: API key or access token, with or without ``Bearer`` before it.
    :param extra: ``region`` (us, eu), ``api_version``, ``timeout`` (s), ``client_id`` and ``client_secret``,
        ``allow_http``, ``web_url``, ``max_attempts``, ``max_retry_seconds``. Airflow's form writes an unused field
        as null.
    :raises InvalidConnection: naming the field that can't be used; a secret's value is never part of the text.
    """
    given = {name: value for name, value in (extra or {}).items() if value not in (None, "")}
    api_key = _checked_key(password)
    client_id, client_secret = _checked_client(given)
    if api_key and client_id:
        raise InvalidConnection(
            "The connection has both a password (API key) and client_id with client_secret (platform client)."
            " Keep one of them"
        )
    if not api_key and not client_id:
        raise InvalidConnection(
            "The connection has no credentials. Put an API key (it begins with cal_) into the password, or client_id"
            " and client_secret of a platform client into the extra fields"
        )
    defaults = ClientSettings()
    limits = RetryLimits()
    return ClientSettings(
        base_url=_base_url(_address(host, (api_key, client_secret)), _text(scheme, "schema"), _port(port), given),
        api_key=api_key,
        client_id=client_id,
        client_secret=client_secret,
        api_version=_checked_version_of_extra(given),
        timeout=_number(given, "timeout", defaults.timeout, lowest=0.1, highest=600),
        retry_limits=RetryLimits(
            attempts=int(_number(given, "max_attempts", limits.attempts, lowest=1, highest=20)),
            seconds=_number(given, "max_retry_seconds", limits.seconds, lowest=0, highest=3600),
        ),
        web_url=_web_url(given),
    )


def _text(value: object, field_name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    raise InvalidConnection(f"The connection's {field_name} must be a string, but is {_kind(value)}")


def _kind(value: object) -> str:
    """Name the kind of a value that may be a secret."""
    return f"a {type(value).__name__}"


def _checked_key(password: object) -> str | None:
    key = _text(password, "password")
    if key.lower() == "bearer" or key.lower().startswith("bearer "):
        key = key[len("bearer") :].strip()
    if not key:
        return None
    if not _VISIBLE_ASCII.fullmatch(key):
        raise InvalidConnection(
            "The connection's password (API key) has white space or other characters in it that no key has."
            " Copy it again from Cal.com (the value is not shown here)"
        )
    return key


def _checked_client(extra: Mapping[str, Any]) -> tuple[str | None, str | None]:
    client_id, client_secret = extra.get("client_id"), extra.get("client_secret")
    if client_id is None and client_secret is None:
        return None, None
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not isinstance(value, str) or not _VISIBLE_ASCII.fullmatch(value):
            raise InvalidConnection(
                f"The connection's extra field {name} is missing or not a string without spaces; a platform client"
                " needs client_id and client_secret"
            )
    return client_id, client_secret


def _checked_version_of_extra(extra: Mapping[str, Any]) -> str | None:
    if "api_version" not in extra:
        return None
    try:
        return checked_api_version(extra["api_version"])
    except InvalidArgument as error:
        raise InvalidConnection(f"The connection's extra field {error.explanation}") from None


def _web_url(extra: Mapping[str, Any]) -> str | None:
    address = extra.get("web_url")
    if address is None:
        return None
    url = address.strip().rstrip("/") if isinstance(address, str) else ""
    url = url if "://" in url else f"https://{url}"
    if not re.fullmatch(r"https?://[A-Za-z0-9._-]+(:\d+)?[A-Za-z0-9._/~-]*", url):
        raise InvalidConnection("The connection's extra field web_url must be an http(s) URL without user or query")
    return url


def _number(extra: Mapping[str, Any], name: str, default: float, *, lowest: float, highest: float) -> float:
    try:
        number = float(extra.get(name, default))
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not lowest <= number <= highest or isinstance(extra.get(name), bool):
        raise InvalidConnection(
            f"The connection's extra field {name} must be a number from {lowest:g} to {highest:g},"
            f" but is {describe(extra.get(name))}"
        )
    return number


def _address(host: object, secrets: Sequence[str | None]) -> str:
    """Return the host field without white space around it, if it can be no key and hides nothing.

    Python's own parser drops line breaks and tabs in silence, so that another host would be called than is seen.
    """
    address = _text(host, "host")
    if isinstance(host, str) and not host.isprintable():
        raise InvalidConnection(
            "The connection's host has a line break or another character in it that can't be seen. Type it anew"
        )
    keys = [secret for secret in secrets if secret and len(secret) >= _SHORTEST_KEY]
    if address.lower().startswith("cal_") or any(key in address for key in keys):
        raise InvalidConnection(
            "The connection's host is an API key. Put it into the password, and leave the host empty"
        )
    return address


def _base_url(address: str, schema: str, port: int | None, extra: Mapping[str, Any]) -> str:
    region = _region(extra)
    if not address:
        if port not in (None, 443):
            raise InvalidConnection(f"The connection has the port {port} and no host; Cal.com itself is at 443")
        return REGIONS[region or "us"]
    scheme, path_of_schema = _scheme_and_path(schema)
    parts = _split(address, scheme)
    name = (parts.hostname or "").lower()
    url_scheme = parts.scheme
    if url_scheme == "http" and not _is_loopback(name) and not _is_true(extra.get("allow_http")):
        raise InvalidConnection(
            f"The connection's host {_shown_host(name)} is to be reached over http://, which shows the API key to the"
            ' network. Use https://, or set "allow_http": true in the extra fields if the network is yours'
        )
    path = _one_path(parts.path.rstrip("/"), path_of_schema)
    netloc = f"[{name}]" if ":" in name else name
    number = _one_port(parts, port)
    if number is not None and number != {"http": 80, "https": 443}[url_scheme]:
        netloc = f"{netloc}:{number}"
    base_url = f"{url_scheme}://{netloc}{path if path.endswith('/v2') else path + '/v2'}"
    if region is not None and base_url in REGIONS.values() and base_url != REGIONS[region]:
        raise InvalidConnection(
            f"The connection's host {name} is not in the region {region} of the extra fields. Leave one of them empty"
        )
    return base_url


def _region(extra: Mapping[str, Any]) -> str | None:
    given = extra.get("region")
    region = given.strip().lower() if isinstance(given, str) else given
    if region is None or (isinstance(region, str) and region in REGIONS):
        return region
    raise InvalidConnection(f"The connection's extra field region must be us or eu, but is {describe(given)}")


def _shown_host(name: str) -> str:
    return name if describe(name) == repr(name) else "(not shown: it may be a key)"


def _scheme_and_path(schema: str) -> tuple[str, str]:
    """Split the field: Airflow has the path of ``calcom://:key@host/api/v2`` there."""
    first, _, rest = schema.strip("/").partition("/")
    scheme = first.lower().rstrip(":")
    if scheme in ("", "http", "https"):
        path = rest.strip("/")
    elif rest or scheme == "v2":
        scheme, path = "", schema.strip("/")
    else:
        raise InvalidConnection(
            f"The connection's schema must be empty, http or https, but is {describe(schema)}. A path belongs into the"
            " host, or must end in /v2"
        )
    if not _PATH.fullmatch(path) or ".." in path:
        raise InvalidConnection(
            f"The connection's schema (the path of its URI) must have letters, digits, . _ ~ - and / only, but is"
            f" {describe(schema)}"
        )
    return scheme, f"/{path}" if path else ""


def _one_path(in_host: str, in_schema: str) -> str:
    if in_host and in_schema and in_host != in_schema:
        raise InvalidConnection(
            "The connection's host has one path and its schema (the path of its URI) another. Keep one of them"
        )
    return in_host or in_schema


def _split(address: str, scheme: str) -> SplitResult:
    if "@" in address:
        raise InvalidConnection(
            "The connection's host has a user or password in it (an @). Put the API key into the password"
        )
    if "://" not in address:
        address = _bracketed(address)
        address = f"{scheme or _scheme_for(address)}://{address}"
    try:
        parts = urlsplit(address)
        labels = (parts.hostname or "").split(".")
        usable = parts.scheme in ("http", "https") and bool(_HOST_AND_PORT.fullmatch(parts.netloc) and parts.hostname)
        # An empty port is a slip such as https:/api.cal.com, which would send the key to a host "https".
        usable = usable and not parts.netloc.endswith(":")
        usable = usable and not any(label.startswith("xn--") or len(label) > 63 for label in labels)
    except ValueError:
        usable = False
    if not usable or not _PATH.fullmatch(parts.path) or ".." in parts.path or parts.query or parts.fragment:
        raise InvalidConnection(
            f"The connection's host must be a host or an http(s) URL without query, for instance api.cal.com or"
            f" https://cal.example.com/api, but is {describe(address)}"
        )
    return parts


def _bracketed(address: str) -> str:
    """Put a bare IPv6 address into the brackets that a URL needs; Airflow takes them off ``calcom://:key@[::1]``."""
    try:
        return f"[{ipaddress.IPv6Address(address)}]"
    except ValueError:
        return address


def _scheme_for(address: str) -> str:
    """Return https, but http for a host of this machine, which is a sandbox."""
    try:
        name = urlsplit(f"//{address}").hostname or ""
    except ValueError:
        name = ""
    return "http" if _is_loopback(name.lower()) else "https"


def _port(port: object) -> int | None:
    """Return the port field; None where it has none, which Airflow's form writes as 0."""
    text = str(port).strip() if isinstance(port, int | str) and not isinstance(port, bool) else None
    if port is None or text in ("", "0"):
        return None
    number = int(text) if text is not None and _DIGITS.fullmatch(text) else 0
    if not 0 < number < 65536:
        raise InvalidConnection(f"The connection's port must be from 1 to 65535, but is {describe(port)}")
    return number


def _one_port(parts: SplitResult, apart: int | None) -> int | None:
    try:
        in_host = parts.port
    except ValueError:
        raise InvalidConnection("The port in the connection's host is not a number from 1 to 65535") from None
    if in_host and apart and in_host != apart:
        raise InvalidConnection(f"The connection's port is {apart}, but its host says {in_host}. Keep one of them")
    return in_host or apart


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_true(value: object) -> bool:
    """Parse a checkbox of the form, which Airflow 2 sends as ``y`` when a connection is tested before it is saved."""
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "y", "yes", "on", "1"))
