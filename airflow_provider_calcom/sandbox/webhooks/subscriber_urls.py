"""URLs that a self-hosted server accepts for webhooks: private addresses, but no metadata service of a cloud."""

import ipaddress
import re
import socket
from urllib.parse import unquote

_SPECIAL = ("http", "https", "ftp", "ws", "wss")
_FORBIDDEN = re.compile(r"[\x00-\x20\"#%<>@\[\\\]^`{|}\x7f]")
_METADATA = ("169.254.169.254", "169.254.169.253", "metadata.google.internal", "metadata.google.com")


def url_problem(url: str) -> str:
    """Return why a URL is rejected; empty for an accepted one."""
    if url.startswith("data:"):
        return "" if url.startswith("data:image/") else "Non-image data URL"
    if re.match(r"/api/avatar/.+\.png$", url):
        return ""
    parts = _split(url)
    if parts is None:
        return "Invalid URL format"
    scheme, host = parts
    if host in _METADATA:
        return "Blocked hostname"
    return "" if scheme in ("http", "https") else "Only HTTP and HTTPS protocols are allowed"


def _split(url: str) -> tuple[str, str] | None:
    """Return scheme and host as a browser's URL parser reads them; None for an invalid URL."""
    text = re.sub(r"[\t\r\n]", "", url.strip("".join(map(chr, range(0x21)))))
    match = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*):(.*)", text, re.S)
    if match is None:
        return None
    scheme, rest = match[1].lower(), match[2]
    if scheme not in _SPECIAL:
        return scheme, ""
    authority = re.match(r"[/\\]*([^/\\?#]*)", rest)[1].rpartition("@")[2]  # type: ignore[index]
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::(\d*))?", authority)
    if found is None or int(found[2] or 0) > 65535:
        return None
    host = _host(found[1])
    return (scheme, host) if host else None


def _host(text: str) -> str:
    """Return a host in its normal form, empty for an invalid one; a number in any notation is an IP address."""
    if text.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        except ValueError:
            return ""
    host = unquote(text).lower()
    if _FORBIDDEN.search(host):
        return ""
    if re.fullmatch(r"(0x[0-9a-f]*|\d+)", host.rstrip(".").rpartition(".")[2]):
        try:
            return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
        except OSError:
            return ""
    return host.removesuffix(".")
