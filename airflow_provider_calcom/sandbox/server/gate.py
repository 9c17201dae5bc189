"""Reject requests from web pages: a page in the user's browser can call any server on localhost.

The real server accepts any page that has a key. The sandbox's keys are public, and its admin routes need none.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from airflow_provider_calcom.sandbox.responses import ApiResponse

ADMIN = "/_sandbox/"


def rejection(
    method: str, path: str, headers: Mapping[str, str], content: bytes, hosts: frozenset[str]
) -> ApiResponse | None:
    """Return the response to a request that may come from a web page; None for a request that may pass.

    Rejected are: a Host other than an IP address, localhost or one of `hosts`, because DNS rebinding points a page's
    own name here; another Origin; a Sec-Fetch-Site of another site; and, on the admin routes, a body other than JSON,
    which a page may send without a preflight request.

    :param headers: names in lower case.
    :param hosts: further host names of this server, in lower case.
    """
    host = headers.get("host", "")  # browsers always send a Host
    if "host" in headers and not _is_own(host, hosts):
        text = f"Host {host!r} is not this sandbox: use its IP address or localhost, or start it with --allow-host"
        return ApiResponse({"message": text}, 403)
    origin = headers.get("origin")
    if method == "OPTIONS":
        return ApiResponse("", 204, text=True)  # without the headers that would allow the page's request
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        return ApiResponse({"message": f"Origin {origin!r} is a web page: web pages may not call the sandbox"}, 403)
    if headers.get("sec-fetch-site", "none").lower() not in ("none", "same-origin"):
        return ApiResponse({"message": "Sec-Fetch-Site is another site: web pages may not call the sandbox"}, 403)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if path.startswith(ADMIN) and (content or kind) and kind != "application/json":
        return ApiResponse({"message": f"Content-Type {kind!r} is not application/json"}, 415)
    return None


@lru_cache(256)
def _is_own(host: str, hosts: frozenset[str]) -> bool:
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if colon and port and not (port.isascii() and port.isdigit()):
        return False
    name = (name if colon else host).removesuffix(".").lower()
    if name in ("localhost", *hosts) or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
